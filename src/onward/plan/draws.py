"""What the plan's dates may turn out to be: one possible calendar per future.

Exists because nobody knows how long a negotiation lasts, and a plan of single dates hides it.
In come a plan, a number of futures, a seed and the day it starts from; out come, per future,
the day each action starts and is finished, each authority, assurance and pledge begins and
ends, each milestone is reached; from these the chance of every milestone, the share of futures
in which an action is critical, and quantile dates.

Days are counted from `as_of` (day 0), in whole calendar days held as floats: infinity is
"never", minus infinity "since before anything recorded". Every uncertain thing draws from a
stream of its own, found by its name: the order of the file does not matter, one more action
leaves the others' draws alone, and the first futures of a longer run are those of a shorter.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from onward.plan.load import work_graph
from onward.plan.model import Action, Plan, Uncertain, UncertainDate

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

FUTURES = 4000
SEED = 1


@dataclass(frozen=True)
class PlanDraws:
    """One possible calendar per future, in days from `as_of`.

    starts     action -> (futures,) day work begins
    finishes   action or milestone -> (futures,) day it is done
    begins     authority, assurance or pledge -> (futures,) first day it holds
    ends       authority, assurance or pledge -> (futures,) last day it holds
    windows    pledge -> per window (first days, last days), each (futures,)
    deadlines  deadline -> (futures,) its day
    departs    capacity -> (futures, n) days on which its convoys or flights leave, ascending, those
               after `as_of` only
    """

    as_of: dt.date
    futures: int
    seed: int
    starts: Mapping[str, FloatArray]
    finishes: Mapping[str, FloatArray]
    begins: Mapping[str, FloatArray]
    ends: Mapping[str, FloatArray]
    windows: Mapping[str, Sequence[tuple[FloatArray, FloatArray]]]
    deadlines: Mapping[str, FloatArray]
    departs: Mapping[str, FloatArray] = field(default_factory=dict)

    def date(self, day: float) -> dt.date | None:
        """The calendar day of a number of days; None for never, or for no known beginning."""
        return self.as_of + dt.timedelta(days=int(day)) if math.isfinite(day) else None


@dataclass(frozen=True)
class Spread:
    """Where the futures put a date: 10, 50 and 90 in a hundred are no later.

    None  never (or, for a beginning, since before anything recorded) in that many futures
    chance  share of futures in which the day comes at all
    """

    p10: dt.date | None
    p50: dt.date | None
    p90: dt.date | None
    chance: float


@dataclass(frozen=True)
class MilestoneChance:
    """How likely a milestone or a deadline's work is to be ready in time.

    by         the date it is wanted by; None when nobody gave one
    in_time    share of futures in which it is reached by then (None without a date)
    critical   (action, share of futures in which it holds this up), most critical first
    """

    id: str
    kind: str
    title: str
    by: dt.date | None
    when: Spread
    in_time: float | None
    critical: tuple[tuple[str, float], ...]


def stream(seed: int, *labels: str) -> np.random.Generator:
    """The random stream of a label: the same for a seed whatever else is drawn."""
    digest = hashlib.sha256("\x1f".join(("plan", *labels)).encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    return np.random.Generator(np.random.PCG64([seed & 0xFFFFFFFFFFFFFFFF, *words]))


def triangular(law: Uncertain, u: FloatArray, *, beyond: float = -math.inf) -> FloatArray:
    """Values of a triangular law at the levels `u`, given that the value exceeds `beyond`.

    u        (n,) between 0 and 1
    beyond   what has already passed without an end; at or past `most` the answer is `beyond`
    returns  (n,) values, larger (never smaller) when any of least, likely, most is larger
    source   inversion of the triangular distribution function
    """
    low, mode, high = law.least, law.likely, law.most
    if beyond >= high:
        return np.full(u.shape, beyond)
    if low == high:
        return np.full(u.shape, low)
    cut = (mode - low) / (high - low)
    level = u
    if beyond > low:
        passed = (
            (beyond - low) ** 2 / ((high - low) * (mode - low))
            if beyond < mode
            else 1 - (high - beyond) ** 2 / ((high - low) * (high - mode))
        )
        level = passed + (1 - passed) * u
    left = low + np.sqrt(level * (high - low) * (mode - low))
    right = high - np.sqrt((1 - level) * (high - low) * (high - mode))
    return np.asarray(np.clip(np.where(level < cut, left, right), max(low, beyond), high))


def plan_draws(plan: Plan, futures: int, seed: int, as_of: dt.date) -> PlanDraws:
    """Draw the plan's dates.

    futures  1 or more
    seed     any whole number, 0 or more
    as_of    day 0; work neither started nor finished by then starts no earlier
    returns  arrays of length `futures`, in days from `as_of`
    raises   ValueError for fewer than one future or a negative seed
    """
    if futures < 1:
        raise ValueError(f"futures is {futures}; expected 1 or more")
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected 0 or more")
    starts: dict[str, FloatArray] = {}
    finishes: dict[str, FloatArray] = {}
    for id in work_order(plan):
        if id in plan.actions:
            starts[id], finishes[id] = _work(plan.actions[id], finishes, futures, seed, as_of)
        else:
            parts = [finishes[part] for part in plan.milestones[id].after]
            finishes[id] = np.max(parts, axis=0)

    brought: dict[str, FloatArray] = {}
    for action in plan.actions.values():
        for effect in action.effects:
            if effect.kind == "brings":
                day = (starts if effect.at == "start" else finishes)[action.id]
                known = brought.get(effect.target)
                brought[effect.target] = day if known is None else np.maximum(known, day)

    begins: dict[str, FloatArray] = {}
    ends: dict[str, FloatArray] = {}
    never = np.full(futures, math.inf)
    always = np.full(futures, -math.inf)
    for id, assurance in plan.assurances.items():
        begin = always
        if assurance.effective is not None:
            begin = _date(assurance.effective, stream(seed, "begins", id), futures, as_of)
        refused = assurance.state in ("refused", "breached") or (
            assurance.conclusion is not None and assurance.conclusion.finding == "cannot_rely"
        )
        stands = (
            assurance.state == "in_force"
            and assurance.conclusion is not None
            and assurance.effective is not None
        )
        # What nobody has signed, or no lawyer has found reliable, begins only by work that
        # brings it: a missing finding never opens a step.
        if refused or (not stands and id not in brought):
            begin = never
        elif id in brought:
            begin = np.maximum(begin, brought[id])
        begins[id] = begin
        ends[id] = _fixed(assurance.expiry, futures, as_of, math.inf)
    for id in _order({a.id: a.rests_on for a in plan.authorities.values()}):
        if id not in plan.authorities:
            continue
        authority = plan.authorities[id]
        begin = _date(authority.effective, stream(seed, "begins", id), futures, as_of)
        end = _fixed(authority.expiry, futures, as_of, math.inf)
        expiry = end.copy()
        if authority.renewal and authority.renewal.until:
            renewed = stream(seed, "renewed", id).random(futures) < authority.renewal.chance
            asking = [finishes[w.id] for w in plan.actions.values() if w.renews == id]
            if asking:
                renewed &= np.min(asking, axis=0) <= expiry
            until = float((authority.renewal.until - as_of).days)
            end = np.where(renewed, np.maximum(expiry, until), end)
        if authority.early_end:
            rng = stream(seed, "early end", id)
            early = rng.random(futures) < authority.early_end.chance
            first = float(authority.early_end.notice_days)
            when = np.rint(first + rng.random(futures) * (expiry - first))
            end = np.where(early & (expiry > first), when, end)
        if id in brought:
            begin = np.maximum(begin, brought[id])
        for base in authority.rests_on:
            begin = np.maximum(begin, begins[base])
            end = np.minimum(end, ends[base])
        begins[id], ends[id] = begin, end
    windows: dict[str, list[tuple[FloatArray, FloatArray]]] = {}
    for id, pledge in plan.pledges.items():
        opens = stream(seed, "opens", id).random(futures) < pledge.chance
        if pledge.state in ("exhausted", "withdrawn"):
            opens = np.zeros(futures, dtype=np.bool_)
        windows[id] = []
        for i, window in enumerate(pledge.windows):
            rng = stream(seed, "window", id, str(i))
            begin = _date(window.start, rng, futures, as_of)
            if id in brought:
                begin = np.maximum(begin, brought[id])
            end = _fixed(window.end, futures, as_of, math.inf)
            windows[id].append((np.where(opens & (begin <= end), begin, math.inf), end))
        begins[id] = np.min([first for first, _ in windows[id]], axis=0)
        ends[id] = np.max([last for _, last in windows[id]], axis=0)
    deadlines: dict[str, FloatArray] = {}
    for id, deadline in plan.deadlines.items():
        day = _fixed(deadline.date, futures, as_of, math.inf)
        if deadline.clock == "expiry":
            day = ends[deadline.authority]
        elif deadline.clock == "review_by":
            day = np.minimum(day, ends[deadline.authority])
        deadlines[id] = day
    departs: dict[str, FloatArray] = {}
    for id, capacity in plan.capacities.items():
        ahead = [day for day in capacity.departs if day.latest > as_of]
        if ahead:
            days = [
                np.maximum(_date(day, stream(seed, "departs", id, str(i)), futures, as_of), 1.0)
                for i, day in enumerate(ahead)
            ]
            departs[id] = np.sort(np.stack(days, axis=1), axis=1)
    return PlanDraws(
        as_of, futures, seed, starts, finishes, begins, ends, windows, deadlines, departs
    )


def work_order(plan: Plan) -> tuple[str, ...]:
    """Actions and milestones, each after what it waits for (the plan has no circles)."""
    return _order(work_graph(plan))


def wanted_by(plan: Plan, id: str, draws: PlanDraws) -> FloatArray | None:
    """(futures,) the day a milestone or deadline is wanted by; None without a date."""
    if id in plan.deadlines:
        return draws.deadlines[id]
    milestone = plan.milestones[id]
    if milestone.by_deadline:
        return draws.deadlines[milestone.by_deadline]
    if milestone.by is not None:
        return _fixed(milestone.by, draws.futures, draws.as_of, math.inf)
    return None


def date_wanted(plan: Plan, id: str) -> dt.date | None:
    """The date written in the plan for a milestone or deadline."""
    if id in plan.deadlines:
        return plan.deadlines[id].date
    milestone = plan.milestones[id]
    if milestone.by_deadline:
        return plan.deadlines[milestone.by_deadline].date
    return milestone.by


def work_for(plan: Plan, id: str) -> tuple[str, ...]:
    """The actions and milestones that must be done for a milestone or a deadline."""
    serving = tuple(a.id for a in plan.actions.values() if id in a.serves)
    if id in plan.milestones:
        return tuple(dict.fromkeys((*plan.milestones[id].after, *serving)))
    return (*serving, *(s.id for s in plan.milestones.values() if s.by_deadline == id))


def ready(plan: Plan, id: str, draws: PlanDraws) -> FloatArray | None:
    """(futures,) the day everything for a milestone or deadline is done; None if nothing is."""
    parts = [draws.finishes[part] for part in work_for(plan, id)]
    return np.max(parts, axis=0) if parts else None


def critical_in(plan: Plan, draws: PlanDraws, targets: Iterable[str]) -> dict[str, BoolArray]:
    """In which futures each action holds up any of the targets.

    An action is critical when finishing it later would make a target later: traced back from
    whatever finished last, through every predecessor that was waited for. Where a target is
    never reached, the actions that never finish are critical, back to the one that failed.

    targets  milestones, deadlines or actions
    returns  action -> (futures,) booleans
    """
    critical = {
        id: np.zeros(draws.futures, dtype=np.bool_) for id in (*plan.actions, *plan.milestones)
    }
    for target in targets:
        if target in plan.actions:
            critical[target][:] = True
            continue
        last = ready(plan, target, draws)
        if last is not None:
            for part in work_for(plan, target):
                critical[part] |= draws.finishes[part] == last
    for id in reversed(work_order(plan)):
        if id in plan.milestones:
            for part in plan.milestones[id].after:
                critical[part] |= critical[id] & (draws.finishes[part] == draws.finishes[id])
            continue
        action = plan.actions[id]
        if action.started is None:
            for part, lag in action.depends_on.items():
                held = draws.finishes[part] + lag == draws.starts[id]
                critical[part] |= critical[id] & held
    return {id: critical[id] for id in plan.actions}


def spread(days: FloatArray, draws: PlanDraws) -> Spread:
    """Quantile dates of (futures,) days; each is a day that was drawn, never an average."""
    ordered = np.sort(days)
    places = [min(math.ceil(p * days.size), days.size) - 1 for p in (0.1, 0.5, 0.9)]
    p10, p50, p90 = (draws.date(float(ordered[place])) for place in places)
    return Spread(p10, p50, p90, float(np.mean(days < math.inf)))


def milestone_chances(plan: Plan, draws: PlanDraws) -> tuple[MilestoneChance, ...]:
    """Every milestone, and every deadline that work serves, with its chance and what holds it up.

    Milestones by their middle date, then deadlines by theirs. "In time" compares each future's
    work with the same future's deadline, so an authority that ends early counts.
    """
    found: list[MilestoneChance] = []
    for kind, ids in (("milestone", plan.milestones), ("deadline", plan.deadlines)):
        rows: list[MilestoneChance] = []
        for id in ids:
            done = ready(plan, id, draws)
            if done is None:
                continue
            by = wanted_by(plan, id, draws)
            shares = [
                (action, float(np.mean(held)))
                for action, held in critical_in(plan, draws, [id]).items()
                if plan.actions[action].finished is None and held.any()
            ]
            rows.append(
                MilestoneChance(
                    id=id,
                    kind=kind,
                    title=plan.title_of(id),
                    by=date_wanted(plan, id),
                    when=spread(done, draws),
                    in_time=None if by is None else float(np.mean(done <= by)),
                    critical=tuple(sorted(shares, key=lambda one: (-one[1], one[0]))),
                )
            )
        rows.sort(key=lambda row: (row.when.p50 or dt.date.max, row.by or dt.date.max, row.id))
        found += rows
    return tuple(found)


def criticality(plan: Plan, draws: PlanDraws) -> dict[str, float]:
    """Action -> criticality index: the share of futures in which it holds up a deadline.

    Counted over the deadlines that work serves, or over the milestones where none does; a
    milestone by itself makes nothing critical. 0 for work already finished.
    """
    targets = [id for id in plan.deadlines if work_for(plan, id)] or list(plan.milestones)
    held = critical_in(plan, draws, targets)
    return {
        id: 0.0 if plan.actions[id].finished else float(np.mean(days))
        for id, days in held.items()
    }


# -- drawing one thing ------------------------------------------------------------------------
def _work(
    action: Action,
    finishes: Mapping[str, FloatArray],
    futures: int,
    seed: int,
    as_of: dt.date,
) -> tuple[FloatArray, FloatArray]:
    """(start, finish) of one action, its predecessors being drawn already."""
    u = stream(seed, "duration", action.id).random(futures)
    succeeds = stream(seed, "chance", action.id).random(futures) < action.chance
    if action.started is not None and action.started <= as_of:
        start = np.full(futures, float((action.started - as_of).days))
        if action.finished is not None and action.finished <= as_of:
            return start, np.full(futures, float((action.finished - as_of).days))
        worked = float((as_of - action.started).days)
        finish = start + np.rint(triangular(action.duration, u, beyond=worked))
    else:
        start = np.zeros(futures)
        if action.started is not None:
            start = np.full(futures, float((action.started - as_of).days))
        elif action.earliest is not None:
            rng = stream(seed, "earliest", action.id)
            start = np.maximum(start, _date(action.earliest, rng, futures, as_of))
        for before, lag in action.depends_on.items():
            start = np.maximum(start, finishes[before] + lag)
        finish = start + np.rint(triangular(action.duration, u))
    return start, np.where(succeeds, finish, math.inf)


def _date(
    when: UncertainDate, rng: np.random.Generator, futures: int, as_of: dt.date
) -> FloatArray:
    u = rng.random(futures)
    if when.likely == dt.date.min:
        return np.full(futures, -math.inf)
    days = [float((day - as_of).days) for day in (when.earliest, when.likely, when.latest)]
    return np.rint(triangular(Uncertain(*days), u))


def _fixed(day: dt.date | None, futures: int, as_of: dt.date, otherwise: float) -> FloatArray:
    return np.full(futures, otherwise if day is None else float((day - as_of).days))


def _order(graph: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Every id after the ids it depends on; ties by name, so that no file order shows."""
    done: dict[str, None] = {}
    for root in sorted(graph):
        stack: list[tuple[str, bool]] = [(root, False)]
        while stack:
            id, ready_now = stack.pop()
            if id in done:
                continue
            if ready_now:
                done[id] = None
                continue
            stack.append((id, True))
            stack += [(part, False) for part in sorted(graph.get(id, ()), reverse=True)]
    return tuple(done)
