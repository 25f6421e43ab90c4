"""Who on a list may be somebody already recorded, and what people decided about it.

Exists because names propose and people decide, and a decision must hold: two who were kept apart
are not asked about again, a merge can be undone, and an open question blocks until the field has
found out. Comes in: an operation, staged rows, decisions. Goes out: `Doubles`, the questions
still open with both sides, and the events that decisions become. Decisions about rows that are
not recorded yet wait in `imports/decisions.jsonl` under keyed row keys; everything else stands
in the log. Nothing here says a name except the `Person` a question is about.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from onward.caseload.after_outcome import merged_into
from onward.caseload.events import (
    MERGED,
    PERSON,
    RECORDED,
    REGISTERED,
    RETRACTED,
    Event,
    Subject,
    event_id,
    new_event,
)
from onward.dates import day_range
from onward.errors import Fault, Faults, OnwardError, one_of
from onward.intake.events import Corrections, Earlier, Joins, home_key, imported_key
from onward.intake.households import Finding, check_households
from onward.intake.match import Person, Suggestion, person_of, suggest, whole_names
from onward.intake.review import (
    BASES,
    CHOICES,
    MOST_MATCHED_PERCENT,
    Choice,
    Decision,
    Reviewed,
    Side,
    pair_code,
    refuse_if_mostly_known,
    review,
)
from onward.intake.stage import Identity, Name, StagedRow
from onward.intake.values import DocumentNumber, parse_document
from onward.registry.identities.vault import VaultRefused
from onward.registry.importing.planned_contacts import contacts_beside
from onward.registry.operation import Operation

APART, ASK, SETTLED, BASIS = "apart:", "ask:", "settled:", "basis:"
"""Evidence of the events that keep two people apart or leave a question open."""

IMPORTED_DECISION = "double:"
LATER_DECISION = "decided:"
"""Idempotency keys of decisions recorded with an import, and of those about people already
recorded."""

HOUSEHOLD = "household"
OPEN = "open_duplicate"
PENDING = "decisions.jsonl"
MATCH_SEED = 1


@dataclass(frozen=True)
class Doubles:
    """What matching one list found.

    suggestions  everyone who may be someone else, the surest first
    reviewed     the same with what people decided: what is still open, who is one person
    sides        key -> what is shown side by side
    households   what a person must look at in the list's households
    """

    suggestions: tuple[Suggestion, ...]
    reviewed: Reviewed
    sides: Mapping[str, Side]
    households: tuple[Finding, ...]

    @property
    def questions(self) -> tuple[Suggestion, ...]:
        return self.reviewed.questions

    def left_open(self, by: str) -> Doubles:
        """The same with every open pair left to the field."""
        asked = [Decision(s.first, s.second, "ask", by, "list") for s in self.questions]
        decided = (*self.reviewed.decisions, *asked)
        return replace(self, reviewed=review(self.suggestions, decided))


# ---------------------------------------------------------------------------------------------
# Matching
# ---------------------------------------------------------------------------------------------


def find_doubles(
    operation: Operation,
    log: Sequence[Event],
    rows: Sequence[StagedRow],
    earlier: Earlier,
    *,
    file: str,
    most_matched_percent: float = MOST_MATCHED_PERCENT,
    progress: Callable[[int], None] | None = None,
) -> Doubles:
    """Match the rows of a list of people against each other and against the record.

    log       every event of the operation
    earlier   from `earlier_from(log)`: which row is which recorded person
    raises    Faults when most rows look like people recorded under other numbers
    """
    people = [row for row in rows if row.event is None]
    if all(known_as(row, earlier) for row in people):
        # Nobody new: the record need not be opened.
        found = check_households(people, on=operation.default_date())
        return Doubles((), review((), ()), {}, found)
    gone_into = merged_into(log)
    recorded = people_of_record(operation, log, gone_into)
    sides: dict[str, Side] = {}
    new: list[str] = []
    for row in people:
        key = row.person or row.key
        known = known_as(row, earlier)
        home = row.household or ""
        this = replace(person_of(row), household=earlier.ids.get(home, home))
        if known is None:
            sides[key] = Side(key, row.row, replace(this, key=key))
            new.append(key)
        else:
            # The record's own person as the list now writes them.
            who = gone_into.get(known, known)
            before = recorded.pop(who, None)
            names = (*this.names, *(before.names if before else ()))
            found = replace(
                this, key=who, names=tuple(dict.fromkeys(names)), known=True,
                documents={**(before.documents if before else {}), **this.documents},
            )  # fmt: skip
            sides[who] = Side(who, row.row, found)
    for who, person in recorded.items():
        sides.setdefault(who, Side(who, None, person))
    fresh = set(new)
    decided = [
        d
        for d in _resolved([*standing_decisions(log), *pending(operation)], earlier, gone_into)
        if d.first in sides and d.second in sides and fresh & d.pair
    ]
    apart = {d.pair for d in decided if d.choice == "apart"}
    suggestions = suggest(
        [side.person for side in sides.values()],
        seed=MATCH_SEED,
        apart=apart,
        progress=progress,
    )
    refuse_if_mostly_known(file, new, suggestions, most_percent=most_matched_percent)
    found_households = check_households(
        people, on=operation.default_date(), suggestions=_by_row_key(suggestions, people)
    )
    return Doubles(suggestions, review(suggestions, decided), sides, found_households)


def doubles_in_record(
    operation: Operation,
    log: Sequence[Event],
    *,
    progress: Callable[[int], None] | None = None,
) -> Doubles:
    """Match everybody recorded against each other: for lists brought in without matching, and
    for people registered by hand."""
    gone_into = merged_into(log)
    sides = {
        who: Side(who, None, replace(person, known=False))
        for who, person in people_of_record(operation, log, gone_into).items()
    }
    decided = [
        d
        for d in _resolved(standing_decisions(log), Earlier(), gone_into)
        if d.first in sides and d.second in sides
    ]
    suggestions = suggest(
        [side.person for side in sides.values()],
        seed=MATCH_SEED,
        apart={d.pair for d in decided if d.choice == "apart"},
        progress=progress,
    )
    return Doubles(suggestions, review(suggestions, decided), sides, ())


def known_as(row: StagedRow, earlier: Earlier) -> str | None:
    """Whom a row is about, where its number is recorded already."""
    key = row.person or row.key
    return earlier.ids.get(key) if key not in earlier.gone else None


def _by_row_key(
    suggestions: Iterable[Suggestion], rows: Sequence[StagedRow]
) -> list[Suggestion]:
    """Suggestions between two rows of the list, under the rows' own keys."""
    own = {row.person or row.key: row.key for row in rows}
    return [
        replace(s, first=own[s.first], second=own[s.second])
        for s in suggestions
        if s.first in own and s.second in own
    ]


def people_of_record(
    operation: Operation, log: Sequence[Event], gone_into: Mapping[str, str]
) -> dict[str, Person]:
    """Everybody recorded, with what the vault lets us compare; empty when it is closed.

    Somebody merged into another lends that person their names.
    """
    registered = [e for e in log if e.subject.kind == PERSON and e.kind == REGISTERED]
    if not registered:
        return {}
    day = max(operation.default_date(), *(day_range(e.effective)[1] for e in registered))
    people = operation.caseload(day).people
    ids = [str(one) for one in people["id"].to_pylist()]
    try:
        identities = _identities(operation, [*ids, *gone_into])
    except VaultRefused:
        return {}
    also: dict[str, list[str]] = defaultdict(list)
    for gone, into in gone_into.items():
        also[into].append(gone)

    def column(name: str) -> list[Any]:
        if name in people.column_names:
            return list(people[name].to_pylist())
        return [None] * len(ids)

    birth = next(
        (n[:-6] for n in people.column_names if "birth" in n and n.endswith("_first")), ""
    )
    made: dict[str, Person] = {}
    for who, first, last, sex, home in zip(
        ids, column(f"{birth}_first"), column(f"{birth}_last"), column("sex"),
        column("household"), strict=True,
    ):  # fmt: skip
        named = [identities[one] for one in (who, *also[who]) if one in identities]
        if not named:
            continue
        fathers = [n.text for one in named for n in one.names if n.part == "father"]
        documents = {kind: number.key for one in named for kind, number in one.documents}
        names = dict.fromkeys(name for one in named for name in whole_names(one))
        made[who] = Person(
            who,
            tuple(names),
            fathers[0] if fathers else "",
            (first, last) if first is not None and last is not None else None,
            "" if sex in (None, "unknown") else str(sex),
            "",
            documents,
            home or "",
            True,
        )
    return made


def _identities(operation: Operation, people: Iterable[str]) -> dict[str, Identity]:
    kept = operation.vault.get_many(people)
    return {who: _identity(fields) for who, fields in kept.items() if fields}


def _identity(fields: Mapping[str, str]) -> Identity:
    """Names and documents as the vault keeps them, as intake compares them."""
    names, documents = [], []
    for key, text in fields.items():
        family, _, part = key.partition(".")
        if family == "name":
            part, _, script = part.partition(".")
            names.append(Name(part, text, script))
        elif family == "document":
            number = parse_document(text)
            if isinstance(number, DocumentNumber):
                documents.append((part, number))
    return Identity(tuple(names), tuple(documents))


# ---------------------------------------------------------------------------------------------
# What was decided
# ---------------------------------------------------------------------------------------------


def standing_decisions(log: Sequence[Event]) -> list[Decision]:
    """What the log says about pairs of people, in the order it was decided."""
    corrections = Corrections(log)
    found: list[Decision] = []
    for event in log:
        if event.subject.kind != PERSON or not corrections.live(event):
            continue
        basis = _evidence(event, BASIS)
        if event.kind == MERGED:
            into = str(event.facts["into"])
            found.append(Decision(event.subject.id, into, "merge", event.by, basis))
        for mark, choice in ((APART, "apart"), (ASK, "ask")):
            other = _evidence(event, mark)
            if other and event.subject.id < other:
                found.append(
                    Decision(event.subject.id, other, cast(Choice, choice), event.by, basis)
                )
    return found


def _evidence(event: Event, mark: str) -> str:
    return next((e.removeprefix(mark) for e in event.evidence if e.startswith(mark)), "")


def pending(operation: Operation) -> list[Decision]:
    """Decisions taken about rows before they were recorded, in the order they were taken."""
    file = operation.path / "imports" / PENDING
    if not file.exists():
        return []
    found = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        try:
            entry = json.loads(line)
            words = {name: str(entry[name]) for name in ("first", "second", "by", "why")}
            choice = next(choice for choice in CHOICES if choice == entry["choice"])
        except (ValueError, KeyError, TypeError, StopIteration):
            if not line.rstrip().endswith("}"):
                continue  # a write that was cut off: never confirmed to anybody
            raise OnwardError(
                f"imports/{PENDING}, line {number}: not a decision. Delete the line and decide "
                "again."
            ) from None
        found.append(Decision(choice=choice, **words))
    return found


def _resolved(
    decisions: Iterable[Decision], earlier: Earlier, gone_into: Mapping[str, str]
) -> list[Decision]:
    """Decisions by the ids that stand today: a row recorded since goes by its person's."""

    def stands(key: str) -> str:
        if key in earlier.ids and key not in earlier.gone:
            key = earlier.ids[key]
        return gone_into.get(key, key)

    made = [replace(d, first=stands(d.first), second=stands(d.second)) for d in decisions]
    return [d for d in made if d.first != d.second]


def keep_pending(operation: Operation, decisions: Iterable[Decision], at: datetime) -> None:
    """Remember decisions about rows that are not recorded yet."""
    lines = [
        json.dumps(
            {"first": d.first, "second": d.second, "choice": d.choice, "by": d.by, "why": d.why,
             "at": at.astimezone(UTC).isoformat()}
        )
        for d in decisions
    ]  # fmt: skip
    path = operation.folder("imports") / PENDING
    torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(("\n" if torn else "") + "".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())


def joins_of(
    operation: Operation,
    log: Sequence[Event],
    rows: Sequence[StagedRow],
    earlier: Earlier,
    doubles: Doubles | None,
) -> Joins:
    """Whose household stays what it is: a list may not tear anybody out of their family.

    A row merged into somebody recorded brings no household. The others of its household on the
    list join the recorded one, where the merges point to one and no more.
    """
    people = [row for row in rows if row.event is None]
    gone_into = merged_into(log)
    stays = {
        row.person or row.key for row in people if (known_as(row, earlier) or "") in gone_into
    }
    registered_as: dict[str, str] = {}
    for event in log:
        if event.subject.kind == HOUSEHOLD and event.kind == REGISTERED:
            parts = imported_key(event.idempotency_key)
            registered_as.setdefault(event.subject.id, parts[0] if parts else "")
    homes: dict[str, str] = {}
    for key in {home_key(row) for row in people}:
        subject = earlier.ids.get(key)
        if subject is not None and key not in earlier.gone and registered_as[subject] != key:
            homes[key] = subject
    if doubles is not None:
        same = doubles.reviewed.same
        recorded = {
            same[key]: side.person.household
            for key, side in doubles.sides.items()
            if key in same and side.person.known and side.person.household
        }
        new = {key for key, side in doubles.sides.items() if not side.person.known}
        point: dict[str, set[str]] = defaultdict(set)
        for row in people:
            key = row.person or row.key
            if key not in same or key not in new:
                continue
            group = same[key]
            if group in recorded:
                stays.add(key)
                if row.household is not None:
                    point[row.household].add(recorded[group])
            elif key != group:
                stays.add(key)
        for key, found in point.items():
            if len(found) == 1 and key not in earlier.ids:
                homes[key] = next(iter(found))
    if not homes:
        return Joins(frozenset(stays))
    table = operation.caseload().households
    rosters: dict[str, int | None] = dict.fromkeys(homes.values())
    if "roster_size" in table.column_names:
        sizes = zip(table["id"].to_pylist(), table["roster_size"].to_pylist(), strict=True)
        rosters |= {home: size for home, size in sizes if home in rosters}
    return Joins(frozenset(stays), homes, rosters)


def decision_events(
    operation: Operation,
    log: Sequence[Event],
    doubles: Doubles,
    ids: Mapping[str, str],
    *,
    instant: datetime,
    effective: Mapping[str, str],
) -> list[Event]:
    """What people decided about the rows of one import, as events to go in with it.

    ids        row key -> id of the person it is registered as
    effective  row key -> day from which the row is in the record
    """
    writer = _Deciding(operation, log, instant, IMPORTED_DECISION)
    made: list[Event] = []
    groups: dict[str, list[str]] = defaultdict(list)
    for key, root in doubles.reviewed.same.items():
        groups[root].append(key)
    merging = {
        key: d for d in doubles.reviewed.decisions if d.choice == "merge" for key in d.pair
    }
    for group in groups.values():
        days = [effective[key] for key in group if key in effective]
        if days and len(group) > 1:
            # Of people already recorded and new rows, the one recorded first stays.
            who = {key: ids.get(key, key) for key in group}
            kept, *others = sorted(
                group, key=lambda key: (key in effective, writer.age(who[key])[0], key)
            )
            for key in others:
                home = "" if key in effective else doubles.sides[kept].person.household
                made += writer.events(merging[key], who[kept], who[key], _last(days), home=home)
    for decision in doubles.reviewed.decisions:
        days = [effective[key] for key in decision.pair if key in effective]
        if days and decision.choice != "merge":
            first, second = sorted(ids.get(key, key) for key in decision.pair)
            made += writer.events(decision, first, second, _last(days))
    return made


def _last(days: Sequence[str]) -> str:
    return max(days, key=lambda text: day_range(text)[1])


def decide(
    operation: Operation,
    decisions: Sequence[Decision],
    *,
    rows: Iterable[str] = (),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Keep what people decided.

    decisions  by row keys or ids of recorded people; the latest about a pair counts
    rows       the keys that are rows of a list, not recorded yet: their decisions wait for the
               commit; all others are recorded at once and undo what was decided before
    returns    how many were kept
    raises     Faults for a choice or a reason that is none
    """
    faults = [
        Fault("decisions", f"decision {number}", name, f"no such {name}", one_of(allowed))
        for number, d in enumerate(decisions, 1)
        for name, word, allowed in (("choice", d.choice, CHOICES), ("reason", d.why, BASES))
        if word and word not in allowed
    ]
    if faults:
        raise Faults(faults)
    waiting = set(rows)
    now = clock()
    later = [d for d in decisions if d.pair & waiting]
    if later:
        keep_pending(operation, later, now)
    at_once = [d for d in decisions if not d.pair & waiting]
    if at_once:
        log = operation.store.read()
        writer = _Deciding(operation, log, now, LATER_DECISION)
        known = {e.subject.id for e in log if e.subject.kind == PERSON}
        day = operation.default_date().isoformat()
        homes = _homes(operation) if any(d.choice == "merge" for d in at_once) else {}
        events: list[Event] = []
        for decision in at_once:
            if not decision.pair <= known:
                raise OnwardError(
                    "A decision names somebody who is neither on the list nor recorded. Run "
                    "the review again and use the codes it prints."
                )
            kept, other = sorted(decision.pair, key=writer.age)
            events += writer.events(decision, kept, other, day, home=homes.get(kept, ""))
        due = contacts_beside(operation, log, events, by=at_once[-1].by, now=now)
        operation.record([*events, *due])
    return len(decisions)


def _homes(operation: Operation) -> dict[str, str]:
    """Everybody's household as it stands."""
    people = operation.caseload().people
    pairs = zip(people["id"].to_pylist(), people["household"].to_pylist(), strict=True)
    return {person: home for person, home in pairs if home}


class _Deciding:
    """Turns decisions about recorded people into events, taking back what they replace."""

    def __init__(
        self, operation: Operation, log: Sequence[Event], now: datetime, mark: str
    ) -> None:
        self.operation, self.log, self.now, self.mark = operation, log, now, mark
        self.random = random.SystemRandom()
        corrections = Corrections(log)
        self.used: dict[str, int] = defaultdict(int)
        self.standing: dict[frozenset[str], list[Event]] = defaultdict(list)
        self.asked: dict[str, set[str]] = defaultdict(set)
        self.order: dict[str, int] = {}
        for event in log:
            if event.subject.kind != PERSON:
                continue
            self.order.setdefault(event.subject.id, event.seq)
            if event.idempotency_key.startswith(mark):
                self.used[event.idempotency_key.partition("#")[0]] += 1
            if not corrections.live(event):
                continue
            other = _evidence(event, APART) or _evidence(event, ASK)
            if event.kind == MERGED:
                other = str(event.facts["into"])
            if other:
                self.standing[frozenset((event.subject.id, other))].append(event)
            if _evidence(event, ASK):
                self.asked[event.subject.id].add(_evidence(event, ASK))

    def age(self, who: str) -> tuple[int, str]:
        """For sorting: whoever was recorded first comes first, newcomers last."""
        return self.order.get(who, sys.maxsize), who

    def events(
        self, decision: Decision, kept: str, other: str, day: str, *, home: str = ""
    ) -> list[Event]:
        """The events of one decision.

        home  the household of whoever stays, said again where the other's record, recorded
              later, would move them out of it
        """
        pair = frozenset((kept, other))
        replaced = self.standing.pop(pair, [])
        made = [self._retraction(event, decision.by) for event in replaced]
        asked = any(_evidence(event, ASK) for event in replaced)
        for who in pair:
            self.asked[who] -= pair
        if decision.choice == "merge":
            made.append(self._event(decision, MERGED, other, day, {"into": kept}, ()))
            settled = self._settled(asked, kept) | ({HOUSEHOLD: home} if home else {})
            if settled:
                evidence = (SETTLED + other,)
                made.append(self._event(decision, RECORDED, kept, day, settled, evidence))
        elif decision.choice == "apart":
            for who, whom in ((kept, other), (other, kept)):
                facts = self._settled(asked, who)
                made.append(self._event(decision, RECORDED, who, day, facts, (APART + whom,)))
        else:
            opened = {OPEN: True} if self._declares(OPEN) else {}
            for who, whom in ((kept, other), (other, kept)):
                self.asked[who].add(whom)
                made.append(self._event(decision, RECORDED, who, day, opened, (ASK + whom,)))
        return made

    def _settled(self, asked: bool, who: str) -> dict[str, Any]:
        """An answered question closes the open duplicate unless another stays open."""
        closes = asked and not self.asked[who] and self._declares(OPEN)
        return {OPEN: False} if closes else {}

    def _declares(self, fact: str) -> bool:
        return fact in self.operation.rulebook.kinds[PERSON].facts

    def _event(
        self, decision: Decision, kind: str, who: str, day: str,
        facts: Mapping[str, Any], evidence: tuple[str, ...],
    ) -> Event:  # fmt: skip
        other = str(facts.get("into", "")) or evidence[0].partition(":")[2]
        base = f"{self.mark}{who}:{other}:{decision.choice}"
        self.used[base] += 1
        times = self.used[base]
        return new_event(
            self.operation.rulebook,
            operation=self.operation.settings.id,
            subject=Subject(PERSON, who),
            kind=kind,
            effective=day,
            by=decision.by,
            instant=self.now,
            random=self.random,
            facts=facts,
            evidence=(*evidence, BASIS + decision.why) if decision.why else evidence,
            idempotency_key=base if times == 1 else f"{base}#{times}",
        )

    def _retraction(self, event: Event, by: str) -> Event:
        return Event(
            id=event_id(self.now, self.random),
            operation=event.operation,
            subject=event.subject,
            kind=RETRACTED,
            effective=event.effective,
            by=by,
            rulebook=self.operation.rulebook.hash,
            idempotency_key=f"{LATER_DECISION}undo:{event.id}",
            supersedes=event.id,
        )


def standing_pairs(log: Sequence[Event]) -> list[tuple[str, Decision]]:
    """Every decision that stands in the record with the code it can be changed by."""
    return [(pair_code(d.first, d.second), d) for d in standing_decisions(log)]
