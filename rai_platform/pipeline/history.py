"""Dagster's own record of checks and promotions, held against the ledger.

The ledger decides; Dagster's record can be edited by whoever reaches its webserver. Where the two differ, a release is
refused and the difference is said. This module is the only one that reads Dagster's check storage, whose API is not
public: its tests hold for the pinned minor version.
"""

from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

from rai_platform.pipeline.judging import PROMOTION_GATE
from rai_platform.pipeline.values import LEDGER_ENTRY
from rai_platform.release.ledger import Reader
from rai_platform.release.records import RecordedVerdict, read_verdicts
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.requirements import blocking_checks

LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class DagsterHistory:
    """What Dagster remembers about one model."""

    instance: dg.DagsterInstance
    definition: ModelDefinition

    def objections(self, reader: Reader) -> list[str]:
        """Where the latest result of a required check, as Dagster shows it, is not one the platform wrote.

        Args:
            reader: of the ledger.
        """
        recorded = {item.sequence: item for item in read_verdicts(reader, self.definition.name)}
        judged = {(item.verdict.asset, item.verdict.check) for item in recorded.values()}
        found = []
        for check in blocking_checks(self.definition):
            key = dg.AssetCheckKey(dg.AssetKey([self.definition.name, check.asset]), check.name)
            latest = self._latest(key)
            if latest is not None:
                found += _difference(check.asset, check.name, latest, recorded)
            elif (check.asset, check.name) in judged:
                found.append(
                    f"the ledger has a verdict on {check.asset}: {check.name} that Dagster no longer knows (it was wiped, or "
                    f"its run was deleted): materialize `{check.asset}` again"
                )
        return found

    def forgeries(self, reader: Reader) -> list[str]:
        """What Dagster shows of production and of the gate that is not in the ledger."""
        model = self.definition.name
        promoted = {entry.sequence for entry in reader.entries(model=model, kinds=["promotion", "rollback"])}
        found = []
        records = self.instance.fetch_materializations(dg.AssetKey([model, "production_model"]), limit=1).records
        if records:
            record, event = records[0], records[0].asset_materialization
            if not record.run_id or event is None or _ledger_entry(event.metadata) not in promoted:
                found.append(
                    f"Dagster shows a materialization of production_model{_outside(record.run_id)} that the ledger does not "
                    "know; production is what the ledger says"
                )
        gate = self._latest(dg.AssetCheckKey(dg.AssetKey([model, "production_model"]), PROMOTION_GATE))
        if gate is not None and not gate.run_id:
            found.append(f"Dagster shows a result of {PROMOTION_GATE}{_outside('')} that the platform did not write")
        return found

    def _latest(self, key: dg.AssetCheckKey) -> AssetCheckExecutionRecord | None:
        """The latest result; attempts that gave none are passed over, the ledger knows of those."""
        rows = self.instance.event_log_storage.get_asset_check_execution_history(key, limit=LOOKED_AT)
        return next((row for row in rows if row.status != AssetCheckExecutionRecordStatus.PLANNED), None)


def _difference(
    asset: str, check: str, latest: AssetCheckExecutionRecord, recorded: dict[int, RecordedVerdict]
) -> list[str]:
    evaluation: Any = (
        latest.event.dagster_event.event_specific_data if latest.event and latest.event.dagster_event else None
    )
    known = recorded.get(_ledger_entry(evaluation.metadata)) if evaluation is not None else None
    name = f"{asset}: {check}"
    if not latest.run_id or known is None:
        return [
            f"the latest result of {name} in Dagster{_outside(latest.run_id)} was not written by the platform: "
            f"materialize `{asset}` again"
        ]
    verdict = known.verdict
    if (verdict.asset, verdict.check) != (asset, check) or evaluation.passed != verdict.allows_release:
        return [f"the latest result of {name} in Dagster does not agree with ledger entry {known.sequence}"]
    return []


def _ledger_entry(metadata: Any) -> int:
    """The ledger entry that a piece of metadata names; 0, which is none, where it names no number."""
    entry = metadata.get(LEDGER_ENTRY)
    text = str(entry.value) if entry is not None else ""
    return int(text) if text.isdigit() else 0


def _outside(run_id: str) -> str:
    return f" (run {run_id[:8]})" if run_id else " (reported from outside a run)"
