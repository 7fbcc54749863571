"""What a person sees of a model in Dagster's pages."""

import pytest

from rai_platform.release.records import read_verdicts
from rai_platform.spec.model import ASSETS
from rai_platform.spec.verdict import Verdict
from rai_platform_tests.chromium import Window
from rai_platform_tests.servers import Pages
from rai_platform_tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STORY = ("training_data", "candidate_model", "predictions", "fairness_report", "model_card", "production_model")
WAIT = 60_000  # milliseconds; a machine may be busy


def verdict_on(world: World, model: str, check: str) -> Verdict:
    """The verdict on record."""
    with world.home.ledger.read() as reader:
        return next(item.verdict for item in read_verdicts(reader, model) if item.verdict.check == check)


def run_of(world: World, model: str) -> str:
    """The Dagster run that decided about a model."""
    return str(world.entries(model, "refusal")[-1].body["run_id"])


def test_the_lineage_of_a_model_reads_from_its_data_to_production(screen: Window, pages: Pages) -> None:
    page = screen.page
    page.goto(f"{pages.url}/assets/unfair/production_model?view=lineage&lineageScope=upstream&lineageDepth=5")
    page.get_by_text("training_data").first.wait_for(timeout=WAIT)
    for asset in ASSETS:
        assert page.get_by_text(asset, exact=True).last.is_visible(), asset
    places = [page.get_by_text(asset, exact=True).last.bounding_box()["x"] for asset in STORY]
    assert places == sorted(places)
    assert len(set(places)) == len(STORY)


def test_a_failed_check_shows_its_sentence_then_estimate_interval_limit_and_n(
    screen: Window, pages: Pages, world: World
) -> None:
    verdict = verdict_on(world, "unfair", "disparate_impact__sex")
    assert verdict.outcome == "FAIL"
    assert verdict.estimate is not None
    page = screen.page
    page.goto(f"{pages.url}/assets/unfair/fairness_report?view=checks&checkDetail=disparate_impact__sex")
    page.get_by_text(verdict.reason).wait_for(timeout=WAIT)
    assert page.get_by_text("Release requires it.").is_visible()
    assert page.get_by_text("Failed", exact=True).last.is_visible()
    rows = {row.locator("td").first.inner_text(): row.inner_text() for row in page.locator("table tr").all()}
    assert [name for name in rows if not name.startswith("rai/")][:4] == ["estimate", "interval", "limit", "n"]
    assert f"{verdict.estimate:.6f}".rstrip("0") in rows["estimate"]
    assert "at least 0.8" in rows["limit"]
    assert str(verdict.n) in rows["n"]
    assert verdict.policy_digest in rows["rai/policy_digest"]
    assert list(rows).index("n") < list(rows).index("rai/code_version")


def test_the_page_of_a_refused_run_says_why(screen: Window, pages: Pages, world: World) -> None:
    page = screen.page
    page.goto(f"{pages.url}/runs/{run_of(world, 'unfair')}")
    ending = page.get_by_text("release refused:").last
    ending.wait_for(timeout=WAIT)
    assert ending.is_visible()
    verdict = verdict_on(world, "unfair", "disparate_impact__sex")
    assert f"disparate_impact__sex fails: {verdict.reason}" in ending.inner_text()


def test_the_gate_on_the_card_tells_what_is_met_and_what_is_not(screen: Window, pages: Pages, world: World) -> None:
    page = screen.page
    for check, begins in (("disparate_impact__sex", "disparate_impact__sex fails: "), ("accuracy_gain", "")):
        page.goto(f"{pages.url}/assets/unfair/model_card?view=checks&checkDetail={check}")
        said = page.get_by_text(begins + verdict_on(world, "unfair", check).reason)
        said.wait_for(timeout=WAIT)
        assert page.get_by_text("This is a blocking asset check.").is_visible()


def test_what_is_in_production_stands_on_its_page(screen: Window, pages: Pages, world: World) -> None:
    promotion = world.entries("fair", "promotion")[0]
    page = screen.page
    page.goto(f"{pages.url}/assets/fair/production_model?view=events")
    page.get_by_text("promoted", exact=True).first.wait_for(timeout=WAIT)
    shown = page.locator("table").first.inner_text()
    assert promotion.body["version"] in shown
    assert str(promotion.sequence) in shown


def test_the_picture_of_the_groups_opens_with_its_limit_and_its_tables(screen: Window, pages: Pages) -> None:
    page = screen.page
    page.goto(f"{pages.url}/assets/unfair/fairness_report?view=events")
    page.get_by_text("[Show Markdown]").first.click(timeout=WAIT)
    picture = page.locator("img[alt='rates by sex']")
    picture.wait_for(timeout=WAIT)
    assert picture.evaluate("image => image.complete && image.naturalWidth") > 600
    assert page.get_by_role("cell", name="demographic parity difference").is_visible()


@pytest.mark.parametrize("asset", ASSETS)
def test_what_is_told_of_an_asset_fits_into_its_page(screen: Window, pages: Pages, asset: str) -> None:
    page = screen.page
    page.goto(f"{pages.url}/assets/fair/{asset}?view=overview")
    first = page.get_by_text("digests", exact=True).first
    first.wait_for(timeout=WAIT)
    widths = first.evaluate(
        """cell => {
            let around = cell;
            while (getComputedStyle(around).overflowX === "visible") around = around.parentElement;
            return [around.scrollWidth, around.clientWidth];
        }"""
    )
    assert widths[0] <= widths[1]


def test_schedules_and_sensors_are_there_and_off(screen: Window, pages: Pages) -> None:
    page = screen.page
    page.goto(f"{pages.url}/automation")
    page.get_by_text("watch_data_of_fair").wait_for(timeout=WAIT)
    assert page.get_by_text("retrain_fair").is_visible()
    switches = page.locator(
        "input[type='checkbox'][role='switch'], [role='switch'] input, label input[type='checkbox']"
    )
    assert switches.count() > 0
    assert not any(switch.is_checked() for switch in switches.all())
