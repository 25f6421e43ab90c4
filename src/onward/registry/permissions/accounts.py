"""Making, changing and ending accounts: named functions, each logged, none with a default password.

Exists so that pages and commands make accounts in one way. A new account gets a *start code*,
shown once, typed by its owner into the start page together with a password of their own choosing.
The code is never in an address, is kept as a digest, works once and for three days.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from onward.errors import OnwardError
from onward.registry.keyring import keys
from onward.registry.models import Account, Assignment, OneTimeLink
from onward.registry.permissions import access, alarms, grants
from onward.registry.permissions.roles import check_roles, load_rules
from onward.registry.signing_in import signin
from onward.registry.site import current

CODE_BYTES = 15
CODE_DAYS = 3
USERNAME = re.compile(r"[a-z][a-z0-9._-]{2,39}")


def create_account(
    username: str, *, roles: Iterable[str], office: str = "", organisation: str = "",
    display_name: str = "", by: Account | None = None, demonstration: bool = False,
) -> tuple[Account, str]:  # fmt: skip
    """A new account and its start code, which is shown once and kept nowhere.

    by      None: whoever holds the key of the operation, at a terminal
    raises  Refused, OnwardError: what is wrong with the name or the roles
    """
    wanted = _allowed(by, roles)
    if not USERNAME.fullmatch(username):
        raise OnwardError(
            _(
                "%(name)s: not a user name; expected 3 to 40 small letters, digits, dots or dashes, beginning with a letter."
            )
            % {"name": username or "–"},
            field="username",
        )
    if "partner" in wanted and not organisation:
        raise OnwardError(
            _("A partner's account needs its organisation: it sees that one's referrals."),
            field="organisation",
        )
    if Account.objects.filter(username=username).exists():
        raise OnwardError(
            _("%(name)s: there is an account of that name; choose another.")
            % {"name": username},
            field="username",
        )
    with transaction.atomic():
        account = Account(
            operation=current().operation, username=username, display_name=display_name[:80],
            role_ids=sorted(wanted), office=office[:80], organisation=organisation[:80],
            created_by=by.account_id if by else "terminal", demonstration=demonstration,
        )  # fmt: skip
        account.set_unusable_password()
        account.save(force_insert=True)
        grants.seal_account(account)
        access.log(
            by, "account.manage", purpose=f"created {account.account_id}: {_list(wanted)}"
        )
        _tell_others(account, by)
        return account, start_code(account, by=by)


def _allowed(by: Account | None, roles: Iterable[str]) -> frozenset[str]:
    wanted = check_roles(roles)
    if not wanted:
        raise OnwardError(_("An account needs at least one role."), field="role")
    if by is not None:
        access.require(by, "account.manage")
    return wanted


def _list(roles: Iterable[str]) -> str:
    return ", ".join(sorted(roles))


def start_code(account: Account, *, by: Account | None) -> str:
    """A new start code; any older one of the account stops working."""
    OneTimeLink.objects.filter(account=account, used_at=None).update(used_at=timezone.now())
    code = base64.b32encode(os.urandom(CODE_BYTES)).decode()
    OneTimeLink.objects.create(
        operation=account.operation, account=account, digest=_digest(code, account),
        made_by=by.account_id if by else "terminal",
        ends_at=timezone.now() + timedelta(days=CODE_DAYS),
    )  # fmt: skip
    return "-".join(code[i : i + 6] for i in range(0, len(code), 6))


def _digest(code: str, account: Account | None) -> str:
    """Keyed and for one account, so that nobody can write a code of their own into the database."""
    letters = re.sub(r"[^A-Z2-7]", "", code.upper())
    key = keys.derive(current().ring.file_key, "start codes")
    said = f"{account.pk if account else ''} {letters}"
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()


def start(username: str, code: str, password: str) -> Account:
    """Choose the password of an account with its start code.

    raises  OnwardError: the same words for an unknown name, a wrong, used or old code;
            ValidationError: what is wrong with the password
    """
    wrong = OnwardError(
        "That user name and start code do not belong together, or the code was used already or "
        "is older than three days. An administrator can make a new one."
    )
    account = Account.objects.filter(username=username.strip().lower(), is_active=True).first()
    digest = _digest(code, account)
    link = (
        OneTimeLink.objects.filter(
            account=account, used_at=None, ends_at__gt=timezone.now()
        ).first()
        if account is not None
        else None
    )
    if account is None or link is None or not hmac.compare_digest(link.digest, digest):
        access.log(account, "start", allowed=False, place="account_start")
        raise wrong
    if not grants.account_is_as_given(account):
        grants.report(f"account {account.pk}", account=account.account_id)
        raise wrong
    validate_password(password, account)
    with transaction.atomic():
        if not OneTimeLink.objects.filter(pk=link.pk, used_at=None).update(
            used_at=timezone.now()
        ):
            raise wrong
        account.set_password(password)
        account.save(update_fields=["password"])
        signin.end_sessions(account)
        access.log(account, "start", place="account_start")
    return account


def set_password(account: Account, password: str) -> None:
    """Choose a password at the terminal; raises OnwardError with what is wrong with it."""
    try:
        validate_password(password, account)
    except ValidationError as error:
        raise OnwardError(" ".join(error.messages)) from None
    account.set_password(password)
    account.save(update_fields=["password"])
    OneTimeLink.objects.filter(account=account, used_at=None).update(used_at=timezone.now())
    signin.end_sessions(account)
    access.log(account, "start", place="terminal")


def change_account(
    account: Account, *, by: Account | None, roles: Iterable[str] | None = None,
    office: str | None = None, organisation: str | None = None, active: bool | None = None,
) -> None:  # fmt: skip
    """Change roles, office or whether it is open; its sessions end. Nobody changes their own."""
    _not_oneself(account, by)
    with transaction.atomic():
        _change(account, by, roles, office, organisation, active)
        signin.end_sessions(account)
    access.log(
        by, "account.manage",
        purpose=f"changed {account.account_id}: {_list(account.roles)}; "
        f"{'open' if account.is_active else 'closed'}",
    )  # fmt: skip
    _tell_others(account, by)


def _change(
    account: Account, by: Account | None, roles: Iterable[str] | None, office: str | None,
    organisation: str | None, active: bool | None,
) -> None:  # fmt: skip
    # What somebody wrote into the database is never taken over as what was given.
    grants.put_back(account)
    if roles is not None:
        wanted = _allowed(by, roles)
        _keep_one_administrator(account, roles=wanted)
        account.role_ids = sorted(wanted)
    elif by is not None:
        access.require(by, "account.manage")
    if office is not None:
        account.office = office[:80]
    if organisation is not None:
        account.organisation = organisation[:80]
    if active is not None:
        if not active:
            _keep_one_administrator(account, roles=frozenset())
        account.is_active = active
        if active:
            account.frozen_at, account.frozen_why = None, ""
    account.save()
    grants.seal_account(account)


def reset_account(account: Account, *, by: Account | None) -> str:
    """A new start code; password, second factors and sessions of the account are gone."""
    _not_oneself(account, by)
    if by is not None:
        access.require(by, "account.manage")
    with transaction.atomic():
        grants.put_back(account)
        account.set_unusable_password()
        account.save(update_fields=["password"])
        signin.forget_factors(account)
        signin.end_sessions(account)
        access.log(by, "account.manage", purpose=f"reset {account.account_id}")
        _tell_others(account, by)
        return start_code(account, by=by)


def _tell_others(account: Account, by: Account | None) -> None:
    """Whoever manages accounts can come in by one: somebody who reads cases hears of it."""
    roles = load_rules().roles
    if by is not None and any(roles[n].sees_cases for n in account.roles if n in roles):
        alarms.raise_alarm("accounts", account=by.account_id, once_in=timedelta(hours=1))


def _not_oneself(account: Account, by: Account | None) -> None:
    if by is not None and by.pk == account.pk:
        raise access.Refused("Nobody changes their own account: ask another administrator.")


def _keep_one_administrator(account: Account, *, roles: frozenset[str]) -> None:
    managing = {n for n, role in load_rules().roles.items() if "account.manage" in role.may}
    if not account.roles & managing or roles & managing:
        return
    others = [
        other
        for other in Account.objects.filter(is_active=True).exclude(pk=account.pk)
        if other.roles & managing
    ]
    if not others:
        raise OnwardError("That is the last administrator; make another one first.")


def credentials() -> list[dict[str, object]]:
    """Every account with what opens it, for the inventory of credentials. No secrets."""
    from allauth.mfa.models import Authenticator

    factors: dict[object, list[str]] = {}
    for user, kind in Authenticator.objects.values_list("user_id", "type"):
        factors.setdefault(user, []).append(kind)
    open_codes = set(
        OneTimeLink.objects.filter(used_at=None, ends_at__gt=timezone.now()).values_list(
            "account_id", flat=True
        )
    )
    assigned = _assigned_numbers()
    return [
        {
            "id": account.account_id,
            "username": account.username,
            "display_name": account.display_name,
            "roles": sorted(account.roles),
            "office": account.office,
            "organisation": account.organisation,
            "active": account.is_active,
            "frozen": account.frozen_why if account.frozen_at else "",
            "password": account.has_usable_password(),
            "second_factors": sorted(set(factors.get(account.pk, []))),
            "start_code_open": account.pk in open_codes,
            "last_sign_in": account.last_login,
            "demonstration": account.demonstration,
            "people_assigned": assigned.get(account.pk, 0),
        }
        for account in Account.objects.order_by("username")
    ]


def _assigned_numbers() -> dict[object, int]:
    from django.db.models import Count

    rows = Assignment.objects.filter(until=None).values("account").annotate(n=Count("id"))
    return {row["account"]: row["n"] for row in rows}
