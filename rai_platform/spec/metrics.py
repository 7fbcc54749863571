"""The names a policy may put a limit on: which asset answers, by group or overall, and which side is the good one."""

from dataclasses import dataclass
from typing import Literal

Option = Literal["strength", "top", "features"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One value that a report holds and a policy can limit.

    Attributes:
        assets: the assets whose report holds it.
        good: the side on which the value is good; a limit is a minimum where it is ``high``, a maximum where ``low``.
        by_group: whether it is judged for every sensitive feature and intersection, or once.
        meaning: what the value is, in one line.
        options: what else a requirement on it may say.
        is_share: whether it lies between -1 and 1, so that a limit of 5 means 5 % and says 500 %.
        strength_is_share: whether the strength of its perturbation is a share of the cells.
        strengths: the only ones that its perturbation has; empty where any number above 0 is one.
    """

    assets: tuple[str, ...]
    good: Literal["high", "low"]
    by_group: bool
    meaning: str
    options: tuple[Option, ...] = ()
    is_share: bool = True
    strength_is_share: bool = False
    strengths: tuple[float, ...] = ()


def _fairness(good: Literal["high", "low"], meaning: str) -> Metric:
    return Metric(assets=("fairness_report",), good=good, by_group=True, meaning=meaning)


def _data(good: Literal["high", "low"], meaning: str, *, is_share: bool = True) -> Metric:
    return Metric(assets=("training_data",), good=good, by_group=True, meaning=meaning, is_share=is_share)


def _performance(good: Literal["high", "low"], meaning: str, *, is_share: bool = True) -> Metric:
    return Metric(assets=("performance_report",), good=good, by_group=False, meaning=meaning, is_share=is_share)


def _apart(name: str, rate: str) -> dict[str, Metric]:
    """Difference and ratio of a rate over groups."""
    return {
        f"{name}_difference": _fairness("low", f"highest {rate} of a group minus the lowest"),
        f"{name}_ratio": _fairness("high", f"lowest {rate} of a group, divided by the highest"),
    }


def _robustness(meaning: str, *, strength_is_share: bool = False) -> Metric:
    return Metric(
        assets=("robustness_scores",),
        good="low",
        by_group=False,
        options=("strength",),
        meaning=f"accuracy lost when {meaning}",
        strength_is_share=strength_is_share,
    )


def _image_attack(within: str) -> Metric:
    return Metric(
        assets=("robustness_scores",),
        good="high",
        by_group=False,
        options=("strength",),
        meaning=f"share of images classified rightly however an attack changes them, {within}",
    )


def _explanation(good: Literal["high", "low"], meaning: str, *, is_share: bool = True) -> Metric:
    return Metric(assets=("shap_explanations",), good=good, by_group=False, meaning=meaning, is_share=is_share)


def _under_attack(good: Literal["high", "low"], meaning: str) -> Metric:
    return Metric(assets=("robustness_scores",), good=good, by_group=False, meaning=meaning)


METRICS: dict[str, Metric] = {
    "schema_violation_rate": Metric(
        assets=("training_data", "test_data"),
        good="low",
        by_group=False,
        meaning="share of rows that break the schema: type, range, category or missing value",
    ),
    "missing_rate": Metric(
        assets=("training_data",),
        good="low",
        by_group=False,
        meaning="largest share of missing values in any feature",
    ),
    "duplicate_rate": Metric(
        assets=("training_data", "test_data"),
        good="low",
        by_group=False,
        meaning="share of rows that repeat an earlier row, and not by chance",
    ),
    "leakage_rate": Metric(
        assets=("test_data",),
        good="low",
        by_group=False,
        meaning="share of test rows that are also training rows, and not by chance",
    ),
    "group_count": Metric(
        assets=("training_data",),
        good="high",
        by_group=True,
        meaning="rows of the smallest group to learn from",
        is_share=False,
    ),
    "label_rate_ratio": Metric(
        assets=("training_data",),
        good="high",
        by_group=True,
        meaning="lowest share of positive labels in a group, divided by the highest",
    ),
    "label_conflict_rate": Metric(
        assets=("training_data",),
        good="low",
        by_group=False,
        meaning="share of rows that are like another row in every feature and have another label",
    ),
    "representation_ratio": _data(
        "high", "smallest share of a group in the rows, divided by its share in the reference population"
    ),
    "class_imbalance": _data("low", "everybody else minus the smallest group, divided by all rows"),
    "label_rate_gap": _data(
        "low", "largest difference in the share of positive labels between a group and everybody else"
    ),
    "kullback_leibler_divergence": _data(
        "low", "largest divergence of a group's labels from everybody else's", is_share=False
    ),
    "jensen_shannon_divergence": _data("low", "largest symmetric divergence of a group's labels from everybody else's"),
    "lp_norm": _data("low", "largest Euclidean distance of a group's labels from everybody else's", is_share=False),
    "total_variation_distance": _data("low", "largest half-summed distance of a group's labels from everybody else's"),
    "kolmogorov_smirnov_distance": _data("low", "largest single difference of a group's labels from everybody else's"),
    "conditional_demographic_disparity": _data(
        "low", "largest difference of a group's shares among rejected and accepted, within the values of a column"
    ),
    "missing_rate_difference": _data("low", "largest difference between groups in the missing values of a column"),
    "proxy_auc": _data("low", "how well a group can be told from the model's other columns"),
    "accuracy": _performance("high", "share of decisions that agree with the label"),
    "balanced_accuracy": _performance("high", "mean of true positive rate and true negative rate"),
    "roc_auc": _performance("high", "chance that a positive row scores above a negative one"),
    "log_loss": _performance("low", "mean negative log likelihood of the labels under the scores", is_share=False),
    "brier_score": _performance("low", "mean squared difference between score and label"),
    "expected_calibration_error": _performance("low", "mean distance of score and observed rate over ten bins"),
    "accuracy_gain": _performance("high", "accuracy above that of always giving the majority's answer"),
    "disparate_impact": _fairness("high", "lowest selection rate of a group, divided by the highest"),
    "equalized_odds_difference": _fairness(
        "low", "the larger of the differences in true positive rate and in false positive rate"
    ),
    "equalized_odds_ratio": _fairness(
        "high", "the smaller of the ratios in true positive rate and in false positive rate"
    ),
    "average_odds_difference": _fairness(
        "low", "the mean of the differences in true positive rate and in false positive rate"
    ),
    **_apart("demographic_parity", "selection rate"),
    **_apart("equal_opportunity", "true positive rate"),
    **{
        name: metric
        for rate in (
            "false_positive_rate",
            "true_negative_rate",
            "false_negative_rate",
            "precision",
            "false_discovery_rate",
            "negative_predictive_value",
            "false_omission_rate",
            "accuracy",
            "error_rate",
        )
        for name, metric in _apart(rate, rate.replace("_", " ")).items()
    },
    "between_group_entropy_index": _fairness("low", "inequality of benefit that lies between groups, not within them"),
    **{
        name: Metric(assets=("fairness_report",), good="low", by_group=False, meaning=meaning)
        for name, meaning in {
            "generalized_entropy_index": "inequality of benefit over all people, with alpha 2",
            "theil_index": "inequality of benefit over all people, with alpha 1",
            "coefficient_of_variation": "standard deviation of the benefit, divided by its mean",
            "subgroup_selection_rate_gap": "largest difference in selection rate of a subgroup that a search puts forward",
            "subgroup_error_rate_gap": "largest difference in error rate of a subgroup that a search puts forward",
        }.items()
    },
    "consistency": Metric(
        assets=("fairness_report",),
        good="high",
        by_group=False,
        meaning="how far people who are alike get the same decision",
    ),
    "attribute_flip_rate": _fairness(
        "low", "share of people whose decision is another one when nothing but their group is changed"
    ),
    "forbidden_features_in_top": Metric(
        assets=("shap_explanations",),
        good="low",
        by_group=False,
        options=("top", "features"),
        meaning="how many forbidden features are among those that move the score most, or set the threshold",
        is_share=False,
    ),
    "protected_attributes_at_prediction": Metric(
        assets=("shap_explanations",),
        good="low",
        by_group=False,
        meaning="how many protected attributes are needed to decide about a person, as a feature or for a threshold",
        is_share=False,
    ),
    "additivity_error": Metric(
        assets=("shap_explanations",),
        good="low",
        by_group=False,
        meaning="largest gap between a row's output and its base value plus attributions, in units of the output's spread",
        is_share=False,
    ),
    "explanation_stability": _explanation(
        "high", "how far features come in the same order when other people are explained (Kendall's tau-b)"
    ),
    "explanation_faithfulness": _explanation(
        "high", "how much faster a score changes in the order of attributions than in a random one", is_share=False
    ),
    "second_opinion_agreement": _explanation(
        "high", "how far features come in the same order by permutation importance (Kendall's tau-b)"
    ),
    "attribution_parity_difference": Metric(
        assets=("shap_explanations",),
        good="low",
        by_group=True,
        meaning="largest difference between groups in the share of what moves the score that falls on one feature",
    ),
    "proxies_in_top": Metric(
        assets=("shap_explanations",),
        good="low",
        by_group=False,
        options=("top",),
        meaning="how many features that give a group away are among those that move the score most",
        is_share=False,
    ),
    "accuracy_drop_under_noise": _robustness("numbers are measured with noise"),
    "accuracy_drop_under_missing_values": _robustness("values go missing", strength_is_share=True),
    "accuracy_drop_under_category_swaps": _robustness("categories are mixed up", strength_is_share=True),
    "accuracy_drop_under_shift": _robustness("all numbers drift one way"),
    "accuracy_drop_under_constrained_attack": _robustness(
        "people change what they could change, to be decided otherwise"
    ),
    "accuracy_under_linf_attack": _image_attack("no pixel by more than the strength"),
    "accuracy_under_l2_attack": _image_attack("all pixels together by no more than the strength (Euclidean)"),
    "accuracy_drop_under_corruption": Metric(
        assets=("robustness_scores",),
        good="low",
        by_group=False,
        options=("strength",),
        meaning="accuracy lost when images are noisy, blurred, pale or too bright, whichever costs most",
        strengths=(1, 2, 3, 4, 5),
    ),
    "accuracy_under_text_attack": _under_attack(
        "high", "share of texts that are classified rightly, whatever the recipes that ran made of them"
    ),
    "text_attack_success_rate": _under_attack(
        "low", "share of the rightly classified texts that a recipe changed so that they are classified wrongly"
    ),
    "injection_evasion_rate": _under_attack(
        "low", "largest share, over families of changes, of recognized injections that are not recognized once changed"
    ),
    "over_defence_rate": _under_attack(
        "low", "share of harmless prompts with words that injections are known by, taken for injections"
    ),
    "endpoint_attack_success_rate": _under_attack(
        "low", "largest share, over families of attacks, of attacks that made the endpoint give its secret away"
    ),
}
