"""The section of the card about subgroups that nobody named."""

from dataclasses import dataclass

from rai_platform.spec.verdict import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupRow:
    """A subgroup that nobody named and that differs by more than chance, on people who played no part in finding it.

    Attributes:
        people: what they have in common.
        n: how many they are.
        rate: of the subgroup.
        rest: of everybody else.
        difference: the one minus the other.
        interval: of the difference, allowing for having been picked.
        q_value: the smallest false discovery rate at which it counts as different.
    """

    people: str
    n: int
    rate: float
    rest: float
    difference: float
    interval: Interval
    q_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoverySection:
    """A search for subgroups that nobody named.

    Attributes:
        rate: the rate compared.
        overall: of everybody; None without rows.
        searched: subgroups that were looked at on the first half.
        tested: those that were tested on the other half.
        support: people below which a subgroup was not looked at, in each half.
        false_discovery_rate: the share of the subgroups listed that may be there by chance, on average.
        how: how it was searched, in words.
        found: what was found, in words.
        subgroups: those that differ, those that differ most first.
    """

    rate: str
    overall: float | None
    searched: int
    tested: int
    support: int
    false_discovery_rate: float
    how: str
    found: str
    subgroups: tuple[SubgroupRow, ...]
