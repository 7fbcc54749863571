"""Every way in which what is on the table keeps a model out of production, alone and together."""

import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_platform.release.decision import (
    AlreadyInProduction,
    Promotion,
    Refusal,
    choose_verdicts,
    decide,
    disclosures,
    subject_of,
)
from rai_platform.release.records import RecordedVerdict
from rai_platform.spec.requirements import RequiredCheck
from rai_platform.spec.subject import Subject
from rai_platform.spec.verdict import Outcome
from rai_platform_tests.card import made
from rai_platform_tests.card.made import DIGESTS, SUBJECT, TRAINING, recorded
from rai_platform_tests.release.dossiers import (
    CHECKS,
    DEFINITION,
    ELSEWHERE,
    OTHER_DATA,
    OTHER_MODEL,
    OUTCOMES,
    VERDICTS,
    Change,
    begun,
    dossier,
    in_production,
    judged_again,
    on_the_card,
    outcomes,
    verdict_of,
    with_verdicts,
)

# Each is about something of its own, so that any of them can come together.
AGAINST: dict[str, tuple[Change, str]] = {
    "somebody objects": (
        lambda on: dataclasses.replace(on, objections=("a result that nobody here wrote",)),
        "^a result that nobody here wrote$",
    ),
    "the card was written under another policy": (
        on_the_card(policy_digest=ELSEWHERE),
        "the model card was written under another policy: materialize `model_card` again",
    ),
    "a report changed after the card": (
        lambda on: dataclasses.replace(on, evidence={**DIGESTS, "fairness_report": ELSEWHERE}),
        "^fairness_report changed after the model card was written",
    ),
    "a judgement never finished": (
        lambda on: dataclasses.replace(on, unfinished=(begun(),)),
        "checks of fairness_report were begun at 2026-01-02T03:04:05.* in run 01234567 and never finished",
    ),
    "another model was promoted meanwhile": (
        lambda on: dataclasses.replace(on, production=in_production()),
        "another model was promoted after the card of this one was made",
    ),
    "a verdict is missing": (
        with_verdicts("accuracy_gain"),
        "no verdict about this model, these data and this policy on accuracy_gain: materialize `performance_report`",
    ),
    "a verdict fails": (outcomes("disparate_impact__sex", "FAIL"), "^disparate_impact__sex fails: The selection rate"),
    "evidence is lacking": (
        outcomes("accuracy_drop_under_noise", "INSUFFICIENT_EVIDENCE"),
        "^accuracy_drop_under_noise lacks evidence: Noise of strength",
    ),
    "another version of the code judged": (
        judged_again("leakage_rate", code_version="0"),
        "^leakage_rate was judged by another version of the code: materialize `test_data` again",
    ),
    "the training data were others": (
        judged_again("label_rate_ratio__sex", subject=Subject(model_digest=None, data_digest=ELSEWHERE)),
        "on label_rate_ratio__sex: materialize `training_data`",
    ),
}


# --- what keeps a model out ------------------------------------------------------------------------------------------


def test_a_model_with_all_its_evidence_becomes_the_production_model() -> None:
    decision = decide(dossier())
    assert isinstance(decision, Promotion)
    assert (decision.model, decision.subject, decision.training_digest) == ("fair", SUBJECT, TRAINING)
    assert (decision.policy_digest, decision.policy_name) == (DEFINITION.policy.digest, "made")
    assert (decision.card_digest, decision.evidence, decision.replaces) == ("8" * 64, DIGESTS, None)
    assert [item.verdict.check for item in decision.verdicts] == [check.name for check in CHECKS]
    assert decision.disclosed == ()


@pytest.mark.parametrize(("change", "reason"), AGAINST.values(), ids=AGAINST)
def test_each_thing_alone_keeps_it_out_and_says_why(change: Change, reason: str) -> None:
    decision = decide(change(dossier()))
    assert isinstance(decision, Refusal)
    assert len(decision.reasons) == 1
    assert re.search(reason, decision.reasons[0])


@given(st.sets(st.sampled_from(sorted(AGAINST))))
@settings(max_examples=100, deadline=None)
def test_together_each_of_them_is_told(chosen: set[str]) -> None:
    on = dossier()
    for name in sorted(chosen):
        on = AGAINST[name][0](on)
    decision = decide(on)
    assert isinstance(decision, Refusal) == bool(chosen)
    reasons = decision.reasons if isinstance(decision, Refusal) else ()
    assert len(reasons) == len(chosen)
    for name in chosen:
        assert any(re.search(AGAINST[name][1], reason) for reason in reasons), name
    assert not any(re.search(r"\b(None|nan|unknown)\b", reason) for reason in reasons)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_not_one_of_the_verdicts_may_be_missing(check: RequiredCheck) -> None:
    decision = decide(with_verdicts(check.name)(dossier()))
    assert isinstance(decision, Refusal)
    assert f"on {check.name}: materialize `{check.asset}` with its checks" in decision.reasons[0]


@pytest.mark.parametrize(
    "about",
    [{"subject": OTHER_MODEL}, {"subject": OTHER_DATA}, {"policy_digest": ELSEWHERE}, {"asset": "performance_report"}],
    ids=lambda about: next(iter(about)),
)
def test_a_verdict_about_anything_else_is_none(about: dict[str, object]) -> None:
    decision = decide(judged_again("disparate_impact__sex", **about)(dossier()))
    assert isinstance(decision, Refusal)
    assert "no verdict about this model, these data and this policy on disparate_impact__sex" in decision.reasons[0]


def test_verdicts_that_are_missing_are_told_by_the_asset_that_gives_them() -> None:
    on = with_verdicts("equalized_odds_difference__sex")(with_verdicts("disparate_impact__sex")(dossier()))
    decision = decide(on)
    assert isinstance(decision, Refusal)
    assert len(decision.reasons) == 1
    assert (
        "on disparate_impact__sex, equalized_odds_difference__sex: materialize `fairness_report`" in decision.reasons[0]
    )


@pytest.mark.parametrize("subject", [OTHER_MODEL, OTHER_DATA])
def test_a_card_about_another_model_or_other_data_is_told_once(subject: Subject) -> None:
    on = on_the_card(subject=subject, evidence=dict.fromkeys(DIGESTS, ELSEWHERE))(dossier())
    decision = decide(on)
    assert isinstance(decision, Refusal)
    assert decision.reasons == (
        f"the model card describes {subject}, the candidate is now {SUBJECT}: gather the evidence again",
    )


@pytest.mark.parametrize("asset", DIGESTS)
def test_a_card_that_was_filled_without_a_report_is_told(asset: str) -> None:
    without = {name: digest for name, digest in DIGESTS.items() if name != asset}
    decision = decide(on_the_card(evidence=without)(dossier()))
    assert isinstance(decision, Refusal)
    assert decision.reasons == (f"{asset} changed after the model card was written: materialize `model_card` again",)


def test_a_card_that_was_filled_from_a_report_that_is_gone_is_told() -> None:
    decision = decide(on_the_card(evidence={**DIGESTS, "an_older_report": ELSEWHERE})(dossier()))
    assert isinstance(decision, Refusal)
    assert decision.reasons[0].startswith("the evidence changed after the model card was written")


@pytest.mark.parametrize(
    "elsewhere",
    [{"policy_digest": ELSEWHERE}, {"subject": OTHER_MODEL}, {"subject": OTHER_DATA}, {"asset": "training_data"}],
    ids=lambda about: next(iter(about)),
)
def test_a_judgement_of_something_else_that_never_finished_is_no_reason(elsewhere: dict[str, object]) -> None:
    on = dataclasses.replace(dossier(), unfinished=(begun(**elsewhere),))
    assert isinstance(decide(on), Promotion)


def test_an_unfinished_judgement_of_data_is_about_data_alone() -> None:
    about = Subject(model_digest=None, data_digest=TRAINING)
    on = dataclasses.replace(dossier(), unfinished=(begun(asset="training_data", subject=about),))
    decision = decide(on)
    assert isinstance(decision, Refusal)
    assert "the checks of training_data were begun" in decision.reasons[0]


@pytest.mark.parametrize("each", [(), ("FAIL",), ("INSUFFICIENT_EVIDENCE",)])
def test_a_warning_keeps_nothing_out(each: tuple[Outcome, ...]) -> None:
    assert verdict_of("roc_auc").outcome == "FAIL"
    assert isinstance(decide(outcomes("roc_auc", *each)(dossier())), Promotion)


# --- judged more than once -------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=6))
@settings(deadline=None)
def test_it_takes_a_pass_every_time(each: list[Outcome]) -> None:
    decision = decide(outcomes("disparate_impact__sex", *each)(dossier()))
    assert isinstance(decision, Promotion) == (set(each) == {"PASS"})
    if isinstance(decision, Refusal):
        worst = "fails" if "FAIL" in each else "lacks evidence"
        assert decision.reasons[0].startswith(f"disparate_impact__sex {worst}")
        last_is_worst = each[-1] == ("FAIL" if "FAIL" in each else "INSUFFICIENT_EVIDENCE")
        assert ("a later judgement does not undo this one" in decision.reasons[0]) == (not last_is_worst)


@given(
    each=st.lists(st.tuples(st.sampled_from(OUTCOMES), st.sampled_from(["0", made.CODE])), min_size=1, max_size=5),
    more=st.tuples(st.sampled_from(OUTCOMES), st.just(made.CODE)),
)
@settings(deadline=None)
def test_one_more_judgement_never_undoes_a_verdict_that_keeps_a_model_out(
    each: list[tuple[Outcome, str]], more: tuple[Outcome, str]
) -> None:
    def after(judgements: list[tuple[Outcome, str]]) -> bool:
        verdict = verdict_of("disparate_impact__sex")
        all_of_them = [dataclasses.replace(verdict, outcome=outcome, code_version=code) for outcome, code in judgements]
        return isinstance(decide(with_verdicts("disparate_impact__sex", *all_of_them)(dossier())), Promotion)

    if any(outcome != "PASS" for outcome, _ in each):
        assert not after(each)
        assert not after([*each, more])
    else:
        assert after([*each, more]) == (more[0] == "PASS")


def test_a_pass_of_older_code_counts_once_the_code_of_today_has_passed_it_too() -> None:
    verdict = verdict_of("disparate_impact__sex")
    old, new = dataclasses.replace(verdict, code_version="0"), dataclasses.replace(verdict, estimate=0.97)
    decision = decide(with_verdicts("disparate_impact__sex", old, new)(dossier()))
    assert isinstance(decision, Promotion)
    assert new in [item.verdict for item in decision.verdicts]
    assert old not in [item.verdict for item in decision.verdicts]


# --- what is in production already -----------------------------------------------------------------------------------


def test_the_production_model_itself_is_not_promoted_again() -> None:
    production = in_production(str(SUBJECT.model_digest))
    decision = decide(dataclasses.replace(dossier(), production=production))
    assert decision == AlreadyInProduction(production=production)


def test_another_card_of_the_production_model_is_published() -> None:
    production = in_production(str(SUBJECT.model_digest))
    on = dataclasses.replace(on_the_card(says="6" * 64, replaces=production.sequence)(dossier()), production=production)
    decision = decide(on)
    assert isinstance(decision, Promotion)
    assert decision.card_says == "6" * 64


def test_what_was_found_against_this_model_under_another_name_is_told() -> None:
    failed = recorded(
        dataclasses.replace(verdict_of("disparate_impact__sex"), outcome="FAIL", policy_digest="5" * 64), 70
    )
    there = dataclasses.replace(failed, model="lane")
    decision = decide(dataclasses.replace(dossier(), on_this_model=(*dossier().verdicts, failed, there)))
    assert isinstance(decision, Promotion)
    mine, elsewhere = decision.earlier
    assert "disparate_impact__sex failed" in mine
    assert " as " not in mine.split(":")[0]
    assert elsewhere.split(":")[0].endswith("as lane")


def test_the_production_model_itself_is_refused_on_evidence_that_does_not_hold() -> None:
    on = dataclasses.replace(dossier(), production=in_production(str(SUBJECT.model_digest)))
    assert isinstance(decide(outcomes("disparate_impact__sex", "FAIL")(on)), Refusal)


@pytest.mark.parametrize(
    ("replaces", "sequence", "allowed"), [(40, 40, True), (39, 40, False), (None, 40, False), (40, None, False)]
)
def test_it_replaces_what_its_card_said_it_would(replaces: int | None, sequence: int | None, allowed: bool) -> None:
    production = None if sequence is None else in_production(sequence=sequence)
    decision = decide(dataclasses.replace(on_the_card(replaces=replaces)(dossier()), production=production))
    assert isinstance(decision, Promotion) == allowed
    if isinstance(decision, Promotion):
        assert decision.replaces == replaces


# --- what is named instead of proven ---------------------------------------------------------------------------------


def named(check: str, **changes: object) -> RecordedVerdict:
    return recorded(dataclasses.replace(verdict_of(check), **changes), 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        ([], ()),
        ([named("disparate_impact__sex")], ()),
        (
            [named("disparate_impact__sex", disclosed=("other", "(missing)"))],
            ("disparate_impact__sex: other", "disparate_impact__sex: (missing)"),
        ),
        (
            [named("accuracy_gain", outcome="INSUFFICIENT_EVIDENCE", may_be_disclosed=True)],
            ("accuracy_gain: everybody",),
        ),
        ([named("accuracy_gain", outcome="INSUFFICIENT_EVIDENCE")], ()),
        ([named("accuracy_gain", outcome="PASS", may_be_disclosed=True)], ()),
    ],
)
def test_what_a_policy_lets_be_named_is_named(verdicts: list[RecordedVerdict], told: tuple[str, ...]) -> None:
    assert disclosures(verdicts) == told


def test_a_lack_of_evidence_that_may_be_named_is_named_in_the_promotion() -> None:
    change = judged_again(
        "accuracy_drop_under_noise", outcome="INSUFFICIENT_EVIDENCE", estimate=None, may_be_disclosed=True
    )
    decision = decide(change(dossier()))
    assert isinstance(decision, Promotion)
    assert decision.disclosed == ("accuracy_drop_under_noise: everybody",)


def test_a_failure_is_never_named_instead() -> None:
    change = judged_again("accuracy_drop_under_noise", outcome="FAIL", may_be_disclosed=True)
    assert isinstance(decide(change(dossier())), Refusal)


# --- what evidence is about ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asset", "about"),
    [
        ("training_data", Subject(model_digest=None, data_digest=TRAINING)),
        ("test_data", Subject(model_digest=None, data_digest=SUBJECT.data_digest)),
        ("performance_report", SUBJECT),
        ("robustness_scores", SUBJECT),
    ],
)
def test_before_there_is_a_model_evidence_is_about_data_alone(asset: str, about: Subject) -> None:
    assert subject_of(asset, SUBJECT, TRAINING) == about


def test_the_verdicts_chosen_come_in_the_order_of_the_checks_whatever_the_order_they_were_made_in() -> None:
    chosen, reasons = choose_verdicts(
        CHECKS,
        tuple(reversed(VERDICTS)),
        subject=SUBJECT,
        training_digest=TRAINING,
        policy_digest=DEFINITION.policy.digest,
        code_versions=made.CODE_VERSIONS,
    )
    assert ([item.verdict.check for item in chosen], reasons) == ([check.name for check in CHECKS], [])
