"""Chains of moves: who has no place, or not the best, is let in by others who make way.

A case takes a place; whoever has to make way for it takes another, and so may one more after that,
as long as the whole chain brings more than it costs and every limit holds at every step. In a
problem of many small families against few limits such chains fill what rounding leaves empty, at
any size and in seconds. In: a choice that keeps every limit. Out: one at least as good. The tries
are counted, not timed, and turn with a counter, so that the same input gives the same choice.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
from __future__ import annotations

import numpy as np
from numba import njit

from onward.placement.problem.model import AnyArray, BoolArray, FloatArray, IntArray, Model
from onward.placement.solving.prices.choices import open_pledges
from onward.placement.solving.search.moving import has_room, move

# Choices and occupants tried at the first and the second step of a chain.
TRIES = ((14, 5), (10, 4))
# Cases in a row for whom no chain is found before a pass ends, at least.
PATIENCE = 4_000


@njit(cache=True)
def _leave(u, s, first, member, place, count):
    last = member[first[s] + count[s] - 1]
    member[first[s] + place[u]] = last
    place[last] = place[u]
    count[s] -= 1


@njit(cache=True)
def _enter(u, s, first, member, place, count):
    member[first[s] + count[s]] = u
    place[u] = count[s]
    count[s] += 1


@njit(cache=True)
def _go(u, new, prob, state):
    """Move unit u to column new (-1: unplaced), and from list to list of who is in a slot."""
    _start, slot, _value, size, klass, slots, met_start, met, met_share = prob
    chosen, slack, first, member, place, count = state
    if chosen[u] >= 0:
        _leave(u, slot[chosen[u]], first, member, place, count)
    move(u, new, chosen, slot, size, klass, slots, met_start, met, met_share, slack)
    if new >= 0:
        _enter(u, slot[new], first, member, place, count)


@njit(cache=True)
def _direct(u, need, shut, must, prob, state):
    """Give unit u, which has none, its best choice that fits and is worth more than `need`."""
    start, slot, value, size, klass, slots, met_start, met, met_share = prob
    slack = state[1]
    at, most = -1, need
    found = need < 0.0 and not must[u]
    if found:
        most = 0.0
    for j in range(start[u], start[u + 1]):
        s = slot[j]
        if s == shut or value[j] <= most or slack[s] + 1e-6 < size[u]:
            continue
        if has_room(u, j, -1, slot, size, klass, slots, met_start, met, met_share, slack):
            at, most, found = j, value[j], True
    if at >= 0:
        _go(u, at, prob, state)
    return found


@njit(cache=True)
def _lets_in(v, u, j, prob, state):
    """Let unit v leave and unit u take column j instead; False, and nothing changed, where a
    limit would not hold."""
    _start, slot, _value, size, klass, slots, met_start, met, met_share = prob
    chosen, slack, _first, _member, _place, _count = state
    old = chosen[v]
    if slack[slot[j]] + size[v] + 1e-6 < size[u] or not has_room(
        v, -1, old, slot, size, klass, slots, met_start, met, met_share, slack
    ):
        return False
    _go(v, -1, prob, state)
    if has_room(u, j, -1, slot, size, klass, slots, met_start, met, met_share, slack):
        _go(u, j, prob, state)
        return True
    _go(v, old, prob, state)
    return False


@njit(cache=True)
def _second(u, need, shut, turn, columns, occupants, must, frozen, prob, state):
    """The same for unit u, or somebody makes way for it and goes elsewhere."""
    if _direct(u, need, shut, must, prob, state):
        return True
    start, slot, value = prob[0], prob[1], prob[2]
    chosen, _slack, first, member, _place, count = state
    many = start[u + 1] - start[u]
    for a in range(min(columns, many)):
        j = start[u] + (turn * 7 + a) % many
        s = slot[j]
        if s == shut or value[j] <= need:
            continue
        for b in range(min(occupants, count[s])):
            v = member[first[s] + (turn + b * 13) % count[s]]
            old = chosen[v]
            if frozen[v] or not _lets_in(v, u, j, prob, state):
                continue
            spare = value[old] - (value[j] - need) + 1e-9
            if _direct(v, spare, s, must, prob, state):
                return True
            _go(u, -1, prob, state)
            _go(v, old, prob, state)
    return False


@njit(cache=True)
def _third(u, need, turn, tries, must, frozen, prob, state):
    """The same with one more step."""
    columns, occupants, columns2, occupants2 = tries
    if _second(u, need, -1, turn, columns, occupants, must, frozen, prob, state):
        return True
    start, slot, value = prob[0], prob[1], prob[2]
    chosen, _slack, first, member, _place, count = state
    many = start[u + 1] - start[u]
    for a in range(min(columns, many)):
        j = start[u] + (turn * 11 + a) % many
        s = slot[j]
        if value[j] <= need:
            continue
        for b in range(min(occupants, count[s])):
            v = member[first[s] + (turn + b * 17) % count[s]]
            old = chosen[v]
            if frozen[v] or not _lets_in(v, u, j, prob, state):
                continue
            spare = value[old] - (value[j] - need) + 1e-9
            if _second(v, spare, s, turn + 3, columns2, occupants2, must, frozen, prob, state):
                return True
            _go(u, -1, prob, state)
            _go(v, old, prob, state)
    return False


@njit(cache=True)
def _pass(order, deep, turn, patience, tries, must, frozen, prob, state):
    """Let the units of `order` in, or to where they do more good; returns how many moved.

    deep: whether chains of three are tried for those who have no place yet."""
    start, slot, value, size, klass, slots, met_start, met, met_share = prob
    chosen = state[0]
    moved = failed = 0
    columns, occupants, _, _ = tries
    for i in range(len(order)):
        u = order[i]
        if frozen[u] or start[u] == start[u + 1]:
            continue
        old = chosen[u]
        need = 1e-9
        if old >= 0:
            need = value[old] + 1e-9
            if not has_room(
                u, -1, old, slot, size, klass, slots, met_start, met, met_share, state[1]
            ):
                continue
            _go(u, -1, prob, state)
        elif must[u]:
            need = -1e6
        turn += 1
        if must[u] and old < 0:
            # whoever has to be placed is let in at any cost to the value
            found = _third(u, need, turn, tries, must, frozen, prob, state)
        elif old < 0 and deep:
            found = _third(u, need, turn, tries, must, frozen, prob, state)
        else:
            found = _second(u, need, -1, turn, columns, occupants, must, frozen, prob, state)
        if found:
            moved += 1
            failed = 0
        else:
            if old >= 0:
                _go(u, old, prob, state)
            failed += 1
            if failed > patience:
                break
    return moved


def fill(
    model: Model,
    value: AnyArray,
    chosen: IntArray,
    order: IntArray,
    must: BoolArray,
    frozen: BoolArray,
    *,
    deep: bool = True,
    passes: int = 3,
    patience: int = PATIENCE,
) -> IntArray:
    """A choice worth at least as much as `chosen`, in which units of `order` were let in by
    chains of moves; the pledges open stay open, and frozen units stay where they are."""
    opened, fits = open_pledges(model, chosen)
    if not fits.all() or not len(order):
        return chosen
    now = chosen.copy()
    extra = model.pledged(opened)
    slack: FloatArray = model.limit - extra - model.usage(now)
    # who is in a slot: never more than its places, nor than those who could be
    most = np.minimum(model.able, np.maximum(0.0, (model.limit - extra)[: model.slots]) + 1)
    taken = np.flatnonzero(now >= 0)
    there = model.slot[now[taken]].astype(np.int64)
    count = np.bincount(there, minlength=model.slots).astype(np.int64)
    most = np.maximum(most, count).astype(np.int64) + 1
    first = np.concatenate([[0], np.cumsum(most)])[:-1].astype(np.int64)
    member = np.zeros(int(most.sum()), np.int64)
    place = np.zeros(model.units, np.int64)
    by = np.argsort(there, kind="stable")
    begin = np.concatenate([[0], np.cumsum(count)])[:-1]
    place[taken[by]] = np.arange(len(taken)) - np.repeat(begin, count)
    member[first[there[by]] + place[taken[by]]] = taken[by]
    prob = (
        model.start, model.slot, value, model.size, model.klass, model.slots,
        model.met_start, model.met, model.met_share,
    )  # fmt: skip
    state = (now, slack, first, member, place, count)
    tries = (*TRIES[0], *TRIES[1])
    for k in range(passes):
        moved = _pass(order, deep, 1000 * k, patience, tries, must, frozen, prob, state)
        if not moved:
            break
    return now
