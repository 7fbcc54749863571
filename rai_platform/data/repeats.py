"""Rows that occur more than once, and whether chance alone would have made them alike."""

import numpy as np
import numpy.typing as npt
import pandas as pd

# Columns hang together in more ways than one by one, which makes people alike more often; so many times as often is allowed for.
MOST_OFTEN = 30
ROWS_FOR_INFORMATION = 5000
Codes = npt.NDArray[np.int64]


def not_by_chance(normal: pd.DataFrame, record: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The records that chance would not have given to two people: a row that repeats one of them was copied.

    A table that tells people by a few coarse columns holds many rows that are equal, and all of them people of their own. How many
    rows are expected to be like a record is taken from the tree of columns in which each depends on the one that tells most about
    it: (other rows) x product over columns of (share of the record's value among the other rows that have the record's value in
    the column before it). Rows equal to the record are no others, so that copies do not explain each other.

    Source: Chow and Liu, Approximating discrete probability distributions with dependence trees, IEEE Transactions on
    Information Theory 14(3), 1968.

    Args:
        normal: the columns by which people are told apart (rows, columns); equal values in equal types.
        record: hash of every row (rows,).

    Returns:
        The hashes of those that are met over ``MOST_OFTEN`` times as often as expected, each once.
    """
    alike = _times(record)
    expected = (len(record) - alike).astype("float64")
    codes = [pd.factorize(normal[name], use_na_sentinel=False)[0].astype("int64") for name in normal]
    everybody = np.zeros(len(record), dtype="int64")
    for column, before in _dependence_tree(codes):
        given = everybody if before is None else codes[before]
        both = _times(_pair(codes[column], given)) - alike
        expected *= both / np.maximum(_times(given) - alike, 1)
    copied: npt.NDArray[np.uint64] = np.unique(record[MOST_OFTEN * expected < np.maximum(alike - 1, 1)])
    return copied


def _dependence_tree(codes: list[Codes]) -> list[tuple[int, int | None]]:
    """Every column with the one it depends on, None where no other tells anything about it: the heaviest spanning tree."""
    chosen = np.random.default_rng(0).permutation(len(codes[0]) if codes else 0)[:ROWS_FOR_INFORMATION]
    few = [column[chosen] for column in codes]
    alone = [_entropy(column) for column in few]
    tree: list[tuple[int, int | None]] = []
    best: dict[int, tuple[float, int | None]] = dict.fromkeys(range(len(codes)), (0.0, None))
    while best:
        column = max(best, key=lambda at: best[at][0])
        tree.append((column, best.pop(column)[1]))
        for other, (known, _) in best.items():
            information = alone[column] + alone[other] - _entropy(_pair(few[column], few[other]))
            if information > known:
                best[other] = (information, column)
    return tree


def _entropy(codes: Codes) -> float:
    """Entropy in nats, corrected for few rows (Miller, Note on the bias of information estimates, 1955)."""
    count = np.unique(codes, return_counts=True)[1]
    share = count / len(codes)
    return float(-(share * np.log(share)).sum() + (len(count) - 1) / (2 * len(codes)))


def _pair(one: Codes, other: Codes) -> Codes:
    paired: Codes = one * (other.max(initial=0) + 1) + other
    return paired


def _times(values: npt.NDArray[np.generic]) -> Codes:
    """How often each row's value occurs (rows,)."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    times: Codes = count[place]
    return times
