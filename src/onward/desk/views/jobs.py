"""Long work: its page shows how far it is and can be left; what it made is fetched from it.

The page renews itself where scripts run, and says so where they do not. Whoever may start a kind
of work may see all of that kind: nothing in it names anybody. Work that was asked for about a case
is for those who see the case.
"""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, resolve, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from onward.desk import dates
from onward.desk.views import compared
from onward.desk.views.places_if import asked_of
from onward.desk.views.shared import page, place
from onward.registry.models import Job, JobFile
from onward.registry.permissions import access
from onward.registry.web import jobs

# kind of work: what it is called, who may see it, where one goes on when it is done
KINDS = {
    "forecast": (_("Forecast"), ("forecast.read",), "desk:forecasts"),
    "compare": (_("Comparison of scenarios"), ("forecast.read",), "desk:compared"),
    "wait": (_("How long a choice can wait"), ("forecast.read",), "desk:compared"),
    jobs.HAPPENED: (
        _("Past forecasts over what happened"),
        ("forecast.read",),
        "desk:forecasts",
    ),
    "placement": (_("Proposal of places"), ("placement.read",), "desk:placements"),
    jobs.PLACES_IF: (_("What if"), ("placement.run",), "desk:places_answer"),
    jobs.OVERRIDE: (
        _("What an override would cost"),
        ("placement.decide",),
        "desk:places_answer",
    ),
    jobs.COSTS: (_("What overrides cost"), ("placement.decide",), "desk:overridden"),
    "report": (_("Situation report"), ("report.internal",), "desk:reports"),
    jobs.TAKE_BACK: (_("Undoing an import"), ("import.undo",), "desk:imports"),
    jobs.RENEW: (_("Renewing the keys"), ("key.manage",), "desk:keys"),
}
EXTERNAL = ("report.external", "report.internal")


def actions_of(job: Job) -> tuple[str, ...]:
    """Any of these actions lets somebody see this piece of work."""
    if job.kind == "report" and job.asked.get("audience") == "external":
        return EXTERNAL
    return KINDS[job.kind][1]


def found(request: HttpRequest, job: UUID) -> Job:
    """The job, when this account may see it; hidden and missing look alike."""
    row = Job.objects.filter(pk=job).first()
    reader = request.reader  # type: ignore[attr-defined]
    if (
        row is None
        or row.kind not in KINDS
        or not any(reader.may(action) for action in actions_of(row))
    ):
        raise access.Hidden
    asked_of(request, row).listed(jobs.cases_of(row), place=place(request))
    return row


@page("forecasts")
def job(request: HttpRequest, job: UUID) -> HttpResponse:
    row = found(request, job)
    access.require(request.user, *actions_of(row), place=place(request))
    title, _actions, where = KINDS[row.kind]
    address = reverse(where, args=[row.pk] if where == "desk:places_answer" else [])
    request.area = resolve(address).func.area  # type: ignore[attr-defined]
    row.message = compared.message_for(request.reader, row)  # type: ignore[attr-defined]
    shown = {
        "job": row,
        "files": row.files.all() if _may_have(request, row) else (),
        "title": title,
        "going": row.state in (jobs.QUEUED, jobs.RUNNING),
        "where": address,
        "said": _said(row),
        "ahead": jobs.ahead_of(row) if row.state == jobs.QUEUED else 0,
    }  # fmt: skip
    template = "desk/parts/job.html" if getattr(request, "htmx", False) else "desk/job.html"
    return render(request, template, shown)


def _may_have(request: HttpRequest, row: Job) -> bool:
    """Whether the files of this work are for this reader: a comparison's holds every line, also
    what its page leaves out for who may not see an offer made in confidence."""
    if row.kind != "compare":
        return True
    tells = compared.may_tell(request.reader, row.result)  # type: ignore[attr-defined]
    lines = {name: one for name, one in row.result.items() if name != jobs.QUIET}
    return compared.all_told([lines, row.asked], tells)


def _said(row: Job) -> str:
    """What came of work that changes something."""
    if row.kind == jobs.RENEW and row.state == jobs.DONE:
        return _renewed(row)
    if row.kind != jobs.TAKE_BACK or row.state != jobs.DONE:
        return ""
    if not row.result.get("changed"):
        return gettext("It was undone before; nothing changed.")
    return gettext("Undone: %(n)s events were taken back.") % {
        "n": dates.digits(str(row.result.get("retracted", 0)))
    }


def _renewed(row: Job) -> str:
    number = int(row.result.get("wrapped", 0))
    said = ngettext(
        "The keys were renewed; %(n)s key of a person was wrapped again.",
        "The keys were renewed; %(n)s keys of people were wrapped again.", number,
    ) % {"n": dates.digits(str(number))}  # fmt: skip
    more = [
        gettext("Take a new backup, and destroy old copies of the folder that you do not need.")
    ]
    if row.result.get("agent"):
        more.append(
            gettext("The agent of this machine was locked: unlock the operation again.")
        )
    return " ".join([said, *more])


@page("forecasts")
def file(request: HttpRequest, job: UUID, name: str) -> HttpResponse:
    """A file that the work made, as a download."""
    row = found(request, job)
    access.require(request.user, *actions_of(row), place=place(request))
    made = JobFile.objects.filter(job=row, name=name).first()
    if made is None or not _may_have(request, row):
        raise access.Hidden
    answer = HttpResponse(jobs.content_of(made), content_type=made.media_type)
    answer["Content-Disposition"] = f'attachment; filename="{made.name}"'
    return answer


urls = [
    path("work/<uuid:job>/", job, name="job"),
    path("work/<uuid:job>/<str:name>", file, name="job_file"),
]
