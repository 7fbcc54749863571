"""Texts of anybody's, with every character in sight."""

UNSEEN = "\N{REPLACEMENT CHARACTER}"  # in the place of signs that hide, or turn the letters after them around


def visible(text: str) -> str:
    """The text with a sign for every character that nobody sees."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else UNSEEN for letter in text)
