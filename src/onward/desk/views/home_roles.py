"""Home for who does not do casework: a doctor, a clerk, a partner, whoever watches or holds keys.

Each is told of what their own fields and actions reach and of nothing else: whether somebody's
next step is blocked is casework, so a doctor is told which health checks are missing, a clerk which
identities are open, and neither what these hold back.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onward.desk import here, totals, words
from onward.registry.models import Account, Alarm, PersonNow, ThingNow

SHOWN = 8


@dataclass(frozen=True)
class Gap:
    """One fact that somebody's work fills in.

    lacks   those of some people in whom it is still missing
    """

    fact: str
    action: str
    title: Any
    lacks: Callable[[QuerySet[PersonNow], date], QuerySet[PersonNow]]


def _unchecked(people: QuerySet[PersonNow], today: date) -> QuerySet[PersonNow]:
    checked = people.filter(facts__fitness_checked_on__lte=today.isoformat())
    return people.exclude(person__in=checked.values("person"))


def _escort(people: QuerySet[PersonNow], today: date) -> QuerySet[PersonNow]:
    arranged = people.filter(facts__escort_arranged=True)
    needed = people.filter(facts__fitness_finding="fit_with_escort")
    return needed.exclude(person__in=arranged.values("person"))


def _unresolved(people: QuerySet[PersonNow], today: date) -> QuerySet[PersonNow]:
    resolved = people.filter(facts__identity_resolved=True)
    return people.exclude(person__in=resolved.values("person"))


def _double(people: QuerySet[PersonNow], today: date) -> QuerySet[PersonNow]:
    return people.filter(facts__open_duplicate=True)


GAPS = (
    Gap("escort_arranged", "person.record_medical", gettext_lazy("Fit with an escort, and none arranged"), _escort),
    Gap("fitness_checked_on", "person.record_medical", gettext_lazy("No health check on record"), _unchecked),
    Gap("identity_resolved", "person.register", gettext_lazy("Identity not resolved yet"), _unresolved),
    Gap("open_duplicate", "person.register", gettext_lazy("Possible duplicate still open"), _double),
)  # fmt: skip


def with_people(reader: Any, people: QuerySet[PersonNow], today: date) -> dict[str, Any]:
    """What somebody who lists people without reading casework has to do today."""
    rulebook = here.rulebook()
    readable = frozenset(c for c in reader.rules.classes if reader.reads_somewhere(c))
    declared = rulebook.kinds["person"].facts
    gaps = []
    for gap in GAPS:
        if not reader.may(gap.action) or gap.fact not in declared:
            continue
        if gap.fact not in reader.columns(rulebook, "person", readable):
            continue
        class_ = reader.rules.field_classes(rulebook)["person"][gap.fact]
        rows = gap.lacks(people.filter(reader.within(class_)), today)
        gaps.append(
            {"title": gap.title, "people": totals.total(rows), "remedy": _remedy(reader, gap.fact),
             "rows": [row.person for row in rows.order_by("registered_on", "person")[:SHOWN]]}
        )  # fmt: skip
    shown: dict[str, Any] = {"gaps": gaps, "own": True}
    if reader.may("calendar.read"):
        theirs = reader.things("internal").filter(kind="appointment", due=today)
        shown["meetings"] = [
            {"person": row.person, "at": row.facts.get("starts_at"), "room": row.facts.get("room")}
            for row in sorted(theirs, key=lambda row: str(row.facts.get("starts_at") or ""))
        ][:SHOWN]  # fmt: skip
    if reader.may("headcount.record"):
        shown["counted"] = ThingNow.objects.filter(
            kind="headcount", facts__day=today.isoformat()
        ).exists()
    if not gaps:
        shown["listed"] = [
            row.person for row in people.order_by("-registered_on", "person")[:SHOWN]
        ]
    return shown


def _remedy(reader: Any, fact: str) -> str:
    """What the rulebook says would lift it, of a finding this reader may be told."""
    for safeguard in here.rulebook().safeguards.values():
        for finding in safeguard.findings.values():
            if re.search(rf"\b{fact}\b", finding.condition) and reader.told_of(
                here.rulebook(), finding.key
            ):
                return words.translated(finding.remedy)
    return ""


def without_people(reader: Any) -> list[dict[str, Any]]:
    """What waits for who works without people's records: (number, what, page)."""
    lines: list[dict[str, Any]] = []
    if reader.may("audit.read"):
        lines.append(
            {"number": Alarm.objects.filter(seen_at=None).count(), "page": "desk:alarms",
             "what": _("alarms nobody has looked at")}
        )  # fmt: skip
    if reader.may("account.manage"):
        lines.append(
            {"number": Account.objects.filter(is_active=True).exclude(frozen_at=None).count(),
             "page": "desk:administration", "what": _("accounts that are frozen")}
        )  # fmt: skip
    return lines
