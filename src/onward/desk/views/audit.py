"""The log of access and decisions, and alarms: who looked at what, without the stories."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onward.desk import words
from onward.desk.views.shared import done, page, paged, place
from onward.errors import OnwardError
from onward.registry.models import AccessEntry, Account, Alarm, Honeytoken
from onward.registry.permissions import access, alarms, honeytokens
from onward.registry.permissions.roles import load_rules
from onward.registry.signing_in import signin

DAYS = {"1": 1, "7": 7, "30": 30, "365": 365}


@page("audit", "audit.read")
def entries(request: HttpRequest) -> HttpResponse:
    """The log, newest first, by account, action, decision and days; a search by person is a form."""
    access.require(request.user, "audit.read", place=place(request))
    rows = AccessEntry.objects.order_by("-id")
    chosen = {
        name: request.GET.get(name, "") for name in ("account", "action", "decision", "days")
    }
    days = DAYS.get(chosen["days"], 7)
    rows = rows.filter(at__gt=timezone.now() - timedelta(days=days))
    for name in ("account", "action", "decision"):
        if chosen[name]:
            rows = rows.filter(**{name: chosen[name]})
    return _shown(request, rows, chosen)


@page("audit", "audit.read", methods=("POST",))
def of_person(request: HttpRequest) -> HttpResponse:
    """Who looked at one person: asked for in a form, so that no id stands in an address."""
    access.require(request.user, "audit.read", place=place(request))
    person = request.POST.get("person", "").strip()[:80]
    access.log(request.user, "audit.read", person=person, place=place(request))
    rows = AccessEntry.objects.filter(person=person).order_by("-id")
    return _shown(request, rows, {"person": person})


def _shown(request: HttpRequest, rows: Any, chosen: dict[str, Any]) -> HttpResponse:
    found = paged(request, rows)
    names = {str(a.pk): words.translated(str(a)) for a in Account.objects.all()}
    rules = load_rules()
    titles = {name: words.translated(each.title) for name, each in rules.actions.items()}
    titles |= {name: str(title) for name, title in words.ACTIONS.items()}
    return render(
        request,
        "audit/entries.html",
        {
            "page": found,
            "rows": [
                (row, names.get(row.account, _("terminal")),
                 titles.get(row.action, row.action),
                 [words.code(name) for name in row.classes],
                 _with_names(row.purpose, names))
                for row in found.rows
            ],
            "accounts": sorted(names.items(), key=lambda pair: pair[1]),
            "actions": sorted(titles.items(), key=lambda pair: pair[1]),
            "chosen": chosen,
            "days": list(DAYS),
            "alarms": [(a, alarms.text(a), names.get(a.account, "")) for a in Alarm.objects.filter(seen_at=None).order_by("-at")[:20]],
            "most": _most(names),
        },
    )  # fmt: skip


ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SAID_OF_ACCOUNTS = {
    "created": gettext_lazy("Account made: %(who)s"),
    "changed": gettext_lazy("Account changed: %(who)s"),
    "reset": gettext_lazy("Account begun anew: %(who)s"),
}


def _with_names(text: str, names: dict[str, str]) -> str:
    """Why something was looked at, with accounts by their names and roles in words."""
    roles = load_rules().roles
    said = ID.sub(lambda found: names.get(found[0], f"{found[0][:8]}…"), text)
    if account := re.fullmatch(
        rf"(created|changed|reset) ({ID.pattern})(?:: ([a-z_, ]*))?(.*)", text
    ):
        does, who, held, more = account.groups()
        titles = [
            words.translated(roles[one].title) if one in roles else one
            for one in (held or "").split(", ") if one
        ]  # fmt: skip
        head = str(SAID_OF_ACCOUNTS[does]) % {"who": names.get(who, f"{who[:8]}…")}
        return words.listed([head, *titles]) + (more if not titles else "")
    return words.translated(said)


def _most(names: dict[str, str]) -> list[tuple[str, int]]:
    """Accounts by how many different people's names they had shown today."""
    since: datetime = timezone.now() - timedelta(days=1)
    rows = (
        AccessEntry.objects.filter(action="person.reveal", decision="allowed", at__gt=since)
        .values("account")
        .annotate(n=Count("person", distinct=True))
        .order_by("-n")[:10]
    )
    return [(names.get(row["account"], row["account"]), row["n"]) for row in rows]


@page("alarms", "breach.handle", "account.manage", methods=("POST",))
def alarm(request: HttpRequest, pk: Any) -> HttpResponse:
    """Say what an alarm was."""
    found = alarms.alarms_for(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404
    try:
        alarms.close_alarm(found, request.user, request.POST.get("finding", ""))
    except OnwardError as error:
        return render(
            request, "audit/alarms.html",
            _alarms(request) | {"wrong": {f"finding-{pk}": str(error)}, "about": pk}, status=422,
        )  # fmt: skip
    return done(request, _("Recorded."), "desk:alarms")


@page("alarms", "breach.handle", "account.manage")
def open_alarms(request: HttpRequest) -> HttpResponse:
    """Alarms that wait for somebody to look."""
    access.require(request.user, "breach.handle", "account.manage", place=place(request))
    return render(request, "audit/alarms.html", _alarms(request))


@page("alarms", "breach.handle", methods=("POST",))
def bait(request: HttpRequest) -> HttpResponse:
    """Add somebody who does not exist; only the one who adds knows."""
    signin.require_fresh(request)
    name = request.POST.get("name", "").strip()[:120]
    if len(name) < 3:
        told = _("Give an invented name, as one of the place would be written.")
        wrong = {"wrong": {"bait-name": told}, "about": "bait"}
        return render(request, "audit/alarms.html", _alarms(request) | wrong, status=422)
    script = "latin" if name.isascii() else "arabic"
    honeytokens.add_honeytoken(
        request.user, {f"name.full.{script}": name}, office=request.user.office
    )
    return done(request, _("Added. Whoever opens it raises an alarm."), "desk:alarms")


def _alarms(request: HttpRequest) -> dict[str, Any]:
    names = {str(a.pk): words.translated(str(a)) for a in Account.objects.all()}
    rows = alarms.alarms_for(request.user)[:100]
    seen = Alarm.objects.exclude(seen_at=None).order_by("-seen_at")[:20]
    return {
        "rows": [(a, alarms.text(a), names.get(a.account, "")) for a in rows],
        "baits": Honeytoken.objects.count()
        if access.may(request.user, "breach.handle")
        else None,
        "seen": [(a, alarms.text(a), names.get(a.seen_by, "")) for a in seen],
    }


urls = [
    path("audit/", entries, name="audit"),
    path("audit/person/", of_person, name="audit-person"),
    path("alarms/", open_alarms, name="alarms"),
    path("alarms/bait/", bait, name="alarm-bait"),
    path("alarms/<uuid:pk>/", alarm, name="alarm"),
]
