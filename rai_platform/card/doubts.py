"""Why attacks are not credible, in sentences."""

from rai_platform.robustness.attack_report import Examined


def doubts_in_words(report: Examined) -> tuple[str, ...]:
    """A sentence for each check that failed."""
    return tuple(f"It is not shown that {doubt.name}: {doubt.says}." for doubt in report.doubts)


def doubts_as_limitations(subject: str, report: Examined) -> tuple[str, ...]:
    """The same where nothing else is said of the attacks: ``The attack is`` not credible, and why."""
    return tuple(
        f"{subject} not credible: it is not shown that {doubt.name} ({doubt.says})." for doubt in report.doubts
    )
