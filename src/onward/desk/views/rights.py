"""What people ask about their own file, and breaches of data with who must be told by when."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onward.desk import here
from onward.desk.days import DayField
from onward.desk.views.shared import done, page, place
from onward.errors import OnwardError
from onward.registry.data_protection import rights
from onward.registry.models import Account, Breach, BreachNotice, RightsRequest
from onward.registry.permissions import access
from onward.registry.permissions.roles import load_rules
from onward.registry.signing_in import signin

MAY = ("rights.open", "rights.handle", "rights.erase")
DANGER = {
    "unlikely": gettext_lazy("Harm is unlikely"),
    "likely": gettext_lazy("Harm is likely"),
    "high": gettext_lazy("People may be in danger"),
}


class TakeForm(forms.Form):
    person = forms.CharField(label=gettext_lazy("Person's code"), max_length=80)
    kind = forms.ChoiceField(label=gettext_lazy("What they ask"), widget=forms.RadioSelect)
    language = forms.ChoiceField(label=gettext_lazy("Language of the answer"))
    asked_on = DayField(label=gettext_lazy("Day they asked"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [
            (name, _(text["title"])) for name, text in rights.rules()["requests"].items()
        ]
        self.fields["language"].choices = settings.LANGUAGES


@page("rights", *MAY, methods=("GET", "POST"))
def listed(request: HttpRequest) -> HttpResponse:
    """Open requests, soonest first, and the form to take one."""
    access.require(request.user, *MAY, place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    start = {"asked_on": here.today(), "person": request.GET.get("person", "")}
    form = TakeForm(request.POST or None, initial=start) if reader.may("rights.open") else None
    if request.method == "POST" and form is not None and form.is_valid():
        said = form.cleaned_data
        try:
            made = rights.take(
                request.user, said["person"], said["kind"], language=said["language"],
                asked_on=said["asked_on"],
            )  # fmt: skip
        except access.Hidden as error:
            form.add_error("person", str(error))
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
    people = access.people_visible_to(request.user, "rights.open").values("person")
    mine = Q(person__in=people)
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


def _show(
    request: HttpRequest, found: RightsRequest, *, wrong: tuple[str, str] | None = None
) -> HttpResponse:
    """wrong: the field it is about (reason, outcome or none), and the sentence."""
    account: Account = request.user
    text = rights.rules()["requests"][found.kind]
    access.log(account, "rights.open", person=found.person, place=place(request))
    handles = (
        access.people_visible_to(account, "rights.handle").filter(person=found.person).exists()
    )
    sees = access.people_visible_to(account, "person.read").filter(person=found.person).exists()
    return render(
        request,
        "rights/one.html",
        {
            "asked": found,
            "title": text["title"],
            "source": text["source"],
            "due": found.extended_on or found.due_on,
            "late": rights.late(found, here.today()),
            "told": found.language or "en",
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


@page("rights", "rights.handle", methods=("POST",))
def read_out(request: HttpRequest, pk: Any) -> HttpResponse:
    """The person's file in their language, to read aloud and print."""
    signed_in = signin.require_fresh(request)
    found = _one(request, pk)
    told = rights.read_out(request.user, found, signed_in=signed_in)
    return render(request, "rights/read_out.html", {"told": told, "asked": found})


# -- breaches ---------------------------------------------------------------------------------------


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
            made = rights.report_breach(request.user, **said)
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
    rows = []
    if reader.may("breach.handle"):
        now = timezone.now()
        for row in Breach.objects.order_by("state", "-found_at")[:100]:
            waiting = rights.still_to_tell(row) if row.state == "open" else []
            rows.append(
                (row, DANGER[row.danger], waiting, sum(n.due_at < now for n in waiting))
            )
    return render(
        request,
        "rights/breaches.html",
        {"form": form, "rows": rows, "handles": reader.may("breach.handle")},
        status=422 if form.errors else 200,
    )


@page("breaches", "breach.handle")
def breach(request: HttpRequest, pk: Any) -> HttpResponse:
    access.require(request.user, "breach.handle", place=place(request))
    return _show_breach(request, get_object_or_404(Breach, pk=pk))


def _show_breach(
    request: HttpRequest, found: Breach, *, wrong: tuple[str, str] | None = None
) -> HttpResponse:
    """wrong: the field it is about (text-WHOM, danger or lesson), and the sentence."""
    texts, now = rights.rules()["breach"], timezone.now()
    titles = load_rules().classes
    return render(
        request,
        "rights/breach.html",
        {
            "breach": found,
            "danger": DANGER[found.danger],
            "dangers": [(n, t) for n, t in DANGER.items() if n != found.danger],
            "classes": [_(titles[name].title) for name in found.classes if name in titles],
            "notices": [
                (notice, texts[notice.whom]["title"], texts[notice.whom]["why"],
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
    found = get_object_or_404(Breach, pk=pk)
    what, text = request.POST.get("do", ""), request.POST.get("text", "")
    whom = request.POST.get("whom", "")
    try:
        if what in ("tell", "not"):
            notice = get_object_or_404(BreachNotice, breach=found, whom=whom)
            (rights.tell if what == "tell" else rights.do_not_tell)(request.user, notice, text)
        elif what == "judge":
            rights.reassess(request.user, found, request.POST.get("danger", ""))
        elif what == "close":
            rights.close_breach(request.user, found, text)
        else:
            raise OnwardError(_("Choose what to do."))
    except (access.SignInAgain, access.Refused):
        raise
    except OnwardError as error:
        about = {"judge": "danger", "close": "lesson"}.get(what, f"text-{whom}")
        return _show_breach(request, found, wrong=(about, str(error)))
    return done(request, _("Recorded."), "desk:breach", found.pk)


urls = [
    path("rights/", listed, name="rights"),
    path("rights/<uuid:pk>/", one, name="right"),
    path("rights/<uuid:pk>/act/", act, name="right-act"),
    path("rights/<uuid:pk>/read-out/", read_out, name="right-read-out"),
    path("breaches/", breaches, name="breaches"),
    path("breaches/<uuid:pk>/", breach, name="breach"),
    path("breaches/<uuid:pk>/act/", breach_act, name="breach-act"),
]
