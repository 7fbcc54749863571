"""The section of the card about the model in production."""

from dataclasses import dataclass

from rai_platform.card.sections.figure import Figure
from rai_platform.card.sections.trades import TradeRow
from rai_platform.comparison.report import Moved


@dataclass(frozen=True, slots=True, kw_only=True)
class ChampionSection:
    """What changes if the model takes the place of the one in production; nothing is judged by it.

    Attributes:
        version: of the model in production, when it was promoted.
        entry: of that promotion in the ledger.
        not_possible: why the two cannot be compared; None where they can.
        n: people compared.
        changed: share of them whose decision is another one.
        accuracy_p_value: of both being right equally often, by McNemar's exact test.
        summary: in sentences.
        caveat: what to know before the figures are used.
        trades: every metric of both.
        moved: who is selected no longer, and who anew, by group.
    """

    version: str
    entry: int
    not_possible: str | None
    n: int
    changed: Figure
    accuracy_p_value: float | None
    summary: str
    caveat: str
    trades: tuple[TradeRow, ...]
    moved: tuple[Moved, ...]
