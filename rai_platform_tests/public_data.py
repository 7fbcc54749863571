"""Public data to hold the platform against, read in place."""

from pathlib import Path

import numpy as np
import pandas as pd

ADULT_COLUMNS = (
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship"),
    *("race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income"),
)
GERMAN_COLUMNS = (
    *("status", "duration", "history", "purpose", "amount", "savings", "employment", "rate", "personal_status"),
    *("debtors", "residence", "property", "age", "other_plans", "housing", "credits", "job", "dependents"),
    *("telephone", "foreign", "risk"),
)


def read_compas(folder: Path) -> pd.DataFrame:
    """The two-year file of ProPublica's study."""
    return pd.read_csv(folder / "compas/compas-scores-two-years.deidentified.csv.gz")


def read_adult(folder: Path) -> pd.DataFrame:
    """All 48,842 rows, the test file first: the order in which OpenML has them."""
    training, test = (
        pd.read_csv(folder / "adult" / name, names=ADULT_COLUMNS, skiprows=skip, skipinitialspace=True, na_values="?")
        for name, skip in (("adult.data.gz", 0), ("adult.test.gz", 1))
    )
    whole = pd.concat([test, training], ignore_index=True)
    return whole.assign(rich=whole["income"].str.startswith(">50K").astype("int8"))


def read_german(folder: Path) -> pd.DataFrame:
    """German Credit, with the sex that its personal status tells."""
    table = pd.read_csv(folder / "german_credit/german.data", names=GERMAN_COLUMNS)
    female = table["personal_status"].isin(["A92", "A95"])
    return table.assign(good=(table["risk"] == 1).astype("int8"), sex=np.where(female, "female", "male"))
