"""Home: what somebody's day holds, by what the roles let them see."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from threading import Lock
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from onward.desk import here, sight, words
from onward.desk.views.shared import page, place
from onward.plan.clocks import clocks
from onward.registry.models import ThingNow
from onward.registry.runs import latest_forecast

SOON_DAYS = 14
SHOWN = 8
"""Lines of each list on the page; the rest is one link away."""


@page("home")
def home(request: HttpRequest) -> HttpResponse:
    reader = request.reader  # type: ignore[attr-defined]
    if not reader.may("person.list"):
        return render(request, "desk/home_other.html", {"days_left": _days_left()})
    today, rulebook = here.today(), here.rulebook()
    people = reader.people()
    mine = people.filter(active=True)
    shown: dict[str, Any] = {
        "today": today,
        "people": mine.count(),
        "days_left": _days_left(),
        "deadline": here.deadline(),
    }
    casework = reader.people().filter(reader.within("confidential"))
    if reader.reads_somewhere("confidential"):
        ids = casework.values("person")
        shown |= _due(ids, today)
        shown["ending"] = _kept_for(reader, "ending", today, lambda: _ending(ids, today))
        shown["waiting"] = _kept_for(
            reader, "waiting", today, lambda: _waiting(reader, casework)
        )
        shown["blocked"] = casework.filter(active=True, blocked=True).count()
        shown["casework"] = True
    if reader.may("forecast.read"):
        shown["forecast"] = _kept_for(reader, "forecast", today, _forecast)
    if reader.may("incident.review"):
        near = reader.people().filter(reader.within("complaints")).values("person")
        shown["untriaged"] = ThingNow.objects.filter(
            Q(person__in=near) | Q(person=None), kind="complaint", facts__triaged=False
        ).count()
        shown["unreviewed"] = ThingNow.objects.filter(
            Q(person__in=near) | Q(person=None), kind="incident", facts__reviewed=False,
            facts__severity=1,
        ).count()  # fmt: skip
    listed = [line["person"] for line in [*shown.get("due", []), *shown.get("ending", [])]]
    reader.listed([_Shown(person) for person in dict.fromkeys(listed)], place=place(request))
    shown["rulebook"] = rulebook
    return render(request, "desk/home.html", shown)


def _forecast() -> dict[str, Any] | None:
    """What the latest forecast says, in one line."""
    made = latest_forecast(here.operation())
    if made is None:
        return None
    levels = made.deadline_levels()
    return {
        "low": round(levels["q10"], -1), "high": round(levels["q90"], -1),
        "from": date.fromisoformat(made.as_of), "to": date.fromisoformat(made.deadline),
    }  # fmt: skip


@dataclass(frozen=True)
class _Shown:
    person: str


def _days_left() -> int | None:
    end = here.deadline()
    return (end - here.today()).days if end else None


def _due(people: Any, today: date) -> dict[str, Any]:
    """Appointments of the day and follow-ups that are due, the oldest first."""
    day = today.isoformat()
    appointments = ThingNow.objects.filter(
        kind="appointment", person__in=people, facts__day=day, facts__state="planned"
    )
    follow_ups = sorted(
        (str(due), person, thing)
        for thing, person, due in ThingNow.objects.filter(
            kind="follow_up",
            person__in=people,
            facts__due_on__lte=day,
            facts__done_on__isnull=True,
        ).values_list("thing", "person", "facts__due_on")
    )
    lines = [
        {
            "person": row.person, "what": words.code(str(row.facts.get("purpose") or "other")),
            "kind": "appointment", "at": row.facts.get("starts_at"), "on": today, "late": 0,
            "room": row.facts.get("room"), "thing": row.thing,
        }
        for row in sorted(appointments, key=lambda row: str(row.facts.get("starts_at") or ""))
    ]  # fmt: skip
    tolerance = max(
        (rule.tolerance_days for rule in here.rulebook().follow_up.values()), default=0
    )
    late_day = (today - timedelta(days=tolerance)).isoformat()
    overdue = sum(due < late_day for due, _person, _thing in follow_ups)
    lines += [
        {
            "person": person, "what": _("Follow-up"), "kind": "follow_up",
            "on": date.fromisoformat(due), "late": (today - date.fromisoformat(due)).days,
            "overdue": due < late_day, "thing": thing,
        }
        for due, person, thing in follow_ups[:SHOWN]
    ]  # fmt: skip
    return {
        "due": lines[:SHOWN],
        "due_today": len(appointments),
        "follow_ups_due": len(follow_ups),
        "overdue": overdue,
    }


def _ending(people: Any, today: date) -> list[dict[str, Any]]:
    """Consents, papers and checks that run out soon, read off the rulebook's own conditions."""
    rulebook = here.rulebook()
    lines: list[dict[str, Any]] = []
    for clock in clocks(rulebook):
        if clock.kind == "person" or clock.kind not in rulebook.kinds:
            continue
        if "person" not in rulebook.kinds[clock.kind].refs or clock.kind == "appointment":
            continue
        first = today - timedelta(days=clock.days)
        last = first + timedelta(days=SOON_DAYS)
        rows = ThingNow.objects.filter(
            **{
                "kind": clock.kind, "person__in": people,
                f"facts__{clock.column}__gte": first.isoformat(),
                f"facts__{clock.column}__lte": last.isoformat(),
            }
        )  # fmt: skip
        for rule in clock.filters:
            if rule.column in rulebook.kinds[clock.kind].facts:
                wanted = Q(**{f"facts__{rule.column}__in": list(rule.values)})
                rows = rows.filter(~wanted if rule.negated else wanted)
        for row in rows.order_by(f"facts__{clock.column}")[:SHOWN]:
            day = date.fromisoformat(str(row.facts[clock.column])) + timedelta(days=clock.days)
            lines.append(
                {
                    "person": row.person,
                    "what": _ending_what(clock.kind, row.facts),
                    "day": day,
                    "days": (day - today).days,
                    "remedy": words.translated(clock.remedy),
                }
            )  # fmt: skip
    lines.sort(key=lambda line: (line["day"], line["person"]))
    return lines[:SHOWN]


def _ending_what(kind: str, facts: dict[str, Any]) -> str:
    """What runs out, in few words: "Consent: onward", "Exit permit"."""
    if kind == "consent":
        return _("Consent: %(pathway)s %(to)s") % {
            "pathway": sight.pathway_title(str(facts.get("pathway") or "")),
            "to": str(facts.get("destination") or ""),
        }  # fmt: skip
    detail = facts.get("type") or facts.get("topic")
    if detail:
        return words.code(str(detail))
    return words.translated(here.rulebook().kinds[kind].title)


# What runs out and what holds most people back is read from everybody's records. It is kept for
# a minute per account and language, and the page says so.
_kept: dict[tuple[str, ...], tuple[float, Any]] = {}
_lock = Lock()
KEPT_SECONDS = 60


def _kept_for(reader: Any, name: str, today: date, make: Callable[[], Any]) -> Any:
    account = reader.account
    parts = (account.pk, account.role_ids, account.office, name, today, here.operation().path,
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
    rows = people.filter(active=True, blocked=True).values_list("steps", "pathway")
    for steps, pathway in rows.iterator(chunk_size=2000):
        own = {key for step in steps if step["pathway"] in (pathway, "common", "chosen")
               and not step["open"] for key in step["failed"]}  # fmt: skip
        counted.update(own)
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
