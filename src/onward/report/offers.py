"""Which offers of places an audience may know of, and which words would give the others away.

Comes in: the plan and an audience. Goes out: the offers that may be listed, and a yes or no to
whether a sentence keeps quiet about the rest.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from onward.plan.model import Plan, Pledge
from onward.report.disclosure import Audience


class Offers:
    """The pledges of a plan, as one audience may know them."""

    def __init__(self, plan: Plan | None, audience: Audience) -> None:
        told = ("public", "partners") if audience == "internal" else ("public",)
        everything = list(plan.pledges.values()) if plan else []
        self.known: list[Pledge] = [p for p in everything if p.confidentiality in told]
        self._closed = [p for p in everything if p.confidentiality not in told]

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Words that would name a pledge this audience may not know of."""
        found = {word for p in self._closed for word in (p.id, p.title, p.country)}
        return frozenset(found - {p.country for p in self.known})

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
        return not any(secret in whole for secret in self.secrets)
