"""From the screen of the training data to the figures of the card and of Dagster's pages."""

from rai_platform.card.figures import figure
from rai_platform.card.sections.figure import Figure
from rai_platform.card.sections.training import LabelsOfGroup, MissingRow, ProxyRow
from rai_platform.data.pretraining import MEASURES, measure_labels
from rai_platform.data.report import DataReport
from rai_platform.spec.metrics import METRICS

MOST_COLUMNS = 5  # with missing values that are shown, of one feature


def data_figures(report: DataReport) -> tuple[Figure, ...]:
    """What was measured about all rows."""
    return tuple(figure(name, METRICS[name].meaning, estimate) for name, estimate in report.measured.items())


def labels_of_groups(report: DataReport) -> tuple[LabelsOfGroup, ...]:
    """Every group against everybody else, by the names of SageMaker Clarify."""
    return tuple(
        LabelsOfGroup(
            feature=feature,
            group=each.group,
            expected_share=each.expected_share,
            measures={
                **{MEASURES[name].short: value for name, value in measure_labels(each.labels).items()},
                "CDDL": each.conditional,
            },
        )
        for feature, compared in report.against_others.items()
        for each in compared
    )


def proxy_rows(report: DataReport) -> tuple[ProxyRow, ...]:
    """What gives groups away, the clearest of every feature first."""
    return tuple(
        ProxyRow(
            feature=feature,
            group=each.group,
            auc=figure("proxy_auc", METRICS["proxy_auc"].meaning, each.auc),
            strongest=tuple((proxy.column, proxy.auc) for proxy in each.strongest),
        )
        for feature, found in report.proxies.items()
        for each in found
    )


def missing_rows(report: DataReport) -> tuple[MissingRow, ...]:
    """The columns whose missing values differ most between groups."""
    return tuple(
        MissingRow(feature=feature, column=each.column, rates=each.rates)
        for feature, columns in report.missing.items()
        for each in columns[:MOST_COLUMNS]
    )
