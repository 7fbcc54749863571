"""Attacks on a network that reads digits: their order, their book-keeping, and what is done with bad input."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import TypeAdapter

from rai_platform.errors import UnscorableRows, UnsuitableData
from rai_platform.robustness.images.ensemble import Target, distances, verify
from rai_platform.robustness.images.report import AttackedImages, ImageRobustness, Norm
from rai_platform_tests.robustness.images.small import CLASSES, Constant, Small, digits, measured, trained

QUICK: dict[str, Any] = {"n": 40, "epsilons": {"linf": (0.05, 0.1)}, "queries": 50}


def points(report: ImageRobustness, norm: Norm, attack: str) -> list[AttackedImages]:
    found = [point for point in report.curve if (point.norm, point.attack) == (norm, attack)]
    return sorted(found, key=lambda point: point.epsilon)


@pytest.fixture(scope="module")
def quick(network: Small) -> ImageRobustness:
    return measured(network, **QUICK)


# --- the order of attacks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_stronger_attack_leaves_less(report: ImageRobustness, norm: Norm) -> None:
    single, steps, worst = (points(report, norm, name) for name in ("fgsm", "pgd", "worst_case"))
    for one, many, all_of_them in zip(single, steps, worst, strict=True):
        assert one.as_found.value >= many.as_found.value - 0.01
        assert many.as_found.value >= all_of_them.as_found.value
    assert single[0].as_found.value > worst[0].as_found.value, "the distances are where something happens"


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_auto_pgd_is_as_strong_as_pgd_with_as_many_gradients(report: ImageRobustness, norm: Norm) -> None:
    for steps, auto in zip(points(report, norm, "pgd"), points(report, norm, "apgd_ce"), strict=True):
        assert auto.as_found.value <= steps.as_found.value + 0.01


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_accuracy_falls_to_nothing_as_the_distance_grows(report: ImageRobustness, norm: Norm) -> None:
    values = [point.accuracy.value for point in report.worst_case(norm)]
    assert report.accuracy is not None
    assert values == sorted(values, reverse=True)
    assert 0.3 < values[0] < report.accuracy.value
    assert values[-1] < 0.03


def test_attacks_on_an_honest_network_are_credible(report: ImageRobustness) -> None:
    assert report.doubts == ()
    assert len(report.checks) == 8
    assert report.no_gradient is not None
    assert report.no_gradient.value == 0


# --- book-keeping --------------------------------------------------------------------------------------------------------


def test_the_worst_case_counts_an_image_as_turned_by_whoever_turned_it(report: ImageRobustness) -> None:
    for norm in report.norms:
        for worst in report.worst_case(norm):
            everybody = [
                p for p in report.curve if (p.norm, p.epsilon) == (norm, worst.epsilon) and p.accuracy.n == report.n
            ]
            assert worst.accuracy.value == min(point.accuracy.value for point in everybody)
            assert worst.drop.value == pytest.approx(report.accuracy.value - worst.accuracy.value)  # type: ignore[union-attr]


def test_classes_and_groups_add_up_to_everybody(report: ImageRobustness) -> None:
    for norm in report.norms:
        for worst in report.worst_case(norm):
            for parts in (worst.by_class, *worst.by_group.values()):
                assert sum(part.n for part in parts.values()) == report.n
                assert sum(part.successes for part in parts.values()) == worst.accuracy.successes
            assert set(worst.by_class) == set(CLASSES)
            assert set(worst.by_group["camera"]) == {"old", "new"}


def test_an_image_turned_within_a_smaller_distance_counts_within_a_larger_one(report: ImageRobustness) -> None:
    for norm in report.norms:
        for attack in {point.attack for point in report.curve}:
            for smaller, larger in itertools.pairwise(points(report, norm, attack)):
                assert larger.accuracy.value <= smaller.accuracy.value
                assert larger.accuracy.value <= larger.as_found.value


def test_every_attack_tells_what_it_took(report: ImageRobustness) -> None:
    asked = {(effort.norm, effort.attack): effort.queries for effort in report.efforts}
    assert len(asked) == 16
    for effort in report.efforts:
        assert effort.refused == 0
        assert effort.queries >= 1
    assert asked["linf", "square"] <= 4 * (report.queries + 1)
    assert asked["linf", "hop_skip_jump"] <= 1.5 * report.queries + 100
    assert asked["linf", "fgsm"] < asked["linf", "pgd"]
    assert {effort.restarts for effort in report.efforts if effort.attack == "apgd_t"} == {len(CLASSES) - 1}


def test_examples_are_images_that_the_network_takes_for_something_else(report: ImageRobustness) -> None:
    images, labels = digits()
    assert len(report.examples) == 6
    for example in report.examples:
        original, adversarial = example.original.pixels(), example.adversarial.pixels()
        assert np.abs(original - images[example.row_key]).max() <= 1 / 255
        assert CLASSES[labels[example.row_key]] == example.label != example.taken_for
        size = (
            np.abs(adversarial - original).max() if example.norm == "linf" else np.linalg.norm(adversarial - original)
        )
        assert size <= example.distance + 1 / 255 * (1 if example.norm == "linf" else 8)
        assert example.distance <= example.epsilon + 1e-5
    assert len({example.label for example in report.examples if example.norm == "linf"}) == 3


def test_the_network_is_left_as_it_was(network: Small) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    measured(network, **{**QUICK, "n": 10})
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_the_same_seed_gives_the_same_report(network: Small, quick: ImageRobustness) -> None:
    random_state = torch.random.get_rng_state()
    assert measured(network, **QUICK) == quick
    assert torch.equal(torch.random.get_rng_state(), random_state), "nobody else's draws are touched"
    assert measured(network, **{**QUICK, "seed": 1}) != quick


def test_progress_is_told_to_the_end(network: Small) -> None:
    told: list[tuple[int, int]] = []
    measured(network, **{**QUICK, "n": 10}, progress=lambda done, of: told.append((done, of)))
    assert [done for done, _ in told] == list(range(1, told[0][1] + 1))


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same_report(network: Small, quick: ImageRobustness) -> None:
    assert measured(network, **QUICK, workers=2) == quick


def test_the_report_is_stored_and_read_as_it_was(report: ImageRobustness) -> None:
    kind = TypeAdapter(ImageRobustness)
    stored = kind.dump_json(report)
    assert kind.validate_json(stored) == report
    assert len(stored) < 200_000


def test_no_more_images_are_attacked_than_the_budget(network: Small) -> None:
    found = measured(network, **{**QUICK, "n": 60}, budget=20)
    assert (found.n, found.n_corrupted) == (20, 60)
    assert not [check for check in found.doubts if "narrow" not in check.name]
    assert "enough images for a narrow interval" in {check.name for check in found.doubts}


def test_two_classes_are_attacked_and_the_stand_in_is_named() -> None:
    found = measured(trained(2, epochs=3), classes=("even", "odd"), **{**QUICK, "n": 60})
    assert any("two classes" in note for note in found.notes)
    assert any("APGD-T" in note and "not tried" in note for note in found.notes)
    assert "apgd_t" not in {point.attack for point in found.curve} | {effort.attack for effort in found.efforts}
    assert points(found, "linf", "apgd_dlr")[-1].accuracy.value < found.accuracy.value  # type: ignore[union-attr]


def test_a_network_that_is_never_right_is_reported_so() -> None:
    images, labels = digits()
    rows = np.flatnonzero(labels != 0)[:30]
    arguments: dict[str, Any] = {
        "classes": CLASSES,
        "sensitive_features": pd.DataFrame(index=range(30)),
        "row_key": rows,
        "seed": 0,
    }
    from rai_platform.robustness.images.measurement import measure_image_robustness

    found = measure_image_robustness(Constant(), images[rows], labels[rows], **arguments)
    assert found.accuracy is not None
    assert found.accuracy.value == 0
    assert found.efforts == ()
    assert {point.accuracy.value for point in found.curve} == {0.0}
    assert all(point.by_group == {} for point in found.curve)


# --- nothing is believed -------------------------------------------------------------------------------------------------


def test_a_candidate_is_believed_only_if_it_is_an_image_near_enough_and_taken_for_something_else(
    network: Small,
) -> None:
    images, labels = digits()
    images, labels = images[1200:1206], labels[1200:1206]
    with torch.no_grad():
        right = network(torch.from_numpy(images)).argmax(1).numpy()
    target = Target(network=network, images=images, labels=labels, predicted=right, device="cpu")
    other = images[np.roll(np.arange(6), 1)]  # genuine images of something else, as far away as these are
    far = distances(images, other, "linf").min()
    tried = other.copy()
    tried[1] = images[1]  # the image itself
    tried[2] = tried[2] + 1e-3  # brighter than white somewhere
    tried[3, 0, 0, 0] = np.nan
    found = verify(target, np.arange(6), tried, "linf", 1.0)
    assert list(found.turned) == [True, False, False, False, True, True]
    assert (found.no_image, found.too_far) == (2, 0)
    near = verify(target, np.arange(6), other, "linf", float(far) - 1e-3)
    assert not near.turned.any()
    assert near.too_far == 6


# --- bad input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"images": lambda x: x * 255}, "expected pixels from 0 to 1, got 0 to 255"),
        ({"images": lambda x: x[:, 0]}, "expected 32-bit images"),
        ({"images": lambda x: x.astype("float64")}, "expected 32-bit images"),
        ({"images": lambda x: x * np.float32("nan")}, "expected pixels from 0 to 1"),
        ({"labels": lambda x: x[1:]}, "expected 10 labels, one for each image, got 9"),
        ({"labels": lambda x: x + 5}, "expected labels from 0 to 9"),
        ({"row_key": lambda x: x[1:]}, "expected 10 row keys"),
        ({"classes": lambda x: x[:1]}, "expected two classes or more, got 1"),
        ({"epsilons": lambda _: {}}, "expected distances above 0"),
        ({"epsilons": lambda _: {"linf": (0.0, 0.1)}}, "expected distances above 0"),
        ({"epsilons": lambda _: {"l1": (0.1,)}}, "expected distances for linf and l2, got l1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(network: Small, changes: dict[str, Any], told: str) -> None:
    from rai_platform.robustness.images.measurement import EPSILONS, measure_image_robustness

    images, labels = digits()
    arguments: dict[str, Any] = {
        "images": images[:10],
        "labels": labels[:10],
        "classes": CLASSES,
        "row_key": np.arange(10),
        "epsilons": EPSILONS,
    }
    for name, change in changes.items():
        arguments[name] = change(arguments[name])
    with pytest.raises(UnsuitableData, match=told):
        measure_image_robustness(network, sensitive_features=pd.DataFrame(index=range(10)), seed=0, **arguments)


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (Constant(7), "expected logits of 10 classes, got 7"),
        (torch.nn.Identity(), "expected logits"),
        (torch.nn.Sequential(Constant(), torch.nn.Threshold(2, float("nan"))), "no finite number"),
    ],
)
def test_a_network_without_logits_is_refused(network: torch.nn.Module, told: str) -> None:
    with pytest.raises(UnscorableRows, match=told):
        measured(network, **QUICK)


def test_a_copy_of_a_report_with_less_left_names_another_attack_as_the_strongest(report: ImageRobustness) -> None:
    strongest = report.strongest("l2")
    others = tuple(point for point in report.curve if point.attack != strongest)
    assert dataclasses.replace(report, curve=others).strongest("l2") not in (strongest, None)
    assert dataclasses.replace(report, curve=()).strongest("l2") is None
