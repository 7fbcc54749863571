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

from mlflow.entities import LifecycleStage
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from rai_platform.errors import PromotionConflict
from rai_platform.registry.flavor import CANDIDATE
from rai_platform.registry.release import (
    CERTIFICATE,
    RELEASE,
    Release,
    damage,
    digests_in,
    says_the_same,
    stored_release,
    write_release,
)
from rai_platform.registry.tracking import ensure_experiment, in_short, log_document
from rai_platform.release.decision import Promotion
from rai_platform.release.ledger import Ledger, NewEntry, Reader
from rai_platform.release.records import (
    CHANGES_OF_PRODUCTION,
    Production,
    held_now,
    production_at,
    production_of,
    read_change,
    read_production,
)
from rai_platform.spec.digests import digest_of
from rai_platform.store import ContentStore
from rai_platform.training.candidate import Candidate
from rai_platform.training.loading import stored_files

if TYPE_CHECKING:
    from rai_platform.release.keys import SigningKey

ALIAS = "production"
RELEASES = "releases"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionRegistry:
    """Where production models are registered.

    Attributes:
        client: of MLflow.
        ledger: the single truth of what is in production.
        store: the model files.
        key: signs certificates.
        clock: the time, UTC.
        artifacts: where a run's artifacts lie on a laptop; None where an MLflow server decides.
    """

    client: MlflowClient
    ledger: Ledger
    store: ContentStore
    key: "SigningKey"
    clock: Callable[[], datetime]
    artifacts: Path | None

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
        version, release = self._ensure_version(promotion, candidate, files, documents)
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
                "release": RELEASE.dump_python(release, mode="json"),
                "model_digest": promotion.subject.model_digest,
                "data_digest": promotion.subject.data_digest,
                "training_digest": promotion.training_digest,
                "policy_digest": promotion.policy_digest,
                "rules_digest": promotion.rules_digest,
                "card_digest": promotion.card_digest,
                "card_says": promotion.card_says,
                "evidence": promotion.evidence,
                "disclosed": list(promotion.disclosed),
                "earlier": list(promotion.earlier),
                "departures": list(promotion.departures),
                "replaces": promotion.replaces,
                "certificate": envelope,
                "candidate": self.store.put(CANDIDATE.dump_json(candidate)),
                "documents": {name: self.store.put(content) for name, content in documents.items()},
                "mlflow_run_id": candidate.mlflow_run_id,
                "run_id": run_id,
            },
        )
        recorded = self.ledger.append([entry], guard=_still_holds(promotion))[0]
        production = production_of(recorded)
        self.bring_in_line(promotion.model)
        return production

    def bring_in_line(self, model: str) -> str | None:
        """Moves the alias to the production model of the ledger, and gives its version the certificate.

        Where the version is gone, or leads to other files than those that were released, they are restored from the store.

        Returns:
            What was found out of line, in words; None where all was well. A finding other than a promotion, rollback or
            withdrawal that has yet to be followed is recorded in the ledger.
        """
        with self.ledger.read() as reader:
            production = read_production(reader, model)
        pointed = self.alias(model)
        if production is None:
            if pointed is None:
                return None
            self.client.delete_registered_model_alias(model, ALIAS)
            withdrawn = _withdrawn_version(self.ledger, model)
            if pointed == withdrawn:
                return f"the alias `{ALIAS}` pointed to version {pointed}, which was withdrawn; removed"
            why = "was never promoted" if withdrawn is None else "is not in production"
            return self._record_alias(model, f"the alias `{ALIAS}` pointed to version {pointed}, which {why}; removed")
        found = self.damage(production)
        if found is not None:
            production = self._restored(production, found)
            found = f"{found}; restored as version {production.version}"
        self._attach_certificate(production)
        pointed = self.alias(model)
        if pointed == production.version:
            return found
        self.client.set_registered_model_alias(model, ALIAS, production.version)
        if found is not None:
            return found
        told = f"the alias `{ALIAS}` pointed to {f'version {pointed}' if pointed else 'nothing'}; put to version {production.version}"
        follows = pointed is None or _replaced_version(self.ledger, production) == pointed
        return told if follows else self._record_alias(model, told)

    def damage(self, production: Production) -> str | None:
        """What is wrong with the version that holds the production model, in words; None where nothing is."""
        release = RELEASE.validate_python(production.body["release"])
        return damage(self.client, production.model, production.version, release)

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
    ) -> tuple[str, Release]:
        """The version of this promotion: one that an earlier attempt registered, if it is just that, or a new one."""
        identity = digest_of(
            [promotion.subject.model_digest, promotion.card_digest, promotion.policy_digest, promotion.replaces]
        )
        tags = {
            "rai.promotion": identity,
            "rai.model_digest": str(promotion.subject.model_digest),
            "rai.data_digest": promotion.subject.data_digest,
            "rai.policy_digest": promotion.policy_digest,
            "rai.card_digest": promotion.card_digest,
        }
        with TemporaryDirectory() as scratch:
            folder = Path(scratch) / "release"
            write_release(folder, candidate, files, documents)
            path = f"{RELEASES}/{identity[:16]}"
            if (known := self._left_behind(candidate, tags, folder, path)) is not None:
                return known
            return self._register(promotion.model, candidate.mlflow_run_id, folder, path, tags, documents)

    def _left_behind(
        self, candidate: Candidate, tags: Mapping[str, str], folder: Path, path: str
    ) -> tuple[str, Release] | None:
        """A version that an attempt of this promotion registered before it died; tags alone prove nothing."""
        run_id = candidate.mlflow_run_id
        source = self._source(run_id, path)
        for version in self._versions(candidate.model):
            if version.tags.get("rai.promotion") != tags["rai.promotion"] or version.source != source:
                continue
            with TemporaryDirectory() as scratch:
                stored = stored_release(self.client, run_id, path, Path(scratch))
                if stored is not None and says_the_same(stored, folder):
                    known = str(version.version)
                    return known, self._release(candidate.model, known, run_id, path, source, stored)
        return None

    def _register(
        self,
        model: str,
        run_id: str,
        folder: Path,
        path: str,
        tags: Mapping[str, str],
        documents: Mapping[str, bytes],
    ) -> tuple[str, Release]:
        self._ensure_registered(model)
        self.client.log_artifacts(run_id, str(folder), path)
        created = self.client.create_model_version(
            model,
            source=self._source(run_id, path),
            run_id=run_id,
            tags=dict(tags),
            description=in_short(documents["model_card.md"].decode()),
        )
        version = str(created.version)
        return version, self._release(model, version, run_id, path, str(created.source), folder)

    def _release(self, model: str, version: str, run_id: str, path: str, source: str, folder: Path) -> Release:
        return Release(
            mlflow_run_id=run_id,
            path=path,
            source=source,
            location=str(self.client.get_model_version_download_uri(model, version)),
            files=digests_in(folder),
        )

    def _source(self, run_id: str, path: str) -> str:
        return f"{self.client.get_run(run_id).info.artifact_uri}/{path}"

    def _run_of(self, candidate: Candidate) -> str:
        """The run that tracked the training, or one in its place where MLflow has lost or deleted it."""
        try:
            if self.client.get_run(candidate.mlflow_run_id).info.lifecycle_stage == LifecycleStage.ACTIVE:
                return candidate.mlflow_run_id
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
        instead = self.client.create_run(
            ensure_experiment(self.client, candidate.model, self.artifacts),
            run_name="restored",
            tags={"rai.model": candidate.model, "rai.model_digest": candidate.model_digest},
        )
        self.client.set_terminated(instead.info.run_id)
        return str(instead.info.run_id)

    def _restored(self, production: Production, found: str) -> Production:
        """The production model as a new version, made from what the store holds of it."""
        body = production.body
        candidate: Candidate = CANDIDATE.validate_json(self.store.get(body["candidate"]))
        documents = {name: self.store.get(blob) for name, blob in body["documents"].items()}
        path = f"{RELEASES}/{digest_of([production.promotion, self.clock().isoformat()])[:16]}"
        tags = {
            "rai.model_digest": production.model_digest,
            "rai.data_digest": production.data_digest,
            "rai.policy_digest": body["policy_digest"],
            "rai.card_digest": body["card_digest"],
        }
        with TemporaryDirectory() as scratch:
            folder = Path(scratch) / "release"
            write_release(folder, candidate, stored_files(candidate, self.store), documents)
            version, release = self._register(production.model, self._run_of(candidate), folder, path, tags, documents)
        entry = NewEntry(
            kind="release_restored",
            model=production.model,
            body={
                "promotion": production.promotion,
                "version": version,
                "release": RELEASE.dump_python(release, mode="json"),
                "found": found,
            },
        )
        self.ledger.append([entry])
        with self.ledger.read() as reader:
            restored = read_production(reader, production.model)
        return restored or production

    def _attach_certificate(self, production: Production) -> None:
        version = self.client.get_model_version(production.model, production.version)
        if (
            version.tags.get("rai.ledger_entry") == str(production.promotion)
            and version.tags.get("rai.status") == "promoted"
        ):
            return
        log_document(
            self.client,
            production.body["release"]["mlflow_run_id"],
            f"{production.body['release']['path']}/{CERTIFICATE}",
            json.dumps(production.body["certificate"], indent=1),
        )
        self.client.set_model_version_tag(
            production.model, production.version, "rai.ledger_entry", str(production.promotion)
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


def _still_holds(promotion: Promotion) -> Callable[[Reader], None]:
    """The compare of compare-and-swap: production is still what the card said, and nothing happened since the decision."""

    def guard(reader: Reader) -> None:
        production = read_production(reader, promotion.model)
        current = production.sequence if production else None
        if current != promotion.replaces:
            raise PromotionConflict(
                "another model was promoted after the card of this one was made: materialize `model_card` again and look at "
                "what would be replaced"
            )
        changed = reader.entries(model=promotion.model, kinds=CHANGES_OF_PRODUCTION, after=promotion.as_of)
        if next(changed, None) is not None:
            raise PromotionConflict(
                "what is in production changed after it was decided: materialize `model_card` again and look at what would be "
                "replaced"
            )
        judged = reader.entries(model=promotion.model, kinds=["verdict", "evaluation_started"], after=promotion.as_of)
        if next(judged, None) is not None:
            raise PromotionConflict(
                "something was judged after it was decided: decide again on all that is on record now"
            )

    return guard


def _replaced_version(ledger: Ledger, production: Production) -> str | None:
    """The version that was in production before, as it is held now; None where there was none."""
    if production.replaces is None:
        return None
    with ledger.read() as reader:
        replaced = production_at(reader, production.model, production.replaces)
        return None if replaced is None else held_now(reader, replaced).version


def _withdrawn_version(ledger: Ledger, model: str) -> Any:
    """The version that was withdrawn last; None where none was."""
    with ledger.read() as reader:
        changed = read_change(reader, model)
    left = changed.body["left"] if changed is not None and changed.kind == "withdrawal" else None
    return left and left["version"]
