"""Which offers and work of a plan an audience may know of, and which words would give the others away.

Comes in: the plan and an audience. Goes out: the offers that may be listed, a yes or no to whether
a sentence keeps quiet about the rest, and the plan with what is sensitive by no name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from onward.plan.model import Plan, Pledge
from onward.report.disclosure import Audience

KEPT = "Kept in confidence"
"""What sensitive work is called in a report: most who read one may not see more."""

WORK = ("authorities", "assurances", "actions", "deadlines", "milestones")


def discreet(plan: Plan) -> Plan:
    """The plan with its sensitive work by no name and no owner; its days stay, offers are as they are."""

    def told(group: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: replace(one, title=KEPT, **({"owner": "–"} if hasattr(one, "owner") else {}))
            if one.confidentiality == "sensitive" else one
            for name, one in group.items()
        }  # fmt: skip

    work: dict[str, Any] = {name: told(getattr(plan, name)) for name in WORK}
    return replace(plan, **work)


def sensitive_work(plan: Plan) -> frozenset[str]:
    """The titles of what is sensitive in a plan besides its offers."""
    groups = (getattr(plan, name).values() for name in WORK)
    return frozenset(
        one.title for group in groups for one in group if one.confidentiality == "sensitive"
    )


def sensitive_names(plan: Plan | None) -> frozenset[str]:
    """The ids and titles of everything sensitive in a plan, offers and work."""
    return _names(plan, sensitive=True)


def open_names(plan: Plan | None) -> frozenset[str]:
    """The ids and titles of everything in a plan that is not sensitive."""
    return _names(plan, sensitive=False)


def _names(plan: Plan | None, *, sensitive: bool) -> frozenset[str]:
    if plan is None:
        return frozenset()
    groups = (plan.pledges, *(getattr(plan, name) for name in WORK))
    return frozenset(
        name
        for group in groups
        for key, one in group.items()
        if (one.confidentiality == "sensitive") is sensitive
        for name in (key, one.title)
    )


class Offers:
    """The pledges of a plan, as one audience may know them."""

    def __init__(self, plan: Plan | None, audience: Audience, *, work: bool = False) -> None:
        """
        work  whether sensitive work is kept quiet as well, as in a report
        """
        self._work = sensitive_work(plan) | {KEPT} if work and plan else frozenset()
        told = ("public", "partners") if audience == "internal" else ("public",)
        everything = list(plan.pledges.values()) if plan else []
        self.known: list[Pledge] = [p for p in everything if p.confidentiality in told]
        self._closed = [p for p in everything if p.confidentiality not in told]
        self._names = plan.country_names if plan else {}
        self._ours = (plan.origin, plan.host) if plan else ()

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Words that would name a pledge this audience may not know of."""
        found = {word for p in self._closed for word in (p.id, p.title)}
        countries = {p.country for p in self._closed} - {p.country for p in self.known}
        named = (
            name
            for code in countries
            if code not in self._ours
            for name in self._names.get(code, ())
        )
        return frozenset({*found, *countries, *named})

    @cached_property
    def _closed_capacities(self) -> frozenset[str | None]:
        """Capacities that only offers made in confidence fill."""
        return frozenset({p.capacity for p in self._closed} - {p.capacity for p in self.known})

    def tells_nothing(self, reason: str, *texts: Any) -> bool:
        """Whether a reason why people stay, by its name in a forecast, gives no offer away."""
        return reason not in self._closed_capacities and self.quiet(reason, *texts)

    def quiet(self, *texts: Any) -> bool:
        """Whether nothing in these words names a pledge that is kept in confidence."""
        whole = " ".join(str(text) for text in texts)
        return not any(secret in whole for secret in self.secrets | self._work)
