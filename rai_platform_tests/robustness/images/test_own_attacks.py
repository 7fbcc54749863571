"""Laws of Auto-PGD, of the Square attack and of what they are made of."""

import math
from typing import Any

import pytest
import torch
from foolbox.criteria import TargetedMisclassification
from foolbox.models import PyTorchModel
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rai_platform.robustness.images.apgd import AutoPGD, TargetedAutoPGD, checkpoints
from rai_platform.robustness.images.decision_search import FIRST_QUESTIONS, SEARCHING, HopSkipJump, steps_for
from rai_platform.robustness.images.geometry import Ball, sizes, steepest
from rai_platform.robustness.images.losses import (
    LOSSES,
    cross_entropy,
    difference_of_logits_ratio,
    margin,
    targeted_difference_of_logits_ratio,
)
from rai_platform.robustness.images.report import Norm
from rai_platform.robustness.images.square import Square, hill, side

NORMS = st.sampled_from(["linf", "l2"])
ROUNDING = 1e-5


def linear(classes: int = 3, *, channels: int = 1, height: int = 5, width: int = 4, seed: int = 0) -> Any:
    """A linear network, for which the best perturbation is known."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * height * width, classes)).eval().requires_grad_(False)


def model_of(network: nn.Module) -> Any:
    return PyTorchModel(network, bounds=(0, 1), device="cpu")


def some_images(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=25, deadline=None)
@given(
    norm=NORMS,
    epsilon=st.floats(0.01, 2),
    kind=st.sampled_from(["ce", "dlr", "targeted", "square"]),
    channels=st.sampled_from([1, 3]),
    height=st.integers(2, 7),
    width=st.integers(2, 7),
    seed=st.integers(0, 1000),
)
def test_whatever_they_find_is_an_image_within_the_distance(
    norm: Any, epsilon: float, kind: Any, channels: int, height: int, width: int, seed: int
) -> None:
    model = model_of(linear(4, channels=channels, height=height, width=width, seed=seed))
    images = some_images(3, channels, height, width, seed=seed).round(decimals=1)
    labels = model(images).argmax(1)
    attack: Any
    if kind == "square":
        attack = Square(norm=norm, queries=20, seed=seed)
    elif kind == "targeted":
        attack = TargetedAutoPGD(norm=norm, steps=8)
    else:
        attack = AutoPGD(norm=norm, loss=kind, steps=8, restarts=2, seed=seed)
    found = attack.search(model, images, labels, epsilon=epsilon)
    assert found.images.shape == images.shape
    assert found.images.min() >= 0
    assert found.images.max() <= 1
    assert (sizes(found.images - images, norm) <= epsilon + ROUNDING).all()
    wrong = model(found.images).argmax(1) != labels
    assert torch.equal(wrong, found.first >= 0)
    assert torch.equal(attack.search(model, images, labels, epsilon=epsilon).images, found.images)
    assert torch.equal(attack.run(model, images, labels, epsilon=epsilon), found.images)


@settings(max_examples=50, deadline=None)
@given(norm=NORMS, epsilon=st.floats(0.01, 3), seed=st.integers(0, 1000))
def test_a_projection_leaves_alone_what_is_inside_and_brings_in_the_rest(norm: Any, epsilon: float, seed: int) -> None:
    centre = some_images(4, 2, 3, 3, seed=seed)
    ball = Ball(centre, norm, epsilon)
    drawn = ball.draw(torch.Generator().manual_seed(seed))
    tried = ball.project(centre + 10 * some_images(4, 2, 3, 3, seed=seed + 1) - 5)
    for point in (drawn, tried):
        assert (sizes(point - centre, norm) <= epsilon + ROUNDING).all()
        assert point.min() >= 0
        assert point.max() <= 1
        assert torch.allclose(ball.project(point), point, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_steepest_step_has_size_one_or_none(norm: Norm) -> None:
    slope = some_images(1, 3, 3) - 0.5
    gradient = torch.stack([slope, 1e-30 * slope, torch.zeros(1, 3, 3)])
    step = steepest(gradient, norm)
    assert torch.allclose(sizes(step, norm), torch.tensor([1.0, 1.0, 0.0]))
    assert torch.allclose(step[0], step[1])


def test_checkpoints_are_those_of_the_paper() -> None:
    assert checkpoints(100) == (0, 22, 41, 57, 70, 80, 87, 93, 99)
    assert all(before < after for before, after in zip(checkpoints(7), checkpoints(7)[1:], strict=False))


@pytest.mark.parametrize("loss", ["ce", "dlr"])
@pytest.mark.parametrize("epsilon", [0.002, 0.02, 0.1, 0.4])
def test_auto_pgd_turns_every_image_of_a_linear_network_that_can_be_turned(loss: Any, epsilon: float) -> None:
    """Two classes: the logits' difference falls by epsilon times the L1 norm of the weights' difference, [0, 1] allowing."""
    network = linear(2, height=6, width=6, seed=3)
    images = some_images(200, 1, 6, 6)
    labels = network(images).argmax(1)
    towards = (network[1].weight[1 - labels] - network[1].weight[labels]).reshape(images.shape).sign()
    best = (images + epsilon * towards).clamp(0, 1)
    possible = margin(network(best), labels) > 1e-4
    found = AutoPGD(norm="linf", loss=loss, steps=20).search(model_of(network), images, labels, epsilon=epsilon)
    assert ((found.first >= 0) >= possible).all()


class Needle(nn.Module):
    """Says 1 in a small region alone, at the bottom of a narrow valley: whoever only takes long steps never gets there.

    Args:
        at: the middle of the region (channels, height, width).
        radius: of the region.
    """

    def __init__(self, at: Tensor, radius: float) -> None:
        super().__init__()
        self.at, self.radius = at, radius
        self.steepness = torch.linspace(1, 10, at.numel()).reshape(at.shape)

    def forward(self, images: Tensor) -> Tensor:
        apart = (self.steepness * (images - self.at) ** 2).flatten(1).sum(1)
        return torch.stack([apart - self.radius**2, torch.zeros_like(apart)], dim=1)


def test_auto_pgd_takes_shorter_steps_where_long_ones_gain_nothing() -> None:
    needle = Needle(torch.full((1, 4, 4), 0.5), 0.03).eval()
    images = needle.at + 0.2 * steepest(some_images(20, 1, 4, 4) - 0.5, "l2")
    labels = needle(images).argmax(1)
    assert (labels == 0).all()
    found = AutoPGD(norm="l2", loss="dlr", steps=100).search(model_of(needle), images, labels, epsilon=0.3)
    assert (found.first >= 22).any(), "some were found only after the first checkpoint"
    assert (found.first >= 0).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("loss", ["ce", "dlr"])
def test_of_an_image_that_stands_auto_pgd_tells_what_came_closest(norm: Norm, loss: Any) -> None:
    network = linear(2, height=6, width=6, seed=5)
    images, epsilon = 0.4 + 0.2 * some_images(30, 1, 6, 6), 1e-3
    labels = network(images).argmax(1)
    found = AutoPGD(norm=norm, loss=loss, steps=20).search(model_of(network), images, labels, epsilon=epsilon)
    weights = (network[1].weight[0] - network[1].weight[1]).flatten()
    best = epsilon * (weights.abs().sum() if norm == "linf" else weights.norm())
    gained = margin(network(found.images), labels) - margin(network(images), labels)
    assert (found.first < 0).sum() > 20
    assert torch.allclose(gained[found.first < 0], best, rtol=1e-2)


def test_auto_pgd_turns_images_at_once_that_are_wrong_as_they_are() -> None:
    network = linear()
    images = some_images(5, 1, 5, 4)
    found = AutoPGD(norm="linf", loss="ce").search(
        model_of(network), images, (network(images).argmax(1) + 1) % 3, epsilon=0.1
    )
    assert torch.equal(found.first, torch.zeros(5, dtype=torch.int64))
    assert torch.equal(found.images, images)


def test_more_restarts_never_turn_fewer_images(network: nn.Module) -> None:
    from rai_platform_tests.robustness.images.small import digits

    images, labels = (torch.from_numpy(each[1200:1300]) for each in digits())
    found = [
        AutoPGD(norm="linf", loss="ce", steps=10, restarts=restarts).search(
            model_of(network), images, labels, epsilon=0.08
        )
        for restarts in (1, 3)
    ]
    assert ((found[0].first >= 0) <= (found[1].first >= 0)).all()
    assert found[1].first.max() <= 30


@pytest.mark.parametrize("epsilon", [0.002, 0.02, 0.1, 0.4])
def test_apgd_t_turns_every_image_of_a_linear_network_that_can_be_turned_into_any_class(epsilon: float) -> None:
    """Of each pair of classes the best perturbation is known; the one to the likeliest class is often not the one that turns."""
    network = linear(6, height=6, width=6, seed=3)
    images = some_images(200, 1, 6, 6)
    labels = network(images).argmax(1)
    weights = network[1].weight
    possible = torch.zeros(len(images), dtype=torch.bool)
    for target in range(6):
        towards = (weights[target] - weights[labels]).reshape(images.shape).sign()
        best = network((images + epsilon * towards).clamp(0, 1))
        possible |= best[:, target] - best[torch.arange(len(images)), labels] > 1e-4
    found = TargetedAutoPGD(norm="linf", steps=20).search(model_of(network), images, labels, epsilon=epsilon)
    assert ((found.first >= 0) >= possible).all()
    assert found.iterations == 20 * 5


class Lure(nn.Module):
    """Of class 0 until one of two things happens: the likely class 1 stays just out of reach, class 2 is reached by darkness."""

    def forward(self, images: Tensor) -> Tensor:
        light = images.flatten(1).mean(1)
        nearly = torch.full_like(light, 0.9) + 0.05 * light
        return torch.stack([torch.ones_like(light), nearly, 0.8 - 4 * (light - 0.4), torch.zeros_like(light)], dim=1)


def test_apgd_t_reaches_the_class_that_is_not_the_likeliest() -> None:
    model, labels = model_of(Lure().eval()), torch.tensor([0, 0])
    images = torch.full((2, 1, 4, 4), 0.45)
    assert (model(images).argsort(1, descending=True)[:, 1] == 1).all()
    one, both = (
        TargetedAutoPGD(norm="linf", steps=10, targets=targets).search(model, images, labels, epsilon=0.2)
        for targets in (1, 2)
    )
    assert (one.first == -1).all()
    assert (both.first > 10).all(), "counted over the runs"
    assert (model(both.images).argmax(1) == 2).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_apgd_t_refuses_a_network_of_too_few_classes(classes: int) -> None:
    images = some_images(2, 1, 5, 4)
    with pytest.raises(ValueError, match=f"defined for 4 classes or more, got {classes}"):
        TargetedAutoPGD(norm="linf").search(
            model_of(linear(classes)), images, torch.zeros(2, dtype=torch.int64), epsilon=0.1
        )


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("kind", [lambda norm: AutoPGD(norm=norm, loss="ce", steps=5), lambda norm: Square(norm=norm)])
def test_foolbox_runs_them_as_its_own_and_clips_by_their_distance(kind: Any, norm: Norm) -> None:
    network = linear(seed=1)
    images, attack, epsilon = some_images(6, 1, 5, 4), kind(norm), 0.05
    labels = network(images).argmax(1)
    _, (clipped,), _ = attack(model_of(network), images, labels, epsilons=[epsilon])
    assert torch.allclose(clipped, attack.search(model_of(network), images, labels, epsilon=epsilon).images, atol=1e-5)
    far = images + 0.2
    assert torch.allclose(
        sizes(attack.distance.clip_perturbation(images, far, epsilon) - images, norm), torch.tensor(epsilon), rtol=1e-4
    )


@pytest.mark.parametrize("attack", [AutoPGD(norm="l2", loss="ce"), TargetedAutoPGD(norm="l2"), Square(norm="l2")])
def test_a_targeted_attack_is_refused(attack: Any) -> None:
    images = some_images(2, 1, 5, 4)
    with pytest.raises(TypeError, match="is untargeted"):
        attack.run(
            model_of(linear()), images, TargetedMisclassification(torch.zeros(2, dtype=torch.int64)), epsilon=0.1
        )


# --- losses ------------------------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    logits=st.lists(st.floats(-5, 5), min_size=3, max_size=6, unique=True),
    scale=st.floats(0.5, 100),
    shift=st.floats(-10, 10),
    label=st.integers(0, 2),
)
def test_the_difference_of_logits_ratio_knows_neither_scale_nor_shift(
    logits: list[float], scale: float, shift: float, label: int
) -> None:
    z, y = torch.tensor([logits], dtype=torch.float64), torch.tensor([label])
    if float(z.topk(3).values[0, 0] - z.topk(3).values[0, 2]) < 1e-3:
        return
    value = difference_of_logits_ratio(z, y)
    assert torch.allclose(value, difference_of_logits_ratio(scale * z + shift, y), rtol=1e-4, atol=1e-4)
    assert bool(value > 0) == (int(z.argmax()) != label)
    assert float(value) >= -1, "at most the whole way from the first to the third"


def test_the_targeted_ratio_is_that_of_the_paper_and_knows_neither_scale_nor_shift() -> None:
    z, y, t = torch.tensor([[5.0, 3.0, 2.0, 1.0, -4.0]], dtype=torch.float64), torch.tensor([0]), torch.tensor([4])
    value = targeted_difference_of_logits_ratio(z, y, t)
    assert value.item() == pytest.approx(-(5 - -4) / (5 - (2 + 1) / 2))
    assert torch.allclose(targeted_difference_of_logits_ratio(3 * z - 7, y, t), value)
    assert targeted_difference_of_logits_ratio(z, t, y).item() > 0


def test_for_two_classes_the_margin_stands_in() -> None:
    z, y = torch.tensor([[3.0, 1.0], [0.0, 5.0]]), torch.tensor([0, 0])
    assert torch.equal(difference_of_logits_ratio(z, y), torch.tensor([-2.0, 5.0]))
    assert torch.equal(LOSSES["dlr"](z, y), margin(z, y))


def test_the_cross_entropy_is_that_of_the_label() -> None:
    z = torch.log(torch.tensor([[0.2, 0.8]]))
    assert cross_entropy(z, torch.tensor([0])).item() == pytest.approx(-math.log(0.2))


# --- the Square attack -----------------------------------------------------------------------------------------------------


@given(st.integers(1, 2000), st.integers(1, 64), st.integers(1, 64))
def test_squares_fit_and_become_smaller(queries: int, height: int, width: int) -> None:
    sides = [side(query, queries, height, width) for query in range(1, queries, max(1, queries // 20))]
    assert sides == sorted(sides, reverse=True)
    assert all(1 <= each <= min(height, width) for each in sides)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_a_hill_has_norm_one_and_goes_up_and_down(size: int) -> None:
    pattern = hill(size)
    assert pattern.shape == (size, size)
    assert float((pattern**2).sum()) == pytest.approx(1)
    if size > 1:
        assert pattern.min() < 0 < pattern.max()


def test_the_square_attack_asks_no_more_than_it_may_and_needs_no_gradient() -> None:
    asked: list[int] = []

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = linear(seed=1)

        def forward(self, images: Tensor) -> Tensor:
            asked.append(len(images))
            assert not images.requires_grad
            logits: Tensor = self.network(images)
            return logits

    model = model_of(Watched().eval())
    images = some_images(6, 1, 5, 4)
    labels = model(images).argmax(1)
    asked.clear()
    found = Square(norm="linf", queries=30).search(model, images, labels, epsilon=1e-4)
    assert len(asked) == 30
    assert bool((found.first == -1).any())


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_square_attack_uses_the_whole_distance_and_comes_near_the_best_there_is(norm: Norm) -> None:
    network = linear(2, height=6, width=6, seed=5)
    images, epsilon = 0.4 + 0.2 * some_images(30, 1, 6, 6), 1e-3
    labels = network(images).argmax(1)
    found = Square(norm=norm, queries=300).search(model_of(network), images, labels, epsilon=epsilon)
    stands = found.first < 0
    assert stands.sum() > 20
    assert torch.allclose(sizes(found.images - images, norm)[stands], torch.tensor(epsilon), rtol=1e-2)
    weights = (network[1].weight[0] - network[1].weight[1]).flatten()
    best = epsilon * (weights.abs().sum() if norm == "linf" else weights.norm())
    gained = margin(network(found.images), labels) - margin(network(images), labels)
    assert (gained[stands] > 0.5 * best).all()


# --- decisions alone ---------------------------------------------------------------------------------------------------------


@given(st.integers(1, 20_000))
def test_the_steps_of_hop_skip_jump_stay_within_the_questions(queries: int) -> None:
    def asked(steps: int) -> float:
        return sum(SEARCHING + FIRST_QUESTIONS * math.sqrt(step) for step in range(1, steps + 1))

    steps = steps_for(queries)
    assert steps == 1 or asked(steps) <= queries
    assert asked(steps + 1) > queries


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_an_image_is_attacked_as_well_among_others_as_alone(norm: Norm) -> None:
    """The boundary of a linear network is as far away as its margin divided by the norm of its weights."""
    network = linear(2, height=4, width=4, seed=2)
    images = 0.3 + 0.4 * some_images(40, 1, 4, 4)
    network[1].bias -= network(images).mean(0)
    labels = network(images).argmax(1)
    starts = images[[int((labels != label).nonzero()[0, 0]) for label in labels]]
    weights = (network[1].weight[0] - network[1].weight[1]).flatten()
    exact = -margin(network(images), labels) / (weights.abs().sum() if norm == "linf" else weights.norm())
    torch.manual_seed(0)
    found = HopSkipJump(norm=norm, queries=1500).run(model_of(network), images, labels, starting_points=starts)
    assert (network(found).argmax(1) != labels).all()
    ratio = sizes(found - images, norm) / exact
    assert ratio.min() > 0.99
    assert ratio.median() < 1.5
