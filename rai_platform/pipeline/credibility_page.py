"""What Dagster's page shows of whether attacks are worth believing."""

from collections.abc import Sequence
from typing import Any

from rai_platform.pipeline.metadata_values import literal, text, wide_table
from rai_platform.robustness.attack_report import CredibilityCheck


def checks_table(checks: Sequence[CredibilityCheck]) -> str:
    """Every check, whether it holds, and what was found."""
    return wide_table(
        [
            {"what should hold": check.name, "holds": "yes" if check.passed else "open", "found": check.says}
            for check in checks
        ]
    )


def doubted(name: str, doubts: Sequence[str]) -> dict[str, Any]:
    """Why attacks are not credible, under a name; nothing where they are."""
    return {name: text(*(literal(line) for line in doubts))} if doubts else {}
