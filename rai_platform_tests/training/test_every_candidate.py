"""Every classifier of scikit-learn as a candidate: whoever is accepted answers a person alone as among others."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rai_platform.data.preparation import PreparedData
from rai_platform.data.sample import Sample
from rai_platform.errors import BadInput, UnusableEstimator
from rai_platform.store import ContentStore
from rai_platform.training.acceptance import must_answer_each_person_alone
from rai_platform.training.candidate import Candidate
from rai_platform.training.fitting import fit_model
from rai_platform.training.loading import load_model
from rai_platform.training.model import TrainedModel
from rai_platform_tests.explanations.small import people
from rai_platform_tests.training.every_classifier import MADE_OF_OTHERS, NAMES, REFUSED, spec_of
from rai_platform_tests.training.lending import lending_spec, sample_of, train
from rai_platform_tests.training.own_models import HERE

SOON = {"DecisionTreeClassifier", "GaussianNB", "HistGradientBoostingClassifier", "KNeighborsClassifier", "SVC"}
TIES = "ties that were broken by the last bit of a sum"


def coarse(rows: int = 3000) -> Sample:
    """People told by a few answers each, so that many are the same and many are equally far from each other."""
    rng = np.random.default_rng(0)
    answers = {f"answer {at}": pd.Series(rng.choice(list("abcd"), rows), dtype=object) for at in range(5)}
    counts = {f"count {at}": rng.integers(0, 4, rows).astype("float64") for at in range(3)}
    features = pd.DataFrame({**answers, **counts})
    wealth = sum(counts.values()) + 2 * (features["answer 0"] == "a") + rng.normal(size=rows)
    region = pd.DataFrame({"region": pd.Series(rng.choice(["north", "south"], rows), dtype=object)})
    return sample_of(features, wealth > 5, region)


def prepared(sample: Sample) -> PreparedData:
    table = sample.features.assign(region=sample.sensitive_features["region"], label=sample.y_true)
    return PreparedData(training=sample, test=sample, training_table=table, test_table=table)


def must_answer_alone_as_among_others(candidate: Candidate, sample: Sample, store: ContentStore) -> None:
    model = load_model(candidate, store)
    among = model.score(sample.features)[-20:]
    alone = np.concatenate([model.score(sample.features.iloc[[row]]) for row in range(sample.n - 20, sample.n)])
    ties = any(TIES in warning for warning in candidate.warnings)
    assert (~np.isclose(among, alone, rtol=1e-6, atol=1e-6)).mean() <= (0.25 if ties else 0.1)


@pytest.mark.filterwarnings("ignore")  # what an estimator warns of without settings of one's own is on record
@pytest.mark.parametrize("table", [people, coarse])
@pytest.mark.parametrize(
    ("name", "params"),
    [
        pytest.param(name, params, marks=() if name in SOON else pytest.mark.slow)
        for name, params in (
            *((name, {}) for name in NAMES if name not in REFUSED and name != "RadiusNeighborsClassifier"),
            *MADE_OF_OTHERS.items(),
            ("RadiusNeighborsClassifier", {"radius": 100.0}),
        )
    ],
)
def test_what_classifies_people_one_by_one_is_accepted(
    name: str, params: dict[str, Any], table: Callable[[], Sample], store: ContentStore
) -> None:
    sample = table()
    candidate, _ = train(spec_of(name, params), prepared(sample), store)
    must_answer_alone_as_among_others(candidate, sample, store)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("KNeighborsClassifier", {"weights": "distance"}),
        ("KNeighborsClassifier", {"weights": "distance", "algorithm": "brute"}),
        ("KNeighborsClassifier", {"n_neighbors": 4, "algorithm": "brute"}),
        ("MLPClassifier", {"hidden_layer_sizes": [8], "max_iter": 20}),
    ],
)
def test_neither_ties_nor_the_last_bits_of_a_sum_are_held_against_a_model(
    name: str, params: dict[str, Any], store: ContentStore
) -> None:
    sample = coarse()
    candidate, _ = train(spec_of(name, params), prepared(sample), store)
    must_answer_alone_as_among_others(candidate, sample, store)


def turning(share: float, lending: PreparedData) -> TrainedModel:
    """A model whose score turns by a whole vote for a share of the people, as if it had come with a distribution."""
    spec = lending_spec(f"{HERE}.TurnsByTheLastBit", {"share": share})
    assert lending.training is not None
    model, _ = fit_model(spec, lending.training)
    return dataclasses.replace(model, manifest=dataclasses.replace(model.manifest, estimator_code="neighbours 1.0"))


def test_people_whose_answer_hung_on_a_tie_are_on_record(lending: PreparedData) -> None:
    (told,) = [
        warning
        for warning in must_answer_each_person_alone(turning(0.1, lending), lending.test)
        if "in another order" in warning
    ]
    assert re.match(r"\d+ of 64 people asked in another order get another answer than among others, one of them", told)
    assert told.endswith(TIES)
    assert must_answer_each_person_alone(turning(0.0, lending), lending.test) == ()
    with pytest.raises(UnusableEstimator, match=r"of (16|64) people asked .* by that person's features alone"):
        must_answer_each_person_alone(turning(0.6, lending), lending.test)


def test_code_of_ones_own_gets_no_leave_for_ties(store: ContentStore, lending: PreparedData) -> None:
    """It could look at how many are asked about, and treat a few people otherwise whenever that is one."""
    ties = f"{HERE}.TurnsByTheLastBit"
    with pytest.raises(UnusableEstimator, match=r"of (16|64) people asked .* by that person's features alone"):
        train(lending_spec(ties, {"share": 0.1}), lending, store)
    assert train(lending_spec(ties, {"share": 0.0}), lending, store)[0].warnings == ()


@pytest.mark.parametrize("name", ["RandomForestClassifier", "ExtraTreesClassifier"])
def test_threads_that_finish_in_any_order_do_not_make_it_another_model(name: str, store: ContentStore) -> None:
    sample = people(8000)
    params = {"n_jobs": 2, "max_depth": 6}
    candidate, model = train(spec_of(name, params), prepared(sample), store)
    assert np.allclose(load_model(candidate, store).score(sample.features), model.score(sample.features), atol=1e-12)


@pytest.mark.parametrize("method", ["exponentiated_gradient", "threshold_optimizer"])
def test_a_mitigation_on_a_coarse_table_is_accepted(method: str, store: ContentStore) -> None:
    """Thresholds between two scores that differ in the last bit alone turn the decision, and nothing else."""
    spec = spec_of("LogisticRegression", mitigation={"method": method})
    candidate, _ = train(spec, prepared(coarse()), store)
    assert candidate.manifest.composition in ("weighted", "group_thresholds")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_refused_is_refused_in_words(name: str, store: ContentStore) -> None:
    with pytest.raises(BadInput, match=REFUSED[name]):
        train(spec_of(name), prepared(people()), store)
