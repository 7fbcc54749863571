"""Which code an estimator's import path stands for: what was learned decides nothing without it."""

import functools
import hashlib
import importlib.metadata
import inspect
import json
import sys
from pathlib import Path
from typing import Any

from rai_platform.errors import TamperedArtifact, UnusableEstimator
from rai_platform.training.estimators import imported
from rai_platform.training.manifest import Manifest

OF_A_FILE = "sha256:"


def estimator_code(path: str) -> str:
    """The code behind an import path: ``scikit-learn 1.9.1``, or the digest of the source file that defines it.

    A distribution that is installed in place, so that its files change under one version, counts as source files.

    Raises:
        UnusableEstimator: the path leads nowhere, or to code without a file.
    """
    named = imported(path)
    module = named.__module__ if inspect.isclass(named) or inspect.isroutine(named) else path.rpartition(".")[0]
    distributions = [name for name in _distributions().get(module.partition(".")[0], []) if not _is_in_place(name)]
    if distributions:
        return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in sorted(set(distributions)))
    return OF_A_FILE + hashlib.sha256(_source_file(sys.modules[module], path).read_bytes()).hexdigest()


def must_be_the_same_code(manifest: Manifest) -> None:
    """Refuses a model whose estimator is another one by now than the one that was examined.

    Raises:
        TamperedArtifact: the source file was changed, or is not there any more.
    """
    known = manifest.estimator_code
    if known is None or not known.startswith(OF_A_FILE):
        return
    try:
        now = estimator_code(manifest.estimator)
    except UnusableEstimator as error:
        raise TamperedArtifact(f"the estimator's code is gone: {error.message}", where=manifest.estimator) from None
    if now != known:
        raise TamperedArtifact(
            "the estimator's code was changed after this model was trained: train again", where=manifest.estimator
        )


@functools.cache
def _distributions() -> dict[str, list[str]]:
    return {name: list(distributions) for name, distributions in importlib.metadata.packages_distributions().items()}


@functools.cache
def _is_in_place(distribution: str) -> bool:
    told = importlib.metadata.distribution(distribution).read_text("direct_url.json")
    return bool(told and json.loads(told).get("dir_info", {}).get("editable"))


def _source_file(module: Any, path: str) -> Path:
    try:
        file = inspect.getsourcefile(module) or module.__file__
    except (TypeError, AttributeError):
        file = None
    if file is None or not Path(file).is_file():
        raise UnusableEstimator(
            f"no file holds the code of {path}, so that nobody could tell whether it was changed: put it into a module",
            where="estimator.type",
        )
    return Path(file)
