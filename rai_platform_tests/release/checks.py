"""One check at a time, and the verdict on it."""

import re
from typing import Any

from rai_platform.release.findings import Evidence
from rai_platform.release.judgement import judge
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.policy import Requirement
from rai_platform.spec.requirements import RequiredCheck
from rai_platform.spec.verdict import Verdict
from rai_platform_tests.card import made

UNSAID = re.compile(r"\b(None|nan|inf|unknown)\b")


def check_of(metric: str, asset: str | None = None, *, feature: str = "sex", **asked: Any) -> RequiredCheck:
    """A check of one metric, with a limit on its good side."""
    about = METRICS[metric]
    side = {"min" if about.good == "high" else "max": asked.pop("limit", 0.5)}
    return RequiredCheck(
        asset=asset or about.assets[0],
        requirement=Requirement(metric=metric, **side, **asked),
        sensitive_feature=feature if about.by_group else None,
    )


def verdict_on(check: RequiredCheck, report: Evidence, **policy: Any) -> Verdict:
    definition = made.define(policy={"extends": "none", "name": "made", "minimum_group_size": 50, **policy})
    return judge(check, report, definition, subject=made.SUBJECT, evidence_digest="", code_version="1")
