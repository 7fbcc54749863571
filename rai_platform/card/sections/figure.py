"""A measured value as the card shows it."""

from dataclasses import dataclass
from typing import Literal

from rai_platform.spec.verdict import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured value.

    Attributes:
        name: the metric.
        meaning: what it is, in one line.
        value: the estimate; None where it is not estimable.
        interval: 95 % interval; None where there is none.
        n: rows it rests on.
        why_not: why there is no value.
        state: whether it is measured, rests on too few people to be judged, or is not estimable.
        needed: rows it takes to be judged, where it rests on too few.
        detectable: the smallest gap (of the group from everybody else; of a disparity, of the smallest group that is judged)
            that so many people would have shown; None where none would have, or nobody can be compared.
        accounted: that in words, with who is left out of a verdict and why; empty where there is nothing to say.
    """

    name: str
    meaning: str
    value: float | None
    interval: Interval | None
    n: int
    why_not: str | None = None
    state: Literal["measured", "too small", "not estimable"] = "measured"
    needed: int | None = None
    detectable: float | None = None
    accounted: str = ""
