"""Labels in the log: added once, never changed, in the order of arrival; current is the one that arrived last."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rai_platform.errors import UnusableRequest
from rai_platform.serving.inference_log import InferenceLog
from rai_platform.serving.labels import (
    LabelCounts,
    LabelRules,
    NewLabel,
    compile_label_rules,
    label_history,
    read_labels,
    record_labels,
)
from rai_platform.serving.log_tables import LABELS, open_to_write, opened_to_read, told_time, transaction
from rai_platform.training.candidate import Candidate
from rai_platform.training.manifest import Manifest
from rai_platform_tests.serving.conftest import held
from rai_platform_tests.serving.test_inference_log import NOON, row

BINARY = LabelRules(labels={"1": 1, "0": 0}, listed=("1", "0"))
MINUTE = timedelta(minutes=1)
T, U = told_time(NOON + MINUTE), told_time(NOON + 2 * MINUTE)


def candidate(positive: str, negative: str | None, classes: tuple[str, ...] = ()) -> Candidate:
    manifest = Manifest(
        composition="single",
        estimator="",
        features=(),
        positive_label=positive,
        threshold=0.5,
        score_is_probability=True,
        seed=0,
        classes=classes,
    )
    about = dict.fromkeys(("model", "model_digest", "spec_digest", "mlflow_run_id", "code_version", "created_at"), "")
    return Candidate(
        **about,
        manifest=manifest,
        files={},
        training_report=None,
        parameters={},
        versions={},
        warnings=(),
        negative_label=negative,
    )


def answer_of(read: Callable[[object], object], value: object) -> object:
    try:
        return read(value)
    except ValueError:
        return "refused"


@pytest.mark.parametrize(
    ("positive", "negative", "answers"),
    [
        ("1", "0", {1: 1, 0: 0, "0": 0, "true": 1, "2": "refused", 0.5: "refused"}),
        ("1", "2", {"1": 1, 2: 0, 0: 0, "true": "refused"}),  # German Credit: 2 is the bad risk
        ("2", "1", {2: 1, 1: 0, 0: "refused"}),  # 1 is the data's own word for what is not selected
        ("0", "1", {0: 1, 1: 0, "true": "refused"}),
        ("good", "bad", {"good": 1, "bad": 0, 1: 1, 0: 0, "Good": "refused", "true": "refused"}),
        ("good", None, {"good": 1, "bad": "refused", 1: "refused", 0: "refused"}),  # who knows what 0 was
        ("1", None, {1: 1, 0: 0}),
    ],
)
def test_a_label_is_what_training_had_it_for(positive: str, negative: str | None, answers: dict[Any, object]) -> None:
    rules = compile_label_rules(candidate(positive, negative))
    assert {value: answer_of(rules.read, value) for value in answers} == answers
    assert all(answer_of(rules.read, value) == "refused" for value in (None, [1], {"label": 1}))


def test_of_several_classes_a_label_is_a_name() -> None:
    rules = compile_label_rules(candidate("", None, ("1", "2", "cat")))
    assert [answer_of(rules.read, value) for value in (1, "2", "cat", "dog", 0)] == [
        "1",
        "2",
        "cat",
        "refused",
        "refused",
    ]
    with pytest.raises(ValueError, match="did you mean 'cat'"):
        rules.read("catt")


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (5, "label 1: expected an object of `id` and `label`; got 5"),
        ({"label": 1}, 'label 1, field "id": expected either `id` or `key`; got neither'),
        ({"id": "a", "key": "b", "label": 1}, "got both"),
        ({"id": "", "label": 1}, "expected a text of 1 to 200 letters"),
        ({"key": "k" * 201, "label": 1}, "expected a text of 1 to 200 letters"),
        ({"id": 7, "label": 1}, 'field "id": expected a text of 1 to 200 letters; got 7'),
        ({"id": "\ud800", "label": 1}, "expected a text"),
        ({"id": "a"}, "field \"label\": expected one of '1', '0'; got nothing: the field is absent"),
        ({"id": "a", "label": 2}, "field \"label\": expected one of '1', '0'; got 2"),
        ({"id": "a", "label": 1, "observed": 1}, "got another name; did you mean 'observed_at'?"),
        ({"id": "a", "label": 1, "observed_at": "2026-01-31T12:00:00"}, "expected a time with its zone"),
        ({"id": "a", "label": 1, "observed_at": "yesterday"}, "expected a time with its zone"),
        ({"id": "a", "label": 1, "observed_at": 17}, "expected a time with its zone"),
        ({"id": "a", "label": 1, "observed_at": "0001-01-01T00:00:00+10:00"}, "expected a time with its zone"),
    ],
)
def test_a_label_that_cannot_be_read_is_told_with_its_place_and_field(item: Any, said: str) -> None:
    with pytest.raises(UnusableRequest) as refused:
        read_labels([{"id": "a", "label": 1}, item], BINARY)
    assert refused.value.status == 422
    assert said in refused.value.message


def test_a_time_is_one_however_its_zone_is_written() -> None:
    times = ["2026-01-01T13:00:00+01:00", "2026-01-01T12:00:00Z", "2026-01-01 12:00:00.000+00:00"]
    read = read_labels([{"id": "a", "label": 1, "observed_at": time} for time in times], BINARY)
    assert {item.observed_at for item in read} == {"2026-01-01T12:00:00.000000+00:00"}


# --- the table --------------------------------------------------------------------------------------------------------


@pytest.fixture
def connection(url: str) -> Iterator[sa.Connection]:
    """A log of ten predictions, `a-0` to `a-9`, the last two of one key."""
    log = InferenceLog(url)
    keys = [*(f"key {place}" for place in range(8)), "twice", "twice"]
    log.record([row(f"a-{place}", key=key) for place, key in enumerate(keys)]).result(30)
    log.record([row("b-0", model="other", key="key 0")]).result(30)
    log.close()
    opened = open_to_write(url)
    yield opened
    opened.close()


def add(connection: sa.Connection, *labels: NewLabel, now: datetime = NOON) -> LabelCounts:
    with transaction(connection):
        return record_labels(connection, labels, model="fair", now=now)


def label(identity: str, value: int, observed_at: str | None = None) -> NewLabel:
    return NewLabel(id=identity, label=value, observed_at=observed_at)


def test_labels_are_recorded_once_and_corrections_keep_the_history(connection: sa.Connection) -> None:
    assert add(connection, label("a-0", 1), label("a-1", 0)) == LabelCounts(recorded=2)
    assert add(connection, label("a-0", 1), label("a-1", 1, T)) == LabelCounts(repeated=1, corrected=1)
    assert add(connection, label("a-1", 1, U), label("a-1", 0)) == LabelCounts(recorded=1, repeated=1)
    assert [(each.label, each.observed_at) for each in label_history(connection, "a-1")] == [
        (0, None),
        (1, T),
        (1, U),
    ]


def test_within_one_request_the_order_counts_too(connection: sa.Connection) -> None:
    assert add(connection, label("a-0", 1), label("a-0", 0), label("a-0", 1)) == LabelCounts(
        recorded=1, corrected=1, repeated=1
    )
    assert [each.label for each in label_history(connection, "a-0")] == [1, 0]


def test_what_the_log_does_not_know_refuses_all(connection: sa.Connection) -> None:
    unknown = [label(f"x-{place}", 1) for place in range(30)]
    with pytest.raises(
        UnusableRequest, match='with the id "x-0"; got none \\(29 more\\); no label was recorded'
    ) as refused:
        add(connection, label("a-0", 1), *unknown)
    assert len(refused.value.details) == 20
    assert refused.value.details[0]["row"] == 1
    with pytest.raises(UnusableRequest, match="prediction of 'fair'"):
        add(connection, label("b-0", 1))  # another model's
    assert label_history(connection, "a-0") == []


def test_a_key_tells_a_prediction_where_it_occurs_once(connection: sa.Connection) -> None:
    assert add(connection, NewLabel(key="key 0", label=1)) == LabelCounts(recorded=1)
    assert add(connection, label("a-0", 1)) == LabelCounts(repeated=1)
    with pytest.raises(UnusableRequest, match='the key "twice"; got 2, which only an id tells apart'):
        add(connection, NewLabel(key="twice", label=1))
    with pytest.raises(UnusableRequest, match='the key "nobody"; got none'):
        add(connection, NewLabel(key="nobody", label=1))


def test_a_label_on_record_is_neither_changed_nor_deleted(connection: sa.Connection) -> None:
    add(connection, label("a-0", 1))
    with pytest.raises(sa.exc.DBAPIError, match="never changed"), transaction(connection):
        connection.execute(sa.update(LABELS).values(label=0))
    with pytest.raises(sa.exc.DBAPIError, match="with its prediction alone"), transaction(connection):
        connection.execute(sa.delete(LABELS))


ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from(["a-0", "a-1", "a-2"]), st.sampled_from([0, 1]), st.sampled_from([None, T, U, told_time(NOON)])
    ),
    max_size=25,
)


@given(arrivals=ARRIVALS, cuts=st.lists(st.integers(0, 25), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_however_labels_arrive_the_history_is_that_of_first_arrivals(
    connection: sa.Connection, arrivals: list[tuple[str, int, str | None]], cuts: list[int]
) -> None:
    """In whatever parts and however often repeated: each (id, label, time) once, in the order of its first arrival."""
    taken_back = connection.begin()
    bounds = sorted({0, len(arrivals), *(cut for cut in cuts if cut < len(arrivals))})
    counts = LabelCounts()
    for time, (start, end) in enumerate(itertools.pairwise(bounds)):
        part = [label(*each) for each in arrivals[start:end]]
        counts += record_labels(connection, part, model="fair", now=NOON + time * MINUTE)
        again = record_labels(connection, part, model="fair", now=NOON + time * MINUTE)
        assert again == LabelCounts(repeated=len(part))
    for identity in ("a-0", "a-1", "a-2"):
        history = label_history(connection, identity)
        own = [(value, observed) for each, value, observed in arrivals if each == identity]
        assert [(each.label, each.observed_at) for each in history] == list(dict.fromkeys(own))
        assert [each.place for each in history] == sorted(each.place for each in history)
        assert [each.arrived_at for each in history] == sorted(each.arrived_at for each in history)
    assert counts.recorded + counts.corrected == len(set(arrivals))
    assert counts.repeated == len(arrivals) - len(set(arrivals))
    changes = 0
    for identity in {each[0] for each in arrivals}:
        labels = [each.label for each in label_history(connection, identity)]
        changes += sum(one != other for one, other in itertools.pairwise(labels))
    assert counts.corrected == changes
    taken_back.rollback()


# --- the writer -------------------------------------------------------------------------------------------------------


def test_a_request_that_is_refused_stops_no_other_in_the_same_transaction(url: str) -> None:
    log = InferenceLog(url, clock=lambda: datetime(2026, 2, 1, tzinfo=UTC))
    log.record([row("a-0")]).result(30)
    with held(url):  # what is asked now gathers
        first = log.probe()
        asked = [
            log.record([row("b-0")]),
            log.record_labels([label("x-0", 1), label("a-0", 0)], model="fair"),
            log.record_labels([label("b-0", 1)], model="fair"),
        ]
    first.result(30)
    assert asked[0].result(30) is None
    assert isinstance(asked[1].exception(30), UnusableRequest)
    assert asked[2].result(30) == LabelCounts(recorded=1)
    log.close()
    with opened_to_read(url) as reader:
        assert label_history(reader, "a-0") == []
        (told,) = label_history(reader, "b-0")
    assert (told.label, told.arrived_at) == (1, "2026-02-01T00:00:00.000000+00:00")
