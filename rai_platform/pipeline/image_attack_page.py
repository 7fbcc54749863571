"""What Dagster's page of the robustness scores shows of images that are a little different."""

from collections.abc import Iterator
from typing import Any

from rai_platform.card.sections.images import ImageSection
from rai_platform.pipeline.credibility_page import checks_table, doubted
from rai_platform.pipeline.metadata_values import number, picture, plain, range_of, table, text, wide_table
from rai_platform.pipeline.values import Page
from rai_platform.release.finding import in_words
from rai_platform.robustness.images.report import IN_WORDS, ImageRobustness


def image_attack_page(report: ImageRobustness | None) -> Page:
    """Accuracy under attacks and corruptions, and whether to believe it; nothing where no image was looked at."""
    from rai_platform.card.image_plots import draw_adversarial_images, draw_corruptions, draw_image_attacks
    from rai_platform.card.images import image_section

    if report is None:
        return {}
    if report.not_possible:
        return {"images under attack": f"not possible: {report.not_possible}"}
    section = image_section(report)
    curve = [
        {
            "changed within": f"{IN_WORDS[row.norm]} {row.epsilon:g}",
            "accuracy": number(row.accuracy.value),
            "95 % interval": range_of(row.accuracy.interval),
        }
        for row in section.worst_case
    ]
    page: dict[str, Any] = {
        "images under attack": table(curve),
        "attacks on images": text(
            plain(" ".join([section.summary, *section.notes])),
            picture("accuracy over distance", draw_image_attacks(report, kind="png")),
            picture("images that had to change least", draw_adversarial_images(report, kind="png")),
            *_tables(section),
        ),
        "corrupted images": text(
            picture("accuracy over severity", draw_corruptions(report, kind="png")),
            wide_table(
                [
                    {
                        "corruption": f"{in_words(row.corruption)} {row.severity} ({row.parameter})",
                        "accuracy": number(row.accuracy.value),
                        "drop": number(row.drop.value),
                        "95 % interval": range_of(row.drop.interval),
                    }
                    for row in section.corruptions
                ]
            ),
            wide_table(
                [
                    {
                        "corruption": f"{in_words(row.corruption)} {row.severity} ({row.parameter})",
                        **{
                            f"{in_words(feature)}: {group}": number(rate)
                            for feature, groups in row.by_group.items()
                            for group, rate in groups.items()
                        },
                    }
                    for row in section.corruptions
                    if row.by_group
                ]
            ),
        ),
    }
    return page | doubted("attacks on images not credible", section.doubts)


def _tables(section: ImageSection) -> Iterator[str]:
    worst = section.worst_case
    if worst:
        parts = {f"class {name}": lambda row, name=name: row.by_class[name] for name in worst[0].by_class} | {
            f"{in_words(feature)}: {group}": lambda row, feature=feature, group=group: row.by_group[feature][group]
            for feature, groups in worst[0].by_group.items()
            for group in groups
        }
        yield wide_table(
            [
                {"images": name, **{f"{IN_WORDS[row.norm]} {row.epsilon:g}": number(of(row).value) for row in worst}}
                for name, of in parts.items()
            ]
        )
    yield checks_table(section.checks)
    yield wide_table(
        [
            {
                "attack": f"{IN_WORDS[effort.attack]}, {IN_WORDS[effort.norm]}",
                "sees": effort.access,
                "images": f"{effort.turned.n:,}",
                "turned at most": f"{effort.turned.value:.1%}",
                "questions about an image": f"{effort.queries:,.0f}",
            }
            for effort in section.efforts
        ]
    )
