"""Mitigated models as plain parts: they score as Fairlearn's own objects do, and reweighing as AIF360's."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn import reductions
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.preprocessing import CorrelationRemover
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from rai_platform.data.preparation import PreparedData, prepare_data
from rai_platform.data.sample import Sample
from rai_platform.errors import InvalidSpec, UnusableEstimator
from rai_platform.spec.model import ModelSpec
from rai_platform.store import ContentStore
from rai_platform.training.estimators import build_preprocessing, encoded_columns
from rai_platform.training.fitting import fit_grid, fit_model
from rai_platform.training.loading import load_model
from rai_platform.training.mitigation import reweighed
from rai_platform.training.model import TrainedModel
from rai_platform_tests.training.lending import LOGISTIC, SOURCE, lending_spec, sample_of, train

SEES_SEX = {"source": SOURCE, "target": "repaid", "exclude": ["approved"]}
TREE = "sklearn.tree.DecisionTreeClassifier"
AGREE = 1e-9


@pytest.fixture(scope="module")
def seen() -> PreparedData:
    """The lending data with sex among the features."""
    return prepare_data(lending_spec(data=SEES_SEX))


def reloaded(spec: ModelSpec, prepared: PreparedData, store: ContentStore) -> TrainedModel:
    candidate, _ = train(spec, prepared, store)
    return load_model(candidate, store)


def encoded(prepared: PreparedData) -> tuple[Any, Any, Sample, Sample, Any]:
    """The columns that the platform's preprocessing gives: training and test data, and the preprocessing."""
    training, test = prepared.training, prepared.test
    assert training is not None
    preprocessing = build_preprocessing(training.features)
    return (
        preprocessing.fit_transform(training.features),
        preprocessing.transform(test.features),
        training,
        test,
        preprocessing,
    )


def logistic() -> LogisticRegression:
    return LogisticRegression(max_iter=500, random_state=0)


# --- Fairlearn's own objects -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_a_grid_search_scores_as_fairlearns(constraint: str, lending: PreparedData, store: ContentStore) -> None:
    asked = {"method": "grid_search", "constraint": constraint, "params": {"grid_size": 5}}
    model = reloaded(lending_spec(mitigation=asked), lending, store)
    x, z, training, test, _ = encoded(lending)
    moment = {"demographic_parity": reductions.DemographicParity, "equalized_odds": reductions.EqualizedOdds}[
        constraint
    ]
    theirs = reductions.GridSearch(logistic(), moment(), grid_size=5)
    theirs.fit(x, training.y_true, sensitive_features=training.sensitive_features["sex"])
    assert model.manifest.composition == "single"
    assert list(model.parts) == ["preprocessing", "estimator"]
    assert model.score(test.features) == pytest.approx(theirs.predict_proba(z)[:, 1], abs=AGREE)
    assert np.array_equal(model.decide(test.features), theirs.predict(z))


def test_the_members_of_a_grid_are_fairlearns(lending: PreparedData) -> None:
    spec = lending_spec(mitigation={"method": "grid_search", "params": {"grid_size": 5, "difference_bound": 0.02}})
    x, z, training, test, _ = encoded(lending)
    models, chosen = fit_grid(spec, training)
    theirs = reductions.GridSearch(logistic(), reductions.DemographicParity(difference_bound=0.02), grid_size=5)
    theirs.fit(x, training.y_true, sensitive_features=training.sensitive_features["sex"])
    assert chosen == theirs.best_idx_
    for model, predictor in zip(models, theirs.predictors_, strict=True):
        assert model.score(test.features) == pytest.approx(predictor.predict_proba(z)[:, 1], abs=AGREE)
    assert np.array_equal(fit_model(spec, training)[0].score(test.features), models[chosen].score(test.features))


@pytest.mark.parametrize(("features", "alpha"), [(["sex"], 1.0), (["sex"], 0.4), (["age_group", "sex"], 1.0)])
def test_a_correlation_remover_scores_as_fairlearns(
    features: list[str], alpha: float, seen: PreparedData, store: ContentStore
) -> None:
    asked = {"method": "correlation_remover", "sensitive_features": features, "params": {"alpha": alpha}}
    model = reloaded(lending_spec(data=SEES_SEX, mitigation=asked), seen, store)
    x, z, training, test, preprocessing = encoded(seen)
    columns = {"sex": "sex", "age_group": "age"}
    sources = [columns[name] for name in features]
    at = [place for place, name in enumerate(encoded_columns(preprocessing)) if name in sources]
    theirs = CorrelationRemover(sensitive_feature_ids=at, alpha=alpha).fit(x)
    estimator = logistic().fit(theirs.transform(x), training.y_true)
    assert list(model.parts) == ["preprocessing", "removal", "estimator"]
    assert model.score(test.features) == pytest.approx(estimator.predict_proba(theirs.transform(z))[:, 1], abs=AGREE)
    assert np.array_equal(model.decide(test.features), estimator.predict(theirs.transform(z)))


def test_what_a_correlation_remover_leaves_goes_no_longer_with_sex(seen: PreparedData) -> None:
    x, _, training, _, preprocessing = encoded(seen)
    model, _ = fit_model(lending_spec(data=SEES_SEX, mitigation={"method": "correlation_remover"}), training)
    left = x @ model.parts["removal"]["matrix"] + model.parts["removal"]["offset"]
    female = (training.sensitive_features["sex"] == "female").to_numpy(float)
    assert left.shape[1] == x.shape[1] - encoded_columns(preprocessing).count("sex")
    assert np.abs((female - female.mean()) @ (left - left.mean(axis=0)) / len(left)).max() < AGREE


def test_an_exponentiated_gradient_scores_as_fairlearns(lending: PreparedData, store: ContentStore) -> None:
    asked = {"method": "exponentiated_gradient", "params": {"max_iter": 8, "difference_bound": 0.05}}
    model = reloaded(lending_spec(mitigation=asked), lending, store)
    x, z, training, test, _ = encoded(lending)
    theirs = reductions.ExponentiatedGradient(
        logistic(), reductions.DemographicParity(difference_bound=0.05), max_iter=8
    )
    theirs.fit(x, training.y_true, sensitive_features=training.sensitive_features["sex"])
    chances = theirs._pmf_predict(z)[:, 1]
    ours = model._chance_of_selection(test.features, None)
    assert ours == pytest.approx(chances, abs=1e-5), "predictors of a weight below one in a million are left out"
    assert set(model.decide(test.features)) == {0, 1}


def test_thresholds_select_as_fairlearns(lending: PreparedData, store: ContentStore) -> None:
    model = reloaded(
        lending_spec(mitigation={"method": "threshold_optimizer", "params": {"tol": 0.02}}), lending, store
    )
    x, z, training, test, _ = encoded(lending)
    theirs = ThresholdOptimizer(estimator=logistic(), predict_method="predict_proba", tol=0.02)
    theirs.fit(x, training.y_true, sensitive_features=training.sensitive_features["sex"])
    chances = theirs._pmf_predict(z, sensitive_features=test.sensitive_features["sex"])[:, 1]
    assert model._chance_of_selection(test.features, test.sensitive_features) == pytest.approx(chances, abs=AGREE)
    assert model.manifest.group_features == ("sex",)


# --- reweighing ------------------------------------------------------------------------------------------------------


def test_weights_are_those_of_aif360(lending: PreparedData) -> None:
    from aif360.algorithms.preprocessing import Reweighing
    from aif360.datasets import BinaryLabelDataset

    training = lending.training
    assert training is not None
    own = np.random.default_rng(0).uniform(0.5, 2.0, training.n)
    groups = training.sensitive_features["sex"].to_numpy(object)
    for weight in (None, own):
        frame = pd.DataFrame({"male": (groups == "male").astype(float), "label": training.y_true.astype(float)})
        names = {"label_names": ["label"], "protected_attribute_names": ["male"]}
        if weight is not None:
            frame, names = frame.assign(weight=weight), {**names, "instance_weights_name": "weight"}
        theirs = Reweighing(unprivileged_groups=[{"male": 0}], privileged_groups=[{"male": 1}])
        expected = theirs.fit_transform(BinaryLabelDataset(df=frame, **names)).instance_weights
        assert reweighed(groups, training.y_true, weight) == pytest.approx(expected, rel=AGREE)


rows = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.floats(0.1, 10)), min_size=1, max_size=60)


@given(rows)
def test_reweighed_labels_do_not_depend_on_the_group_and_nobody_else_gains(drawn: list[tuple[str, int, float]]) -> None:
    groups = np.array([group for group, _, _ in drawn], dtype=object)
    y_true = np.array([label for _, label, _ in drawn], dtype="int8")
    weight = np.array([size for _, _, size in drawn])
    found = reweighed(groups, y_true, weight)
    assert (found > 0).all()
    combinations = {(group, label) for group, label, _ in drawn}
    if len(combinations) < len(set(groups)) * len(set(y_true)):
        return  # a combination that nobody has gets no weight, so nothing can be promised
    assert found.sum() == pytest.approx(weight.sum())
    for group in set(groups):
        member = groups == group
        assert found[member].sum() == pytest.approx(weight[member].sum())
        assert np.average(y_true[member], weights=found[member]) == pytest.approx(np.average(y_true, weights=weight))


def test_a_reweighed_model_is_the_estimator_with_these_weights(lending: PreparedData, store: ContentStore) -> None:
    model = reloaded(lending_spec(mitigation={"method": "reweighing"}), lending, store)
    x, z, training, test, _ = encoded(lending)
    weights = reweighed(training.sensitive_features["sex"].to_numpy(object), training.y_true)
    expected = logistic().fit(x, training.y_true, sample_weight=weights).predict_proba(z)[:, 1]
    assert np.array_equal(model.score(test.features), expected)


# --- what it is for --------------------------------------------------------------------------------------------------

METHODS: dict[str, dict[str, Any]] = {
    "exponentiated_gradient": {"params": {"max_iter": 8}},
    "grid_search": {"params": {"grid_size": 9}},
    "threshold_optimizer": {},
    "reweighing": {},
    "correlation_remover": {},
}


MORE = SOURCE.replace("rows=2000", "rows=8000")


@pytest.mark.parametrize("method", [method for method in METHODS if method != "reweighing"])
def test_selection_rates_come_closer_together(method: str) -> None:
    def apart(mitigation: dict[str, Any] | None, *, sees_sex: bool) -> float:
        excluded = ["approved", *([] if sees_sex else ["sex"])]
        spec = lending_spec(data={"source": MORE, "target": "repaid", "exclude": excluded}, mitigation=mitigation)
        prepared = prepare_data(spec)
        assert prepared.training is not None
        model, _ = fit_model(spec, prepared.training)
        return gap(model, prepared.test)

    before = apart(None, sees_sex=False)
    after = apart({"method": method, **METHODS[method]}, sees_sex=method == "correlation_remover")
    assert before > 0.15
    assert after < before / 2


def gap(model: TrainedModel, sample: Sample) -> float:
    """The difference in selection rate by sex."""
    selected = model.decide(sample.features, sample.sensitive_features)
    female = (sample.sensitive_features["sex"] == "female").to_numpy()
    return abs(float(selected[female].mean() - selected[~female].mean()))


def test_reweighing_takes_its_use_from_a_proxy_where_labels_depend_on_the_group() -> None:
    rng = np.random.default_rng(0)
    female = rng.random(8000) < 0.5
    skill = rng.standard_normal(8000)
    y_true = skill + rng.standard_normal(8000) > np.where(female, 0.8, -0.2)
    features = pd.DataFrame({"skill": skill, "proxy": female + 0.3 * rng.standard_normal(8000)})
    groups = pd.DataFrame({"sex": np.where(female, "female", "male"), "age_group": "x"})
    sample = sample_of(features, y_true, groups)
    before, after = (
        gap(fit_model(lending_spec(mitigation=asked), sample)[0], sample) for asked in (None, {"method": "reweighing"})
    )
    assert before > 0.2
    assert after < before / 3


def test_reweighing_leaves_alone_what_depends_on_no_group(lending: PreparedData) -> None:
    """The readings of women are biased here, not the labels: there is nothing to weigh otherwise."""
    training = lending.training
    assert training is not None
    weights = reweighed(training.sensitive_features["sex"].to_numpy(object), training.y_true)
    assert weights == pytest.approx(np.ones(training.n), abs=0.05)


# --- what cannot be combined -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        (
            {"mitigation": {"method": "correlation_remover"}},
            InvalidSpec,
            "'sex' out of `data.exclude`, or use reweighing",
        ),
        (
            {"mitigation": {"method": "grid_search"}, "estimator": "sklearn.neighbors.KNeighborsClassifier"},
            UnusableEstimator,
            "cannot be trained with weights, as `mitigation.method: grid_search` asks",
        ),
        (
            {"mitigation": {"method": "reweighing"}, "estimator": "sklearn.neighbors.KNeighborsClassifier"},
            UnusableEstimator,
            "cannot be trained with weights, as `mitigation.method: reweighing` asks",
        ),
        (
            {"mitigation": {"method": "threshold_optimizer", "params": {"objective": "acuracy"}}},
            UnusableEstimator,
            "could not be trained on these data: ValueError",
        ),
    ],
)
def test_what_cannot_be_combined_is_told(
    changes: dict[str, Any], error: type[Exception], told: str, lending: PreparedData
) -> None:
    assert lending.training is not None
    with pytest.raises(error, match=told):
        fit_model(lending_spec(changes.pop("estimator", LOGISTIC), **changes), lending.training)


def test_an_estimator_with_its_own_preprocessing_leaves_nothing_to_remove_from() -> None:
    features = pd.DataFrame({"sex": np.tile([0, 1], 20), "income": np.arange(40.0)})
    groups = pd.DataFrame({"sex": np.tile(["f", "m"], 20)})
    sample = sample_of(features, np.arange(40) % 3 == 0, groups)
    spec = lending_spec(
        data=SEES_SEX,
        mitigation={"method": "correlation_remover"},
        estimator_options={"preprocessing": "none"},
        sensitive_features=[{"name": "sex"}],
    )
    with pytest.raises(InvalidSpec, match="this estimator brings its own"):
        fit_model(spec, sample)
    alone = sample_of(features[["sex"]], sample.y_true, groups)
    with pytest.raises(InvalidSpec, match="leaves no feature to learn from"):
        fit_model(spec.model_copy(update={"estimator": lending_spec().estimator}), alone)


def test_only_reweighing_takes_sampling_weights() -> None:
    features, y_true = pd.DataFrame({"income": np.arange(40.0)}), np.arange(40) % 3 == 0
    groups = pd.DataFrame({"sex": np.tile(["f", "m"], 20), "age_group": "x"})
    weighted = sample_of(features, y_true, groups, weight=np.linspace(1, 2, 40))
    for method in METHODS:
        spec = lending_spec(mitigation={"method": method})
        if method == "reweighing":
            even = sample_of(features, y_true, groups)
            ours, other = (fit_model(spec, sample)[0].score(features) for sample in (weighted, even))
            assert not np.allclose(ours, other)
            continue
        with pytest.raises(InvalidSpec, match=f"{method} takes no sampling weights"):
            fit_model(spec, weighted)


def test_there_is_a_grid_only_where_one_is_asked_for(lending: PreparedData) -> None:
    assert lending.training is not None
    with pytest.raises(InvalidSpec, match="there is no grid to search"):
        fit_grid(lending_spec(mitigation={"method": "reweighing"}), lending.training)


def test_a_tree_that_is_reweighed_is_reweighed(lending: PreparedData) -> None:
    training = lending.training
    assert training is not None
    plain, reweighing = (
        fit_model(lending_spec(TREE, {"max_depth": 4}, mitigation=asked), training)[0].score(training.features)
        for asked in (None, {"method": "reweighing"})
    )
    assert not np.array_equal(plain, reweighing)
