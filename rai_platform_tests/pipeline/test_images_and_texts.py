"""Models of images and of texts, from the YAML through the same graph to production, and out of MLflow again."""

import base64
import hashlib
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator
from PIL import Image

from rai_platform.card.document import ModelCard
from rai_platform.data.images import unpack
from rai_platform.data.preparation import prepare_data
from rai_platform.monitoring.windows import ALL
from rai_platform.pipeline.watching import look_at_production
from rai_platform.robustness.report import RobustnessScores
from rai_platform.serving.observed import read_observed
from rai_platform.spec.model import ASSETS
from rai_platform_tests.serving.asking import running
from rai_platform_tests.world import World, told

NO_PEOPLE = "Digits are no people."
DIGITS: dict[str, Any] = {
    "data": {"source": "sklearn:digits", "target": "label", "image": "image", "classes": "all"},
    "sensitive_features": [],
    "intersections": [],
    "estimator": {
        "type": "rai_platform.training.networks.ImageClassifier",
        "params": {"epochs": 15, "batch_size": 64},
    },
    "attacks": {"images": {"linf": [0.1, 0.3], "l2": [1.0], "examples": 200, "queries": 50}},
    "policy": {
        "requirements": [
            *({"metric": metric, "severity": "off", "reason": NO_PEOPLE} for metric in (
                "disparate_impact", "equalized_odds_difference", "forbidden_features_in_top",
                "protected_attributes_at_prediction", "group_count", "label_rate_ratio",
            )),
        ]
    },
}  # fmt: skip
PROMPTS: dict[str, Any] = {
    "data": {"source": "generator:prompts?rows=1200", "target": "injection", "text": "text"},
    "sensitive_features": [{"name": "writes_in"}],
    "intersections": [],
    "estimator": {"type": "sklearn.linear_model.LogisticRegression", "params": {"C": 10.0}},
    "attacks": {
        "texts": {"recipes": ["deepwordbug", "textfooler"], "examples": 40, "queries": 200},
        "guard": {"examples": 40},
    },
    "policy": {},
}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("digits"))
    world.write("digits", **DIGITS)
    result = world.run("digits")
    assert result.success, told(result)
    return world


def encoded(pixels: np.ndarray) -> bytes:
    """An image as the file that a caller would have."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1)).save(buffer, "PNG")
    return buffer.getvalue()


def value_of(world: World, name: str, asset: str) -> Any:
    from rai_platform.pipeline.steps import Step
    from rai_platform.pipeline.values import StoredValues

    with world.instance() as instance:
        step = Step(
            definition=world.model(name),
            home=world.home,
            values=StoredValues(instance, world.home.store, None),
            run_id="",
            mlflow_run_id=lambda: "",
        )
        return step.values.read(step.key(asset))


@pytest.mark.slow
def test_a_model_of_images_reaches_production_by_its_evidence(digits: World) -> None:
    status = digits.status("digits")
    assert status.production is not None
    verdicts = {verdict.check: verdict for verdict in status.verdicts}
    assert verdicts["accuracy_drop_under_corruption"].outcome == "PASS"
    assert verdicts["additivity_error"].outcome == "PASS"
    # The distance of the default policy is tried as well, though the spec names others.
    assert verdicts["accuracy_under_linf_attack"].estimate is not None
    assert "accuracy_drop_under_noise" not in verdicts, "it is about tables"


@pytest.mark.slow
def test_the_report_holds_curves_for_every_distance(digits: World) -> None:
    report: RobustnessScores = value_of(digits, "digits", "robustness_scores")
    assert report.images is not None
    assert {point.epsilon for point in report.images.curve if point.norm == "linf"} == {0.05, 0.1, 0.3}
    assert report.images.doubts == ()


@pytest.mark.slow
def test_the_card_tells_of_classes_and_images_and_not_of_tables(digits: World) -> None:
    card: ModelCard = value_of(digits, "digits", "model_card")
    assert [row.label for row in card.classes] == [str(digit) for digit in range(10)]
    assert card.confusion is None
    assert card.robustness.images is not None
    assert card.robustness.rows == ()
    assert card.robustness.attack is None
    html = (digits.settings.home / "cards" / "digits" / "model_card.html").read_text(encoding="utf-8")
    assert re.search(r"Learned from</td><td><code>sklearn:digits</code>, [\d,]+ rows, 10 classes</td>", html)
    assert "10 classes" in html
    assert "categories mixed up" not in html


@pytest.mark.slow
def test_a_released_network_is_loaded_from_mlflow_and_decides_the_same(
    digits: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAI_HOME", str(digits.settings.home))
    mlflow.set_tracking_uri(digits.settings.tracking_uri)
    try:
        released = mlflow.pyfunc.load_model("models:/digits@production")
    finally:
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
    test = prepare_data(digits.model("digits").spec).test
    answered = released.predict(test.features)
    predictions = value_of(digits, "digits", "predictions")
    assert answered["decision"].tolist() == [test.classes[number] for number in predictions.y_pred]
    chances = answered.drop(columns="decision").to_numpy()
    assert np.allclose(chances, predictions.y_proba, atol=1e-6)
    as_pictures = test.features.head(20).assign(
        image=[encoded(each) for each in unpack(test.features["image"].head(20), where="")]
    )
    assert released.predict(as_pictures)["decision"].tolist() == answered["decision"].head(20).tolist()
    files = {path.suffix for path in digits.settings.home.rglob("*") if path.is_file() and "mlartifacts" in str(path)}
    assert not files & {".pkl", ".pickle", ".pt", ".pth", ".joblib"}


@pytest.mark.slow
def test_a_released_network_answers_requests_as_mlflow_has_it(digits: World) -> None:
    test = prepare_data(digits.model("digits").spec).test.take(np.arange(40))
    pixels = unpack(test.features["image"], where="image")
    with running(digits, name="digits") as service:
        model = service.service.watch.served.model
        chances = model.probabilities(test.features)
        rows = [image.squeeze(-1).tolist() for image in pixels]
        files = [base64.b64encode(encoded(image)).decode() for image in pixels]
        for content in (rows, files):
            answer = service.client.post("/invocations", json={"instances": content})
            assert answer.status_code == 200, answer.text
            given = answer.json()["predictions"]
            assert [each["decision"] for each in given] == [str(place) for place in chances.argmax(axis=1)]
            np.testing.assert_allclose([each["score"] for each in given], chances.max(axis=1), rtol=1e-6)
        row = service.client.get("/openapi.json").json()["components"]["schemas"]["Row"]
        for image, fits in ((rows[0], True), (files[0], True), (rows[0][:7], False)):
            assert Draft202012Validator(row).is_valid({"image": image}) is fits
        wrong = service.post({"records": [{"image": rows[0][:7]}]}, "/v1/models/digits/predict")
        assert wrong.status_code == 422
        assert 'row 0, field "image": expected an image of 8 rows of 8 pixels, grey' in wrong.json()["error"]["message"]
        asked = service.post({"records": [{"image": rows[0]}], "explain": True}, "/v1/models/digits/predict")
        assert "this model tells 10 apart" in asked.json()["error"]["message"]
        identity = given[0]["id"]
        labelled = service.post({"labels": [{"id": identity, "label": given[0]["decision"]}]}, "/v1/labels")
        assert labelled.json()["recorded"] == 1
        logged = service.logged()
    assert len(logged) == 80
    kept = [f"sha256:{hashlib.sha256(image).hexdigest()}" for image in test.features["image"]]
    assert logged["features"].tolist() == [{"image": each} for each in kept] * 2
    observed = read_observed(digits.settings, "digits")
    assert observed["feature:image"].tolist() == logged["features"].map(lambda each: each["image"]).tolist()


@pytest.mark.slow
def test_what_a_network_answers_about_images_is_watched_and_that_images_are_not_is_said(digits: World) -> None:
    test = prepare_data(digits.model("digits").spec).test.take(np.arange(150))
    rows = [image.squeeze(-1).tolist() for image in unpack(test.features["image"], where="image")]
    with running(digits, name="digits") as service:
        given = service.client.post("/invocations", json={"instances": rows}).json()["predictions"]
        labels = [
            {"id": each["id"], "label": str(truth)} for each, truth in zip(given, test.y_true.tolist(), strict=True)
        ]
        assert service.post({"labels": labels}, "/v1/labels").json()["recorded"] == len(labels)
    definition = digits.model("digits")
    report = look_at_production(digits.home, definition, now=datetime.now(UTC) + timedelta(days=1)).report
    window = report.windows[-1]
    shares = {name: rate[ALL][ALL].value for name, rate in window.rates.items() if name.startswith("share of ")}
    assert set(shares) == {f"share of {digit}" for digit in range(10)}
    assert sum(shares.values()) == pytest.approx(1)
    assert window.rates["accuracy"][ALL][ALL].value > 0.85
    assert set(window.drift) == {"(score)"}
    assert "image is read as a whole and has no values to compare" in report.reference
    assert report.not_attributed == "the parts of texts and images are other ones in each, and cannot be compared"
    assert report.alerts == ()


@pytest.mark.slow
def test_an_image_of_another_size_is_refused_in_a_sentence(digits: World, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", image=np.zeros((40, 9, 9), dtype="uint8"), label=np.arange(40) % 10)
    spec = yaml.safe_load((digits.folder / "models" / "digits" / "defs.yaml").read_text())["attributes"]
    world = World(tmp_path / "world")
    changed = {**spec, "split": {"test": str(tmp_path / "other.npz")}}
    changed.pop("name")
    world.write("digits", **changed)
    result = world.run("digits", [asset for asset in ASSETS if asset in ("training_data", "test_data")])
    assert not result.success
    assert "schema_violation_rate" in told(result)


@pytest.mark.slow
def test_a_guard_of_texts_is_attacked_disguised_and_judged(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write("guard", **PROMPTS)
    world.run("guard")
    report: RobustnessScores = value_of(world, "guard", "robustness_scores")
    assert report.texts is not None
    assert report.prompts is not None
    assert [row.recipe for row in report.texts.not_run if row.recipe == "textfooler"] == ["textfooler"]
    assert report.prompts.guard is not None
    assert {family.family for family in report.prompts.guard.families} >= {"base64", "leet"}
    card: ModelCard = value_of(world, "guard", "model_card")
    assert {section.feature for section in card.fairness} == {"writes_in"}
    assert card.robustness.texts is not None
    assert card.robustness.texts.not_run
    checkpoint = next((world.settings.home / "checkpoints").glob("texts-*.jsonl"))
    assert checkpoint.stat().st_size > 0
