"""What runs out soon: consents, papers and checks, by the rulebook's own conditions.

Exists so that home, which shows the first few, and the list of the people concerned speak of the
same. Comes in: what may be read and who is here. Goes out: the records that run out within
`SOON_DAYS`, each in few words.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from onward.desk import here, sight, words
from onward.registry.models import PersonNow, ThingNow
from onward.registry.now import kept_rows

SOON_DAYS = 14


def soon(
    about: QuerySet[ThingNow], people: QuerySet[PersonNow], today: date
) -> QuerySet[ThingNow]:
    """What runs out, of people who are here: the exit permit of somebody who has left is not asked
    for again."""
    rows = about.filter(ends__gte=today, ends__lte=today + timedelta(days=SOON_DAYS))
    # Asked of each record that runs out, not of everybody here: those are few.
    return rows.filter(Exists(people.order_by().filter(person=OuterRef("person"))))


def lines(rows: QuerySet[ThingNow], today: date, most: int) -> list[dict[str, Any]]:
    """The first of them: whose, what, on which day, in how many days, and what would be done."""
    found: list[dict[str, Any]] = []
    for row in rows.order_by("ends", "person", "thing")[:most]:
        for clock, day in kept_rows.ends_of(here.rulebook(), row.kind, row.facts):
            if day == row.ends:
                found.append(
                    {"person": row.person, "what": _what(row.kind, row.facts), "day": day,
                     "days": (day - today).days, "remedy": words.translated(clock.remedy)}
                )  # fmt: skip
                break
    return found


def _what(kind: str, facts: Mapping[str, Any]) -> str:
    """What runs out, in few words: "Consent: onward", "Exit permit"."""
    if kind == "consent":
        return _("Consent: %(pathway)s %(to)s") % {
            "pathway": sight.pathway_title(str(facts.get("pathway") or "")),
            "to": here.destination(str(facts["destination"])) if facts.get("destination") else "",
        }  # fmt: skip
    detail = facts.get("type") or facts.get("topic")
    if detail:
        return words.code(str(detail))
    return words.translated(here.rulebook().kinds[kind].title)
