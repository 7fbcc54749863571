"""The values that travel between assets: how they become bytes, and which bytes a run is to read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
from pydantic import TypeAdapter

from rai_platform.card.document import ModelCard
from rai_platform.data.report import DataReport
from rai_platform.data.sample import Sample
from rai_platform.errors import EvidenceMissing
from rai_platform.explanations.report import Explanations
from rai_platform.fairness.report import FairnessReport
from rai_platform.mitigation.report import MitigationReport
from rai_platform.performance.report import PerformanceReport
from rai_platform.robustness.report import RobustnessScores
from rai_platform.store import ContentStore
from rai_platform.training.candidate import Candidate
from rai_platform.training.predictions import Predictions

Page = Mapping[str, Any]  # what Dagster's pages show of a value
BLOB = "rai/blob"
REPORT = "rai/report"
REFERENCE = "rai/monitoring_reference"
BACKGROUND = "rai/explanation_background"
MONITORING_REFERENCE = "monitoring_reference"  # among the evidence of a promotion
LEDGER_ENTRY = "rai/ledger_entry"
VALUE_OF: dict[str, type] = {
    "training_data": Sample,
    "test_data": Sample,
    "candidate_model": Candidate,
    "predictions": Predictions,
    "performance_report": PerformanceReport,
    "fairness_report": FairnessReport,
    "shap_explanations": Explanations,
    "robustness_scores": RobustnessScores,
    "mitigation_report": MitigationReport,
    "model_card": ModelCard,
}
SEARCHED_MATERIALIZATIONS = 200


def grouped(digest: str) -> str:
    """A digest in groups of 16 letters: Dagster's pages break no word, and 64 letters push everything else out of sight."""
    return " ".join(digest[start : start + 16] for start in range(0, len(digest), 16)) if len(digest) == 64 else digest


def ungrouped(digest: str) -> str:
    """The digest itself."""
    return digest.replace(" ", "")


def encode(value: Any) -> bytes:
    """A value as Parquet where it is a table, else as JSON; never pickle."""
    if isinstance(value, Sample | Predictions):
        return value.to_bytes()
    return TypeAdapter(type(value)).dump_json(value)


def decode(kind: type, content: bytes) -> Any:
    """The value that ``encode`` wrote."""
    if kind in (Sample, Predictions):
        return kind.from_bytes(content)
    return TypeAdapter(kind).validate_json(content)


@dataclass(frozen=True, slots=True)
class StoredValues:
    """The values of one model's assets as one run sees them.

    An asset that this run (or the run it repeats) materialized is read as that run wrote it, whatever another run has
    written since; any other asset as it was last materialized. Only runs count: an event that was reported from outside
    one names no value.
    """

    instance: dg.DagsterInstance
    store: ContentStore
    run: dg.DagsterRun | None

    def read(self, key: dg.AssetKey) -> Any:
        """The value of an asset.

        Raises:
            EvidenceMissing: it was not materialized, or Dagster has forgotten it.
            TamperedArtifact: its bytes were changed.
        """
        return decode(VALUE_OF[key.path[-1]], self.store.get(self.digest(key)))

    def digest(self, key: dg.AssetKey) -> str:
        """The digest that an asset's value is stored under."""
        return ungrouped(str(self._metadata(key)[BLOB].value))

    def data_report(self, key: dg.AssetKey) -> tuple[DataReport, str]:
        """The screen of a data asset and the digest it is stored under."""
        digest = ungrouped(str(self._metadata(key)[REPORT].value))
        return decode(DataReport, self.store.get(digest)), digest

    def pointer(self, key: dg.AssetKey, name: str) -> str | None:
        """The digest of what is stored beside an asset's value; None where there is no such thing."""
        found = self._metadata(key).get(name)
        return None if found is None else ungrouped(str(found.value))

    def _metadata(self, key: dg.AssetKey) -> Any:
        records = self.instance.fetch_materializations(key, limit=SEARCHED_MATERIALIZATIONS).records
        written = [
            record
            for record in records
            if record.run_id and record.asset_materialization and BLOB in record.asset_materialization.metadata
        ]
        family = self._family()
        chosen = next((record for record in written if record.run_id in family), written[0] if written else None)
        if chosen is None or chosen.asset_materialization is None:
            raise EvidenceMissing(
                f"{key.to_user_string()} was never materialized, or Dagster has forgotten it: materialize it",
                where=key.path[-1],
            )
        return chosen.asset_materialization.metadata

    def _family(self) -> set[str]:
        """This run and the runs it is a re-execution of."""
        family: set[str] = set()
        run = self.run
        while run is not None and run.run_id not in family:
            family.add(run.run_id)
            run = self.instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
        return family
