"""From accepted rows to events, so that the same list loaded twice changes nothing.

Comes in: staged rows, the rulebook, and what earlier imports left behind (`Earlier`: which key
is which permanent id, which row became which event). Goes out: a `Batch` of checked events with
the identities that belong in the vault. A row seen before is skipped, a corrected row supersedes
its earlier event, a new one is added. Nothing is written; the caller commits the batch whole.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from onward.caseload import Event, Subject, event_faults, event_id, opening_facts
from onward.caseload.events import RETRACTED
from onward.dates import partial_text
from onward.errors import Fault, Faults
from onward.intake.dates import PartialDate
from onward.intake.stage import Identity, Staged, StagedRow
from onward.rulebook.model import Fact, Rulebook
from onward.said import Listed

AXES = ("legal", "stage", "place")


@dataclass(frozen=True)
class Earlier:
    """What earlier imports left behind.

    ids     row or household key -> permanent random id of the person, household or record
    events  row key and effective date -> (content, id of the event it became), without what
            was undone
    gone    keys whose every event was undone: the id stays theirs, but nobody is registered
    used    idempotency key without its generation -> how many events have carried it
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    used: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Joins:
    """What decisions about doubles say about households.

    stays    keys of rows about somebody recorded elsewhere: they stay in the household they have
    homes    key of a list's household -> id of the recorded household it is
    rosters  id of a recorded household -> how many people it is known to have, or None
    """

    stays: frozenset[str] = frozenset()
    homes: Mapping[str, str] = field(default_factory=dict)
    rosters: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """One import, to be committed whole or not at all.

    events      in the order they must be appended
    identities  person id -> what belongs in the vault
    ids         keys this import gave a permanent id
    unchanged, corrected, added   rows by what became of them
    """

    events: tuple[Event, ...]
    identities: Mapping[str, Identity]
    ids: Mapping[str, str]
    unchanged: int
    corrected: int
    added: int


def declared(rulebook: Rulebook, kind: str) -> dict[str, Fact]:
    """The facts a list may fill: those of people and households, or of one kind of record.

    kind  "person" for lists of people and for moves; otherwise the kind of record
    The state on each axis may be given too, for people already further on when the record
    begins.
    """
    found: dict[str, Fact] = {}
    for name in ("household", "person") if kind == "person" else (kind,):
        found.update(rulebook.kinds[name].facts)
    if kind == "person":
        for axis in rulebook.axes.values():
            found[axis.name] = Fact(
                axis.name, "person", "code", axis.title, "confidential", "case",
                tuple(axis.states),
            )  # fmt: skip
    return found


def kind_of_list(rulebook: Rulebook, event_kind: str | None) -> str:
    """Which facts a profile's columns may name: those of its record, or of the person."""
    return event_kind if event_kind is not None and event_kind in rulebook.kinds else "person"


def idempotency_key(key: str, effective: str, content: str, generation: int = 0) -> str:
    """What makes loading the same row twice change nothing.

    generation  how many events have said exactly this before and no longer stand: a row that was
                undone, or corrected and corrected back, is new again and not a repetition
    """
    text = f"{key}@{effective}#{content}"
    return f"{text}#{generation}" if generation else text


_GENERATION = re.compile(r"(.*)#\d+", re.DOTALL)


def imported_key(text: str) -> tuple[str, str, str] | None:
    """The row key, effective date and content in an idempotency key of ours, or None."""
    head, mark, content = text.partition("#")
    key, at, effective = head.partition("@")
    if not (mark and at):
        return None
    again = _GENERATION.fullmatch(content)
    return key, effective, again[1] if again else content


class Corrections:
    """Which events of a log still stand, themselves or through what was put in their place."""

    def __init__(self, log: Iterable[Event]) -> None:
        self._after: dict[str, list[Event]] = defaultdict(list)
        for event in log:
            if event.supersedes is not None:
                self._after[event.supersedes].append(event)

    def live(self, event: Event) -> bool:
        """Whether the event is in force: no retraction, and nothing supersedes it."""
        return event.kind != RETRACTED and event.id not in self._after

    def stands(self, event: Event) -> bool:
        """Whether the event is in force, or one that took its place is."""
        return bool(self.standing(event))

    def standing(self, event: Event) -> list[Event]:
        """The events in force that an event ended up as: itself, its corrections, or none."""
        found, open_ = [], [event]
        while open_:
            here = open_.pop()
            if self.live(here):
                found.append(here)
            open_.extend(self._after.get(here.id, ()))
        return found


def earlier_from(log: Iterable[Event]) -> Earlier:
    """What earlier imports left behind, read back from the log itself.

    The row's key stands in each event's idempotency key, so no second index can disagree with
    the log; where a row became several events, the last one counts. What was retracted counts
    as never said, except that its id is kept for it.
    """
    log = list(log)
    corrections = Corrections(log)
    ids: dict[str, str] = {}
    events: dict[tuple[str, str], tuple[str, str]] = {}
    used: Counter[str] = Counter()
    standing: set[str] = set()
    for event in log:
        parts = imported_key(event.idempotency_key)
        if parts is None:
            continue
        key, effective, content = parts
        used[idempotency_key(key, effective, content)] += 1
        keys = [key]
        if event.subject.kind not in ("person", "household"):
            keys.append(f"{event.subject.kind}:{event.subject.id}")
        ids.update(dict.fromkeys(keys, event.subject.id))
        if corrections.stands(event):
            events[key, effective] = (content, event.id)
            standing.update(keys)
    return Earlier(ids, events, frozenset(ids.keys() - standing), used)


def to_events(
    staged: Staged,
    rows: Iterable[StagedRow],
    *,
    rulebook: Rulebook,
    operation: str,
    by: str,
    instant: dt.datetime,
    random: Random,
    earlier: Earlier,
    default_effective: dt.date,
    new_id: Callable[[], str],
    joins: Joins | None = None,
) -> Batch:
    """Turn accepted rows into events.

    staged             the batch the rows come from
    rows               from `staged.accepted()`
    by                 role or user id of who imports
    instant, random    for the events' ids
    default_effective  when neither row nor profile says from when the facts are true
    new_id             gives a fresh permanent random id
    joins              what decisions about doubles say about households
    raises             Faults, one per row that is no event under this rulebook
    """
    return _Writer(
        staged, rulebook, operation, by, instant, random, earlier, default_effective, new_id,
        joins or Joins(),
    ).batch(list(rows))  # fmt: skip


class _Writer:
    """Holds the ids given and the events made while one batch is turned into events."""

    def __init__(
        self,
        staged: Staged,
        rulebook: Rulebook,
        operation: str,
        by: str,
        instant: dt.datetime,
        random: Random,
        earlier: Earlier,
        default_effective: dt.date,
        new_id: Callable[[], str],
        joins: Joins,
    ) -> None:
        self.joins = joins
        self.staged, self.rulebook, self.operation, self.by = staged, rulebook, operation, by
        self.instant, self.random, self.earlier = instant, random, earlier
        self.default, self.new_id = default_effective, new_id
        self.ids: dict[str, str] = {}
        self.events: list[Event] = []
        self.identities: dict[str, Identity] = {}
        self.faults: list[Fault] = []
        self.unchanged = self.corrected = self.added = 0
        self.moves = rulebook.moves()

    def batch(self, rows: list[StagedRow]) -> Batch:
        self._households(rows)
        for row in rows:
            if row.event is None:
                self._person(row)
            else:
                self._event(row)
        if self.faults:
            raise Faults(self.faults, f"{self.staged.file}: nothing was kept.")
        return Batch(
            tuple(self.events), self.identities, self.ids, self.unchanged, self.corrected,
            self.added,
        )  # fmt: skip

    # -- ids

    def _id(self, key: str) -> tuple[str, bool]:
        """The permanent id behind a key, and whether it is new."""
        known = self._registered(key)
        if known:
            return known, False
        self.ids[key] = self.earlier.ids.get(key) or self.new_id()
        return self.ids[key], True

    def _registered(self, key: str) -> str | None:
        """The id behind a key that this batch or a standing earlier one has registered."""
        if key in self.earlier.gone:
            return self.ids.get(key)
        return self.earlier.ids.get(key) or self.ids.get(key)

    # -- rows

    def _households(self, rows: list[StagedRow]) -> None:
        """One event per household and date on which its roster grew."""
        joined: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        facts: dict[str, dict[str, Any]] = {}
        newcomers: Counter[str] = Counter()
        for row in rows:
            if row.event is None and (row.person or row.key) not in self.joins.stays:
                home = home_key(row)
                newcomers[home] += self._registered(row.person or row.key) is None
                joined[home][self._effective(row.effective)] += 1
                facts.setdefault(home, dict(row.household_facts))
        sized = "roster_size" in self.rulebook.kinds["household"].facts
        for key, days in joined.items():
            if key in self.joins.homes:
                self._join(key, self.joins.homes[key], min(days), newcomers[key], sized)
                continue
            household, new = self._id(key)
            members = 0
            for effective in sorted(days):
                members += days[effective]
                given = dict(facts[key])
                if sized:
                    given.setdefault("roster_size", members)
                self._add(
                    key, effective, "registered" if new else "recorded",
                    Subject("household", household), given, f"{sorted(given.items())}", opens=new,
                    counted=False,
                )  # fmt: skip
                new = False

    def _join(
        self, key: str, household: str, effective: str, newcomers: int, sized: bool
    ) -> None:
        """People of the list who belong to a household recorded already.

        The event carries the list's own key, so that the list, loaded again, finds the
        household; only newcomers change its size.
        """
        self.ids[key] = household
        if key in self.earlier.ids and not newcomers:
            return
        roster = self.joins.rosters.get(household)
        facts: dict[str, Any] = {}
        if sized and roster is not None and newcomers:
            facts["roster_size"] = roster + newcomers
        self._add(
            key, effective, "recorded", Subject("household", household), facts,
            f"joins {sorted(facts.items())}", counted=False,
        )  # fmt: skip

    def _person(self, row: StagedRow) -> None:
        person, new = self._id(row.person or row.key)
        facts: dict[str, Any] = {
            name: _value(value) for name, value in row.facts.items() if value is not None
        }
        stays = (row.person or row.key) in self.joins.stays
        if not stays:
            facts["household"] = self._id(home_key(row))[0]
        if row.site and "site" in self.rulebook.kinds["person"].refs:
            facts["site"] = row.site
        role = _role(row.role, self.rulebook)
        if role and not stays:
            facts["role_in_household"] = role
        effective = self._effective(row.effective)
        key = row.person or row.key
        known = (key, effective) in self.earlier.events
        kind = "registered" if new or known else "recorded"
        if self._add(key, effective, kind, Subject("person", person), facts, row.content,
                     opens=new, row=row.row):  # fmt: skip
            self.identities[person] = row.identity

    def _event(self, row: StagedRow) -> None:
        assert row.event is not None
        name, day = row.event
        effective = self._effective(day)
        facts: dict[str, Any] = {
            fact: _value(value) for fact, value in row.facts.items() if value is not None
        }
        where = f"row {row.row}"
        if name in self.moves or name == "recorded":
            person = self._known_person(row)
            if person is None:
                return
            subject = Subject("person", person)
            key = row.key
            self._add(key, effective, name, subject, facts, row.content, row=row.row)
        elif name in self.rulebook.kinds:
            if "person" in self.rulebook.kinds[name].refs and row.person:
                person = self._known_person(row)
                if person is None:
                    return
                facts["person"] = person
            record, new = self._record_id(row, name)
            self._add(row.key, effective, "recorded", Subject(name, record), facts, row.content,
                      opens=new, row=row.row)  # fmt: skip
        else:
            near = [move for move in self.moves if move.split(".")[0] == name]
            self.faults.append(
                Fault(
                    self.staged.file, where, "event.kind", "a step this rulebook does not know",
                    Listed(near)
                    if near
                    else "a step such as T4.return, or a kind of record",
                    "Correct the cell, or map your word in the profile.",
                )
            )  # fmt: skip

    def _record_id(self, row: StagedRow, kind: str) -> tuple[str, bool]:
        """Records that belong to nobody (a country, a site) keep the name the list gives them."""
        own = row.identity.office_number
        if own and "person" not in self.rulebook.kinds[kind].refs:
            key = f"{kind}:{own}"
            known = self._registered(key) is not None
            self.ids[key] = own
            return own, not known
        return self._id(row.key)

    def _known_person(self, row: StagedRow) -> str | None:
        known = self._registered(row.person or "")
        if known is None:
            self.faults.append(
                Fault(
                    self.staged.file, f"row {row.row}", "person", "a number no list has registered",
                    "a number of a person already imported",
                    "Import the list of people first, or correct the number.",
                )
            )  # fmt: skip
        return known

    def _effective(self, day: PartialDate | None) -> str:
        if day is None:
            return self.default.isoformat()
        return partial_text(day.earliest, day.latest)

    def _add(
        self, key: str, effective: str, kind: str, subject: Subject, facts: dict[str, Any],
        content: str, *, opens: bool = False, row: int = 0, counted: bool = True,
    ) -> bool:  # fmt: skip
        """Append an event unless the same row is already there; True when something is new."""
        before = self.earlier.events.get((key, effective))
        if before and before[0] == content:
            self.unchanged += counted
            return False
        given = opening_facts(subject.kind, facts, self.rulebook) if opens else facts
        said = self.earlier.used.get(idempotency_key(key, effective, content), 0)
        event = Event(
            id=event_id(self.instant, self.random),
            operation=self.operation,
            subject=subject,
            kind=kind,
            effective=effective,
            by=self.by,
            rulebook=self.rulebook.hash,
            idempotency_key=idempotency_key(key, effective, content, said),
            facts=given,
            supersedes=before[1] if before else None,
        )
        faults = event_faults(event, self.rulebook, file=self.staged.file, where=f"row {row}")
        self.faults.extend(faults)
        self.events.append(event)
        if counted:
            self.corrected += before is not None
            self.added += before is None
        return True


def home_key(row: StagedRow) -> str:
    """The key of the row's household. Somebody listed with no household is one alone: a person
    of unknown household might belong to any, and would leave family unity open for everybody."""
    return row.household or f"{row.person or row.key}-home"


def _value(value: Any) -> Any:
    """A staged value as an event holds it."""
    if isinstance(value, PartialDate):
        return partial_text(value.earliest, value.latest)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, tuple | frozenset | set):
        return sorted(value)
    return value


def _role(role: str | None, rulebook: Rulebook) -> str | None:
    """The office's role in the rulebook's words; what it has no word for is another relative."""
    fact = rulebook.kinds["person"].facts.get("role_in_household")
    if fact is None or role is None or role == "unknown":
        return None
    return role if role in fact.allowed else "other_relative"
