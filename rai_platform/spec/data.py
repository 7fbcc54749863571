"""Where a model's data come from, who the people in it are, and what is kept back for judging."""

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from rai_platform.spec.modality import Modality
from rai_platform.spec.policy import Strict

Cell = str | bool | int | float
Location = Annotated[str, Field(min_length=1)]
INTERSECTION = "_x_"  # between the names of features that are crossed
LEEWAY = 0.01  # of shares that were rounded before they were written down


class Source(Strict):
    """A table: a CSV, Parquet or JSON file or URL, images, a scikit-learn or OpenML dataset, or an embedded generator.

    ``sklearn:breast_cancer``, ``openml:adult?version=2`` and ``generator:lending?rows=20000&seed=1`` name datasets;
    everything else is a path, relative to the YAML, or a URL that fsspec knows.
    """

    path: Location
    format: Literal["csv", "parquet", "json", "jsonl", "npz", "idx", "folder"] | None = Field(
        default=None,
        description="By the file's name where it is not given. `json`: a list of records; `jsonl`: one record a line; `npz`: "
        "arrays, those of three or four dimensions are images; `idx`: images with their `labels`; `folder`: pictures in one "
        "folder for each label. The last two give the columns `image` and `label`.",
    )
    labels: Location | None = Field(default=None, description="The IDX file of the labels of an IDX file of images.")
    separator: str = Field(default=",", description="One character between the columns of a CSV.")
    decimal: str = Field(default=".", description="The decimal sign of the numbers in a CSV.")
    thousands: str | None = Field(default=None, description="The sign between the thousands of the numbers in a CSV.")
    columns: tuple[str, ...] | None = Field(
        default=None, description="Names of the columns of a CSV without a header line."
    )
    skip_rows: int = Field(default=0, ge=0, description="Lines to skip at the start of a CSV.")
    encoding: str = "utf-8"
    replace: dict[str, dict[Cell, Cell]] = Field(
        default_factory=dict, description="By column: values to be written differently, `{income: {'>50K.': '>50K'}}`."
    )

    @field_validator("separator", "decimal", "thousands")
    @classmethod
    def _is_one_sign(cls, sign: str | None) -> str | None:
        if sign is not None and len(sign) != 1:
            raise ValueError(f"expected one character, got {sign!r}")
        return sign

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
        except (LookupError, ValueError):
            raise ValueError(f"no encoding {encoding!r}; say utf-8, latin-1, cp1252 or utf-16, for instance") from None
        return encoding

    @model_validator(mode="after")
    def _signs_differ(self) -> Self:
        signs = [sign for sign in (self.separator, self.decimal, self.thousands) if sign is not None]
        if len(set(signs)) < len(signs):
            raise ValueError(
                f"`separator`, `decimal` and `thousands` have to differ, got {' and '.join(map(repr, signs))}"
            )
        return self

    @property
    def scheme(self) -> str:
        """``sklearn``, ``openml``, ``generator``, or empty for a file or URL."""
        scheme, colon, rest = self.path.partition(":")
        return scheme if colon and not rest.startswith("//") and scheme in ("sklearn", "openml", "generator") else ""


class DataSpec(Strict):
    """The table and what its columns mean."""

    source: Location | Source
    target: str = Field(description="The column with the outcome.")
    positive_label: Cell | None = Field(
        default=None,
        description="The value of the target that the model is to select; 1 where there are two labels. Among `classes`, the "
        "label that groups of people are compared by; none by default.",
    )
    classes: Literal["all"] | tuple[Cell, ...] | None = Field(
        default=None,
        description="More than two labels to tell apart: their values, or `all` that the training data hold.",
    )
    text: str | None = Field(
        default=None,
        description="A column of texts that are read as a whole; the one feature, unless `features` lists others.",
    )
    image: str | None = Field(default=None, description="A column of images; the one feature.")
    features: tuple[str, ...] | None = Field(
        default=None, description="The columns the model sees; every other column than target and weight by default."
    )
    exclude: tuple[str, ...] = Field(default=(), description="Columns that the model does not see.")
    weight: str | None = Field(
        default=None, description="A column of sampling weights, used in training and in every rate."
    )
    categories: tuple[str, ...] = Field(
        default=(), description="Columns whose values are names, whatever they look like: codes, postcodes."
    )
    missing: tuple[str, ...] = Field(default=(), description="Texts that stand for a missing value, such as `?`.")
    rules: str | None = Field(default=None, description="A pandera schema (YAML) that the table must satisfy.")

    @model_validator(mode="after")
    def _is_read_in_one_way(self) -> Self:
        if self.image is not None and (self.text is not None or self.features not in (None, (self.image,))):
            raise ValueError("an image is read alone: leave out `text` and `features` beside `image`")
        for column in self.free_columns:
            if column in (self.target, self.weight, *self.exclude, *self.categories):
                raise ValueError(
                    f"{column!r} is read as a whole, and cannot be target, weight, excluded or a category as well"
                )
        if self.classes is not None and self.classes != "all":
            named = [str(each) for each in self.classes]
            if len(set(named)) < len(named) or len(named) < 2:
                raise ValueError(f"`classes` are two or more different labels, got {list(self.classes)}")
        return self

    @property
    def table(self) -> Source:
        """The source, however short it was written."""
        return Source(path=self.source) if isinstance(self.source, str) else self.source

    @property
    def free_columns(self) -> tuple[str, ...]:
        """The columns that are read as a whole: texts and images."""
        return tuple(column for column in (self.text, self.image) if column is not None)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What the model sees: ``image``, ``text``, ``table``, or a text beside a table."""
        if self.image is not None:
            return ("image",)
        if self.text is None:
            return ("table",)
        return ("text",) if set(self.features or ()) <= {self.text} else ("text", "table")

    @property
    def selected_label(self) -> Cell | None:
        """The label that is selected; None among several of which none is."""
        return 1 if self.positive_label is None and self.classes is None else self.positive_label


class SensitiveFeature(Strict):
    """An attribute by which people must not be treated differently without a reason."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    column: str | None = Field(default=None, description="The column it is read from; the name by default.")
    bins: tuple[float, ...] | dict[str, tuple[Cell, ...]] | None = Field(
        default=None, description="Edges for a number (`[25, 40, 60]`), or groups of values (`{female: [A92, A95]}`)."
    )
    reference: dict[str, float] | None = Field(
        default=None,
        description="Shares of the groups in the population that the model is for, `{female: 0.51, male: 0.49}`.",
    )
    conditional_on: str | None = Field(
        default=None,
        description="A column that may account for a difference in labels (a department): the difference is also measured "
        "within its values.",
    )

    @model_validator(mode="after")
    def _shares_add_up(self) -> Self:
        if self.reference is None:
            return self
        shares = list(self.reference.values())
        if min(shares, default=0.0) <= 0 or abs(sum(shares) - 1) > LEEWAY:
            raise ValueError(
                f"`reference` are the shares of a population: expected numbers above 0 that add up to 1, got {sum(shares):g}"
            )
        return self

    @model_validator(mode="after")
    def _edges_rise(self) -> Self:
        if isinstance(self.bins, tuple) and (not self.bins or list(self.bins) != sorted(set(self.bins))):
            raise ValueError("`bins` as a list are edges: give at least one, each larger than the one before")
        return self

    @model_validator(mode="after")
    def _values_have_one_group(self) -> Self:
        if not isinstance(self.bins, dict):
            return self
        if not self.bins or not all(self.bins.values()):
            raise ValueError("`bins` as a mapping are groups of values: give at least one group, and each a value")
        counted = Counter(str(value) for values in self.bins.values() for value in values)
        if doubled := [value for value, count in counted.items() if count > 1]:
            raise ValueError(f"`bins` put a value into two groups: {', '.join(doubled)}")
        return self

    @model_validator(mode="after")
    def _is_no_intersection(self) -> Self:
        if INTERSECTION in self.name:
            raise ValueError(f"{INTERSECTION!r} stands in the names of intersections: call {self.name!r} otherwise")
        return self

    @property
    def source_column(self) -> str:
        """The column of the table that holds it."""
        return self.column or self.name


class Split(Strict):
    """Which rows are kept back for judging: a share by chance, another file, the latest, or whole groups."""

    test_size: float = Field(default=0.3, gt=0, lt=1, description="Share of the rows (or groups, or time) kept back.")
    seed: int = Field(default=0, ge=0)
    test: Location | Source | None = Field(default=None, description="A file of its own with the test data.")
    time_column: str | None = Field(default=None, description="The latest rows are kept back.")
    group_column: str | None = Field(
        default=None, description="All rows of a group (a patient, a household) stay on one side."
    )

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        ways = [name for name in ("test", "time_column", "group_column") if getattr(self, name) is not None]
        if len(ways) > 1:
            raise ValueError(f"choose one way to split, got {' and '.join(ways)}")
        return self

    @property
    def test_table(self) -> Source | None:
        """The source of the test data, where they come in a file of their own."""
        return Source(path=self.test) if isinstance(self.test, str) else self.test
