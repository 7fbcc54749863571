"""A torch network that tells images apart."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from rai_platform.errors import UnusableEstimator
from rai_platform.training.networks.adversarial_examples import AdversarialTraining
from rai_platform.training.networks.network_classifier import NetworkClassifier


class ImageClassifier(NetworkClassifier):
    """Images (rows, channels, height, width) from 0 to 1.

    Args:
        module: import path of the network, called with ``shape`` (channels, height, width), ``classes`` and ``module_params``.
        module_params: what it is called with besides.
        epochs: passes over the data.
        batch_size: images a step.
        learning_rate: the highest.
        adversarial_training: ``{epsilon: 0.3, steps: 5}`` trains against changed images instead of those in the data.
        weights: a file of tensors (safetensors) to begin with, by the names of the network's; with ``epochs: 0`` it is taken as it
            is.
        random_state: of the start and the order of images.
    """

    reads_images = True

    def __init__(
        self,
        *,
        module: str = "rai_platform.training.networks.small_networks.SmallImageNetwork",
        module_params: dict[str, Any] | None = None,
        epochs: int = 10,
        batch_size: int = 128,
        learning_rate: float = 0.002,
        adversarial_training: dict[str, Any] | None = None,
        weights: str | None = None,
        random_state: int = 0,
    ) -> None:
        self.module = module
        self.module_params = module_params
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.adversarial_training = adversarial_training
        self.weights = weights
        self.random_state = random_state

    @property
    def _adversarial(self) -> AdversarialTraining | None:
        if self.adversarial_training is None:
            return None
        try:
            asked = AdversarialTraining(**self.adversarial_training)
        except TypeError:
            raise UnusableEstimator(
                f"expected epsilon, and steps or step_size, got {self.adversarial_training}",
                where="estimator.params.adversarial_training",
            ) from None
        if not 0 < asked.epsilon <= 1 or asked.steps < 1:
            raise UnusableEstimator(
                f"expected epsilon over 0 and up to 1, and one step or more, got {self.adversarial_training}",
                where="estimator.params.adversarial_training",
            )
        return asked

    def _start(self, inputs: Any, classes: int) -> dict[str, Any]:  # noqa: ARG002 - a transformer asks
        return {"shape": [int(side) for side in inputs.shape[1:]]}

    def _tensor(self, inputs: Any) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(inputs, dtype="float32"))

    def _parameters_of_module(self) -> dict[str, Any]:
        return {"shape": tuple(self.config_["shape"]), "classes": self.config_["classes"]}
