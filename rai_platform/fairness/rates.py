"""Rates: shares of people, as definitions on cells."""

from collections.abc import Sequence
from dataclasses import dataclass

from rai_platform.fairness.cells import FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_NEGATIVE, TRUE_POSITIVE, Cells
from rai_platform.statistics.estimates import Proportion

EVERYBODY = (TRUE_NEGATIVE, FALSE_POSITIVE, FALSE_NEGATIVE, TRUE_POSITIVE)
POSITIVES, NEGATIVES = (FALSE_NEGATIVE, TRUE_POSITIVE), (TRUE_NEGATIVE, FALSE_POSITIVE)
SELECTED, PASSED_OVER = (FALSE_POSITIVE, TRUE_POSITIVE), (TRUE_NEGATIVE, FALSE_NEGATIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of people, from 0 (nobody) to 1 (everybody).

    Attributes:
        name: its name in the field.
        symbols: its definition.
        of: the cells that are counted.
        among: the cells they are counted among.
        denominator: who is counted among, in words.
    """

    name: str
    symbols: str
    of: tuple[int, ...]
    among: tuple[int, ...]
    denominator: str


def _rate(name: str, symbols: str, of: tuple[int, ...], among: tuple[int, ...], denominator: str) -> Rate:
    return Rate(name=name, symbols=symbols, of=of, among=among, denominator=denominator)


# Names and definitions as in Fairlearn's and scikit-learn's metrics, and in Verma and Rubin, Fairness definitions
# explained, FairWare 2018. A rate whose denominator is empty is not estimable here; Fairlearn and AIF360 give 0 or NaN.
LABEL_RATE = _rate("label_rate", "P(y_true = 1 | group)", POSITIVES, EVERYBODY, "rows")
SELECTION_RATE = _rate("selection_rate", "P(y_pred = 1 | group)", SELECTED, EVERYBODY, "rows")
TRUE_POSITIVE_RATE = _rate(
    "true_positive_rate", "P(y_pred = 1 | y_true = 1, group)", (TRUE_POSITIVE,), POSITIVES, "positives"
)
FALSE_NEGATIVE_RATE = _rate(
    "false_negative_rate", "P(y_pred = 0 | y_true = 1, group)", (FALSE_NEGATIVE,), POSITIVES, "positives"
)
TRUE_NEGATIVE_RATE = _rate(
    "true_negative_rate", "P(y_pred = 0 | y_true = 0, group)", (TRUE_NEGATIVE,), NEGATIVES, "negatives"
)
FALSE_POSITIVE_RATE = _rate(
    "false_positive_rate", "P(y_pred = 1 | y_true = 0, group)", (FALSE_POSITIVE,), NEGATIVES, "negatives"
)
PRECISION = _rate("precision", "P(y_true = 1 | y_pred = 1, group)", (TRUE_POSITIVE,), SELECTED, "selected rows")
FALSE_DISCOVERY_RATE = _rate(
    "false_discovery_rate", "P(y_true = 0 | y_pred = 1, group)", (FALSE_POSITIVE,), SELECTED, "selected rows"
)
NEGATIVE_PREDICTIVE_VALUE = _rate(
    "negative_predictive_value",
    "P(y_true = 0 | y_pred = 0, group)",
    (TRUE_NEGATIVE,),
    PASSED_OVER,
    "rows that were not selected",
)
FALSE_OMISSION_RATE = _rate(
    "false_omission_rate",
    "P(y_true = 1 | y_pred = 0, group)",
    (FALSE_NEGATIVE,),
    PASSED_OVER,
    "rows that were not selected",
)
ACCURACY = _rate("accuracy", "P(y_pred = y_true | group)", (TRUE_NEGATIVE, TRUE_POSITIVE), EVERYBODY, "rows")
ERROR_RATE = _rate("error_rate", "P(y_pred != y_true | group)", (FALSE_POSITIVE, FALSE_NEGATIVE), EVERYBODY, "rows")

RATES = (
    SELECTION_RATE,
    TRUE_POSITIVE_RATE,
    FALSE_POSITIVE_RATE,
    TRUE_NEGATIVE_RATE,
    FALSE_NEGATIVE_RATE,
    PRECISION,
    FALSE_DISCOVERY_RATE,
    NEGATIVE_PREDICTIVE_VALUE,
    FALSE_OMISSION_RATE,
    ACCURACY,
    ERROR_RATE,
)
MAIN_RATES = (SELECTION_RATE, TRUE_POSITIVE_RATE, FALSE_POSITIVE_RATE, PRECISION, ACCURACY)  # what a table has room for


def group_rates(cells: Cells, rate: Rate) -> dict[str, Proportion | None]:
    """A rate of every group, None where its denominator is empty."""
    return {group: proportion(cells, index, rate) for index, group in enumerate(cells.groups)}


def proportion(cells: Cells, index: int, rate: Rate) -> Proportion | None:
    """The rate of one group, with effective counts where rows are weighted (Kish) or come in clusters (Korn, Graubard).

    A cluster that is in several groups counts in each of them as if it were another; what its rows share makes a difference
    between those groups smaller than it is taken to be.
    """
    weights, squares = cells.weights[index], cells.squares[index]
    total = sum(weights[cell] for cell in rate.among)
    if total <= 0:
        return None
    effective = total**2 / sum(squares[cell] for cell in rate.among)
    n = round(sum(cells.counts[index][cell] for cell in rate.among))
    if cells.moments is not None and cells.clusters is not None:
        effective = _clustered(cells, cells.moments[index], cells.clusters[index], index, rate, n)
    return Proportion(successes=sum(weights[cell] for cell in rate.of) / total * effective, trials=effective, n=n)


def _clustered(cells: Cells, moments_of_group: Sequence[float], clusters: int, index: int, rate: Rate, n: int) -> float:
    import numpy as np

    from rai_platform.statistics.clusters import size_from_moments

    weights, squares = np.array(cells.weights[index]), np.array(cells.squares[index])
    moments = np.array(moments_of_group).reshape(4, 4)
    among, of = (np.isin(range(4), part).astype("float64") for part in (rate.among, rate.of))
    total = float(weights @ among)
    distance = of - among * float(weights @ of) / total
    return size_from_moments(
        total=total,
        independent=float(squares @ distance**2),
        clustered=float(distance @ moments @ distance),
        squares=float(squares @ among),
        cluster_squares=float(among @ moments @ among),
        clusters=min(clusters, n),
        rows=n,
    )
