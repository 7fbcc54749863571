"""Whether an attack is worth believing: a weak one makes every model look robust.

After Carlini et al., On evaluating adversarial robustness, 2019, and Athalye, Carlini and Wagner, Obfuscated gradients give a
false sense of security, ICML 2018: one without limits always gets through.
"""

import math
from collections.abc import Sequence

import numpy as np

from rai_platform.robustness.attack_report import AttackedAccuracy, CredibilityCheck, Effort
from rai_platform.robustness.ensemble import Target, search
from rai_platform.robustness.left_over import most_left
from rai_platform.statistics.estimates import Proportion

WIDEST = 0.15  # of the 95 % interval of accuracy under attack: some 200 people
EXHAUSTED = 0.1  # of the people attacked
FLAT = 0.05  # of the people attacked may have no gradient
TRIED = 100  # people on whom the attack without limits is tried


def credibility(
    curve: Sequence[AttackedAccuracy],
    efforts: Sequence[Effort],
    exhausted: Proportion,
    without_limits: CredibilityCheck,
    no_gradient: Proportion | None,
) -> tuple[CredibilityCheck, ...]:
    """Every check of an attack, passed or not.

    Args:
        curve: by attack and budget.
        efforts: by attack.
        exhausted: share of the people whose decision stood when an attack had no question left.
        without_limits: what ``without_limits`` found.
        no_gradient: share of the people about whom there was no gradient to follow; None where no attack follows any.
    """
    infeasible = sum(effort.infeasible for effort in efforts)
    bounds = [point.accuracy.bounds() for point in curve if point.attack == "worst_case"]
    width = max(each.upper - each.lower for each in bounds)
    gradients = (
        (
            CredibilityCheck(
                name="there are gradients to follow",
                passed=no_gradient.value <= FLAT,
                says=f"nothing that could change moves the logits, to the first order, of {no_gradient.value:.1%} of the people "
                f"attacked; it may be {FLAT:.0%}",
            ),
        )
        if no_gradient
        else ()
    )
    return (
        CredibilityCheck(
            name="every change could be brought about",
            passed=infeasible == 0,
            says=f"a check of its own refused {infeasible} of the changes that were found"
            if infeasible
            else "a check of its own found every change feasible",
        ),
        without_limits,
        CredibilityCheck(
            name="enough people for a narrow interval",
            passed=width <= WIDEST,
            says=f"the widest 95 % interval spans {width:.3f}, and may span {WIDEST:g}",
        ),
        CredibilityCheck(
            name="enough questions to the model",
            passed=exhausted.value <= EXHAUSTED,
            says=f"no question was left before an attack was done about {exhausted.value:.1%} of the people, whose decision "
            f"then stood; it may be {EXHAUSTED:.0%}",
        ),
        *gradients,
    )


def without_limits(target: Target, *, queries: int, seed: int) -> CredibilityCheck:
    """Whether the attack gets through where nothing holds it back.

    First the changes may cost whatever they cost. Where most decisions still stand, either what people can change does not
    suffice or the attack is too weak: so all that was declared is lifted too, and every column may change.
    """
    name = "an attack without limits gets through"
    accuracy, moved = _accuracy(target, queries=queries, seed=seed)
    told = f"when changes may cost whatever they cost, accuracy falls to {accuracy:.1%}"
    if accuracy <= most_left(2):
        return CredibilityCheck(name=name, passed=True, says=told)
    if not moved:
        return CredibilityCheck(
            name=name, passed=True, says="nothing that people could change moves the score of anybody who was tried"
        )
    accuracy, moved = _accuracy(target.lifted(), queries=queries, seed=seed)
    return CredibilityCheck(
        name=name,
        passed=accuracy <= most_left(2) or not moved,
        says=f"{told}, and to {accuracy:.1%} when every column may change (it may be {most_left(2):.0%}): "
        + (
            "what people can change does not suffice for more"
            if accuracy <= most_left(2)
            else "the attack may be too weak"
        ),
    )


def _accuracy(target: Target, *, queries: int, seed: int) -> tuple[float, bool]:
    """The share of people who are decided about rightly whatever they change, and whether that moves anybody's score."""
    tried = target.first(TRIED)
    stands, moved = tried.right.copy(), False
    for attack in tried.attacks:
        if not stands.any():
            break
        found = search(tried, attack, (math.inf,), attacked=stands, queries=queries, seed=seed)
        stands, moved = stands & ~np.isfinite(found.cost), moved or bool(found.moved.any())
    return float(stands.mean()), moved
