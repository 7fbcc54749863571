"""The picture of accuracy under attack."""

from rai_platform.card.drawing import MAIN, MUTED, PALE, Format, new_canvas, written
from rai_platform.robustness.attack_report import ConstrainedAttack


def draw_attack(report: ConstrainedAttack | None, *, kind: Format) -> bytes | None:
    """Accuracy over what changes may cost, of every attack and of all together; None where nobody was attacked."""
    if report is None or report.accuracy is None or not report.worst_case:
        return None
    worst = sorted(report.worst_case, key=lambda point: point.budget)
    budgets = [0.0, *(point.budget for point in worst)]
    with new_canvas(4.2, 2.7) as (canvas, (axis,)):
        for attack in dict.fromkeys(point.attack for point in report.curve if point.attack != "worst_case"):
            points = sorted((each for each in report.curve if each.attack == attack), key=lambda point: point.budget)
            axis.plot(
                budgets,
                [report.accuracy.value, *(point.accuracy.value for point in points)],
                color=PALE,
                lw=1,
                marker=".",
                label="one attack" if attack == report.curve[0].attack else None,
            )
        rates = [report.accuracy, *(point.accuracy for point in worst)]
        bounds = [rate.bounds() for rate in rates]
        axis.fill_between(budgets, [b.lower for b in bounds], [b.upper for b in bounds], color=MAIN, alpha=0.18, lw=0)
        axis.plot(budgets, [rate.value for rate in rates], "o-", color=MAIN, ms=4, lw=1.6, label="worst case")
        axis.axhline(report.accuracy.value, color=MUTED, lw=1, ls=":")
        axis.set(xlabel="what changes may cost", ylabel="accuracy", ylim=(0, 1.01), xlim=(0, None))
        axis.legend(loc="upper right", fontsize=8)
        return written(canvas, kind)
