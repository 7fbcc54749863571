"""Where falling functions reach their targets, for many at once."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
BISECTIONS = 50  # halves an interval of width 40 to below 1e-13
SECANTS = 12  # steps; a smooth function needs about five
SETTLED = 1e-9  # the last step of a secant that is this short leaves an error below 1e-13, ...
CLOSE = 1e-3  # ... where the function is already this close to its target


def bisected_roots(
    function: Callable[[Floats], Floats], low: Floats, high: Floats, *, target: float | Floats
) -> Floats:
    """Where a falling function reaches ``target`` between ``low`` and ``high``, elementwise."""
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        above = function(middle) > target
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return (low + high) / 2


def roots_near(
    function: Callable[..., Floats], columns: Floats, *, target: Floats, guesses: tuple[Floats, Floats], within: float
) -> Floats:
    """Where a falling function reaches ``target``, elementwise, from two guesses of where that is.

    Secants, kept between the points on either side of the target that are known so far; what they do not settle (a function
    that reaches its target nowhere, or at an edge) is bisected.

    Args:
        function: of a point and the columns.
        columns: what else it needs to know of each (columns, roots).
        target: of each (roots,).
        guesses: two different ones of each, each (roots,).
        within: the roots lie between this and its negative.

    Returns:
        (roots,).
    """
    low, high = np.full_like(target, -within), np.full_like(target, within)
    before, now = (np.clip(guess, -within, within) for guess in guesses)
    value_before, value = (function(point, *columns) - target for point in (before, now))
    settled = np.zeros(len(target), dtype=bool)
    for _ in range(SECANTS):
        for point, above in ((before, value_before > 0), (now, value > 0)):
            low = np.where(above, np.maximum(low, point), low)
            high = np.where(above, high, np.minimum(high, point))
        with np.errstate(divide="ignore", invalid="ignore"):
            there = now - value * (now - before) / (value - value_before)
        trusted = (there >= low) & (there <= high) & np.isfinite(value_before) & np.isfinite(value)
        settled = trusted & (np.abs(there - now) < SETTLED) & (np.abs(value) < CLOSE)
        there = np.where(trusted, there, (low + high) / 2)
        if settled.all():
            return there
        before, value_before, now = now, value, there
        value = function(now, *columns) - target
    left = ~settled
    now[left] = bisected_roots(
        lambda point: function(point, *columns[:, left]), low[left], high[left], target=target[left]
    )
    return now
