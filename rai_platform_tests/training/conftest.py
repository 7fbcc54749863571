"""Two thousand loan applications, prepared once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

from rai_platform.data.preparation import PreparedData
from rai_platform.data.sample import Sample
from rai_platform.store import ContentStore
from rai_platform_tests.training.lending import prepared_lending


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads of numerical libraries only get in each other's way where tests run side by side."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def lending() -> PreparedData:
    return prepared_lending()


@pytest.fixture(scope="session")
def training(lending: PreparedData) -> Sample:
    assert lending.training is not None
    return lending.training


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    return ContentStore(str(tmp_path / "store"))
