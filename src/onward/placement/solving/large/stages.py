"""The aims in order on large problems, every stage with a bound that is a proof.

First who: emergencies and protection-weighted persons, ties among cases by the draw, linked
cases drawing one ticket together. Then where, with who held: togetherness before outcome before
last week's place. In: a `Model` and what each stage counts per column. Out: the choice, values
and bounds. A stage solved together with the next says so in its note.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from onward.placement.problem.counted import Counted
from onward.placement.problem.model import AnyArray, BoolArray, FloatArray, IntArray, Model
from onward.placement.solving.draw import follow_draw
from onward.placement.solving.large.core import solve_core
from onward.placement.solving.large.whole import sharp_bound
from onward.placement.solving.prices.choices import (
    Bundles,
    CoreAnswer,
    bundles_of,
    last_choice,
    open_pledges,
    total_value,
)
from onward.placement.solving.prices.pricing import Pricing, descend, snapped
from onward.placement.solving.programs.program import Clock
from onward.placement.solving.search.chains import fill
from onward.placement.solving.search.moving import settle

# What a draw is worth per person, where the smallest weight of a person is 1: too little to
# buy a person anywhere.
DRAW = 2e-4
WEIGHED = 2e-2  # the same while chains of moves follow the draw, where nothing else may be lost
# What staying where last week had them counts beside the outcome at first, as a multiple of what each of
# those who would move may lose; and how often another weight is tried, more where staying cost too little
# and less where it cost too much.
STAYING, STEPS = 4.0, 4
# Columns up to which where they go is found from the whole linear program.
WHERE_COLUMNS = 300_000
# Columns up to which the bound of who is placed is looked for in what whole families can do.
SHARP_COLUMNS = 60_000
EMERGENCIES_HELD = (
    "bound: among proposals that place emergencies as well and as soon as this one does"
)


EMERGENCIES_STAY = "how soon each emergency leaves"


@dataclass
class LargeAnswer:
    """chosen (units,), stages as (name, value, bound, note), prices of the rows; by_clock: time, or
    the part of it that a step may take, ended before the step did."""

    chosen: IntArray
    stages: list[tuple[str, float, float, str]]
    price: FloatArray
    outcome_price: FloatArray | None
    by_clock: bool = False


def together_value(
    model: Model, chosen: IntArray, same_window: float, same_country: float
) -> float:
    """Togetherness of a choice: placed members, less the windows and countries they are in."""
    member = model.group_member
    if not len(member):
        return 0.0
    group = np.repeat(np.arange(len(model.group_start) - 1), np.diff(model.group_start))
    placed = chosen[member] >= 0
    group, member = group[placed], member[placed]
    slot = model.slot[chosen[member]].astype(np.int64)
    count = len(member)
    slots = len(np.unique(group * model.slots + slot))
    countries = len(np.unique(group * model.slots + model.slot_country[slot]))
    return same_window * (count - slots) + same_country * (count - countries)


def together_at_most(
    model: Model, chosen: IntArray, same_window: float, same_country: float
) -> float:
    """The most togetherness the placed members of the groups could reach: those who have a
    window (a country) in common with nobody placed of their group stay apart in any case."""
    member = model.group_member
    if not len(member):
        return 0.0
    group = np.repeat(np.arange(len(model.group_start) - 1), np.diff(model.group_start))
    there = chosen[member] >= 0
    group, member = group[there], member[there]
    lengths = np.diff(model.start)[member]
    begin = np.repeat(
        model.start[member] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths
    )
    slot = model.slot[begin + np.arange(int(lengths.sum()))].astype(np.int64)
    owner = np.repeat(np.arange(len(member)), lengths)
    most = 0.0
    for worth, places in ((same_window, slot), (same_country, model.slot_country[slot])):
        # a place only one member can take joins nobody
        width = int(places.max(initial=0)) + 1
        pair = np.unique(owner * width + places)
        _, back, count = np.unique(
            group[pair // width] * width + pair % width, return_inverse=True, return_counts=True
        )
        joins = np.unique((pair // width)[count[back] > 1])
        sizes = np.bincount(group[joins])
        most += worth * float((sizes[sizes > 1] - 1).sum())
    return most


def solve_large(
    model: Model,
    *,
    emergencies: Counted | None,
    protection: Counted,
    ticket: FloatArray,
    equal: IntArray,
    outcome: AnyArray | None,
    kept: AnyArray | None,
    same_window: float,
    same_country: float,
    may_lose: float,
    must: BoolArray,
    gap: float,
    seconds: float,
    seed: int,
    start: IntArray | None = None,
    last: IntArray | None = None,
) -> LargeAnswer:
    """See the module. outcome, kept: (m,); ticket: (n,) 0 to below 2; equal (n,): the same for
    units among which the draw alone decides; last (n,): last week's choice, as far as it still fits."""
    clock = Clock(seconds)
    stages: list[tuple[str, float, float, str]] = []
    if emergencies is not None and not emergencies.anything():
        emergencies = None
    value = protection.full()
    heavy = 0.0
    if emergencies is not None:
        per_person = float(np.max(value, initial=1.0))
        heavy = 10.0 * max(1.0, per_person / max(1.0, float(model.size.max())))
        emergencies.add_to(value, heavy)
    # Ties: among equal cases the draw decides, linked cases drawing one ticket together and
    # before others.
    draw = ticket.copy()
    if len(model.group_member):
        first = model.group_member[model.group_start[:-1]]
        draw[model.group_member] = np.repeat(ticket[first] + 1.0, np.diff(model.group_start))
    Counted(model, unit=DRAW * draw * model.size, dtype=value.dtype).add_to(value)
    step = Clock(clock.left() * 0.5)
    who = solve_core(
        model, value, must=must if must.any() else None,
        gap=gap * 0.6 * _share_of_protection(model, protection, emergencies, heavy),
        seconds=step.left(), seed=seed, start=start, whole=0, alike=True,
    )  # fmt: skip
    by_clock = step.left() <= 0
    # among choices that count the same the draw comes last, and last week's before it
    if last is not None and total_value(model, value, None, last) > total_value(
        model, value, None, who.chosen
    ):
        who.chosen = last
    who.chosen = _by_the_draw(model, value, draw, equal, must, who.chosen)
    del value
    placed = who.chosen >= 0
    held = np.flatnonzero(placed)
    column = who.chosen[held]

    if emergencies is not None:
        stages.append(("emergencies", float(emergencies.of(held, column).astype(float).sum()),
                       float(emergencies.most().astype(float).sum()),
                       "bound: every emergency in its first window"))  # fmt: skip
    got = float(protection.of(held, column).astype(float).sum())
    bound, price, given = _protection_at_most(
        model,
        protection,
        emergencies,
        heavy,
        held,
        column,
        who.price,
        gap,
        clock,
        seconds,
    )
    stages.append(("protection", got, max(got, bound), given))
    stages.append(
        ("who", float((ticket * model.size)[placed].sum()), np.nan, "drawn within protection")
    )
    chosen = who.chosen
    outcome_price = None
    if outcome is not None and placed.any():
        # where, among the placed: everybody else has no choice left
        weight = 0.0
        bundles = None
        points = np.asarray(outcome, np.float32)
        by_place = None if protection.column is None else protection
        narrowed, back = _narrow(model, held, emergencies, chosen, by_place)
        local = points[back]
        if len(narrowed.group_start) > 1 and same_window + same_country > 0:
            weight = 2.0 * float(local.max(initial=1.0))
            bundles = bundles_of(narrowed, weight)
        begin = np.searchsorted(back, chosen[held].astype(back.dtype))
        all_must = np.ones(narrowed.units, bool)
        stay = None if kept is None else np.asarray(kept, np.float32)[back]
        if stay is not None:
            begin = _as_last_week(narrowed, local, begin, stay)
        step = Clock(clock.left() * (0.6 if kept is not None else 1.0))
        where = solve_core(
            narrowed, local, bundles=bundles, must=all_must, gap=gap * 0.8,
            seconds=step.left(), seed=seed, start=begin,
            whole=WHERE_COLUMNS,
        )  # fmt: skip
        by_clock |= step.left() <= 0
        best_local = where.chosen
        outcome_price = where.price
        # the bound of the outcome alone: any prices prove one; so does the bound of both, less
        # what the groups that share a window count; and so does the relaxation that holds them
        bound = Pricing(narrowed, local, None, all_must)(where.price)[0]
        shared = total_value(narrowed, np.zeros(narrowed.columns), bundles, where.chosen)
        bound = min(bound, where.bound - shared, where.alone)
        got = float(local[best_local].astype(float).sum())
        kept_stage = None
        if stay is not None:
            none = np.zeros(narrowed.columns)
            together_now = total_value(narrowed, none, bundles, begin) >= shared
            least = got * (1 - may_lose)
            if together_now and float(local[begin].astype(float).sum()) >= least:
                best_local = begin  # last week's, as near as can be: nothing has to move
            else:
                best_local, ended = _near_last_week(
                    narrowed, local, stay, bundles, begin, where, least, gap, clock, seed
                )
                by_clock |= ended
            some = np.flatnonzero(np.diff(narrowed.start) > 0)
            most = np.maximum.reduceat(stay, narrowed.start[some]).sum() if len(some) else 0.0
            kept_stage = ("keep", float(stay[best_local].sum()), float(most),
                          "bound: everyone proposed before and placed now stays")  # fmt: skip
        chosen = np.full(model.units, -1)
        chosen[held] = back[best_local]
        # where somebody goes may also be sooner, or count more: what was held is told as it ends
        for k, (name, counted) in enumerate(
            (n, c) for n, c in (("emergencies", emergencies), ("protection", protection)) if c
        ):
            assert stages[k][0] == name
            ends = float(counted.of(held, chosen[held]).astype(float).sum())
            stages[k] = (name, ends, max(ends, stages[k][2]), stages[k][3])
        got = float(points[chosen[held]].astype(float).sum())
        value_t = together_value(model, chosen, same_window, same_country)
        most_t = max(value_t, together_at_most(narrowed, best_local, same_window, same_country))
        held_too = [EMERGENCIES_STAY] * (emergencies is not None)
        held_too += ["their chances"] * (by_place is not None)
        note = f"with {_listed(['who is placed', *held_too])} held"
        stages.append(("together", value_t, most_t, note))
        note = f"with {_listed(['who is placed', *held_too, 'how many linked groups share one window'])} held"
        stages.append(("outcome", got, max(got, bound), note))
        if kept_stage:
            stages.append(kept_stage)
    by_clock |= clock.left() <= 0
    return LargeAnswer(chosen, stages, price, outcome_price, by_clock)


def _as_last_week(model: Model, value: AnyArray, begin: IntArray, stay: AnyArray) -> IntArray:
    """Everybody where last week had them, as far as that fits, the others let in around them; `begin` where
    that leaves somebody out. stay (m,): the cases that a column leaves where they were."""
    last = last_choice(model, stay)
    wished = np.where(last >= 0, last, begin)
    # whoever had a place comes before who is new
    order = np.argsort(last < 0, kind="stable")
    none = np.zeros(model.units, bool)
    for opened in (open_pledges(model, wished)[0], open_pledges(model, begin)[0]):
        chosen = np.full(model.units, -1)
        slack = model.limit - model.pledged(opened)
        settle(
            order, wished[order], model.slot, model.size, model.klass, model.slots, model.met_start,
            model.met, model.met_share, slack, chosen,
        )  # fmt: skip
        out = np.flatnonzero(chosen < 0)
        if len(out):
            chosen = fill(model, value, chosen, out, ~none, none)
        if np.all(chosen >= 0) and open_pledges(model, chosen)[1].all():
            return chosen
    return begin


def _near_last_week(
    model: Model,
    value: AnyArray,
    stay: AnyArray,
    bundles: Bundles | None,
    begin: IntArray,
    where: CoreAnswer,
    least: float,
    gap: float,
    clock: Clock,
    seed: int,
) -> tuple[IntArray, bool]:
    """Where everybody goes if staying counts as well: of what was found that is worth at least `least` in
    value, and leaves no group apart for it, that in which most stay. And whether time ended it."""
    got = float(value[where.chosen].astype(float).sum())
    moves = int(np.count_nonzero(where.chosen != begin))
    worth = STAYING * max(1e-9, got - least) / max(1, moves)
    everybody, none = np.ones(model.units, bool), np.zeros(model.columns)
    shared = total_value(model, none, bundles, where.chosen)
    best, ended = where.chosen, False
    enough = too_much = 0.0  # the most that kept `least`, the least that did not
    for _ in range(STEPS):
        step = Clock(clock.left() * 0.5)
        both = value + np.float32(worth) * stay
        start = max(
            (begin, where.chosen, best),
            key=lambda one: total_value(model, both, bundles, one),
        )
        again = solve_core(
            model, both, bundles=bundles, must=everybody, gap=gap * 0.8, seconds=step.left(), seed=seed,
            start=start, price=where.price,
        )  # fmt: skip
        ended |= step.left() <= 0
        together_now = total_value(model, none, bundles, again.chosen) >= shared
        if together_now and float(value[again.chosen].astype(float).sum()) >= least:
            best = max((best, again.chosen), key=lambda one: float(stay[one].sum()))
            if model.columns > WHERE_COLUMNS:
                break  # each look takes long there
            enough = worth
            worth = float(np.sqrt(worth * too_much)) if too_much else worth * 4
        else:
            too_much = worth
            worth = float(np.sqrt(worth * enough)) if enough else worth / 4
    return best, ended


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _by_the_draw(
    model: Model,
    value: AnyArray,
    draw: FloatArray,
    equal: IntArray,
    must: BoolArray,
    chosen: IntArray,
) -> IntArray:
    """The choice as the draw has it: chains of moves let in who drew higher where as much is
    placed, also among cases of other sizes and limits; among equals it decides to the last case.
    value: what who is placed counts, draws included, lightly."""
    none = np.zeros(model.units, bool)
    per_person = draw * model.size
    weighed = value.copy()
    Counted(model, unit=(WEIGHED - DRAW) * per_person, dtype=value.dtype).add_to(weighed)
    waiting = np.flatnonzero(chosen < 0)
    waiting = waiting[np.argsort(-draw[waiting], kind="stable")]
    tried = fill(model, weighed, chosen, waiting, must, none, deep=False)

    def counted(choice: IntArray) -> float:
        """What the aims above the draw count."""
        placed = choice >= 0
        return float(value[choice[placed]].astype(float).sum()) - DRAW * float(
            per_person[placed].sum()
        )

    if counted(tried) >= counted(chosen) - 1e-3:
        chosen = tried
    return follow_draw(model, chosen, np.where(must, np.inf, draw), equal, none)


def _protection_at_most(
    model: Model,
    protection: Counted,
    emergencies: Counted | None,
    heavy: float,
    held: IntArray,
    column: IntArray,
    price: FloatArray,
    gap: float,
    clock: Clock,
    seconds: float,
) -> tuple[float, FloatArray, str]:
    """The bound of protection, looked for until it is near what these columns reach; the prices
    that prove it, and under which condition it holds ("" for none).

    The draws are no part of this bound: it goes on from the prices found, without them."""
    got = float(protection.of(held, column).astype(float).sum())
    free = np.zeros(model.units, bool)
    alone = protection.full()
    bound, at = snapped(Pricing(model, alone, None, free), price)
    if bound - got <= gap * abs(bound):
        return bound, at, ""
    # with emergencies held: whoever keeps them has at most what is left of the bound of both
    both, urgent, condition = np.asarray(alone, np.float64), 0.0, ""
    if heavy and emergencies is not None:
        emergencies.add_to(both, heavy)
        urgent = heavy * float(emergencies.of(held, column).astype(float).sum())
        condition = EMERGENCIES_HELD if urgent else ""
    given = ""
    pricing = Pricing(model, both, None, free)
    sharp, price = snapped(pricing, price)
    if sharp - urgent - got > gap * abs(bound):
        sharp, price = descend(
            pricing, price, (0.003, 0.001), until=lambda: clock.left() < 0.35 * seconds
        )
    if sharp - urgent < bound:
        bound, at, given = sharp - urgent, price, condition
    if bound - got > gap * abs(bound) and model.columns <= SHARP_COLUMNS:
        sharp = sharp_bound(model, both, free, clock.left() * 0.2)
        if sharp - urgent < bound:
            bound, given = sharp - urgent, condition
    return bound, at, given


def _share_of_protection(
    model: Model, protection: Counted, emergencies: Counted | None, heavy: float
) -> float:
    """About how much of the value of who is placed is protection: emergencies weigh so much
    that a small share of everything would be a large share of the rest."""
    if emergencies is None or not heavy:
        return 1.0
    each = protection.most()
    if not len(each):
        return 1.0
    urgent = heavy * float(emergencies.most().sum())
    places = sum(float(x) for i, x in zip(model.rows, model.limit, strict=True)
                 if i.kind == "places")  # fmt: skip
    share = min(1.0, places / max(1.0, float(model.size[np.diff(model.start) > 0].sum())))
    rest = share * float(each.sum())
    return max(0.2, rest / max(1e-9, rest + urgent))


def _narrow(
    model: Model,
    held: IntArray,
    emergencies: Counted | None,
    chosen: IntArray,
    by_place: Counted | None = None,
) -> tuple[Model, AnyArray]:
    """The problem of the held units alone; emergencies keep the window they have, and where
    protection hangs on the place, nobody goes where it counts less. Returns it and the column of
    the whole problem behind each of its columns."""
    lengths = np.diff(model.start)[held]
    offset = np.concatenate([[0], np.cumsum(lengths)])
    width = np.int32 if model.columns < 2**31 else np.int64
    back = np.repeat((model.start[held] - offset[:-1]).astype(width), lengths)
    back += np.arange(offset[-1], dtype=width)
    unit = np.repeat(np.arange(len(held), dtype=width), lengths)
    if emergencies is not None:
        now = model.slot_order[model.slot[chosen[held]]]
        urgent = emergencies.of(held, chosen[held]) > 0
        keep = ~urgent[unit] | (model.slot_order[model.slot[back]] <= now[unit] + 1e-9)
        back, unit = back[keep], unit[keep]
    if by_place is not None:
        now = by_place.of(held, chosen[held])
        keep = by_place.of(held[unit], back) >= now[unit] - 1e-9
        back, unit = back[keep], unit[keep]
    start = np.concatenate([[0], np.cumsum(np.bincount(unit, minlength=len(held)))])
    position = np.full(model.units, -1, np.int64)
    position[held] = np.arange(len(held))
    members = position[model.group_member]
    group = np.repeat(np.arange(len(model.group_start) - 1), np.diff(model.group_start))
    there = members >= 0
    sizes = np.bincount(group[there], minlength=len(model.group_start) - 1)
    full = sizes >= 2
    kept_members = members[there & full[group]]
    group_start = np.concatenate([[0], np.cumsum(sizes[full])]).astype(np.int64)
    narrowed = Model(
        size=model.size[held],
        klass=model.klass[held],
        start=start.astype(np.int64),
        slot=model.slot[back],
        slot_programme=model.slot_programme,
        slot_country=model.slot_country,
        slot_order=model.slot_order,
        met_start=model.met_start,
        met=model.met,
        met_share=model.met_share,
        limit=model.limit,
        pledges=model.pledges,
        pledge_of=model.pledge_of,
        pledge_row=model.pledge_row,
        pledge_coef=model.pledge_coef,
        group_start=group_start,
        group_member=kept_members,
        rows=model.rows,
    )
    return narrowed, back
