"""What a spec may not say."""

import inspect
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rai_platform.errors import InvalidSpec
from rai_platform.spec.data import Source
from rai_platform.spec.mitigation import METHODS
from rai_platform.spec.model import ASSETS, ModelSpec
from rai_platform_tests.spec.conftest import Definer, lending_attributes

CROSSED = {"intersections": [["sex", "age_group"]]}
OPTIMIZED = {"method": "threshold_optimizer"}
REDUCED = {"method": "exponentiated_gradient"}
TYPE = {"type": "sklearn.linear_model.LogisticRegression"}


@pytest.mark.parametrize("owner", ["ada@example.org", "team:credit-risk", "team:a.b_c", "o_hara+x@mail.example.co.uk"])
def test_owners_are_addresses_or_teams(owner: str, define: Definer) -> None:
    assert define(owners=[owner]).spec.owners == (owner,)


@pytest.mark.parametrize(
    "owner",
    [
        *("Ada", "team:", "team:a b", "ada@example", "@example.org", "a b@example.org", ""),
        *("o'hara@example.org", "ada@größe.de", "ada@example.technology", "ada@example.c|"),
    ],
)
def test_an_owner_nobody_can_write_to_is_refused(owner: str, define: Definer) -> None:
    with pytest.raises(InvalidSpec, match="is neither an e-mail address that Dagster takes"):
        define(owners=[owner])


def test_somebody_has_to_answer_for_a_model(define: Definer) -> None:
    with pytest.raises(InvalidSpec, match="owners: expected at least one, got a list"):
        define(owners=[])


@pytest.mark.parametrize("name", ["Lending", "lending-1", "1ending", "", "lending model", "x" * 61, "é"])
def test_names_are_short_lower_case_words(name: str, define: Definer) -> None:
    with pytest.raises(InvalidSpec, match=r"line \d+, name: "):
        define(name=name)


@pytest.mark.parametrize("name", ["all_models", "unreadable", "unreadable_specs"])
def test_a_model_cannot_bear_a_name_that_dagster_knows_already(name: str, define: Definer) -> None:
    with pytest.raises(InvalidSpec, match=f"{name}' is a name of the platform's own"):
        define(name=name)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"intersections": [["sex"]]}, "an intersection crosses at least two different features, got ['sex']"),
        ({"intersections": [["sex", "sex"]]}, "an intersection crosses at least two different features"),
        ({"intersections": [["sex", "agegroup"]]}, "intersections: no 'agegroup'; did you mean 'age_group'?"),
        ({"intersections": [["sex", "age_group"], ["age_group", "sex"]]}, "intersection declared twice"),
        ({"sensitive_features": [{"name": "sex"}, {"name": "sex"}]}, "sensitive feature declared twice: sex"),
        (
            {"sensitive_features": [{"name": "Sex"}]},
            "sensitive_features.0.name: expected lower-case letters, digits and _",
        ),
        ({"sensitive_features": [{"name": "age", "bins": [50, 30]}]}, "each larger than the one before"),
        ({"sensitive_features": [{"name": "age", "bins": [30, 30]}]}, "each larger than the one before"),
        ({"sensitive_features": [{"name": "age", "bins": []}]}, "give at least one"),
        (
            {"mitigation": {**OPTIMIZED, "sensitive_features": ["sexx"]}},
            "mitigation.sensitive_features: no 'sexx'; did",
        ),
        ({"mitigation": OPTIMIZED, "sensitive_features": []}, "`mitigation` needs `sensitive_features`"),
        ({"mitigation": {**OPTIMIZED, "constraint": "parity"}}, "mitigation.constraint: expected"),
        ({"mitigation": {**OPTIMIZED, "constraint": "equalized_ods"}}, "did you mean 'equalized_odds'?"),
        (
            {"mitigation": {"method": "reweighing", "constraint": "equalized_odds"}},
            "reweighing aims at demographic_parity alone, got constraint 'equalized_odds'",
        ),
        ({"mitigation": {"method": "grid_search", "randomized": True}}, "grid_search draws no decision: leave out"),
        (
            {"mitigation": {**REDUCED, "params": {"max_iterations": 5}}},
            "exponentiated_gradient takes no param 'max_iterations'; did you mean 'max_iter'?",
        ),
        ({"mitigation": {"method": "reweighing", "params": {"alpha": 1}}}, "no param 'alpha'; it takes none"),
        ({"mitigation": {**REDUCED, "params": {"eps": 0}}}, "params.eps: expected a number over 0, got 0"),
        ({"mitigation": {**REDUCED, "params": {"eps": True}}}, "params.eps: expected a number over 0, got True"),
        (
            {"mitigation": {"method": "grid_search", "params": {"grid_size": 0.5}}},
            "params.grid_size: expected a whole number of at least 1, got 0.5",
        ),
        (
            {"mitigation": {"method": "correlation_remover", "params": {"alpha": 1.1}}},
            "params.alpha: expected a number from 0 to 1, got 1.1",
        ),
        (
            {"mitigation": {**OPTIMIZED, "params": {"flip": "yes", "objective": "accuracy_score"}}},
            "params.flip: expected true or false, got 'yes'",
        ),
        (
            {"mitigation": OPTIMIZED, "estimator": None, "predictions": {"decision": "d"}},
            "predictions alone cannot be mitigated",
        ),
        ({"mitigation": REDUCED, "estimator": {**TYPE, "threshold": 0.3}}, "leave out `estimator.threshold`"),
        (
            {"mitigation": {**OPTIMIZED, "randomized": False}, "estimator": {**TYPE, "threshold": 0.3}},
            "leave out `estimator.threshold`",
        ),
        ({"estimator": None}, "give one of `estimator`"),
        ({"predictions": {"decision": "d"}}, "give one of `estimator`"),
        ({"estimator": None, "predictions": {}}, "give `decision`, or `score` and `threshold`"),
        ({"estimator": None, "predictions": {"score": "s"}}, "give `decision`, or `score` and `threshold`"),
        ({"estimator": None, "predictions": {"threshold": 1}}, "give `decision`, or `score` and `threshold`"),
        (
            {"estimator": None, "predictions": {"decision": "d", "score": "s", "threshold": 1}},
            "give `decision` or `threshold`, not both",
        ),
        (
            {"estimator": None, "predictions": {"decision": "d", "source": "scores.csv"}},
            "need both `source` and `key`",
        ),
        ({"estimator": None, "predictions": {"decision": "d", "key": "id"}}, "need both `source` and `key`"),
        ({"split": {"test": "a.csv", "time_column": "year"}}, "choose one way to split, got test and time_column"),
        ({"split": {"time_column": "year", "group_column": "home"}}, "got time_column and group_column"),
        ({"split": {"test_size": 0}}, "split.test_size: expected greater than 0"),
        ({"split": {"test_size": 1}}, "split.test_size: expected less than 1"),
        ({"resources": {"candidat_model": {}}}, "resources: no 'candidat_model'; did you mean 'candidate_model'?"),
        ({"intended_use": ""}, "intended_use: expected text that is not empty, got ''"),
        ({"data": {"source": {"path": ""}, "target": "a"}}, "data.source.path: expected text that is not empty"),
        ({"data": {"source": "", "target": "a"}}, "data.source: expected text that is not empty or a mapping"),
        ({"policy": ""}, "policy: expected text that is not empty or a mapping"),
        ({"estimator": {"type": "a.B", "threshold": float("nan")}}, "estimator.threshold: expected"),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused(changes: dict[str, Any], told: str, define: Definer) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(told)):
        define(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        CROSSED,
        {"mitigation": OPTIMIZED},
        {"mitigation": {"method": "reweighing"}, "estimator": {**TYPE, "threshold": 0.3}},
        {"mitigation": {"method": "grid_search", "constraint": "equalized_odds", "params": {"constraint_weight": 1}}},
        {"mitigation": {"method": "correlation_remover", "params": {"alpha": 0.5}}},
        {"mitigation": OPTIMIZED, "resources": {"mitigation_report": {}}},
        {"mitigation": {**REDUCED, "randomized": False}, "estimator": {**TYPE, "threshold": 0.3}},
        {"estimator": None, "predictions": {"score": "s", "threshold": 5}},
        {"estimator": None, "predictions": {"decision": "d", "score": "s"}},
        {"estimator": None, "predictions": {"decision": "d", "source": "scores.csv", "key": "id"}},
        {"split": {"test": "later.csv"}},
        {"split": {"time_column": "year", "test_size": 0.2}},
        {"sensitive_features": []},
        {"resources": {"default": {}, "production_model": {"node_selector": {"gpu": "yes"}}}},
    ],
)
def test_what_fits_together_is_accepted(changes: dict[str, Any], define: Definer) -> None:
    define(**changes)


@given(st.lists(st.sampled_from(["sex", "race", "age"]), min_size=1, max_size=3, unique=True))
def test_groups_are_formed_by_every_feature_and_then_by_every_intersection(names: list[str]) -> None:
    crossed = [names] if len(names) > 1 else []
    spec = ModelSpec.model_validate(
        {**lending_attributes(), "sensitive_features": [{"name": name} for name in names], "intersections": crossed}
    )
    assert spec.group_features == (*names, *(["_x_".join(names)] if crossed else []))


@pytest.mark.parametrize(
    ("path", "scheme"),
    [
        ("sklearn:breast_cancer", "sklearn"),
        ("openml:adult?version=2", "openml"),
        ("generator:lending?rows=10", "generator"),
        ("/data/loans.csv", ""),
        ("s3://bucket/loans.csv", ""),
        ("https://example.org/a.csv", ""),
        ("sklearn", ""),
        ("generators:lending", ""),
        ("generator://lending", ""),
    ],
)
def test_a_source_is_a_dataset_only_by_its_own_schemes(path: str, scheme: str) -> None:
    assert Source(path=path).scheme == scheme


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["sex", "race", "sex_x_race"], "call 'sex_x_race' otherwise"),
        (["a_x_b", "c"], "call 'a_x_b' otherwise"),
        (["a_x", "b"], "'a_x_x_b', which may be read in two ways"),
    ],
)
def test_no_feature_is_taken_for_an_intersection(names: list[str], says: str, define: Definer) -> None:
    with pytest.raises(InvalidSpec, match=says):
        define(sensitive_features=[{"name": name} for name in names], intersections=[names[:2]])


def test_params_are_those_of_fairlearn() -> None:
    from fairlearn import postprocessing, preprocessing, reductions

    theirs = {
        "exponentiated_gradient": [reductions.ExponentiatedGradient, reductions.DemographicParity],
        "grid_search": [reductions.GridSearch, reductions.DemographicParity],
        "threshold_optimizer": [postprocessing.ThresholdOptimizer],
        "reweighing": [],
        "correlation_remover": [preprocessing.CorrelationRemover],
    }
    assert set(theirs) == set(METHODS)
    for method, traits in METHODS.items():
        known = {name for kind in theirs[method] for name in inspect.signature(kind).parameters}
        assert set(traits.parameters) <= known, method


def test_a_mitigated_model_has_one_asset_more() -> None:
    plain, mitigated = (
        ModelSpec.model_validate({**lending_attributes(), "mitigation": asked}) for asked in (None, OPTIMIZED)
    )
    assert plain.assets == ASSETS
    assert set(mitigated.assets) - set(plain.assets) == {"mitigation_report"}
    assert mitigated.assets.index("mitigation_report") + 1 == mitigated.assets.index("model_card")
