"""What attacks on images and corruptions of them found, as a value."""

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rai_platform.robustness.attack_report import Examined
from rai_platform.statistics.estimates import PairedDifference, Proportion

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Norm = Literal["linf", "l2"]
ImageAttack = Literal[
    "fgsm", "pgd", "deepfool", "apgd_ce", "apgd_dlr", "apgd_t", "square", "hop_skip_jump", "worst_case"
]
Access = Literal["gradients", "scores", "decisions"]
Corruption = Literal["gaussian_noise", "blur", "contrast", "brightness"]
SEVERITIES = (1, 2, 3, 4, 5)
IN_WORDS: dict[str, str] = {
    "linf": "L∞",
    "l2": "L2",
    "fgsm": "FGSM",
    "pgd": "PGD",
    "deepfool": "DeepFool",
    "apgd_ce": "APGD-CE",
    "apgd_dlr": "APGD-DLR",
    "apgd_t": "APGD-T",
    "square": "Square",
    "hop_skip_jump": "HopSkipJump",
    "worst_case": "all together",
}
SAME = 1e-9  # two epsilons closer than this are one


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackedImages:
    """Accuracy when every image is attacked within one distance.

    Attributes:
        attack: who attacked; ``worst_case`` is whoever of them did best, image by image.
        norm: how the distance is measured: the largest change of a pixel, or the Euclidean length of all changes.
        epsilon: the distance allowed, for pixels from 0 to 1.
        accuracy: share of images classified rightly as they are, and after this attack with this epsilon or a smaller one: an
            image that was turned at a smaller distance counts as turned at a larger one.
        as_found: the same with this epsilon alone, as the attack reported it; what its credibility is judged by.
        drop: accuracy as they are minus accuracy under attack, on the same images.
        by_class: accuracy under attack by class; empty but for the worst case.
        by_group: the same by sensitive feature and group.
    """

    attack: ImageAttack
    norm: Norm
    epsilon: float
    accuracy: Proportion
    as_found: Proportion
    drop: PairedDifference
    by_class: dict[str, Proportion]
    by_group: dict[str, dict[str, Proportion]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageEffort:
    """What one attack did with one norm.

    Attributes:
        attack: its name.
        norm: the distance.
        access: what it sees of the network.
        iterations: of one run; 0 where it has no fixed number.
        restarts: runs per image and epsilon.
        queries: mean number of images that the network classified for one image attacked, over all epsilons.
        turned: share of the images attacked that it turned within the largest epsilon.
        late: share of the images attacked that it turned in the last tenth of its iterations at some epsilon, none before: what
            still comes in at the end says that more would have come; None where it does not count.
        refused: images it put forward, and the independent check refused; they are not counted.
    """

    attack: ImageAttack
    norm: Norm
    access: Access
    iterations: int
    restarts: int
    queries: float
    turned: Proportion
    late: Proportion | None
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image to be looked at, in 256 shades.

    Attributes:
        shape: channels, height, width.
        shades: a byte for every pixel in that order, in base64.
    """

    COLOURS: ClassVar[int] = 3

    shape: tuple[int, int, int]
    shades: str

    @classmethod
    def of(cls, image: "npt.NDArray[np.float32]", *, most: int = 64) -> "Picture":
        """An image (channels, height, width) in [0, 1]; a larger one is thinned out to ``most`` pixels a side."""
        import numpy as np

        step = max(1, -(-max(image.shape[1:]) // most))
        small = image[:, ::step, ::step]
        shades = np.round(np.clip(small, 0, 1) * 255).astype("uint8")
        channels, height, width = small.shape
        return cls(shape=(channels, height, width), shades=base64.b64encode(shades.tobytes()).decode())

    def pixels(self) -> "npt.NDArray[np.float32]":
        """The image (channels, height, width) in [0, 1]."""
        import numpy as np

        shades = np.frombuffer(base64.b64decode(self.shades), dtype="uint8").reshape(self.shape)
        return (shades / np.float32(255)).astype("float32")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdversarialImage:
    """An image that is classified rightly, and its neighbour that is not.

    Attributes:
        row_key: the image's row in the source.
        label: its class.
        taken_for: the class of its neighbour, according to the network.
        attack: the attack that found it.
        norm: the distance.
        epsilon: the distance allowed.
        distance: the distance it took.
        original: the image.
        adversarial: its neighbour.
    """

    row_key: int
    label: str
    taken_for: str
    attack: ImageAttack
    norm: Norm
    epsilon: float
    distance: float
    original: Picture
    adversarial: Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptedAccuracy:
    """Accuracy under one corruption at one severity.

    Attributes:
        corruption: what was done to every image.
        severity: 1 to 5.
        parameter: what that means, in words.
        accuracy: share of images classified rightly after it.
        drop: accuracy before minus accuracy after, on the same images.
        by_group: accuracy after it by sensitive feature and group.
    """

    corruption: Corruption
    severity: int
    parameter: str
    accuracy: Proportion
    drop: PairedDifference
    by_group: dict[str, dict[str, Proportion]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRobustness(Examined):
    """What becomes of an image classifier's accuracy when images are a little different, by chance or on purpose.

    Attributes:
        not_possible: why nothing could be tried; None where something was.
        n: images attacked, drawn by chance.
        n_corrupted: images corrupted: all there are.
        shape: channels, height, width of an image.
        queries: the limit of questions about one image, of the attacks that see no gradients.
        accuracy: of the images drawn, as they are.
        curve: by norm, attack and epsilon, the worst case last.
        efforts: by norm and attack.
        no_gradient: of the images attacked, the share whose loss has no gradient at all where they are.
        examples: images turned within the smallest distance.
        corruptions: by corruption and severity.
        notes: what a reader has to know of the attacks that were tried, in sentences.
    """

    not_possible: str | None
    n: int = 0
    n_corrupted: int = 0
    shape: tuple[int, int, int] = (0, 0, 0)
    queries: int = 0
    accuracy: Proportion | None = None
    curve: tuple[AttackedImages, ...] = ()
    efforts: tuple[ImageEffort, ...] = ()
    no_gradient: Proportion | None = None
    examples: tuple[AdversarialImage, ...] = ()
    corruptions: tuple[CorruptedAccuracy, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def norms(self) -> tuple[Norm, ...]:
        """The distances that were tried."""
        return tuple(dict.fromkeys(point.norm for point in self.curve))

    def worst_case(self, norm: Norm) -> tuple[AttackedImages, ...]:
        """The ensemble of all attacks with a norm, by epsilon."""
        return tuple(point for point in self.curve if point.attack == "worst_case" and point.norm == norm)

    def strongest(self, norm: Norm) -> ImageAttack | None:
        """The attack on all the images that left least, over all epsilons; None where none was tried."""
        left: dict[ImageAttack, float] = {}
        for point in self.curve:
            if point.norm == norm and point.attack != "worst_case" and point.accuracy.n == self.n:
                left[point.attack] = left.get(point.attack, 0.0) + point.accuracy.value
        ordered: list[ImageAttack] = sorted(left, key=lambda attack: left[attack])
        return ordered[0] if ordered else None

    def at(self, norm: Norm, epsilon: float) -> AttackedImages | None:
        """The worst case within a distance; None where it was not tried."""
        return next((point for point in self.worst_case(norm) if abs(point.epsilon - epsilon) < SAME), None)

    def corrupted_at(self, severity: float) -> tuple[CorruptedAccuracy, ...]:
        """Every corruption at a severity."""
        return tuple(each for each in self.corruptions if each.severity == severity)
