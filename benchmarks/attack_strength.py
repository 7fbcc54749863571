"""How strong the attacks on images are beside torchattacks (Kim, 2020), whose APGD, Square and AutoAttack are AutoAttack's own.

torchattacks is installed for this alone, into a folder beside the benchmarks, and runs in a process of its own. Both attack the
same images, all of them classified rightly, of the same two networks: one as it comes, one trained against attacks.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from foolbox.models.pytorch import PyTorchModel

from benchmarks.robustness import images
from benchmarks.table import Claim, Goal, report
from rai_platform.robustness.images.apgd import AutoPGD, TargetedAutoPGD
from rai_platform.robustness.images.attacks import ATTACKS, TARGETED_STEPS
from rai_platform.robustness.images.ensemble import Assault, Target
from rai_platform.robustness.images.network import one_thread
from rai_platform.robustness.images.square import Square
from rai_platform.robustness.images.workers import carry_out_all

PEER = "torchattacks==3.5.1"
FOLDER = Path(__file__).parent / "peers" / ".environments" / PEER.replace("==", "-")
STEPS = 100
QUERIES = 1000
ONE_POINT = 0.01 + 1e-6  # of shares that come as binary fractions of 32 bits
EPSILON_OF_TRAINING = 0.2
Left = dict[str, dict[str, float]]


def measure(quick: bool) -> list[Claim]:
    """The claims about both networks."""
    sizes = {"train": 5_000 if quick else 60_000, "attacked": 100 if quick else 500}
    claims = []
    with one_thread():
        for name, training in (
            ("as it comes", None),
            (f"trained against attacks within {EPSILON_OF_TRAINING}", {"epsilon": EPSILON_OF_TRAINING, "steps": 4}),
        ):
            target, epsilons = images(**sizes, adversarial_training=training)
            ours, peer = by_the_platform(target, epsilons), by_torchattacks(target, epsilons)
            claims += [
                Claim(
                    says=f"a network {name}, accuracy within {epsilon} under {says}",
                    ours=ours[attack][str(epsilon)],
                    peer=peer[other][str(epsilon)],
                    unit="%",
                    goal=Goal(of="difference", at_most=ONE_POINT),
                )
                for attack, other, says in (
                    ("apgd_ce", "apgd_ce", f"APGD-CE, {STEPS} gradients; peer: torchattacks'"),
                    ("apgd_dlr", "apgd_dlr", f"APGD-DLR, {STEPS} gradients; peer: torchattacks'"),
                    (
                        "apgd_t",
                        "apgd_t",
                        f"APGD-T, {TARGETED_STEPS} gradients for each of 9 classes; peer: torchattacks'",
                    ),
                    ("square", "square", f"Square, {QUERIES} questions; peer: torchattacks'"),
                    (
                        "worst_case",
                        "autoattack",
                        f"all attacks of a report; peer: AutoAttack, targeted attacks included, {QUERIES} questions",
                    ),
                )
                for epsilon in epsilons
            ]
    return claims


def by_the_platform(target: Target, epsilons: Sequence[float]) -> Left:
    """Accuracy that each attack leaves with as many steps as the peer has, and that all of a report leave together."""
    model = PyTorchModel(target.network, bounds=(0, 1), device="cpu")
    x, y = torch.from_numpy(target.images), torch.from_numpy(target.labels)
    attacks = {
        "apgd_ce": AutoPGD(norm="linf", loss="ce", steps=STEPS),
        "apgd_dlr": AutoPGD(norm="linf", loss="dlr", steps=STEPS),
        "apgd_t": TargetedAutoPGD(norm="linf", steps=TARGETED_STEPS),
        "square": Square(norm="linf", queries=QUERIES),
    }
    left: Left = {
        name: {str(epsilon): 1 - float(attack(model, x, y, epsilons=epsilon)[2].float().mean()) for epsilon in epsilons}
        for name, attack in attacks.items()
    }
    rows = tuple(range(len(x)))
    asked = [
        Assault(attack=attack, norm="linf", epsilons=tuple(epsilons), rows=rows, queries=QUERIES, seed=0)
        for attack in ATTACKS
        if attack != "hop_skip_jump"  # which sees decisions alone, and takes as long as all others
    ]
    turned = np.any([outcome.turned for outcome in carry_out_all(target, asked)], axis=0)
    left["worst_case"] = {str(epsilon): 1 - float(turned[at].mean()) for at, epsilon in enumerate(epsilons)}
    return left


def by_torchattacks(target: Target, epsilons: Sequence[float]) -> Left:
    """The same of the peer, in a process of its own."""
    if not FOLDER.is_dir():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(FOLDER), PEER]
        subprocess.run(install, check=True)
    with TemporaryDirectory() as name:
        folder = Path(name)
        traced = torch.jit.trace(target.network, torch.from_numpy(target.images[:2]))
        torch.jit.save(traced, folder / "network.pt")  # type: ignore[no-untyped-call]  # of torch
        np.savez(folder / "images.npz", images=target.images, labels=target.labels)
        asked = {"epsilons": list(epsilons), "steps": STEPS, "targeted_steps": TARGETED_STEPS, "queries": QUERIES}
        (folder / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(FOLDER), str(Path(__file__).parents[1])])}
        subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.peers.torchattacks_runs", name],
            check=True,
            env=environment,
        )
        left: Left = json.loads((folder / "left.json").read_text(encoding="utf-8"))
        return left


if __name__ == "__main__":
    sys.exit(report("How strong attacks on images are", measure))
