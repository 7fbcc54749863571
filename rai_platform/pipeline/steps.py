"""What each asset does, in the domain's words; the heavy libraries are imported where they are used, not when Dagster loads."""

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dagster as dg

from rai_platform.data.sample import Sample
from rai_platform.errors import EvidenceMismatch
from rai_platform.explanations.report import EXPLANATION_BACKGROUND, Explanations, nothing_to_explain
from rai_platform.fairness.report import FairnessReport
from rai_platform.home import Home
from rai_platform.mitigation.report import MitigationReport
from rai_platform.performance.report import PerformanceReport
from rai_platform.pipeline.code_versions import code_version
from rai_platform.pipeline.values import BACKGROUND, MONITORING_REFERENCE, REFERENCE, REPORT, StoredValues, encode
from rai_platform.release.records import candidate_entry
from rai_platform.robustness.report import RobustnessScores, nothing_to_perturb
from rai_platform.spec.model import MITIGATION_REPORT
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.requirements import checks_of
from rai_platform.spec.subject import Subject
from rai_platform.threads import share_of_cores
from rai_platform.training.candidate import Candidate
from rai_platform.training.predictions import Predictions

GIVEN = "the spec brings predictions alone, and this needs the model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the step of an asset works with.

    Attributes:
        definition: the model and its policy.
        home: the platform's storage.
        values: the assets' values as this run sees them.
        run_id: Dagster's.
        mlflow_run_id: gives the tracking run of this Dagster run, begun at the first call.
    """

    definition: ModelDefinition
    home: Home
    values: StoredValues
    run_id: str
    mlflow_run_id: Callable[[], str]

    def key(self, asset: str) -> dg.AssetKey:
        """The key of one of the model's assets."""
        return dg.AssetKey([self.definition.name, asset])

    @property
    def now(self) -> str:
        """ISO 8601, UTC."""
        return self.home.clock().isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Produced:
    """The value of an asset.

    Attributes:
        value: what travels on.
        version: Dagster's data version: equal values have equal versions.
        pointers: metadata that leads to what is stored beside the value.
    """

    value: Any
    version: str
    pointers: dict[str, str]


def seed_for(subject: Subject, asset: str) -> int:
    """A seed that follows from what is measured: measuring again gives the same, and nobody picks a lucky one."""
    text = f"{subject.model_digest}\0{subject.data_digest}\0{asset}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


def training_data(step: Step) -> Produced:
    """The rows the model learns from: read, typed, split off, hashed and screened."""
    from rai_platform.data.preparation import prepare_data
    from rai_platform.data.screening import screen_training_data

    prepared = prepare_data(step.definition.spec)
    _must_fit_the_adversary(step, prepared.test)
    report = screen_training_data(prepared, step.definition.spec)
    return _screened(step, prepared.training, report)


def test_data(step: Step) -> Produced:
    """The rows the model is judged on, which it has never seen."""
    from rai_platform.data.preparation import prepare_data
    from rai_platform.data.screening import screen_test_data

    prepared = prepare_data(step.definition.spec)
    _must_fit_the_adversary(step, prepared.test)
    return _screened(step, prepared.test, screen_test_data(prepared, step.definition.spec))


def candidate_model(step: Step, training_data: Sample) -> Produced:
    """A model trained with a fixed seed, saved without pickle, read back and found to predict the same."""
    from rai_platform.registry.tracking import log_candidate, log_figures
    from rai_platform.training.candidates import train_candidate

    report, _ = step.values.data_report(step.key("training_data"))
    said = {
        "mlflow_run_id": step.mlflow_run_id(),
        "code_version": code_version("candidate_model"),
        "now": step.now,
    }
    if step.definition.spec.model is not None:
        from rai_platform.registry.brought import fetch_model
        from rai_platform.training.brought import bring_candidate

        uri = step.definition.spec.model.uri
        brought = fetch_model(uri, step.home.settings, folder=step.definition.path.parent)
        candidate, model = bring_candidate(step.definition, brought, training_data, report, step.home.store, **said)
    else:
        candidate, model = train_candidate(step.definition, training_data, report, step.home.store, **said)
    step.home.ledger.append([candidate_entry(candidate, run_id=step.run_id)])
    client = step.home.registry.client
    log_candidate(client, candidate, report, training_data.source)
    right = model.decide(training_data.features, training_data.sensitive_features) == training_data.y_true
    log_figures(client, candidate.mlflow_run_id, {"training.accuracy": float(right.mean())})
    return Produced(value=candidate, version=candidate.model_digest, pointers={})


def given_model(step: Step, test_data: Sample) -> Produced:
    """Somebody else's scores or decisions, on record by the digest of every one of them."""
    from rai_platform.registry.tracking import log_candidate
    from rai_platform.training.candidates import given_candidate

    candidate = given_candidate(
        step.definition,
        test_data,
        mlflow_run_id=step.mlflow_run_id(),
        code_version=code_version("candidate_model"),
        now=step.now,
    )
    step.home.ledger.append([candidate_entry(candidate, run_id=step.run_id)])
    report, _ = step.values.data_report(step.key("test_data"))
    log_candidate(step.home.registry.client, candidate, report, test_data.source)
    return Produced(value=candidate, version=candidate.model_digest, pointers={})


def predictions(step: Step, candidate_model: Candidate, test_data: Sample) -> Produced:
    """The candidate's score and decision for every row of the test data, and what they and the data count as normal later."""
    from rai_platform.monitoring.predicted import reference_of_model
    from rai_platform.training.candidates import predict

    made = predict(candidate_model, test_data, step.definition.spec, step.home.store)
    reference = reference_of_model(candidate_model.manifest, made, test_data, step.definition.spec.group_features)
    pointers = {} if reference is None else {REFERENCE: step.home.store.put(encode(reference))}
    return Produced(value=made, version=made.digest, pointers=pointers)


def performance_report(step: Step, candidate_model: Candidate, predictions: Predictions, test_data: Sample) -> Produced:
    """How well the candidate does its work, each figure with an interval, against one fixed answer."""
    from rai_platform.performance.measurement import measure_performance

    _must_be_of(candidate_model, predictions)
    learned = candidate_model.training_report
    report = measure_performance(
        predictions,
        test_data,
        majority_label=None if learned is None else learned.commonest_label,
        seed=seed_for(predictions.subject, "performance_report"),
        code_version=code_version("performance_report"),
    )
    return _stored(step, report)


def fairness_report(step: Step, candidate_model: Candidate, predictions: Predictions, test_data: Sample) -> Produced:
    """What each group of people receives from the candidate, and whether people who are alike are treated alike."""
    from rai_platform.fairness.measurement import measure_fairness
    from rai_platform.training.loading import load_model

    _must_be_of(candidate_model, predictions)
    report = measure_fairness(
        predictions,
        test_data,
        features=step.definition.spec.group_features,
        seed=seed_for(predictions.subject, "fairness_report"),
        code_version=code_version("fairness_report"),
        model=None if candidate_model.manifest.composition == "given" else load_model(candidate_model, step.home.store),
        columns={feature.name: feature.source_column for feature in step.definition.spec.sensitive_features},
    )
    return _stored(step, report)


def shap_explanations(step: Step, candidate_model: Candidate, test_data: Sample) -> Produced:
    """What moves the candidate's score, for everybody and by group: SHAP values, and how far these can be relied upon."""
    subject, version = _subject(candidate_model, test_data), code_version("shap_explanations")
    if candidate_model.manifest.composition == "given":
        return _stored(step, nothing_to_explain(subject, GIVEN, code_version=version))
    from rai_platform.explanations.measurement import explain, kept_background
    from rai_platform.explanations.row_explainer import background_to_bytes
    from rai_platform.training.loading import load_model

    model, seed = load_model(candidate_model, step.home.store), seed_for(subject, "shap_explanations")
    report = explain(
        model,
        subject,
        test_data,
        group_features=step.definition.spec.group_features,
        training=candidate_model.training_report,
        seed=seed,
        code_version=version,
        workers=_processes(step),
    )
    background = kept_background(model, test_data, seed=seed)
    pointers = {} if background is None else {BACKGROUND: step.home.store.put(background_to_bytes(background))}
    return dataclasses.replace(_stored(step, report), pointers=pointers)


def robustness_scores(step: Step, candidate_model: Candidate, test_data: Sample) -> Produced:
    """How often the candidate is right when its input is a little different: at random, or changed by somebody on purpose."""
    subject, version = _subject(candidate_model, test_data), code_version("robustness_scores")
    if candidate_model.manifest.composition == "given":
        return _stored(step, nothing_to_perturb(subject, test_data.n, GIVEN, code_version=version))
    from rai_platform.robustness.attacking import attacked
    from rai_platform.robustness.measurement import measure_robustness
    from rai_platform.training.loading import load_model

    asked: dict[str, set[float]] = {}
    for check in checks_of(step.definition, "robustness_scores"):
        if check.requirement.strength is not None:
            perturbation = check.requirement.metric.partition("_under_")[2]
            asked.setdefault(perturbation, set()).add(check.requirement.strength)
    model, seed = load_model(candidate_model, step.home.store), seed_for(subject, "robustness_scores")
    report = measure_robustness(
        model,
        subject,
        test_data,
        left_alone=_left_alone(step, test_data),
        extra_strengths=asked,
        adversary=step.definition.spec.adversary,
        workers=_processes(step),
        seed=seed,
        code_version=version,
    )
    attacks, checkpoints = step.definition.spec.attacks, step.home.settings.home / "checkpoints"
    report = attacked(report, model, test_data, attacks, extra_strengths=asked, seed=seed, checkpoints=checkpoints)
    return _stored(step, report)


def mitigation_report(
    step: Step, candidate_model: Candidate, predictions: Predictions, training_data: Sample, test_data: Sample
) -> Produced:
    """What the mitigation bought, and at what price: the candidate against the same estimator without it, person by person."""
    from rai_platform.mitigation.measurement import measure_mitigation

    _must_be_of(candidate_model, predictions)
    if training_data.digest != candidate_model.training_digest:
        raise EvidenceMismatch(
            "the candidate learned from other training data than there are now: materialize `candidate_model` again"
        )
    report = measure_mitigation(
        candidate_model.manifest,
        predictions,
        training_data,
        test_data,
        step.definition.spec,
        minimum_group_size=step.definition.policy.minimum_group_size,
        seed=seed_for(predictions.subject, MITIGATION_REPORT),
        code_version=code_version(MITIGATION_REPORT),
    )
    return _stored(step, report)


def model_card(
    step: Step,
    candidate_model: Candidate,
    performance_report: PerformanceReport,
    fairness_report: FairnessReport,
    shap_explanations: Explanations,
    robustness_scores: RobustnessScores,
    mitigation_report: MitigationReport | None = None,
) -> Produced:
    """One document from the evidence, for released and for refused candidates alike."""
    from rai_platform.card.building import Evidence
    from rai_platform.pipeline.carding import write_card

    evidence = Evidence(
        performance=performance_report,
        fairness=fairness_report,
        explanations=shap_explanations,
        robustness=robustness_scores,
        mitigation=mitigation_report,
        digests=evidence_digests(step),
    )
    return _stored(step, write_card(step, candidate_model, evidence))


def evidence_digests(step: Step) -> dict[str, str]:
    """The digests of the predictions and the reports, by asset, as this run sees them, and of what is kept beside them."""
    assets = ["predictions", "performance_report", "fairness_report", "shap_explanations", "robustness_scores"]
    assets += [MITIGATION_REPORT] if step.definition.spec.mitigation else []
    beside = {
        MONITORING_REFERENCE: step.values.pointer(step.key("predictions"), REFERENCE),
        EXPLANATION_BACKGROUND: step.values.pointer(step.key("shap_explanations"), BACKGROUND),
    }
    return {
        **{asset: step.values.digest(step.key(asset)) for asset in assets},
        **{name: digest for name, digest in beside.items() if digest is not None},
    }


def _processes(step: Step) -> int:
    """How many processes may help with one step."""
    return max(step.definition.spec.attacks.workers, share_of_cores())


def _left_alone(step: Step, sample: Sample) -> tuple[str, ...]:
    """What no cell of is changed: sensitive features, since nobody becomes somebody else, and what is read as a whole."""
    columns = (feature.source_column for feature in step.definition.spec.sensitive_features)
    return (*(column for column in columns if column in sample.features), *sample.free)


def _must_fit_the_adversary(step: Step, test: Sample) -> None:
    """Tells a mistake in what people could change before a model is trained, and not after.

    Raises:
        InvalidSpec: the declaration does not fit the test data.
    """
    from rai_platform.robustness.declaring import feasible_set

    if not step.definition.spec.predictions and not test.tabular.empty:
        feasible_set(step.definition.spec.adversary, test.features, left_alone=_left_alone(step, test))


def _screened(step: Step, sample: Sample | None, report: Any) -> Produced:
    if sample is None:
        raise EvidenceMismatch("predictions alone have no training data")
    return Produced(value=sample, version=sample.digest, pointers={REPORT: step.home.store.put(encode(report))})


def _must_be_of(candidate: Candidate, predictions: Predictions) -> None:
    if predictions.subject.model_digest != candidate.model_digest:
        raise EvidenceMismatch(
            "the predictions are another model's than the candidate: materialize `predictions` again"
        )


def _stored(step: Step, report: Any) -> Produced:
    return Produced(value=report, version=step.home.store.put(encode(report)), pointers={})


def _subject(candidate: Candidate, sample: Sample) -> Subject:
    return Subject(model_digest=candidate.model_digest, data_digest=sample.digest)
