"""A card as JSON, HTML and Markdown: complete, closed in itself, and deaf to whatever a name says."""

import dataclasses
import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rai_platform.card.champion import champion_section
from rai_platform.card.document import ModelCard
from rai_platform.card.rendering import CARD, card_schema, render_html, render_json, render_markdown
from rai_platform.card.sections.attack import AttackSection
from rai_platform.card.sections.examination import ExaminationSection
from rai_platform.robustness.attack_report import Change
from rai_platform_tests.card.cards import HOSTILE, NOTHING_KNOWN, Page, beside_production, cards, read_markdown

CARDS = cards()
GOLDEN = Path(__file__).parent / "golden"
any_card = pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)


def with_name(name: str) -> ModelCard:
    """A card in which everything that somebody may call as they like is called this."""
    card = PLAIN
    section, explanation, training = card.fairness[0], card.explanations, card.training
    row = dataclasses.replace(explanation.importance[0], feature=name, by_group={"sex": {name: 1.0, "male": 0.5}})
    contribution = (name, name, 0.5)
    search = card.discoveries[0]
    subgroup = dataclasses.replace(search.subgroups[0], people=name)
    flip = card.individual.flips[0]
    flip = dataclasses.replace(
        flip,
        says=name,
        values={name: {name: name}},
        groups=(dataclasses.replace(flip.groups[0], group=name),),
    )
    return dataclasses.replace(
        card,
        summary=name,
        reasons=(name,),
        individual=dataclasses.replace(card.individual, how=name, flips=(flip,)),
        owners=(name,),
        intended_use=name,
        out_of_scope=name,
        limitations=(name,),
        computed_limitations=(name,),
        disclosed=(name,),
        evaluation_data=name,
        missing_verdicts=(name,),
        training=dataclasses.replace(training, estimator=name, features=(name,), data=name, parameters={name: name}),
        fairness=(dataclasses.replace(section, groups=(dataclasses.replace(section.groups[0], group=name),)),),
        discoveries=(dataclasses.replace(search, found=name, subgroups=(subgroup,)),),
        explanations=dataclasses.replace(
            explanation,
            importance=(row,),
            examples=(dataclasses.replace(explanation.examples[0], contributions=(contribution,)),),
            examination=examined_with(name, explanation.examination),
        ),
        robustness=dataclasses.replace(
            card.robustness, not_estimable={}, left_alone=(name,), attack=_attack_with_name(name)
        ),
        policy=dataclasses.replace(
            card.policy,
            name=name,
            requirements=(dataclasses.replace(card.policy.requirements[0], reason=name, source=name),),
        ),
        verdicts=(dataclasses.replace(card.verdicts[0], reason=name),),
        champion=dataclasses.replace(champion_section(beside_production(name)), summary=name, caveat=name),
    )


def examined_with(name: str, section: ExaminationSection | None) -> ExaminationSection:
    """An examination in whose sentences features and groups are called this."""
    assert section is not None
    return dataclasses.replace(
        section,
        tests=(dataclasses.replace(section.tests[0], says=name),),
        second_opinion={name: 0.1},
        parity=(dataclasses.replace(section.parity[0], says=name, left_out={name: name}),),
        proxies_say=name,
    )


def _attack_with_name(name: str) -> AttackSection:
    attack = PLAIN.robustness.attack
    assert attack is not None
    rows = tuple(
        dataclasses.replace(row, by_group={"sex": {name: next(iter(row.by_group["sex"].values()))}})
        for row in attack.rows
    )
    change = Change(feature=name, before=name, after=name, cost=0.5)
    return dataclasses.replace(
        attack,
        summary=name,
        doubts=(name,),
        rows=rows,
        examples=(dataclasses.replace(attack.examples[0], changes=(change,)),),
        mutable={name: name},
        immutable={name: name},
        relations=(name,),
    )


PLAIN = CARDS["refused"]
PLAIN_HTML = Page(render_html(with_name("nobodys"), {}))
PLAIN_TEXT = read_markdown(render_markdown(with_name("nobodys")))


# --- JSON ------------------------------------------------------------------------------------------------------------


def no_number(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


@any_card
def test_the_json_satisfies_its_published_schema_and_is_read_back_as_the_same_card(card: ModelCard) -> None:
    content = render_json(card)
    jsonschema.validate(json.loads(content, parse_constant=no_number), card_schema())
    assert CARD.validate_json(content) == card


def test_the_schema_is_one_and_asks_for_every_part_of_a_card_but_its_version() -> None:
    schema = card_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    whole = json.loads(render_json(PLAIN))
    assert validator.is_valid(whole)
    for part in set(whole) - {"schema_version"}:
        without = {name: value for name, value in whole.items() if name != part}
        assert not validator.is_valid(without), part


# --- what is printed -------------------------------------------------------------------------------------------------


@any_card
def test_what_is_not_known_is_told_in_words(card: ModelCard) -> None:
    shown = Page(render_html(card, {}))
    assert not NOTHING_KNOWN.search(shown.text)
    assert not NOTHING_KNOWN.search(render_markdown(card))
    assert shown.unclosed == []


@any_card
def test_both_texts_hold_the_verdicts_the_reasons_and_every_group(card: ModelCard) -> None:
    html, markdown = Page(render_html(card, {})).text, "\n".join(read_markdown(render_markdown(card)).lines)
    said = [card.summary, card.intended_use, card.out_of_scope, *card.computed_limitations, *card.disclosed]
    said += [verdict.reason for verdict in card.verdicts] + [row.group for part in card.fairness for row in part.groups]
    for text in said:
        assert text in html
        assert text in markdown
    for reason in card.reasons:
        assert reason in markdown
        assert reason.split(": ", 1)[-1] in html
    for name in card.missing_verdicts:
        assert f"{name} has no verdict" in html
        assert name in markdown


def test_the_markdown_of_a_card_is_as_it_was_agreed() -> None:
    assert render_markdown(CARDS["named instead of proven"]) == (GOLDEN / "named_instead_of_proven.md").read_text(
        "utf-8"
    )


@any_card
def test_both_texts_hold_what_was_found_before_training(card: ModelCard) -> None:
    training = card.training
    told = [name for labels in training.labels[:1] for name in labels.measures]
    told += [f"{column} {auc:.3f}" for proxy in training.proxies for column, auc in proxy.strongest]
    told += [row.column for row in training.missing]
    for text in (Page(render_html(card, {})).text, "\n".join(read_markdown(render_markdown(card)).lines)):
        assert [name for name in told if name not in text] == []


@pytest.mark.parametrize(("confidence", "said"), [(0.95, "95 %"), (0.999, "99.9 %"), (0.975, "97.5 %")])
def test_a_card_claims_no_more_confidence_than_was_asked_for(confidence: float, said: str) -> None:
    card = dataclasses.replace(PLAIN, policy=dataclasses.replace(PLAIN.policy, confidence=confidence))
    assert f"{said} confidence" in Page(render_html(card, {})).text
    assert f"{said} confidence" in render_markdown(card)


def test_the_severest_verdict_comes_first_in_the_page() -> None:
    table = Page(render_html(CARDS["a group too small"], {})).text.partition("\nIn words")[2]
    places = [table.index(f"\n{word}\n") for word in ("Fail", "Open", "Pass")]
    assert places == sorted(places)


# --- a page that loads nothing and runs nothing, whatever a name says ------------------------------------------------


@any_card
def test_the_page_loads_nothing_from_anywhere_and_runs_nothing(card: ModelCard) -> None:
    page = Page(render_html(card, {}))
    assert (page.loads, page.scripts, page.unclosed) == ([], [], [])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_changes_nothing_of_page_and_text_but_the_name(name: str) -> None:
    page, text = Page(render_html(with_name(name), {})), read_markdown(render_markdown(with_name(name)))
    assert page.structure == PLAIN_HTML.structure
    assert page.text.count(" ".join(name.split())) == PLAIN_HTML.text.count("nobodys")
    assert text.structure == PLAIN_TEXT.structure
    assert text.lines == [line.replace("nobodys", " ".join(name.split())) for line in PLAIN_TEXT.lines]


printable = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=20).map(
    lambda text: " ".join(text.split())
)
marks = st.text("\\`*_{}[]()<>#+-.!|~&;:\"'$=/ab1 ", min_size=1, max_size=12).map(lambda text: " ".join(text.split()))


@pytest.mark.slow
@given((printable | marks).filter(lambda text: text and "nobodys" not in text))
@example("___")
@example("a__b _c_")
@settings(max_examples=60, deadline=None)
def test_whatever_something_is_called_it_is_shown_letter_by_letter(name: str) -> None:
    page, text = Page(render_html(with_name(name), {})), read_markdown(render_markdown(with_name(name)))
    assert page.structure == PLAIN_HTML.structure
    assert text.structure == PLAIN_TEXT.structure
    assert text.lines == [line.replace("nobodys", name) for line in PLAIN_TEXT.lines]
