"""What a person could change to be decided otherwise: the threat model of an attack on a table."""

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from rai_platform.spec.policy import Strict
from rai_platform.spec.relations import Following, Relation, parse_relation

BUDGETS = (0.5, 1.0, 2.0)
ROWS = 500
QUERIES = 600


class FeasibleChange(Strict):
    """What a person could change about one feature."""

    immutable: bool = Field(default=False, description="Nobody can change it.")
    monotone: Literal["increasing", "decreasing"] | None = Field(
        default=None, description="The one way in which it can change: an age only increases."
    )
    min: float | None = Field(
        default=None, description="The smallest value it can be changed to; that of the data by default."
    )
    max: float | None = Field(
        default=None, description="The largest value it can be changed to; that of the data by default."
    )
    integer: bool | None = Field(
        default=None, description="Whether it stays whole; by default where all values of the data are."
    )
    values: tuple[str | int | float, ...] | None = Field(
        default=None, min_length=1, description="The values it can be changed to; all known categories by default."
    )
    cost: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="Of one standard deviation of a number, or of one change of a category."
    )

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        told = self.model_fields_set - {"immutable"}
        if self.immutable and told:
            raise ValueError(f"what is immutable has no {', '.join(sorted(told))}: leave out one of them")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"`min` {self.min:g} is above `max` {self.max:g}: it could be changed to nothing")
        if self.values is not None and (self.min is not None or self.max is not None):
            raise ValueError("give the `values` it can be changed to, or `min` and `max`, not both")
        return self


class Adversary(Strict):
    """Somebody who wants to be decided otherwise, and may change what a person could change."""

    features: dict[str, FeasibleChange] = Field(
        default_factory=dict,
        description="By column. What is not named changes within the data: numbers within their range, whole where they "
        "are, categories to known ones. The columns of sensitive features are immutable unless they are named.",
    )
    others: Literal["mutable", "immutable"] = Field(
        default="mutable", description="Whether a person could change the features that are not named."
    )
    one_hot: tuple[tuple[str, ...], ...] = Field(
        default=(), description="Groups of columns of 0 and 1 of which exactly one is 1: they change together."
    )
    relations: tuple[str, ...] = Field(
        default=(),
        description="What holds between columns, such as `years_employed <= age - 16`; `total == rent + other` follows.",
    )
    budget: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=BUDGETS,
        min_length=1,
        description="What all changes of a person may cost together, one attack for each.",
    )
    queries: int = Field(
        default=QUERIES, ge=10, description="How often each attack may ask the model about changes of one person."
    )
    rows: int = Field(default=ROWS, ge=1, description="How many people of the test data are attacked, drawn by chance.")

    @field_validator("relations")
    @classmethod
    def _relations_can_be_read(cls, relations: tuple[str, ...]) -> tuple[str, ...]:
        for text in relations:
            parse_relation(text)
        return relations

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for group in self.one_hot:
            if len(set(group)) < 2:
                raise ValueError(f"one_hot: a group is of at least two different columns, got {list(group)}")
        counts = Counter(column for group in self.one_hot for column in group)
        if doubled := [column for column, count in counts.items() if count > 1]:
            raise ValueError(f"one_hot: a column is in one group alone, got {doubled[0]!r} twice")
        for column in counts:
            change = self.features.get(column, FeasibleChange())
            if change.model_fields_set - {"immutable"}:
                raise ValueError(
                    f"features.{column}: is one of a `one_hot` group, and can be `immutable` or nothing else"
                )
        counts = Counter(each.column for each in self.following)
        if doubled := [column for column, count in counts.items() if count > 1]:
            raise ValueError(f"relations: {doubled[0]!r} follows from others twice")
        for relation in self.relations:
            parsed = parse_relation(relation)
            behind = parsed.columns[1:] if isinstance(parsed, Following) else parsed.columns
            if hidden := [column for column in behind if column in counts]:
                raise ValueError(f"relations, {relation!r}: {hidden[0]} follows from others; write those in its place")
        if named := [column for column in counts if column in self.features]:
            raise ValueError(
                f"features.{named[0]}: follows from others, and is changed by nobody directly; leave it out"
            )
        return self

    @property
    def parsed_relations(self) -> tuple[Relation, ...]:
        """What must not be broken between columns."""
        return tuple(each for each in map(parse_relation, self.relations) if isinstance(each, Relation))

    @property
    def following(self) -> tuple[Following, ...]:
        """Columns that follow from others."""
        return tuple(each for each in map(parse_relation, self.relations) if isinstance(each, Following))
