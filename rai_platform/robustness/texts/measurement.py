"""Accuracy of a text classifier when texts are changed on purpose."""

import importlib.metadata
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.errors import BadInput
from rai_platform.robustness.texts.asking import Predict, ask, decide
from rai_platform.robustness.texts.attacked import Attacked
from rai_platform.robustness.texts.attempt import Job
from rai_platform.robustness.texts.checkpoint import Checkpoint
from rai_platform.robustness.texts.corpus import Corpus
from rai_platform.robustness.texts.credibility import credibility
from rai_platform.robustness.texts.loading import Progress, look_for_nltk_data, silent
from rai_platform.robustness.texts.recipes import DEFAULT, chosen
from rai_platform.robustness.texts.reduction import reduction_of
from rai_platform.robustness.texts.report import NotRun, Reduction, TextRobustness
from rai_platform.robustness.texts.runner import Running, run
from rai_platform.robustness.texts.unlimited import Unlimited, without_limits
from rai_platform.spec.attacks import TextAttacks
from rai_platform.statistics.estimates import Proportion

USUAL = TextAttacks()


def measure_text_robustness(
    predict: Predict,
    texts: Sequence[str],
    labels: npt.NDArray[np.int64],
    *,
    classes: Sequence[str],
    sensitive_features: pd.DataFrame,
    row_key: npt.NDArray[np.int64],
    seed: int,
    recipes: Sequence[str] = DEFAULT,
    examples: int = USUAL.examples,
    query_budget: int = USUAL.queries,
    time_budget: float | None = None,
    model_digest: str | None = None,
    checkpoint: Path | None = None,
    workers: int = 1,
    nltk_data: Sequence[Path] = (),
    cache: Path | None = None,
    progress: Progress = silent,
    clock: Callable[[], float] = time.monotonic,
    weight: npt.NDArray[np.float64] | None = None,
    cluster: npt.NDArray[np.int64] | None = None,
) -> TextRobustness:
    """What becomes of accuracy when recipes of TextAttack change texts, drawn by chance, to be classified wrongly.

    A text counts as withstanding when the model is right about it as it is, and after every recipe. Each recipe has a seed of its
    own for each text: neither the order nor the number of processes changes anything. Where the time ends, the texts drawn
    first count, up to the first that is not done with.

    Args:
        predict: gives the probabilities of texts (texts, classes); asked in this process alone.
        texts: (texts,).
        labels: their classes (texts,), from 0.
        classes: their names.
        sensitive_features: (texts, sensitive features); may have no columns.
        row_key: rows in the source (texts,).
        seed: of which texts are drawn, and of every draw of a recipe.
        recipes: names, as TextAttack's command line has them.
        examples: texts to draw at most.
        query_budget: questions about one text at most, of each recipe.
        time_budget: seconds for all attacks together; None for no limit.
        model_digest: what tells the model from every other; needed with a checkpoint.
        checkpoint: a file that keeps what was done; a run that is interrupted goes on from it, with the same result.
        workers: processes that search; each loads TextAttack for some 20 seconds.
        nltk_data: folders of NLTK's data, beside those it knows.
        cache: a folder to write to where the home folder does not do.
        progress: told what is going on.
        clock: seconds that pass.
        weight: sampling weights (texts,); None where all texts count the same.
        cluster: a number for the person or thread that a text is of (texts,); None where texts are independent.

    Raises:
        BadInput: there is no such recipe, the arguments do not fit each other, or the model gives no probabilities.
    """
    corpus = Corpus.of(
        texts,
        labels,
        classes=classes,
        sensitive_features=sensitive_features,
        row_key=row_key,
        weight=weight,
        cluster=cluster,
    )
    _must_be_positive(examples=examples, query_budget=query_budget, workers=workers)
    if checkpoint is not None and not model_digest:
        raise BadInput(
            "expected the digest of the model, without which nobody knows whose results these are", where="checkpoint"
        )
    started = clock()
    look_for_nltk_data(nltk_data)
    attackers, reducers, not_run = chosen(recipes)
    if not attackers:
        return TextRobustness(not_possible=_none_can_run(recipes, not_run), not_run=not_run)
    drawn = np.random.default_rng([seed, zlib.crc32(b"texts")]).permutation(len(corpus.texts))[:examples]
    sample, count = corpus.take(drawn), len(corpus.classes)
    right = decide(predict, sample.texts, count) == sample.labels
    done = Checkpoint(
        checkpoint,
        {
            "model": model_digest,
            "classes": list(corpus.classes),
            "query_budget": query_budget,
            "textattack": importlib.metadata.version("textattack"),
        },
    )
    running = Running(
        predict=lambda batch: ask(predict, batch, count),
        query_budget=query_budget,
        time_left=lambda: time_budget is None or clock() - started < time_budget,
        nltk_data=tuple(nltk_data),
        cache=cache,
        progress=progress,
    )
    jobs = [
        [Job.of(recipe.name, text, int(label), seed) for recipe in (*attackers, *reducers)] if attacked else []
        for text, label, attacked in zip(sample.texts, sample.labels, right, strict=True)
    ]
    run([each for each in jobs if each], done, running, workers=workers)
    attempts = [[done.get(job) for job in each] for each in jobs]
    finished = next((at for at, each in enumerate(attempts) if None in each), len(attempts))
    if not finished:
        return TextRobustness(
            not_possible=f"the {time_budget:g} seconds were over before one text was done with",
            left_out=len(drawn),
            time_budget=time_budget,
            not_run=not_run,
        )
    completed = [[each for each in found if each] for found in attempts[:finished]]
    shortened = [found[len(attackers) :] for found in completed]
    attacked = Attacked(
        corpus=sample.take(np.arange(finished)),
        recipes=attackers,
        right=right[:finished],
        attempts=[found[: len(attackers)] for found in completed],
        predict=predict,
    )
    reduction = reduction_of(attacked.corpus, shortened, predict) if reducers else None
    unlimited = without_limits(
        predict, attacked.corpus.texts, attacked.corpus.labels, classes=count, vocabulary=corpus.texts
    )
    return _report(
        attacked,
        unlimited,
        left_out=Proportion(successes=len(drawn) - finished, trials=len(drawn), n=len(drawn)),
        query_budget=query_budget,
        time_budget=time_budget,
        not_run=not_run,
        reduction=reduction,
    )


def _report(
    attacked: Attacked,
    unlimited: Unlimited,
    *,
    left_out: Proportion,
    query_budget: int,
    time_budget: float | None,
    not_run: tuple[NotRun, ...],
    reduction: Reduction | None,
) -> TextRobustness:
    stands, right = attacked.stands, attacked.right
    results = tuple(attacked.result(at) for at in range(len(attacked.recipes)))
    people = attacked.corpus.people
    worst, exhausted, unmoved = people.share(stands), attacked.exhausted(), attacked.unmoved()
    return TextRobustness(
        not_possible=None,
        n=len(stands),
        left_out=int(left_out.successes),
        query_budget=query_budget,
        time_budget=time_budget,
        accuracy=people.share(right),
        worst_case=worst,
        drop=people.drop(right, stands),
        success_rate=people.take(right).share(~stands[right]) if right.any() else None,
        recipes=results,
        by_class=attacked.by_class(),
        by_group=attacked.by_group(),
        exhausted=exhausted,
        examples=tuple(attacked.examples()),
        checks=credibility(results, worst, exhausted=exhausted, unmoved=unmoved, left_out=left_out, unlimited=unlimited)
        if exhausted and unmoved
        else (),
        not_run=not_run,
        reduction=reduction,
    )


def _must_be_positive(**counts: int) -> None:
    for where, count in counts.items():
        if count < 1:
            raise BadInput(f"expected 1 or more, got {count}", where=where)


def _none_can_run(asked: Sequence[str], not_run: Sequence[NotRun]) -> str:
    whys = "; ".join(f"{each.recipe}: {each.because}" for each in not_run if each.recipe in asked)
    return f"no recipe that was asked for can run and takes accuracy away ({whys or ', '.join(asked)})"
