"""Putting right who somebody is, on a form that shows it: after a fresh sign-in, counted and logged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _

from onward.desk import forms, here, words
from onward.desk.story.identity_lines import field_label, field_order
from onward.desk.views import record
from onward.desk.views.shared import done, page, place, sent_key
from onward.intake.names import is_arabic
from onward.registry.identities.held import is_held
from onward.registry.identities.merged import ids_of
from onward.registry.identities.vault_db import EncryptedVault
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
    ids = ids_of(person)
    vault = here.operation().vault.get_many(ids)
    kept = {one: leave.of(vault.get(one)) for one in ids}
    known = {}  # input -> the registration, its field and what it says
    for number, one in enumerate(ids):
        for name in sorted(kept[one], key=field_order):
            if reader.rules.vault_class(name) in reads:
                where = f"kept-{number}-{name}" if number else f"kept-{name}"
                known[where] = one, name, kept[one][name]
    inputs = [
        forms.Input(
            where, field_label(name), "text", value=value,
            limit=max(LONGEST, len(value)),
            hint="" if one == person else _("From another registration of the same person"),
        )
        for where, (one, name, value) in known.items()
    ]  # fmt: skip
    more = [
        (name, field_label(name)) for name in ADDED if reader.rules.vault_class(name) in reads
    ]
    inputs += [
        forms.Input("what", _("Add"), "pick", options=more),
        forms.Input("value", _("What is added"), "text", limit=LONGEST),
        forms.evidence(),
    ]
    form = forms.Form(inputs)
    extra: dict[str, Any] = {}
    if request.method == "POST":
        form.read(request.POST)
        said: dict[str, dict[str, str]] = {one: {} for one in ids}
        for where, (one, name, _value) in known.items():
            said[one][name] = str(form.value(where) or "")
        what, value = str(form.value("what") or ""), str(form.value("value") or "")
        if bool(what) != bool(value):
            form.fail("value" if what else "what", _("Choose what is added, and write it."))
        elif what:
            script = "Arab" if is_arabic(value) else "Latn"
            added = f"{what}.{script}" if what.startswith("name.") else what
            if kept[person].get(added, value) != value:  # the same one: the form was sent twice
                form.fail("what", _("This is on record already: put it right in its own line."))
            said[person][added] = value
        if form.valid:
            result, extra = record.sent(
                request, form, lambda: _written(request, seen, kept, said, form)
            )
            if result is not None:
                return done(request, _("Who this is was put right."), "desk:person", person)
            if (
                "stale" in extra
            ):  # sent again as typed, it would undo what a colleague put right
                for field in form.inputs:
                    if field.name in known:
                        field.value = known[field.name][2]
    return record.shown(
        request,
        "desk/put_right.html",
        seen,
        form,
        {"title": _("Put right who this is"), "held": is_held(person), **extra},
    )


def _written(
    request: HttpRequest, seen: access.Seen, kept: Mapping[str, Mapping[str, str]],
    said: Mapping[str, dict[str, str]], form: forms.Form,
) -> acts.Done:  # fmt: skip
    """What was changed of each registration, all of it or nothing; the person's own where none was."""
    person, key = seen.person.person, sent_key(request)
    revision: int | None = record.revision_of(request, seen)
    changed = [
        one
        for one, fields in said.items()
        if any(kept[one].get(name, "") != value.strip() for name, value in fields.items())
    ]
    with EncryptedVault().writing():
        for number, one in enumerate(changed or [person]):
            did = acts.put_right(
                request.user, person, said[one], effective=here.today().isoformat(),  # type: ignore[arg-type]
                evidence=forms.lines(form.value("evidence")), revision=revision,
                under="" if one == person else one,
                idempotency_key=f"{key}:{number}" if number else key,
            )  # fmt: skip
            revision = None  # nobody else wrote since
    return did


urls = [path("people/<str:person>/identity/put-right/", put_right, name="put-right")]
