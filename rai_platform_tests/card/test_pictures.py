"""Pictures that can be read: every name and number in its place, for two groups and for forty, in any script."""

import dataclasses
import io
import itertools
import re
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.textpath import TextPath

from rai_platform.card.attack_plot import draw_attack
from rai_platform.card.faithfulness_plot import draw_faithfulness
from rai_platform.card.figures import group_rows
from rai_platform.card.group_plots import SHOWN_GROUPS, SHOWN_PANELS, draw_calibration, draw_confusion, draw_groups
from rai_platform.card.plots import (
    SHOWN_FEATURES,
    draw_beeswarm,
    draw_calibration_and_roc,
    draw_card,
    draw_importance,
    draw_robustness,
)
from rai_platform.card.sections.fairness import CalibrationPoint, FeatureFairness
from rai_platform.explanations.report import nothing_to_explain
from rai_platform.robustness.attack_report import ConstrainedAttack
from rai_platform.robustness.report import nothing_to_perturb
from rai_platform.spec.verdict import Interval
from rai_platform_tests.card import made
from rai_platform_tests.card.cards import HOSTILE, Page
from rai_platform_tests.card.made import MEN, SUBJECT, WOMEN

SVG = "{http://www.w3.org/2000/svg}"
FONT_SIZE = 9.0
LARGEST_PICTURE = 48_000  # bytes; a larger one makes Dagster's pages slow
TINY: made.Row = (3.0, 0.0, 0.0, 0.0)


@dataclasses.dataclass(frozen=True)
class Label:
    """A text of a picture and where it stands, in points from the upper left corner."""

    text: str
    x: float
    y: float
    ends_there: bool

    @property
    def left(self) -> float:
        width = float(TextPath((0, 0), self.text, size=FONT_SIZE, prop="DejaVu Sans").get_extents().width)
        return self.x - width if self.ends_there else self.x


@dataclasses.dataclass(frozen=True)
class Picture:
    """An SVG as it is looked at."""

    width: float
    height: float
    labels: list[Label]
    dots: int
    dashed: int

    def named(self, texts: Iterable[str]) -> list[Label]:
        wanted = set(texts)
        return [label for label in self.labels if label.text in wanted]


def look_at(svg: bytes | None) -> Picture:
    assert svg is not None
    root = ElementTree.fromstring(svg)  # noqa: S314 - drawn by ourselves
    _, _, width, height = (float(number) for number in root.attrib["viewBox"].split())
    labels = []
    for text in root.iter(f"{SVG}text"):
        style = text.attrib["style"]
        place = re.search(r"translate\(([-\d.]+) ([-\d.]+)\)", text.attrib.get("transform", ""))
        x, y = (place[1], place[2]) if place else (text.attrib["x"], text.attrib["y"])
        labels.append(Label("".join(text.itertext()), float(x), float(y), "text-anchor: end" in style))
    drawn = svg.decode()
    return Picture(
        width=width,
        height=height,
        labels=labels,
        dots=len(re.findall(r"<use ", drawn)),
        dashed=drawn.count("stroke-dasharray"),
    )


def section(groups: dict[str, made.Row]) -> FeatureFairness:
    return FeatureFairness(feature="sex", groups=group_rows(made.cells(groups)), disparities=())


def drawn_groups(groups: dict[str, made.Row], **options: Any) -> Picture:
    return look_at(draw_groups(section(groups), four_fifths=options.pop("limit", None), kind="svg", **options))


# --- groups ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 13, 14, 40])
def test_every_group_has_its_name_once_and_no_two_names_overlap(count: int) -> None:
    names = [f"group {at}" for at in range(count)]
    picture = drawn_groups(dict.fromkeys(names, WOMEN))
    labels = picture.named(f"{name}  (n = 700)" for name in names)
    assert [label.text for label in labels] == [f"{name}  (n = 700)" for name in names]
    places = [label.y for label in labels]
    assert all(below - above >= FONT_SIZE for above, below in itertools.pairwise(places))
    assert all(0 < label.y < picture.height and label.left >= 0 for label in labels)


def test_a_picture_grows_with_its_groups() -> None:
    heights = [drawn_groups({f"group {at}": WOMEN for at in range(count)}).height for count in (2, 5, 13, 40)]
    assert heights == sorted(set(heights))
    assert heights[-1] < 40 * 30


@pytest.mark.parametrize("count", [2, 10])
def test_the_picture_in_dagsters_pages_is_small_enough_for_them(count: int) -> None:
    png = draw_groups(section({f"group {at}": WOMEN for at in range(count)}), four_fifths=0.8, kind="png")
    assert png.startswith(b"\x89PNG")
    assert len(png) < LARGEST_PICTURE


@pytest.mark.parametrize("name", ["x" * 200, "Married-civ-spouse & Amer-Indian-Eskimo & female", "a" * 45])
def test_a_long_name_keeps_its_beginning_and_its_end_and_stays_in_the_picture(name: str) -> None:
    picture = drawn_groups({name: WOMEN, "men": MEN})
    (label,) = [label for label in picture.labels if "…" in label.text]
    beginning, _, end = label.text.removesuffix("  (n = 700)").partition("…")
    assert name.startswith(beginning)
    assert name.endswith(end)
    assert len(beginning) + len(end) < len(name)
    assert label.left >= 0


@pytest.mark.parametrize("name", ["", "女性", "🙂", "a\nb", "\x07bell", "$25k to $50k", "a" * 44, "^2\\frac{}"])
def test_a_name_in_any_script_is_one_line_of_letters(name: str) -> None:
    picture = drawn_groups({name: WOMEN, "men": MEN})
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    assert f"{shown}  (n = 700)" in [label.text for label in picture.labels]


def test_a_rate_that_is_not_there_says_why_and_is_no_dot() -> None:
    whole = drawn_groups({"women": WOMEN, "men": MEN})
    picture = drawn_groups({"women": WOMEN, "islanders": TINY})
    assert [label.text for label in picture.labels].count("no positives") == 1
    assert whole.dots - picture.dots == 1


@pytest.mark.parametrize(
    ("groups", "minimum", "limit", "told"),
    [
        ({"women": WOMEN, "men": MEN}, 0, 0.8, "limit 0.411"),
        ({"women": WOMEN, "men": MEN}, 0, None, None),
        ({"women": WOMEN, "islanders": (0.0, 0.0, 0.0, 3.0)}, 0, 0.8, "limit 0.800"),
        ({"women": WOMEN, "men": MEN, "islanders": (0.0, 0.0, 0.0, 3.0)}, 50, 0.8, "limit 0.411"),
        ({"women": WOMEN, "islanders": (0.0, 0.0, 0.0, 3.0)}, 50, 0.8, None),
        ({"women": WOMEN}, 0, 0.8, None),
    ],
    ids=["two groups", "no limit", "every group judged", "a group too small", "one large enough", "one group"],
)
def test_the_limit_is_drawn_where_groups_are_compared(
    groups: dict[str, made.Row], minimum: int, limit: float | None, told: str | None
) -> None:
    picture = drawn_groups(groups, limit=limit, minimum_group_size=minimum)
    assert [label.text for label in picture.labels if label.text.startswith("limit")] == ([told] if told else [])
    assert picture.dashed == (1 if told else 0)


def test_of_more_groups_than_fit_the_ends_and_the_largest_are_drawn_and_the_others_are_counted() -> None:
    groups = {f"group {at}": (600.0 - at, 50.0, 40.0, 310.0) for at in range(SHOWN_GROUPS + 5)}
    groups |= {"nobody": (400.0, 0.0, 100.0, 0.0), "nearly all": (0.0, 300.0, 0.0, 200.0), "islanders": TINY}
    drawn = section(groups)
    for svg in (
        draw_groups(drawn, four_fifths=0.8, kind="svg", minimum_group_size=50),
        draw_confusion(drawn, kind="svg", minimum_group_size=50),
    ):
        texts = [label.text for label in look_at(svg).labels]
        named = {text.partition("  (n = ")[0] for text in texts if "  (n = " in text}
        assert len(named) == SHOWN_GROUPS
        assert named >= {"nobody", "nearly all", "group 0"}
        assert not named & {"islanders", f"group {SHOWN_GROUPS + 4}"}
        assert "and 8 more groups, in the table" in texts
    assert "limit 0.800" in [label.text for label in look_at(draw_groups(drawn, four_fifths=0.8, kind="svg")).labels]


def test_a_bar_says_the_shares_that_it_has_room_for() -> None:
    picture = look_at(draw_confusion(section({"women": WOMEN, "islanders": TINY, "nobody": (0.0,) * 4}), kind="svg"))
    texts = [label.text for label in picture.labels]
    assert [text for text in texts if re.fullmatch(r"\d+ %", text)][5:] == ["44 %", "7 %", "43 %", "100 %"]
    assert texts.count("nobody") == 1
    assert {"rightly selected", "wrongly selected", "wrongly passed over", "rightly passed over"} <= set(texts)


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_calibration_has_a_panel_for_every_group_that_there_is_room_for(count: int) -> None:
    names = [f"group {at}" for at in range(count)]
    points = tuple(
        CalibrationPoint(mean_score=score, observed=score, interval=Interval(lower=score - 0.1, upper=score + 0.1), n=9)
        for score in (0.2, 0.8)
    )
    drawn = dataclasses.replace(section(dict.fromkeys(names, WOMEN)), calibration=dict.fromkeys(names, points))
    picture = look_at(draw_calibration(drawn, kind="svg"))
    texts = [label.text for label in picture.labels]
    assert len([text for text in texts if text in names]) == min(count, SHOWN_PANELS)
    assert [text for text in texts if text.startswith("and ")] == (
        [f"and {count - SHOWN_PANELS} more groups, in the table"] if count > SHOWN_PANELS else []
    )


def test_calibration_is_not_drawn_where_scores_are_no_probabilities() -> None:
    assert draw_calibration(section({"women": WOMEN}), kind="svg") is None


@pytest.mark.parametrize("draw", [draw_confusion, lambda drawn, **how: draw_groups(drawn, four_fifths=0.8, **how)])
def test_a_picture_of_forty_groups_fits_dagsters_pages_and_keeps_the_colour_of_the_limit(draw: Any) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    groups = {f"a group with a name of its own {at}": tuple(rng.integers(50, 900, 4).astype(float)) for at in range(60)}
    png = draw(section(groups), kind="png", minimum_group_size=50)
    assert len(png) < LARGEST_PICTURE
    colours = [colour for _, colour in Image.open(io.BytesIO(png)).convert("RGB").getcolors(256) or ()]
    assert any(red > 150 and red - blue > 100 for red, _, blue in colours)


# --- what moves the score --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, SHOWN_FEATURES, SHOWN_FEATURES + 8])
def test_the_strongest_features_are_named_from_the_top(count: int) -> None:
    features = tuple(f"feature {at}" for at in range(count))
    picture = look_at(draw_importance(made.explanations(features=features), kind="svg"))
    labels = sorted(picture.named(features), key=lambda label: label.y)
    assert [label.text for label in labels] == list(features[:SHOWN_FEATURES])
    assert all(below.y - above.y >= FONT_SIZE for above, below in itertools.pairwise(labels))


@pytest.mark.parametrize("count", [1, 2, SHOWN_FEATURES, SHOWN_FEATURES + 8])
def test_dots_stand_beside_the_same_features_and_the_rest_is_summed_up(count: int) -> None:
    features = tuple(f"feature {at}" for at in range(count))
    picture = look_at(draw_beeswarm(made.explanations(features=features), kind="svg"))
    labels = sorted(picture.named(features), key=lambda label: label.y)
    more = count > SHOWN_FEATURES
    assert [label.text for label in labels] == list(features[: SHOWN_FEATURES - more])
    summed = [label.text for label in picture.labels if label.text.startswith("Sum of")]
    assert summed == (["Sum of 9 other features"] if more else [])


@pytest.mark.parametrize("values", [("red", "blue"), ("missing", "missing"), ("1", "1")])
def test_features_without_high_and_low_values_have_dots_too(values: tuple[str, str]) -> None:
    report = made.explanations(features=("colour", "shape"))
    rows = tuple(dataclasses.replace(row, values=values) for row in report.rows)
    picture = look_at(draw_beeswarm(dataclasses.replace(report, rows=rows), kind="svg"))
    assert {label.text for label in picture.labels} >= {"colour", "shape"}


@pytest.mark.parametrize("draw", [draw_importance, draw_beeswarm])
def test_features_called_anything_are_named_in_both_pictures(draw: Any) -> None:
    features = ("x" * 120, "女性", "$a$ to $b$", *HOSTILE[:3])
    picture = look_at(draw(made.explanations(features=features), kind="svg"))
    texts = [label.text for label in picture.labels]
    assert f"{'x' * 28}…{'x' * 15}" in texts
    assert set(texts) >= set(features[1:])


@pytest.mark.parametrize("height", [0.2, 0.9, 3.0])
def test_what_is_taken_away_and_put_back_is_drawn_beside_chance(height: float) -> None:
    report = made.explanations()
    assert report.examination is not None
    assert report.examination.curves is not None
    curves = dataclasses.replace(report.examination.curves, deletion=(0.0, height, 1.0))
    examination = dataclasses.replace(report.examination, curves=curves)
    picture = look_at(draw_faithfulness(dataclasses.replace(report, examination=examination), kind="svg"))
    texts = [label.text for label in picture.labels]
    assert {"Taken away", "Put back"} <= set(texts)
    assert texts.count("strongest first") == texts.count("in a random order") == 2
    nothing = dataclasses.replace(report.examination, curves=None)
    assert draw_faithfulness(dataclasses.replace(report, examination=nothing), kind="svg") is None


# --- performance and robustness --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "titles"),
    [
        ({}, {"ROC curve", "Calibration"}),
        ({"calibration": ()}, {"ROC curve"}),
        ({"roc": ()}, {"Calibration"}),
    ],
)
def test_each_panel_is_there_where_there_is_something_to_draw(changes: dict[str, Any], titles: set[str]) -> None:
    picture = look_at(draw_calibration_and_roc(made.performance(**changes), kind="svg"))
    assert {label.text for label in picture.labels} & {"ROC curve", "Calibration"} == titles


@pytest.mark.parametrize("kinds", [("noise",), ("noise", "shift"), ("noise", "missing_values", "shift")])
def test_each_perturbation_that_was_tried_has_its_panel(kinds: tuple[str, ...]) -> None:
    report = made.robustness()
    tried = tuple(score for score in report.scores if score.perturbation in kinds)
    picture = look_at(draw_robustness(dataclasses.replace(report, scores=tried), kind="svg"))
    panels = {"noise", "missing values", "category swaps", "shift"}
    assert {label.text for label in picture.labels} & panels == {kind.replace("_", " ") for kind in kinds}


def test_where_nothing_was_measured_nothing_is_drawn() -> None:
    nothing = nothing_to_explain(SUBJECT, "why", code_version="1")
    assert draw_calibration_and_roc(made.performance(roc=(), calibration=()), kind="svg") is None
    assert draw_importance(nothing, kind="svg") is None
    assert draw_beeswarm(nothing, kind="svg") is None
    assert draw_faithfulness(nothing, kind="svg") is None
    assert draw_robustness(nothing_to_perturb(SUBJECT, 9, "why", code_version="1"), kind="svg") is None
    assert draw_robustness(made.robustness(untouched=None), kind="svg") is None
    assert draw_attack(None, kind="svg") is None
    assert draw_attack(ConstrainedAttack(not_possible="why"), kind="svg") is None


# --- inside the page -------------------------------------------------------------------------------------------------


def test_pictures_come_out_the_same_whatever_was_drawn_by_chance_before() -> None:
    found = made.evidence()
    drawn = []
    for seed in (1, 2):
        np.random.seed(seed)
        drawn.append(draw_card(made.card_of(found=found), found))
        after = np.random.random()
        np.random.seed(seed)
        assert after == np.random.random()
    assert drawn[0] == drawn[1]
    everything = {"performance", "importance", "beeswarm", "faithfulness", "robustness", "attack"}
    assert set(drawn[0]) == everything | {"groups sex", "confusion sex"}


def test_pictures_load_nothing_and_run_nothing_whatever_features_are_called() -> None:
    names = HOSTILE[:SHOWN_FEATURES]
    plain_groups, hostile_groups = (
        made.fairness(sex=dict.fromkeys(groups, WOMEN)) for groups in ([f"group {at}" for at in range(12)], names)
    )
    hostile = made.evidence(shap_explanations=made.explanations(features=names), fairness_report=hostile_groups)
    page, plain = (
        Page("".join(draw_card(made.card_of(found=found), found).values()))
        for found in (hostile, made.evidence(fairness_report=plain_groups))
    )
    assert (page.loads, page.scripts, page.unclosed) == ([], [], [])
    assert set(page.structure) == set(plain.structure)
    for name in HOSTILE[:SHOWN_FEATURES]:
        assert name[:28] in page.text


def test_a_picture_as_png_has_the_same_contents_in_few_colours() -> None:
    from PIL import Image

    png = draw_importance(made.explanations(), kind="png")
    assert png is not None
    image = Image.open(io.BytesIO(png))
    assert image.mode == "P"
    assert len(image.getcolors() or ()) > 8
