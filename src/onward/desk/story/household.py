"""A household, with what this reader may read of each member.

Exists because people act alone and travel together: who chose what, whose consent runs, who is not
heard yet. Comes in: a reader and a household's id. Goes out: its members, how many are hidden, and
what stands in the way of everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _

from onward.desk import dates, here, sight, words
from onward.registry.models import PersonNow, ThingNow
from onward.registry.permissions.access import Seen
from onward.rulebook.model import Rulebook


@dataclass(frozen=True)
class Member:
    person: str
    role: str
    sex_age: str
    stage: str
    pathway: str
    destination: str
    consent: str
    consent_until: date | None
    bid: str
    adult: bool | None
    opens: bool
    self: bool = False
    split: bool = False
    agreed: bool | None = None


@dataclass(frozen=True)
class Household:
    id: str
    roster: int | None
    members: tuple[Member, ...]
    hidden: int
    split: bool
    warnings: tuple[str, ...]


def household(seen: Seen) -> Household | None:
    """The household of a person with what this reader may read of each member."""
    name = seen.facts.get("household")
    return household_of(seen.reader, str(name), me=seen.person.person) if name else None


def household_of(reader: Any, name: str, me: str = "") -> Household:
    rulebook, today = here.rulebook(), here.today()
    rows = list(PersonNow.objects.filter(household=name).order_by("birth_first", "person"))
    visible = set(reader.people().filter(household=name).values_list("person", flat=True))
    shown = [row for row in rows if row.person in visible]
    things: dict[str, list[ThingNow]] = {}
    # The kind is looked at here: asked of both, the embedded database may read every consent there
    # is instead of these people's few records.
    for thing in ThingNow.objects.filter(person__in=[row.person for row in shown]):
        if thing.kind in ("consent", "assessment"):
            things.setdefault(str(thing.person), []).append(thing)
    roster = ThingNow.objects.filter(kind="household", thing=name).first()
    opens = sight.opening(reader, visible)
    members = [
        _member(
            reader, rulebook, row, things.get(row.person, []), today, me, row.person in opens
        )
        for row in shown
    ]
    choices = {
        (row.pathway, row.destination)
        for row in shown if row.active and "confidential" in reader.classes(row)
    }  # fmt: skip
    split = len(choices) > 1
    size = roster.facts.get("roster_size") if roster else None
    warnings = []
    if split:
        warnings.append(
            _(
                "Members chose differently. Each adult is asked alone; nobody decides for another."
            )
        )
    if isinstance(size, int) and size != sum(1 for row in rows):
        warnings.append(
            _(
                "The roster says %(roster)s people; %(known)s are on record. Steps that need everybody stay blocked until this is settled."
            )
            % {"roster": dates.digits(str(size)), "known": dates.digits(str(len(rows)))}
        )
    if size is None:
        warnings.append(_("How many people belong to the household is not on record."))
    return Household(
        name, size, tuple(
            Member(**{**member.__dict__, "split": split}) for member in members
        ), len(rows) - len(shown), split, tuple(warnings),
    )  # fmt: skip


def _member(
    reader: Any,
    rulebook: Rulebook,
    row: PersonNow,
    things: Sequence[ThingNow],
    today: date,
    me: str,
    opens: bool,
) -> Member:
    classes = reader.classes(row)
    facts = reader.show(
        rulebook, "person",
        {**row.facts, "sex": row.sex, "birth_first": row.birth_first, "birth_last": row.birth_last,
         "stage": row.stage, "intended_pathway": row.pathway,
         "intended_destination": row.destination, "adult": row.adult},
        classes,
    )  # fmt: skip
    days = rulebook.settings.get("consent_valid_days", 0)
    consent, until = "", None
    bid = ""
    for thing in things:
        seen = reader.show(rulebook, thing.kind, thing.facts, classes)
        if (
            thing.kind == "consent"
            and seen.get("pathway")
            and seen.get("pathway") == row.pathway
        ):
            if seen.get("destination") != row.destination:
                continue
            if seen.get("withdrawn"):
                consent = consent or "withdrawn"
            elif seen.get("signed_on"):
                ends = date.fromisoformat(str(seen["signed_on"])) + timedelta(days=days)
                if until is None or ends > until:
                    consent, until = ("valid" if ends >= today else "old"), ends
        if thing.kind == "assessment" and seen.get("topic") == "best_interests":
            bid = words.code(str(seen.get("finding") or ""))
    if row.adult is not True and not bid and "grounds" in classes:
        bid = _("not on record")
    return Member(
        person=row.person,
        role=words.code(str(facts["role_in_household"])) if facts.get("role_in_household") else "",
        sex_age=sight.sex_age(facts, today),
        stage=words.state(rulebook, "stage", facts["stage"]) if "stage" in facts else "",
        pathway=sight.pathway_title(facts["intended_pathway"]) if facts.get("intended_pathway") else "",
        destination=str(facts.get("intended_destination") or ""),
        consent=consent if "confidential" in classes else "hidden",
        consent_until=until,
        bid=bid if row.adult is not True else "",
        adult=facts.get("adult"),
        opens=opens,
        self=row.person == me,
        agreed=facts.get("split_agreed"),
    )  # fmt: skip
