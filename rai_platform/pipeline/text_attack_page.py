"""What Dagster's page of the robustness scores shows of attacks on texts and of injected instructions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rai_platform.pipeline.credibility_page import checks_table, doubted
from rai_platform.pipeline.metadata_values import number, picture, plain, range_of, table, text, wide_table
from rai_platform.pipeline.values import Page
from rai_platform.release.finding import in_words
from rai_platform.robustness.prompts.report import PromptRobustness
from rai_platform.robustness.texts.report import Part, TextRobustness

if TYPE_CHECKING:
    from rai_platform.card.sections.texts import TextAttackSection


def text_attack_page(report: TextRobustness | None) -> Page:
    """Accuracy under every recipe, texts before and after, and whether to believe it; nothing where nobody asked."""
    from rai_platform.card.text_attack import text_attack_section
    from rai_platform.card.text_attack_plot import draw_text_attack

    if report is None:
        return {}
    section = text_attack_section(report)
    not_run = {
        "recipes not run": text(
            wide_table(
                [
                    {"recipe": each.recipe, "because": each.because, "to get it": each.get or "–"}
                    for each in section.not_run
                ]
            )
        )
    }
    if report.not_possible:
        return {"texts under attack": f"not possible: {report.not_possible}", **not_run}
    page: dict[str, Any] = {
        "texts under attack": table(
            [
                {
                    "recipe": in_words(row.recipe),
                    "accuracy": number(row.accuracy.value),
                    "95 % interval": range_of(row.accuracy.interval),
                    "ran out of questions": "–" if row.cut_short is None else number(row.cut_short),
                }
                for row in section.rows
            ]
        ),
        "attacks on texts": text(
            plain(section.summary),
            picture("accuracy under attack", draw_text_attack(report, kind="png")),
            wide_table(
                [
                    {
                        "recipe": row.recipe,
                        "becomes": f"{row.label} → {row.becomes}",
                        "text": _joined(row.before),
                        "changed": _joined(row.after),
                    }
                    for row in section.examples
                ]
            ),
            wide_table(
                [
                    {"texts": name, "accuracy in the worst case": number(rate.value), "how many": rate.n}
                    for name, rate in [
                        *((f"class {name}", rate) for name, rate in section.by_class.items()),
                        *(
                            (f"{in_words(feature)}: {group}", rate)
                            for feature, groups in section.by_group.items()
                            for group, rate in groups.items()
                        ),
                    ]
                ]
            ),
            checks_table(section.checks),
        ),
        **_reduced(section),
        **not_run,
    }
    return page | doubted("attack on texts not credible", section.doubts)


def _reduced(section: "TextAttackSection") -> Page:
    if section.reduction is None:
        return {}
    examples = [{"text": row.text, "what suffices": row.left} for row in section.reduction.examples]
    return {"how few words suffice": text(plain(section.reduced), wide_table(examples))}


def prompts_page(report: PromptRobustness | None) -> Page:
    """What gets past the guard and what the endpoint gives away, by family; nothing where nobody asked."""
    from rai_platform.card.prompts import prompt_section
    from rai_platform.card.text_attack_plot import draw_families

    if report is None:
        return {}
    section, page = prompt_section(report), dict[str, Any]()
    told = {
        "disguised injections": (section.guard, report.guard),
        "attacks on the endpoint": (section.endpoint, report.endpoint),
    }
    for name, (shown, measured) in told.items():
        if shown is None or measured is None:
            continue
        if shown.not_possible:
            page[name] = f"not possible: {shown.not_possible}"
            continue
        page[name] = table(
            [
                {
                    "family": row.family,
                    "succeeded": number(row.rate.value),
                    "95 % interval": range_of(row.rate.interval),
                }
                for row in shown.families
            ]
        )
        page[f"{name}, in full"] = text(
            plain(shown.summary),
            picture(name, draw_families(measured.families, kind="png")),
            checks_table(shown.checks),
        )
        page |= doubted(f"{name}: not credible", shown.doubts)
    if section.guard and section.guard.over_defence:
        page["harmless prompts refused"] = table(
            [
                {"from": source, "refused": number(rate.value), "95 % interval": range_of(rate.interval)}
                for source, rate in section.guard.over_defence.items()
            ]
        )
    if section.imported:
        page["as garak counted it"] = table(
            [
                {"probe": row.probe, "failed": number(row.failed.value), "95 % interval": range_of(row.failed.interval)}
                for row in section.imported
            ]
        )
    return page


def _joined(parts: Sequence[Part]) -> str:
    return "".join(part.text for part in parts)
