"""Finds people by name in any spelling or script, or by a number, without an index on any disk.

Exists because an index of names would be a list of names. Names are decrypted once and their
keys (`intake.names`) kept in the memory of this process, until the vault changes or the site is
closed. Comes in: a reader and what was typed. Goes out: the people this reader may find, closest
first, and by what each was found; never a name. What was typed is kept nowhere.
"""

from __future__ import annotations

import gc
import re
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from onward.intake.fold import digits
from onward.intake.names import compare_names, name_keys, name_words, word_keys, word_likeness
from onward.registry.identities.merged import known_by
from onward.registry.log.db_store import CHUNK
from onward.registry.permissions.access import Reader

ORDER = ("full", "title", "given", "father", "grandfather", "family", "nom_de_guerre")
MOST_COMPARED = 4000
"""Candidates compared one by one; a query as short as one common name has more, and says so by
the length of the answer."""
LEAST = 0.8
FEW = 2000
"""Candidates asked for by id; of more, everybody whom the reader may find is read."""


@dataclass(frozen=True)
class Hit:
    """how: "number" or "name"; likeness from 0 to 1."""

    person: str
    how: str
    likeness: float


@dataclass
class _Index:
    sign: tuple[Any, ...]
    turn: int
    names: dict[str, list[str]] = field(default_factory=dict)
    keys: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    numbers: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    numbers_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, told: Iterable[tuple[str, str, str]]) -> None:
        """Names and numbers as the vault tells them: (person, field, value)."""
        parts: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
        for person, name, value in told:
            head, _dot, rest = name.partition(".")
            if head == "name":
                part, _dot, script = rest.partition(".")
                parts[person][script][part] = value
            else:
                self.numbers[_plain_number(value)].add(person)
                self.numbers_of[person].add(_plain_number(value))
        for person, scripts in parts.items():
            written = [
                " ".join(words[part] for part in (*ORDER, *sorted(set(words) - set(ORDER))) if part in words)
                for words in scripts.values()
            ]  # fmt: skip
            self.names[person] = written
            for key in _keys_of(written):
                self.keys[key].add(person)

    def drop(self, person: str) -> None:
        """Forget one person's names and numbers."""
        for key in _keys_of(self.names.pop(person, [])):
            self.keys[key].discard(person)
        for number in self.numbers_of.pop(person, set()):
            self.numbers[number].discard(person)


_kept: _Index | None = None
_lock = threading.Lock()


def find_people(reader: Reader, asked: str, *, limit: int = 50) -> list[Hit]:
    """People whose name or number may be meant, among those this reader may search."""
    asked = asked.strip()
    if not asked:
        return []
    index, now = _index(), known_by()
    found: dict[str, Hit] = {}
    plain = _plain_number(asked)

    def known(people: Iterable[str]) -> set[str]:
        """What two registrations left lies under each: the ids these people are known by."""
        return {now.get(person, person) for person in people}

    if any(sign.isdigit() for sign in plain):
        # A whole number proves that it was seen; its ending, tried digit by digit, would tell it.
        exact = known(index.numbers.get(plain, ()))
        whole = _allowed(reader, "documents", exact) | _allowed(reader, "names", exact)
        for person in whole or _allowed(reader, "documents", known(_by_ending(index, plain))):
            found[person] = Hit(person, "number", 1.0)
    if any(sign.isalpha() for sign in asked):
        shared: dict[str, int] = defaultdict(int)
        for key in _keys(asked):
            for person in tuple(index.keys.get(key, ())):  # another thread may add to it
                shared[person] += 1
        may = _allowed(reader, "names", known(shared))
        shared = {one: keys for one, keys in shared.items() if now.get(one, one) in may}
        likely = sorted(shared, key=lambda person: (-shared[person], person))[:MOST_COMPARED]
        for one in likely:
            person, names = now.get(one, one), index.names.get(one, [])
            likeness = max((_alike(asked, name) for name in names), default=0.0)
            before = found.get(person)
            if likeness >= LEAST and (before is None or before.likeness < likeness):
                found[person] = Hit(person, "name", likeness)
    return sorted(found.values(), key=lambda hit: (-hit.likeness, hit.person))[:limit]


def _keys_of(written: Iterable[str]) -> set[str]:
    return {key for name in written for key in _keys(name) | _word_keys(name)}


def _keys(name: str) -> frozenset[str]:
    """Of a whole name; a single word is found as a word of any name."""
    return _word_keys(name) if len(name_words(name)) == 1 else name_keys(name).keys


def _word_keys(name: str) -> frozenset[str]:
    return frozenset(f"1:{key}" for word in name_words(name) for key in word_keys(word))


def _alike(asked: str, name: str) -> float:
    """How alike two names are; a single word is as alike as the word of the name nearest to it."""
    words = name_words(asked)
    if len(words) == 1:
        return max((word_likeness(words[0], word) for word in name_words(name)), default=0.0)
    return float(compare_names(asked, name).score)


def _allowed(reader: Reader, class_: str, among: Collection[str]) -> set[str]:
    """Those among some people whom this reader may find by a class of fields."""
    rows = reader.people("person.search").filter(reader.within(class_)).order_by()
    if len(among) > FEW:
        return _read(rows.values_list("person")).intersection(among)
    people = sorted(among)
    found: set[str] = set()
    for at in range(0, len(people), CHUNK):
        some = rows.filter(person__in=people[at : at + CHUNK])
        found |= set(some.values_list("person", flat=True))
    return found


def _read(rows: Any) -> set[str]:
    """The one column of a query, at once: tens of thousands of rows, one by one through the layers
    of the framework, take longer than to find and compare them."""
    from django.core.exceptions import EmptyResultSet
    from django.db import connection

    try:
        sql, values = rows.query.sql_with_params()
    except EmptyResultSet:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return {row[0] for row in cursor.fetchall()}


def _by_ending(index: _Index, plain: str) -> set[str]:
    """Whose number ends so: people read out the last figures."""
    if len(plain) < 3:
        return set()
    return {
        person for number, people in list(index.numbers.items()) if number.endswith(plain)
        for person in people
    }  # fmt: skip


def _plain_number(text: str) -> str:
    return re.sub(r"[^0-9a-z]", "", digits(text).casefold())


def _index() -> _Index:
    global _kept
    from onward.registry.identities.vault_db import turns
    from onward.registry.site import current, operation

    with _lock:
        turn, whole = turns()
        sign = (id(current()), whole)
        if _kept is None or _kept.sign != sign:
            _kept = _Index(sign, turn)
            _kept.add(operation().vault.names())
            # Kept for long and without circles: not to be looked through by every collection.
            gc.collect()
            gc.freeze()
        elif _kept.turn != turn:
            people = operation().vault.changed_since(_kept.turn)
            told = list(operation().vault.names(people))
            for person in people:
                _kept.drop(person)
            _kept.add(told)
            _kept.turn = turn
        return _kept


def forget() -> None:
    """Drop what is kept of names: called when the site is closed or locked."""
    global _kept
    with _lock:
        _kept = None
