"""What one attack found against a batch of images within one distance."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Found:
    """Perturbed images, and when each was first classified wrongly.

    Attributes:
        images: (batch, channels, height, width); where none was classified wrongly, the one that came closest.
        first: the iteration that turned each (batch,), counted over all runs; -1 where none did.
        iterations: of all runs together, where an image stands to the end.
    """

    images: Tensor
    first: Tensor
    iterations: int
