"""A candidate: a model by its digest, with the files it is made of and how it came to be."""

from dataclasses import dataclass
from typing import Literal

from rai_platform.data.column_rules import ColumnRule
from rai_platform.data.report import DataReport
from rai_platform.training.manifest import Manifest

FileFormat = Literal["skops", "safetensors", "xgboost", "lightgbm", "onnx"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One learned part in the content store.

    Attributes:
        blob: SHA-256 of the file's bytes.
        content: digest of what the file means, equal for equal trainings.
        format: how it is written.
    """

    blob: str
    content: str
    format: FileFormat = "skops"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A trained model that asks to be released.

    Attributes:
        model: the spec's name.
        model_digest: digest of the manifest and of the content of every file; equal trainings give equal digests.
        manifest: the decision rule.
        files: the learned parts by name; empty for given predictions.
        training_report: the screen of the data it learned from; None for given predictions.
        parameters: what the estimator and the mitigation were asked to do.
        versions: of the libraries that trained it.
        warnings: that training gave.
        spec_digest: digest of the spec.
        mlflow_run_id: the run that tracked the training.
        code_version: of the training code.
        created_at: ISO 8601, UTC.
        negative_label: how the data that it learned from write the other of two labels; None among several classes, and
            where nobody knows.
        rules: what further rows should satisfy, by feature; none for given predictions.
    """

    model: str
    model_digest: str
    manifest: Manifest
    files: dict[str, ModelFile]
    training_report: DataReport | None
    parameters: dict[str, str]
    versions: dict[str, str]
    warnings: tuple[str, ...]
    spec_digest: str
    mlflow_run_id: str
    code_version: str
    created_at: str
    negative_label: str | None = None
    rules: tuple[ColumnRule, ...] = ()

    def file_name(self, part: str) -> str:
        """The name of a part's file in a release: ``estimator.skops``."""
        return f"{part}.{self.files[part].format}"

    @property
    def training_digest(self) -> str | None:
        """Digest of the data it learned from; None for given predictions."""
        return self.training_report.data_digest if self.training_report else None
