"""The lending data, prepared once, and one thread."""

from rai_platform_tests.training.conftest import _one_thread, lending, training

__all__ = ["_one_thread", "lending", "training"]
