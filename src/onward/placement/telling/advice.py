"""What stands between a case and a place, and the cheapest change that would let it in.

In: a `Proposal`. Out, for a unit that has no place: the window that comes nearest, and in words what
to ask for there, counted exactly with everybody else staying where they are. What is asked for is
places, persons under a limit, or a condition of a pledge that asks for fewer persons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import numpy as np

from onward.placement.problem.doors import BARRIERS, CODE, NUMBER, Doors, deadline, first_day
from onward.placement.problem.limits import scope_of
from onward.placement.problem.model import AnyArray, IntArray
from onward.placement.solving.proposal import Proposal

Row = dict[str, Any]
Asked = list[tuple[int, str]]
"""What to ask for, as persons and words."""

MOST_CONDITIONS = 6
"""Of so many conditions that open places every combination is looked at; of more, one at a time."""


@dataclass(frozen=True)
class Way:
    """A window that a unit may go to, the limits without room enough, conditions that would have to
    ask for fewer, and what to ask for."""

    slot: int
    short: tuple[int, ...]
    conditions: tuple[str, ...]
    persons: int
    words: str


class Advice:
    """Answers about one proposal; units that count alike towards the limits are counted once."""

    def __init__(self, proposal: Proposal) -> None:
        self.proposal, self.compiled = proposal, proposal.compiled
        self.model = proposal.compiled.model
        self.slack = proposal.slack()
        self.doors = Doors(self.compiled.tables, self.compiled.aims)
        self.use = self.model.usage(proposal.chosen)
        self._ways: dict[tuple[int, int], tuple[list[Way], IntArray]] = {}
        self._opening = [self._rows_of(k) for k in range(self.model.pledges)]

    def nearest(self, unit: int) -> Way | None:
        """The window that would take the unit for the fewest persons more, nobody else moving; None
        where something else than places stands before every window."""
        members = np.array(self.compiled.members[unit])
        free = (self.compiled.barrier[members] <= NUMBER["places"]).all(axis=0)
        if not free.any():
            return None
        ways, order = self._all_ways(unit)
        return ways[int(order[free[order].argmax()])]

    def _all_ways(self, unit: int) -> tuple[list[Way], IntArray]:
        """What each window would take, and the windows by how much that is."""
        key = (int(self.model.klass[unit]), int(self.model.size[unit]))
        if key not in self._ways:
            ways = [self._way(*key, s) for s in range(self.model.slots)]
            names = [w.name for w in self.compiled.slots]
            order = sorted(range(len(ways)), key=lambda s: (ways[s].persons, names[s]))
            self._ways[key] = ways, np.array(order, np.int64)
        return self._ways[key]

    def _way(self, klass: int, size: int, slot: int) -> Way:
        """What letting a unit into a slot takes; a pledge that does not count yet as if it did."""
        c, model = self.compiled, self.model
        key = klass * model.slots + slot
        e = slice(model.met_start[key], model.met_start[key + 1])
        counted = {
            int(r): float(share) * size
            for r, share in zip(model.met[e], model.met_share[e], strict=True)
        }
        free = {r: float(self.slack[r]) for r in counted}
        if c.slots[slot].state not in c.aims.states_that_count:
            for r in free:
                free[r] += self._opens_with(r, slot)
        need = {r: persons - free[r] for r, persons in counted.items() if persons > 0}
        fewer: dict[int, int] = {}
        for k, (row, asks, gives) in enumerate(self._opening):
            if self.proposal.pledges[k] or not gives.keys() & need.keys():
                continue
            # whoever is let in may be among those the condition counts
            now = -self.use[row] - counted.get(row, 0.0)
            fewer[k] = max(0, int(np.ceil(asks - now - 1e-6)))
            if not fewer[k]:
                need = self._with(need, k)
        short = {r for r, n in need.items() if n > 1e-6}
        fewer = {k: n for k, n in fewer.items() if n and short & self._opening[k][2].keys()}
        best: tuple[int, int, Asked, tuple[int, ...]] | None = None
        for opened in _some(fewer):
            left = need
            for k in opened:
                left = self._with(left, k)
            asked = self._asked(slot, left) + [
                (fewer[k], f"{fewer[k]} fewer {'person' if fewer[k] == 1 else 'persons'} asked for "
                           f"by condition {c.pledges[k].pledge}")
                for k in opened
            ]  # fmt: skip
            persons = sum(n for n, _ in asked)
            if best is None or (persons, len(opened)) < best[:2]:
                best = persons, len(opened), asked, opened
        assert best is not None
        persons, _, asked, opened = best
        conditions = tuple(c.pledges[k].pledge for k in opened)
        return Way(
            slot, tuple(sorted(short)), conditions, persons, " and ".join(x for _, x in asked)
        )

    def _rows_of(self, k: int) -> tuple[int, int, dict[int, int]]:
        """Of a conditional pledge the row of its condition, the persons it asks for, and the places
        that it opens by row."""
        model = self.model
        mine = model.pledge_of == k
        asks = mine & (model.pledge_coef > 0)
        row = next(
            r
            for r, info in enumerate(model.rows)
            if info.kind == "pledge" and info.name == self.compiled.pledges[k].pledge
        )
        gives = mine & (model.pledge_coef < 0)
        return (
            row,
            int(model.pledge_coef[asks].sum()),
            {
                int(r): int(-n)
                for r, n in zip(model.pledge_row[gives], model.pledge_coef[gives], strict=True)
            },
        )

    def _with(self, need: dict[int, float], k: int) -> dict[int, float]:
        """What is short with the places that a pledge opens."""
        gives = self._opening[k][2]
        return {r: n - gives.get(r, 0) for r, n in need.items()}

    def _asked(self, slot: int, need: dict[int, float]) -> Asked:
        """What to ask for when rows (row -> persons) are short in a slot: the fewest in all.

        More places in the window also leave more for those an earmark is not for, so where several
        earmarks are short it may be cheaper to ask for places than for every earmark apart."""
        rows = self.model.rows
        short = {r: int(np.ceil(n - 1e-6)) for r, n in sorted(need.items()) if n > 1e-6}
        places = next((n for r, n in short.items() if rows[r].kind == "places"), 0)
        kept = {r: self._kept_by_earmark(r, slot) for r in short if rows[r].kind == "earmark"}
        # by how many places more an earmark would not have to give way, or could give way enough
        turns = {
            short[r] + over - less for r, (over, left) in kept.items() for less in (0, left)
        }
        best: Asked | None = None
        for more in sorted({places, *(n for n in turns if n > places)}):
            asked: Asked = []
            if more:
                window = self.compiled.slots[slot].name
                asked.append(
                    (more, f"{more} more {'place' if more == 1 else 'places'} in {window}")
                )
            for r, n in short.items():
                info = rows[r]
                if info.kind == "earmark":
                    over, left = kept[r]
                    # places it keeps beyond those there are bring nothing when it keeps fewer
                    fewer = n + over - more
                    if n <= max(0, more - over):
                        continue
                    if fewer > left:
                        break
                    what = "place" if fewer == 1 else "places"
                    asked.append((fewer, f"{fewer} fewer {what} kept by earmark {info.name}"))
                elif info.kind != "places":
                    what = "person" if n == 1 else "persons"
                    asked.append((n, f"{n} more {what} under {info.kind} {info.name}"))
            else:
                if best is None or sum(n for n, _ in asked) < sum(n for n, _ in best):
                    best = asked
        return best or []

    def _opens_with(self, r: int, slot: int) -> int:
        """Persons more that a row would allow if the pledge of this slot counted."""
        info, persons = self.model.rows[r], self.compiled.slots[slot].persons
        if info.kind == "places":
            return persons
        if info.kind != "earmark":
            return 0
        kept, places = self._earmark(r, slot)
        return max(0, places - kept) - max(0, places - persons - kept)

    def _kept_by_earmark(self, r: int, slot: int) -> tuple[int, int]:
        """How many places more an earmark keeps than there are (0 or more), and how many it keeps."""
        kept, places = self._earmark(r, slot)
        return max(0, kept - places), kept

    def _earmark(self, r: int, slot: int) -> tuple[int, int]:
        """How many places an earmark keeps, and of how many, those of this slot counted in any case."""
        c = self.compiled
        info = self.model.rows[r]
        kept = next(x.persons for x in c.tables.limits if x.limit == info.name)
        places = sum(
            c.slots[s].persons
            for s in scope_of(info.programme, info.window, c.slots)
            if s == slot or c.slots[s].state in c.aims.states_that_count
        )
        return kept, places

    def stops(self, way: Way) -> list[str]:
        """The names of what has no room enough, and of the conditions that would give it."""
        return [self.model.rows[r].name for r in way.short] + list(way.conditions)

    def in_words(self, way: Way) -> str:
        """What has no room enough, one after another."""
        found = []
        for r in way.short:
            info = self.model.rows[r]
            if info.kind == "places":
                found.append(info.name)
            elif info.kind == "earmark":
                found.append(f"earmark {info.name} keeps the rest for others")
            else:
                found.append(f"{info.kind} {info.name}")
        return ", ".join(found + [f"condition {name}" for name in way.conditions])

    def barred(self, i: int, unit: int) -> str:
        """What stands before how many programmes, for one case; the first thing of each window."""
        c = self.compiled
        alone = len(c.members[unit]) == 1
        # of a household the arrays know what stands before all of it
        first = (
            [CODE[k] for k in c.barrier[i]]
            if alone
            else self.doors.first_barriers(c.tables.cases[i])
        )
        found: dict[str, set[str]] = {}
        for window, code in zip(c.slots, first, strict=True):
            if code:
                found.setdefault(code, set()).add(window.programme)
            elif not alone:
                found.setdefault("places", set()).add(window.programme)
        said = _said_of_safeguards(self.proposal, c.members[unit])
        return "; ".join(
            f"{BARRIERS[code]}{': ' + said if said and code == 'safeguards' else ''} "
            f"({len(found[code])} programme{'s' if len(found[code]) > 1 else ''})"
            for code in BARRIERS
            if code in found
        )

    def no_option(self, i: int, unit: int) -> Row:
        """Why a case can go nowhere, and the step that comes nearest to changing it.

        Nearest is the window whose first barrier is looked at last; of these the one with the fewest
        barriers, then with the fewest persons to ask for. All of what it takes is said."""
        c = self.compiled
        mates = c.members[unit]
        if len(mates) > 1:
            first = self.doors.first_barriers(c.tables.cases[i])
            if any(code in ("", "places") for code in first):
                return {
                    "code": "household",
                    "reason": "no window accepts all cases of this household together",
                    "stopped_by": [],
                    "change": "ask each adult of the household whether they agree to be apart",
                }
        if not c.slots:
            return {"code": "none", "reason": "no window", "stopped_by": [], "change": ""}
        reason = self.barred(i, unit)
        level = c.barrier[np.array(mates)].max(axis=0)
        last = np.flatnonzero(level == level.min())
        code = CODE[int(level.min())]
        if code in ("consent", "refused"):
            # to people who said no, or were not asked, nothing else matters yet
            change = {
                "consent": "ask the people, in private, about another destination",
                "refused": "none: a refusal stands until the people change it",
            }[code]
            return {"code": code, "reason": reason, "stopped_by": [], "change": change}
        return {"code": code, "reason": reason, "stopped_by": [],
                "change": self._all_it_takes(unit, last)}  # fmt: skip

    def _all_it_takes(self, unit: int, slots: AnyArray) -> str:
        """Of windows whose first barrier is the same, what the nearest takes, in words."""
        c = self.compiled
        order = list(BARRIERS)
        ways, _ = self._all_ways(unit)
        found: dict[tuple[Any, ...], list[int]] = {}
        for s in slots.tolist():
            between = {
                x for i in c.members[unit] for x in self.doors.barriers(c.tables.cases[i], s)
            }
            codes = tuple(sorted(between, key=order.index))
            late = self._days_late(unit, s) if "deadline" in codes else 0
            key = (len(codes), late, ways[s].persons, codes, ways[s].words)
            found.setdefault(key, []).append(s)
        nearest = min(found)
        _, late, _, codes, words = nearest
        where = ", ".join(sorted({c.slots[s].programme for s in found[nearest]}))
        said = _said_of_safeguards(self.proposal, c.members[unit])
        change = {
            "safeguards": f"see what would lift {said}"
            if said
            else "see which safeguard is not open, and what would lift it",
            "forbidden": f"review the ban on {where}",
            "state": f"have the pledge confirmed: {where}",
            "nationality": f"ask to accept this nationality: {where}",
            "category": f"ask to accept these categories: {where}",
            "size": f"ask to accept this size: {where}",
            "need": f"ask whether the need can be met: {where}",
            "condition": f"see which condition of the offer is not known to be met: {where}",
            "deadline": f"{late} {'day' if late == 1 else 'days'} more, or faster processing, in "
            + min(c.slots[s].name for s in found[nearest]),
            "not scored": "score the case for a programme",
            "kept": f"lock the case there, or expect fewer arrivals: {where}",
        }
        parts = [change[x] for x in codes if x in change]
        return "; ".join([*parts, words] if words else parts)

    def _days_late(self, unit: int, slot: int) -> int:
        """By how many days the last case of a unit would miss the end of a window."""
        c, late = self.compiled, 0
        for i in c.members[unit]:
            case, window = c.tables.cases[i], c.slots[slot]
            first, last = first_day(case, window, c.tables.on), deadline(case, window)
            if first and last:
                late = max(late, (first - last).days)
        return late


def _some(fewer: dict[int, int]) -> list[tuple[int, ...]]:
    """Combinations of conditions that could ask for fewer, none of them first."""
    most = len(fewer) if len(fewer) <= MOST_CONDITIONS else 1
    return list(chain.from_iterable(combinations(fewer, n) for n in range(most + 1)))


def _said_of_safeguards(proposal: Proposal, members: Sequence[int]) -> str:
    """The reasons that the input gives for what is not open to these cases."""
    tables = proposal.compiled.tables
    if tables.openings is None:
        return ""
    names = {tables.cases[i].case for i in members}
    told = {o.reason for o in tables.openings if o.case in names and not o.allowed and o.told}
    return ", ".join(sorted(told - {""}))
