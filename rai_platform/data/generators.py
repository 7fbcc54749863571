"""Embedded data whose truth is known: a structural model of lending decisions.

Every applicant has an ability to repay ``z``, normal with mean 0 and variance 1, which is independent of sex and age.
Nobody sees it. What a lender sees are readings of it::

    reading_k = z - gap_k * [female] + noise_k * e_k          e_k independent, standard normal

``gap`` is the unfairness of the measurement, not of the people: for women the same ability comes with a lower recorded
income and a shorter recorded employment (career breaks). The readings of savings, debt and late payments have no gap.
The loan is ``repaid`` when ``z + 0.7 e > threshold``, with the same probability for everybody. ``approved`` is what a
past scorecard decided, a weighted sum of the readings above a cutoff. Since all of this is linear and normal, the
scorecard's selection rate, true and false positive rate in each group have closed forms (``lending_truth``), and its
disparate impact is the number that was asked for.

The columns are rounded, rising functions of the readings in units that people know.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import multivariate_normal, norm

from rai_platform.data.text_generators import prompts

READINGS = ("income", "years_employed", "savings", "debt_to_income", "late_payments")
NOISE = np.array([0.45, 1.2, 1.0, 1.1, 1.3])
GAP_SHAPE = np.array([1.0, 0.5, 0.0, 0.0, 0.0])  # which readings carry the gap, and how much of it
SCORECARD = np.array([0.60, 0.10, 0.12, 0.10, 0.08])
OUTCOME_NOISE = 0.7
REPAID_RATE = 0.6
APPROVAL_RATE = 0.6  # of men, by the past scorecard


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTruth:
    """What the scorecard of the lending model does to a group, exactly.

    Attributes:
        selection_rate: P(approved).
        true_positive_rate: P(approved | repaid).
        false_positive_rate: P(approved | not repaid).
    """

    selection_rate: float
    true_positive_rate: float
    false_positive_rate: float


def lending(
    *, rows: int = 20_000, seed: int = 0, disparate_impact: float = 0.6, female_share: float = 0.45
) -> pd.DataFrame:
    """Loan applications with their outcome and a past decision, one row each.

    Args:
        rows: number of applications.
        seed: of the generator; equal arguments give equal tables.
        disparate_impact: the past scorecard's selection rate of women divided by that of men, over 0 and up to 1.
        female_share: share of women, over 0 and below 1.

    Returns:
        A table with the columns ``income`` (thousands a year), ``years_employed``, ``savings`` (thousands),
        ``debt_to_income`` (share), ``late_payments`` (count), ``home`` and ``purpose`` (categories), ``amount``
        (thousands), ``sex``, ``age``, ``repaid`` and ``approved`` (0 or 1).

    Raises:
        ValueError: an argument outside its range.
    """
    if rows < 1 or not 0 < female_share < 1:
        raise ValueError(f"expected rows >= 1 and 0 < female_share < 1, got {rows} and {female_share}")
    rng = np.random.default_rng(seed)
    female = rng.random(rows) < female_share
    ability = rng.standard_normal(rows)
    gap = _gap(disparate_impact) * GAP_SHAPE
    readings = ability[:, None] - female[:, None] * gap + NOISE * rng.standard_normal((rows, len(READINGS)))
    repaid = ability + OUTCOME_NOISE * rng.standard_normal(rows) > _outcome_threshold()
    approved = readings @ SCORECARD > _cutoff()
    income, employed, savings, debt, late = readings.T
    home = np.select([savings + rng.standard_normal(rows) > 0.8, rng.random(rows) < 0.7], ["own", "rent"], "other")
    table = pd.DataFrame(
        {
            "income": np.round(np.exp(3.6 + 0.35 * income), 1),
            "years_employed": np.round(np.clip(8 + 4 * employed, 0, 45), 1),
            "savings": np.round(np.exp(1.5 + 0.8 * savings), 1),
            "debt_to_income": np.round(norm.cdf(-0.6 - 0.5 * debt), 3),
            "late_payments": np.clip(np.floor(1.2 - 0.8 * late), 0, None).astype("int64"),
            "home": home,
            "purpose": rng.choice(["car", "education", "home improvement", "business", "other"], rows),
            "amount": np.round(np.exp(rng.normal(2.3, 0.6, rows)), 1),
            "sex": np.where(female, "female", "male"),
            "age": rng.integers(21, 71, rows),
            "repaid": repaid.astype("int64"),
            "approved": approved.astype("int64"),
        }
    )
    table["savings"] = table["savings"].where(rng.random(rows) > 0.03)  # three in a hundred leave it blank
    return table


def lending_truth(*, disparate_impact: float = 0.6) -> dict[str, GroupTruth]:
    """What the scorecard that made ``approved`` does to ``female`` and ``male``, exactly, with ``repaid`` as outcome."""
    spread, threshold = _score_spread(), _outcome_threshold() / math.hypot(1, OUTCOME_NOISE)
    correlation = SCORECARD.sum() / (spread * math.hypot(1, OUTCOME_NOISE))
    shift = _gap(disparate_impact) * float(SCORECARD @ GAP_SHAPE)
    truth = {}
    for group, cutoff in {"female": (_cutoff() + shift) / spread, "male": _cutoff() / spread}.items():
        selected, positive = float(norm.sf(cutoff)), float(norm.sf(threshold))
        both = float(multivariate_normal.cdf([-cutoff, -threshold], cov=[[1, correlation], [correlation, 1]]))
        truth[group] = GroupTruth(
            selection_rate=selected,
            true_positive_rate=both / positive,
            false_positive_rate=(selected - both) / (1 - positive),
        )
    return truth


def _score_spread() -> float:
    return math.sqrt(SCORECARD.sum() ** 2 + float(((SCORECARD * NOISE) ** 2).sum()))


def _cutoff() -> float:
    return float(norm.isf(APPROVAL_RATE)) * _score_spread()


def _outcome_threshold() -> float:
    return float(norm.isf(REPAID_RATE)) * math.hypot(1, OUTCOME_NOISE)


def _gap(disparate_impact: float) -> float:
    """The gap at which the scorecard selects women at ``disparate_impact`` times the rate of men."""
    if not 0 < disparate_impact <= 1:
        raise ValueError(f"expected 0 < disparate_impact <= 1, got {disparate_impact}")
    shift = float(norm.isf(disparate_impact * APPROVAL_RATE)) * _score_spread() - _cutoff()
    return shift / float(SCORECARD @ GAP_SHAPE)


GENERATORS: dict[str, Callable[..., pd.DataFrame]] = {"lending": lending, "prompts": prompts}
