"""Every recipe of TextAttack: what it needs, and why it does not run where it does not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from rai_platform.errors import BadInput, did_you_mean
from rai_platform.robustness.texts import resources as need
from rai_platform.robustness.texts.asking import Predict, Scores
from rai_platform.robustness.texts.report import NotRun
from rai_platform.robustness.texts.resources import Resource

NOT_ASKED = "nobody asked for it"
GRADIENTS = "it needs the gradients of a model in PyTorch, and here a model only gives scores"
TO_TEXT = "it attacks models that answer with a text, such as translators"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """An attack from the literature, as TextAttack builds it.

    Attributes:
        name: as TextAttack's command line calls it.
        builder: the class in ``textattack.attack_recipes``.
        how: what it does to a text, in a few words.
        needs: what has to be on the disk.
        never: why it cannot run on a classifier that gives scores; None where it can.
        reduces: whether it looks for the shortest text that keeps the decision, and takes no accuracy away.
    """

    name: str
    builder: str
    how: str
    needs: tuple[Resource, ...] = ()
    never: str | None = None
    reduces: bool = False


_ALL = (
    Recipe(name="deepwordbug", builder="DeepWordBugGao2018", how="misspells the words that matter most"),
    Recipe(name="pruthi", builder="Pruthi2019", how="mistypes single letters"),
    Recipe(name="pwws", builder="PWWSRen2019", how="takes synonyms from WordNet", needs=(need.WORDNET,)),
    Recipe(
        name="textfooler",
        builder="TextFoolerJin2019",
        how="takes near words that keep the meaning of the sentence",
        needs=(need.COUNTER_FITTED, need.TAGGER, need.SENTENCE_ENCODER),
    ),
    Recipe(
        name="textbugger",
        builder="TextBuggerLi2018",
        how="misspells words, or takes near ones",
        needs=(need.COUNTER_FITTED, need.SENTENCE_ENCODER),
    ),
    Recipe(
        name="bae",
        builder="BAEGarg2019",
        how="takes words that a language model proposes",
        needs=(need.BERT, need.TAGGER, need.SENTENCE_ENCODER),
    ),
    Recipe(
        name="bert-attack",
        builder="BERTAttackLi2020",
        how="takes words that a language model proposes",
        needs=(need.BERT, need.SENTENCE_ENCODER),
    ),
    Recipe(
        name="clare",
        builder="CLARE2020",
        how="replaces, inserts and merges words with a language model",
        needs=(need.ROBERTA, need.SENTENCE_ENCODER),
    ),
    Recipe(
        name="a2t",
        builder="A2TYoo2021",
        how="takes near words, by gradient",
        never=GRADIENTS,
    ),
    Recipe(
        name="alzantot",
        builder="GeneticAlgorithmAlzantot2018",
        how="breeds texts with near words",
        needs=(need.COUNTER_FITTED, need.GOOGLE_LANGUAGE_MODEL),
    ),
    Recipe(
        name="faster-alzantot",
        builder="FasterGeneticAlgorithmJia2019",
        how="breeds texts with near words",
        needs=(need.COUNTER_FITTED, need.WRITING_LANGUAGE_MODEL),
    ),
    Recipe(name="iga", builder="IGAWang2019", how="breeds texts with near words, better", needs=(need.COUNTER_FITTED,)),
    Recipe(name="pso", builder="PSOZang2020", how="a swarm looks for words of like meaning", needs=(need.HOWNET,)),
    Recipe(name="leap", builder="LEAP2023", how="a swarm looks for synonyms in WordNet", needs=(need.WORDNET,)),
    Recipe(
        name="kuleshov",
        builder="Kuleshov2017",
        how="takes near words that a language model finds likely",
        needs=(need.COUNTER_FITTED, need.GPT2),
    ),
    Recipe(
        name="checklist",
        builder="CheckList2020",
        how="changes names, places and numbers",
        needs=(need.NAME_TAGGER,),
    ),
    Recipe(
        name="bad-characters",
        builder="BadCharacters2021",
        how="exchanges letters for others that look the same",
        needs=(need.LOOK_ALIKES,),
    ),
    Recipe(name="input-reduction", builder="InputReductionFeng2018", how="leaves words out", reduces=True),
    Recipe(name="hotflip", builder="HotFlipEbrahimi2017", how="flips words by gradient", never=GRADIENTS),
    Recipe(name="morpheus", builder="MorpheusTan2020", how="inflects words", never=TO_TEXT),
    Recipe(name="seq2sick", builder="Seq2SickCheng2018BlackBox", how="takes near words", never=TO_TEXT),
    *(
        Recipe(
            name=language.lower(),
            builder=f"{language}Recipe",
            how=f"takes synonyms in {language}",
            never=f"it is for texts in {language}",
        )
        for language in ("Chinese", "French", "Spanish")
    ),
)
RECIPES = {recipe.name: recipe for recipe in _ALL}
DEFAULT = ("deepwordbug", "pruthi", "pwws", "textfooler", "textbugger", "bae", "input-reduction")


def chosen(names: Sequence[str]) -> tuple[tuple[Recipe, ...], tuple[Recipe, ...], tuple[NotRun, ...]]:
    """Of the recipes that were asked for and can run those that attack, and those that reduce; and every other with the reason.

    Raises:
        BadInput: there is no recipe of that name, or none was asked for.
    """
    if not names:
        raise BadInput(f"expected at least one recipe of {', '.join(sorted(RECIPES))}, got none", where="recipes")
    for name in names:
        if name not in RECIPES:
            raise BadInput(
                f"no recipe {name!r}{did_you_mean(name, RECIPES)}; recipes: {', '.join(sorted(RECIPES))}",
                where="recipes",
            )
    runs, not_run = [], []
    for recipe in RECIPES.values():
        why = why_not(recipe)
        if recipe.name in names and why is None:
            runs.append(recipe)
        else:
            not_run.append(why or NotRun(recipe=recipe.name, because=NOT_ASKED, get=None))
    attack, reduce = (tuple(each for each in runs if each.reduces == reduces) for reduces in (False, True))
    return attack, reduce, tuple(not_run)


def why_not(recipe: Recipe) -> NotRun | None:
    """Why a recipe cannot run on this machine; None where it can."""
    if recipe.never:
        return NotRun(recipe=recipe.name, because=recipe.never, get=None)
    missing = [each for each in recipe.needs if not each.present()]
    if not missing:
        return None
    return NotRun(
        recipe=recipe.name,
        because=f"missing on this machine: {_listed(each.name for each in missing)}",
        get="; ".join(each.get for each in missing),
    )


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def build(textattack: ModuleType, recipe: Recipe, predict: Predict, *, query_budget: int, label: int) -> Any:
    """The attack, against a model, on texts of one class.

    Args:
        textattack: the module.
        recipe: one that can run.
        predict: gives scores (texts, classes).
        query_budget: questions about one text at most.
        label: the class of the texts, for recipes that aim at another class.
    """
    builder = getattr(textattack.attack_recipes, recipe.builder)
    model = _wrapped(textattack, predict)
    if (
        recipe.name == "bad-characters"
    ):  # knows no untargeted goal for classifiers: aims at the class next to the text's own
        attack = builder.build(model, goal_function_type="targeted_classification", target_class=int(label == 0))
    else:
        attack = builder.build(model)
    attack.goal_function.query_budget = query_budget
    return attack


def _wrapped(textattack: ModuleType, predict: Predict) -> Any:
    class Asked(textattack.models.wrappers.ModelWrapper):  # type: ignore[name-defined,misc]  # an untyped module that came as a value
        """A model as TextAttack asks it."""

        model = predict

        def __call__(self, text_input_list: list[str], **_: object) -> Scores:
            return predict(list(text_input_list))

    return Asked()
