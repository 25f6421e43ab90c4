"""Exports: ask, decide, write; and the recipients with their agreements."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onward.desk import sight, words
from onward.desk.days import DayField
from onward.desk.views.shared import done, fresh_or_kept, page, place, typed_before
from onward.errors import OnwardError
from onward.registry.exporting import eligible, profiles, requests
from onward.registry.exporting.recipients import (
    add_recipient,
    as_read,
    confirm_recipient,
    end_recipient,
    overtaken_by,
)
from onward.registry.models import Account, ExportRequest, Recipient
from onward.registry.permissions import access
from onward.registry.permissions.roles import load_rules
from onward.registry.signing_in import signin

SHOWN = 50
MAY = ("export.request", "export.approve")


class AskForm(forms.Form):
    """Which export, to whom, for what."""

    profile = forms.ChoiceField(label=gettext_lazy("What"))
    recipient = forms.ChoiceField(label=gettext_lazy("To whom"))
    purpose = forms.ChoiceField(label=gettext_lazy("For which purpose they agreed"))
    people = forms.CharField(
        label=gettext_lazy("Only these people"),
        help_text=gettext_lazy(
            "One code per line. Empty: everybody who agreed to this release."
        ),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "dir": "ltr", "spellcheck": "false"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("What the recipient needs it for"),
        help_text=gettext_lazy("A sentence, without names. It is kept with the export."),
        max_length=400,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = profiles.profiles()
        self.fields["profile"].choices = [(name, _(p.title)) for name, p in known.items()]
        self.fields["recipient"].choices = [
            (str(r.pk), r.name)
            for r in Recipient.objects.filter(active=True)
            .exclude(confirmed_by="")
            .order_by("name")
        ]
        purposes = dict.fromkeys(each for p in known.values() for each in p.purposes)
        self.fields["purpose"].choices = [(name, words.outcome(name)) for name in purposes]


class RecipientForm(forms.Form):
    """A recipient as its agreement describes it."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    code = forms.CharField(
        label=gettext_lazy("Code"), max_length=80,
        help_text=gettext_lazy("As people's releases name it; for a State its three letters."),
    )  # fmt: skip
    kind = forms.ChoiceField(label=gettext_lazy("Kind"))
    country = forms.CharField(
        label=gettext_lazy("Country"), max_length=3, required=False,
        help_text=gettext_lazy("Three letters; empty for an organisation."),
    )  # fmt: skip
    age_key = forms.CharField(
        label=gettext_lazy("Public key of age"), max_length=100,
        help_text=gettext_lazy("age1…, read out to you by somebody you know there."),
        widget=forms.TextInput(attrs={"dir": "ltr", "autocomplete": "off"}),
    )  # fmt: skip
    purposes = forms.MultipleChoiceField(
        label=gettext_lazy("Purposes the agreement names"), widget=forms.CheckboxSelectMultiple
    )
    classes = forms.MultipleChoiceField(
        label=gettext_lazy("Fields the agreement covers"), widget=forms.CheckboxSelectMultiple
    )
    agreement = forms.CharField(
        label=gettext_lazy("Reference of the agreement"), max_length=200
    )
    agreement_ends = DayField(label=gettext_lazy("Its last day"))
    impact_on = DayField(label=gettext_lazy("Day of the impact assessment"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [(k, _(t)) for k, t in profiles.recipient_kinds().items()]
        purposes = dict.fromkeys(e for p in profiles.profiles().values() for e in p.purposes)
        self.fields["purposes"].choices = [(name, words.outcome(name)) for name in purposes]
        self.fields["classes"].choices = [
            (name, _(each.title)) for name, each in load_rules().classes.items()
        ]


@page("exports", *MAY, methods=("GET", "POST"))
def listed(request: HttpRequest) -> HttpResponse:
    """Exports asked for and written; the form to ask for one."""
    access.require(request.user, *MAY, place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    said = typed_before(request)
    form = AskForm(request.POST or None, initial=said) if reader.may("export.request") else None
    if request.method == "POST" and form is not None:
        signed_in = fresh_or_kept(request)
        if form.is_valid() and (made := _asked(request, form, signed_in)) is not None:
            return done(
                request, _("Asked. Somebody else decides on it now."), "desk:export", made.pk
            )
    rows = ExportRequest.objects.select_related("recipient", "asked_by").order_by("-asked_at")
    if not reader.may("export.approve"):
        rows = rows.filter(asked_by=request.user)
    return render(
        request,
        "exports/list.html",
        {
            "form": form,
            "rows": [(row, profiles.profiles()[row.profile]) for row in rows[:SHOWN]],
            "recipients": Recipient.objects.order_by("name"),
            "holds": _holds(),
            "again": said is not None,
        },
        status=422 if form is not None and form.errors else 200,
    )


def _holds() -> list[tuple[str, list[str]]]:
    """What each export holds, by the classes an agreement has to cover."""
    titles = load_rules().classes
    return [
        (profile.title, sorted(_(titles[name].title) for name in profile.classes()))
        for profile in profiles.profiles().values()
    ]


def _asked(request: HttpRequest, form: AskForm, signed_in: Any) -> ExportRequest | None:
    said = form.cleaned_data
    recipient = get_object_or_404(Recipient, pk=said["recipient"])
    people = re.split(r"[\s,;]+", said["people"].strip()) if said["people"].strip() else None
    try:
        return requests.ask(
            request.user, profile=said["profile"], recipient=recipient, purpose=said["purpose"],
            reason=said["reason"], signed_in=signed_in,
            people=people or eligible.who_agreed(request.user, recipient, said["purpose"]),
        )  # fmt: skip
    except (access.SignInAgain, access.Refused):
        raise
    except OnwardError as error:
        form.add_error(error.field or "recipient", str(error))
        return None


def _one(request: HttpRequest, pk: Any) -> ExportRequest:
    """An export one may see: one's own, or anybody's for those who decide."""
    rows = ExportRequest.objects.select_related("recipient", "asked_by")
    if not access.may(request.user, "export.approve"):
        rows = rows.filter(asked_by=request.user)
    return get_object_or_404(rows, pk=pk)


@page("exports", *MAY)
def one(request: HttpRequest, pk: Any) -> HttpResponse:
    """One export: what is in it, who decided, what comes next."""
    access.require(request.user, *MAY, place=place(request))
    return _show(request, _one(request, pk))


def _show(
    request: HttpRequest, export: ExportRequest, *, wrong: tuple[str, str] | None = None
) -> HttpResponse:
    """wrong: the field it is about (reason or count), and the sentence."""
    said = typed_before(request)
    profile = profiles.profiles()[export.profile]
    mine = export.asked_by_id == request.user.pk
    reader = request.reader  # type: ignore[attr-defined]
    rows = list(reader.people().filter(person__in=export.people).order_by("person"))
    reader.listed(rows, place=place(request))
    opens = sight.opening(reader, [row.person for row in rows])
    who = [(row.person, row.person in opens) for row in rows]
    decisions = list(export.decisions.select_related("account").order_by("at"))
    overtaken = overtaken_by(export)
    week = requests.people_in_a_week(export)
    titles = load_rules().classes
    return render(
        request,
        "exports/one.html",
        {
            "export": export,
            "profile": profile,
            "classes": sorted(_(titles[name].title) for name in profile.classes()),
            "left_out": [(_(eligible.LEFT_OUT[why]), n) for why, n in export.left_out.items()],
            "decisions": decisions,
            "overtaken": overtaken,
            "overtaken_by": overtaken and Account.objects.filter(pk=overtaken.account).first(),
            "needed": requests.approvers_needed(export),
            "who": who,
            "unseen": len(export.people) - len(who),
            "agreed": all(each.approves for each in decisions),
            "many": requests.MANY,
            "week": week if week > requests.MANY else 0,
            "mine": mine,
            "may_decide": (
                export.state == "asked"
                and not mine
                and access.may(request.user, "export.approve")
                and all(each.account_id != request.user.pk for each in decisions)
            ),
            "may_write": mine and export.state == "approved",
            "wrong": dict([wrong]) if wrong else {},
            "reason": (said or request.POST).get("reason", ""),
            "count": (said or request.POST).get("count", ""),
            "again": said is not None,
        },
        status=422 if wrong else 200,
    )


@page("exports", "export.approve", methods=("POST",))
def decide(request: HttpRequest, pk: Any) -> HttpResponse:
    """Yes or no to what somebody else asked for."""
    export = _one(request, pk)
    signed_in = fresh_or_kept(request)
    approves = request.POST.get("decision") == "yes"
    try:
        requests.decide(
            request.user, export, approves=approves, reason=request.POST.get("reason", ""),
            signed_in=signed_in,
        )  # fmt: skip
    except (access.SignInAgain, access.Refused):
        raise
    except OnwardError as error:
        return _show(request, export, wrong=("reason", str(error)))
    said = _("Your yes is recorded.") if approves else _("Refused; nothing leaves.")
    return done(request, said, "desk:export", export.pk)


@page("exports", "export.request", methods=("POST",))
def write(request: HttpRequest, pk: Any) -> HttpResponse:
    """The sealed file, once, after the number of people has been typed."""
    export = _one(request, pk)
    signed_in = fresh_or_kept(request)
    if export.asked_by_id != request.user.pk:
        raise access.Refused(_("An export is written by the one who asked for it."))
    typed = request.POST.get("count", "").strip()
    try:
        if not typed.isdecimal():
            raise OnwardError(_("Type the number of people in it, in digits."))
        name, sealed = requests.write(
            request.user, export, typed_count=int(typed), signed_in=signed_in
        )
    except (access.SignInAgain, access.Refused):
        raise
    except OnwardError as error:
        return _show(request, export, wrong=("count", str(error)))
    response = HttpResponse(sealed, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@page("exports", "export.request", "export.approve", methods=("GET", "POST"))
def recipients(request: HttpRequest) -> HttpResponse:
    """Recipients and their agreements; entered by one person, confirmed by another."""
    access.require(request.user, *MAY, place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    said = typed_before(request)
    form = None
    if reader.may("export.request"):
        form = RecipientForm(
            request.POST or None, initial=said and said.several("purposes", "classes")
        )
    if request.method == "POST" and form is not None:
        signed_in = fresh_or_kept(request)
        if form.is_valid():
            try:
                add_recipient(request.user, signed_in=signed_in, **form.cleaned_data)
            except (access.SignInAgain, access.Refused):
                raise
            except OnwardError as error:
                form.add_error(error.field or "kind", str(error))
            else:
                return done(
                    request, _("Entered. Somebody else confirms it."), "desk:recipients"
                )
    rows = Recipient.objects.order_by("name")
    return render(
        request,
        "exports/recipients.html",
        {
            "form": form,
            "rows": [
                (row, profiles.recipient_kinds().get(row.kind, row.kind), as_read(row),
                 row.active and not row.confirmed_by and row.made_by != request.user.account_id
                 and reader.may("export.approve"))
                for row in rows
            ],
            "may_end": reader.may("export.approve"),
            "holds": _holds(),
            "again": said is not None,
        },
        status=422 if form is not None and form.errors else 200,
    )  # fmt: skip


@page("exports", "export.approve", methods=("POST",))
def confirm(request: HttpRequest, pk: Any) -> HttpResponse:
    """Somebody else has read the agreement too; or nothing goes to this recipient any more."""
    signed_in = signin.require_fresh(request)
    recipient = get_object_or_404(Recipient, pk=pk)
    if request.POST.get("do") == "end":
        end_recipient(request.user, recipient, signed_in=signed_in)
        return done(request, _("Ended. Nothing goes to this recipient."), "desk:recipients")
    try:
        confirm_recipient(
            request.user, recipient, signed_in=signed_in, read=request.POST.get("read", "")
        )
    except (access.SignInAgain, access.Refused):
        raise
    except OnwardError as error:
        messages.error(request, _(str(error)))
        return HttpResponseRedirect(reverse("desk:recipients"), status=303)
    return done(request, _("Confirmed."), "desk:recipients")


urls = [
    path("exports/", listed, name="exports"),
    path("exports/recipients/", recipients, name="recipients"),
    path("exports/recipients/<uuid:pk>/confirm/", confirm, name="recipient-confirm"),
    path("exports/<uuid:pk>/", one, name="export"),
    path("exports/<uuid:pk>/decide/", decide, name="export-decide"),
    path("exports/<uuid:pk>/write/", write, name="export-write"),
]
