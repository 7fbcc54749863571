"""The movie reviews and what TextAttack did to some of them, once."""

from pathlib import Path

import pytest

from rai_platform.robustness.texts.report import TextRobustness
from rai_platform_tests.robustness.texts.reviews import Reviews, read_reviews


@pytest.fixture(scope="session")
def reviews(real_data: Path) -> Reviews:
    return read_reviews(real_data)


@pytest.fixture(scope="session")
def attacked(reviews: Reviews) -> TextRobustness:
    return reviews.measured(examples=40)
