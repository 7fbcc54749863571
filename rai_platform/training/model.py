"""A trained model as it decides: its learned parts and the rule around them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit

from rai_platform.data.images import unpack
from rai_platform.data.sample import joined
from rai_platform.errors import RaiError, UnscorableRows, UnsuitableData, in_a_line
from rai_platform.training.estimators import chances_of_classes, positive_scores
from rai_platform.training.manifest import Feature, GroupThresholds, Manifest, ThresholdStep

PREPROCESSING, REMOVAL, ESTIMATOR = "preprocessing", "removal", "estimator"
LEAST_CHANCE = 1e-12
TIE = 1e-6  # a chance this far from one half tells the decision, also in 32 bits
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A function from a person's features to a score and a decision, the same for the same person every time.

    Attributes:
        manifest: the rule.
        parts: ``preprocessing`` where the platform built it; ``removal``, the matrix and offset by which a correlation
            remover projects its columns; and the estimators, in the order of ``manifest.weights``.
        focus: of several classes the number of the one whose chance is the score; None where a score is not asked for.
    """

    manifest: Manifest
    parts: dict[str, Any]
    focus: int | None = None

    @property
    def estimators(self) -> list[Any]:
        """The learned estimators without what comes before them."""
        return [part for name, part in self.parts.items() if name not in (PREPROCESSING, REMOVAL)]

    def encode(self, features: pd.DataFrame) -> Any:
        """What the model works on: (rows, encoded columns), or the features themselves; raises as ``score`` does.

        A single text is an array of texts (rows,); a single image an array (rows, channels, height, width) from 0 to 1, or
        (rows, pixels) where the estimator knows nothing of images.
        """
        chosen = pd.DataFrame({feature.name: as_learned(features, feature) for feature in self.manifest.features})
        with _refusals_told(self.manifest.estimator):
            if PREPROCESSING in self.parts:
                return self.parts[PREPROCESSING].transform(chosen)
            return as_read(chosen, self.manifest.features, self.estimators[0])

    @property
    def has_gradients(self) -> bool:
        """Whether it is made of torch networks that read what the platform's own preprocessing makes of a table."""
        return PREPROCESSING in self.parts and all(hasattr(each, "network_") for each in self.estimators)

    def seen(self, features: pd.DataFrame) -> Any:
        """What the estimators read (rows, columns); raises as ``score`` does."""
        return self._seen(self.encode(features))

    def score(self, features: pd.DataFrame) -> Scores:
        """The score of the positive label for every row (rows,); a probability where ``score_is_probability``.

        Raises:
            UnscorableRows: the model refuses the rows, or gives one of them no number.
        """
        return self.score_encoded(self.encode(features))

    def probabilities(self, features: pd.DataFrame) -> Scores:
        """The chance of every class (rows, classes): of the negative and the positive label where there are two.

        Raises:
            UnscorableRows: the model refuses the rows, or gives one of them no number.
        """
        return self.probabilities_encoded(self.encode(features))

    def probabilities_encoded(self, inputs: Any) -> Scores:
        """The same of what ``encode`` gives; raises as ``probabilities`` does."""
        if not self.manifest.classes:
            positive = self.score_encoded(inputs)
            return np.column_stack([1 - positive, positive])
        with _refusals_told(self.manifest.estimator):
            chances: Scores = chances_of_classes(self.parts[ESTIMATOR], inputs)
        if columns := self.manifest.class_columns:
            chances = chances[:, list(columns)]
        if not np.isfinite(chances).all() or chances.shape[1] != len(self.manifest.classes):
            raise UnscorableRows(
                f"the model does not give every row a chance of each of {len(self.manifest.classes)} classes",
                where=self.manifest.estimator,
            )
        return chances

    def deciding_chances_encoded(self, inputs: Any) -> Scores:
        """Chances (rows, classes) of what ``encode`` gives, of which the likeliest class is the decision; raises as ``score`` does.

        Of two labels the score is moved so that the threshold lies at one half: along its log odds where it is a probability,
        else along the score itself. An attack that follows them follows the decision that is released.
        """
        manifest = self.manifest
        if manifest.classes:
            return self.probabilities_encoded(inputs)
        score, threshold = self.score_encoded(inputs), 0.5 if manifest.threshold is None else manifest.threshold
        if not manifest.score_is_probability:
            chance = expit(score - threshold)
        elif threshold == 0.5:
            chance = score
        else:
            inside = np.clip([score, np.full_like(score, threshold)], LEAST_CHANCE, 1 - LEAST_CHANCE)
            chance = expit(logit(inside[0]) - logit(inside[1]))
        selected = score >= threshold
        chance = np.where(selected, np.maximum(chance, 0.5 + TIE), np.minimum(chance, 0.5 - TIE))
        return np.column_stack([1 - chance, chance])

    def score_encoded(self, inputs: Any) -> Scores:
        """The score of what ``encode`` gives (rows,); raises as ``score`` does."""
        if self.manifest.classes:
            if self.focus is None:
                raise UnscorableRows(
                    "of several classes each has a chance of its own, and no single score",
                    where=self.manifest.estimator,
                )
            return self.probabilities_encoded(inputs)[:, self.focus]
        with _refusals_told(self.manifest.estimator):
            seen = self._seen(inputs)
            columns = self.manifest.class_columns
            place = columns[1] if columns else 1
            scores = np.array([positive_scores(each, seen, column=place)[0] for each in self.estimators])
        weights = self.manifest.weights or (1.0,)
        mean: Scores = np.asarray(weights) @ scores
        if not np.isfinite(mean).all():
            raise UnscorableRows(
                f"the model gives no number as a score to {int((~np.isfinite(mean)).sum())} of {len(mean)} rows",
                where=self.manifest.estimator,
            )
        return mean

    def decide(
        self,
        features: pd.DataFrame,
        sensitive_features: pd.DataFrame | None = None,
        *,
        drawn: Scores | None = None,
    ) -> npt.NDArray[np.int8]:
        """1 for the rows that the model selects, else 0; of several classes the number of the likeliest (rows,).

        Args:
            features: (rows, features).
            sensitive_features: the groups (rows, sensitive features); needed where ``manifest.group_features`` is not empty.
            drawn: numbers between 0 and 1 (rows,) to draw by, where decisions are drawn; those of the rows, unless given.

        Raises:
            UnscorableRows: as ``score`` does.
        """
        manifest = self.manifest
        if manifest.classes:
            return np.asarray(self.probabilities(features).argmax(axis=1), dtype="int8")
        if self.one_threshold is not None:
            selected = self.score(features) >= self.one_threshold
        else:
            chance = self._chance_of_selection(features, sensitive_features)
            if not manifest.randomized:
                return (chance >= 0.5).astype("int8")
            selected = chance > (draws(features, manifest) if drawn is None else drawn)
        return selected.astype("int8")

    def score_and_decide(
        self, features: pd.DataFrame, sensitive_features: pd.DataFrame | None = None
    ) -> tuple[Scores, npt.NDArray[np.int8]]:
        """What ``score`` and ``decide`` give of two labels, the rows scored once where one threshold decides; raises as they do."""
        if self.one_threshold is not None:
            scores = self.score(features)
            return scores, (scores >= self.one_threshold).astype("int8")
        return self.score(features), self.decide(features, sensitive_features)

    @property
    def one_threshold(self) -> float | None:
        """The threshold of everybody's score; None where decisions come about otherwise."""
        return None if self.manifest.composition == "group_thresholds" else self.manifest.threshold

    def _seen(self, inputs: Any) -> Any:
        """What the estimators see of encoded columns: all of it, or (rows, kept columns) behind a correlation remover."""
        removal = self.parts.get(REMOVAL)
        return inputs if removal is None else np.asarray(inputs) @ removal["matrix"] + removal["offset"]

    def _chance_of_selection(self, features: pd.DataFrame, sensitive_features: pd.DataFrame | None) -> Scores:
        manifest = self.manifest
        if manifest.composition == "group_thresholds":
            groups = joined_groups(sensitive_features, manifest.group_features)
            return interpolated(self.score(features), groups, manifest.thresholds)
        inputs = self.encode(features)
        with _refusals_told(self.manifest.estimator):
            seen = self._seen(inputs)
            votes = np.array([np.asarray(estimator.predict(seen), dtype="float64") for estimator in self.estimators])
        chance: Scores = np.asarray(manifest.weights) @ votes
        return chance


@contextmanager
def _refusals_told(estimator: str) -> Iterator[None]:
    """Tells a refusal of the model's own code as one: an estimator is anybody's code, and may raise anything."""
    try:
        yield
    except (RaiError, MemoryError):
        raise
    except Exception as error:
        raise UnscorableRows(f"the model refuses these rows: {in_a_line(error)}", where=estimator) from error


def joined_groups(sensitive_features: pd.DataFrame | None, names: tuple[str, ...]) -> npt.NDArray[np.object_]:
    """One group per row over several sensitive features, ``female & Black`` (rows,).

    Raises:
        UnsuitableData: a sensitive feature that the model needs was not given, or two groups would bear one name.
    """
    if sensitive_features is None or any(name not in sensitive_features for name in names):
        raise UnsuitableData(
            f"this model needs {' and '.join(names)} to decide: its thresholds differ by group",
            where="sensitive_features",
        )
    groups: npt.NDArray[np.object_] = joined(sensitive_features[list(names)].astype(str)).to_numpy(object)
    return groups


def interpolated(scores: Scores, groups: npt.NDArray[np.object_], thresholds: dict[str, GroupThresholds]) -> Scores:
    """The chance of being selected (rows,) that Fairlearn's ThresholdOptimizer gives each row.

    Source: Hardt, Price and Srebro, Equality of opportunity in supervised learning, 2016, section 4.2.

    Raises:
        UnsuitableData: a group that was not there when the thresholds were found.
    """
    chance = np.zeros(len(scores))
    for group in sorted(set(groups)):
        if group not in thresholds:
            raise UnsuitableData(
                f"no threshold was learned for the group {group!r}; groups in training: {', '.join(sorted(thresholds))}",
                where="mitigation",
            )
        rule, member = thresholds[group], groups == group
        drawn = rule.p0 * _passes(scores[member], rule.rule0) + rule.p1 * _passes(scores[member], rule.rule1)
        chance[member] = rule.p_ignore * rule.prediction_constant + (1 - rule.p_ignore) * drawn
    return chance


def _passes(scores: Scores, step: ThresholdStep) -> Scores:
    passed = scores > step.threshold if step.operator == ">" else scores < step.threshold
    return passed.astype("float64")


def as_learned(features: pd.DataFrame, feature: Feature) -> pd.Series:
    """A column as it was in training: a text that is missing is None, however the table says so."""
    column = features[feature.name]
    if feature.kind in ("number", "image"):
        return column
    texts = column.to_numpy(object, copy=True)
    texts[column.isna().to_numpy()] = None
    return pd.Series(texts, index=column.index, name=column.name, dtype=object)


def as_read(chosen: pd.DataFrame, features: tuple[Feature, ...], estimator: Any) -> Any:
    """What an estimator sees without preprocessing: the table, or a single text or image as ``encode`` describes it."""
    if len(features) != 1 or features[0].kind not in ("text", "image"):
        return chosen
    column = chosen[features[0].name]
    if features[0].kind == "text":
        return column.to_numpy(object)
    pixels = unpack(column, where=features[0].name).transpose(0, 3, 1, 2).astype("float32") / np.float32(255)
    return pixels if getattr(estimator, "reads_images", False) else pixels.reshape(len(pixels), -1)


def draws(features: pd.DataFrame, manifest: Manifest) -> Scores:
    """A number between 0 and 1 for every row (rows,), as good as random, that depends on nothing but the row and the seed."""
    # The seed is hashed as a column of its own: pandas' hash_key has no effect on numbers.
    told: dict[str | None, npt.NDArray[Any]] = {None: np.full(len(features), str(manifest.seed), dtype=object)}
    for feature in manifest.features:
        column = as_learned(features, feature)
        if feature.kind == "number":  # one form for 1 and 1.0, for 0 and -0, and for every NaN
            column = column.astype("float64").where(column.notna(), np.nan) + 0.0
        told[feature.name] = column.to_numpy()
    combined = pd.util.hash_pandas_object(pd.DataFrame(told), index=False, categorize=False)
    hashes = pd.util.hash_array(
        combined.to_numpy("uint64")
    )  # once more: pandas combines columns without mixing the sum
    drawn: Scores = (hashes >> np.uint64(11)).astype("float64") * 2.0**-53
    return drawn
