"""What a reader must not conclude from a card, computed from the evidence."""

import dataclasses
from typing import Any

import pytest

from rai_platform.card.building import Evidence
from rai_platform.card.limitations import computed_limitations
from rai_platform.spec.reading import ModelDefinition
from rai_platform.training.candidate import Candidate
from rai_platform_tests.card import made
from rai_platform_tests.card.made import MEN, WOMEN

TINY: made.Row = (3.0, 0.0, 0.0, 0.0)  # three people, none of them positive or selected
OFF = {"severity": "off", "reason": "Nobody asked."}


def limitations(
    definition: ModelDefinition | None = None, found: Evidence | None = None, model: Candidate | None = None
) -> tuple[str, ...]:
    found = found or made.evidence()
    return computed_limitations(
        definition or made.define(),
        model or made.candidate(),
        found.performance,
        found.fairness,
        found.explanations,
        found.robustness,
    )


def groups(**features: dict[str, made.Row]) -> Evidence:
    return made.evidence(fairness_report=made.fairness(**features))


def explained(**changes: Any) -> Evidence:
    return made.evidence(shap_explanations=dataclasses.replace(made.explanations(), **changes))


def off(metric: str, **more: Any) -> ModelDefinition:
    return made.define_with({"metric": metric, **OFF, **more})


TWO_FEATURES: dict[str, Any] = {
    "sensitive_features": [{"name": "sex"}, {"name": "race"}],
    "policy": {"extends": "none", "minimum_group_size": 50, "requirements": []},
}
CROSSED = {**TWO_FEATURES, "intersections": [["sex", "race"]]}
VENDOR = (
    made.define(**made.NOT_THE_MODEL),
    made.evidence_on_a_vendors_decisions(),
    made.candidate((), composition="given", threshold=None, score_is_probability=False),
)

SAID: dict[str, tuple[tuple[Any, ...], str]] = {
    "small groups": (
        (None, groups(sex={"female": WOMEN, "male": MEN, "islanders": TINY, "other": (10.0, 10.0, 10.0, 19.0)})),
        "By sex, these groups have fewer than 50 rows and are not judged: islanders (3) and other (49).",
    ),
    "a rate without anybody to count among": (
        (None, groups(sex={"female": WOMEN, "male": MEN, "islanders": TINY, "other": TINY})),
        "By sex, the true positive rate of islanders and other is not estimable: no positives.",
    ),
    "nobody selected": (
        (None, groups(sex={"female": WOMEN, "male": (50.0, 0.0, 50.0, 0.0)})),
        "By sex, the precision of male is not estimable: no selected rows.",
    ),
    "an intersection in words": (
        (
            made.define(**CROSSED),
            groups(sex={"f": WOMEN}, race={"a": WOMEN}, sex_x_race={"f & a": WOMEN, "m & b": TINY}),
        ),
        "By sex x race, these groups have fewer than 50 rows and are not judged: m & b (3).",
    ),
    "a single group": (
        (None, groups(sex={"female": WOMEN})),
        "By sex, there is only one group in the test data, so nobody can be compared.",
    ),
    "no sensitive feature": (
        (made.define(sensitive_features=[]), groups()),
        "No sensitive feature is declared, so nothing is known about how the model treats groups of people.",
    ),
    "a vendor's scores": (
        VENDOR,
        "Only somebody else's scores were given: what they learned from is not known, and nothing that needs the model "
        "itself could be examined (explanations, robustness).",
    ),
    "a protected attribute that the model sees": (
        (None, None, made.candidate(("income", "sex"))),
        "The model sees the protected attribute sex as an input.",
    ),
    "thresholds by group": (
        (None, None, made.candidate(composition="group_thresholds", group_features=("sex",), threshold=None)),
        "Decisions need a person's sex: the thresholds differ by group, which the law forbids in many uses. Explanations "
        "are of the score, before these thresholds.",
    ),
    "drawn decisions": (
        (None, None, made.candidate(composition="weighted", threshold=None, randomized=True)),
        "Some decisions are drawn: two people with almost the same data can get different answers. The draw depends on the "
        "data and the seed 7 alone, so the same person gets the same answer again.",
    ),
    "a training that warned": (
        (None, None, dataclasses.replace(made.candidate(), warnings=("it did not converge",))),
        "Training warned: it did not converge",
    ),
    "a figure that is not estimable": (
        (
            None,
            made.evidence(performance_report=made.performance(not_estimable={"brier_score": "there are no scores"})),
        ),
        "Not estimable: brier score, since there are no scores.",
    ),
    "sampled attributions": (
        (None, explained(method="permutation")),
        "Attributions are sampled, on 200 rows; they break up the model's score, not the world: a strong feature is not a "
        "cause.",
    ),
    "computed attributions": (
        (),
        "Attributions were computed on 200 rows; they break up the model's score, not the world: a strong feature is not a "
        "cause.",
    ),
    "a perturbation that was not tried": (
        (None, made.evidence(robustness_scores=made.robustness(not_estimable={"category_swaps": "there are none"}))),
        "Not tried: category swaps, since there are none.",
    ),
    "an attack shows the worst that was found": (
        (),
        "Accuracy under attack is an upper bound: another attack may do worse to the model. The strongest attack tried was "
        "coordinate search.",
    ),
    "an attack that is too weak": (
        (None, made.evidence(robustness_scores=made.robustness(attack=made.attack(checks=(made.DOUBT,))))),
        "The attack is not credible: it is not shown that an attack without limits gets through (accuracy stays at 90.0%).",
    ),
    "chance is no adversary": (
        (None, made.evidence(robustness_scores=made.robustness(attack=None))),
        "The table was changed at random; somebody who sets out to fool the model can do worse.",
    ),
    "people in two groups at once": (
        (made.define(**TWO_FEATURES), groups(sex={"f": WOMEN, "m": MEN}, race={"a": WOMEN, "b": MEN})),
        "No intersections are declared: people who belong to two groups at once were not looked at.",
    ),
    "sampling weights": (
        (
            None,
            made.evidence(
                fairness_report=dataclasses.replace(made.fairness(sex={"f": WOMEN, "m": MEN}), weighted=True)
            ),
        ),
        "Rows carry sampling weights: intervals rest on effective sample sizes and are approximate.",
    ),
    "the same time": (
        (),
        "The test data are of the same time as the training data; how the model does later is not known.",
    ),
    "a requirement switched off": ((off("roc_auc"),), "The policy does not judge roc auc: Nobody asked."),
    "a requirement switched off for one feature": (
        (
            made.define(
                **{
                    **TWO_FEATURES,
                    "policy": {
                        "extends": "none",
                        "requirements": [{"metric": "disparate_impact", "sensitive_features": ["race"], **OFF}],
                    },
                }
            ),
        ),
        "The policy does not judge disparate impact by race: Nobody asked.",
    ),
}


@pytest.mark.parametrize(("given", "line"), SAID.values(), ids=SAID)
def test_each_limit_of_the_evidence_is_said(given: tuple[Any, ...], line: str) -> None:
    assert line in limitations(*given)


def test_a_sound_card_says_no_more_than_what_holds_for_every_model() -> None:
    assert limitations() == tuple(
        SAID[name][1] for name in ("computed attributions", "an attack shows the worst that was found", "the same time")
    )


@pytest.mark.parametrize(
    ("given", "unsaid"),
    [
        ((made.define(split={"time_column": "date"}),), "of the same time"),
        (
            (made.define(**CROSSED), groups(sex={"f": WOMEN}, race={"a": WOMEN}, sex_x_race={"f & a": WOMEN})),
            "No intersections",
        ),
        (VENDOR, "of the same time"),
        (VENDOR, "Attributions"),
        (VENDOR, "changed at random"),
        ((None, None, made.candidate(composition="weighted", randomized=False)), "are drawn"),
        ((None, groups(sex={"f": WOMEN, "m": MEN})), "are not judged"),
    ],
)
def test_nothing_is_said_that_does_not_hold(given: tuple[Any, ...], unsaid: str) -> None:
    assert unsaid not in " ".join(limitations(*given))


def test_the_limit_of_a_group_is_the_policys() -> None:
    small = {"female": WOMEN, "male": (10.0, 10.0, 10.0, 10.0)}
    requirement = {"metric": "accuracy", "min": 0.1}
    for minimum, said in ((40, False), (41, True)):
        definition = made.define_with(requirement, minimum_group_size=minimum)
        assert any("are not judged: male (40)" in line for line in limitations(definition, groups(sex=small))) == said
