"""What a forecast's parameters, reasons and doubts are called, as a planner would say them.

Exists because "return_guarantees_written/gate from <= 180" is no sentence. Comes in: a model's
parameters, the plan's titles and the rulebook's steps. Goes out: names and phrases for the page
and the terminal, and the questions of "what would have to be true" with their boxes, each limit
a sentence with a date or a comparison.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from onward.forecast.behaviour import TERMS
from onward.forecast.building_differ import DIFFER, OWN
from onward.forecast.conditions import Box, Limit, boxes
from onward.forecast.differ import of_six
from onward.forecast.movements import NAMED
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from onward.forecast.compare import Run
    from onward.plan.model import Plan

    FloatArray = npt.NDArray[np.float64]

_RATE = re.compile(r"rate (\S+) from (\S+) to (\S+) \[(.*)\]\Z")
_ARRIVALS = re.compile(r"arrivals to (\S+) \[(.*)\]\Z")
_KNOWN: Mapping[str, str] = {
    "shock now": "how lively the first weeks are",
    "shock size": "how far good and bad months differ",
    "births": "how many children are born",
    "luck of the past": "how lucky the past was",
    "deadline strength": "how strongly people hurry as the deadline nears",
    "news strength": "how far news of safe arrivals moves others",
    "hold strength": "how far those who have not chosen are held back",
    DIFFER: "how far families differ for good",
}
ASSUMED: Mapping[str, str] = {
    "deadline strength at 0": "People do not hurry as the deadline nears",
    "news strength at 0": "News of safe arrivals moves nobody",
}
"""What an assumption at another value means."""
REASONS: Mapping[str, str] = {
    "not chosen": "No way chosen yet",
    "shut": "Every way on is shut",
    "no place": "Ready, but no place",
    "under way": "On the way",
}
"""Why people are still here, by the kinds of `reasons.Reason`."""
DOUBTS: Mapping[str, str] = {
    "rates": "how fast people move",
    "effects": "how much the plan's steps do",
    "plan dates": "when the plan's steps happen",
    "behaviour": "how people answer",
    "shocks": "good and bad months ahead",
    "chance": "chance alone",
}
"""What the width of the range comes from, by `reasons.SOURCES`."""
REMEDIES_OF_DOUBT: Mapping[str, str] = {
    "rates": "a longer log of how fast people move",
    "effects": "finding out how much the plan's steps do",
    "shocks": "knowing what lies behind good and bad months",
    "behaviour": "asking people what the deadline changes for them",
    "plan dates": "firm dates for the plan's actions and places",
}
"""What would narrow the range; chance has no remedy."""
BEARS: Mapping[str, str] = {
    "rates": "how fast it really goes",
    "plan dates": "when it begins and ends",
    "effects": "how much it gives",
    "days": "on which days people leave",
}
"""What of a single thing would narrow a forecast if it were known; "days" of convoys and flights."""
MOST_GROUPS = 4
"""As many groups have a column of their own beside a reason; more would be a table of figures."""
PURPOSES: Mapping[str, str] = {
    "return": "return",
    "handover": "hand-over",
    "site_responsibility": "taking the site over",
}


def titles(rulebook: Rulebook, plan: Plan | None) -> dict[str, str]:
    """What the states, safeguards, gates and capacities of a forecast are called, by name."""
    found = {name: state.title for name, state in rulebook.forecast_states.items()}
    found |= {name: f"{name} {guard.title}" for name, guard in rulebook.safeguards.items()}
    if plan is None:
        return found
    for things in (
        plan.authorities, plan.assurances, plan.actions, plan.capacities, plan.pledges,
    ):  # fmt: skip
        found |= {name: thing.title for name, thing in things.items()}
    for one in plan.assurances.values():
        # Assurances of one country for one purpose follow each other and share a gate.
        names = plan.country_names.get(one.recipient) or (one.recipient,)
        found[f"{one.purpose} {one.recipient}"] = (
            f"Assurance from {names[0]} for {PURPOSES[one.purpose]}"
        )
    return found


def reason_title(name: str, titles: Mapping[str, str]) -> str:
    """What is behind a reason: the title of a state, a gate or a capacity.

    A gate of an action is named "action/closes T7", and one of two gates of the same name
    "exit_permits open for T7". What has no title keeps its name, without underscores.
    """
    gate = name.partition(" open for ")[0]
    for one in (gate, gate.partition("/")[0]):
        if one in titles:
            return titles[one]
    words = gate.replace("_", " ").replace("-", " ")
    return words[:1].upper() + words[1:]


def narrowing(
    kind: str, name: str, rulebook: Rulebook, titles: Mapping[str, str]
) -> tuple[str, str, str]:
    """(what it is called, in which state, what of it) of a single thing that would narrow a forecast if
    it were known; the last two are "" where there is no such thing."""
    if kind == "behaviour":
        return TERMS[name], "", ""
    if kind == "shocks":
        return DOUBTS[kind], "", ""
    what, _, path = name.removeprefix(NAMED).partition(" from ")
    move = rulebook.moves().get(what)
    called = rulebook.transitions[move.transition].title if move else reason_title(what, titles)
    bears = BEARS["days" if name.startswith(NAMED) else kind]
    return called, titles.get(path.partition(" to ")[0], ""), bears


def groups_told(why: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The groups that get a column beside the reasons: none where there are one or very many."""
    named = sorted({group for row in why for group in row.get("groups", ())})
    return tuple(named) if 1 < len(named) <= MOST_GROUPS else ()


def in_groups(row: Mapping[str, Any], groups: Sequence[str]) -> list[float]:
    """The middle of a reason in each of some groups; none where it concerns nobody of them."""
    of = row.get("groups", {})
    return [of[group]["median"] if group in of else 0.0 for group in groups]


def assumed(change: str) -> str:
    """A change in words, where it puts an assumption of the forecast at another value."""
    if change in ASSUMED:
        return ASSUMED[change]
    name, _, value = change.rpartition(" at ")
    return f"At {value}: {_KNOWN[name]}" if name in _KNOWN else change


_NAMES_ONE = re.compile(r"(^|have left on |went from |went from \S+ to )$")


def called(text: str, titles: Mapping[str, str]) -> str:
    """A sentence with what the plan and the rulebook call things instead of their ids.

    A bare word is taken for an id only where nothing else can be meant: with an underscore, as the
    subject of a remark ("norway: …"), or where such a remark names another thing.
    """
    subject = text.partition(":")[0].removeprefix("- ").strip()

    def name(found: re.Match[str]) -> str:
        word = found[0]
        sure = "_" in word or word == subject or _NAMES_ONE.search(text[: found.start()])
        if sure and word in titles:
            return f"“{titles[word]}”"
        return reason_title(word, titles) if word == subject and "_" in word else word

    return re.sub(r"[a-z][a-z0-9_]*", name, text)


_STEP = re.compile(r"\b(T\d+[a-z]?)(?:\.[a-z_]+)?\b(?: \([^()]*\))?(?: from ([a-z_]+)\b)?")


def remark(text: str, rulebook: Rulebook, titles: Mapping[str, str]) -> str:
    """A remark of the forecast in the titles of the plan and the rulebook, without their keys."""

    def step(found: re.Match[str]) -> str:
        move = rulebook.transitions.get(found[1])
        if move is None:
            return found[0]
        state = rulebook.forecast_states.get(found[2] or "")
        source = f" from “{state.title}”" if state else f" from {found[2]}" if found[2] else ""
        return f"“{move.title}”{source}"

    return called(_STEP.sub(step, text), titles)


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


def described(name: str, plan: Plan | None) -> tuple[str, str]:
    """(words, kind): kind is "from", "until", "amount", "factor" or ""."""
    if name in _KNOWN:
        return _KNOWN[name], ""
    stem, _, kind = name.rpartition(" ")
    if kind not in ("from", "until", "amount", "factor") or not stem:
        return name, ""
    source = stem.split("/")[0].split(" every ")[0]
    title = plan.title_of(source) if plan is not None else source
    what = {"amount": "the amount of ", "factor": "the factor of "}.get(kind, "")
    return f"{what}“{title}”", kind


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
