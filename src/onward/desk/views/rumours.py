"""Rumours: heard, checked, answered. What is not answered is answered by somebody else.

A rumour is recorded by its topic, its risk and the part of the camp it was heard in, never by who
said it and never in words that could name anybody. What answers it is a message of the plan,
approved like every other, and is brought to where the rumour was heard.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _

from onward.caseload.events import Subject
from onward.desk import forms, here, words
from onward.desk.views.shared import done, once, page, place, sent_key
from onward.errors import OnwardError
from onward.plan.model import COUNSELLING
from onward.plan.telling import may_be_told, replaced
from onward.registry.models import ThingNow
from onward.registry.permissions import access
from onward.registry.recording import acts

KIND = "rumour"
HEARD = ("heard_on", "heard_at", "topic", "risk")
NEEDED = ("heard_on", "topic", "risk")
MOST_LETTERS, MOST_PLACES = 60, 40
ACTIONS = ("person.record_interview", "calendar.edit", "plan.read")


@page("rumours", *ACTIONS, methods=("GET", "POST"))
def rumours(request: HttpRequest) -> HttpResponse:
    """Those not answered yet first, the most harmful before the others; and what was just heard."""
    access.require(request.user, *ACTIONS, place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    rulebook = here.rulebook()
    declared = KIND in rulebook.kinds
    form = forms.form_for(
        rulebook, KIND, columns=HEARD, required=NEEDED, values={"heard_on": here.today().isoformat()}
    ) if declared else forms.Form([])  # fmt: skip
    heard, sites = list(ThingNow.objects.filter(kind=KIND)), _sites()
    if (place_ := form.get("heard_at")) is not None:
        place_.options, place_.limit = _places(heard, sites), MOST_LETTERS
    extra: dict[str, Any] = {}
    if request.method == "POST" and declared:
        form.read(request.POST)
        if form.valid:
            try:
                acts.record(
                    request.user, Subject(KIND, str(uuid.uuid4())), "recorded",
                    effective=form.facts["heard_on"], facts=form.facts,
                    idempotency_key=sent_key(request),
                )  # fmt: skip
            except OnwardError as problem:
                extra["faults"] = [str(problem)]
            else:
                return done(request, _("The rumour is recorded."), "desk:rumours")
    order = {"high": 0, "medium": 1, "low": 2}
    rows = sorted(
        heard,
        key=lambda row: (bool(row.facts.get("answered_on")), order.get(str(row.facts.get("risk")), 3),
                         str(row.facts.get("heard_on") or "")),
    )  # fmt: skip
    shown = [(row, _where(row, sites)) for row in rows]
    return render(
        request, "desk/rumours.html",
        {
            "open": [one for one in shown if not one[0].facts.get("answered_on")],
            "answered": [one for one in shown if one[0].facts.get("answered_on")][-40:],
            "ever": bool(rows), "form": form, "key": request.POST.get("key") or once(),
            "may_answer": reader.may("plan.edit") or reader.may("text.approve"), **extra,
        },
        status=422 if form.problems or extra else 200,
    )  # fmt: skip


def _sites() -> list[str]:
    rows = ThingNow.objects.filter(kind="site").order_by("thing")
    return list(rows.values_list("thing", flat=True))


def _where(row: ThingNow, sites: Collection[str]) -> str:
    """Where a rumour was heard: a site as people call it, a part of the camp as it was written."""
    place = str(row.facts.get("heard_at") or "")
    return words.site(place) if place in sites else place


def _places(heard: Iterable[ThingNow], sites: Collection[str]) -> list[tuple[str, str]]:
    """Where a rumour can be heard: the sites, and what was written before, so that one part of the
    camp is called by one name."""
    before = {str(row.facts["heard_at"]) for row in heard if row.facts.get("heard_at")}
    found = [(name, words.site(name)) for name in sites]
    found += [(name, name) for name in sorted(before - set(sites))]
    return found[:MOST_PLACES]


@page("rumours", "plan.edit", "text.approve", methods=("GET", "POST"))
def rumour(request: HttpRequest, rumour: str) -> HttpResponse:
    """What checking found, and the message that answers it."""
    access.require(request.user, "plan.edit", "text.approve", place=place(request))
    row = ThingNow.objects.filter(kind=KIND, thing=rumour).first()
    if row is None:
        raise access.Hidden
    plan = here.plan()
    found = plan.messages if plan else {}
    gone = replaced(plan) if plan else set()
    # What is kept from people, or not yet to be told, answers no rumour.
    answers = {
        name: words.translated(message.title) for name, message in found.items()
        if message.kind not in COUNSELLING and name not in gone and may_be_told(plan, message, here.today())
    }  # fmt: skip
    rulebook = here.rulebook()
    form = forms.form_for(
        rulebook, KIND, columns=("checked", "checked_on", "answer", "answered_on"), required=("checked", "checked_on"),
        values={name: str(value) for name, value in row.facts.items() if value is not None},
    )  # fmt: skip
    for field in form.inputs:
        if field.name == "answer":
            field.options = sorted(answers.items())
    extra: dict[str, Any] = {}
    if request.method == "POST":
        form.read(request.POST)
        if form.valid and form.facts.get("answer") and form.facts["answer"] not in answers:
            form.fail("answer", _("Name a message of the plan, by its id."))
        if form.valid and form.facts.get("answered_on") and not form.facts.get("answer"):
            form.fail("answer", _("Say with which message of the plan people were answered."))
        if form.valid and form.facts.get("answer") and form.facts.get("answered_on"):
            message = found[form.facts["answer"]]
            on = date.fromisoformat(form.facts["answered_on"])
            if not may_be_told(plan, message, on):
                form.fail(
                    "answered_on",
                    _("This message was not yet to be told to people on that day."),
                )
            elif not any(
                text.approved_on is not None and text.approved and text.approved_on <= on
                for text in message.texts.values()
            ):
                form.fail(
                    "answer",
                    _(
                        "Nobody had approved a text of this message by that day, so nobody was answered with it."
                    ),
                )
        if form.valid:
            facts = {name: value for name, value in form.facts.items() if value is not None}
            try:
                acts.record(
                    request.user, Subject(KIND, rumour), "recorded",
                    effective=str(facts.get("answered_on") or facts["checked_on"]), facts=facts,
                    idempotency_key=sent_key(request),
                )  # fmt: skip
            except OnwardError as problem:
                extra["faults"] = [str(problem)]
            else:
                return done(request, _("Kept."), "desk:rumours")
    return render(
        request, "desk/rumour.html",
        {"row": row, "where": _where(row, _sites()), "form": form,
         "answers": [(name, title, found[name].texts.values()) for name, title in sorted(answers.items())],
         "reads": request.reader.may("person.record_interview") or request.reader.may("text.approve"),  # type: ignore[attr-defined]
         "key": request.POST.get("key") or once(), **extra},
        status=422 if form.problems or extra else 200,
    )  # fmt: skip


urls = [
    path("rumours/", rumours, name="rumours"),
    path("rumours/<str:rumour>/", rumour, name="rumour"),
]
