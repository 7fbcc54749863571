"""Networks that are trained once, and their reports."""

import pytest

from rai_platform.robustness.images.report import ImageRobustness
from rai_platform_tests.robustness.images.small import Hot, Quantized, Small, measured, trained


@pytest.fixture(scope="session")
def network() -> Small:
    return trained()


@pytest.fixture(scope="session")
def report(network: Small) -> ImageRobustness:
    """Of a network that hides nothing."""
    return measured(network, n=180)


@pytest.fixture(scope="session")
def hot(network: Small) -> ImageRobustness:
    """Of one whose gradient has vanished."""
    return measured(Hot(network), epsilons={"linf": (0.1, 0.2)})


@pytest.fixture(scope="session")
def quantized(network: Small) -> ImageRobustness:
    """Of one that has no gradient."""
    return measured(Quantized(network), epsilons={"linf": (0.1, 0.2)})
