"""The service keeps to what it says of itself: no request that its OpenAPI allows, or nearly allows, ends in a 500."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from rai_platform.serving.access import SCOPE_OF_ROUTE
from rai_platform.serving.service import build_app
from rai_platform_tests.serving.asking import PREDICT, Running, records, running
from rai_platform_tests.world import World

FEW, MANY = 10, 300  # examples
PEOPLE = records(3)


@pytest.fixture(scope="module")
def fair(released_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that listens."""
    with running(released_world.copy(tmp_path_factory.mktemp("openapi"))) as service:
        yield service


@pytest.fixture(scope="module")
def told(fair: Running) -> dict[str, Any]:
    """What it says of itself."""
    document: dict[str, Any] = fair.client.get("/openapi.json").json()
    return document


def test_every_address_is_described_and_has_a_rule_of_who_may_ask(fair: Running, told: dict[str, Any]) -> None:
    doors = build_app(fair.service).routes
    assert all(isinstance(door, APIRoute) for door in doors), "of others, the app's dependencies do not ask for a key"
    routes = {(door.path, method.lower()) for door in doors if isinstance(door, APIRoute) for method in door.methods}
    assert {(path, method) for path, doors in told["paths"].items() for method in doors} == routes
    assert {path for path, _ in routes} == SCOPE_OF_ROUTE.keys()


def test_it_names_the_features_of_the_model_and_their_categories(told: dict[str, Any]) -> None:
    row = told["components"]["schemas"]["Row"]
    assert sorted(row["required"]) == sorted(PEOPLE[0])
    assert row["properties"]["home"]["enum"] == ["other", "own", "rent"]
    assert {"type": "null"} in row["properties"]["savings"]["anyOf"]
    assert row["properties"]["income"]["type"] == "number"
    assert (row["properties"]["income"]["minimum"], row["properties"]["income"]["maximum"]) == pytest.approx(
        (-1.51, 139.01)
    )


def test_what_an_explained_answer_says_is_described(fair: Running, told: dict[str, Any]) -> None:
    (prediction,) = fair.post({"records": PEOPLE[:1], "explain": True}).json()["predictions"]
    jsonschema.validate(prediction, told["components"]["schemas"]["Prediction"])
    assert (
        jsonschema.Draft202012Validator(told["components"]["schemas"]["Prediction"]).is_valid(
            {**prediction, "explanation": {}}
        )
        is False
    )


def ask(fair: Running, told: dict[str, Any], path: str, mode: GenerationMode, examples: int) -> set[int]:
    """The statuses of answers to made-up requests, each of which keeps to the document."""
    schema = schemathesis.openapi.from_dict(told)
    (operation,) = schema[path].values()
    statuses: set[int] = set()

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def asked(case: Any) -> None:
        answer = case.call(base_url=str(fair.client.base_url))
        statuses.add(answer.status_code)
        # As many keys as rows, and labels of predictions that there are: no schema can ask for that. Statuses are for the tests.
        case.validate_response(answer, excluded_checks=[positive_data_acceptance, negative_data_rejection])

    asked()
    return statuses


@pytest.mark.parametrize("path", sorted(SCOPE_OF_ROUTE))
def test_requests_that_the_document_allows_are_answered_as_it_says(
    fair: Running, told: dict[str, Any], path: str
) -> None:
    assert 500 not in ask(fair, told, path, GenerationMode.POSITIVE, FEW)


@pytest.mark.parametrize(
    "path", [path for path, scope in sorted(SCOPE_OF_ROUTE.items()) if scope in ("predict", "label")]
)
def test_requests_that_it_does_not_allow_are_refused(fair: Running, told: dict[str, Any], path: str) -> None:
    assert ask(fair, told, path, GenerationMode.NEGATIVE, FEW) <= set(range(400, 500))


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("path", [PREDICT.replace("fair", "{name}"), "/invocations", "/v1/labels"])
def test_many_made_up_requests(fair: Running, told: dict[str, Any], path: str, mode: GenerationMode) -> None:
    statuses = ask(fair, told, path, mode, MANY)
    assert 500 not in statuses
    assert (200 in statuses) == (mode == GenerationMode.POSITIVE and path != "/v1/labels")
