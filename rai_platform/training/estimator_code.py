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

OF_FILES = "sha256:"


def estimator_code(path: str) -> str:
    """The code behind an import path: ``scikit-learn 1.9.1``, or a digest of the source files that it is made of.

    A distribution that is installed in place, so that its files change under one version, counts as source files. Of source
    files all count that the named one leads to: modules it imports, and those of classes and functions it names. What is
    imported only while a function runs is not seen.

    Raises:
        UnusableEstimator: the path leads nowhere, or to code without a file.
    """
    named = imported(path)
    module = named.__module__ if inspect.isclass(named) or inspect.isroutine(named) else path.rpartition(".")[0]
    if distributions := _installed(module):
        return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in sorted(set(distributions)))
    files = {name: _source_file(sys.modules[name], path) for name in sorted(_own_modules(module))}
    told = "".join(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n" for name, file in files.items())
    return OF_FILES + hashlib.sha256(told.encode()).hexdigest()


def must_be_the_same_code(manifest: Manifest) -> None:
    """Refuses a model whose estimator is another one by now than the one that was examined.

    Raises:
        TamperedArtifact: the source file was changed, or is not there any more.
    """
    for path, code in {manifest.estimator: manifest.estimator_code or "", **manifest.module_code}.items():
        if not code.startswith(OF_FILES):
            continue
        try:
            now = estimator_code(path)
        except UnusableEstimator as error:
            raise TamperedArtifact(f"the estimator's code is gone: {error.message}", where=path) from None
        if now != code:
            raise TamperedArtifact(
                "the estimator's code was changed after this model was trained: train again", where=path
            )


def is_own_code(manifest: Manifest) -> bool:
    """Whether the estimator is made of source files of the user's own, and not of an installed distribution."""
    return any(code.startswith(OF_FILES) for code in (manifest.estimator_code or "", *manifest.module_code.values()))


def _own_modules(start: str) -> set[str]:
    """The modules that one leads to and that are neither installed from a distribution nor part of Python."""
    found, waiting = {start}, [start]
    while waiting:
        for value in list(vars(sys.modules[waiting.pop()]).values()):
            name = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None)
            if isinstance(name, str) and name in sys.modules and name not in found and _is_own(name):
                found.add(name)
                waiting.append(name)
    return found


def _is_own(module: str) -> bool:
    top = module.partition(".")[0]
    has_a_file = getattr(sys.modules[module], "__file__", None) is not None
    is_known = (
        top in sys.stdlib_module_names or top == __name__.partition(".")[0]
    )  # the platform's is in `code_version`
    return has_a_file and not is_known and not _installed(module)


def _installed(module: str) -> list[str]:
    """The distributions that a module is from, those aside that are installed in place."""
    return [name for name in _distributions().get(module.partition(".")[0], []) if not _is_in_place(name)]


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
