"""Features of a model that give a group away: the screen of the training data, joined with what the model sees."""

from collections.abc import Sequence

from rai_platform.data.report import DataReport
from rai_platform.explanations.examination import ProxyColumn

# From here on a column counts as a proxy: by itself it tells a member of the group from somebody else seven times in ten, which
# of a score is commonly called acceptable (Hosmer, Lemeshow and Sturdivant, Applied Logistic Regression, section 5.2.4).
PROXY_AUC = 0.7


def proxies_among(features: tuple[str, ...], training: DataReport | None) -> tuple[ProxyColumn, ...]:
    """The features that give a group away, as far as the screen of the training data lists them, the clearest first."""
    found = [
        ProxyColumn(column=proxy.column, sensitive_feature=name, group=finding.group, auc=proxy.auc)
        for name, findings in ({} if training is None else training.proxies).items()
        for finding in findings
        for proxy in finding.strongest
        if proxy.column in features
    ]
    return tuple(sorted(found, key=lambda each: (-each.auc, each.column, each.sensitive_feature, each.group)))


def clear_proxies(proxies: Sequence[ProxyColumn]) -> dict[str, ProxyColumn]:
    """What counts as a proxy, by column: the group that it gives away most clearly."""
    clear: dict[str, ProxyColumn] = {}
    for proxy in sorted(proxies, key=lambda each: -each.auc):
        if proxy.auc >= PROXY_AUC:
            clear.setdefault(proxy.column, proxy)
    return clear
