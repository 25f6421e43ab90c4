"""The caseload as it is now, kept beside the log so that a page need not fold everything.

Exists because a desk opens one person at a time and an office lists hundreds. The rows are made
by the ordinary fold and the ordinary safeguards over a *neighbourhood*: a person, everybody of
the household, everything that points to them, and what bears on everybody. They are written in
the transaction that appends the events; `compare` makes all of it again from the log and says
where the two differ. In comes an operation and people; out come caseloads and rows.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from onward.caseload import Caseload, Event, events_table, fold
from onward.caseload.events import MERGED, OVERRIDE, REGISTERED, instant_text
from onward.caseload.rules import adult_columns
from onward.engine import DuckEngine, Engine
from onward.plan.clocks import Clock, clocks
from onward.registry.db_store import CHUNK, TABLE, DatabaseStore, end_of
from onward.registry.operation import Operation
from onward.rulebook.model import Rulebook
from onward.safeguards.evaluate import PATHWAY_OWN
from onward.safeguards.everybody import NextSteps, evaluate_all
from onward.safeguards.help import own_steps

PERSON, HOUSEHOLD, RULEBOOK = "person", "household", "rulebook"
NOW, WIDE = "now/2", "wide"
"""Names of the states kept: how far the rows are, and the last event that bore on everybody. The
number is that of the rows' columns: rows that an older program made are made again."""

SEVERE = 1
SMALL = 400
"""People refreshed with the events that touched them; more than that are left to a rebuild."""

FIELDS = (
    "household", "unit", "site", "legal", "stage", "place", "legal_since", "stage_since",
    "place_since", "active", "adult", "sex", "group", "birth_first", "birth_last",
    "registered_on",
)  # fmt: skip
"""Columns of a person that have a column of their own in `PersonNow`."""

CHOSEN = ("intended_pathway", "intended_destination")
"""Those that have one under another name."""


_engine: Engine | None = None
_starting = threading.Lock()


def engine() -> Engine:
    """The engine of neighbourhoods, one for the process: starting one costs more than a question
    to it, and more questions at once than there are cores would only wait for each other."""
    global _engine
    with _starting:
        _engine = _engine or DuckEngine(memory_gb=0.5, threads=max(2, os.cpu_count() or 2))
        return _engine


# ---------------------------------------------------------------------------------------------
# Neighbourhoods
# ---------------------------------------------------------------------------------------------


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
    from onward.registry import trips
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
    from onward.registry import trips
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


def _pointing_nowhere(
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


def _of_no_household() -> set[str]:
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
    store = _store(operation)
    kept = _kept_state(), store.end_question()
    found, (states, end) = people_near(people, store, *kept)
    if not found.noticed and _says(states, end_of(end)[0].size, day, rulebook):
        return from_rows(found, rulebook, day)
    return _folded(near(people, store, rulebook), store, rulebook, day)


def _folded(found: Near, store: DatabaseStore, rulebook: Rulebook, day: date) -> Caseload:
    events = events_near(found, store, rulebook)
    return fold(events_table(events, rulebook), rulebook, as_of=day, engine=engine())


def is_current(store: DatabaseStore, day: date, rulebook: Rulebook) -> bool:
    """Whether the rows say what the log says on a day."""
    from onward.registry import trips

    states, end = trips.ask(_kept_state(), store.end_question())
    return _says(states, end_of(end)[0].size, day, rulebook)


def _kept_state() -> Any:
    from onward.registry.models import ProjectionState

    return ProjectionState.objects.filter(name=NOW)


def _says(states: Sequence[Any], size: int, day: date, rulebook: Rulebook) -> bool:
    return [(s.seq, s.on, s.rulebook) for s in states] == [(size, day, rulebook.hash)]


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
    from onward.registry import trips
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


def _store(operation: Operation) -> DatabaseStore:
    store = operation.store
    assert isinstance(store, DatabaseStore)
    return store


def parts(values: Iterable[str]) -> list[list[str]]:
    ordered = sorted(values)
    return [ordered[i : i + CHUNK] for i in range(0, len(ordered), CHUNK)]


# ---------------------------------------------------------------------------------------------
# Rows
# ---------------------------------------------------------------------------------------------


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
        sites = dict(zip(people["id"].to_pylist(), people["site"].to_pylist(), strict=True))
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
            rows.append(
                {
                    "kind": kind,
                    "thing": row["id"],
                    "person": person,
                    "office": (sites.get(person) or "") if person is not None else None,
                    "due": due_on(kind, row),
                    "ends": ends_of(kind, row),
                    "household": row["id"] if kind == HOUSEHOLD else row.get("household"),
                    "facts": facts,
                    "first_on": row.get("first_on"),
                    "revision": revisions.get((kind, row["id"]), 0),
                }
            )
    return rows


def due_on(kind: str, row: Mapping[str, Any]) -> date | None:
    """From when somebody has to see to a thing; None: nobody has to, or somebody has."""
    if kind == "appointment" and row.get("state") == "planned":
        return row.get("day")
    if kind == "follow_up" and row.get("done_on") is None:
        return row.get("due_on")
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


# ---------------------------------------------------------------------------------------------
# Keeping the projection
# ---------------------------------------------------------------------------------------------


def refresh(operation: Operation, placed: Sequence[Event], on: date | None = None) -> None:
    """Bring the rows that these events touch up to date; call inside their transaction.

    What bears on everybody (an assurance, a destination, a rulebook) leaves everybody's steps
    out of date; `ensure` judges them again. A batch that touches more than SMALL people is left
    to `ensure` entirely.
    """
    from onward.registry import narrow, trips
    from onward.registry.models import ProjectionState

    if not placed:
        return
    store = _store(operation)
    state = _state(store)
    before = placed[0].seq - 1
    if state is None or state.seq < before or state.on is None or on not in (None, state.on):
        return
    day = state.on  # rows of yesterday stay rows of yesterday until all are made again
    rulebook = _rulebook(operation, state)
    common = common_kinds(rulebook)
    if any(event.subject.kind == RULEBOOK for event in placed):
        return
    last = placed[-1].seq
    # A plan that is adopted, for one, is nobody's state: the rows stay as they are.
    placed = [event for event in placed if event.subject.kind in rulebook.kinds]
    waiting, theirs = _pointing_nowhere(placed, rulebook)
    people = touched(placed, common) | theirs
    if len(people) > SMALL:
        return
    if not placed:
        state.steps_seq = last if state.steps_seq == before else state.steps_seq
        state.seq = last
        _save_state(state)
        return
    wide = any(event.subject.kind in common for event in placed)
    theirs = _owners(placed, common)
    ahead = _was_foreseen(placed, rulebook, day)
    in_date = (state.steps_seq, state.steps_on) == (before, day)
    if ahead is None and in_date and not wide and not waiting:
        least = narrow.narrowly(placed, people, store, rulebook, day)
        if least is not None:
            state.seq = state.steps_seq = last
            trips.send([*narrow.statements(least), _saying(state)])
            return
    whole = ahead
    if not isinstance(whole, Neighbours):
        whole = _neighbours(placed, people | theirs, waiting, store, rulebook, day)
    if whole is None:
        return
    _replace(whole.people, whole.things, gone=whole.gone, things_gone=whole.things_gone)
    # Who belongs to no known household bears on everybody's household, and what names nobody
    # known bears on everybody, before it is mended and after.
    now = nobodys(rulebook)
    wide = wide or whole.loose != now or bool(whole.extra & now)
    wide = wide or whole.homeless != _of_no_household()
    state.seq = last
    if not wide and state.steps_seq == before:
        state.steps_seq = state.seq
    _save_state(state)
    if wide:
        _save_state(ProjectionState(operation=store.operation, name=WIDE, seq=last))


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


def _neighbours(
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
    loose, homeless = nobodys(rulebook), _of_no_household()
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


_ahead = threading.local()


def foresee(
    operation: Operation,
    drafts: Sequence[Event],
    *,
    end: tuple[int, str] | None = None,
    state: Any = None,
) -> None:
    """Work out what some events will change before the turn to write is taken.

    Whoever writes holds up everybody else who writes, so as little as can be is done meanwhile.
    `foreseen` and `refresh` use this only for the same events in the same place of the log; when
    somebody else was quicker it is worked out again.

    end, state   the size of the log with the instant of its last event, and how far the rows were
                 then, read in this order and not earlier than anything the drafts rest on
    """
    from django.db import connection

    from onward.registry import narrow

    _ahead.found = None
    if connection.in_atomic_block:
        return
    store = _store(operation)
    if end is None:
        size, _, last = store.tree()
        state = _state(store)
    else:
        size, last = end
    if state is None or state.on is None:
        return
    if (state.seq, state.steps_seq, state.steps_on) != (size, size, state.on):
        return
    rulebook = _rulebook(operation, state)
    common = common_kinds(rulebook)
    if any(e.subject.kind in common or e.subject.kind not in rulebook.kinds for e in drafts):
        return
    recorded = max(last, instant_text(datetime.now(UTC)))
    placed = [e.placed(seq=size + n, recorded=recorded) for n, e in enumerate(drafts, 1)]
    was = narrow.before(placed, store)
    people = touched(placed, common, was.things)
    if len(people) > SMALL:
        return
    made: Any = narrow.narrowly(placed, people, store, rulebook, state.on, was)
    of_people = all(event.subject.kind == PERSON for event in placed)
    if made is None and of_people and _changes_nobodys_place(placed, rulebook):
        made = _neighbours(placed, people, set(), store, rulebook, state.on)
    if made is not None:
        _ahead.found = _Foreseen(_said(placed, rulebook, state.on), size, made)


@dataclass(frozen=True)
class _Foreseen:
    """What some events will change.

    said   what they say; see `_said`
    size   the length of the log before them
    made   a `narrow.Narrow` or `Neighbours`
    """

    said: tuple[Any, ...]
    size: int
    made: Any


MOST_BETWEEN = 50
"""What others recorded meanwhile is looked through up to this many events."""


def foreseen(
    operation: Operation, placed: Sequence[Event]
) -> Sequence[tuple[str, Sequence[Any]]] | None:
    """The statements that bring the rows up to date with some events, when that was foreseen;
    None leaves it to `refresh`. They go with the events, in one trip."""
    from onward.registry import narrow

    ahead: _Foreseen | None = getattr(_ahead, "found", None)
    if not placed or ahead is None or not isinstance(ahead.made, narrow.Narrow):
        return None
    store = _store(operation)
    state, before = _state(store), placed[0].seq - 1
    if state is None or state.on is None:
        return None
    if (state.seq, state.steps_seq, state.steps_on) != (before, before, state.on):
        return None
    rulebook = _rulebook(operation, state)
    if ahead.said != _said(placed, rulebook, state.on):
        return None
    if before != ahead.size and not _elsewhere(ahead, before, store, rulebook):
        return None
    _ahead.found = None
    made = narrow.later(ahead.made, before - ahead.size)
    state.seq = state.steps_seq = placed[-1].seq
    return [*narrow.statements(made), _saying(state)]


def _elsewhere(ahead: _Foreseen, now: int, store: DatabaseStore, rulebook: Rulebook) -> bool:
    """Whether everything recorded since something was foreseen is surely nobody's near it: facts
    about other people, and new things about other people, that make nothing else known."""
    from onward.registry import trips

    near = ahead.made.near
    if near.unhoused or not 0 < now - ahead.size <= MOST_BETWEEN:
        return False
    earlier = (
        f"SELECT count(*) FROM {TABLE} AS p WHERE p.operation = e.operation AND p.seq <= %s "
        "AND p.subject_kind = e.subject_kind AND p.subject_id = e.subject_id"
    )
    [rows] = trips.ask(
        (
            "SELECT kind, subject_kind, subject_id, owner, house, supersedes, "
            f"CASE WHEN subject_kind = 'person' THEN 0 ELSE ({earlier}) END FROM {TABLE} AS e "
            "WHERE operation = %s AND seq > %s AND seq <= %s",
            [ahead.size, store.operation, ahead.size, now],
        )
    )
    out = common_kinds(rulebook) | pointed_at(rulebook)
    out = {HOUSEHOLD, *out} - {PERSON}
    for kind, about, name, owner, house, supersedes, before in rows:
        if (
            supersedes is not None
            or house is not None
            or kind in (MERGED, OVERRIDE, REGISTERED)
        ):
            return False
        if about not in rulebook.kinds or about in out or before:
            return False
        who = name if about == PERSON else owner
        if who is None or who in near.people or owner in near.people:
            return False
    return len(rows) == now - ahead.size


def _rulebook(operation: Operation, state: Any) -> Rulebook:
    """The rulebook that the rows were made by. Adopting another one leaves them behind the log,
    so that for rows that are not it is the one in force."""
    return operation.rulebook_read(state.rulebook) or operation.rulebook_at(state.on)


def _state(store: DatabaseStore) -> Any:
    """How far the rows are; asked once in a turn to write."""
    turn = store.turn()
    if turn is not None and NOW in turn.kept:
        return turn.kept[NOW]
    state = _kept_state().first()
    if turn is not None:
        turn.kept[NOW] = state
    return state


def _changes_nobodys_place(placed: Sequence[Event], rulebook: Rulebook) -> bool:
    """Whether events about people known leave their households, sites and ids as they are, so
    that who is near whom is the same before and after."""
    from onward.registry.models import PersonNow

    refs = rulebook.kinds[PERSON].refs.keys()
    if any(
        event.supersedes
        or event.kind in (MERGED, OVERRIDE, REGISTERED)
        or refs & event.facts.keys()
        for event in placed
    ):
        return False
    persons = {event.subject.id for event in placed}
    return PersonNow.objects.filter(person__in=sorted(persons)).count() == len(persons)


def _was_foreseen(placed: Sequence[Event], rulebook: Rulebook, day: date) -> Any:
    """What was foreseen of a whole neighbourhood, for the same events in the same place."""
    found: _Foreseen | None = getattr(_ahead, "found", None)
    _ahead.found = None
    if found is None or not isinstance(found.made, Neighbours):
        return None
    same = found.size + 1 == placed[0].seq and found.said == _said(placed, rulebook, day)
    return found.made if same else None


def _said(placed: Sequence[Event], rulebook: Rulebook, day: date) -> tuple[Any, ...]:
    """What events say, apart from their own ids, the instant and where in the log they are."""
    from onward.registry.site import current

    said = tuple(
        (e.seq - placed[0].seq, e.subject, e.kind, e.effective, e.supersedes,
         json.dumps(dict(e.facts), sort_keys=True))
        for e in placed
    )  # fmt: skip
    return (id(current()), rulebook.hash, day, said)


def _owners(placed: Sequence[Event], common: frozenset[str]) -> set[str]:
    """Whom things name that bear on everybody: an incident of a person."""
    from onward.registry.db_store import points_to
    from onward.registry.models import ThingNow

    found: set[str] = set()
    for event in placed:
        if event.subject.kind in common:
            owner, _ = points_to(event)
            rows = ThingNow.objects.filter(kind=event.subject.kind, thing=event.subject.id)
            found |= {owner, *rows.values_list("person", flat=True)} - {None}  # type: ignore[arg-type]
    return found


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


def append(operation: Operation, batch: Sequence[Event]) -> Sequence[Event]:
    """Append events and, when they are few, bring the rows they touch up to date with them."""
    return _store(operation).append(
        batch,
        also=lambda placed: refresh(operation, placed),
        beside=lambda placed: foreseen(operation, placed),
    )


def touched(
    placed: Sequence[Event],
    common: frozenset[str],
    there: Mapping[tuple[str, str], Any] | None = None,
) -> set[str]:
    """People whose rows some events may change, from the events and the rows of things.

    there   the rows of these things, where they were read already
    """
    from onward.registry.db_store import points_to
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


def revisions_of(
    events: Sequence[Event], caseload: Caseload
) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """The last event that touched each person (or the household) and each thing."""
    from onward.registry.db_store import points_to

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


def ensure(operation: Operation, on: date | None = None) -> bool:
    """Make everything again when the projection is behind the log or of another day.

    Returns whether it had to. Cheap when all is well: one row is read.
    """
    from onward.registry.models import ProjectionState

    day = on or operation.default_date()
    state = ProjectionState.objects.filter(name=NOW).first()
    last = _store(operation).last_seq()
    if state and (state.seq, state.steps_seq, state.on, state.steps_on) == (
        last,
        last,
        day,
        day,
    ):
        return False
    rebuild(operation, day)
    return True


_following = threading.Lock()


def follow(operation: Operation) -> bool:
    """Make the rows again when they are behind the log; returns whether they had to be. Steps
    that are out of date are left to `judging`. What somebody records waits for this only after a
    large batch elsewhere."""

    def current() -> bool:
        store = _store(operation)
        state = _state(store)
        return state is not None and state.seq == store.last_seq()

    if current():
        return False
    with _following:
        if not current():
            rebuild(operation)
    return True


def rebuild(operation: Operation, on: date | None = None) -> None:
    """Make every row again from the log, in one transaction."""
    from onward.registry.models import ProjectionState

    day = on or operation.default_date()
    store = _store(operation)
    while True:
        last = store.last_seq()
        people, things = _everything(operation, day)
        with store.writing():
            if store.last_seq() != last:
                continue
            _replace(people, things, gone=None)
            _know_sizes()
            rulebook = operation.rulebook_at(day).hash
            _save_state(
                ProjectionState(
                    operation=store.operation, name=NOW, seq=last, on=day, steps_seq=last,
                    steps_on=day, rulebook=rulebook,
                )
            )  # fmt: skip
            return


def _everything(operation: Operation, day: date) -> tuple[list[Any], list[Any]]:
    rulebook = operation.rulebook_at(day)
    used = operation.engine()
    caseload = fold(operation.events_table(rulebook), rulebook, as_of=day, engine=used)
    steps = evaluate_all(caseload, on=day, engine=used)
    revisions = revisions_of(operation.store.read(), caseload)
    return person_rows(caseload, steps, revisions[0]), thing_rows(caseload, revisions[1])


def compare(operation: Operation) -> list[str]:
    """What differs between the rows kept and the rows made again from the log; [] when nothing.

    Differences are said by table, column and count, never by value.
    """
    from onward.registry.models import PersonNow, ProjectionState, ThingNow

    state = ProjectionState.objects.filter(name=NOW).first()
    if state is None or state.on is None:
        return []
    if state.seq != _store(operation).last_seq():
        return ["The projection is behind the log; the desk catches up when it is opened."]
    people, things = _everything(operation, state.on)
    fresh_steps = state.steps_seq == state.seq and state.steps_on == state.on
    found = _differences(
        "person", people, PersonNow.objects.all().values(), ("person",),
        leave=() if fresh_steps else ("steps", "open_steps", "blocked", "held", "steps_on"),
    )  # fmt: skip
    return found + _differences(
        "thing", things, ThingNow.objects.all().values(), ("kind", "thing"), leave=()
    )


def _differences(
    what: str, made: Sequence[Mapping[str, Any]], kept: Iterable[Mapping[str, Any]],
    key: tuple[str, ...], leave: Sequence[str],
) -> list[str]:  # fmt: skip
    wanted = {tuple(row[name] for name in key): row for row in made}
    found = {tuple(row[name] for name in key): row for row in kept}
    texts = []
    if missing := len(wanted.keys() - found.keys()):
        texts.append(f"{missing} {what} rows are missing from the projection.")
    if extra := len(found.keys() - wanted.keys()):
        texts.append(f"{extra} {what} rows of the projection are not in the log.")
    wrong: dict[str, int] = {}
    for name in wanted.keys() & found.keys():
        for column, value in wanted[name].items():
            if column not in leave and not _same(value, found[name][column]):
                wrong[column] = wrong.get(column, 0) + 1
    texts += [
        f"{count} {what} rows differ from the log in {column}."
        for column, count in sorted(wrong.items())
    ]
    return texts


def _same(made: Any, kept: Any) -> bool:
    if isinstance(made, list | dict):
        return json.dumps(made, sort_keys=True) == json.dumps(kept, sort_keys=True)
    return bool(made == kept)


def _know_sizes() -> None:
    """Let the embedded database count what it holds, so that it chooses the right index; a
    server does this by itself."""
    from django.db import connection

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit = 2000")
            cursor.execute("ANALYZE")


def _save_state(state: Any) -> None:
    from onward.registry.models import ProjectionState

    now = {name: getattr(state, name) for name in _OF_STATE}
    if not ProjectionState.objects.filter(name=state.name).update(**now):
        state.save(force_insert=True)
    turn = DatabaseStore(state.operation).turn()
    if turn is not None:
        turn.kept.pop(state.name, None)


_OF_STATE = ("seq", "on", "rulebook", "steps_seq", "steps_on")


def _saying(state: Any) -> tuple[str, Sequence[Any]]:
    """The statement that says how far the rows are."""
    from onward.registry import trips
    from onward.registry.models import ProjectionState

    return trips.changed(
        ProjectionState,
        {"operation": state.operation, "name": state.name},
        {name: getattr(state, name) for name in _OF_STATE},
    )


def _replace(
    people: Sequence[Mapping[str, Any]], things: Sequence[Mapping[str, Any]],
    *, gone: frozenset[str] | None, things_gone: Iterable[tuple[str, str]] = (),
) -> None:  # fmt: skip
    """Put rows in the place of the old ones of the same people and things.

    gone, things_gone   whose rows go even when there is no new one (merged into another, or
                        everything about it taken back); None: all
    """
    from onward.registry.models import PersonNow, ThingNow
    from onward.registry.site import current

    operation = current().operation
    if gone is None:
        PersonNow.objects.all().delete()
        ThingNow.objects.all().delete()
    else:
        for part in parts(gone):
            PersonNow.objects.filter(person__in=part).delete()
        by_kind: dict[str, list[str]] = {}
        for kind, name in {*things_gone, *((row["kind"], row["thing"]) for row in things)}:
            by_kind.setdefault(kind, []).append(name)
        for kind, names in by_kind.items():
            for part in parts(names):
                ThingNow.objects.filter(kind=kind, thing__in=part).delete()
    PersonNow.objects.bulk_create(
        [PersonNow(operation=operation, **row) for row in people], batch_size=200
    )
    ThingNow.objects.bulk_create(
        [ThingNow(operation=operation, **row) for row in things], batch_size=500
    )
