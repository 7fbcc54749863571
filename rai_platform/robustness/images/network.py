"""The network under attack: its answers counted, and always with a gradient, be it zero."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rai_platform.errors import UnscorableRows

Images = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


class Counted(nn.Module):
    """A network that counts the images it is asked about.

    Where its logits do not depend on the image in a way that can be differentiated, they get a gradient of zero: an attack then
    finds nothing to follow, which is a finding, rather than an error.

    Args:
        network: gives logits (batch, classes) for images (batch, channels, height, width).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.asked = 0

    def forward(self, images: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        self.asked += len(images)
        logits: Tensor = self.network(images)
        if images.requires_grad and not logits.requires_grad:
            logits = logits + 0 * images.flatten(1).sum(1, keepdim=True)
        return logits


def frozen(network: nn.Module, device: str) -> nn.Module:
    """A copy that is not trained any more, on a device; the network itself stays as it is."""
    return copy.deepcopy(network).eval().requires_grad_(False).to(device)


def device_for(asked: str | None) -> str:
    """The device asked for, or CUDA where there is one."""
    return asked or ("cuda" if torch.cuda.is_available() else "cpu")


def logits_of(network: nn.Module, images: Images, device: str, *, batch: int) -> Images:
    """Logits of images (n, channels, height, width): (n, classes), asked batch by batch.

    Raises:
        UnscorableRows: the network gives something else than a finite number for every class.
    """
    with torch.no_grad():
        parts = [
            network(torch.from_numpy(images[start : start + batch]).to(device))
            for start in range(0, len(images), batch)
        ]
    logits: Images = torch.cat(parts).cpu().numpy()
    if logits.ndim != 2 or len(logits) != len(images):
        raise UnscorableRows(f"expected logits (images, classes) = ({len(images)}, classes), got {logits.shape}")
    if not np.isfinite(logits).all():
        raise UnscorableRows("the network gives no finite number for every image and class")
    return logits


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread: sums of floats come out the same wherever a batch is computed."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
