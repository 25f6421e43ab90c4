"""Putting right who somebody is, on a form that shows it: after a fresh sign-in, counted and logged."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _

from onward.desk import forms, here, story, words
from onward.desk.views import record
from onward.desk.views.shared import done, page, place, sent_key
from onward.intake.names import is_arabic
from onward.registry.permissions import access
from onward.registry.recording import acts
from onward.registry.recording.who import CLASSES
from onward.registry.signing_in import signin

LONGEST = 120

ADDED = (
    *(f"name.{part}" for part in words.PARTS),
    "number", "document.passport", "document.national_id", "contact.phone", "contact.address",
)  # fmt: skip
"""What may be added where it is not on record; of a name, in the script it is written in."""


@page("people", "person.edit", methods=("GET", "POST"))
def put_right(request: HttpRequest, person: str) -> HttpResponse:
    """The fields of somebody's identity that this account may read, to be put right."""
    reader = request.reader  # type: ignore[attr-defined]
    seen: access.Seen = reader.open(person, action="person.edit", place=place(request))
    signed_in = signin.require_fresh(request)
    leave = reader.reveal(
        person, purpose="to put right who this is", signed_in=signed_in, place=place(request)
    )
    reads = leave.classes & CLASSES
    kept = leave.of(here.operation().vault.get(person))
    known = {name: kept[name] for name in kept if reader.rules.vault_class(name) in reads}
    labels = {name: story.field_label(name) for name in (*known, *ADDED)}
    inputs = [
        forms.Input(
            f"kept-{name}", labels[name], "text", value=known[name],
            limit=max(LONGEST, len(known[name])),
        )
        for name in sorted(known, key=story.field_order)
    ]  # fmt: skip
    more = [(name, labels[name]) for name in ADDED if reader.rules.vault_class(name) in reads]
    inputs += [
        forms.Input("what", _("Add"), "pick", options=more),
        forms.Input("value", _("What is added"), "text", limit=LONGEST),
        forms.evidence(),
    ]
    form = forms.Form(inputs)
    extra: dict[str, Any] = {}
    if request.method == "POST":
        form.read(request.POST)
        said = {name: str(form.value(f"kept-{name}") or "") for name in known}
        what, value = str(form.value("what") or ""), str(form.value("value") or "")
        if bool(what) != bool(value):
            form.fail("value" if what else "what", _("Choose what is added, and write it."))
        elif what:
            script = "Arab" if is_arabic(value) else "Latn"
            added = f"{what}.{script}" if what.startswith("name.") else what
            if known.get(added, value) != value:  # the same one: the form was sent twice
                form.fail("what", _("This is on record already: put it right in its own line."))
            said[added] = value
        if form.valid:
            result, extra = record.sent(
                request, form,
                lambda: acts.put_right(
                    request.user, person, said, effective=here.today().isoformat(),
                    evidence=forms.lines(form.value("evidence")),
                    revision=record.revision_of(request, seen), idempotency_key=sent_key(request),
                ),
            )  # fmt: skip
            if result is not None:
                return done(request, _("Who this is was put right."), "desk:person", person)
            if (
                "stale" in extra
            ):  # sent again as typed, it would undo what a colleague put right
                for field in form.inputs:
                    if field.name.startswith("kept-"):
                        field.value = known[field.name.removeprefix("kept-")]
    return record.shown(
        request,
        "desk/put_right.html",
        seen,
        form,
        {"title": _("Put right who this is"), **extra},
    )


urls = [path("people/<str:person>/identity/put-right/", put_right, name="put-right")]
