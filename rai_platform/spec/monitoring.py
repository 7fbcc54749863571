"""How a model is watched in production: windows, when labels are enough, how far shares may move, and what a breach leads to."""

import re
from datetime import date, timedelta
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from rai_platform.spec.policy import Strict

WindowSize = Literal["hour", "day", "week"]
LENGTHS: dict[WindowSize, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
DURATION = re.compile(r"(\d+)([hdw])")


def duration(text: str) -> timedelta:
    """``12h``, ``30d`` or ``4w`` as a length of time.

    Raises:
        ValueError: it is none.
    """
    found = DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"expected a number of hours, days or weeks such as 12h, 30d or 4w, got {text!r}")
    number = int(found[1])
    return {"h": timedelta(hours=number), "d": timedelta(days=number), "w": timedelta(weeks=number)}[found[2]]


class Labels(Strict):
    """When the labels of a window are enough to look at."""

    after: str = Field(
        default="30d", description="How long after its end a window's labels are complete: 12h, 30d, 4w."
    )
    share: float = Field(
        default=0.95, gt=0, le=1, description="A window with labels for at least this share does not wait so long."
    )
    least_share: float = Field(
        default=0.5, ge=0, le=1, description="With labels for less than this share of it a window is never looked at."
    )

    @field_validator("after")
    @classmethod
    def _is_a_duration(cls, text: str) -> str:
        duration(text)
        return text


class ToleratedChange(Strict):
    """How far a share may move from the reference, as a difference of shares, before it is a problem."""

    data: float = Field(default=0.05, gt=0, le=1, description="Of a category, or of values below a decile.")
    prediction: float = Field(default=0.05, gt=0, le=1, description="Of scores, and of people selected, by group too.")
    attribution: float = Field(default=0.1, gt=0, le=1, description="Of what moves the score, by feature.")
    performance: float = Field(
        default=0.03, gt=0, le=1, description="Of right answers, and of the area under the curve."
    )
    fairness: float = Field(default=0.05, gt=0, le=1, description="Of a group's true and false positives.")


class Monitoring(Strict):
    """How a model is watched in production."""

    window: WindowSize = Field(
        default="day", description="What is looked at together: `hour`, `day` or `week`, in UTC."
    )
    since: date = Field(default=date(2026, 1, 1), description="The first day that Dagster shows windows of.")
    minimum_rows: int = Field(default=100, ge=1, description="Predictions below which a window waits for the next.")
    labels: Labels = Labels()
    oldest: str | None = Field(
        default=None,
        description="How long after its promotion a model is told to be too old: 90d, 26w; never where absent.",
    )
    keep: str | None = Field(
        default=None,
        description="How long predictions and their labels stay in the inference log: 365d, 104w; for good where absent.",
    )
    tolerated_change: ToleratedChange = ToleratedChange()
    looks_to_a_false_alarm: int = Field(
        default=10_000,
        ge=100,
        description="Were nothing wrong, a false alarm comes after so many looks at least, on average.",
    )

    @field_validator("oldest", "keep")
    @classmethod
    def _is_a_duration(cls, text: str | None) -> str | None:
        if text is not None:
            duration(text)
        return text

    @model_validator(mode="after")
    def _keeps_what_labels_are_for(self) -> Self:
        needed = duration(self.labels.after) + LENGTHS[self.window]
        if self.keep is not None and duration(self.keep) <= needed:
            raise ValueError(
                f"expected `keep` to be longer than {needed.days} days, got {self.keep}: predictions would be forgotten before "
                "their labels are complete"
            )
        return self
