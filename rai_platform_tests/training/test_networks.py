"""Networks as classifiers: trained by a seed, saved as tensors and nothing else, and the same again when read."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load
from sklearn.base import clone
from torch import nn

from rai_platform.data.preparation import PreparedData, prepare_data
from rai_platform.data.sample import Sample
from rai_platform.errors import TamperedArtifact, UnusableEstimator
from rai_platform.spec.model import ModelSpec
from rai_platform.store import ContentStore
from rai_platform.training.estimator_code import must_be_the_same_code
from rai_platform.training.fitting import fit_model
from rai_platform.training.formats import content_digest, read_part, write_part
from rai_platform.training.loading import load_model
from rai_platform.training.model import TrainedModel
from rai_platform.training.networks import ImageClassifier, TableClassifier, TextClassifier, TransformerClassifier
from rai_platform.training.networks.adversarial_examples import AdversarialTraining, changed_against
from rai_platform.training.networks.network_classifier import CONFIG, header_of
from rai_platform.training.networks.optimization import Schedule, optimize
from rai_platform_tests.training.lending import train

NETWORKS = "rai_platform.training.networks"
IMAGES, TEXTS, TABLES = (f"{NETWORKS}.{name}Classifier" for name in ("Image", "Text", "Table"))
DIGITS = {"source": "sklearn:digits", "target": "label", "image": "image", "classes": "all"}
PROMPTS = {"source": "generator:prompts?rows=400", "target": "injection", "text": "text"}
FLOWERS = {"source": "sklearn:iris", "target": "target", "classes": "all"}


class Lines(nn.Module):
    """A user's own network, named by its import path: one weight for every pixel."""

    def __init__(self, *, shape: tuple[int, int, int], classes: int, scale: float = 1.0) -> None:
        super().__init__()
        self.weights, self.scale = nn.Linear(int(np.prod(shape)), classes), scale

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.scale * self.weights(images.flatten(1))


class TooFew(Lines):
    """Gives one logit too few."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images)[:, 1:]


def spec_of(data: dict, estimator: str, params: dict | None = None, **estimator_says) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "tried",
            "owners": ["team:tests"],
            "intended_use": "A test.",
            "out_of_scope": "Everything else.",
            "data": data,
            "estimator": {"type": estimator, "params": params or {}, **estimator_says},
        }
    )


def fitted(data: dict, estimator: str, params: dict | None = None, **says) -> tuple[TrainedModel, PreparedData]:
    spec = spec_of(data, estimator, params, **says)
    prepared = prepare_data(spec)
    assert prepared.training is not None
    return fit_model(spec, prepared.training)[0], prepared


def accuracy(model: TrainedModel, sample: Sample) -> float:
    return float((model.decide(sample.features, sample.sensitive_features) == sample.y_true).mean())


@pytest.fixture(scope="module")
def digits() -> tuple[TrainedModel, PreparedData]:
    return fitted(DIGITS, IMAGES, {"epochs": 20, "batch_size": 64})


@pytest.mark.parametrize(
    ("data", "estimator", "params", "at_least"),
    [
        (DIGITS, IMAGES, {"epochs": 20, "batch_size": 64}, 0.93),
        (DIGITS, "sklearn.linear_model.LogisticRegression", {"max_iter": 500}, 0.93),
        (PROMPTS, TEXTS, {"epochs": 8}, 0.9),
        (PROMPTS, "sklearn.linear_model.LogisticRegression", {"C": 10.0}, 0.9),
        (FLOWERS, TABLES, {"epochs": 60, "batch_size": 16}, 0.9),
        (FLOWERS, "sklearn.ensemble.RandomForestClassifier", {"n_estimators": 20}, 0.9),
        ({"source": "sklearn:breast_cancer", "target": "target"}, TABLES, {"epochs": 30, "batch_size": 32}, 0.93),
    ],
)
def test_each_kind_of_model_learns_and_is_the_same_after_it_was_saved(data, estimator, params, at_least):
    model, prepared = fitted(data, estimator, params)
    assert accuracy(model, prepared.test) >= at_least
    parts = {}
    for name, part in model.parts.items():
        content, kind = write_part(part, estimator=estimator)
        parts[name] = read_part(content, kind, estimator=estimator)
        if kind == "safetensors":
            assert write_part(parts[name], estimator=estimator)[0] == content
    back = TrainedModel(manifest=model.manifest, parts=parts)
    features = prepared.test.features
    assert np.array_equal(model.probabilities(features), back.probabilities(features))
    assert np.allclose(back.probabilities(features).sum(axis=1), 1)


def test_one_seed_gives_one_model_and_another_seed_another():
    digests = []
    for seed in (0, 0, 1):
        model, _ = fitted(PROMPTS, TEXTS, {"epochs": 1}, seed=seed)
        digests.append(content_digest(*write_part(model.parts["estimator"], estimator=TEXTS)))
    assert digests[0] == digests[1] != digests[2]


def test_equal_texts_give_equal_vocabularies_in_whatever_order_they_come():
    texts = np.array(["pear apple fig", "fig cherry", "fig pear date", "banana"], dtype=object)
    words = []
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        classifier = TextClassifier(most_words=4, epochs=1).fit(texts[order], np.array([0, 1, 0, 1])[order])
        words.append(classifier.config_["words"])
    assert words == [["fig", "pear", "apple", "banana"]] * 3, "of words that occur once, the first by the alphabet"


SCHEDULE = Schedule(epochs=60, batch_size=7, learning_rate=0.1, seed=0)


def line_of(inputs: torch.Tensor, labels, weight) -> tuple[nn.Linear, float]:
    """A linear model, and its loss when it was trained."""
    torch.manual_seed(0)
    network = nn.Linear(inputs.shape[1], 2)
    return network, optimize(network, inputs, labels, SCHEDULE, weight=weight)


def test_a_row_counts_for_as_much_as_it_weighs():
    """Every input comes twice, with either label; the heavier one is to be learned."""
    rng = np.random.default_rng(0)
    inputs = np.repeat(np.eye(12), 2, axis=0)
    labels, heavy = np.tile([0, 1], 12), np.repeat(rng.integers(0, 2, 12), 2)
    weight = np.where(labels == heavy, 9.0, 1.0)
    mixed = rng.permutation(24)
    network, _ = line_of(torch.from_numpy(inputs[mixed]).float(), labels[mixed], weight[mixed])
    with torch.no_grad():
        chances = torch.softmax(network(torch.eye(12)), dim=1)[:, 1].numpy()
    assert np.allclose(chances, np.where(heavy[::2] == 1, 0.9, 0.1), atol=0.05)


def test_what_weights_are_measured_in_makes_no_difference():
    rng = np.random.default_rng(1)
    inputs, labels = torch.from_numpy(rng.normal(size=(30, 4))).float(), rng.integers(0, 2, 30)
    weight = rng.uniform(0.5, 2.0, 30)
    (one, loss), (other, other_loss) = (line_of(inputs, labels, scale * weight) for scale in (1, 1000))
    (equal, equal_loss), (without, loss_without) = (line_of(inputs, labels, each) for each in (np.full(30, 7.0), None))
    assert torch.allclose(one.weight, other.weight, atol=1e-4)
    assert torch.allclose(equal.weight, without.weight, atol=1e-4)
    assert (loss, equal_loss) == pytest.approx((other_loss, loss_without), rel=1e-4)
    assert not torch.allclose(one.weight, without.weight, atol=1e-3)


def test_training_leaves_the_seeds_of_others_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fitted(FLOWERS, TABLES, {"epochs": 1})
    assert torch.equal(torch.rand(3), expected)


def test_the_file_is_tensors_and_a_header_of_plain_values(digits):
    model, _ = digits
    content, kind = write_part(model.parts["estimator"], estimator=IMAGES)
    assert kind == "safetensors"
    assert set(load(content)) == set(model.estimators[0].network_.state_dict())
    told = header_of(content)
    assert told["classifier"] == f"{NETWORKS}.image_classifier.ImageClassifier"
    assert told["config"] == {"shape": [1, 8, 8], "classes": 10}


def rewritten(content: bytes, change) -> bytes:
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    told = json.loads(header["__metadata__"][CONFIG])
    change(told)
    header["__metadata__"][CONFIG] = json.dumps(told)
    new = json.dumps(header).encode()
    return len(new).to_bytes(8, "little") + new + content[8 + length :]


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (lambda content: content[:100], "not a model file of tensors"),
        (lambda content: b"PK\x03\x04" + content, "not a model file of tensors"),
        (lambda content: rewritten(content, lambda told: told.update(classifier="os.system")), "is of os.system"),
        (lambda content: rewritten(content, lambda told: told["config"].update(classes=9)), "do not fit the network"),
        (lambda content: rewritten(content, lambda told: told.pop("config")), "not a model file of tensors"),
    ],
)
def test_a_file_that_was_tampered_with_is_refused(forge, told, digits):
    content, kind = write_part(digits[0].parts["estimator"], estimator=IMAGES)
    with pytest.raises(TamperedArtifact, match=told):
        read_part(forge(content), kind, estimator=IMAGES)


def test_a_file_cannot_choose_the_network_that_is_imported(digits, tmp_path, monkeypatch):
    """What a file names is not imported unless the manifest names it as well: importing runs code."""
    (tmp_path / "a_trap.py").write_text("raise SystemExit('the trap was imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    content, kind = write_part(digits[0].parts["estimator"], estimator=IMAGES)
    forged = rewritten(content, lambda told: told["params"].update(module="a_trap.Network"))
    with pytest.raises(TamperedArtifact, match="a_trap"):
        read_part(forged, kind, estimator=IMAGES)


def test_a_network_of_the_users_own_is_named_and_its_code_is_on_record(
    store: ContentStore, tmp_path: Path, monkeypatch
):
    (tmp_path / "own_network.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, *, shape, classes):\n"
        "        super().__init__()\n"
        "        self.layer = nn.Linear(shape[0] * shape[1] * shape[2], classes)\n"
        "    def forward(self, images):\n"
        "        return self.layer(images.flatten(1))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    spec = spec_of(DIGITS, IMAGES, {"module": "own_network.Net", "epochs": 10})
    prepared = prepare_data(spec)
    candidate, model = train(spec, prepared, store)
    assert candidate.manifest.module_code["own_network.Net"].startswith("sha256:")
    assert accuracy(load_model(candidate, store), prepared.test) == accuracy(model, prepared.test) > 0.8
    source = tmp_path / "own_network.py"
    source.write_text(source.read_text() + "# changed\n")
    with pytest.raises(TamperedArtifact, match="was changed after this model was trained"):
        must_be_the_same_code(candidate.manifest)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"module": "nowhere.Net"}, "cannot import 'nowhere'"),
        ({"module": f"{__name__}.Linse"}, "no 'Linse' in .*did you mean 'Lines'"),
        ({"module": f"{__name__}.accuracy"}, "does not take shape"),
        ({"module": f"{__name__}.TooFew"}, r"gives \(2, 9\) for two rows, expected logits \(2, 10\)"),
        ({"module_params": {"chanels": 3}}, "does not take"),
        ({"adversarial_training": {"epsilon": 2.0}}, "epsilon over 0 and up to 1"),
        ({"adversarial_training": {"size": 2.0}}, "expected epsilon"),
        ({"learning_rate": 1e12, "epochs": 2}, "did not converge"),
        ({"epochs": 0}, "trains nothing"),
        ({"epochs": -1}, "0 or more passes"),
    ],
)
def test_what_cannot_be_trained_is_told_in_a_sentence(params, told):
    with pytest.raises(UnusableEstimator, match=told):
        fitted(DIGITS, IMAGES, {"epochs": 1, **params})


def test_classifiers_are_scikit_learns():
    for classifier in (
        ImageClassifier(epochs=3),
        TextClassifier(length=5),
        TableClassifier(),
        TransformerClassifier(path="p"),
    ):
        assert clone(classifier).get_params() == classifier.get_params()


def test_images_for_training_stay_near_and_are_harder(digits):
    model, prepared = digits
    network = model.estimators[0].network_
    images = torch.from_numpy(model.encode(prepared.test.features.head(64)))
    labels = torch.from_numpy(prepared.test.y_true[:64].astype("int64"))
    asked = AdversarialTraining(epsilon=0.2, steps=5)
    changed = changed_against(network, images, labels, asked, share=0.5)
    assert float((changed - images).abs().max()) <= 0.1 + 1e-6
    assert float(changed.min()) >= 0
    assert float(changed.max()) <= 1
    before, after = (nn.functional.cross_entropy(network(each), labels).item() for each in (images, changed))
    assert after > 2 * before
    assert all(parameter.grad is None for parameter in network.parameters()), "the attack leaves no gradients behind"


@pytest.mark.slow
def test_training_against_changed_images_makes_a_network_harder_to_fool(digits):
    model, prepared = digits
    hardened, _ = fitted(
        DIGITS, IMAGES, {"epochs": 20, "batch_size": 64, "adversarial_training": {"epsilon": 0.2, "steps": 3}}
    )
    images = torch.from_numpy(model.encode(prepared.test.features))
    labels = torch.from_numpy(prepared.test.y_true.astype("int64"))
    right = []
    for each in (model, hardened):
        network = each.estimators[0].network_
        torch.manual_seed(0)
        attack = AdversarialTraining(epsilon=0.15, steps=10)
        changed = changed_against(network, images, labels, attack, share=1.0)
        right.append(float((network(changed).argmax(dim=1) == labels).float().mean()))
    assert accuracy(hardened, prepared.test) > 0.8
    assert right[1] > right[0] + 0.1


def test_progress_is_told_after_every_epoch(caplog):
    with caplog.at_level("INFO", logger="rai_platform.training.networks.optimization"):
        fitted(FLOWERS, TABLES, {"epochs": 3})
    assert [record.message[:12] for record in caplog.records] == ["epoch 1 of 3", "epoch 2 of 3", "epoch 3 of 3"]


@pytest.fixture(scope="module")
def transformer_folder(tmp_path_factory) -> Path:
    """A tiny transformer, made here: nothing is downloaded."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("transformer")
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    texts = prepare_data(spec_of(PROMPTS, TEXTS)).training.features["text"]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=800, special_tokens=["[PAD]", "[UNK]"]))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=800,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertForSequenceClassification(config).save_pretrained(folder, safe_serialization=True)
    return folder


def test_a_transformer_is_taken_from_a_folder_trained_and_needs_the_folder_no_more(transformer_folder, tmp_path, store):
    folder = tmp_path / "moved"
    folder.symlink_to(transformer_folder)
    path = f"{NETWORKS}.TransformerClassifier"
    spec = spec_of(PROMPTS, path, {"path": str(folder), "epochs": 6, "learning_rate": 3e-3, "length": 40})
    prepared = prepare_data(spec)
    candidate, model = train(spec, prepared, store)
    assert accuracy(model, prepared.test) > 0.85
    folder.unlink()
    back = load_model(candidate, store)
    assert np.array_equal(back.score(prepared.test.features), model.score(prepared.test.features))


@pytest.mark.parametrize(
    ("break_it", "params", "told"),
    [
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            {},
            "model.safetensors is not there",
        ),
        (lambda folder: (folder / "tokenizer.json").unlink(), {}, "tokenizer.json is not there"),
    ],
)
def test_a_folder_that_is_no_transformer_is_told(break_it, params, told, transformer_folder, tmp_path):
    import shutil

    folder = tmp_path / "broken"
    shutil.copytree(transformer_folder, folder)
    break_it(folder)
    with pytest.raises(UnusableEstimator, match=told):
        fitted(PROMPTS, f"{NETWORKS}.TransformerClassifier", {"path": str(folder), **params})


def test_weights_from_elsewhere_are_taken_as_they_are(digits, tmp_path):
    from safetensors.torch import save_file

    model, prepared = digits
    save_file(model.estimators[0].network_.state_dict(), tmp_path / "weights.safetensors")
    taken, _ = fitted(DIGITS, IMAGES, {"weights": str(tmp_path / "weights.safetensors"), "epochs": 0}, seed=5)
    assert np.array_equal(taken.probabilities(prepared.test.features), model.probabilities(prepared.test.features))


def test_weights_that_cannot_be_taken_are_told(digits, tmp_path):
    from safetensors.torch import save_file

    torch.save(digits[0].estimators[0].network_.state_dict(), tmp_path / "pickled.pt")
    save_file({"other": torch.zeros(2)}, tmp_path / "other.safetensors")
    for name, told in (
        ("nowhere", "no such file"),
        ("pickled.pt", "not a file of tensors"),
        ("other.safetensors", "are not those of"),
    ):
        with pytest.raises(UnusableEstimator, match=told):
            fitted(DIGITS, IMAGES, {"weights": str(tmp_path / name), "epochs": 0})


@pytest.mark.parametrize(
    ("data", "says", "told"),
    [
        ({**PROMPTS, "features": ["writes_in"]}, {}, "reads one text and nothing else"),
        (FLOWERS, {}, "reads one text and nothing else"),
        (PROMPTS, {"vectorizer": {"min_df": 2}}, "reads texts by itself"),
    ],
)
def test_a_network_of_texts_reads_one_text_and_nothing_else(data, says, told):
    with pytest.raises(UnusableEstimator, match=told):
        fitted(data, TEXTS, {"epochs": 1}, **says)


def test_a_transformer_is_not_trained_on_a_body_that_was_made_up(transformer_folder, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    folder = tmp_path / "headless"
    shutil.copytree(transformer_folder, folder)
    weights = load_file(folder / "model.safetensors")
    body = {name: tensor for name, tensor in weights.items() if not name.startswith("classifier")}
    save_file(body, folder / "model.safetensors", metadata={"format": "pt"})
    path, params = f"{NETWORKS}.TransformerClassifier", {"path": str(folder), "length": 20}
    fitted(PROMPTS, path, {**params, "epochs": 1})  # a new head is what training is for
    with pytest.raises(UnusableEstimator, match="would be made up"):
        fitted(PROMPTS, path, {**params, "epochs": 0})
    less = {name: tensor for name, tensor in body.items() if "attention" not in name}
    save_file(less, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UnusableEstimator, match="would be made up"):
        fitted(PROMPTS, path, {**params, "epochs": 1})
