"""How many rows a list has, without counting a large one again for every page.

Exists because a total of tens of thousands is read off as many index entries, for every officer
and every page, while what a reader needs of it is its size. A total of at most `EXACT` is always
counted. A larger one is counted again after `SECONDS`; whoever asks the same question of the same
office shares it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from django.core.exceptions import EmptyResultSet

EXACT = 2_000
SECONDS = 15.0
MOST = 2_000
"""Totals kept."""

_kept: dict[tuple[str, str], tuple[float, Any]] = {}
_lock = Lock()


def total(rows: Any) -> int:
    """The number of rows of a query."""
    found: int = _asked("total", rows, lambda: rows.count(), lambda found: found > EXACT)
    return found


def few(rows: Any) -> list[Any]:
    """The values of a query that looks through many rows for few: the sites of a list."""
    found: list[Any] = _asked("few", rows, lambda: list(rows), lambda found: True)
    return list(found)


def _asked(what: str, rows: Any, ask: Callable[[], Any], keeps: Callable[[Any], bool]) -> Any:
    from onward.registry.site import current

    try:
        sql, values = rows.query.sql_with_params()
    except EmptyResultSet:
        return ask()
    key = (f"{id(current())} {what} {sql}", repr(values))
    with _lock:
        kept = _kept.get(key)
    if kept is not None and time.monotonic() - kept[0] < SECONDS:
        return kept[1]
    found = ask()
    if keeps(found):
        with _lock:
            if len(_kept) >= MOST:
                _kept.clear()
            _kept[key] = (time.monotonic(), found)
    return found
