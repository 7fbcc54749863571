"""Attacks on a text classifier, against TextAttack's own runner and against a second look at every success.

Everything that loads TextAttack is in this one module: it takes 20 seconds in each process.
"""

import dataclasses
import itertools
import json
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest

from rai_platform.errors import BadInput
from rai_platform.robustness.texts.attacked import Attacked
from rai_platform.robustness.texts.attempt import Attempt, Job
from rai_platform.robustness.texts.corpus import Corpus
from rai_platform.robustness.texts.loading import load_textattack, quiet_and_offline
from rai_platform.robustness.texts.recipes import RECIPES, build, chosen
from rai_platform.robustness.texts.report import TextRobustness
from rai_platform.robustness.texts.unlimited import without_limits
from rai_platform_tests.robustness.texts.reviews import CLASSES, Reviews


def text_of(parts) -> str:
    return "".join(part.text for part in parts)


def theirs(reviews: Reviews, recipe: str, texts, labels, seed: int, budget: int = 2000):
    """What TextAttack's own runner makes of texts."""
    textattack = load_textattack(nltk_data=[reviews.nltk_data])
    with quiet_and_offline():
        attack = build(textattack, RECIPES[recipe], reviews.predict, query_budget=budget, label=0)
        dataset = textattack.datasets.Dataset([(text, int(label)) for text, label in zip(texts, labels, strict=True)])
        arguments = textattack.AttackArgs(
            num_examples=len(texts), random_seed=seed, silent=True, disable_stdout=True, query_budget=budget
        )
        return textattack.Attacker(attack, dataset, arguments).attack_dataset()


def attempts_in(path) -> dict[str, dict]:
    whole = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}}")]
    return {told["key"]: told["attempt"] for told in whole}


def test_counts_add_up(attacked: TextRobustness):
    assert attacked.n == 40
    for result in attacked.recipes:
        assert result.attacked == attacked.accuracy.successes
        assert result.accuracy.successes == result.attacked - result.succeeded
        assert result.success_rate.value == result.succeeded / result.attacked
        assert attacked.worst_case.value <= result.accuracy.value
        assert 0 < result.words_changed < 0.5
        assert result.queries > 1
    assert attacked.accuracy.successes == attacked.recipes[0].attacked
    assert attacked.drop.value == pytest.approx(attacked.accuracy.value - attacked.worst_case.value)
    for parts in (attacked.by_class, attacked.by_group["length"]):
        assert sum(each.n for each in parts.values()) == 40
        assert sum(each.successes for each in parts.values()) == attacked.worst_case.successes


def test_an_example_is_a_text_of_the_data_and_the_model_errs_on_what_it_became(
    reviews: Reviews, attacked: TextRobustness
):
    assert {example.recipe for example in attacked.examples} == {"deepwordbug", "pwws"}
    for example in attacked.examples:
        before, after = text_of(example.before), text_of(example.after)
        assert any(part.changed for part in example.after)
        row = example.row_key - 1000
        if "…" not in before:
            assert before == reviews.texts[row]
            assert CLASSES[reviews.predict([after])[0].argmax()] == example.becomes
        assert CLASSES[reviews.labels[row]] == example.label != example.becomes


def test_enough_texts_make_it_credible(reviews: Reviews):
    report = reviews.measured(examples=110, recipes=("deepwordbug",))
    assert {check.name: check.says for check in report.doubts} == {}
    assert report.worst_case.value < 0.5 < report.accuracy.value


def test_few_words_that_suffice_suffice_when_asked_again(reviews: Reviews, tmp_path):
    kept = tmp_path / "kept.jsonl"
    recipes = ("deepwordbug", "input-reduction")
    report = reviews.measured(examples=30, recipes=recipes, model_digest="m", checkpoint=kept)
    reduction = report.reduction
    assert [each.recipe for each in report.recipes] == ["deepwordbug"], "it takes no accuracy away"
    assert reduction.n == report.accuracy.successes
    assert 1 <= reduction.words_left < reduction.words / 2
    for each in reduction.examples:
        assert each.text == reviews.texts[each.row_key - 1000]
        assert reviews.predict([each.left])[0].argmax() == each.label
        assert len(each.left.split()) < len(each.text.split())
    before = kept.read_text()
    again = reviews.measured(examples=30, recipes=recipes, model_digest="m", checkpoint=kept)
    assert again.reduction == reduction
    assert kept.read_text() == before, "nothing was reduced a second time"
    assert reviews.measured(examples=30, recipes=("deepwordbug",)).reduction is None


def test_what_broke_is_tried_again_and_what_was_done_is_not(reviews: Reviews, tmp_path):
    kept = tmp_path / "kept.jsonl"
    asked = {"examples": 20, "recipes": ("deepwordbug",), "model_digest": "m", "checkpoint": kept}
    expected = reviews.measured(**asked)
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    lines[0]["attempt"] |= {"outcome": "broken", "perturbed": None, "told": "the server was away"}
    kept.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert reviews.measured(**asked) == expected


@pytest.mark.parametrize("count", [12, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("recipe", ["deepwordbug", "pwws"])
def test_the_results_are_those_of_textattack_itself(reviews: Reviews, tmp_path, recipe, count):
    kept = tmp_path / "kept.jsonl"
    report = reviews.measured(first=count, examples=count, recipes=(recipe,), model_digest="m", checkpoint=kept)
    texts, labels = reviews.texts[:count], reviews.labels[:count]
    if recipe == "pwws":  # draws nothing, so one run of theirs over all texts must do the same
        results = theirs(reviews, recipe, texts, labels, seed=3)
    else:
        results = [
            theirs(reviews, recipe, [text], [label], seed=Job.of(recipe, text, int(label), 3).seed)[0]
            for text, label in zip(texts, labels, strict=True)
        ]
    kinds = [type(result).__name__ for result in results]
    ours = report.recipes[0]
    assert ours.succeeded == kinds.count("SuccessfulAttackResult") > 0
    assert ours.attacked - ours.succeeded == kinds.count("FailedAttackResult")
    assert report.n - ours.attacked == kinds.count("SkippedAttackResult")
    known = sorted(
        (result.perturbed_result.attacked_text.text, result.num_queries)
        for result in results
        if type(result).__name__ == "SuccessfulAttackResult"
    )
    found = [attempt for attempt in attempts_in(kept).values() if attempt["outcome"] == "succeeded"]
    assert sorted((attempt["perturbed"], attempt["queries"]) for attempt in found) == known


def test_who_is_interrupted_goes_on_with_the_same_result(reviews: Reviews, tmp_path):
    whole = reviews.measured(examples=15)
    questions = itertools.count()

    def killed(texts):
        if next(questions) > 60:
            raise KeyboardInterrupt
        return reviews.predict(texts)

    asked = {"examples": 15, "model_digest": "m", "checkpoint": tmp_path / "kept.jsonl"}
    with pytest.raises(KeyboardInterrupt):
        reviews.measured(killed, **asked)
    lines = asked["checkpoint"].read_text().splitlines()
    assert 0 < len(lines) < 30
    asked["checkpoint"].write_text("\n".join([*lines[:-1], lines[-1][:40]]))  # killed in the middle of a line
    assert reviews.measured(**asked) == whole
    again = itertools.count()

    def counted(texts):
        next(again)
        return reviews.predict(texts)

    assert reviews.measured(counted, **asked) == whole
    assert next(again) < 40  # as they are, a second look at the successes, the words: no attack
    assert reviews.measured(**{**asked, "model_digest": "another"}) == whole
    assert len(attempts_in(asked["checkpoint"])) > len(lines) + 10


def test_neither_the_other_texts_nor_the_other_recipes_matter(reviews: Reviews, tmp_path):
    asked = {"model_digest": "m"}
    reviews.measured(first=20, examples=12, checkpoint=tmp_path / "many", **asked)
    reviews.measured(first=20, examples=5, recipes=("deepwordbug",), checkpoint=tmp_path / "few", **asked)
    many, few = attempts_in(tmp_path / "many"), attempts_in(tmp_path / "few")
    assert few
    assert few.items() <= many.items()


def test_an_attack_leaves_the_random_numbers_of_the_process_alone(reviews: Reviews):
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    reviews.measured(examples=3)
    assert np.random.random() == expected


def test_when_time_is_over_the_texts_drawn_first_count(reviews: Reviews):
    ticks = itertools.count()
    report = reviews.measured(examples=40, time_budget=120.0, clock=lambda: float(next(ticks)))
    assert report.n + report.left_out == 40
    assert 0 < report.n < 40
    assert all(result.attacked == report.accuracy.successes <= report.n for result in report.recipes)
    assert "enough time" in {doubt.name for doubt in report.doubts}
    whole = reviews.measured(examples=report.n)
    assert report.recipes == whole.recipes
    none = reviews.measured(examples=40, time_budget=1.0, clock=lambda: float(next(ticks)))
    assert none.not_possible or none.n < 3


def test_too_few_questions_are_not_credible(reviews: Reviews):
    report = reviews.measured(examples=30, query_budget=5)
    assert report.exhausted.value > 0.1
    assert all(result.queries <= 5 for result in report.recipes)
    assert all(result.cut_short.value > 0.1 for result in report.recipes)
    assert "enough questions to the model" in {doubt.name for doubt in report.doubts}


@pytest.mark.slow
def test_a_model_that_hides_its_scores_is_not_shown_to_be_robust(reviews: Reviews):
    def certain(texts):
        scores = reviews.predict(texts)
        return np.eye(2)[scores.argmax(axis=1)]

    report = reviews.measured(certain, examples=30)
    assert "the model's scores guide the attacks" in {doubt.name for doubt in report.doubts}


def test_a_model_that_never_changes_its_mind_has_nothing_to_attack(reviews: Reviews):
    report = reviews.measured(lambda texts: np.tile([0.7, 0.3], (len(texts), 1)), examples=30)
    assert report.worst_case == report.accuracy
    assert report.success_rate.value == 0
    assert not {"an attack without limits gets through", "the model's scores guide the attacks"} & {
        doubt.name for doubt in report.doubts
    }


def test_an_attack_without_limits_must_get_through(reviews: Reviews):
    def deaf(texts):  # sees the words that the reviews were given, and nothing that is put in their place
        known = np.isin(texts, reviews.texts)
        return np.where(known[:, None], reviews.predict(texts), np.array([[0.0, 1.0]]) + 1e-9 * reviews.predict(texts))

    def normed(texts):
        scores = deaf(texts)
        return scores / scores.sum(axis=1, keepdims=True)

    good = reviews.labels == 1
    only_good = dataclasses.replace(
        reviews,
        texts=[text for text, keep in zip(reviews.texts, good, strict=True) if keep],
        labels=reviews.labels[good],
    )
    report = only_good.measured(normed, examples=20, recipes=("deepwordbug",))
    assert "an attack without limits gets through" in {doubt.name for doubt in report.doubts}


@pytest.mark.parametrize(
    ("classes", "sticks", "passed"),
    [(2, 0, True), (2, 5, True), (2, 6, False), (2, 50, False), (25, 4, True), (25, 5, False)],
)
def test_an_attack_without_limits_that_leaves_chance_is_not_believed(classes: int, sticks: int, passed: bool):
    """Whatever is written is taken for the first class: of two balanced ones half stands, and none was ever turned into it."""
    texts, labels = ["one word", "another word"] * 50, np.array([0] * sticks + [1] * (100 - sticks))

    def predict(asked):
        scores = np.full((len(asked), classes), 1e-3)
        scores[:, 0] = 1 - 1e-3 * (classes - 1)
        one = np.array([text.startswith("one") for text in asked])
        scores[one, :2] += [1e-5, -1e-5]
        return scores

    check = without_limits(predict, texts, labels, classes=classes, vocabulary=texts).check
    assert check.passed is passed
    assert f"accuracy falls to {sticks / 100:.1%}" in check.says


def test_a_recipe_that_breaks_is_told(reviews: Reviews):
    def strict(texts):
        if not set(texts) <= known:
            raise ValueError("not in my vocabulary")
        return reviews.predict(texts)

    known = {*reviews.texts}
    known |= {word for text in known for word in text.lower().split()}
    report = reviews.measured(
        lambda texts: strict(texts) if any(" " in text for text in texts) else reviews.predict(texts),
        first=20,
        examples=20,
        recipes=("deepwordbug",),
    )
    assert report.recipes[0].broken == report.recipes[0].attacked > 0
    assert report.recipes[0].told == ("ValueError: not in my vocabulary",)
    assert {"the recipes do not break", "an attack without limits gets through"} <= {
        doubt.name for doubt in report.doubts
    }


def test_a_success_that_does_not_stand_a_second_time_is_none():
    attempt = Attempt(
        outcome="succeeded", perturbed="bda", queries=9, words=1, words_changed=1, cut_short=False, moved=True
    )
    found = Attacked(
        corpus=Corpus.of(
            ["bad", "bad", "bad"],
            np.zeros(3, dtype=int),
            classes=CLASSES,
            sensitive_features=np_frame(3),
            row_key=np.arange(3),
        ),
        recipes=(RECIPES["deepwordbug"],),
        right=np.array([True, True, False]),
        attempts=[[attempt], [dataclasses.replace(attempt, perturbed="dba")], []],
        predict=lambda texts: np.array([[0.9, 0.1] if text == "bda" else [0.2, 0.8] for text in texts]),
    )
    result = found.result(0)
    assert (result.attacked, result.succeeded, result.unconfirmed) == (2, 1, 1)
    assert found.stands.tolist() == [True, False, False]


def test_a_text_stands_that_no_recipe_turned():
    turned = Attempt(
        outcome="succeeded", perturbed="bda", queries=9, words=1, words_changed=1, cut_short=False, moved=True
    )
    stood = dataclasses.replace(turned, outcome="failed", perturbed=None)
    found = Attacked(
        corpus=Corpus.of(
            ["bad"] * 3,
            np.zeros(3, dtype=int),
            classes=CLASSES,
            sensitive_features=np_frame(3),
            row_key=np.arange(3),
        ),
        recipes=(RECIPES["deepwordbug"], RECIPES["pwws"]),
        right=np.ones(3, dtype=bool),
        attempts=[[turned, stood], [stood, turned], [stood, stood]],
        predict=lambda texts: np.array([[0.2, 0.8]] * len(texts)),
    )
    assert found.stands.tolist() == [False, False, True]
    assert [found.result(at).succeeded for at in range(2)] == [1, 1]


def np_frame(rows: int):
    import pandas as pd

    return pd.DataFrame(index=range(rows))


def test_every_recipe_of_textattack_is_known_and_none_is_left_out_silently(attacked: TextRobustness, reviews: Reviews):
    textattack = load_textattack(nltk_data=[reviews.nltk_data])
    recipe = textattack.attack_recipes.AttackRecipe
    shipped = {each.__name__ for each in _subclasses(recipe) if each.__module__.startswith("textattack.attack_recipes")}
    assert {each.builder for each in RECIPES.values()} == shipped, version("textattack")
    told = {each.recipe: each for each in attacked.not_run}
    assert {*told, *(each.recipe for each in attacked.recipes)} == set(RECIPES)
    assert told["pruthi"].because == "nobody asked for it"
    assert told["hotflip"].because.startswith("it needs the gradients")


def _subclasses(kind):
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)


def test_what_is_missing_is_looked_for_and_how_to_get_it_is_told(reviews: Reviews, tmp_path, monkeypatch):
    load_textattack(nltk_data=[reviews.nltk_data])
    monkeypatch.setenv("TA_CACHE_DIR", str(tmp_path))
    missing = {each.recipe: each for each in chosen(["iga", "pso"])[2]}
    assert missing["iga"].because == "missing on this machine: counter-fitted word vectors"
    assert "paragramcf" in missing["iga"].get
    (tmp_path / "word_embeddings" / "paragramcf").mkdir(parents=True)
    runs, _, not_run = chosen(["iga", "pso"])
    assert [recipe.name for recipe in runs] == ["iga"]
    assert "HowNet" in {each.recipe: each for each in not_run}["pso"].because


def test_where_nothing_can_run_nothing_is_said_about_the_model(reviews: Reviews):
    report = reviews.measured(recipes=("hotflip",))
    assert "it needs the gradients" in report.not_possible
    assert report.worst_case is None


def test_nothing_is_downloaded(reviews: Reviews):
    textattack = load_textattack(nltk_data=[reviews.nltk_data])
    with quiet_and_offline(), pytest.raises(OSError, match="nothing is downloaded"):
        textattack.shared.utils.download_from_s3("no/such/folder")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"recipes": ("textfoler",)}, "did you mean 'textfooler'"),
        ({"recipes": ()}, "got none"),
        ({"examples": 0}, "examples: expected 1 or more, got 0"),
        ({"query_budget": -1}, "query_budget"),
        ({"row_key": np.arange(3)}, "row_key: expected one for each"),
        ({"classes": ("only",)}, "two classes or more"),
        ({"classes": ("bad", "good", "odd")}, "expected scores of shape"),
    ],
)
def test_what_cannot_be_asked_is_told_at_once(reviews: Reviews, asked, told):
    with pytest.raises(BadInput, match=told.replace("(", "\\(")):
        reviews.measured(**asked)


def test_a_checkpoint_needs_to_know_the_model(reviews: Reviews, tmp_path):
    with pytest.raises(BadInput, match="digest of the model"):
        reviews.measured(checkpoint=tmp_path / "kept")
    with pytest.raises(BadInput, match="expected a file to write to"):
        reviews.measured(checkpoint=tmp_path, model_digest="m")


@pytest.mark.parametrize("scores", [[[0.5, 0.6]], [[-0.2, 1.2]], [[float("nan"), 1.0]]])
def test_scores_have_to_be_probabilities(reviews: Reviews, scores):
    with pytest.raises(BadInput, match="probabilities that add up to 1"):
        reviews.measured(lambda texts: np.array(scores * len(texts)))


@pytest.mark.slow
def test_two_processes_find_what_one_finds(reviews: Reviews):
    assert reviews.measured(examples=25, workers=2) == reviews.measured(examples=25)


@pytest.mark.slow
def test_two_processes_that_are_interrupted_go_on_as_one(reviews: Reviews, tmp_path):
    questions = itertools.count()

    def killed(texts):
        if next(questions) > 80:
            raise KeyboardInterrupt
        return reviews.predict(texts)

    asked = {"examples": 12, "model_digest": "m", "checkpoint": tmp_path / "kept.jsonl"}
    with pytest.raises(KeyboardInterrupt):
        reviews.measured(killed, workers=2, **asked)
    assert 0 < len(attempts_in(asked["checkpoint"])) < 18
    assert reviews.measured(**asked) == reviews.measured(examples=12)


@pytest.mark.slow
def test_a_process_that_searches_tells_what_breaks_as_one_does_that_asks(reviews: Reviews):
    def moody(texts):
        if any("the" in text.split() for text in texts) and any(len(text) % 7 == 0 for text in texts):
            raise ValueError("not today")
        return reviews.predict(texts)

    def first_calm(texts):  # as they are, and when asked again, the texts come in other batches
        return reviews.predict(texts) if len(texts) not in range(13, 60) else moody(texts)

    one = reviews.measured(first_calm, examples=12)
    two = reviews.measured(first_calm, examples=12, workers=2)
    assert sum(result.broken for result in one.recipes) > 0
    assert one == two


@pytest.mark.slow
def test_it_works_on_a_machine_that_has_no_data_of_nltk(tmp_path):
    code = """
import sys, pathlib
import numpy as np, pandas as pd
from rai_platform.robustness.texts.measurement import measure_text_robustness
report = measure_text_robustness(
    lambda texts: np.array([[0.1, 0.9] if "good" in text.split() else [0.9, 0.1] for text in texts]),
    ["a good film", "a film", "good", "what is it ?"] * 5, np.array([1, 0, 1, 0] * 5), classes=("bad", "good"),
    sensitive_features=pd.DataFrame(index=range(20)), row_key=np.arange(20), seed=0, cache=pathlib.Path(sys.argv[1]),
)
assert [each.recipe for each in report.recipes] == ["deepwordbug", "pruthi"], report
assert report.recipes[0].succeeded == 10, report.recipes
assert {each.recipe: each.because for each in report.not_run}["pwws"] == "missing on this machine: WordNet", report
assert (pathlib.Path(sys.argv[1]) / "nltk_data/corpora/stopwords/english").exists()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "cache")],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_a_recipe_runs_once_what_it_needs_is_there(tmp_path):
    """Counter-fitted vectors of eight words, in the files that TextAttack downloads, let the genetic algorithm run."""
    code = """
import sys, pathlib, pickle
import numpy as np, pandas as pd
folder = pathlib.Path(sys.argv[1]) / "word_embeddings" / "paragramcf"
folder.mkdir(parents=True)
words = ["good", "fine", "film", "movie", "calm", "quiet", "story", "tale"]
vectors = np.repeat(np.eye(4), 2, axis=0) + np.tile([[0.0], [0.05]], (4, 4))
distances = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=-1)
np.save(folder / "paragram.npy", vectors)
np.save(folder / "nn.npy", distances.argsort(axis=1))
with open(folder / "wordlist.pickle", "wb") as file:
    pickle.dump({word: at for at, word in enumerate(words)}, file)
for name in ("mse_dist.p", "cos_sim.p"):
    with open(folder / name, "wb") as file:
        pickle.dump({at: {} for at in range(8)}, file)

from rai_platform.robustness.texts.measurement import measure_text_robustness
report = measure_text_robustness(
    lambda texts: np.array([[0.1, 0.9] if "good" in text.split() else [0.9, 0.1] for text in texts]),
    ["what good calm film with story tonight", "another quiet story about some film"] * 3, np.array([1, 0] * 3),
    classes=("bad", "good"), sensitive_features=pd.DataFrame(index=range(6)), row_key=np.arange(6), seed=0,
    recipes=("iga",), query_budget=300,
)
(iga,) = report.recipes
assert (iga.attacked, iga.succeeded, iga.broken) == (6, 3, 0), report
assert "fine" in "".join(part.text for part in report.examples[0].after), report.examples
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "cache")],
        env={
            "HOME": str(tmp_path),
            "TA_CACHE_DIR": str(tmp_path / "cache"),
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": ":".join(sys.path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["pruthi", "leap"])
def test_the_other_recipes_that_need_no_more_run(reviews: Reviews, recipe):
    (result,) = reviews.measured(examples=4, recipes=(recipe,), query_budget=300).recipes
    assert result.attacked > 0
    assert result.broken == 0
    assert result.queries > 10


def test_loading_the_code_location_loads_no_attack():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, rai_platform.robustness.texts.measurement, rai_platform.release.findings\n"
            "assert not {'textattack', 'torch', 'transformers', 'nltk'} & set(sys.modules)",
        ],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
