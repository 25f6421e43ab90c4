"""Names in one file of placement that point nowhere in another, and days that are missing.

Tables are joined by name, so a misspelt name would silently lose a row: a refusal, say. In: the
rows as read, and the names they may point to. Out: one fault per name, by file, row and column;
and, for the proposal, destinations that people spoke of and no programme is for.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from onward.errors import Fault, one_of
from onward.placement.inputs.rows import Sheet
from onward.placement.inputs.tables import Lock, Tables

OF_DESTINATIONS = ("ties", "refused", "forbidden", "preferred", "consents")
BINDING = ("refused", "forbidden", "consents")
NAME_A_WINDOW = "Say which window the places open in."


@dataclass(frozen=True)
class Known:
    """The names rows may point to. None: some could not be read, so none can be called unknown.

    pairs                 (programme, window)
    cases_in, places_in   what holds them, in words: a file, or the operation"""

    cases: AbstractSet[str] | None
    pairs: AbstractSet[tuple[str, str]] | None
    countries: AbstractSet[str]
    cases_in: str
    places_in: str

    @cached_property
    def programmes(self) -> frozenset[str]:
        return frozenset(programme for programme, _ in self.pairs or ())

    @cached_property
    def destinations(self) -> frozenset[str]:
        return self.programmes | self.countries


def known_to(tables: Tables, where: str) -> Known:
    """The names that tables made elsewhere hold."""
    return Known(
        cases=frozenset(c.case for c in tables.cases),
        pairs=frozenset((w.programme, w.window) for w in tables.windows),
        countries=frozenset(w.country for w in tables.windows if w.country),
        cases_in=where,
        places_in=where,
    )


def known_from(cases: Sheet, programmes: Sheet) -> Known:
    """The names that two files hold, those of rows with some other fault included."""
    rows = [values for _, values in programmes.known]
    readable = bool(rows) and programmes.names("programme") is not None
    return Known(
        cases=cases.names("case"),
        pairs=frozenset((v["programme"], v.get("window", "")) for v in rows)
        if readable
        else None,
        countries=frozenset(v["country"] for v in rows if "country" in v),
        cases_in=cases.name,
        places_in=programmes.name,
    )


class _Teller:
    """Adds the faults of one row after another, as `at` says where."""

    def __init__(self, faults: list[Fault], file: str) -> None:
        self.faults, self.file, self.line = faults, file, 0

    def __call__(self, column: str, found: str, allowed: str = "", remedy: str = "") -> None:
        where = f"row {self.line}"
        self.faults.append(Fault(self.file, where, column, found, allowed, remedy))

    def unknown(self, column: str, what: str, of: str) -> None:
        remedy = f"Correct the name, or add it to {of}."
        self(column, f"{what} that {of} does not have", remedy=remedy)


def check_cases(
    sheet: Sheet, known: Known, faults: list[Fault], *, slow: bool, on: date | None
) -> None:
    """Names in the file of cases. slow: a programme needs days, so a case needs a first one."""
    tell = _Teller(faults, sheet.name)
    destinations = known.destinations
    spelt = {_plain(name): name for name in sorted(destinations)}
    plain: dict[str, str] = {}  # a name is looked at once
    without_day = []
    unread = {line for line, _ in sheet.partial}
    for tell.line, v in sheet.known:
        for other in v.get("linked_to", ()):
            if known.cases is not None and other not in known.cases:
                tell.unknown("linked_to", "a case", known.cases_in)
        place = (v.get("locked", ""), v.get("locked_window", ""))
        if place[1] and not place[0]:
            tell("locked", "empty, while a window is given", "the programme of that window")
        elif place[0] and known.pairs is not None:
            if place[0] not in known.programmes:
                tell.unknown("locked", "a programme", known.places_in)
            elif place[1] and place not in known.pairs:
                tell.unknown("locked_window", "a window", known.places_in)
        for column in OF_DESTINATIONS if known.pairs is not None else ():
            for name in v.get(column, ()):
                if name in destinations:
                    continue
                if name not in plain:
                    plain[name] = _plain(name)
                meant = spelt.get(plain[name])
                if meant is not None:
                    tell(column, f"a name that {known.places_in} spells otherwise", meant,
                         "Write it as it is written there.")  # fmt: skip
        if slow and on is None and "ready_on" not in v and tell.line not in unread:
            without_day.append(tell.line)
    if without_day:
        tell.line = without_day[0]
        more = f" (and in {len(without_day) - 1:,} more rows)" if len(without_day) > 1 else ""
        tell(
            "ready_on", f"empty{more}, while programmes have processing days", "a date",
            "Fill it, or give the day the proposal is for with --on.",
        )  # fmt: skip


def check_rows(sheets: Mapping[str, Sheet], known: Known, faults: list[Fault]) -> None:
    """Names in the files of scores, what is open, limits and pledges."""
    for name, check in _CHECKS.items():
        if name in sheets:
            tell = _Teller(faults, sheets[name].name)
            for tell.line, values in sheets[name].known:
                check(tell, values, known)


def _case(tell: _Teller, v: Mapping[str, Any], known: Known) -> None:
    if known.cases is not None and "case" in v and v["case"] not in known.cases:
        tell.unknown("case", "a case", known.cases_in)


def _programme(
    tell: _Teller, v: Mapping[str, Any], known: Known, column: str = "programme"
) -> bool:
    if known.pairs is None or column not in v:
        return False
    if v[column] not in known.programmes:
        tell.unknown(column, "a programme", known.places_in)
        return False
    return True


def _narrowed(tell: _Teller, v: Mapping[str, Any], known: Known) -> None:
    if _programme(tell, v, known):
        window = v.get("window", "")
        if window and (v["programme"], window) not in (known.pairs or ()):
            tell.unknown("window", "a window", known.places_in)


def _score(tell: _Teller, v: Mapping[str, Any], known: Known) -> None:
    _case(tell, v, known)
    _programme(tell, v, known)


def _opening(tell: _Teller, v: Mapping[str, Any], known: Known) -> None:
    _case(tell, v, known)
    there = v.get("destination")
    if known.pairs is not None and there is not None and there not in known.destinations:
        tell.unknown("destination", "a destination", known.places_in)


def _limit(tell: _Teller, v: Mapping[str, Any], known: Known) -> None:
    if known.pairs is None or "programme" not in v:
        return
    name, window = v["programme"], v.get("window")
    several = known.countries | {"all"}
    if name not in known.programmes | several:
        tell.unknown("programme", "a programme", known.places_in)
    elif window and not any(
        w == window and (p == name or name in several) for p, w in known.pairs
    ):
        tell.unknown("window", "a window", known.places_in)


def _pledge(tell: _Teller, v: Mapping[str, Any], known: Known) -> None:
    _programme(tell, v, known, "if_programme")
    if not _programme(tell, v, known, "opens_programme"):
        return
    window = v.get("opens_window", "")
    if (v["opens_programme"], window) in (known.pairs or ()):
        return
    if window:
        tell.unknown("opens_window", "a window", known.places_in)
    else:
        tell("opens_window", "empty", "one window of that programme", NAME_A_WINDOW)


_CHECKS: dict[str, Callable[[_Teller, Mapping[str, Any], Known], None]] = {
    "scores": _score,
    "limits": _limit,
    "pledges": _pledge,
    "open": _opening,
    "cases beside": _case,
    "programmes beside": _narrowed,
}


def check_locks(
    file: str, locks: Mapping[int, Lock], known: Known, faults: list[Fault]
) -> None:
    """Names in the locks of officers, by their row."""
    tell = _Teller(faults, file)
    for tell.line, lock in sorted(locks.items()):
        if known.cases is not None and lock.case not in known.cases:
            tell("case", f"a case that {known.cases_in} does not have", "",
                 "Correct the number, or take the row out.")  # fmt: skip
        if not lock.programme or known.pairs is None:
            continue
        if lock.programme not in known.programmes:
            tell("programme", f"a programme that {known.places_in} does not have",
                 one_of(sorted(known.programmes)))  # fmt: skip
        elif lock.window and (lock.programme, lock.window) not in known.pairs:
            mine = sorted(w for p, w in known.pairs if p == lock.programme and w)
            tell("window", "no window of that programme", one_of(mine) or "blank")


def _plain(name: str) -> str:
    """A name without case, accents, spaces and signs, to see which of two spellings is meant."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in apart if c.isalnum())


def unknown_destinations(tables: Tables) -> list[dict[str, Any]]:
    """Destinations that cases consented to, refused or are closed to and that no programme is
    for, as rows of column, name and cases: right for a country of another round, and the only
    sign of a misspelt one."""
    there = {w.programme for w in tables.windows} | {w.country for w in tables.windows}
    found: dict[tuple[str, str], int] = {}
    for case in tables.cases:
        for column in BINDING:
            names: Sequence[str] = getattr(case, column) or ()
            for name in dict.fromkeys(names):
                if name not in there:
                    found[column, name] = found.get((column, name), 0) + 1
    return [{"column": c, "name": n, "cases": k} for (c, n), k in sorted(found.items())]
