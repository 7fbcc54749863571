"""What the windows of a model in production say, as a value."""

from dataclasses import dataclass
from typing import Literal

from rai_platform.monitoring.alarms import Alert, Finding
from rai_platform.monitoring.drift import Drift
from rai_platform.monitoring.monitors import Share
from rai_platform.spec.policy import ServiceLevel
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import NormalEstimate, Proportion

Maturity = Literal["mature", "waiting", "never"]
Rates = dict[str, dict[str, dict[str, Proportion]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedDisparity:
    """How far the groups are apart in a window.

    Attributes:
        metric: name of the disparity.
        feature: the sensitive feature.
        estimate: of the window.
        interval: 95 %, over all groups compared.
        lowest: group with the lowest rate.
        highest: group with the highest.
        n: rows of the groups compared.
    """

    metric: str
    feature: str
    estimate: float
    interval: Interval
    lowest: str
    highest: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionDrift:
    """What moves the score in a window, held against the released explanation.

    Attributes:
        n: rows explained.
        distance: 1 - NDCG of the order of the features, 0 where it is the same; None where nothing moves the score.
        sizes: mean absolute attribution by feature, in units of the explanation.
        shares: by feature, of a row's absolute attributions, on average; the interval holds whatever their distribution.
    """

    n: int
    distance: float | None
    sizes: dict[str, float]
    shares: dict[str, Share]

    @property
    def furthest(self) -> str:
        """The feature whose share changed most."""
        return max(self.shares, key=lambda name: abs(self.shares[name].change))


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedWindow:
    """One window.

    Attributes:
        name: ISO 8601 of its start, UTC.
        start: the same with its zone.
        end: excluded; ISO 8601, UTC.
        n: predictions.
        versions: how many of them each version made.
        labelled: share of them whose label is known.
        maturity: whether its labels are complete: ``mature``, ``waiting``, or ``never`` where too few ever came.
        drift: of every feature and of the score.
        furthest: of every feature and of the score, the share that moved furthest beside how far it may.
        rates: by rate, sensitive feature (``(all)`` for everybody) and group; those that need labels of rows that have one.
        disparities: between groups.
        roc_auc: of the rows whose label is known; None where a label is missing altogether.
        usual: the same rates in the reference that the window is held against, which an acknowledgement renews.
        expected: what calibrated scores lead one to expect of the rates that need labels, before any label is there.
        notes: what a reader has to know, in sentences.
        attributions: what moves the score; None where nobody knows.
    """

    name: str
    start: str
    end: str
    n: int
    versions: dict[str, int]
    labelled: float
    maturity: Maturity
    drift: dict[str, Drift]
    furthest: dict[str, Share]
    rates: Rates
    usual: Rates
    disparities: tuple[WatchedDisparity, ...]
    roc_auc: NormalEstimate | None
    expected: Rates
    notes: tuple[str, ...]
    attributions: AttributionDrift | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringReport:
    """What is known of a model in production.

    Attributes:
        model: its name.
        version: in production when the windows were looked at.
        model_digest: of that version.
        reference: what windows are held against, in words.
        made_at: ISO 8601, UTC.
        windows: in the order of time.
        alerts: in the order in which they were opened.
        skipped: windows with too few predictions, which were counted with the next.
        not_attributed: why it is not watched what moves the score, in words; None where it is.
    """

    model: str
    version: str
    model_digest: str
    reference: str
    made_at: str
    windows: tuple[WatchedWindow, ...]
    alerts: tuple[Alert, ...]
    skipped: int = 0
    not_attributed: str | None = None

    def findings(self, level: ServiceLevel, window: str) -> list[Finding]:
        """What alerts that were open after a window had found by then that is about a service level."""
        return [
            finding
            for alert in self.alerts
            if alert.opened <= window and (alert.closed is None or window < alert.closed)
            for finding in (*alert.findings, *alert.joined)
            if finding.look.monitor.family == level and finding.window <= window
        ]
