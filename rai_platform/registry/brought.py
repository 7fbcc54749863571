"""A model file out of MLflow, taken only where reading it runs no code."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow.artifacts
import yaml
from mlflow.exceptions import MlflowException

from rai_platform.errors import UnreadableData, UnusableEstimator
from rai_platform.settings import Settings
from rai_platform.training.brought import BroughtFile
from rai_platform.training.candidate import FileFormat

MLMODEL = "MLmodel"
CONVERT = {
    "sklearn": "mlflow.sklearn.log_model(mlflow.sklearn.load_model(URI), name=NAME, serialization_format='skops')",
    "xgboost": "mlflow.xgboost.log_model(MODEL, name=NAME, model_format='ubj')",
    "lightgbm": "mlflow.lightgbm.log_model(MODEL.booster_, name=NAME)",
    "pytorch": "ONNX: torch.onnx.export(MODEL, …) and mlflow.onnx.log_model(…)",
}
WITHOUT_CODE = "skops, XGBoost's or LightGBM's own format, ONNX, or a transformer's safetensors"


def fetch_model(uri: str, settings: Settings, *, folder: Path) -> BroughtFile:
    """The model file behind a URI of MLflow.

    Args:
        uri: ``models:/name/3``, ``models:/name@alias``, ``runs:/…``, or a folder.
        settings: where MLflow is.
        folder: what a relative path is relative to.

    Raises:
        UnreadableData: nothing is there, or it is no model of MLflow.
        UnusableEstimator: reading it would run code, as a pickled file does.
    """
    where = f"model.uri, {uri}"
    with TemporaryDirectory() as scratch:
        found = _found(uri, settings, folder, scratch, where)
        try:
            told = yaml.safe_load((found / MLMODEL).read_text(encoding="utf-8"))
            flavors = dict(told["flavors"])
        except FileNotFoundError:
            raise UnreadableData(
                f"expected a model as MLflow writes it, and there is no file {MLMODEL}", where=where
            ) from None
        except (yaml.YAMLError, KeyError, TypeError, ValueError):
            raise UnreadableData(f"{MLMODEL} is not what MLflow writes", where=where) from None
        if (of := flavors.get("transformers")) is not None:
            return _transformer(found, of, uri, where)
        name, kind, library = _file_of(flavors, uri, where)
        inside = (found / name).resolve()
        if not inside.is_relative_to(found.resolve()) or not inside.is_file():
            raise UnreadableData(f"{MLMODEL} names the file {name!r}, which is not among its files", where=where)
        return BroughtFile(content=inside.read_bytes(), format=kind, uri=uri, library=library)


def _found(uri: str, settings: Settings, folder: Path, scratch: str, where: str) -> Path:
    if "://" not in uri and not uri.startswith(("models:/", "runs:/")):
        path = Path(uri).expanduser()
        path = path if path.is_absolute() else folder / path
        if not path.is_dir():
            raise UnreadableData("no such folder", where=where)
        return path
    try:
        return Path(
            mlflow.artifacts.download_artifacts(
                artifact_uri=uri,
                dst_path=scratch,
                tracking_uri=settings.tracking_uri,
                registry_uri=settings.tracking_uri,
            )
        )
    except (MlflowException, OSError, ValueError) as error:
        raise UnreadableData(f"MLflow does not give it: {' '.join(str(error).split())[:300]}", where=where) from None


def _transformer(found: Path, told: Any, uri: str, where: str) -> BroughtFile:
    """A classifier of texts that transformers wrote, as tensors: its weights, configuration and tokenizer."""
    from rai_platform.training.networks import TransformerClassifier

    if not isinstance(told, dict):
        raise UnreadableData(f"{MLMODEL} is not what MLflow writes", where=where)
    with TemporaryDirectory() as together:
        for part in (str(told.get("model_binary", "model")), "components/tokenizer"):
            folder = (found / part).resolve()
            if folder.is_relative_to(found.resolve()) and folder.is_dir():
                shutil.copytree(folder, together, dirs_exist_ok=True)
        try:
            classifier = TransformerClassifier.as_it_is(Path(together))
        except UnusableEstimator as error:
            raise UnusableEstimator(error.message, where=where) from None
        library = f"transformers {told.get('transformers_version', '')}".strip()
        return BroughtFile(content=classifier.to_safetensors(), format="safetensors", uri=uri, library=library)


def _file_of(flavors: dict[str, Any], uri: str, where: str) -> tuple[str, FileFormat, str]:
    """The model's file, its format, and the library that wrote it."""
    for flavor, told in flavors.items():
        match flavor, told:
            case "sklearn", {"serialization_format": "skops", "pickled_model": str(name)}:
                return name, "skops", f"scikit-learn {told.get('sklearn_version', '')}".strip()
            case "xgboost", {"data": str(name), "model_class": str(of)} if "Classifier" in of or of.endswith("Booster"):
                return name, "xgboost", f"xgboost {told.get('xgb_version', '')}".strip()
            case "lightgbm", {"data": str(name)} if name.endswith((".lgb", ".txt")):
                return name, "lightgbm", f"lightgbm {told.get('lgb_version', '')}".strip()
            case "onnx", {"data": str(name)}:
                return name, "onnx", f"onnx {told.get('onnx_version', '')}".strip()
    named = next((flavor for flavor in flavors if flavor in CONVERT), None)
    known = ", ".join(sorted(flavors)) or "nothing"
    if named is None:
        raise UnusableEstimator(
            f"this model is saved as {known}, and reading that may run code; save it in {WITHOUT_CODE}", where=where
        )
    raise UnusableEstimator(
        f"this {named} model is pickled, and reading it would run whatever code is in it. Where you trust it, convert it: "
        f"{CONVERT[named].replace('URI', repr(uri))}; then name the new one here",
        where=where,
    )
