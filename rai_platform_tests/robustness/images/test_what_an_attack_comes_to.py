"""What is written down of an attack: when it turned an image, whether that holds, and from where a search began."""

from typing import Any

import numpy as np
import pytest
import torch
from foolbox.models import PyTorchModel
from torch import Tensor, nn

from rai_platform.robustness.images.attacks import LATE, RESTARTS, STEPS, TARGETED_STEPS, candidates
from rai_platform.robustness.images.ensemble import Assault, Target, carry_out, nearest_otherwise
from rai_platform.robustness.images.searched import Searched

QUERIES = 40
GREY = torch.full((1, 1, 4, 4), 0.5)


class Yielding(nn.Module):
    """Says 0 until it has been asked so often, then 1.

    Args:
        after: questions that it answers with 0.
        forever: whether it keeps saying 1; otherwise once alone.
        classes: how many there are; it names none but the first two.
    """

    def __init__(self, after: int, *, forever: bool = True, classes: int = 2) -> None:
        super().__init__()
        self.after, self.forever, self.classes, self.asked = after, forever, classes, 0

    def forward(self, images: Tensor) -> Tensor:
        gives_in = self.asked >= self.after if self.forever else self.asked == self.after
        self.asked += 1
        slope = 1e-3 * images.flatten(1).mean(1)
        second = torch.full_like(slope, 2.0 if gives_in else 0.0)
        others = [torch.full_like(slope, -float(number)) for number in range(2, self.classes)]
        return torch.stack([1.0 + slope, second, *others], dim=1)


def late_of(attack: Any, after: int, *, classes: int = 2) -> list[list[bool]]:
    """Whether an image counts as turned late by an attack on a network that gives in after so many questions."""
    found = candidates(
        attack,
        PyTorchModel(Yielding(after, classes=classes).eval(), bounds=(0, 1), device="cpu"),
        GREY,
        torch.tensor([0]),
        norm="linf",
        epsilons=(0.1,),
        starts=None,
        queries=QUERIES,
        seed=0,
    )
    assert found.late is not None
    listed: list[list[bool]] = found.late.tolist()
    return listed


@pytest.mark.parametrize("attack", ["apgd_ce", "apgd_dlr"])
@pytest.mark.parametrize("more", [0, 1])
def test_auto_pgd_counts_as_late_what_the_last_tenth_of_its_iterations_turned(attack: Any, more: int) -> None:
    """The start of a run is a question of its own, and no iteration."""
    iteration = round(LATE * STEPS * RESTARTS) + more
    starts = 1 + (iteration - 1) // STEPS
    assert late_of(attack, iteration + starts - 1) == [[more == 1]]
    assert late_of(attack, 0) == [[False]], "wrong as it is"


@pytest.mark.parametrize("more", [0, 1])
def test_apgd_t_counts_over_the_classes_that_there_are(more: int) -> None:
    """Of five classes four are others. Which class is likeliest is a question of its own, as is the start of every run."""
    iteration = round(LATE * TARGETED_STEPS * 4) + more
    assert late_of("apgd_t", 1 + iteration + (iteration - 1) // TARGETED_STEPS, classes=5) == [[more == 1]]


@pytest.mark.parametrize("more", [0, 1])
def test_the_square_attack_counts_as_late_what_the_last_tenth_of_its_questions_turned(more: int) -> None:
    assert late_of("square", round(LATE * QUERIES) + more) == [[more == 1]]


def test_what_never_turns_is_not_late() -> None:
    assert late_of("apgd_ce", 10_000) == late_of("square", 10_000) == [[False]]


def test_what_does_not_hold_when_asked_once_more_is_neither_turned_nor_late() -> None:
    """The network errs once, in the last tenth of the search, and never again."""
    images = GREY.numpy()
    network = Yielding(QUERIES - 1, forever=False).eval()
    target = Target(network=network, images=images, labels=np.array([0]), predicted=np.array([0]), device="cpu")
    outcome = carry_out(
        target, Assault(attack="square", norm="linf", epsilons=(0.1,), rows=(0,), queries=QUERIES, seed=0)
    )
    assert network.asked == QUERIES + 1
    assert outcome.late is not None
    assert (outcome.turned.tolist(), outcome.late.tolist()) == ([[False]], [[False]])
    held = Target(
        network=Yielding(QUERIES - 1).eval(),
        images=images,
        labels=target.labels,
        predicted=target.predicted,
        device="cpu",
    )
    outcome = carry_out(
        held, Assault(attack="square", norm="linf", epsilons=(0.1,), rows=(0,), queries=QUERIES, seed=0)
    )
    assert outcome.late is not None
    assert (outcome.turned.tolist(), outcome.late.tolist()) == ([[True]], [[True]])


def test_a_search_by_decisions_begins_at_the_nearest_image_that_is_taken_for_something_else() -> None:
    shades = np.array([0.1, 0.2, 0.5, 0.6, 0.9], dtype="float32")
    images = np.ones((5, 1, 2, 2), dtype="float32") * shades[:, None, None, None]
    target = Target(
        network=nn.Identity(),
        images=images,
        labels=np.array([0, 0, 0, 1, 1]),
        predicted=np.array([0, 0, 1, 1, 1]),
        device="cpu",
    )
    starts = nearest_otherwise(target, np.array([0, 1, 3, 4]))
    assert starts[:, 0, 0, 0].tolist() == pytest.approx([0.5, 0.5, 0.2, 0.2])
    everywhere = Target(
        network=nn.Identity(),
        images=images,
        labels=np.zeros(5, dtype=int),
        predicted=np.zeros(5, dtype=int),
        device="cpu",
    )
    assert len(nearest_otherwise(everywhere, np.array([0, 1]))) == 0


def test_all_together_turn_what_any_of_them_turned() -> None:
    turned: dict[Any, Any] = {
        "pgd": np.array([[True, False, False, False]]),
        "square": np.array([[False, True, False, False]]),
        "fgsm": np.array([[False, False, True, False]]),
    }
    found = Searched(
        norm="linf",
        epsilons=(0.1,),
        right=np.ones(4, dtype=bool),
        turned=turned,
        late={},
        tried={attack: np.ones(4, dtype=bool) for attack in turned},
    )
    assert found.worst().tolist() == [[True, True, True, False]]
    assert found.worst("pgd", "fgsm").tolist() == [[True, False, True, False]]
