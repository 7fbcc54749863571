"""The Square attack: a random search over squares of pixels that sees scores, and no gradients.

Source: Andriushchenko, Croce, Flammarion and Hein, Square attack: a query-efficient black-box adversarial attack via random
search, ECCV 2020, algorithms 1 to 3.
"""

import math

import torch
from foolbox.models.base import Model
from torch import Tensor

from rai_platform.robustness.images.found import Found
from rai_platform.robustness.images.geometry import TINY, Ball, sizes, spread
from rai_platform.robustness.images.losses import margin
from rai_platform.robustness.images.report import Norm
from rai_platform.robustness.images.untargeted import Untargeted

HALVINGS = (10, 50, 200, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries: where the area of a square is halved
SCHEDULE = 10_000
AREA = 0.8  # the share of pixels that the first square covers
TILES = 5  # squares a side at the start of L2


def side(query: int, queries: int, height: int, width: int) -> int:
    """The side of the square changed by a query: the area begins at 80 % of the pixels and is halved along the schedule."""
    now = query * SCHEDULE / queries
    area = AREA / 2 ** sum(now > mark for mark in HALVINGS)
    return max(1, min(round(math.sqrt(area * height * width)), height, width))


def hill(size: int) -> Tensor:
    """The square of L2, of norm 1 (size, size): half a hill up, half a hill down (section 3.4, equation 2).

    A hill of h1 by h2 pixels is η_rs = Σ_{k=0}^{M(r, s)} 1 / (n + 1 - k)², n = ⌊h1/2⌋, M the number of rings that lie outside.
    """
    half = size // 2
    parts = [_mound(half, size), -_mound(size - half, size)]
    pattern = torch.cat([part for part in parts if part.numel()])
    return pattern / (pattern**2).sum().sqrt()


def _mound(height: int, width: int) -> Tensor:
    """A hill (height, width): every ring inwards adds to what it stands on."""
    mound = torch.zeros(height, width)
    top = (min(height, width) + 1) // 2
    for ring in range(top):
        mound[ring : height - ring, ring : width - ring] += 1.0 / (top - ring) ** 2
    return mound


class Square(Untargeted):
    """The Square attack, untargeted, on the margin z_y - max_{i≠y} z_i.

    Every query changes one square of the perturbation, at a place of its own in every image, and keeps the change where it
    lowers the margin. An image is left alone once it is classified wrongly.

    Args:
        norm: the distance.
        queries: forward passes about an image, at most.
        seed: of the search.
    """

    NAME = "the Square attack"

    def __init__(self, *, norm: Norm, queries: int = 1000, seed: int = 0) -> None:
        super().__init__(norm=norm, seed=seed)
        self.queries = queries

    def search(self, model: Model, images: Tensor, labels: Tensor, *, epsilon: float) -> Found:
        """What the search finds against images (batch, channels, height, width) with labels (batch,)."""
        generator = torch.Generator().manual_seed(self.seed)
        ball = Ball(images, self.norm, epsilon)
        propose = _squares_linf if self.norm == "linf" else _squares_l2
        best = ball.project(images + _start(ball, generator))
        lowest = _margins(model, best, labels)
        first = torch.where(lowest < 0, 0, -1)
        height, width = images.shape[2:]
        for query in range(1, self.queries):
            left = torch.nonzero(first < 0).flatten()
            if not len(left):
                break
            here = ball.of(left)
            size = side(query, self.queries, height, width)
            tried = here.project(propose(here, best[left], size, generator))
            margins = _margins(model, tried, labels[left])
            better = margins < lowest[left]
            best[left] = torch.where(spread(better, tried), tried, best[left])
            lowest[left] = torch.where(better, margins, lowest[left])
            first[left] = torch.where(margins < 0, query, -1)
        return Found(images=best, first=first, iterations=self.queries)


def _margins(model: Model, images: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        return -margin(model(images), labels)


def _signs(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return 2.0 * torch.randint(0, 2, shape, generator=generator) - 1.0


def _start(ball: Ball, generator: torch.Generator) -> Tensor:
    """Stripes one pixel wide for the maximum norm; tiles of hills for L2 (batch, channels, height, width)."""
    batch, channels, height, width = ball.centre.shape
    if ball.norm == "linf":
        return ball.epsilon * _signs((batch, channels, 1, width), generator).to(ball.centre.device)
    size = max(1, min(height, width) // TILES)
    rows, columns = -(-height // size), -(-width // size)
    signs = _signs((batch, channels, rows, columns), generator)
    tiled = hill(size).repeat(rows, columns)[:height, :width]
    wide = signs.repeat_interleave(size, 2).repeat_interleave(size, 3)[:, :, :height, :width] * tiled
    return (ball.epsilon * wide / spread(sizes(wide, "l2").clamp_min(TINY), wide)).to(ball.centre.device)


def _windows(ball: Ball, size: int, generator: torch.Generator) -> Tensor:
    """A square at random in every image, as a mask (batch, 1, height, width)."""
    batch, _, height, width = ball.centre.shape
    top = torch.randint(0, height - size + 1, (batch, 1, 1, 1), generator=generator)
    left = torch.randint(0, width - size + 1, (batch, 1, 1, 1), generator=generator)
    down, across = torch.arange(height).reshape(1, 1, -1, 1), torch.arange(width).reshape(1, 1, 1, -1)
    inside = (down >= top) & (down < top + size) & (across >= left) & (across < left + size)
    return inside.to(ball.centre.device)


def _squares_linf(ball: Ball, best: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """The best images with one square set to ±epsilon, one sign for each channel (algorithm 2)."""
    batch, channels = best.shape[:2]
    signs = _signs((batch, channels, 1, 1), generator).to(best.device)
    inside = _windows(ball, size, generator)
    return torch.where(inside, ball.centre + ball.epsilon * signs, best)


def _squares_l2(ball: Ball, best: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """The best images with the length of two squares, and what was left unused, put into a hill in one of them (algorithm 3)."""
    batch, channels, height, width = best.shape
    size = min(max(size, 2), height, width)
    delta = best - ball.centre
    here, there = _windows(ball, size, generator), _windows(ball, size, generator)
    length = (delta**2 * (here | there)).sum((2, 3), keepdim=True)
    unused = (ball.epsilon**2 - (delta**2).sum((1, 2, 3), keepdim=True)).clamp_min(0.0)
    old = torch.where(here, delta, 0.0)
    old = old / (old**2).sum((2, 3), keepdim=True).sqrt().clamp_min(TINY)
    signs = _signs((batch, channels, 1, 1), generator).to(best.device)
    turned = hill(size).T if bool(torch.randint(0, 2, (1,), generator=generator)) else hill(size)
    new = old.masked_scatter(here.expand_as(old), turned.to(best.device).expand(batch, channels, size, size)) * signs
    new = new + old
    new = new / (new**2).sum((2, 3), keepdim=True).sqrt().clamp_min(TINY)
    new = new * (unused / channels + length).sqrt()
    return ball.centre + torch.where(here, new, torch.where(there, 0.0, delta))
