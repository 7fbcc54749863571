"""A drill: days of traffic with an incident, against a copy of production that is served, watched and rolled back as the real one."""

import contextlib
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.drills.incidents import Incident, Rows, Script, script, taken_within
from rai_platform.drills.traffic import Caller, drawn
from rai_platform.errors import BadInput, Unreachable, UnsuitableData
from rai_platform.home import Home
from rai_platform.monitoring.report import MonitoringReport
from rai_platform.monitoring.telling import Message
from rai_platform.pipeline.production_page import write_production_page
from rai_platform.pipeline.watching import look_at_production, read_reference
from rai_platform.rollback.rolling import RolledBack
from rai_platform.serving.protected import write_groups
from rai_platform.serving.served import find_production, load_served
from rai_platform.settings import Settings, read_settings
from rai_platform.spec.model import ModelSpec
from rai_platform.spec.policy import Policy, ServiceLevel
from rai_platform.spec.reading import ModelDefinition

SECONDS_TO_START = 30
COPIED = ("ledger", "keys", "store", "mlflow")
KEPT_ELSEWHERE = (
    "RAI_LEDGER_URL",
    "RAI_LEDGER_ANCHOR",
    "RAI_STORE_URL",
    "RAI_SIGNING_KEY",
    "RAI_PUBLIC_KEY",
    "MLFLOW_TRACKING_URI",
)
LEADING_OUT = (
    "RAI_ALERT_URLS",
    "RAI_SERVICE_URL",
    "RAI_UI_URL",
    "RAI_INFERENCE_LOG_URL",
    "RAI_PROTECTED_ATTRIBUTES",
    "RAI_API_KEYS",
    "RAI_RATE_LIMIT",
)
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What happens in a drill.

    Attributes:
        days: of traffic.
        people: who ask on each day.
        incident: what goes wrong.
        begins: the day from which on it does, counted from 1.
        labels_after: days until what became of people is known.
        newer_version: whether the copy is first given another candidate, trained with another seed, so that there is an earlier
            version to go back to. What goes wrong is then that version's alone, and ends when production goes back.
        rolls_back_on: what the copy goes back on by itself; as the model's own policy says where None.
        seed: of everything that is drawn.
    """

    days: int = 12
    people: int = 600
    incident: Incident = "biased_upstream"
    begins: int = 6
    labels_after: int = 2
    newer_version: bool = False
    rolls_back_on: tuple[ServiceLevel, ...] | None = None
    seed: int = 0


@dataclass(slots=True)
class Clock:
    """The time in a drill."""

    now: datetime

    def __call__(self) -> datetime:
        """The time, UTC."""
        return self.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What came of a drill.

    Attributes:
        home: the copy that it ran in.
        script: what went wrong.
        began: the day before the first.
        report: the last look.
        messages: every event of every alert, in order.
        rollbacks: that were made, in order.
        page: of what became of production, as HTML.
    """

    home: Path
    script: Script
    began: datetime
    report: MonitoringReport
    messages: tuple[Message, ...]
    rollbacks: tuple[RolledBack, ...]
    page: Path


@dataclass(slots=True)
class _Unlabelled:
    """Predictions whose labels are to come, by day."""

    by_day: dict[int, dict[str, int]] = field(default_factory=dict)

    def due(self, day: int) -> dict[str, int]:
        """Those of days up to one, which are then no longer waited for."""
        found: dict[str, int] = {}
        for each in [each for each in self.by_day if each <= day]:
            found |= self.by_day.pop(each)
        return found


def run_drill(home: Home, definition: ModelDefinition, plan: Plan, *, folder: Path, tell: Tell) -> Drill:
    """Serves a copy of production to made-up people, watches it day by day, and does what its policy says.

    Args:
        home: the platform's storage, which is read and left as it is.
        definition: the model.
        plan: what happens.
        folder: of the copy; created, and must not be there.
        tell: is told what happens, in sentences.

    Raises:
        UnknownModel: the ledger knows no model of that name.
        EvidenceMissing: nothing is in production, or it has no reference.
        BadInput: part of production is kept outside of RAI_HOME.
        UnsuitableData: the model cannot be served, or the incident cannot happen to it.
        Unreachable: the service in the copy does not answer.
    """
    read_reference(home, find_production(home, definition.name))
    settings = _copied(home, folder)
    if plan.newer_version:
        _promote_a_newer_version(definition, settings, tell)
    production = find_production(Home(settings), definition.name)
    began = _first_midnight(datetime.fromisoformat(production.promoted_at))
    clock = Clock(began)
    copy = Home(settings, clock)
    served = load_served(copy, production)
    ranges = served.rules.ranges
    people = taken_within(_people(definition), ranges)
    numbers = [feature.name for feature in served.model.manifest.features if feature.kind == "number"]

    def select(features: pd.DataFrame) -> npt.NDArray[np.int64]:
        return np.asarray(served.model.score_and_decide(features, features)[1]).astype("int64")

    planned = script(plan.incident, people, numbers=numbers, select=select, seed=plan.seed)
    happening = replace(planned, happen=lambda rows: taken_within(planned.happen(rows), ranges))
    watched = replace(
        definition,
        spec=_with_labels_after(definition, plan),
        policy=_going_back_on(definition.policy, plan.rolls_back_on),
    )
    messages: list[Message] = []
    rollbacks: list[RolledBack] = []
    unlabelled = _Unlabelled()
    with _service(copy, definition.name) as address:
        caller = Caller(address=address, model=definition.name)
        for day in range(1, plan.days + 1):
            if day == plan.begins:
                tell(f"day {day}: {planned.says}" + (", as the newer version gets it" if plan.newer_version else ""))
            goes_wrong = day >= plan.begins and not (plan.newer_version and rollbacks)
            _one_day(copy, caller, people, happening if goes_wrong else None, plan, day, unlabelled)
            clock.now = began + timedelta(days=day)
            caller.label(unlabelled.due(day - plan.labels_after))
            looked = look_at_production(copy, watched, now=clock.now, endpoint=address)
            for message in looked.messages:
                tell(f"day {day}: {message.title}")
                for sentence in message.sentences[:3]:
                    tell(f"    {sentence}")
            messages += looked.messages
            rollbacks += [looked.rolled_back] if looked.rolled_back else []
    return Drill(
        home=copy.settings.home,
        script=planned,
        began=began,
        report=looked.report,
        messages=tuple(messages),
        rollbacks=tuple(rollbacks),
        page=write_production_page(copy, watched, now=clock.now),
    )


def _one_day(
    copy: Home, caller: Caller, people: Rows, happening: Script | None, plan: Plan, day: int, unlabelled: _Unlabelled
) -> None:
    rng = np.random.default_rng([plan.seed, day])
    rows = drawn(people, plan.people, rng)
    if happening is not None:
        rows = happening.happen(rows)
    keys = [f"drill-{day}-{number}" for number in range(plan.people)]
    for _ in write_groups(copy.settings.protected_attributes_url, rows.groups.set_axis(keys), model=caller.model):
        pass
    ids = list(caller.predictions(rows, keys))
    unlabelled.by_day[day] = dict(zip(ids, (int(each) for each in rows.outcome), strict=True))


def _people(definition: ModelDefinition) -> Rows:
    """The people of the test data, whom the model has never seen."""
    from rai_platform.data.preparation import prepare_data

    sample = prepare_data(definition.spec).test
    if sample.classes or definition.spec.data.image is not None:
        raise UnsuitableData("a drill needs a model of two labels that reads no images", where=definition.name)
    return Rows(
        features=sample.features.reset_index(drop=True),
        groups=sample.sensitive_features.reset_index(drop=True),
        outcome=sample.y_true.astype("int64"),
    )


def _promote_a_newer_version(definition: ModelDefinition, settings: Settings, tell: Tell) -> None:
    """Trains, judges and promotes another candidate in the copy.

    Raises:
        UnsuitableData: the model is not trained here, or the other candidate was refused.
    """
    from rai_platform.pipeline.instance import open_instance
    from rai_platform.pipeline.launching import launch

    estimator = definition.spec.estimator
    if estimator is None:
        raise UnsuitableData(
            "a newer version is trained, and this model is not: drill without one", where=definition.name
        )
    tell("a newer version is trained, judged and promoted in the copy: about as long as `rai run` takes")
    other = estimator.model_copy(update={"seed": estimator.seed + 1})
    newer = replace(definition, spec=definition.spec.model_copy(update={"estimator": other}))
    with open_instance(settings) as instance:
        launched = launch(newer, settings, instance)
    if not launched.success:
        told = "; ".join(error.message for error in launched.errors) or "it does not pass the policy"
        raise UnsuitableData(f"the newer version was not promoted: {told}; drill without one", where=definition.name)


def _going_back_on(policy: Policy, levels: tuple[ServiceLevel, ...] | None) -> Policy:
    if levels is None:
        return policy
    return policy.model_copy(update={"rollback": policy.rollback.model_copy(update={"on": levels})})


def _first_midnight(time: datetime) -> datetime:
    day = time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)


def _with_labels_after(definition: ModelDefinition, plan: Plan) -> ModelSpec:
    labels = definition.spec.monitoring.labels.model_copy(update={"after": f"{plan.labels_after}d"})
    monitoring = definition.spec.monitoring.model_copy(update={"labels": labels, "window": "day"})
    return definition.spec.model_copy(update={"monitoring": monitoring})


def _copied(home: Home, folder: Path) -> Settings:
    """The settings of a copy of what a home knows of production, without what was predicted in earnest.

    Nothing that leads out of the copy is kept: no real person is told, and nothing real is written.

    Raises:
        BadInput: part of production is kept elsewhere, and would not be copied but written.
    """
    source = home.settings
    if elsewhere := [name for name in KEPT_ELSEWHERE if source.environment.get(name)]:
        raise BadInput(
            f"a drill copies what lies under RAI_HOME, and {', '.join(elsewhere)} keeps part of production elsewhere: drill in a "
            "home that has all of it",
            where=elsewhere[0],
        )
    folder.mkdir(parents=True)
    for part in COPIED:
        if (source.home / part).exists():
            shutil.copytree(source.home / part, folder / part)
    _write_artifacts_into(folder, source)
    kept = {name: value for name, value in source.environment.items() if name not in LEADING_OUT}
    return read_settings({**kept, "RAI_HOME": str(folder)}, working_folder=source.working_folder)


def _write_artifacts_into(folder: Path, source: Settings) -> None:
    """Has the copy of MLflow's database write into the copy: an experiment remembers the folder of its artifacts for good."""
    database = folder / "mlflow" / "mlflow.db"
    if database.exists():
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(
                "UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)",
                (source.home.as_uri(), folder.as_uri()),
            )


@contextlib.contextmanager
def _service(home: Home, name: str) -> Iterator[str]:
    """The service of a model on a free port of this machine, and its address."""
    import socket

    from rai_platform.serving.server import opened_service, server_of

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with opened_service(home, name, every=0.1) as service:
        server = server_of(service, host="127.0.0.1", port=port)
        thread = threading.Thread(target=server.run, name="drill-service")
        thread.start()
        try:
            deadline = time.monotonic() + SECONDS_TO_START
            while not server.started:
                if time.monotonic() > deadline or not thread.is_alive():
                    raise Unreachable(f"the drill's service did not start on port {port}", where=name)
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join()
