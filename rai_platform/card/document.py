"""The model card as a value; its JSON Schema is published with the documentation.

Everything in it comes from the spec's texts and from the evidence. Numbers appear as they were measured, with the
interval that was reported, and nothing that was declared is left out in silence.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

from rai_platform.comparison.report import Moved
from rai_platform.fairness.law import AdverseImpact, ImpactTable
from rai_platform.fairness.report import NOTHING_TABULAR, ConditionalDisparity, FlippedGroup
from rai_platform.robustness.attack_report import AdversarialRow, CredibilityCheck, Effort
from rai_platform.robustness.images.report import AdversarialImage, ImageEffort
from rai_platform.robustness.prompts.report import EvasionExample, LeakExample
from rai_platform.robustness.texts.report import NotRun, Reduction, TextExample
from rai_platform.spec.digests import digest_of
from rai_platform.spec.subject import Subject
from rai_platform.spec.verdict import Interval, Verdict

SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured value.

    Attributes:
        name: the metric.
        meaning: what it is, in one line.
        value: the estimate; None where it is not estimable.
        interval: 95 % interval; None where there is none.
        n: rows it rests on.
        why_not: why there is no value.
        state: whether it is measured, rests on too few people to be judged, or is not estimable.
        needed: rows it takes to be judged, where it rests on too few.
        detectable: the smallest gap (of the group from everybody else; of a disparity, of the smallest group that is judged)
            that so many people would have shown; None where none would have, or nobody can be compared.
        accounted: that in words, with who is left out of a verdict and why; empty where there is nothing to say.
    """

    name: str
    meaning: str
    value: float | None
    interval: Interval | None
    n: int
    why_not: str | None = None
    state: Literal["measured", "too small", "not estimable"] = "measured"
    needed: int | None = None
    detectable: float | None = None
    accounted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """What one group of people received.

    Attributes:
        group: its name.
        n: rows.
        confusion: true negatives, false positives, false negatives, true positives.
        rates: every rate, measured or not.
    """

    group: str
    n: int
    confusion: tuple[float, float, float, float]
    rates: tuple[Figure, ...]

    def rate(self, name: str) -> Figure:
        """One of the rates."""
        return next(figure for figure in self.rates if figure.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPoint:
    """People of a group whose score lies in one tenth of the scale.

    Attributes:
        mean_score: what the model said, on average.
        observed: the share that turned out positive.
        interval: of that share, 95 %.
        n: people.
    """

    mean_score: float
    observed: float
    interval: Interval
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureFairness:
    """The groups of one sensitive feature or intersection, and how far apart they are.

    Attributes:
        feature: its name.
        groups: what each received.
        disparities: how far apart they are.
        calibration: score against observed rate, by group; empty where scores are no probabilities.
        absent: groups that are declared, or follow from crossing, and of which nobody is in the test data.
    """

    feature: str
    groups: tuple[GroupRow, ...]
    disparities: tuple[Figure, ...]
    calibration: dict[str, tuple[CalibrationPoint, ...]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    @property
    def rate_names(self) -> tuple[str, ...]:
        """The rates that a table has room for: of being selected, or of right answers where no label is the selected one."""
        known = {figure.name for row in self.groups for figure in row.rates}
        selected = ("selection_rate", "true_positive_rate", "false_positive_rate")
        return selected if "selection_rate" in known else ("accuracy", "error_rate")

    @property
    def by_selection(self) -> bool:
        """Whether groups are compared by who is selected."""
        return "selection_rate" in self.rate_names


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupRow:
    """A subgroup that nobody named and that differs by more than chance, on people who played no part in finding it.

    Attributes:
        people: what they have in common.
        n: how many they are.
        rate: of the subgroup.
        rest: of everybody else.
        difference: the one minus the other.
        interval: of the difference, allowing for having been picked.
        q_value: the smallest false discovery rate at which it counts as different.
    """

    people: str
    n: int
    rate: float
    rest: float
    difference: float
    interval: Interval
    q_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoverySection:
    """A search for subgroups that nobody named.

    Attributes:
        rate: the rate compared.
        overall: of everybody; None without rows.
        searched: subgroups that were looked at on the first half.
        tested: those that were tested on the other half.
        support: people below which a subgroup was not looked at, in each half.
        false_discovery_rate: the share of the subgroups listed that may be there by chance, on average.
        how: how it was searched, in words.
        found: what was found, in words.
        subgroups: those that differ, those that differ most first.
    """

    rate: str
    overall: float | None
    searched: int
    tested: int
    support: int
    false_discovery_rate: float
    how: str
    found: str
    subgroups: tuple[SubgroupRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipRow:
    """Who gets another decision when nothing about them is changed but a protected attribute.

    Attributes:
        feature: the sensitive feature or intersection.
        share: of people whose decision is another one.
        says: that in sentences, with what the model sees of the attribute.
        unseen: whether nothing can change, because the model knows nothing of the attribute itself.
        values: what stood for each group, by group and column.
        groups: in which direction decisions change, by the group that people are of.
    """

    feature: str
    share: Figure
    says: str
    unseen: bool
    values: dict[str, dict[str, str]]
    groups: tuple[FlippedGroup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndividualSection:
    """Whether people who are alike are treated alike.

    Attributes:
        consistency: of decisions about people who are alike.
        how: it was measured, in sentences; empty where it was not.
        flips: what becomes of people who differ in a protected attribute alone, by feature.
    """

    consistency: Figure
    how: str
    flips: tuple[FlipRow, ...]

    @property
    def applies(self) -> bool:
        """Whether anything can be said: of a text or an image alone nobody knows who is alike."""
        return bool(self.flips) or self.consistency.value is not None or self.consistency.why_not != NOTHING_TABULAR


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalReading:
    """What rules count, by one attribute or several crossed; no legal advice.

    Attributes:
        feature: the attribute.
        selection: impact ratios of a tool that selects, 6 RCNY 5-301(b).
        scoring: impact ratios of a tool that scores, 6 RCNY 5-301(c); None where there are no scores.
        adverse_impact: the four-fifths rule and statistical significance, 29 CFR 1607.4(D).
    """

    feature: str
    selection: ImpactTable
    scoring: ImpactTable | None
    adverse_impact: tuple[AdverseImpact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupShare:
    """How a group is represented in the training data."""

    feature: str
    group: str
    n: int
    share: float
    label_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsOfGroup:
    """A group against everybody else in the training data.

    Attributes:
        feature: the sensitive feature or intersection.
        group: the group.
        expected_share: its share in the reference population; None where none was given.
        measures: the pre-training measures by their names in SageMaker Clarify (CI, DPL, KL, JS, LP, TVD, KS, CDDL); None
            where one has no value.
    """

    feature: str
    group: str
    expected_share: float | None
    measures: dict[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRow:
    """How well a group can be told from the model's columns, and by which (column and AUC by itself)."""

    feature: str
    group: str
    auc: Figure
    strongest: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingRow:
    """The share of missing values of a column in every group of a feature."""

    feature: str
    column: str
    rates: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSection:
    """What the model is and what it learned from.

    Attributes:
        estimator: import path, or the column of given scores.
        parameters: what it was asked to do.
        mitigation: in words; None where there was none.
        features: the columns it sees.
        data: the source in words; None where nobody knows.
        data_digest: of the training data.
        n: training rows.
        label_rate: share of positives among them.
        groups: representation.
        figures: missing values, repeated rows, conflicting labels.
        labels: every group against everybody else.
        proxies: what gives groups away.
        missing: columns whose values are missing more often in some groups, those first in which groups differ most.
        versions: of the libraries.
        warnings: that training gave.
    """

    estimator: str
    parameters: dict[str, str]
    mitigation: str | None
    features: tuple[str, ...]
    data: str | None
    data_digest: str | None
    n: int
    label_rate: float | None
    groups: tuple[GroupShare, ...]
    figures: tuple[Figure, ...]
    labels: tuple[LabelsOfGroup, ...]
    proxies: tuple[ProxyRow, ...]
    missing: tuple[MissingRow, ...]
    versions: dict[str, str]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportanceRow:
    """How much a feature moves the score, overall and by group of each sensitive feature."""

    feature: str
    mean_absolute: float
    interval: Interval
    by_group: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalExplanation:
    """One person's score, taken apart, without the person's identity."""

    title: str
    output: float
    contributions: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColouredWord:
    """A word of an explained text.

    Attributes:
        text: the word, with what follows it up to the next; signs that would hide or turn letters are shown as such.
        attribution: what it adds to the output.
        strength: that as a share of the largest in its text, from -1 to 1.
    """

    text: str
    attribution: float
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ColouredText:
    """A text whose words are coloured by what they add, without the identity of whoever wrote it.

    Attributes:
        label: its true class.
        decided: the class that the model decides for.
        output: what the model gave.
        words: in their order.
        left_out: words at the end that are not shown.
    """

    label: str
    decided: str
    output: float
    words: tuple[ColouredWord, ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationTest:
    """One test of the explanation itself.

    Attributes:
        question: what is asked.
        figure: what was measured.
        says: how, and what follows, in sentences.
    """

    question: str
    figure: Figure
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionParityRow:
    """How differently features matter to the groups of one sensitive feature or intersection.

    Attributes:
        feature: its name.
        difference: the largest difference between two groups in the share of the attributions that falls on one feature.
        says: that in a sentence.
        left_out: why, by group that is compared with no other.
    """

    feature: str
    difference: Figure
    says: str
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyFeatureRow:
    """A feature that moves the score and gives a group away.

    Attributes:
        column: the feature.
        rank: its place among those that move the score most, from 1.
        sensitive_feature: what the group is of.
        group: the one it gives away most clearly.
        auc: the chance that it tells a member from somebody else, by itself.
    """

    column: str
    rank: int
    sensitive_feature: str
    group: str
    auc: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminationSection:
    """Whether the explanation can be trusted.

    Attributes:
        tests: of the explanation as a whole.
        second_opinion: how large a feature is by ``second_method``; empty where there is none.
        parity: by sensitive feature and intersection.
        proxies: the features that give a group away, those that move the score most first.
        proxies_say: that in a sentence.
        second_method: of the second opinion.
        lime: mean absolute weight by feature; empty where LIME was not asked.
    """

    tests: tuple[ExplanationTest, ...]
    second_opinion: dict[str, float]
    parity: tuple[AttributionParityRow, ...]
    proxies: tuple[ProxyFeatureRow, ...]
    proxies_say: str
    second_method: str = "permutation importance"
    lime: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationSection:
    """What moves the score.

    Attributes:
        not_possible: why nothing could be explained; None where something was.
        method: how attributions were computed.
        output: what they add up to.
        n: rows, images or texts explained.
        additivity_error: how far they are from adding up.
        importance: of features, regions or words.
        examples: a few people's scores, taken apart.
        examination: what was found out about the explanation.
        modality: ``table``, ``image`` or ``text``.
        explained_class: the class that a positive attribution speaks for, where it is one for all; None where it is the one that
            the model decides for.
        texts: some texts with their words.
    """

    not_possible: str | None
    method: str | None
    output: str | None
    n: int
    additivity_error: float | None
    importance: tuple[ImportanceRow, ...]
    examples: tuple[LocalExplanation, ...]
    examination: ExaminationSection | None = None
    modality: str = "table"
    explained_class: str | None = None
    texts: tuple[ColouredText, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessRow:
    """Accuracy under one perturbation at one strength, overall and by group."""

    perturbation: str
    strength: float
    accuracy: Figure
    drop: Figure
    by_group: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackRow:
    """Accuracy when everybody is attacked with one budget.

    Attributes:
        attack: who attacked; ``worst_case`` is whoever of them did best, person by person.
        budget: what all changes of a person may cost together.
        accuracy: share of people who are rightly decided about however they were changed.
        drop: accuracy as they are minus that.
        by_group: accuracy under attack by sensitive feature and group.
        turned: share of the people rightly decided about whose decision was turned, by direction.
    """

    attack: str
    budget: float
    accuracy: Figure
    drop: Figure
    by_group: dict[str, dict[str, Figure]]
    turned: dict[str, Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackSection:
    """What becomes of accuracy when people change what they could change, to be decided about otherwise.

    Attributes:
        not_possible: why nobody was attacked; None where somebody was.
        summary: what was found, in sentences.
        doubts: why the attack is not credible, in sentences; empty where it is.
        n: people drawn.
        queries: the most questions to the model about one person, of each attack.
        accuracy: as they are; None where nobody was attacked.
        rows: by attack and budget.
        efforts: what each attack did.
        examples: people who would have to change least.
        checks: what makes an attack credible.
        mutable: what a person could change, in words, by column.
        immutable: why not, by column.
        relations: what has to hold between columns.
    """

    not_possible: str | None
    summary: str
    doubts: tuple[str, ...]
    n: int
    queries: int
    accuracy: Figure | None
    rows: tuple[AttackRow, ...]
    efforts: tuple[Effort, ...]
    examples: tuple[AdversarialRow, ...]
    checks: tuple[CredibilityCheck, ...]
    mutable: dict[str, str]
    immutable: dict[str, str]
    relations: tuple[str, ...]

    @property
    def worst_case(self) -> tuple[AttackRow, ...]:
        """All attacks together, by budget."""
        return tuple(row for row in self.rows if row.attack == "worst_case")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageAttackRow:
    """Accuracy when every image is attacked within one distance.

    Attributes:
        attack: who attacked; ``worst_case`` is whoever of them did best, image by image.
        norm: how the distance is measured.
        epsilon: the distance allowed.
        accuracy: share of images that are classified rightly however they were changed.
        drop: accuracy as they are minus that.
        by_class: accuracy under attack by class; of the worst case alone.
        by_group: the same by sensitive feature and group.
    """

    attack: str
    norm: str
    epsilon: float
    accuracy: Figure
    drop: Figure
    by_class: dict[str, Figure]
    by_group: dict[str, dict[str, Figure]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptionRow:
    """Accuracy under one corruption at one severity, overall and by group."""

    corruption: str
    severity: int
    parameter: str
    accuracy: Figure
    drop: Figure
    by_group: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSection:
    """What becomes of an image classifier's accuracy when images are a little different, by chance or on purpose.

    Attributes:
        not_possible: why nothing was tried; None where something was.
        summary: what was found, in sentences.
        doubts: why the attacks are not credible, in sentences; empty where they are.
        notes: what a reader has to know of the attacks, in sentences.
        n: images attacked.
        n_corrupted: images corrupted.
        queries: the most questions about one image, of the attacks that see no gradients.
        accuracy: of the images attacked, as they are; None where none was.
        rows: by norm, attack and distance.
        efforts: what each attack did.
        examples: images that had to change least, and what they were changed into.
        corruptions: by corruption and severity.
        checks: what makes attacks credible.
    """

    not_possible: str | None
    summary: str
    doubts: tuple[str, ...]
    notes: tuple[str, ...]
    n: int
    n_corrupted: int
    queries: int
    accuracy: Figure | None
    rows: tuple[ImageAttackRow, ...]
    efforts: tuple[ImageEffort, ...]
    examples: tuple[AdversarialImage, ...]
    corruptions: tuple[CorruptionRow, ...]
    checks: tuple[CredibilityCheck, ...]

    @property
    def worst_case(self) -> tuple[ImageAttackRow, ...]:
        """All attacks together, by norm and distance."""
        return tuple(row for row in self.rows if row.attack == "worst_case")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeRow:
    """What one recipe made of the texts.

    Attributes:
        recipe: its name; ``worst_case`` is all of them, text by text.
        how: what it does to a text.
        accuracy: share of texts that are rightly classified as they are and as it changed them.
        success_rate: share of the rightly classified that it turned.
        words_changed: mean share of a text's words, of its successes; None where there are none.
        queries: mean number of questions about a text; None for the worst case.
        cut_short: share of the attacked that withstood with no question left; None for the worst case.
    """

    recipe: str
    how: str
    accuracy: Figure
    success_rate: Figure
    words_changed: float | None
    queries: float | None
    cut_short: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAttackSection:
    """What becomes of accuracy when texts are changed on purpose.

    Attributes:
        not_possible: why no text was attacked; None where some were.
        summary: what was found, in sentences.
        doubts: why the attacks are not credible, in sentences; empty where they are.
        n: texts drawn and done with.
        query_budget: the most questions about one text, of each recipe.
        accuracy: of the texts as they are; None where nothing was attacked.
        rows: by recipe, the worst case last.
        by_class: accuracy in the worst case by class.
        by_group: the same by sensitive feature and group.
        examples: texts before and after.
        checks: what makes the attacks credible.
        not_run: recipes that attacked nothing, and why.
        reduction: how few words suffice for the same decision; None where nobody asked.
        reduced: the same in sentences.
    """

    not_possible: str | None
    summary: str
    doubts: tuple[str, ...]
    n: int
    query_budget: int
    accuracy: Figure | None
    rows: tuple[RecipeRow, ...]
    by_class: dict[str, Figure]
    by_group: dict[str, dict[str, Figure]]
    examples: tuple[TextExample, ...]
    checks: tuple[CredibilityCheck, ...]
    not_run: tuple[NotRun, ...]
    reduction: Reduction | None = None
    reduced: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRow:
    """How often one family of changes or attacks succeeded.

    Attributes:
        family: its name.
        how: what it does.
        rate: share that succeeded.
    """

    family: str
    how: str
    rate: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSection:
    """How a guard does when injections are disguised and harmless prompts look like injections.

    Attributes:
        not_possible: why nothing was tried; None where something was.
        summary: what was found, in sentences.
        doubts: why it is not credible, in sentences; empty where it is.
        detection: share of injections recognized as they are; None where nothing was tried.
        families: evasion by family.
        over_defence: harmless prompts taken for injections, by source; all of them under ``all``.
        taken: some of these prompts.
        examples: injections before and after.
        checks: what makes it credible.
    """

    not_possible: str | None
    summary: str
    doubts: tuple[str, ...]
    detection: Figure | None
    families: tuple[FamilyRow, ...]
    over_defence: dict[str, Figure]
    taken: tuple[str, ...]
    examples: tuple[EvasionExample, ...]
    checks: tuple[CredibilityCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSection:
    """What an endpoint gives away when it is asked to.

    Attributes:
        not_possible: why nothing was tried; None where something was.
        summary: what was found, in sentences.
        doubts: why it is not credible, in sentences; empty where it is.
        url: of the endpoint.
        model: its name there.
        families: success by family.
        examples: of attacks that succeeded.
        errors: what went wrong.
        checks: what makes it credible.
    """

    not_possible: str | None
    summary: str
    doubts: tuple[str, ...]
    url: str
    model: str
    families: tuple[FamilyRow, ...]
    examples: tuple[LeakExample, ...]
    errors: tuple[str, ...]
    checks: tuple[CredibilityCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRow:
    """What a probe of garak found.

    Attributes:
        probe: its name there.
        detector: what judged the answers there.
        failed: share of the answers that it objects to.
    """

    probe: str
    detector: str
    failed: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSection:
    """Attempts to inject instructions: past the model, into an endpoint, and as another tool counted them."""

    guard: GuardSection | None
    endpoint: EndpointSection | None
    imported: tuple[ProbeRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessSection:
    """What happens when the table or the images are a little different, by chance or on purpose."""

    not_possible: str | None
    untouched: Figure | None
    rows: tuple[RobustnessRow, ...]
    not_estimable: dict[str, str]
    left_alone: tuple[str, ...]
    attack: AttackSection | None = None
    images: ImageSection | None = None
    texts: TextAttackSection | None = None
    prompts: PromptSection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """A metric of two models on the same people, and its change.

    Attributes:
        metric: its name.
        feature: what it is measured by; None for a metric over everybody.
        before: of the model that gives way: the one without mitigation, or the one in production.
        after: of the model of this card.
        change: after minus before.
    """

    metric: str
    feature: str | None
    before: Figure
    after: Figure
    change: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierRow:
    """What the method gives at another setting."""

    setting: str
    accuracy: float
    disparity: float | None
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationSection:
    """What the mitigation bought, and at what price.

    Attributes:
        method: in words.
        constraint: what it equalizes, in words.
        feature: the sensitive feature or intersection it equalizes.
        disparity: the metric that measures the constraint.
        n: people compared.
        changed: share of them whose decision is another one.
        summary: in sentences.
        warnings: what to know before the model is used.
        trades: every metric compared.
        frontier: what the method gives at other settings; empty where it has one answer.
        frontier_note: what sets the models at other settings apart from this one; empty where nothing does.
        at_prediction: protected attributes that are needed to decide about a person.
    """

    method: str
    constraint: str
    feature: str
    disparity: str
    n: int
    changed: float
    summary: str
    warnings: tuple[str, ...]
    trades: tuple[TradeRow, ...]
    frontier: tuple[FrontierRow, ...]
    frontier_note: str
    at_prediction: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChampionSection:
    """What changes if the model takes the place of the one in production; nothing is judged by it.

    Attributes:
        version: of the model in production, when it was promoted.
        entry: of that promotion in the ledger.
        not_possible: why the two cannot be compared; None where they can.
        n: people compared.
        changed: share of them whose decision is another one.
        accuracy_p_value: of both being right equally often, by McNemar's exact test.
        summary: in sentences.
        caveat: what to know before the figures are used.
        trades: every metric of both.
        moved: who is selected no longer, and who anew, by group.
    """

    version: str
    entry: int
    not_possible: str | None
    n: int
    changed: Figure
    accuracy_p_value: float | None
    summary: str
    caveat: str
    trades: tuple[TradeRow, ...]
    moved: tuple[Moved, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLine:
    """A requirement of the policy with its reason."""

    requirement: str
    severity: str
    reason: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySection:
    """What the model had to prove."""

    name: str
    digest: str
    confidence: float
    minimum_group_size: int
    requirements: tuple[PolicyLine, ...]
    switched_off: tuple[PolicyLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """How one of several classes is recognized.

    Attributes:
        label: the class.
        n: rows that have it.
        recall: of those, the share decided for it.
        precision: of the rows decided for it, the share that has it.
        taken_for: the class it is most often mistaken for, and how often; None where it never is.
    """

    label: str
    n: int
    recall: Figure
    precision: Figure
    taken_for: tuple[str, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What a model is for, what was found out about it, and what follows from that.

    Attributes:
        schema_version: of this document.
        model: the model's name.
        subject: the model and the test data.
        created_at: ISO 8601, UTC.
        recommendation: ``release`` where every blocking requirement is satisfied, else ``refuse``.
        summary: the recommendation in a few sentences.
        reasons: why not, one a line; empty where it is ``release``.
        owners: who answers for it.
        intended_use: from the spec.
        out_of_scope: from the spec.
        limitations: from the spec, then those that follow from the evidence.
        computed_limitations: those that follow from the evidence.
        disclosed: what is without evidence and named instead, by the policy's leave.
        training: the model and its data.
        evaluation_data: the source of the test data in words.
        evaluation_rows: rows of the test data.
        performance: how well it does.
        baseline: the accuracy of always giving the majority's answer.
        confusion: true negatives, false positives, false negatives, true positives; None where there are several classes.
        classes: how each of several classes is recognized; empty where there are two labels.
        fairness: by sensitive feature and intersection.
        individual: people who are alike.
        discoveries: subgroups that nobody named.
        law: readings of the law, by sensitive feature and intersection.
        conditional: groups among people alike in the legitimate factors; empty where none is declared.
        explanations: what moves the score.
        robustness: what happens when the table changes.
        mitigation: what it bought, and at what price; None where there was none.
        champion: what changes if it takes the place of the model in production; None where nothing is there, or this model.
        policy: what it had to prove.
        verdicts: what was judged.
        missing_verdicts: required checks without a verdict.
        evidence: SHA-256 of every report, by asset.
        replaces: the ledger's sequence of the promotion it would replace; None where nothing is in production.
        mlflow_run_id: the run that tracked the training.
    """

    schema_version: str = SCHEMA_VERSION
    model: str
    subject: Subject
    created_at: str
    recommendation: Literal["release", "refuse"]
    summary: str
    reasons: tuple[str, ...]
    owners: tuple[str, ...]
    intended_use: str
    out_of_scope: str
    limitations: tuple[str, ...]
    computed_limitations: tuple[str, ...]
    disclosed: tuple[str, ...]
    training: TrainingSection
    evaluation_data: str
    evaluation_rows: int
    performance: tuple[Figure, ...]
    baseline: Figure
    confusion: tuple[int, int, int, int] | None
    classes: tuple[ClassRow, ...]
    fairness: tuple[FeatureFairness, ...]
    individual: IndividualSection
    discoveries: tuple[DiscoverySection, ...]
    law: tuple[LegalReading, ...]
    conditional: tuple[ConditionalDisparity, ...]
    explanations: ExplanationSection
    robustness: RobustnessSection
    mitigation: MitigationSection | None
    champion: ChampionSection | None
    policy: PolicySection
    verdicts: tuple[Verdict, ...]
    missing_verdicts: tuple[str, ...]
    evidence: dict[str, str]
    replaces: int | None
    mlflow_run_id: str

    @property
    def says(self) -> str:
        """Digest of what the card tells: equal for two cards that differ in nothing but when and beside what they were made."""
        apart = {"created_at", "replaces", "champion", "mlflow_run_id"}
        told = dataclasses.asdict(self)
        return digest_of({name: value for name, value in told.items() if name not in apart})
