"""Bias before training: representation, labels within strata, missing values and conflicting labels, counted by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from rai_platform.data.pretraining import measure_labels
from rai_platform.data.screening import screen_training_data
from rai_platform.errors import UnknownColumn, UnsuitableData
from rai_platform.spec.data import SensitiveFeature
from rai_platform_tests.data.declared import declare, prepare

# Within each department as many women as men get the label; women apply where few do.
DEPARTMENTS = {"easy": {"f": (8, 10), "m": (72, 90)}, "hard": {"f": (18, 90), "m": (2, 10)}}


def applicants(copies=1):
    rows = [
        {"department": department, "sex": sex, "label": int(at < positive), "points": float(at)}
        for department, of in DEPARTMENTS.items()
        for sex, (positive, people) in of.items()
        for at in range(people)
    ]
    return pd.DataFrame(rows * copies)


@pytest.fixture
def screen(tmp_path):
    """Screens all rows of a table as training data."""

    def screened(table, feature=None, **declared):
        for name in ("training", "test"):
            table.to_parquet(tmp_path / f"{name}.parquet")
        declared |= {"sensitive": [feature or {"name": "sex"}], "split": {"test": str(tmp_path / "test.parquet")}}
        spec, prepared = (step(tmp_path / "training.parquet", **declared) for step in (declare, prepare))
        return screen_training_data(prepared, spec)

    return screened


def by_group(report, feature="sex"):
    return {each.group: each for each in report.against_others[feature]}


def test_groups_are_counted_against_everybody_else(screen):
    women = by_group(screen(applicants()))["f"]
    assert (women.n, women.other_n, women.trials) == (100, 100, 100)
    assert (women.labels.positive, women.labels.negative) == (26, 74)
    assert (women.labels.other_positive, women.labels.other_negative) == (74, 26)
    assert measure_labels(women.labels)["label_rate_gap"] == pytest.approx(0.48)
    assert women.conditional is None
    assert women.expected_share is None


def test_a_difference_that_a_column_accounts_for_vanishes_within_its_values(screen):
    found = by_group(screen(applicants(), {"name": "sex", "conditional_on": "department"}))
    assert found["f"].conditional == pytest.approx(0.0)
    within_noise = by_group(screen(applicants(), {"name": "sex", "conditional_on": "points"}))
    assert abs(within_noise["f"].conditional) > 0.1


def test_a_column_of_many_numbers_is_cut_and_its_missing_values_are_a_part(screen):
    table = applicants().assign(points=lambda frame: np.where(frame.department == "easy", np.nan, 1.0))
    assert by_group(screen(table, {"name": "sex", "conditional_on": "points"}))["f"].conditional == pytest.approx(0.0)


def test_a_group_is_compared_with_its_share_of_the_population(screen):
    table = applicants()
    thin = table[(table.sex == "m") | (np.arange(len(table)) % 4 == 0)]
    report = screen(thin, {"name": "sex", "reference": {"f": 0.5, "m": 0.4, "x": 0.1}})
    found = by_group(report)
    share = (thin.sex == "f").mean()
    assert found["f"].share == pytest.approx(share)
    assert found["f"].expected_share == 0.5
    assert (found["x"].n, found["x"].share) == (0, 0.0), "nobody of this group is there at all"


def test_people_of_unknown_group_are_not_in_the_population(screen):
    table = applicants()
    table.loc[::5, "sex"] = None
    found = by_group(screen(table, {"name": "sex", "reference": {"f": 0.5, "m": 0.5}}))
    assert found["f"].share + found["m"].share == pytest.approx(1.0)
    assert found["(missing)"].expected_share is None


def test_weighted_rows_are_compared_by_their_weights(screen):
    table = applicants().assign(weight=lambda frame: np.where(frame.label == 1, 3.0, 1.0))
    women = by_group(screen(table, weight="weight"))["f"]
    assert (women.labels.positive, women.labels.negative) == (78, 74)
    assert women.trials == pytest.approx(152**2 / (26 * 9 + 74))


@pytest.mark.parametrize("reference", [{"f": 0.7, "m": 0.4}, {"f": 1.0, "m": 0.0}, {}, {"f": -0.1, "m": 1.1}])
def test_shares_that_are_no_population_are_refused(reference):
    with pytest.raises(ValueError, match="add up to 1"):
        SensitiveFeature(name="sex", reference=reference)


def test_a_reference_that_spells_groups_otherwise_is_refused(screen):
    with pytest.raises(UnsuitableData, match="none for 'f', 'm'; given: 'female', 'male'"):
        screen(applicants(), {"name": "sex", "reference": {"female": 0.5, "male": 0.5}})


def test_a_column_that_is_not_there_cannot_account_for_anything(screen):
    with pytest.raises(UnknownColumn, match="did you mean 'department'"):
        screen(applicants(), {"name": "sex", "conditional_on": "departmnet"})


def test_an_identifier_accounts_for_nothing(screen):
    table = applicants(3).assign(name=lambda frame: [f"person {at}" for at in range(len(frame))])
    with pytest.raises(UnsuitableData, match="expected up to 200"):
        screen(table, {"name": "sex", "conditional_on": "name"}, exclude=["name"])


def test_missing_values_are_told_by_group_where_groups_differ_most_first(screen):
    table = applicants()
    women = table.sex == "f"
    table["income"] = np.where(women & (np.arange(len(table)) % 2 == 0), np.nan, 1.5)
    table["points"] = np.where(np.arange(len(table)) % 4 == 0, np.nan, 2.5)
    columns = {each.column: each.rates for each in screen(table).missing["sex"]}
    assert list(columns) == ["income", "points"]
    assert columns["income"] == {"f": pytest.approx(0.5), "m": 0.0}
    for group, rate in columns["points"].items():
        assert rate == pytest.approx(table.points.isna()[table.sex == group].mean())


def test_people_who_look_alike_and_are_labelled_apart_are_counted(screen):
    table = pd.DataFrame(
        {
            "age": [20.0, 20.0, 20.0, 30.0, 30.0, 40.0, np.nan, np.nan],
            "town": ["Rome", "Rome", "Oslo", "Rome", "Rome", "Rome", None, None],
            "sex": list("fmfmfmfm"),
            "label": [0, 1, 1, 1, 1, 0, 0, 1],
        }
    )
    report = screen(table, exclude=["sex"])
    assert report.measured["label_conflict_rate"].value == pytest.approx(4 / 8)
    assert screen(table).measured["label_conflict_rate"].value == 0.0, "the model sees who is a man"


def test_the_screen_names_what_gives_a_group_away_as_scikit_learn_counts_it(screen):
    rng = np.random.default_rng(4)
    sex = np.where(rng.random(2000) < 0.5, "f", "m")
    height = np.round((np.where(sex == "f", 166, 179) + 7 * rng.standard_normal(2000)) / 5) * 5
    table = pd.DataFrame({"sex": sex, "height": height, "luck": rng.random(2000), "label": rng.integers(0, 2, 2000)})
    (found,) = screen(table, exclude=["sex"]).proxies["sex"]
    expected = roc_auc_score(sex == "f", -height)
    assert found.strongest[0].column == "height"
    assert found.strongest[0].auc == pytest.approx(expected, abs=0.01)
    assert found.auc.value == pytest.approx(expected, abs=0.02)
    assert found.auc.bounds().lower < expected < found.auc.bounds().upper + 0.01


def test_intersections_are_screened_like_features(tmp_path):
    applicants().to_parquet(tmp_path / "t.parquet")
    declared = {"sensitive": ["sex", "department"], "intersections": [["sex", "department"]]}
    spec, prepared = (step(tmp_path / "t.parquet", **declared) for step in (declare, prepare))
    report = screen_training_data(prepared, spec)
    crossed = by_group(report, "sex_x_department")
    assert set(crossed) == {"f & easy", "f & hard", "m & easy", "m & hard"}
    assert set(report.proxies) == set(report.missing) == set(spec.group_features)


def test_a_reference_is_written_as_shares_in_the_yaml():
    with pytest.raises(ValueError, match="valid number"):
        SensitiveFeature.model_validate({"name": "sex", "reference": {"f": "half", "m": 0.5}})
