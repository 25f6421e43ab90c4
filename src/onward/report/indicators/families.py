"""Households in different places, and children without their parents.

Exists because a family is parted only by every adult's own agreement. Comes in: the record. Goes out:
counts, still unprotected; an unknown age or answer is no agreement.
"""

from __future__ import annotations

import numpy as np

from onward.report.disclosure import Counts
from onward.report.indicators.record import Record


def split_households(r: Record) -> tuple[int, int] | None:
    """Households whose living members are in different places: (all adults agreed, not all)."""
    if not r.has("person", "household"):
        return None
    lost = r.reading.lost_places()
    groups: dict[str, list[int]] = {}
    places, homes = r.col("place"), r.col("household")
    for row, (home, place) in enumerate(zip(homes, places, strict=True)):
        if home is not None and place is not None and place not in lost:
            groups.setdefault(home, []).append(row)
    agreed, adult = r.col("split_agreed"), r.col("adult")
    counts = [0, 0]
    for rows in groups.values():
        if len({places[row] for row in rows}) > 1:
            # An unknown age or an unknown answer is no agreement.
            free = all(agreed[row] is True for row in rows if adult[row] is not False)
            counts[0 if free else 1] += 1
    return counts[0], counts[1]


def separated_children(r: Record) -> Counts | None:
    """Active separated and unaccompanied children, with and without a determination."""
    if not r.has("person", "child_situation") or not r.has("assessment", "topic", "finding"):
        return None
    apart = r.active & r.is_in("child_situation", {"separated", "unaccompanied"})
    apart &= np.array([value is not True for value in r.col("adult")], dtype=bool)
    made = r.table("assessment", "topic", "finding", "made_on")
    done = np.zeros(r.n, dtype=bool)
    for topic, finding, when, row in zip(made["topic"], made["finding"], made["made_on"], made["row"], strict=True):  # fmt: skip
        if topic == "best_interests" and finding is not None and row >= 0:
            done[row] |= bool(not np.isnat(when) and when <= r.day)
    return r.split("separated children", {"determined": apart & done, "waiting": apart & ~done},
                   r.active, "others", sums={"apart": ("determined", "waiting")})  # fmt: skip
