"""The production model: a version in MLflow, a promotion in the ledger, and an alias that follows the ledger.

The ledger is the truth. A promotion registers a version, then appends one entry with the certificate in it, then moves
the alias. Killed before the entry, the old model is in production and the new version an orphan that the next attempt
takes up again; killed after it, the new model is in production and the next attempt moves the alias.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from rai_platform.errors import PromotionConflict
from rai_platform.registry.tracking import log_document
from rai_platform.release.decision import Promotion
from rai_platform.release.ledger import Ledger, NewEntry, Reader
from rai_platform.release.records import Production, production_of, read_production
from rai_platform.spec.digests import digest_of
from rai_platform.store import ContentStore
from rai_platform.training.candidate import Candidate
from rai_platform.training.loading import stored_files

if TYPE_CHECKING:
    from rai_platform.release.keys import SigningKey

ALIAS = "production"
RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionRegistry:
    """Where production models are registered.

    Attributes:
        client: of MLflow.
        ledger: the single truth of what is in production.
        store: the model files.
        key: signs certificates.
        clock: the time, UTC.
    """

    client: MlflowClient
    ledger: Ledger
    store: ContentStore
    key: "SigningKey"
    clock: Callable[[], datetime]

    def promote(
        self, promotion: Promotion, candidate: Candidate, documents: Mapping[str, bytes], *, run_id: str
    ) -> Production:
        """Makes the candidate the production model, whole or not at all.

        Args:
            promotion: the decision.
            candidate: the model it is about.
            documents: the model card, by file name.
            run_id: Dagster's.

        Raises:
            PromotionConflict: another promotion came first.
            TamperedArtifact: a model file is not what was examined.
        """
        from rai_platform.release.certificate import certify

        if candidate.model_digest != promotion.subject.model_digest:
            raise PromotionConflict("the promotion is about another model")
        files = stored_files(candidate, self.store)
        version = self._ensure_version(promotion, candidate, files, documents)
        now = self.clock().isoformat(timespec="milliseconds")
        envelope = certify(
            promotion,
            version=version,
            files={name: file.blob for name, file in candidate.files.items()},
            key=self.key,
            now=now,
        )
        entry = NewEntry(
            kind="promotion",
            model=promotion.model,
            body={
                "version": version,
                "model_digest": promotion.subject.model_digest,
                "data_digest": promotion.subject.data_digest,
                "training_digest": promotion.training_digest,
                "policy_digest": promotion.policy_digest,
                "card_digest": promotion.card_digest,
                "evidence": promotion.evidence,
                "disclosed": list(promotion.disclosed),
                "replaces": promotion.replaces,
                "certificate": envelope,
                "mlflow_run_id": candidate.mlflow_run_id,
                "run_id": run_id,
            },
        )
        recorded = self.ledger.append([entry], guard=_still_replaces(promotion))[0]
        production = production_of(recorded)
        self.bring_in_line(promotion.model)
        return production

    def bring_in_line(self, model: str) -> str | None:
        """Moves the alias to the production model of the ledger, and gives its version the certificate.

        Returns:
            What was found out of line, in words; None where all was well. A finding other than a promotion that has yet to
            be followed is recorded in the ledger.
        """
        with self.ledger.read() as reader:
            production = read_production(reader, model)
        pointed = self.alias(model)
        if production is None:
            if pointed is None:
                return None
            self.client.delete_registered_model_alias(model, ALIAS)
            return self._record_alias(
                model, f"the alias `{ALIAS}` pointed to version {pointed}, which was never promoted; removed"
            )
        version = next((found for found in self._versions(model) if str(found.version) == production.version), None)
        if version is None:
            return (
                f"version {production.version}, which the ledger says is in production, is gone from MLflow: restore MLflow's "
                "database, or train and promote another model"
            )
        self._attach_certificate(production, version)
        if pointed == production.version:
            return None
        self.client.set_registered_model_alias(model, ALIAS, production.version)
        follows = pointed is None or _replaced_version(self.ledger, production) == pointed
        told = f"the alias `{ALIAS}` pointed to {f'version {pointed}' if pointed else 'nothing'}; put to version {production.version}"
        return told if follows else self._record_alias(model, told)

    def alias(self, model: str) -> str | None:
        """The version that MLflow's alias points to; None where there is none."""
        try:
            return str(self.client.get_model_version_by_alias(model, ALIAS).version)
        except MlflowException:
            return None

    def _record_alias(self, model: str, told: str) -> str:
        self.ledger.append([NewEntry(kind="alias_restored", model=model, body={"found": told})])
        return told

    def _ensure_version(
        self, promotion: Promotion, candidate: Candidate, files: dict[str, bytes], documents: Mapping[str, bytes]
    ) -> str:
        identity = digest_of(
            [promotion.subject.model_digest, promotion.card_digest, promotion.policy_digest, promotion.replaces]
        )
        for version in self._versions(promotion.model):
            if version.tags.get("rai.promotion") == identity:
                return str(version.version)
        self._ensure_registered(promotion.model)
        source = self._log_release(candidate, files, documents)
        created = self.client.create_model_version(
            promotion.model,
            source=source,
            run_id=candidate.mlflow_run_id,
            tags={
                "rai.promotion": identity,
                "rai.model_digest": str(promotion.subject.model_digest),
                "rai.data_digest": promotion.subject.data_digest,
                "rai.policy_digest": promotion.policy_digest,
                "rai.card_digest": promotion.card_digest,
            },
            description=documents["model_card.md"].decode()[:5000],
        )
        return str(created.version)

    def _log_release(self, candidate: Candidate, files: dict[str, bytes], documents: Mapping[str, bytes]) -> str:
        """Uploads the release, and gives its URI."""
        import mlflow.pyfunc

        from rai_platform.registry.flavor import CANDIDATE, CANDIDATE_FILE

        with TemporaryDirectory() as scratch:
            data, release = Path(scratch) / "data", Path(scratch) / RELEASE
            data.mkdir()
            (data / CANDIDATE_FILE).write_bytes(CANDIDATE.dump_json(candidate, indent=1))
            for name, content in files.items():
                (data / f"{name}.skops").write_bytes(content)
            mlflow.pyfunc.save_model(
                str(release),
                loader_module="rai_platform.registry.flavor",
                data_path=str(data),
                pip_requirements=["rai-platform"],
            )
            for name, content in documents.items():
                (release / name).write_bytes(content)
            self.client.log_artifacts(candidate.mlflow_run_id, str(release), RELEASE)
        return f"{self.client.get_run(candidate.mlflow_run_id).info.artifact_uri}/{RELEASE}"

    def _attach_certificate(self, production: Production, version: ModelVersion) -> None:
        if version.tags.get("rai.status") == "promoted":
            return
        log_document(
            self.client,
            production.body["mlflow_run_id"],
            f"{RELEASE}/certificate.dsse.json",
            json.dumps(production.body["certificate"], indent=1),
        )
        self.client.set_model_version_tag(
            production.model, production.version, "rai.ledger_entry", str(production.sequence)
        )
        self.client.set_model_version_tag(production.model, production.version, "rai.status", "promoted")

    def _versions(self, model: str) -> list[ModelVersion]:
        return list(self.client.search_model_versions(f"name='{model}'"))

    def _ensure_registered(self, model: str) -> None:
        try:
            self.client.create_registered_model(model, description="Released by rai_platform; see its ledger.")
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


def _still_replaces(promotion: Promotion) -> Callable[[Reader], None]:
    """The compare of compare-and-swap: what is in production is still what the card said."""

    def guard(reader: Reader) -> None:
        production = read_production(reader, promotion.model)
        current = production.sequence if production else None
        if current != promotion.replaces:
            raise PromotionConflict(
                "another model was promoted after the card of this one was made: materialize `model_card` again and look at "
                "what would be replaced"
            )

    return guard


def _replaced_version(ledger: Ledger, production: Production) -> Any:
    replaced = production.body["replaces"]
    if replaced is None:
        return None
    with ledger.read() as reader:
        entry = next(reader.entries(model=production.model, kinds=["promotion"], after=replaced - 1), None)
    return entry.body["version"] if entry else None
