"""Explained texts as the card shows them: words coloured by what they add."""

from rai_platform.card.sections.explanations import ColouredText, ColouredWord
from rai_platform.card.visible import visible
from rai_platform.explanations.report import Explanations

SHOWN = 3  # of right and of wrong decisions for each class


def coloured_texts(report: Explanations) -> tuple[ColouredText, ...]:
    """Some texts, those that are decided wrongly first."""
    kept: dict[tuple[bool, str], int] = {}
    found = []
    for text in sorted(report.texts, key=lambda each: (each.is_right, each.decided)):
        kind = text.is_right, text.decided
        kept[kind] = kept.get(kind, 0) + 1
        if kept[kind] > SHOWN:
            continue
        largest = max(map(abs, text.attributions), default=0.0) or 1.0
        found.append(
            ColouredText(
                label=text.label,
                decided=text.decided,
                output=text.output,
                words=tuple(
                    ColouredWord(text=visible(word), attribution=value, strength=round(value / largest, 3))
                    for word, value in zip(text.words, text.attributions, strict=True)
                ),
                left_out=text.left_out,
            )
        )
    return tuple(found)
