"""What is served follows the ledger, under load, and only what verifies is served."""

import contextlib
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rai_platform.errors import EvidenceMissing, LedgerBroken, RaiError, TamperedArtifact, UnknownModel, UnsuitableData
from rai_platform.release.ledger import NewEntry
from rai_platform.serving.served import find_production, load_served, must_be_servable
from rai_platform.training.manifest import Feature, Manifest
from rai_platform_tests.servers import BIN, free_port
from rai_platform_tests.serving.asking import Running, eventually, ids, records, running
from rai_platform_tests.serving.conftest import file_at
from rai_platform_tests.world import World, lending_attributes, told

PEOPLE = records(5)


def promote_again(world: World, **changes: Any) -> None:
    """Records the promotion once more, by the platform's own key, with something changed in it."""
    body = world.entries("fair", "promotion")[-1].body
    world.home.ledger.append([NewEntry(kind="promotion", model="fair", body={**body, "version": "2", **changes})])


def damage_the_model(world: World) -> None:
    """Changes one byte of the estimator in the store."""
    certificate = served(world).model
    assert certificate is not None
    subjects = world.entries("fair", "promotion")[-1].body
    candidate = world.home.store.get(subjects["candidate"]).decode()
    [file] = [each for each in (world.settings.home / "store").rglob("*") if each.name in candidate and is_model(each)][
        :1
    ]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def is_model(file: Path) -> bool:
    return file.is_file() and file.read_bytes()[:2] == b"PK"  # skops files are zip archives


def served(world: World) -> Any:
    home = world.home
    return load_served(home, find_production(home, "fair"))


@contextlib.contextmanager
def asked_all_the_while(service: Running, *, threads: int = 4) -> Iterator[list[Any]]:
    """Clients that ask without a pause; gives every answer's status and version."""
    answers: list[Any] = []
    ends = threading.Event()

    def ask() -> None:
        while not ends.is_set():
            answer = service.post({"records": PEOPLE})
            answers.append((answer.status_code, answer.json().get("model", {}).get("version"), ids(answer)))

    clients = [threading.Thread(target=ask) for _ in range(threads)]
    for client in clients:
        client.start()
    try:
        yield answers
    finally:
        ends.set()
        for client in clients:
            client.join()


def assert_all_are_answered_and_on_record(service: Running, answers: list[Any], versions: set[str]) -> None:
    assert {status for status, _, _ in answers} == {200}
    assert {version for _, version, _ in answers} == versions
    logged = service.logged().set_index("id")
    assert logged.index.is_unique
    assert all(set(logged.loc[given, "version"]) == {version} for _, version, given in answers)


# --- a promotion while requests come in ------------------------------------------------------------------------------


def test_a_promotion_is_served_without_a_request_failing(released: World) -> None:
    with running(released) as service:
        with asked_all_the_while(service) as answers:
            eventually(lambda: len(answers) > 10)
            promote_again(released)
            eventually(lambda: answers[-1][1] == "2")
        assert_all_are_answered_and_on_record(service, answers, {"1", "2"})
        assert service.client.get("/ready").json()["problem"] is None


@pytest.mark.slow
def test_another_model_takes_over_without_a_request_failing(released: World) -> None:
    estimator = {**lending_attributes()["estimator"], "params": {"max_iter": 500, "C": 0.5}}
    with running(released) as service:
        before = service.post({"records": PEOPLE}).json()["predictions"]
        with asked_all_the_while(service, threads=2) as answers:
            released.write("fair", estimator=estimator)
            result = released.run("fair")
            assert result.success, told(result)
            eventually(lambda: answers[-1][1] == "2")
        assert_all_are_answered_and_on_record(service, answers, {"1", "2"})
        after = service.post({"records": PEOPLE}).json()
        (_, promotion) = released.entries("fair", "promotion")
        assert after["model"]["digest"] == promotion.body["model_digest"]
        assert [each["score"] for each in after["predictions"]] != [each["score"] for each in before]


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        (None, "the promotion has no certificate"),
        ({}, "the certificate is not signed by the platform's key"),
        ({"payload": 5, "payloadType": "x", "signatures": []}, "the certificate is not signed by the platform's key"),
    ],
)
def test_a_promotion_that_does_not_verify_leaves_the_model_as_it_is(
    released: World, certificate: Any, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with running(released) as service:
        promote_again(released, certificate=certificate)
        eventually(lambda: service.service.watch.problem)
        time.sleep(0.3)  # several looks more
        ready = service.client.get("/ready")
        assert (ready.status_code, ready.json()["model"]["version"]) == (200, "1")
        assert "version 2 was promoted and cannot be served, so that version 1 still is" in ready.json()["problem"]
        assert why in ready.json()["problem"]
        assert service.post({"records": PEOPLE}).json()["model"]["version"] == "1"
        errors = [record for record in caplog.records if record.name == "rai_platform.serving.watching"]
        assert [record.levelname for record in errors] == ["ERROR"], "it is said once, and not at every look"
        promote_again(released, certificate=released.entries("fair", "promotion")[0].body["certificate"], version="3")
        eventually(lambda: service.service.watch.served.production.version == "3")
        assert service.client.get("/ready").json()["problem"] is None


def test_a_ledger_that_cannot_be_read_leaves_the_model_as_it_is(released: World) -> None:
    with running(released) as service:
        ledger = released.settings.home / "ledger" / "ledger.db"
        with sqlite3.connect(ledger) as database:
            database.execute("ALTER TABLE ledger_entries RENAME TO elsewhere")
        eventually(lambda: service.service.watch.problem)
        assert "it is not known what is in production" in service.client.get("/ready").json()["problem"]
        assert service.post({"records": PEOPLE}).status_code == 200
        with sqlite3.connect(ledger) as database:
            database.execute("ALTER TABLE elsewhere RENAME TO ledger_entries")
        database.close()
        eventually(lambda: service.service.watch.problem is None)


# --- a log that cannot be written ------------------------------------------------------------------------------------


def test_no_prediction_is_given_that_cannot_be_recorded(released: World) -> None:
    with running(released) as service:
        assert service.post({"records": PEOPLE}).status_code == 200
        with sqlite3.connect(file_at(released.settings.inference_log_url)) as database:
            database.execute(
                "CREATE TRIGGER full BEFORE INSERT ON predictions BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
            )
        for path, body in {"/v1/models/fair/predict": {"records": PEOPLE}, "/invocations": {"inputs": PEOPLE}}.items():
            answer = service.post(body, path)
            assert answer.status_code == 503
            assert set(answer.json()) == {"error"}
            assert "the inference log cannot be written" in answer.json()["error"]["message"]
        ready = service.client.get("/ready")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert service.client.get("/health").status_code == 200
        with sqlite3.connect(file_at(released.settings.inference_log_url)) as database:
            database.execute("DROP TRIGGER full")
        database.close()
        assert service.client.get("/ready").status_code == 200
        assert service.post({"records": PEOPLE}).status_code == 200
        assert len(service.logged()) == 2 * len(PEOPLE)


# --- what is refused at the start ------------------------------------------------------------------------------------


def nothing_is_changed_but_a_byte(world: World) -> None:
    damage_the_model(world)


def the_ledger_is_edited(world: World) -> None:
    with sqlite3.connect(world.settings.home / "ledger" / "ledger.db") as database:
        database.execute('UPDATE ledger_entries SET body = replace(body, \'"version":"1"\', \'"version":"7"\')')
    database.close()


def another_models_certificate(world: World) -> None:
    body = world.entries("fair", "promotion")[-1].body
    promote_again(world, model_digest="0" * 64, certificate=body["certificate"])


def no_certificate(world: World) -> None:
    promote_again(world, certificate=None)


@pytest.mark.parametrize(
    ("harm", "error"),
    [
        (nothing_is_changed_but_a_byte, TamperedArtifact),
        (the_ledger_is_edited, LedgerBroken),
        (another_models_certificate, TamperedArtifact),
        (no_certificate, TamperedArtifact),
    ],
)
def test_what_does_not_verify_is_not_loaded(
    released: World, harm: Callable[[World], None], error: type[RaiError]
) -> None:
    assert served(released).told["version"] == "1"
    harm(released)
    with pytest.raises(error):
        served(released)


def test_a_model_without_a_promotion_is_not_served(judged: World) -> None:
    with pytest.raises(EvidenceMissing, match="no candidate was promoted yet"):
        find_production(judged.home, "fair")
    with pytest.raises(UnknownModel, match="did you mean 'fair'"):
        find_production(judged.home, "fiar")


@pytest.mark.parametrize(
    ("groups", "kind", "why"),
    [
        (("sex",), "number", "needs sex"),
        (("sex", "race"), "category", "needs race"),
        ((), "image", "of which size the images in x are"),
    ],
)
def test_a_model_that_needs_what_no_request_holds_is_not_served(groups: Any, kind: Any, why: str) -> None:
    names = {"category": "sex", "number": "sex", "image": "x"}
    manifest = Manifest(
        composition="group_thresholds" if groups else "single",
        estimator="sklearn.linear_model.LogisticRegression",
        features=(Feature(name=names[kind], kind=kind),),
        group_features=groups,
        positive_label="1",
        threshold=None,
        score_is_probability=True,
        seed=0,
    )
    with pytest.raises(UnsuitableData, match=why):
        must_be_servable(manifest, (), where="fair")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "harm", "code", "said"),
    [
        ("fair", nothing_is_changed_but_a_byte, 1, "it was changed after it was written"),
        ("fair", no_certificate, 1, "the promotion has no certificate"),
        ("unfair", None, 1, "no candidate was promoted yet"),
        ("fiar", None, 2, "no model 'fiar'; did you mean 'fair'?"),
    ],
)
def test_the_command_refuses_in_one_sentence(
    released: World, name: str, harm: Callable[[World], None] | None, code: int, said: str
) -> None:
    if harm is not None:
        harm(released)
    settings = released.settings
    done = subprocess.run(
        [BIN / "rai", "serve", name, "--port", str(free_port())],
        capture_output=True,
        text=True,
        check=False,
        cwd=released.folder,
        env={**settings.environment, "RAI_HOME": str(settings.home), "RAI_MODELS": str(settings.models)},
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
