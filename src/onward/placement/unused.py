"""Places nobody was given, and why.

In: a `Proposal`. Out: a row per window with free places.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from onward.placement.doors import BARRIERS
from onward.placement.proposal import Proposal

Row = dict[str, Any]


def unused(proposal: Proposal) -> list[Row]:
    """One row per window with free places: free persons and the cause: pledge state, places kept
    for cases expected later, nobody left who may go there, cases too large for what is left, a
    sub-quota, or the aims."""
    c, model = proposal.compiled, proposal.compiled.model
    slack = proposal.slack()
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
