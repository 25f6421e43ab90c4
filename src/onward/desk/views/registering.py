"""Registering a household: its people, their names into the vault, nothing else anywhere.

Names that sound like somebody on record are shown before anything is written; a person decides
whether they are the same.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _

from onward.desk import dates, forms, here, words
from onward.desk.views.shared import done, once, page, place, sent_key
from onward.errors import Faults, OnwardError
from onward.intake.names import is_arabic
from onward.registry.models import EventRow, PersonNow
from onward.registry.now.search import find_people
from onward.registry.recording import acts

MOST = 12
FACTS = ("role_in_household", "sex", "birth", "language", "nationality", "country_of_origin")
NAMES = ("given", "father", "grandfather", "family")
ALIKE = 0.93


def _person(number: int, values: dict[str, Any]) -> list[forms.Input]:
    """The fields of one member, named m0-given, m0-sex …"""
    declared = here.rulebook().kinds["person"].facts
    found = [
        forms.Input(f"m{number}-{part}", words.translated(words.PARTS[part]), "text", limit=60)
        for part in NAMES
    ]
    found.append(forms.Input(f"m{number}-number", _("Office number"), "text", limit=40))
    for name in FACTS:
        if name in declared:
            field = forms.input_for(declared[name], value=values.get(name))
            field.name = f"m{number}-{name}"
            found.append(field)
    return found


@page("households", "person.register", methods=("GET", "POST"))
def register(request: HttpRequest) -> HttpResponse:
    reader = request.reader  # type: ignore[attr-defined]
    data = request.POST if request.method == "POST" else request.GET
    try:
        size = min(max(int(dates.western(data.get("size", "1"))), 1), MOST)
    except ValueError:
        size = 1
    sites = list(
        PersonNow.objects.exclude(site=None)
        .order_by("site")
        .values_list("site", flat=True)
        .distinct()
    )
    office = reader.account.office
    site = forms.Input("site", _("Site"), "text", required=True, value=office or (sites[0] if sites else ""),
                       options=[(name, name) for name in sites])  # fmt: skip
    members = [
        _person(n, {"role_in_household": "head" if n == 0 else None}) for n in range(size)
    ]
    # Under a rulebook of one place nobody is asked where somebody lives.
    head = [site] if "site" in here.rulebook().kinds["person"].refs else []
    form = forms.Form([*head, forms.when(here.today().isoformat(), _("Day registered")),
                       *[field for fields in members for field in fields]])  # fmt: skip
    extra: dict[str, Any] = {}
    if request.method == "POST" and data.get("do") == "register":
        form.read(data)
        for number in range(size):
            if not any(f"m{number}-{part}" in form.facts for part in (*NAMES, "number")):
                form.fail(f"m{number}-given", _("Enter a name or a number."))
        if form.valid:
            # Sent a second time, these people are on record because of the first.
            again = EventRow.objects.filter(key=sent_key(request)).exists()
            alike = (
                [] if again or data.get("different") else _alike(reader, form, size, request)
            )
            if alike:
                extra["alike"] = alike
            else:
                result = _write(request, form, size, extra)
                if result is not None:
                    home = next(
                        e.subject.id for e in result.events if e.subject.kind == "household"
                    )
                    return done(request, _("%(number)s people are registered.") % {"number": dates.digits(str(size))},
                                "desk:household", home)  # fmt: skip
    return render(
        request, "desk/register.html",
        {"form": form, "head": form.inputs[: len(head) + 1], "members": members, "size": size, "most": range(1, MOST + 1),
         "key": request.POST.get("key") or once(), **extra},
        status=422 if form.problems or extra.get("faults") else 200,
    )  # fmt: skip


def _name(form: forms.Form, number: int) -> str:
    return " ".join(
        str(form.facts[f"m{number}-{part}"])
        for part in NAMES
        if f"m{number}-{part}" in form.facts
    )


def _alike(
    reader: Any, form: forms.Form, size: int, request: HttpRequest
) -> list[dict[str, Any]]:
    """People on record whose names or numbers are much like one of these; shown by code."""
    found = []
    for number in range(size):
        asked = [_name(form, number), str(form.facts.get(f"m{number}-number", ""))]
        for text in filter(None, asked):
            for hit in find_people(reader, text, limit=5):
                if hit.likeness >= ALIKE:
                    found.append({"number": number + 1, "person": hit.person, "how": hit.how})
    rows = list(PersonNow.objects.filter(person__in=[hit["person"] for hit in found]))
    reader.listed(rows, place=place(request), action="person.search")
    return [dict(entry) for entry in {tuple(hit.items()): hit for hit in found}.values()]


def _write(request: HttpRequest, form: forms.Form, size: int, extra: dict[str, Any]) -> Any:
    members = []
    for number in range(size):
        facts = {
            name: form.facts[f"m{number}-{name}"]
            for name in FACTS
            if f"m{number}-{name}" in form.facts
        }
        identity = {}
        for part in NAMES:
            value = form.facts.get(f"m{number}-{part}")
            if value:
                identity[f"name.{part}.{'Arab' if is_arabic(str(value)) else 'Latn'}"] = str(
                    value
                )
        if code := form.facts.get(f"m{number}-number"):
            identity["number"] = str(code)
        if "site" in form.facts:
            facts["site"] = form.facts["site"]
        members.append(acts.Member(facts, identity))
    try:
        return acts.register_household(
            request.user, members, effective=form.facts["effective"],
            idempotency_key=sent_key(request),
        )  # fmt: skip
    except Faults as error:
        extra["faults"] = [f"{fault.field}: {fault.found}" for fault in error.faults]
    except OnwardError as error:
        extra["faults"] = [str(error)]
    return None


urls = [path("households/new/", register, name="register")]
