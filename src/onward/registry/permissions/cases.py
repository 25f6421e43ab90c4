"""Which cases of a proposal of places an account sees: a case is its people, and nothing else.

Exists because a line about a case says what its people agreed to, speak and wait for, so it may
be read by whoever may read that of every one of them, and a case out of reach is as one that is
not there. Comes in: a `Reader` and an action of the table of roles. Goes out: whether a case is
seen, its people (written down as seen before anything is shown), or `Hidden`.

    cases = Cases(reader, "placement.read")
    lines = [line for line in proposal if cases.sees(line["case"])]
    cases.listed((line["case"] for line in lines), place="places")
    people = cases.open(case, place="place")             # one case: logged, or Hidden

A case is called after the people it holds: `household/H1`, `household/H1/2` where a household
chose differently, `person/P1` for somebody of no household. Where nobody is in such a case any
more, because they left or chose anew, it is those of the household it is called after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from django.db.models import Q, QuerySet

from onward.registry.models import PersonNow
from onward.registry.permissions.access import Hidden, Reader
from onward.registry.permissions.access_log import log

TOLD = ("internal", "biodata", "confidential")
"""The classes of fields that a line about a case tells of its people."""
NEEDS = "needs"
"""The class of what somebody needs, which only some of those who see a case may read."""


class Cases:
    """The cases that one reader sees; made once per request, and asks for people when it must."""

    def __init__(self, reader: Reader, action: str = "placement.read") -> None:
        self.reader, self.action = reader, action

    @cached_property
    def everybodys(self) -> bool:
        """Whether no case is out of reach, whoever is in it."""
        return all("operation" in reach for reach in self._reaches)

    @property
    def _reaches(self) -> list[frozenset[str]]:
        reader = self.reader
        return [reader.reach_of(self.action), *(reader.reach_to_read(one) for one in TOLD)]

    def _theirs(self) -> QuerySet[PersonNow]:
        found = self.reader.people(self.action)
        for class_ in TOLD:
            found = found.filter(self.reader.within(class_))
        return found

    @cached_property
    def _within(self) -> _Named:
        """The people in reach, by what a case can be called after."""
        return _Named(self._theirs())

    @cached_property
    def _beyond(self) -> _Named:
        """Those out of reach who are in a case or a household with somebody in reach."""
        theirs = self._theirs()
        return _Named(
            PersonNow.objects.exclude(person__in=theirs.values("person")).filter(
                Q(unit__in=theirs.values("unit")) | Q(household__in=theirs.values("household"))
            )
        )

    def sees(self, case: str) -> bool:
        """Whether everybody in a case is in reach; a case of nobody is seen by nobody but whoever
        sees them all."""
        if self.everybodys:
            return True
        if case in self._within.units or case in self._beyond.units:
            return case in self._within.units and case not in self._beyond.units
        return any(
            name in self._within.names and name not in self._beyond.names
            for name in _called_after(case)
        )

    def parted(self, case: str) -> bool:
        """Whether some of the people in a case are in reach and some are not: a family with
        members in two offices, on which nobody of one of them decides."""
        if self.everybodys:
            return False
        if case in self._within.units or case in self._beyond.units:
            return case in self._within.units and case in self._beyond.units
        return any(
            name in self._within.names and name in self._beyond.names
            for name in _called_after(case)
        )

    @property
    def tell_needs(self) -> bool:
        """Whether what the people of the cases in reach need may be read as well."""
        needs = self.reader.reach_to_read(NEEDS)
        limits = (reach for reach in self._reaches if "operation" not in reach)
        return "operation" in needs or any(reach <= needs for reach in limits)

    @staticmethod
    def people_of(cases: Iterable[str]) -> Mapping[str, list[PersonNow]]:
        """The people of some cases, whoever may see them, in one statement."""
        after = {case: _called_after(case) for case in cases}
        wanted = {name for names in after.values() for name in names}
        asked = Q(household__in=[name for kind, name in wanted if kind != "person"])
        asked |= Q(person__in=[name for kind, name in wanted if kind == "person"])
        # Households and people stand in an index, so a rulebook's own kind of case is asked apart.
        if own := [case for case in after if not case.startswith(("household/", "person/"))]:
            asked |= Q(unit__in=own)
        by_unit: dict[str, list[PersonNow]] = {}
        by_name: dict[tuple[str, str], list[PersonNow]] = {}
        rows = PersonNow.objects.filter(asked).order_by("person") if after else ()
        for row in rows:
            by_unit.setdefault(str(row.unit), []).append(row)
            for name in _names_of(row.person, row.household):
                by_name.setdefault(name, []).append(row)
        return {
            case: by_unit.get(case)
            or next((by_name[name] for name in names if name in by_name), [])
            for case, names in after.items()
        }

    def listed(self, cases: Iterable[str], *, place: str) -> Mapping[str, list[PersonNow]]:
        """The people of the cases that are shown, written down as seen, all with one line."""
        found = self.people_of(dict.fromkeys(cases))
        people = {row.person: row for rows in found.values() for row in rows}
        self.reader.listed(list(people.values()), place=place, action=self.action)
        return found

    def open(self, case: str, *, place: str) -> Sequence[PersonNow]:
        """The people of one case; the look is logged first.

        raises  Hidden, also when there is no such case
        """
        people = self.people_of([case])[case] if self.sees(case) else []
        if not people:
            raise self.hidden(case, place=place)
        self.reader.listed(people, place=place, action=self.action)
        return people

    def hidden(self, case: str, *, place: str) -> Hidden:
        """What is raised of a case that is not there or not for this account; it is logged."""
        log(self.reader.account, self.action, person=case, allowed=False, place=place)
        return Hidden()


class _Named:
    """People by the case they are in, and by what a case can be called after."""

    def __init__(self, people: QuerySet[PersonNow]) -> None:
        self.units: set[str] = set()
        self.names: set[tuple[str, str]] = set()
        for person, unit, household in people.values_list("person", "unit", "household"):
            if unit is not None:
                self.units.add(unit)
            self.names.update(_names_of(person, household))


def _names_of(person: str, household: str | None) -> list[tuple[str, str]]:
    return [("person", person), *([("household", household)] if household else [])]


def _called_after(case: str) -> list[tuple[str, str]]:
    """What a case is called after: a household, also without its number, or a person."""
    kind, _sign, name = case.partition("/")
    whole, _sign, number = name.rpartition("/")
    named = [name, *([whole] if whole and number.isdecimal() else [])]
    return [("person" if kind == "person" else "household", one) for one in named if one]
