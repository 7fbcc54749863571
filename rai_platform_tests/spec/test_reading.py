"""A model's YAML is read as it was meant, or every mistake in it is told at once."""

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from rai_platform.errors import InvalidSpec
from rai_platform.spec.policy import requirement_for
from rai_platform.spec.reading import COMPONENT_TYPE, read_model
from rai_platform_tests.spec.conftest import Definer, ModelFile, lending_attributes

COMPLETE = """
type: rai_platform.pipeline.ResponsibleModel
attributes:
  name: lending
  owners: [ada@example.org, "team:credit-risk"]
  intended_use: Prepares decisions on small loans.
  out_of_scope: Anything else.
  limitations: [Generated data.]
  data:
    source: {path: loans.csv, separator: ";", replace: {repaid: {"yes": 1, "no": 0}}}
    target: repaid
    positive_label: 1
    features: [income, age]
    exclude: [sex]
    weight: sampling_weight
    missing: ["?"]
    rules: rules.yaml
  sensitive_features:
    - name: sex
    - {name: age_group, column: age, bins: [30, 50]}
    - {name: home, bins: {owner: [own], others: [rent, other]}}
  intersections: [[sex, age_group]]
  split: {test_size: 0.4, seed: 7, group_column: household}
  estimator:
    type: sklearn.linear_model.LogisticRegression
    params: {max_iter: 1000}
    seed: 3
  mitigation:
    method: exponentiated_gradient
    constraint: equalized_odds
    sensitive_features: [sex, home]
    params: {eps: 0.05}
    randomized: false
  policy:
    minimum_group_size: 50
    requirements: [{metric: accuracy, min: 0.7, reason: Asked for by the board.}]
  schedule: "0 5 * * 1"
  resources: {default: {limits: {memory: 2Gi}}, candidate_model: {requests: {cpu: "2"}}}
"""


def test_a_complete_yaml_is_read_as_it_was_written(model_file: ModelFile) -> None:
    model_file.write(COMPLETE)
    definition = model_file.read()
    spec = definition.spec
    assert definition.name == spec.name == "lending"
    assert definition.path == model_file.path.resolve()
    assert spec.owners == ("ada@example.org", "team:credit-risk")
    assert spec.data.table.separator == ";"
    assert spec.data.table.replace == {"repaid": {"yes": 1, "no": 0}}
    assert spec.data.features == ("income", "age")
    assert spec.sensitive_features[1].bins == (30.0, 50.0)
    assert spec.sensitive_features[2].bins == {"owner": ("own",), "others": ("rent", "other")}
    assert spec.group_features == ("sex", "age_group", "home", "sex_x_age_group")
    assert (spec.split.test_size, spec.split.seed, spec.split.group_column) == (0.4, 7, "household")
    assert spec.estimator is not None
    assert (spec.estimator.params, spec.estimator.seed) == ({"max_iter": 1000}, 3)
    assert spec.mitigated_features == ("sex", "home")
    assert definition.policy.minimum_group_size == 50
    assert definition.policy.requirements[-1].min == 0.7
    assert spec.resources["default"].limits == {"memory": "2Gi"}


def test_mitigation_equalizes_the_first_sensitive_feature_unless_told_otherwise(define: Definer) -> None:
    assert define(mitigation={"method": "threshold_optimizer"}).spec.mitigated_features == ("sex",)
    assert define().spec.mitigated_features == ()


def test_bins_may_be_left_to_the_values_themselves(define: Definer) -> None:
    feature = define(sensitive_features=[{"name": "sex"}]).spec.sensitive_features[0]
    assert (feature.source_column, feature.bins) == ("sex", None)


UNKNOWN_KEYS: dict[str, tuple[dict[str, Any], str, str]] = {
    "intended_usee": ({"intended_usee": "x"}, "intended_usee", "intended_use"),
    "data.targt": ({"data": {"source": "a.csv", "target": "b", "targt": "c"}}, "targt", "target"),
    "data.source.seperator": (
        {"data": {"source": {"path": "a.csv", "seperator": ";"}, "target": "b"}},
        "seperator",
        "separator",
    ),
    "sensitive_features.1.colum": (
        {"sensitive_features": [{"name": "sex"}, {"name": "age", "colum": "a"}]},
        "colum",
        "column",
    ),
    "split.test_sise": ({"split": {"test_sise": 0.2}}, "test_sise", "test_size"),
    "split.test.pathh": ({"split": {"test": {"path": "a.csv", "pathh": "b"}}}, "pathh", "path"),
    "estimator.parms": ({"estimator": {"type": "a.B", "parms": {}}}, "parms", "params"),
    "mitigation.contraint": (
        {"mitigation": {"method": "threshold_optimizer", "contraint": "equalized_odds"}},
        "contraint",
        "constraint",
    ),
    "predictions.threshhold": (
        {"estimator": None, "predictions": {"score": "s", "threshold": 1, "threshhold": 2}},
        "threshhold",
        "threshold",
    ),
    "predictions.source.formt": (
        {
            "estimator": None,
            "predictions": {"score": "s", "threshold": 1, "key": "k", "source": {"path": "a", "formt": "csv"}},
        },
        "formt",
        "format",
    ),
    "policy.confidance": ({"policy": {"confidance": 0.9}}, "confidance", "confidence"),
    "policy.requirements.0.mn": (
        {"policy": {"requirements": [{"metric": "accuracy", "mn": 0.9, "min": 0.8}]}},
        "mn",
        "min",
    ),
    "resources.candidate_model.limit": ({"resources": {"candidate_model": {"limit": {}}}}, "limit", "limits"),
}


@pytest.mark.parametrize("place", UNKNOWN_KEYS)
def test_an_unknown_key_at_any_depth_is_told_with_its_line_its_path_and_the_nearest_known_key(
    place: str, define: Definer, model_file: ModelFile
) -> None:
    changes, key, meant = UNKNOWN_KEYS[place]
    with pytest.raises(InvalidSpec) as caught:
        define(**changes)
    line = model_file.line_of(f"{key}:")
    assert caught.value.message.startswith(f"line {line}, {place}: unknown key; did you mean '{meant}'?; known: ")
    assert "\n" not in caught.value.message, "one mistake, one line"
    assert caught.value.where == str(model_file.path)


def test_an_unknown_key_beside_the_attributes_is_told_too(model_file: ModelFile) -> None:
    model_file.write(f"type: {COMPONENT_TYPE}\nattribute: {{}}\nattributes: {{}}\n")
    with pytest.raises(InvalidSpec, match=re.escape("line 2, attribute: unknown key; did you mean 'attributes'?")):
        model_file.read()


def test_all_problems_are_told_at_once(define: Definer, model_file: ModelFile) -> None:
    with pytest.raises(InvalidSpec) as caught:
        define(
            intended_use=None,
            owner="x",
            data={"source": "a.csv", "targget": "b"},
            split={"test_size": 3},
            estimator={"type": "a.B", "seed": -1},
        )
    assert caught.value.message.splitlines() == [
        "line 2, intended_use: is missing",
        f"line {model_file.line_of('data:')}, data.target: is missing",
        caught.value.message.splitlines()[2],
        f"line {model_file.line_of('test_size')}, split.test_size: expected less than 1, got 3",
        f"line {model_file.line_of('seed')}, estimator.seed: expected greater than or equal to 0, got -1",
        caught.value.message.splitlines()[5],
    ]
    assert "data.targget: unknown key; did you mean 'target'?" in caught.value.message.splitlines()[2]
    assert "owner: unknown key; did you mean 'owners'?" in caught.value.message.splitlines()[5]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data": {"source": 5, "target": "b"}}, "data.source: expected text or a mapping, got 5"),
        ({"data": {"source": ["a"], "target": "b"}}, "data.source: expected text or a mapping, got a list"),
        (
            {"data": {"source": {"path": "a", "format": "xls"}, "target": "b"}},
            "data.source.format: expected 'csv', 'parquet', 'json', 'jsonl', 'npz', 'idx' or 'folder', got 'xls'",
        ),
        (
            {"data": {"source": "a", "target": "b", "positive_label": [1]}},
            "data.positive_label: expected text or true or false or a whole number or a number, got a list",
        ),
        (
            {"sensitive_features": [{"name": "sex", "bins": "young"}]},
            "sensitive_features.0.bins: expected a list or a mapping, got 'young'",
        ),
        (
            {"sensitive_features": [{"name": "sex", "bins": ["young"]}]},
            "sensitive_features.0.bins.0: expected a number, got 'young'",
        ),
        (
            {"sensitive_features": [{"name": "sex", "bins": {"woman": "A92"}}]},
            "sensitive_features.0.bins.woman: expected a list, got 'A92'",
        ),
        ({"sensitive_features": ["sex"]}, "sensitive_features.0: expected a mapping, got 'sex'"),
        ({"split": {"test": {"format": "csv"}}}, "split.test.path: is missing"),
        ({"policy": 5}, "policy: expected text or a mapping, got 5"),
        ({"policy": {"confidence": 2}}, "policy.confidence: expected less than 1, got 2"),
        (
            {"policy": {"requirements": [{"metric": "disparate_impact", "min": 0.8, "sensitive_features": "sex"}]}},
            "policy.requirements.0.sensitive_features: expected 'all' or a list, got 'sex'",
        ),
        (
            {"policy": {"requirements": [{"metric": "forbidden_features_in_top", "max": 0, "features": "sexx"}]}},
            "policy.requirements.0.features: expected 'sensitive' or a list, got 'sexx'",
        ),
        (
            {"mitigation": {"method": "exponentiated_gradent"}},
            "mitigation.method: expected 'exponentiated_gradient', 'grid_search', 'threshold_optimizer', 'reweighing' or "
            "'correlation_remover', got 'exponentiated_gradent'; did you mean 'exponentiated_gradient'?",
        ),
        ({"estimator": {"type": "a.B", "params": {1: 2}}}, "estimator.params.1: expected text, got 1"),
    ],
)
def test_a_value_that_may_be_written_in_several_ways_gives_one_problem_and_no_noise(
    changes: dict[str, Any], told: str, define: Definer
) -> None:
    with pytest.raises(InvalidSpec) as caught:
        define(**changes)
    assert re.sub(r"^line \d+, ", "", caught.value.message) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected a mapping, got nothing"),
        ("- a", "expected a mapping, got a list"),
        ("a: [", "not valid YAML"),
        ("? [a]\n: b", "not valid YAML"),
        ("type: somebody.Else\nattributes: {}", f"expected `type: {COMPONENT_TYPE}`"),
        (f"type: {COMPONENT_TYPE}", "attributes nothing"),
        (f"type: {COMPONENT_TYPE}\nattributes: [name]", "attributes a list"),
    ],
)
def test_what_is_no_model_at_all_is_refused_in_words(text: str, told: str, model_file: ModelFile) -> None:
    model_file.write(text)
    with pytest.raises(InvalidSpec, match=re.escape(told)) as caught:
        model_file.read()
    assert caught.value.where == str(model_file.path)


def test_a_key_that_is_written_twice_is_refused_because_one_of_the_two_would_be_lost(model_file: ModelFile) -> None:
    model_file.write(COMPLETE + "  split: {test_size: 0.1}\n")
    with pytest.raises(InvalidSpec, match="the key 'split' is there twice"):
        model_file.read()


def test_merged_keys_of_yaml_may_be_written_again(model_file: ModelFile, define: Definer) -> None:
    define()
    text = model_file.path.read_text(encoding="utf-8")
    model_file.write(
        text.replace(
            "  estimator:\n",
            "  resources:\n    default: &d {limits: {cpu: '1', memory: 1Gi}}\n"
            "    candidate_model: {<<: *d, limits: {memory: 4Gi}}\n  estimator:\n",
        )
    )
    assert model_file.read().spec.resources["candidate_model"].limits == {"memory": "4Gi"}


def test_a_missing_file_a_folder_and_bytes_that_are_no_text_are_told_apart(model_file: ModelFile) -> None:
    with pytest.raises(InvalidSpec, match="no such file"):
        model_file.read()
    model_file.path.mkdir()
    with pytest.raises(InvalidSpec, match="got a folder"):
        model_file.read()
    model_file.path.rmdir()
    model_file.path.write_bytes(b"name: \xff")
    with pytest.raises(InvalidSpec, match="expected UTF-8 text"):
        model_file.read()


def test_yes_no_on_and_off_are_words_and_only_true_and_false_are_truth_values(model_file: ModelFile) -> None:
    requirement = "[{metric: roc_auc, severity: off, reason: Not used to rank.}]"
    model_file.write(
        COMPLETE.replace("positive_label: 1", "positive_label: yes")
        .replace("others: [rent, other]", "others: [no, off, true]")
        .replace("[{metric: accuracy, min: 0.7, reason: Asked for by the board.}]", requirement)
    )
    definition = model_file.read()
    assert definition.spec.data.positive_label == "yes"
    assert definition.spec.sensitive_features[2].bins == {"owner": ("own",), "others": ("no", "off", True)}
    assert definition.spec.mitigation is not None
    assert definition.spec.mitigation.randomized is False
    assert requirement_for(definition.policy, "roc_auc", None).severity == "off"


def test_the_digest_of_a_spec_changes_with_everything_it_says_but_the_policy(define: Definer) -> None:
    plain = define().spec_digest
    assert define().spec_digest == plain
    assert define(policy={"confidence": 0.9}).spec_digest == plain
    changed = [
        define(intended_use="Something else.").spec_digest,
        define(split={"seed": 1}).spec_digest,
        define(estimator={**lending_attributes()["estimator"], "params": {"C": 2}}).spec_digest,
        define(estimator={**lending_attributes()["estimator"], "params": {"C": None}}).spec_digest,
        define(estimator={**lending_attributes()["estimator"], "params": {"C": float("inf")}}).spec_digest,
    ]
    assert len({plain, *changed}) == 1 + len(changed)


def test_a_link_to_the_yaml_reads_the_same_model(model_file: ModelFile, define: Definer, tmp_path: Path) -> None:
    meant = define()
    link = tmp_path / "elsewhere.yaml"
    link.symlink_to(model_file.path)
    assert read_model(link, environment={}, working_folder=tmp_path) == meant


def test_the_text_of_the_rules_is_part_of_the_policys_digest(model_file: ModelFile, define: Definer) -> None:
    data = {**lending_attributes()["data"], "rules": "rules.yaml"}
    without, missing = define(), define(data=data)
    assert without.policy.digest == missing.policy.digest
    digests = {missing.policy.digest}
    for text in ("columns: {age: {checks: {in_range: [18, 40]}}}", "columns: {age: {checks: {in_range: [18, 120]}}}"):
        rules = model_file.write(text, name="rules.yaml")
        definition = define(data=data)
        assert definition.policy.rules_digest == hashlib.sha256(text.encode()).hexdigest()
        assert definition.policy.digest == define(data=data).policy.digest
        digests.add(definition.policy.digest)
    rules.write_bytes(b"\xff")
    assert define(data=data).policy.rules_digest is None
    assert len(digests) == 3


def test_a_policy_cannot_say_the_digest_of_the_rules(define: Definer) -> None:
    with pytest.raises(InvalidSpec, match="unknown key; known"):
        define(policy={"rules_digest": "0" * 64})
