"""What the plan opens, closes, caps and speeds up, in the form a forecast can use.

Exists so that the forecast knows no plan and the plan no forecast. In come a plan, the dates
drawn for it and the rulebook whose steps it names; out come effects: which steps, capacities
or findings, from which day to which day in each future, and by how much. Steps that only
record what happened (a refusal, a withdrawal, a death, leaving unassisted) are never among
the targets: nothing in a plan can close them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from onward.plan.draws import FloatArray, PlanDraws, stream, triangular
from onward.plan.model import Plan, Rule, Threshold
from onward.rulebook.model import Rulebook


@dataclass(frozen=True)
class PlanEffect:
    """One thing the plan changes between two days.

    id           unique
    source       id in the plan it comes from
    target_kind  "transition" (targets are move keys), "capacity" (a `consumes` name) or
                 "finding" (a safeguard's finding, "G14.in_force")
    kind         gate: the targets are possible only from start to end (with `closed`: not
                 possible between them); all gates of a target must be open, but gates of the
                 same `gate` name are alternatives to each other
                 cap: `values` more of the capacity per `window_days` (None: once, on the first
                 day); a move that draws on a capacity is limited by the sum of its caps
                 multiplier: the pace of the targets times `values`
    starts, ends (futures,) first and last day in days from as_of; minus infinity: already;
                 infinity: never begins, or never ends
    values       (futures,) the multiplier or the amount; 1 for gates
    after        the effect waits until so many people have left on another pledge; gone: how many have
    who          whom it concerns; destination: for which country ("" for any)
    one_of_many  that country is one of several people may go to: neither the host, whose decisions
                 hold for everybody here, nor the origin, the one country of a return
    counts       whether a cap counts people or movement units
    """

    id: str
    source: str
    target_kind: Literal["transition", "capacity", "finding"]
    targets: tuple[str, ...]
    kind: Literal["gate", "cap", "multiplier"]
    starts: FloatArray
    ends: FloatArray
    values: FloatArray
    gate: str = ""
    closed: bool = False
    window_days: int | None = None
    after: Threshold | None = None
    gone: int = 0
    who: Rule = field(default_factory=Rule)
    conditions: Mapping[str, tuple[str, ...]] | None = None
    families_only: bool = False
    destination: str = ""
    counts: Literal["people", "units"] = "people"
    one_of_many: bool = False


@dataclass(frozen=True)
class PlanEffects:
    """All effects of a plan over the same futures as `draws`."""

    draws: PlanDraws
    effects: tuple[PlanEffect, ...]

    def on(self, target: str) -> tuple[PlanEffect, ...]:
        """The effects on one move, capacity or finding."""
        return tuple(effect for effect in self.effects if target in effect.targets)


def plan_effects(plan: Plan, draws: PlanDraws, rulebook: Rulebook) -> PlanEffects:
    """Every gate, cap and multiplier of the plan, in the order of ids.

    plan      as read; draws: of the same plan
    rulebook  the one the plan was read with
    """
    found: list[PlanEffect] = []
    ones = np.ones(draws.futures)
    forever = np.full(draws.futures, math.inf)

    def moves(steps: tuple[str, ...]) -> tuple[str, ...]:
        keys: list[str] = []
        for key, move in rulebook.moves().items():
            step = rulebook.transitions[move.transition]
            if (key in steps or move.transition in steps) and not (
                move.records or step.records
            ):
                keys.append(key)
        return tuple(keys)

    def one_of_many(country: str) -> bool:
        return country not in ("", plan.host, plan.origin)

    def gate_name(entries: Mapping[str, object], id: str) -> str:
        seen = id
        while before := str(getattr(entries.get(seen), "supersedes", "")):
            seen = before
        return seen

    for authority in plan.authorities.values():
        if authority.moves:
            found.append(
                PlanEffect(
                    id=f"{authority.id}/gate", source=authority.id, target_kind="transition",
                    targets=moves(authority.moves), kind="gate",
                    starts=draws.begins[authority.id], ends=draws.ends[authority.id],
                    values=ones, gate=gate_name(plan.authorities, authority.id),
                    who=authority.beneficiaries,
                )
            )  # fmt: skip
    for assurance in plan.assurances.values():
        if assurance.moves:
            found.append(
                PlanEffect(
                    id=f"{assurance.id}/gate", source=assurance.id, target_kind="transition",
                    targets=moves(assurance.moves), kind="gate",
                    starts=draws.begins[assurance.id], ends=draws.ends[assurance.id],
                    values=ones, gate=f"{assurance.purpose} {assurance.recipient}",
                    who=assurance.covers, destination=assurance.recipient,
                    one_of_many=one_of_many(assurance.recipient),
                )
            )  # fmt: skip
    for action in plan.actions.values():
        for i, effect in enumerate(action.effects):
            if effect.kind == "brings":
                continue
            start = (draws.starts if effect.at == "start" else draws.finishes)[action.id]
            end = forever
            if effect.until is not None:
                end = np.full(draws.futures, float((effect.until - draws.as_of).days))
            name = f"{action.id}/{effect.kind} {effect.target}"
            if any(one.id == name for one in found):
                name = f"{name} {i + 1}"
            values = ones
            if effect.factor is not None:
                u = stream(draws.seed, "factor", action.id, effect.target).random(draws.futures)
                values = triangular(effect.factor, u)
            if effect.kind == "adds":
                found.append(
                    PlanEffect(name, action.id, "capacity", (effect.target,), "cap", start, end,
                               ones * effect.amount, window_days=effect.per_days)
                )  # fmt: skip
                continue
            kind: Literal["gate", "multiplier"] = (
                "multiplier" if effect.kind == "scales" else "gate"
            )
            target_kind: Literal["transition", "capacity", "finding"] = "transition"
            targets = moves((effect.target,))
            if effect.target in _findings(rulebook):
                target_kind, targets = "finding", (effect.target,)
            elif not targets and effect.kind == "scales":
                target_kind, targets = "capacity", (effect.target,)
            found.append(
                PlanEffect(name, action.id, target_kind, targets, kind, start, end, values,
                           gate=name if kind == "gate" else "", closed=effect.kind == "closes",
                           destination=action.destination,
                           one_of_many=one_of_many(action.destination))
            )  # fmt: skip
    for capacity in plan.capacities.values():
        for i, supply in enumerate(capacity.supplies):
            u = stream(draws.seed, "amount", capacity.id, str(i)).random(draws.futures)
            start = np.full(draws.futures, -math.inf)
            if supply.start:
                start = np.full(draws.futures, float((supply.start - draws.as_of).days))
            end = forever
            if supply.end:
                end = np.full(draws.futures, float((supply.end - draws.as_of).days))
            found.append(
                PlanEffect(f"{capacity.id}/{i + 1}", capacity.id, "capacity", (capacity.id,),
                           "cap", start, end, triangular(supply.amount, u),
                           window_days=supply.per_days, counts=capacity.counts)
            )  # fmt: skip
    for pledge in plan.pledges.values():
        filled = pledge.filled_people
        for i, (start, end) in enumerate(draws.windows[pledge.id]):
            places = pledge.windows[i].places_people
            # Places already used come off the first windows.
            left = max(places - filled, 0)
            filled = max(filled - places, 0)
            if not pledge.capacity or not left:
                continue
            after = pledge.conditional_on
            gone = plan.pledges[after.pledge].filled_people if after is not None else 0
            found.append(
                PlanEffect(f"{pledge.id}/{i + 1}", pledge.id, "capacity", (pledge.capacity,),
                           "cap", start, end, ones * left, after=after, gone=gone,
                           conditions=pledge.conditions, families_only=pledge.families_only,
                           destination=pledge.country,
                           one_of_many=one_of_many(pledge.country))
            )  # fmt: skip
    return PlanEffects(draws, tuple(sorted(found, key=lambda one: one.id)))


def _findings(rulebook: Rulebook) -> frozenset[str]:
    return frozenset(
        finding.key
        for guard in rulebook.safeguards.values()
        for finding in guard.findings.values()
    )
