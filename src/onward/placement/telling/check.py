"""A second pair of eyes: is the proposal allowed, judged from the tables alone?

The solvers read arrays that were compiled from the tables; a mistake there would pass unseen.
So this check shares nothing with them: it reads the tables and the list of placements, counts
persons again, and says every rule that is broken. In: `Tables`, states of pledges that count,
and case -> (programme, window). Out: a list of faults, empty when all holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np

from onward.placement.inputs.scores import ScoreColumns
from onward.placement.inputs.tables import Case, Tables, Window


def check(
    tables: Tables,
    placed: Mapping[str, tuple[str, str]],
    *,
    states_that_count: Sequence[str] = ("open", "confirmed"),
) -> list[str]:
    """Every rule the placements break, in words; empty when there is none."""
    faults: list[str] = []
    cases = {c.case: c for c in tables.cases}
    windows = {(w.programme, w.window): w for w in tables.windows}
    scored = None if tables.scores is None else _scored(tables.scores, placed)
    allowed = None
    if tables.openings is not None:
        allowed = {(o.case, o.destination) for o in tables.openings if o.allowed}
    here: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for name, place in placed.items():
        if name not in cases:
            faults.append(f"{name}: not a case of this input")
            continue
        if place not in windows:
            faults.append(f"{name}: {place[0]} has no window {place[1]!r}")
            continue
        case, window = cases[name], windows[place]
        here[place].append(case)
        faults += [f"{name}: {why}" for why in _broken(case, window, tables, scored, allowed)]
        if window.state not in states_that_count:
            faults.append(f"{name}: places of {window.programme} are only {window.state}")

    households: dict[str, list[Case]] = defaultdict(list)
    for case in tables.cases:
        if case.household:
            households[case.household].append(case)
    for household, members in households.items():
        if all(c.split_agreed for c in members):
            continue
        if len({placed.get(c.case) for c in members}) > 1:
            faults.append(f"household {household}: split without agreement")

    locks = {c.case: (c.locked, c.locked_window) for c in tables.cases if c.locked}
    locks.update({x.case: (x.programme, x.window) for x in tables.locks})
    for name, (programme, wanted) in locks.items():
        got = placed.get(name)
        if not programme:
            if got is not None:
                faults.append(f"{name}: held back, and placed all the same")
        elif got is None or got[0] != programme or (wanted and got[1] != wanted):
            faults.append(f"{name}: not where it is locked")

    opened: dict[tuple[str, str], int] = defaultdict(int)
    for pledge in tables.pledges:
        taken = sum(
            c.size
            for (programme, _), there in here.items()
            if programme == pledge.if_programme
            for c in there
            if pledge.who.selects(c)
        )
        if pledge.state in states_that_count and taken >= pledge.if_persons:
            opened[pledge.opens_programme, pledge.opens_window] += pledge.opens_persons
    for key, window in windows.items():
        persons = sum(c.size for c in here[key])
        places = (window.persons if window.state in states_that_count else 0) + opened[key]
        if persons > places:
            faults.append(f"{window.name}: {persons} persons for {places} places")
    for limit in tables.limits:
        keys = [
            k
            for k, w in windows.items()
            if limit.programme in ("all", w.programme, w.country)
            and limit.window in ("", w.window)
        ]
        inside = [c for k in keys for c in here[k]]
        if limit.kind == "cap":
            persons = sum(c.size for c in inside if limit.who.selects(c))
            most = limit.persons
        else:
            persons = sum(c.size for c in inside if not limit.who.selects(c))
            total = sum(
                windows[k].persons for k in keys if windows[k].state in states_that_count
            )
            most = max(0, total - limit.persons) + sum(opened[k] for k in keys)
        if persons > most:
            faults.append(f"limit {limit.limit}: {persons} persons, at most {most}")
    return faults


def _scored(
    scores: ScoreColumns, placed: Mapping[str, tuple[str, str]]
) -> set[tuple[str, str]]:
    """The pairs of the placements that were scored."""
    at = {name: k for k, name in enumerate(scores.programmes)}
    there = np.array([at.get(placed.get(name, ("", ""))[0], -1) for name in scores.cases])
    rows = np.flatnonzero(scores.programme == there[scores.case])
    return {(s.case, s.programme) for s in (scores[int(row)] for row in rows)}


def _broken(
    case: Case,
    window: Window,
    tables: Tables,
    scored: set[tuple[str, str]] | None,
    allowed: set[tuple[str, str]] | None,
) -> list[str]:
    names = {window.programme, window.country or window.programme}
    faults = []
    if case.consents is not None and not names & set(case.consents):
        faults.append("no consent to this destination")
    if allowed is not None and not any((case.case, n) in allowed for n in names):
        faults.append("a safeguard is not open for this destination")
    if names & set(case.refused):
        faults.append("refused destination")
    if names & set(case.forbidden):
        faults.append("forbidden destination")
    if window.programme in case.unmet:
        faults.append("a condition of the offer not met")
    if scored is not None and (case.case, window.programme) not in scored:
        faults.append("not scored for this programme")
    if window.nationalities and case.nationality not in window.nationalities:
        faults.append("nationality not accepted")
    if window.categories and not {case.category, case.category_2} & set(window.categories):
        faults.append("category not accepted")
    if window.max_size is not None and case.size > window.max_size:
        faults.append("case too large")
    if window.min_size is not None and case.size < window.min_size:
        faults.append("case too small")
    if set(case.needs) & set(window.excluded_needs):
        faults.append("a need that cannot be met")
    ready = case.ready_on or tables.on
    starts = [d for d in (window.opens,) if d]
    if ready:
        starts.append(ready + timedelta(days=window.processing_days))
    ends = [d for d in (window.closes, window.valid_to, case.leave_by) if d]
    if starts and ends and max(starts) > min(ends):
        faults.append("cannot leave in time")
    return faults
