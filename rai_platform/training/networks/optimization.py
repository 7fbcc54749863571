"""The loop that trains a network: seeded, in batches, with progress."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rai_platform.training.networks.adversarial_examples import AdversarialTraining, changed_against

LOG = logging.getLogger(__name__)
RAMP = (
    0.5  # of the epochs, over which the allowed change grows: from nothing to all of it at once, networks learn nothing
)
DECAY = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long and how fast to train.

    Attributes:
        epochs: passes over the data.
        batch_size: rows a step.
        learning_rate: the highest of AdamW's, reached after a third of the steps (Smith and Topin, Super-convergence, 2018).
        seed: of the order of rows, of dropout, and of the start.
        adversarial: None trains on the data as they are.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    adversarial: AdversarialTraining | None = None


def device() -> torch.device:
    """CUDA where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def optimize(
    network: nn.Module,
    inputs: Tensor,
    labels: npt.NDArray[np.int64],
    schedule: Schedule,
    *,
    weight: npt.NDArray[np.float64] | None = None,
    progress: Callable[[str], None] | None = None,
) -> float:
    """Trains a network in place by its cross-entropy, and returns the loss of the last epoch.

    Args:
        network: gives logits (batch, classes).
        inputs: (rows, ...).
        labels: numbers of the classes (rows,).
        schedule: how long and how fast.
        weight: of the rows (rows,).
        progress: is told a line after every epoch; the log where None.
    """
    tell = progress or LOG.info
    at = device()
    network.to(at).train()
    targets = torch.as_tensor(labels, dtype=torch.int64)
    weights = None if weight is None else torch.as_tensor(weight / weight.mean(), dtype=torch.float32)
    steps = -(-len(inputs) // schedule.batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=schedule.learning_rate, weight_decay=DECAY)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.learning_rate, total_steps=max(schedule.epochs * steps, 2), pct_start=0.3
    )
    order = torch.Generator().manual_seed(schedule.seed)
    began, mean = time.monotonic(), 0.0
    for epoch in range(schedule.epochs):
        total = 0.0
        share = min(1.0, (epoch + 1) / max(1.0, RAMP * schedule.epochs))
        for rows in torch.split(torch.randperm(len(inputs), generator=order), schedule.batch_size):
            batch, answer = inputs[rows].to(at), targets[rows].to(at)
            if schedule.adversarial is not None:
                batch = changed_against(network, batch, answer, schedule.adversarial, share=share)
            losses = nn.functional.cross_entropy(network(batch), answer, reduction="none")
            loss = losses.mean() if weights is None else (losses * weights[rows].to(at)).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
            optimizer.step()
            rate.step()
            total += loss.item() * len(rows)
        mean = total / len(inputs)
        spent = time.monotonic() - began
        left = spent / (epoch + 1) * (schedule.epochs - epoch - 1)
        tell(f"epoch {epoch + 1} of {schedule.epochs}: loss {mean:.4f} ({spent:.0f} s, about {left:.0f} s left)")
    optimizer.zero_grad()
    network.to("cpu").eval()
    return mean
