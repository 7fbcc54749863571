"""What a request has to hold is what the pandera schema of the training data asks of further rows."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rai_platform.data.column_rules import ColumnRule, column_rules
from rai_platform.data.columns import as_text
from rai_platform.data.report import ColumnSummary, DataReport
from rai_platform.data.schema import check_schema, infer_schema, schema_of
from rai_platform.errors import UnusableRequest
from rai_platform.serving.inputs import InputRules, compile_rules
from rai_platform.training.candidate import Candidate
from rai_platform.training.manifest import Feature, Manifest
from rai_platform.training.model import TrainedModel

CANDIDATE = TypeAdapter(Candidate)
TOWNS = ["Oslo", "Rome", "1", "2"]
NUMBERS = st.one_of(
    st.integers(-1000, 1000), st.floats(-1000, 1000), st.floats(allow_nan=False, allow_infinity=False), st.integers()
)


def released(rules: tuple[ColumnRule, ...], report: DataReport | None = None) -> tuple[Candidate, TrainedModel]:
    """A candidate that sees the columns of these rules; no part of it is asked."""
    manifest = Manifest(
        composition="single",
        estimator="sklearn.linear_model.LogisticRegression",
        features=tuple(Feature(name=rule.name, kind=rule.kind) for rule in rules),
        positive_label="1",
        threshold=0.5,
        score_is_probability=True,
        seed=0,
    )
    candidate = Candidate(
        model="m",
        model_digest="d",
        manifest=manifest,
        files={},
        training_report=report,
        parameters={},
        versions={},
        warnings=(),
        spec_digest="s",
        mlflow_run_id="r",
        code_version="c",
        created_at="2026-01-01",
        rules=rules,
    )
    return candidate, TrainedModel(manifest=manifest, parts={})


def is_taken(rules: InputRules, row: dict[str, Any]) -> bool:
    try:
        rules.read([row])
    except UnusableRequest:
        return False
    return True


def as_table(row: dict[str, Any]) -> pd.DataFrame:
    """One row as reading it from a table gives it: a category as text, nothing as what its column has for it."""
    columns: dict[str, pd.Series[Any]] = {}
    for name, value in row.items():
        if name in ("town", "words"):
            columns[name] = as_text(pd.Series([value], dtype=object))
        else:
            columns[name] = pd.Series([np.nan if value is None else value])
    return pd.DataFrame(columns)


@st.composite
def learned(draw: st.DrawFn) -> pd.DataFrame:
    """Rows that a model learned from: whole numbers, others, categories and a text; some of them missing here and there."""
    rows = draw(st.integers(1, 6))
    size = {"min_size": rows, "max_size": rows}
    income = draw(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), **size))
    town = draw(st.lists(st.sampled_from([None, *TOWNS]), **size))
    return pd.DataFrame(
        {
            "age": pd.Series(draw(st.lists(st.integers(-100, 100), **size)), dtype="int64"),
            "income": pd.Series([1.5 if all(each is None for each in income) else None, *income[1:]], dtype="float64")
            if income[0] is None
            else pd.Series(income, dtype="float64"),
            "town": pd.Series(["Oslo" if all(each is None for each in town) else town[0], *town[1:]], dtype=object),
            "words": pd.Series(["good day"] * rows, dtype=object),
        }
    )


@st.composite
def number(draw: st.DrawFn, rule: ColumnRule) -> Any:
    """A value for a number: nothing, a text, anything, or as near to the limits of its range as can be."""
    assert rule.low is not None
    assert rule.high is not None
    edges = [rule.low, rule.high, (rule.low + rule.high) / 2]
    around = [math.nextafter(edge, math.inf * sign) for edge in edges[:2] for sign in (-1, 1)]
    return draw(st.one_of(st.none(), st.sampled_from([*edges, *around]), NUMBERS, st.sampled_from(["", "5", "much"])))


# pandera puts what it found together, and pandas warns where that is nothing but None.
@pytest.mark.filterwarnings("ignore:The behavior of DataFrame concatenation:FutureWarning")
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_rules_give_the_verdict_of_the_schema_that_the_same_rows_make(data: st.DataObject) -> None:
    training = data.draw(learned())
    rules = column_rules(training, free=("words",))
    by_name = {rule.name: rule for rule in rules}
    row = {
        "age": data.draw(number(by_name["age"])),
        "income": data.draw(number(by_name["income"])),
        "town": data.draw(st.sampled_from([None, *TOWNS, 1, 2.0, 3, "Osloo", ""])),
        "words": data.draw(st.sampled_from(["bad day", " ", "", "\n\t", None, "\u2003"])),
    }
    broken, _ = check_schema(as_table(row), infer_schema(training, free=("words",)))
    assert is_taken(compile_rules(*released(rules)), row) == (not broken[0])


@pytest.mark.parametrize("name", ["age", "income", "town", "words"])
def test_one_wrong_value_is_refused_by_both_and_named(name: str) -> None:
    training = pd.DataFrame(
        {"age": [20, 60], "income": [1.0, 3.0], "town": ["Oslo", "Rome"], "words": ["good day", "bad day"]}
    )
    rules = column_rules(training, free=("words",))
    right = {"age": 64, "income": 0.8, "town": "Rome", "words": "day"}
    wrong = {"age": 65, "income": 0.7, "town": "Paris", "words": "  "}
    compiled = compile_rules(*released(rules))
    assert is_taken(compiled, right)
    changed = {**right, name: wrong[name]}
    broken, found = check_schema(as_table(changed), schema_of(rules))
    assert [violation.column for violation in found] == [name]
    assert broken.tolist() == [True]
    with pytest.raises(UnusableRequest) as told:
        compiled.read([right, changed])
    assert [(each["row"], each["field"]) for each in told.value.details] == [(1, name)]


def test_a_number_out_of_range_is_told_the_range() -> None:
    rules = column_rules(pd.DataFrame({"age": [20, 60]}))
    with pytest.raises(UnusableRequest, match=r'field "age": expected a number from 16 to 64; got 65'):
        compile_rules(*released(rules)).read([{"age": 65}])


def test_any_number_is_taken_where_that_is_wanted() -> None:
    rules = compile_rules(*released(column_rules(pd.DataFrame({"age": [20, 60]}))), takes_any_number=True)
    assert rules.read([{"age": 65}]) == [{"age": 65}]
    assert rules.ranges == {}
    with pytest.raises(UnusableRequest, match="expected a number; got"):
        rules.read([{"age": "old"}])


def test_rules_are_the_same_after_they_were_stored() -> None:
    training = pd.DataFrame({"income": [0.1, 0.7, None], "town": ["Oslo", None, "Rome"]})
    candidate, _ = released(column_rules(training))
    assert CANDIDATE.validate_json(CANDIDATE.dump_json(candidate)).rules == candidate.rules


def test_a_candidate_from_before_rules_were_kept_asks_for_what_its_report_tells() -> None:
    columns = (
        ColumnSummary(name="age", kind="number", missing_rate=0.0, values="20 to 60, median 40"),
        ColumnSummary(name="income", kind="number", missing_rate=0.1, values="1 to 3, median 2"),
    )
    report = DataReport(
        role="training", data_digest="d", n=3, label_rate=0.5, columns=columns, violations=(), measured={},
        not_estimable={}, groups={},
    )  # fmt: skip
    candidate, model = released((ColumnRule(name="age", kind="number"), ColumnRule(name="income", kind="number")))
    old = CANDIDATE.dump_python(candidate, mode="json")
    del old["rules"]
    rules = compile_rules(
        CANDIDATE.validate_python({**old, "training_report": TypeAdapter(DataReport).dump_python(report, mode="json")}),
        model,
    )
    assert rules.read([{"age": 1000, "income": None}]) == [{"age": 1000, "income": None}]
    with pytest.raises(UnusableRequest, match='field "age": expected a number; got null'):
        rules.read([{"age": None, "income": 1}])
