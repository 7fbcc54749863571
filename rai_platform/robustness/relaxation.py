"""A torch network on a table as a function of what people could change, which an attack along gradients can follow.

Every number becomes the distance it is moved, in units of cost, and every category or column of 0 and 1 a share from 0 to 1 of
the way to each value it could have: what all of it costs is then the L1 norm of the moves.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rai_platform.robustness.feasible_set import FeasibleSet, Floats, Indices, NumberAxis
from rai_platform.robustness.images.network import device_for, frozen
from rai_platform.training.model import TrainedModel


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that can be changed: a number moved, or a category set to one of its values.

    Attributes:
        at: its axis.
        value: the position that a category goes to; None of a number.
        rate: what one unit of a number costs, or the change of a category.
    """

    at: int
    value: int | None
    rate: float


def moves_of(feasible: FeasibleSet) -> tuple[Move, ...]:
    """All that can be changed, in the order of the axes; what costs nothing is left to other attacks."""
    found: list[Move] = []
    for at, axis in enumerate(feasible.axes):
        if isinstance(axis, NumberAxis):
            found.append(Move(at, None, axis.rate))
        else:
            found += [Move(at, value, axis.cost) for value in axis.allowed]
    return tuple(move for move in found if move.rate > 0)


class Relaxation(nn.Module):
    """Logits (people, 2) of moves (people, moves), as the network gives them for people so changed.

    What the network reads moves in a straight line with each of the moves, which is exact for standardized numbers and one-hot
    categories. The moves nearest to turning each decision are remembered.

    Args:
        model: a model that ``has_gradients``.
        feasible: the people, and what they could change.
        rows: which of them (people,).
        decided: the decisions about them as they are (people,).
    """

    def __init__(
        self, model: TrainedModel, feasible: FeasibleSet, rows: Indices, decided: npt.NDArray[np.int8]
    ) -> None:
        super().__init__()
        self.moves = moves_of(feasible)
        base, slopes, low, high = _linearized(model, feasible, rows, self.moves)
        at = device_for(None)
        self.base, self.slopes, self.low, self.high = (
            torch.as_tensor(part, dtype=torch.float32, device=at) for part in (base, slopes, low, high)
        )
        self.networks = [frozen(estimator.network_, at) for estimator in model.estimators]
        weights = model.manifest.weights or (1.0,)
        self.weights = torch.as_tensor(weights, dtype=torch.float32, device=at).log()[:, None]
        columns = model.manifest.class_columns
        self.positive = columns[1] if columns else 1
        threshold = 0.5 if model.manifest.threshold is None else model.manifest.threshold
        self.threshold = float(np.log(threshold) - np.log1p(-threshold)) if 0 < threshold < 1 else 0.0
        self.side = torch.as_tensor(np.where(decided == 1, 1.0, -1.0), dtype=torch.float32, device=at)
        self.margin = torch.full((len(rows),), torch.inf, device=at)
        self.nearest = torch.zeros_like(self.low)
        self.eval()

    def forward(self, moves: Tensor) -> Tensor:
        """Half the log odds over the threshold's, and its opposite."""
        confined = Confined.apply(moves, self.low, self.high)  # type: ignore[no-untyped-call]  # of torch, without types
        read = self.base + torch.einsum("nm,nmc->nc", confined, self.slopes)
        odds = self._odds(read) - self.threshold
        self._remember(confined.detach(), self.side * odds.detach())
        return torch.stack([-odds, odds], dim=1) / 2

    def _odds(self, read: Tensor) -> Tensor:
        logs = torch.stack([network(read).log_softmax(dim=1) for network in self.networks])
        of_each = torch.logsumexp(logs + self.weights[:, :, None], dim=0)
        odds = of_each[:, self.positive] - of_each[:, 1 - self.positive]
        return odds if odds.requires_grad or not read.requires_grad else odds + 0 * read.sum(dim=1)

    def _remember(self, moves: Tensor, margin: Tensor) -> None:
        nearer = margin < self.margin
        self.margin[nearer], self.nearest[nearer] = margin[nearer], moves[nearer]

    def forget(self) -> None:
        """Forgets the nearest moves, before another attack."""
        self.margin.fill_(torch.inf)
        self.nearest.zero_()

    def flat(self) -> npt.NDArray[np.bool_]:
        """Whether no move that could change what the network reads changes its logits, to the first order (people,)."""
        start = torch.zeros_like(self.low, requires_grad=True)
        read = self.base + torch.einsum("nm,nmc->nc", start, self.slopes)
        (gradient,) = torch.autograd.grad(self._odds(read).sum(), start)
        movable = (self.slopes != 0).any(dim=2)
        flat = ((gradient == 0) | ~movable).all(dim=1) & movable.any(dim=1)
        return np.asarray(flat.cpu().numpy(), dtype=bool)


class Confined(torch.autograd.Function):
    """Moves held within what each person can do; the gradient of an ascent ends where it leads out of that."""

    @staticmethod
    def forward(ctx: Any, moves: Tensor, low: Tensor, high: Tensor) -> Tensor:  # noqa: D102 - torch's protocol
        ctx.save_for_backward(moves <= low, moves >= high)
        return moves.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # noqa: D102 - torch's protocol
        at_low, at_high = ctx.saved_tensors
        leads_out = (at_low & (gradient < 0)) | (at_high & (gradient > 0))
        return gradient.masked_fill(leads_out, 0.0), None, None


def _linearized(
    model: TrainedModel, feasible: FeasibleSet, rows: Indices, moves: tuple[Move, ...]
) -> tuple[Floats, Floats, Floats, Floats]:
    """What the network reads of the people (people, columns), and how it changes with moves (people, moves, columns).

    Returns:
        Both, and how far each move goes down and up (people, moves), in units of cost.
    """
    origin = feasible.origin[rows]
    low, high, ends = np.zeros((len(rows), len(moves))), np.zeros((len(rows), len(moves))), []
    for number, move in enumerate(moves):
        axis, start, end = feasible.axes[move.at], origin[:, move.at], origin.copy()
        missing = np.isnan(start)
        if isinstance(axis, NumberAxis):
            lowest, highest = feasible.bounds(move.at, axis, rows)
            end[:, move.at] = np.where(highest - start >= start - lowest, highest, lowest)
            low[:, number] = np.where(missing, 0.0, (lowest - start) * move.rate)
            high[:, number] = np.where(missing, 0.0, (highest - start) * move.rate)
        else:
            end[:, move.at] = np.where(missing, np.nan, float(move.value or 0))
            high[:, number] = np.where(missing | (start == move.value), 0.0, move.rate)
        ends.append(end)
    asked = np.concatenate([origin, *ends])
    encoded = _dense(model.seen(feasible.table(np.tile(rows, len(moves) + 1), asked)))
    base, changed = encoded[: len(rows)], encoded[len(rows) :].reshape(len(moves), len(rows), -1)
    slopes = (changed - base).transpose(1, 0, 2)
    for number, move in enumerate(moves):
        reached = ends[number][:, move.at] - origin[:, move.at]
        way = np.nan_to_num(reached * move.rate) if move.value is None else high[:, number]
        slopes[:, number] = np.divide(
            slopes[:, number], way[:, None], out=np.zeros_like(slopes[:, number]), where=way[:, None] != 0
        )
    return base, slopes, low, high


def _dense(encoded: Any) -> Floats:
    return np.asarray(encoded.toarray() if hasattr(encoded, "toarray") else encoded, dtype="float64")
