"""A model that is asked about changed people: in large batches, and every question counted."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.robustness.feasible_set import FeasibleSet, Floats, Indices, Mask
from rai_platform.training.model import TrainedModel

BATCH = 50_000  # rows of one call of the model
SURE = 1e-12  # a chance nearer to 0 or 1 is told from it by nobody
DIGITS = 9  # of a margin: how a matrix is cut into batches changes what lies behind


@dataclass(slots=True, kw_only=True)
class Oracle:
    """What an attack may know of a model: its scores and decisions about people it makes up, up to a limit for each person.

    Attributes:
        model: the model.
        feasible: the people, and what they could change.
        sensitive_features: their groups, which do not change (rows, sensitive features).
        decided: the decisions about them as they are (rows,).
        keys: their rows in the source, by which draws differ (rows,).
        limit: questions about one person.
        batch: rows of one call of the model.
        asked: questions so far (rows,).
        moved: whether any change of a person moved their margin (rows,).
    """

    model: TrainedModel
    feasible: FeasibleSet
    sensitive_features: pd.DataFrame
    decided: npt.NDArray[np.int8]
    keys: npt.NDArray[np.int64]
    limit: int
    batch: int = BATCH
    asked: npt.NDArray[np.int64] = field(init=False)
    moved: Mask = field(init=False)
    start: Floats = field(init=False)

    def __post_init__(self) -> None:
        rows = np.arange(len(self.decided))
        self.asked = np.zeros(len(rows), dtype="int64")
        self.moved = np.zeros(len(rows), dtype=bool)
        self.start = self._answers(rows, self.feasible.origin)[0]

    def ask(self, rows: Indices, points: Floats) -> tuple[Floats, Mask]:
        """How firmly the people of some rows are decided about at points (points,), and whether otherwise than as they are.

        The margin is above 0 where the decision stands and falls on the way to another one: the log odds of a chance, the
        score itself where it is none, from the threshold on.
        """
        np.add.at(self.asked, rows, 1)
        margins, flipped = self._answers(rows, points)
        self.moved[rows[(margins != self.start[rows]) | flipped]] = True
        return margins, flipped

    def charge(self, rows: Indices, questions: int) -> None:
        """Counts questions about people (rows,) that an attack put to the network itself."""
        self.asked[rows] += questions

    def left(self, rows: Indices) -> npt.NDArray[np.int64]:
        """How many questions are left about people (rows,)."""
        return self.limit - self.asked[rows]

    def apart(self, rows: Indices, *, limit: int) -> "Oracle":
        """The people of some rows (rows,), one of them as often as there, to be asked about as if they were different people."""
        return Oracle(
            model=self.model,
            feasible=self.feasible.of(rows),
            sensitive_features=self.sensitive_features.iloc[rows].reset_index(drop=True),
            decided=self.decided[rows],
            keys=self.keys[rows],
            limit=limit,
            batch=self.batch,
        )

    def count(self, rows: Indices, apart: "Oracle") -> None:
        """Adds the questions that were asked about people apart (rows,)."""
        np.add.at(self.asked, rows, apart.asked)
        self.moved[rows[apart.moved]] = True

    def _answers(self, rows: Indices, points: Floats) -> tuple[Floats, Mask]:
        margins, flipped = np.empty(len(rows)), np.zeros(len(rows), dtype=bool)
        for start in range(0, len(rows), self.batch):
            part = slice(start, start + self.batch)
            table = self.feasible.table(rows[part], points[part])
            groups = self.sensitive_features.iloc[rows[part]].reset_index(drop=True)
            scores, decisions = self.model.score_and_decide(table, groups)
            side = np.where(self.decided[rows[part]] == 1, 1.0, -1.0)
            margins[part] = np.round(side * self._margin(scores), DIGITS)
            flipped[part] = decisions != self.decided[rows[part]]
        return margins, flipped

    def _margin(self, scores: Floats) -> Floats:
        if not self.model.manifest.score_is_probability:
            return scores - (self.model.manifest.threshold or 0.0)
        return _log_odds(scores) - _log_odds(np.array(self.model.manifest.threshold or 0.5))


def _log_odds(chance: Floats) -> Floats:
    clipped = np.clip(chance, SURE, 1 - SURE)
    odds: Floats = np.log(clipped) - np.log1p(-clipped)
    return odds
