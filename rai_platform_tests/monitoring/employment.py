"""Employment in Massachusetts, 2015 to 2018, with the decisions of a model that was trained on 2014."""

from pathlib import Path

import pandas as pd
import polars as pl

from rai_platform.monitoring.windows import Predicted

NUMBERS = ("AGEP",)
PEOPLE = ("SEX", "RAC1P")
CHUNK = 5000


def predicted(table: pl.DataFrame) -> Predicted:
    """The rows as monitoring takes them."""
    return Predicted(
        features=table.select(list(features(table))),
        groups=table.select(PEOPLE),
        score=table["score"],
        decision=table["decision"],
        label=table["label"],
    )


def read_employment(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The reference of 2015, and what came later in the order of time."""
    place = folder / "acs_employment_ma"
    labels = pd.read_parquet(place / "employment_MA_analysis_target.pq")
    later = pd.read_parquet(place / "employment_MA_analysis.pq").merge(labels, on="id", validate="one_to_one")
    return _as_logged(pd.read_parquet(place / "employment_MA_reference.pq")), _as_logged(later)


def features(table: pl.DataFrame) -> dict[str, str]:
    """``number`` or ``category``, by feature."""
    others = ("id", "year", "label", "decision", "score")
    return {name: "number" if name in NUMBERS else "category" for name in table.columns if name not in others}


def _as_logged(table: pd.DataFrame) -> pl.DataFrame:
    named = table.rename(columns={"employed": "label", "prediction": "decision", "predicted_probability": "score"})
    texts = {name: named[name].astype(str) for name in named if isinstance(named[name].dtype, pd.CategoricalDtype)}
    return pl.from_pandas(named.assign(**texts))
