"""What a tampered model file would like to run. Importing this module is noticed, and so is calling what is in it."""

import builtins
from typing import Any

builtins.sprung = ["imported"]  # type: ignore[attr-defined]


class Trap:
    def __init__(self, *_args: Any) -> None:
        builtins.sprung.append("called")  # type: ignore[attr-defined]

    def __setstate__(self, _state: Any) -> None:
        builtins.sprung.append("filled")  # type: ignore[attr-defined]


def spring(*_args: Any) -> None:
    builtins.sprung.append("called")  # type: ignore[attr-defined]
