"""What a model has to do before it counts as a candidate: answer alike when read back, and each person alone."""

import numpy as np
import numpy.typing as npt

from rai_platform.data.sample import Sample
from rai_platform.errors import TamperedArtifact, UnusableEstimator
from rai_platform.training.estimator_code import is_own_code
from rai_platform.training.manifest import Manifest
from rai_platform.training.model import Scores, TrainedModel

COMPARED_ROWS = 10_000
ASKED_AGAIN, ASKED_ALONE = 64, 16
# Sums of many numbers come out a little otherwise in another order, as threads finish, or for one row than for many; where
# distances are computed from squares, or in 32 bits, by up to about 1e-7.
SAME_SCORE = 1e-6
# Neighbours at equal distances are chosen by the last bit of a sum: a few scores then differ by a whole vote. Code of the
# user's own is given no such leave, since it might look at who else is asked.
MOST_TIES = 0.25
Answers = tuple[Scores, npt.NDArray[np.int8]]


def must_predict_the_same(trained: TrainedModel, loaded: TrainedModel, sample: Sample) -> None:
    """Refuses a model that is not the same after it was saved.

    Raises:
        TamperedArtifact: the model read back predicts otherwise than the one that was trained.
    """
    asked = sample.take(np.arange(min(sample.n, COMPARED_ROWS)))
    if _differ(trained.manifest, answers(trained, asked), answers(loaded, asked)).any():
        raise TamperedArtifact(
            "the model read back from its files scores otherwise than the one that was trained; it does not count as saved",
            where=trained.manifest.estimator,
        )


def must_answer_each_person_alone(model: TrainedModel, sample: Sample) -> tuple[str, ...]:
    """Warnings about people whose answer hung on a tie: what was measured on many holds for the one who asks.

    Raises:
        UnusableEstimator: answers depend on who else is asked about.
    """
    together = sample.take(np.arange(min(sample.n, COMPARED_ROWS)))
    asked = np.random.default_rng(0).permutation(together.n)[:ASKED_AGAIN]
    everybody = answers(model, together)
    alone = [answers(model, together.take(asked[place : place + 1])) for place in range(min(ASKED_ALONE, len(asked)))]
    scores, decisions = (np.concatenate(each) for each in zip(*alone, strict=True))
    backwards = answers(model, together.take(asked[::-1]))
    ways: dict[str, Answers] = {
        "alone": (scores, decisions),
        "in another order": (backwards[0][::-1], backwards[1][::-1]),
    }
    warnings = []
    for way, other in ways.items():
        among = everybody[0][asked[: len(other[0])]], everybody[1][asked[: len(other[1])]]
        differ = _differ(model.manifest, among, other)
        if not differ.any():
            continue
        first = int(np.argmax(differ))
        told = (
            f"{int(differ.sum())} of {len(differ)} people asked {way} get another answer than among others, one of them "
            f"the score {_told(other[0][first])} instead of {_told(among[0][first])}"
        )
        if differ.mean() > (0 if is_own_code(model.manifest) else MOST_TIES):
            raise UnusableEstimator(
                f"{told}: an estimator has to decide about a person by that person's features alone",
                where=model.manifest.estimator,
            )
        warnings.append(f"{told}: so few are taken for ties that were broken by the last bit of a sum")
    return tuple(warnings)


def answers(model: TrainedModel, sample: Sample) -> Answers:
    """Scores, or chances of every class (rows, classes), and decisions (rows,)."""
    if model.manifest.classes:
        chances = model.probabilities(sample.features)
        return chances, chances.argmax(axis=1).astype("int8")
    return model.score(sample.features), model.decide(sample.features, sample.sensitive_features)


def _differ(manifest: Manifest, one: Answers, other: Answers) -> npt.NDArray[np.bool_]:
    """Where two answers are not the same (rows,); a decision may turn where the score lies on a threshold."""
    close = np.isclose(one[0], other[0], rtol=SAME_SCORE, atol=SAME_SCORE)
    if manifest.classes:
        highest = np.sort(one[0], axis=1)[:, -2:]
        undecided = np.isclose(highest[:, 0], highest[:, 1], rtol=SAME_SCORE, atol=SAME_SCORE)
        return np.asarray(~close.all(axis=1) | ((one[1] != other[1]) & ~undecided))
    differ: npt.NDArray[np.bool_] = ~close | ((one[1] != other[1]) & ~_on_a_threshold(manifest, one[0]))
    return differ


def _told(score: npt.NDArray[np.float64] | float) -> str:
    """A score, or the highest of the chances of several classes."""
    return f"{float(np.max(score)):.9g}"


def _on_a_threshold(manifest: Manifest, scores: Scores) -> npt.NDArray[np.bool_]:
    steps = [step.threshold for rule in manifest.thresholds.values() for step in (rule.rule0, rule.rule1)]
    thresholds = np.array([*steps, *([] if manifest.threshold is None else [manifest.threshold])])
    near: npt.NDArray[np.bool_] = np.isclose(scores[:, None], thresholds, rtol=SAME_SCORE, atol=SAME_SCORE).any(axis=1)
    return near
