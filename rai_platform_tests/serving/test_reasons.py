"""Answers that say why: values that add up and are the report's, reasons in order, and nobody who waits for somebody else's."""

import contextlib
import dataclasses
import json
import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from rai_platform.data.preparation import prepare_data
from rai_platform.explanations.measurement import kept_background
from rai_platform.explanations.report import EXPLANATION_BACKGROUND, Explanations
from rai_platform.explanations.row_explainer import RowExplainer, background_to_bytes
from rai_platform.serving import reasons
from rai_platform.serving.bodies import Limits
from rai_platform.serving.reasons import Explaining, explaining_of
from rai_platform_tests.explanations.small import fitted, people
from rai_platform_tests.serving.asking import PREDICT, Running, eventually, ids, records, running
from rai_platform_tests.training.every_classifier import path_of
from rai_platform_tests.world import World

PEOPLE = records(12)


@pytest.fixture(scope="module")
def fair(released_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that listens; its tests add to its log and break nothing."""
    limits = Limits(waiting_explanations=2)
    with running(released_world.copy(tmp_path_factory.mktemp("reasons")), limits=limits, every=3600) as service:
        yield service


@contextlib.contextmanager
def explained_by(fair: Running, explaining: Explaining) -> Iterator[None]:
    """The service with answers that are explained otherwise."""
    watch = fair.service.watch
    before = watch.served
    watch.served = dataclasses.replace(before, explaining=explaining)
    try:
        yield
    finally:
        watch.served = before


def test_an_answer_says_what_each_feature_added_and_what_spoke_most_for_the_decision(fair: Running) -> None:
    plain = fair.post({"records": PEOPLE}).json()["predictions"]
    answer = fair.post({"records": PEOPLE, "explain": 3})
    assert answer.status_code == 200, answer.text
    given = answer.json()["predictions"]
    assert [(each["score"], each["decision"]) for each in given] == [
        (each["score"], each["decision"]) for each in plain
    ]
    assert {each["decision"] for each in given} == {0, 1}
    for person, each in zip(PEOPLE, given, strict=True):
        told = each["explanation"]
        values = told["attributions"]
        assert list(values) == list(fair.service.watch.served.rules.names)
        assert told["unit"] == "log odds"
        assert told["base_value"] + sum(values.values()) == pytest.approx(told["output"])
        assert 1 / (1 + math.exp(-told["output"])) == pytest.approx(each["score"])
        sign = 1 if each["decision"] else -1
        towards = sorted((sign * value, name) for name, value in values.items() if sign * value > 0)
        assert [reason["feature"] for reason in told["reasons"]] == [name for _, name in reversed(towards)][:3]
        for reason in told["reasons"]:
            name = reason["feature"]
            assert reason["value"] == person[name]
            assert reason["attribution"] == values[name]
            assert reason["direction"] == ("raises" if each["decision"] else "lowers")
            assert reason["says"] == f"{name} is {person[name]}, which {reason['direction']} the score"
    logged = fair.logged().set_index("id").loc[list(ids(answer))]
    assert logged["features"].tolist() == PEOPLE


def test_rows_of_the_explanation_report_get_the_values_of_the_report(fair: Running) -> None:
    home, served = fair.world.home, fair.service.watch.served
    digest = served.production.body["evidence"]["shap_explanations"]
    report = TypeAdapter(Explanations).validate_json(home.store.get(digest))
    test = prepare_data(fair.world.model("fair").spec).test
    features = test.features.astype(object).where(test.features.notna(), None)
    places = {int(key): place for place, key in enumerate(test.row_key)}
    taken = [row for row in report.rows if is_taken(fair, features.iloc[places[row.row_key]].to_dict())][:20]
    assert len(taken) == 20
    rows = [features.iloc[places[row.row_key]].to_dict() for row in taken]
    given = fair.post({"records": rows, "explain": True}).json()["predictions"]
    for row, each in zip(taken, given, strict=True):
        told = each["explanation"]
        assert told["unit"] == report.output
        assert told["base_value"] == pytest.approx(report.base_value, abs=1e-9)
        assert told["output"] == pytest.approx(row.output)
        values = [told["attributions"][name] for name in report.features]
        np.testing.assert_allclose(values, row.attributions, rtol=1e-5, atol=1e-12)
        assert len(told["reasons"]) <= 4


def is_taken(fair: Running, row: dict[str, Any]) -> bool:
    return fair.post({"records": [row]}).status_code == 200


def test_mlflows_form_asks_among_the_params_and_any_spelling_of_json_is_understood(fair: Running) -> None:
    own = fair.post({"records": PEOPLE[:2], "explain": True}).json()["predictions"]
    answer = fair.post({"instances": PEOPLE[:2], "params": {"explain": True, "keys": ["a", "b"]}}, "/invocations")
    assert [each["explanation"] for each in answer.json()["predictions"]] == [each["explanation"] for each in own]
    content = json.dumps({"records": PEOPLE[:2], "explain": True}).replace("explain", r"\u0065xpl\u0061in")
    spelt = fair.client.post(PREDICT, content=content, headers={"content-type": "application/json"})
    assert [each["explanation"] for each in spelt.json()["predictions"]] == [each["explanation"] for each in own]
    for body in ({"records": PEOPLE[:1], "explain": False}, {"records": PEOPLE[:1]}):
        assert "explanation" not in fair.post(body).json()["predictions"][0]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"records": PEOPLE[:1], "explain": "yes"}, 422, 'expected true, false or a number of reasons from 1 to 100 in "explain"'),
        ({"records": PEOPLE[:1], "explain": 0}, 422, "got 0"),
        ({"records": PEOPLE[:1], "explain": 1.5}, 422, "got 1.5"),
        ({"records": PEOPLE[:1], "explain": 101}, 422, "got 101"),
        ({"records": PEOPLE[:1] * 21, "explain": True}, 413, "expected up to 20 rows where reasons are asked for, got 21"),
        ({"records": [{**PEOPLE[0], "income": "much"}], "explain": True}, 422, 'row 0, field "income"'),
    ],
)  # fmt: skip
def test_what_cannot_be_explained_is_refused_and_not_predicted(
    fair: Running, body: Any, status: int, said: str
) -> None:
    known = len(fair.logged())
    answer = fair.post(body)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]["message"]
    assert len(fair.logged()) == known


def test_a_release_without_the_rows_that_stand_for_everybody_says_so_beforehand(fair: Running) -> None:
    assert fair.client.get("/ready").json()["explanations"] == "given where asked for"
    home, served = fair.world.home, fair.service.watch.served
    evidence = {name: digest for name, digest in served.production.body["evidence"].items() if "background" not in name}
    old = dataclasses.replace(served.production, body={**served.production.body, "evidence": evidence})
    with explained_by(fair, explaining_of(home, old, served.model, lambda: served.model)):
        assert "keeps no rows that stand for everybody" in fair.client.get("/ready").json()["explanations"]
        answer = fair.post({"records": PEOPLE[:1], "explain": True})
        assert answer.status_code == 422
        assert "release the model again" in answer.json()["error"]["message"]
        assert fair.post({"records": PEOPLE[:1]}).status_code == 200


def test_nobody_who_wants_no_reasons_waits_for_those_who_do_and_not_too_many_do(fair: Running) -> None:
    load = fair.service.watch.served.explaining.load
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> RowExplainer:
        begun.set()
        assert go_on.wait(30)
        assert load is not None
        return load()

    asked = {"records": PEOPLE[:1], "explain": True}
    with explained_by(fair, Explaining(why_not=None, load=slowly)), ThreadPoolExecutor(2) as others:
        waiting = [others.submit(fair.post, asked) for _ in range(2)]
        try:
            assert begun.wait(30)
            eventually(lambda: fair.service.explainer.waiting == 2)
            assert fair.post(asked).status_code == 503
            assert fair.post({"records": PEOPLE[:1]}).status_code == 200
            assert not any(each.done() for each in waiting)
        finally:
            go_on.set()
        assert [each.result().status_code for each in waiting] == [200, 200]


@pytest.mark.slow
def test_a_model_that_takes_long_to_explain_says_so_to_who_asks_and_answers_all_others(
    fair: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, served, sample = fair.world.home, fair.service.watch.served, people()
    model = fitted(sample, path_of("GaussianNB"))
    background = kept_background(model, sample, seed=0)
    assert background is not None
    evidence = {EXPLANATION_BACKGROUND: home.store.put(background_to_bytes(background))}
    other = dataclasses.replace(served.production, body={"evidence": evidence})
    explaining = explaining_of(home, other, model, lambda: model)
    assert explaining.load is not None
    assert explaining.load().explain(sample.features.iloc[:1]).method == "permutation"
    monkeypatch.setattr(reasons, "SECONDS_A_ROW", 0.0)
    with explained_by(fair, explaining):
        for _ in range(2):
            answer = fair.post({"records": PEOPLE[:1], "explain": True})
            assert answer.status_code == 422
            assert "to explain a row takes" in answer.json()["error"]["message"]
        assert fair.post({"records": PEOPLE[:1]}).status_code == 200
