"""Who and what bears on some people, and their caseload as it is now.

Exists because a desk opens one person at a time. A *neighbourhood* is a person, everybody of the
household, everything that points to them, and what bears on everybody. Its caseload is made from
the rows that are kept where they are up to date, else by the ordinary fold over its events. In
come people; out comes a caseload.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pyarrow as pa

from onward.caseload import Caseload, Event, events_table, fold
from onward.caseload.events import MERGED, OVERRIDE
from onward.engine import DuckEngine, Engine
from onward.engine.cores import cores
from onward.registry.log.db_store import CHUNK, TABLE, DatabaseStore, end_of
from onward.registry.now.how_far import asked, says, store_of
from onward.registry.now.kept_rows import FIELDS, HOUSEHOLD, PERSON
from onward.registry.operation import Operation
from onward.rulebook.model import Rulebook

SMALL = 400
"""People refreshed with the events that touched them; more than that are left to a rebuild."""


_engine: Engine | None = None


_starting = threading.Lock()


def engine() -> Engine:
    """The engine of neighbourhoods, one for the process: starting one costs more than a question
    to it, and more questions at once than there are cores would only wait for each other."""
    global _engine
    with _starting:
        _engine = _engine or DuckEngine(memory_gb=0.5, threads=max(2, cores()))
        return _engine


@dataclass(frozen=True)
class Near:
    """Who and what must be known to judge some people.

    noticed   an override is recorded of one of them, which rows do not keep
    unhoused  one of them belongs to no household that is known
    """

    people: frozenset[str]
    households: frozenset[str]
    things: frozenset[tuple[str, str]] = frozenset()
    noticed: bool = False
    unhoused: bool = False


def common_kinds(rulebook: Rulebook) -> frozenset[str]:
    """Kinds that bear on people they do not name: reached by a relation that joins neither the
    person nor the household (an assurance, a destination, an incident with a recipient)."""
    found = {
        relation.kind
        for relations in rulebook.relations.values()
        for relation in relations.values()
        if not {"person", "household"} & set(relation.join)
    }
    return frozenset(found - {PERSON})


def near(people: Iterable[str], store: DatabaseStore, rulebook: Rulebook) -> Near:
    """The neighbourhood of some people, with what points to it, from the log itself."""
    from onward.registry.database import trips
    from onward.registry.models import ThingNow

    found, _ = people_near(people, store)
    # What names nobody may bear on anybody (an anonymous complaint), and what others point to (a
    # convoy) must be there to be pointed to. A head-count is neither.
    reached = _reached(rulebook) | pointed_at(rulebook)
    loose = ThingNow.objects.filter(person=None, household=None, kind__in=reached - {HOUSEHOLD})
    said = "subject_kind, subject_id"
    columns = [("owner", part) for part in parts(found.people)]
    columns += [("house", part) for part in parts(found.households)]
    unnamed, *named = trips.ask(
        loose.values_list("kind", "thing"),
        *(_pointing(store, said, column, part) for column, part in columns),
    )
    things = {pair for rows in named for pair in rows if pair[0] not in (PERSON, HOUSEHOLD)}
    common = common_kinds(rulebook)
    things |= {pair for pair in unnamed if pair[0] not in common}
    return replace(found, things=frozenset(things))


def people_near(
    people: Iterable[str], store: DatabaseStore, *beside: Any
) -> tuple[Near, list[list[Any]]]:
    """Whoever ever shared a household with some people or was merged with them, and so on, so
    that everybody there can be judged; and the households they were ever in.

    Whoever belongs to no household that is known may belong to any, and is near everybody.

    beside   questions to ask on the way, in the first trip; the second part answers them
    """
    from onward.registry.database import trips
    from onward.registry.models import PersonNow

    everybody = set(people)
    homes: set[str] = set()
    homeless = PersonNow.objects.filter(household=None).values_list("person", flat=True)
    marked = (
        f"SELECT kind, subject_id, owner FROM {TABLE} WHERE operation = %s AND kind IN (%s, %s)",
        [store.operation, MERGED, OVERRIDE],
    )
    sharing = [_sharing(store, part) for part in parts(everybody)]
    unhoused, marks, *rest = trips.ask(homeless, marked, *sharing, *beside)
    answers = rest[len(sharing) :]
    merges = [
        (one, other) for kind, one, other in marks if kind == MERGED and other is not None
    ]
    todo, doors = set(everybody), set()
    looked_up: set[str] = set()  # people all of whose households are known
    looked_into: set[str] = set()  # households all of whose people are
    pairs = [pair for rows in rest[: len(sharing)] for pair in rows]
    everybody |= set(unhoused)
    while True:
        looked_up |= todo | {person for person, _ in pairs}
        looked_into |= doors | {house for person, house in pairs if person in todo}
        everybody |= looked_up
        homes |= {house for _, house in pairs}
        while (
            more := {each for pair in merges if everybody & set(pair) for each in pair}
            - everybody
        ):
            everybody |= more
        todo, doors = everybody - looked_up, homes - looked_into
        if not todo and not doors:
            break
        rows = trips.ask(
            *(_sharing(store, part) for part in parts(todo)),
            *(_living_in(store, part) for part in parts(doors)),
        )
        pairs = [pair for each in rows for pair in each]
    noticed = any(kind == OVERRIDE and one in everybody for kind, one, _ in marks)
    found = Near(
        frozenset(everybody), frozenset(homes), noticed=noticed, unhoused=bool(unhoused)
    )
    return found, answers


_AT_HOME = (
    f"FROM {TABLE} WHERE operation = %s AND subject_kind = 'person' AND house IS NOT NULL"
)


def _sharing(store: DatabaseStore, people: Sequence[str]) -> tuple[str, list[str]]:
    """(person, household) of whoever was ever in a household of these people, with every other
    household of theirs."""
    marks = ", ".join(["%s"] * len(people))
    theirs = f"SELECT house {_AT_HOME} AND subject_id IN ({marks})"
    mates = f"SELECT subject_id {_AT_HOME} AND house IN ({theirs})"
    return (
        f"SELECT DISTINCT subject_id, house {_AT_HOME} AND subject_id IN ({mates})",
        [*[store.operation] * 3, *people],
    )


def _living_in(store: DatabaseStore, homes: Sequence[str]) -> tuple[str, list[str]]:
    """(person, household) of whoever was ever in these households, with all theirs."""
    marks = ", ".join(["%s"] * len(homes))
    mates = f"SELECT subject_id {_AT_HOME} AND house IN ({marks})"
    return (
        f"SELECT DISTINCT subject_id, house {_AT_HOME} AND subject_id IN ({mates})",
        [*[store.operation] * 2, *homes],
    )


def _pointing(
    store: DatabaseStore, what: str, column: str, values: Sequence[str]
) -> tuple[str, list[str]]:
    marks = ", ".join(["%s"] * len(values))
    return (
        f"SELECT DISTINCT {what} FROM {TABLE} WHERE operation = %s AND {column} IN ({marks})",
        [store.operation, *values],
    )


def pointed_at(rulebook: Rulebook) -> set[str]:
    """Kinds that a reference of some kind may point at."""
    return {kind for each in rulebook.kinds.values() for kind in each.refs.values()}


def _reached(rulebook: Rulebook) -> set[str]:
    return {r.kind for found in rulebook.relations.values() for r in found.values()}


def nobodys(rulebook: Rulebook) -> set[tuple[str, str]]:
    """Things that name nobody who is known and may therefore bear on anybody."""
    from onward.registry.models import ThingNow

    kinds = _reached(rulebook) - common_kinds(rulebook) - {PERSON, HOUSEHOLD}
    rows = ThingNow.objects.filter(person=None, household=None, kind__in=kinds)
    return set(rows.values_list("kind", "thing"))


def of_no_household() -> set[str]:
    from onward.registry.models import PersonNow

    return set(PersonNow.objects.filter(household=None).values_list("person", flat=True))


def events_near(found: Near, store: DatabaseStore, rulebook: Rulebook) -> list[Event]:
    """The events of a neighbourhood, in the order of the log."""
    by_kind: dict[str, set[str]] = {PERSON: set(found.people), HOUSEHOLD: set(found.households)}
    common = common_kinds(rulebook)
    for kind, name in found.things:
        if kind not in common:
            by_kind.setdefault(kind, set()).add(name)
    events: dict[int, Event] = {}
    for kind, names in by_kind.items():
        for part in parts(names):
            marks = ", ".join(["%s"] * len(part))
            for event in store.read_where(
                f"subject_kind = %s AND subject_id IN ({marks})", [kind, *part]
            ):
                events[event.seq] = event
    marks = ", ".join(["%s"] * len(common))
    if common:
        for event in store.read_where(f"subject_kind IN ({marks})", sorted(common)):
            events[event.seq] = event
    return [events[seq] for seq in sorted(events)]


def neighbourhood(
    operation: Operation, people: Sequence[str], on: date | None = None
) -> Caseload:
    """The caseload of some people and whoever and whatever bears on them, as it is now.

    Made from the rows that are kept when they are up to date for the day, else folded.
    """
    day = on or operation.default_date()
    rulebook = operation.rulebook_at(day)
    store = store_of(operation)
    kept = asked(), store.end_question()
    found, (states, end) = people_near(people, store, *kept)
    if not found.noticed and says(states, end_of(end)[0].size, day, rulebook):
        return from_rows(found, rulebook, day)
    return folded(near(people, store, rulebook), store, rulebook, day)


def folded(found: Near, store: DatabaseStore, rulebook: Rulebook, day: date) -> Caseload:
    events = events_near(found, store, rulebook)
    return fold(events_table(events, rulebook), rulebook, as_of=day, engine=engine())


def is_current(store: DatabaseStore, day: date, rulebook: Rulebook) -> bool:
    """Whether the rows say what the log says on a day."""
    from onward.registry.database import trips

    states, end = trips.ask(asked(), store.end_question())
    return says(states, end_of(end)[0].size, day, rulebook)


_EMPTY: dict[tuple[str, date], Caseload] = {}


def empty(rulebook: Rulebook, day: date) -> Caseload:
    """A caseload of nobody, whose tables have the columns and types of every other."""
    key = (rulebook.hash, day)
    if key not in _EMPTY:
        _EMPTY.clear()
        _EMPTY[key] = fold(events_table([], rulebook), rulebook, as_of=day, engine=engine())
    return _EMPTY[key]


def from_rows(
    found: Near,
    rulebook: Rulebook,
    day: date,
    *,
    rows: dict[str, Any] | None = None,
    said: Mapping[str, Mapping[str, Any]] = {},
) -> Caseload:
    """A neighbourhood as a caseload, from the rows that are kept.

    Every row is as the fold left it; `compare` holds the two together.

    rows  filled with the row of each person, for who needs more of it
    said  person -> columns in the place of those that are kept
    """
    from onward.registry.database import trips
    from onward.registry.models import PersonNow, ThingNow

    made: dict[str, list[dict[str, Any]]] = {PERSON: []}
    # Each part of the things by its own index, all in one statement.
    wanted = [
        ThingNow.objects.filter(kind__in=common_kinds(rulebook)),
        ThingNow.objects.filter(person=None, household=None),
        *(ThingNow.objects.filter(person__in=part) for part in parts(found.people)),
        *(ThingNow.objects.filter(household__in=part) for part in parts(found.households)),
    ]
    about, *people = trips.ask(
        wanted[0].union(*wanted[1:], all=True),
        *(PersonNow.objects.filter(person__in=part) for part in parts(found.people)),
    )
    for person in (row for part in people for row in part):
        again = _person_again(person, rulebook)
        made[PERSON].append({**again, **said.get(person.person, {})})
        if rows is not None:
            rows[person.person] = person
    for (kind, name), thing in {(t.kind, t.thing): t for t in about}.items():
        made.setdefault(kind, []).append(
            {**thing.facts, "id": name, "first_on": thing.first_on}
        )
    template = empty(rulebook, day)
    tables = {
        kind: _table(made[kind], table.schema) if made.get(kind) else table
        for kind, table in template.tables.items()
    }
    return Caseload(
        as_of=day, known_at=None, rulebook=rulebook, tables=tables, units=template.units
    )


def _person_again(row: Any, rulebook: Rulebook) -> dict[str, Any]:
    """A person's row of the fold, from the row that is kept."""
    made = {**row.facts, "id": row.person, "first_on": row.first_on}
    made |= {name: getattr(row, name) for name in FIELDS}
    made |= {"intended_pathway": row.pathway, "intended_destination": row.destination}
    for name in rulebook.processes:
        made[f"process_{name}"] = name in row.processes
    return made


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    rows = sorted(rows, key=lambda row: row["id"])
    return pa.table(
        [
            pa.array(
                [
                    date.fromisoformat(value) if dated and isinstance(value, str) else value
                    for value in (row.get(field.name) for row in rows)
                ],
                field.type,
            )
            for field in schema
            for dated in (pa.types.is_date(field.type),)
        ],
        schema=schema,
    )


def parts(values: Iterable[str]) -> list[list[str]]:
    ordered = sorted(values)
    return [ordered[i : i + CHUNK] for i in range(0, len(ordered), CHUNK)]
