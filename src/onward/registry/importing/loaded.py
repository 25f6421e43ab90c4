"""A log from elsewhere, loaded whole, and the movements in it that were made against a safeguard.

Exists because such a log may come from a program that opened no breach, and whoever was moved against
a safeguard must be answered for all the same. Comes in: an operation and the lines of a log. Goes out:
the log, and a breach for each such movement of which none is on record yet, found on the day of the
loading. Each is judged by the rulebook of its day, where that is at hand, by what was known when it
was recorded, and by no movement recorded with it.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from types import MappingProxyType

from onward.caseload.events import (
    BREACH,
    Event,
    canonical_bytes,
    from_json,
    instant_text,
    new_event,
)
from onward.caseload.model import EventTables
from onward.caseload.table import events_table
from onward.engine import DuckEngine, Engine
from onward.engine.cores import cores
from onward.errors import Faults
from onward.intake.events import Corrections
from onward.registry.importing.movements import (
    Around,
    Asked,
    breaches_on,
    by_day,
    day_of,
    kinds_of_movers,
    shared,
)
from onward.registry.log.bulk import load
from onward.registry.log.db_store import DatabaseStore
from onward.registry.operation import Operation
from onward.rulebook.model import Rulebook, When
from onward.safeguards.evaluate import asked_findings
from onward.safeguards.record import Breach

FOUND = "found:"
"""What the key of a breach begins with that was found on loading; its movement's id follows."""
BY = "load"


@dataclass(frozen=True)
class Loaded:
    """events  how many the log had; breaches: how many were found in it and follow it"""

    events: int
    breaches: int


def load_log(
    operation: Operation,
    lines: Iterable[bytes],
    *,
    keep_instants: bool = True,
    file: str = "",
    rulebooks: Mapping[str, Rulebook] = MappingProxyType({}),
    say: Callable[[str], None] = lambda text: None,
) -> Loaded:
    """Append a log and the breaches found in it, or nothing.

    rulebooks  by hash, as they were when movements of the log were recorded
    raises     as `registry.log.bulk.load`
    """
    store, rulebook = operation.store, operation.rulebook
    assert isinstance(store, DatabaseStore)
    lines = list(lines)
    every = (rulebook, *rulebooks.values())
    moves = {key.encode() for one in every for key in kinds_of_movers(one)}
    moved = any(key in line for line in lines for key in moves)
    earlier = store.read() if moved else []
    found: list[Event] = []

    def after() -> Iterator[bytes]:
        if not moved:
            return
        now = instant_text(datetime.now(UTC))
        loaded = [from_json(json.loads(line)) for line in lines]
        if not keep_instants:
            loaded = [replace(event, recorded=now) for event in loaded]
        found.extend(
            breaches_of(
                rulebook,
                earlier,
                loaded,
                operation=operation.settings.id,
                rulebooks=rulebooks,
                say=say,
            )
        )
        at = max(now, loaded[-1].recorded)
        yield from (canonical_bytes(event.placed(seq=0, recorded=at)) for event in found)

    number = load(
        store, rulebook, lines, keep_instants=keep_instants, file=file, say=say, after=after
    )
    return Loaded(number - len(found), len(found))


def breaches_of(
    rulebook: Rulebook,
    earlier: Sequence[Event],
    loaded: Sequence[Event],
    *,
    operation: str,
    rulebooks: Mapping[str, Rulebook] = MappingProxyType({}),
    say: Callable[[str], None] = lambda text: None,
) -> list[Event]:
    """The breaches to append after what is loaded, in the order of their movements.

    rulebook   the one in force: by it are judged those of whose own rulebook nothing is known
    earlier    what is on record
    loaded     what comes after it, with the instants at which it was recorded
    rulebooks  those of their day, by hash
    """
    rulebooks = {**rulebooks, rulebook.hash: rulebook}
    kinds = {hash: kinds_of_movers(one) for hash, one in rulebooks.items()}
    own = kinds[rulebook.hash]
    movers = [event for event in loaded if event.kind in kinds.get(event.rulebook, own)]
    together: dict[str, set[str]] = defaultdict(set)
    for event in movers:
        together[event.recorded].add(event.id)
    log = [*earlier, *loaded]
    stands, answered = Corrections(log), _answered(log)
    groups: dict[tuple[str, date, str], list[Event]] = defaultdict(list)
    for event in movers:
        if stands.live(event) and (event.subject.id, event.kind, day_of(event)) not in answered:
            its = event.rulebook if event.rulebook in rulebooks else rulebook.hash
            groups[event.recorded, day_of(event), its].append(event)
    if not groups:
        return []
    around = Around(log, set().union(*map(shared, rulebooks.values())))

    def judged(some: Sequence[tuple[str, date, str]]) -> list[tuple[Event, Breach]]:
        engine = DuckEngine(threads=1)
        found = []
        for until, day, hash in some:
            group, its = groups[until, day, hash], rulebooks[hash]
            people = {event.subject.id for event in group}
            near = around.of(people, until=until, without=together[until])
            placed = [e.placed(seq=n, recorded=e.recorded) for n, e in enumerate(near, 1)]
            tables = events_table(placed, its)
            opened = {
                (breach.person, breach.move): breach
                for breach in _opened(day, by_day(group)[day], tables, its, engine)
            }
            for event in group:
                if (breach := opened.get((event.subject.id, event.kind))) is not None:
                    found.append((event, breach))
        return found

    order = sorted(groups)
    say(f"{sum(map(len, groups.values())):,} movements are looked at")
    workers = max(min(cores(), len(order)), 1)
    with ThreadPoolExecutor(workers) as pool:
        parts = pool.map(judged, [order[i::workers] for i in range(workers)])
        opened = {event.id: breach for part in parts for event, breach in part}
    now = datetime.now(UTC)
    return [
        new_event(
            rulebook, operation=operation, subject=event.subject, kind=BREACH,
            effective=event.effective, by=BY, instant=now, random=random.SystemRandom(),
            facts=opened[event.id].facts(), idempotency_key=f"{FOUND}{event.id}",
        )
        for event in movers
        if event.id in opened
    ]  # fmt: skip


def _answered(log: Sequence[Event]) -> set[tuple[str, object, date]]:
    """The movements of which a breach is on record, whoever opened it, by person, move and day."""
    return {
        (event.subject.id, event.facts.get("move"), day_of(event))
        for event in log
        if event.kind == BREACH
    }


def _opened(
    day: date, asked: Asked, tables: EventTables, rulebook: Rulebook, engine: Engine
) -> list[Breach]:
    try:
        return breaches_on(day, asked, tables, rulebook, engine)
    except Faults:
        pass
    # Somebody is not on record by that day: each is asked about alone, and of who is not nothing is
    # known, so that everything failed.
    found: list[Breach] = []
    for (move, to), people in asked.items():
        for person in people:
            try:
                found += breaches_on(day, {(move, to): [person]}, tables, rulebook, engine)
            except Faults:
                found.append(_nothing_known(rulebook, person, move))
    return found


def _nothing_known(rulebook: Rulebook, person: str, key: str) -> Breach:
    """The breach of somebody of whom nothing was on record."""
    move = rulebook.moves()[key]
    at: When = "movement" if rulebook.is_movement(move) else "decision"
    findings = asked_findings(rulebook, move, at)
    tell = tuple(dict.fromkeys(finding.owner_role for finding in findings))
    return Breach(person, key, tuple(finding.key for finding in findings), tell)
