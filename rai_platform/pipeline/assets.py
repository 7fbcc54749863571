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
from rai_platform.pipeline.judging import LEDGER_ENTRY, PROMOTION_GATE, check_specs, judge_asset, judge_card
from rai_platform.pipeline.mlflow_resource import MlflowTracking
from rai_platform.pipeline.pages import data_page, page_of
from rai_platform.pipeline.releasing import attempt_release
from rai_platform.pipeline.steps import Produced, Step
from rai_platform.pipeline.values import REPORT, StoredValues
from rai_platform.release.decision import Refusal
from rai_platform.settings import Settings
from rai_platform.spec.model import ModelSpec
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
            kinds=frozenset({"scikitlearn", "mlflow", *(["fairlearn"] if spec.mitigation else [])}),
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
    return (
        AssetPlan(compute=steps.test_data, reads=(), kinds=frozenset({"python", "pandera"})),
        *(given if spec.predictions else learned),
        AssetPlan(compute=steps.predictions, reads=asked, kinds=frozenset({"parquet"})),
        AssetPlan(
            compute=steps.performance_report, reads=("predictions", "test_data"), kinds=frozenset({"scikitlearn"})
        ),
        AssetPlan(compute=steps.fairness_report, reads=("predictions", "test_data"), kinds=frozenset({"fairlearn"})),
        AssetPlan(compute=steps.shap_explanations, reads=asked, kinds=frozenset({"shap"})),
        AssetPlan(compute=steps.robustness_scores, reads=asked, kinds=frozenset({"python"})),
        AssetPlan(compute=steps.model_card, reads=("candidate_model", *REPORTS), kinds=frozenset({"html", "json"})),
    )


def build_model_definitions(definition: ModelDefinition, settings: Settings) -> dg.Definitions:
    """Assets, checks, job, schedule and sensor of one model.

    The resources ``home`` and ``io_manager`` come from the code location, which all models share.
    """
    assets = [*(_asset(definition, plan) for plan in plans(definition.spec)), _production_model(definition)]
    automation = build_automation(definition)
    artifacts = settings.mlflow_artifacts
    return dg.Definitions(
        assets=assets,
        jobs=automation.jobs,
        schedules=automation.schedules,
        sensors=automation.sensors,
        resources={
            _tracking_key(definition): MlflowTracking(
                experiment_name=definition.name,
                tracking_uri=settings.tracking_uri,
                artifact_folder=str(artifacts) if artifacts else None,
            )
        },
    )


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
                metadata={**_page(step, produced), **produced.pointers},
            )
        if names := [check.name for check in context.selected_asset_check_keys]:
            judge = judge_card(step, names) if plan.asset == "model_card" else judge_asset(step, plan.asset, names)
            yield from judge

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
    key = dg.AssetKey([definition.name, "production_model"])
    depends = ("candidate_model", "test_data", *REPORTS, "model_card")

    def production_model(context: dg.AssetExecutionContext) -> Iterator[Any]:
        step = _step(context, definition)
        outcome = attempt_release(step, DagsterHistory(context.instance, definition))
        if isinstance(outcome, Refusal):
            yield dg.AssetCheckResult(
                asset_key=key,
                check_name=PROMOTION_GATE,
                passed=False,
                description="\n\n".join(outcome.reasons),
                metadata={"reasons": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in outcome.reasons))},
            )
            raise dg.Failure("promotion refused:\n- " + "\n- ".join(outcome.reasons), allow_retries=False)
        production = outcome.production
        yield dg.MaterializeResult(
            asset_key=key,
            data_version=dg.DataVersion(production.model_digest),
            metadata={
                "version": production.version,
                "model_digest": production.model_digest,
                "data_digest": production.data_digest,
                "promoted_at": production.promoted_at,
                LEDGER_ENTRY: production.sequence,
                "new": outcome.is_new,
                "certificate": dg.MetadataValue.json(production.body["certificate"]),
                **({"put right": outcome.put_right} if outcome.put_right else {}),
            },
        )
        told = "promoted" if outcome.is_new else "identical to the production model: nothing to do"
        yield dg.AssetCheckResult(asset_key=key, check_name=PROMOTION_GATE, passed=True, description=told)

    asset: dg.AssetsDefinition = dg.asset(
        key=key,
        deps=[dg.AssetKey([definition.name, name]) for name in depends],
        description="The version that the evidence allows: registered in MLflow, certified, and on record in the ledger. "
        "Judges by itself, from the ledger, whatever was selected or skipped before it.",
        check_specs=[
            dg.AssetCheckSpec(
                PROMOTION_GATE,
                asset=key,
                blocking=True,
                description="Whether the last attempt to promote was allowed, with the reasons where it was not.",
            )
        ],
        pool=POOL,
        op_tags=kubernetes_tags(definition.spec, "production_model"),
        required_resource_keys={"home"},
        group_name=definition.name,
        **_shown(definition, "production_model", frozenset({"mlflow"})),
    )(production_model)
    return asset


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


def _step(context: dg.AssetExecutionContext, definition: ModelDefinition) -> Step:
    home: Home = context.resources.home
    return Step(
        definition=definition,
        home=home,
        values=StoredValues(context.instance, home.store, context.run),
        run_id=context.run.run_id,
        mlflow_run_id=lambda: str(getattr(context.resources, _tracking_key(definition)).run_id),
    )


def _page(step: Step, produced: Produced) -> dict[str, Any]:
    if REPORT not in produced.pointers:
        return dict(page_of(produced.value))
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
