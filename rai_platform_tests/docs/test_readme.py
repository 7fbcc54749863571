"""README.md: its commands are those of `rai` and `make`, and its first example runs."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from rai_platform.cli import REFUSED, UNVERIFIED, app, execute
from rai_platform.data.generators import lending
from rai_platform.errors import BadInput, RaiError
from rai_platform.spec.reading import read_model
from rai_platform_tests.conftest import PROJECT
from rai_platform_tests.docs.pages import PAGES, README, Page, in_code
from rai_platform_tests.servers import BIN

PAGE = Page(README)


def commands_of(group: Any, *before: str) -> dict[str, Any]:
    """The commands of a group by name, those of a group within it by both: ``log export``."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        words = (*before, name)
        found |= commands_of(command, *words) if hasattr(command, "commands") else {" ".join(words): command}
    return found


COMMANDS = commands_of(typer.main.get_command(app))


def command_in(words: list[str]) -> str:
    """The command that typed words begin with."""
    return next(name for name in COMMANDS if words[: len(name.split())] == name.split())


ROWS = {command_in(in_code(row["command"])[0].split()[1:]): row for row in PAGE.table("The commands")}
CONSOLE = [
    line.removeprefix("$ ").split("#")[0].strip()
    for path in PAGES
    for block in Page(path).blocks
    if block.language == "console"
    for line in block.text.splitlines()
]
EXAMPLE = [line for line in CONSOLE if line.startswith(".venv/bin/rai")]


def options_of(command: str) -> set[str]:
    """The options of a command as they are typed."""
    return {name for parameter in COMMANDS[command].params for name in parameter.opts if name.startswith("--")}


def needed_by(command: str) -> set[str]:
    """What cannot be left out: options as they are typed, arguments in capitals."""
    return {
        parameter.opts[0] if parameter.opts[0].startswith("--") else parameter.opts[0].upper()
        for parameter in COMMANDS[command].params
        if parameter.required
    }


# --- the table of commands -------------------------------------------------------------------------------------------


def test_the_table_lists_every_command_and_no_other() -> None:
    assert list(ROWS) == list(COMMANDS)


@pytest.mark.parametrize("command", ROWS)
def test_a_row_names_what_the_command_needs_and_no_option_that_it_lacks(command: str) -> None:
    usage = " ".join(in_code(ROWS[command]["command"]))
    assert set(re.findall(r"--[a-z-]+", usage)) <= options_of(command)
    assert needed_by(command) <= set(re.findall(r"--[a-z-]+|[A-Z]+", usage))


def test_the_exit_codes_are_those_of_the_code() -> None:
    told = {code for row in ROWS.values() for code in re.findall(r"\d [a-z]+", row["exit code"])}
    assert told == {
        "0 promoted",
        f"{REFUSED} refused",
        "0 gone",
        f"{REFUSED} nothing",
        f"{UNVERIFIED} not",
        f"{REFUSED} alert",
        "1 something",
    }
    assert f"gives {BadInput.exit_code} on bad input, and {RaiError.exit_code} where the fault is ours" in PAGE.text


# --- what the pages type ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", CONSOLE)
def test_a_line_that_is_typed_names_a_command_that_there_is(line: str) -> None:
    program, *words = shlex.split(line)
    if program == "make":
        assert set(words) <= targets()
        return
    assert (program, BIN.joinpath("rai").exists()) == (".venv/bin/rai", True)
    name = command_in(words)
    COMMANDS[name].make_context(name, words[len(name.split()) :])  # refuses options and arguments that it does not know


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_make_target_that_a_page_names_is_there(path: Path) -> None:
    for code in in_code(path.read_text(encoding="utf-8")):
        if found := re.fullmatch(r"(?:\w+=\w+ )*make ([a-z-]+)", code):
            assert found[1] in targets(), code


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (PROJECT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


# --- the first example -----------------------------------------------------------------------------------------------


@pytest.fixture
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a `loans.csv` of people who are all measured alike, and nothing else."""
    table = lending(rows=4000, seed=5, disparate_impact=1.0).drop(columns="approved")
    table.to_csv(tmp_path / "loans.csv", index=False)
    for name in ("RAI_LEDGER_URL", "RAI_STORE_URL", "RAI_LEDGER_ANCHOR", "RAI_SIGNING_KEY", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("RAI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RAI_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home" / "dagster"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_first_lines_write_a_model_that_begins_to_run(
    in_a_folder_of_its_own: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    init, run = (shlex.split(line)[1:] for line in EXAMPLE)
    assert execute(init) == 0
    assert execute([*run, "--only", "training_data"]) == 0
    assert "requirements are met" in " ".join(capfd.readouterr().out.split())
    assert read_model(in_a_folder_of_its_own / "models" / "loans" / "defs.yaml", environment={}, working_folder=PROJECT)


@pytest.mark.slow
def test_the_first_lines_end_in_a_decision_and_a_card(in_a_folder_of_its_own: Path) -> None:
    for line in EXAMPLE:
        done = subprocess.run(
            [BIN / "rai", *shlex.split(line)[1:]],
            capture_output=True,
            text=True,
            check=False,
            cwd=in_a_folder_of_its_own,
        )
    assert done.returncode in (0, REFUSED), done.stderr
    assert {0: "loans: PROMOTED", REFUSED: "loans: REFUSED"}[done.returncode] in done.stdout
    assert (in_a_folder_of_its_own / "home" / "cards" / "loans" / "model_card.html").exists()


@pytest.mark.slow
def test_the_yaml_of_the_readme_runs_to_a_decision(in_a_folder_of_its_own: Path) -> None:
    [text] = [block.text for block in PAGE.blocks if block.language == "yaml"]
    spec = in_a_folder_of_its_own / "elsewhere.yaml"
    spec.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [BIN / "rai", "run", "--spec", spec, "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=in_a_folder_of_its_own,
    )
    assert done.returncode in (0, REFUSED), done.stderr
    assert "disparate_impact__sex_x_age_group" in {verdict["check"] for verdict in json.loads(done.stdout)["verdicts"]}
