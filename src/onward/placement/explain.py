"""Every line of a proposal explained: why here, what next, why not, and what one more place
would be worth.

An officer can only decide about what she can question. In: a `Proposal`. Out: plain rows per
case, per limit, per conditional pledge and per unused place. Costs come from the prices of the
linear relaxation; what would place a case is counted exactly, with everybody else staying.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from onward.placement.margin import Margin
from onward.placement.model import (
    BARRIERS,
    Doors,
    FloatArray,
    deadline,
    draw,
    first_day,
    name_of,
    outcome_parts,
    scope_of,
)
from onward.placement.program import Program
from onward.placement.propose import EXACT_UNITS, EXACT_WHEN_BOUND, Proposal, stage_values

Row = dict[str, Any]

PLEDGE_NODES = 500
"""How far is looked for the best with a condition met, and without, before it is relaxed."""


def _slack(proposal: Proposal) -> FloatArray:
    model = proposal.compiled.model
    opened = model.pledged(proposal.pledges)
    return np.asarray(model.limit - opened - model.usage(proposal.chosen))


def _cell_price(proposal: Proposal, price: FloatArray, unit: int, slot: int) -> float:
    model = proposal.compiled.model
    key = int(model.klass[unit]) * model.slots + slot
    e = slice(model.met_start[key], model.met_start[key + 1])
    return float((price[model.met[e]] * model.met_share[e]).sum() * model.size[unit])


def _points(value: float) -> float:
    return round(float(value), 6) + 0.0


def _drawn(proposal: Proposal, unit: int) -> float:
    """The draw that decides among equals: the higher goes first."""
    c = proposal.compiled
    return _points(draw(proposal.seed, name_of(c.members[unit], c.tables.cases)))


def assignments(proposal: Proposal) -> list[Row]:
    """One row per placed case: case, size, draw (see `_drawn`), programme, window, country, departs (earliest day),
    why (points of the outcome by part), next_best (programme, window, fewer_points,
    cost_after_prices), kept (None without last week), limits (rows of the place that are full)."""
    c, model = proposal.compiled, proposal.compiled.model
    slack = _slack(proposal)
    price = proposal.outcome_price
    rows: list[Row] = []
    for i, case in enumerate(c.tables.cases):
        unit = int(c.unit_of_case[i])
        column = int(proposal.chosen[unit])
        if column < 0:
            continue
        slot = int(model.slot[column])
        window = c.slots[slot]
        day = first_day(case, window, c.tables.on)
        best: Row | None = None
        here = c.outcome[column] - (
            _cell_price(proposal, price, unit, slot) if price is not None else 0
        )
        for j in range(model.start[unit], model.start[unit + 1]):
            if j == column:
                continue
            s = int(model.slot[j])
            there = c.outcome[j]
            if price is not None:
                there = there - _cell_price(proposal, price, unit, s)
            cost = max(0.0, float(here - there))
            # another programme says more than another window of the same one
            same = c.slots[s].programme == window.programme
            if best is None or (same, cost) < (best["_same"], best["_cost"] - 1e-12):
                best = {
                    "programme": c.slots[s].programme,
                    "window": c.slots[s].window,
                    "fewer_points": _points(c.outcome[column] - c.outcome[j]),
                    "cost_after_prices": _points(cost) if price is not None else None,
                    "_cost": cost,
                    "_same": same,
                }
        if best is not None:
            del best["_cost"], best["_same"]
        key = int(model.klass[unit]) * model.slots + slot
        met = model.met[model.met_start[key] : model.met_start[key + 1]]
        parts = outcome_parts(case, window, c.aims, c.score)
        before = c.tables.previous.get(case.case)
        rows.append(
            {
                "case": case.case,
                "size": case.size,
                "draw": _drawn(proposal, unit),
                "programme": window.programme,
                "window": window.window,
                "country": window.country,
                "departs": day.isoformat() if day else None,
                "locked": bool(c.must[unit]),
                "kept": None
                if not c.tables.previous
                else before == (window.programme, window.window),
                "why": {k: _points(v) for k, v in parts.items()},
                "full_limits": [
                    model.rows[r].name
                    for r in met
                    if slack[r] < 1 and model.rows[r].kind != "floor"
                ],
                "next_best": best,
            }
        )
    return rows


def unplaced(proposal: Proposal) -> list[Row]:
    """One row per unplaced case: case, size, priority, draw, code, reason, stopped_by (limits that
    are full), change (the cheapest change that would place it, in words)."""
    c, model = proposal.compiled, proposal.compiled.model
    slack = _slack(proposal)
    held = _held_back(proposal)
    doors = Doors(c.tables, c.aims)
    rows: list[Row] = []
    for i, case in enumerate(c.tables.cases):
        unit = int(c.unit_of_case[i])
        if proposal.chosen[unit] >= 0:
            continue
        row: Row = {"case": case.case, "size": case.size, "priority": case.priority,
                    "draw": _drawn(proposal, unit)}  # fmt: skip
        if unit in held:
            row |= {"code": "held back", "reason": "held back by a lock", "stopped_by": [],
                    "change": "release the lock"}  # fmt: skip
        elif proposal.state == "infeasible":
            row |= {"code": "infeasible", "reason": "no proposal: locks or floors clash",
                    "stopped_by": [], "change": "; ".join(proposal.conflict)}  # fmt: skip
        else:
            near = _nearest(proposal, doors, unit, slack)
            if near is None:
                row |= _no_option(proposal, doors, i, unit, slack)
            elif near.short:
                names = [_row_words(proposal, r) for r in near.short]
                possible = model.start[unit + 1] > model.start[unit]
                row |= {
                    "code": "full" if possible else "places",
                    "reason": f"every possible window is full; nearest: {', '.join(names)}"
                    if possible
                    else _barred(proposal, doors, i, unit),
                    "stopped_by": [model.rows[r].name for r in near.short],
                    "change": near.words,
                }
            else:
                row |= {
                    "code": "not proposed",
                    "reason": f"there is room in {c.slots[near.slot].name}, but the aims settle "
                    "otherwise (see the gap of the stages)",
                    "stopped_by": [],
                    "change": f"lock it to {c.slots[near.slot].name}",
                }
        rows.append(row)
    return rows


def _held_back(proposal: Proposal) -> set[int]:
    """Units of which a lock holds a case back."""
    c = proposal.compiled
    held = {x.case for x in c.tables.locks if not x.programme}
    return {int(c.unit_of_case[i]) for i, x in enumerate(c.tables.cases) if x.case in held}


@dataclass(frozen=True)
class _Way:
    """A window that a unit may go to, the rows without room enough, and what to ask for."""

    slot: int
    short: tuple[int, ...]
    persons: int
    words: str


def _nearest(proposal: Proposal, doors: Doors, unit: int, slack: FloatArray) -> _Way | None:
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


def _way(proposal: Proposal, unit: int, slot: int, slack: FloatArray) -> _Way:
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
    return _Way(slot, tuple(short), sum(n for n, _ in asked), words)


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


def _row_words(proposal: Proposal, r: int) -> str:
    info = proposal.compiled.model.rows[r]
    if info.kind == "places":
        return info.name
    if info.kind == "earmark":
        return f"earmark {info.name} keeps the rest for others"
    return f"{info.kind} {info.name}"


def _barred(proposal: Proposal, doors: Doors, i: int, unit: int) -> str:
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


def _no_option(proposal: Proposal, doors: Doors, i: int, unit: int, slack: FloatArray) -> Row:
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
    return {"code": code, "reason": _barred(proposal, doors, i, unit), "stopped_by": [],
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


def worth(proposal: Proposal, margin: Margin | None = None) -> list[Row]:
    """One row per programme window, cap, earmark and pledge condition: persons used and
    allowed, worth of one more (protection-weighted persons, and outcome points with who is
    placed held), and by how many places fewer or more that price holds (None: not computed).

    margin   where prices guided the search, the linear program they came near"""
    model = proposal.compiled.model
    price, fewer, more = proposal.price, proposal.fewer, proposal.more
    if margin is not None and margin.prices is not None:
        price, fewer, more = margin.prices.row, margin.prices.fewer, margin.prices.more
    if proposal.state == "infeasible":
        return []
    slack = _slack(proposal)
    rows: list[Row] = []
    for r, info in enumerate(model.rows):
        if info.kind in ("pledge", "floor"):
            continue
        used = model.limit[r] - slack[r]
        opened = -sum(
            float(model.pledge_coef[e])
            for e in range(len(model.pledge_of))
            if model.pledge_row[e] == r and proposal.pledges[model.pledge_of[e]]
        )
        used += opened
        rows.append(
            {
                "limit": info.name,
                "kind": info.kind,
                "programme": info.programme,
                "window": info.window,
                "counts": ("everybody but " if info.kind == "earmark" else "") + info.who,
                "persons": round(used),
                "allowed": round(model.limit[r] + opened),
                "worth_of_one_more": None if price is None else _points(price[r]),
                "outcome_of_one_more": None
                if proposal.outcome_price is None
                else _points(proposal.outcome_price[r]),
                "holds_for_fewer": _range(fewer, r),
                "holds_for_more": _range(more, r),
            }
        )
    return rows


def _range(values: FloatArray | None, r: int) -> float | None:
    if values is None or not np.isfinite(values[r]) or values[r] > 1e15:
        return None
    return _points(values[r])


def not_worked_out(proposal: Proposal, margin: Margin | None = None) -> list[str]:
    """What is left out at this size, why, and how to ask for it; in words, nothing where all is there."""
    c = proposal.compiled
    if proposal.price is None or proposal.fewer is not None or margin is not None:
        return []
    large = f"this is not worked out for {c.model.units:,} cases that may travel apart"
    said = [
        f"For how many places a price holds: {large}, since it would take longer than the proposal. "
        'Ask with --what-if "places:PROGRAMME@WINDOW=+5".'
    ]
    if c.pledges and c.model.units > EXACT_WHEN_BOUND:
        said.append(
            f"What meeting the condition of a pledge is worth: {large}. "
            'Ask with --what-if "condition:PLEDGE=0" what its places bring without it.'
        )
    return said


def pledges(proposal: Proposal, margin: Margin | None = None) -> list[Row]:
    """One row per conditional pledge: condition, persons that count, met or not, and its price:
    protection-weighted persons placed with the condition met less without it (whole families
    up to `EXACT_UNITS`, by the relaxation above; None where it cannot be, or was not asked)."""
    c, model = proposal.compiled, proposal.compiled.model
    if proposal.state == "infeasible" or not c.pledges:
        return []
    use = model.usage(proposal.chosen)
    value = stage_values(c, "protection", model.unit_of_column(), np.arange(model.columns))

    def most(k: int, met: float) -> tuple[float | None, float | None]:
        """The most protection with the condition met (1) or not (0): relaxed, and of whole families."""
        program = Program(model, grouped=False)
        program.must_place(np.flatnonzero(c.must))
        program.set_range(np.array([program.m + k]), met, met)
        relaxed = program.relax(value)
        if relaxed is None or model.units > EXACT_UNITS:
            return (None if relaxed is None else relaxed.value), None
        whole = program.solve(value, gap=1e-6, seconds=600, nodes=PLEDGE_NODES)
        if not whole.feasible:  # shares of families could, whole ones cannot
            return None, None
        return relaxed.value, None if whole.limit_hit else whole.value

    rows: list[Row] = []
    for k, pledge in enumerate(c.pledges):
        row = next(
            r
            for r, i in enumerate(model.rows)
            if i.kind == "pledge" and i.name == pledge.pledge
        )
        price = None
        if margin is not None:
            worth_it = margin.pledge(k)
            price = None if worth_it is None else _points(worth_it)
        elif model.units <= EXACT_WHEN_BOUND:
            for met, unmet in zip(most(k, 1.0)[::-1], most(k, 0.0)[::-1], strict=True):
                if met is not None and unmet is not None:
                    price = _points(met - unmet)
                    break
        rows.append(
            {
                "pledge": pledge.pledge,
                "if_programme": pledge.if_programme,
                "takes_persons": pledge.if_persons,
                "of": pledge.who.words(),
                "persons_now": round(-use[row]),
                "opens": f"{pledge.opens_persons} places in {pledge.opens_programme}"
                + (f", {pledge.opens_window}" if pledge.opens_window else ""),
                "met": bool(proposal.pledges[k]),
                "price": price,
            }
        )
    return rows


def unused(proposal: Proposal) -> list[Row]:
    """One row per window with free places: free persons and the cause: pledge state, places kept
    for cases expected later, nobody left who may go there, cases too large for what is left, a
    sub-quota, or the aims."""
    c, model = proposal.compiled, proposal.compiled.model
    slack = _slack(proposal)
    keeping = _kept_for_later(proposal)
    waiting: dict[int, list[int]] = {}
    for u in np.flatnonzero(proposal.chosen < 0).tolist():
        for j in range(model.start[u], model.start[u + 1]):
            waiting.setdefault(int(model.slot[j]), []).append(u)
    rows: list[Row] = []
    for s, window in enumerate(c.slots):
        free = round(slack[s])
        if window.state not in c.aims.states_that_count:
            rows.append({"programme": window.programme, "window": window.window,
                         "free": window.persons, "cause": f"pledge is {window.state}"})  # fmt: skip
            continue
        if free <= 0:
            continue
        who = waiting.get(s, [])
        if any(model.size[u] <= free for u in keeping.get(s, ())):
            cause = BARRIERS["kept"]
        elif not who:
            late = any(
                c.barriers.get((i, s)) == "deadline" and proposal.chosen[c.unit_of_case[i]] < 0
                for i in range(len(c.tables.cases))
            )
            cause = (
                "processing ends after the deadline" if late else "nobody left who may go there"
            )
        elif all(model.size[u] > free for u in who):
            cause = "cases too large for what is left"
        else:
            cause = "a sub-quota is full"
            for u in who:
                key = int(model.klass[u]) * model.slots + s
                e = slice(model.met_start[key], model.met_start[key + 1])
                if np.all(model.met_share[e] * model.size[u] <= slack[model.met[e]] + 1e-6):
                    cause = "the aims place others first"
                    break
        rows.append(
            {
                "programme": window.programme,
                "window": window.window,
                "free": free,
                "cause": cause,
            }
        )
    return rows


def _kept_for_later(proposal: Proposal) -> dict[int, list[int]]:
    """Per slot the units that have no place and that wait there only for cases expected later."""
    c = proposal.compiled
    slots = {(w.programme, w.window): s for s, w in enumerate(c.slots)}
    unit = {x.case: int(u) for x, u in zip(c.tables.cases, c.unit_of_case, strict=True)}
    found: dict[int, list[int]] = {}
    for case, programme, window in c.tables.kept:
        s, u = slots.get((programme, window)), unit.get(case)
        if s is None or u is None or proposal.chosen[u] >= 0:
            continue
        if {c.barriers.get((i, s), "") for i in c.members[u]} <= {"kept", ""}:
            found.setdefault(s, []).append(u)
    return found


def links(proposal: Proposal) -> list[Row]:
    """One row per linked group: cases, how it stands (together, same country, apart, partly
    placed, nobody placed) and why not together."""
    c, model = proposal.compiled, proposal.compiled.model
    opens = model.pledge_coef < 0
    most = model.limit.copy()  # with every condition met
    np.add.at(most, model.pledge_row[opens], -model.pledge_coef[opens])
    rows: list[Row] = []
    for g in range(len(model.group_start) - 1):
        units = model.group_member[model.group_start[g] : model.group_start[g + 1]]
        columns = proposal.chosen[units]
        placed = columns[columns >= 0]
        slots = {int(s) for s in model.slot[placed]}
        countries = {int(model.slot_country[s]) for s in slots}
        common = set.intersection(
            *(set(model.slot[model.start[u] : model.start[u + 1]].tolist()) for u in units)
        )
        if not len(placed):
            state = "nobody placed"
        elif len(placed) < len(units):
            state = "partly placed"
        elif len(slots) == 1:
            state = "together"
        elif len(countries) == 1:
            state = "same country"
        else:
            state = "apart"
        why = ""
        if state not in ("together", "nobody placed"):
            size = int(model.size[units].sum())
            if not common:
                why = "no window is possible for all of them"
            elif all(most[s] < size for s in common):
                why = f"no common window has {size} places"
            else:
                why = "places for all of them would cost persons or links that come first"
            if state == "apart":
                shared = set.intersection(
                    *(
                        set(
                            model.slot_country[
                                model.slot[model.start[u] : model.start[u + 1]]
                            ].tolist()
                        )
                        for u in units
                    )
                )
                why += (
                    "; one country for all of them would cost persons or links that come first"
                    if shared
                    else "; no country is possible for all of them"
                )
        rows.append(
            {
                "cases": [c.tables.cases[i].case for u in units for i in c.members[u]],
                "state": state,
                "why": why,
            }
        )
    return rows
