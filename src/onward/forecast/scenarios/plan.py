"""The plan as it would be under scenarios, and what they change in each future.

Comes in: a plan and the scenarios that are to hold together. Goes out: `applied`, the changed plan;
`effects_of`, dated effects drawn per future as the plan's own are; `touched`, the moves they speak
of, so that every scenario simulates the same ones.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from onward.forecast.scenarios.scenario import Change, Scenario
from onward.plan import model as m
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    from onward.plan.draws import PlanDraws
    from onward.plan.effects import PlanEffect


def applied(plan: m.Plan, scenarios: Iterable[Scenario]) -> m.Plan:
    """The plan as it would be. What the scenarios add gets work of its own, so that its dates are
    drawn like every other date and leave the others' draws alone."""
    actions = dict(plan.actions)
    pledges = dict(plan.pledges)
    assurances = dict(plan.assurances)
    authorities = dict(plan.authorities)
    for scenario in scenarios:
        for number, change in enumerate(scenario.changes, 1):
            target = change.targets[0] if change.targets else ""
            if change.what == "pledge":
                pledges[target] = _pledge(pledges[target], change)
            elif change.what == "authority":
                authorities[target] = replace(
                    authorities[target], expiry=change.day, early_end=None, renewal=None
                )
            elif change.what == "action":
                actions[target] = _action(actions[target], change)
            elif change.what == "assurance" and change.state == "lost":
                known = assurances[target].expiry
                day = change.day if known is None else min(known, change.day or known)
                assurances[target] = replace(assurances[target], expiry=day)
            elif change.what != "assume":
                name = work_of(scenario, number)
                if change.what == "assurance":
                    # Won on this day, whatever work of the plan was to bring it.
                    actions = {id: _not_bringing(one, target) for id, one in actions.items()}
                actions[name] = _work(name, change)
    return replace(
        plan, actions=actions, pledges=pledges, assurances=assurances, authorities=authorities
    )


def work_of(scenario: Scenario, number: int) -> str:
    """Name of the work that times a change; it carries a dot, which no id of a plan does."""
    return f"{scenario.id}.{number}"


def _work(name: str, change: Change) -> m.Action:
    start = change.start
    if change.what == "tells" and change.day is not None:
        start = m.UncertainDate(change.day, change.day, change.day)
    brings: tuple[m.ActionEffect, ...] = ()
    if change.what == "assurance":
        brings = (m.ActionEffect("brings", change.targets[0]),)
    chance = 1.0 if change.chance is None else change.chance
    return m.Action(
        name, change.title, change.owner, change.lead, earliest=start, chance=chance,
        effects=brings,
    )  # fmt: skip


def _not_bringing(action: m.Action, target: str) -> m.Action:
    kept = tuple(
        effect
        for effect in action.effects
        if not (effect.kind == "brings" and effect.target == target)
    )
    return action if len(kept) == len(action.effects) else replace(action, effects=kept)


def _pledge(pledge: m.Pledge, change: Change) -> m.Pledge:
    if change.state == "withdrawn":
        return replace(pledge, state="withdrawn")
    windows = pledge.windows
    if change.amount is not None and pledge.places_people:
        share = change.amount / pledge.places_people
        counts = [round(window.places_people * share) for window in windows]
        counts[-1] += int(change.amount) - sum(counts)
        windows = tuple(
            replace(window, places_people=max(count, 0))
            for window, count in zip(windows, counts, strict=True)
        )
    if change.start is not None:
        first = windows[0].start.likely
        moved = []
        for window in windows:
            gap = window.start.likely - first if first != dt.date.min else dt.timedelta(0)
            start = m.UncertainDate(
                change.start.earliest + gap, change.start.likely + gap, change.start.latest + gap
            )  # fmt: skip
            moved.append(replace(window, start=start))
        windows = tuple(moved)
    if change.day is not None:
        windows = tuple(
            replace(window, end=change.day) if window.end in (None, pledge.valid_to) else window
            for window in windows
        )
    return replace(
        pledge,
        windows=windows,
        valid_to=change.day or pledge.valid_to,
        chance=pledge.chance if change.chance is None else change.chance,
        conditional_on=None if change.unconditional else pledge.conditional_on,
    )


def _action(action: m.Action, change: Change) -> m.Action:
    if change.state == "dropped":
        return replace(action, chance=0.0)
    started = None if change.start is not None else action.started
    return replace(
        action,
        earliest=change.start or action.earliest,
        started=started,
        duration=change.duration or action.duration,
        chance=action.chance if change.chance is None else change.chance,
    )


def effects_of(
    scenarios: Iterable[Scenario], draws: PlanDraws, rulebook: Rulebook
) -> list[PlanEffect]:
    """What the scenarios change by themselves, beyond what the changed plan says.

    draws   of the plan as `applied` made it
    """
    import numpy as np

    from onward.plan.draws import stream, triangular
    from onward.plan.effects import PlanEffect

    found: list[PlanEffect] = []
    ones = np.ones(draws.futures)
    for scenario in scenarios:
        for number, change in enumerate(scenario.changes, 1):
            name = work_of(scenario, number)
            if change.what not in ("adds", "scales", "closes", "incident", "tells"):
                continue
            start = draws.finishes[name]
            end = np.full(draws.futures, np.inf)
            if change.until is not None:
                end = np.full(draws.futures, float((change.until - draws.as_of).days))
            if change.days is not None:
                u = stream(draws.seed, "scenario days", name).random(draws.futures)
                end = start + np.maximum(np.rint(triangular(change.days, u)) - 1, 0)
            values = ones
            if change.factor is not None:
                u = stream(draws.seed, "scenario factor", name).random(draws.futures)
                values = triangular(change.factor, u)
            effect = PlanEffect(
                name, scenario.title, "transition", (), "multiplier", start, end, values
            )
            if change.what == "adds":
                found.append(
                    replace(effect, target_kind="capacity", targets=change.targets, kind="cap",
                            values=ones * (change.amount or 0.0), window_days=change.per_days)
                )  # fmt: skip
                continue
            steps = change.targets[1:] if change.what == "tells" else change.targets
            keys = moves_of(rulebook, steps)
            if change.what == "closes":
                found.append(replace(effect, targets=keys, kind="gate", closed=True, gate=name,
                                     values=ones))  # fmt: skip
            elif change.what == "scales" and not keys:
                found.append(replace(effect, target_kind="capacity", targets=change.targets))
            elif keys:
                found.append(replace(effect, targets=keys))
    return found


def moves_of(rulebook: Rulebook, steps: Iterable[str]) -> tuple[str, ...]:
    """The moves of these steps that are not merely recorded."""
    names = set(steps)
    return tuple(
        key
        for key, move in rulebook.moves().items()
        if (key in names or move.transition in names)
        and not (move.records or rulebook.transitions[move.transition].records)
    )


def touched(scenarios: Iterable[Scenario], plan: m.Plan, rulebook: Rulebook) -> frozenset[str]:
    """Every move some scenario speaks of: all compared models simulate them, so that they differ
    in nothing else."""
    steps: set[str] = set()
    for scenario in scenarios:
        for change in scenario.changes:
            if change.what in ("scales", "closes", "incident"):
                steps |= set(change.targets)
            elif change.what == "tells":
                steps |= set(change.targets[1:])
            elif change.what == "assurance":
                steps |= set(plan.assurances[change.targets[0]].moves)
    return frozenset(moves_of(rulebook, steps))
