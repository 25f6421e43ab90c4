"""Home: what somebody's day holds, by what the roles let them see."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from itertools import islice
from threading import Lock
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from onward.desk import contacts, ending, here, totals, words
from onward.desk.views import home_roles
from onward.desk.views.forecasts import why_here
from onward.desk.views.plan import running_out
from onward.desk.views.shared import page, place
from onward.desk.views.sheets import unapproved
from onward.registry import breaches
from onward.registry.computing.runs import latest_forecast
from onward.registry.data_protection import rights
from onward.registry.models import BreachNotice, ExportRequest, PersonNow, ThingNow

SHOWN = 8
"""Lines of each list on the page; the rest is one link away."""


@page("home")
def home(request: HttpRequest) -> HttpResponse:
    reader = request.reader  # type: ignore[attr-defined]
    today, rulebook = here.today(), here.rulebook()
    forecast = None
    if reader.may("forecast.read"):
        forecast = _kept_for(reader, "forecast", today, lambda: _forecast(reader))
    if not reader.may("person.list"):
        other = {"days_left": _days_left(), "deadline": here.deadline(), "forecast": forecast,
                 "waits": home_roles.without_people(reader), "keys": home_roles.ceremonies(reader),
                 **home_roles.with_the_host(reader)}  # fmt: skip
        return render(request, "desk/home_other.html", other)
    opens = "person.read" if reader.may("person.read") else "person.list"
    mine = reader.people(opens).filter(active__in=(True,))
    here_now = totals.total(mine)
    # Who looks after people that have left has nobody here, and is not without people.
    left = 0 if here_now else totals.total(reader.people(opens))
    shown: dict[str, Any] = {
        "today": today,
        "people": here_now,
        "left": left,
        "by_name": set(reader.rules.may(reader.account.roles, opens)) == {"assigned"},
        "days_left": _days_left(),
        "deadline": here.deadline(),
        "forecast": forecast,
    }
    casework = reader.people().filter(reader.within("confidential"))
    if reader.reads_somewhere("confidential"):
        about = reader.things("confidential")
        shown |= _due(reader, about, today)
        shown["ending"] = _kept_for(
            reader, "ending", today, lambda: _ending(about, mine, today), about
        )
        shown["waiting"] = _kept_for(
            reader, "waiting", today, lambda: _waiting(reader, casework), casework
        )
        blocked = casework.filter(active__in=(True,), blocked__in=(True,))
        shown["blocked"] = totals.total(blocked)
        shown["stuck"] = _kept_for(reader, "stuck", today, lambda: _stuck(casework), casework)
        shown["casework"] = True
        shown["gaps"] = home_roles.gaps(reader, mine, today)
    elif not reader.may("plan.read"):
        shown |= home_roles.with_people(reader, mine, today)
    elif (plan := here.plan()) is not None:
        shown["clocks"] = _kept_for(
            reader, "clocks", today,
            lambda: running_out(plan, sensitive=reader.may("pledge.sensitive"))[:SHOWN],
        )  # fmt: skip
    if reader.may("text.approve"):
        shown["drafts"] = unapproved()
    if reader.may("export.approve"):
        asked = ExportRequest.objects.filter(state="asked").exclude(asked_by=request.user)
        shown["to_decide"] = asked.exclude(decisions__account=request.user).count()
    if reader.may("rights.handle"):
        shown |= _requests(reader, today)
    if reader.may("breach.handle"):
        shown |= _to_tell(reader)
    shown["may_forecast"] = reader.may("forecast.run")
    if reader.may("incident.review"):
        for name, kind in (("untriaged", "complaint"), ("unreviewed", "incident")):
            to_see = ThingNow.objects.filter(kind=kind, due__isnull=False)
            theirs = reader.things("complaints").filter(kind=kind, due__isnull=False)
            shown[name] = totals.total(theirs) + to_see.filter(person=None).count()
        shown["concerns"] = totals.total(contacts.concerns(reader.things("complaints")))
    listed = [
        line["person"]
        for line in [
            *shown.get("due", []),
            *shown.get("ending", {}).get("lines", []),
            *shown.get("meetings", []),
            *shown.get("requests", []),
        ]
    ]
    listed += [person for gap in shown.get("gaps", []) for person in gap["rows"]]
    listed += shown.get("listed", [])
    reader.listed([_Shown(person) for person in dict.fromkeys(listed)], place=place(request))
    shown["rulebook"] = rulebook
    shown["faults"] = home_roles.work_wrong() if "gaps" in shown else []
    return render(request, "desk/home.html", shown)


def _forecast(reader: Any) -> dict[str, Any] | None:
    """What the latest forecast says, in one line, and why people will still be here."""
    made = latest_forecast(here.operation())
    if made is None:
        return None
    levels = made.deadline_levels()
    return {
        "low": int(round(levels["q10"], -1)), "high": int(round(levels["q90"], -1)),
        "from": date.fromisoformat(made.as_of), "to": date.fromisoformat(made.deadline),
        "why": why_here(reader, made)[:SHOWN],
    }  # fmt: skip


@dataclass(frozen=True)
class _Shown:
    person: str


def _days_left() -> int | None:
    end = here.deadline()
    return (end - here.today()).days if end else None


def _due(reader: Any, about: Any, today: date) -> dict[str, Any]:
    """Appointments of the day and follow-ups that are due, the oldest first."""
    appointments = about.filter(kind="appointment", due=today)
    waiting = contacts.waiting(about, here.rulebook()).filter(due__lte=today)
    follow_ups = list(waiting.order_by("due", "person", "thing")[:SHOWN])
    people = PersonNow.objects.filter(person__in=[row.person for row in follow_ups])
    stages = dict(people.values_list("person", "stage"))
    mine = reader.people("person.record_follow_up").filter(person__in=list(stages))
    mine = set(mine.values_list("person", flat=True))
    tolerated = contacts.tolerated(here.rulebook())
    lines = [
        {
            "person": row.person, "what": words.code(str(row.facts.get("purpose") or "other")),
            "kind": "appointment", "at": row.facts.get("starts_at"), "on": today, "late": 0,
            "room": row.facts.get("room"), "thing": row.thing,
        }
        for row in sorted(appointments, key=lambda row: str(row.facts.get("starts_at") or ""))
    ]  # fmt: skip
    overdue = totals.total(waiting.filter(contacts.overdue(here.rulebook(), today)))
    lines += [
        {
            "person": row.person, "what": _("Follow-up"), "kind": "follow_up",
            "on": row.due, "late": (today - row.due).days, "thing": row.thing,
            "may": row.person in mine,
            "overdue": contacts.is_overdue(row.due, today, tolerated.get(stages.get(row.person) or "", 0)),
        }
        for row in follow_ups
    ]  # fmt: skip
    return {
        "due": lines[:SHOWN],
        "due_today": len(appointments),
        "follow_ups_due": totals.total(waiting),
        "overdue": overdue,
    }


def _requests(reader: Any, today: date) -> dict[str, Any]:
    """What people asked about their own files and waits for this reader, the soonest due first."""
    asked = rights.to_answer(reader.account)
    titles = rights.rules()["requests"]
    lines = [
        {"pk": row.pk, "person": row.person, "what": _(titles[row.kind]["title"]),
         "on": row.extended_on or row.due_on, "late": rights.late(row, today)}
        for row in asked[:SHOWN]
    ]  # fmt: skip
    return {"requests": lines, "requests_open": asked.count()}


def _to_tell(reader: Any) -> dict[str, Any]:
    """Who must still be told of a breach, the soonest due first; the same telling by the same
    minute is one line, of however many breaches."""
    untold, now = list(breaches.to_tell(reader.account)), timezone.now()
    alike: dict[Any, list[BreachNotice]] = {}
    for notice in untold:
        minute = notice.due_at.replace(second=0, microsecond=0)
        alike.setdefault((minute, breaches.title_of(notice)), []).append(notice)
    lines = [
        {"pk": few[0].breach_id, "number": len(few), "whom": whom, "due": few[0].due_at,
         "late": few[0].due_at < now}
        for (_minute, whom), few in islice(alike.items(), SHOWN)
    ]  # fmt: skip
    return {"to_tell": lines, "to_tell_all": len(untold)}


def _ending(about: Any, mine: Any, today: date) -> dict[str, Any]:
    """The first lines of what runs out soon, and of how many people something does."""
    rows = ending.soon(about, mine, today)
    return {
        "lines": ending.lines(rows, today, SHOWN),
        "all": rows.count(),
        "people": rows.order_by().values("person").distinct().count(),
    }


def _stuck(people: Any) -> list[dict[str, Any]]:
    """Where those stand to whom no step at all is open, most people first: without one they are
    still here on the last day, with no lawful outcome."""
    rulebook = here.rulebook()
    rows = people.filter(active__in=(True,), open_steps=0).order_by()
    found = rows.values_list("stage").annotate(people=Count("*"))
    return [
        {"stage": stage, "title": words.state(rulebook, "stage", stage), "people": number}
        for stage, number in sorted(found, key=lambda one: (-one[1], str(one[0])))
    ]


# What runs out and what holds most people back is read from everybody's records. It is kept for
# a minute and a language, and the page says so; whoever has the same roles and is answered from
# the very same records (a whole office, where no assignment counts) shares it.
_kept: dict[tuple[str, ...], tuple[float, Any]] = {}
_lock = Lock()
KEPT_SECONDS = 60


def _kept_for(
    reader: Any, name: str, today: date, make: Callable[[], Any], rows: Any = None
) -> Any:
    """What was made for the same roles within a minute, else made now.

    rows  the query that `make` reads; None: it hangs on the roles alone
    """
    try:
        asked = rows.query.sql_with_params() if rows is not None else ""
    except EmptyResultSet:
        return make()
    parts = (asked, sorted(reader.account.role_ids), name, today, here.operation().path,
             get_language())  # fmt: skip
    key = tuple(map(str, parts))
    with _lock:
        kept = _kept.get(key)
        if kept and time.monotonic() - kept[0] < KEPT_SECONDS:
            return kept[1]
    made = make()
    with _lock:
        if len(_kept) > 500:
            _kept.clear()
        _kept[key] = (time.monotonic(), made)
    return made


def _waiting(reader: Any, people: Any) -> list[dict[str, Any]]:
    """What holds back the people whose own next step is blocked, most people first.

    One finding counts a person once; the counts overlap, so they are never added up.
    """
    rulebook = here.rulebook()
    findings = {
        finding.key: (safeguard, finding)
        for safeguard in rulebook.safeguards.values()
        for finding in safeguard.findings.values()
    }
    counted: Counter[str] = Counter()
    rows = people.filter(active__in=(True,), blocked__in=(True,)).order_by()
    for held, number in rows.values_list("held").annotate(people=Count("*")):
        for key in held.split():
            counted[key] += number
    return [
        {
            "people": number,
            "finding": key,
            "title": words.translated(findings[key][0].title),
            "sentence": words.translated(findings[key][1].sentence),
            "remedy": words.translated(findings[key][1].remedy),
            "owner": findings[key][1].owner_role,
            "by_person": findings[key][1].owner == "person",
        }
        for key, number in counted.most_common(40)
        if key in findings and reader.told_of(rulebook, key)
    ][:6]


urls = [path("", home, name="home")]
