"""A transformer from a folder on this machine, used as it is or trained further; nothing is downloaded."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from rai_platform.errors import UnusableEstimator, in_a_line
from rai_platform.training.networks.network_classifier import NetworkClassifier

LONGEST = 512  # pieces of a text


class TransformerClassifier(NetworkClassifier):
    """Texts (rows,), read by the folder's own tokenizer and network.

    The folder is what ``save_pretrained`` of transformers writes: ``config.json``, ``model.safetensors``, ``tokenizer.json``. Its
    code is that of the installed transformers; code in the folder is not run, and weights in pickled files are not read.

    Args:
        path: the folder.
        length: pieces of a text that are read.
        epochs: passes over the data; 0 takes the network as it is, which then has to have the classes of the data.
        batch_size: texts a step.
        learning_rate: the highest.
        random_state: of a new head and the order of texts.
    """

    reads_texts = True
    module = "transformers.AutoModelForSequenceClassification"
    module_params = None

    def __init__(
        self,
        *,
        path: str,
        length: int = 128,
        epochs: int = 1,
        batch_size: int = 16,
        learning_rate: float = 5e-5,
        random_state: int = 0,
    ) -> None:
        self.path = path
        self.length = length
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    @classmethod
    def as_it_is(cls, folder: Path) -> Self:
        """The network of a folder, with the labels it has, and as many pieces of a text as it can read.

        Raises:
            UnusableEstimator: it is no such folder.
        """
        classifier = cls(path=str(folder), epochs=0)
        with _refusals_told(str(folder)):
            told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            classes = len(told.get("id2label") or {}) or int(told.get("num_labels", 2))
            classifier.length = min(LONGEST, int(told.get("max_position_embeddings", LONGEST)))
        classifier.classes_ = np.arange(classes)
        classifier.config_ = {**classifier._start([], classes), "classes": classes}
        classifier.network_ = classifier._begun().eval()
        classifier.path = ""  # nothing depends on where it was
        return classifier

    def _start(self, inputs: Any, classes: int) -> dict[str, Any]:  # noqa: ARG002 - the others ask
        from transformers import AutoConfig, AutoTokenizer

        folder = Path(self.path)
        missing = [
            name for name in ("config.json", "model.safetensors", "tokenizer.json") if not (folder / name).is_file()
        ]
        if missing:
            raise UnusableEstimator(
                f"expected a folder with config.json, model.safetensors and tokenizer.json, {', '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} not there; write it with `save_pretrained(folder, safe_serialization=True)`",
                where=f"estimator.params.path, {self.path}",
            )
        with _refusals_told(self.path):
            config = AutoConfig.from_pretrained(self.path, local_files_only=True, trust_remote_code=False)
            tokenizer = AutoTokenizer.from_pretrained(  # type: ignore[no-untyped-call]  # transformers leaves it without types
                self.path, local_files_only=True, trust_remote_code=False
            )
            pieces = tokenizer.backend_tokenizer.to_str()
        if tokenizer.pad_token_id is None:
            raise UnusableEstimator(
                "expected a tokenizer with a piece that stands for nothing (padding), got none; set `pad_token` and save it again",
                where=f"estimator.params.path, {self.path}",
            )
        if self.epochs == 0 and config.num_labels != classes:
            raise UnusableEstimator(
                f"the network tells {config.num_labels} labels apart and the data hold {classes}; train it with `epochs: 1` or more",
                where="estimator.params.epochs",
            )
        config.num_labels = classes
        return {
            "transformer": json.loads(config.to_json_string(use_diff=False)),
            "model_type": config.model_type,
            "tokenizer": pieces,
            "pad": int(tokenizer.pad_token_id),
        }

    def _begun(self) -> nn.Module:
        """The network with the folder's weights; a new head where it is trained further and has none that fits."""
        from transformers import AutoModelForSequenceClassification

        with _refusals_told(self.path):
            network, found = AutoModelForSequenceClassification.from_pretrained(
                self.path,
                num_labels=self.config_["classes"],
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                ignore_mismatched_sizes=self.epochs > 0,
                output_loading_info=True,
            )
        absent = sorted({*found["missing_keys"], *(each[0] for each in found["mismatched_keys"])})
        body = f"{network.base_model_prefix}."
        needed = [name for name in absent if self.epochs == 0 or (name.startswith(body) and ".pooler." not in name)]
        if needed:
            raise UnusableEstimator(
                f"the folder lacks weights of the network, or has them in another shape, {needed[0]} for one of {len(needed)}: they "
                "would be made up by chance",
                where=f"estimator.params.path, {self.path}",
            )
        return _Logits(network, pad=self.config_["pad"])

    def _built(self) -> nn.Module:
        from transformers import AutoConfig, AutoModelForSequenceClassification

        told = {name: value for name, value in self.config_["transformer"].items() if name != "model_type"}
        network = AutoModelForSequenceClassification.from_config(  # type: ignore[no-untyped-call]  # transformers leaves it without types
            AutoConfig.for_model(self.config_["model_type"], **told)
        )
        return _Logits(network, pad=self.config_["pad"])

    def _tensor(self, inputs: Any) -> Tensor:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self.config_["tokenizer"])
        tokenizer.enable_truncation(self.length)
        tokenizer.enable_padding(length=self.length, pad_id=self.config_["pad"])
        encoded = tokenizer.encode_batch([str(text) for text in inputs])
        return torch.from_numpy(
            np.array([each.ids for each in encoded], dtype="int64").reshape(len(encoded), self.length)
        )

    def _parameters_of_module(self) -> dict[str, Any]:
        return {}


class _Logits(nn.Module):
    """A transformer whose answer is its logits alone."""

    def __init__(self, network: nn.Module, *, pad: int) -> None:
        super().__init__()
        self.network, self.pad = network, pad

    def forward(self, pieces: Tensor) -> Tensor:
        logits: Tensor = self.network(input_ids=pieces, attention_mask=(pieces != self.pad).long()).logits
        return logits


@contextmanager
def _refusals_told(folder: str) -> Iterator[None]:
    """Tells what transformers raises about a folder, which may be anything, in a sentence."""
    try:
        yield
    except (UnusableEstimator, MemoryError):
        raise
    except Exception as error:
        raise UnusableEstimator(
            f"transformers cannot read this folder: {in_a_line(error)}", where=f"estimator.params.path, {folder}"
        ) from None
