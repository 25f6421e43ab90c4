"""Whether tables without names, taken together, tell of fewer people than each of them may.

Exists because a table of twelve and the same table without one of them tell of the one. Comes in:
what earlier releases held and what the next would hold, by the values people share. Goes out: the
number of people who could be set apart. Whatever is added to or taken from whatever, the result
is made of people who were in exactly the same releases with the same values; so each such group
must be large enough, and its outcomes more than one in each release.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

Release = Mapping[str, Mapping[str, str]]
"""Shared values -> person -> outcome."""


def set_apart(releases: Sequence[Release], *, least: int, outcomes: int) -> int:
    """How many people could be told apart from `least` others by all releases together.

    outcomes  how many different outcomes each group needs in each release; 0 or 1: none is asked
    returns   0 when every sum and difference of the releases stays with groups large enough
    """
    found: set[str] = set()
    for values in {name for release in releases for name in release}:
        groups: dict[tuple[int, ...], list[str]] = defaultdict(list)
        for person in {p for release in releases for p in release.get(values, ())}:
            within = (
                i for i, release in enumerate(releases) if person in release.get(values, ())
            )
            groups[tuple(within)].append(person)
        for within, people in groups.items():
            told = min(len({releases[i][values][person] for person in people}) for i in within)
            if len(people) < least or told < outcomes:
                found.update(people)
    return len(found)
