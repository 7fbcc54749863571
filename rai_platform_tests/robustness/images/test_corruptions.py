"""Corruptions: each does what its name says, more of it with each severity, and the same every time."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_platform.robustness.images.corruptions import (
    BATCH,
    CORRUPTIONS,
    blur,
    brightness,
    contrast,
    corrupted,
    in_words,
)
from rai_platform.robustness.images.report import SEVERITIES, Corruption, ImageRobustness
from rai_platform_tests.robustness.images.small import Images, digits

RNG = np.random.default_rng(0)


def whole(images: Images, corruption: Corruption, severity: int, seed: int = 0) -> Images:
    return np.concatenate(list(corrupted(images, corruption, severity, seed=seed)))


@settings(max_examples=40, deadline=None)
@given(
    corruption=st.sampled_from(list(CORRUPTIONS)),
    severity=st.sampled_from(SEVERITIES),
    channels=st.sampled_from([1, 3]),
    side=st.integers(1, 9),
)
def test_what_comes_out_is_an_image(corruption: Any, severity: int, channels: int, side: int) -> None:
    images = np.random.default_rng(side).random((3, channels, side, side + 1), dtype="float32")
    before = images.copy()
    after = whole(images, corruption, severity)
    assert after.shape == images.shape
    assert after.dtype == np.float32
    assert after.min() >= 0
    assert after.max() <= 1
    assert np.array_equal(images, before), "the images themselves are left alone"


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_each_severity_changes_images_more_than_the_one_before(corruption: Corruption) -> None:
    images = digits()[0][:200]
    changes = [float(np.abs(whole(images, corruption, severity) - images).mean()) for severity in SEVERITIES]
    assert changes[0] > 0
    assert all(more > less for less, more in pairwise(changes))


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_the_same_seed_corrupts_alike_and_only_noise_depends_on_it(corruption: Corruption) -> None:
    images = digits()[0][: BATCH + 10]
    once = whole(images, corruption, 3)
    assert np.array_equal(once, whole(images, corruption, 3))
    assert np.array_equal(once, whole(images, corruption, 3, seed=1)) == (corruption != "gaussian_noise")


def test_noise_has_the_deviation_it_says_and_differs_from_image_to_image() -> None:
    grey = np.full((2 * BATCH, 1, 8, 8), 0.5, dtype="float32")
    noise = whole(grey, "gaussian_noise", 2) - grey
    assert noise.std() == pytest.approx(0.08, rel=0.02)
    assert abs(noise.mean()) < 0.002
    assert not np.array_equal(noise[0], noise[1])
    assert not np.array_equal(noise[0], noise[BATCH])
    assert in_words("gaussian_noise", 2) == "standard deviation 0.08"


def test_blur_spreads_a_point_and_keeps_the_light_and_the_channels_apart() -> None:
    point = np.zeros((1, 2, 9, 9), dtype="float32")
    point[0, 0, 4, 4] = 1
    after = blur(point, 1.0, RNG)
    assert after[0, 0].sum() == pytest.approx(1, abs=1e-3)
    assert after[0, 1].sum() == 0
    assert after[0, 0, 4, 4] == pytest.approx(1 / (2 * np.pi), rel=0.02)
    assert np.allclose(after[0, 0], after[0, 0].T)


def test_contrast_keeps_the_mean_and_brightness_the_differences() -> None:
    images = digits()[0][:20]
    pale = contrast(images, 0.3, RNG)
    assert np.allclose(pale.mean(axis=(2, 3)), images.mean(axis=(2, 3)), atol=1e-6)
    assert np.allclose(pale.std(axis=(2, 3)), 0.3 * images.std(axis=(2, 3)), atol=1e-6)
    assert np.allclose(brightness(images, 0.2, RNG) - images, 0.2, atol=1e-6)


def test_every_corruption_is_measured_on_all_images_and_by_group(report: ImageRobustness) -> None:
    assert {(each.corruption, each.severity) for each in report.corruptions} == {
        (corruption, severity) for corruption in CORRUPTIONS for severity in SEVERITIES
    }
    for each in report.corruptions:
        assert each.accuracy.n == each.drop.n == report.n_corrupted == 180
        assert sum(rate.successes for rate in each.by_group["camera"].values()) == each.accuracy.successes
    before = {round(each.accuracy.value + each.drop.value, 9) for each in report.corruptions}
    assert len(before) == 1, "the drop is from the same accuracy each time"
    blurred = [each for each in report.corruptions if each.corruption == "blur"]
    assert blurred[-1].drop.bounds().lower > 0.2
