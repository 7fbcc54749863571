"""What an incident does to the rows of a drill."""

import numpy as np
import pandas as pd

from rai_platform.drills.incidents import Rows, taken_within


def test_numbers_beyond_what_a_service_takes_become_the_nearest_that_it_takes() -> None:
    features = pd.DataFrame({"age": [3, 40, 99], "income": [np.nan, 2.75, -1.0], "town": ["Oslo", None, "Rome"]})
    rows = Rows(features=features, groups=pd.DataFrame(index=features.index), outcome=np.array([0, 1, 0]))
    taken = taken_within(rows, {"age": (16.1, 74.9), "income": (-0.5, 2.5)})
    assert taken.features["age"].tolist() == [17, 40, 74]
    assert taken.features["age"].dtype == "int64"
    assert taken.features["income"].tolist()[1:] == [2.5, -0.5]
    assert np.isnan(taken.features["income"].iloc[0])
    assert taken.features["town"].tolist() == ["Oslo", None, "Rome"]
    assert taken.outcome.tolist() == [0, 1, 0]
