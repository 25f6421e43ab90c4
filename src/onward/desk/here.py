"""The operation this process serves, opened once: its rulebook, its plan, its day.

The plan is read again when its text changes; the rulebook in force is asked of the record.
"""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Any

from onward.desk import weeks, words
from onward.errors import OnwardError
from onward.registry import site
from onward.registry.operation import Operation
from onward.registry.planning import plan_version
from onward.rulebook.model import Rulebook

_plans: dict[tuple[str, str], Any] = {}


def operation() -> Operation:
    return site.operation()


def rulebook() -> Rulebook:
    return operation().rulebook


def today() -> date:
    """The day pages are as of: where an example's data ends, else today in the operation."""
    return operation().default_date()


def week_of(day: date) -> date:
    """The first day of the week that a day is in, as people where the operation is count it:
    the same for everybody, whatever language they read."""
    first = weeks.first_day(operation().settings.time_zone)
    return day - timedelta(days=(day.weekday() - first) % 7)


def judging() -> bool:
    """Whether next steps as lists keep them are out of date and being judged again."""
    from onward.registry.now import judging

    return judging.behind(operation())


def plan() -> Any:
    """The plan that holds today, or None where there is none (or none that can be read)."""
    from onward.plan.load import loads_plan

    found = plan_version(operation())
    if found is None:
        return None
    key = (found.sha256, rulebook().hash)
    if key not in _plans:
        _plans.clear()
        try:
            _plans[key] = loads_plan(found.text, rulebook(), file=found.name)
        except OnwardError:
            _plans[key] = None
    return _plans[key]


def deadline() -> date | None:
    """The end of the authority that the operation names as its deadline."""
    found = plan()
    name = operation().settings.deadline
    if found is None or not name or name not in found.authorities:
        return None
    expiry = found.authorities[name].expiry
    return expiry if isinstance(expiry, date) else None


def destinations() -> list[tuple[str, str]]:
    """Countries and recipients that may be named: (code, name), from the record and the plan."""
    from onward.registry.models import ThingNow

    found = plan()
    names = {}
    if found is not None:
        for code, said in getattr(found, "country_names", {}).items():
            names[code] = said[0] if not isinstance(said, str) and said else str(said)
    known = ThingNow.objects.filter(kind__in=("destination", "site")).order_by("thing")
    rows = list(known.values_list("thing", "kind"))
    codes = list(dict.fromkeys([*(thing for thing, _kind in rows), *names]))
    sites = {thing for thing, kind in rows if kind == "site"}
    return [
        (code, words.site(code) if code in sites else words.translated(names.get(code, code)))
        for code in codes
    ]


_named: dict[str, tuple[float, dict[str, str]]] = {}
NAMED_SECONDS = 30.0


def _countries() -> dict[str, str]:
    """What the plan calls countries; asked for again after a while, not for each line of a page."""
    where = str(operation().path)
    known = _named.get(where)
    if known is None or time.monotonic() - known[0] > NAMED_SECONDS:
        names = getattr(plan(), "country_names", {})
        said = {
            code: one if isinstance(one, str) else str(one[0])
            for code, one in names.items()
            if one
        }
        _named.clear()
        known = _named[where] = (time.monotonic(), said)
    return known[1]


def destination(code: str) -> str:
    """The name of a country or site that somebody goes to; what the plan does not name stays."""
    if said := _countries().get(code):
        return words.translated(said)
    return code if code.isupper() else words.site(code)
