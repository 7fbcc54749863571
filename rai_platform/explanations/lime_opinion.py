"""What LIME says of the same rows, where it is installed.

LIME fits a linear model to what the model gives in the neighbourhood of a row (Ribeiro, Singh and Guestrin, "Why should I trust you?":
Explaining the predictions of any classifier, KDD 2016). Its weights are of another kind than Shapley values, so that only the
order of the features is compared.
"""

import importlib.util
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.sample import Sample
from rai_platform.explanations.mixing import Floats, Integers
from rai_platform.explanations.parts import NamedParts
from rai_platform.explanations.texts import WORD, TextParts
from rai_platform.training.manifest import Feature
from rai_platform.training.model import TrainedModel

ROWS = 40
NEIGHBOURS = 300  # that the model is asked about beside each row
NOT_INSTALLED = "LIME is not installed: `pip install 'rai-platform[explanations]'`"


def lime_of_texts(parts: TextParts, named: NamedParts, rng: np.random.Generator) -> tuple[Integers, Floats] | str:
    """LIME's weights of the named words (rows, names) of some texts, with their places (rows,); or why there are none."""
    if not is_installed():
        return NOT_INSTALLED
    from lime.lime_text import LimeTextExplainer

    rows = np.sort(rng.choice(parts.n, min(parts.n, ROWS), replace=False))
    weights = np.zeros((len(rows), len(named.found.features)))
    explainer = LimeTextExplainer(
        split_expression=WORD.findall, feature_selection="none", random_state=int(rng.integers(2**31))
    )
    for at, row in enumerate(rows):
        if not parts.widths[row]:
            continue

        def ask(texts: list[str], row: int = row) -> Floats:
            given = parts.outputs_of(texts, row)
            return np.column_stack([-given, given])

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told = explainer.explain_instance(
                parts.text(row), ask, labels=(1,), num_features=int(parts.widths[row]), num_samples=NEIGHBOURS
            )
        place = dict(zip(parts.words[row], named.of[row], strict=True))
        for word, weight in told.as_list(label=1):
            weights[at, place[word]] += weight
    return rows, weights


def lime_of_rows(model: TrainedModel, rows: Sample, rng: np.random.Generator) -> tuple[Integers, Floats] | str:
    """LIME's weights of the columns (rows, features) of some rows, with their places (rows,); or why there are none."""
    if not is_installed():
        return NOT_INSTALLED
    from lime.lime_tabular import LimeTabularExplainer

    features = model.manifest.features
    if any(feature.kind in ("text", "image") for feature in features):
        return "LIME explains a text or an image alone, not beside columns"
    numbers = [feature.name for feature in features if feature.kind == "number"]
    complete = np.flatnonzero(rows.features[numbers].notna().all(axis=1).to_numpy())
    if len(complete) < ROWS:
        return "LIME knows no missing numbers, and too few rows have none"
    table = _Coded(features, rows.features.iloc[complete])
    chosen = np.sort(rng.choice(len(complete), ROWS, replace=False))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explainer = LimeTabularExplainer(
            table.codes,
            mode="regression",
            feature_names=[feature.name for feature in features],
            categorical_features=table.categories,
            categorical_names=table.names,
            feature_selection="none",
            random_state=int(rng.integers(2**31)),
        )
        weights = np.zeros((ROWS, len(features)))
        for at, row in enumerate(chosen):
            told = explainer.explain_instance(
                table.codes[row],
                lambda codes: model.score(table.decoded(codes)),
                num_features=len(features),
                num_samples=NEIGHBOURS,
            )
            for feature, weight in told.local_exp[1]:
                weights[at, feature] = weight
    return complete[chosen], weights


def is_installed() -> bool:
    """Whether the optional extra is there."""
    return importlib.util.find_spec("lime") is not None


class _Coded:
    """A table as numbers alone: a category is the number of its value."""

    def __init__(self, features: tuple[Feature, ...], frame: pd.DataFrame) -> None:
        self._features = features
        self._values: dict[int, npt.NDArray[Any]] = {}
        columns = []
        for at, feature in enumerate(features):
            column = frame[feature.name]
            if feature.kind == "number":
                columns.append(column.to_numpy("float64"))
                continue
            codes, values = pd.factorize(column, use_na_sentinel=False, sort=False)
            self._values[at] = np.array([None if pd.isna(value) else value for value in values], dtype=object)
            columns.append(codes.astype("float64"))
        self.codes: Floats = np.column_stack(columns)
        self.categories = list(self._values)
        self.names = {at: [str(value) for value in values] for at, values in self._values.items()}

    def decoded(self, codes: Floats) -> pd.DataFrame:
        """The table behind numbers (rows, features)."""
        return pd.DataFrame(
            {
                feature.name: pd.Series(self._values[at][codes[:, at].astype("int64")], dtype=object)
                if at in self._values
                else codes[:, at]
                for at, feature in enumerate(self._features)
            }
        )
