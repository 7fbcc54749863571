"""Legitimate factors travel with the sample, whether or not the model sees them."""

import pandas as pd
import pytest
from pydantic import ValidationError

from rai_platform.data.preparation import prepare_data
from rai_platform.data.sample import Sample
from rai_platform.errors import UnknownColumn
from rai_platform.spec.model import ModelSpec
from rai_platform_tests.world import lending_attributes


def spec(tmp_path, *factors):
    rows = range(40)
    table = pd.DataFrame(
        {
            "sex": ["f" if at % 2 else "m" for at in rows],
            "level": [at % 3 for at in rows],
            "pay": [at * 1.5 for at in rows],
            "hired": [at % 5 > 1 for at in rows],
        }
    )
    table.to_csv(tmp_path / "people.csv", index=False)
    data = {"source": str(tmp_path / "people.csv"), "target": "hired", "positive_label": True, "exclude": ["level"]}
    changes = {
        "data": data,
        "sensitive_features": [{"name": "sex"}],
        "intersections": [],
        "legitimate_factors": factors,
    }
    return ModelSpec.model_validate({**lending_attributes(), **changes})


def test_a_factor_that_the_model_does_not_see_is_in_the_sample_and_read_back(tmp_path):
    test = prepare_data(spec(tmp_path, "level")).test
    assert "level" not in test.features
    assert list(test.factors) == ["level"]
    again = Sample.from_bytes(test.to_bytes())
    pd.testing.assert_frame_equal(again.factors, test.factors)
    assert again.digest == test.digest != prepare_data(spec(tmp_path)).test.digest
    assert Sample.from_bytes(prepare_data(spec(tmp_path)).test.to_bytes()).factors is None


def test_a_mistyped_factor_is_found_out_before_training(tmp_path):
    with pytest.raises(UnknownColumn, match=r"legitimate_factors.*did you mean 'level'"):
        prepare_data(spec(tmp_path, "levle"))


@pytest.mark.parametrize("factors", [("sex",), ("hired",), ("level", "level")])
def test_what_cannot_explain_a_difference_is_refused(tmp_path, factors):
    with pytest.raises(ValidationError, match="legitimate_factors"):
        spec(tmp_path, *factors)
