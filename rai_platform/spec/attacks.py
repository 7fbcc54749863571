"""How hard images, texts and prompts are attacked; how hard tables are is said under ``adversary``."""

from typing import Self

from pydantic import Field, model_validator

from rai_platform.spec.policy import Strict

ATTEMPTS = 36  # to make an endpoint tell, of each family


class ImageAttacks(Strict):
    """Attacks on images, by distance."""

    linf: tuple[float, ...] = Field(
        default=(0.05, 0.1, 0.2, 0.3), description="The largest change of any pixel, of its range from 0 to 1."
    )
    l2: tuple[float, ...] = Field(
        default=(0.5, 1.0, 1.5, 2.0), description="The Euclidean length of all changes of an image."
    )
    examples: int = Field(default=500, ge=1, description="Images that are attacked, drawn by chance.")
    queries: int = Field(default=1000, ge=1, description="Questions about one image, of attacks that see no gradients.")

    @model_validator(mode="after")
    def _has_distances(self) -> Self:
        if not all(0 < epsilon <= 1 for epsilon in self.linf) or not all(epsilon > 0 for epsilon in self.l2):
            raise ValueError("expected distances over 0, for linf up to 1")
        return self


class TextAttacks(Strict):
    """Recipes of TextAttack on texts."""

    recipes: tuple[str, ...] | None = Field(
        default=None,
        description="By the names of TextAttack's command line; those that change words or letters by default.",
    )
    examples: int = Field(default=100, ge=1, description="Texts that are attacked, drawn by chance.")
    queries: int = Field(default=2000, ge=1, description="Questions about one text, of each recipe.")
    seconds: float | None = Field(
        default=None, gt=0, description="For all attacks together; texts that were not reached do not count."
    )


class Guard(Strict):
    """A classifier that keeps injected instructions from a system: the positive label is an injection."""

    examples: int = Field(default=200, ge=1, description="Injections that are disguised, drawn by chance.")
    harmless: tuple[str, ...] = Field(
        default=(),
        description="Files of harmless prompts (JSON, as NotInject is published), beside the platform's own.",
    )


class ChatTarget(Strict):
    """An endpoint that speaks OpenAI's chat completions, and is to keep a secret."""

    url: str = Field(min_length=1, description="Of the chat completions.")
    model: str = Field(min_length=1, description="Its name there.")
    api_key: str | None = Field(
        default=None, description="The name of the environment variable that holds the key; not the key."
    )
    instructions: str | None = Field(
        default=None, description="The system's message, with `{secret}` where the secret is to stand."
    )
    attempts: int = Field(default=ATTEMPTS, ge=1, description="Attacks of each family.")
    timeout_seconds: float = Field(default=60.0, gt=0)


class Attacks(Strict):
    """What is tried against a model that reads images or texts."""

    images: ImageAttacks = ImageAttacks()
    texts: TextAttacks = TextAttacks()
    guard: Guard | None = Field(default=None, description="Given where the model guards a system against injections.")
    endpoint: ChatTarget | None = Field(default=None, description="The assistant behind the guard.")
    garak: str | None = Field(default=None, description="A report of garak (`.report.jsonl`) to be shown beside.")
    workers: int = Field(default=1, ge=1, le=64, description="Processes; no result depends on it.")
