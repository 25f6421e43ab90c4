"""One attached file: only as a download, for a reason, after a fresh sign-in, counted and logged."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _

from onward.desk.story import on_record
from onward.desk.views.people import purpose_of, purposes
from onward.desk.views.shared import page, place
from onward.registry.identities import attachments
from onward.registry.identities.scans import SUFFIX
from onward.registry.permissions import access


@page("people", "person.reveal", methods=("GET", "POST"))
def file(request: HttpRequest, person: str, reference: str) -> HttpResponse:
    from onward.registry.signing_in import signin

    reader = request.reader  # type: ignore[attr-defined]
    seen = reader.open(person, place=place(request))
    lines = {line["reference"]: line for line in on_record.files(seen)}
    if reference not in lines:
        raise access.Hidden
    shown: dict[str, Any] = {
        "person": person,
        "purposes": purposes(),
        "line": lines[reference],
    }
    signed_in = signin.require_fresh(request)
    if request.method == "POST":
        purpose = purpose_of(request)
        if len(purpose) >= 3:
            reader.reveal(
                person, purpose=purpose, signed_in=signed_in,
                place=f"{place(request)}:{reference}",
            )  # fmt: skip
            held, content = attachments.read(seen, reference)
            return _download(person, held, content)
        shown["error"] = _("Choose why you need to see who this is.")
    return render(request, "desk/file.html", shown, status=422 if "error" in shown else 200)


def _download(person: str, held: attachments.Held, content: bytes) -> HttpResponse:
    """Never shown inside a page: a file that was sent in is not one of ours."""
    answer = HttpResponse(content, content_type=held.media)
    name = f"{person[-8:]}-{held.day}-{held.reference[:8]}.{SUFFIX[held.media]}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer


urls = [path("people/<str:person>/files/<str:reference>/", file, name="file")]
