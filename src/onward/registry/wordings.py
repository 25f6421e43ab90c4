"""Whether somebody of the operation answers for the words of a language.

Exists because shipped translations are drafts, and pages and papers say so until a named person has
read the words and approved them. Comes in: a language, and whoever approves. Goes out: the version
of its words, which is the hash of the catalogue that pages and reports read, and who approved that
very version when; another version is a draft again. An approval is an event like the adoption of a
plan, and the words approved are kept, so that only what changed has to be read the next time.
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from onward.caseload.events import ADOPTED, RETRACTED, WORDS_SUBJECT, Event, Subject, new_event
from onward.dates import day_range
from onward.errors import OnwardError
from onward.registry.kept import kept
from onward.registry.operation import Operation
from onward.report import tongues

if TYPE_CHECKING:
    from onward.registry.models import Account

APPROVE = "text.approve"
LEAST_REASON = 3
LANGUAGES = tuple(one for one in tongues.LANGUAGES if one != "en")
"""Languages with words to approve: the English ones are what the others are translated from."""


@dataclass(frozen=True)
class Approval:
    """Who answers for one version of a language's words.

    event  the id of the event that says so
    by     the account
    why    what it rests on: who read the words
    """

    event: str
    version: str
    by: str
    on: date
    why: str


@lru_cache(maxsize=len(LANGUAGES))
def _words(language: str) -> bytes:
    """The catalogue as it was when this process first read from it, as the pages do."""
    if language not in LANGUAGES:
        raise OnwardError("There are no words of this language here.")
    return (tongues.CATALOGUES / language / "LC_MESSAGES" / "django.mo").read_bytes()


def version_of(language: str) -> str:
    """The version of a language's words: the hash of its catalogue."""
    return hashlib.sha256(_words(language)).hexdigest()


def texts_of(language: str) -> Mapping[str, str]:
    """English text -> the words in this language; of several forms for numbers, all of them."""
    return _read(_words(language))


def changed(operation: Operation, language: str) -> Mapping[str, str] | None:
    """The texts that are not as in the version approved last; None where none ever was."""
    names = {name for name in kept(operation).names("words") if name.startswith(f"{language}-")}
    for event in reversed(_approvals(operation)):
        name = f"{language}-{event.subject.id}.mo"
        if name in names:
            before = _read(kept(operation).read("words", name))
            now = texts_of(language)
            return {text: said for text, said in now.items() if before.get(text) != said}
    return None


def approval_of(operation: Operation, language: str) -> Approval | None:
    """Who approved the words of a language as they are now; None where they are a draft."""
    version = version_of(language)
    for event in reversed(_approvals(operation)):
        if event.subject.id == version:
            day, why = day_range(event.effective)[1], str(event.facts.get("reason") or "")
            return Approval(event.id, version, event.by, day, why)
    return None


def is_draft(operation: Operation, language: str) -> bool:
    """Whether a page in this language has to say that nobody approved its words."""
    plain = language.split("-")[0]
    return plain in LANGUAGES and approval_of(operation, plain) is None


def approve(
    by: Account, operation: Operation, language: str, version: str, *, on: date, why: str,
    signed_in: datetime | None,
) -> None:  # fmt: skip
    """Answer for the words of a language as they are.

    version    that whoever approves has read
    on         the day
    why        what it rests on, without names
    signed_in  the instant of a fresh sign-in
    raises     Refused, SignInAgain; OnwardError where the words are other ones by now
    """
    _require(by, signed_in)
    if version != version_of(language):
        raise OnwardError(
            "These words have changed since you read them. Look at what changed and approve anew."
        )
    if len(why.strip()) < LEAST_REASON:
        raise OnwardError("Say what the approval rests on: who read the words, by their role.")
    if approval_of(operation, language) is not None:
        return
    kept(operation).write("words", f"{language}-{version}.mo", _words(language))
    _record(operation, by, version, on, facts={"reason": why.strip()})


def withdraw(
    by: Account, operation: Operation, language: str, *, on: date, signed_in: datetime | None
) -> None:  # fmt: skip
    """Take the approval of a language's words back: they are a draft again."""
    _require(by, signed_in)
    found = approval_of(operation, language)
    if found is not None:
        _record(operation, by, found.version, on, supersedes=found.event)


def _require(by: Account, signed_in: datetime | None) -> None:
    # A report is written without the framework that accounts need, and asks who approved too.
    from onward.registry.permissions import access

    access.require(by, APPROVE, place="act")
    access.require_fresh(signed_in)


def _record(
    operation: Operation, by: Account, version: str, on: date, *,
    facts: Mapping[str, str] | None = None, supersedes: str | None = None,
) -> None:  # fmt: skip
    event = new_event(
        operation.rulebook, operation=operation.settings.id, subject=Subject(WORDS_SUBJECT, version),
        kind=RETRACTED if supersedes else ADOPTED, effective=on.isoformat(), by=by.account_id,
        instant=datetime.now(UTC), random=random.SystemRandom(), facts=facts, supersedes=supersedes,
    )  # fmt: skip
    operation.record([event])


_found: dict[tuple[str, str], tuple[Event, ...]] = {}


def _approvals(operation: Operation) -> tuple[Event, ...]:
    """Approvals that stand, in the order in which they were given; looked for once in a log that
    has not grown since."""
    key = (str(operation.path), operation.store.head())
    if key not in _found:
        given = [
            event
            for event in operation.store.read_marked([f'"kind":"{ADOPTED}"'])
            if event.subject.kind == WORDS_SUBJECT
        ]
        back = operation.store.read_marked([f'"supersedes":"{one.id}"' for one in given])
        gone = {event.supersedes for event in back}
        _found.clear()
        _found[key] = tuple(one for one in given if one.id not in gone)
    return _found[key]


def _read(catalogue: bytes) -> dict[str, str]:
    """The texts of a compiled catalogue, as gettext lays it out."""
    magic, _revision, count, keys, values = struct.unpack_from("<5I", catalogue)
    if magic != 0x950412DE:
        raise OnwardError(
            "A catalogue of words that is kept is damaged; approve the words anew."
        )

    def text(table: int, number: int) -> str:
        length, at = struct.unpack_from("<2I", catalogue, table + 8 * number)
        return catalogue[at : at + length].decode()

    return {
        text(keys, number).split("\0")[0]: text(values, number).replace("\0", "\n")
        for number in range(count)
        if text(keys, number)
    }
