"""Rows about people, typed and digested: what a model learns from or is judged on."""

import dataclasses
import hashlib
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from rai_platform.errors import UnsuitableData

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

FEATURE, SENSITIVE, FACTOR = "feature:", "sensitive:", "factor:"
MISSING_GROUP = "(missing)"
LEADING_NUMBER = re.compile(r"(under )?(-?\d+(?:\.\d+)?(?:e[-+]\d+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows with their outcome, the groups they belong to, and where they came from.

    Attributes:
        features: what the model sees (rows, features); numbers as int64 or float64, categories as text or None, texts, and
            images as ``data.images`` packs them.
        y_true: 1 where the row has the positive label, else 0; among several classes the place of its label (rows,).
        sensitive_features: the group of every row by declared sensitive feature, as text (rows, sensitive features);
            rows without a value are in the group ``(missing)``.
        weight: sampling weight (rows,), or None where all rows count the same.
        row_key: the row's position in its source (rows,).
        record: hash of the whole source row (rows,), to find the same person twice.
        source: the source in words.
        fingerprint: changes when the source changes.
        cluster: a number for the patient or household that the row is of (rows,); None where rows are independent.
        factors: the declared legitimate factors (rows, factors), in the types of features; None where none is declared.
        free: the features that are read as a whole, a text or an image.
        classes: the labels in the order of their numbers, where there are several; empty where a row is positive or not.
        positive: the number of the label that is selected; None where none of several classes is.
        negative_label: how the data write the other of two labels; None among several classes.
    """

    features: "pd.DataFrame"
    y_true: "npt.NDArray[np.int8]"
    sensitive_features: "pd.DataFrame"
    weight: "npt.NDArray[np.float64] | None"
    row_key: "npt.NDArray[np.int64]"
    record: "npt.NDArray[np.uint64]"
    source: str
    fingerprint: str
    cluster: "npt.NDArray[np.int64] | None" = None
    factors: "pd.DataFrame | None" = None
    free: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    positive: int | None = 1
    negative_label: str | None = None

    @property
    def tabular(self) -> "pd.DataFrame":
        """The features that are numbers and categories (rows, features)."""
        return self.features.drop(columns=list(self.free))

    @property
    def set_apart(self) -> int:
        """The number of the label that is set against the rest: the one that is selected, or the commonest where none is."""
        import numpy as np

        return int(np.bincount(self.y_true).argmax()) if self.positive is None else self.positive

    def one_against_rest(self) -> Self:
        """The sample with two labels: the one that is selected, or the commonest where none is, and all others together."""
        if not self.classes:
            return self
        one = self.set_apart
        return dataclasses.replace(self, y_true=(self.y_true == one).astype("int8"), classes=(), positive=1)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y_true)

    @property
    def digest(self) -> str:
        """SHA-256 of the content: column names, types and values, row by row; independent of the file format."""
        digest = hashlib.sha256()
        frame = self._frame()
        for column in frame.columns:
            if column != "record":
                _feed(digest, column, frame[column])
        if self.classes:
            digest.update(json.dumps([self.classes, self.positive]).encode())
        return digest.hexdigest()

    def take(self, rows: "npt.NDArray[np.int64]") -> Self:
        """The rows at the given positions, in that order."""
        return dataclasses.replace(
            self,
            features=self.features.iloc[rows].reset_index(drop=True),
            y_true=self.y_true[rows],
            sensitive_features=self.sensitive_features.iloc[rows].reset_index(drop=True),
            weight=None if self.weight is None else self.weight[rows],
            row_key=self.row_key[rows],
            record=self.record[rows],
            cluster=None if self.cluster is None else self.cluster[rows],
            factors=None if self.factors is None else self.factors.iloc[rows].reset_index(drop=True),
        )

    def groups(self, feature: str) -> "pd.Series[str]":
        """The group of every row by a sensitive feature, or by an intersection such as ``sex_x_race`` (rows,)."""
        if feature in self.sensitive_features.columns:
            return self.sensitive_features[feature]
        return crossed(self.sensitive_features, feature)

    def to_bytes(self) -> bytes:
        """The sample as Parquet."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(self._frame(), preserve_index=False)
        told: dict[str, object] = {"source": self.source, "fingerprint": self.fingerprint}
        told |= {"free": self.free} if self.free else {}
        told |= {"classes": self.classes, "positive": self.positive} if self.classes else {}
        told |= {"negative_label": self.negative_label} if self.negative_label is not None else {}
        about = json.dumps(told)
        buffer = io.BytesIO()
        pq.write_table(table.replace_schema_metadata({b"rai_sample": about.encode()}), buffer, compression="zstd")
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The sample that ``to_bytes`` wrote."""
        import pandas as pd
        import pyarrow.parquet as pq

        table = pq.read_table(io.BytesIO(content))
        about = json.loads(table.schema.metadata[b"rai_sample"])
        about |= {name: tuple(about[name]) for name in ("free", "classes") if name in about}
        frame = table.to_pandas()
        named = {
            prefix: [column for column in frame.columns if column.startswith(prefix)]
            for prefix in (FEATURE, SENSITIVE, FACTOR)
        }
        parts = {
            prefix: frame[columns].rename(columns=lambda name, prefix=prefix: name.removeprefix(prefix))
            for prefix, columns in named.items()
        }
        weight = frame["weight"].to_numpy("float64") if "weight" in frame else None
        cluster = frame["cluster"].to_numpy("int64") if "cluster" in frame else None
        return cls(
            cluster=cluster,
            features=parts[FEATURE],
            sensitive_features=pd.DataFrame(parts[SENSITIVE]),
            weight=weight,
            factors=pd.DataFrame(parts[FACTOR]) if named[FACTOR] else None,
            y_true=frame["y_true"].to_numpy("int8"),
            row_key=frame["row_key"].to_numpy("int64"),
            record=frame["record"].to_numpy("uint64"),
            **about,
        )

    def _frame(self) -> "pd.DataFrame":
        import pandas as pd

        columns: dict[str, object] = {"row_key": self.row_key, "record": self.record, "y_true": self.y_true}
        if self.weight is not None:
            columns["weight"] = self.weight
        if self.cluster is not None:
            columns["cluster"] = self.cluster
        columns |= {f"{SENSITIVE}{name}": self.sensitive_features[name].to_numpy() for name in self.sensitive_features}
        if self.factors is not None:
            columns |= {f"{FACTOR}{name}": self.factors[name].to_numpy() for name in self.factors}
        columns |= {f"{FEATURE}{name}": self.features[name].to_numpy() for name in self.features}
        return pd.DataFrame(columns)


def crossed(sensitive_features: "pd.DataFrame", intersection: str) -> "pd.Series[str]":
    """The group of every row by an intersection such as ``sex_x_race`` (rows,); raises as ``joined`` does."""
    from rai_platform.spec.data import INTERSECTION

    return joined(sensitive_features[intersection.split(INTERSECTION)])


def joined(groups: "pd.DataFrame") -> "pd.Series[str]":
    """One group per row over every column, ``female & Black`` (rows,).

    Raises:
        UnsuitableData: people of different groups would be counted as one, because the names read alike once joined.
    """
    names = groups.iloc[:, 0]
    for column in groups.columns[1:]:
        names = names + " & " + groups[column]
    distinct = ~groups.duplicated()
    if (alike := names[distinct][names[distinct].duplicated()]).size:
        raise UnsuitableData(
            f"two different groups would both be called {alike.iloc[0]!r}: write the values of "
            f"{' and '.join(str(column) for column in groups)} without '&', with `replace`",
            where="sensitive_features",
        )
    return names


def in_order(groups: Iterable[str]) -> list[str]:
    """The names of groups as a person would list them: ``under 30`` before ``30 to under 50``, ``(missing)`` last."""

    def place(group: str) -> list[tuple[int, float, str]]:
        parts = group.split(" & ")
        numbers = [LEADING_NUMBER.match(part) for part in parts]
        return [
            (2, float(part == MISSING_GROUP), part)
            if part.startswith("(")
            else (0, float(number[2]) - (0.5 if number[1] else 0.0), part)
            if number
            else (1, 0.0, part)
            for part, number in zip(parts, numbers, strict=True)
        ]

    return sorted(set(groups), key=place)


def _feed(digest: "hashlib._Hash", name: str, column: "pd.Series[Any]") -> None:
    """Adds one column: its name and type, then its values in a form that does not depend on how they are stored."""
    import numpy as np
    import pyarrow as pa

    kind = "text" if column.dtype == object else column.dtype.kind
    digest.update(f"{name}\0{kind}\0{len(column)}\0".encode())
    if kind != "text":
        values = column.to_numpy("<f8" if kind == "f" else "<i8")
        if kind == "f":  # one bit pattern for every NaN, one zero
            values = np.where(np.isnan(values), np.nan, values) + 0.0
        digest.update(values.tobytes())
        return
    is_bytes = len(column) > 0 and isinstance(column.iloc[0], bytes)
    text = pa.array(column, type=pa.large_binary() if is_bytes else pa.large_string(), from_pandas=True)
    digest.update(np.asarray(text.is_null()).tobytes())
    filled = text.fill_null(b"" if is_bytes else "")
    lengths = pa.compute.binary_length(filled)
    digest.update(np.asarray(lengths, dtype="<i8").tobytes())
    digest.update(b"".join(filled.to_pylist()) if is_bytes else "".join(filled.to_pylist()).encode())
