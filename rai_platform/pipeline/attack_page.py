"""What Dagster's page of the robustness scores shows of the attacks."""

from typing import Any

from rai_platform.pipeline.credibility_page import checks_table, doubted
from rai_platform.pipeline.metadata_values import number, picture, plain, range_of, table, text, wide_table
from rai_platform.pipeline.values import Page
from rai_platform.release.finding import in_words
from rai_platform.robustness.attack_report import ConstrainedAttack


def attack_page(report: ConstrainedAttack | None) -> Page:
    """Accuracy under attack, what would have to change, and whether to believe it; nothing where nobody asked."""
    from rai_platform.card.attack import attack_section
    from rai_platform.card.attack_plot import draw_attack

    if report is None:
        return {}
    if report.not_possible:
        return {"under attack": f"not possible: {report.not_possible}"}
    section = attack_section(report)
    curve = [
        {
            "changes cost up to": f"{row.budget:g}",
            "accuracy": number(row.accuracy.value),
            "95 % interval": range_of(row.accuracy.interval),
        }
        for row in section.worst_case
    ]
    page: dict[str, Any] = {
        "under attack": table(curve),
        "attacks": text(
            plain(section.summary),
            picture("accuracy under attack", draw_attack(report, kind="png")),
            wide_table(
                [
                    {
                        "decision": in_words(row.direction),
                        "what would have to change": ", ".join(
                            f"{change.feature}: {change.before} → {change.after}" for change in row.changes
                        ),
                        "cost": number(row.cost),
                    }
                    for row in section.examples
                ]
            ),
            wide_table(
                [
                    {
                        "people": f"{in_words(feature)}: {group}",
                        **{
                            f"cost up to {row.budget:g}": number(row.by_group[feature][group].value)
                            for row in section.worst_case
                        },
                    }
                    for feature, groups in (section.worst_case[0].by_group.items() if section.worst_case else ())
                    for group in groups
                ]
            ),
            checks_table(section.checks),
        ),
    }
    return page | doubted("attack not credible", section.doubts)
