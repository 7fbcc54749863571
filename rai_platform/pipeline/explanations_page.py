"""What Dagster's page shows of an explanation."""

from collections.abc import Iterator

from rai_platform.explanations.report import Explanations
from rai_platform.pipeline.metadata_values import (
    digests,
    literal,
    number,
    picture,
    plain,
    range_of,
    table,
    text,
    wide_table,
)
from rai_platform.pipeline.values import Page
from rai_platform.release.finding import in_words

STRONG = 0.4  # of the strongest word of a text


def explanations_page(report: Explanations) -> Page:
    """What moves the score, and whether that can be relied upon, as ``shap_explanations`` shows it."""
    from rai_platform.card.plots import draw_beeswarm, draw_importance

    about = {"rows": report.n, **digests(model=str(report.subject.model_digest), data=report.subject.data_digest)}
    if report.not_possible:
        return {"not possible": report.not_possible, **about}
    named = {"table": "feature", "image": "region", "text": "word"}[report.modality]
    dot = {"table": "a person", "image": "an image", "text": "a text"}[report.modality]
    return {
        f"mean |SHAP value| ({report.output})": table(
            [
                {
                    named: row.feature,
                    "mean": number(row.mean_absolute),
                    "95 % interval": f"{number(row.lower)} to {number(row.upper)}",
                }
                for row in report.importance
            ]
        ),
        "pictures": text(
            *_seen(report),
            f"Every dot is {dot}; to the right the {named} raised the {'score' if named == 'feature' else 'output'}.",
            picture("SHAP values", draw_beeswarm(report, kind="png")),
            picture("importance", draw_importance(report, kind="png")),
        ),
        **_examination(report),
        "method": str(report.method),
        "additivity_error": number(report.additivity_error),
        **about,
    }


def _seen(report: Explanations) -> Iterator[str]:
    """Images and texts with what speaks in them for and against."""
    from rai_platform.card.coloured_texts import coloured_texts
    from rai_platform.card.heat_maps import draw_average_maps, draw_heat_maps

    if report.images is not None:
        yield "Left an image, right what speaks in it for (red) and against (blue) what is explained; wrong decisions first."
        yield picture("heat maps", draw_heat_maps(report, kind="png"))
        yield picture("average maps", draw_average_maps(report, kind="png"))
    for shown in coloured_texts(report):
        words = "".join(
            f"**{literal(word.text)}** ({number(word.attribution)}) "
            if abs(word.strength) >= STRONG
            else f"{literal(word.text)} "
            for word in shown.words
        )
        right = "Right" if shown.label == shown.decided else "Wrong"
        yield f"{right}: decided for {literal(shown.decided)}, is {literal(shown.label)}. {words}"


def _examination(report: Explanations) -> Page:
    from rai_platform.card.examination import examination_section
    from rai_platform.card.faithfulness_plot import draw_faithfulness

    section = examination_section(report)
    if section is None:
        return {}
    found = [(in_words(test.figure.name), test.figure) for test in section.tests]
    found += [(f"{in_words(row.difference.name)} by {in_words(row.feature)}", row.difference) for row in section.parity]
    left_out = [
        {"by": in_words(row.feature), "group": group, "why it is compared with no other": why}
        for row in section.parity
        for group, why in row.left_out.items()
    ]
    return {
        "can it be trusted": table(
            [
                {
                    "measured": name,
                    "value": number(figure.value),
                    "95 % interval": range_of(figure.interval) if figure.why_not is None else figure.why_not,
                }
                for name, figure in found
            ]
        ),
        "can it be trusted, in words": text(
            *(
                plain(f"{test.question} {test.says or f'Not estimable: {test.figure.why_not}.'}")
                for test in section.tests
            ),
            picture("deletion and insertion", draw_faithfulness(report, kind="png")),
            *(plain(row.says) for row in section.parity),
            wide_table(left_out),
            plain(section.proxies_say),
            wide_table(
                [
                    {
                        "feature": name,
                        "mean |SHAP value|": number(row.mean_absolute),
                        section.second_method: number(value),
                    }
                    for row, (name, value) in zip(report.importance, section.second_opinion.items(), strict=False)
                ]
            ),
        ),
    }
