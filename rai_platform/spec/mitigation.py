"""What a spec may ask for to make a disparity smaller, and what each method needs and knows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from rai_platform.errors import did_you_mean
from rai_platform.spec.policy import Strict

Method = Literal["exponentiated_gradient", "grid_search", "threshold_optimizer", "reweighing", "correlation_remover"]
Constraint = Literal["demographic_parity", "equalized_odds", "true_positive_rate_parity", "false_positive_rate_parity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What may be given for one parameter of a method."""

    expected: str
    holds: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


OVER_0 = Parameter(expected="a number over 0", holds=lambda value: _is_number(value) and value > 0)
SHARE = Parameter(expected="a number from 0 to 1", holds=lambda value: _is_number(value) and 0 <= value <= 1)
COUNT = Parameter(expected="a whole number of at least 1", holds=_is_count)
YES_OR_NO = Parameter(expected="true or false", holds=lambda value: isinstance(value, bool))
TEXT = Parameter(expected="text", holds=lambda value: isinstance(value, str))


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodTraits:
    """What sets one method apart from the others.

    Attributes:
        parameters: what may be given for it.
        constrains: whether it is told which disparity to make smaller; the others aim at demographic parity.
        draws: whether it may decide by a draw.
        finds_threshold: whether it decides by groups' thresholds of its own, and not by one on a score.
        is_weighted: whether it is defined for rows with sampling weights.
    """

    parameters: dict[str, Parameter] = field(default_factory=dict)
    constrains: bool = False
    draws: bool = False
    finds_threshold: bool = False
    is_weighted: bool = False


METHODS: dict[Method, MethodTraits] = {
    "exponentiated_gradient": MethodTraits(
        parameters={
            "difference_bound": OVER_0,
            "eps": OVER_0,
            "eta0": OVER_0,
            "max_iter": COUNT,
            "nu": OVER_0,
            "run_linprog_step": YES_OR_NO,
        },
        constrains=True,
        draws=True,
    ),
    "grid_search": MethodTraits(
        parameters={
            "constraint_weight": SHARE,
            "difference_bound": OVER_0,
            "grid_limit": OVER_0,
            "grid_size": COUNT,
        },
        constrains=True,
    ),
    "threshold_optimizer": MethodTraits(
        parameters={"flip": YES_OR_NO, "grid_size": COUNT, "objective": TEXT, "tol": OVER_0},
        constrains=True,
        draws=True,
        finds_threshold=True,
    ),
    "reweighing": MethodTraits(is_weighted=True),
    "correlation_remover": MethodTraits(parameters={"alpha": SHARE}),
}


class Mitigation(Strict):
    """A method that trades some accuracy for a smaller disparity: Fairlearn's, or reweighing."""

    method: Method
    constraint: Constraint = Field(
        default="demographic_parity",
        description="The disparity to make smaller. Reweighing and the correlation remover know demographic parity alone.",
    )
    sensitive_features: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="The features it equalizes, crossed where there are several; the first declared by default.",
    )
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="Of the method: `difference_bound`, `eps`, `max_iter`, `nu`, `eta0`, `run_linprog_step` of "
        "exponentiated_gradient; `grid_size`, `grid_limit`, `constraint_weight`, `difference_bound` of grid_search; "
        "`objective`, `grid_size`, `flip`, `tol` of threshold_optimizer; `alpha` of correlation_remover.",
    )
    randomized: bool = Field(
        default=True,
        description="Decide by a draw, as Fairlearn's guarantee assumes. The draw depends on the seed and the row alone, "
        "so that the same person gets the same answer. `false` draws nothing: it selects where the mean score of an "
        "exponentiated gradient reaches the threshold, or the chance of a threshold optimizer one half. The other methods "
        "draw nothing.",
    )

    @property
    def traits(self) -> MethodTraits:
        """What its method needs and knows."""
        return METHODS[self.method]

    @property
    def draws(self) -> bool:
        """Whether decisions are drawn."""
        return self.traits.draws and self.randomized

    @model_validator(mode="after")
    def _asks_what_the_method_knows(self) -> Self:
        if not self.traits.constrains and self.constraint != "demographic_parity":
            raise ValueError(f"{self.method} aims at demographic_parity alone, got constraint {self.constraint!r}")
        if not self.traits.draws and self.randomized and "randomized" in self.model_fields_set:
            raise ValueError(f"{self.method} draws no decision: leave out `randomized`")
        known = self.traits.parameters
        for name, value in self.params.items():
            if name not in known:
                takes = f"it takes: {', '.join(known)}" if known else "it takes none"
                raise ValueError(f"{self.method} takes no param {name!r}{did_you_mean(name, known)}; {takes}")
            if not known[name].holds(value):
                raise ValueError(f"params.{name}: expected {known[name].expected}, got {value!r}")
        return self
