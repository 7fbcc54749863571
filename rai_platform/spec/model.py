"""One model: what it is for, what it learns from, how it is trained and what it must prove."""

import re
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from rai_platform.errors import did_you_mean
from rai_platform.spec.adversary import Adversary
from rai_platform.spec.attacks import Attacks
from rai_platform.spec.data import INTERSECTION, Cell, DataSpec, Location, SensitiveFeature, Source, Split
from rai_platform.spec.mitigation import Mitigation
from rai_platform.spec.monitoring import Monitoring
from rai_platform.spec.policy import PolicyOverlay, Strict

EMAIL = re.compile(r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")  # no more than Dagster takes as an owner
ASSETS = (
    "training_data",
    "test_data",
    "candidate_model",
    "predictions",
    "performance_report",
    "fairness_report",
    "shap_explanations",
    "robustness_scores",
    "model_card",
    "production_model",
)
MITIGATION_REPORT = "mitigation_report"  # of the models alone whose spec asks for a mitigation


class Estimator(Strict):
    """A scikit-learn classifier by import path."""

    type: str = Field(description="Import path of a class or function that gives a classifier.")
    params: dict[str, Any] = Field(default_factory=dict)
    preprocessing: Literal["auto", "none"] = Field(
        default="auto",
        description="`auto` builds imputation and encoding unless the estimator is a pipeline of its own.",
    )
    vectorizer: dict[str, Any] = Field(
        default_factory=dict,
        description="Parameters of scikit-learn's TfidfVectorizer, for texts that the estimator does not read by itself.",
    )
    threshold: float | None = Field(
        default=None,
        description="Rows with at least this score are selected: 0.5 by default, or 0 where the score is no probability.",
    )
    seed: int = Field(default=0, ge=0)


class GivenPredictions(Strict):
    """A score or decision that somebody else's model made: what needs the model itself is then not possible."""

    source: Location | Source | None = Field(
        default=None, description="A file of their own; the data's own columns by default."
    )
    key: str | None = Field(default=None, description="The column that joins that file to the data.")
    score: str | None = None
    decision: str | None = Field(
        default=None, description="A column that is the positive label where a row was selected."
    )
    threshold: float | None = Field(default=None, description="Rows whose score is at least this are selected.")

    @model_validator(mode="after")
    def _says_who_was_selected(self) -> Self:
        if self.decision is None and (self.score is None or self.threshold is None):
            raise ValueError("give `decision`, or `score` and `threshold`")
        if self.decision is not None and self.threshold is not None:
            raise ValueError("give `decision` or `threshold`, not both")
        if (self.source is None) != (self.key is None):
            raise ValueError("predictions in a file of their own need both `source` and `key`")
        return self

    @property
    def table(self) -> Source | None:
        """The source of the predictions, where they come in a file of their own."""
        return Source(path=self.source) if isinstance(self.source, str) else self.source


class BroughtModel(Strict):
    """A model that was trained elsewhere, on ``data``, and lies in MLflow in a format that runs no code when it is read."""

    uri: Location = Field(description="`models:/name/3`, `runs:/…/model`, or the path of a folder that MLflow wrote.")
    threshold: float | None = Field(
        default=None, description="Rows with at least this score are selected; 0.5 by default."
    )
    classes: tuple[Cell, ...] | None = Field(
        default=None,
        description="The labels in the order of the model's columns, where the model does not know them by name.",
    )


# The job `run_all_models`, and where Dagster shows a YAML that cannot be read.
TAKEN_NAMES = ("all_models", "unreadable", "unreadable_specs")


class Resources(Strict):
    """What a step asks of a Kubernetes cluster."""

    requests: dict[str, str] = Field(default_factory=dict)
    limits: dict[str, str] = Field(default_factory=dict)
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[dict[str, Any], ...] = ()


class ModelSpec(Strict):
    """The attributes of one ``defs.yaml``."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)
    owners: tuple[str, ...] = Field(min_length=1, description="E-mail addresses, or `team:` and a name.")
    intended_use: str = Field(min_length=1)
    out_of_scope: str = Field(min_length=1)
    limitations: tuple[str, ...] = ()
    data: DataSpec
    sensitive_features: tuple[SensitiveFeature, ...] = Field(
        default=(), description="None at all leaves every fairness requirement without evidence."
    )
    intersections: tuple[tuple[str, ...], ...] = Field(
        default=(), description="`[[sex, race]]` judges every pair of groups."
    )
    legitimate_factors: tuple[str, ...] = Field(
        default=(),
        description="Columns that may lawfully explain a difference, such as the level of a job: groups are also compared "
        "among people alike in them.",
    )
    split: Split = Split()
    estimator: Estimator | None = None
    predictions: GivenPredictions | None = None
    model: BroughtModel | None = None
    mitigation: Mitigation | None = None
    adversary: Adversary = Adversary()
    attacks: Attacks = Attacks()
    monitoring: Monitoring = Monitoring()
    policy: Location | PolicyOverlay = PolicyOverlay()
    schedule: str = Field(
        default="0 6 * * 1",
        description="Cron line of the schedule that trains and judges again; off until switched on.",
    )
    resources: dict[str, Resources] = Field(default_factory=dict, description="By asset, or `default`.")

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, name: str) -> str:
        if name in TAKEN_NAMES:
            raise ValueError(f"{name!r} is a name of the platform's own in Dagster; call the model otherwise")
        return name

    @field_validator("owners")
    @classmethod
    def _owners_can_be_written_to(cls, owners: tuple[str, ...]) -> tuple[str, ...]:
        for owner in owners:
            if not EMAIL.fullmatch(owner) and not re.fullmatch(r"team:[\w.-]+", owner):
                raise ValueError(
                    f"{owner!r} is neither an e-mail address that Dagster takes (ASCII letters, and 2 to 7 of them at the end) "
                    "nor `team:` and a name such as 'team:credit-risk'"
                )
        return owners

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if sum(given is not None for given in (self.estimator, self.predictions, self.model)) != 1:
            raise ValueError(
                "give one of `estimator` (a model to train), `model` (one that is in MLflow) and `predictions` (somebody else's)"
            )
        if self.mitigation and not self.estimator:
            raise ValueError(
                "`mitigation` changes how an `estimator` is trained; predictions alone cannot be mitigated"
            )
        names = [feature.name for feature in self.sensitive_features]
        if doubled := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"sensitive feature declared twice: {', '.join(sorted(doubled))}")
        for crossed in self.intersections:
            if len(set(crossed)) < 2:
                raise ValueError(f"an intersection crosses at least two different features, got {list(crossed)}")
            _each_is_known("intersections", crossed, names)
            if (name := INTERSECTION.join(crossed)).split(INTERSECTION) != list(crossed):
                raise ValueError(
                    f"the intersection of {' and '.join(crossed)} would be called {name!r}, which may be read in two "
                    f"ways: call a feature that ends with '_x' otherwise"
                )
        if len({frozenset(crossed) for crossed in self.intersections}) < len(self.intersections):
            raise ValueError(f"intersection declared twice: {[list(crossed) for crossed in self.intersections]}")
        _are_legitimate(self)
        _tells_classes_apart(self)
        if self.mitigation:
            if not names:
                raise ValueError("`mitigation` needs `sensitive_features`")
            _each_is_known("mitigation.sensitive_features", self.mitigation.sensitive_features or (), names)
        _each_is_known("resources", self.resources, ("default", *ASSETS, MITIGATION_REPORT))
        return self

    @model_validator(mode="after")
    def _has_one_rule_of_decision(self) -> Self:
        mitigation, estimator = self.mitigation, self.estimator
        finds_chances = mitigation and (mitigation.draws or mitigation.traits.finds_threshold)
        if finds_chances and estimator and estimator.threshold is not None:
            raise ValueError(
                "`mitigation` finds the chance of being selected by itself: leave out `estimator.threshold`"
            )
        return self

    @property
    def learns(self) -> bool:
        """Whether it is known what the model learned from; of somebody else's predictions it is not."""
        return self.predictions is None

    @property
    def group_features(self) -> tuple[str, ...]:
        """Every attribute that groups are formed by: the sensitive features, then the intersections (``sex_x_race``)."""
        return (
            *(feature.name for feature in self.sensitive_features),
            *(INTERSECTION.join(crossed) for crossed in self.intersections),
        )

    @property
    def assets(self) -> tuple[str, ...]:
        """The assets of the model's graph, in the order of the story."""
        own = [name for name in ASSETS if name != "training_data" or self.learns]
        if self.mitigation:
            own.insert(own.index("model_card"), MITIGATION_REPORT)
        return tuple(own)

    @property
    def mitigated_features(self) -> tuple[str, ...]:
        """The sensitive features that mitigation equalizes; empty where nothing is mitigated."""
        if not self.mitigation:
            return ()
        return self.mitigation.sensitive_features or (self.sensitive_features[0].name,)


def _tells_classes_apart(spec: ModelSpec) -> None:
    if spec.estimator and spec.estimator.vectorizer and spec.data.text is None:
        raise ValueError("`estimator.vectorizer` reads texts: name their column under `data.text`")
    if spec.data.free_columns and (spec.predictions or spec.mitigation):
        given = "predictions" if spec.predictions else "mitigation"
        raise ValueError(
            f"`{given}` is about tables: leave out `data.{'image' if spec.data.image else 'text'}` beside it"
        )
    if spec.attacks.guard and (spec.data.text is None or spec.data.selected_label is None):
        raise ValueError("`attacks.guard` is about texts with a positive label, that of injections: name `data.text`")
    if spec.data.classes is None:
        return
    for given in ("mitigation", "predictions"):
        if getattr(spec, given) is not None:
            raise ValueError(f"`{given}` is about two labels: leave out `data.classes` beside it")
    if spec.estimator and spec.estimator.threshold is not None:
        raise ValueError("of several classes the likeliest is decided for: leave out `estimator.threshold`")


def _are_legitimate(spec: ModelSpec) -> None:
    taken = {feature.source_column: f"the sensitive feature {feature.name!r}" for feature in spec.sensitive_features}
    taken |= {spec.data.target: "the target"}
    for column in spec.legitimate_factors:
        if column in taken:
            raise ValueError(f"legitimate_factors: {column!r} is {taken[column]}, which explains no difference")
    if len(set(spec.legitimate_factors)) < len(spec.legitimate_factors):
        raise ValueError(f"legitimate_factors: a column is named twice: {', '.join(spec.legitimate_factors)}")


def _each_is_known(where: str, names: Any, known: Any) -> None:
    for name in names:
        if name not in known:
            raise ValueError(
                f"{where}: no {name!r}{did_you_mean(name, known)}; there are: {', '.join(known) or 'none'}"
            )
