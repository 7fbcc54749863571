"""Which features of a model give a group away, by the screen of the data it learned from."""

import dataclasses

import numpy as np
import pandas as pd

from rai_platform.data.proxies import find_proxies
from rai_platform.data.report import Proxy, ProxyFinding
from rai_platform.explanations.measurement import explain
from rai_platform.explanations.proxies import PROXY_AUC, clear_proxies, proxies_among
from rai_platform.statistics.estimates import NormalEstimate
from rai_platform_tests.card import made
from rai_platform_tests.explanations.small import SUBJECT, fitted
from rai_platform_tests.training.lending import sample_of


def finding(group: str, **strongest: float) -> ProxyFinding:
    columns = tuple(Proxy(column=name, auc=auc) for name, auc in strongest.items())
    return ProxyFinding(
        group=group,
        auc=NormalEstimate(value=0.9, standard_error=0.01, n=100, scale="logit", most=1.0),
        strongest=columns,
    )


SCREEN = dataclasses.replace(
    made.data_report(),
    proxies={
        "sex": (finding("f", hours=0.83, job=PROXY_AUC, town=0.6),),
        "race": (finding("x", town=0.95, hours=0.65), finding("y", hours=0.9)),
        "age": (),
    },
)


def test_only_features_of_the_model_count_the_clearest_first() -> None:
    found = proxies_among(("hours", "job"), SCREEN)
    assert [(each.column, each.sensitive_feature, each.group, each.auc) for each in found] == [
        ("hours", "race", "y", 0.9),
        ("hours", "sex", "f", 0.83),
        ("job", "sex", "f", PROXY_AUC),
        ("hours", "race", "x", 0.65),
    ]
    assert proxies_among(("hours",), None) == ()


def test_a_column_is_told_by_the_group_it_gives_away_most_clearly_and_a_weak_one_is_none() -> None:
    clear = clear_proxies(proxies_among(("hours", "job", "town"), SCREEN))
    assert {name: (each.group, each.auc) for name, each in clear.items()} == {
        "town": ("x", 0.95),
        "hours": ("y", 0.9),
        "job": ("f", PROXY_AUC),
    }
    weak = dataclasses.replace(SCREEN, proxies={"sex": (finding("f", job=PROXY_AUC - 0.001),)})
    assert clear_proxies(proxies_among(("job",), weak)) == {}


def test_a_column_that_goes_with_a_group_is_found_from_the_data_to_the_report() -> None:
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], 600)
    features = pd.DataFrame({"height": rng.normal(size=600) + 2 * (sex == "m"), "income": rng.normal(size=600)})
    groups = pd.DataFrame({"sex": sex}, dtype=object)
    sample = sample_of(features, features["height"] + features["income"] > 1, groups)
    screen = dataclasses.replace(
        made.data_report(), proxies={"sex": find_proxies(sample, "sex", source_columns=(), seed=0)}
    )
    report = explain(fitted(sample), SUBJECT, sample, training=screen, seed=0, code_version="1")
    assert report.examination is not None
    assert report.examination.screened == ("sex",)
    [proxy] = clear_proxies(report.examination.proxies).values()
    assert (proxy.column, proxy.sensitive_feature) == ("height", "sex")
    assert proxy.auc > 0.85
    unknown = explain(fitted(sample), SUBJECT, sample, seed=0, code_version="1").examination
    assert unknown is not None
    assert (unknown.proxies, unknown.screened) == ((), None)
