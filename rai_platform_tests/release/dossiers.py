"""All that is on the table when it is decided, and what may be wrong with it."""

import dataclasses
from collections.abc import Callable

from rai_platform.release.decision import CardOnFile, Dossier
from rai_platform.release.records import Production, StartedEvaluation
from rai_platform.spec.requirements import blocking_checks
from rai_platform.spec.verdict import Outcome, Verdict
from rai_platform_tests.card import made
from rai_platform_tests.card.made import DIGESTS, SUBJECT, TRAINING, recorded

Change = Callable[[Dossier], Dossier]

DEFINITION = made.define_with(
    {"metric": "label_rate_ratio", "min": 0.5},
    {"metric": "leakage_rate", "max": 0.02},
    {"metric": "accuracy_gain", "min": 0},
    {"metric": "disparate_impact", "min": 0.8},
    {"metric": "equalized_odds_difference", "max": 0.15},
    {"metric": "accuracy_drop_under_noise", "max": 0.1},
    {"metric": "roc_auc", "min": 0.99, "severity": "warn"},
)
VERDICTS = made.judgements(DEFINITION, made.evidence(), made.candidate())
CHECKS = blocking_checks(DEFINITION)
ELSEWHERE = "9" * 64
SAYS = "7" * 64
OUTCOMES: tuple[Outcome, ...] = ("PASS", "FAIL", "INSUFFICIENT_EVIDENCE")


def dossier() -> Dossier:
    """Everything as it has to be for a release."""
    return Dossier(
        definition=DEFINITION,
        subject=SUBJECT,
        training_digest=TRAINING,
        evidence=DIGESTS,
        card=CardOnFile(
            digest="8" * 64,
            subject=SUBJECT,
            policy_digest=DEFINITION.policy.digest,
            evidence=DIGESTS,
            replaces=None,
            says=SAYS,
            is_true=True,
        ),
        verdicts=VERDICTS,
        on_this_model=VERDICTS,
        unfinished=(),
        production=None,
        as_of=60,
        code_versions=made.CODE_VERSIONS,
        objections=(),
    )


def in_production(model_digest: str = ELSEWHERE, *, sequence: int = 40) -> Production:
    return Production(
        model="fair",
        version="1",
        model_digest=model_digest,
        data_digest=SUBJECT.data_digest,
        promoted_at="2026-01-01T00:00:00+00:00",
        sequence=sequence,
        body={"card_says": SAYS},
    )


def begun(**changes: object) -> StartedEvaluation:
    """A judgement of the fairness report that gave no verdict."""
    started = StartedEvaluation(
        asset="fairness_report",
        checks=("disparate_impact__sex",),
        subject=SUBJECT,
        policy_digest=DEFINITION.policy.digest,
        run_id="0123456789",
        sequence=41,
        recorded_at="2026-01-02T03:04:05+00:00",
    )
    return dataclasses.replace(started, **changes)  # type: ignore[arg-type]  # names of its own fields


def on_the_card(**changes: object) -> Change:
    return lambda on: dataclasses.replace(on, card=dataclasses.replace(on.card, **changes))  # type: ignore[arg-type]


def verdict_of(check: str) -> Verdict:
    return next(item.verdict for item in VERDICTS if item.verdict.check == check)


def with_verdicts(check: str, *instead: Verdict) -> Change:
    """The verdicts on record on one check replaced, in this order."""

    def change(on: Dossier) -> Dossier:
        others = tuple(item for item in on.verdicts if item.verdict.check != check)
        new = tuple(recorded(verdict, 50 + at) for at, verdict in enumerate(instead))
        return dataclasses.replace(on, verdicts=(*others, *new))

    return change


def judged_again(check: str, **changes: object) -> Change:
    return with_verdicts(check, dataclasses.replace(verdict_of(check), **changes))  # type: ignore[arg-type]


def outcomes(check: str, *each: Outcome) -> Change:
    return with_verdicts(check, *(dataclasses.replace(verdict_of(check), outcome=outcome) for outcome in each))


OTHER_DATA = dataclasses.replace(SUBJECT, data_digest=ELSEWHERE)
OTHER_MODEL = dataclasses.replace(SUBJECT, model_digest=ELSEWHERE)
