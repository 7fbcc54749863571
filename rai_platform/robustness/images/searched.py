"""What all attacks with one norm found, image by image."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rai_platform.robustness.images.report import ImageAttack, Norm

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What attacks with one norm found against the images drawn.

    Attributes:
        norm: the distance.
        epsilons: the distances allowed, from the smallest.
        right: whether each image is classified rightly as it is (n,); only those are attacked.
        turned: whether each image was turned, by attack and epsilon, as the attack found it with that epsilon alone
            (epsilons, n).
        late: the same, in the last tenth of the iterations and never before; of attacks that tell.
        tried: the images that an attack was tried on, those classified wrongly included (n,).
    """

    norm: Norm
    epsilons: tuple[float, ...]
    right: Mask
    turned: Mapping[ImageAttack, Mask]
    late: Mapping[ImageAttack, Mask]
    tried: Mapping[ImageAttack, Mask]

    def stands(self, attack: ImageAttack) -> Mask:
        """Which images are classified rightly, by epsilon, after an attack with that epsilon alone (epsilons, n)."""
        return self.right & ~self.turned[attack]

    def within(self, attack: ImageAttack) -> Mask:
        """Which images were turned at an epsilon or a smaller one (epsilons, n)."""
        return np.logical_or.accumulate(self.turned[attack], axis=0)

    def worst(self, *among: ImageAttack) -> Mask:
        """Which images any attack (or any of some) turned at an epsilon alone (epsilons, n)."""
        nobody = np.zeros((len(self.epsilons), len(self.right)), dtype=bool)
        attacks = among or tuple(self.turned)
        found: Mask = np.any([nobody, *(self.turned[attack] for attack in attacks if attack in self.turned)], axis=0)
        return found

    def only_late(self) -> Mask:
        """Which images every attack that turned them at an epsilon or a smaller one turned late (epsilons, n)."""
        early = [turned & ~self.late.get(attack, np.zeros_like(turned)) for attack, turned in self.turned.items()]
        nobody = np.zeros((len(self.epsilons), len(self.right)), dtype=bool)
        return self.worst() & ~np.logical_or.accumulate(np.any([nobody, *early], axis=0), axis=0)
