"""The explanation of a model as a value."""

from dataclasses import dataclass
from typing import Literal

from rai_platform.explanations.examination import Examination
from rai_platform.explanations.shown import ExplainedText, ImageExplanations
from rai_platform.spec.modality import Modality
from rai_platform.spec.subject import Subject

EXPLANATION_BACKGROUND = "explanation_background"  # among the evidence of a promotion: rows that stand for everybody
Method = Literal["tree", "linear", "permutation", "partition"]
Output = Literal["log odds", "probability", "margin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """How much a feature moves the output, on average.

    Attributes:
        feature: the column.
        mean_absolute: mean absolute attribution, in units of the output, each row by its weight.
        lower: 95 % bound, from drawing the explained rows again.
        upper: 95 % bound.
    """

    feature: str
    mean_absolute: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedRow:
    """One person's score, taken apart.

    Attributes:
        row_key: the row's position in its source.
        output: what the model gave, in units of the explanation.
        attributions: by feature, in the order of the report (features,).
        values: the feature values as text (features,).
    """

    row_key: int
    output: float
    attributions: tuple[float, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanations:
    """What moves the score of one model on one set of data.

    Attributes:
        subject: the model and the data.
        not_possible: why nothing could be explained; None where something was.
        method: how attributions were computed.
        output: what they add up to.
        features: the columns, most important first; of images the regions, of texts the strongest words and, last, all others.
        base_value: the output where nothing is known about a person; their mean where it differs.
        n: rows explained.
        importance: by feature, most important first.
        replicates: mean absolute attributions when the rows are drawn again (replicates, features), in the order of
            ``features``.
        by_group: mean absolute attribution by sensitive feature, group and feature (in the order of ``features``); a group
            of which no row was drawn is not in it.
        additivity_error: largest gap between output and base value plus attributions, in units of the output's
            standard deviation; where all outputs are the same, in units of that output.
        rows: explained rows, drawn at random.
        code_version: of the measuring code.
        group_features: sensitive features by which the thresholds of the decision differ; no attribution of a score shows them.
        examination: what was found out about the explanation itself; None where there is no explanation.
        modality: what is explained: rows of a table, texts or images as a whole.
        images: maps of where outputs come from; None where the model sees anything else.
        texts: texts and what their words add; empty where the model sees anything else.
    """

    subject: Subject
    not_possible: str | None
    method: Method | None
    output: Output | None
    features: tuple[str, ...]
    base_value: float
    n: int
    importance: tuple[Importance, ...]
    replicates: tuple[tuple[float, ...], ...]
    by_group: dict[str, dict[str, tuple[float, ...]]]
    additivity_error: float | None
    rows: tuple[ExplainedRow, ...]
    code_version: str
    group_features: tuple[str, ...] = ()
    examination: Examination | None = None
    modality: Modality = "table"
    images: ImageExplanations | None = None
    texts: tuple[ExplainedText, ...] = ()


def nothing_to_explain(
    subject: Subject, why: str, *, code_version: str, group_features: tuple[str, ...] = ()
) -> Explanations:
    """The report of a model that cannot be asked, such as a vendor's score."""
    return Explanations(
        subject=subject,
        not_possible=why,
        method=None,
        output=None,
        features=(),
        base_value=0.0,
        n=0,
        importance=(),
        replicates=(),
        by_group={},
        additivity_error=None,
        rows=(),
        code_version=code_version,
        group_features=group_features,
    )
