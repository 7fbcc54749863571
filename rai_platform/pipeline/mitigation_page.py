"""What Dagster's page shows of a mitigation."""

from typing import Any

from rai_platform.mitigation.report import MitigationReport
from rai_platform.pipeline.metadata_values import digests, number, picture, range_of, table, text, wide_table
from rai_platform.pipeline.values import Page
from rai_platform.release.finding import in_words


def mitigation_page(report: MitigationReport) -> Page:
    """What it bought and at what price, as ``mitigation_report`` shows it."""
    from rai_platform.card.mitigation import mitigation_section
    from rai_platform.card.trade_off import draw_trade_off

    section = mitigation_section(report)
    rows = [
        {
            "metric": in_words(row.metric) + (f" by {in_words(row.feature)}" if row.feature else ""),
            "without": number(row.before.value),
            "with": number(row.after.value),
            "change": range_of(row.change.interval),
        }
        for row in section.trades
    ]
    settings = [
        {
            "setting": row.setting + (" (this model)" if row.chosen else ""),
            "accuracy": number(row.accuracy),
            in_words(section.disparity): number(row.disparity),
        }
        for row in section.frontier
    ]
    page: dict[str, Any] = {
        "in words": section.summary,
        "with and without": table(rows),
        "trade-off": text(
            "Up is more accurate, left is more equal.",
            picture("accuracy against disparity", draw_trade_off(report, kind="png")),
            wide_table(settings),
            section.frontier_note,
        ),
        "needed to decide about a person": ", ".join(report.at_prediction) or "no protected attribute",
        "rows": report.n,
        **digests(
            model=str(report.subject.model_digest),
            data=report.subject.data_digest,
            training_data=report.training_digest,
        ),
    }
    return page | ({"warnings": text(*section.warnings)} if section.warnings else {})
