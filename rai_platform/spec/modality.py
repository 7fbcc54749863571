"""What a model sees."""

from typing import Literal, get_args

Modality = Literal["table", "text", "image"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)
