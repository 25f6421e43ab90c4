"""The least that has to be computed again after some events.

Exists because most of what an office records (a complaint, an interview, a person's language)
changes one row and a few findings, while folding and judging a whole neighbourhood takes a third of
a second. In come the events just placed, while every row is up to date; out go the rows they are
about, folded by the fold's own stages, and the steps of the people near them, of which only
the findings that read what was said are judged again. Whatever is not surely that narrow is left to
`projection.refresh`: `None` says so. `onward verify` compares both with the whole.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pyarrow as pa

from onward.caseload import Caseload, Event, events_table
from onward.caseload.batches import in_order
from onward.caseload.events import MERGED, OVERRIDE, PERSON, RECORDED
from onward.caseload.fold_plan import FoldPlan
from onward.caseload.moment import Moment
from onward.caseload.readable import word_stages
from onward.caseload.rules import adult_columns
from onward.engine import Stage
from onward.registry.log.db_store import DatabaseStore, events_of, points_to
from onward.registry.now import kept_rows, neighbourhood
from onward.rulebook.model import Finding, Rulebook
from onward.safeguards.asking import Asking
from onward.safeguards.compile import Compiler
from onward.safeguards.everybody import NextSteps, evaluate_all
from onward.safeguards.frames import KIND
from onward.safeguards.help import own_steps

_EMPTY = {
    "corrected": pa.table({"position": pa.array([], pa.int64())}),
    "merged": pa.table(
        {"subject": pa.array([], pa.int32()), "into_subject": pa.array([], pa.int32())}
    ),
}


@dataclass
class Narrow:
    """What some events changed.

    things   rows of `ThingNow` in the place of the old ones
    gone     things that nothing is known of any more, or not yet
    steps    person -> what changes in the row of `PersonNow`
    touched  person -> seq of the last event that touched them
    near     whose rows and events it was made from
    """

    things: list[dict[str, Any]] = field(default_factory=list)
    gone: set[tuple[str, str]] = field(default_factory=set)
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    touched: dict[str, int] = field(default_factory=dict)
    near: neighbourhood.Near = field(
        default_factory=lambda: neighbourhood.Near(frozenset(), frozenset())
    )


@dataclass(frozen=True)
class Before:
    """What is on record of the subjects of some events.

    things, people  the rows that are kept, by (kind, id) and by id
    events          kind -> events, without those that are not written yet
    merged          one of the people was merged with another
    """

    things: Mapping[tuple[str, str], Any]
    people: Mapping[str, Any]
    events: Mapping[str, Sequence[Event]]
    merged: bool


def before(placed: Sequence[Event], store: DatabaseStore) -> Before:
    """What is on record of the subjects of some events, in one trip."""
    from onward.registry.database import trips
    from onward.registry.models import PersonNow, ThingNow

    names: dict[str, list[str]] = {}
    for kind, name in sorted({(e.subject.kind, e.subject.id) for e in placed}):
        names.setdefault(kind, []).append(name)
    things = [k for k in names if k != PERSON]
    people = names.get(PERSON, [])
    marks = ", ".join(["%s"] * len(people))
    merged = f"kind = %s AND (subject_id IN ({marks}) OR owner IN ({marks}))"
    answers = trips.ask(
        *(
            store.where(
                f"subject_kind = %s AND subject_id IN ({', '.join(['%s'] * len(some))})",
                [kind, *some],
            )
            for kind, some in names.items()
        ),
        *(ThingNow.objects.filter(kind=kind, thing__in=names[kind]) for kind in things),
        *(
            [
                PersonNow.objects.filter(person__in=people),
                store.where(merged, [MERGED, *people, *people]),
            ]
            if people
            else ()
        ),
    )
    events = {kind: events_of(rows) for kind, rows in zip(names, answers, strict=False)}
    rest = answers[len(names) :]
    rows = [row for part in rest[: len(things)] for row in part]
    persons, merges = rest[len(things) :] or ([], [])
    return Before(
        {(row.kind, row.thing): row for row in rows},
        {row.person: row for row in persons},
        events,
        bool(merges),
    )


def narrowly(
    placed: Sequence[Event],
    people: set[str],
    store: DatabaseStore,
    rulebook: Rulebook,
    day: date,
    was: Before | None = None,
) -> Narrow | None:
    """What these events changed, or None when it cannot be told so narrowly.

    people  whom they may touch (`whole.touched`); their steps are up to date for the day
    was     `before`, where it was asked already
    """
    kinds = {event.subject.kind for event in placed}
    if kinds == {PERSON}:
        return _of_people(placed, store, rulebook, day, was)
    if kinds & _never(rulebook) or any(e.kind in (MERGED, OVERRIDE) for e in placed):
        return None
    was = was or before(placed, store)
    changed = {(event.subject.kind, event.subject.id) for event in placed}
    if any(
        kind in neighbourhood.pointed_at(rulebook) for kind, _ in changed - was.things.keys()
    ):
        return None  # what points to it was unknown until now
    told: dict[str, _Told] = {}
    for kind in kinds:
        events = _events_of(kind, was, placed)
        if events is None or kind in rulebook.kinds[kind].refs.values():
            return None
        told[kind] = _Told(kind, events, rulebook, day, store)
    wanted = findings_reading(rulebook, kinds)
    beside = [question for each in told.values() for question in each.questions]
    near, answers = _asked_near(people if wanted else None, store, beside)
    folded: dict[str, pa.Table] = {}
    sites: dict[str, str | None] = {}
    for kind, each in told.items():
        count = len(each.questions)
        table = each.folded(answers[:count], sites)
        answers = answers[count:]
        if table is None:
            return None
        folded[kind] = table
    seqs = {(e.subject.kind, e.subject.id): e.seq for e in placed}
    small = Caseload(
        as_of=day, known_at=None, rulebook=rulebook, tables=folded, units=pa.table({})
    )
    found = Narrow(things=kept_rows.thing_rows(small, seqs, sites))
    there = {(row["kind"], row["thing"]): row for row in found.things}
    found.gone = changed - there.keys()

    found.touched = _touched(placed, there)
    theirs = {*people, *found.touched, *sites}
    theirs |= {row.person for row in was.things.values()} - {None}
    found.near = neighbourhood.Near(frozenset(theirs), frozenset())
    if near is None:
        return found
    found.near = replace(near, people=near.people | theirs)
    names = [(row["person"], row["household"]) for row in found.things]
    names += [(row.person, row.household) for row in was.things.values()]
    if any(person is None and house is None for person, house in names):
        return None  # whose it is is not known: it bears on everybody
    rows: dict[str, Any] = {}
    kept = _kept(near, rulebook, day, rows)
    if kept is None:
        return None
    tables = dict(kept.tables)
    for kind, table in folded.items():
        left = [name not in _of(changed, kind) for name in tables[kind]["id"].to_pylist()]
        rest = tables[kind].filter(pa.array(left, pa.bool_()))
        tables[kind] = in_order(pa.concat_tables([rest, table.cast(rest.schema)]), "id")
    steps = _judged_again(replace(kept, tables=tables), rows, wanted, rulebook, day)
    if steps is None:
        return None
    found.steps = steps
    return found


def _asked_near(
    people: set[str] | None, store: DatabaseStore, beside: Sequence[Any]
) -> tuple[neighbourhood.Near | None, list[list[Any]]]:
    """Who is near some people (None: nobody is wanted), and the answers to other questions."""
    from onward.registry.database import trips

    if people is None:
        return None, trips.ask(*beside)
    return neighbourhood.people_near(people, store, *beside)


def _kept(
    near: neighbourhood.Near,
    rulebook: Rulebook,
    day: date,
    rows: dict[str, Any],
    said: Mapping[str, Mapping[str, Any]] | None = None,
) -> Caseload | None:
    """A neighbourhood from the rows that are kept; None when it is large or holds what rows do
    not keep.

    rows  filled with the row of each of its people
    said  person -> columns that are no longer as the row has them
    """
    if len(near.people) > 4 * neighbourhood.SMALL or near.noticed:
        return None
    return neighbourhood.from_rows(near, rulebook, day, rows=rows, said=said or {})


# -- facts about people ----------------------------------------------------------------------------


def _of_people(
    placed: Sequence[Event],
    store: DatabaseStore,
    rulebook: Rulebook,
    day: date,
    was: Before | None,
) -> Narrow | None:
    """What facts about people changed that decide neither where nor with whom they belong."""
    said = {name for event in placed for name in event.facts}
    if any(e.kind != RECORDED or e.supersedes for e in placed) or said - _plain_facts(rulebook):
        return None
    names = sorted({event.subject.id for event in placed})
    was = was or before(placed, store)
    known = was.people
    if len(known) < len(names) or was.merged:
        return None
    events = _events_of(PERSON, was, placed)
    if events is None:
        return None
    part, stages = word_stages(rulebook, said, Moment(day))
    near, superseding = neighbourhood.people_near(names, store, *_superseding(events, store))
    if any(superseding):
        return None
    told = events_table(events, part)
    inputs = {
        **_EMPTY,
        "person_events": told.facts[PERSON],
        "person_moved": told.facts[PERSON].slice(0, 0),
        "person_ids": told.ids[PERSON],
        "words": told.words,
    }
    words = neighbourhood.engine().run(stages, inputs, ["person_words"])["person_words"]
    now = {row.pop("id"): row for row in words.to_pylist()}
    if now.keys() != known.keys():
        return None
    found = Narrow(touched={event.subject.id: event.seq for event in placed}, near=near)
    columns = {name for name in words.column_names if name not in ("id", "first_on")}
    if any(now[person]["first_on"] != known[person].first_on for person in names):
        columns.add("first_on")
    found.steps = {person: _columns_kept(known[person], now[person]) for person in names}
    wanted = findings_naming(rulebook, columns)
    if wanted:
        rows: dict[str, Any] = {}
        kept = _kept(near, rulebook, day, rows, now)
        if kept is None:
            return None
        steps = _judged_again(kept, rows, wanted, rulebook, day)
        if steps is None:
            return None
        for person, changed in steps.items():
            found.steps[person] = {**found.steps.get(person, {}), **changed}
    return found


def _plain_facts(rulebook: Rulebook) -> set[str]:
    """Facts of a person from which nothing else about anybody's row is derived."""
    person = rulebook.kinds[PERSON]
    ages = adult_columns(rulebook, date(2000, 1, 1))
    derived = {*rulebook.movement_units.together_when, *kept_rows.CHOSEN, *(ages or ())}
    return person.facts.keys() - derived


def _columns_kept(row: Any, now: Mapping[str, Any]) -> dict[str, Any]:
    """What changes in a row of `PersonNow` when these columns of the fold change."""
    own = {name: now[name] for name in (*kept_rows.FIELDS, "first_on") if name in now}
    facts = {name: value for name, value in row.facts.items() if name not in now}
    facts |= {
        name: kept_rows.plain(value)
        for name, value in now.items()
        if name not in own and value is not None
    }
    return own | ({"facts": facts} if facts != row.facts else {})


# -- writing ---------------------------------------------------------------------------------------


def later(found: Narrow, events: int) -> Narrow:
    """The same, that many events later in the log."""
    if not events:
        return found
    things = [
        {**row, "revision": row["revision"] + events if row["revision"] else 0}
        for row in found.things
    ]
    touched = {person: seq + events for person, seq in found.touched.items()}
    return replace(found, things=things, touched=touched)


def statements(found: Narrow) -> list[tuple[str, Sequence[Any]]]:
    """What puts that which changed in the place of what was, inside the transaction of the events."""
    from onward.registry.database import trips
    from onward.registry.models import PersonNow, ThingNow
    from onward.registry.site import current

    operation = current().operation
    names: dict[str, list[str]] = {}
    for kind, thing in {*found.gone, *((row["kind"], row["thing"]) for row in found.things)}:
        names.setdefault(kind, []).append(thing)
    made = [
        trips.removed(ThingNow, {"operation": operation, "kind": kind, "thing": part})
        for kind, things in names.items()
        for part in neighbourhood.parts(things)
    ]
    made += [trips.inserted(ThingNow(operation=operation, **row)) for row in found.things]
    for person in sorted({*found.steps, *found.touched}):
        seen = found.touched.get(person)
        values = found.steps.get(person, {})
        if values or seen is not None:
            made.append(
                trips.changed(
                    PersonNow,
                    {"operation": operation, "person": person},
                    values,
                    at_least={} if seen is None else {"revision": seen},
                )
            )
    return made


def _of(changed: set[tuple[str, str]], kind: str) -> list[str]:
    return sorted(name for each, name in changed if each == kind)


def _never(rulebook: Rulebook) -> set[str]:
    """Kinds whose events change people's own rows, bear on everybody, or make things exist."""
    person = rulebook.kinds[PERSON]
    return {PERSON, *person.refs.values(), *neighbourhood.common_kinds(rulebook)}


def _touched(
    placed: Sequence[Event], there: Mapping[tuple[str, str], Mapping[str, Any]]
) -> dict[str, int]:
    """As `kept_rows.revisions_of` counts: whom a fact names, whom the thing is about, and
    everybody of a household that is named."""
    from onward.registry.models import PersonNow

    found: dict[str, int] = {}
    for event in placed:
        owner, house = points_to(event)
        row = there.get((event.subject.kind, event.subject.id))
        named = {owner, row["person"] if row else None} - {None}
        if house is not None:
            members = PersonNow.objects.filter(household=house)
            named |= set(members.values_list("person", flat=True))
        for person in named:
            found[str(person)] = event.seq
    return found


# -- one kind's rows, by the fold's own stages ----------------------------------------------------


class _Told:
    """What was said of some things of one kind, and what has to be asked before it is folded.

    questions  whether any of it was corrected, and who and what it points to
    """

    def __init__(
        self,
        kind: str,
        events: Sequence[Event],
        rulebook: Rulebook,
        day: date,
        store: DatabaseStore,
    ) -> None:
        from onward.registry.models import PersonNow, ThingNow

        self._kind = kind
        self._plan = _plan(kind, rulebook, day)
        self._told = events_table(events, self._plan.rulebook)
        self._targets = sorted({*rulebook.kinds[kind].refs.values()})
        self._ids = {each: self._told.ids[each]["id"].to_pylist() for each in self._targets}
        self._correcting = _superseding(events, store)
        self.questions: list[Any] = [
            *self._correcting,
            *(
                PersonNow.objects.filter(person__in=ids).values_list("person", "site")
                if target == PERSON
                else ThingNow.objects.filter(kind=target, thing__in=ids).values_list("thing")
                for target, ids in self._ids.items()
            ),
        ]

    def folded(
        self, answers: Sequence[Sequence[Any]], sites: dict[str, str | None]
    ) -> pa.Table | None:
        """The table of the kind for these things; None when their events do not say all.

        sites  the site of each person pointed to is put here
        """
        count, kind, told, plan = len(self._correcting), self._kind, self._told, self._plan
        if any(answers[:count]):
            return None
        there = {}
        for (target, ids), rows in zip(self._ids.items(), answers[count:], strict=True):
            if len(rows) != len(ids):
                return None
            there[f"{target}_there"] = told.ids[target]
            if target == PERSON:
                sites.update(rows)
        stages = [
            *plan.latest[kind],
            Stage(
                f"{kind}_batch",
                f"SELECT i.no, i.id FROM {kind}_ids AS i "
                f"INNER JOIN {kind}_latest AS s ON s.subject = i.no",
                "What exists of what was just spoken of.",
            ),
            *plan.readable[kind],
        ]
        inputs = {
            **_EMPTY,
            **there,
            f"{kind}_events": told.facts[kind],
            f"{kind}_ids": told.ids[kind],
            "words": told.words,
        }
        return in_order(neighbourhood.engine().run(stages, inputs, [kind])[kind], "id")


def _events_of(kind: str, was: Before, placed: Sequence[Event]) -> list[Event] | None:
    """Everything said of the subjects of a kind; None when something of it corrects another.

    placed  the new events, which may not be written yet (`foreseeing.foresee`)
    """
    events = [*was.events.get(kind, ())]
    there_already = {event.seq for event in events}
    events += [e for e in placed if e.subject.kind == kind and e.seq not in there_already]
    return None if any(event.supersedes for event in events) else events


def _superseding(events: Sequence[Event], store: DatabaseStore) -> list[Any]:
    """What to ask to know whether some events were corrected: any answer says so."""
    return [
        store.where(f"supersedes IN ({', '.join(['%s'] * len(part))})", part)
        for part in neighbourhood.parts(event.id for event in events)
    ]


_plans: dict[tuple[str, date], dict[str, FoldPlan]] = {}


def _plan(kind: str, rulebook: Rulebook, day: date) -> FoldPlan:
    """The stages of a fold of one kind and what it points to."""
    plans = _plans.get((rulebook.hash, day))
    if plans is None:
        _plans.clear()
        plans = _plans[rulebook.hash, day] = {}
    if kind not in plans:
        kinds = {PERSON, kind}
        while more := {t for k in kinds for t in rulebook.kinds[k].refs.values()} - kinds:
            kinds |= more
        part = {name: each for name, each in rulebook.kinds.items() if name in kinds}
        plans[kind] = FoldPlan(replace(rulebook, kinds=part), Moment(day))
    return plans[kind]


# -- the steps of the people near ------------------------------------------------------------------

_words: dict[str, dict[str, frozenset[str]]] = {}


def findings_reading(rulebook: Rulebook, kinds: set[str]) -> frozenset[str]:
    """Keys of the findings whose answer rows of these kinds can change."""
    return findings_naming(rulebook, [f"{KIND}{kind}" for kind in kinds])


def findings_naming(rulebook: Rulebook, names: Collection[str]) -> frozenset[str]:
    """Keys of the findings whose answer these tables or columns can change: what each one reads
    is seen in the stages that it compiles to. A word that only looks like one counts too."""
    if rulebook.hash not in _words:
        _words.clear()
        _words[rulebook.hash] = {
            finding.key: _words_of(rulebook, finding)
            for safeguard in rulebook.safeguards.values()
            for finding in safeguard.findings.values()
        }
    return frozenset(key for key, words in _words[rulebook.hash].items() if words & set(names))


def _words_of(rulebook: Rulebook, finding: Finding) -> frozenset[str]:
    plan = Compiler(
        rulebook,
        on=date(2000, 1, 1),
        asked=f'"{KIND}person" AS p',
        columns={
            "ask": "0",
            "asked__destination": "p.intended_destination",
            "asked__pathway": "p.intended_pathway",
        },
    )
    condition = plan.expander.condition(finding.condition, PERSON, finding.line)
    node = plan.expander.expand(condition.node, Asking(date(2000, 1, 1), None))
    stages = plan.finish({"holds": plan.expression(node)})
    return frozenset(re.findall(r"\w+", " ".join(stage.sql for stage in stages)))


def _judged_again(
    caseload: Caseload, rows: Mapping[str, Any], wanted: frozenset[str], rulebook: Rulebook,
    day: date,
) -> dict[str, dict[str, Any]] | None:  # fmt: skip
    """The steps of these people with some findings judged again and the others as they were."""
    asked = replace(
        rulebook,
        safeguards={
            name: replace(
                safeguard,
                findings={n: f for n, f in safeguard.findings.items() if f.key in wanted},
            )
            for name, safeguard in rulebook.safeguards.items()
        },
    )
    judged = evaluate_all(
        replace(caseload, rulebook=asked), on=day, engine=neighbourhood.engine()
    )
    order = {
        finding.key: number
        for number, finding in enumerate(
            f for s in rulebook.safeguards.values() for f in s.findings.values()
        )
    }
    kept = {(person, step["move"]): step for person, row in rows.items() for step in row.steps}
    persons = judged.table["person"].to_pylist()
    failed: list[list[str]] = []
    for number, person in enumerate(persons):
        old = kept.get((person, judged.moves[int(judged.step[number])].key))
        if old is None:
            return None
        rest = [key for key in old["failed"] if key not in wanted]
        failed.append(sorted((*rest, *judged.failed_findings(number)), key=order.__getitem__))
    if len(persons) != len(kept):
        return None
    opens = _open(judged, failed)
    own = own_steps(judged)
    lists: dict[str, list[dict[str, Any]]] = {}
    goes_on: dict[str, bool] = {}
    for number, person in enumerate(persons):
        old = kept[person, judged.moves[int(judged.step[number])].key]
        lists.setdefault(person, []).append(
            {**old, "open": opens[number], "failed": failed[number]}
        )
        if own[number]:
            goes_on[person] = goes_on.get(person, False) or opens[number]
    active = dict(
        zip(
            caseload.people["id"].to_pylist(),
            caseload.people["active"].to_pylist(),
            strict=True,
        )
    )
    found = {}
    for person, steps in lists.items():
        if steps != rows[person].steps:
            blocked = bool(active.get(person)) and not goes_on.get(person, False)
            held = kept_rows.held_of(steps, rows[person].pathway) if blocked else ""
            found[person] = {
                "steps": steps,
                "open_steps": sum(step["open"] for step in steps),
                "blocked": blocked,
                "held": held,
            }
    return found


def _open(judged: NextSteps, failed: Sequence[Sequence[str]]) -> list[bool]:
    """Whether each step is open: nothing failed and, for a step that leaves a place, nothing
    failed for anybody of the unit, all of whom have it next."""
    people = judged.caseload.people
    units = people["unit"].to_pylist()
    active = people["active"].to_pylist()
    members: dict[str, int] = {}
    for unit, here in zip(units, active, strict=True):
        if unit is not None and here:
            members[unit] = members.get(unit, 0) + 1
    clear: dict[tuple[int, str], int] = {}
    of_row = [units[int(row)] for row in judged.person_row]
    for number, unit in enumerate(of_row):
        if unit is not None and not failed[number]:
            key = (int(judged.step[number]), unit)
            clear[key] = clear.get(key, 0) + 1
    leaves = [at == "movement" for at in judged.table["at"].to_pylist()]
    return [
        not failed[number]
        and (
            not leaves[number]
            or unit is None
            or clear[int(judged.step[number]), unit] == members.get(unit, 0)
        )
        for number, unit in enumerate(of_row)
    ]
