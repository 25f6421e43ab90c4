"""Places nobody was given, and why.

In: a `Proposal`. Out: a row per window with free places.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from onward.placement.problem.doors import BARRIERS, CODE, NUMBER
from onward.placement.problem.model import FloatArray, IntArray
from onward.placement.solving.proposal import Proposal

Row = dict[str, Any]


def unused(proposal: Proposal) -> list[Row]:
    """One row per window with free places: free persons and the cause: pledge state, places kept
    for cases expected later, nobody left who may go there, cases too large for what is left, a
    sub-quota, or the aims."""
    c, model = proposal.compiled, proposal.compiled.model
    slack = proposal.slack()
    keeping = _kept_for_later(proposal)
    unit = model.unit_of_column()
    waiting = proposal.chosen[unit] < 0
    late = c.barrier == NUMBER["deadline"]
    late &= (proposal.chosen[c.unit_of_case] < 0)[:, None]
    ever_late = late.any(axis=0)
    rows: list[Row] = []
    for s, window in enumerate(c.slots):
        free = round(slack[s])
        if window.state not in c.aims.states_that_count:
            rows.append({"programme": window.programme, "window": window.window,
                         "free": window.persons, "cause": f"pledge is {window.state}"})  # fmt: skip
            continue
        if free <= 0:
            continue
        who = unit[waiting & (model.slot == s)]
        if any(model.size[u] <= free for u in keeping.get(s, ())):
            cause = BARRIERS["kept"]
        elif not len(who):
            cause = (
                "processing ends after the deadline"
                if ever_late[s]
                else "nobody left who may go there"
            )
        elif np.all(model.size[who] > free):
            cause = "cases too large for what is left"
        elif _room(proposal, who, s, slack):
            cause = "the aims place others first"
        else:
            cause = "a sub-quota is full"
        rows.append(
            {
                "programme": window.programme,
                "window": window.window,
                "free": free,
                "cause": cause,
            }
        )
    return rows


def _room(proposal: Proposal, units: IntArray, slot: int, slack: FloatArray) -> bool:
    """Whether no limit stands in the way of one of these units in a slot."""
    model = proposal.compiled.model
    for klass in np.unique(model.klass[units]):
        key = int(klass) * model.slots + slot
        e = slice(model.met_start[key], model.met_start[key + 1])
        size = model.size[units[model.klass[units] == klass]].min()
        if np.all(model.met_share[e] * size <= slack[model.met[e]] + 1e-6):
            return True
    return False


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
        if {CODE[c.barrier[i, s]] for i in c.members[u]} <= {"kept", ""}:
            found.setdefault(s, []).append(u)
    return found
