"""Places passed on from window to window along the cheapest path: compiled.

To let a family into a full window somebody has to leave it, who is let in elsewhere, where again somebody
leaves, until places that were free are taken. Which sizes go where so that little is lost and no
place is left over is a shortest path over windows and the persons too many in them. At good prices
the next best choice of many families is nearly as good as the one they have, so such paths cost
little. In: pricing of a problem, a choice that keeps every limit. Out: one with more people in it or
better ones. Every path is counted exactly before it is kept. It proves nothing: bounds come from elsewhere.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
from __future__ import annotations

import numpy as np
from numba import njit

from onward.placement.problem.model import BoolArray, FloatArray, IntArray, Model
from onward.placement.solving.prices.pricing import Pricing
from onward.placement.solving.programs.program import Clock
from onward.placement.solving.programs.seats import counting_in, near_columns
from onward.placement.solving.search.moving import move, take_out

NEAR = (
    0.05,
    0.5,
    20.0,
)  # what a move on a path may lose, as a share of the mean value, in turn
MOST = 150_000  # columns looked at, about
HOPS = 6
TRIES = 6
PASSES = 4
ANEW = 600  # units placed anew in one pass, at most
IDLE = 0.05  # a pass that brings something for fewer of them is the last
WORSE = 0.0005  # what somebody loses to be placed anew, as a share of the mean value
LARGEST = 40  # persons: larger families stay where they are while others move
MOST_ARCS = (
    20_000_000  # moves between windows by size: with more the tables outgrow the problem
)


@njit(cache=True)
def _loss(u, j, value, slot, size, klass, cell, first):
    return first[u] - (value[j] - size[u] * cell[klass[u], slot[j]])


@njit(cache=True)
def _beyond(u, new, old, slot, size, klass, slots, met_start, met, met_share, slack):
    """Whether unit u may go from column old to new (-1: unplaced) in every row but the places of slots."""
    for step in range(2):
        j, other = (new, old) if step == 0 else (old, new)
        if j < 0:
            continue
        sign = 1.0 if step == 0 else -1.0
        key = klass[u] * slots + slot[j]
        for e in range(met_start[key], met_start[key + 1]):
            if met[e] < slots:
                continue
            change = sign * met_share[e] * size[u]
            if other >= 0:
                k2 = klass[u] * slots + slot[other]
                for f in range(met_start[k2], met_start[k2 + 1]):
                    if met[f] == met[e]:
                        change -= sign * met_share[f] * size[u]
            if change > 1e-9 and change > slack[met[e]] + 1e-6:
                return False
    return True


@njit(cache=True)
def _arcs(
    near, near_unit, near_loss, now_loss, banned, still, chosen, slot, size, klass, slots,
    met_start, met, met_share, slack, best, which,
):  # fmt: skip
    """The least a move costs by size, slot left and slot gone to; which (z, s, t) makes it."""
    best[:] = np.inf
    for k in range(len(near)):
        u = near_unit[k]
        j = chosen[u]
        if j < 0 or banned[k] or still[u] or size[u] >= best.shape[0]:
            continue
        s, t = slot[j], slot[near[k]]
        cost = max(0.0, near_loss[k] - now_loss[u])
        if (
            s != t
            and cost < best[size[u], s, t]
            and _beyond(
                u, near[k], j, slot, size, klass, slots, met_start, met, met_share, slack
            )
        ):
            best[size[u], s, t] = cost
            which[size[u], s, t] = k


@njit(cache=True)
def _path(
    full, own_unit, own, own_loss, price, chosen, slot, size, klass, slots, met_start, met, met_share,
    slack, best, which, dist, back_over, back_near, path,
):  # fmt: skip
    """The cheapest path that begins with one of the moves `own`, or where `full` is a slot, with enough
    persons leaving it: fills path with the index into own and then indices into near; returns its
    length, 0 if there is none."""
    sizes = best.shape[0]
    dist[:] = np.inf
    end = np.inf
    end_layer, end_slot, end_over, end_near = -1, -1, -1, -1
    free = np.zeros(slots, np.int64)
    for s in range(slots):
        free[s] = int(np.floor(slack[s] + 1e-6))
    if full >= 0:
        dist[0, full, -free[full]] = 0.0
    for i in range(len(own)):
        t, u = slot[own[i]], own_unit[i]
        if free[t] < 0 or not _beyond(
            u, own[i], chosen[u], slot, size, klass, slots, met_start, met, met_share, slack
        ):
            continue
        over = size[u] - free[t]
        if over <= 0:
            cost = own_loss[i] - price[t] * size[u]
            if cost < end:
                end, end_layer, end_near = cost, 0, i
        elif over < sizes:
            cost = own_loss[i] - price[t] * free[t]
            if cost < dist[0, t, over]:
                dist[0, t, over] = cost
                back_near[0, t, over] = i
    least, at = np.empty(sizes), np.empty(sizes, np.int64)
    for h in range(dist.shape[0]):
        last = h + 1 == dist.shape[0]
        for s in range(slots):
            found = False
            low, low_at = np.inf, -1
            for o in range(1, sizes):
                cost = dist[h, s, o] - price[s] * o
                if cost < low:
                    low, low_at = cost, o
                    found = True
                least[o], at[o] = low, low_at
            if not found:
                continue
            for z in range(1, sizes):
                if at[z] < 0:
                    continue
                begun = least[z] + price[s] * z
                if begun >= end:
                    continue
                for t in range(slots):
                    cost = begun + best[z, s, t]
                    if not cost < np.inf or free[t] < 0:
                        continue
                    over = z - free[t]
                    if over <= 0:
                        cost -= price[t] * z
                        if cost < end - 1e-12:
                            end, end_layer, end_slot = cost, h + 1, s
                            end_over, end_near = at[z], which[z, s, t]
                    elif not last:
                        cost -= price[t] * free[t]
                        if cost < dist[h + 1, t, over] - 1e-12:
                            dist[h + 1, t, over] = cost
                            back_over[h + 1, t, over] = at[z] * slots + s
                            back_near[h + 1, t, over] = which[z, s, t]
    if end == np.inf:
        return 0
    length = end_layer + 1
    path[end_layer] = end_near
    if end_layer:
        s, o = end_slot, end_over
        for h in range(end_layer - 1, -1, -1):
            path[h] = back_near[h, s, o]
            if h:
                code = back_over[h, s, o]
                o, s = code // slots, code % slots
    return length


@njit(cache=True)
def _follow(
    first, own_unit, own, path, length, near, near_unit, chosen, slot, size, klass, slots, met_start, met,
    met_share, slack, undo_unit, undo_column,
):  # fmt: skip
    """Make the moves of a path; False, and nothing done, where they break a limit after all."""
    for i in range(first, length):
        v = near_unit[path[i]] if i else own_unit[path[0]]
        new = near[path[i]] if i else own[path[0]]
        undo_unit[i], undo_column[i] = v, chosen[v]
        move(v, new, chosen, slot, size, klass, slots, met_start, met, met_share, slack)
    fits = True
    for i in range(first, length):
        for step in range(2):
            # too many where somebody came, too few where somebody went
            j = chosen[undo_unit[i]] if step == 0 else undo_column[i]
            if j < 0:
                continue
            key = klass[undo_unit[i]] * slots + slot[j]
            for e in range(met_start[key], met_start[key + 1]):
                came = met_share[e] > 0 if step == 0 else met_share[e] < 0
                if came and slack[met[e]] < -1e-6:
                    fits = False
    if not fits:
        back(
            first, length, undo_unit, undo_column, chosen, slot, size, klass, slots, met_start, met,
            met_share, slack,
        )  # fmt: skip
    return fits


@njit(cache=True)
def _out_of(
    row, near, near_unit, near_loss, now_loss, banned, still, price, chosen, slot, size, klass, slots,
    met_start, met, met_share,
):  # fmt: skip
    """The near moves of those who count in a row to where they do not; unit, column and cost of each."""
    which = np.empty(len(near), np.int64)
    cost = np.empty(len(near))
    c = 0
    for k in range(len(near)):
        u = near_unit[k]
        j = chosen[u]
        if j < 0 or still[u] or banned[k] or j == near[k]:
            continue
        counts = 0.0
        for step in range(2):
            key = klass[u] * slots + (slot[j] if step == 0 else slot[near[k]])
            for e in range(met_start[key], met_start[key + 1]):
                if met[e] == row:
                    counts += met_share[e] if step == 0 else -met_share[e]
        if counts > 1e-9:
            which[c] = k
            cost[c] = max(0.0, near_loss[k] - now_loss[u]) + price[slot[j]] * size[u]
            c += 1
    return which[:c], cost[:c]


@njit(cache=True)
def back(
    first, length, undo_unit, undo_column, chosen, slot, size, klass, slots, met_start, met, met_share, slack
):  # fmt: skip
    for i in range(length - 1, first - 1, -1):
        move(
            undo_unit[i], undo_column[i], chosen, slot, size, klass, slots, met_start, met, met_share,
            slack,
        )  # fmt: skip


@njit(cache=True)
def let_through(
    tasks, value, cell, first, price, near, near_unit, near_loss, still, start, slot, size, klass, slots,
    met_start, met, met_share, slack, chosen, hops, tries, sizes,
):  # fmt: skip
    """Let units in, in turn, by the cheapest path each; who has a place gives it up for a path that
    brings more. A task of -1 - r lets enough persons leave the row r, which has too many. Returns how
    many paths were taken."""
    best, which = np.empty((sizes, slots, slots)), np.empty((sizes, slots, slots), np.int64)
    dist = np.empty((hops, slots, sizes))
    back_over = np.empty((hops, slots, sizes), np.int64)
    back_near = np.empty((hops, slots, sizes), np.int64)
    path, undo_unit = np.empty(hops + 2, np.int64), np.empty(hops + 2, np.int64)
    undo_column = np.empty(hops + 2, np.int64)
    banned = np.zeros(len(near), np.bool_)
    now_loss = np.zeros(len(size))
    for v in range(len(size)):
        if chosen[v] >= 0:
            now_loss[v] = _loss(v, chosen[v], value, slot, size, klass, cell, first)
    args = (slot, size, klass, slots, met_start, met, met_share, slack)
    done = 0
    for task in tasks:
        row = -1 - task
        if task < 0 and (slack[row] >= -1e-6 or (row < slots and -slack[row] > sizes - 1)):
            continue
        old = -1
        own, own_unit = np.empty(0, np.int64), np.empty(0, np.int64)
        own_loss = np.empty(0)
        if task >= 0:
            old = chosen[task]
            own = np.arange(start[task], start[task + 1])
            own_unit = np.full(len(own), task)
            own_loss = np.empty(len(own))
            for i in range(len(own)):
                own_loss[i] = _loss(task, own[i], value, slot, size, klass, cell, first)
            if old >= 0:
                # its place counts as free; the path may well be to stay
                if not _beyond(task, -1, old, *args):
                    continue
                move(task, -1, chosen, *args)
        full = row if 0 <= row < slots else -1
        begun = 1 if full >= 0 else 0
        length, bans, made, again = 0, 0, False, 1
        while again > 0:
            again -= 1
            made = False
            for _ in range(tries):
                if row >= slots:
                    some, own_loss = _out_of(
                        row, near, near_unit, near_loss, now_loss, banned, still, price, chosen,
                        slot, size, klass, slots, met_start, met, met_share,
                    )  # fmt: skip
                    own, own_unit = near[some], near_unit[some]
                _arcs(
                    near,
                    near_unit,
                    near_loss,
                    now_loss,
                    banned,
                    still,
                    chosen,
                    *args,
                    best,
                    which,
                )
                length = _path(
                    full, own_unit, own, own_loss, price, chosen, *args, best, which, dist, back_over,
                    back_near, path,
                )  # fmt: skip
                if length == 0:
                    break
                made = _follow(
                    begun, own_unit, own, path, length, near, near_unit, chosen, *args, undo_unit,
                    undo_column,
                )  # fmt: skip
                if made or length == 1:
                    break
                # a path that meets itself: do without its moves
                for i in range(1, length):
                    banned[path[i]] = True
                    bans += 1
            if made and old >= 0:
                gain = -value[old]
                for i in range(length):
                    gain += value[chosen[undo_unit[i]]]
                    if i:
                        gain -= value[undo_column[i]]
                if gain <= 1e-9:
                    back(begun, length, undo_unit, undo_column, chosen, *args)
                    made = False
            if not made:
                break
            done += 1
            for i in range(begun, length):
                v = undo_unit[i]
                now_loss[v] = _loss(v, chosen[v], value, slot, size, klass, cell, first)
            if row >= slots and slack[row] < -1e-6:
                again = 1
        if bans:
            banned[:] = False
        if not made and old >= 0:
            move(task, old, chosen, *args)
    return done


def _sizes(model: Model) -> int:
    return 1 + min(LARGEST, int(model.size.max(initial=1)))


def can_pass(model: Model) -> bool:
    """Whether there are few enough windows for paths over all of them."""
    return _sizes(model) * model.slots**2 <= MOST_ARCS


def pass_on(
    pricing: Pricing,
    price: FloatArray,
    bound: float,
    chosen: IntArray,
    opened: BoolArray,
    still: BoolArray,
    clock: Clock,
) -> IntArray:
    """The choice with no limit broken and everybody let in along cheapest paths, as far as there are
    any; then whoever loses most is placed anew while that brings something.

    price: those priced last; opened (p,): the pledges to count on; still (n,): who stays, in slots shared."""
    model = pricing.model
    chosen = chosen.copy()
    slack = model.limit - model.usage(chosen) - model.pledged(opened)
    mean = abs(bound) / max(1, model.units)
    value = np.asarray(pricing.value)
    sizes = _sizes(model)

    def through(tasks: IntArray, near: float, scarce: BoolArray | None = None) -> int:
        width = np.full(model.units, NEAR[0] * mean)
        width[slice(None) if scarce is None else scarce] = near * mean
        columns, unit, loss = near_columns(pricing, width, MOST)
        # at the last even those who share a window may part, so that somebody has a place at all
        held = still if near < NEAR[-1] else np.zeros(model.units, bool)
        return int(
            let_through(
                tasks, value, pricing.cell, pricing.first, price, columns, unit, loss, held,
                model.start, model.slot, model.size, model.klass, model.slots, model.met_start, model.met,
                model.met_share, slack, chosen, HOPS, TRIES, sizes,
            )
        )  # fmt: skip

    for near in NEAR[:2]:
        # limits on some first, whoever leaves them leaves a slot as well
        over = np.flatnonzero(slack < -1e-6)[::-1]
        if len(over) and clock.left() > 0:
            through(-1 - over, near, counting_in(model, over[over >= model.slots]))
    _drop(model, chosen, still, slack)
    for near in NEAR:
        out = np.flatnonzero(pricing.must & (chosen < 0))
        if len(out) and clock.left() > 0:
            # whoever counts like those without a place may lose more
            scarce = np.isin(model.klass, model.klass[out])
            through(out[np.argsort(-model.size[out], kind="stable")], near, scarce)
    for _ in range(PASSES):
        lost = np.zeros(model.units)
        placed = np.flatnonzero((chosen >= 0) & ~still)
        column = chosen[placed]
        cell = pricing.cell[model.klass[placed], model.slot[column]]
        lost[placed] = pricing.first[placed] - (value[column] - model.size[placed] * cell)
        some = np.flatnonzero(lost > WORSE * mean)
        some = some[np.argsort(-lost[some], kind="stable")][:ANEW]
        if not len(some) or clock.left() <= 0 or through(some, NEAR[0]) < IDLE * len(some):
            break
    return chosen


def _drop(model: Model, chosen: IntArray, still: BoolArray, slack: FloatArray) -> None:
    """Take units out of limits that have too many, in place: the smallest first, those who stay last."""
    order = np.lexsort((model.size, still))
    for row in np.flatnonzero(slack < -1e-6):
        take_out(
            order, row, model.slot, model.size, model.klass, model.slots, model.met_start, model.met,
            model.met_share, slack, chosen,
        )  # fmt: skip
