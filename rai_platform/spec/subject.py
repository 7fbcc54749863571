"""What evidence is about."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Exactly one model on exactly one set of data.

    Attributes:
        model_digest: digest of the model's canonical content; None where the evidence is about data alone,
            before there is a model.
        data_digest: digest of the data it was measured on.
    """

    model_digest: str | None
    data_digest: str

    def __str__(self) -> str:
        model = f"model {self.model_digest[:12]} on " if self.model_digest else ""
        return f"{model}data {self.data_digest[:12]}"
