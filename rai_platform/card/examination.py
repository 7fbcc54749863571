"""Whether an explanation can be trusted, in figures and in words."""

from dataclasses import dataclass

from rai_platform.card.figures import figure
from rai_platform.card.sections.examination import (
    AttributionParityRow,
    ExaminationSection,
    ExplanationTest,
    ProxyFeatureRow,
)
from rai_platform.card.sections.figure import Figure
from rai_platform.explanations.examination import (
    FAITHFULNESS,
    LIME,
    PROXIES,
    SECOND_OPINION,
    STABILITY,
    Curves,
    Examination,
    GroupShares,
    Repetitions,
    SecondMethod,
)
from rai_platform.explanations.proxies import PROXY_AUC, clear_proxies
from rai_platform.explanations.report import Explanations
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.modality import Modality

PARITY = "attribution_parity_difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is explained, and by what, in words."""

    people: str
    who: str
    features: str
    parts: str
    taken: str
    back: str


WORDS: dict[Modality, Words] = {
    "table": Words(
        people="people",
        who="who are",
        features="features",
        parts="features",
        taken="replaced by another person's",
        back="in it",
    ),
    "image": Words(
        people="images",
        who="that are",
        features="regions",
        parts="cells",
        taken="hidden behind the mean image",
        back="in that order",
    ),
    "text": Words(
        people="texts", who="that are", features="words", parts="words", taken="left out", back="in that order"
    ),
}


def examination_section(report: Explanations) -> ExaminationSection | None:
    """What was found out about the explanation; None where there is none."""
    found = report.examination
    if found is None:
        return None
    told = tuple(f"“{name}”" for name in report.features) if report.modality == "text" else report.features
    return ExaminationSection(
        tests=_tests(found, WORDS[report.modality]),
        second_opinion=dict(zip(report.features, found.permutation_importance, strict=False)),
        parity=tuple(_parity_row(feature, groups, told) for feature, groups in found.parity.items()),
        proxies=_proxies(report, found),
        proxies_say=_proxies_say(report, found),
        second_method=found.second_method,
        lime=dict(zip(report.features, found.lime, strict=False)),
    )


def _tests(found: Examination, words: Words) -> tuple[ExplanationTest, ...]:
    stability, faithfulness, opinion = (
        figure(name, METRICS[name].meaning, found.measured.get(name), found.not_estimable.get(name))
        for name in (STABILITY, FAITHFULNESS, SECOND_OPINION)
    )
    return (
        ExplanationTest(
            question="Is it the same again?",
            figure=stability,
            says=_stability_says(found.repetitions, words) if found.repetitions else "",
        ),
        ExplanationTest(
            question="Does it name what the model uses?",
            figure=faithfulness,
            says=_faithfulness_says(found.curves, faithfulness, words) if found.curves else "",
        ),
        ExplanationTest(
            question="Does another method agree?",
            figure=opinion,
            says=OPINION_SAYS[found.second_method] if found.permutation_importance else "",
        ),
        *_lime_test(found, words),
    )


def _lime_test(found: Examination, words: Words) -> tuple[ExplanationTest, ...]:
    if LIME not in found.measured and LIME not in found.not_estimable:
        return ()
    agreement = figure("LIME_agreement", LIME_MEANING, found.measured.get(LIME), found.not_estimable.get(LIME))
    return (
        ExplanationTest(
            question="Does LIME agree?", figure=agreement, says=LIME_SAYS.format(words.features) if found.lime else ""
        ),
    )


LIME_MEANING = "Kendall's tau-b between mean absolute SHAP values and mean absolute weights of LIME, feature by feature"
LIME_SAYS = (
    "LIME fits a linear model to what the model gives around a row (Ribeiro, Singh and Guestrin, 2016). 1: its order of the "
    "{} is that of SHAP, 0: they have no order in common."
)
PERMUTATION_SAYS = (
    "Permutation importance asks how much more the model errs when a feature's values are dealt out to the wrong people "
    "(Breiman, 2001). 1: its order of the features is that of SHAP, 0: they have no order in common. It looks at labels, and "
    "SHAP at the score alone, so that the two need not agree in full."
)
OPINION_SAYS: dict[SecondMethod, str] = {
    "permutation importance": PERMUTATION_SAYS,
    "expected gradients": (
        "Expected gradients follow the network from images of the background to each image, pixel by pixel (Erion et al., 2021), "
        "where the values above hide cells and ask again. 1: their order of the regions is the same, 0: no order in common."
    ),
    "leave one region out": (
        "Each region was hidden by itself, and the model asked again (occlusion; Zeiler and Fergus, 2014). 1: the regions come in "
        "the same order, 0: no order in common."
    ),
    "leave one word out": (
        "Each word was left out by itself, wherever it stands, and the model asked again (Li, Monroe and Jurafsky, 2016). 1: the "
        "words come in the same order, 0: no order in common."
    ),
}


def _stability_says(found: Repetitions, words: Words) -> str:
    against = f", held against {found.background:,} {words.people} drawn anew" if found.background else ""
    seeds = ", with a seed of its own" if found.seeds else ""
    only = (
        ""
        if found.background
        else f" The method needs no seed and nobody to hold them against, so only the {words.people} differ."
    )
    bounds = found.overlap.bounds()
    within = "" if bounds.lower == bounds.upper else f" ({bounds.lower:.0%} to {bounds.upper:.0%})"
    overlap = (
        f"the strongest {words.features[:-1]} is the same in {found.overlap.value:.0%} of the pairs"
        if found.top == 1
        else f"of the {found.top} strongest {words.features} of one, {found.overlap.value:.0%} are among those of another"
    )
    return (
        f"Computed again {found.count} times, each on {found.rows:,} {words.people} {words.who} in no other "
        f"repetition{against}{seeds}.{only} 1: the {words.features} are always in the same order, 0: no order in common; {overlap}"
        f"{within}. The order above rests on more {words.people}, and is at least as stable."
    )


def _faithfulness_says(curves: Curves, measured: Figure, words: Words) -> str:
    bounds = measured.interval
    if bounds is None or bounds.lower <= 0 <= bounds.upper:
        verdict = "That cannot be told from an order drawn at random: the attributions may say nothing about the model."
    elif bounds.lower > 0:
        verdict = "So the attributions name what the model uses, better than chance does."
    else:
        verdict = "A random order would do better: the attributions mislead."
    return (
        f"The {words.parts} of {curves.n:,} {words.people} were {words.taken}, one after the other, in the order of their "
        f"attributions, and then put back {words.back}; beside that, in {curves.orders} random orders. Measured is how much "
        "sooner the score goes where it is bound to go (deletion and insertion; Petsiuk et al., 2018), as a share of the mean "
        f"distance from the base value. 0: no better than a random order. {verdict}"
    )


def _parity_row(feature: str, groups: tuple[GroupShares, ...], names: tuple[str, ...]) -> AttributionParityRow:
    from rai_platform.explanations.parity import largest_difference, too_small

    found, left_out = largest_difference(groups), too_small(groups)
    meaning = METRICS[PARITY].meaning
    if found is None:
        unknown = figure(PARITY, meaning, None, "fewer than two groups have enough explained people")
        return AttributionParityRow(feature=feature, difference=unknown, says="", left_out=left_out)
    n = sum(each.n for each in groups if each.group not in left_out)
    says = "Every feature has the same share in what moves the score of every group."
    high, low = (f"{each.shares[found.feature]:.1%} for {each.group}" for each in (found.high, found.low))
    if found.value > 0:
        says = f"Of what moves the score, {names[found.feature]} makes up {high} and {low}."
    return AttributionParityRow(
        feature=feature,
        difference=Figure(name=PARITY, meaning=meaning, value=found.value, interval=found.bounds, n=n),
        says=says,
        left_out=left_out,
    )


def _proxies(report: Explanations, found: Examination) -> tuple[ProxyFeatureRow, ...]:
    clear = clear_proxies(found.proxies)
    moving = [row.feature for row in report.importance if row.mean_absolute > 0]
    return tuple(
        ProxyFeatureRow(
            column=name,
            rank=rank,
            sensitive_feature=clear[name].sensitive_feature,
            group=clear[name].group,
            auc=clear[name].auc,
        )
        for rank, name in enumerate(moving, start=1)
        if name in clear
    )


def _proxies_say(report: Explanations, found: Examination) -> str:
    if PROXIES in found.not_estimable:
        return f"Not known: {found.not_estimable[PROXIES]}."
    if not found.screened:
        return "Nobody knows which features give a group away: no group of the training data could be screened."
    rows = _proxies(report, found)
    unknown = [_words(name) for name in found.parity if name not in found.screened]
    rest = (
        f" Nothing is known by {_listed(unknown)}: no group of the training data could be screened." if unknown else ""
    )
    if not rows:
        return (
            f"No feature that moves the score gives a group away with an AUC of {PROXY_AUC:g} or more by itself.{rest}"
        )
    told = [
        f"{row.column} (number {row.rank}: {_words(row.sensitive_feature)} {row.group}, AUC {row.auc:.2f})"
        for row in rows
    ]
    return (
        f"Of the features that move the score, counted from the strongest, {_listed(told)} {'gives' if len(rows) == 1 else 'give'} "
        f"a group away by the screen of the training data: an AUC of {PROXY_AUC:g} or more by itself.{rest}"
    )


def _words(name: str) -> str:
    return name.replace("_x_", " and ").replace("_", " ")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
