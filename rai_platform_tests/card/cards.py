"""Cards of every kind, and what a reader or a browser makes of one."""

import dataclasses
import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from rai_platform.card.building import Judged
from rai_platform.card.champion import champion_section
from rai_platform.card.document import ModelCard
from rai_platform.comparison.report import ChampionComparison, Measured, Moved, Trade
from rai_platform.spec.verdict import Interval
from rai_platform.statistics.estimates import Proportion
from rai_platform_tests.card import made
from rai_platform_tests.card.made import MEN, WOMEN

NOTHING_KNOWN = re.compile(r"\b(None|none_|nan|NaN|inf|Undefined)\b")
LOADING = {"src", "srcset", "href", "xlink:href", "data", "poster", "action", "formaction", "background", "ping"}
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "{{7*7}}",
    "{% for x in y %}",
    "R&D, R&amp;D &lt; &#60;",
    "\"quotes\" and 'quotes'",
    "$25k to $50k",
    "-->",
    "</style></svg><b>",
    "a|b | c",
    "**bold** _it_ `code` ~~no~~ [link](http://example.org) ![x](y)",
    "# heading",
    "1. list",
    "back\\slash\\",
    "女性 größer 🙂",
)
VOID = {"meta", "link", "img", "br", "input", "hr"}


def everything_unknown() -> ModelCard:
    """Nothing was measurable, nothing judged, and every text that may be left out is."""
    definition = made.define(sensitive_features=[], **made.NOT_THE_MODEL)
    report = made.performance(measured={}, not_estimable=dict.fromkeys(made.performance().measured, "nobody knows"))
    vendor = made.evidence_on_a_vendors_decisions()
    found = dataclasses.replace(vendor, performance=report, fairness=made.fairness())
    model = made.candidate((), composition="given", threshold=None, score_is_probability=False)
    conclusion = Judged(
        verdicts=(), missing=("fairness_report: disparate_impact",), reasons=("nobody knows",), disclosed=()
    )
    return made.card_of(definition, found, model, conclusion)


def full_of_holes() -> ModelCard:
    """What a card would be if half of it had been lost on the way."""
    card = made.card_of()
    return dataclasses.replace(
        card,
        performance=tuple(
            dataclasses.replace(figure, value=None, interval=None, why_not=None) for figure in card.performance
        ),
        fairness=tuple(dataclasses.replace(section, groups=()) for section in card.fairness),
        explanations=dataclasses.replace(card.explanations, importance=(), examples=()),
        robustness=dataclasses.replace(card.robustness, rows=(), untouched=None),
        missing_verdicts=("fairness_report: disparate_impact__sex",),
    )


def beside_production(name: str = "female") -> ChampionComparison:
    """A model in production that selects fewer women, and is as often right."""

    def trade(metric: str, feature: str | None, before: float, after: float) -> Trade:
        sides = [
            Measured(value=value, interval=Interval(lower=value - 0.01, upper=value + 0.01))
            for value in (before, after, after - before)
        ]
        return Trade(metric=metric, feature=feature, before=sides[0], after=sides[1], change=sides[2])

    unknown = Measured(value=None, interval=None)
    return ChampionComparison(
        version="3",
        entry=40,
        n=1400,
        changed=Proportion(successes=70, trials=1400, n=1400),
        accuracy_p_value=0.5,
        trades=(
            trade("accuracy", None, 0.855, 0.857),
            trade("disparate_impact", "sex", 0.7, 0.97),
            Trade(metric="equalized_odds_difference", feature="sex", before=unknown, after=unknown, change=unknown),
        ),
        moved=(
            Moved(feature="sex", group=name, n=700, gained=60, lost=0),
            Moved(feature="sex", group="male", n=700, gained=0, lost=10),
        ),
    )


def cards() -> dict[str, ModelCard]:
    """One of every kind."""
    tiny = made.fairness(sex={"female": WOMEN, "male": MEN, "(missing)": (3.0, 0.0, 0.0, 0.0)})
    named = made.define_with(
        {"metric": "disparate_impact", "min": 0.8, "on_insufficient_evidence": "disclose"},
        {"metric": "roc_auc", "min": 0.99, "severity": "warn"},
        {"metric": "log_loss", "severity": "off", "reason": "The score is not used."},
        {"metric": "expected_calibration_error", "max": 0.1, "rule": "point"},
    )
    return {
        "refused": made.card_of(),
        "fit for release": made.card_of(made.define_with({"metric": "accuracy", "min": 0.5})),
        "named instead of proven": made.card_of(named, made.evidence(fairness_report=tiny)),
        "a group too small": made.card_of(found=made.evidence(fairness_report=tiny)),
        "a single group": made.card_of(found=made.evidence(fairness_report=made.fairness(sex={"female": WOMEN}))),
        "nobody selected": made.card_of(
            found=made.evidence(fairness_report=made.fairness(sex=dict.fromkeys("ab", (400.0, 0.0, 300.0, 0.0))))
        ),
        "beside production": dataclasses.replace(made.card_of(), champion=champion_section(beside_production())),
        "beside a model nobody can ask": dataclasses.replace(
            made.card_of(),
            champion=champion_section(ChampionComparison(version="3", entry=40, not_possible="nobody can ask it")),
        ),
        "everything unknown": everything_unknown(),
        "full of holes": full_of_holes(),
    }


class Page(HTMLParser):
    """HTML as a browser reads it.

    Attributes:
        structure: every element with the names of its attributes, in order.
        text: what is shown, and what is read aloud.
        loads: what would be fetched.
        scripts: what would be run.
        unclosed: elements that were left open, or closed without having been opened.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.structure: list[tuple[str, ...]] = []
        self.loads: list[str] = []
        self.scripts: list[str] = []
        self.unclosed: list[str] = []
        self._open: list[str] = []
        self._texts: list[str] = []
        self.feed(html)
        self.close()
        self.unclosed += self._open

    @property
    def text(self) -> str:
        return "\n".join(self._texts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.structure.append((tag, *(name for name, _ in attrs)))
        for name, value in attrs:
            text = value or ""
            if name in LOADING and not text.startswith(("#", "data:image/png;base64,")):
                self.loads.append(f"{tag} {name}={text}")
            if name.startswith("on") or text.strip().lower().startswith("javascript:"):
                self.scripts.append(f"{tag} {name}={text}")
            if name in ("style", "clip-path", "fill"):
                self.loads += _fetched(text)
            if name in ("aria-label", "title", "alt"):
                self._texts.append(text)
        if tag in ("script", "iframe", "object", "embed", "link", "base", "form"):
            self.scripts.append(tag)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self.unclosed.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self.loads += _fetched(data)
        elif data.strip():
            self._texts.append(" ".join(data.split()))


def _fetched(style: str) -> list[str]:
    return [*re.findall(r"url\((?![\"']?#)[^)]*\)", style), *re.findall(r"@import.*", style)]


@dataclasses.dataclass(frozen=True)
class Text:
    """Markdown as a reader's program reads it.

    Attributes:
        structure: the kinds of its parts, in order.
        lines: what is shown.
    """

    structure: list[str]
    lines: list[str]


def read_markdown(markdown: str) -> Text:
    """CommonMark with tables, HTML let through, as GitHub reads it."""
    structure, lines = [], []
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown):
        structure.append(token.type)
        if token.type == "inline":
            kinds = [child.type for child in token.children or () if child.type != "text_special"]
            structure += [kind for kind in kinds if kind != "text"]
            lines.append("".join(child.content for child in token.children or ()))
        elif token.type == "html_block":
            lines.append(token.content)
    return Text(structure=structure, lines=lines)
