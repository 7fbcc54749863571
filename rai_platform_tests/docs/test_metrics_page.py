"""docs/metrics.md lists the metrics that a policy knows, and says of them what the code does."""

import re

import pytest

from rai_platform.fairness.metrics import DISPARITIES
from rai_platform.spec.metrics import METRICS
from rai_platform_tests.docs.pages import METRICS_PAGE, Page, in_code
from rai_platform_tests.world import World

COLUMNS = ["metric", "limit", "definition", "range", "0 means", "1 means", "source", "judged on"]
ALL_EQUAL = "all groups equal"


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, str]]:
    """The rows of all tables of the page, by metric."""
    page = Page(METRICS_PAGE)
    found = [row for heading in page.headings[1:] for row in page.table(heading)]
    assert all(list(row) == COLUMNS and all(row.values()) for row in found)
    return {in_code(row["metric"])[0]: row for row in found}


def test_the_page_lists_every_metric_in_order(rows: dict[str, dict[str, str]]) -> None:
    assert list(rows) == list(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_the_page_says_where_a_metric_is_judged_and_what_its_limit_is(
    rows: dict[str, dict[str, str]], name: str
) -> None:
    metric, row = METRICS[name], rows[name]
    assert in_code(row["limit"]) == ["min" if metric.good == "high" else "max"]
    assert tuple(in_code(row["judged on"])) == metric.assets
    assert ("by group" in row["judged on"]) == metric.by_group
    for option in metric.options:
        assert option in in_code(row["definition"])


@pytest.mark.parametrize("name", DISPARITIES)
def test_the_page_says_at_which_end_groups_are_equal(rows: dict[str, dict[str, str]], name: str) -> None:
    equal, other = ("0 means", "1 means") if DISPARITIES[name].kind == "difference" else ("1 means", "0 means")
    assert rows[name][equal] == ALL_EQUAL
    assert rows[name][other] != ALL_EQUAL
    assert rows[name]["range"] == "0 to 1"


@pytest.mark.slow
def test_whatever_was_measured_lies_in_the_range_of_the_page(
    rows: dict[str, dict[str, str]], judged_world: World
) -> None:
    verdicts = [verdict for name in ("fair", "unfair") for verdict in judged_world.status(name).verdicts]
    assert len({verdict.metric for verdict in verdicts}) >= 6
    for verdict in verdicts:
        low, high = span(rows[verdict.metric]["range"])
        values = [verdict.estimate, *([verdict.interval.lower, verdict.interval.upper] if verdict.interval else [])]
        assert all(low <= value <= high for value in values if value is not None), verdict.check


def span(told: str) -> tuple[float, float]:
    """The ends of a range in words: ``0 to 1``, ``0 and up``, ``any number``."""
    if told.startswith("any number"):
        return float("-inf"), float("inf")
    low, high = re.fullmatch(r"(-?\d+) (?:to (\d+)|and up)", told).groups()
    return float(low), float(high) if high else float("inf")
