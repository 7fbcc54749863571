"""Images as they come out when nobody means harm: noise, a lens out of focus, mist, too much light.

After Hendrycks and Dietterich, Benchmarking neural network robustness to common corruptions and perturbations, ICLR 2019. The
severities are those of their CIFAR-10-C where it has the corruption, with noise and blur carried on to coarser ones: small
images lose at a blur of 1 pixel what large ones lose at 6.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rai_platform.robustness.images.report import SEVERITIES, Corruption

Images = npt.NDArray[np.float32]
BATCH = 256  # images corrupted at a time, each batch with a draw of its own


def gaussian_noise(images: Images, deviation: float, rng: np.random.Generator) -> Images:
    """Normal noise of a standard deviation on every pixel and channel."""
    noise: Images = rng.standard_normal(images.shape, dtype="float32")
    return images + np.float32(deviation) * noise


def blur(images: Images, radius: float, _: np.random.Generator) -> Images:
    """A Gaussian filter of a standard deviation in pixels over height and width; the edge goes on beyond the edge."""
    from scipy.ndimage import gaussian_filter

    blurred: Images = gaussian_filter(images, sigma=(0, 0, radius, radius), mode="nearest")
    return blurred


def contrast(images: Images, share: float, _: np.random.Generator) -> Images:
    """Differences from the mean of each channel of an image, reduced to a share."""
    mean: Images = images.mean(axis=(2, 3), keepdims=True)
    return (images - mean) * np.float32(share) + mean


def brightness(images: Images, added: float, _: np.random.Generator) -> Images:
    """A constant added to every pixel."""
    return images + np.float32(added)


@dataclass(frozen=True, slots=True)
class Kind:
    """A corruption.

    Attributes:
        apply: images (n, channels, height, width), its parameter and a source of chance, to images.
        parameters: of severities 1 to 5.
        unit: what a parameter means, with ``{}`` where it stands.
    """

    apply: Callable[[Images, float, np.random.Generator], Images]
    parameters: tuple[float, ...]
    unit: str


CORRUPTIONS: dict[Corruption, Kind] = {
    "gaussian_noise": Kind(gaussian_noise, (0.04, 0.08, 0.12, 0.18, 0.26), "standard deviation {}"),
    "blur": Kind(blur, (0.4, 0.6, 0.8, 1.0, 1.5), "{} pixels"),
    "contrast": Kind(contrast, (0.75, 0.5, 0.4, 0.3, 0.15), "{} of the contrast left"),
    "brightness": Kind(brightness, (0.05, 0.1, 0.15, 0.2, 0.3), "{} added"),
}


def corrupted(images: Images, corruption: Corruption, severity: int, *, seed: int) -> Iterator[Images]:
    """The images (n, channels, height, width), corrupted, batch by batch, in [0, 1] again; the same for the same seed."""
    kind = CORRUPTIONS[corruption]
    parameter = kind.parameters[SEVERITIES.index(severity)]
    for number, start in enumerate(range(0, len(images), BATCH)):
        rng = np.random.default_rng([seed, zlib.crc32(corruption.encode()), severity, number])
        yield np.clip(kind.apply(images[start : start + BATCH], parameter, rng), 0, 1).astype("float32")


def in_words(corruption: Corruption, severity: int) -> str:
    """What a severity means: ``standard deviation 0.08``."""
    kind = CORRUPTIONS[corruption]
    return kind.unit.format(f"{kind.parameters[SEVERITIES.index(severity)]:g}")
