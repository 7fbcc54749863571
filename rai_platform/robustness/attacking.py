"""The attacks that fit what a model reads: images, texts, prompts."""

import dataclasses
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rai_platform.data.images import is_packed
from rai_platform.data.sample import Sample
from rai_platform.errors import InvalidSpec, UnscorableRows
from rai_platform.robustness.images.report import ImageRobustness
from rai_platform.robustness.prompts.report import PromptRobustness
from rai_platform.robustness.report import RobustnessScores
from rai_platform.robustness.texts.report import TextRobustness
from rai_platform.spec.attacks import Attacks, ChatTarget
from rai_platform.training.model import TrainedModel

LOG = logging.getLogger(__name__)


def attacked(
    report: RobustnessScores,
    model: TrainedModel,
    sample: Sample,
    asked: Attacks,
    *,
    extra_strengths: Mapping[str, set[float]],
    seed: int,
    checkpoints: Path,
) -> RobustnessScores:
    """The report with what came of attacks on images, texts and prompts; unchanged for a model of tables.

    Args:
        report: of changes of a table.
        model: the trained model.
        sample: the test data.
        asked: what to try.
        extra_strengths: by metric's end (``linf_attack``), distances that a policy limits.
        seed: of every draw.
        checkpoints: a folder that keeps what was done, so that a run that is interrupted goes on.

    Raises:
        BadInput: what is asked for does not fit the data or the model.
    """
    if not sample.free:
        return report
    if is_packed(sample.features[sample.free[0]]):
        return dataclasses.replace(report, images=_on_images(model, sample, asked, extra_strengths, seed))
    texts = None if len(model.manifest.features) > 1 else _on_texts(model, sample, asked, report, seed, checkpoints)
    if texts is None:
        texts = TextRobustness(
            not_possible="the model sees columns of a table beside the text, which no recipe could change"
        )
    return dataclasses.replace(report, texts=texts, prompts=_on_prompts(model, sample, asked, seed))


def class_names(model: TrainedModel, sample: Sample) -> tuple[str, ...]:
    """The names of the classes in the order of ``probabilities``."""
    return sample.classes or (f"not {model.manifest.positive_label}", model.manifest.positive_label)


def _on_images(
    model: TrainedModel, sample: Sample, asked: Attacks, extra: Mapping[str, set[float]], seed: int
) -> ImageRobustness:
    from rai_platform.data.images import unpack
    from rai_platform.robustness.images.measurement import measure_image_robustness
    from rai_platform.robustness.images.opaque import network_of

    pixels = unpack(sample.features[sample.free[0]], where=sample.free[0])
    images = (pixels.transpose(0, 3, 1, 2) / np.float32(255)).astype("float32")
    try:
        return measure_image_robustness(
            network_of(model),
            images,
            sample.y_true.astype("int64"),
            classes=class_names(model, sample),
            sensitive_features=sample.sensitive_features,
            row_key=sample.row_key,
            weight=sample.weight,
            cluster=sample.cluster,
            seed=seed,
            epsilons={
                "linf": sorted({*asked.images.linf, *extra.get("linf_attack", set())}),
                "l2": sorted({*asked.images.l2, *extra.get("l2_attack", set())}),
            },
            budget=asked.images.examples,
            queries=asked.images.queries,
            workers=asked.workers,
            progress=lambda done, of: LOG.info("attacks on images: %d of %d batches", done, of),
        )
    except UnscorableRows as error:
        return ImageRobustness(not_possible=error.message)


def _predicting(model: TrainedModel, sample: Sample) -> Any:
    import pandas as pd

    name = sample.free[0]

    def predict(texts: list[str]) -> npt.NDArray[np.float64]:
        inputs = model.encode(pd.DataFrame({name: pd.Series(list(texts), dtype=object)}))
        return model.deciding_chances_encoded(inputs)

    return predict


def _on_texts(
    model: TrainedModel, sample: Sample, asked: Attacks, report: RobustnessScores, seed: int, checkpoints: Path
) -> TextRobustness:
    from rai_platform.robustness.texts.measurement import measure_text_robustness
    from rai_platform.robustness.texts.recipes import DEFAULT

    checkpoints.mkdir(parents=True, exist_ok=True)
    return measure_text_robustness(
        _predicting(model, sample),
        sample.features[sample.free[0]].tolist(),
        sample.y_true.astype("int64"),
        classes=class_names(model, sample),
        sensitive_features=sample.sensitive_features,
        row_key=sample.row_key,
        weight=sample.weight,
        cluster=sample.cluster,
        seed=seed,
        recipes=DEFAULT if asked.texts.recipes is None else asked.texts.recipes,
        examples=asked.texts.examples,
        query_budget=asked.texts.queries,
        time_budget=asked.texts.seconds,
        model_digest=report.subject.model_digest,
        checkpoint=checkpoints / f"texts-{report.subject.model_digest}.jsonl",
        workers=asked.workers,
        progress=lambda told: LOG.info("attacks on texts: %s", told),
    )


def _on_prompts(model: TrainedModel, sample: Sample, asked: Attacks, seed: int) -> PromptRobustness:
    from rai_platform.robustness.prompts.garak import read_garak

    found = PromptRobustness(imported=() if asked.garak is None else read_garak(Path(asked.garak)))
    if asked.guard is not None:
        from rai_platform.robustness.prompts.guarding import measure_guard
        from rai_platform.robustness.prompts.harmless import harmless_prompts

        guard = measure_guard(
            _predicting(model, sample),
            sample.features[sample.free[0]].tolist(),
            sample.y_true.astype("int64"),
            classes=class_names(model, sample),
            injection=_injection(model),
            row_key=sample.row_key,
            weight=sample.weight,
            cluster=sample.cluster,
            seed=seed,
            examples=asked.guard.examples,
            harmless=harmless_prompts([Path(file) for file in asked.guard.harmless]),
        )
        found = dataclasses.replace(found, guard=guard)
    if asked.endpoint is not None:
        from rai_platform.robustness.prompts.endpoint import INSTRUCTIONS, measure_endpoint

        endpoint = measure_endpoint(
            _endpoint(asked.endpoint),
            seed=seed,
            instructions=asked.endpoint.instructions or INSTRUCTIONS,
            attempts=asked.endpoint.attempts,
            progress=lambda told: LOG.info("attacks on the endpoint: %s", told),
        )
        found = dataclasses.replace(found, endpoint=endpoint)
    return found


def _injection(model: TrainedModel) -> str:
    if not model.manifest.positive_label:
        raise InvalidSpec("a guard needs a positive label, which is that of injections", where="data.positive_label")
    return model.manifest.positive_label


def _endpoint(asked: ChatTarget) -> Any:
    from rai_platform.robustness.prompts.chat import ChatEndpoint

    key = None
    if asked.api_key is not None:
        key = os.environ.get(asked.api_key)
        if not key:
            raise InvalidSpec(
                f"the environment variable {asked.api_key} is not set; it is to hold the endpoint's key",
                where="attacks.endpoint.api_key",
            )
    return ChatEndpoint(url=asked.url, model=asked.model, api_key=key, timeout_seconds=asked.timeout_seconds)
