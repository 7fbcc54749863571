"""What the recipes of TextAttack need besides itself, and whether it is here."""

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rai_platform.robustness.texts.loading import has_nltk

HOMOGLYPHS = "shared/intentional_homoglyphs.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Data or a model that a recipe reads.

    Attributes:
        name: in words.
        present: whether it is on this machine.
        get: how it comes here, for somebody with a network.
    """

    name: str
    present: Callable[[], bool]
    get: str


def _nltk(name: str, package: str, *paths: str) -> Resource:
    return Resource(
        name=name,
        present=lambda: any(has_nltk(path) for path in paths),
        get=f"`python -m nltk.downloader -d FOLDER {package}`, and set NLTK_DATA to that folder",
    )


def _cached(name: str, folder: str) -> Resource:
    return Resource(
        name=name,
        present=lambda: (textattack_cache() / folder).exists(),
        get=f"unpack https://textattack.s3.amazonaws.com/{folder} to `{folder}` in TextAttack's cache (TA_CACHE_DIR)",
    )


def _model(repository: str) -> Resource:
    return Resource(
        name=f"the model {repository}",
        present=lambda: _in_hub_cache(repository),
        get=f"`huggingface-cli download {repository}`",
    )


def textattack_cache() -> Path:
    """The folder of TextAttack's own downloads."""
    return Path(os.environ.get("TA_CACHE_DIR") or Path.home() / ".cache" / "textattack")


def _in_hub_cache(repository: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repository, "config.json"), str)


def _has_homoglyphs() -> bool:
    spec = importlib.util.find_spec("textattack")
    folders = (spec.submodule_search_locations if spec else None) or ()
    return any((Path(folder) / HOMOGLYPHS).exists() for folder in folders)


def _has_sentence_encoder() -> bool:
    if importlib.util.find_spec("tensorflow_hub") is None:
        return False
    folder = os.environ.get("TFHUB_CACHE_DIR")
    return bool(folder) and any(Path(str(folder)).glob("*/saved_model.pb"))


def _has_tagger() -> bool:
    folder = Path(os.environ.get("FLAIR_CACHE_ROOT") or Path.home() / ".flair") / "models"
    return any(folder.glob("*ner-multi-fast*")) or any(folder.glob("*ner-english*"))


LOOK_ALIKES = Resource(
    name="the list of letters that look alike",
    present=_has_homoglyphs,
    get=f"put `textattack/{HOMOGLYPHS}` of TextAttack's repository, which its package lacks, into the installed package",
)
WORDNET = _nltk("WordNet", "wordnet", "corpora/wordnet")
TAGGER = _nltk(
    "NLTK's tagger",
    "averaged_perceptron_tagger_eng universal_tagset",
    "taggers/averaged_perceptron_tagger_eng",
)
COUNTER_FITTED = _cached("counter-fitted word vectors", "word_embeddings/paragramcf")
HOWNET = _cached("HowNet's sememes", "transformations/hownet")
GOOGLE_LANGUAGE_MODEL = _cached(
    "Google's language model of a billion words", "constraints/grammaticality/language-models/alzantot-goog-lm"
)
WRITING_LANGUAGE_MODEL = _cached(
    "the language model L2W", "constraints/grammaticality/language-models/learning-to-write"
)
SENTENCE_ENCODER = Resource(
    name="the Universal Sentence Encoder",
    present=_has_sentence_encoder,
    get="`pip install tensorflow tensorflow-hub`, and unpack the encoder from tfhub.dev into the folder TFHUB_CACHE_DIR",
)
NAME_TAGGER = Resource(
    name="flair's tagger of names",
    present=_has_tagger,
    get="""`python -c "from flair.models import SequenceTagger as S; S.load('flair/ner-multi-fast')"`""",
)
BERT = _model("bert-base-uncased")
ROBERTA = _model("distilroberta-base")
GPT2 = _model("gpt2")
