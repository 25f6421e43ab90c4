"""Administration: accounts and their roles, the ways into the record, and what is kept how long.

Whoever manages accounts sees no case data, and nobody changes their own account. A new account
gets a code shown once, with which its owner chooses a password; there is never a default one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onward.desk import dates, here, words
from onward.desk.views.shared import done, page, place
from onward.errors import OnwardError
from onward.registry.data_protection import retention
from onward.registry.keyring import rotation
from onward.registry.models import Account, Disposal, Job, LegalHold, PersonNow
from onward.registry.permissions import access, accounts
from onward.registry.permissions.roles import load_rules
from onward.registry.signing_in import signin
from onward.registry.site import current
from onward.registry.web import jobs

MANAGE, KEYS, RETENTION, ERASE = (
    "account.manage", "key.manage", "retention.manage", "rights.erase",
)  # fmt: skip


@page("administration", MANAGE, KEYS, RETENTION)
def administration(request: HttpRequest) -> HttpResponse:
    access.require(request.user, MANAGE, KEYS, RETENTION, place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    shown: dict[str, Any] = {"retention": reader.may(RETENTION) or reader.may(ERASE)}
    titles = {name: role.title for name, role in load_rules().roles.items()}
    if reader.may(MANAGE):
        shown["accounts"] = [
            {**one, "factors": [FACTORS.get(name, name) for name in one["second_factors"]],
             "titles": [words.translated(titles.get(name, name)) for name in one["roles"]]}
            for one in accounts.credentials()
        ]  # fmt: skip
    if reader.may(KEYS):
        shown["keys"] = _keys()
    return render(request, "desk/administration.html", shown)


FACTORS = {
    "totp": gettext_lazy("Authenticator app"), "webauthn": gettext_lazy("Security key or passkey"),
    "recovery_codes": gettext_lazy("Recovery codes"),
}  # fmt: skip


# -- keys -----------------------------------------------------------------------------------------

WAYS = {
    "passphrase": gettext_lazy("A passphrase"), "key-file": gettext_lazy("A key file, for unattended use"),
    "recovery": gettext_lazy("A recovery code, kept on paper"),
    "custodians": gettext_lazy("Custodians together, none of them alone"),
}  # fmt: skip


def _keys() -> rotation.State:
    return rotation.state(here.operation().path, on=timezone.now().date())


@page("administration", KEYS, methods=("GET", "POST"))
def held_keys(request: HttpRequest) -> HttpResponse:
    """Who holds what, how old it is, when recovery was last practised; and renewing all of it."""
    access.require(request.user, KEYS, place=place(request))
    signin.require_fresh(request)
    if request.method == "POST":
        by = request.user.account_id  # type: ignore[union-attr]
        job = jobs.ask(request.user, jobs.RENEW, {"by": by})  # type: ignore[arg-type]
        return HttpResponseRedirect(reverse("desk:job", args=[job.pk]), status=303)
    state, today = _keys(), timezone.now().date()
    may = [
        account for account in Account.objects.filter(is_active=True, frozen_at=None)
        if access.may(account, KEYS)
    ]  # fmt: skip
    shown = {
        "keys": state,
        "ways": [
            {"way": way, "title": WAYS.get(way.kind, way.kind), "drills": way.kind in rotation.DRILLED,
             "days": (today - way.made).days if way.made else None}
            for way in state.ways
        ],
        "days": (today - state.since).days if state.since else None,
        "holders": sorted(may, key=str),
        "running": Job.objects.filter(kind=jobs.RENEW, state__in=(jobs.QUEUED, jobs.RUNNING)).first(),
        "server": current().store != "encrypted",
    }  # fmt: skip
    return render(request, "desk/keys.html", shown)


# -- accounts -------------------------------------------------------------------------------------


@page("administration", MANAGE, methods=("GET", "POST"))
def new_account(request: HttpRequest) -> HttpResponse:
    access.require(request.user, MANAGE, place=place(request))
    signin.require_fresh(request)
    shown: dict[str, Any] = {
        "roles": _choices([]),
        "given": request.POST,
        "offices": _offices(),
    }
    if request.method == "POST":
        chosen = request.POST.getlist("role")
        try:
            made, code = accounts.create_account(
                request.POST.get("username", "").strip().lower(), roles=chosen,
                office=request.POST.get("office", "").strip(),
                organisation=request.POST.get("organisation", "").strip(),
                display_name=request.POST.get("display_name", "").strip(), by=request.user,
            )  # fmt: skip
        except OnwardError as problem:
            shown |= {"wrong": _wrong(problem), "roles": _choices(chosen)}
            return render(request, "desk/account_new.html", shown, status=422)
        return render(request, "desk/account_code.html", {"account": made, "code": code})
    return render(request, "desk/account_new.html", shown)


@page("administration", MANAGE, methods=("GET", "POST"))
def account(request: HttpRequest, account: UUID) -> HttpResponse:
    access.require(request.user, MANAGE, place=place(request))
    signin.require_fresh(request)
    row = Account.objects.filter(pk=account).first()
    if row is None:
        raise access.Hidden
    shown: dict[str, Any] = {
        "account": row, "roles": _choices(sorted(row.roles)), "offices": _offices(),
        "oneself": row.pk == request.user.pk,
    }  # fmt: skip
    if request.method == "POST":
        does = request.POST.get("do", "")
        try:
            if does == "reset":
                code = accounts.reset_account(row, by=request.user)
                return render(request, "desk/account_code.html", {"account": row, "code": code})
            if does in ("close", "open"):
                accounts.change_account(row, by=request.user, active=does == "open")
            elif does == "change":
                accounts.change_account(
                    row, by=request.user, roles=request.POST.getlist("role"),
                    office=request.POST.get("office", "").strip(),
                    organisation=request.POST.get("organisation", "").strip(),
                )  # fmt: skip
        except access.Refused as problem:
            shown["refused"] = str(problem)
            return render(request, "desk/account.html", shown, status=403)
        except OnwardError as problem:
            shown["wrong"] = _wrong(problem)
            return render(request, "desk/account.html", shown, status=422)
        return done(
            request, _("The account was changed; its sessions ended."), "desk:administration"
        )
    return render(request, "desk/account.html", shown)


def _wrong(problem: OnwardError) -> dict[str, str]:
    """The field that something is wrong with, and what; roles where it does not say."""
    return {problem.field or "role": str(problem)}


def _choices(chosen: list[str]) -> list[dict[str, Any]]:
    return [
        {"name": name, "title": role.title, "chosen": name in chosen}
        for name, role in load_rules().roles.items()
    ]


def _offices() -> list[str]:
    """Offices that people on record belong to."""
    rows = (
        PersonNow.objects.exclude(office="").order_by("office").values_list("office", flat=True)
    )
    return [str(office) for office in rows.distinct()]


# -- how long identities are kept --------------------------------------------------------------------


def _named(model: Any, name: str) -> Any:
    """The row of an id that came in a form; None where it is no id, or nobody's."""
    try:
        return model.objects.filter(pk=UUID(name)).first()
    except ValueError:
        return None


@page("administration", RETENTION, ERASE, methods=("GET", "POST"))
def retained(request: HttpRequest) -> HttpResponse:
    """Files whose time is over: proposed by one person, destroyed by another."""
    access.require(request.user, RETENTION, ERASE, place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    signed_in = signin.require_fresh(request)
    shown: dict[str, Any] = {
        "due": len(retention.due(here.today())),
        "holds": LegalHold.objects.filter(until=None).order_by("person"),
        "may_propose": reader.may(RETENTION),
        "may_carry_out": reader.may(ERASE),
        "said": request.POST if request.POST.get("do") == "hold" else {},
    }
    if request.method == "POST":
        does = request.POST.get("do", "")
        try:
            said = _retain(request, does, signed_in)
        except OnwardError as problem:
            field = problem.field or "reason" if does == "hold" else "due"
            shown["wrong"] = {field: str(problem)}
        else:
            return done(request, said, "desk:retention")
    rows = Disposal.objects.order_by("-as_of")[:20]
    named = [person for row in rows if row.done_at is None for person in row.people]
    named += [row.person for row in shown["holds"]]
    if named:
        people = list(dict.fromkeys(named))
        access.log(request.user, RETENTION, people=people, place=place(request))
    mine = request.user.account_id  # type: ignore[union-attr]
    shown["disposals"] = [(row, row.proposed_by == mine) for row in rows]
    return render(
        request, "desk/retention.html", shown, status=422 if "wrong" in shown else 200
    )


def _retain(request: HttpRequest, does: str, signed_in: datetime) -> str:
    """Do what was asked for; returns what is said of it."""
    by: Any = request.user
    if does == "propose":
        retention.propose(by, here.today(), signed_in=signed_in)
        return _("Proposed. Another person carries it out; until then nothing is destroyed.")
    if does == "hold":
        person = request.POST.get("person", "").strip()
        if not PersonNow.objects.filter(person=person).exists():
            raise OnwardError(_("There is nobody of that id on record."), field="person")
        retention.hold(by, person, request.POST.get("reason", ""))
        return _("This file is kept until somebody ends the hold.")
    if does == "release":
        if (held := _named(LegalHold, request.POST.get("hold", ""))) is not None:
            retention.release(by, held)
        return _("The hold is ended: the file goes when its time is over.")
    if does == "carry_out":
        found = _named(Disposal, request.POST.get("disposal", ""))
        if found is not None:
            number = retention.carry_out(by, found, signed_in=signed_in)
            return _("Carried out. Files whose identity nobody can read again: %(n)s.") % {
                "n": dates.counted(number)
            }
    return _("Nothing was changed.")


urls = [
    path("administration/", administration, name="administration"),
    path("administration/accounts/new/", new_account, name="account_new"),
    path("administration/accounts/<uuid:account>/", account, name="account"),
    path("administration/keys/", held_keys, name="keys"),
    path("administration/retention/", retained, name="retention"),
]
