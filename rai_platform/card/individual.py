"""Whether people who are alike are treated alike, in figures and in words."""

from rai_platform.card.figures import figure
from rai_platform.card.sections.individual import FlipRow, IndividualSection
from rai_platform.fairness.report import AttributeFlip, Consistency, FairnessReport
from rai_platform.spec.metrics import METRICS

NO_CAUSE = (
    "This asks the model, not the world: it is no counterfactual fairness, in which whatever follows from the attribute would "
    "change with it."
)
PROXIES = "What goes with it in the other columns (a proxy) still counts."
NOT_MEASURED = "it was not measured"


def individual_section(report: FairnessReport) -> IndividualSection:
    """What becomes of people who differ little, or in nothing but a protected attribute."""
    found = report.consistency
    return IndividualSection(
        consistency=figure(
            "consistency",
            METRICS["consistency"].meaning,
            found.estimate if found else None,
            found.why_not if found else NOT_MEASURED,
        ),
        how=_how(found) if found and found.estimate else "",
        flips=tuple(_row(flip) for flip in report.flips.values()),
    )


def _how(found: Consistency) -> str:
    left_out = f" What is protected makes nobody unlike: {_listed(found.left_out)}." if found.left_out else ""
    return (
        f"The decision about each of {found.judged:,} people is held against those about the five people who are most like them "
        f"(a person is one of the five), found among {found.searched:,} by {len(found.columns)} columns; 1 means that all five "
        f"get the same answer.{left_out}"
    )


def _row(flip: AttributeFlip) -> FlipRow:
    return FlipRow(
        feature=flip.feature,
        share=figure(
            "attribute_flip_rate", METRICS["attribute_flip_rate"].meaning, flip.rate, flip.why_not or NOT_MEASURED
        ),
        says=_says(flip),
        unseen=flip.unseen,
        values=flip.values,
        groups=flip.by_group,
    )


def _says(flip: AttributeFlip) -> str:
    name = _words(flip.feature)
    if flip.rate is None:
        return f"Not estimable: {flip.why_not}."
    if flip.unseen:
        return f"The model does not see {name}, so nothing changes with it alone, by construction. {PROXIES}"
    if flip.rate.value == 0:
        return f"Of {flip.rate.n:,} people, nobody would get another decision if nothing but {name} were changed. {_through(flip)}"
    gained, lost = (sum(getattr(each, way) for each in flip.by_group) for way in ("gained", "lost"))
    return (
        f"Of {flip.rate.n:,} people, {flip.rate.value:.1%} would get another decision if nothing but {name} were changed: "
        f"{gained:,} are passed over and would be selected, {lost:,} are selected and would be passed over. {_through(flip)}"
    )


def _through(flip: AttributeFlip) -> str:
    ways = [f"sees {_listed(flip.seen)}"] if flip.seen else []
    ways += [f"has other thresholds by {_listed(tuple(map(_words, flip.thresholds)))}"] if flip.thresholds else []
    return f"The model {' and '.join(ways)}."


def _words(name: str) -> str:
    return name.replace("_x_", " and ").replace("_", " ")


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
