"""Who is assigned to a person, or to whose organisation they are referred, and the end of it.

Exists because being assigned opens more of a file, so that it must be seen and ended where people work.
Comes in: a person whom the account may assign. Goes out: who holds what and why, and an end with a reason.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _

from onward.desk import forms
from onward.desk.views.shared import done, page, place
from onward.errors import OnwardError
from onward.registry.models import Assignment
from onward.registry.permissions import access, assignments
from onward.registry.permissions.access_log import log


@page("people", "person.assign", methods=("GET", "POST"))
def assigned(request: HttpRequest, person: str) -> HttpResponse:
    reader = request.reader  # type: ignore[attr-defined]
    seen = reader.open(person, place=place(request))
    if not seen.may("person.assign"):
        log(reader.account, "person.assign", person=person, allowed=False)
        raise access.Hidden
    rows = assignments.of(person)
    form = forms.Form(
        [
            forms.Input("assignment", _("Whose assignment ends"), "pick", required=True,
                        options=[(str(row.pk), _whom(row)) for row in rows]),
            forms.Input("reason", _("Why it ends"), "text", required=True, limit=200,
                        hint=_("Whoever asks later must be able to read the reason.")),
        ]
    )  # fmt: skip
    extra: dict[str, Any] = {}
    if request.method == "POST":
        form.read(request.POST)
        if form.valid:
            row = next(row for row in rows if str(row.pk) == form.facts["assignment"])
            try:
                assignments.end_assignment(reader.account, row, reason=form.facts["reason"])
            except OnwardError as error:
                if isinstance(error, access.Hidden):
                    raise
                extra["faults"] = [str(error)]
            else:
                said = _("The assignment has ended: it opens nothing more.")
                return done(request, said, "desk:person", person)
    return render(
        request, "desk/assigned.html",
        {"person": person, "form": form, "rows": [(_whom(row), row) for row in rows], **extra},
        status=422 if form.problems or extra else 200,
    )  # fmt: skip


def _whom(row: Assignment) -> str:
    if row.account is not None:
        return str(row.account)
    return _("Partner: %(name)s") % {"name": row.organisation}


urls = [path("people/<str:person>/assigned/", assigned, name="assigned")]
