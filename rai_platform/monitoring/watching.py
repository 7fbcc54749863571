"""From predictions to a report: windows cut, counted, held against the reference, and alerts opened and closed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import polars as pl

from rai_platform.fairness.cells import Cells
from rai_platform.fairness.disparities import measure_disparities
from rai_platform.fairness.metrics import DISPARITIES
from rai_platform.fairness.rates import (
    ACCURACY,
    FALSE_POSITIVE_RATE,
    PRECISION,
    SELECTION_RATE,
    TRUE_POSITIVE_RATE,
    Rate,
    group_rates,
)
from rai_platform.monitoring.alarms import Alert, Detector, Subject
from rai_platform.monitoring.attributions import Attributed, ndcg
from rai_platform.monitoring.classes import class_recalls, class_shares
from rai_platform.monitoring.cuts import Cut, cut, name_of
from rai_platform.monitoring.drift import measure_drift
from rai_platform.monitoring.monitors import Look, Monitor, Share, Tolerances, looks
from rai_platform.monitoring.outcomes import NOBODY_KNOWS, Numbers
from rai_platform.monitoring.report import (
    AttributionDrift,
    Maturity,
    MonitoringReport,
    Rates,
    WatchedDisparity,
    WatchedWindow,
)
from rai_platform.monitoring.windows import ALL, SCORE, Predicted, Reference, Window, count_window
from rai_platform.spec.monitoring import Monitoring, duration
from rai_platform.statistics.estimates import Proportion

OF_LABELS = (ACCURACY, TRUE_POSITIVE_RATE, FALSE_POSITIVE_RATE, PRECISION)
WATCHED = tuple(
    DISPARITIES[name] for name in ("demographic_parity_difference", "disparate_impact", "equalized_odds_difference")
)
NEED_LABELS = ("equalized_odds_difference",)
SELECTIVE = 0.2  # of labelled shares of those selected and not: from here on labels tell of one of them alone
Explain = Callable[
    [str, pl.Series], Attributed | str
]  # a window's name and rows; a text says why they cannot be explained
PRIOR = 1.0  # row that a bin of the reference adds to its label rate, at the rate of all


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Which model is watched.

    Attributes:
        model: its name.
        version: in production.
        digest: of that version.
    """

    model: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """That what an alert told of is the new normal.

    Attributes:
        about: what the alert is about.
        opened: the window after which it was told.
        until: the last window before it was acknowledged; the windows from one to the other are the new reference.
    """

    about: Subject
    opened: str
    until: str


def watch(
    predicted: Predicted,
    recorded_at: pl.Series,
    versions: pl.Series,
    reference: Reference,
    settings: Monitoring,
    *,
    watched: Watched,
    now: datetime,
    acknowledged: Sequence[Acknowledged] = (),
    explain: Explain | None = None,
) -> MonitoringReport:
    """What the windows that are over by now say.

    Args:
        predicted: the predictions since the version went into production, with what is known about them now.
        recorded_at: when each was made; UTC (rows,).
        versions: which version made each (rows,).
        reference: what counts as normal.
        settings: of the windows and the alarms.
        watched: which model.
        now: the time.
        acknowledged: alerts that somebody said are the new normal.
        explain: what moves the score in the rows of a window; None where it is not watched.
    """
    cuts = list(cut(recorded_at, settings.window, least=settings.minimum_rows, now=now))
    counted = [
        (each, count_window(predicted.take(each.rows), reference, name=name_of(each.start, settings.window)))
        for each in cuts
    ]
    explained = [explain(window.name, each.rows) if explain else None for each, window in counted]
    counted = [
        (each, replace(window, attributed=found) if isinstance(found, Attributed) else window)
        for (each, window), found in zip(counted, explained, strict=True)
    ]
    maturity = [_maturity(window, each.end, settings, now) for each, window in counted]
    early, late = _detected([window for _, window in counted], maturity, reference, settings, acknowledged)
    return MonitoringReport(
        model=watched.model,
        version=watched.version,
        model_digest=watched.digest,
        reference=reference.says,
        made_at=now.astimezone(UTC).isoformat(timespec="seconds"),
        windows=tuple(
            _told(each, window, reference, versions.gather(each.rows), state, early, late, found)
            for (each, window), state, found in zip(counted, maturity, explained, strict=True)
        ),
        alerts=tuple(sorted((*early.alerts, *late.alerts), key=lambda alert: alert.opened)),
        skipped=sum(each.joined for each in cuts),
    )


def _maturity(window: Window, end: datetime, settings: Monitoring, now: datetime) -> Maturity:
    share = window.outcomes[ALL].labelled / window.n
    if share >= settings.labels.share:
        return "mature"
    if now < end + duration(settings.labels.after):
        return "waiting"
    return "mature" if share >= settings.labels.least_share else "never"


# --- alerts ----------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Held:
    """Windows held against what is normal, one after the other.

    Attributes:
        alerts: that were opened.
        usual: the last reference that a window was held against.
        references: which one each window was held against, by name.
        looks: what each window says of the monitors, by name.
    """

    usual: Reference
    alerts: list[Alert] = field(default_factory=list)
    references: dict[str, Reference] = field(default_factory=dict)
    looks: dict[str, dict[Monitor, Look]] = field(default_factory=dict)

    def reference(self, window: str) -> Reference:
        """What a window is, or will be, held against."""
        return self.references.get(window, self.usual)


def _detected(
    windows: Sequence[Window],
    maturity: Sequence[Maturity],
    reference: Reference,
    settings: Monitoring,
    acknowledged: Sequence[Acknowledged],
) -> tuple[_Held, _Held]:
    """What is said of data and predictions, and of performance and fairness, which wait for labels."""
    waiting = maturity.index("waiting") if "waiting" in maturity else len(windows)
    labelled = [window for window, state in zip(windows[:waiting], maturity, strict=False) if state == "mature"]
    return (
        _held("data and predictions", windows, reference, settings, acknowledged),
        _held("performance and fairness", labelled, reference, settings, acknowledged),
    )


def _held(
    about: Subject,
    windows: Sequence[Window],
    reference: Reference,
    settings: Monitoring,
    acknowledged: Sequence[Acknowledged],
) -> _Held:
    tolerances = Tolerances(**settings.tolerated_change.model_dump())
    # Two detectors share what they may be wrong.
    detector = Detector(about=about, looks_to_a_false_alarm=2 * settings.looks_to_a_false_alarm)
    until = {each.until: each for each in acknowledged if each.about == about}
    held = _Held(usual=reference, alerts=detector.alerts)
    for window in windows:
        held.references[window.name] = held.usual
        held.looks[window.name] = looks(held.usual, window, tolerances, labels=about == "performance and fairness")
        detector.look(window.name, held.looks[window.name])
        said = until.get(window.name)
        if said is not None and detector.open is not None and detector.open.opened == said.opened:
            alert = detector.acknowledge(window.name)
            held.usual = _renewed(
                held.usual, alert, [each for each in windows if alert.opened <= each.name <= window.name]
            )
    return held


def _renewed(reference: Reference, alert: Alert, windows: Sequence[Window]) -> Reference:
    """The reference with what an alert was about as it was in some windows."""
    since = windows[0]
    for window in windows[1:]:
        since = since + window
    monitors = [finding.look.monitor for finding in (*alert.findings, *alert.joined)]
    columns = {monitor.metric for monitor in monitors if monitor.family == "data"}
    columns |= {SCORE} if any(monitor.family == "prediction" for monitor in monitors) else set()
    people = any(monitor.family not in ("data", "attribution") for monitor in monitors)
    reasons = any(monitor.family == "attribution" for monitor in monitors)
    window = reference.window
    return replace(
        reference,
        window=replace(
            window,
            columns={name: (since if name in columns else window).columns[name] for name in window.columns},
            outcomes=since.outcomes if people else window.outcomes,
            classes=since.classes if people else window.classes,
            attributed=since.attributed if reasons else window.attributed,
        ),
    )


# --- one window ------------------------------------------------------------------------------------------------------------


def _told(
    each: Cut,
    window: Window,
    reference: Reference,
    versions: pl.Series,
    maturity: Maturity,
    early: _Held,
    late: _Held,
    explained: Attributed | str | None,
) -> WatchedWindow:
    everybody = window.outcomes[ALL]
    counted = versions.value_counts(name="rows").sort(versions.name)
    return WatchedWindow(
        name=window.name,
        start=each.start.isoformat(),
        end=each.end.isoformat(),
        n=window.n,
        versions=dict(zip(counted[versions.name].cast(pl.String).to_list(), counted["rows"].to_list(), strict=True)),
        labelled=everybody.labelled / window.n,
        maturity=maturity,
        drift={
            name: measure_drift(bins, reference.window.columns[name], window.columns[name])
            for name, bins in {**reference.bins, SCORE: reference.score_bins}.items()
        },
        furthest=dict(_furthest(early.looks[window.name])),
        rates=_rates(window, window),
        usual=_rates(early.reference(window.name).window, late.reference(window.name).window),
        disparities=tuple(_disparities(window)),
        roc_auc=None if window.classes else everybody.roc_auc(),
        expected=_expected(window, reference),
        notes=(*_notes(window), *([explained] if isinstance(explained, str) else [])),
        attributions=_attributions(early.reference(window.name).window, window, early.looks[window.name]),
    )


def _attributions(usual: Window, window: Window, looks: Mapping[Monitor, Look]) -> AttributionDrift | None:
    if usual.attributed is None or window.attributed is None:
        return None
    order = ndcg(usual.attributed.sizes, window.attributed.sizes)
    return AttributionDrift(
        n=window.attributed.n,
        distance=None if order is None else 1 - order,
        sizes=window.attributed.sizes,
        shares={monitor.metric: look.furthest for monitor, look in looks.items() if monitor.family == "attribution"},
    )


def _furthest(looks: Mapping[Monitor, Look]) -> Iterator[tuple[str, Share]]:
    for monitor, look in looks.items():
        if monitor.family == "data":
            yield monitor.metric, look.furthest
        elif monitor.metric == "score":
            yield SCORE, look.furthest


def _rates(decided: Window, labelled: Window) -> Rates:
    """The selection rates of one window, and of another the rates that need labels."""
    selected = {name: each.decided() for name, each in decided.outcomes.items()}
    known = {name: each.cells() for name, each in labelled.outcomes.items()}
    if decided.classes:
        accuracy = {ACCURACY.name: _by_feature(known, ACCURACY)}
        return {**class_shares(decided.classes), **accuracy, **class_recalls(labelled.classes)}
    return {
        SELECTION_RATE.name: _by_feature(selected, SELECTION_RATE),
        **{rate.name: _by_feature(known, rate) for rate in OF_LABELS},
    }


def _by_feature(cells: Mapping[str, Cells], rate: Rate) -> dict[str, dict[str, Proportion]]:
    return {
        feature: {group: found for group, found in group_rates(counted, rate).items() if found is not None}
        for feature, counted in cells.items()
    }


def label_rates(reference: Reference) -> Numbers:
    """How often the label is 1 in each bin of the score, in the reference (bins,); an empty bin takes the rate of all."""
    negative, positive = reference.window.outcomes[ALL].by_label()
    overall = positive.sum() / max(positive.sum() + negative.sum(), 1)
    rates: Numbers = (positive + PRIOR * overall) / (positive + negative + PRIOR)
    return rates


def _expected(window: Window, reference: Reference) -> Rates:
    """Source: the confidence-based estimation of performance, as in NannyML's CBPE: expected counts from calibrated scores."""
    positive = label_rates(reference)
    cells = {name: each.expected(positive) for name, each in window.outcomes.items()}
    return {rate.name: _by_feature(cells, rate) for rate in ((ACCURACY,) if window.classes else OF_LABELS)}


def _disparities(window: Window) -> Iterator[WatchedDisparity]:
    for feature, outcomes in window.outcomes.items():
        known = [group for group in outcomes.groups if group != NOBODY_KNOWS]
        for disparity in WATCHED:
            cells = (outcomes.cells() if disparity.name in NEED_LABELS else outcomes.decided()).only(known)
            if feature == ALL or cells.n == 0 or window.classes:
                continue
            ((found,),) = measure_disparities({feature: cells}, [disparity]).values()
            if found.estimate is not None and found.interval is not None and found.extremes is not None:
                yield WatchedDisparity(
                    metric=disparity.name,
                    feature=feature,
                    estimate=found.estimate,
                    interval=found.interval,
                    lowest=found.extremes.lowest,
                    highest=found.extremes.highest,
                    n=found.n,
                )


def _notes(window: Window) -> Iterator[str]:
    everybody = window.outcomes[ALL]
    selected, passed_over = everybody.labelled_share(1), everybody.labelled_share(0)
    if selected is not None and passed_over is not None and abs(selected - passed_over) > SELECTIVE:
        yield (
            f"labels are known for {selected:.0%} of those selected and {passed_over:.0%} of those passed over: rates that need "
            "labels tell of the former, and may be wrong for everybody"
        )
    for feature, outcomes in window.outcomes.items():
        if NOBODY_KNOWS in outcomes.groups:
            unknown = outcomes.only(NOBODY_KNOWS).n / window.n
            yield f"of {unknown:.0%} of the people it is not known which group of {feature} they belong to"
