"""A card is built from evidence about one model, says what follows from it, and tells its own holes."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rai_platform.card.building import Evidence, Judged, gaps
from rai_platform.card.document import ModelCard
from rai_platform.card.figures import explanation_section
from rai_platform.card.sections.figure import Figure
from rai_platform.errors import EvidenceMismatch
from rai_platform.fairness.metrics import DISPARITIES
from rai_platform.fairness.rates import RATES
from rai_platform.spec.mitigation import Mitigation
from rai_platform_tests.card import made
from rai_platform_tests.card.made import MEN, SUBJECT, WOMEN

OTHER_MODEL = dataclasses.replace(SUBJECT, model_digest="9" * 64)
OTHER_DATA = dataclasses.replace(SUBJECT, data_digest="9" * 64)
DEFINITION = made.define()
COMPLETE = made.card_of()


# --- one model, one set of data --------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [OTHER_MODEL, OTHER_DATA], ids=["another model", "other data"])
@pytest.mark.parametrize("report", ["performance", "fairness", "explanations", "robustness"])
def test_reports_about_different_things_make_no_card(report: str, other: Any) -> None:
    found = made.evidence()
    strayed: Any = dataclasses.replace(getattr(found, report), subject=other)
    with pytest.raises(EvidenceMismatch, match="gather the evidence again"):
        made.card_of(found=dataclasses.replace(found, **{report: strayed}))


def test_reports_that_agree_about_another_model_than_the_candidate_make_no_card() -> None:
    found = Evidence(
        performance=made.performance(OTHER_MODEL),
        fairness=made.fairness(OTHER_MODEL, sex={"female": WOMEN}),
        explanations=made.explanations(OTHER_MODEL),
        robustness=made.robustness(OTHER_MODEL),
        digests={},
    )
    with pytest.raises(EvidenceMismatch, match="the candidate is model aaaaaaaaaaaa"):
        made.card_of(found=found)


def test_a_card_names_what_it_is_about_and_what_it_was_filled_from() -> None:
    card = COMPLETE
    assert (card.model, card.subject, card.evidence) == ("fair", SUBJECT, made.DIGESTS)
    assert card.policy.digest == DEFINITION.policy.digest
    assert card.training.data_digest == made.TRAINING


# --- what follows ----------------------------------------------------------------------------------------------------


def concluded(reasons: tuple[str, ...] = (), *, disclosed: tuple[str, ...] = (), missing: int = 0) -> Judged:
    """Seven requirements, of which five are met."""
    verdict = COMPLETE.verdicts[0]
    outcomes: list[Any] = ["PASS"] * 5 + ["FAIL"] * (2 - missing)
    return Judged(
        verdicts=tuple(dataclasses.replace(verdict, outcome=outcome) for outcome in outcomes),
        missing=tuple(f"asset: check {at}" for at in range(missing)),
        reasons=reasons,
        disclosed=disclosed,
    )


@pytest.mark.parametrize(
    ("conclusion", "recommendation", "summary"),
    [
        (
            concluded(),
            "release",
            "Fit for release under the policy “small”: all requirements that a release depends on are met.",
        ),
        (
            concluded(disclosed=("accuracy: everybody", "accuracy: (missing)")),
            "release",
            "Fit for release under the policy “small”: all requirements that a release depends on are met. What is not "
            "proven is named: accuracy: everybody; accuracy: (missing).",
        ),
        (
            concluded(("one",)),
            "refuse",
            "Not released. Of 7 requirements of the policy “small”, 5 are met with the confidence it asks for; one thing "
            "speaks against a release.",
        ),
        (
            concluded(("one", "two"), missing=2),
            "refuse",
            "Not released. Of 7 requirements of the policy “small”, 5 are met with the confidence it asks for; 2 things "
            "speak against a release.",
        ),
    ],
    ids=["nothing against it", "something named", "one reason", "two reasons"],
)
def test_recommendation_and_summary_follow_the_reasons(conclusion: Judged, recommendation: str, summary: str) -> None:
    card = made.card_of(conclusion=conclusion)
    assert (card.recommendation, card.reasons, card.disclosed) == (
        recommendation,
        conclusion.reasons,
        conclusion.disclosed,
    )
    assert card.summary == summary


def test_a_warning_that_fails_is_shown_and_speaks_against_nothing() -> None:
    definition = made.define_with({"metric": "accuracy", "min": 0.99, "severity": "warn"})
    card = made.card_of(definition)
    assert [(verdict.outcome, verdict.severity) for verdict in card.verdicts] == [("FAIL", "warn")]
    assert (card.recommendation, card.reasons) == ("release", ())


def test_every_requirement_of_the_policy_is_a_line_with_its_reason_and_those_switched_off_too() -> None:
    definition = made.define_with(
        {"metric": "accuracy", "min": 0.5, "reason": "Better than a coin.", "source": "house rule"},
        {"metric": "disparate_impact", "min": 0.8, "severity": "warn"},
        {"metric": "log_loss", "severity": "off", "reason": "The score is not used."},
    )
    policy = made.card_of(definition).policy
    assert [(line.requirement, line.severity, line.reason, line.source) for line in policy.requirements] == [
        ("accuracy at least 0.5", "block", "Better than a coin.", "house rule"),
        ("disparate_impact by sex at least 0.8", "warn", "no reason given", ""),
    ]
    assert [(line.requirement, line.severity) for line in policy.switched_off] == [("log_loss", "off")]


def test_every_group_that_was_counted_is_there_with_every_rate_and_every_disparity() -> None:
    groups = {"female": WOMEN, "male": MEN, "(missing)": (1.0, 0.0, 0.0, 0.0)}
    (section,) = made.card_of(found=made.evidence(fairness_report=made.fairness(sex=groups))).fairness
    assert [(row.group, row.n) for row in section.groups] == [("female", 700), ("male", 700), ("(missing)", 1)]
    assert all([rate.name for rate in row.rates] == [rate.name for rate in RATES] for row in section.groups)
    assert [figure.name for figure in section.disparities] == list(DISPARITIES)
    missing = {figure.name: (figure.value, figure.why_not) for figure in section.groups[2].rates}
    assert missing["true_positive_rate"] == (None, "no positives")
    assert missing["precision"] == (None, "no selected rows")
    assert missing["selection_rate"][0] == 0.0


def test_a_mitigation_is_told_in_words() -> None:
    mitigation = {"method": "exponentiated_gradient", "constraint": "equalized_odds"}
    definition = made.define(mitigation=mitigation)
    assert isinstance(definition.spec.mitigation, Mitigation)
    told = made.card_of(definition).training.mitigation
    assert told == "exponentiated gradient for equalized odds by sex"


def test_what_a_vendor_gave_has_no_training_data() -> None:
    definition = made.define(**made.NOT_THE_MODEL)
    training = made.card_of(
        definition,
        made.evidence_on_a_vendors_decisions(),
        made.candidate((), composition="given", threshold=None, score_is_probability=False),
    ).training
    assert (training.data, training.data_digest, training.label_rate, training.groups) == (None, None, None, ())


# --- whose score is taken apart --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("threshold", "output", "titles"),
    [
        (0.5, "log odds", {"the lowest score", "the highest score", "closest to the threshold"}),
        (0.3, "log odds", {"the lowest score", "the highest score"}),
        (0.3, "probability", {"the lowest score", "the highest score", "closest to the threshold"}),
        (None, "probability", {"the lowest score", "the highest score"}),
    ],
)
def test_a_few_people_are_taken_apart_by_where_they_stand(
    threshold: float | None, output: Any, titles: set[str]
) -> None:
    rows = made.explanations().rows
    more = tuple(dataclasses.replace(rows[0], row_key=9, output=each) for each in (-0.9, 0.05))
    report = dataclasses.replace(made.explanations(), output=output, rows=(*rows, *more))
    examples = {example.title: example for example in explanation_section(report, threshold).examples}
    assert set(examples) == titles
    outputs = [row.output for row in report.rows]
    assert examples["the lowest score"].output == min(outputs)
    assert examples["the highest score"].output == max(outputs)
    if "closest to the threshold" in titles:
        aim = 0.0 if output == "log odds" else threshold or 0.0
        assert abs(examples["closest to the threshold"].output - aim) == min(abs(value - aim) for value in outputs)


def test_of_many_features_the_six_that_moved_a_person_most_are_shown() -> None:
    features = tuple(f"feature {at}" for at in range(9))
    for example in explanation_section(made.explanations(features=features), 0.5).examples:
        assert [feature for feature, _, _ in example.contributions] == list(features[:6])


# --- holes -----------------------------------------------------------------------------------------------------------

NOTHING = Figure(name="log_loss", meaning="", value=None, interval=None, n=0)
HOLES: dict[str, Callable[[ModelCard], ModelCard]] = {
    "no verdict on fairness_report: disparate_impact__sex": lambda card: dataclasses.replace(
        card, missing_verdicts=("fairness_report: disparate_impact__sex",)
    ),
    "nothing about the groups of age_group": lambda card: dataclasses.replace(
        card, fairness=tuple(section for section in card.fairness if section.feature != "age_group")
    ),
    "no group of sex": lambda card: dataclasses.replace(
        card,
        fairness=tuple(
            dataclasses.replace(section, groups=()) if section.feature == "sex" else section
            for section in card.fairness
        ),
    ),
    "no explanation, and no reason why not": lambda card: dataclasses.replace(
        card, explanations=dataclasses.replace(card.explanations, importance=())
    ),
    "nothing about robustness, and no reason why not": lambda card: dataclasses.replace(
        card, robustness=dataclasses.replace(card.robustness, rows=())
    ),
    "log_loss has no value, and no reason why not": lambda card: dataclasses.replace(
        card, performance=(*card.performance, NOTHING)
    ),
}
TWO_FEATURES = made.define(sensitive_features=[{"name": "sex"}, {"name": "age_group", "column": "age", "bins": [40]}])
WITH_BOTH = made.card_of(
    TWO_FEATURES,
    made.evidence(fairness_report=made.fairness(sex={"f": WOMEN, "m": MEN}, age_group={"young": WOMEN, "old": MEN})),
    made.candidate(
        training=made.data_report(
            sex={"f": (700, 350), "m": (700, 350)}, age_group={"young": (700, 350), "old": (700, 350)}
        )
    ),
)


@given(st.sets(st.sampled_from(sorted(HOLES))))
def test_every_hole_is_named_and_nothing_else(holes: set[str]) -> None:
    card = WITH_BOTH
    for hole in sorted(holes):
        card = HOLES[hole](card)
    assert sorted(gaps(card, TWO_FEATURES)) == sorted(holes)


def test_what_is_not_possible_is_no_hole_once_it_says_why() -> None:
    definition = made.define(**made.NOT_THE_MODEL)
    card = made.card_of(
        definition,
        made.evidence_on_a_vendors_decisions(),
        made.candidate((), composition="given", threshold=None, score_is_probability=False),
    )
    assert card.explanations.importance == card.robustness.rows == ()
    assert gaps(card, definition) == []


def test_a_metric_that_is_neither_measured_nor_explained_is_a_hole() -> None:
    measured = {name: value for name, value in made.performance().measured.items() if name != "roc_auc"}
    card = made.card_of(found=made.evidence(performance_report=made.performance(measured=measured)))
    assert gaps(card, DEFINITION) == ["roc_auc has no value, and no reason why not"]


def test_a_declared_intersection_that_nobody_counted_is_a_hole() -> None:
    definition = made.define(
        sensitive_features=[{"name": "sex"}, {"name": "race"}],
        intersections=[["sex", "race"]],
        policy={"extends": "none", "requirements": []},
    )
    assert gaps(made.card_of(definition), definition) == [
        "nothing about the groups of race",
        "nothing about the groups of sex_x_race",
    ]
