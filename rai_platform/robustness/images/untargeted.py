"""What our own attacks have in common: any other class will do, and they tell when they found it."""

from abc import abstractmethod
from typing import Any, ClassVar

from eagerpy.astensor import astensor_
from foolbox.attacks.base import FixedEpsilonAttack, T, get_criterion, raise_if_kwargs, verify_input_bounds
from foolbox.criteria import Misclassification
from foolbox.distances import Distance, l2, linf
from foolbox.models.base import Model
from torch import Tensor

from rai_platform.robustness.images.found import Found
from rai_platform.robustness.images.report import Norm


class Untargeted(FixedEpsilonAttack):
    """An attack of Foolbox's kind on images (batch, channels, height, width) in [0, 1].

    Args:
        norm: the distance.
        seed: of its draws.
    """

    NAME: ClassVar[str]

    def __init__(self, *, norm: Norm, seed: int) -> None:
        self.norm: Norm = norm
        self.seed = seed

    @property
    def distance(self) -> Distance:
        """Foolbox's distance of the norm."""
        return linf if self.norm == "linf" else l2

    def run(self, model: Model, inputs: T, criterion: Any, *, epsilon: float, **kwargs: Any) -> T:
        """Perturbed images (batch, channels, height, width), within epsilon and in [0, 1].

        Raises:
            TypeError: the criterion names a class to be reached.
        """
        raise_if_kwargs(kwargs)
        x, restore_type = astensor_(inputs)
        verify_input_bounds(x, model)
        wanted = get_criterion(criterion)
        if not isinstance(wanted, Misclassification):
            raise TypeError(f"{self.NAME} is untargeted: expected Misclassification, got {wanted!r}")
        found = self.search(model, x.raw, wanted.labels.raw, epsilon=epsilon)
        return restore_type(astensor_(found.images)[0])

    @abstractmethod
    def search(self, model: Model, images: Tensor, labels: Tensor, *, epsilon: float) -> Found:
        """What the attack finds against images (batch, channels, height, width) with labels (batch,)."""
