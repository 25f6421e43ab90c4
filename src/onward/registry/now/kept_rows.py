"""What is kept of every person and thing beside the log, made from a caseload and its steps.

Exists so that whoever keeps rows, for everybody, a neighbourhood or one thing, makes the same
ones. Pure: in come a caseload and next steps; out come rows as `models.projection` has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from onward.caseload import Caseload, Event, contacts
from onward.plan.clocks import Clock, clocks
from onward.rulebook.model import Rulebook
from onward.safeguards.evaluate import PATHWAY_OWN
from onward.safeguards.everybody import NextSteps
from onward.safeguards.help import own_steps

PERSON, HOUSEHOLD = "person", "household"

SEVERE = 1


FIELDS = (
    "household", "unit", "site", "legal", "stage", "place", "legal_since", "stage_since",
    "place_since", "active", "adult", "sex", "group", "birth_first", "birth_last",
    "registered_on",
)  # fmt: skip
"""Columns of a person that have a column of their own in `PersonNow`."""


CHOSEN = ("intended_pathway", "intended_destination")
"""Those that have one under another name."""


def person_rows(
    caseload: Caseload, steps: NextSteps, revisions: Mapping[str, int]
) -> list[dict[str, Any]]:
    """What `PersonNow` keeps of every person of a caseload."""
    listed = steps_of(steps)
    own = _own_open(steps)
    known = {*FIELDS, *CHOSEN, "id", "first_on"}
    rows = []
    for row in caseload.people.to_pylist():
        person = row["id"]
        processes = [
            name.removeprefix("process_")
            for name, value in row.items()
            if name.startswith("process_") and value
        ]
        facts = {
            name: plain(value)
            for name, value in row.items()
            if name not in known and not name.startswith("process_") and value is not None
        }
        here = listed.get(person, [])
        blocked = bool(row.get("active")) and not own.get(person, False)
        rows.append(
            {
                "person": person,
                **{name: row.get(name) for name in FIELDS},
                "first_on": row["first_on"],
                "office": row.get("site") or "",
                "pathway": row.get("intended_pathway"),
                "destination": row.get("intended_destination"),
                "processes": processes,
                "facts": facts,
                "steps": here,
                "steps_on": caseload.as_of,
                "open_steps": sum(step["open"] for step in here),
                "blocked": blocked,
                "held": held_of(here, row.get("intended_pathway")) if blocked else "",
                "revision": revisions.get(person, 0),
            }
        )
    return rows


def steps_of(steps: NextSteps) -> dict[str, list[dict[str, Any]]]:
    """Every person's next steps, as pages list them."""
    rulebook = steps.caseload.rulebook
    destinations = steps.caseload.people["intended_destination"].to_pylist()
    found: dict[str, list[dict[str, Any]]] = {}
    persons = steps.table["person"].to_pylist()
    opens = steps.table["open"].to_pylist()
    for number, person in enumerate(persons):
        move = steps.moves[int(steps.step[number])]
        found.setdefault(person, []).append(
            {
                "move": move.key,
                "title": rulebook.transitions[move.transition].title,
                "pathway": move.pathway,
                "destination": destinations[int(steps.person_row[number])],
                "open": bool(opens[number]),
                "failed": list(steps.failed_findings(number)),
            }
        )
    return found


def held_of(steps: Sequence[Mapping[str, Any]], pathway: str | None) -> str:
    """The findings that hold somebody's own steps back, as `PersonNow.held` keeps them."""
    found = {
        key: None
        for step in steps
        if step["pathway"] in (pathway, *PATHWAY_OWN) and not step["open"]
        for key in step["failed"]
    }
    return f" {' '.join(sorted(found))} " if found else ""


def _own_open(steps: NextSteps) -> dict[str, bool]:
    own = own_steps(steps)
    opens = steps.table["open"].to_pylist()
    found: dict[str, bool] = {}
    for number, person in enumerate(steps.table["person"].to_pylist()):
        if own[number]:
            found[person] = found.get(person, False) or bool(opens[number])
    return found


def thing_rows(
    caseload: Caseload,
    revisions: Mapping[tuple[str, str], int],
    sites: Mapping[str, str | None] | None = None,
) -> list[dict[str, Any]]:
    """What `ThingNow` keeps of everything that is not a person.

    sites  the site of each person; None: as the caseload has it
    """
    if sites is None:
        people = caseload.people
        # A rulebook of one place says of nobody where they live.
        where = people["site"].to_pylist() if "site" in people.column_names else []
        sites = dict(zip(people["id"].to_pylist(), where, strict=True)) if where else {}
    ends_of = ends(caseload.rulebook)
    rows = []
    for kind, table in caseload.tables.items():
        if kind == PERSON or kind not in caseload.rulebook.kinds:
            continue
        refs = caseload.rulebook.kinds[kind].refs
        for row in table.to_pylist():
            facts = {
                name: plain(value)
                for name, value in row.items()
                if name not in ("id", "first_on") and value is not None
            }
            person = row.get("person") if "person" in refs else None
            due, contact = due_on(caseload.rulebook, kind, row), kind == contacts.KIND
            rows.append(
                {
                    "kind": kind,
                    "thing": row["id"],
                    "person": person,
                    "office": (sites.get(person) or "") if person is not None else None,
                    "due": due,
                    "tried": row.get("done_on") if contact and due is not None else None,
                    "concern": contact and contacts.is_to_be_looked_at(row, caseload.rulebook),
                    "ends": ends_of(kind, row),
                    "household": row["id"] if kind == HOUSEHOLD else row.get("household"),
                    "facts": facts,
                    "first_on": row.get("first_on"),
                    "revision": revisions.get((kind, row["id"]), 0),
                }
            )
    return rows


def due_on(rulebook: Rulebook, kind: str, row: Mapping[str, Any]) -> date | None:
    """From when somebody has to see to a thing; None: nobody has to, or somebody has."""
    if kind == "appointment" and row.get("state") == "planned":
        return row.get("day")
    if kind == contacts.KIND and contacts.is_to_be_looked_at(row, rulebook):
        return row.get("done_on") or row.get("due_on") or row.get("first_on")
    if kind == contacts.KIND and contacts.is_still_to_be_made(row):
        return row.get("due_on")  # silence is not safety: who was not reached is looked for
    if kind == "complaint" and row.get("triaged") is False:
        return row.get("first_on")
    if kind == "incident" and row.get("severity") == SEVERE and row.get("reviewed") is False:
        return row.get("first_on")
    return None


def ends(rulebook: Rulebook) -> Callable[[str, Mapping[str, Any]], date | None]:
    """What says of a thing on which day it stops counting: the earliest, where several apply."""

    def of(kind: str, row: Mapping[str, Any]) -> date | None:
        days = [end for _clock, end in ends_of(rulebook, kind, row)]
        return min(days, default=None)

    return of


def ends_of(rulebook: Rulebook, kind: str, row: Mapping[str, Any]) -> list[tuple[Clock, date]]:
    """The clocks of the rulebook's conditions that run for a thing about a person, and when."""
    found = []
    for clock in _clocks(rulebook).get(kind, ()):
        value = row.get(clock.column)
        if isinstance(value, str):
            value = date.fromisoformat(value)
        if value is None or any(
            (row.get(rule.column) in rule.values) == rule.negated
            for rule in clock.filters
            if rule.column in rulebook.kinds[kind].facts
        ):
            continue
        found.append((clock, value + timedelta(days=clock.days)))
    return found


_clocks_of: dict[str, dict[str, list[Clock]]] = {}


def _clocks(rulebook: Rulebook) -> dict[str, list[Clock]]:
    if rulebook.hash not in _clocks_of:
        _clocks_of.clear()
        found: dict[str, list[Clock]] = {}
        for clock in clocks(rulebook):
            kind = rulebook.kinds.get(clock.kind)
            if kind is not None and "person" in kind.refs and clock.kind != "appointment":
                found.setdefault(clock.kind, []).append(clock)
        _clocks_of[rulebook.hash] = found
    return _clocks_of[rulebook.hash]


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def revisions_of(
    events: Sequence[Event], caseload: Caseload
) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """The last event that touched each person (or the household) and each thing."""
    from onward.registry.log.db_store import points_to

    own: dict[str, int] = {}
    house_of: dict[str, int] = {}
    things: dict[tuple[str, str], int] = {}
    for event in events:
        kind, name = event.subject.kind, event.subject.id
        owner, house = points_to(event)
        if kind == PERSON:
            own[name] = max(own.get(name, 0), event.seq)
        elif kind == HOUSEHOLD:
            house_of[name] = max(house_of.get(name, 0), event.seq)
            things[kind, name] = max(things.get((kind, name), 0), event.seq)
        else:
            things[kind, name] = max(things.get((kind, name), 0), event.seq)
        if owner is not None:
            own[owner] = max(own.get(owner, 0), event.seq)
        if house is not None:
            house_of[house] = max(house_of.get(house, 0), event.seq)
    for kind, table in caseload.tables.items():
        if (
            kind in caseload.rulebook.kinds
            and kind != PERSON
            and "person" in table.column_names
        ):
            for name, person in zip(
                table["id"].to_pylist(), table["person"].to_pylist(), strict=True
            ):
                if person is not None:
                    own[person] = max(own.get(person, 0), things.get((kind, name), 0))
    people = caseload.people
    for person, house in zip(
        people["id"].to_pylist(), people["household"].to_pylist(), strict=True
    ):
        own[person] = max(own.get(person, 0), house_of.get(house, 0))
    return own, things
