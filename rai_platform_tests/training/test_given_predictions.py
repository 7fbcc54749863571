"""Somebody else's scores and decisions: joined to the right people, or refused."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rai_platform.data.preparation import prepare_data
from rai_platform.data.sample import Sample
from rai_platform.errors import EvidenceMismatch, InvalidSpec, UnknownColumn, UnsuitableData
from rai_platform.spec.model import ModelSpec
from rai_platform.spec.reading import ModelDefinition, read_model
from rai_platform.store import ContentStore
from rai_platform.training.candidate import Candidate
from rai_platform.training.candidates import given_candidate, predict
from rai_platform.training.given_predictions import given_values
from rai_platform.training.predictions import Predictions
from rai_platform_tests.training.lending import definition_of, lending_spec

PEOPLE = pd.DataFrame(
    {
        "id": [11, 12, 13, 14, 15, 16, 17, 18],
        "sex": ["f", "m", "f", "m", "f", "m", "f", "m"],
        "income": [40, 30, 50, 60, 30, 30, 40, 50],
        "repaid": [1, 0, 1, 1, 0, 0, 1, 0],
    }
)
SCORE, DECISION = [0.9, 0.2, 0.5, 0.7, 0.4, 0.1, 0.49999, 0.3], [1, 0, 1, 1, 0, 0, 0, 0]
GIVEN = PEOPLE[["id"]].assign(score=SCORE, decision=DECISION)
TOLD = PEOPLE.assign(score=SCORE, decision=DECISION)
BY_KEY = {"key": "id", "score": "score", "threshold": 0.5}


@dataclass(frozen=True)
class Vendor:
    """A table of people in a folder, and what somebody said about them, in columns of it or in a file beside it."""

    folder: Path

    def spec(self, *, label: Any = 1, **predictions: Any) -> ModelSpec:
        if "key" in predictions:
            predictions["source"] = str(self.folder / predictions.get("source", "given.csv"))
        attributes = lending_spec().model_dump(include={"name", "owners", "intended_use", "out_of_scope"})
        data = {"source": str(self.folder / "people.csv"), "target": "repaid", "positive_label": label}
        return ModelSpec.model_validate(
            {**attributes, "data": data, "sensitive_features": [{"name": "sex"}], "predictions": predictions}
        )

    def write(self, people: pd.DataFrame, given: pd.DataFrame | None = None) -> None:
        people.to_csv(self.folder / "people.csv", index=False)
        if given is not None:
            given.to_csv(self.folder / "given.csv", index=False)

    def sample(self, **predictions: Any) -> Sample:
        return prepare_data(self.spec(**predictions)).test

    def values(self, **predictions: Any) -> tuple[list[float] | None, list[int]]:
        score, decision = given_values(self.spec(**predictions), self.sample(**predictions))
        assert decision.dtype == np.int8
        return None if score is None else score.tolist(), decision.tolist()

    def candidate(self, sample: Sample | None = None, **predictions: Any) -> Candidate:
        return candidate_of(definition_of(self.spec(**predictions)), sample or self.sample(**predictions))

    def predictions(self, candidate: Candidate, sample: Sample, **predictions: Any) -> Predictions:
        return predict(candidate, sample, self.spec(**predictions), ContentStore(str(self.folder / "store")))


def candidate_of(definition: ModelDefinition, sample: Sample) -> Candidate:
    return given_candidate(definition, sample, mlflow_run_id="run", code_version="1", now="2026-01-01T00:00:00+00:00")


@pytest.fixture
def vendor(tmp_path: Path) -> Vendor:
    vendor = Vendor(tmp_path)
    vendor.write(TOLD, GIVEN)
    return vendor


# --- scores and decisions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [{}, {"key": "id"}])
def test_scores_of_at_least_the_threshold_and_decisions_are_taken_as_they_are(
    where: dict[str, str], vendor: Vendor
) -> None:
    assert vendor.values(score="score", threshold=0.5, **where) == (SCORE, DECISION)
    assert vendor.values(score="score", threshold=0.2, **where)[1] == [1, 1, 1, 1, 1, 0, 1, 1]
    assert vendor.values(decision="decision", **where) == (None, DECISION)
    assert vendor.values(score="score", decision="decision", **where) == (SCORE, DECISION)
    for asked in ({"score": "score", "threshold": 0.5}, {"decision": "decision"}):
        sample = vendor.sample(**asked, **where)
        candidate = vendor.candidate(**asked, **where)
        said = vendor.predictions(candidate, sample, **asked, **where)
        assert said.y_pred.tolist() == DECISION
        assert (said.y_score is None) == ("decision" in asked)
        assert not said.score_is_probability
        assert (candidate.files, candidate.training_digest, candidate.manifest.composition) == ({}, None, "given")
        assert said.subject.model_digest == candidate.model_digest


@pytest.mark.parametrize(
    ("told", "label"),
    [
        ([1.0, 0, 1, 1, 0, 0, 0, 0], 1),
        ([True, False, True, True, False, False, False, False], 1),
        (["yes", "no", "yes", "yes", "no", "never", "no", "no"], "yes"),
    ],
)
def test_who_was_selected_is_told_by_the_positive_label_however_it_is_written(
    told: list[Any], label: Any, vendor: Vendor
) -> None:
    names = {1: label, 0: "no" if label == "yes" else 0}
    vendor.write(PEOPLE.assign(repaid=PEOPLE["repaid"].map(names), decision=told))
    assert vendor.values(decision="decision", label=label) == (None, DECISION)


@pytest.mark.parametrize(("label", "selected"), [(1, DECISION), (0, [1 - each for each in DECISION])])
def test_the_label_that_is_selected_may_be_0(label: int, selected: list[int], vendor: Vendor) -> None:
    vendor.write(PEOPLE, GIVEN)
    says = {"label": label, "key": "id", "decision": "decision"}
    assert vendor.values(**says) == (None, selected)
    assert vendor.candidate(**says).manifest.positive_label == str(label)


def test_where_nobody_is_selected_the_label_is_probably_written_otherwise(vendor: Vendor) -> None:
    vendor.write(PEOPLE.assign(decision=["approve", "deny"] * 4))
    with pytest.raises(UnsuitableData, match="the positive label '1' does not occur; values: 'approve', 'deny'"):
        vendor.values(decision="decision")


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        (["0.9", "high", "0.1", "0", "0", "0", "0", "0"], "expected numbers as scores, got 'high'"),
        ([0.9, np.inf, 0.1, 0, 0, 0, 0, 0], "expected numbers as scores, got 'inf'"),
        ([0.9, None, 0.1, None, 0, 0, 0, 0], "2 of 8 rows have no prediction"),
        ([None] * 8, "8 of 8 rows have no prediction"),
    ],
)
def test_a_score_that_is_no_number_is_refused(scores: list[Any], told: str, vendor: Vendor) -> None:
    vendor.write(PEOPLE.assign(score=scores, decision=[None if score is None else 1 for score in scores]))
    with pytest.raises(UnsuitableData, match=told) as caught:
        vendor.values(score="score", threshold=0.5)
    assert caught.value.where == "predictions, column 'score'"
    if "no prediction" in told:
        with pytest.raises(UnsuitableData, match=told):
            vendor.values(decision="decision")


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({"score": "scor", "threshold": 0.5}, "predictions"),
        ({"decision": "decisions"}, "predictions"),
        ({"key": "id", "score": "scor", "threshold": 0.5}, "predictions.source"),
        ({"key": "ids", "score": "score", "threshold": 0.5}, "data.source"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_the_one_that_was_meant(
    asked: dict[str, Any], where: str, vendor: Vendor
) -> None:
    with pytest.raises(UnknownColumn, match="did you mean") as caught:
        vendor.values(**asked)
    assert caught.value.where == where


def test_the_key_has_to_be_in_both_files(vendor: Vendor) -> None:
    vendor.write(PEOPLE, GIVEN.rename(columns={"id": "person"}))
    with pytest.raises(UnknownColumn, match="no column 'id'") as caught:
        vendor.values(**BY_KEY)
    assert caught.value.where == "predictions.source"


def test_a_model_of_ones_own_brings_no_predictions(vendor: Vendor) -> None:
    with pytest.raises(InvalidSpec, match="brings no predictions"):
        given_values(lending_spec(), vendor.sample(decision="decision"))
    with pytest.raises(InvalidSpec, match="brings no predictions"):
        candidate_of(definition_of(lending_spec()), vendor.sample(decision="decision"))


# --- joined by a key -------------------------------------------------------------------------------------------------


def test_predictions_go_to_the_people_whatever_their_order_and_whoever_else_is_in_the_file(vendor: Vendor) -> None:
    others = pd.DataFrame({"id": [1, 2], "score": [1.0, 1.0], "decision": [1, 1]})
    blank = pd.DataFrame({"id": [None, None], "score": [0.3, 0.4], "decision": [0, 1]})
    vendor.write(PEOPLE, pd.concat([others, GIVEN.iloc[::-1], blank]))
    assert vendor.values(**BY_KEY) == (SCORE, DECISION)
    assert vendor.values(key="id", decision="decision") == (None, DECISION)


def test_one_prediction_may_be_about_several_rows(vendor: Vendor) -> None:
    vendor.write(PEOPLE.assign(id=[11, 11, 12, 12, 11, 12, 11, 12]), GIVEN.head(2))
    assert vendor.values(**BY_KEY)[0] == [0.9, 0.9, 0.2, 0.2, 0.9, 0.2, 0.9, 0.2]


def test_two_predictions_about_one_person_are_refused(vendor: Vendor) -> None:
    vendor.write(PEOPLE, pd.concat([GIVEN, GIVEN.head(3).assign(score=0.0)]))
    with pytest.raises(
        UnsuitableData, match=r"every key of 'id' once; these occur more often: '11', '12', '13'$"
    ) as caught:
        vendor.values(**BY_KEY)
    assert caught.value.where == "predictions.source"
    many = pd.DataFrame({"id": [*range(100, 112)] * 3, "score": 0.5, "decision": 1})
    vendor.write(PEOPLE, pd.concat([GIVEN, many]))
    with pytest.raises(UnsuitableData, match=r"'109' and 2 more$"):
        vendor.values(**BY_KEY)
    GIVEN.astype({"id": str}).assign(id=["11", "12", "13", "14", "15", "16", "17", "11"]).to_parquet(
        vendor.folder / "given.parquet"
    )
    with pytest.raises(UnsuitableData, match=r"more often: '11'$"):
        vendor.values(**BY_KEY, source="given.parquet")


def test_a_person_without_a_prediction_is_missed(vendor: Vendor) -> None:
    vendor.write(PEOPLE, GIVEN.iloc[2:])
    with pytest.raises(UnsuitableData, match="2 of 8 rows have no prediction"):
        vendor.values(**BY_KEY)
    with pytest.raises(UnsuitableData, match="2 of 8 rows have no prediction"):
        vendor.values(key="id", decision="decision")


def test_a_person_without_a_key_is_nobody(vendor: Vendor) -> None:
    nobody = pd.DataFrame({"id": [None], "score": [0.5], "decision": [1]})
    vendor.write(PEOPLE.assign(id=[None, *PEOPLE["id"].tolist()[1:]]), pd.concat([GIVEN, nobody]))
    with pytest.raises(UnsuitableData, match="1 of 8 rows have no prediction"):
        vendor.values(**BY_KEY)


@pytest.mark.parametrize("people", ["int64", "float64", str])
@pytest.mark.parametrize("given", ["int64", "float64", str])
def test_a_key_is_the_same_as_a_number_and_as_a_text(people: Any, given: Any, vendor: Vendor) -> None:
    PEOPLE.astype({"id": people}).to_parquet(vendor.folder / "people.parquet")
    GIVEN.astype({"id": given}).to_parquet(vendor.folder / "given.parquet")
    spec = vendor.spec(**BY_KEY, source="given.parquet")
    spec = spec.model_copy(
        update={"data": spec.data.model_copy(update={"source": str(vendor.folder / "people.parquet")})}
    )
    score, decision = given_values(spec, prepare_data(spec).test)
    assert score is not None
    assert (score.tolist(), decision.tolist()) == (SCORE, DECISION)


def test_a_text_with_leading_zeros_is_another_key_than_the_number(vendor: Vendor) -> None:
    GIVEN.assign(id=GIVEN["id"].map("0{}".format)).to_parquet(vendor.folder / "given.parquet")
    with pytest.raises(UnsuitableData, match="8 of 8 rows have no prediction"):
        vendor.values(**BY_KEY, source="given.parquet")


# --- the candidate and what is given later ---------------------------------------------------------------------------


def test_the_same_predictions_are_one_candidate_however_they_are_stored(vendor: Vendor) -> None:
    first = vendor.candidate(**BY_KEY)
    vendor.write(PEOPLE, GIVEN.sample(frac=1, random_state=0))
    assert vendor.candidate(**BY_KEY).model_digest == first.model_digest
    GIVEN.astype({"id": str}).to_parquet(vendor.folder / "given.parquet")
    assert vendor.candidate(**BY_KEY, source="given.parquet").model_digest == first.model_digest


def test_any_other_prediction_or_rule_is_another_candidate(vendor: Vendor) -> None:
    asked: list[dict[str, Any]] = [
        BY_KEY,
        {**BY_KEY, "threshold": 0.6},
        {"key": "id", "score": "score", "decision": "decision"},
        {"key": "id", "decision": "decision"},
    ]
    digests = [vendor.candidate(**each).model_digest for each in asked]
    vendor.write(PEOPLE, GIVEN.assign(score=[*SCORE[:-1], 0.31]))
    digests.append(vendor.candidate(**BY_KEY).model_digest)
    vendor.write(PEOPLE, GIVEN.assign(decision=[0, *DECISION[1:]]))
    digests.append(vendor.candidate(key="id", decision="decision").model_digest)
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("asked", [BY_KEY, {"key": "id", "decision": "decision"}])
def test_predictions_that_were_changed_after_the_candidate_are_not_taken_for_its_own(
    asked: dict[str, Any], vendor: Vendor
) -> None:
    sample, candidate = vendor.sample(**asked), vendor.candidate(**asked)
    vendor.write(TOLD, GIVEN.assign(score=PEOPLE["repaid"] * 0.98 + 0.01, decision=PEOPLE["repaid"]))
    with pytest.raises(
        EvidenceMismatch, match="not those of the candidate: materialize candidate_model again"
    ) as caught:
        vendor.predictions(candidate, sample, **asked)
    assert caught.value.where == "lending"
    vendor.write(TOLD, GIVEN)
    assert vendor.predictions(candidate, sample, **asked).y_pred.tolist() == DECISION


def test_a_rule_that_was_changed_after_the_candidate_is_not_taken_for_its_own(vendor: Vendor) -> None:
    sample, candidate = vendor.sample(**BY_KEY), vendor.candidate(**BY_KEY)
    with pytest.raises(EvidenceMismatch, match="not those of the candidate"):
        vendor.predictions(candidate, sample, **{**BY_KEY, "threshold": 0.1})


@pytest.mark.parametrize("asked", [BY_KEY, {"score": "score", "threshold": 0.5}])
@pytest.mark.parametrize("change", ["sorted", "shorter", "another person", "longer"])
def test_people_who_are_no_longer_in_their_places_get_no_predictions(
    change: str, asked: dict[str, Any], vendor: Vendor
) -> None:
    """Rows are known by their place, so the people of a file that was sorted anew would get each other's."""
    sample, candidate = vendor.sample(**asked), vendor.candidate(**asked)
    table = TOLD
    changed = {
        "sorted": table.sort_values("income"),
        "shorter": table.iloc[:5],
        "another person": table.assign(income=[41, *PEOPLE["income"].tolist()[1:]]),
        "longer": pd.concat([table.iloc[[0]], table]),
    }[change]
    vendor.write(changed, GIVEN)
    for attempt in (vendor.candidate, lambda sample, **asked: vendor.predictions(candidate, sample, **asked)):
        with pytest.raises(EvidenceMismatch, match=r"people\.csv no longer holds the rows of the test data") as caught:
            attempt(sample, **asked)
        assert caught.value.where == "data.source"


def test_rows_of_the_same_content_in_another_file_are_the_same_people(vendor: Vendor) -> None:
    sample, candidate = vendor.sample(**BY_KEY), vendor.candidate(**BY_KEY)
    vendor.write(TOLD, GIVEN)
    assert vendor.predictions(candidate, sample, **BY_KEY).y_pred.tolist() == DECISION


def test_the_public_risk_scores_are_taken_as_they_were_published(real_data: Path) -> None:
    path = Path(__file__).parent.parent / "specs" / "compas.yaml"
    definition = read_model(path, environment={"RAI_TEST_DATA": str(real_data)}, working_folder=path.parent)
    sample = prepare_data(definition.spec).test
    candidate = candidate_of(definition, sample)
    said = predict(candidate, sample, definition.spec, ContentStore("memory://given"))
    assert (sample.n, int(said.y_pred.sum())) == (7214, 1282 + 2035)
    assert int((said.y_pred & sample.y_true).sum()) == 2035
