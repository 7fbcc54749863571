"""What changes between two models, in figures and in sentences."""

from rai_platform.card.sections.figure import Figure
from rai_platform.card.sections.trades import TradeRow
from rai_platform.comparison.report import Measured, Trade
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.verdict import Interval


def in_words(name: str) -> str:
    """A name as people say it: ``exponentiated gradient``."""
    return name.replace("_x_", " x ").replace("_", " ")


def trade_row(trade: Trade, n: int) -> TradeRow:
    """A trade on so many people as the card shows it."""
    why_not = "fewer than two groups can be compared, or nobody is selected in any group"

    def figure(value: float | None, interval: Interval | None) -> Figure:
        return Figure(
            name=trade.metric,
            meaning=METRICS[trade.metric].meaning,
            value=value,
            interval=interval,
            n=n,
            why_not=why_not if value is None else None,
        )

    def side(of: Measured) -> Figure:
        return figure(of.value, of.interval)

    return TradeRow(
        metric=trade.metric,
        feature=trade.feature,
        before=side(trade.before),
        after=side(trade.after),
        change=side(trade.change),
    )


def moved_sentence(what: str, trade: Trade, *, falls: str, rises: str, stays: str = "went") -> str:
    """Which way a metric went, in a sentence; where its interval holds 0, that these people do not show it."""
    before, after, bounds = trade.before.value, trade.after.value, trade.change.interval
    if before is None or after is None or bounds is None:
        return f"Nothing can be said about {what}: it has no value on these people."
    told = f"from {before:.3f} to {after:.3f} (a change of {bounds.lower:+.3f} to {bounds.upper:+.3f}, with 95 % confidence)"
    if bounds.upper < 0:
        sentence = f"{what} {falls} {told}."
    elif bounds.lower > 0:
        sentence = f"{what} {rises} {told}."
    else:
        sentence = f"{what} {stays} {told}: these people do not show that it changed."
    return sentence[0].upper() + sentence[1:]
