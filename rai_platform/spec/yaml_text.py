"""YAML as people and their editors mean it."""

import re
from typing import Any

import yaml

TRUTH_VALUE = "tag:yaml.org,2002:bool"
DEEPEST, MOST_VALUES = 50, 100_000  # of anything a person writes


def load_yaml(text: str) -> Any:
    """What a YAML text says: ``true`` and ``false`` are truth values, ``yes``, ``no``, ``on`` and ``off`` are words.

    Raises:
        yaml.YAMLError: it is no YAML, a key is there twice, or it is larger than anything a person writes.
    """
    try:
        document = _AsPeopleMean(text).get_single_data()
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None
    _must_be_of_human_size(document)
    return document


def _must_be_of_human_size(document: Any) -> None:
    """Refuses what aliases make endless: a value inside itself, or a thousand of a thousand of a thousand."""
    left, counted = [(document, 0)], 0
    while left:
        value, depth = left.pop()
        counted += 1
        if depth > DEEPEST or counted > MOST_VALUES:
            raise yaml.YAMLError(
                f"expected at most {MOST_VALUES:,} values, nested {DEEPEST} deep, once every alias is written out"
            )
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        left.extend((item, depth + 1) for item in inner)


class _AsPeopleMean(yaml.SafeLoader):
    """YAML with the truth values of version 1.2, and with no key twice: of two the first would be lost in silence."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own table, without the truth values of version 1.1
        letter: [(tag, pattern) for tag, pattern in resolvers if tag != TRUTH_VALUE]
        for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.composer.ComposerError(
                        None, None, f"the key {key.value!r} is there twice", key.start_mark
                    )
                seen.add(key.value)
        return node


_AsPeopleMean.add_implicit_resolver(TRUTH_VALUE, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
