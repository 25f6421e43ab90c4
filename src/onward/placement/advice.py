"""What stands between a case and a place, and the cheapest change that would let it in.

In: a `Proposal` and a unit that has no place. Out: the window that comes nearest, and in words what
to ask for there, counted exactly with everybody else staying where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from onward.placement.doors import BARRIERS, Doors, deadline, first_day
from onward.placement.limits import scope_of
from onward.placement.model import FloatArray
from onward.placement.proposal import Proposal

Row = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """A window that a unit may go to, the rows without room enough, and what to ask for."""

    slot: int
    short: tuple[int, ...]
    persons: int
    words: str


def nearest(proposal: Proposal, doors: Doors, unit: int, slack: FloatArray) -> Way | None:
    """The window that would take the unit for the fewest places more, nobody else moving; None
    where something else than places stands before every window."""
    c, best = proposal.compiled, None
    for s, window in enumerate(c.slots):
        if _between(proposal, doors, unit, s) - {"places"}:
            continue
        way = _way(proposal, unit, s, slack)
        if best is None or (way.persons, window.name) < (best.persons, c.slots[best.slot].name):
            best = way
    return best


def _between(proposal: Proposal, doors: Doors, unit: int, slot: int) -> set[str]:
    """Codes of all that stands between some case of a unit and a window."""
    c = proposal.compiled
    return {code for i in c.members[unit] for code in doors.barriers(c.tables.cases[i], slot)}


def _way(proposal: Proposal, unit: int, slot: int, slack: FloatArray) -> Way:
    """What letting a unit into a slot takes; a pledge that does not count yet as if it did."""
    c, model = proposal.compiled, proposal.compiled.model
    key = int(model.klass[unit]) * model.slots + slot
    e = slice(model.met_start[key], model.met_start[key + 1])
    free = slack[model.met[e]]
    if c.slots[slot].state not in c.aims.states_that_count:
        free = free + np.array([_opens_with(proposal, int(r), slot) for r in model.met[e]])
    need = model.met_share[e] * model.size[unit] - free
    short = {
        int(r): int(np.ceil(n - 1e-6))
        for n, r, share in zip(need, model.met[e], model.met_share[e], strict=True)
        if share > 0 and n > 1e-6
    }
    asked = _asked(proposal, slot, short)
    words = " and ".join(words for _, words in asked)
    return Way(slot, tuple(short), sum(n for n, _ in asked), words)


def _asked(proposal: Proposal, slot: int, short: dict[int, int]) -> list[tuple[int, str]]:
    """What to ask for when rows (row -> persons) are short in a slot, as number and words: the
    fewest in all.

    More places in the window also leave more for those an earmark is not for, so where several
    earmarks are short it may be cheaper to ask for places than for every earmark apart."""
    rows = proposal.compiled.model.rows
    places = next((n for r, n in short.items() if rows[r].kind == "places"), 0)
    most = max((n for r, n in short.items() if rows[r].kind == "earmark"), default=0)
    kept = {r: _kept_by_earmark(proposal, r, slot) for r in short if rows[r].kind == "earmark"}
    best: list[tuple[int, str]] | None = None
    for more in range(
        places, places + most + max((over for over, _ in kept.values()), default=0) + 1
    ):
        asked = []
        if more:
            window = proposal.compiled.slots[slot].name
            asked.append(
                (more, f"{more} more {'place' if more == 1 else 'places'} in {window}")
            )
        for r, n in sorted(short.items()):
            info = rows[r]
            if info.kind == "earmark":
                over, left = kept[r]
                # places it keeps beyond those there are bring nothing when it keeps fewer
                fewer = n + over - more
                if n <= max(0, more - over):
                    continue
                asked.append(
                    (
                        fewer,
                        f"{fewer} fewer {'place' if fewer == 1 else 'places'} kept by earmark {info.name}",
                    )
                )
                if fewer > left:
                    break
            elif info.kind != "places":
                asked.append(
                    (
                        n,
                        f"{n} more {'person' if n == 1 else 'persons'} under {info.kind} {info.name}",
                    )
                )
        else:
            if best is None or sum(n for n, _ in asked) < sum(n for n, _ in best):
                best = asked
    return best or []


def _opens_with(proposal: Proposal, r: int, slot: int) -> int:
    """Persons more that a row would allow if the pledge of this slot counted."""
    c = proposal.compiled
    info, persons = c.model.rows[r], c.slots[slot].persons
    if info.kind == "places":
        return persons
    if info.kind != "earmark":
        return 0
    kept, places = _earmark(proposal, r, slot)
    return max(0, places - kept) - max(0, places - persons - kept)


def _kept_by_earmark(proposal: Proposal, r: int, slot: int) -> tuple[int, int]:
    """How many places more an earmark keeps than there are (0 or more), and how many it keeps."""
    kept, places = _earmark(proposal, r, slot)
    return max(0, kept - places), kept


def _earmark(proposal: Proposal, r: int, slot: int) -> tuple[int, int]:
    """How many places an earmark keeps, and of how many, those of this slot counted in any case."""
    c = proposal.compiled
    info = c.model.rows[r]
    kept = next(x.persons for x in c.tables.limits if x.limit == info.name)
    places = sum(
        c.slots[s].persons
        for s in scope_of(info.programme, info.window, c.slots)
        if s == slot or c.slots[s].state in c.aims.states_that_count
    )
    return kept, places


def row_words(proposal: Proposal, r: int) -> str:
    info = proposal.compiled.model.rows[r]
    if info.kind == "places":
        return info.name
    if info.kind == "earmark":
        return f"earmark {info.name} keeps the rest for others"
    return f"{info.kind} {info.name}"


def barred(proposal: Proposal, doors: Doors, i: int, unit: int) -> str:
    """What stands before how many programmes, for one case; the first thing of each window."""
    c = proposal.compiled
    found: dict[str, set[str]] = {}
    for window, code in zip(c.slots, doors.first_barriers(c.tables.cases[i]), strict=True):
        if code:
            found.setdefault(code, set()).add(window.programme)
        elif len(c.members[unit]) > 1:
            found.setdefault("places", set()).add(window.programme)
    said = _said_of_safeguards(proposal, c.members[unit])
    return "; ".join(
        f"{BARRIERS[code]}{': ' + said if said and code == 'safeguards' else ''} "
        f"({len(found[code])} programme{'s' if len(found[code]) > 1 else ''})"
        for code in BARRIERS
        if code in found
    )


def no_option(proposal: Proposal, doors: Doors, i: int, unit: int, slack: FloatArray) -> Row:
    """Why a case can go nowhere, and the step that comes nearest to changing it.

    Nearest is the window whose first barrier is looked at last; of these the one with the fewest
    barriers, then with the fewest persons to ask for. All of what it takes is said."""
    c = proposal.compiled
    case, mates = c.tables.cases[i], c.members[unit]
    first = doors.first_barriers(case)
    if len(mates) > 1 and any(code in ("", "places") for code in first):
        return {
            "code": "household",
            "reason": "no window accepts all cases of this household together",
            "stopped_by": [],
            "change": "ask each adult of the household whether they agree to be apart",
        }
    order = list(BARRIERS)
    found: dict[tuple[Any, ...], list[int]] = {}
    for s in range(len(c.slots)):
        codes = sorted(_between(proposal, doors, unit, s), key=order.index)
        late = _days_late(proposal, unit, s) if "deadline" in codes else 0
        way = _way(proposal, unit, s, slack)
        key = (-order.index(codes[0]), len(codes), late, way.persons, codes, way.words)
        found.setdefault((*key[:4], tuple(codes), way.words), []).append(s)
    if not found:
        return {"code": "none", "reason": "no window", "stopped_by": [], "change": ""}
    nearest = min(found)
    _, _, late, _, codes, words = nearest
    slots = found[nearest]
    code = codes[0]
    where = ", ".join(sorted({c.slots[s].programme for s in slots}))
    said = _said_of_safeguards(proposal, mates)
    change = {
        "consent": "ask the people, in private, about another destination",
        "safeguards": f"see what would lift {said}"
        if said
        else "see which safeguard is not open, and what would lift it",
        "refused": "none: a refusal stands until the people change it",
        "forbidden": f"review the ban on {where}",
        "state": f"have the pledge confirmed: {where}",
        "nationality": f"ask to accept this nationality: {where}",
        "category": f"ask to accept these categories: {where}",
        "size": f"ask to accept this size: {where}",
        "need": f"ask whether the need can be met: {where}",
        "deadline": f"{late} {'day' if late == 1 else 'days'} more, or faster processing, in "
        + min(c.slots[s].name for s in slots),
        "not scored": "score the case for a programme",
        "kept": f"lock the case there, or expect fewer arrivals: {where}",
    }
    # to people who said no, or were not asked, nothing else matters yet
    parts = [change[code]] if code in ("consent", "refused") else [
        change[x] for x in codes if x in change
    ]  # fmt: skip
    if words and code not in ("consent", "refused"):
        parts.append(words)
    return {"code": code, "reason": barred(proposal, doors, i, unit), "stopped_by": [],
            "change": "; ".join(parts)}  # fmt: skip


def _days_late(proposal: Proposal, unit: int, slot: int) -> int:
    """By how many days the last case of a unit would miss the end of a window."""
    c, late = proposal.compiled, 0
    for i in c.members[unit]:
        case, window = c.tables.cases[i], c.slots[slot]
        first, last = first_day(case, window, c.tables.on), deadline(case, window)
        if first and last:
            late = max(late, (first - last).days)
    return late


def _said_of_safeguards(proposal: Proposal, members: Sequence[int]) -> str:
    """The reasons that the input gives for what is not open to these cases."""
    tables = proposal.compiled.tables
    names = {tables.cases[i].case for i in members}
    return ", ".join(
        sorted(
            {
                o.reason
                for o in tables.openings or ()
                if o.case in names and not o.allowed and o.told
            }
            - {""}
        )
    )
