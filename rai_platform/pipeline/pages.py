"""What Dagster's pages show of a value: a few numbers and small tables first, then what opens, then digests."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from rai_platform.card.document import ModelCard
from rai_platform.card.sections.fairness import FeatureFairness
from rai_platform.card.sections.figure import Figure
from rai_platform.data.report import DataReport
from rai_platform.explanations.report import Explanations
from rai_platform.fairness.report import FairnessReport
from rai_platform.mitigation.report import MitigationReport
from rai_platform.performance.report import PerformanceReport
from rai_platform.pipeline.attack_page import attack_page
from rai_platform.pipeline.explanations_page import explanations_page
from rai_platform.pipeline.image_attack_page import image_attack_page
from rai_platform.pipeline.metadata_values import (
    Rows,
    digests,
    number,
    picture,
    plain,
    range_of,
    table,
    text,
    wide_table,
)
from rai_platform.pipeline.mitigation_page import mitigation_page
from rai_platform.pipeline.releasing import Released
from rai_platform.pipeline.text_attack_page import prompts_page, text_attack_page
from rai_platform.pipeline.values import LEDGER_ENTRY, Page
from rai_platform.release.finding import in_words
from rai_platform.robustness.report import RobustnessScores
from rai_platform.spec.policy import Policy, requirement_for
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.verdict import Verdict
from rai_platform.training.candidate import Candidate
from rai_platform.training.predictions import Predictions

COMPOSITIONS = {
    "single": "one estimator",
    "weighted": "the weighted mean of several estimators",
    "group_thresholds": "one estimator, with a threshold for each group",
    "given": "somebody else's scores: no model",
}


def verdict_page(verdict: Verdict) -> Page:
    """A verdict as its check shows it. Dagster sorts these by name: what is for auditors begins with ``rai/``."""
    limit = verdict.limit
    page: dict[str, Any] = {
        "estimate": "not estimable" if verdict.estimate is None else dg.MetadataValue.float(round(verdict.estimate, 6)),
        "interval": range_of(verdict.interval),
        "limit": f"{limit}, for {'the whole interval' if limit.rule == 'interval' else 'the bare number'}",
        "n": verdict.n,
        "people compared": ", ".join(verdict.groups) or "everybody",
        "rai/model_digest": verdict.subject.model_digest or "none yet",
        "rai/data_digest": verdict.subject.data_digest,
        "rai/policy_digest": verdict.policy_digest,
        "rai/evidence_digest": verdict.evidence_digest,
        "rai/code_version": verdict.code_version,
        "verdict": verdict.outcome,
    }
    if verdict.disclosed:
        page["named instead of judged"] = ", ".join(verdict.disclosed)
    return page


def production_page(released: Released) -> Page:
    """What is in production, as ``production_model`` shows it."""
    production = released.production
    page: dict[str, Any] = {
        "outcome": "promoted" if released.is_new else "identical to the production model: nothing to do",
        "version": production.version,
        "promoted_at": production.promoted_at,
        "certificate": dg.MetadataValue.json(production.body["certificate"]),
        LEDGER_ENTRY: str(production.sequence),
        **digests(model=production.model_digest, data=production.data_digest),
    }
    return page | ({"put right": released.put_right} if released.put_right else {})


def page_of(value: Any, definition: ModelDefinition) -> Page:
    """A value as its asset shows it."""
    if isinstance(value, FairnessReport):
        return _fairness_page(value, definition)
    for kind, page in PAGES.items():
        if isinstance(value, kind):
            shown: Page = page(value)
            return shown
    return {}


def data_page(report: DataReport) -> Page:
    """The screen of a sample."""
    broken: Rows = [
        {"rule": f"{item.column or 'row'}: {item.rule}", "rows": item.rows, "example": item.example}
        for item in report.violations
    ]
    columns: Rows = [
        {"column": f"{column.name} ({column.kind})", "missing": f"{column.missing_rate:.1%}", "values": column.values}
        for column in report.columns
    ]
    return {
        "rows": report.n,
        **_labels(report),
        **({"broken rules": table(broken)} if broken else {}),
        "groups": table(
            [
                {
                    "group": f"{in_words(feature)}: {group.group}",
                    "rows": f"{group.n:,}",
                    "share": f"{group.share:.1%}",
                    "positive": f"{group.label_rate:.1%}",
                }
                for feature, groups in report.groups.items()
                for group in groups
            ]
        ),
        **_bias_before_training(report),
        "columns": table(columns),
        **digests(data=report.data_digest),
    }


def _labels(report: DataReport) -> Page:
    """How common the positive label is, or each of several classes."""
    if not report.class_counts:
        return {"positive labels": f"{report.label_rate:.1%}"}
    return {
        "labels": table(
            [
                {"label": name, "rows": f"{rows:,}", "share": f"{rows / report.n:.1%}"}
                for name, rows in report.class_counts.items()
            ]
        )
    }


def _bias_before_training(report: DataReport) -> Page:
    """Measured of training data alone: labels, proxies and missing values by group."""
    from rai_platform.card.data_figures import labels_of_groups, missing_rows, proxy_rows

    shown: dict[str, Rows] = {
        "labels of a group against everybody else": [
            {
                "group": f"{in_words(row.feature)}: {row.group}",
                "reference share": "–" if row.expected_share is None else f"{row.expected_share:.1%}",
                "measures": ", ".join(
                    f"{name} {'–' if value is None else f'{value:.3f}'}" for name, value in row.measures.items()
                ),
            }
            for row in labels_of_groups(report)
        ],
        "what gives groups away": [
            {
                "group": f"{in_words(row.feature)}: {row.group}",
                "AUC": f"{row.auc.value:.3f}",
                "strongest columns": ", ".join(f"{column} {auc:.3f}" for column, auc in row.strongest),
            }
            for row in proxy_rows(report)
        ],
        "missing values by group": [
            {
                "column": f"{row.column}, by {in_words(row.feature)}",
                "missing": ", ".join(f"{group} {rate:.1%}" for group, rate in row.rates.items()),
            }
            for row in missing_rows(report)
        ],
        "all rows": [
            {"figure": in_words(name), "value": f"{each.value:.4f}"} for name, each in report.measured.items()
        ],
    }
    return {name: table(rows) for name, rows in shown.items() if rows}


def _candidate_page(candidate: Candidate) -> Page:
    manifest = candidate.manifest
    return {
        "estimator": manifest.estimator,
        "decides by": COMPOSITIONS[manifest.composition] + (", drawn with a chance" if manifest.randomized else ""),
        "sees": ", ".join(feature.name for feature in manifest.features) or "not known",
        "parameters": table(
            [{"parameter": name, "value": value} for name, value in candidate.parameters.items() if name != "estimator"]
        ),
        **({"warnings": "\n".join(candidate.warnings)} if candidate.warnings else {}),
        "mlflow_run_id": candidate.mlflow_run_id,
        **digests(
            model=candidate.model_digest,
            training_data=candidate.training_digest or "not known",
            **{f"file {name}": file.blob for name, file in candidate.files.items()},
        ),
    }


def _predictions_page(predictions: Predictions) -> Page:
    return {
        "rows": len(predictions.y_pred),
        "selected": f"{float(predictions.y_pred.mean()):.1%}",
        **digests(model=str(predictions.subject.model_digest), data=predictions.subject.data_digest),
    }


def _performance_page(report: PerformanceReport) -> Page:
    from rai_platform.card.figures import performance_figures
    from rai_platform.card.plots import draw_calibration_and_roc

    title = "classes and calibration" if report.classes else "ROC curve and calibration"
    curves = picture(title, draw_calibration_and_roc(report, kind="png"))
    return {
        "figures": table([{"metric": in_words(item.name), **_measured(item)} for item in performance_figures(report)]),
        "accuracy of one fixed answer": number(report.majority_accuracy.value),
        **({"curves": text(curves)} if curves else {}),
        **_about(report),
    }


def _fairness_page(report: FairnessReport, definition: ModelDefinition) -> Page:
    from rai_platform.card.discoveries import discovery_sections
    from rai_platform.card.figures import fairness_sections
    from rai_platform.card.rendering import LISTED_SUBGROUPS, accounting_lines

    policy = definition.policy
    page: dict[str, Any] = {}
    for section in fairness_sections(report, definition):
        name = in_words(section.feature)
        page[f"selection rates by {name}"] = table(
            [
                {"group": row.group, "n": f"{row.n:,}", **_measured(row.rate(section.rate_names[0]))}
                for row in section.groups
            ]
        )
        page[f"all about {name}"] = text(
            *(_group_pictures(section, policy) if section.groups else ()),
            f"Groups under {policy.minimum_group_size} people are pale, and not judged.",
            *(plain(line) for line in accounting_lines(section)),
            wide_table(
                [
                    {
                        "group": row.group,
                        "n": f"{row.n:,}",
                        **{in_words(item.name): _in_short(item) for item in row.rates},
                    }
                    for row in section.groups
                ]
            ),
            wide_table(
                [
                    {
                        "disparity, over all groups": in_words(item.name),
                        **_measured(item),
                        "what a verdict can tell": item.accounted,
                        "meaning": item.meaning,
                    }
                    for item in section.disparities
                ]
            ),
        )
    page |= _individual(report)
    for found in discovery_sections(report):
        page[f"people nobody named, by {in_words(found.rate)}"] = text(
            plain(found.found),
            wide_table(
                [
                    {
                        "people": row.people,
                        "how many": f"{row.n:,}",
                        in_words(found.rate): f"{row.rate:.1%}",
                        "everybody else": f"{row.rest:.1%}",
                        "difference": f"{row.difference:+.1%} ({row.interval.lower:+.1%} to {row.interval.upper:+.1%})",
                        "q value": number(row.q_value),
                    }
                    for row in found.subgroups[:LISTED_SUBGROUPS]
                ]
            ),
            f"And {more} more that differ less." if (more := len(found.subgroups) - LISTED_SUBGROUPS) > 0 else "",
            found.how,
        )
    return {**page, "readings of the law": text(*_readings(report)), **_about(report)}


def _individual(report: FairnessReport) -> Page:
    """People who are alike, and people who differ in a protected attribute alone."""
    from rai_platform.card.individual import NO_CAUSE, individual_section

    section = individual_section(report)
    shown: dict[str, Any] = {"consistency": _in_short(section.consistency)}
    if not section.flips:
        return shown
    shown["if only the attribute were changed"] = table(
        [
            {
                "changed": in_words(row.feature),
                "another decision": "not estimable" if row.share.value is None else f"{row.share.value:.1%}",
                "95 % interval": range_of(row.share.interval),
            }
            for row in section.flips
        ]
    )
    shown["people who are alike"] = text(
        plain(section.how),
        NO_CAUSE,
        *(f"- {plain(in_words(row.feature))}: {plain(row.says)}" for row in section.flips),
        *(
            wide_table(
                [
                    {
                        f"{in_words(row.feature)}": group.group,
                        "people": f"{group.n:,}",
                        "would be selected": f"{group.gained:,}",
                        "would be passed over": f"{group.lost:,}",
                        "what stands for this group": ", ".join(
                            f"{column} = {value}" for column, value in row.values.get(group.group, {}).items()
                        )
                        or "its threshold",
                    }
                    for group in row.groups
                ]
            )
            for row in section.flips
        ),
    )
    return shown


def _readings(report: FairnessReport) -> Iterator[str]:
    """What rules count, and groups among people alike in the legitimate factors."""
    from rai_platform.card.law import NO_ADVICE, legal_readings

    yield NO_ADVICE
    for reading in legal_readings(report):
        for found in (reading.selection, reading.scoring):
            if found is None:
                continue
            yield f"Impact ratios by {in_words(reading.feature)} ({found.kind}), as Local Law 144 describes them"
            yield wide_table(
                [
                    {
                        "category": row.category,
                        "people": f"{row.n:,}",
                        "rate": number(row.rate.value if row.rate else None),
                        "impact ratio": "under 2 %: left out, as the rule allows"
                        if row.left_out
                        else number(row.impact_ratio),
                    }
                    for row in found.rows
                ]
            )
            yield f"{found.unknown:,} people of unknown category are not in this table."
        yield wide_table(
            [
                {
                    "group": row.group,
                    "against": row.reference,
                    "ratio": number(row.ratio),
                    "p (score)": number(row.score_p_value),
                    "p (exact)": number(row.fisher_p_value),
                    "reading": row.reading,
                }
                for row in reading.adverse_impact
            ]
        )
    yield wide_table(
        [
            {
                "group": row.group,
                "alike in": row.factor,
                "difference in selection rate": f"{row.raw_difference:+.1%}",
                "among people alike": "not estimable" if row.difference is None else f"{row.difference:+.1%}",
                "95 % interval": range_of(row.interval),
                "conditional demographic disparity": number(row.demographic_disparity),
            }
            for row in report.conditional
        ]
    )


def _group_pictures(section: FeatureFairness, policy: Policy) -> Iterator[str]:
    """What each group receives, who is misjudged, and whether a score means the same for all."""
    from rai_platform.card.group_plots import draw_calibration, draw_confusion, draw_groups

    name, least = in_words(section.feature), policy.minimum_group_size
    if not section.by_selection:
        return
    rule = requirement_for(policy, "disparate_impact", section.feature)
    limit = rule.min if rule and rule.severity != "off" else None
    yield picture(f"rates by {name}", draw_groups(section, four_fifths=limit, kind="png", minimum_group_size=least))
    yield picture(
        f"rightly and wrongly selected and passed over, by {name}",
        draw_confusion(section, kind="png", minimum_group_size=least),
    )
    yield picture(f"calibration by {name}", draw_calibration(section, kind="png", minimum_group_size=least))


def _robustness_page(report: RobustnessScores) -> Page:
    from rai_platform.card.plots import draw_robustness

    attempts = {
        **image_attack_page(report.images),
        **text_attack_page(report.texts),
        **prompts_page(report.prompts),
    }
    if report.not_possible:
        return {"not possible": report.not_possible, **attempts, **_about(report)}
    if attempts and not report.scores:
        return {**attempts, **_about(report)}
    rows = [
        {
            "change": f"{in_words(score.perturbation)} {score.strength:g}",
            "accuracy": number(score.accuracy.value),
            "drop": number(score.drop.value),
            "95 % interval": range_of(score.drop.bounds()),
        }
        for score in report.scores
    ]
    changed = [
        {"change": row["change"], "decisions changed": f"{score.flipped.value:.1%}"}
        for row, score in zip(rows, report.scores, strict=True)
    ]
    return {
        "scores": table(rows),
        "pictures": text(
            "Noise and shift are in standard deviations, the others in shares of cells.",
            picture("accuracy over strength", draw_robustness(report, kind="png")),
            wide_table(changed),
        ),
        **attack_page(report.attack),
        **attempts,
        **{f"{in_words(name)}: not tried": why for name, why in report.not_estimable.items()},
        **_about(report),
    }


def _card_page(card: ModelCard) -> Page:
    from rai_platform.card.rendering import render_markdown

    return {
        "recommendation": card.recommendation,
        "summary": card.summary,
        **({"reasons": table([{"reason": reason} for reason in card.reasons])} if card.reasons else {}),
        **_beside_production(card),
        "card": text(render_markdown(card)),
        "as a web page": f"card/model_card.html among the artifacts of MLflow run {card.mlflow_run_id}",
        "would replace": "nothing" if card.replaces is None else f"ledger entry {card.replaces}",
        **digests(model=str(card.subject.model_digest), data=card.subject.data_digest, policy=card.policy.digest),
    }


def _beside_production(card: ModelCard) -> Page:
    """What changes if the model takes the place of the one in production."""
    section = card.champion
    if section is None:
        return {}
    name = f"compared with production, version {section.version}"
    if section.not_possible:
        return {name: f"not possible: {section.not_possible}"}
    return {
        name: table(
            [
                {
                    "metric": in_words(row.metric) + (f" by {in_words(row.feature)}" if row.feature else ""),
                    "in production": number(row.before.value),
                    "this model": number(row.after.value),
                    "change": range_of(row.change.interval),
                }
                for row in section.trades
            ]
        ),
        "who gains and who loses": text(
            plain(section.summary),
            plain(section.caveat),
            wide_table(
                [
                    {
                        "people": f"{in_words(row.feature)}: {row.group}",
                        "how many": f"{row.n:,}",
                        "selected anew": f"{row.gained:,}",
                        "selected no longer": f"{row.lost:,}",
                    }
                    for row in section.moved
                ]
            ),
        ),
    }


PAGES: Mapping[type, Any] = {
    Candidate: _candidate_page,
    Predictions: _predictions_page,
    PerformanceReport: _performance_page,
    Explanations: explanations_page,
    RobustnessScores: _robustness_page,
    MitigationReport: mitigation_page,
    ModelCard: _card_page,
}


def _about(report: PerformanceReport | FairnessReport | RobustnessScores) -> Page:
    return {
        "rows": report.n,
        **digests(model=str(report.subject.model_digest), data=report.subject.data_digest),
    }


def _measured(figure: Figure) -> dict[str, str]:
    value = f"not estimable: {figure.why_not}" if figure.value is None and figure.why_not else number(figure.value)
    return {"value": value, "95 % interval": range_of(figure.interval)}


def _in_short(figure: Figure) -> str:
    if figure.value is None:
        return f"not estimable: {figure.why_not}"
    measured = f"{number(figure.value)} ({range_of(figure.interval)})"
    return f"{measured}; {figure.accounted}" if figure.accounted else measured
