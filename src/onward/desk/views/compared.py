"""Scenarios compared, as a page for somebody who has never seen such a comparison.

Comes in: the document of a comparison, as its job kept it. Goes out: one table, each scenario
over time beside the plan, which change matters, what one may come to regret, and what would have
to be true. A line that would tell of an offer made in confidence is left out for who may not see
those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onward.desk import dates, forecast_words, here, sight, words
from onward.desk.views.shared import page, place
from onward.errors import OnwardError
from onward.registry.models import Job
from onward.registry.permissions import access
from onward.registry.planning import ever_sensitive
from onward.registry.web import jobs
from onward.report import charts, scenario_charts
from onward.report.offers import sensitive_names
from onward.report.saying import Sayer

if TYPE_CHECKING:
    from onward.forecast.scenarios.scenario import Scenario

LEVELS = ("q10", "median", "q90")
KINDS = ("plan", "choice", "circumstance")
BARS = 12
"""Changes drawn, the largest first."""
UNITS = {"euros": gettext_lazy("euros"), "interpreters": gettext_lazy("interpreters")}


@page("forecasts", "forecast.read")
def compared(request: HttpRequest) -> HttpResponse:
    access.require(request.user, "forecast.read", place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    made, waits = _last("compare"), _last("wait")
    shown = {"none": True} if made is None else about(made, may_tell(reader, made))
    if waits is not None and all(map(may_tell(reader, waits), (waits["title"], waits["id"]))):
        shown["wait"] = waiting(waits)
    if reader.may("forecast.run"):
        shown["deferrable"] = deferrable(may_tell(reader))
    return render(request, "desk/compared.html", shown)


def in_short(reader: access.Reader) -> dict[str, Any] | None:
    """The table of the last comparison, as far as this reader may be told; None without one."""
    made = _last("compare")
    if made is None:
        return None
    as_of = date.fromisoformat(made["as_of"])
    return {"as_of": as_of, "cases": _cases(made, may_tell(reader, made))}


def _last(kind: str) -> dict[str, Any] | None:
    done = Job.objects.filter(kind=kind, state="done").order_by("-ended_at").first()
    return None if done is None else done.result


def may_tell(
    reader: access.Reader, made: Mapping[str, Any] | None = None
) -> Callable[[str], bool]:
    """Whether a line of a comparison tells this reader of nothing made in confidence.

    made  what the line is of: what was sensitive when it was made is not told either, whatever
          became of it in the plan since. Where it does not say what that was, whatever was ever
          sensitive and is not open now is untold, and where nobody can say, every line is
    """
    if reader.may("pledge.sensitive"):
        return lambda text: True
    now = here.plan()
    then = jobs.kept_quiet(here.operation(), made or {})
    if then is None:
        then = ever_sensitive(here.operation(), now)
    if then is None:
        return lambda text: False
    names = sensitive_names(now) | then
    return lambda text: not any(name in text for name in names)


def message_for(reader: access.Reader, row: Job) -> str:
    """Why work could not be done, as far as this reader may be told."""
    tells = may_tell(reader, row.result)
    return row.message if tells(row.said) else _("It speaks of an offer made in confidence.")


def about(made: Mapping[str, Any], tells: Callable[[str], bool]) -> dict[str, Any]:
    """What the page says of one comparison."""
    cases = _cases(made, tells)
    of = {case["id"]: case["title"] for case in cases}
    plan, others = cases[0], cases[1:]
    days = [date.fromisoformat(day) for day in (made["as_of"], *made["days"])]
    start = float(made["start"])
    best = max(
        (case for case in others if case["kind"] == "choice"),
        key=lambda case: case["options_change"]["mean"], default=None,
    )  # fmt: skip

    def series(case: Mapping[str, Any]) -> dict[str, list[float]]:
        return {name: [start, *case["fan"][name]] for name in LEVELS}

    bars = [bar for bar in made["bars"] if bar["scenario"] in of and tells(bar["title"])][:BARS]
    regret = [row for row in made["regret"] if row["choice"] in of]
    return {
        "as_of": date.fromisoformat(made["as_of"]),
        "deadline": date.fromisoformat(made["deadline"]),
        "futures": made["futures"],
        "cases": cases,
        "best": best if best and best["options_change"]["mean"] >= 1 else None,
        "pairs": _both(lambda width, say: scenario_charts.fan_pairs(
            days, [(case["title"], series(case)) for case in others], series(plan), width=width, say=say,
            title=_("People still here, each scenario beside the plan"),
            description=_("For each scenario, 8 in 10 futures with it and under the plan."),
        )) if others else None,
        "bars": bars and _both(lambda width, say: scenario_charts.tornado(
            _bars(bars, of), width=width, say=say,
            title=_("Options opened, more or fewer than under the plan"),
            description=_("Each change by itself: mean and 8 in 10 futures, largest first."),
        )),
        "bar_rows": [
            {"title": of[bar["scenario"]], "change": bar["title"], **_levels(bar["options_change"])}
            for bar in bars
        ],
        "regret": len(regret) > 1 and _both(lambda width, say: scenario_charts.regrets(
            [(of[row["choice"]], row["levels"], row["mean"]) for row in regret], width=width, say=say,
            title=_("Options forgone against the best of the choices"),
            description=_("Per choice: half of the futures in the box, 8 in 10 on the line, the mean as a dot."),
        )),
        "regret_rows": [
            {**row, "title": of[row["choice"]], "under": _under(row["worst"][0], made, cases)}
            for row in regret
        ],
        "questions": [_question(each, tells) for each in made["conditions"].values()],
        "assumptions": [line for line in made["assumptions"] if tells(line)],
        "left_out": [line for line in made["left_out"] if tells(line)],
    }  # fmt: skip


def _under(title: str, made: Mapping[str, Any], told: Sequence[Mapping[str, Any]]) -> str:
    """A circumstance as it may be told: none that is kept from this reader by its title."""
    known = {case["id"] for case in told}
    hidden = {case["title"] for case in made["cases"] if case["id"] not in known}
    return "–" if title in hidden else words.translated(title)


def is_told(one: Scenario, tells: Callable[[str], bool]) -> bool:
    """Whether a scenario may be told at all, before it was ever compared."""
    changes = (text for change in one.changes for text in (change.title, *change.targets))
    return all(map(tells, (one.id, one.title, one.why, one.file, *changes)))


def all_told(document: Any, tells: Callable[[str], bool]) -> bool:
    """Whether nothing in a document, keys and values, is kept from this reader."""
    if isinstance(document, str):
        return tells(document)
    if isinstance(document, Mapping):
        return all(all_told(each, tells) for pair in document.items() for each in pair)
    if isinstance(document, Sequence):
        return all(all_told(each, tells) for each in document)
    return True


def deferrable(tells: Callable[[str], bool]) -> list[tuple[str, str, str]]:
    """The choices that have a day to move and may be told: (file, id, title)."""
    from onward.forecast.scenarios.decide_by import decision_day
    from onward.forecast.scenarios.reader import load_scenario

    found, rows = here.plan(), []
    for file in here.operation().scenarios if found is not None else ():
        try:
            one = load_scenario(file, found, here.rulebook(), called=file.name)
            decision_day(one)
        except OnwardError:
            continue
        if not is_told(one, tells):
            continue
        rows.append((file.name, one.id, words.translated(one.title)))
    return rows


def waiting(made: Mapping[str, Any]) -> dict[str, Any]:
    """How long a choice can wait: its last days in words, and what is left of it day by day."""
    day = {share: date.fromisoformat(on) for share, on in made["by"].items() if on}
    kept = {"0.9": _("nine tenths kept"), "0.5": _("half kept"), "0.1": _("a tenth kept")}
    if made["open_end"]:
        kept.pop("0.1")
    marks = [(day[share], word) for share, word in kept.items() if share in day]
    days = [date.fromisoformat(on) for on in made["days"]]
    said = {
        "0.9": _("To keep nine tenths of its effect: decide by %(day)s."),
        "0.5": _("To keep half of its effect: decide by %(day)s."),
        "0.1": _("More than a tenth of its effect is still had on %(day)s.") if made["open_end"]
        else _("To keep a tenth of its effect: decide by %(day)s."),
    }  # fmt: skip
    return {
        "title": words.translated(made["title"]),
        "as_of": date.fromisoformat(made["as_of"]),
        "said": [text % {"day": dates.shown(day[share])} for share, text in said.items() if share in day],
        "lead": made["lead"],
        "drawn": _both(lambda width, say: scenario_charts.waits(
            days, made["low"], made["more"], made["high"], marks, width=width, say=say,
            title=_("Options opened by the day of decision"),
            description=_("Options more than under the plan, for every day of decision tried."),
        )),
        "rows": [
            {"day": on, "low": low, "mean": mean, "high": high}
            for on, low, mean, high in zip(days, made["low"], made["more"], made["high"], strict=True)
        ],
    }  # fmt: skip


def _cases(made: Mapping[str, Any], tells: Callable[[str], bool]) -> list[dict[str, Any]]:
    """The plan, then what could be chosen, then what may happen."""
    known = (_case(each, tells) for each in made["cases"] if _known(each, tells))
    return sorted(known, key=lambda case: KINDS.index(case["kind"]))


def _known(case: Mapping[str, Any], tells: Callable[[str], bool]) -> bool:
    """Whether a scenario may be told at all: one that is about an offer in confidence may not.
    That there is a plan is no secret; it stands there by no name of its own."""
    if case["kind"] == "plan":
        return True
    return all(map(tells, (case["title"], case["why"], *case["changes"])))


def _case(case: Mapping[str, Any], tells: Callable[[str], bool]) -> dict[str, Any]:
    ways = sorted(case["by_pathway"].items(), key=lambda item: -abs(item[1]))
    return {
        **case,
        "title": _("The plan as it stands") if case["kind"] == "plan" else words.translated(case["title"]),
        "owners": [words.translated(owner) for owner in case["owners"]],
        "notes": [note for note in case["notes"] if tells(note)],
        "by_way": [
            {"way": sight.pathway_title(way), "more": value}
            for way, value in ways if abs(value) >= 0.5
        ],
        "costs": [
            {"amount": amount, "unit": str(UNITS.get(unit, unit)),
             "each": (case["cost_per_option"].get(unit) or {}).get("average")}
            for unit, amount in case["cost"].items()
        ],
    }  # fmt: skip


def _levels(at: Mapping[str, float]) -> dict[str, float]:
    return {name: at[name] for name in ("q10", "mean", "q90")}


def _bars(
    bars: Sequence[Mapping[str, Any]], of: Mapping[str, str]
) -> list[tuple[str, float, float, float, str]]:
    """Each change as a bar with its scenario beneath; a whole scenario under its own title."""
    rows = []
    for bar in bars:
        scenario, at = of[bar["scenario"]], bar["options_change"]
        what = forecast_words.said(bar["title"]) or forecast_words.in_plain(bar["title"])
        remark = scenario if bar["alone"] else ""
        rows.append(
            (what if bar["alone"] else scenario, at["q10"], at["mean"], at["q90"], remark)
        )
    return rows


def _question(each: Mapping[str, Any], tells: Callable[[str], bool]) -> dict[str, Any]:
    """One question with its boxes; a box that would tell of a secret is not told in part."""
    boxes = [
        box for box in each["boxes"] if all(tells(limit["said"]) for limit in box["limits"])
    ]
    return {**each, "boxes": boxes}


def _both(draw: Callable[[int, Sayer], str]) -> dict[str, str]:
    """A drawing for a page and one for a phone, in the reader's words."""
    say = dates.sayer()
    return {"wide": draw(charts.WIDE, say), "narrow": draw(charts.NARROW, say)}


urls = [path("forecasts/compared/", compared, name="compared")]
