"""A metric of two models on the same people."""

from dataclasses import dataclass

from rai_platform.card.sections.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """A metric of two models on the same people, and its change.

    Attributes:
        metric: its name.
        feature: what it is measured by; None for a metric over everybody.
        before: of the model that gives way: the one without mitigation, or the one in production.
        after: of the model of this card.
        change: after minus before.
    """

    metric: str
    feature: str | None
    before: Figure
    after: Figure
    change: Figure
