"""What torchattacks leaves of a network's accuracy; run as a process, told by files."""

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch


def main(folder: Path) -> None:
    """Reads ``network.pt``, ``images.npz`` and ``asked.json`` of a folder, writes ``left.json``: accuracy by attack and epsilon."""
    import torchattacks

    asked: dict[str, Any] = json.loads((folder / "asked.json").read_text(encoding="utf-8"))
    network = torch.jit.load(folder / "network.pt").eval()  # type: ignore[no-untyped-call]  # of torch
    told = np.load(folder / "images.npz")
    images, labels = torch.from_numpy(told["images"]), torch.from_numpy(told["labels"])
    torch.set_num_threads(1)
    classes = int(labels.max()) + 1
    left: dict[str, dict[str, float]] = {}
    for epsilon in asked["epsilons"]:
        near = {"norm": "Linf", "eps": epsilon, "seed": 0}
        attacks = {
            "apgd_ce": torchattacks.APGD(network, steps=asked["steps"], loss="ce", **near),
            "apgd_dlr": torchattacks.APGD(network, steps=asked["steps"], loss="dlr", **near),
            "apgd_t": torchattacks.APGDT(network, steps=asked["targeted_steps"], n_classes=classes, **near),
            "square": torchattacks.Square(network, n_queries=asked["queries"], **near),
            "autoattack": torchattacks.AutoAttack(network, n_classes=classes, **near),
        }
        *_, square = attacks["autoattack"]._autoattack.attacks  # it takes no number of questions
        square.n_queries = asked["queries"]
        for name, attack in attacks.items():
            with contextlib.redirect_stdout(io.StringIO()):
                changed = attack(images, labels)
            within = (changed - images).abs().amax() <= epsilon + 1e-6
            if not bool(within):
                raise ValueError(f"{name} went further than {epsilon}")
            with torch.no_grad():
                right = network(changed).argmax(1) == labels
            left.setdefault(name, {})[str(epsilon)] = float(right.float().mean())
    (folder / "left.json").write_text(json.dumps(left), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
