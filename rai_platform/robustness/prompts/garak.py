"""Reports of garak, a scanner for language models, read as evidence: rates by probe and detector."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rai_platform.errors import UnreadableData
from rai_platform.robustness.prompts.report import ProbeRate
from rai_platform.statistics.estimates import Proportion

HIT = 0.5  # of a detector's score, from which garak counts an answer as failed by default
MOST = 10**12  # answers: beyond, a count is a mistake
SHOWN = 80  # letters of a value that cannot be
EVALUATED = 2  # the status of an attempt that detectors have judged


def read_garak(path: Path) -> tuple[ProbeRate, ...]:
    """What each probe found: from garak's own evaluations, or from the attempts where a run was cut off before them.

    Args:
        path: a ``.report.jsonl``.

    Raises:
        UnreadableData: it is missing, is no such report, says what cannot be, or holds no result.
    """
    entries = list(_entries(path))
    counts = _evaluations(entries) or _attempts(entries)
    if not any(total for _, total in counts.values()):
        raise UnreadableData(
            f"no result in {path}: expected entries of the type eval or attempt with an answer or more", where="garak"
        )
    return tuple(
        ProbeRate(probe=probe, detector=detector, failed=Proportion(successes=failed, trials=total, n=total))
        for (probe, detector), (failed, total) in sorted(counts.items())
        if total
    )


Counts = dict[tuple[str, str], tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a report.

    Attributes:
        line: where it stands, in words.
        told: what it says.
    """

    line: str
    told: Mapping[str, Any]

    def is_a(self, kind: str) -> bool:
        """Whether it is of this type."""
        return bool(self.told["entry_type"] == kind)

    def name(self, field: str) -> str:
        """What a field calls something."""
        value = self.told.get(field)
        if not isinstance(value, str) or not value.isprintable():
            raise self.unlike("a name", field, value)
        return value

    def count(self, field: str) -> int:
        """How many a field says there are."""
        value = self.told.get(field)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
            raise self.unlike(f"a whole number from 0 to {MOST:,}", field, value)
        return value

    def scores(self) -> Iterator[tuple[str, list[float]]]:
        """The scores of every detector, without those that it could not give."""
        results = self.told.get("detector_results")
        if results is not None and not isinstance(results, Mapping):
            raise self.unlike("detectors and their scores", "detector_results", results)
        for detector, scores in (results or {}).items():
            known = [score for score in scores if score is not None] if isinstance(scores, list) else None
            if known is None or not all(type(score) in (int, float) and 0 <= score <= 1 for score in known):
                raise self.unlike("a list of scores from 0 to 1", f"detector_results.{detector}", scores)
            yield detector, known

    def unlike(self, expected: str, field: str, value: object) -> UnreadableData:
        """What to say of a field that holds something else."""
        shown = repr(value)
        got = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
        return UnreadableData(f"expected {expected} as {field!a} in {self.line}, got {got}", where="garak")


def _evaluations(entries: list[Entry]) -> Counts:
    counts: Counts = {}
    for entry in entries:
        if not entry.is_a("eval"):
            continue
        whole = "total_evaluated" if "total_evaluated" in entry.told else "total"
        part = "fails" if "fails" in entry.told else "passed"
        total, counted = entry.count(whole), entry.count(part)
        if counted > total:
            raise entry.unlike(f"no more than {whole}, {total},", part, counted)
        key = entry.name("probe"), entry.name("detector").removeprefix("detector.")
        before = counts.get(key, (0, 0))
        counts[key] = before[0] + (counted if part == "fails" else total - counted), before[1] + total
    return counts


def _attempts(entries: list[Entry]) -> Counts:
    counts: Counts = {}
    for entry in entries:
        if not entry.is_a("attempt") or entry.told.get("status") != EVALUATED:
            continue
        probe = entry.name("probe_classname")
        for detector, scores in entry.scores():
            before = counts.get((probe, detector), (0, 0))
            counts[probe, detector] = before[0] + sum(score >= HIT for score in scores), before[1] + len(scores)
    return counts


def _entries(path: Path) -> Iterator[Entry]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # other ends of lines may stand inside JSON
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableData(f"cannot read {path}: {error}", where="garak") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            raise UnreadableData(f"expected JSON in line {number} of {path}", where="garak") from None
        if not isinstance(entry, dict) or "entry_type" not in entry:
            raise UnreadableData(f"expected an entry_type in line {number} of {path}", where="garak")
        yield Entry(line=f"line {number} of {path}", told=entry)
