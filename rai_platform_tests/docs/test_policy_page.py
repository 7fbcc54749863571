"""docs/policy.md says what the default policy says, and quotes figures that a simulation gives."""

import re

import numpy as np
import pytest

from benchmarks.point_rule import FOUR_FIFTHS, MAJORITY, SELECTION_RATE, Scene, equal, simulate, unequal
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.policy import Requirement
from rai_platform.spec.reading import default_policy
from rai_platform_tests.docs.pages import POLICY_PAGE, Page, in_code

PAGE = Page(POLICY_PAGE)
POLICY = default_policy()
DRAWS = 200
CHANCE = 4  # standard errors of that many draws
WORDS = {"ten": 10, "three": 3}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return PAGE.table("The default requirements")


def test_the_table_lists_the_default_requirements_in_order(rows: list[dict[str, str]]) -> None:
    assert [in_code(row["metric"])[0] for row in rows] == [requirement.metric for requirement in POLICY.requirements]
    assert all(all(row.values()) for row in rows)


@pytest.mark.parametrize("requirement", POLICY.requirements, ids=lambda requirement: requirement.metric)
def test_a_row_tells_limit_severity_and_rule_of_its_requirement(
    rows: list[dict[str, str]], requirement: Requirement
) -> None:
    [row] = [row for row in rows if in_code(row["metric"]) == [requirement.metric]]
    side, limit = (
        ("least", requirement.min) if METRICS[requirement.metric].good == "high" else ("most", requirement.max)
    )
    told, number, percent = re.match(r"at (least|most) ([\d.]+)( %)?", row["limit"]).groups()
    assert (told, float(number) / (100 if percent else 1)) == (side, pytest.approx(limit))
    assert ("a warning" in row["limit"]) == (requirement.severity == "warn")
    assert ("the bare number" in row["limit"]) == (requirement.rule == "point")
    assert ("are named" in row["limit"]) == (requirement.on_insufficient_evidence == "disclose")
    numbers = [float(number) for number in re.findall(r"\d[\d.]*", row["what"])]
    assert numbers == [value for value in (requirement.strength, requirement.top) if value is not None]


def test_the_page_tells_how_large_a_group_has_to_be_and_how_sure_a_verdict() -> None:
    assert f"({POLICY.minimum_group_size} people, unless it says otherwise)" in PAGE.text
    assert f"the policy's confidence of {POLICY.confidence:.0%}".replace("%", " %") in PAGE.text
    assert 1 / (1 - POLICY.confidence) == pytest.approx(20)  # "once in twenty"
    assert (POLICY.rule, POLICY.on_insufficient_evidence) == ("interval", "refuse")


def test_the_page_counts_the_requirements_on_data() -> None:
    on_data = [{"training_data", "test_data"} >= set(METRICS[each.metric].assets) for each in POLICY.requirements]
    assert on_data == sorted(on_data, reverse=True)
    assert sum(on_data) == 6
    assert "The first six are about data." in PAGE.text


FIGURES = PAGE.table("Why not the bare number?")
each_figure = pytest.mark.parametrize("row", FIGURES, ids=lambda row: row["the model"].replace(" ", "-"))


@each_figure
def test_the_bare_number_errs_as_often_as_the_page_says(row: dict[str, str]) -> None:
    scene, error = _scene(row["the model"])
    people = np.random.default_rng(7).binomial(scene.sizes, scene.rates, size=(50_000, len(scene.sizes)))
    rates = people / np.array(scene.sizes)
    passes = rates.min(axis=1) / rates.max(axis=1) >= FOUR_FIFTHS
    [told] = _percentages(row["the bare number"])
    assert np.mean(passes if error == "PASS" else ~passes) == pytest.approx(told, abs=0.02)


@each_figure
def test_verdicts_err_and_stay_open_as_often_as_the_page_says(row: dict[str, str]) -> None:
    scene, error = _scene(row["the model"])
    shares = simulate(scene, draws=DRAWS, seed=7)
    open_to_us, wrong = _percentages(row["what we answer"])
    assert shares.ours.get("INSUFFICIENT_EVIDENCE", 0.0) == pytest.approx(open_to_us, abs=_chance(open_to_us))
    assert shares.ours.get(error, 0.0) == pytest.approx(wrong, abs=_chance(wrong))


def test_where_there_are_enough_people_equal_models_pass_as_the_page_says() -> None:
    [(groups, size, kept)] = re.findall(r"on (\d+) groups of ([\d,]+), we keep less than (\d+) % back", PAGE.text)
    shares = simulate(equal(int(groups), int(size.replace(",", ""))), draws=DRAWS, seed=7)
    assert 1 - shares.ours["PASS"] <= float(kept) / 100 + _chance(float(kept) / 100)


def test_the_simulated_models_select_as_the_page_says() -> None:
    [(part, whole)] = re.findall(r"select (\w+) people in (\w+), simulated", PAGE.text)
    assert WORDS[part] / WORDS[whole] == SELECTION_RATE


def _scene(told: str) -> tuple[Scene, str]:
    if found := re.fullmatch(r"selects (\d+) groups of (\d+) people equally", told):
        return equal(int(found[1]), int(found[2])), "FAIL"
    found = re.fullmatch(r"selects a group of (\d+) people only ([\d.]+) times as often as the rest", told)
    return unequal(int(found[1]), beside=MAJORITY, ratio=float(found[2])), "PASS"


def _percentages(text: str) -> list[float]:
    return [float(number) / 100 for number in re.findall(r"(\d+) %", text)]


def _chance(share: float) -> float:
    """How far the share of so many draws may be from a share that was rounded to whole percents."""
    return CHANCE * (share * (1 - share) / DRAWS) ** 0.5 + 0.02
