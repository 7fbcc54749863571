"""What a terminal shows: every text letter by letter, whatever somebody called a group, a folder or a model."""

import io
import json
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from rai_platform.cli import execute
from rai_platform.console.doctor import Diagnosis
from rai_platform.console.output import Output, line, stdout_kept_clean
from rai_platform.console.pages import show_diagnoses, show_history, show_outcome, show_overview, verdict_table
from rai_platform.console.progress import Progress
from rai_platform.pipeline.status import ModelStatus
from rai_platform.release.ledger import Entry
from rai_platform.release.records import Production, refusal_entry, verdict_entry
from rai_platform_tests.card import made
from rai_platform_tests.world import World

HOSTILE = (
    "[red]",
    "[/]",
    "[/red] [bold",
    "[link=http://example.org]here[/link]",
    ":skull: :on: a:warning:b",
    "back\\slash\\",
    "\\[red]",
    "50 % [of] {{7*7}} $HOME `x`",
    "女性 größer",
)
any_hostile = pytest.mark.parametrize("text", HOSTILE)
MOVING = ("\x1b[2J\x1b]0;title\x07", "a\rb", "a\x00b", "\x9b31m", "a\u202eb", "\x7f")


def terminal() -> Console:
    """A console on which everything stays on one line."""
    return Console(file=io.StringIO(), width=2000, highlight=False)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def words(text: str) -> str:
    """A text without the layout of the terminal it stands on."""
    return "".join(text.split())


def status_saying(text: str, *, decision: str = "refused") -> ModelStatus:
    verdicts = tuple(item.verdict for item in made.judgements(made.define(), made.evidence(), made.candidate()))
    production = Production(
        model="fair",
        version="7",
        model_digest="a" * 64,
        data_digest="b" * 64,
        promoted_at="2026-01-02T03:04:05+00:00",
        sequence=1,
        body={},
    )
    return ModelStatus(
        model="fair",
        decision=decision,
        production=production,
        candidate=made.SUBJECT,
        decided_because=(text,),
        to_know=(),
        out_of_order=(f"out of order: {text}",),
        verdicts=verdicts,
    )


def entry(kind: str, body: dict[str, object]) -> Entry:
    recorded_at = datetime(2026, 1, 2, tzinfo=UTC).isoformat()
    return Entry(sequence=1, kind=kind, model="fair", recorded_at=recorded_at, body=body, previous="", digest="")


# --- a text as it is -------------------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp"))) | st.text("[]/\\:redbold=ski l"))
def test_any_text_is_shown_letter_by_letter(text: str) -> None:
    console = terminal()
    console.print(line((text, "bold"), "|", text), soft_wrap=True)
    assert shown(console) == f"{text}|{text}\n"


@pytest.mark.parametrize("text", MOVING)
def test_nothing_in_a_text_moves_the_cursor_or_turns_the_line_around(text: str) -> None:
    console = terminal()
    console.print(line(text), soft_wrap=True)
    assert not set(shown(console)) & set("\x1b\r\x00\x07\x7f\x9b\u202e")
    assert "\N{REPLACEMENT CHARACTER}" in shown(console)


# --- pages -----------------------------------------------------------------------------------------------------------


@any_hostile
def test_an_outcome_shows_its_reasons_and_its_paths(text: str, tmp_path: Path) -> None:
    card = tmp_path / text.replace("/", "_") / "model_card.html"
    card.parent.mkdir()
    card.touch()
    console = terminal()
    show_outcome(console, status_saying(text), card)
    page = words(shown(console))
    assert words(f"• {text}") in page
    assert words(f"out of order: {text}") in page
    assert words(str(card)) in page
    assert "version7,since2026-01-02T03:04" in page


@pytest.mark.parametrize(
    ("decision", "title"), [("promoted", "fair: PROMOTED"), ("refused", "fair: REFUSED"), ("", "fair: nothing decided")]
)
def test_an_outcome_says_in_its_title_what_was_decided(decision: str, title: str) -> None:
    console = terminal()
    show_outcome(console, status_saying("why", decision=decision), None)
    assert title in shown(console)
    assert "model card:" not in shown(console)


def test_verdicts_come_severest_first_with_their_numbers() -> None:
    console = terminal()
    show_outcome(console, status_saying("why"), None)
    lines = [" ".join(line.split()) for line in shown(console).splitlines()]
    verdicts = [line for line in lines if line.startswith(("fail", "open", "pass"))]
    assert verdicts == sorted(verdicts, key=lambda line: ("fail", "open", "pass").index(line[:4]))
    assert "pass accuracy_gain at least 0 0.350 0.322 to 0.390 1,400" in lines
    assert "fail forbidden_features_in_top at most 0 1 exact 200" in lines


def test_after_a_run_only_what_is_not_met_is_listed_and_the_rest_is_counted() -> None:
    console = terminal()
    show_outcome(console, status_saying("why"), None, whole=False)
    lines = [" ".join(line.split()) for line in shown(console).splitlines()]
    assert [line[:4] for line in lines if line.startswith(("fail", "open", "pass"))] == ["fail"]
    assert lines[-1] == "6 of 7 requirements are met; all of them: rai status fair"


def test_a_requirement_on_two_samples_says_which_one_it_is_about() -> None:
    console = terminal()
    show_outcome(console, status_saying("why"), None)
    page = " ".join(shown(console).split())
    assert "schema_violation_rate at most 0.05 in training_data" in page
    assert "schema_violation_rate at most 0.05 in test_data" in page
    assert "accuracy_gain at least 0 in" not in page


def test_the_table_of_verdicts_breaks_no_word_at_80_columns() -> None:
    console = Console(file=io.StringIO(), width=80, highlight=False)
    longest = made.judgements(
        made.define_with(
            {"metric": "equalized_odds_difference", "max": 0.1},
            {"metric": "accuracy_drop_under_category_swaps", "strength": 0.05, "max": 0.1, "severity": "warn"},
        ),
        made.evidence(),
        made.candidate(),
    )
    console.print(verdict_table(tuple(item.verdict for item in longest)))
    page = shown(console)
    for word in ("equalized_odds_difference", "accuracy_drop_under_category_swaps"):
        assert word in page


@any_hostile
def test_an_overview_and_a_doctors_page_show_what_is_out_of_order(text: str) -> None:
    console = terminal()
    show_overview(console, [status_saying(text)])
    show_diagnoses(
        console, [Diagnosis(subject=text, state="broken", found=f"found {text}", mend=f"mend {text}")], [text]
    )
    page = words(shown(console))
    for said in (f"out of order: {text}", f"✗ {text}: found {text}", f"→ mend {text}", f"put right {text}"):
        assert words(said) in page


@any_hostile
def test_a_history_shows_every_entry(text: str) -> None:
    verdict = made.judgements(made.define(), made.evidence(), made.candidate())[0].verdict
    entries = [
        entry("verdict", verdict_entry("fair", verdict, run_id="run").body),
        entry("refusal", refusal_entry("fair", reasons=[text], candidate=None, policy_digest="", run_id="").body),
        entry("alias_restored", {"found": text}),
    ]
    console = terminal()
    show_history(console, entries)
    page = shown(console)
    assert words(page).count(words(text)) == 2
    assert verdict.reason in page
    assert page.count("2026-01-02 00:00:00") == 3


@pytest.mark.parametrize(
    "kind",
    [
        "verdict",
        "refusal",
        "promotion",
        "confirmation",
        "evaluation_started",
        "rollback",
        "withdrawal",
        "rollback_failed",
        "rollback_verification",
    ],
)
@pytest.mark.parametrize("body", [{"unreadable": "{nonsense"}, {}, {"verdict": None, "reasons": None, "checks": None}])
def test_an_entry_that_was_tampered_with_can_still_be_looked_at(kind: str, body: dict[str, object]) -> None:
    console = terminal()
    show_history(console, [entry(kind, body)])
    assert words(f"not readable: {body}") in words(shown(console))


# --- progress --------------------------------------------------------------------------------------------------------


def told_of(description: str | None, *, asset: str = "training_data") -> str:
    """What is told of a run in which a check of an asset did not pass."""
    key = dg.AssetKey(["fair", asset])

    @dg.asset(key=key, check_specs=[dg.AssetCheckSpec("complete", asset=key)])
    def examined():
        failed = dg.AssetCheckResult(check_name="complete", passed=False, description=description)
        return dg.MaterializeResult(check_results=[failed])

    console = terminal()
    with dg.DagsterInstance.ephemeral() as instance, Progress(console) as progress:
        run_id = str(uuid.uuid4())
        instance.add_event_listener(run_id, progress)
        job = dg.Definitions(assets=[examined]).resolve_implicit_global_asset_job_def()
        config = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        job.execute_in_process(instance=instance, run_id=run_id, run_config=config)
    return shown(console)


@pytest.mark.parametrize("description", ["it is wide open", None, ""])
def test_progress_names_a_check_that_did_not_pass_and_leaves_the_reason_to_the_end(description: str | None) -> None:
    told = told_of(description)
    assert "• complete\n" in told
    assert "wide open" not in told
    assert "✓ training_data" in told
    assert "0 of 1 checks passed" in told


def test_progress_does_not_repeat_what_the_gate_repeats() -> None:
    assert "• complete" not in told_of("again", asset="model_card")


# --- what a command prints -------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path)
    monkeypatch.setenv("RAI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RAI_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    return world


@any_hostile
def test_an_error_is_told_in_its_own_words(here: World, capfd: pytest.CaptureFixture[str], text: str) -> None:
    assert here.folder.is_dir()
    assert execute(["run", text]) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert words(f"error no model {text!r}") in words(printed.err)


def test_init_tells_columns_by_their_names(here: World, capfd: pytest.CaptureFixture[str]) -> None:
    rows = "\n".join(f"{at % 2},[b],{at}" for at in range(40))
    (here.folder / "t.csv").write_text(f"y,[red] sex,[/]\n{rows}\n")
    assert execute(["init", "loans", "--data", "t.csv", "--target", "y"]) == 0
    printed = words(capfd.readouterr().out)
    assert words("guessed as sensitive: [red] sex;") in printed
    assert words("every row has a value of its own: [/]") in printed


def test_json_is_one_value_on_stdout_whatever_a_library_prints() -> None:
    program = """
import os
from rai_platform.console.output import Output, stdout_kept_clean
with stdout_kept_clean():
    print("a library says hello")
    os.write(1, b"and so does its C code\\n")
Output(as_json=True).json({"größe": [1, None, "[red]"]})
"""
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, encoding="utf-8")
    assert json.loads(printed.stdout) == {"größe": [1, None, "[red]"]}
    assert "hello" in printed.stderr
    assert "C code" in printed.stderr


def test_stdout_is_given_back_when_something_breaks(capfd: pytest.CaptureFixture[str]) -> None:
    def breaks() -> None:
        with stdout_kept_clean():
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - it is raised five lines above
        breaks()
    Output(as_json=True).json("after")
    assert capfd.readouterr().out == '"after"\n'
