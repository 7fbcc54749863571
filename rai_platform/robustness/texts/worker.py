"""A process that attacks texts and asks the process that started it for scores, in lines of JSON.

The model stays where it is: neither pickled nor forked, so that it may hold threads, locks or a GPU. Run as
``python -m rai_platform.robustness.texts.worker``; ends with its standard input.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from rai_platform.robustness.texts.asking import Scores
from rai_platform.robustness.texts.attempt import Attacker, Job, ModelRefused, OutOfTime
from rai_platform.robustness.texts.loading import load_textattack


class Line:
    """The line to the process that knows the model."""

    def __init__(self, incoming: TextIO, outgoing: TextIO) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    def say(self, told: dict[str, Any]) -> None:
        """Writes one line."""
        self._outgoing.write(json.dumps(told) + "\n")
        self._outgoing.flush()

    def hear(self) -> dict[str, Any] | None:
        """The next line; None where there is none any more."""
        line = self._incoming.readline()
        heard: dict[str, Any] | None = json.loads(line) if line else None
        return heard

    def scores(self, texts: list[str]) -> Scores:
        """Asks for scores (texts, classes).

        Raises:
            OutOfTime: no time is left.
            ModelRefused: the model refuses the texts.
        """
        self.say({"ask": texts})
        answer = self.hear()
        if answer is None or "stop" in answer:
            raise OutOfTime
        if "refused" in answer:
            raise ModelRefused(answer["refused"])
        return np.array(answer["scores"], dtype="float64")


def main() -> None:
    """Attacks one text after the other, as they are sent."""
    outgoing = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no line of ours
    line = Line(sys.stdin, outgoing)
    start = line.hear()
    if start is None:
        return
    textattack = load_textattack(
        nltk_data=[Path(folder) for folder in start["nltk_data"]],
        cache=Path(start["cache"]) if start["cache"] else None,
    )
    attacker = Attacker(textattack, line.scores, query_budget=start["query_budget"])
    line.say({"ready": True})
    while (told := line.hear()) is not None:
        try:
            line.say({"attempt": attacker.attack(Job(**told["job"])).as_json()})
        except OutOfTime:
            line.say({"out_of_time": True})


if __name__ == "__main__":
    main()
