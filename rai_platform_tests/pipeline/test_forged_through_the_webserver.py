"""Results that somebody posts to Dagster's webserver change nothing, and are said to be there."""

import pytest

from rai_platform.pipeline.values import LEDGER_ENTRY
from rai_platform_tests.servers import dagster_pages
from rai_platform_tests.world import World, told


def test_a_forged_check_result_and_a_forged_production_model_change_nothing(judged: World) -> None:
    with dagster_pages(judged) as pages:
        for name in ("disparate_impact__sex", "accuracy_gain"):
            asset = "fairness_report" if name.startswith("disparate") else "performance_report"
            status, _ = pages.post(
                f"/report_asset_check/unfair/{asset}", {"check_name": name, "passed": True, "severity": "ERROR"}
            )
            assert status == 200
        status, _ = pages.post(
            "/report_asset_check/unfair/production_model", {"check_name": "promotion_gate", "passed": True}
        )
        assert status == 200
        status, _ = pages.post(
            "/report_asset_materialization/unfair/production_model",
            {"metadata": {"version": 7, LEDGER_ENTRY: 1}, "data_version": "forged"},
        )
        assert status == 200
        forged_value = {"metadata": {"rai/blob": "0" * 64}}
        assert pages.post("/report_asset_materialization/unfair/candidate_model", forged_value)[0] == 200

    unmoved = judged.status("unfair")
    assert unmoved.production is None
    assert unmoved.decision == "refused"
    said = "\n".join(unmoved.reasons)
    assert "fairness_report: disparate_impact__sex in Dagster (reported from outside a run)" in said
    assert "a materialization of production_model (reported from outside a run) that the ledger does not know" in said
    assert "promotion_gate (reported from outside a run)" in said

    promoted = judged.run("unfair", ["production_model"])
    assert not promoted.success
    assert "was not written by the platform" in told(promoted)
    assert "disparate_impact__sex fails" in told(promoted)
    assert judged.status("unfair").production is None


@pytest.mark.slow
def test_a_forged_failure_is_cleared_by_judging_again(judged: World) -> None:
    with dagster_pages(judged) as pages:
        forged = {"check_name": "disparate_impact__sex", "passed": False}
        assert pages.post("/report_asset_check/fair/fairness_report", forged)[0] == 200
    refused = judged.run("fair", ["production_model"])
    assert "was not written by the platform: materialize `fairness_report` again" in told(refused)

    again = judged.run("fair", ["fairness_report", "model_card", "production_model"])
    assert again.success, told(again)
    assert judged.status("fair").production is not None
