"""Two texts side by side, the words that differ marked."""

import difflib
import re
from collections.abc import Iterator, Sequence

from rai_platform.robustness.texts.report import Part

KEPT = 12  # words of a long unchanged stretch, on either side


def side_by_side(before: str, after: str) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Both texts in parts; joined, the parts are the text, except that long stretches that are the same are cut."""
    words = [re.findall(r"\s*\S+|\s+$", text) for text in (before, after)]
    bare = [[word.strip() for word in each] for each in words]
    steps = difflib.SequenceMatcher(None, bare[0], bare[1], autojunk=False).get_opcodes()
    left = [
        part
        for tag, start, end, _, _ in steps
        for part in _parts(words[0][start:end], tag != "equal", last=len(words[0]) == end)
    ]
    right = [
        part
        for tag, _, _, start, end in steps
        for part in _parts(words[1][start:end], tag != "equal", last=len(words[1]) == end)
    ]
    return tuple(left), tuple(right)


def _parts(words: Sequence[str], changed: bool, *, last: bool) -> Iterator[Part]:
    if not words:
        return
    if changed or len(words) <= 2 * KEPT + 1:
        yield Part(text="".join(words), changed=changed)
        return
    ends = words[-KEPT:] if not last else ()
    yield Part(text="".join([*words[:KEPT], " …", *ends]), changed=False)
