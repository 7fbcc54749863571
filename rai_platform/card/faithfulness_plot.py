"""The picture of whether attributions name what the model uses: what is lost and won in their order, and by chance."""

from rai_platform.card.drawing import INK, MAIN, MUTED, SECOND, Format, new_canvas, written
from rai_platform.explanations.report import Explanations

PARTS = {"table": "features", "image": "cells", "text": "words"}


def draw_faithfulness(report: Explanations, *, kind: Format) -> bytes | None:
    """Deletion and insertion beside random orders; None where nothing was measured."""
    curves = report.examination.curves if report.examination else None
    if curves is None:
        return None
    panels = (
        ("Taken away", "of the distance lost", curves.deletion, curves.random_deletion, MAIN),
        ("Put back", "of the distance won", curves.insertion, curves.random_insertion, SECOND),
    )
    highest = max(1.0, *(max(each) for _, _, *pair, _ in panels for each in pair))
    lowest = min(0.0, *(min(each) for _, _, *pair, _ in panels for each in pair))
    with new_canvas(3.9, 4.4, rows=2) as (canvas, axes):
        for axis, (title, label, by_size, by_chance, colour) in zip(axes, panels, strict=True):
            axis.fill_between(curves.replaced, by_chance, by_size, color=colour, alpha=0.15, lw=0)
            axis.plot(curves.replaced, by_chance, "--", color=MUTED, lw=1.4, label="in a random order")
            axis.plot(curves.replaced, by_size, "o-", color=colour, ms=3.5, lw=1.8, label="strongest first")
            axis.set(title=title, xlabel=f"share of the {PARTS[report.modality]}", ylabel=f"share {label}", xlim=(0, 1))
            axis.set_ylim(lowest - 0.05, highest * 1.08)
            axis.legend(loc="lower right", fontsize=8, labelcolor=INK)
        return written(canvas, kind)
