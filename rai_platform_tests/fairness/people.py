"""People made by hand, and what somebody predicted about them."""

import numpy as np
import pandas as pd

from rai_platform.data.sample import Sample
from rai_platform.spec.subject import Subject
from rai_platform.training.predictions import Predictions


def a_sample(y_true, *, weight=None, **sensitive_features):
    """Rows with labels, and with the group of every row by sensitive feature."""
    rows = len(y_true)
    return Sample(
        features=pd.DataFrame({"x": np.arange(rows)}),
        y_true=np.asarray(y_true, dtype="int8"),
        sensitive_features=pd.DataFrame(sensitive_features, index=range(rows), dtype=object),
        weight=weight,
        row_key=np.arange(rows),
        record=np.arange(rows, dtype="uint64"),
        source="made by hand",
        fingerprint="",
    )


def predictions_for(sample, *, y_score=None, y_pred=None, probability=True, about=None):
    """Predictions on a sample; where no decision is given, a score of one half is enough to be selected."""
    decided = y_score >= 0.5 if y_pred is None else y_pred
    return Predictions(
        subject=Subject(model_digest="m" * 64, data_digest=(about or sample).digest),
        row_key=sample.row_key,
        y_score=y_score,
        y_pred=np.asarray(decided, dtype="int8"),
        score_is_probability=probability and y_score is not None,
    )
