"""The card's section on what a mitigation bought, and at what price."""

from collections.abc import Iterator

from rai_platform.card.sections.mitigation import FrontierRow, MitigationSection
from rai_platform.card.trades import in_words, moved_sentence, trade_row
from rai_platform.mitigation.report import MitigationReport


def mitigation_section(report: MitigationReport) -> MitigationSection:
    """Every metric of both models and its change, in figures and in sentences."""
    return MitigationSection(
        method=in_words(report.method),
        constraint=in_words(report.constraint),
        feature=report.feature,
        disparity=report.disparity,
        n=report.n,
        changed=report.changed,
        summary=_summary(report),
        warnings=tuple(_warnings(report)),
        trades=tuple(trade_row(trade, report.n) for trade in report.trades),
        frontier=tuple(
            FrontierRow(
                setting=f"{in_words(point.parameter)} {point.value:g}",
                accuracy=point.accuracy,
                disparity=point.disparity,
                chosen=point.chosen,
            )
            for point in report.frontier
        ),
        frontier_note=_frontier_note(report),
        at_prediction=report.at_prediction,
    )


def _summary(report: MitigationReport) -> str:
    gain, price = report.gain, report.price
    what = f"the {in_words(gain.metric)} by {in_words(report.feature)}"
    return (
        f"{moved_sentence(what, gain, falls='fell', rises='grew')} "
        f"{moved_sentence('accuracy', price, falls='fell', rises='rose')} "
        f"{report.changed:.1%} of people get another decision than they would without it."
    )


def _frontier_note(report: MitigationReport) -> str:
    if not report.frontier or report.frontier_n == report.training_n:
        return ""
    return (
        f"The other settings learned from {report.frontier_n:,} of the {report.training_n:,} rows of training data, drawn by "
        "chance; this model learned from all of them."
    )


def _warnings(report: MitigationReport) -> Iterator[str]:
    if report.at_prediction:
        needed = " and ".join(in_words(name) for name in report.at_prediction)
        yield (
            f"This model needs a person's {needed} to decide about that person. Deciding otherwise about two people who differ "
            "in nothing else is disparate treatment, which the law forbids in many uses, credit and employment in the United "
            "States among them (15 U.S.C. 1691, 42 U.S.C. 2000e-2), whatever the aim. Ask counsel before it is used."
        )
    if report.drawn:
        yield (
            f"Some decisions are drawn by lot, with the seed {report.seed}: the same person gets the same answer again, and two "
            "people who are almost alike may get different ones."
        )
    bounds = report.gain.change.interval
    if bounds is None or bounds.upper >= 0:
        yield "These people do not show that the mitigation did what it is for: the price may be paid for nothing."
