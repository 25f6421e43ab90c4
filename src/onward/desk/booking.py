"""Rooms, officers and interpreters of appointments: nobody in two places, nobody unwanted.

Comes in: appointments somebody wants to make or change. Goes out: why they cannot be made, said
by time and never by person, and what to look at first (a language the interpreter does not
speak, a day they do not work). An interpreter stands here under a code of the office's own;
who they are is not kept with the people they speak for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.translation import gettext as _

from onward.desk import dates, here, words
from onward.registry.log.db_store import DatabaseStore
from onward.registry.models import EventRow, ThingNow

if TYPE_CHECKING:
    from onward.desk.forms import Form

KIND, ROSTER, UNWANTED = "appointment", "interpreter", "not_interpreter"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FREED = ("cancelled", "not_held")
"""States of an appointment in which nobody sits in the room."""
NEAR = ({"fa", "prs"}, {"ku", "kmr"})
"""Languages whose speakers understand each other well enough not to be warned of."""


@dataclass(frozen=True)
class Interpreter:
    """One line of the roster. `bound_until` None: not known to be vetted."""

    code: str
    languages: tuple[str, ...]
    sex: str
    days: tuple[str, ...]
    bound_until: date | None
    active: bool

    @property
    def said(self) -> str:
        """Code, languages and sex, as a list shows them."""
        spoken = ", ".join(words.language(each) for each in self.languages) or _("no language")
        return " · ".join(
            filter(None, (self.code, spoken, words.code(self.sex) if self.sex else ""))
        )

    def speaks(self, language: str) -> bool:
        plain = language.split("-")[0]
        known = {plain, *(near for group in NEAR if plain in group for near in group)}
        return bool(known & set(self.languages))


def has_roster() -> bool:
    """Whether the rulebook in force knows of interpreters."""
    return ROSTER in here.rulebook().kinds


def roster(*, active: bool = True) -> list[Interpreter]:
    """The interpreters, by code."""
    if not has_roster():
        return []
    found = []
    for row in ThingNow.objects.filter(kind=ROSTER).order_by("thing"):
        facts = row.facts
        if active and facts.get("on_roster") is False:
            continue
        until = facts.get("bound_until")
        found.append(
            Interpreter(
                row.thing, tuple(facts.get("languages") or ()), str(facts.get("sex") or ""),
                tuple(facts.get("days") or ()), date.fromisoformat(str(until)) if until else None,
                facts.get("on_roster") is not False,
            )
        )  # fmt: skip
    return found


def unwanted(people: Iterable[str]) -> dict[str, set[str]]:
    """person -> codes of interpreters who may not be booked for that person."""
    found: dict[str, set[str]] = {}
    if has_roster():
        for row in ThingNow.objects.filter(kind=UNWANTED, person__in=list(people)):
            if row.facts.get("interpreter_code") and not row.facts.get("lifted"):
                found.setdefault(str(row.person), set()).add(str(row.facts["interpreter_code"]))
    return found


class Clash(NamedTuple):
    """Why an appointment cannot be made, and the field that says so; "" where it is the people."""

    said: str
    field: str = ""


def clashes(planned: Sequence[Mapping[str, Any]], *, but: str = "") -> list[Clash]:
    """Why these appointments cannot be made; empty when they can.

    planned  their facts with `person`, `day`, `starts_at`, in the order of the day
    but      an appointment that is being changed: it does not clash with itself
    """
    there = [
        row.facts
        for row in ThingNow.objects.filter(
            kind=KIND, facts__day__in=sorted({str(mine["day"]) for mine in planned})
        ).exclude(thing=but)
        if row.facts.get("state") not in FREED
    ]  # fmt: skip
    known = {each.code for each in roster()}
    barred = unwanted({str(mine.get("person")) for mine in planned})
    said = []
    if ends(planned[-1]) > 24 * 60:
        late = _("The last appointment would end after midnight. Schedule fewer people or start earlier.")  # fmt: skip
        said.append(Clash(late, "starts_at"))
    for mine in planned:
        code = str(mine.get("interpreter_code") or "")
        if code and code not in known:
            said.append(Clash(_("This interpreter is not on the roster."), "interpreter_code"))
        if code in barred.get(str(mine.get("person")), ()):
            unwelcome = _("This interpreter cannot be booked for one of these people.")
            said.append(Clash(unwelcome, "interpreter_code"))
        for other in sorted(there, key=begins):
            if _at_once(mine, other):
                said += _both(mine, other)
    return list(dict.fromkeys(said))


@dataclass(frozen=True)
class Choice:
    """A room or an interpreter for one appointment. `said`: what to look at, or why it is taken."""

    value: str
    word: str
    said: str = ""


@dataclass(frozen=True)
class Choices:
    """Free ones first, then those to look at, then those that are taken at that hour."""

    free: tuple[Choice, ...]
    look: tuple[Choice, ...]
    taken: tuple[Choice, ...]


def rooms_known(since: date) -> list[str]:
    """The rooms that appointments were in since a day, each as it was written last."""
    rows = (
        ThingNow.objects.filter(kind=KIND, facts__day__gte=since.isoformat())
        .exclude(facts__room=None).values_list("facts__room", flat=True).distinct()
    )  # fmt: skip
    return sorted({plain(room): str(room) for room in rows if plain(room)}.values())


def rooms_for(
    mine: Mapping[str, Any], there: Sequence[Mapping[str, Any]], rooms: Sequence[str]
) -> Choices:
    """Which rooms are free at the hour of an appointment.

    there  the facts of other appointments on that day that take place
    """
    held = {plain(one.get("room")): one for one in there if _at_once(mine, one)}
    free = [Choice(room, room) for room in rooms if plain(room) not in held]
    taken = [
        Choice(room, room, _until(held[plain(room)])) for room in rooms if plain(room) in held
    ]
    return Choices(tuple(free), (), tuple(taken))


def interpreters_for(
    mine: Mapping[str, Any], there: Sequence[Mapping[str, Any]], people: Sequence[Interpreter],
    barred: Iterable[str],
) -> Choices:  # fmt: skip
    """Who could interpret: free and fit first, then those to look at, then the taken ones. Who
    must not be booked for this person is not offered."""
    held = {str(one.get("interpreter_code")): one for one in there if _at_once(mine, one)}
    free, look, taken = [], [], []
    for one in people:
        if one.code in set(barred):
            continue
        if one.code in held:
            taken.append(Choice(one.code, one.said, _until(held[one.code])))
        elif said := _look_first(mine, one):
            look.append(Choice(one.code, one.said, " ".join(said)))
        else:
            free.append(Choice(one.code, one.said))
    return Choices(tuple(free), tuple(look), tuple(taken))


def _at_once(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return str(other.get("day")) == str(mine["day"]) and (
        begins(mine) < ends(other) and begins(other) < ends(mine)
    )


def _until(other: Mapping[str, Any]) -> str:
    return _("taken from %(from)s to %(to)s") % {
        "from": _hour(begins(other)), "to": _hour(ends(other)),
    }  # fmt: skip


def _hour(minutes: int) -> str:
    return dates.digits(f"{minutes // 60 % 24:02}:{minutes % 60:02}")


def told(clashes: Iterable[Clash], form: Form) -> list[str]:
    """Says clashes beside their fields of a form; those without a field on it are given back."""
    rest = []
    for clash in clashes:
        field = form.get(clash.field)
        if field is None:
            rest.append(clash.said)
        elif not field.error:
            field.error = clash.said
    return rest


@contextmanager
def alone() -> Iterator[None]:
    """Looking and writing with nobody in between: two officers never take one room at once."""
    with DatabaseStore(here.operation().settings.id).writing():
        yield


def was_sent(key: str) -> bool:
    """Whether what this form asks was recorded already: sent again, it clashes with itself."""
    return EventRow.objects.filter(key__in=(key, f"{key}/0")).exists()


def _both(mine: Mapping[str, Any], other: Mapping[str, Any]) -> list[Clash]:
    at = {"time": dates.digits(str(mine["starts_at"])), "when": f"{_hour(begins(other))}–{_hour(ends(other))}"}  # fmt: skip
    said = []
    if mine.get("room") and plain(mine["room"]) == plain(other.get("room")):
        said.append(Clash(_("%(time)s: the room is taken (%(when)s).") % at, "room"))
    if mine.get("officer") and mine["officer"] == other.get("officer"):
        said.append(
            Clash(
                _("%(time)s: the officer has another appointment (%(when)s).") % at, "officer"
            )
        )
    code = mine.get("interpreter_code")
    if code and code == other.get("interpreter_code"):
        said.append(
            Clash(
                _("%(time)s: the interpreter has another appointment (%(when)s).") % at,
                "interpreter_code",
            )
        )
    if other.get("person") == mine.get("person"):
        said.append(
            Clash(_("%(time)s: one of these people has another appointment (%(when)s).") % at)
        )
    return said


def plain(room: Any) -> str:
    """A room as a person means it: "Tent 3" and "tent  3" are one."""
    return " ".join(str(room or "").casefold().split())


def warnings(planned: Sequence[Mapping[str, Any]]) -> list[str]:
    """What to look at before these appointments are made; they can be made all the same."""
    by_code = {each.code: each for each in roster()}
    said = []
    for mine in planned:
        found = by_code.get(str(mine.get("interpreter_code") or ""))
        if found is None:
            continue
        said += _look_first(mine, found)
    return list(dict.fromkeys(said))


def _look_first(mine: Mapping[str, Any], found: Interpreter) -> list[str]:
    said = []
    day = date.fromisoformat(str(mine["day"]))
    language = str(mine.get("interpreter") or "")
    if language and not found.speaks(language):
        said.append(
            _("%(time)s: the interpreter is not known to speak %(language)s.")
            % {"time": dates.digits(str(mine["starts_at"])), "language": words.language(language)}
        )  # fmt: skip
    if found.days and DAYS[day.weekday()] not in found.days:
        said.append(_("The interpreter does not work on that day of the week."))
    if found.bound_until is None or found.bound_until < day:
        said.append(_("The interpreter is not known to be vetted and bound to confidence on that day."))  # fmt: skip
    return said


def moment(text: str) -> datetime | None:
    """A time of day as people type it."""
    found = re.fullmatch(r"(\d{1,2})[:.](\d{2})", dates.western(text))
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        return None
    return datetime(2000, 1, 1, int(found[1]), int(found[2]))  # noqa: DTZ001


def begins(facts: Mapping[str, Any]) -> int:
    start = moment(str(facts.get("starts_at") or ""))
    return start.hour * 60 + start.minute if start else 0


def ends(facts: Mapping[str, Any]) -> int:
    return begins(facts) + int(facts.get("minutes") or 60)
