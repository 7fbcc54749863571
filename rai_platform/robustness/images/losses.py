"""What an attack makes as large as it can: functions of logits (batch, classes) and labels (batch,), giving (batch,)."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Loss = Literal["ce", "dlr"]
TINY = 1e-12
LEAST_CLASSES_OF_DLR = 3
LEAST_CLASSES_OF_TARGETED_DLR = 4


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log softmax(z)_y; its gradient vanishes where the logits are far apart, however close a boundary is."""
    return functional.cross_entropy(logits, labels, reduction="none")


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """max_{i≠y} z_i - z_y: positive where the image is classified wrongly."""
    rows = torch.arange(len(labels), device=logits.device)
    others = logits.clone()
    others[rows, labels] = -torch.inf
    return others.amax(1) - logits[rows, labels]


def difference_of_logits_ratio(logits: Tensor, labels: Tensor) -> Tensor:
    """-(z_y - max_{i≠y} z_i) / (z_π1 - z_π3), π the order from the largest logit; shifts and scales of the logits do not change it.

    With fewer than three classes there is no z_π3, and with two the ratio would be 1 or -1 wherever the image is: the margin,
    which does depend on the scale, stands in for it.

    Source: Croce and Hein, Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks,
    ICML 2020, section 4.1.
    """
    if logits.shape[1] < LEAST_CLASSES_OF_DLR:
        return margin(logits, labels)
    ordered = logits.topk(LEAST_CLASSES_OF_DLR, dim=1).values
    return margin(logits, labels) / (ordered[:, 0] - ordered[:, 2] + TINY)


def targeted_difference_of_logits_ratio(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """-(z_y - z_t) / (z_π1 - (z_π3 + z_π4) / 2), t the class to be reached (batch,): defined for four classes or more.

    Source: Croce and Hein, as above, equation 7.
    """
    rows = torch.arange(len(labels), device=logits.device)
    ordered = logits.topk(LEAST_CLASSES_OF_TARGETED_DLR, dim=1).values
    width = ordered[:, 0] - (ordered[:, 2] + ordered[:, 3]) / 2
    return (logits[rows, targets] - logits[rows, labels]) / (width + TINY)


LOSSES: dict[Loss, Callable[[Tensor, Tensor], Tensor]] = {"ce": cross_entropy, "dlr": difference_of_logits_ratio}
