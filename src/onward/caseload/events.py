"""One thing that was recorded, and the only form in which the record keeps it.

Exists because the log of events is the truth: everything else is computed from it and can be
thrown away. Goes in: what somebody wants to record. Comes out: a checked `Event`, or every
fault in it at once, and the canonical bytes that hashes and proofs are made over. Identity
(names, documents, contacts) has no place here: an event speaks of permanent random ids only.
`docs/reference/events.md` is this module for people who do not program.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, TypeAlias, cast

import rfc8785

from onward.dates import FORMS, NotADate, day_range, full_date
from onward.errors import Fault, Faults, OnwardError, one_of
from onward.rulebook.model import Fact, Kind, Rulebook

Value: TypeAlias = "bool | int | float | str | Sequence[str] | None"
"""One fact's value in an event; None (JSON null) means: now unknown."""

RECORDED: Final = "recorded"
REGISTERED: Final = "registered"
MERGED: Final = "merged"
RETRACTED: Final = "retracted"
ADOPTED: Final = "adopted"
BREACH: Final = "breach"
OVERRIDE: Final = "override"
EVENT_KINDS: Final = (RECORDED, REGISTERED, MERGED, RETRACTED, ADOPTED, BREACH, OVERRIDE)
"""The kinds of events besides the rulebook's moves ("T4.return")."""

RULEBOOK_SUBJECT: Final = "rulebook"
PLAN_SUBJECT: Final = "plan"
WORDS_SUBJECT: Final = "words"
ADOPTED_SUBJECTS: Final = (RULEBOOK_SUBJECT, PLAN_SUBJECT, WORDS_SUBJECT)
"""What can be adopted. Its id is the SHA-256 of what was adopted."""

PERSON: Final = "person"

TEXT_LIMIT: Final = 80
"""Longest text fact: a place, a version, a reference. Narratives belong in the vault."""

INTEGER_LIMIT: Final = 2**31 - 1

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,79}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{3}", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_UUID7 = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII
)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_LONG_NUMBER = re.compile(r"\d(?:[\s\-]?\d){6,}")
_DAY_IN_TEXT = re.compile(r"\d{4}-\d\d-\d\d")
# Words whose presence in a fact's name means that its values would identify a human. They
# belong in the vault, where reading is counted and asked for.
_IDENTITY_WORDS = re.compile(
    r"(^|_)(name|names|surname|forename|firstname|lastname|fullname|alias|nickname|"
    r"phone|telephone|mobile|email|e_mail|address|passport|id_card|national_id|"
    r"document_number|card_number|photo|picture|fingerprint|iris|biometric|signature|"
    r"narrative|story|notes?|comments?|free_text)($|_)"
)


@dataclass(frozen=True)
class Subject:
    """What an event is about: a kind the rulebook declares, and a permanent id."""

    kind: str
    id: str


@dataclass(frozen=True)
class Event:
    """One entry of the log.

    id               UUIDv7 as text
    effective        the day it happened or holds from, possibly partial: see `onward.dates`
    by               role or user id of who recorded it, never a name
    facts            column -> value; None: now unknown
    evidence         references to documents kept elsewhere
    supersedes       id of the event this one stands in place of, or None
    rulebook         hash of the rulebook in force when it was recorded
    idempotency_key  a second event with a key seen before changes nothing
    recorded, seq    instant ("2026-03-01T09:30:00.000000Z") and place in the total order;
                     "" and 0 until the store has appended the event
    """

    id: str
    operation: str
    subject: Subject
    kind: str
    effective: str
    by: str
    rulebook: str
    idempotency_key: str
    facts: Mapping[str, Value] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    supersedes: str | None = None
    recorded: str = ""
    seq: int = 0

    @property
    def appended(self) -> bool:
        """Whether the store has given the event its place in the order."""
        return self.seq > 0

    def placed(self, *, seq: int, recorded: str) -> Event:
        """The event as the store keeps it."""
        return replace(self, seq=seq, recorded=recorded)


class NotAnEvent(OnwardError):
    """A line of the log that is no event: damaged, or written by something else."""


# ---------------------------------------------------------------------------------------------
# Making events
# ---------------------------------------------------------------------------------------------


def event_id(instant: datetime, random: Random) -> str:
    """A UUIDv7 (RFC 9562): the instant's milliseconds, then 74 random bits.

    instant  timezone-aware; the caller's clock
    random   the caller's source of randomness, so that examples can be made again exactly
    """
    if instant.tzinfo is None:
        raise ValueError("the instant of an event id needs a time zone")
    milliseconds = int(instant.timestamp() * 1000)
    if not 0 <= milliseconds < 2**48:
        raise ValueError("the instant of an event id is out of range")
    high = (milliseconds << 16) | (0x7 << 12) | random.getrandbits(12)
    low = (0b10 << 62) | random.getrandbits(62)
    return str(uuid.UUID(int=(high << 64) | low))


def instant_text(instant: datetime) -> str:
    """The one way an instant is written in the log: UTC, microseconds, "Z"."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant_of(text: str) -> datetime:
    """The inverse of `instant_text`; raises NotADate."""
    if not _INSTANT.fullmatch(text):
        raise NotADate("an instant as 2026-03-01T09:30:00.000000Z")
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise NotADate("an instant as 2026-03-01T09:30:00.000000Z") from None


def opening_facts(
    kind: str, facts: Mapping[str, Value], rulebook: Rulebook
) -> dict[str, Value]:
    """The facts of an event that opens a record, with what the rulebook says it starts with.

    A new claim is "not withdrawn" because the rulebook declares `starts: false`, and the event
    says so; nothing is assumed later when it is read. Facts given win over starts.
    """
    declared = _kind(kind, rulebook)
    started: dict[str, Value] = {
        fact.name: fact.starts for fact in declared.facts.values() if fact.starts is not None
    }
    return {**started, **facts}


def new_event(
    rulebook: Rulebook,
    *,
    operation: str,
    subject: Subject,
    kind: str,
    effective: str,
    by: str,
    instant: datetime,
    random: Random,
    facts: Mapping[str, Value] | None = None,
    evidence: Iterable[str] = (),
    supersedes: str | None = None,
    idempotency_key: str = "",
    opens: bool = False,
) -> Event:
    """A checked event ready for the store.

    opens    the event is the first about its subject: facts with `starts` are written out
    instant  the caller's clock, used for the id only; the store says when it was recorded
    raises   Faults with everything wrong in it
    """
    given = dict(facts or {})
    if opens:
        given = opening_facts(subject.kind, given, rulebook)
    identity = event_id(instant, random)
    event = Event(
        id=identity,
        operation=operation,
        subject=subject,
        kind=kind,
        effective=effective,
        by=by,
        rulebook=rulebook.hash,
        idempotency_key=idempotency_key or identity,
        facts=given,
        evidence=tuple(evidence),
        supersedes=supersedes,
    )
    faults = event_faults(event, rulebook)
    if faults:
        raise Faults(faults)
    return event


# ---------------------------------------------------------------------------------------------
# Text and bytes
# ---------------------------------------------------------------------------------------------


def to_json(event: Event) -> dict[str, Any]:
    """The event as a JSON object: what the store writes and the JSON Schema describes."""
    return {
        "id": event.id,
        "operation": event.operation,
        "subject": {"kind": event.subject.kind, "id": event.subject.id},
        "kind": event.kind,
        "effective": event.effective,
        "recorded": event.recorded,
        "seq": event.seq,
        "by": event.by,
        "facts": {
            name: list(value) if isinstance(value, (list, tuple)) else value
            for name, value in event.facts.items()
        },
        "evidence": list(event.evidence),
        "supersedes": event.supersedes,
        "rulebook": event.rulebook,
        "idempotency_key": event.idempotency_key,
    }


_KEYS = frozenset(
    (
        "id", "operation", "subject", "kind", "effective", "recorded", "seq", "by", "facts",
        "evidence", "supersedes", "rulebook", "idempotency_key",
    )
)  # fmt: skip


def from_json(data: Mapping[str, Any]) -> Event:
    """The event of a JSON object; raises NotAnEvent when its shape is wrong.

    Shape only: whether a rulebook knows its kinds and facts is `event_faults`' question.
    """
    try:
        if set(data) != _KEYS:
            raise NotAnEvent(f"an event has the keys {one_of(sorted(_KEYS))} and no others")
        subject, facts, supersedes = data["subject"], data["facts"], data["supersedes"]
        if set(subject) != {"kind", "id"} or not isinstance(facts, dict):
            raise NotAnEvent("an event's subject has a kind and an id, its facts are an object")
        texts = [data[key] for key in ("id", "operation", "kind", "effective", "recorded")]
        texts += [data["by"], data["rulebook"], data["idempotency_key"]]
        texts += [subject["kind"], subject["id"], *data["evidence"]]
        texts += [] if supersedes is None else [supersedes]
        if not all(isinstance(text, str) for text in texts):
            raise NotAnEvent("an event's envelope holds text")
        if not isinstance(data["seq"], int) or isinstance(data["seq"], bool):
            raise NotAnEvent("an event's seq is a whole number")
        return Event(
            id=data["id"],
            operation=data["operation"],
            subject=Subject(subject["kind"], subject["id"]),
            kind=data["kind"],
            effective=data["effective"],
            recorded=data["recorded"],
            seq=data["seq"],
            by=data["by"],
            facts=dict(facts),
            evidence=tuple(data["evidence"]),
            supersedes=supersedes,
            rulebook=data["rulebook"],
            idempotency_key=data["idempotency_key"],
        )
    except (TypeError, KeyError, AttributeError):
        raise NotAnEvent("not an event: parts of its envelope are missing or damaged") from None


def canonical_bytes(event: Event) -> bytes:
    """The event's bytes under RFC 8785, the same on every machine: hashed, signed, compared.

    Without fractions, sorted compact JSON is the same bytes and many times faster; the tests
    hold the two together.
    """
    data = to_json(event)
    facts = event.facts
    if any(isinstance(v, float) or not k.isascii() for k, v in facts.items()):
        return cast(bytes, rfc8785.dumps(data))
    return json.dumps(
        data, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def event_hash(event: Event) -> str:
    """SHA-256 (hex) of the canonical bytes."""
    return hashlib.sha256(canonical_bytes(event)).hexdigest()


# ---------------------------------------------------------------------------------------------
# Checking
# ---------------------------------------------------------------------------------------------


def check_events(
    events: Iterable[Event], rulebook: Rulebook, *, file: str = "", row: str = "event"
) -> None:
    """Raise Faults with every fault of every event, or return."""
    faults: list[Fault] = []
    for number, event in enumerate(events, 1):
        faults.extend(event_faults(event, rulebook, file=file, where=f"{row} {number}"))
    if faults:
        raise Faults(faults)


def event_faults(
    event: Event, rulebook: Rulebook, *, file: str = "", where: str = ""
) -> list[Fault]:
    """Everything wrong with one event under one rulebook; [] when nothing is.

    Whether the move follows from the person's state is not asked: what happened is recorded
    as it happened, and the fold flags what is out of sequence.
    """
    return list(_faults(event, rulebook, file, where))


def _faults(event: Event, rulebook: Rulebook, file: str, where: str) -> Iterator[Fault]:
    def fault(name: str, found: str, allowed: str = "", remedy: str = "") -> Fault:
        return Fault(file, where, name, found, allowed, remedy)

    yield from _envelope_faults(event, fault)
    try:
        day_range(event.effective)
    except NotADate:
        yield fault("effective", "not a date", FORMS)

    move = rulebook.moves().get(event.kind)
    if move is None and event.kind not in EVENT_KINDS:
        near = sorted(key for key in rulebook.moves() if key.split(".")[0] == event.kind)
        yield fault(
            "kind",
            "a kind of event this rulebook does not know",
            one_of(near) if near else f"{one_of(EVENT_KINDS)}, or a move as T4.return",
        )
        return

    if event.kind == ADOPTED:
        yield from _adopted_faults(event, fault)
        return
    if event.kind == RETRACTED:
        if event.subject.kind not in (*rulebook.kinds, *ADOPTED_SUBJECTS):
            yield fault("subject.kind", "a kind this rulebook does not declare")
        if event.supersedes is None:
            yield fault("supersedes", "missing", "the id of the event that is retracted")
        if event.facts:
            yield fault("facts", "a retraction with facts", "no facts")
        return
    if event.subject.kind not in rulebook.kinds:
        yield fault(
            "subject.kind", "a kind this rulebook does not declare", one_of(rulebook.kinds)
        )
        return
    if event.kind == REGISTERED and event.subject.kind not in (PERSON, "household"):
        yield fault("subject.kind", "a registration of this kind", "person or household")
        return
    person_only = move is not None or event.kind in (MERGED, BREACH, OVERRIDE)
    if person_only and event.subject.kind != PERSON:
        yield fault("subject.kind", "this kind of event is about a person", PERSON)
        return
    if event.kind == MERGED:
        yield from _merged_faults(event, fault)
    elif event.kind == BREACH:
        yield from _breach_faults(event, rulebook, fault)
    elif event.kind == OVERRIDE:
        yield from _override_faults(event, rulebook, fault)
    else:
        yield from _fact_faults(event, rulebook, fault)


_FaultMaker: TypeAlias = Any


def _envelope_faults(event: Event, fault: _FaultMaker) -> Iterator[Fault]:
    if not _UUID7.fullmatch(event.id):
        yield fault("id", "not a UUID of version 7")
    if event.supersedes is not None and not _UUID7.fullmatch(event.supersedes):
        yield fault("supersedes", "not the id of an event", "a UUID of version 7, or nothing")
    if event.supersedes == event.id:
        yield fault("supersedes", "the event itself", "an earlier event")
    for name, value in (
        ("operation", event.operation),
        ("subject.id", event.subject.id),
        ("by", event.by),
    ):
        if not _ID.fullmatch(value):
            yield fault(
                name,
                "not an id",
                "1 to 80 letters, digits and . _ : - beginning with a letter or digit",
            )
    for number, reference in enumerate(event.evidence):
        if not _ID.fullmatch(reference):
            yield fault(f"evidence[{number}]", "not a reference", "an id as a document has it")
    if not 1 <= len(event.idempotency_key) <= 200:
        yield fault("idempotency_key", "missing or too long", "1 to 200 characters")
    if not _HASH.fullmatch(event.rulebook):
        yield fault("rulebook", "not the hash of a rulebook", "64 hexadecimal digits")
    if event.recorded and not _INSTANT.fullmatch(event.recorded):
        yield fault("recorded", "not an instant", "an instant as 2026-03-01T09:30:00.000000Z")


def _adopted_faults(event: Event, fault: _FaultMaker) -> Iterator[Fault]:
    if event.subject.kind not in ADOPTED_SUBJECTS:
        yield fault("subject.kind", "an adoption of this kind", one_of(ADOPTED_SUBJECTS))
    elif not _HASH.fullmatch(event.subject.id):
        yield fault("subject.id", "not the hash of what is adopted", "64 hexadecimal digits")
    if set(event.facts) - {"reason"}:
        yield fault("facts", "an adoption with other facts", "reason, or nothing")
    if "reason" in event.facts and (problem := _text_problem(event.facts["reason"])):
        yield fault("facts.reason", *problem)


def _merged_faults(event: Event, fault: _FaultMaker) -> Iterator[Fault]:
    if set(event.facts) != {"into"}:
        yield fault("facts", "not the facts of a merge", "into, the id of another person")
        return
    into = event.facts["into"]
    if not isinstance(into, str) or not _ID.fullmatch(into):
        yield fault("facts.into", "not the id of a person")
    elif into == event.subject.id:
        yield fault("facts.into", "the person itself", "the id of another person")


def _breach_faults(event: Event, rulebook: Rulebook, fault: _FaultMaker) -> Iterator[Fault]:
    yield from _key_faults(event, ("move", "safeguards", "severity"), fault)
    yield from _move_fault(event, rulebook, fault)
    safeguards = event.facts.get("safeguards")
    if safeguards is not None:
        if not _is_texts(safeguards):
            yield fault("facts.safeguards", "not a list of safeguards or findings")
        else:
            known = set(rulebook.safeguards) | {
                finding.key
                for safeguard in rulebook.safeguards.values()
                for finding in safeguard.findings.values()
            }
            if not set(cast("Sequence[str]", safeguards)) <= known:
                yield fault(
                    "facts.safeguards", "an unknown safeguard", one_of(rulebook.safeguards)
                )
    severity = event.facts.get("severity")
    if severity is not None and (
        not isinstance(severity, int) or isinstance(severity, bool) or not 1 <= severity <= 5
    ):
        yield fault("facts.severity", "not a severity", "1 (gravest) to 5")


def _override_faults(event: Event, rulebook: Rulebook, fault: _FaultMaker) -> Iterator[Fault]:
    names = ("move", "finding", "destination", "approved_by", "reason", "valid_on")
    yield from _key_faults(event, names, fault)
    yield from _move_fault(event, rulebook, fault)
    findings = {
        finding.key: finding
        for safeguard in rulebook.safeguards.values()
        for finding in safeguard.findings.values()
    }
    name = event.facts.get("finding")
    if name is not None:
        if name not in findings:
            yield fault("facts.finding", "an unknown finding", "a finding as G11.valid")
        elif findings[name].hard:
            yield fault(
                "facts.finding",
                "a finding that nobody may override",
                one_of(key for key, finding in findings.items() if not finding.hard),
            )
    approvers = event.facts.get("approved_by")
    if approvers is not None and not (
        _is_texts(approvers)
        and len(cast("Sequence[str]", approvers)) == 2
        and len(set(cast("Sequence[str]", approvers))) == 2
        and all(_ID.fullmatch(who) for who in cast("Sequence[str]", approvers))
    ):
        yield fault("facts.approved_by", "not two different people", "two different user ids")
    for text in ("destination", "reason"):
        value = event.facts.get(text)
        if value is not None and (problem := _text_problem(value)):
            yield fault(f"facts.{text}", *problem)
    day = event.facts.get("valid_on")
    if day is not None and (problem := _date_problem(day)):
        yield fault("facts.valid_on", *problem)


def _key_faults(event: Event, names: Sequence[str], fault: _FaultMaker) -> Iterator[Fault]:
    for name in names:
        if event.facts.get(name) is None:
            yield fault(f"facts.{name}", "missing")
    for name in event.facts:
        if name not in names:
            yield fault("facts", "a fact this kind of event does not have", one_of(names))


def _move_fault(event: Event, rulebook: Rulebook, fault: _FaultMaker) -> Iterator[Fault]:
    name = event.facts.get("move")
    if name is not None and name not in rulebook.moves():
        yield fault("facts.move", "an unknown move", "a move as T4.return")


def _fact_faults(event: Event, rulebook: Rulebook, fault: _FaultMaker) -> Iterator[Fault]:
    kind = rulebook.kinds[event.subject.kind]
    axes = rulebook.axes if event.kind == REGISTERED and kind.name == PERSON else {}
    for name, value in event.facts.items():
        if name in axes:
            if value not in axes[name].states:
                yield fault(
                    f"facts.{name}",
                    "a state the rulebook does not know",
                    one_of(axes[name].states),
                )
        elif name in kind.refs:
            if value is not None and not (isinstance(value, str) and _ID.fullmatch(value)):
                yield fault(f"facts.{name}", "not an id", f"the id of a {kind.refs[name]}")
        elif name in kind.facts:
            if value is not None and (problem := value_problem(value, kind.facts[name])):
                yield fault(f"facts.{name}", *problem)
        else:
            # The unknown name itself is repeated only when it looks like a column name.
            shown = name if re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name) else ""
            yield fault(
                f"facts.{shown}" if shown else "facts",
                f"a fact the rulebook does not declare for a {kind.name}",
                one_of([*kind.refs, *kind.facts, *axes]),
            )


def value_problem(value: Value, fact: Fact) -> tuple[str, str] | None:
    """(what was found, what is allowed) when a value does not fit its fact; else None.

    The value itself is never repeated.
    """
    match fact.type:
        case "boolean":
            return None if isinstance(value, bool) else ("not true or false", "true or false")
        case "code":
            if isinstance(value, str) and value in fact.allowed:
                return None
            return "a code that is not allowed", one_of(fact.allowed)
        case "codes":
            if _is_texts(value):
                codes = cast("Sequence[str]", value)
                if set(codes) <= set(fact.allowed) and len(set(codes)) == len(codes):
                    return None
            return "not a list of allowed codes", f"any of {one_of(fact.allowed)}, each once"
        case "text":
            return _text_problem(value)
        case "integer":
            whole = isinstance(value, int) and not isinstance(value, bool)
            if whole and abs(cast(int, value)) <= INTEGER_LIMIT:
                return None
            return "not a whole number", f"a whole number up to {INTEGER_LIMIT}"
        case "number":
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if number and abs(cast(float, value)) <= 1e15:  # also refuses NaN and infinities
                return None
            return "not a number", "a number up to 1e15"
        case "date":
            return _date_problem(value)
        case "partial_date":
            try:
                day_range(value if isinstance(value, str) else "")
            except NotADate:
                return "not a date", FORMS
            return None
        case "country":
            if isinstance(value, str) and _COUNTRY.fullmatch(value):
                return None
            return "not a country code", "three capital letters (ISO 3166-1), as IRN"
        case "language":
            if isinstance(value, str) and _LANGUAGE.fullmatch(value):
                return None
            return "not a language code", "a language tag (BCP 47), as fa or ku-Latn"


def _date_problem(value: Value) -> tuple[str, str] | None:
    try:
        full_date(value if isinstance(value, str) else "")
    except NotADate:
        return "not a date", "a date as 2026-03-01"
    return None


def _text_problem(value: Value) -> tuple[str, str] | None:
    allowed = f"1 to {TEXT_LIMIT} characters on one line: a place, a version, a reference"
    if not isinstance(value, str):
        return "not text", allowed
    if not 1 <= len(value) <= TEXT_LIMIT or value != value.strip() or not value.isprintable():
        return "text that is empty, too long, padded or on several lines", allowed
    if "@" in value or _LONG_NUMBER.search(_DAY_IN_TEXT.sub("", value)):
        return (
            "text that looks like a contact or a document number",
            f"{allowed}. Identity belongs in the vault",
        )
    return None


def _is_texts(value: Value) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)


def identity_faults(rulebook: Rulebook) -> list[Fault]:
    """Facts a rulebook must not declare because their values would identify a human.

    Names, contacts, document numbers, photos and narratives live in the vault, never in
    events; so no fact may be called after one. Coded facts are judged too: their name is what
    forms and columns show.
    """
    faults = []
    for kind in rulebook.kinds.values():
        for fact in kind.facts.values():
            # A code from a closed list cannot hold a name; free forms could.
            if fact.type in ("text", "integer", "number") and _IDENTITY_WORDS.search(fact.name):
                faults.append(
                    Fault(
                        rulebook.file,
                        f"line {fact.line}" if fact.line else "",
                        f"kinds.{kind.name}.facts.{fact.name}",
                        "a fact that would hold identity in clear",
                        "pseudonymous facts only",
                        "Keep names, contacts, numbers and narratives in the vault.",
                    )
                )
    return faults


def _kind(name: str, rulebook: Rulebook) -> Kind:
    try:
        return rulebook.kinds[name]
    except KeyError:
        raise Faults(
            [
                Fault(
                    rulebook.file,
                    "",
                    "kind",
                    "a kind this rulebook does not declare",
                    one_of(rulebook.kinds),
                )
            ]
        ) from None
