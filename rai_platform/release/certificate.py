"""The certificate of a promotion: an in-toto statement in a DSSE envelope, signed with Ed25519.

Anybody with the public key can check it without this platform: the payload is a statement (in-toto attestation
framework, v1) whose subject is the model's digest, signed over DSSE's pre-authentication encoding.
"""

import json
from typing import Any

from in_toto_attestation.v1.statement import STATEMENT_TYPE_URI, Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Key  # type: ignore[attr-defined]  # a public name of it

from rai_platform.errors import TamperedArtifact
from rai_platform.release.decision import Promotion
from rai_platform.release.keys import SigningKey
from rai_platform.spec.digests import canonical_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "urn:rai-platform:promotion:v1"


def certify(promotion: Promotion, *, version: str, files: dict[str, str], key: SigningKey, now: str) -> dict[str, Any]:
    """The signed certificate of a promotion, as the JSON of a DSSE envelope.

    Args:
        promotion: what was decided.
        version: the version in the registry.
        files: SHA-256 of every file of the model, by name.
        key: the platform's.
        now: ISO 8601, UTC.
    """
    subjects: list[dict[str, Any]] = [{"name": promotion.model, "digest": {"sha256": promotion.subject.model_digest}}]
    subjects += [{"name": f"file:{name}", "digest": {"sha256": digest}} for name, digest in sorted(files.items())]
    predicate = {
        "model": promotion.model,
        "version": version,
        "promotedAt": now,
        "evaluationData": {"sha256": promotion.subject.data_digest},
        "trainingData": {"sha256": promotion.training_digest} if promotion.training_digest else None,
        "policy": {"name": promotion.policy_name, "sha256": promotion.policy_digest},
        "modelCard": {"sha256": promotion.card_digest},
        "evidence": {asset: {"sha256": digest} for asset, digest in sorted(promotion.evidence.items())},
        "replaces": promotion.replaces,
        "disclosed": list(promotion.disclosed),
        "earlierVerdictsAgainstThisModel": list(promotion.earlier),
        "policyAsksForLessThanTheDefault": list(promotion.departures),
        "verdicts": [
            {
                "asset": item.verdict.asset,
                "check": item.verdict.check,
                "verdict": item.verdict.outcome,
                "estimate": item.verdict.estimate,
                "n": item.verdict.n,
                "ledgerEntry": item.sequence,
                "sha256": item.digest,
            }
            for item in promotion.verdicts
        ],
    }
    Statement([_descriptor(subject) for subject in subjects], PREDICATE_TYPE, predicate).validate()
    statement = {
        "_type": STATEMENT_TYPE_URI,
        "subject": subjects,
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    envelope = Envelope(canonical_json(statement), PAYLOAD_TYPE, {})
    envelope.sign(key.signer)
    signed: dict[str, Any] = envelope.to_dict()
    return signed


def read_certificate(envelope: dict[str, Any], key: Key) -> dict[str, Any]:
    """The statement in a certificate, once its signature holds.

    Args:
        envelope: the certificate.
        key: the platform's public one.

    Raises:
        TamperedArtifact: it is not signed by the platform's key.
    """
    try:
        parsed = Envelope.from_dict(json.loads(json.dumps(envelope)))
        parsed.verify([key], threshold=1)
    except (VerificationError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise TamperedArtifact(
            f"the certificate is not signed by the platform's key: {error}", where="certificate"
        ) from None
    statement: dict[str, Any] = json.loads(parsed.payload)
    return statement


def _descriptor(subject: dict[str, Any]) -> Any:
    from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor

    return ResourceDescriptor(name=subject["name"], digest=subject["digest"]).pb
