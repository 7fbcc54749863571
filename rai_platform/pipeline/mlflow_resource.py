"""dagster-mlflow's resource, made safe for ad-hoc runs and re-execution."""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

ROOT_RUN = "dagster/root_run_id"


class MlflowTracking(dg.ConfigurableResource):  # type: ignore[type-arg]  # the value is the resource itself
    """One MLflow run for a Dagster run and its re-executions, ended with the Dagster run.

    dagster-mlflow alone leaves an ad-hoc run RUNNING, lets the next run of the process inherit it, and begins anew when
    a run is re-executed.
    """

    experiment_name: str
    tracking_uri: str
    artifact_folder: str | None = None
    _mlflow: Any = PrivateAttr(default=None)

    @contextlib.contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["MlflowTracking"]:
        """Begins or resumes the MLflow run, and ends it with the state of the Dagster run."""
        import mlflow

        mlflow.set_tracking_uri(self.tracking_uri)
        while (leaked := mlflow.active_run()) is not None:
            mlflow.end_run(leaked.info.status)
        self._mlflow = self._begin(context)
        status = "FINISHED"
        try:
            yield self
        except BaseException:
            status = "FAILED"
            raise
        finally:
            mlflow.end_run("FAILED" if _a_step_failed(context) else status)

    @property
    def run_id(self) -> str:
        """The MLflow run's id."""
        import mlflow

        run = mlflow.active_run()
        if run is None:
            raise RuntimeError("the MLflow run ended before the Dagster run did")
        return str(run.info.run_id)

    def _begin(self, context: dg.InitResourceContext) -> Any:
        from pathlib import Path

        from dagster_mlflow.resources import MlFlow
        from mlflow.tracking import MlflowClient

        from rai_platform.registry.tracking import ensure_experiment

        client = MlflowClient(tracking_uri=self.tracking_uri)
        experiment_id = ensure_experiment(
            client, self.experiment_name, Path(self.artifact_folder) if self.artifact_folder else None
        )
        run = context.run
        root = (run.root_run_id or run.run_id) if run else "no run"

        class ResumedByRoot(MlFlow):
            # dagster-mlflow's signature; the run is found by its tag instead
            def _get_current_run_id(self, experiment: Any = None, dagster_run_id: str | None = None) -> str | None:  # noqa: ARG002
                found = client.search_runs([experiment_id], f"tags.`{ROOT_RUN}` = '{root}'", max_results=1)
                return str(found[0].info.run_id) if found else None

        return ResumedByRoot(  # type: ignore[no-untyped-call]  # dagster-mlflow publishes no types
            SimpleNamespace(
                log=context.log,
                run_id=run.run_id if run else root,
                dagster_run=SimpleNamespace(job_name=run.job_name if run else "ad hoc"),
                resource_config={
                    "experiment_name": self.experiment_name,
                    "mlflow_tracking_uri": self.tracking_uri,
                    "extra_tags": {ROOT_RUN: root},
                },
            )
        )


def _a_step_failed(context: dg.InitResourceContext) -> bool:
    """A step's failure is not raised through the resource; the instance knows of it."""
    if context.instance is None or context.run is None or context.instance.get_run_by_id(context.run.run_id) is None:
        return False
    return any(
        step.status is not None and step.status.value == "FAILURE"
        for step in context.instance.get_run_step_stats(context.run.run_id)
    )
