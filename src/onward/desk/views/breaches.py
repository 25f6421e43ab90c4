"""Breaches, of data and by movements: reporting one, and who must be told by when."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onward.desk import here, sight, words
from onward.desk.views.shared import Page, done, page, paged, place
from onward.errors import OnwardError
from onward.registry import breaches as register
from onward.registry.importing.loaded import FOUND
from onward.registry.models import Account, Breach, BreachNotice, EventRow
from onward.registry.permissions import access
from onward.registry.permissions.roles import load_rules
from onward.safeguards.overrides import findings_of
from onward.safeguards.record import WENT_TO

DANGER = {
    "unlikely": gettext_lazy("Harm is unlikely"),
    "likely": gettext_lazy("Harm is likely"),
    "high": gettext_lazy("People may be in danger"),
}


class BreachForm(forms.Form):
    what = forms.CharField(
        label=gettext_lazy("What happened"), max_length=400,
        help_text=gettext_lazy("A sentence or two, without names."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip
    danger = forms.ChoiceField(
        label=gettext_lazy("What it may mean for people"), choices=list(DANGER.items()),
        widget=forms.RadioSelect,
    )  # fmt: skip
    people_about = forms.IntegerField(
        label=gettext_lazy("About how many people"),
        required=False,
        min_value=0,
        max_value=10**7,
    )
    classes = forms.MultipleChoiceField(
        label=gettext_lazy("What was exposed, as far as known"), required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["classes"].choices = [
            (name, _(each.title)) for name, each in load_rules().classes.items()
        ]


@page("breaches", "breach.handle", "breach.report", methods=("GET", "POST"))
def breaches(request: HttpRequest) -> HttpResponse:
    """Report a breach; those who handle them see the register."""
    access.require(request.user, "breach.handle", "breach.report", place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    form = BreachForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            made = register.report(request.user, **said)
        except (access.SignInAgain, access.Refused):
            raise
        except OnwardError as error:
            form.add_error(None, str(error))
        else:
            if reader.may("breach.handle"):
                return done(
                    request, _("Opened. Tell those listed, in time."), "desk:breach", made.pk
                )
            return done(
                request,
                _("Thank you. Those who handle breaches have been alerted."),
                "desk:breaches",
            )
    found = _found(request) if reader.may("breach.handle") else None
    return render(
        request,
        "rights/breaches.html",
        {"form": form, "page": found, "rows": _listed(request, found.rows if found else [])},
        status=422 if form.errors else 200,
    )


@dataclass(frozen=True)
class Movement:
    """What a movement's breach says to one reader.

    where   where it led, if that was recorded
    day     on which it took place
    found   whether it was found on loading a log, and not as it was recorded
    person  "" for who may not read casework of the person
    opens   whether this reader may open the person's page
    """

    step: str = ""
    where: str = ""
    day: str = ""
    found: bool = False
    person: str = ""
    opens: bool = False
    safeguards: tuple[str, ...] = ()


def _movements(request: HttpRequest, rows: Sequence[Breach]) -> Mapping[str, Movement]:
    """What happened, by event, as far as this reader may be told: five queries, however many."""
    reader, rulebook = request.reader, here.rulebook()  # type: ignore[attr-defined]
    events = list(
        EventRow.objects.filter(event_id__in=[row.event for row in rows if row.event])
    )
    about = {event.subject_id for event in events}
    theirs = (
        reader.people().filter(reader.within("confidential"), person__in=about).only("person")
    )
    reader.listed(list(theirs), place=place(request))
    told = {row.person for row in theirs}
    opens = sight.opening(reader, told)
    led = {
        (row.subject_id, row.kind, row.effective): json.loads(row.canonical)["facts"].get(WENT_TO)
        for row in EventRow.objects.filter(
            subject_kind="person", subject_id__in=told, kind__in=rulebook.moves()
        ).order_by("seq")
    }  # fmt: skip
    sentences = {key: finding.sentence for key, finding in findings_of(rulebook).items()}
    found = {}
    for event in events:
        if event.subject_id not in told:
            found[event.event_id] = Movement(found=event.key.startswith(FOUND))
            continue
        facts = json.loads(event.canonical)["facts"]
        move = str(facts.get("move"))
        where = led.get((event.subject_id, move, event.effective))
        found[event.event_id] = Movement(
            words.move(rulebook, move), here.destination(where or ""), event.effective,
            event.key.startswith(FOUND), event.subject_id, event.subject_id in opens,
            tuple(
                words.translated(sentences[key]) if reader.told_of(rulebook, key)
                else _("Not shown to your role")
                for key in facts.get("safeguards") or () if key in sentences
            ),
        )  # fmt: skip
    return found


def _found(request: HttpRequest) -> Page:
    """The open ones first, each kind the latest first."""
    register.follow()
    rows = register.seen_by(request.user)  # type: ignore[arg-type]
    return paged(
        request, rows.order_by("-state", "-found_at", "pk").prefetch_related("notices")
    )


def _listed(request: HttpRequest, rows: Sequence[Breach]) -> list[dict[str, Any]]:
    now = timezone.now()
    movements, gone = _movements(request, rows), register.taken_back(rows)
    lines = []
    for row in rows:
        waiting = register.waiting(row) if row.state == "open" and row.event not in gone else []
        lines.append(
            {
                "row": row, "danger": DANGER[row.danger], "movement": movements.get(row.event),
                "waiting": len(waiting), "late": any(n.due_at < now for n in waiting),
                "gone": row.event in gone,
            }
        )  # fmt: skip
    return lines


@page("breaches", "breach.handle")
def breach(request: HttpRequest, pk: Any) -> HttpResponse:
    access.require(request.user, "breach.handle", place=place(request))
    return _show_breach(request, _seen(request, pk))


def _seen(request: HttpRequest, pk: Any) -> Breach:
    found: Breach = get_object_or_404(register.seen_by(request.user), pk=pk)  # type: ignore[arg-type]
    return found


def _show_breach(
    request: HttpRequest, found: Breach, *, wrong: tuple[str, str] | None = None
) -> HttpResponse:
    """wrong: the field it is about (text-WHOM, danger or lesson), and the sentence."""
    now = timezone.now()
    titles = load_rules().classes
    closed_by = Account.objects.filter(pk=found.closed_by or None).first()
    return render(
        request,
        "rights/breach.html",
        {
            "breach": found,
            "movement": _movements(request, [found]).get(found.event),
            "gone": bool(register.taken_back([found])),
            "alike": len(register.found_with(request.user, found)),  # type: ignore[arg-type]
            "closed_by": closed_by or found.closed_by,
            "danger": DANGER[found.danger],
            "dangers": [(n, t) for n, t in DANGER.items() if n != found.danger],
            "classes": [_(titles[name].title) for name in found.classes if name in titles],
            "notices": [
                (notice, register.title_of(notice), register.text_of(notice),
                 not notice.not_told and notice.due_at < (notice.told_at or now))
                for notice in found.notices.order_by("due_at", "whom")
            ],
            "wrong": dict([wrong]) if wrong else {},
            "about": wrong[0] if wrong else "",
            "said": request.POST,
        },
        status=422 if wrong else 200,
    )  # fmt: skip


@page("breaches", "breach.handle", methods=("POST",))
def breach_act(request: HttpRequest, pk: Any) -> HttpResponse:
    """Tell, decide not to tell, judge again, close."""
    found = _seen(request, pk)
    what, text = request.POST.get("do", ""), request.POST.get("text", "")
    whom = request.POST.get("whom", "")
    try:
        with transaction.atomic():
            _act(request, found, what, whom, text)
    except (access.SignInAgain, access.Refused):
        raise
    except OnwardError as error:
        about = {"judge": "danger", "close": "lesson"}.get(what, f"text-{whom}")
        return _show_breach(request, found, wrong=(slugify(about), str(error)))
    return done(request, _("Recorded."), "desk:breach", found.pk)


def _act(request: HttpRequest, found: Breach, what: str, whom: str, text: str) -> None:
    """Do one thing with a breach and, where it is ticked, with those found on the same loading."""
    by: Account = request.user  # type: ignore[assignment]
    others = register.found_with(by, found) if request.POST.get("alike") else []
    if what in ("tell", "not"):
        notice = get_object_or_404(BreachNotice, breach=found, whom=whom)
        answer = register.tell if what == "tell" else register.do_not_tell
        answer(by, notice, text)
        for other in others:
            for alike in register.waiting(other):
                if alike.whom == whom:
                    answer(by, alike, text)
    elif what == "judge":
        register.reassess(by, found, request.POST.get("danger", ""))
    elif what == "close":
        register.close(by, found, text)
        for other in others:
            if not register.waiting(other):
                register.close(by, other, text)
    else:
        raise OnwardError(_("Choose what to do."))


urls = [
    path("breaches/", breaches, name="breaches"),
    path("breaches/<uuid:pk>/", breach, name="breach"),
    path("breaches/<uuid:pk>/act/", breach_act, name="breach-act"),
]
