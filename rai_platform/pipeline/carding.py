"""The model card's step: collect the verdicts, write the card, and attach it to the candidate's MLflow run."""

from collections.abc import Mapping

from rai_platform.card.building import Evidence, Judged, build_card
from rai_platform.card.document import ModelCard
from rai_platform.card.figures import PERFORMANCE_ORDER
from rai_platform.fairness.disparities import measure_disparities
from rai_platform.fairness.metrics import DISPARITIES
from rai_platform.fairness.rates import RATES, group_rates
from rai_platform.pipeline.code_versions import code_versions
from rai_platform.pipeline.comparing import compared_with_production
from rai_platform.pipeline.steps import Step
from rai_platform.release.decision import choose_verdicts, disclosures, earlier_verdicts, nothing_asked_for
from rai_platform.release.records import RecordedVerdict, read_production, read_verdicts, read_verdicts_on
from rai_platform.robustness.images.report import ImageRobustness
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.requirements import RequiredCheck, blocking_checks, required_checks
from rai_platform.spec.subject import Subject
from rai_platform.training.candidate import Candidate

CARD_FILES = ("model_card.json", "model_card.html", "model_card.md")


def write_card(step: Step, candidate: Candidate, evidence: Evidence) -> ModelCard:
    """The card, on record in MLflow beside the figures it was filled from."""
    from rai_platform.registry.tracking import describe_run, log_document, log_figures

    with step.home.ledger.read() as reader:
        production = read_production(reader, step.definition.name)
    card = built_card(
        step, candidate, evidence, replaces=production.sequence if production else None, created_at=step.now
    )
    client = step.home.registry.client
    log_figures(client, candidate.mlflow_run_id, figures(evidence))
    files = render_files(card, evidence)
    for name, content in files.items():
        log_document(client, candidate.mlflow_run_id, f"card/{name}", content)
        _keep(step, name, content)
    describe_run(client, candidate.mlflow_run_id, files["model_card.md"].decode())
    return card


def built_card(
    step: Step, candidate: Candidate, evidence: Evidence, *, replaces: int | None, created_at: str
) -> ModelCard:
    """The card that spec, evidence and the verdicts on record give now; equal where all of them are, and what it replaces."""
    return build_card(
        step.definition,
        candidate,
        evidence,
        judged(step, evidence.performance.subject, candidate.training_digest),
        test_source=_test_source(step.definition),
        replaces=replaces,
        created_at=created_at,
        champion=compared_with_production(step, candidate, evidence.performance.subject, replaces=replaces),
    )


def judged(step: Step, subject: Subject, training_digest: str | None) -> Judged:
    """The verdicts that count for every required check, and what follows from them."""
    checks = required_checks(step.definition)
    verdicts, _ = chosen(step, checks, subject, training_digest)
    _, reasons = chosen(step, blocking_checks(step.definition), subject, training_digest)
    found = {(item.verdict.asset, item.verdict.check) for item in verdicts}
    with step.home.ledger.read() as reader:
        on_this_model = read_verdicts_on(reader, subject.model_digest)
    return Judged(
        verdicts=tuple(item.verdict for item in verdicts),
        missing=tuple(f"{check.asset}: {check.name}" for check in checks if (check.asset, check.name) not in found),
        reasons=(*nothing_asked_for(step.definition), *reasons),
        disclosed=disclosures(verdicts),
        earlier=earlier_verdicts(on_this_model, verdicts, name=step.definition.name),
    )


def chosen(
    step: Step, checks: tuple[RequiredCheck, ...], subject: Subject, training_digest: str | None
) -> tuple[list[RecordedVerdict], list[str]]:
    """The verdicts on record that count for some checks, and the reasons against a release."""
    with step.home.ledger.read() as reader:
        recorded = tuple(read_verdicts(reader, step.definition.name))
    return choose_verdicts(
        checks,
        recorded,
        subject=subject,
        training_digest=training_digest,
        policy_digest=step.definition.policy.digest,
        code_versions=code_versions(),
    )


def render_files(card: ModelCard, evidence: Evidence) -> dict[str, bytes]:
    """The card as JSON, HTML and Markdown."""
    from rai_platform.card.plots import draw_card
    from rai_platform.card.rendering import render_html, render_json, render_markdown
    from rai_platform.card.trade_off import trade_off_svg

    pictures = draw_card(card, evidence)
    if evidence.mitigation:
        pictures |= trade_off_svg(evidence.mitigation)
    return dict(
        zip(
            CARD_FILES,
            (render_json(card), render_html(card, pictures).encode(), render_markdown(card).encode()),
            strict=True,
        )
    )


def figures(evidence: Evidence) -> Mapping[str, float | None]:
    """Every figure of the evidence, by the name it has in MLflow."""
    named: dict[str, float | None] = {
        f"performance.{name}": measured.value if (measured := evidence.performance.measured.get(name)) else None
        for name in PERFORMANCE_ORDER
    }
    disparities = list(DISPARITIES.values())
    for feature, found in measure_disparities(evidence.fairness.cells, disparities).items():
        for disparity, apart in zip(disparities, found, strict=True):
            named[f"fairness.{disparity.name}.{feature}"] = apart.estimate
        for rate in RATES:
            for group, value in group_rates(evidence.fairness.cells[feature], rate).items():
                named[f"fairness.{rate.name}.{feature}.{group}"] = value.value if value else None
    for name, index in evidence.fairness.measured.items():
        named[f"fairness.{name}"] = index.value
    if evidence.fairness.consistency and evidence.fairness.consistency.estimate:
        named["fairness.consistency"] = evidence.fairness.consistency.estimate.value
    for feature, flip in evidence.fairness.flips.items():
        named[f"fairness.attribute_flip_rate.{feature}"] = flip.rate.value if flip.rate else None
    for row in evidence.explanations.importance:
        named[f"explanation.mean_abs_shap.{row.feature}"] = row.mean_absolute
    named["explanation.additivity_error"] = evidence.explanations.additivity_error
    if evidence.explanations.examination:
        named |= {
            f"explanation.{name}": found.value for name, found in evidence.explanations.examination.measured.items()
        }
    for score in evidence.robustness.scores:
        named[f"robustness.accuracy.{score.perturbation}.{score.strength:g}"] = score.accuracy.value
    if evidence.robustness.images:
        named |= _named_of_images(evidence.robustness.images)
    for trade in evidence.mitigation.trades if evidence.mitigation else ():
        name = f"mitigation.{trade.metric}" + (f".{trade.feature}" if trade.feature else "")
        named |= {f"{name}.unmitigated": trade.before.value, f"{name}.mitigated": trade.after.value}
    return named


def _named_of_images(report: ImageRobustness) -> dict[str, float]:
    attacked = {
        f"robustness.accuracy.{norm}.{point.epsilon:g}": point.accuracy.value
        for norm in report.norms
        for point in report.worst_case(norm)
    }
    return attacked | {
        f"robustness.accuracy.{each.corruption}.{each.severity}": each.accuracy.value for each in report.corruptions
    }


def _test_source(definition: ModelDefinition) -> str:
    table = definition.spec.split.test_table or definition.spec.data.table
    return table.path.rsplit("/", 1)[-1]


def _keep(step: Step, name: str, content: bytes) -> None:
    """A copy where a person finds it: ``RAI_HOME/cards/<model>/``."""
    folder = step.home.settings.home / "cards" / step.definition.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
