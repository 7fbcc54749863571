"""From estimates to the figures of the card: value, reported interval, rows."""

import dataclasses
import itertools

from rai_platform.card.coloured_texts import coloured_texts
from rai_platform.card.sections.examination import ExaminationSection
from rai_platform.card.sections.explanations import ExplanationSection, ImportanceRow, LocalExplanation
from rai_platform.card.sections.fairness import CalibrationPoint, FeatureFairness, GroupRow
from rai_platform.card.sections.figure import Figure
from rai_platform.card.sections.performance import ClassRow
from rai_platform.data.sample import MISSING_GROUP
from rai_platform.explanations.report import ExplainedRow, Explanations
from rai_platform.fairness.cells import Cells
from rai_platform.fairness.disparities import Account, MeasuredDisparity, account_for, measure_disparities, visible_gap
from rai_platform.fairness.law import CROSSED
from rai_platform.fairness.metrics import DISPARITIES, OF_RIGHT_ANSWERS, Disparity, is_about_right_answers
from rai_platform.fairness.rates import RATES, Rate, group_rates
from rai_platform.fairness.report import FairnessReport
from rai_platform.fairness.scores import ScoreCells
from rai_platform.performance.report import PerformanceReport
from rai_platform.spec.data import INTERSECTION
from rai_platform.spec.metrics import METRICS
from rai_platform.spec.model import ModelSpec
from rai_platform.spec.reading import ModelDefinition
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import Estimate, Proportion

PERFORMANCE_ORDER = (
    "accuracy",
    "accuracy_gain",
    "balanced_accuracy",
    "roc_auc",
    "log_loss",
    "brier_score",
    "expected_calibration_error",
)
EXAMPLE_CONTRIBUTIONS = 6


def figure(name: str, meaning: str, estimate: Estimate | None, why_not: str | None = None) -> Figure:
    """An estimate with its 95 % interval."""
    if estimate is None:
        return Figure(
            name=name, meaning=meaning, value=None, interval=None, n=0, why_not=why_not, state="not estimable"
        )
    return Figure(name=name, meaning=meaning, value=estimate.value, interval=estimate.bounds(), n=estimate.n)


def performance_figures(report: PerformanceReport) -> tuple[Figure, ...]:
    """Every performance metric, measured or not."""
    return tuple(
        figure(name, METRICS[name].meaning, report.measured.get(name), report.not_estimable.get(name))
        for name in PERFORMANCE_ORDER
    )


def class_rows(report: PerformanceReport) -> tuple[ClassRow, ...]:
    """How each of several classes is recognized, and what it is taken for."""
    return tuple(
        ClassRow(
            label=result.label,
            n=result.n,
            recall=figure("recall", "of its rows, decided for it", result.recall, "no row has it"),
            precision=figure(
                "precision", "of rows decided for it, those that have it", result.precision, "no row is decided for it"
            ),
            taken_for=_taken_for(place, report),
        )
        for place, result in enumerate(report.classes)
    )


def _taken_for(place: int, report: PerformanceReport) -> tuple[str, int] | None:
    mistakes = [(count, -other) for other, count in enumerate(report.matrix[place]) if other != place]
    count, other = max(mistakes)
    return (report.classes[-other].label, count) if count else None


def fairness_sections(report: FairnessReport, definition: ModelDefinition) -> tuple[FeatureFairness, ...]:
    """Every group of every feature and every disparity: measured, resting on too few people to be judged, or not estimable."""
    least = definition.policy.minimum_group_size
    by_selection = report.compared_by == "selected"
    asked = [each for name, each in DISPARITIES.items() if by_selection or is_about_right_answers(name)]
    found = measure_disparities(report.cells, asked)
    return tuple(
        FeatureFairness(
            feature=feature,
            groups=group_rows(cells, minimum_group_size=least, rates=RATES if by_selection else OF_RIGHT_ANSWERS),
            disparities=tuple(
                _disparity_figure(disparity, apart, account_for(cells, disparity, minimum_group_size=least))
                for disparity, apart in zip(asked, found[feature], strict=True)
            ),
            calibration=_calibration(report.scores.get(feature)),
            absent=_absent(feature, report, definition.spec),
        )
        for feature, cells in report.cells.items()
    )


def group_rows(cells: Cells, *, minimum_group_size: int = 0, rates: tuple[Rate, ...] = RATES) -> tuple[GroupRow, ...]:
    """What every group received, with Wilson intervals."""
    by_rate = {rate: group_rates(cells, rate) for rate in rates}
    return tuple(
        GroupRow(
            group=group,
            n=n,
            confusion=counts,
            rates=tuple(_rate_figure(rate, group, by_rate[rate], minimum_group_size) for rate in rates),
        )
        for group, n, counts in zip(cells.groups, cells.sizes, cells.counts, strict=True)
    )


def _absent(feature: str, report: FairnessReport, spec: ModelSpec) -> tuple[str, ...]:
    """Groups that ``bins`` declare, or that follow from crossing features, of which there is nobody."""
    from rai_platform.data.columns import declared_groups

    declared = {each.name: declared_groups(each) for each in spec.sensitive_features}
    parts = [feature] if feature in declared else feature.split(INTERSECTION)
    known = [
        tuple(dict.fromkeys((*declared.get(part, ()), *(report.cells[part].groups if part in report.cells else ()))))
        for part in parts
    ]
    there = set(report.cells[feature].groups)
    crossings = (crossed for crossed in itertools.product(*known) if MISSING_GROUP not in crossed)
    return tuple(name for crossed in crossings if (name := CROSSED.join(crossed)) not in there)


def _calibration(scores: ScoreCells | None) -> dict[str, tuple[CalibrationPoint, ...]]:
    """Score against observed rate in tenths of the scale, by group."""
    if scores is None:
        return {}
    return {
        group: tuple(
            CalibrationPoint(
                mean_score=point.mean_score,
                observed=point.observed.value,
                interval=point.observed.bounds(),
                n=point.observed.n,
            )
            for point in scores.calibration(group)
        )
        for group in scores.groups
    }


def _disparity_figure(disparity: Disparity, found: MeasuredDisparity, account: Account) -> Figure:
    """A disparity over all groups that have the rate at all, however small, and what its verdict could tell."""
    why_not = None
    if found.estimate is None:
        why_not = "nobody is selected in any group" if found.compared else "fewer than two groups can be compared"
    said = [account.in_words or "fewer than two groups are large enough to be judged"]
    said += [f"{group} is {why}" for group, why in account.left_out.items()]
    return Figure(
        name=disparity.name,
        meaning=METRICS[disparity.name].meaning,
        value=found.estimate,
        interval=found.interval,
        n=found.n,
        why_not=why_not,
        state="not estimable" if found.estimate is None else "measured" if account.smallest else "too small",
        detectable=account.detectable,
        accounted="; ".join(said),
    )


def explanation_section(
    report: Explanations,
    threshold: float | None,
    examination: ExaminationSection | None = None,
    explained_class: str | None = None,
) -> ExplanationSection:
    """Importance overall and by group, a few people's scores taken apart, and what was found out about the explanation."""
    return ExplanationSection(
        not_possible=report.not_possible,
        method=report.method,
        output=report.output,
        n=report.n,
        additivity_error=report.additivity_error,
        importance=tuple(
            ImportanceRow(
                feature=row.feature,
                mean_absolute=row.mean_absolute,
                interval=Interval(lower=row.lower, upper=row.upper),
                by_group={
                    feature: {group: values[at] for group, values in groups.items()}
                    for feature, groups in report.by_group.items()
                },
            )
            for at, row in enumerate(report.importance)
        ),
        examples=_examples(report, threshold) if report.modality == "table" else (),
        examination=examination,
        modality=report.modality,
        explained_class=explained_class,
        texts=coloured_texts(report),
    )


def _rate_figure(rate: Rate, group: str, rates: dict[str, Proportion | None], least: int) -> Figure:
    measured = figure(rate.name, rate.symbols, rates[group], f"no {rate.denominator}")
    if measured.value is None:
        return measured
    known = {name: value for name, value in rates.items() if value is not None}
    gap = visible_gap(known, group) if len(known) > 1 else None
    said = []
    if too_small := measured.n < least:
        said.append(f"too small: {measured.n:,} {rate.denominator}, {least:,} needed")
    if len(known) > 1:
        shown = "no gap would have shown" if gap is None else f"the smallest gap that would have shown is {gap:.2f}"
        said.append(f"with {measured.n:,} {rate.denominator} {shown}")
    return dataclasses.replace(
        measured,
        state="too small" if too_small else "measured",
        needed=least if too_small else None,
        detectable=gap,
        accounted="; ".join(said),
    )


def _examples(report: Explanations, threshold: float | None) -> tuple[LocalExplanation, ...]:
    """The lowest and the highest output, and the one closest to the middle of the outputs."""
    if not report.rows:
        return ()
    ordered = sorted(report.rows, key=lambda row: (row.output, row.row_key))
    chosen = {"the lowest score": ordered[0], "the highest score": ordered[-1]}
    if threshold is not None and report.output == "log odds" and threshold == 0.5:
        chosen["closest to the threshold"] = min(ordered, key=lambda row: (abs(row.output), row.row_key))
    elif threshold is not None and report.output != "log odds":
        chosen["closest to the threshold"] = min(ordered, key=lambda row: (abs(row.output - threshold), row.row_key))
    return tuple(_example(title, row, report) for title, row in chosen.items())


def _example(title: str, row: ExplainedRow, report: Explanations) -> LocalExplanation:
    order = sorted(range(len(row.attributions)), key=lambda at: -abs(row.attributions[at]))[:EXAMPLE_CONTRIBUTIONS]
    return LocalExplanation(
        title=title,
        output=row.output,
        contributions=tuple((report.features[at], row.values[at], row.attributions[at]) for at in order),
    )
