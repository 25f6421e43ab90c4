"""Forecasts: the latest as a fan with its table, what changed since the one before, scenarios.

Running one is long work that can be left. A forecast counts people and never names anybody; it
is a warning to whoever leads the plan, never a target for anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from onward.desk import dates, forecast_words, here, words
from onward.desk.views import compared, past_forecasts
from onward.desk.views.shared import page, place
from onward.errors import OnwardError
from onward.forecast.run import EVERYONE, LEAST_FUTURES, Forecast
from onward.forecast.telling.reasons import NARROWEST, narrower
from onward.forecast.telling.wording import (
    REASONS,
    groups_told,
    in_groups,
    reason_title,
    titles,
)
from onward.registry.computing.runs import kept_forecasts
from onward.registry.models import Job
from onward.registry.permissions import access
from onward.registry.web import jobs
from onward.report import charts
from onward.report.offers import Offers

MOST_FUTURES, USUAL_FUTURES = 20_000, 2_000
LEVELS = ("q10", "median", "q90")
SOURCES = {
    "rates": gettext_lazy("how fast each step goes"), "shocks": gettext_lazy("good and bad months"),
    "behaviour": gettext_lazy("how people choose as the date nears"), "plan dates": gettext_lazy("when the plan's work is done"),
    "effects": gettext_lazy("how much the plan's work gives"), "chance": gettext_lazy("chance"),
}  # fmt: skip
LEAST_SHOWN = 5
"""People at a stage or by a way, in one of ten futures, to be shown."""
DAYS_ALONG = 3
UNPLANNED = ("absence", "death")
"""Ways of which nobody asks by when they are done."""
LEAST_SHARE = 0.005
"""A smaller part of the range's width is said to be nothing."""
LEAST_TOLD = 20
"""People whom a reason must concern, in one of ten futures, to be told."""
INPUTS = {
    "log": gettext_lazy("the record"), "rulebook": gettext_lazy("the rulebook"), "plan": gettext_lazy("the plan"),
    "paces": gettext_lazy("the paces of other operations"),
    "remedies": gettext_lazy("how the past year held people back"),
}  # fmt: skip


@page("forecasts", "forecast.read")
def forecasts(request: HttpRequest) -> HttpResponse:
    access.require(request.user, "forecast.read", place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    kept = kept_forecasts(here.operation())[::-1]
    wanted = request.GET.get("run", "")
    chosen = next((one for name, one in kept if name == wanted), kept[0][1] if kept else None)
    shown: dict[str, Any] = {
        "kept": [_line(name, one) for name, one in kept[:30]],
        "may_run": reader.may("forecast.run"),
        "running": Job.objects.filter(kind__in=("forecast", "compare", "wait", jobs.HAPPENED), state__in=("queued", "running")),
        "scenarios": _scenarios(compared.may_tell(reader)),
        "compared": compared.in_short(reader),
        "today": here.today(),
    }  # fmt: skip
    if chosen is not None:
        shown["happened"] = past_forecasts.about(kept[::-1])
        earlier = _earlier(chosen, [one for _name, one in kept])
        shown |= about(chosen, earlier)
        tells = compared.may_tell(reader, _as_made(chosen))
        told = groups_told(chosen.why)
        why = why_here(reader, chosen, told)
        shown |= {
            "why": why,
            "some_only": any(not row["median"] for row in why),
            "why_groups": [words.code(group) for group in told],
            "held": _held(chosen),
            "narrows": _narrows(reader, chosen),
            "unknown": [line for line in filter(tells, chosen.unknown) if not line.startswith(NARROWEST)],
            "assumptions": list(filter(tells, chosen.assumptions)),
            "left_out": list(filter(tells, chosen.left_out)),
        }  # fmt: skip
    return render(request, "desk/forecasts.html", shown)


def about(made: Forecast, earlier: Forecast | None) -> dict[str, Any]:
    """What the page says of one run."""
    rulebook = here.rulebook()
    levels = made.deadline_levels()
    deadline = date.fromisoformat(made.deadline)
    counted = _counted(made)
    said = {
        "low": dates.counted(int(round(levels["q10"], -1))),
        "high": dates.counted(int(round(levels["q90"], -1))),
        "day": dates.shown(deadline),
    }
    headline = (
        _("On %(day)s between %(low)s and %(high)s people will probably still be here.") % said
    )
    steps = sorted({*range(3, len(made.days), max(len(made.days) // 8, 1)), len(made.days) - 1})
    states, language = rulebook.forecast_states, get_language() or "en"
    return {
        "made": made,
        "headline": headline,
        "past": len(counted) > 1,
        "deadline": deadline,
        "wide": _fan(made.to_json(), tuple(counted), charts.WIDE, headline, language),
        "narrow": _fan(made.to_json(), tuple(counted), charts.NARROW, headline, language),
        "rows": [
            {"day": date.fromisoformat(made.days[i]), **{n: round(made.fan[EVERYONE][n][i]) for n in LEVELS}}
            for i in steps if i < len(made.days)
        ],
        "states": [
            {"title": words.translated(states[name].title if name in states else name), **_round(v)}
            for name, v in sorted(made.states.items(), key=lambda item: -item[1]["median"])
            if v["q90"] >= LEAST_SHOWN
        ],
        "left": [
            {"title": forecast_words.way(way), **_round(v)}
            for way, v in sorted(made.left.items(), key=lambda item: -item[1]["median"])
            if v["q90"] >= LEAST_SHOWN
        ],
        "stages_along": _along(
            made, "states", made.states,
            lambda name: words.translated(states[name].title if name in states else name),
        ),
        "ways_along": _along(made, "left", made.left, forecast_words.way),
        "groups": [
            {"title": words.code(group), **{n: round(v[n][-1]) for n in LEVELS}}
            for group, v in made.fan.items() if group != EVERYONE
        ],
        "fewer": sorted(
            {*_likely(made)[:4], *((bound, made.fewer_than[str(bound)]) for bound in made.asked)}
        ),
        "sure": [
            {"title": words.code(group), "zero": of["zero"], "gone": of["gone_95"]["median"],
             "fewer": [(bound, of["fewer_than"][str(bound)]) for bound in made.asked]}
            for group, of in made.chances.get("groups", {}).items()
        ],
        "gone": {n: made.gone_95.get(n) for n in LEVELS},
        "split": [
            {"source": str(SOURCES.get(name, name)), "share": share}
            for name, share in sorted(made.split.items(), key=lambda item: -item[1])
            if share >= LEAST_SHARE
        ],
        "changed": _changed(made, earlier) if earlier is not None else None,
    }  # fmt: skip


def _along(
    made: Forecast, part: str, told: Mapping[str, Mapping[str, float]],
    title: Callable[[str], str],
) -> dict[str, Any]:  # fmt: skip
    """Stages or ways on a few days before the date, and by when nearly all are through; nothing for
    a run kept before that was told.

    told  those on the date: the same stand here, in the same order
    """
    courses = made.courses.get(part, {})
    if not courses:
        return {}
    days = made.courses["days"]
    # The date itself stands in the table above.
    steps = [len(days) * place // (DAYS_ALONG + 1) for place in range(1, DAYS_ALONG + 1)]
    steps = sorted({place for place in steps if place < len(days) - 1})
    gone = made.chances.get(part, {})
    rows = [
        {
            "title": title(name),
            "on": [{n: round(courses[name][n][i]) for n in LEVELS} for i in steps],
            "gone": "" if name in UNPLANNED else gone[name]["gone_95"]["median"],
        }
        for name, levels in sorted(told.items(), key=lambda item: -item[1]["median"])
        if levels["q90"] >= LEAST_SHOWN and name in courses
    ]
    return {
        "days": [date.fromisoformat(days[i]) for i in steps],
        "rows": rows,
        "dated": any(row["gone"] for row in rows),
    }


def _likely(made: Forecast) -> list[tuple[int, float]]:
    """(people, chance that fewer are left) wherever it is not as good as none, fewest people first."""
    rows = ((int(number), chance) for number, chance in made.fewer_than.items())
    return sorted(row for row in rows if row[1] > LEAST_SHARE)


def _as_made(made: Forecast) -> dict[str, Any]:
    """What the work that made a kept forecast left, or what it was made from: one made at the
    terminal left no work."""
    row = Job.objects.filter(
        kind="forecast", state="done", result__identity=made.identity
    ).first()
    return {"inputs": dict(made.inputs), **(row.result if row is not None else {})}


def why_here(
    reader: access.Reader, made: Forecast, groups: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Why people will still be here on the date, most people first.

    groups  those whose middle stands beside each reason, under "of"
    """
    named, may_name = titles(here.rulebook(), here.plan()), _may_name(reader, made)
    found = []
    for row in made.why:
        name = str(row["name"])
        what = reason_title(name, named)
        if row["q90"] < LEAST_TOLD or not may_name(name, what):
            continue
        levels = _round({level: row[level] for level in LEVELS})
        kind = words.translated(REASONS[str(row["kind"])])
        of = [round(people) for people in in_groups(row, groups)]
        found.append({"kind": kind, "what": words.reason(what), "of": of, **levels})
    return sorted(found, key=lambda line: (-line["median"], -line["q90"]))


def _held(made: Forecast) -> list[dict[str, Any]]:
    """How many each safeguard holds back today, and on the date; most people first."""
    guards = here.rulebook().safeguards
    few = _("fewer than %(n)s") % {"n": dates.counted(LEAST_TOLD)}
    told = sorted(
        ((at["today"], name, at) for name, at in made.held.items()
         if name in guards and max(at["today"], at["q90"]) >= LEAST_TOLD),
        key=lambda one: -max(one[0], LEAST_TOLD),
    )  # fmt: skip
    return [
        {
            "title": words.translated(guards[name].title),
            "today": dates.counted(round(today)) if today >= LEAST_TOLD else few,
            **_round({n: at[n] for n in LEVELS}),
        }
        for today, name, at in told
    ]


def _narrows(reader: access.Reader, made: Forecast) -> list[dict[str, Any]]:
    """The single things that would narrow the forecast most, and by how much."""
    named, may_name = titles(here.rulebook(), here.plan()), _may_name(reader, made)
    return [
        {
            "said": forecast_words.narrowing(row["kind"], row["name"], named),
            "by": narrower(row["share"]),
        }
        for row in made.narrow
        if may_name(row["name"], reason_title(row["name"], named))
    ]


def _may_name(reader: access.Reader, made: Forecast) -> Callable[[str, str], bool]:
    """Whether a line about a thing, by its name in a forecast and its title, tells of no offer made
    in confidence, or of sensitive work to who may not see it."""
    plan = here.plan()
    offers = Offers(plan, "internal")
    sees_all, tells = reader.may("pledge.sensitive"), compared.may_tell(reader, _as_made(made))

    def may(name: str, what: str) -> bool:
        gate = name.partition(" open for ")[0].partition("/")[0]
        secret = plan is not None and plan.confidentiality(gate) == "sensitive"
        return (
            offers.tells_nothing(name, what)
            and (sees_all or not secret)
            and tells(name)
            and tells(what)
        )

    return may


def _round(levels: Mapping[str, float]) -> dict[str, int]:
    return {name: round(levels[name]) for name in LEVELS}


def _counted(made: Forecast) -> list[tuple[date, float]]:
    """What was counted until the run began, where the run kept it; else its first day alone."""
    for job in Job.objects.filter(kind="forecast", state="done").order_by("-ended_at")[:20]:
        past = job.result.get("observed") or [("", 0)]
        if past[-1][0] == made.as_of:
            return [(date.fromisoformat(day), float(people)) for day, people in past]
    return [(date.fromisoformat(made.as_of), float(made.start))]


@lru_cache(maxsize=12)
def _fan(
    text: str, counted: tuple[tuple[date, float], ...], width: int, title: str, language: str
) -> str:
    from onward.forecast.run import from_json

    made = from_json(text)
    days = [date.fromisoformat(day) for day in made.days]
    say, last = dates.sayer(), date.fromisoformat(made.deadline)
    drawn = charts.fan(
        days, made.fan[EVERYONE], counted, last,
        deadline_label=say.lettering(dates.shown(last, language)), title=title, width=width, say=say,
        description=_("%(n)s simulated futures; the table beneath says the same.") % {"n": dates.counted(made.futures)},
    )  # fmt: skip
    return drawn


def _line(name: str, one: Forecast) -> dict[str, Any]:
    return {
        "name": name, "as_of": date.fromisoformat(one.as_of), "deadline": date.fromisoformat(one.deadline),
        "start": one.start, "futures": one.futures, **_round(one.deadline_levels()),
    }  # fmt: skip


def _earlier(made: Forecast, every: Sequence[Forecast]) -> Forecast | None:
    """The run of about a week before for the same date: the latest that is at least five days older."""
    limit = date.fromisoformat(made.as_of) - timedelta(days=5)
    older = [
        one for one in every
        if one.deadline == made.deadline and date.fromisoformat(one.as_of) <= limit
    ]  # fmt: skip
    return max(older, key=lambda one: one.as_of, default=None)


def _changed(made: Forecast, earlier: Forecast) -> dict[str, Any]:
    new, old = made.deadline_levels(), earlier.deadline_levels()
    return {
        "since": date.fromisoformat(earlier.as_of),
        "middle": round(new["median"] - old["median"]),
        "here": made.start - earlier.start,
        "inputs": [
            str(INPUTS.get(name, name))
            for name in sorted(made.inputs.keys() | earlier.inputs.keys())
            if made.inputs.get(name) != earlier.inputs.get(name)
        ],
    }


def _scenarios(tells: Callable[[str], bool]) -> list[dict[str, str]]:
    """The scenario files of the operation that may be told: (name, title)."""
    found = here.plan()
    if found is None:
        return []
    from onward.forecast.scenarios.reader import load_scenario

    rows = []
    for file in here.operation().scenarios:
        try:
            one = load_scenario(file, found, here.rulebook(), called=file.name)
        except OnwardError:
            if tells(file.stem):
                rows.append({"name": file.name, "title": file.stem, "fault": "yes"})
            continue
        if compared.is_told(one, tells):
            rows.append({"name": file.name, "title": words.translated(one.title), "fault": ""})
    return rows


@page("forecasts", "forecast.run", methods=("POST",))
def run(request: HttpRequest) -> HttpResponse:
    """Ask for a forecast, for a comparison of scenarios with the plan as it stands, for how long one
    can wait, or for what happened on the days past forecasts spoke of."""
    access.require(request.user, "forecast.run", place=place(request))
    tells = compared.may_tell(request.reader)  # type: ignore[attr-defined]
    asked: dict[str, Any] = {"futures": _futures(request.POST.get("futures", "")), "seed": 1}
    kind = "forecast"
    if request.POST.get("do") == "compare":
        known = {row["name"] for row in _scenarios(tells) if not row["fault"]}
        chosen = [name for name in request.POST.getlist("scenario") if name in known]
        if not chosen:
            from django.contrib import messages

            messages.error(request, _("Choose at least one scenario to compare with the plan."))
            return HttpResponseRedirect(reverse("desk:forecasts"), status=303)
        kind, asked = "compare", {"scenarios": sorted(chosen), "futures": 500, "seed": 1}
    elif request.POST.get("do") == "wait":
        chosen_one = request.POST.get("scenario", "")
        if chosen_one not in {name for name, _id, _title in compared.deferrable(tells)}:
            raise access.Hidden
        kind, asked = "wait", {"scenario": chosen_one, "futures": 300, "seed": 1}
    elif request.POST.get("do") == jobs.HAPPENED:
        kind, asked = jobs.HAPPENED, {}
    else:
        asked |= {"plan": request.POST.get("plan", "yes") == "yes", "behaviour": True}
        asked["as_of"] = here.today().isoformat()
        if few := _number(request.POST.get("fewer", "")):
            asked["fewer_than"] = [few]
    job = jobs.ask(request.user, kind, asked)
    return HttpResponseRedirect(reverse("desk:job", args=[job.pk]), status=303)


def _futures(text: str) -> int:
    """How many futures to play; what is no number becomes the usual number."""
    wanted = _number(text)
    return min(max(USUAL_FUTURES if wanted is None else wanted, LEAST_FUTURES), MOST_FUTURES)


def _number(text: str) -> int | None:
    """A whole number in the digits of any language of the desk; None for what is none."""
    plain = dates.western(text.strip())
    return int(plain) if plain.isascii() and plain.isdigit() else None


urls = [
    path("forecasts/", forecasts, name="forecasts"),
    path("forecasts/run/", run, name="forecast_run"),
]
