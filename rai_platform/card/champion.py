"""The card's section on what changes if the model takes the place of the one in production."""

from collections.abc import Iterator

from rai_platform.card.figures import figure
from rai_platform.card.sections.champion import ChampionSection
from rai_platform.card.trades import in_words, moved_sentence, trade_row
from rai_platform.comparison.report import ChampionComparison

MEANING = "share of people whose decision is another one than that of the model in production"


def champion_section(found: ChampionComparison) -> ChampionSection:
    """Both models on the same people, in figures and in sentences."""
    return ChampionSection(
        version=found.version,
        entry=found.entry,
        not_possible=found.not_possible,
        n=found.n,
        changed=figure("changed", MEANING, found.changed, found.not_possible),
        accuracy_p_value=found.accuracy_p_value,
        summary="" if found.changed is None else " ".join(_summary(found)),
        caveat="" if found.changed is None else _caveat(found),
        trades=tuple(trade_row(trade, found.n) for trade in found.trades),
        moved=found.moved,
    )


def _summary(found: ChampionComparison) -> Iterator[str]:
    if found.changed is not None:
        yield f"Of {found.n:,} people, {found.changed.value:.1%} get another decision than they do today."
    for trade in found.trades:
        if trade.metric == "accuracy":
            yield moved_sentence("accuracy", trade, falls="falls", rises="rises", stays="goes")
        elif trade.metric == "disparate_impact" and trade.change.value is not None:
            what = f"disparate impact by {in_words(trade.feature or '')} (1 is equal)"
            yield moved_sentence(what, trade, falls="falls", rises="rises", stays="goes")


def _caveat(found: ChampionComparison) -> str:
    if found.same_training:
        return "Both learned from the same data, and neither from these people."
    return (
        "The model in production learned from other data, which may hold some of these people: it may then look better here "
        "than it is."
    )
