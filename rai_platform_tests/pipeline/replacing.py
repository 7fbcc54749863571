"""A fairness report of somebody else's in the place of the platform's own."""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from rai_platform.data.sample import Sample
from rai_platform.fairness.measurement import measure_fairness
from rai_platform.pipeline.code_versions import code_version
from rai_platform.pipeline.steps import Step
from rai_platform.pipeline.values import StoredValues, encode
from rai_platform.spec.requirements import checks_of
from rai_platform.training.predictions import Predictions
from rai_platform_tests.world import World


def replaced_fairness_report(
    world: World, name: str, judged_by: Callable[[Step, Any, str], Iterator[Any]]
) -> dg.AssetsDefinition:
    """A fairness report that measures honestly, and whose checks are somebody else's code."""
    definition = world.model(name)
    key = dg.AssetKey([name, "fairness_report"])

    @dg.multi_asset(
        name="replaced_fairness_report",
        outs={"fairness_report": dg.AssetOut(key=key, is_required=False)},
        ins={asset: dg.AssetIn(key=dg.AssetKey([name, asset])) for asset in ("predictions", "test_data")},
        check_specs=[dg.AssetCheckSpec(check.name, asset=key) for check in checks_of(definition, "fairness_report")],
        can_subset=True,
        required_resource_keys={"home"},
        group_name=name,
    )
    def replaced(context: dg.AssetExecutionContext, predictions: Any, test_data: Any) -> Iterator[Any]:
        home = context.resources.home
        step = Step(
            definition=definition,
            home=home,
            values=StoredValues(context.instance, home.store, context.run),
            run_id=context.run.run_id,
            mlflow_run_id=lambda: "none",
        )
        report = measured(predictions, test_data)
        yield dg.MaterializeResult(
            asset_key=key, value=report, data_version=dg.DataVersion(home.store.put(encode(report)))
        )
        yield from judged_by(step, report, home.store.put(encode(report)))

    return replaced


def measured(predictions: Predictions, test_data: Sample) -> Any:
    return measure_fairness(
        predictions, test_data, features=("sex",), seed=0, code_version=code_version("fairness_report")
    )
