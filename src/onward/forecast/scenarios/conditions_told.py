"""The questions of "what would have to be true" and their answers, as a planner would say them.

Exists because "return_guarantees_written/gate from <= 180" is no sentence. Comes in: the plan's run
and what the plan and the rulebook call things. Goes out: each question with its boxes, every limit
a sentence with a date or a comparison.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from onward.forecast.building.classes import DIFFER, OWN
from onward.forecast.learning.differ import of_six
from onward.forecast.learning.movements import NAMED
from onward.forecast.scenarios.conditions import Box, Limit, boxes
from onward.forecast.telling.wording import described
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from onward.forecast.scenarios.compare import Run
    from onward.plan.model import Plan

    FloatArray = npt.NDArray[np.float64]

_RATE = re.compile(r"rate (\S+) from (\S+) to (\S+) \[(.*)\]\Z")
_ARRIVALS = re.compile(r"arrivals to (\S+) \[(.*)\]\Z")


def conditions_of(
    run: Run,
    *,
    as_of: dt.date,
    rulebook: Rulebook,
    plan: Plan | None,
    fewer_than: int | None = None,
) -> dict[str, Any]:
    """What would have to be true for few to be left, and for few options to be opened.

    run          the plan's
    fewer_than   people still here on the deadline; left out: what 1 in 4 futures stays below
    returns      question -> {"asked", "share", "boxes", "said"}, ready to be printed
    """
    import numpy as np

    final = run.here[:, -1]
    opened = run.opened
    bound = fewer_than or max(int(math.ceil(float(np.quantile(final, 0.25)) / 10) * 10), 1)
    floor = max(int(float(np.quantile(opened, 0.25)) // 10 * 10), 0)
    names, values = variables(run)
    questions = {
        "fewer": (f"fewer than {bound:,} people are still here", final < bound),
        "options": (f"no more than {floor:,} lawful options are opened", opened <= floor),
    }
    found: dict[str, Any] = {}
    for key, (asked, happened) in questions.items():
        share = float(happened.mean())
        cut = boxes(values, names, happened)
        found[key] = {
            "asked": asked,
            "share": round(share, 4),
            "boxes": [
                _box(box, dict(zip(names, values.T, strict=True)), as_of, rulebook, plan)
                for box in cut
            ],
            "said": "" if cut else _nothing(share),
        }
    return found


def _nothing(share: float) -> str:
    if share in (0.0, 1.0):
        return f"It happens in {'no' if share == 0 else 'every'} future, whatever else does."
    if share < 0.02:
        return "It happens in too few futures to say what they have in common."
    return "No few conditions set these futures apart: it comes of many small things, or of chance."


def variables(run: Run) -> tuple[list[str], FloatArray]:
    """Names and (futures, names) values of everything drawn, paces of all groups as one each.

    One pace is drawn per step and group; a planner asks about the step, so the groups are put
    together by their share of the people.
    """
    import numpy as np

    model = run.inputs.model
    people: dict[str, float] = {}
    group_of = {one: name for name, of in run.inputs.told_apart.items() for one in of}
    for (_, stratum, size), units in model.start.items():
        group = group_of.get(stratum, stratum)
        people[group] = people.get(group, 0.0) + units * size
    total = sum(people.values()) or 1.0
    paces: dict[str, FloatArray] = {}
    columns: dict[str, FloatArray] = {}
    for name in run.draws.names:
        column = run.draws.column(name)
        rate = _RATE.match(name)
        if rate:
            middle = float(np.median(column))
            if middle <= 0:
                continue
            step = f"pace {rate[1]} from {rate[2]}"
            weight = people.get(rate[4], 0.0) / total
            paces[step] = paces.get(step, np.zeros(len(column))) + weight * column / middle
        elif not _ARRIVALS.match(name) and not name.startswith((NAMED, OWN)):
            columns[name] = column
    both = {**columns, **paces}
    return list(both), np.array(list(both.values())).T


def _box(
    box: Box, values: Mapping[str, FloatArray], as_of: dt.date, rulebook: Rulebook,
    plan: Plan | None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "inside": round(box.inside, 4),
        "density": round(box.density, 4),
        "coverage": round(box.coverage, 4),
        "base": round(box.base, 4),
        "limits": [
            {
                "name": limit.name,
                "low": None if math.isinf(limit.low) else round(limit.low, 4),
                "high": None if math.isinf(limit.high) else round(limit.high, 4),
                "said": sentence(limit, values[limit.name], as_of, rulebook, plan),
            }
            for limit in box.limits
        ],
    }


def sentence(
    limit: Limit, values: FloatArray, as_of: dt.date, rulebook: Rulebook, plan: Plan | None
) -> str:
    """A limit as a planner would say it."""
    import numpy as np

    name = limit.name
    if name.startswith("pace "):
        step, source = name.removeprefix("pace ").split(" from ")
        move = rulebook.moves().get(step)
        title = rulebook.transitions[move.transition].title if move else step
        state = rulebook.forecast_states.get(source)
        what = f"the pace of “{title.lower()}” ({step}, from “{state.title.lower() if state else source}”)"
        return f"{what} is {_between(limit, float(np.median(values)), 'its middle value')}"
    words, kind = described(name, plan)
    if kind in ("from", "until"):
        return _dated(words, kind, limit, values, as_of)
    if kind == "factor":
        return f"{words} is {_plain(limit)}"
    if name in ("luck of the past", "shock now"):
        times = _turned(limit, math.exp) if name == "shock now" else limit
        return f"{words}: {_plain(times)} times the usual pace"
    if name == DIFFER:
        return (
            f"of six families the quickest goes {_plain(_turned(limit, of_six))} times as fast as "
            "the slowest"
        )
    return f"{words} is {_plain(limit)}"


def _dated(words: str, kind: str, limit: Limit, values: FloatArray, as_of: dt.date) -> str:
    """A limit on the first or the last day of something; infinity is never, or without end."""
    import numpy as np

    verb = "begins" if kind == "from" else "lasts"
    shift = 1 if kind == "from" else 0
    endless = bool(np.isinf(values[values > -np.inf]).any())

    def day(value: float) -> str:
        when = as_of + dt.timedelta(days=int(value) + shift)
        return f"{when.day} {when:%B %Y}"

    finite = values[np.isfinite(values)]
    latest = float(finite.max()) if len(finite) else math.inf
    if limit.high < math.inf:
        if limit.high >= latest and endless:
            text = f"{words} {'comes about at all' if kind == 'from' else 'ends in time'}"
            return text if limit.low == -math.inf else f"{text}, not before {day(limit.low)}"
        until = "by" if kind == "from" else "no longer than to"
        text = f"{words} {verb} {until} {day(limit.high)}"
        return text if limit.low == -math.inf else f"{text}, not before {day(limit.low)}"
    if math.isinf(limit.low):
        return f"{words} never comes about" if kind == "from" else f"{words} has no end"
    if kind == "from":
        return f"{words} begins on {day(limit.low)} or later" + (
            ", or never" if endless else ""
        )
    return f"{words} lasts at least to {day(limit.low)}"


def _between(limit: Limit, middle: float, of: str) -> str:
    low, high = limit.low / middle, limit.high / middle
    if math.isinf(low):
        return f"at most {high:.2g} times {of}"
    if math.isinf(high):
        return f"at least {low:.2g} times {of}"
    return f"{low:.2g} to {high:.2g} times {of}"


def _turned(limit: Limit, of: Callable[[float], float]) -> Limit:
    """The same limit on another scale that rises with it; no bound stays none."""
    low, high = (x if math.isinf(x) else of(x) for x in (limit.low, limit.high))
    return Limit(limit.name, low, high)


def _plain(limit: Limit) -> str:
    if math.isinf(limit.low):
        return f"at most {limit.high:.2g}"
    if math.isinf(limit.high):
        return f"at least {limit.low:.2g}"
    return f"{limit.low:.2g} to {limit.high:.2g}"
