"""Reports of garak, a scanner for language models, read as evidence: rates by probe and detector."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rai_platform.errors import UnreadableData
from rai_platform.robustness.prompts.report import ProbeRate
from rai_platform.statistics.estimates import Proportion

HIT = 0.5  # of a detector's score, from which garak counts an answer as failed by default
EVALUATED = 2  # the status of an attempt that detectors have judged


def read_garak(path: Path) -> tuple[ProbeRate, ...]:
    """What each probe found: from garak's own evaluations, or from the attempts where a run was cut off before them.

    Args:
        path: a ``.report.jsonl``.

    Raises:
        UnreadableData: it is missing, is no such report, or holds no result.
    """
    entries = list(_entries(path))
    counts = _evaluations(entries) or _attempts(entries)
    if not counts:
        raise UnreadableData(f"no result in {path}: expected entries of the type eval or attempt", where="garak")
    return tuple(
        ProbeRate(probe=probe, detector=detector, failed=Proportion(successes=failed, trials=total, n=total))
        for (probe, detector), (failed, total) in sorted(counts.items())
        if total
    )


Counts = dict[tuple[str, str], tuple[int, int]]


def _evaluations(entries: list[Mapping[str, Any]]) -> Counts:
    counts: Counts = {}
    for entry in entries:
        if entry["entry_type"] != "eval":
            continue
        total = int(entry.get("total_evaluated", entry.get("total", 0)))
        failed = int(entry["fails"]) if "fails" in entry else total - int(entry.get("passed", 0))
        key = str(entry.get("probe")), str(entry.get("detector")).removeprefix("detector.")
        before = counts.get(key, (0, 0))
        counts[key] = before[0] + failed, before[1] + total
    return counts


def _attempts(entries: list[Mapping[str, Any]]) -> Counts:
    counts: Counts = {}
    for entry in entries:
        if entry["entry_type"] != "attempt" or entry.get("status") != EVALUATED:
            continue
        for detector, scores in (entry.get("detector_results") or {}).items():
            known = [float(score) for score in scores if score is not None]
            key = str(entry.get("probe_classname")), str(detector)
            before = counts.get(key, (0, 0))
            counts[key] = before[0] + sum(score >= HIT for score in known), before[1] + len(known)
    return counts


def _entries(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableData(f"cannot read {path}: {error}", where="garak") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            raise UnreadableData(f"expected JSON in line {number} of {path}", where="garak") from None
        if not isinstance(entry, dict) or "entry_type" not in entry:
            raise UnreadableData(f"expected an entry_type in line {number} of {path}", where="garak")
        yield entry
