"""What a mitigation bought and at what price, as a value."""

from dataclasses import dataclass

from rai_platform.comparison.report import Trade
from rai_platform.spec.mitigation import Constraint, Method
from rai_platform.spec.subject import Subject

GRID_POINT = "grid point"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierPoint:
    """What the method gives at another setting, on the same rows.

    Attributes:
        parameter: the setting that differs; ``GRID_POINT`` for a model of a grid.
        value: of the setting.
        accuracy: share of decisions that agree with the label.
        disparity: the constrained one; None where it has no value.
        chosen: whether it is the mitigated model itself.
    """

    parameter: str
    value: float
    accuracy: float
    disparity: float | None
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationReport:
    """A mitigated model beside its unmitigated twin: the same estimator, training rows and seed.

    Attributes:
        subject: the mitigated model and the test data.
        training_digest: of the data that both learned from.
        n: rows of the test data.
        weighted: whether they carry sampling weights.
        minimum_group_size: rows below which a group was left out of the disparities.
        method: of the mitigation.
        constraint: what it equalizes.
        feature: the sensitive feature or intersection it equalizes.
        disparity: the metric that measures the constraint.
        changed: share of people whose decision is another one.
        trades: every metric compared: accuracy first, then the constrained disparity, then the headline ones.
        training_n: rows of the training data.
        frontier: what the method gives at other settings; empty where it has one answer.
        frontier_n: rows of the training data, drawn by chance, that the models at other settings learned from.
        at_prediction: protected attributes that are needed to decide about a person.
        drawn: whether decisions are drawn.
        seed: of training, and of drawn decisions.
        code_version: of the measuring code.
    """

    subject: Subject
    training_digest: str
    n: int
    weighted: bool
    minimum_group_size: int
    method: Method
    constraint: Constraint
    feature: str
    disparity: str
    changed: float
    trades: tuple[Trade, ...]
    training_n: int
    frontier: tuple[FrontierPoint, ...]
    frontier_n: int
    at_prediction: tuple[str, ...]
    drawn: bool
    seed: int
    code_version: str

    def trade(self, metric: str, feature: str | None = None) -> Trade:
        """One of the metrics."""
        return next(trade for trade in self.trades if (trade.metric, trade.feature) == (metric, feature))

    @property
    def price(self) -> Trade:
        """What happened to accuracy."""
        return self.trade("accuracy")

    @property
    def gain(self) -> Trade:
        """What happened to the constrained disparity."""
        return self.trade(self.disparity, self.feature)
