"""A certificate that a stranger can verify with a public key and nothing of this platform."""

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from rai_platform.errors import TamperedArtifact
from rai_platform.release.certificate import read_certificate
from rai_platform_tests.world import World


def pre_authentication_encoding(kind: str, payload: bytes) -> bytes:
    """DSSE's own: ``DSSEv1 <length> <type> <length> <payload>``."""
    return b" ".join([b"DSSEv1", str(len(kind)).encode(), kind.encode(), str(len(payload)).encode(), payload])


def test_a_stranger_verifies_it_with_the_public_key_alone(released: World) -> None:
    envelope = released.entries("fair", "promotion")[0].body["certificate"]
    public = load_pem_public_key(released.home.settings.signing_key.with_suffix(".pub.pem").read_bytes())
    assert isinstance(public, Ed25519PublicKey)
    payload = base64.b64decode(envelope["payload"])
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    public.verify(signature, pre_authentication_encoding(envelope["payloadType"], payload))
    with pytest.raises(InvalidSignature):
        public.verify(signature, pre_authentication_encoding(envelope["payloadType"], payload + b" "))


def test_it_is_about_the_model_the_data_the_policy_and_the_verdicts(released: World) -> None:
    promotion = released.entries("fair", "promotion")[0]
    statement = read_certificate(promotion.body["certificate"], released.home.key.public)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"][0] == {"name": "fair", "digest": {"sha256": promotion.body["model_digest"]}}
    files = {subject["name"] for subject in statement["subject"][1:]}
    assert files == {"file:preprocessing", "file:estimator"}
    predicate = statement["predicate"]
    assert predicate["evaluationData"] == {"sha256": promotion.body["data_digest"]}
    assert predicate["policy"]["sha256"] == released.model("fair").policy.digest
    verdicts = {item["check"]: item for item in predicate["verdicts"]}
    assert verdicts["disparate_impact__sex"]["verdict"] == "PASS"
    recorded = {entry.sequence: entry.digest for entry in released.entries("fair", "verdict")}
    assert all(recorded[item["ledgerEntry"]] == item["sha256"] for item in verdicts.values())


def test_a_certificate_that_was_touched_is_refused(released: World) -> None:
    envelope = json.loads(json.dumps(released.entries("fair", "promotion")[0].body["certificate"]))
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["subject"][0]["digest"]["sha256"] = "0" * 64
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    with pytest.raises(TamperedArtifact, match="not signed by the platform's key"):
        read_certificate(envelope, released.home.key.public)


def test_the_registered_version_carries_the_certificate_the_card_and_a_model_that_loads(
    released: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAI_HOME", str(released.settings.home))
    import mlflow.pyfunc
    import pandas as pd

    from rai_platform.data.preparation import prepare_data

    registry = released.home.registry
    version = registry.client.get_model_version("fair", "1")
    folder = released.entries("fair", "promotion")[0].body["release"]["path"]
    names = {file.path.removeprefix(f"{folder}/") for file in registry.client.list_artifacts(version.run_id, folder)}
    assert {"MLmodel", "model_card.html", "certificate.dsse.json"} <= names
    sample = prepare_data(released.model("fair").spec).test
    mlflow.set_tracking_uri(released.settings.tracking_uri)
    loaded = mlflow.pyfunc.load_model("models:/fair@production")
    answers = loaded.predict(sample.features.head(5))
    assert isinstance(answers, pd.DataFrame)
    assert list(answers.columns) == ["score", "decision"]
    assert ((answers["score"] >= 0.5) == (answers["decision"] == 1)).all()
