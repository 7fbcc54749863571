"""The factory: from a model's definition to its Dagster assets and checks, one graph for every model."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg

from rai_platform.home import Home
from rai_platform.pipeline import steps
from rai_platform.pipeline.automation import build_automation
from rai_platform.pipeline.code_versions import code_version
from rai_platform.pipeline.history import DagsterHistory
from rai_platform.pipeline.judging import PROMOTION_GATE, check_specs, judge_asset, judge_card, told_to_the_run
from rai_platform.pipeline.mlflow_resource import MlflowTracking
from rai_platform.pipeline.monitoring import Monitoring, build_monitoring
from rai_platform.pipeline.pages import data_page, page_of, production_page
from rai_platform.pipeline.releasing import attempt_release, consider
from rai_platform.pipeline.steps import Produced, Step
from rai_platform.pipeline.upkeep import build_upkeep, freshness_of
from rai_platform.pipeline.values import REPORT, StoredValues, grouped
from rai_platform.release.decision import Refusal
from rai_platform.settings import Settings
from rai_platform.spec.model import MITIGATION_REPORT, ModelSpec
from rai_platform.spec.reading import ModelDefinition

REPORTS = ("performance_report", "fairness_report", "shap_explanations", "robustness_scores")
POOL = "promotion"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetPlan:
    """One asset of the graph.

    Attributes:
        compute: what it does; its name is the asset's, its docstring what Dagster shows.
        name: the asset's name where it is not the function's.
        reads: the assets whose values it takes, in the order of its arguments.
        kinds: the badges in the lineage view.
        tracks: whether it begins an MLflow run.
    """

    compute: Callable[..., Produced]
    reads: tuple[str, ...]
    kinds: frozenset[str]
    name: str = ""
    tracks: bool = False

    @property
    def asset(self) -> str:
        """The asset's name."""
        return self.name or self.compute.__name__


def plans(spec: ModelSpec) -> tuple[AssetPlan, ...]:
    """The assets of a model in the order of the story; given predictions have no training data."""
    asked = ("candidate_model", "test_data")
    learned = (
        AssetPlan(compute=steps.training_data, reads=(), kinds=frozenset({"python", "pandera"})),
        AssetPlan(
            compute=steps.candidate_model,
            reads=("training_data",),
            tracks=True,
            kinds=frozenset({*_frameworks(spec), "mlflow", *(["fairlearn"] if spec.mitigation else [])}),
        ),
    )
    given = (
        AssetPlan(
            compute=steps.given_model,
            name="candidate_model",
            reads=("test_data",),
            kinds=frozenset({"mlflow"}),
            tracks=True,
        ),
    )
    compared = AssetPlan(
        compute=steps.mitigation_report,
        reads=("candidate_model", "predictions", "training_data", "test_data"),
        kinds=frozenset({"fairlearn", "scikitlearn"}),
    )
    return (
        AssetPlan(compute=steps.test_data, reads=(), kinds=frozenset({"python", "pandera"})),
        *(given if spec.predictions else learned),
        AssetPlan(compute=steps.predictions, reads=asked, kinds=frozenset({"parquet"})),
        AssetPlan(
            compute=steps.performance_report,
            reads=("candidate_model", "predictions", "test_data"),
            kinds=frozenset({"scikitlearn"}),
        ),
        AssetPlan(
            compute=steps.fairness_report,
            reads=("candidate_model", "predictions", "test_data"),
            kinds=frozenset({"fairlearn"}),
        ),
        AssetPlan(compute=steps.shap_explanations, reads=asked, kinds=frozenset({"shap"})),
        AssetPlan(compute=steps.robustness_scores, reads=asked, kinds=frozenset({"python"})),
        *((compared,) if spec.mitigation else ()),
        AssetPlan(
            compute=steps.model_card, reads=("candidate_model", *reports_of(spec)), kinds=frozenset({"html", "json"})
        ),
    )


def _frameworks(spec: ModelSpec) -> list[str]:
    """What trains the model, as Dagster's pages name it; nothing where it was trained elsewhere."""
    if spec.estimator is None:
        return []
    package = spec.estimator.type.partition(".")[0]
    return [{"rai_platform": "pytorch", "xgboost": "xgboost", "lightgbm": "lightgbm"}.get(package, "scikitlearn")]


def reports_of(spec: ModelSpec) -> tuple[str, ...]:
    """The assets that a model's card is filled from."""
    return (*REPORTS, *((MITIGATION_REPORT,) if spec.mitigation else ()))


def build_model_definitions(definition: ModelDefinition, settings: Settings) -> dg.Definitions:
    """Assets, checks, job, schedule and sensor of one model.

    The resources ``home`` and ``io_manager`` come from the code location, which all models share.
    """
    assets = [*(_asset(definition, plan) for plan in plans(definition.spec)), _production_model(definition)]
    automation, monitoring = build_automation(definition), watched_by(definition)
    artifacts = settings.mlflow_artifacts
    return dg.Definitions(
        assets=[*assets, *monitoring.assets],
        jobs=[*automation.jobs, *monitoring.jobs],
        schedules=[*automation.schedules, *monitoring.schedules],
        sensors=[*automation.sensors, *monitoring.sensors, build_upkeep(definition)],
        resources={
            _tracking_key(definition): MlflowTracking(
                experiment_name=definition.name,
                tracking_uri=settings.tracking_uri,
                artifact_folder=str(artifacts) if artifacts else None,
            )
        },
    )


def watched_by(definition: ModelDefinition) -> Monitoring:
    """What watches a model; nothing where somebody else's model answers."""
    if definition.spec.predictions is not None:
        return Monitoring(assets=[], jobs=[], schedules=[], sensors=[])
    return build_monitoring(definition)


def _asset(definition: ModelDefinition, plan: AssetPlan) -> dg.AssetsDefinition:
    """An asset with its checks in one step, so that a verdict is on record before anything downstream runs.

    Asset and checks can be run apart from each other: the checks alone judge the stored report again, under the policy
    as it is now.
    """
    key = dg.AssetKey([definition.name, plan.asset])

    def body(context: dg.AssetExecutionContext, **inputs: Any) -> Iterator[Any]:
        step = _step(context, definition)
        if context.selected_asset_keys:
            produced = plan.compute(step, *(inputs[name] for name in plan.reads))
            yield dg.MaterializeResult(
                asset_key=key,
                value=produced.value,
                data_version=dg.DataVersion(produced.version),
                metadata={
                    **_page(step, produced),
                    **{name: grouped(digest) for name, digest in produced.pointers.items()},
                },
            )
        if names := [check.name for check in context.selected_asset_check_keys]:
            judge = judge_card(step, names) if plan.asset == "model_card" else judge_asset(step, plan.asset, names)
            yield from told_to_the_run(plan.asset, judge)

    return dg.multi_asset(
        name=f"{definition.name}__{plan.asset}",
        outs={
            plan.asset: dg.AssetOut(
                key=key,
                is_required=False,
                description=plan.compute.__doc__,
                **_shown(definition, plan.asset, plan.kinds),
            )
        },
        ins={name: dg.AssetIn(key=dg.AssetKey([definition.name, name])) for name in plan.reads},
        check_specs=check_specs(definition, plan.asset),
        can_subset=True,
        op_tags=kubernetes_tags(definition.spec, plan.asset),
        required_resource_keys={"home", *({_tracking_key(definition)} if plan.tracks else ())},
        group_name=definition.name,
    )(body)


def _production_model(definition: ModelDefinition) -> dg.AssetsDefinition:
    """The last asset. Its check alone says what would be decided, and decides nothing."""
    key = dg.AssetKey([definition.name, "production_model"])
    depends = ("candidate_model", "test_data", *reports_of(definition.spec), "model_card")

    def body(context: dg.AssetExecutionContext) -> Iterator[Any]:
        # What is decided about is what is there now, also where this run repeats an older one.
        step, history = _step(context, definition, as_of_run=False), DagsterHistory(context.instance, definition)
        shown = bool(context.selected_asset_check_keys)
        if not context.selected_asset_keys:
            decision = consider(step, history).decision
            yield _gate_result(key, decision.reasons if isinstance(decision, Refusal) else ())
            return
        outcome = attempt_release(step, history)
        if isinstance(outcome, Refusal):
            if shown:
                yield _gate_result(key, outcome.reasons)
            raise dg.Failure("promotion refused:\n- " + "\n- ".join(outcome.reasons), allow_retries=False)
        yield dg.MaterializeResult(
            asset_key=key,
            data_version=dg.DataVersion(outcome.production.model_digest),
            metadata=production_page(outcome),
        )
        if shown:
            yield _gate_result(key, ())

    asset: dg.AssetsDefinition = dg.multi_asset(
        name=f"{definition.name}__production_model",
        specs=[
            dg.AssetSpec(
                key,
                deps=[dg.AssetKey([definition.name, name]) for name in depends],
                skippable=True,
                group_name=definition.name,
                freshness_policy=freshness_of(definition),
                description="The version that the evidence allows: registered in MLflow, certified, and on record in the "
                "ledger. Judges by itself, from the ledger, whatever was selected or skipped before it.",
                **_shown(definition, "production_model", frozenset({"mlflow"})),
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                PROMOTION_GATE,
                asset=key,
                blocking=True,
                description="Whether promotion is allowed, with the reasons where it is not. Where its execution failed, "
                "the run was stopped before it: the checks of model_card say why.",
            )
        ],
        can_subset=True,
        pool=POOL,
        op_tags=kubernetes_tags(definition.spec, "production_model"),
        required_resource_keys={"home"},
    )(body)
    return asset


def _gate_result(key: dg.AssetKey, reasons: tuple[str, ...]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=PROMOTION_GATE,
        passed=not reasons,
        description="\n\n".join(reasons) or "The evidence on record allows promotion.",
        metadata={"reasons": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in reasons))} if reasons else {},
    )


def kubernetes_tags(spec: ModelSpec, asset: str) -> dict[str, Any]:
    """What the asset's pod asks of a cluster, in dagster-k8s's words; empty where the spec says nothing."""
    asked = spec.resources.get(asset) or spec.resources.get("default")
    if asked is None:
        return {}
    resources = {name: value for name, value in (("requests", asked.requests), ("limits", asked.limits)) if value}
    pod = {
        name: value
        for name, value in (("node_selector", asked.node_selector), ("tolerations", list(asked.tolerations)))
        if value
    }
    config: dict[str, Any] = {"container_config": {"resources": resources}} if resources else {}
    if pod:
        config["pod_spec_config"] = pod
    return {"dagster-k8s/config": config} if config else {}


def _step(context: dg.AssetExecutionContext, definition: ModelDefinition, *, as_of_run: bool = True) -> Step:
    home: Home = context.resources.home
    return Step(
        definition=definition,
        home=home,
        values=StoredValues(context.instance, home.store, context.run if as_of_run else None),
        run_id=context.run.run_id,
        mlflow_run_id=lambda: str(getattr(context.resources, _tracking_key(definition)).run_id),
    )


def _page(step: Step, produced: Produced) -> dict[str, Any]:
    if REPORT not in produced.pointers:
        return dict(page_of(produced.value, step.definition))
    from rai_platform.data.report import DataReport
    from rai_platform.pipeline.values import decode

    return dict(data_page(decode(DataReport, step.home.store.get(produced.pointers[REPORT]))))


def _shown(definition: ModelDefinition, asset: str, kinds: frozenset[str]) -> dict[str, Any]:
    return {
        "owners": list(definition.spec.owners),
        "kinds": set(kinds),
        "code_version": code_version(asset),
        "tags": {"rai/model": definition.name},
    }


def _tracking_key(definition: ModelDefinition) -> str:
    return f"mlflow_{definition.name}"
