"""How often the bare four-fifths rule errs by chance, and how often our verdicts do, on simulated decisions.

Both go through the platform's own code and see the same people: the same ratio, the same rule of three states, once on
the bare estimate and once on its interval. A *false refusal* is a FAIL of a model that keeps the limit, a *false release*
a PASS of one that breaks it. The interval rule has a third answer, that the data cannot tell, which keeps a model back as
well; how often it is given is shown, and that it ends where there are enough people is a claim of its own.
"""

import sys
from collections import Counter
from dataclasses import dataclass

import numpy as np

from benchmarks.table import Claim, Goal, report
from rai_platform.release.judgement import outcome_of
from rai_platform.spec.verdict import Limit, Outcome
from rai_platform.statistics.disparity import smallest_ratio

FOUR_FIFTHS = 0.8
ALPHA = 0.05
SELECTION_RATE = 0.3
MAJORITY = 2000
KEPT_BACK = 0.1  # of equal models, where there are enough people
CHANCE = 3  # standard errors of the simulation that a share may lie above the level it has to keep
INTERVAL, POINT = Limit(minimum=FOUR_FIFTHS, rule="interval"), Limit(minimum=FOUR_FIFTHS, rule="point")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Groups of people and the rate at which each is truly selected.

    Attributes:
        sizes: people in every group (groups,).
        rates: true selection rates (groups,).
    """

    sizes: tuple[int, ...]
    rates: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How often each outcome came out (shares of the draws), by our rule and by the bare one."""

    ours: dict[Outcome, float]
    bare: dict[Outcome, float]


def equal(groups: int, size: int) -> Scene:
    """Groups of one size that are all selected at the same rate."""
    return Scene(sizes=(size,) * groups, rates=(SELECTION_RATE,) * groups)


def unequal(size: int, *, beside: int, ratio: float) -> Scene:
    """A group that is selected ``ratio`` times as often as the one beside it."""
    return Scene(sizes=(beside, size), rates=(SELECTION_RATE, ratio * SELECTION_RATE))


def simulate(scene: Scene, *, draws: int, seed: int) -> Shares:
    """Judges a ratio of at least four fifths, the one requirement of its policy, on people drawn again and again."""
    rng = np.random.default_rng(seed)
    ours: Counter[Outcome] = Counter()
    bare: Counter[Outcome] = Counter()
    for _ in range(draws):
        selected = rng.binomial(scene.sizes, scene.rates)
        ratio, bounds = smallest_ratio(selected, scene.sizes, outer_alpha=ALPHA, inner_alpha=ALPHA)
        ours[outcome_of(INTERVAL, ratio, bounds, {}, "refuse")] += 1
        bare[outcome_of(POINT, ratio, bounds, {}, "refuse")] += 1
    return Shares(
        ours={outcome: count / draws for outcome, count in ours.items()},
        bare={outcome: count / draws for outcome, count in bare.items()},
    )


def measure(quick: bool) -> list[Claim]:
    """False refusals, false releases, and equal models that are kept back although there are enough people."""
    draws = 120 if quick else 2000
    keeping = {
        "2 groups of 500, selected equally": equal(2, 500),
        "4 groups of 250, selected equally": equal(4, 250),
        "10 groups of 200, selected equally": equal(10, 200),
        "2 groups of 1,000, one selected 0.8 times as often": unequal(1000, beside=1000, ratio=0.8),
    }
    breaking = {
        "a group of 30, selected 0.7 times as often": unequal(30, beside=MAJORITY, ratio=0.7),
        "a group of 100, selected 0.7 times as often": unequal(100, beside=MAJORITY, ratio=0.7),
        "a group of 300, selected 0.7 times as often": unequal(300, beside=MAJORITY, ratio=0.7),
        "2 groups of 1,000, one selected 0.79 times as often": unequal(1000, beside=1000, ratio=0.79),
    }
    claims: list[Claim] = []
    for says, scene in keeping.items():
        claims += _error(f"{says}: FAIL", simulate(scene, draws=draws, seed=1), "FAIL", draws)
    for says, scene in breaking.items():
        claims += _error(f"{says}: PASS", simulate(scene, draws=draws, seed=1), "PASS", draws)
    enough = simulate(equal(2, 2000), draws=draws, seed=1)
    return [*claims, _kept_back("2 groups of 2,000, selected equally: no PASS", enough, draws)]


def _error(says: str, shares: Shares, error: Outcome, draws: int) -> list[Claim]:
    open_to_us = shares.ours.get("INSUFFICIENT_EVIDENCE", 0.0)
    return [
        Claim(
            says=says,
            ours=shares.ours.get(error, 0.0),
            peer=shares.bare.get(error, 0.0),
            unit="%",
            goal=Goal(of="ours", at_most=_with_chance(ALPHA, draws)),
        ),
        Claim(says="    the data cannot tell", ours=open_to_us, peer=0.0, unit="%", goal=None),
    ]


def _kept_back(says: str, shares: Shares, draws: int) -> Claim:
    return Claim(
        says=says,
        ours=1 - shares.ours.get("PASS", 0.0),
        peer=1 - shares.bare.get("PASS", 0.0),
        unit="%",
        goal=Goal(of="ours", at_most=_with_chance(KEPT_BACK, draws)),
    )


def _with_chance(level: float, draws: int) -> float:
    return level + CHANCE * float(np.sqrt(level * (1 - level) / draws))


if __name__ == "__main__":
    sys.exit(report("The four-fifths rule on intervals; peer: on the bare ratio", measure))
