"""What Dagster's page shows of an explanation."""

from rai_platform.explanations.report import Explanations
from rai_platform.pipeline.metadata_values import digests, number, picture, plain, range_of, table, text, wide_table
from rai_platform.pipeline.values import Page
from rai_platform.release.finding import in_words


def explanations_page(report: Explanations) -> Page:
    """What moves the score, and whether that can be relied upon, as ``shap_explanations`` shows it."""
    from rai_platform.card.plots import draw_beeswarm, draw_importance

    about = {"rows": report.n, **digests(model=str(report.subject.model_digest), data=report.subject.data_digest)}
    if report.not_possible:
        return {"not possible": report.not_possible, **about}
    return {
        f"mean |SHAP value| ({report.output})": table(
            [
                {
                    "feature": row.feature,
                    "mean": number(row.mean_absolute),
                    "95 % interval": f"{number(row.lower)} to {number(row.upper)}",
                }
                for row in report.importance
            ]
        ),
        "pictures": text(
            "Every dot is a person; to the right the feature raised the score.",
            picture("SHAP values", draw_beeswarm(report, kind="png")),
            picture("importance", draw_importance(report, kind="png")),
        ),
        **_examination(report),
        "method": str(report.method),
        "additivity_error": number(report.additivity_error),
        **about,
    }


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
                        "permutation importance": number(value),
                    }
                    for row, (name, value) in zip(report.importance, section.second_opinion.items(), strict=False)
                ]
            ),
        ),
    }
