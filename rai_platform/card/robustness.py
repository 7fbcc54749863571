"""The card's section on what happens when the table or the images are a little different."""

from rai_platform.card.attack import attack_section
from rai_platform.card.figures import figure
from rai_platform.card.images import image_section
from rai_platform.card.prompts import prompt_section
from rai_platform.card.sections.robustness import RobustnessRow, RobustnessSection
from rai_platform.card.text_attack import text_attack_section
from rai_platform.robustness.report import NOT_A_TABLE, RobustnessScores


def robustness_section(report: RobustnessScores) -> RobustnessSection:
    """Accuracy under every perturbation that was tried, and under attack."""
    return RobustnessSection(
        not_possible=report.not_possible,
        untouched=figure("accuracy", "on the table as it is", report.untouched) if report.untouched else None,
        rows=tuple(
            RobustnessRow(
                perturbation=score.perturbation,
                strength=score.strength,
                accuracy=figure("accuracy", "share of decisions that still agree with the label", score.accuracy),
                drop=figure("drop", "accuracy before minus accuracy after, on the same rows", score.drop),
                by_group={
                    feature: {group: rate.value for group, rate in groups.items()}
                    for feature, groups in score.by_group.items()
                },
            )
            for score in report.scores
        ),
        not_estimable={name: why for name, why in report.not_estimable.items() if why != NOT_A_TABLE},
        left_alone=report.left_alone,
        attack=attack_section(report.attack) if report.attack and report.attack.not_possible != NOT_A_TABLE else None,
        images=image_section(report.images) if report.images else None,
        texts=text_attack_section(report.texts) if report.texts else None,
        prompts=prompt_section(report.prompts) if report.prompts else None,
    )
