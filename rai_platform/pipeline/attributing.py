"""What moves the score in production: SHAP values of some logged rows of each window, by the method of the released explanation."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from rai_platform.data.sample import FEATURE
from rai_platform.errors import RaiError, UnsuitableData, in_a_line
from rai_platform.explanations.report import EXPLANATION_BACKGROUND, Explanations, Method
from rai_platform.home import Home
from rai_platform.monitoring.attributions import Attributed, released_attributions
from rai_platform.release.records import Production
from rai_platform.serving.served import recorded_candidate

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from rai_platform.explanations.row_explainer import RowExplainer
    from rai_platform.training.manifest import Manifest
    from rai_platform.training.model import TrainedModel

MOST_ROWS = 500  # explained of a window
LEAST_ROWS = 10  # explained of a window; trees so large that fewer are possible are not explained
SECONDS = 4.0  # that explaining a window takes, about, and twice that on a busy machine; of larger trees fewer rows
EXPLAINED = TypeAdapter(Explanations)
KNOWN = TypeAdapter(dict[str, Attributed])


@dataclass(slots=True)
class WindowExplainer:
    """Explains windows; what was explained before is read from a file, since the same rows give the same values.

    Attributes:
        home: the platform's storage.
        production: the model in production.
        observed: what was predicted, as ``serving.observed.read_observed`` gives it.
        usual: the attributions of the released explanation.
        method: that it was explained by.
        known: what was explained so far, by a digest of the window's name and rows.
        is_changed: whether there is more in it than in the file.
    """

    home: Home
    production: Production
    observed: "pd.DataFrame"
    usual: Attributed
    method: Method
    known: dict[str, Attributed]
    is_changed: bool = False
    _asked: "_Asked | None" = field(default=None)

    def __call__(self, name: str, rows: "pl.Series") -> Attributed | str:
        """What moves the score in the rows of a window, or why nobody can tell."""
        places = rows.to_numpy()
        key = _digest(name, self.observed["id"].iloc[places])
        if key not in self.known:
            try:
                self.known[key] = self._explained(name, places)
            except Exception as error:  # a library may refuse rows in any way, and monitoring goes on without this part
                why = str(error) if isinstance(error, RaiError) else in_a_line(error)
                return f"what moves the score in this window is not known: {why}"
            self.is_changed = True
        return self.known[key]

    def keep(self) -> None:
        """Writes what was explained, so that the next look need not; where that fails it has to."""
        if not self.is_changed:
            return
        file = _file(self.home, self.production)
        partial = file.with_name(f".{file.name}.partial")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(KNOWN.dump_json(self.known))
            partial.replace(file)
        except OSError:
            return

    def _explained(self, name: str, places: "np.ndarray[Any, Any]") -> Attributed:
        if self._asked is None:
            self._asked = _Asked(self.home, self.production, self.method)
        asked = self._asked
        if asked.rows < LEAST_ROWS:
            raise UnsuitableData(
                f"the trees of the model are so large that {SECONDS:g} seconds explain {asked.rows} rows, and {LEAST_ROWS} are needed",
                where=self.production.model,
            )
        drawn = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))
        chosen = np.sort(drawn.choice(places, min(len(places), asked.rows), replace=False))
        features = logged_features(self.observed.iloc[chosen], asked.model.manifest)
        found = asked.explainer.explain(features)
        return Attributed.of(found.features, found.values)


class _Asked:
    """The model, loaded where a window is to be explained and not before."""

    def __init__(self, home: Home, production: Production, method: Method) -> None:
        from rai_platform.training.loading import load_model

        self.model: TrainedModel = load_model(recorded_candidate(home, production), home.store)
        self._home, self._production, self._method = home, production, method

    @cached_property
    def explainer(self) -> "RowExplainer":
        """Explains rows as the report does, against the rows that stand for everybody; trees remember theirs from training."""
        from rai_platform.explanations.row_explainer import RowExplainer, background_from_bytes

        digest = self._production.body["evidence"].get(EXPLANATION_BACKGROUND)
        background = None if digest is None else background_from_bytes(self._home.store.get(digest))
        return RowExplainer(self.model, background)

    @cached_property
    def rows(self) -> int:
        """How many rows of a window may be explained."""
        from rai_platform.explanations.attributions import quick_rows

        return quick_rows(self.model, self._method, most=MOST_ROWS, seconds=SECONDS)


def window_explainer(home: Home, production: Production, observed: "pd.DataFrame") -> WindowExplainer | str:
    """What explains the windows of a model in production, or why it cannot be watched what moves its score.

    Raises:
        EvidenceMissing: its explanation is not in the store.
        TamperedArtifact: its explanation was changed.
    """
    evidence: Mapping[str, str] = production.body.get("evidence", {})
    if "shap_explanations" not in evidence:
        return "the model was released without an explanation"
    digest = evidence["shap_explanations"]
    try:
        report = EXPLAINED.validate_json(home.store.get(digest))
    except ValidationError:
        return "the released explanation is not one that this version of the platform can read"
    if report.not_possible is not None or report.method is None or not report.rows:
        return f"the released model is not explained: {report.not_possible or 'it has no rows'}"
    if report.modality != "table":
        return "the parts of texts and images are other ones in each, and cannot be compared"
    if report.method not in ("tree", "linear"):
        return "there is no fast explainer for this model: only trees and linear models have one"
    if report.method == "linear" and EXPLANATION_BACKGROUND not in evidence:
        return "the rows that its explanation rests on were not kept: judge and promote it again"
    if not any(str(name).startswith(FEATURE) for name in observed):
        return "features are not in the log"
    return WindowExplainer(
        home=home,
        production=production,
        observed=observed,
        usual=released_attributions(report),
        method=report.method,
        known=_known(_file(home, production)),
    )


def logged_features(observed: "pd.DataFrame", manifest: "Manifest") -> "pd.DataFrame":
    """The features of logged predictions as the model saw them (rows, features); missing where the log has none."""
    import pandas as pd

    return pd.DataFrame(
        {
            each.name: _typed(observed.get(f"{FEATURE}{each.name}"), len(observed), number=each.kind == "number")
            for each in manifest.features
        }
    )


def _typed(column: "pd.Series[Any] | None", n: int, *, number: bool) -> "np.ndarray[Any, Any]":
    import pandas as pd

    values = np.full(n, None, dtype=object) if column is None else column.to_numpy(object, copy=True)
    values[pd.isna(values)] = np.nan if number else None
    return values.astype("float64") if number else values


def _file(home: Home, production: Production) -> Path:
    digest: str = production.body.get("evidence", {})["shap_explanations"]
    return home.settings.home / "attributions" / f"{production.model_digest[:16]}-{digest[:16]}.json"


def _known(file: Path) -> dict[str, Attributed]:
    try:
        return KNOWN.validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return {}  # it is made again


def _digest(name: str, identities: "pd.Series[Any]") -> str:
    return hashlib.sha256(json.dumps([name, MOST_ROWS, *identities.tolist()]).encode()).hexdigest()
