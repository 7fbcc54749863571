"""Which version of the code stands behind each asset: a digest of its source, so that nobody has to remember to raise it."""

import functools
import hashlib
import importlib.metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
STAGES: dict[str, tuple[str, ...]] = {
    "training_data": ("data",),
    "test_data": ("data",),
    "candidate_model": ("data", "training"),
    "predictions": ("training",),
    "performance_report": ("performance",),
    "fairness_report": ("fairness",),
    "shap_explanations": ("explanations",),
    "robustness_scores": ("robustness",),
    "mitigation_report": ("mitigation", "comparison", "training", "fairness", "performance"),
    "model_card": ("card", "comparison"),
    "production_model": ("release", "registry"),
}
JUDGING = (
    "statistics",
    "release/finding.py",
    "release/findings.py",
    "release/data_findings.py",
    "release/explanation_findings.py",
    "release/fairness_findings.py",
    "release/attack_findings.py",
    "release/image_attack_findings.py",
    "release/text_attack_findings.py",
    "release/prompt_findings.py",
    "release/judgement.py",
)


@functools.cache
def code_version(asset: str) -> str:
    """The platform's version and a digest of the source that measures and judges an asset: ``0.1.0+6f1c0a92d3b4``."""
    digest = hashlib.sha256()
    for part in sorted((*STAGES[asset], *JUDGING)):
        path = ROOT / part
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            digest.update(f"{file.relative_to(ROOT).as_posix()}\0".encode())
            digest.update(file.read_bytes())
    return f"{importlib.metadata.version('rai-platform')}+{digest.hexdigest()[:12]}"


def code_versions() -> dict[str, str]:
    """The version behind every asset."""
    return {asset: code_version(asset) for asset in STAGES}
