"""Evidence made by hand, and everything that follows from it: verdicts, the decision's table, a card."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rai_platform.card.building import Evidence, Judged, build_card
from rai_platform.card.document import ModelCard
from rai_platform.data.pretraining import LabelCounts
from rai_platform.data.report import (
    ColumnSummary,
    DataReport,
    GroupAgainstOthers,
    GroupLabels,
    MissingByGroup,
    Proxy,
    ProxyFinding,
)
from rai_platform.data.sample import MISSING_GROUP
from rai_platform.explanations.examination import (
    FAITHFULNESS,
    SECOND_OPINION,
    STABILITY,
    Curves,
    Examination,
    GroupShares,
    ProxyColumn,
    Repetitions,
)
from rai_platform.explanations.report import ExplainedRow, Explanations, Importance, nothing_to_explain
from rai_platform.fairness.cells import Cells, Row
from rai_platform.fairness.indices import INDICES, measure_index
from rai_platform.fairness.report import (
    AttributeFlip,
    Consistency,
    Discovery,
    FairnessReport,
    FlippedGroup,
    Subgroup,
)
from rai_platform.performance.report import CalibrationBin, PerformanceReport
from rai_platform.release.decision import choose_verdicts, disclosures
from rai_platform.release.judgement import judge
from rai_platform.release.records import RecordedVerdict
from rai_platform.robustness.attack_report import (
    AdversarialRow,
    AttackedAccuracy,
    Change,
    ConstrainedAttack,
    CredibilityCheck,
    Effort,
)
from rai_platform.robustness.images.report import (
    AdversarialImage,
    AttackedImages,
    CorruptedAccuracy,
    ImageEffort,
    ImageRobustness,
    Picture,
)
from rai_platform.robustness.report import RobustnessScore, RobustnessScores, nothing_to_perturb
from rai_platform.spec.model import ASSETS, ModelSpec
from rai_platform.spec.policy import PolicyOverlay
from rai_platform.spec.reading import ModelDefinition, default_policy
from rai_platform.spec.requirements import blocking_checks, required_checks
from rai_platform.spec.subject import Subject
from rai_platform.spec.verdict import Interval, Verdict
from rai_platform.statistics.estimates import Estimate, Exact, NormalEstimate, PairedDifference, Proportion, Replicates
from rai_platform.training.candidate import Candidate, ModelFile
from rai_platform.training.manifest import Feature, Manifest
from rai_platform_tests.world import lending_attributes

SUBJECT = Subject(model_digest="a" * 64, data_digest="b" * 64)
TRAINING = "c" * 64
CODE = "1"
CODE_VERSIONS = dict.fromkeys(ASSETS, CODE)
DIGESTS = {
    asset: digit * 64
    for asset, digit in zip(
        ("predictions", "performance_report", "fairness_report", "shap_explanations", "robustness_scores"),
        "12345",
        strict=True,
    )
}
WOMEN, MEN = (300.0, 50.0, 40.0, 310.0), (290.0, 60.0, 50.0, 300.0)  # of 700 each, about every second one selected
NOT_THE_MODEL: dict[str, Any] = {"estimator": None, "predictions": {"decision": "approved"}}  # a vendor's decisions


def define(**changes: Any) -> ModelDefinition:
    """The lending model, with some of its attributes changed."""
    spec = ModelSpec.model_validate({**lending_attributes(), **changes})
    assert isinstance(spec.policy, PolicyOverlay)
    return ModelDefinition(spec=spec, policy=spec.policy.over(default_policy()), path=Path("defs.yaml"))


def define_with(*requirements: dict[str, Any], minimum_group_size: int = 50, **changes: Any) -> ModelDefinition:
    """The lending model under a policy of these requirements alone."""
    policy = {
        "extends": "none",
        "name": "made",
        "minimum_group_size": minimum_group_size,
        "requirements": list(requirements),
    }
    return define(policy=policy, **changes)


def cells(groups: dict[str, Row]) -> Cells:
    """Unweighted counts: true negatives, false positives, false negatives, true positives."""
    rows = tuple(groups.values())
    return Cells(groups=tuple(groups), counts=rows, weights=rows, squares=rows)


def fairness(subject: Subject = SUBJECT, **features: dict[str, Row]) -> FairnessReport:
    counted = {feature: cells(groups) for feature, groups in features.items()}
    n = max((each.n for each in counted.values()), default=1400)
    everybody = next(iter(counted.values()), cells({"everybody": WOMEN})).overall
    indices = {
        name: measure_index(everybody, index, seed=0) for name, index in INDICES.items() if not index.between_groups
    }
    return FairnessReport(
        subject=subject,
        n=n,
        weighted=False,
        cells=counted,
        measured={name: value for name, value in indices.items() if value is not None},
        not_estimable={name: "nobody has any benefit" for name, value in indices.items() if value is None},
        between_groups={
            feature: measure_index(each, INDICES["between_group_entropy_index"], seed=0)
            for feature, each in counted.items()
        },
        discoveries=tuple(discovery(rate) for rate in ("selection_rate", "error_rate")),
        consistency=Consistency(
            estimate=Proportion(successes=0.9 * n, trials=n, n=n),
            judged=n,
            searched=n,
            columns=("income", "age"),
            left_out=("sex",),
        ),
        flips={feature: flip(feature, each) for feature, each in counted.items()},
        code_version=CODE,
    )


def flip(feature: str, counted: Cells) -> AttributeFlip:
    """Three people of every group, two of them to their good, for whom the decision hangs on the attribute alone."""
    return AttributeFlip(
        feature=feature,
        rate=Proportion(successes=3 * len(counted.groups), trials=counted.n, n=counted.n),
        seen=(feature,),
        values={group: {feature: group} for group in counted.groups},
        by_group=tuple(
            FlippedGroup(group=group, n=round(n), gained=2, lost=1)
            for group, n in zip(counted.groups, counted.sizes, strict=True)
            if group != MISSING_GROUP
        ),
    )


def discovery(rate: str, *, found: bool = True) -> Discovery:
    """A search that put one subgroup forward, or none."""
    subgroup = Subgroup(
        conditions=(("sex", "female"), ("home", "rent")),
        successes=60,
        n=200,
        rest_successes=300,
        rest_n=500,
        interval=Interval(lower=-0.4, upper=-0.2),
        p_value=1e-6,
        q_value=1e-5,
        confirmed=True,
    )
    return Discovery(
        rate=rate,
        overall=0.514,
        searched=321,
        support=50,
        false_discovery_rate=0.05,
        subgroups=(subgroup,) if found else (),
    )


def performance(subject: Subject = SUBJECT, **changes: Any) -> PerformanceReport:
    measured: dict[str, Estimate] = {
        "accuracy": Proportion(successes=1200, trials=1400, n=1400),
        "accuracy_gain": PairedDifference(first_only=600, second_only=110, trials=1400, n=1400),
        "balanced_accuracy": NormalEstimate(value=0.857, standard_error=0.009, n=1400, most=1.0),
        "roc_auc": NormalEstimate(value=0.91, standard_error=0.008, n=1400, scale="logit", most=1.0),
        "log_loss": NormalEstimate(value=0.38, standard_error=0.02, n=1400),
        "brier_score": NormalEstimate(value=0.12, standard_error=0.005, n=1400, most=1.0),
        "expected_calibration_error": Replicates(value=0.03, replicates=(0.02, 0.03, 0.04), n=1400),
    }
    report = PerformanceReport(
        subject=subject,
        n=1400,
        label_rate=0.5,
        majority_label=1,
        majority_accuracy=Proportion(successes=700, trials=1400, n=1400),
        confusion=(590, 110, 90, 610),
        measured=measured,
        not_estimable={},
        calibration=tuple(
            CalibrationBin(share=0.5, mean_score=score, observed=Proportion(successes=700 * score, trials=700, n=700))
            for score in (0.2, 0.8)
        ),
        roc=((0.0, 0.0), (0.15, 0.87), (1.0, 1.0)),
        code_version=CODE,
    )
    return dataclasses.replace(report, **changes)


def explanations(subject: Subject = SUBJECT, *, features: tuple[str, ...] = ("income", "age", "sex")) -> Explanations:
    """Three people's log odds taken apart; every feature moves them half as much as the one before it."""
    size = tuple(0.5**at for at in range(len(features)))
    return Explanations(
        subject=subject,
        not_possible=None,
        method="linear",
        output="log odds",
        features=features,
        base_value=0.1,
        n=200,
        importance=tuple(
            Importance(feature=name, mean_absolute=value, lower=0.9 * value, upper=1.1 * value)
            for name, value in zip(features, size, strict=True)
        ),
        replicates=tuple(tuple(value * (1 + shift) for value in size) for shift in (-0.05, 0.0, 0.05)),
        by_group={"sex": {"female": size, "male": size}},
        additivity_error=1e-9,
        rows=tuple(
            ExplainedRow(
                row_key=key,
                output=0.1 + sign * sum(size),
                attributions=tuple(sign * value for value in size),
                values=tuple(str(10 * (at + 1) + key) for at in range(len(features))),
            )
            for key, sign in enumerate((-1.0, 0.2, 1.0))
        ),
        code_version=CODE,
        examination=examination(size),
    )


def examination(size: tuple[float, ...]) -> Examination:
    """An explanation of so many features that is always the same, better than chance, and alike for women and men."""
    always = NormalEstimate(value=1.0, standard_error=0.0, n=1000, most=1.0)
    shares = tuple(value / sum(size) for value in size)
    return Examination(
        measured={
            STABILITY: NormalEstimate(value=0.9, standard_error=0.03, n=1000, least=-1.0, most=1.0),
            FAITHFULNESS: Replicates(value=0.3, replicates=(0.2, 0.3, 0.4), n=200),
            SECOND_OPINION: Replicates(value=0.8, replicates=(0.6, 0.8, 1.0), n=200),
        },
        not_estimable={},
        repetitions=Repetitions(count=5, rows=200, background=1400, seeds=False, top=2, overlap=always),
        curves=Curves(
            replaced=(0.0, 0.5, 1.0),
            deletion=(0.0, 0.9, 1.0),
            insertion=(0.0, 0.8, 1.0),
            random_deletion=(0.0, 0.5, 1.0),
            random_insertion=(0.0, 0.5, 1.0),
            n=200,
            orders=5,
        ),
        permutation_importance=tuple(value / 10 for value in size),
        parity={
            "sex": tuple(
                GroupShares(group=group, n=100, people=100, shares=shares, standard_errors=(0.01,) * len(size))
                for group in ("female", "male")
            )
        },
        proxies=(ProxyColumn(column="income", sensitive_feature="sex", group="female", auc=0.74),),
        screened=("sex",),
    )


DOUBT = CredibilityCheck(name="an attack without limits gets through", passed=False, says="accuracy stays at 90.0%")


def attack(**changes: Any) -> ConstrainedAttack:
    """People who change what they could change, one attack and the worst case over all one attack."""
    right = Proportion(successes=430, trials=500, n=500)

    def point(attack: Any, budget: float, lost: int) -> AttackedAccuracy:
        stands = Proportion(successes=430 - lost, trials=500, n=500)
        return AttackedAccuracy(
            attack=attack,
            budget=budget,
            accuracy=stands,
            drop=PairedDifference(first_only=lost, second_only=0, trials=500, n=500),
            by_group={"sex": {"female": stands, "male": stands}},
            turned={"refused_to_selected": Proportion(successes=lost, trials=200, n=200)},
        )

    report = ConstrainedAttack(
        not_possible=None,
        n=500,
        queries=600,
        accuracy=right,
        curve=tuple(
            point(attack, budget, lost)
            for attack in ("coordinate_search", "worst_case")
            for budget, lost in ((0.5, 40), (1.0, 90), (2.0, 180))
        ),
        efforts=(
            Effort(
                attack="coordinate_search",
                queries=160.0,
                turned=Proportion(successes=180, trials=430, n=430),
                mean_cost=0.9,
                cut_short=Proportion(successes=0, trials=430, n=430),
                infeasible=0,
            ),
        ),
        exhausted=Proportion(successes=0, trials=430, n=430),
        examples=(
            AdversarialRow(
                row_key=17,
                direction="refused_to_selected",
                attack="coordinate_search",
                changes=(
                    Change(feature="income", before="20.1", after="24.0", cost=0.25),
                    Change(feature="late_payments", before="2", after="1", cost=0.97),
                ),
                cost=1.22,
            ),
        ),
        checks=(CredibilityCheck(name="every change could be brought about", passed=True, says="each could"),),
        mutable={"income": "5 to 167; 14.9 cost 1", "late_payments": "0 to 6, whole; 1.03 cost 1"},
        immutable={"sex": "a sensitive feature"},
        relations=("years_employed <= age",),
    )
    return dataclasses.replace(report, **changes)


def images(**changes: Any) -> ImageRobustness:
    """Images of two classes under one attack and the worst case over all one attack, and under one corruption."""
    right = Proportion(successes=450, trials=500, n=500)
    checker = np.indices((1, 4, 4)).sum(axis=0).astype("float32") % 2

    def point(attack: Any, norm: Any, epsilon: float, lost: int) -> AttackedImages:
        stands = Proportion(successes=450 - lost, trials=500, n=500)
        worst = attack == "worst_case"
        return AttackedImages(
            attack=attack,
            norm=norm,
            epsilon=epsilon,
            accuracy=stands,
            as_found=stands,
            drop=PairedDifference(first_only=lost, second_only=0, trials=500, n=500),
            by_class={"cat": stands, "dog": stands} if worst else {},
            by_group={"camera": {"old": stands, "new": stands}} if worst else {},
        )

    report = ImageRobustness(
        not_possible=None,
        n=500,
        n_corrupted=1400,
        shape=(1, 4, 4),
        queries=1000,
        accuracy=right,
        curve=tuple(
            point(attack, norm, epsilon, lost)
            for norm, epsilons in (("linf", (0.05, 0.1, 0.2)), ("l2", (0.5, 1.0)))
            for attack in ("apgd_ce", "worst_case")
            for epsilon, lost in zip(epsilons, (50, 150, 440), strict=False)
        ),
        efforts=(
            ImageEffort(
                attack="apgd_ce",
                norm="linf",
                access="gradients",
                iterations=50,
                restarts=2,
                queries=210.4,
                turned=Proportion(successes=440, trials=450, n=450),
                late=Proportion(successes=0, trials=450, n=450),
                refused=0,
            ),
        ),
        no_gradient=Proportion(successes=0, trials=450, n=450),
        examples=(
            AdversarialImage(
                row_key=17,
                label="cat",
                taken_for="dog",
                attack="apgd_ce",
                norm="linf",
                epsilon=0.05,
                distance=0.031,
                original=Picture.of(checker),
                adversarial=Picture.of(np.clip(checker, 0.03, 0.97)),
            ),
        ),
        corruptions=tuple(
            CorruptedAccuracy(
                corruption="gaussian_noise",
                severity=severity,
                parameter=f"standard deviation {0.04 * severity:g}",
                accuracy=Proportion(successes=1260 - 50 * severity, trials=1400, n=1400),
                drop=PairedDifference(first_only=50 * severity, second_only=0, trials=1400, n=1400),
                by_group={"camera": {"old": right, "new": right}},
            )
            for severity in (1, 2, 3, 4, 5)
        ),
        checks=(
            CredibilityCheck(
                name="there are gradients to follow", passed=True, says="the loss has a gradient everywhere"
            ),
        ),
        notes=("An image that was turned within a smaller distance counts as turned within a larger one.",),
    )
    return dataclasses.replace(report, **changes)


MASKED = CredibilityCheck(
    name="there are gradients to follow", passed=False, says="there is none at 40.0% of the images"
)


def robustness(subject: Subject = SUBJECT, **changes: Any) -> RobustnessScores:
    def score(perturbation: Any, strength: float, lost: int) -> RobustnessScore:
        accuracy = Proportion(successes=1200 - lost, trials=1400, n=1400)
        return RobustnessScore(
            perturbation=perturbation,
            strength=strength,
            accuracy=accuracy,
            drop=PairedDifference(first_only=lost + 5, second_only=5, trials=1400, n=1400),
            flipped=Proportion(successes=lost + 10, trials=1400, n=1400),
            by_group={"sex": {"female": accuracy, "male": accuracy}},
        )

    report = RobustnessScores(
        subject=subject,
        not_possible=None,
        n=1400,
        untouched=Proportion(successes=1200, trials=1400, n=1400),
        scores=(
            score("noise", 0.05, 2),
            score("noise", 0.1, 6),
            score("missing_values", 0.1, 20),
            score("category_swaps", 0.05, 9),
            score("shift", 0.25, 12),
            score("shift", -0.25, 30),
        ),
        not_estimable={},
        left_alone=("sex",),
        code_version=CODE,
        attack=attack(),
    )
    return dataclasses.replace(report, **changes)


def data_report(role: Any = "training", **groups: dict[str, tuple[int, int]]) -> DataReport:
    """The screen of a sample; of every group its rows and those with the positive label."""
    groups = groups or {"sex": {"female": (1500, 740), "male": (1300, 660)}}
    n = sum(rows for rows, _ in next(iter(groups.values())).values())
    measured: dict[str, Estimate] = {"schema_violation_rate": Exact(value=0.0, n=n)}
    if role == "training":
        measured |= {"missing_rate": Exact(value=0.02, n=n), "duplicate_rate": Exact(value=0.01, n=n)}
        measured |= {"label_conflict_rate": Exact(value=0.015, n=n)}
    else:
        measured |= {"duplicate_rate": Exact(value=0.0, n=n), "leakage_rate": Exact(value=0.005, n=n)}
    return DataReport(
        role=role,
        data_digest=TRAINING if role == "training" else SUBJECT.data_digest,
        n=n,
        label_rate=0.5,
        columns=(ColumnSummary(name="income", kind="number", missing_rate=0.02, values="1 to 9, median 5"),),
        violations=(),
        measured=measured,
        not_estimable={},
        groups={
            feature: tuple(
                GroupLabels(group=group, n=rows, share=rows / n, positives=positives, trials=rows)
                for group, (rows, positives) in labelled.items()
            )
            for feature, labelled in groups.items()
        },
        **(_before_training(groups) if role == "training" else {}),
    )


def _before_training(groups: dict[str, dict[str, tuple[int, int]]]) -> dict[str, Any]:
    """Every group against everybody else, what gives it away and what it lacks; a reference in which all are as many."""
    against, proxies, missing = {}, {}, {}
    for feature, labelled in groups.items():
        n, positives = (sum(pair[at] for pair in labelled.values()) for at in (0, 1))
        against[feature] = tuple(
            GroupAgainstOthers(
                group=group,
                n=rows,
                other_n=n - rows,
                labels=LabelCounts(
                    positive=positive,
                    negative=rows - positive,
                    other_positive=positives - positive,
                    other_negative=n - rows - positives + positive,
                ),
                trials=rows,
                other_trials=n - rows,
                conditional=0.02,
                share=rows / n,
                expected_share=1 / len(labelled),
            )
            for group, (rows, positive) in labelled.items()
        )
        first = next(iter(labelled))
        proxies[feature] = (
            ProxyFinding(
                group=first,
                auc=NormalEstimate(value=0.7, standard_error=0.01, n=n, scale="logit", most=1.0),
                strongest=(Proxy(column="income", auc=0.69),),
            ),
        )
        missing[feature] = (
            MissingByGroup(column="income", rates={group: 0.02 if group == first else 0.01 for group in labelled}),
        )
    return {"against_others": against, "proxies": proxies, "missing": missing}


def candidate(
    features: Sequence[str] = ("income", "age"), *, training: DataReport | None = None, **changes: Any
) -> Candidate:
    """A trained model; what its decision rule says is changed by ``changes``."""
    rule: dict[str, Any] = {"composition": "single", "threshold": 0.5, "score_is_probability": True, "seed": 7}
    manifest = Manifest(
        estimator="sklearn.linear_model.LogisticRegression",
        features=tuple(Feature(name=name, kind="number") for name in features),
        positive_label="1",
        **{**rule, **changes},
    )
    given = manifest.composition == "given"
    return Candidate(
        model="fair",
        model_digest=str(SUBJECT.model_digest),
        manifest=manifest,
        files={} if given else {"estimator": ModelFile(blob="d" * 64, content="e" * 64)},
        training_report=None if given else training or data_report(),
        parameters={"estimator": "sklearn.linear_model.LogisticRegression", "max_iter": "500"},
        versions={"scikit-learn": "1.9.1"},
        warnings=(),
        spec_digest="f" * 64,
        mlflow_run_id="run",
        code_version=CODE,
        created_at="2026-01-02T03:04:05+00:00",
    )


def evidence(
    *,
    performance_report: PerformanceReport | None = None,
    fairness_report: FairnessReport | None = None,
    shap_explanations: Explanations | None = None,
    robustness_scores: RobustnessScores | None = None,
) -> Evidence:
    """Reports about one model that treats women and men about equally, some of them replaced."""
    return Evidence(
        performance=performance_report or performance(),
        fairness=fairness_report or fairness(sex={"female": WOMEN, "male": MEN}),
        explanations=shap_explanations or explanations(),
        robustness=robustness_scores or robustness(),
        digests=DIGESTS,
    )


def evidence_on_a_vendors_decisions() -> Evidence:
    """What can be said without the model."""
    why = "the spec brings predictions alone, and this needs the model"
    return evidence(
        shap_explanations=nothing_to_explain(SUBJECT, why, code_version=CODE),
        robustness_scores=nothing_to_perturb(SUBJECT, 1400, why, code_version=CODE),
    )


def judgements(definition: ModelDefinition, found: Evidence, model: Candidate) -> tuple[RecordedVerdict, ...]:
    """The verdict on every requirement, in the order in which it was recorded."""
    reports: dict[str, Any] = {
        "training_data": model.training_report,
        "test_data": data_report("test", **_shares(found.fairness)),
        "performance_report": found.performance,
        "fairness_report": found.fairness,
        "shap_explanations": found.explanations,
        "robustness_scores": found.robustness,
    }
    about = {
        "training_data": Subject(model_digest=None, data_digest=model.training_digest or ""),
        "test_data": Subject(model_digest=None, data_digest=SUBJECT.data_digest),
    }
    return tuple(
        recorded(
            judge(
                check,
                reports[check.asset],
                definition,
                subject=about.get(check.asset, SUBJECT),
                evidence_digest=DIGESTS.get(check.asset, "0" * 64),
                code_version=CODE,
            ),
            sequence,
        )
        for sequence, check in enumerate(required_checks(definition), start=1)
    )


def recorded(verdict: Verdict, sequence: int) -> RecordedVerdict:
    """A verdict with a place in the ledger."""
    return RecordedVerdict(
        verdict=verdict,
        model="fair",
        sequence=sequence,
        digest=f"{sequence:064x}",
        run_id="run",
        recorded_at="2026-01-02T03:04:05+00:00",
    )


def judged(definition: ModelDefinition, verdicts: tuple[RecordedVerdict, ...], model: Candidate) -> Judged:
    """What follows from verdicts, as the pipeline puts it together."""

    def choose(checks: Any) -> tuple[list[RecordedVerdict], list[str]]:
        return choose_verdicts(
            checks,
            verdicts,
            subject=SUBJECT,
            training_digest=model.training_digest,
            policy_digest=definition.policy.digest,
            code_versions=CODE_VERSIONS,
        )

    checks = required_checks(definition)
    counting, _ = choose(checks)
    found = {(item.verdict.asset, item.verdict.check) for item in counting}
    return Judged(
        verdicts=tuple(item.verdict for item in counting),
        missing=tuple(f"{check.asset}: {check.name}" for check in checks if (check.asset, check.name) not in found),
        reasons=tuple(choose(blocking_checks(definition))[1]),
        disclosed=disclosures(counting),
    )


def card_of(
    definition: ModelDefinition | None = None,
    found: Evidence | None = None,
    model: Candidate | None = None,
    conclusion: Judged | None = None,
) -> ModelCard:
    """A card from evidence, by default of a model that is fit for release."""
    definition, found, model = definition or define(), found or evidence(), model or candidate()
    return build_card(
        definition,
        model,
        found,
        conclusion or judged(definition, judgements(definition, found, model), model),
        test_source="loans.csv",
        replaces=None,
        created_at="2026-01-02T03:04:05+00:00",
    )


def _shares(report: FairnessReport) -> dict[str, dict[str, tuple[int, int]]]:
    return {
        feature: {
            group: (round(sum(row)), round(row[2] + row[3]))
            for group, row in zip(counted.groups, counted.counts, strict=True)
        }
        for feature, counted in report.cells.items()
    }
