"""The registered version of a released model: what it carries, that it is the model that was examined, and nothing else."""

import base64
import dataclasses
import hashlib
import io
import json
import pickletools
import shutil
import zipfile
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
import skops.io

from rai_platform.data.sources import read_table
from rai_platform.errors import PromotionConflict, TamperedArtifact, UnsuitableData, UnverifiedRelease
from rai_platform.pipeline.values import StoredValues
from rai_platform.registry.flavor import CANDIDATE, CANDIDATE_FILE, read_release
from rai_platform.registry.production import ALIAS
from rai_platform.release.certificate import certify, read_certificate
from rai_platform.release.decision import Promotion, decide
from rai_platform.release.keys import create_key, load_public_key
from rai_platform.training.candidate import Candidate, ModelFile
from rai_platform.training.loading import model_digest
from rai_platform.training.model_files import content_digest
from rai_platform_tests.card import made
from rai_platform_tests.release.dossiers import dossier
from rai_platform_tests.world import World, lending_attributes, told

DOCUMENTS = {"model_card.md": b"", "model_card.html": b"", "model_card.json": b"{}"}


def stored(world: World, asset: str) -> Any:
    with world.instance() as instance:
        return StoredValues(instance, world.home.store, None).read(dg.AssetKey(["fair", asset]))


@pytest.fixture(scope="module")
def release(released_world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the registered version, as MLflow hands it out."""
    client = released_world.home.registry.client
    recorded = released_world.entries("fair", "promotion")[0].body["release"]
    return Path(
        client.download_artifacts(recorded["mlflow_run_id"], recorded["path"], str(tmp_path_factory.mktemp("download")))
    )


@pytest.fixture
def data(release: Path, tmp_path: Path) -> Path:
    """A copy of a release to break: the folder it is loaded from."""
    (found,) = {path.parent for path in Path(shutil.copytree(release, tmp_path / "release")).rglob(CANDIDATE_FILE)}
    return found


@pytest.fixture
def key(released_world: World) -> Any:
    """What a service has that loads releases: the public half alone."""
    keys = released_world.settings.home / "keys"
    return load_public_key(keys / "signing_key.pub.pem", signing_key=keys / "is not there")


# --- what a version carries ------------------------------------------------------------------------------------------


def test_a_version_is_registered_with_everything_it_rests_on(released: World) -> None:
    promotion = released.entries("fair", "promotion")[0]
    version = released.home.registry.client.get_model_version_by_alias("fair", ALIAS)
    assert str(version.version) == promotion.body["version"] == "1"
    assert version.run_id == promotion.body["mlflow_run_id"]
    assert version.tags["rai.status"] == "promoted"
    assert version.tags["rai.ledger_entry"] == str(promotion.sequence)
    for name in ("model_digest", "data_digest", "policy_digest", "card_digest"):
        assert version.tags[f"rai.{name}"] == promotion.body[name]
    assert version.description.startswith("# fair: fit for release")


def test_the_certificate_beside_the_model_is_the_one_in_the_ledger(judged: World, tmp_path: Path) -> None:
    # A promotion of its own: copies of a world share the folders of MLflow's artifacts.
    assert judged.run("fair", ["production_model"]).success
    released = judged
    promotion = released.entries("fair", "promotion")[0]
    recorded = promotion.body["release"]
    client = released.home.registry.client
    release = Path(client.download_artifacts(recorded["mlflow_run_id"], recorded["path"], str(tmp_path)))
    attached = json.loads((release / "certificate.dsse.json").read_text())
    assert attached == promotion.body["certificate"]
    statement = read_certificate(attached, released.home.key.public)
    candidate = CANDIDATE.validate_json(next(release.rglob(CANDIDATE_FILE)).read_bytes())
    named = {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}
    assert named == {"fair": candidate.model_digest} | {
        f"file:{name}": file.blob for name, file in candidate.files.items()
    }


def test_the_card_beside_the_model_is_the_one_that_was_decided_on(released: World, release: Path) -> None:
    card = json.loads((release / "model_card.json").read_text())
    assert card["recommendation"] == "release"
    assert card["subject"]["model_digest"] == released.entries("fair", "promotion")[0].body["model_digest"]
    assert "Fit for release" in (release / "model_card.html").read_text()


def test_nothing_in_a_release_is_a_pickle(release: Path) -> None:
    files = [path for path in release.rglob("*") if path.is_file()]
    inside = 0
    assert {path.suffix for path in files} <= {"", ".yaml", ".txt", ".json", ".skops", ".md", ".html"}
    for path in files:
        assert not is_pickle(path.read_bytes()), path
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    inside += 1
                    content = archive.read(name)
                    assert not is_pickle(content), f"{path}, {name}"
                    if name.endswith(".npy"):
                        np.load(io.BytesIO(content), allow_pickle=False)
    assert inside > 2
    assert is_pickle(b"\x80\x04]\x94.")


def is_pickle(content: bytes) -> bool:
    """Whether the bytes are a program for Python's pickle machine, to their end."""
    try:
        *_, (_, _, end) = pickletools.genops(content)
    except ValueError:
        return False
    return end == len(content) - 1


# --- the model that was examined -------------------------------------------------------------------------------------


def test_by_its_alias_mlflow_loads_the_very_model_that_was_examined(
    released: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow.pyfunc

    monkeypatch.setenv("RAI_HOME", str(released.settings.home))
    mlflow.set_tracking_uri(released.settings.tracking_uri)
    loaded = mlflow.pyfunc.load_model(f"models:/fair@{ALIAS}")
    sample, predictions = stored(released, "test_data"), stored(released, "predictions")
    answers = loaded.predict(sample.features)
    assert np.array_equal(answers["score"], predictions.y_score)
    assert np.array_equal(answers["decision"], predictions.y_pred)
    raw = read_table(released.model("fair").spec.data.table).iloc[sample.row_key]
    pd.testing.assert_frame_equal(loaded.predict(raw.sample(frac=1, axis=1, random_state=0)), answers)
    assert released.home.registry.bring_in_line("fair") is None  # loading is no tampering


def put_another_model_in(data: Path) -> None:
    candidate = json.loads((data / CANDIDATE_FILE).read_bytes())
    (data / "estimator.skops").write_bytes((data / "preprocessing.skops").read_bytes())
    assert set(candidate["files"]) == {"preprocessing", "estimator"}


def lower_the_threshold(data: Path) -> None:
    path = data / CANDIDATE_FILE
    path.write_text(path.read_text().replace('"threshold": 0.5', '"threshold": 0.1'))
    assert '"threshold": 0.1' in path.read_text()


def flip_a_weight(data: Path) -> None:
    path = data / "estimator.skops"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in members if name.endswith(".npy"))
    members[name] = members[name][:-1] + bytes([members[name][-1] ^ 0x80])
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


def name_another_type(data: Path) -> None:
    """A file that holds a type of somebody's own, and a candidate whose estimator, trusted by name, is that type."""
    content = skops.io.dumps({"of": Somebody()})
    candidate: Candidate = CANDIDATE.validate_json((data / CANDIDATE_FILE).read_bytes())
    manifest = dataclasses.replace(candidate.manifest, estimator=f"{Somebody.__module__}.{Somebody.__name__}")
    files = {"estimator": ModelFile(blob=hashlib.sha256(content).hexdigest(), content=content_digest(content))}
    forged = dataclasses.replace(candidate, manifest=manifest, files=files, model_digest=model_digest(manifest, files))
    (data / CANDIDATE_FILE).write_bytes(CANDIDATE.dump_json(forged))
    (data / "estimator.skops").write_bytes(content)


class Somebody:
    """A type that runs code when it is built from a file."""

    def __init__(self) -> None:
        self.state = 1

    def __setstate__(self, state: Any) -> None:
        pytest.fail("code of the file ran")


def forge_the_certificate(data: Path) -> None:
    path = data.parents[1] / "certificate.dsse.json"
    envelope = json.loads(path.read_bytes())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"]["disclosed"] = []
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    path.write_text(json.dumps(envelope))


NOT_NAMED = "not what its certificate names"


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (put_another_model_in, NOT_NAMED),
        (flip_a_weight, NOT_NAMED),
        (name_another_type, NOT_NAMED),
        (lower_the_threshold, "manifest and files of the model do not give its digest"),
        (lambda data: (data / "estimator.skops").write_bytes(b"\x80\x04]\x94."), NOT_NAMED),
        (lambda data: (data / "estimator.skops").unlink(), "lacks estimator.skops"),
        (lambda data: (data / CANDIDATE_FILE).unlink(), "lacks candidate.json"),
        (lambda data: (data / CANDIDATE_FILE).write_text("{}"), "candidate.json is not what was released"),
        (lambda data: (data / CANDIDATE_FILE).write_text("\x80"), "candidate.json is not what was released"),
        (lambda data: (data.parents[1] / "certificate.dsse.json").unlink(), "lacks certificate.dsse.json"),
        (lambda data: (data.parents[1] / "certificate.dsse.json").write_text("{}"), "not signed by the platform's key"),
        (
            lambda data: (data.parents[1] / "certificate.dsse.json").write_text("{"),
            "certificate of the release cannot be",
        ),
        (forge_the_certificate, "not signed by the platform's key"),
    ],
    ids=[
        "another part",
        "a weight",
        "another type",
        "the threshold",
        "a pickle",
        "a part gone",
        "no candidate",
        "empty",
        "no JSON",
        "no certificate",
        "an empty certificate",
        "half a certificate",
        "a forged certificate",
    ],
)
def test_a_release_that_was_touched_is_not_loaded(data: Path, key: Any, tamper: Any, says: str) -> None:
    read_release(data, key)
    tamper(data)
    with pytest.raises(TamperedArtifact, match=says):
        read_release(data, key)


def test_a_release_is_loaded_with_no_more_than_the_public_key(
    released: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow.pyfunc

    mlflow.set_tracking_uri(released.settings.tracking_uri)
    public = released.settings.home / "keys" / "signing_key.pub.pem"
    elsewhere = create_key(tmp_path / "elsewhere" / "key.pem")
    monkeypatch.setenv("RAI_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(UnverifiedRelease, match="set RAI_PUBLIC_KEY"):
        mlflow.pyfunc.load_model(f"models:/fair@{ALIAS}")
    monkeypatch.setenv("RAI_PUBLIC_KEY", str(tmp_path / "elsewhere" / "key.pub.pem"))
    with pytest.raises(TamperedArtifact, match="not signed"):
        mlflow.pyfunc.load_model(f"models:/fair@{ALIAS}")
    assert elsewhere.key_id != released.home.key.key_id
    monkeypatch.setenv("RAI_PUBLIC_KEY", str(public))
    assert mlflow.pyfunc.load_model(f"models:/fair@{ALIAS}") is not None


def test_where_a_vendors_scores_were_released_there_is_no_model_to_ask(tmp_path: Path) -> None:
    given = made.candidate((), composition="given", threshold=None, score_is_probability=False)
    folder = tmp_path / "release" / "data" / "data"
    folder.mkdir(parents=True)
    (folder / CANDIDATE_FILE).write_bytes(CANDIDATE.dump_json(given))
    key = create_key(tmp_path / "key.pem")
    promotion = promotion_of(given)
    certificate = certify(promotion, version="1", files={}, key=key, now="2026-01-01T00:00:00+00:00")
    (tmp_path / "release" / "certificate.dsse.json").write_text(json.dumps(certificate))
    with pytest.raises(UnsuitableData, match="there is no model here to ask"):
        read_release(folder, key.public)


# --- what a promotion will not do ------------------------------------------------------------------------------------


def assert_nothing_changed(world: World) -> None:
    assert world.entries("fair", "promotion") == []
    assert world.home.registry.alias("fair") is None
    assert list(world.home.registry.client.search_model_versions("name='fair'")) == []


def promotion_of(candidate: Candidate, **changes: Any) -> Promotion:
    """Leave for a candidate, from evidence made by hand."""
    on = dossier()
    about = dataclasses.replace(on.subject, model_digest=candidate.model_digest)
    verdicts = tuple(
        dataclasses.replace(item, verdict=dataclasses.replace(item.verdict, subject=about))
        if item.verdict.subject.model_digest
        else item
        for item in on.verdicts
    )
    card = dataclasses.replace(on.card, subject=about)
    decision = decide(dataclasses.replace(on, subject=about, verdicts=verdicts, card=card, **changes))
    assert isinstance(decision, Promotion)
    return decision


def test_leave_for_one_model_is_no_leave_for_another(judged: World) -> None:
    candidate = stored(judged, "candidate_model")
    elsewhere = promotion_of(dataclasses.replace(candidate, model_digest="9" * 64))
    with pytest.raises(PromotionConflict, match="about another model"):
        judged.home.registry.promote(elsewhere, candidate, DOCUMENTS, run_id="by hand")
    assert_nothing_changed(judged)


def test_a_candidate_whose_files_are_not_what_its_digest_says_is_not_promoted(judged: World) -> None:
    candidate = stored(judged, "candidate_model")
    swapped = {**candidate.files, "estimator": candidate.files["preprocessing"]}
    forged = dataclasses.replace(candidate, files=swapped)
    with pytest.raises(TamperedArtifact, match="do not give its digest"):
        judged.home.registry.promote(promotion_of(candidate), forged, DOCUMENTS, run_id="by hand")
    lied = dataclasses.replace(
        candidate.files["estimator"], blob=judged.home.store.put(b"another model"), content="0" * 64
    )
    assert isinstance(lied, ModelFile)
    with pytest.raises(TamperedArtifact):
        judged.home.registry.promote(
            promotion_of(candidate),
            dataclasses.replace(candidate, files={**candidate.files, "estimator": lied}),
            DOCUMENTS,
            run_id="by hand",
        )
    assert_nothing_changed(judged)


def test_a_promotion_that_comes_second_leaves_production_and_alias_alone(released: World) -> None:
    candidate = stored(released, "candidate_model")
    with pytest.raises(PromotionConflict, match="another model was promoted after the card"):
        released.home.registry.promote(promotion_of(candidate), candidate, DOCUMENTS, run_id="by hand")
    assert len(released.entries("fair", "promotion")) == 1
    assert released.home.registry.alias("fair") == "1"


def test_the_same_promotion_tried_twice_registers_one_version(judged: World) -> None:
    candidate = stored(judged, "candidate_model")
    promotion = promotion_of(candidate)
    judged.home.registry.promote(promotion, candidate, DOCUMENTS, run_id="by hand")
    with pytest.raises(PromotionConflict):
        judged.home.registry.promote(promotion, candidate, DOCUMENTS, run_id="by hand")
    assert len(list(judged.home.registry.client.search_model_versions("name='fair'"))) == 1


# --- the alias follows the ledger ------------------------------------------------------------------------------------


def test_an_alias_that_is_where_it_belongs_is_left_alone(released: World) -> None:
    assert released.home.registry.bring_in_line("fair") is None
    assert released.home.registry.bring_in_line("unfair") is None
    assert released.entries("fair", "alias_restored") == []


def test_an_alias_that_had_yet_to_follow_is_brought_along_without_suspicion(released: World) -> None:
    released.home.registry.client.delete_registered_model_alias("fair", ALIAS)
    told_of = released.home.registry.bring_in_line("fair")
    assert told_of == "the alias `production` pointed to nothing; put to version 1"
    assert released.home.registry.alias("fair") == "1"
    assert released.entries("fair", "alias_restored") == []


def test_a_version_that_is_gone_from_mlflow_is_told_and_made_again(released: World) -> None:
    released.home.registry.client.delete_model_version("fair", "1")
    told_of = released.home.registry.bring_in_line("fair")
    assert told_of == "version 1 is gone from the registry; restored as version 2"
    production = released.status("fair").production
    assert production is not None
    assert (production.version, released.home.registry.alias("fair")) == ("2", "2")


@pytest.mark.slow
def test_another_model_takes_its_place_and_the_old_version_stays(released: World) -> None:
    released.write("fair", estimator={**lending_attributes()["estimator"], "params": {"max_iter": 500, "C": 0.1}})
    result = released.run("fair")
    assert result.success, told(result)
    first, second = released.entries("fair", "promotion")
    assert second.body["replaces"] == first.sequence
    assert second.body["model_digest"] != first.body["model_digest"]
    registry = released.home.registry
    assert registry.alias("fair") == second.body["version"] == "2"
    assert registry.client.get_model_version("fair", "1").tags["rai.status"] == "promoted"
    assert released.entries("fair", "alias_restored") == []
