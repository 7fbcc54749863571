"""TextAttack, imported once and without a network.

Importing it takes some 20 seconds, asks NLTK for a list of stop words, and downloads several packages on its first day on a
machine. Here it finds what is on the disk, is given the stop words of scikit-learn where there are none, and may download
nothing: neither at import nor later, when a recipe is built.
"""

import logging
import os
import random
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

Progress = Callable[[str], None]
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
POST_INSTALL = "post_install_check_3"  # where TextAttack 0.3 finds it, it believes its downloads done

_loaded: list[ModuleType] = []


def silent(_: str) -> None:
    """Tells nobody."""


def load_textattack(
    *, nltk_data: Sequence[Path] = (), cache: Path | None = None, progress: Progress = silent
) -> ModuleType:
    """The module ``textattack``.

    Args:
        nltk_data: folders of NLTK's data, beside those that NLTK looks into by itself (``NLTK_DATA``, the home folder).
        cache: where a list of stop words is written if none is found, and TextAttack's own cache if the home folder cannot be
            written to; a temporary folder of this process where None.
        progress: told before the import.
    """
    import nltk

    look_for_nltk_data(nltk_data)
    if _loaded:
        return _loaded[0]
    progress("loading TextAttack, which takes some 20 seconds")
    if not has_nltk("corpora/stopwords"):
        nltk.data.path.append(str(_stop_words_in(cache or _temporary())))
    with _offline(), _own_cache(cache):
        import textattack

    textattack.shared.logger.setLevel(logging.ERROR)  # it warns of every model that it has not heard of
    _loaded.append(textattack)
    return _loaded[0]


def look_for_nltk_data(folders: Sequence[Path]) -> None:
    """Lets NLTK look into folders of its data first."""
    import nltk

    for folder in (str(each) for each in folders):
        if folder not in nltk.data.path:
            nltk.data.path.insert(0, folder)


@contextmanager
def quiet_and_offline() -> Iterator[None]:
    """Nothing below writes progress bars, warns, downloads, or leaves the random numbers of this process changed."""
    import torch

    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    with _offline():
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
            torch.set_rng_state(states[2])


def has_nltk(resource: str) -> bool:
    """Whether NLTK finds a resource, unpacked or as the archive it comes in."""
    import nltk

    name = resource.rsplit("/", 1)[-1]
    for path in (resource, f"{resource}.zip/{name}/"):
        try:
            nltk.data.find(path)
        except LookupError:
            continue
        return True
    return False


@contextmanager
def _offline() -> Iterator[None]:
    import huggingface_hub.constants as hub
    import nltk

    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(_environment(OFFLINE))
        stack.enter_context(_replaced(hub, "HF_HUB_OFFLINE", True))
        stack.enter_context(_replaced(nltk, "download", _download_nothing))
        if _loaded:
            from textattack.shared.utils import install

            stack.enter_context(_replaced(install, "http_get", _refuse_to_download))
        yield


@contextmanager
def _replaced(owner: ModuleType, name: str, value: object) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def _own_cache(cache: Path | None) -> Iterator[None]:
    """TextAttack's cache where it can be written to, marked so that the import starts no download."""
    folder = Path(os.environ.get("TA_CACHE_DIR") or Path.home() / ".cache" / "textattack")
    changed: dict[str, str] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / POST_INSTALL).touch()
    except OSError:
        folder = (cache or _temporary()) / "textattack"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / POST_INSTALL).touch()
        changed = {"TA_CACHE_DIR": str(folder)}
    redirected = ("TFHUB_CACHE_DIR", "PYTORCH_TRANSFORMERS_CACHE", "HF_HOME", "XDG_CACHE_HOME")  # by TextAttack
    before = {name: os.environ.get(name) for name in redirected}
    with _environment(changed):
        yield
    _restore(before)


@contextmanager
def _environment(changed: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        _restore(before)


def _restore(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _stop_words_in(folder: Path) -> Path:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    words = folder / "nltk_data" / "corpora" / "stopwords" / "english"
    words.parent.mkdir(parents=True, exist_ok=True)
    words.write_text("\n".join(sorted(ENGLISH_STOP_WORDS)) + "\n", encoding="utf-8")
    return words.parents[2]


def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="rai-texts-"))


def _download_nothing(*_: object, **__: object) -> bool:
    return False


def _refuse_to_download(url: str, *_: object, **__: object) -> None:
    raise OSError(f"nothing is downloaded while a model is measured; missing: {url}")
