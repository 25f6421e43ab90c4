"""What one account may see of people, as rows and cards for pages.

Comes in: a reader and rows of the projection. Goes out: plain values with everything taken out
that may not be read. A list never holds a name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from onward.desk import dates, here, words
from onward.registry.models import PersonNow
from onward.registry.permissions.access import WITHHELD, Reader, Seen
from onward.registry.recording import duties
from onward.rulebook.draw import stage_rows
from onward.rulebook.model import Rulebook

NEVER_OFFERED = "handover"
"""The one route without consent: last in every list."""


@dataclass(frozen=True)
class Line:
    """One person in a list. A value of None: not on record, or not for this reader."""

    person: str
    household: str | None
    site: str | None
    legal: str | None
    stage: str | None
    place: str | None
    since: date | None
    sex_age: str
    adult: bool | None
    pathway: str | None
    open_steps: int | None
    blocked: bool | None
    active: bool | None
    revision: int
    opens: bool


def opening(reader: Reader, people: Collection[str]) -> set[str]:
    """Those among listed people whose page this reader may open: only they are linked."""
    if reader.opens_all_it_lists:
        return set(people)
    theirs = reader.people("person.read").filter(person__in=people)
    return set(theirs.values_list("person", flat=True))


def short(code: str) -> str:
    """A long random id as people can read it out: its first and last characters."""
    return code if len(code) <= 14 else f"{code[:8]}…{code[-4:]}"


NOT_IN_LISTS = ("facts", "steps", "processes", "held")
"""Columns that no line of a list is made of: not read for one."""


def lines(reader: Reader, rows: Sequence[PersonNow]) -> list[Line]:
    rulebook = here.rulebook()
    today = here.today()
    judged = not here.judging()
    opens = opening(reader, [row.person for row in rows])
    return [
        _line(reader, rulebook, row, today, judged=judged, opens=row.person in opens)
        for row in rows
    ]


def _line(
    reader: Reader,
    rulebook: Rulebook,
    row: PersonNow,
    today: date,
    *,
    judged: bool,
    opens: bool,
) -> Line:
    every = {
        "household": row.household, "site": row.site, "legal": row.legal, "stage": row.stage,
        "place": row.place, "stage_since": row.stage_since, "sex": row.sex, "adult": row.adult,
        "birth_first": row.birth_first, "birth_last": row.birth_last,
        "intended_pathway": row.pathway, "open_steps": row.open_steps, "blocked": row.blocked,
        "active": row.active,
    }  # fmt: skip
    seen = reader.show(rulebook, "person", every, reader.classes(row))
    return Line(
        person=row.person,
        household=seen.get("household"),
        site=seen.get("site"),
        legal=words.state(rulebook, "legal", seen["legal"]) if "legal" in seen else None,
        stage=words.state(rulebook, "stage", seen["stage"]) if "stage" in seen else None,
        place=words.state(rulebook, "place", seen["place"]) if "place" in seen else None,
        since=seen.get("stage_since"),
        sex_age=sex_age(seen, today),
        adult=seen.get("adult"),
        pathway=seen.get("intended_pathway"),
        open_steps=seen.get("open_steps") if judged else None,
        blocked=seen.get("blocked") if judged else None,
        active=seen.get("active"),
        revision=row.revision,
        opens=opens,
    )


def age(first: date | None, last: date | None, today: date) -> str:
    """ "34", or "16 to 18" where the birth date is known only in part."""
    if first is None or last is None:
        return ""
    oldest, youngest = _years(first, today), _years(last, today)
    if oldest == youngest:
        return dates.digits(str(oldest))
    return _("%(from)s to %(to)s") % {
        "from": dates.digits(str(youngest)), "to": dates.digits(str(oldest)),
    }  # fmt: skip


def _years(birth: date, today: date) -> int:
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))


def sex_age(seen: Mapping[str, Any], today: date) -> str:
    said = []
    if seen.get("sex"):
        said.append(words.code(str(seen["sex"])))
    if known := age(seen.get("birth_first"), seen.get("birth_last"), today):
        said.append(known)
    return " · ".join(said)


# ---------------------------------------------------------------------------------------------
# The rulebook's drawing, with one person on it
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stop:
    title: str
    passed: bool
    here: bool
    ends: bool


@dataclass(frozen=True)
class Way:
    """One pathway as a row of stops. kind: common, chosen or other."""

    title: str
    kind: str
    stops: tuple[Stop, ...]


def ways(
    rulebook: Rulebook, stage: str | None, place: str | None, pathway: str | None
) -> list[Way]:
    """The rows of the rulebook's drawing (`rulebook.draw.stage_rows`), with where a person is.

    The chosen pathway comes next to the common steps; the others follow in the rulebook's order.
    """
    common, rows = stage_rows(rulebook)

    def stops(keys: Sequence[tuple[str, str]], all_passed: bool) -> tuple[Stop, ...]:
        at = next(
            (
                i
                for i, (axis, name) in enumerate(keys)
                if name == (stage if axis == "stage" else place)
            ),
            None,
        )
        return tuple(
            Stop(
                words.state(rulebook, axis, name),
                passed=all_passed or (at is not None and i < at),
                here=i == at,
                ends=bool(rulebook.axes[axis].states[name].ends),
            )
            for i, (axis, name) in enumerate(keys)
        )

    # A state that only a refusal leads to is not on anybody's way; it shows where it holds.
    aside = {
        name for name in common
        if (into := [m for m in rulebook.moves().values() if m.targets.get("stage") == name])
        and all(m.records for m in into)
    }  # fmt: skip
    common = [name for name in common if name not in aside or name == stage]
    in_row = {name for row in rows for axis, name in row.states if axis == "stage"}
    found = [
        Way(_("Everybody"), "common", stops([("stage", s) for s in common], stage in in_row))
    ]
    chosen = [row for row in rows if ("stage", stage) in row.states] or [
        row for row in rows if row.pathway == pathway
    ]
    for row in chosen[:1]:
        found.append(Way(pathway_title(row.pathway), "chosen", stops(row.states, False)))
    for row in rows:
        if row not in chosen[:1]:
            found.append(Way(pathway_title(row.pathway), "other", stops(row.states, False)))
    return found


def absent_places(rulebook: Rulebook) -> list[str]:
    """Places of people who are absent: where a step leads that ends in absence."""
    states = rulebook.axes["stage"].states
    ends = {name for name, state in states.items() if state.ends == "absence"}
    found = {
        move.targets["place"]
        for move in rulebook.moves().values()
        if move.targets.get("stage") in ends and "place" in move.targets
    }
    return sorted(found)


def pathway_title(pathway: str) -> str:
    titles = {
        "return": _("Return home"), "protection": _("Protection"),
        "resettlement": _("Resettlement"), "onward": _("Onward departure"),
        "relocation": _("Relocation"), "stay": _("Lawful stay"), "handover": _("Hand-over"),
        "common": _("Everybody"), "chosen": _("The person's choice"),
    }  # fmt: skip
    return titles.get(pathway, pathway.replace("_", " "))


# ---------------------------------------------------------------------------------------------
# Next steps
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Why:
    """One finding that fails, as far as this reader may be told."""

    title: str
    sentence: str
    remedy: str
    owner: str
    by_person: bool
    hard: bool
    source: str
    withheld: bool = False


@dataclass(frozen=True)
class Step:
    """One next step of a person: open, or blocked and why."""

    move: str
    title: str
    pathway: str
    destination: str | None
    open: bool
    why: tuple[Why, ...]
    may: bool

    @property
    def held_by(self) -> str:
        return ngettext(
            "%(number)s safeguard not met", "%(number)s safeguards not met", len(self.why)
        ) % {"number": dates.digits(str(len(self.why)))}


def steps(seen: Seen) -> dict[str, list[Step]]:
    """Next steps in three groups: own (the chosen pathway and common steps), choices, others."""
    rulebook = here.rulebook()
    moves = rulebook.moves()
    pathway = seen.facts.get("intended_pathway")
    groups: dict[str, list[Step]] = {"own": [], "choices": [], "others": []}
    for raw in seen.facts.get("steps") or []:
        move = moves.get(raw["move"])
        if move is None:
            continue
        step = Step(
            move=raw["move"],
            title=pathway_title(move.pathway)
            if rulebook.transitions[move.transition].pathway == "chosen"
            else words.move(rulebook, raw["move"]),
            pathway=move.pathway,
            # Whoever is heard or counselled goes nowhere by it, whatever was chosen before.
            destination=None if move.pathway == "common" else raw.get("destination"),
            open=bool(raw["open"]),
            why=tuple(whys(seen, rulebook, raw["failed"])),
            may=seen.may(action_of(rulebook, raw["move"])),
        )
        if rulebook.transitions[move.transition].pathway == "chosen":
            groups["choices"].append(step)
        elif move.pathway in (pathway, "common"):
            groups["own"].append(step)
        else:
            groups["others"].append(step)
    for group in groups.values():
        group.sort(key=lambda step: (step.pathway == NEVER_OFFERED, not step.open))
    return groups


def action_of(rulebook: Rulebook, move_key: str) -> str:
    """The action of the table of roles that authorising a move needs."""
    return duties.to_authorise(rulebook, move_key)[0]


def whys(seen: Seen, rulebook: Rulebook, keys: Sequence[str]) -> list[Why]:
    findings = {
        finding.key: (safeguard, finding)
        for safeguard in rulebook.safeguards.values()
        for finding in safeguard.findings.values()
    }
    found = []
    for key in seen.failed(keys):
        if key == WITHHELD or key not in findings:
            found.append(
                Why(
                    "",
                    _("Something that your role may not read is not met."),
                    "",
                    "",
                    False,
                    True,
                    "",
                    True,
                )
            )
            continue
        safeguard, finding = findings[key]
        found.append(
            Why(
                words.translated(safeguard.title), words.translated(finding.sentence),
                words.translated(finding.remedy), words.translated(finding.owner_role),
                finding.owner == "person", finding.hard, safeguard.source,
            )
        )  # fmt: skip
    return found
