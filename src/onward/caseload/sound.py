"""Says of an ordinary event at once that nothing is wrong with it.

Exists because a record of millions of events is moved in minutes only when what is right is seen
to be right quickly. What this cannot vouch for (rare kinds, fractions, anything odd) is asked of
`events.event_faults`, which knows every rule and says what is wrong: `True` here means that it
would find nothing and that `sound_bytes` are the event's canonical bytes. The tests hold the two
together. In comes an event as JSON has it; the rulebook is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from json.encoder import JSONEncoder, encode_basestring
from typing import Any, TypeAlias

from onward.caseload.events import (
    _HASH,
    _ID,
    _INSTANT,
    _KEYS,
    _UUID7,
    INTEGER_LIMIT,
    PERSON,
    RECORDED,
    REGISTERED,
    value_problem,
)
from onward.dates import NotADate, day_range, full_date
from onward.rulebook.model import Fact, Rulebook

Check: TypeAlias = Callable[[Any], bool]

REMEMBERED = 20_000
"""Texts kept that were found right before: days, codes of countries, who recorded."""

_encode = JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
).encode


class Sound:
    """Whether an event of one operation is ordinary and right under one rulebook.

    Call it with the event as JSON has it. False: ask `event_faults`.
    """

    def __init__(self, rulebook: Rulebook, operation: str) -> None:
        self._operation = operation if _ID.fullmatch(operation) else None
        self._day = _remembering(lambda text: _is(day_range, text))
        self._by = _remembering(lambda text: bool(_ID.fullmatch(text)))
        self._hash = _remembering(lambda text: bool(_HASH.fullmatch(text)))
        self._facts: dict[tuple[str, str], dict[str, Check]] = {}
        for name, kind in rulebook.kinds.items():
            facts: dict[str, Check] = {
                fact.name: _check(fact) for fact in kind.facts.values() if fact.name.isascii()
            }
            facts |= dict.fromkeys(kind.refs, _reference)
            self._facts[RECORDED, name] = facts
            if name == "household":
                self._facts[REGISTERED, name] = facts
            if name == PERSON:
                axes = {
                    axis.name: frozenset(axis.states).__contains__
                    for axis in rulebook.axes.values()
                }
                self._facts[REGISTERED, name] = facts | axes
                for move in rulebook.moves():
                    self._facts[move, name] = facts

    def __call__(self, data: Any) -> bool:
        try:
            return self._ordinary(data)
        except (TypeError, KeyError, AttributeError, ValueError):
            return False

    def _ordinary(self, data: Any) -> bool:
        subject, facts, supersedes = data["subject"], data["facts"], data["supersedes"]
        identity, recorded, key = data["id"], data["recorded"], data["idempotency_key"]
        checks = self._facts.get((data["kind"], subject["kind"]))
        if (
            checks is None
            or type(facts) is not dict
            or type(subject) is not dict
            or len(subject) != 2
            or data.keys() != _KEYS
            or data["operation"] != self._operation
            or type(data["seq"]) is not int
            or type(key) is not str
            or not 1 <= len(key) <= 200
            or not _UUID7.fullmatch(identity)
            or not _ID.fullmatch(subject["id"])
            or not self._by(data["by"])
            or not self._hash(data["rulebook"])
            or not self._day(data["effective"])
            or (
                supersedes is not None
                and (supersedes == identity or not _UUID7.fullmatch(supersedes))
            )
        ):
            return False
        if recorded:
            if not _INSTANT.fullmatch(recorded):
                return False
            datetime.fromisoformat(recorded[:-1])
        elif recorded != "":
            return False
        evidence = data["evidence"]
        if evidence and (type(evidence) is not list or not all(map(_reference, evidence))):
            return False
        if not evidence and evidence != []:
            return False
        for name, value in facts.items():
            if value is None:
                if name not in checks or name not in self._facts[RECORDED, subject["kind"]]:
                    return False
            elif not checks[name](value):
                return False
        return True


def sound_bytes(data: Mapping[str, Any], *, seq: int, recorded: str) -> bytes:
    """`canonical_bytes` of an event that is `Sound`, in its place in the log.

    Apart from the key, the envelope of such an event holds nothing that JSON would escape.
    """
    subject, supersedes = data["subject"], data["supersedes"]
    evidence = _encode(data["evidence"]) if data["evidence"] else "[]"
    last = "null" if supersedes is None else f'"{supersedes}"'
    return (
        f'{{"by":"{data["by"]}","effective":"{data["effective"]}",'
        f'"evidence":{evidence},"facts":{_encode(data["facts"])},'
        f'"id":"{data["id"]}","idempotency_key":{encode_basestring(data["idempotency_key"])},'
        f'"kind":"{data["kind"]}","operation":"{data["operation"]}","recorded":"{recorded}",'
        f'"rulebook":"{data["rulebook"]}","seq":{seq},'
        f'"subject":{{"id":"{subject["id"]}","kind":"{subject["kind"]}"}},"supersedes":{last}}}'
    ).encode()


def _reference(value: Any) -> bool:
    return _ID.fullmatch(value) is not None


def _is(reads: Callable[[str], Any], text: str) -> bool:
    try:
        reads(text)
    except NotADate:
        return False
    return True


def _remembering(test: Check) -> Check:
    """The same test, which knows the texts that passed before."""
    known: set[str] = set()

    def found(value: Any) -> bool:
        if value in known:
            return True
        if type(value) is not str or not test(value):
            return False
        if len(known) >= REMEMBERED:
            known.clear()
        known.add(value)
        return True

    return found


def _check(fact: Fact) -> Check:
    """Whether a value that is not null fits its fact and is no fraction."""
    match fact.type:
        case "boolean":
            return lambda value: value is True or value is False
        case "code":
            return frozenset(fact.allowed).__contains__
        case "integer":
            return lambda value: type(value) is int and abs(value) <= INTEGER_LIMIT
        case "number":
            return lambda value: type(value) is int and abs(value) <= 10**15
        case "date":
            return _remembering(lambda text: _is(full_date, text))
        case "partial_date":
            return _remembering(lambda text: _is(day_range, text))
        case "country" | "language":
            return _remembering(lambda text: value_problem(text, fact) is None)
        case _:
            return lambda value: value_problem(value, fact) is None
