"""The one way to take an import out of the record again.

Exists because a wrong list must not stay, and nothing may be deleted. Comes in: an operation and one
of its receipts. Goes out: what the import recorded retracted, and what it had corrected put back, as
long as nothing later rests on it; else a refusal that says how much does.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from onward.caseload.events import PERSON, RECORDED, REGISTERED, RETRACTED, Event, event_id
from onward.dates import day_range
from onward.errors import OnwardError
from onward.intake.events import AXES, Corrections, idempotency_key, imported_key
from onward.registry.identities.vault import VaultRefused
from onward.registry.importing.named_before import named_before
from onward.registry.importing.planned_contacts import contacts_beside
from onward.registry.importing.receipts import PUTS_BACK, Log, Written, receipts, standing_of
from onward.registry.log.store import together
from onward.registry.operation import Operation

UNDONE = "undone-"


@dataclass(frozen=True)
class Undone:
    """What undoing an import did.

    retracted  events that stand no more
    put_back   events that stand again: what the import had corrected, and what had to be said
               again after it so that the order of the record is as before
    names      people who are no longer in the record and whose names were hidden in the vault
    """

    receipt: str
    retracted: int
    put_back: int
    names: int

    @property
    def changed(self) -> bool:
        return bool(self.retracted or self.put_back)


class Depended(OnwardError):
    """Later events rest on the import, so undoing it would leave them hanging."""

    exit_code = 1


def undo(
    operation: Operation,
    wanted: str | None = None,
    *,
    by: str = "import",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Undone:
    """Take one import out of the record.

    wanted  a receipt's id, or as much of it as is unmistakable; None: the last import
    returns what was done; undoing what is undone changes nothing
    raises  Depended, naming how many later events rest on the import; OnwardError when there is
            no such receipt, or a legal hold keeps somebody whom it would take out

    Events that opened something are retracted. Where the import had corrected an earlier event,
    that event is put back: said again in the place of the correction. Nothing is deleted.
    """
    log = Log(operation.store.read())
    receipt = _chosen(receipts(operation, log.events), wanted)
    batch = receipt.event_ids
    standing = standing_of(batch, log)
    if not standing:
        return Undone(receipt.id, 0, 0, 0)
    created = _created(batch, log)
    _refuse_if_needed(receipt, _dependants(batch, standing, created, log))
    people = {name for kind, name in created if kind == PERSON}
    _refuse_if_held(operation, people)
    ours = {e: log.by_id[e] for e in batch if e in log.by_id}
    before = named_before(operation, ours, log.events)
    before = {person: fields for person, fields in before.items() if person not in people}
    now = clock()
    written = _Undoing(operation, log, batch, standing, by, now, frozenset(before)).events()
    due = contacts_beside(operation, log.events, written, by=by, now=now)
    with together(operation.store):
        if before:
            operation.vault.put(before)
        placed = operation.record([*written, *due], file=receipt.id)
        placed = placed[: len(placed) - len(due)]
        hidden = _hide(operation, people)
    return Undone(
        receipt.id,
        sum(event.kind == RETRACTED for event in placed),
        sum(event.kind != RETRACTED for event in placed),
        hidden,
    )


def _chosen(found: Sequence[Written], wanted: str | None) -> Written:
    if not found:
        raise OnwardError("Nothing was imported into this operation: there is nothing to undo.")
    if wanted is None:
        return found[-1]
    name = Path(wanted).name.removesuffix(".json")
    exact = [receipt for receipt in found if receipt.id == name]
    near = exact or [receipt for receipt in found if name and name in receipt.id]
    if len(near) != 1:
        few = ", ".join(receipt.id for receipt in (near or found)[-5:])
        count = f"{len(near)} receipts have" if near else "no receipt has"
        raise OnwardError(f"{count} that in their name; expected one, as {few}.".capitalize())
    return near[0]


def _created(batch: frozenset[str], log: Log) -> set[tuple[str, str]]:
    """Whom and what the batch brought into the record."""
    ours = [event for event in log.events if event.id in batch]
    first = min(event.seq for event in ours)
    before = [event for event in log.events if event.seq < first]
    corrections = Corrections(before)
    existing = {
        (event.subject.kind, event.subject.id) for event in before if corrections.live(event)
    }
    return {(event.subject.kind, event.subject.id) for event in ours} - existing


def _dependants(
    batch: frozenset[str],
    standing: Sequence[Event],
    created: set[tuple[str, str]],
    log: Log,
) -> Counter[str]:
    """Later events in force that rest on the batch, by how they do."""
    own = {event.id for event in standing}
    first = min(event.seq for event in log.events if event.id in batch)
    ids = {name for _, name in created}
    found: Counter[str] = Counter()
    for event in log.events:
        if event.seq < first or event.id in own or not log.corrections.live(event):
            continue
        if event.id in batch:
            continue
        if _corrects(event, batch, log):
            found["correct what it recorded"] += 1
        elif (event.subject.kind, event.subject.id) in created:
            found["are about people, households or records it brought"] += 1
        elif any(name in ids for name in _texts(event.facts)):
            found["refer to people, households or records it brought"] += 1
    return found


def _corrects(event: Event, batch: frozenset[str], log: Log) -> bool:
    """Whether an event stands in the place of one of the batch, at any remove."""
    if log.origin(event) is not event:
        return False
    here = event.supersedes
    while here is not None and here in log.by_id:
        if log.origin(log.by_id[here]).id in batch:
            return True
        here = log.by_id[here].supersedes
    return False


def _texts(facts: Mapping[str, Any]) -> Iterator[str]:
    for value in facts.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            yield from (item for item in value if isinstance(item, str))


def _refuse_if_needed(receipt: Written, found: Counter[str]) -> None:
    if not found:
        return
    total = sum(found.values())
    how = "; ".join(f"{count:,} {what}" for what, count in found.most_common())
    verb = "rests" if total == 1 else "rest"
    raise Depended(
        f"{receipt.id} was not undone: {total:,} later event{'' if total == 1 else 's'} "
        f"{verb} on it ({how}). Nothing was changed. Undo the later imports first, the last "
        "one first (onward intake receipts DIR lists them), and retract by hand what was "
        "recorded otherwise; or bring a corrected list under the same profile instead."
    )


def _refuse_if_held(operation: Operation, people: Collection[str]) -> None:
    """Undoing takes the people of a list out of the record, with their names."""
    if not operation.settings.encrypted:
        return
    from onward.registry.identities.held import STAYS, held

    if held().intersection(people):
        raise OnwardError(STAYS)


class _Undoing:
    """Makes the events that take a batch out again."""

    def __init__(
        self,
        operation: Operation,
        log: Log,
        batch: frozenset[str],
        standing: Sequence[Event],
        by: str,
        now: datetime,
        named: frozenset[str] = frozenset(),
    ) -> None:
        self.named = named
        self.operation, self.log, self.batch, self.standing = operation, log, batch, standing
        self.by, self.now, self.random = by, now, random.SystemRandom()
        self.rulebook = operation.rulebook.hash
        self.used: Counter[str] = Counter()
        for event in log.events:
            if parts := imported_key(event.idempotency_key):
                self.used[idempotency_key(*parts)] += 1

    def events(self) -> list[Event]:
        made: list[Event] = []
        again: list[Event] = []
        for event in self.standing:
            prior = self._prior(event)
            if prior is None:
                made.append(self._retracted(event))
            else:
                made.append(self._restored(prior, event, marked=self._stale(prior)))
                again.append(prior)
        made += [self._restored(event, event) for event in self._later(again)]
        return made

    def _stale(self, prior: Event) -> bool:
        """Whether the vault keeps a name that the undone list gave."""
        return _names(prior) and prior.subject.id not in self.named

    def _prior(self, event: Event) -> Event | None:
        """What stood before the batch where an event stands now; None when nothing did."""
        origin = self.log.origin(event)
        while origin.supersedes in self.batch and origin.supersedes in self.log.by_id:
            origin = self.log.by_id[origin.supersedes]
        if origin.supersedes is None:
            return None
        prior = self.log.by_id.get(origin.supersedes)
        if prior is None or prior.kind == RETRACTED:
            return None
        # Somebody else corrected it too: their word stands and needs nobody's help.
        others = [e for e in self.log.corrections.standing(prior) if e.id != event.id]
        return None if others else prior

    def _later(self, again: Sequence[Event]) -> list[Event]:
        """Of two events of one day the one recorded later has the last word. An event put back
        is recorded now, so those that had the last word over it must be said again too."""
        restored = {event.id for event in self.standing}
        found: dict[str, Event] = {}
        by_day: dict[tuple[str, str, Any], list[Event]] = {}
        wanted = {self._day(event) for event in again}
        for event in self.log.events:
            if self.log.corrections.live(event) and event.id not in restored:
                day = self._day(event)
                if day in wanted:
                    by_day.setdefault(day, []).append(event)
        for prior in again:
            said = self._says(prior)
            order = (prior.recorded, prior.seq)
            for event in by_day.get(self._day(prior), []):
                if (event.recorded, event.seq) > order and said & self._says(event):
                    said |= self._says(event)
                    found[event.id] = event
        return sorted(found.values(), key=lambda event: event.seq)

    def _day(self, event: Event) -> tuple[str, str, Any]:
        return event.subject.kind, event.subject.id, day_range(event.effective)[1]

    def _says(self, event: Event) -> set[str]:
        """What an event has a word on; a step moves the person on every axis it may."""
        moves = event.kind == REGISTERED or event.kind in self.operation.rulebook.moves()
        return {*event.facts, *(AXES if moves else ())}

    def _retracted(self, event: Event) -> Event:
        return Event(
            id=event_id(self.now, self.random),
            operation=event.operation,
            subject=event.subject,
            kind=RETRACTED,
            effective=event.effective,
            by=self.by,
            rulebook=self.rulebook,
            idempotency_key=f"undo:{event.id}",
            supersedes=event.id,
        )

    def _restored(self, prior: Event, place: Event, *, marked: bool = False) -> Event:
        """An event said again in the place of another.

        marked  its row counts as changed when its list comes again, because the vault still
                holds the name that the undone list gave and must hear the earlier one
        """
        first = self.log.origin(prior)
        evidence = tuple(e for e in prior.evidence if not e.startswith(PUTS_BACK))
        return replace(
            prior,
            id=event_id(self.now, self.random),
            by=self.by,
            rulebook=self.rulebook,
            evidence=(*evidence, PUTS_BACK + first.id),
            supersedes=place.id,
            idempotency_key=self._key(prior, place, marked),
            recorded="",
            seq=0,
        )

    def _key(self, prior: Event, place: Event, marked: bool) -> str:
        parts = imported_key(prior.idempotency_key)
        if parts is None:
            return f"undo:{place.id}"
        key, effective, content = parts
        if marked and not content.startswith(UNDONE):
            content = UNDONE + content
        base = idempotency_key(key, effective, content)
        self.used[base] += 1
        return idempotency_key(key, effective, content, self.used[base] - 1)


def _names(event: Event) -> bool:
    """Whether the row behind an event also put a name into the vault."""
    return event.subject.kind == PERSON and event.kind in (REGISTERED, RECORDED)


def _hide(operation: Operation, people: set[str]) -> int:
    """Take the names of people no longer in the record out of sight; how many had one."""
    try:
        named = [person for person in sorted(people) if operation.vault.get(person)]
        if named:
            operation.vault.put({person: {} for person in named})
    except VaultRefused:
        return 0
    return len(named)
