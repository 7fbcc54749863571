"""The section of the card about what the mitigation bought."""

from dataclasses import dataclass

from rai_platform.card.sections.trades import TradeRow


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierRow:
    """What the method gives at another setting."""

    setting: str
    accuracy: float
    disparity: float | None
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationSection:
    """What the mitigation bought, and at what price.

    Attributes:
        method: in words.
        constraint: what it equalizes, in words.
        feature: the sensitive feature or intersection it equalizes.
        disparity: the metric that measures the constraint.
        n: people compared.
        changed: share of them whose decision is another one.
        summary: in sentences.
        warnings: what to know before the model is used.
        trades: every metric compared.
        frontier: what the method gives at other settings; empty where it has one answer.
        frontier_note: what sets the models at other settings apart from this one; empty where nothing does.
        at_prediction: protected attributes that are needed to decide about a person.
    """

    method: str
    constraint: str
    feature: str
    disparity: str
    n: int
    changed: float
    summary: str
    warnings: tuple[str, ...]
    trades: tuple[TradeRow, ...]
    frontier: tuple[FrontierRow, ...]
    frontier_note: str
    at_prediction: tuple[str, ...]
