"""Subgroups nobody named: conjunctions of up to three attributes in which the model selects or errs differently.

Whoever looks at thousands of groups finds one that differs by chance. So the search goes through one half of the rows, and
what it finds is tested on the other half, which played no part in finding it: there the few candidates are compared with
everybody else, with the false discovery rate held by Benjamini and Hochberg's procedure, and with intervals that allow for
having been picked.

Source of the intervals: Benjamini and Yekutieli, False discovery rate-adjusted multiple confidence intervals for selected
parameters, JASA 100, 2005.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.sample import MISSING_GROUP
from rai_platform.fairness.rates import Rate
from rai_platform.fairness.report import Discovery, Subgroup
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.comparisons import adjusted_p_values, score_test
from rai_platform.statistics.estimates import normal_quantile
from rai_platform.statistics.proportions import difference_bounds

DEPTH = 3
MOST_VALUES = 8  # of one attribute; the rarer ones are taken together
NUMBER_BINS = 4
CANDIDATES = 40  # that go on to the second half
ECHO = 2.0  # standard errors; what remains of a smaller distance is the echo of a clearer subgroup
OTHER = "(other)"
Codes = npt.NDArray[np.int32]
Counts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A column in which people are told apart.

    Attributes:
        name: the column.
        values: names of its values or bins.
        codes: the value of every row (rows,), as a position in ``values``.
    """

    name: str
    values: tuple[str, ...]
    codes: Codes


def encode_attributes(table: pd.DataFrame) -> list[Attribute]:
    """Every column as a few values: numbers in bins of about equal size, rare categories together, missing by itself."""
    return [found for name in table.columns if len((found := _encoded(str(name), table[name])).values) > 1]


def discover(
    attributes: Sequence[Attribute],
    rate: Rate,
    y_true: npt.NDArray[np.int8],
    y_pred: npt.NDArray[np.int8],
    *,
    support: int,
    false_discovery_rate: float = 0.05,
    depth: int = DEPTH,
    seed: int,
) -> Discovery:
    """The subgroups whose rate differs most from everybody else's.

    Args:
        attributes: in which people are told apart.
        rate: what is compared.
        y_true: labels (rows,).
        y_pred: decisions (rows,).
        support: rows below which a subgroup is not looked at, in each half.
        false_discovery_rate: promised over the confirmed subgroups.
        depth: most attributes in one subgroup.
        seed: of the division into halves.
    """
    cell = 2 * y_true.astype("int64") + y_pred
    about = np.isin(cell, rate.among)
    counted = np.isin(cell, rate.of)[about]
    among = [Attribute(name=each.name, values=each.values, codes=each.codes[about]) for each in attributes]
    finding = np.random.default_rng(seed).random(len(counted)) < 0.5
    halves = [
        ([Attribute(name=each.name, values=each.values, codes=each.codes[rows]) for each in among], counted[rows])
        for rows in (finding, ~finding)
    ]
    searched, candidates = _search(*halves[0], support=support, depth=depth)
    return Discovery(
        rate=rate.name,
        overall=float(halves[1][1].mean()) if len(halves[1][1]) else None,
        searched=searched,
        support=support,
        false_discovery_rate=false_discovery_rate,
        subgroups=_confirm(candidates, *halves[1], support=support, promised=false_discovery_rate),
    )


@dataclass(frozen=True, slots=True)
class _Candidate:
    members: tuple[int, ...]
    values: tuple[int, ...]
    distance: float  # in standard errors, on the half that it was found on


def _search(
    attributes: list[Attribute], counted: npt.NDArray[np.bool_], *, support: int, depth: int
) -> tuple[int, list[_Candidate]]:
    """How many conjunctions have enough people, and those that differ most."""
    total, of = float(len(counted)), float(counted.sum())
    best: list[_Candidate] = []
    searched = 0
    for members, codes, shape in _conjunctions(attributes, depth, support):
        size = np.bincount(codes, minlength=int(np.prod(shape))).astype(float)
        found = np.bincount(codes[counted], minlength=len(size)).astype(float)
        large = np.flatnonzero((size >= support) & (total - size >= support))
        searched += len(large)
        if not len(large):
            continue
        distance = _distance(found[large], size[large], of - found[large], total - size[large])
        for place in np.argsort(-np.abs(distance))[:CANDIDATES]:
            values = tuple(int(value) for value in np.unravel_index(large[place], shape))
            best.append(_Candidate(members, values, float(distance[place])))
        if len(best) > 50 * CANDIDATES:
            best = sorted(best, key=lambda each: -abs(each.distance))[: 10 * CANDIDATES]
    clearest = sorted(best, key=lambda each: (-abs(each.distance), len(each.members), each.members, each.values))
    return searched, _without_echoes(clearest[: 10 * CANDIDATES], attributes, counted)


def _conjunctions(
    attributes: list[Attribute], depth: int, support: int
) -> Iterator[tuple[tuple[int, ...], Codes, tuple[int, ...]]]:
    """Attributes taken one, two and three at a time, with the joint code of every row; none that cannot have support."""
    sizes = [len(each.values) for each in attributes]
    for first in range(len(attributes)):
        yield (first,), attributes[first].codes, (sizes[first],)
    for first, second in itertools.combinations(range(len(attributes)), 2) if depth > 1 else ():
        pair = attributes[first].codes * sizes[second] + attributes[second].codes
        yield (first, second), pair, (sizes[first], sizes[second])
        if depth < 3 or np.bincount(pair).max(initial=0) < support:
            continue
        for third in range(second + 1, len(attributes)):
            codes = pair * sizes[third] + attributes[third].codes
            yield (first, second, third), codes, (sizes[first], sizes[second], sizes[third])


def _without_echoes(
    candidates: list[_Candidate], attributes: list[Attribute], counted: npt.NDArray[np.bool_]
) -> list[_Candidate]:
    """The clearest candidates, without those that differ only because they overlap with clearer ones.

    Each is compared once more among the rows that no clearer candidate holds.
    """
    kept: list[_Candidate] = []
    left = np.ones(len(counted), dtype=bool)
    for each in candidates:
        member = _members(each, attributes, len(counted))
        inside, outside = member & left, ~member & left
        sizes = float(inside.sum()), float(outside.sum())
        if min(sizes) > 0:
            of = float(counted[inside].sum()), float(counted[outside].sum())
            remains = _distance(*(np.array([value]) for value in (of[0], sizes[0], of[1], sizes[1])))[0]
            if abs(remains) >= ECHO and np.sign(remains) == np.sign(each.distance):
                kept.append(each)
                left &= ~member
        if len(kept) == CANDIDATES:
            break
    return kept


def _members(candidate: _Candidate, attributes: list[Attribute], rows: int) -> npt.NDArray[np.bool_]:
    member = np.ones(rows, dtype=bool)
    for at, value in zip(candidate.members, candidate.values, strict=True):
        member &= attributes[at].codes == value
    return member


def _confirm(
    candidates: list[_Candidate],
    attributes: list[Attribute],
    counted: npt.NDArray[np.bool_],
    *,
    support: int,
    promised: float,
) -> tuple[Subgroup, ...]:
    rows = []
    for each in candidates:
        member = _members(each, attributes, len(counted))
        if min(int(member.sum()), int((~member).sum())) >= max(1, support // 2):
            rows.append((each, float(counted[member].sum()), float(member.sum())))
    if not rows:
        return ()
    x1, n1 = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    x2, n2 = counted.sum() - x1, len(counted) - n1
    p_values = score_test(x1, n1, x2, n2)
    q_values = adjusted_p_values(p_values, method="benjamini_hochberg")
    confirmed = q_values <= promised
    alpha = promised * max(int(confirmed.sum()), 1) / len(rows)
    lower, upper = difference_bounds(x1, n1, x2, n2, z=normal_quantile(alpha / 2))
    found = [
        Subgroup(
            conditions=tuple(
                (attributes[at].name, attributes[at].values[value])
                for at, value in zip(row[0].members, row[0].values, strict=True)
            ),
            successes=int(x1[place]),
            n=int(n1[place]),
            rest_successes=int(x2[place]),
            rest_n=int(n2[place]),
            interval=Interval(lower=float(lower[place]), upper=float(upper[place])),
            p_value=float(p_values[place]),
            q_value=float(q_values[place]),
            confirmed=bool(confirmed[place]),
        )
        for place, row in enumerate(rows)
    ]
    return tuple(sorted(found, key=lambda each: (not each.confirmed, -abs(each.difference))))


def _distance(x1: Counts, n1: Counts, x2: Counts, n2: Counts) -> Counts:
    pooled = (x1 + x2) / (n1 + n2)
    error = np.sqrt(np.maximum(pooled * (1 - pooled) * (1 / n1 + 1 / n2), 1e-300))
    distance: Counts = (x1 / n1 - x2 / n2) / error
    return distance


def _encoded(name: str, column: pd.Series) -> Attribute:
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > MOST_VALUES:
        return _binned(name, column)
    codes, uniques = pd.factorize(column.astype(object), use_na_sentinel=False)
    texts = pd.Series([_text(value) for value in uniques], dtype=object)
    common = np.argsort(-np.bincount(codes, minlength=len(uniques)), kind="stable")[: MOST_VALUES - 1]
    if len(uniques) > MOST_VALUES:
        texts = texts.where(texts.index.isin(common) | (texts == MISSING_GROUP), OTHER)
    places, values = pd.factorize(texts, sort=True)
    return Attribute(name=name, values=tuple(str(value) for value in values), codes=places[codes].astype("int32"))


def _binned(name: str, column: pd.Series) -> Attribute:
    values = column.to_numpy("float64", na_value=np.nan)
    known = ~np.isnan(values)
    edges = np.unique(np.quantile(values[known], np.arange(1, NUMBER_BINS) / NUMBER_BINS, method="lower"))
    edges = edges[edges > values[known].min()]
    names = [f"under {edges[0]:g}"] if len(edges) else ["any number"]
    names += [f"{low:g} to under {high:g}" for low, high in itertools.pairwise(edges)]
    names += [f"{edges[-1]:g} and over"] if len(edges) else []
    codes = np.digitize(values, edges)
    if not known.all():
        codes = np.where(known, codes, len(names))
        names.append(MISSING_GROUP)
    return Attribute(name=name, values=tuple(names), codes=codes.astype("int32"))


def _text(value: object) -> str:
    from rai_platform.data.columns import cell_text

    if value is None or (isinstance(value, float) and np.isnan(value)):
        return MISSING_GROUP
    return cell_text(value)  # type: ignore[arg-type]  # a cell of a table
