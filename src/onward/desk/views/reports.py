"""The situation report on demand: internal as of any day, external at the operation's own date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import get_language, get_language_info
from django.utils.translation import gettext as _

from onward.dates import NotADate
from onward.desk import dates, here
from onward.desk.views.shared import page, place
from onward.registry.computing.runs import external_releases
from onward.registry.models import Job
from onward.registry.permissions import access
from onward.registry.web import jobs
from onward.report.release import LEAST_DAYS_APART

FUTURES = 2000


@page("reports", "report.internal", "report.external", methods=("GET", "POST"))
def reports(request: HttpRequest) -> HttpResponse:
    reader = request.reader  # type: ignore[attr-defined]
    access.require(request.user, "report.internal", "report.external", place=place(request))
    internal, external = reader.may("report.internal"), reader.may("report.external")
    shown: dict[str, Any] = {
        "internal": internal,
        "external": external,
        "today": here.today(),
        "days_apart": LEAST_DAYS_APART,
        "languages": [
            (code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES
        ],
        "chosen": request.POST.get("language", get_language() or "en"),
        "as_of": request.POST.get("as_of", dates.typed(here.today().isoformat())),
    }
    if request.method == "POST":
        audience = "external" if request.POST.get("audience") == "external" else "internal"
        access.require(request.user, f"report.{audience}", place=place(request))
        language = request.POST.get("language", "en")
        asked: dict[str, Any] = {"audience": audience, "futures": FUTURES, "as_of": "",
                                 "language": language if language in dict(settings.LANGUAGES) else "en"}  # fmt: skip
        if audience == "internal":
            try:
                asked["as_of"] = date.fromisoformat(dates.meant(shown["as_of"])).isoformat()
            except (NotADate, ValueError):
                shown["error"] = _("Write a full date, as 2026-10-31.")
                return render(request, "desk/reports.html", shown | _made(internal), status=422)
        else:
            # The figures released on one date never change: asking again is the same work.
            asked["as_of"] = ""
        job = jobs.ask(request.user, "report", asked)
        return HttpResponseRedirect(reverse("desk:job", args=[job.pk]), status=303)
    return render(request, "desk/reports.html", shown | _made(internal))


def _made(internal: bool) -> dict[str, Any]:
    rows = Job.objects.filter(kind="report").prefetch_related("files").order_by("-asked_at")
    if not internal:
        rows = rows.filter(asked__audience="external")
    releases = [date.fromisoformat(one["as_of"]) for one in external_releases(here.operation())]
    return {
        "made": rows[:20],
        "releases": releases[::-1][:12],
        "next_release": _next_release(releases),
    }


def _next_release(releases: list[date]) -> date | None:
    """The day from which another release can be written; None where one can be today."""
    if not releases or here.today() <= max(releases):
        return None
    first = max(releases) + timedelta(days=LEAST_DAYS_APART)
    return first if here.today() < first else None


urls = [path("reports/", reports, name="reports")]
