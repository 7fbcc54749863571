"""The code of an estimator is part of the model: what is learned means nothing without it."""

import hashlib
import importlib
import sys
from pathlib import Path

import pytest
import sklearn

from rai_platform.data.preparation import PreparedData
from rai_platform.errors import TamperedArtifact, UnusableEstimator
from rai_platform.store import ContentStore
from rai_platform.training.candidates import predict
from rai_platform.training.estimator_code import estimator_code
from rai_platform.training.loading import load_model
from rai_platform_tests.training import own_models
from rai_platform_tests.training.lending import LOGISTIC, lending_spec, train
from rai_platform_tests.training.own_models import HERE

CODE = """
from rai_platform_tests.training.own_models import NearestMean
from sklearn.linear_model import LogisticRegression

class Own(NearestMean):
    pass

def make():
    return LogisticRegression(max_iter=200)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a module of the user's own."""
    file = tmp_path / "own_code.py"
    file.write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_code", raising=False)
    return file


def test_code_of_a_distribution_is_its_name_and_version() -> None:
    assert estimator_code(LOGISTIC) == f"scikit-learn {sklearn.__version__}"


@pytest.mark.parametrize("name", ["Own", "make"])
def test_code_of_ones_own_is_the_files_that_it_is_made_of(name: str, module: Path) -> None:
    assert own_models.__file__ is not None
    made_of = {HERE: Path(own_models.__file__), "own_code": module}
    told = "".join(f"{of}\0{hashlib.sha256(made_of[of].read_bytes()).hexdigest()}\n" for of in sorted(made_of))
    assert estimator_code(f"own_code.{name}") == f"sha256:{hashlib.sha256(told.encode()).hexdigest()}"


@pytest.mark.usefixtures("module")
def test_code_that_is_imported_on_is_that_of_where_it_is_defined() -> None:
    assert estimator_code("own_code.NearestMean") == estimator_code(f"{HERE}.NearestMean")
    assert estimator_code("own_code.NearestMean") != estimator_code("own_code.Own")
    assert estimator_code("own_code.LogisticRegression") == estimator_code(LOGISTIC)


@pytest.mark.parametrize(
    "leaning",
    ["from own_base import Base as Of", "import own_base\nOf = own_base.Base", "from own_base import *\nOf = Base"],
)
def test_a_model_leans_on_the_modules_that_its_own_leads_to(
    leaning: str, module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("own_base", "own_constants"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    module.write_text(f"{leaning}\nclass Own(Of):\n    pass\n")
    base, constants = module.with_name("own_base.py"), module.with_name("own_constants.py")
    base.write_text("import json\nimport own_constants\nclass Base:\n    pass\n")
    constants.write_text("WEIGHT = 1\n")
    before = estimator_code("own_code.Own")
    assert estimator_code("own_code.Own") == before
    constants.write_text("WEIGHT = -1\n")
    after = estimator_code("own_code.Own")
    base.write_text(base.read_text() + "# mended\n")
    assert len({before, after, estimator_code("own_code.Own")}) == 3


def test_code_without_a_file_is_refused(module: Path) -> None:
    importlib.import_module("own_code")
    module.unlink()
    with pytest.raises(UnusableEstimator, match="no file holds the code of own_code"):
        estimator_code("own_code.Own")


@pytest.mark.parametrize("name", ["Own", "make"])
def test_a_model_whose_code_was_changed_is_not_loaded_and_another_one_when_trained_again(
    name: str, module: Path, lending: PreparedData, store: ContentStore
) -> None:
    spec = lending_spec(f"own_code.{name}")
    candidate, _ = train(spec, lending, store)
    assert candidate.manifest.estimator_code == estimator_code(f"own_code.{name}")
    module.write_text(f"{CODE}\n# mended\n")
    with pytest.raises(TamperedArtifact, match="changed after this model was trained: train again") as caught:
        load_model(candidate, store)
    assert caught.value.where == f"own_code.{name}"
    again, _ = train(spec, lending, store)
    assert again.model_digest != candidate.model_digest
    assert again.files["estimator"].content == candidate.files["estimator"].content
    module.unlink()
    with pytest.raises(TamperedArtifact, match="the estimator's code is gone"):
        predict(again, lending.test, spec, store)
