"""Readings of the law from the report's counts: tables that rules describe, and no legal advice."""

from rai_platform.card.sections.law import LegalReading
from rai_platform.fairness.law import adverse_impact, selection_table
from rai_platform.fairness.report import FairnessReport

NO_ADVICE = (
    "These tables count what the rules describe. Whether a rule applies to this use, and what follows from a number, is for a "
    "lawyer to say: this is no legal advice."
)


def legal_readings(report: FairnessReport) -> tuple[LegalReading, ...]:
    """Local Law 144's tables and the four-fifths rule for every sensitive feature and declared intersection.

    None where nobody is selected, because none of several classes stands for that.
    """
    if report.compared_by == "right":
        return ()
    return tuple(
        LegalReading(
            feature=feature,
            selection=selection_table(feature, cells),
            scoring=report.scoring.get(feature),
            adverse_impact=adverse_impact(cells),
        )
        for feature, cells in report.cells.items()
    )
