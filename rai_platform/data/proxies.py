"""Proxies: how well a protected attribute can be told from what the model sees, and from which columns.

A model that does not see an attribute can still act on it where other columns give it away. The proxy AUC is the chance
that a person of a group looks more like one than a person outside it does, to somebody who learned the difference on other
rows: 0.5 where the columns say nothing, 1 where they say it all.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from rai_platform.data.report import Proxy, ProxyFinding
from rai_platform.data.sample import Sample, in_order
from rai_platform.statistics.areas import roc_auc

MOST_ROWS = 20_000
FOLDS = 3
LEAST_GROUP = 30  # rows (or clusters) of a group, and of everybody else, below which nothing is learned about it
STRONGEST = 5
MOST_CATEGORIES = 30
MOST_GROUPS = 8  # the largest of a feature; each is learned apart, in about a second


def find_proxies(
    sample: Sample, feature: str, *, source_columns: tuple[str, ...], seed: int
) -> tuple[ProxyFinding, ...]:
    """The groups of a sensitive feature that the model's columns give away, the clearest first.

    Args:
        sample: the training data.
        feature: the sensitive feature or intersection.
        source_columns: the columns it is read from, which are not counted as proxies of itself.
        seed: of the choice of rows and of the folds.
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(sample.n, min(sample.n, MOST_ROWS), replace=False))
    features = sample.tabular.iloc[rows].drop(columns=list(source_columns), errors="ignore")
    cluster = None if sample.cluster is None else sample.cluster[rows]
    groups = sample.groups(feature).to_numpy(object)[rows]
    if features.shape[1] == 0:
        return ()
    values = {str(name): _few_values(features[name]) for name in features}
    found = []
    names, sizes = np.unique(groups.astype(str), return_counts=True)
    for group in in_order(names[np.argsort(-sizes, kind="stable")][:MOST_GROUPS].tolist()):
        member = groups == group
        if min(_people(member, cluster), _people(~member, cluster)) < LEAST_GROUP:
            continue
        scores = _scores_on_other_rows(values, member, cluster, seed)
        found.append(
            ProxyFinding(
                group=group,
                auc=roc_auc(member.astype("int8"), scores, None, cluster),
                strongest=_strongest(values, member, cluster, seed),
            )
        )
        if len(set(groups)) == 2:  # the other group is everybody else, with the same columns
            break
    return tuple(sorted(found, key=lambda each: -each.auc.value))


def _people(member: npt.NDArray[np.bool_], cluster: npt.NDArray[np.int64] | None) -> int:
    return int(member.sum()) if cluster is None else len(np.unique(cluster[member]))


def _scores_on_other_rows(
    values: dict[str, npt.NDArray[np.int64]],
    member: npt.NDArray[np.bool_],
    cluster: npt.NDArray[np.int64] | None,
    seed: int,
) -> npt.NDArray[np.float64]:
    """For every row the chance of being a member, learned from the rows of the other folds (rows,).

    Clusters stay in one fold: who knows a patient's other visits knows the patient.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
    from sklearn.preprocessing import OneHotEncoder

    encoded = OneHotEncoder().fit_transform(np.column_stack(list(values.values())))
    division = StratifiedKFold if cluster is None else StratifiedGroupKFold
    folds = division(FOLDS, shuffle=True, random_state=seed)
    learner = LogisticRegression(C=0.5, max_iter=300)
    chances: npt.NDArray[np.float64] = cross_val_predict(
        learner, encoded, member, groups=cluster, cv=folds, method="predict_proba"
    )[:, 1]
    return chances


def _strongest(
    values: dict[str, npt.NDArray[np.int64]],
    member: npt.NDArray[np.bool_],
    cluster: npt.NDArray[np.int64] | None,
    seed: int,
) -> tuple[Proxy, ...]:
    """The columns with the highest AUC by themselves; each value stands for how common members were in other folds."""
    of = np.arange(len(member)) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    fold = np.random.default_rng(seed).integers(0, FOLDS, int(of.max()) + 1)[of]
    found = []
    for name, value in values.items():
        shown = np.empty(len(member))
        for part in range(FOLDS):
            learned, told = fold != part, fold == part
            n = np.bincount(value[learned], minlength=value.max() + 1)
            members = np.bincount(value[learned & member], minlength=value.max() + 1)
            shown[told] = ((members + member.mean()) / (n + 1))[value[told]]
        found.append(Proxy(column=name, auc=roc_auc(member.astype("int8"), shown, None).value))
    return tuple(sorted(found, key=lambda each: (-each.auc, each.column))[:STRONGEST])


def _few_values(column: pd.Series) -> npt.NDArray[np.int64]:
    """A column as a few whole numbers from 0: bins, or the common categories; a missing value is one of them (rows,)."""
    if column.dtype == object:
        codes, _ = pd.factorize(column, use_na_sentinel=False)
        common = np.argsort(-np.bincount(codes), kind="stable")[:MOST_CATEGORIES]
        place = np.full(codes.max() + 1, len(common), dtype="int64")
        place[common] = np.arange(len(common))
        return place[codes]
    values = column.to_numpy("float64")
    if np.isnan(values).all():
        return np.zeros(len(values), dtype="int64")
    edges = np.unique(np.nanquantile(values, np.linspace(0.05, 0.95, 19)))
    return np.where(np.isnan(values), len(edges) + 1, np.digitize(values, edges)).astype("int64")
