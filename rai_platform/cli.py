"""`rai` and its commands, as `rai --help` lists them.

Exit codes: 0 promoted (or identical to production already), 3 refused, 2 bad input, 1 our fault. `status` gives 0.
`rollback` gives 0 where it went back, 3 where there is nothing to go back to, 4 where the service was not seen to follow.
"""

import os
import socket
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rai_platform.console.output import Output, line, stdout_kept_clean
from rai_platform.errors import BadInput, LedgerBroken, RaiError, in_a_line
from rai_platform.settings import (
    TRACEBACKS,
    Settings,
    read_settings,
    tracebacks_wanted,
    use_as_process_environment,
    user_name,
)
from rai_platform.threads import share_cores

if TYPE_CHECKING:
    from rai_platform.home import Home
    from rai_platform.spec.reading import ModelDefinition

REFUSED = 3
UNVERIFIED = 4
app = typer.Typer(
    help="Models reach production only through evidence about exactly that model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
log_app = typer.Typer(help="The log of every prediction.", no_args_is_help=True)
app.add_typer(log_app, name="log")

Json = Annotated[bool, typer.Option("--json", help="Exactly one JSON value on stdout.")]
Name = Annotated[str, typer.Argument(help="The model's name.")]


@app.command()
def init(
    name: Name,
    data: Annotated[str, typer.Option(help="CSV or Parquet file, or URL.")],
    target: Annotated[str, typer.Option(help="The column with the outcome.")],
    positive_label: Annotated[str | None, typer.Option(help="The value of the target that is selected.")] = None,
    sensitive: Annotated[list[str] | None, typer.Option(help="A sensitive column; may be repeated.")] = None,
    estimator: Annotated[
        str, typer.Option(help="Import path of a classifier.")
    ] = "sklearn.ensemble.HistGradientBoostingClassifier",
    as_json: Json = False,
) -> None:
    """Write a first YAML, and an editable schema, for a table of your own."""
    from rai_platform.console.initialize import initialize

    output = Output(as_json)
    with stdout_kept_clean():
        made = initialize(
            name,
            data,
            target,
            positive_label=positive_label,
            sensitive=sensitive or [],
            estimator=estimator,
            settings=read_settings(),
        )
    if as_json:
        output.json({"spec": str(made.spec), "rules": str(made.rules), "remarks": list(made.remarks)})
        return
    output.page.print(line(f"wrote {made.spec}\nwrote {made.rules}"))
    for remark in made.remarks:
        output.page.print(line(f"• {remark}"))
    output.page.print(f"Edit the YAML, then: rai run {name}")


@app.command()
def run(
    name: Annotated[str | None, typer.Argument(help="The model's name.")] = None,
    spec: Annotated[Path | None, typer.Option(help="A model's YAML; it is put among your models.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Run this asset only, with its checks; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train, gather the evidence, judge it, and promote the model if the evidence allows."""
    from rai_platform.pipeline.models import find_models, register

    settings = read_settings()
    if (name is None) == (spec is None):
        raise BadInput("give the NAME of a model, or its YAML with --spec", where="run")
    definition = register(spec, settings) if spec else find_models(settings).named(str(name))
    known = definition.spec.assets
    for asset in only or []:
        if asset not in known:
            from rai_platform.errors import did_you_mean

            raise BadInput(
                f"no asset {asset!r}{did_you_mean(asset, known)}; assets: {', '.join(known)}", where="--only"
            )
    _run(definition, settings, tuple(only or ()), Output(as_json))


@app.command()
def promote(name: Name, as_json: Json = False) -> None:
    """Promote the candidate on the evidence on record, through Dagster; refused where it does not allow it."""
    from rai_platform.pipeline.models import find_models

    settings = read_settings()
    _run(find_models(settings).named(name), settings, ("production_model",), Output(as_json))


@app.command()
def rollback(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, in words; the ledger keeps it.")],
    to: Annotated[
        str | None,
        typer.Option(help="The version to go back to; the last one that passes today's policy where left out."),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Where the service listens, to see that it follows: http://127.0.0.1:8100.")
    ] = None,
    within: Annotated[float, typer.Option(min=0, help="Seconds that the service has to follow.")] = 30,
    as_json: Json = False,
) -> None:
    """Go back to the last version that passes today's policy, and see that the service follows."""
    from rai_platform.console.pages import show_homes, show_rollback
    from rai_platform.home import Home, must_be_writable
    from rai_platform.pipeline.models import find_models
    from rai_platform.release.rollbacks import RollbackRequest
    from rai_platform.rollback.rolling import roll_back

    settings, output = read_settings(), Output(as_json)
    use_as_process_environment(settings)
    request = RollbackRequest(reason=reason, actor=user_name(), to=to)
    with stdout_kept_clean():
        definition = find_models(settings).named(name)
        must_be_writable(settings.home, where="RAI_HOME")
        done = roll_back(Home(settings), definition, request, endpoint=endpoint, limit=within)
    if as_json:
        output.json(done.as_json())
    else:
        show_homes(output.told, settings)
        show_rollback(output.page, done)
    if done.outcome != "rolled_back":
        raise typer.Exit(REFUSED)
    if done.unverified:
        raise typer.Exit(UNVERIFIED)


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(help="The model's name; all where left out.")] = None,
    as_json: Json = False,
) -> None:
    """What is in production and why, and what is out of order."""
    from rai_platform.console.pages import show_homes, show_outcome, show_overview
    from rai_platform.home import Home, must_be_writable
    from rai_platform.pipeline.instance import open_instance
    from rai_platform.pipeline.models import find_models
    from rai_platform.pipeline.status import status_of

    settings, output = read_settings(), Output(as_json)
    with stdout_kept_clean():
        home, models = Home(settings), find_models(settings)
        must_be_writable(settings.home, where="RAI_HOME")
        with open_instance(settings) as instance:
            with home.ledger.read() as reader:
                names = sorted({*models.known, *reader.models()}) if name is None else [name]
                if name is not None and name not in reader.models():
                    models.named(name)
            statuses = [status_of(each, home, instance, models.known.get(each)) for each in names]
    if as_json:
        output.json(statuses[0].as_json() if name else [each.as_json() for each in statuses])
        return
    show_homes(output.told, settings)
    if name:
        show_outcome(output.page, statuses[0], _card(settings, name))
    else:
        show_overview(output.page, statuses)
        for folder, why in models.unreadable.items():
            output.page.print(line((folder, "red"), f" cannot be read: {why}"))


@app.command()
def history(name: Name, as_json: Json = False) -> None:
    """Every verdict and decision about a model, from the ledger, whatever was deleted in Dagster."""
    import dataclasses

    from rai_platform.console.pages import show_history
    from rai_platform.home import Home, must_be_writable
    from rai_platform.pipeline.models import find_models

    settings, output = read_settings(), Output(as_json)
    must_be_writable(settings.home, where="RAI_HOME")
    home = Home(settings)
    with home.ledger.read() as reader:
        entries = list(reader.entries(model=name))
    problems = home.ledger.problems()
    if not entries and not problems:
        find_models(settings).named(name)
    for problem in problems:
        output.told.print(line((f"the ledger does not verify: {problem}", "red")))
    if as_json:
        output.json([dataclasses.asdict(entry) for entry in entries])
    else:
        show_history(output.page, entries)
    if problems:
        raise typer.Exit(LedgerBroken.exit_code)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Of Dagster's pages.")] = 3000,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Open Dagster's pages and start its daemon, on this machine."""
    from rai_platform.home import must_be_writable
    from rai_platform.pipeline.instance import configuration_file, open_instance

    settings = read_settings()
    must_be_writable(settings.home, where="RAI_HOME")
    _must_be_free(host, port, "ui")
    open_instance(settings).dispose()
    told = Output().told
    told.print(line(f"Dagster: http://{host}:{port}   (stop with Ctrl-C)"))
    mlflow = f"{sys.prefix}/bin/mlflow ui --backend-store-uri {settings.tracking_uri} --port 5000"
    told.print(line((f"MLflow's pages: {mlflow}", "dim")))
    workspace = configuration_file("workspace.yaml", settings)
    dagster = str(Path(sys.prefix) / "bin" / "dagster")
    os.execv(dagster, [dagster, "dev", "-w", str(workspace), "-h", host, "-p", str(port)])  # noqa: S606 - our own words


@app.command()
def serve(
    name: Name,
    port: Annotated[int, typer.Option(help="To listen on.")] = 8100,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Answer for the model in production over HTTP, and record every prediction, until Ctrl-C."""
    from rai_platform.home import Home, must_be_writable
    from rai_platform.serving.access import is_loopback
    from rai_platform.serving.databases import place_of
    from rai_platform.serving.served import ServedModel
    from rai_platform.serving.server import serve as serve_model

    settings, told = read_settings(), Output().told
    must_be_writable(settings.home, where="RAI_HOME")
    _must_be_free(host, port, "serve")

    def tell(served: ServedModel) -> None:
        version = served.production.version
        told.print(line(f"{name}, version {version}: http://{host}:{port}   (stop with Ctrl-C)"))
        told.print(line((f"every prediction is recorded in {place_of(settings.inference_log_url)}", "dim")))
        if settings.api_keys is None and not is_loopback(host):
            told.print(
                line((f"whoever reaches {host} may ask: `rai api-key` and RAI_API_KEYS let in callers alone", "yellow"))
            )

    serve_model(Home(settings), name, host=host, port=port, tell=tell)


@app.command(name="api-key")
def api_key(
    caller: Annotated[str, typer.Argument(help="Who gets the key.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="What it is for: predict, label, read; once for each. All, unless given.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="The file of keys; RAI_API_KEYS, unless given.")] = None,
) -> None:
    """Make a key for a caller of the service; it is shown once, and its hash goes into the file of keys."""
    from rai_platform.serving.access import SCOPES, add_key

    settings, output = read_settings(), Output()
    if (file := to or settings.api_keys) is None:
        raise BadInput("expected the file of keys: give `--to FILE`, or set RAI_API_KEYS", where="api-key")
    key = add_key(file, caller, scope or SCOPES)
    output.told.print(line((f"the hash of {caller}'s key is in {file}; the key is shown here alone", "dim")))
    typer.echo(key)


@app.command()
def monitor(
    name: Name,
    endpoint: Annotated[
        str | None, typer.Option(help="Where the service listens, to see that it follows a rollback.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Hold what the production model predicted against what is normal, and do what follows; 3 while an alert is open."""
    from pydantic import TypeAdapter

    from rai_platform.console.pages import show_rollback
    from rai_platform.console.watched import show_report
    from rai_platform.monitoring.report import MonitoringReport
    from rai_platform.pipeline.watching import look_at_production

    settings, output = read_settings(), Output(as_json)
    with stdout_kept_clean():
        home, definition = _opened(settings, name)
        looked = look_at_production(home, definition, now=home.clock(), endpoint=endpoint or settings.service_url)
    for kind in looked.not_told:
        output.told.print(line((f"an alert could not be sent: the service {kind} did not take it", "red")))
    if as_json:
        output.json(TypeAdapter(MonitoringReport).dump_python(looked.report, mode="json"))
    else:
        show_report(output.page, looked.report)
        if looked.rolled_back is not None:
            show_rollback(output.page, looked.rolled_back)
    if looked.rolled_back is not None and looked.rolled_back.unverified:
        raise typer.Exit(UNVERIFIED)
    if any(alert.closed is None for alert in looked.report.alerts):
        raise typer.Exit(REFUSED)


@app.command()
def simulate(
    name: Name,
    incident: Annotated[
        str, typer.Option(help="none, drift, broken_feature, biased_upstream or outcomes.")
    ] = "biased_upstream",
    days: Annotated[int, typer.Option(min=1, max=366, help="Of traffic.")] = 12,
    people: Annotated[int, typer.Option(min=100, max=100_000, help="Who ask on each day.")] = 600,
    begins: Annotated[int, typer.Option(min=1, help="The day from which on it goes wrong.")] = 6,
    labels_after: Annotated[int, typer.Option(min=1, help="Days until what became of people is known.")] = 2,
    newer_version: Annotated[
        bool, typer.Option("--newer-version", help="First promote another candidate in the copy, to go back from.")
    ] = False,
    rolls_back_on: Annotated[
        list[str] | None,
        typer.Option(help="data, prediction, performance or fairness; may be repeated. The policy's own by default."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.")] = 0,
) -> None:
    """Drill an incident: serve made-up people from a copy of production, watch it, and do what the policy says."""
    from rai_platform.console.drills import folder_for_drill, plan_of, show_drill
    from rai_platform.drills.drill import run_drill

    settings, output = read_settings(), Output()
    plan = plan_of(
        incident=incident,
        days=days,
        people=people,
        begins=begins,
        labels_after=labels_after,
        newer_version=newer_version,
        rolls_back_on=rolls_back_on,
        seed=seed,
    )
    with stdout_kept_clean():
        home, definition = _opened(settings, name)
        folder = folder_for_drill(settings, name, home.clock())
        drill = run_drill(home, definition, plan, folder=folder, tell=lambda told: output.told.print(line(told)))
    show_drill(output.page, drill)
    if any(rolled_back.unverified for rolled_back in drill.rollbacks):
        raise typer.Exit(UNVERIFIED)


@app.command()
def dashboard(
    name: Name,
    to: Annotated[
        Path | None, typer.Option(help="The file; where left out, the page that the model's service shows.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write one page of what became of the model in production: windows by group, versions, alerts and rollbacks."""
    from rai_platform.pipeline.production_page import write_production_page

    settings, output = read_settings(), Output(as_json)
    with stdout_kept_clean():
        home, definition = _opened(settings, name)
        file = write_production_page(home, definition, now=home.clock(), to=to)
    if as_json:
        output.json({"page": str(file)})
    else:
        output.page.print(line(str(file)))


@app.command()
def acknowledge(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why this is the new normal; it is recorded.")],
    about: Annotated[str | None, typer.Option(help="The alert's subject, where several are open.")] = None,
) -> None:
    """Say that what an open alert tells of is the new normal: the windows since then are what later ones are held against."""
    from rai_platform.pipeline.watching import acknowledge as acknowledge_alert

    settings = read_settings()
    with stdout_kept_clean():
        home, definition = _opened(settings, name)
        said = acknowledge_alert(home, definition, about=about, reason=reason, now=home.clock())
    Output().page.print(line(f"{said.about}: the windows {said.opened} to {said.until} are the new normal"))


@app.command()
def labels(
    name: Name,
    file: Annotated[Path, typer.Argument(help="CSV, Parquet or JSON lines: id or key, label, perhaps observed_at.")],
    as_json: Json = False,
) -> None:
    """Record what was observed about predictions; a service need not run."""
    import dataclasses

    from rai_platform.console.observing import add_labels
    from rai_platform.home import Home

    output = Output(as_json)
    with stdout_kept_clean():
        counts = dataclasses.asdict(add_labels(Home(read_settings()), name, file, output))
    if as_json:
        output.json(counts)
    else:
        output.page.print(", ".join(f"{word} {number}" for word, number in counts.items()))


@app.command()
def groups(
    name: Name,
    file: Annotated[
        Path, typer.Argument(help="CSV, Parquet or JSON lines: key and the columns of sensitive features.")
    ],
    as_json: Json = False,
) -> None:
    """Put people's groups on record by pseudonym, apart from the log, for fairness over time."""
    from rai_platform.console.observing import add_groups
    from rai_platform.home import Home
    from rai_platform.pipeline.models import find_models
    from rai_platform.serving.databases import place_of

    settings, output = read_settings(), Output(as_json)
    with stdout_kept_clean():
        features = find_models(settings).named(name).spec.sensitive_features
        count = add_groups(Home(settings), name, features, file, output)
    if as_json:
        output.json({"keys": count})
    else:
        output.page.print(line(f"the groups of {count} keys are in {place_of(settings.protected_attributes_url)}"))


@log_app.command("export")
def log_export(
    name: Name,
    to: Annotated[Path, typer.Option(help="A folder; a folder in it for each day.")],
    since: Annotated[str | None, typer.Option(help="Recorded then or later: 2026-01-31, or a time.")] = None,
    before: Annotated[str | None, typer.Option(help="Recorded earlier than then.")] = None,
    with_groups: Annotated[bool, typer.Option("--with-groups", help="With people's groups.")] = False,
    as_json: Json = False,
) -> None:
    """Write predictions and labels as Parquet, a folder for each day."""
    from rai_platform.console.observing import counted, export
    from rai_platform.home import Home

    output = Output(as_json)
    with stdout_kept_clean():
        files = export(Home(read_settings()), name, to, since=since, before=before, with_groups=with_groups)
    if as_json:
        output.json([{"file": str(file), "predictions": count} for file, count in files])
        return
    for file, count in files:
        output.page.print(line(f"{file}: {count}"))
    output.page.print(counted(sum(count for _, count in files)))


@log_app.command("forget")
def log_forget(
    name: Name,
    older_than: Annotated[str, typer.Option(help="Days, such as 90d.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete old predictions and their labels from the log, for good."""
    from rai_platform.console.observing import counted, forget
    from rai_platform.home import Home

    output = Output(as_json)
    count = forget(Home(read_settings()), name, older_than, output, yes=yes)
    if as_json:
        output.json({"deleted": count})
    else:
        output.page.print(f"{counted(count)} deleted")


@app.command()
def doctor(
    mend: Annotated[bool, typer.Option("--mend", help="Put MLflow's aliases where the ledger says.")] = False,
    as_json: Json = False,
) -> None:
    """Check the machine, the packages, the home, the ledger, and that Dagster and MLflow agree with it."""
    import dataclasses

    from rai_platform.console.doctor import examine, mend_aliases
    from rai_platform.console.pages import show_diagnoses, show_homes
    from rai_platform.home import Home, must_be_writable
    from rai_platform.pipeline.instance import open_instance
    from rai_platform.pipeline.models import find_models

    settings, output = read_settings(), Output(as_json)
    with stdout_kept_clean():
        home, models = Home(settings), find_models(settings)
        must_be_writable(settings.home, where="RAI_HOME")
        with open_instance(settings) as instance:
            mended = mend_aliases(home, models) if mend else []
            found = list(examine(settings, home, instance, models))
    if as_json:
        output.json({"diagnoses": [dataclasses.asdict(item) for item in found], "mended": mended})
    else:
        show_homes(output.told, settings)
        show_diagnoses(output.page, found, mended)
    if any(item.state == "broken" for item in found):
        raise typer.Exit(1)


@app.command()
def schema(
    of: Annotated[Literal["model", "policy", "card", "status"], typer.Argument(help="Of what.")] = "model",
) -> None:
    """Print the JSON Schema of a model's YAML, a policy file, the model card, or what --json prints."""
    from rai_platform.console.schemas import SCHEMAS

    Output().json(SCHEMAS[of]())


def main() -> None:
    """The entry point of `rai`."""
    share_cores()
    warnings.simplefilter("ignore")  # a person at the prompt can do nothing about a library's deprecations
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: list[str]) -> int:
    """Runs one command: one clear error, no traceback, and the exit code that belongs to it."""
    as_json = "--json" in arguments
    try:
        code = app(arguments or ["--help"], standalone_mode=False)
    except RaiError as error:
        return _tell(error, as_json)
    except typer.TyperException as error:
        return _tell(BadInput(f"{error.format_message()} Try `rai --help`."), as_json)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except Exception as error:
        if tracebacks_wanted():
            raise
        told = f"{in_a_line(error)}; set {TRACEBACKS}=1 to see where"
        return _tell(RaiError(told, where="not foreseen"), as_json)
    return code if isinstance(code, int) else 0


def _run(definition: Any, settings: Settings, assets: tuple[str, ...], output: Output) -> None:
    from rai_platform.console.pages import show_homes, show_outcome
    from rai_platform.console.progress import Progress
    from rai_platform.home import Home
    from rai_platform.pipeline.instance import open_instance
    from rai_platform.pipeline.launching import launch
    from rai_platform.pipeline.status import status_of

    show_homes(output.told, settings)
    with stdout_kept_clean():
        Home(settings).must_be_ready()
    with stdout_kept_clean(), open_instance(settings) as instance:
        with Progress(output.told) as progress:
            launched = launch(definition, settings, instance, assets=assets, listen=progress)
        outcome = status_of(definition.name, Home(settings), instance, definition, run_id=launched.run_id)
    broken = [error for error in launched.errors if error.kind == LedgerBroken.__name__]
    if launched.errors and not broken:
        raise launched.errors[0].as_error
    refused = outcome.decision == "refused" or bool(broken) or (not launched.success and outcome.decision is None)
    if output.as_json:
        output.json({**outcome.as_json(), **({"decision": "refused"} if refused else {})})
    else:
        show_outcome(output.page, outcome, _card(settings, definition.name), whole=False)
        if outcome.decision:
            output.page.print("[dim]look around: rai ui[/]")
    if refused:
        raise typer.Exit(REFUSED)


def _opened(settings: Settings, name: str) -> "tuple[Home, ModelDefinition]":
    """The home and a model of it."""
    from rai_platform.home import Home, must_be_writable
    from rai_platform.pipeline.models import find_models

    must_be_writable(settings.home, where="RAI_HOME")
    return Home(settings), find_models(settings).named(name)


def _must_be_free(host: str, port: int, command: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: a port just left is free
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise BadInput(
                f"nothing can listen on {host}, port {port}: {error}; `rai {command} --port` takes another",
                where="--port",
            ) from None


def _card(settings: Settings, name: str) -> Path | None:
    return settings.home / "cards" / name / "model_card.html"


def _tell(error: RaiError, as_json: bool) -> int:
    output = Output(as_json)
    if as_json:
        output.json({"error": {"code": error.code, "message": error.message, "where": error.where}})
    else:
        output.told.print(line(("error", "red"), f" {error}"))
    return error.exit_code


if __name__ == "__main__":
    main()
