"""Networks that look robust because an attack cannot see where to go: they are caught."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rai_platform.robustness.attack_report import CredibilityCheck
from rai_platform.robustness.images.credibility import (
    _gaining,
    _masked,
    _rising,
    _weaker_than_fgsm,
    _without_limits,
)
from rai_platform.robustness.images.report import ImageRobustness
from rai_platform.robustness.images.searched import Searched
from rai_platform_tests.robustness.images.small import Constant, measured

N = 100


def failed(report: ImageRobustness) -> set[str]:
    return {check.name for check in report.doubts} - {"enough images for a narrow interval"}


def test_a_network_whose_gradients_vanish_is_caught(hot: ImageRobustness) -> None:
    assert "there are gradients to follow" in failed(hot)
    assert hot.no_gradient is not None
    assert hot.no_gradient.value > 0.9


@pytest.mark.slow
def test_a_network_without_gradients_is_caught_in_three_ways(quantized: ImageRobustness) -> None:
    assert failed(quantized) >= {
        "there are gradients to follow",
        "whoever sees less does no better",
        "an attack without limits gets through",
    }


def test_what_gradients_do_not_find_the_search_over_squares_does(quantized: ImageRobustness) -> None:
    left = {point.attack: point.accuracy.value for point in quantized.curve if point.epsilon == 0.2}
    assert left["pgd"] > 0.7
    assert left["square"] < 0.2
    assert left["worst_case"] <= left["square"]


def test_a_network_that_looks_at_nothing_is_caught() -> None:
    found = measured(Constant(), epsilons={"linf": (0.1,)}, queries=20)
    assert failed(found) >= {"there are gradients to follow", "an attack without limits gets through"}


# --- each check alone, on what attacks could have found ----------------------------------------------------------------------


def searched(*, late: int = 0, **turned: tuple[int, ...]) -> Searched:
    """The first images turned by each attack, by distance; the last ones of the first attack late."""

    def mask(counts: tuple[int, ...]) -> Any:
        return np.array([np.arange(N) < count for count in counts])

    found: dict[Any, Any] = {attack: mask(counts) for attack, counts in turned.items()}
    first = next(iter(found))
    return Searched(
        norm="linf",
        epsilons=tuple(0.1 * number for number in range(1, len(found[first]) + 1)),
        right=np.ones(N, dtype=bool),
        turned=found,
        late={first: found[first] & (np.arange(N) >= turned[first][0] - late)},
        tried={attack: np.ones(N, dtype=bool) for attack in found},
    )


def test_pgd_that_leaves_more_than_a_single_step_is_caught() -> None:
    """As Foolbox's defaults do at a small distance: 85 % where FGSM leaves 82 %."""
    assert list(_weaker_than_fgsm(searched(fgsm=(18,), pgd=(15,)))) == ["at L∞ 0.1 PGD leaves 85.0% and FGSM 82.0%"]
    assert list(_weaker_than_fgsm(searched(fgsm=(18,), pgd=(17,), apgd_ce=(18,)))) == []


def test_accuracy_that_rises_with_the_distance_is_caught() -> None:
    (told,) = _rising(searched(apgd_ce=(20, 15), square=(20, 30)))
    assert told == "APGD-CE leaves 85.0% at L∞ 0.2 and 80.0% at 0.1"
    assert list(_rising(searched(fgsm=(20, 15), pgd=(20, 25)))) == [], "one step may go too far"


def test_a_blind_attack_that_does_better_is_caught_where_chance_does_not_explain_it() -> None:
    (told,) = _masked(searched(pgd=(10,), apgd_ce=(12,), square=(30,)))
    assert told.startswith("at L∞ 0.1 Square leaves 70.0% and every attack that sees gradients together 88.0%")
    assert list(_masked(searched(pgd=(28,), square=(30,)))) == []
    assert list(_masked(searched(pgd=(30,), square=(10,)))) == []


@pytest.mark.parametrize(("late", "passed"), [(0, True), (5, True), (6, False)])
def test_an_attack_that_was_still_gaining_is_caught(late: int, passed: bool) -> None:
    assert _gaining([searched(apgd_ce=(30,), late=late)]).passed is passed
    assert _gaining([searched(apgd_ce=(30,), pgd=(30,), late=late)]).passed, "another attack was there before"


@pytest.mark.parametrize(("left", "classes", "passed"), [(0.0, 10, True), (0.06, 10, False), (0.03, 100, False)])
def test_an_attack_without_limits_leaves_less_than_chance(left: float, classes: int, passed: bool) -> None:
    check: CredibilityCheck = _without_limits({"linf": (0.5, left)}, classes)
    assert check.passed is passed
    assert f"{left:.1%} at L∞ 0.5" in check.says


def test_foolboxs_own_settings_are_caught(network: Any) -> None:
    """The real thing: PGD with its default step size at a distance so small that it leaves more than one step does."""
    import torch
    from foolbox.attacks import LinfFastGradientAttack, LinfPGD
    from foolbox.models import PyTorchModel

    from rai_platform_tests.robustness.images.small import digits

    images, labels = (torch.from_numpy(each[1200:]) for each in digits())
    model = PyTorchModel(network, bounds=(0, 1), device="cpu")
    right = (model(images).argmax(1) == labels).numpy()
    torch.manual_seed(0)
    attack: dict[Any, Callable[..., Any]] = {"fgsm": LinfFastGradientAttack(), "pgd": LinfPGD(steps=2)}
    turned: dict[Any, Any] = {}
    for name, each in attack.items():
        _, _, found = each(model, images, labels, epsilons=[0.05])
        turned[name] = found.numpy() & right
    found = Searched(
        norm="linf", epsilons=(0.05,), right=right, turned=turned, late={}, tried=dict.fromkeys(turned, right | True)
    )
    assert turned["pgd"].sum() < turned["fgsm"].sum()
    assert len(list(_weaker_than_fgsm(found))) == 1
