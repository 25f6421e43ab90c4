"""What some events change, by folding and judging a whole neighbourhood again.

The counterpart of `narrow`, for events of which less would not surely be enough. In come events
just placed and whom they touch; out come rows in the place of the old ones. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pyarrow as pa

from onward.caseload import Caseload, Event, events_table, fold
from onward.caseload.events import MERGED, OVERRIDE
from onward.caseload.rules import adult_columns
from onward.registry.log.db_store import DatabaseStore
from onward.registry.now.kept_rows import (
    HOUSEHOLD,
    PERSON,
    person_rows,
    revisions_of,
    thing_rows,
)
from onward.registry.now.neighbourhood import (
    SMALL,
    Near,
    common_kinds,
    engine,
    events_near,
    from_rows,
    near,
    nobodys,
    of_no_household,
    parts,
    pointed_at,
)
from onward.rulebook.model import Rulebook
from onward.safeguards.everybody import evaluate_all


def touched(
    placed: Sequence[Event],
    common: frozenset[str],
    there: Mapping[tuple[str, str], Any] | None = None,
) -> set[str]:
    """People whose rows some events may change, from the events and the rows of things.

    there   the rows of these things, where they were read already
    """
    from onward.registry.log.db_store import points_to
    from onward.registry.models import PersonNow, ThingNow

    people: set[str] = set()
    homes: set[str] = set()
    things: dict[str, set[str]] = {}
    for event in placed:
        kind, name = event.subject.kind, event.subject.id
        owner, house = points_to(event)
        if kind == PERSON:
            people.add(name)
        elif kind == HOUSEHOLD:
            homes.add(name)
        elif kind not in common:
            things.setdefault(kind, set()).add(name)
        if kind not in common:
            people |= {owner} - {None}  # type: ignore[arg-type]
            homes |= {house} - {None}  # type: ignore[arg-type]
    if there is not None:
        pairs = [(row.person, row.household) for row in there.values() if row.kind in things]
    else:
        pairs = [
            pair
            for kind, names in things.items()
            for part in parts(names)
            for pair in ThingNow.objects.filter(kind=kind, thing__in=part).values_list(
                "person", "household"
            )
        ]
    for owner, house in pairs:
        people |= {owner} - {None}
        homes |= {house} - {None}
    for part in parts(homes):
        rows = PersonNow.objects.filter(household__in=part)
        people |= set(rows.values_list("person", flat=True))
    return people


def pointing_nowhere(
    placed: Sequence[Event], rulebook: Rulebook
) -> tuple[set[tuple[str, str]], set[str]]:
    """Things that may have pointed at what these events make known, and whose they are."""
    from onward.registry.models import ThingNow

    things: set[tuple[str, str]] = set()
    people: set[str] = set()
    kinds = pointed_at(rulebook) - {PERSON, HOUSEHOLD}
    for kind, name in {(e.subject.kind, e.subject.id) for e in placed}:
        if kind not in kinds or ThingNow.objects.filter(kind=kind, thing=name).exists():
            continue
        for each in rulebook.kinds.values():
            for ref, target in each.refs.items():
                if target != kind or each.name == PERSON:
                    continue
                rows = ThingNow.objects.filter(kind=each.name)
                rows = rows.exclude(facts__has_key=ref)
                for thing, person in rows.values_list("thing", "person"):
                    things.add((each.name, thing))
                    people |= {person} - {None}
    return things, people


def owners(placed: Sequence[Event], common: frozenset[str]) -> set[str]:
    """Whom things name that bear on everybody: an incident of a person."""
    from onward.registry.log.db_store import points_to
    from onward.registry.models import ThingNow

    found: set[str] = set()
    for event in placed:
        if event.subject.kind in common:
            owner, _ = points_to(event)
            rows = ThingNow.objects.filter(kind=event.subject.kind, thing=event.subject.id)
            found |= {owner, *rows.values_list("person", flat=True)} - {None}  # type: ignore[arg-type]
    return found


@dataclass(frozen=True)
class Neighbours:
    """What some events make of a whole neighbourhood.

    people, things     rows in the place of the old ones of `gone` and `things_gone`
    extra              things the events are about, or that had pointed at nothing
    loose, homeless    what named nobody known, and who belonged to no known household, before
    """

    people: list[dict[str, Any]]
    things: list[dict[str, Any]]
    gone: frozenset[str]
    things_gone: frozenset[tuple[str, str]]
    extra: set[tuple[str, str]]
    loose: set[tuple[str, str]]
    homeless: set[str]


def neighbours(
    placed: Sequence[Event],
    people: set[str],
    waiting: set[tuple[str, str]],
    store: DatabaseStore,
    rulebook: Rulebook,
    day: date,
) -> Neighbours | None:
    """Fold and judge the neighbourhood of some people again; None when it is too large."""
    common = common_kinds(rulebook)
    wide = any(event.subject.kind in common for event in placed)
    found = (
        near(people, store, rulebook)
        if people or not wide
        else Near(frozenset(), frozenset(), frozenset())
    )
    if len(found.people) > 4 * SMALL:
        return None
    extra = {
        (event.subject.kind, event.subject.id)
        for event in placed
        if event.subject.kind not in (PERSON, HOUSEHOLD)
    } | waiting
    found = replace(found, things=found.things | extra)
    loose, homeless = nobodys(rulebook), of_no_household()
    caseload, events = _after(placed, found, store, rulebook, day, whole=bool(waiting))
    steps = evaluate_all(caseload, on=day, engine=engine())
    own, things = revisions_of(events, caseload)
    rows = [row for row in person_rows(caseload, steps, own) if row["person"] in found.people]
    kept = [
        row
        for row in thing_rows(caseload, things)
        if (row["kind"], row["thing"]) in extra
        or (row["kind"], row["thing"]) in found.things
        or (row["kind"] == HOUSEHOLD and row["thing"] in found.households)
    ]
    homes = {(HOUSEHOLD, name) for name in found.households}
    gone = frozenset(found.things | extra | homes)
    return Neighbours(rows, kept, found.people, gone, extra, loose, homeless)


def _after(
    placed: Sequence[Event],
    found: Near,
    store: DatabaseStore,
    rulebook: Rulebook,
    day: date,
    *,
    whole: bool = False,
) -> tuple[Caseload, list[Event]]:
    """The neighbourhood after some events, and its events.

    Only what the events can have changed is folded again; the rest is as the rows have it. A
    correction, a merge and somebody new can change what points to them: then all is folded.
    """
    from onward.registry.models import PersonNow

    events = events_near(found, store, rulebook)
    written = {event.seq for event in events}
    events += [event for event in placed if event.seq not in written]  # see `foresee`
    persons = {event.subject.id for event in placed if event.subject.kind == PERSON}
    known = PersonNow.objects.filter(person__in=sorted(persons)).count()
    everything = (
        whole
        or known < len(persons)
        or any(event.supersedes or event.kind in (MERGED, OVERRIDE) for event in placed)
    )
    if everything or found.noticed:
        tables = events_table(events, rulebook)
        return fold(tables, rulebook, as_of=day, engine=engine()), events
    kinds = {PERSON, HOUSEHOLD, *(event.subject.kind for event in placed)}
    while more := {t for k in kinds for t in rulebook.kinds[k].refs.values()} - kinds:
        kinds |= more
    some = [e for e in events if e.subject.kind in kinds]
    part = _spoken_of(rulebook, kinds, some)
    folded = fold(events_table(some, part), part, as_of=day, engine=engine())
    kept = from_rows(found, rulebook, day)
    whole_tables = {
        name: _widened(table, kept.tables[name].schema) for name, table in folded.tables.items()
    }
    tables_now = {**kept.tables, **whole_tables}
    return (
        Caseload(
            as_of=day, known_at=None, rulebook=rulebook, tables=tables_now, units=folded.units
        ),
        events,
    )


def _spoken_of(rulebook: Rulebook, kinds: set[str], events: Sequence[Event]) -> Rulebook:
    """The rulebook with these kinds only, and of each only the facts that some event mentions or
    the fold itself reads: what is mentioned nowhere is unknown, and costs as much to fold."""
    said: dict[str, set[str]] = {name: set() for name in kinds}
    for event in events:
        said[event.subject.kind] |= event.facts.keys()
    said[PERSON] |= set(rulebook.movement_units.together_when)
    if (ages := adult_columns(rulebook, date(2000, 1, 1))) is not None:
        said[PERSON].add(ages[0])
    some = {
        name: replace(
            kind, facts={fact: each for fact, each in kind.facts.items() if fact in said[name]}
        )
        for name, kind in rulebook.kinds.items()
        if name in kinds
    }
    return replace(rulebook, kinds=some)


def _widened(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the columns of a schema, unknown where it has none."""
    there = set(table.column_names)
    return pa.table(
        [
            table[field.name].cast(field.type)
            if field.name in there
            else pa.nulls(table.num_rows, field.type)
            for field in schema
        ],
        schema=schema,
    )
