"""Setting a safeguard aside where that may be: one person asks with a reason, another decides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _

from onward.desk import forms, here, words
from onward.desk.views.shared import done, once, page, place
from onward.errors import Faults, OnwardError
from onward.registry.models import Account, Proposal
from onward.registry.permissions import access
from onward.registry.recording import acts, exceptions
from onward.registry.signing_in import signin
from onward.safeguards.overrides import NOWHERE, leads_to


def _finding(move: str, key: str) -> tuple[Any, Any]:
    """The safeguard and finding named, when it is asked of the move and may be set aside."""
    rulebook = here.rulebook()
    found = rulebook.moves().get(move)
    safeguard = rulebook.safeguards.get(key.partition(".")[0])
    finding = safeguard.findings.get(key.partition(".")[2]) if safeguard else None
    if found is None or finding is None or finding.hard:
        raise Http404
    return safeguard, finding


@page("people", "override.propose", methods=("GET", "POST"))
def override(request: HttpRequest, person: str, move: str, finding: str) -> HttpResponse:
    """Ask a second person to set one finding aside, for one step on one day."""
    reader = request.reader  # type: ignore[attr-defined]
    seen = reader.open(person, action="override.propose", place=place(request))
    rulebook = here.rulebook()
    safeguard, found = _finding(move, finding)
    if not reader.tells(rulebook, finding, seen.classes):
        raise access.Hidden
    step = rulebook.moves()[move]
    own = str(seen.facts.get("intended_destination") or "")
    nowhere = leads_to(step, own or None) == NOWHERE
    form = forms.Form(
        [
            forms.Input("valid_on", _("Day it is for"), "date", required=True,
                        value=here.today().isoformat()),
            forms.Input("destination", _("Destination or recipient"), "text",
                        required=not nowhere, value=own, options=here.destinations(),
                        hint=_("Empty where the step leads nowhere, as verifying an identity.")
                        if nowhere else ""),
            forms.Input("reason", _("Why it may be set aside for this person"), "text",
                        required=True, hint=_("A sentence, without names. It is kept for good.")),
        ]
    )  # fmt: skip
    faults: list[str] = []
    if request.method == "POST":
        form.read(request.POST)
        if form.valid:
            try:
                acts.propose_override(
                    request.user, person, move, finding, form.facts.get("destination") or NOWHERE,
                    reason=form.facts["reason"], valid_on=date.fromisoformat(form.facts["valid_on"]),
                )  # fmt: skip
            except Faults as error:
                faults = [str(fault) for fault in error.faults]
            else:
                return done(
                    request, _("Asked. Somebody else decides on it now."), "desk:person", person
                )
    return render(
        request, "desk/override.html",
        {"person": person, "form": form, "faults": faults, "title": words.move(rulebook, move),
         "safeguard": words.translated(safeguard.title), "sentence": words.translated(found.sentence),
         "key": once()},
        status=422 if form.problems or faults else 200,
    )  # fmt: skip


@page("exceptions", "override.propose", "override.approve", methods=("GET", "POST"))
def overrides(request: HttpRequest) -> HttpResponse:
    """What waits for a second person, among the people this account may see."""
    return _decide(request) if request.method == "POST" else _listed(request)


def _listed(request: HttpRequest, faults: Sequence[str] = ()) -> HttpResponse:
    reader = request.reader  # type: ignore[attr-defined]
    rulebook, today = here.rulebook(), here.today().isoformat()
    visible = reader.people().filter(reader.within("confidential")).values("person")
    rows = list(
        Proposal.objects.filter(kind="override", person__in=visible).order_by("state", "-at")[
            :100
        ]
    )
    names = {row.account_id: str(row) for row in Account.objects.filter(id__in=_accounts(rows))}
    reader.listed(rows, place=place(request))
    used = exceptions.used({row.person for row in rows if row.state == "approved"})
    lines = []
    for row in rows:
        safeguard, _dot, name = str(row.asked.get("finding", "")).partition(".")
        found = rulebook.safeguards.get(safeguard)
        finding = found.findings.get(name) if found else None
        told = reader.told_of(rulebook, str(row.asked.get("finding")))
        lines.append(
            {
                "row": row, "title": words.move(rulebook, str(row.asked.get("move"))),
                "sentence": words.translated(finding.sentence) if finding and told else _("Not shown to your role"),
                "reason": row.asked.get("reason") if told else "", "on": row.asked.get("valid_on"),
                "destination": "" if row.asked.get("destination") == NOWHERE else row.asked.get("destination"),
                "taken": exceptions.key_of(row.proposal) in used, "by": names.get(row.by, row.by),
                "mine": row.by == request.user.account_id,  # type: ignore[union-attr]
                "over": str(row.asked.get("valid_on")) < today,
                "decided_by": names.get(row.decided_by, row.decided_by),
            }
        )  # fmt: skip
    return render(
        request,
        "desk/overrides.html",
        {"lines": lines, "may": reader.may("override.approve"), "faults": faults},
        status=422 if faults else 200,
    )


def _accounts(rows: list[Proposal]) -> set[str]:
    from uuid import UUID

    found = set()
    for row in rows:
        for name in (row.by, row.decided_by):
            try:
                found.add(str(UUID(name)))
            except ValueError:
                continue
    return found


def _decide(request: HttpRequest) -> HttpResponse:
    """Yes or no by somebody else, soon after a sign-in."""
    reader = request.reader  # type: ignore[attr-defined]
    if not reader.may("override.approve"):
        access.require(request.user, "override.approve", place=place(request))
    asked = request.POST.get("proposal", "")
    row = Proposal.objects.filter(proposal=asked, kind="override").first()
    try:
        if row is None:
            raise access.Hidden
        reader.open(row.person, action="override.approve", place=place(request))
    except access.Hidden:  # one that is hidden and one that is not there look alike
        return _listed(request, [_("There is no such question, or it was decided already.")])
    signin.require_fresh(request)
    try:
        if request.POST.get("do") == "approve":
            acts.approve_override(request.user, row.proposal)
        else:
            acts.refuse_override(request.user, row.proposal)
    except OnwardError as error:
        return _listed(request, [str(error)])
    return done(request, _("Your decision is recorded."), "desk:overrides")


urls = [
    path("exceptions/", overrides, name="overrides"),
    path(
        "people/<str:person>/steps/<str:move>/exception/<str:finding>/",
        override,
        name="override",
    ),
]
