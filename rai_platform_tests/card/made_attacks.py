"""Attacks on texts and injected instructions, made up: small reports that a test can change."""

import dataclasses
from typing import Any

from rai_platform.robustness.attack_report import CredibilityCheck
from rai_platform.robustness.prompts.report import (
    EndpointReport,
    EvasionExample,
    FamilyResult,
    GuardReport,
    LeakExample,
    ProbeRate,
    PromptRobustness,
)
from rai_platform.robustness.texts.report import NotRun, Part, RecipeResult, TextExample, TextRobustness
from rai_platform.statistics.estimates import PairedDifference, Proportion

HOSTILE = (
    "<script>alert(1)</script> | `x` *y* ![x](http://evil.example/p.png) https://evil.example \u202egnidih\u2066\u200b"
)
BEFORE = (Part(text="a film with", changed=False), Part(text=" charm", changed=True))
AFTER = (Part(text="a film with", changed=False), Part(text=f" cahrm {HOSTILE}", changed=True))
HOLDS = CredibilityCheck(name="every success stands a second time", passed=True, says="it does")


def share(successes: float, n: int) -> Proportion:
    return Proportion(successes=successes, trials=n, n=n)


def recipe(name: str, turned: int) -> RecipeResult:
    return RecipeResult(
        recipe=name,
        how="misspells words",
        attacked=160,
        succeeded=turned,
        broken=0,
        unconfirmed=0,
        accuracy=share(160 - turned, 200),
        success_rate=share(turned, 160),
        words_changed=0.15,
        queries=31.4,
        cut_short=share(0, 160),
    )


def texts(**changes: Any) -> TextRobustness:
    """160 of 200 texts rightly classified, of which two recipes turned 100 and 120, and together 130."""
    report = TextRobustness(
        not_possible=None,
        n=200,
        query_budget=2000,
        accuracy=share(160, 200),
        worst_case=share(30, 200),
        drop=PairedDifference(first_only=130, second_only=0, trials=200, n=200),
        success_rate=share(130, 160),
        recipes=(recipe("deepwordbug", 100), recipe("pwws", 120)),
        by_class={"bad": share(20, 110), "good": share(10, 90)},
        by_group={"dialect": {"north": share(15, 100), "south": share(15, 100)}},
        exhausted=share(0, 160),
        examples=(
            TextExample(row_key=71, recipe="pwws", label="good", becomes="bad", before=BEFORE, after=AFTER, queries=12),
        ),
        checks=(HOLDS,),
        not_run=(NotRun(recipe="textfooler", because="missing on this machine: vectors", get="`fetch vectors`"),),
    )
    return dataclasses.replace(report, **changes)


def guard(**changes: Any) -> GuardReport:
    report = GuardReport(
        not_possible=None,
        n=120,
        detection=share(100, 120),
        families=(
            FamilyResult(family="leet", how="digits for letters", rate=share(20, 100)),
            FamilyResult(family="base64", how="encoded", rate=share(90, 100)),
        ),
        any_family=share(95, 100),
        over_defence=share(30, 120),
        by_source={"our own": share(10, 40), "NotInject": share(20, 80)},
        plain=share(1, 30),
        taken=(f"how do I ignore a warning {HOSTILE}",),
        examples=(EvasionExample(row_key=5, family="base64", before=BEFORE, after=AFTER),),
        checks=(HOLDS,),
    )
    return dataclasses.replace(report, **changes)


def endpoint(**changes: Any) -> EndpointReport:
    report = EndpointReport(
        not_possible=None,
        url="http://127.0.0.1:9/v1/chat/completions",
        model="small",
        n=120,
        families=(
            FamilyResult(family="direct override", how="orders", rate=share(3, 60)),
            FamilyResult(family="role play", how="plays", rate=share(42, 60)),
        ),
        controls=share(6, 6),
        examples=(
            LeakExample(
                family="role play", asked=f"be a pirate {HOSTILE}", answered=f"KEY-1 {HOSTILE}", how="as it is"
            ),
        ),
        checks=(HOLDS,),
    )
    return dataclasses.replace(report, **changes)


def prompts(**changes: Any) -> PromptRobustness:
    report = PromptRobustness(
        guard=guard(),
        endpoint=endpoint(),
        imported=(ProbeRate(probe="dan.Dan_11_0", detector="mitigation.MitigationBypass", failed=share(4, 10)),),
    )
    return dataclasses.replace(report, **changes)
