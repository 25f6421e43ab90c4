"""What people ask about their own file, and the answers they are given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from onward.desk import here
from onward.desk.days import DayField
from onward.desk.story.happened import Happened, timeline
from onward.desk.views.shared import done, page, place
from onward.errors import OnwardError
from onward.registry import wordings
from onward.registry.data_protection import own_words, rights
from onward.registry.data_protection.read_out import read_out as read_out_of
from onward.registry.identities.merged import whose
from onward.registry.identities.vault import VaultRefused
from onward.registry.models import Account, RightsRequest
from onward.registry.permissions import access
from onward.registry.signing_in import signin

MAY = ("rights.open", "rights.handle", "rights.erase")


class TakeForm(forms.Form):
    person = forms.CharField(label=gettext_lazy("Person's code"), max_length=80)
    kind = forms.ChoiceField(label=gettext_lazy("What they ask"), widget=forms.RadioSelect)
    language = forms.ChoiceField(label=gettext_lazy("Language of the answer"))
    asked_on = DayField(label=gettext_lazy("Day they asked"))
    about = forms.ChoiceField(
        label=gettext_lazy("What it is about"),
        required=False,
        help_text=gettext_lazy(
            "Of several, the most guarded: only who may read that may read what they say."
        ),
    )
    wrong = forms.CharField(
        label=gettext_lazy("In their words: what is wrong, or what they mean"),
        required=False,
        max_length=own_words.MOST,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "Kept sealed with the request. To have something corrected, this is needed."
        ),
    )
    right = forms.CharField(
        label=gettext_lazy("To correct something: what it should say"),
        required=False,
        max_length=own_words.MOST,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [
            (name, _(text["title"])) for name, text in rights.rules()["requests"].items()
        ]
        self.fields["language"].choices = [("", "–"), *settings.LANGUAGES]
        titles = [(name, _(title)) for name, title in own_words.subjects().items()]
        self.fields["about"].choices = [("", "–"), *titles]

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        told = said.get("wrong") or said.get("right")
        if said.get("kind") == "correction" and not told and "wrong" not in self.errors:
            self.add_error("wrong", gettext_lazy("Write what they say is wrong."))
        if told and not said.get("about") and "about" not in self.errors:
            self.add_error(
                "about", gettext_lazy("Say what it is about: that decides who may read it.")
            )
        return said


def _language_of(request: HttpRequest, person: str) -> str:
    """The language a person understands best, where it is known and the desk speaks it."""
    reader = request.reader  # type: ignore[attr-defined]
    row = reader.people("rights.open").filter(person=person).first() if person else None
    if row is None:
        return ""
    access.log(request.user, "rights.open", person=person, place=place(request))
    facts = reader.show(here.rulebook(), "person", row.facts, reader.classes(row))
    known = str(facts.get("language") or "")
    return known if known in dict(settings.LANGUAGES) else ""


@page("rights", *MAY, methods=("GET", "POST"))
def listed(request: HttpRequest) -> HttpResponse:
    """Open requests, soonest first, and the form to take one."""
    access.require(request.user, *MAY, place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    start = {"asked_on": here.today(), "person": request.GET.get("person", "")}
    start["language"] = _language_of(request, start["person"])
    form = TakeForm(request.POST or None, initial=start) if reader.may("rights.open") else None
    if request.method == "POST" and form is not None and form.is_valid():
        said = form.cleaned_data
        try:
            made = rights.take(
                request.user, said["person"], said["kind"], language=said["language"],
                asked_on=said["asked_on"],
                words=own_words.words(said["about"], said["wrong"], said["right"]),
            )  # fmt: skip
        except access.Hidden as error:
            form.add_error("person", str(error))
        except VaultRefused as error:
            form.add_error("wrong", _(str(error)))
        except OnwardError as error:
            form.add_error("asked_on", _(str(error)))
        else:
            return done(
                request,
                _("Taken. The person has a right to the answer in time."),
                "desk:right",
                made.pk,
            )
    today = here.today()
    rows, answered = [
        [
            (
                row,
                rights.rules()["requests"][row.kind]["title"],
                row.extended_on or row.due_on,
                rights.late(row, today),
                rights.rules()["outcomes"].get(row.outcome, ""),
            )
            for row in found[:100]
        ]
        for found in (rights.requests_for(request.user), rights.answered_for(request.user))
    ]
    if rows or answered:
        people = [row.person for row, *_rest in (*rows, *answered)]
        access.log(request.user, "rights.open", people=people, place=place(request))
    return render(
        request,
        "rights/list.html",
        {"rows": rows, "answered": answered, "form": form},
        status=422 if form is not None and form.errors else 200,
    )


def _one(request: HttpRequest, pk: Any) -> RightsRequest:
    """A request of a person one may see; hidden and missing look alike."""
    mine = rights.of_people(access.people_visible_to(request.user, "rights.open"))
    if access.may(request.user, "rights.erase") and not access.may(request.user, "rights.open"):
        mine |= Q(kind="deletion", state__in=["prepared", "closed"])
    found = RightsRequest.objects.filter(mine, pk=pk).first()
    if found is None:
        raise Http404
    return found


@page("rights", *MAY)
def one(request: HttpRequest, pk: Any) -> HttpResponse:
    access.require(request.user, *MAY, place=place(request))
    return _show(request, _one(request, pk))


def _corrections(
    request: HttpRequest, found: RightsRequest
) -> tuple[list[Happened], list[Happened], int]:
    """Of a request to correct something: what corrected it, what may have, and how much corrected
    it that this account may not read."""
    if found.kind != "correction":
        return [], [], 0
    reader = request.reader  # type: ignore[attr-defined]
    person = whose(found.person)
    if not reader.people("person.read").filter(person=person).exists():
        return [], [], len(found.corrections)
    seen = reader.open(person, place=place(request))
    since = rights.since_asked(found)
    told = [each for each in timeline(seen, limit=200) if each.id in since]
    did = [each for each in told if each.id in found.corrections]
    may_have = [each for each in told if each.id not in found.corrections and not each.breach]
    return did, may_have, len(found.corrections) - len(did)


def _show(
    request: HttpRequest, found: RightsRequest, *, wrong: tuple[str, str] | None = None,
    told: own_words.Told | None = None,
) -> HttpResponse:  # fmt: skip
    """wrong: the field it is about (reason, outcome or none), and the sentence; told: what they
    said, where it was asked for and may be shown."""
    account: Account = request.user
    text = rights.rules()["requests"][found.kind]
    person = whose(found.person)
    access.log(account, "rights.open", person=found.person, place=place(request))
    handles = access.people_visible_to(account, "rights.handle").filter(person=person).exists()
    seen = access.people_visible_to(account, "person.read").filter(person=person).first()
    sees = seen is not None
    reads = request.reader.classes(seen) if seen is not None else frozenset()  # type: ignore[attr-defined]
    did, may_have, unread = _corrections(request, found)
    return render(
        request,
        "rights/one.html",
        {
            "asked": found,
            "person": person,
            "title": text["title"],
            "source": text["source"],
            "due": found.extended_on or found.due_on,
            "late": rights.late(found, here.today()),
            "answered_in": found.language or "en",
            "draft": wordings.is_draft(here.operation(), found.language or "en"),
            "right_to_left": found.language in ("ar", "fa", "ckb"),
            "outcomes": [
                (name, _(words))
                for name, words in rights.rules()["outcomes"].items()
                if not (found.kind == "deletion" and name == "given")
            ],
            "outcome": rights.rules()["outcomes"].get(found.outcome, ""),
            "may_handle": handles and found.state != "closed",
            "may_erase": (
                found.state == "prepared"
                and access.may(account, "rights.erase")
                and account.account_id not in (found.prepared_by, found.taken_by)
            ),
            "sees": sees,
            "said_something": bool(found.words_key),
            "may_be_told": own_words.CLASS in reads,
            "told": told,
            "told_about": _(own_words.subjects().get(told.about, "")) if told else "",
            "did": did,
            "may_have": may_have if found.state != "closed" else [],
            "unread": unread,
            "wrong": dict([wrong]) if wrong else {},
            "said": request.POST,
        },
        status=422 if wrong else 200,
    )


@page("rights", *MAY, methods=("POST",))
def act(request: HttpRequest, pk: Any) -> HttpResponse:
    """Extend, answer, prepare or approve an erasure."""
    found = _one(request, pk)
    account, reason = request.user, request.POST.get("reason", "")
    what, about = request.POST.get("do", ""), "reason"
    try:
        if what == "extend":
            rights.extend(account, found, reason)
        elif what == "answer":
            if request.POST.get("outcome", "") not in rights.rules()["outcomes"]:
                about = "outcome"
                raise OnwardError(_("Choose what was done."))
            rights.answer(account, found, request.POST.get("outcome", ""), reason)
        elif what == "corrected":
            about = "corrected"
            rights.corrected(account, found, request.POST.getlist("event"))
        elif what == "prepare":
            rights.prepare_erasure(account, found, reason)
        elif what == "erase":
            about = "erase"
            rights.erase(account, found, signed_in=signin.require_fresh(request))
        else:
            raise OnwardError(_("Choose what to do."))
    except (access.SignInAgain, access.Refused, access.Hidden):
        raise
    except OnwardError as error:
        return _show(request, found, wrong=(about, str(error)))
    return done(request, _("Recorded."), "desk:right", found.pk)


@page("rights", *MAY, methods=("POST",))
def told(request: HttpRequest, pk: Any) -> HttpResponse:
    """What the person said, for whoever may read it: after a fresh sign-in, counted and logged."""
    found = _one(request, pk)
    signed_in = signin.require_fresh(request)
    said = own_words.read(request.user, found, signed_in=signed_in, place=place(request))
    return _show(request, found, told=said)


def _with_countries(lines: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Countries by the names the plan gives them, not by their letters."""
    return [
        (what, here.destination(value) if re.fullmatch("[A-Z]{3}", value) else value)
        for what, value in lines
    ]


@page("rights", "rights.handle", methods=("POST",))
def read_out(request: HttpRequest, pk: Any) -> HttpResponse:
    """The person's file in their language, to read aloud and print."""
    signed_in = signin.require_fresh(request)
    found = _one(request, pk)
    told = read_out_of(request.user, found, signed_in=signed_in)
    with override(told.language):
        sections = [
            (title, [replace(part, lines=_with_countries(part.lines)) for part in parts])
            for title, parts in told.sections
        ]
    told = replace(told, sections=sections)
    return render(request, "rights/read_out.html", {"told": told, "asked": found})


urls = [
    path("rights/", listed, name="rights"),
    path("rights/<uuid:pk>/", one, name="right"),
    path("rights/<uuid:pk>/act/", act, name="right-act"),
    path("rights/<uuid:pk>/told/", told, name="right-told"),
    path("rights/<uuid:pk>/read-out/", read_out, name="right-read-out"),
]
