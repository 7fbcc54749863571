"""What Dagster's pages show of a value: a few numbers, small tables, and plots."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from rai_platform.card.document import ModelCard
from rai_platform.data.report import DataReport
from rai_platform.explanations.report import Explanations
from rai_platform.fairness.report import FairnessReport
from rai_platform.performance.report import PerformanceReport
from rai_platform.pipeline.releasing import Released
from rai_platform.pipeline.values import LEDGER_ENTRY, Page
from rai_platform.robustness.report import RobustnessScores
from rai_platform.spec.verdict import Interval, Verdict
from rai_platform.training.candidate import Candidate
from rai_platform.training.predictions import Predictions

LARGEST_PICTURE = 48_000  # bytes; larger ones make Dagster's pages slow


def verdict_page(verdict: Verdict) -> Page:
    """A verdict as its check shows it."""
    limit = verdict.limit
    page: dict[str, Any] = {
        "verdict": verdict.outcome,
        "requirement": verdict.requirement,
        "estimate": "not estimable" if verdict.estimate is None else dg.MetadataValue.float(round(verdict.estimate, 6)),
        "interval": _range(verdict.interval),
        "limit": f"{limit}, judged on the {'interval' if limit.rule == 'interval' else 'estimate'}",
        "n": verdict.n,
        "groups": ", ".join(verdict.groups) or "everybody",
        "model_digest": verdict.subject.model_digest or "none yet",
        "data_digest": verdict.subject.data_digest,
        "policy_digest": verdict.policy_digest,
        "evidence_digest": verdict.evidence_digest,
        "code_version": verdict.code_version,
    }
    if verdict.disclosed:
        page["named instead of judged"] = ", ".join(verdict.disclosed)
    return page


def production_page(released: Released) -> Page:
    """What is in production, as ``production_model`` shows it."""
    production = released.production
    page: dict[str, Any] = {
        "version": production.version,
        "model_digest": production.model_digest,
        "data_digest": production.data_digest,
        "promoted_at": production.promoted_at,
        LEDGER_ENTRY: str(production.sequence),
        "outcome": "promoted" if released.is_new else "identical to the production model: nothing to do",
        "certificate": dg.MetadataValue.json(production.body["certificate"]),
    }
    return page | ({"put right": released.put_right} if released.put_right else {})


def page_of(value: Any) -> Page:
    """A value as its asset shows it."""
    for kind, page in PAGES:
        if isinstance(value, kind):
            shown: Page = page(value)
            return shown
    return {}


def data_page(report: DataReport) -> Page:
    """The screen of a sample."""
    page: dict[str, Any] = {
        "rows": report.n,
        "positive labels": f"{report.label_rate:.1%}",
        "data_digest": report.data_digest,
        "columns": _table(
            [
                {
                    "column": column.name,
                    "kind": column.kind,
                    "missing": f"{column.missing_rate:.1%}",
                    "values": column.values,
                }
                for column in report.columns
            ]
        ),
        "groups": _table(
            [
                {
                    "feature": feature,
                    "group": group.group,
                    "rows": group.n,
                    "share": f"{group.share:.1%}",
                    "positive": f"{group.label_rate:.1%}",
                }
                for feature, groups in report.groups.items()
                for group in groups
            ]
        ),
    }
    if report.violations:
        page["broken rules"] = _table(
            [
                {"column": item.column or "(row)", "rule": item.rule, "rows": item.rows, "example": item.example}
                for item in report.violations
            ]
        )
    return page


def _candidate_page(candidate: Candidate) -> Page:
    page: dict[str, Any] = {
        "model_digest": candidate.model_digest,
        "estimator": candidate.manifest.estimator,
        "composition": candidate.manifest.composition,
        "mlflow_run_id": candidate.mlflow_run_id,
        "training_data_digest": candidate.training_digest or "not known",
        "parameters": _table([{"parameter": name, "value": value} for name, value in candidate.parameters.items()]),
        "files": _table(
            [{"file": name, "sha256": file.blob, "content": file.content} for name, file in candidate.files.items()]
        ),
    }
    if candidate.warnings:
        page["warnings"] = "\n".join(candidate.warnings)
    return page


def _predictions_page(predictions: Predictions) -> Page:
    return {
        "rows": len(predictions.y_pred),
        "selected": f"{float(predictions.y_pred.mean()):.1%}",
        "model_digest": str(predictions.subject.model_digest),
        "data_digest": predictions.subject.data_digest,
    }


def _performance_page(report: PerformanceReport) -> Page:
    from rai_platform.card.figures import performance_figures
    from rai_platform.card.plots import draw_calibration_and_roc

    return {
        "figures": _table(
            [
                {"metric": item.name, "value": _number(item.value), "95 % interval": _range(item.interval), "n": item.n}
                for item in performance_figures(report)
            ]
        ),
        "accuracy of one fixed answer": report.majority_accuracy.value,
        **_picture("curves", draw_calibration_and_roc(report, kind="png")),
        **_about(report),
    }


def _fairness_page(report: FairnessReport) -> Page:
    from rai_platform.card.figures import fairness_sections
    from rai_platform.card.plots import draw_groups

    page: dict[str, Any] = {}
    for section in fairness_sections(report):
        page |= _picture(f"{section.feature}: groups", draw_groups(section, four_fifths=None, kind="png"))
        page[f"{section.feature}: rates"] = _table(
            [
                {
                    "group": row.group,
                    "n": row.n,
                    **{
                        item.name: "not estimable"
                        if item.value is None
                        else f"{_number(item.value)} ({_range(item.interval)})"
                        for item in row.rates
                    },
                }
                for row in section.groups
            ]
        )
        page[f"{section.feature}: disparities"] = _table(
            [
                {
                    "disparity": item.name,
                    "value": _number(item.value),
                    "95 % interval": _range(item.interval),
                    "n": item.n,
                }
                for item in section.disparities
            ]
        )
    return {**page, **_about(report)}


def _explanations_page(report: Explanations) -> Page:
    from rai_platform.card.plots import draw_beeswarm, draw_importance

    if report.not_possible:
        return {"not possible": report.not_possible, **_about(report)}
    return {
        **_picture("beeswarm", draw_beeswarm(report, kind="png")),
        **_picture("importance", draw_importance(report, kind="png")),
        "mean absolute SHAP values": _table(
            [
                {
                    "feature": row.feature,
                    "mean |SHAP|": _number(row.mean_absolute),
                    "95 % interval": f"{row.lower:.3f} to {row.upper:.3f}",
                }
                for row in report.importance
            ]
        ),
        "method": str(report.method),
        "rows explained": report.n,
        "additivity_error": report.additivity_error,
        **_about(report),
    }


def _robustness_page(report: RobustnessScores) -> Page:
    from rai_platform.card.plots import draw_robustness

    if report.not_possible:
        return {"not possible": report.not_possible, **_about(report)}
    return {
        **_picture("accuracy over strength", draw_robustness(report, kind="png")),
        "scores": _table(
            [
                {
                    "change": score.perturbation,
                    "strength": f"{score.strength:g}",
                    "accuracy": _number(score.accuracy.value),
                    "95 % interval": _range(score.accuracy.bounds()),
                    "drop": _number(score.drop.value),
                    "decisions changed": f"{score.flipped.value:.1%}",
                }
                for score in report.scores
            ]
        ),
        **{f"{name}: not tried": why for name, why in report.not_estimable.items()},
        **_about(report),
    }


def _card_page(card: ModelCard) -> Page:
    from rai_platform.card.rendering import render_markdown

    return {
        "recommendation": card.recommendation,
        "summary": card.summary,
        "card": dg.MetadataValue.md(render_markdown(card)),
        "model_digest": str(card.subject.model_digest),
        "data_digest": card.subject.data_digest,
        "replaces": "nothing" if card.replaces is None else f"ledger entry {card.replaces}",
    }


PAGES: Sequence[tuple[type, Any]] = (
    (Candidate, _candidate_page),
    (Predictions, _predictions_page),
    (PerformanceReport, _performance_page),
    (FairnessReport, _fairness_page),
    (Explanations, _explanations_page),
    (RobustnessScores, _robustness_page),
    (ModelCard, _card_page),
)


def _about(report: PerformanceReport | FairnessReport | Explanations | RobustnessScores) -> Page:
    return {
        "model_digest": str(report.subject.model_digest),
        "data_digest": report.subject.data_digest,
        "rows": report.n,
    }


def _picture(name: str, png: bytes | None) -> Page:
    if png is None or len(png) > LARGEST_PICTURE:
        return {}
    return {name: dg.MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(png).decode()})")}


def _table(rows: Sequence[Mapping[str, str | int | float]]) -> Any:
    if not rows:
        return "none"
    return dg.MetadataValue.table(records=[dg.TableRecord(dict(row)) for row in rows])


def _number(value: float | None) -> str:
    return "not estimable" if value is None else f"{value:.3f}"


def _range(interval: Interval | None) -> str:
    return "none" if interval is None else f"{interval.lower:.3f} to {interval.upper:.3f}"
