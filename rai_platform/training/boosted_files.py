"""XGBoost's and LightGBM's own model files: trees as numbers, in formats that hold no code."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin

from rai_platform.errors import TamperedArtifact, UnusableEstimator

if TYPE_CHECKING:
    from rai_platform.training.candidate import FileFormat


def write_boosted(part: Any) -> "tuple[bytes, FileFormat] | None":
    """A fitted classifier of XGBoost or LightGBM as a file, and its format; None for anything else.

    Raises:
        UnusableEstimator: the file would not hold what decides, a loss function of the user's own for instance.
    """
    package = type(part).__module__.partition(".")[0]
    if package == "xgboost":
        if callable(getattr(part, "objective", None)):
            raise UnusableEstimator(
                "an objective that is a function is not in XGBoost's file", where="estimator.params"
            )
        return bytes(part.get_booster().save_raw("ubj")), "xgboost"
    if package == "lightgbm":
        if callable(getattr(part, "objective", None)):
            raise UnusableEstimator(
                "an objective that is a function is not in LightGBM's file", where="estimator.params"
            )
        return part.booster_.model_to_string().encode(), "lightgbm"
    return None


class BoostedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """Trees read from a file of LightGBM.

    Args:
        booster: LightGBM's.
        classes: how many labels it tells apart.
    """

    def __init__(self, booster: Any, classes: int) -> None:
        self.booster = booster
        self.classes = classes
        self.classes_ = np.arange(classes)

    def predict_proba(self, inputs: Any) -> npt.NDArray[np.float64]:
        """The chance of every class (rows, classes)."""
        found = np.asarray(self.booster.predict(np.asarray(inputs)), dtype="float64")
        return found if found.ndim == 2 else np.column_stack([1 - found, found])

    def predict(self, inputs: Any) -> npt.NDArray[np.int64]:
        """The likeliest class (rows,)."""
        return np.asarray(self.classes_[self.predict_proba(inputs).argmax(axis=1)])


def read_xgboost(content: bytes) -> Any:
    """The classifier in a file of XGBoost.

    Raises:
        TamperedArtifact: it is no such file, or XGBoost is not installed.
    """
    xgboost = _package("xgboost")
    if not (
        content[:1] == b"{" and content.rstrip()[-1:] == b"}"
    ):  # XGBoost ends the process on what is neither UBJSON nor JSON
        raise TamperedArtifact("not a model file of XGBoost: neither UBJSON nor JSON")
    classifier = xgboost.XGBClassifier()
    try:
        classifier.load_model(bytearray(content))
    except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
        raise TamperedArtifact(f"not a model file of XGBoost: {str(error).splitlines()[0]}") from None
    return classifier


def read_lightgbm(content: bytes) -> BoostedClassifier:
    """The classifier in a file of LightGBM.

    Raises:
        TamperedArtifact: it is no such file, or LightGBM is not installed.
    """
    lightgbm = _package("lightgbm")
    try:
        booster = lightgbm.Booster(model_str=content.decode())
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError, ValueError) as error:
        raise TamperedArtifact(f"not a model file of LightGBM: {error}") from None
    return BoostedClassifier(booster, max(2, booster.num_model_per_iteration()))


def _package(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise TamperedArtifact(f"reading this model needs {name}: install rai-platform[boosting]") from None
