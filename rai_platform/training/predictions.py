"""Scores and decisions on the test data: computed once, kept, and the same for every report."""

import hashlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rai_platform.spec.subject import Subject

CHANCE = "chance_"

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What one model said about every row of one set of data.

    Attributes:
        subject: the model and the data.
        row_key: the rows' positions in their source (rows,), as in the sample.
        y_score: score of the positive label (rows,); None where only decisions are known.
        y_pred: 1 for the rows that were selected (rows,).
        score_is_probability: whether scores are meant as chances of the positive label.
        y_proba: the chance of every class (rows, classes), where there are several; ``y_pred`` is then the number of one.
    """

    subject: Subject
    row_key: "npt.NDArray[np.int64]"
    y_score: "npt.NDArray[np.float64] | None"
    y_pred: "npt.NDArray[np.int8]"
    score_is_probability: bool
    y_proba: "npt.NDArray[np.float64] | None" = None

    @property
    def digest(self) -> str:
        """SHA-256 of keys, scores and decisions."""
        digest = hashlib.sha256()
        for values in (self.row_key, self.y_score, self.y_pred):
            digest.update(b"\0none" if values is None else values.tobytes())
        if self.y_proba is not None:
            digest.update(self.y_proba.tobytes())
        return digest.hexdigest()

    def to_bytes(self) -> bytes:
        """The predictions as Parquet, readable by anything."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {"row_key": self.row_key, "y_pred": self.y_pred}
        if self.y_score is not None:
            columns["y_score"] = self.y_score
        if self.y_proba is not None:
            columns |= {f"{CHANCE}{place}": chances for place, chances in enumerate(self.y_proba.T)}
        about = {
            "model_digest": self.subject.model_digest,
            "data_digest": self.subject.data_digest,
            "score_is_probability": self.score_is_probability,
        }
        buffer = io.BytesIO()
        table = pa.table(columns).replace_schema_metadata({b"rai_predictions": json.dumps(about).encode()})
        pq.write_table(table, buffer, compression="zstd")
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The predictions that ``to_bytes`` wrote."""
        import pyarrow.parquet as pq

        table = pq.read_table(io.BytesIO(content))
        about = json.loads(table.schema.metadata[b"rai_predictions"])
        return cls(
            subject=Subject(model_digest=about["model_digest"], data_digest=about["data_digest"]),
            row_key=table["row_key"].to_numpy(),
            y_pred=table["y_pred"].to_numpy(),
            y_score=table["y_score"].to_numpy() if "y_score" in table.column_names else None,
            score_is_probability=about["score_is_probability"],
            y_proba=_chances(table),
        )


def _chances(table: "pa.Table") -> "npt.NDArray[np.float64] | None":
    """The chances of the classes (rows, classes); None where there are none."""
    import numpy as np

    names = [name for name in table.column_names if name.startswith(CHANCE)]
    return np.column_stack([table[name].to_numpy() for name in names]) if names else None
