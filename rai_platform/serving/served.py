"""The model that the ledger says is in production, verified and loaded, as the service asks it."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rai_platform.data.column_rules import ColumnRule
from rai_platform.errors import EvidenceMissing, TamperedArtifact, UnknownModel, UnsuitableData, Withdrawn
from rai_platform.release.records import Production, read_change, read_production
from rai_platform.serving.encoding import Encoding, compile_encoding
from rai_platform.serving.inputs import InputRules, Value, compile_rules
from rai_platform.serving.labels import LabelRules, compile_label_rules
from rai_platform.serving.reasons import NOT_EXPLAINED, Explaining, explaining_of
from rai_platform.training.candidate import Candidate
from rai_platform.training.manifest import Manifest
from rai_platform.training.model import TrainedModel

if TYPE_CHECKING:
    from rai_platform.home import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A production model, ready to be asked.

    Attributes:
        production: its promotion, and the rollback to it where there was one.
        model: what was promoted.
        rules: what it asks of a row.
        labels: that its target has.
        encoding: its preprocessing, compiled; None where that is not to be had.
        explaining: how its answers are explained.
    """

    production: Production
    model: TrainedModel
    rules: InputRules
    labels: LabelRules
    encoding: Encoding | None = None
    explaining: Explaining = NOT_EXPLAINED

    @property
    def told(self) -> dict[str, str]:
        """Which model answers."""
        return {
            "name": self.production.model,
            "version": self.production.version,
            "digest": self.production.model_digest,
        }

    @property
    def certificate(self) -> dict[str, Any]:
        """The certificate as the ledger has it."""
        envelope: dict[str, Any] = self.production.body["certificate"]
        return envelope

    def predict(self, rows: Sequence[Mapping[str, Value]]) -> list[tuple[float, int | str]]:
        """Score and decision of every row that the rules have read.

        Of several classes, the label decided for and its chance.

        Raises:
            UnscorableRows: the model refuses the rows.
            UnsuitableData: its thresholds differ by group, and a row is of a group that it does not know.
        """
        model, manifest = self.model, self.model.manifest
        if manifest.classes:
            chances = model.probabilities_encoded(self._encoded(rows))
            return [
                (float(row[place]), manifest.classes[place])
                for row, place in zip(chances, chances.argmax(axis=1), strict=True)
            ]
        if model.one_threshold is not None:
            scores = model.score_encoded(self._encoded(rows))
            decisions = (scores >= model.one_threshold).astype("int8")
        else:
            frame = self.rules.frame(rows)
            scores, decisions = model.score_and_decide(frame, frame if manifest.group_features else None)
        return list(zip(scores.tolist(), decisions.tolist(), strict=True))

    def _encoded(self, rows: Sequence[Mapping[str, Value]]) -> Any:
        return self.model.encode(self.rules.frame(rows)) if self.encoding is None else self.encoding.encode(rows)


def find_production(home: "Home", name: str) -> Production:
    """What the ledger says is in production.

    Raises:
        UnknownModel: the ledger knows no model of that name.
        EvidenceMissing: none of its candidates was promoted.
        Withdrawn: the last one was taken out of production.
    """
    with home.ledger.read() as reader:
        production = read_production(reader, name)
        if production is None and (change := read_change(reader, name)) is not None:
            raise Withdrawn(
                f"no model is in production: version {change.body['left']['version']} was withdrawn on "
                f"{change.recorded_at[:16].replace('T', ' ')} UTC, and none was promoted since",
                where=name,
            )
        if production is None and name not in (known := reader.models()):
            raise UnknownModel(name, known)
    if production is None:
        raise EvidenceMissing(
            f"no candidate was promoted yet: `rai run {name}`, or `rai status {name}` for why", where=name
        )
    return production


def load_served(home: "Home", production: Production) -> ServedModel:
    """The model of a promotion, once ledger, certificate and files verify.

    Raises:
        LedgerBroken: the ledger does not verify.
        UnverifiedRelease: there is no public key to verify the certificate with.
        TamperedArtifact: the certificate is missing, not signed with the key, or names another model or other files.
        EvidenceMissing: a file is not in the store.
        UnsuitableData: it is no model that rows of JSON can be sent to.
    """
    from rai_platform.registry.flavor import certified_model
    from rai_platform.release.keys import load_public_key

    settings = home.settings
    home.ledger.must_be_sound()
    if not isinstance(production.body.get("certificate"), dict):
        raise TamperedArtifact("the promotion has no certificate", where=production.model)
    key = load_public_key(settings.public_key, signing_key=settings.signing_key)

    def load() -> TrainedModel:
        with _told_where_unreadable(production):
            return certified_model(production, home.store, key)

    model = load()
    candidate = recorded_candidate(home, production)
    must_be_servable(model.manifest, candidate.rules, where=production.model)
    rules = compile_rules(candidate, model, takes_any_number=settings.numbers_out_of_range == "answered")
    return ServedModel(
        production=production,
        model=model,
        rules=rules,
        labels=compile_label_rules(candidate),
        encoding=compile_encoding(model, rules),
        explaining=explaining_of(home, production, model, load),
    )


def recorded_candidate(home: "Home", production: Production) -> Candidate:
    """The candidate that was promoted.

    Raises:
        TamperedArtifact: what is on record of it cannot be read.
        EvidenceMissing: it is not in the store.
    """
    from rai_platform.registry.flavor import CANDIDATE

    with _told_where_unreadable(production):
        return CANDIDATE.validate_json(home.store.get(production.body["candidate"]))


@contextlib.contextmanager
def _told_where_unreadable(production: Production) -> Iterator[None]:
    try:
        yield
    except (ValidationError, KeyError):
        raise TamperedArtifact(
            "the candidate on record is not one that this version of the platform can read", where=production.model
        ) from None


def must_be_servable(manifest: Manifest, rules: Sequence[ColumnRule], *, where: str) -> None:
    """Refuses models that cannot decide on what a request holds.

    Args:
        manifest: of the model.
        rules: that were kept with it.
        where: what a message is about.

    Raises:
        UnsuitableData: thresholds differ by a group that is no category among the features, or a feature is an image of which
            nobody kept the size.
    """
    categories = {feature.name for feature in manifest.features if feature.kind == "category"}
    if unseen := [name for name in manifest.group_features if name not in categories]:
        raise UnsuitableData(
            f"to decide, the model needs {' and '.join(unseen)}, and requests hold its features alone: it cannot be served",
            where=where,
        )
    sized = {rule.name for rule in rules if rule.shape is not None}
    if images := [
        feature.name for feature in manifest.features if feature.kind == "image" and feature.name not in sized
    ]:
        raise UnsuitableData(
            f"the release does not say of which size the images in {images[0]} are: release the model again with this version of "
            "the platform",
            where=where,
        )
