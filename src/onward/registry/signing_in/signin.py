"""Signing in: password and second factor for everybody, soon enough before what matters.

Exists because the packages underneath offer second factors and do not force them, keep their
seeds in clear, and count a password as a fresh sign-in. Comes in: what django-allauth and
django-axes call. Goes out: seeds encrypted under the operation's key, no way in without a second
factor, `signed_in_at` for whoever asks how fresh a sign-in is, and a line in the log for each.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import (
    get_authentication_records,
    record_authentication,
)
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ValidationError
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from onward.registry.keyring import keys
from onward.registry.models import Account
from onward.registry.permissions import access, alarms, grants
from onward.registry.signing_in.sessions import SessionStore
from onward.registry.site import current

BEGAN, SEEN, LOCKED = "onward.began", "onward.seen", "onward.locked"
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def client_address(request: HttpRequest) -> str:
    """The address that connected to this process. A header anybody can write is not asked.

    Behind a proxy, the server (waitress, `trusted_proxy`) sets this from the proxy's word alone.
    """
    return str(request.META.get("REMOTE_ADDR", ""))


def counted_as(request: HttpRequest, credentials: Any = None) -> str:
    """Under what name wrong passwords are counted: the same name in two operations is two people, and
    the table of those counted is one on a server that holds both."""
    named = (credentials or request.POST).get("username", "")
    return f"{current().operation}/{named}"


def as_given(account: Account) -> bool:
    """Whether an account is what was given; one that is not raises an alarm."""
    if grants.account_is_as_given(account):
        return True
    changed(account)
    return False


def changed(account: Account) -> None:
    """Raise the alarm for an account that is not what was given."""
    grants.report(f"account {account.pk}", account=account.account_id)


class AccountBackend(ModelBackend):
    """Passwords of the accounts of this operation; a frozen or altered account is nobody."""

    def user_can_authenticate(self, user: Any) -> bool:
        return bool(user.is_active and user.frozen_at is None)

    def authenticate(self, request: Any, username: Any = None, **given: Any) -> Any:
        # Before the password is looked at: a hash that somebody put there must not be renewed.
        name = str(username or given.get(Account.USERNAME_FIELD) or "")
        if (found := Account.objects.filter(username=name).first()) and not as_given(found):
            return None
        return super().authenticate(request, username=username, **given)

    def get_user(self, user_id: Any) -> Any:
        found, given = grants.account_of(user_id)
        if found is None or not self.user_can_authenticate(found):
            return None
        if not given:
            changed(found)
            return None
        if found.forged:
            grants.report(f"assignments of {found.pk}", account=found.account_id)
        return found


SAID = {
    "username_password_mismatch": gettext_lazy(
        "This name and this password do not belong together. Type both again."
    ),
    "too_many_login_attempts": gettext_lazy("Too many tries. Wait ten minutes, then try again."),
    "incorrect_code": gettext_lazy(
        "This code is not right. Take the one your app shows now, or a recovery code not used yet."
    ),
}  # fmt: skip
"""What the packages say in languages they do not all know, in the desk's own words."""
LABELS = (gettext_noop("Username"), gettext_noop("Password"), gettext_noop("Code"))
"""Labels of the packages' forms, which the desk's catalogues translate where theirs do not."""


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """What allauth asks about accounts: nobody signs up, nothing is mailed."""

    error_messages = {**DefaultAccountAdapter.error_messages, **SAID}  # noqa: RUF012

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: Any) -> None:
        return None

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        return None

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        name = str(credentials.get("username", "")).lower()
        return f"{current().operation}:{name}:{client_address(request)}"

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        request = context.request
        # Before the first factor is set up there is nothing to sign in again with; a full sign-in
        # of the last ten minutes is as good as a new one.
        return request is None or (has_factor(request.user) and not is_fresh(request))

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        name = str(credentials.get("username", ""))
        account = Account.objects.filter(username=name).first()
        access.log(account, "sign-in", allowed=False, place="account_login")


class SecondFactors(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors with their secrets encrypted; the last one is never taken away."""

    error_messages = {**DefaultMFAAdapter.error_messages, **SAID}  # noqa: RUF012

    def encrypt(self, text: str) -> str:
        site = current()
        sealed = keys.wrap(site.derive("second factors"), text.encode(), _place())
        return base64.b64encode(sealed).decode()

    def decrypt(self, encrypted_text: str) -> str:
        site = current()
        sealed = base64.b64decode(encrypted_text)
        return keys.unwrap(site.derive("second factors"), sealed, _place()).decode()

    def get_totp_issuer(self) -> str:
        return "Work"  # shown on a telephone that others may look at

    def get_totp_label(self, user: Any) -> str:
        return str(user.username)

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        others = Authenticator.objects.filter(user=authenticator.user, type__in=FACTORS)
        return bool(others.exclude(pk=authenticator.pk).exists())

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": context.request.get_host().partition(":")[0], "name": "Work"}

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        return None


def _place() -> str:
    return f"{current().operation}/second-factor"


def has_factor(user: Any) -> bool:
    """Whether an account has set up a second factor."""
    return bool(
        getattr(user, "is_authenticated", False)
        and Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists()
    )


def signed_in_at(request: HttpRequest) -> datetime | None:
    """The instant of the last full sign-in (with a second factor) of this session."""
    records = get_authentication_records(request, request.user) if request.user.pk else []
    times = [record["at"] for record in records if record.get("method") == "mfa"]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def is_fresh(request: HttpRequest) -> bool:
    """Whether this session signed in fully within the last ten minutes."""
    return access.is_fresh(signed_in_at(request))


def require_fresh(request: HttpRequest) -> datetime:
    """The instant of the last full sign-in, when it is fresh; else SignInAgain."""
    return access.require_fresh(signed_in_at(request))


def lock(request: HttpRequest) -> None:
    """Keep the session and show nothing until a fresh sign-in."""
    request.session[LOCKED] = timezone.now().timestamp()


def is_locked(request: HttpRequest) -> bool:
    locked = request.session.get(LOCKED)
    if locked is None:
        return False
    at = signed_in_at(request)
    if at is not None and at.timestamp() > locked:
        del request.session[LOCKED]
        request.session[SEEN] = timezone.now().timestamp()
        return False
    return True


def end_sessions(account: Account) -> None:
    """Everything this account has open anywhere is over."""
    account.not_before = timezone.now()
    Account.objects.filter(pk=account.pk).update(not_before=account.not_before)


def forget_factors(account: Account) -> None:
    """Take away an account's second factors, so that it sets up new ones at its next sign-in."""
    Authenticator.objects.filter(user_id=account.pk).delete()


# -- what the packages tell us ----------------------------------------------------------------


def on_signed_in(sender: Any, request: HttpRequest, user: Account, **kwargs: Any) -> None:
    now = timezone.now().timestamp()
    request.session[BEGAN] = request.session[SEEN] = now
    request.session.pop(LOCKED, None)
    SessionStore.clear_expired()
    access.log(user, "sign-in", place="account_login")


def on_signed_out(
    sender: Any, request: HttpRequest, user: Account | None, **kwargs: Any
) -> None:
    if user is not None and user.pk:
        access.log(user, "sign-out", place="account_logout")


def on_factor_added(
    sender: Any, request: HttpRequest, user: Account, authenticator: Any, **kwargs: Any
) -> None:
    # Setting one up asks for a code of it, which is what a second factor proves.
    if authenticator.type in FACTORS:
        record_authentication(
            request, user, method="mfa", type=authenticator.type, reauthenticated=True
        )
    access.log(user, "factor.added", purpose=str(authenticator.type))


def on_factor_removed(
    sender: Any, request: HttpRequest, user: Account, authenticator: Any, **kwargs: Any
) -> None:
    access.log(user, "factor.removed", purpose=str(authenticator.type))


def on_factor_used(
    sender: Any, request: HttpRequest, user: Account, authenticator: Any, **kwargs: Any
) -> None:
    access.log(user, "factor.used", purpose=str(authenticator.type))
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        alarms.raise_alarm("recovery", account=user.account_id)


def on_factor_failed(sender: Any, request: HttpRequest, user: Account, **kwargs: Any) -> None:
    access.log(user, "factor.used", allowed=False)
    since = timezone.now() - timedelta(minutes=15)
    wrong = access.AccessEntry.objects.filter(
        account=user.account_id, action="factor.used", decision="refused", at__gt=since
    ).count()
    if wrong >= 5:
        alarms.raise_alarm(
            "second-factor", account=user.account_id, number=wrong, once_in=timedelta(hours=1)
        )


def on_locked_out(sender: Any, request: HttpRequest, username: str, **kwargs: Any) -> None:
    named = (username or "").removeprefix(f"{current().operation}/")  # see `counted_as`
    account = Account.objects.filter(username=named).first()
    alarms.raise_alarm(
        "sign-in", account=account.account_id if account else "", once_in=timedelta(minutes=15)
    )


def connect() -> None:
    """Listen; called once when the registry is ready."""
    from allauth.mfa import signals as mfa
    from axes.signals import user_locked_out
    from django.contrib.auth import signals as auth

    auth.user_logged_in.connect(on_signed_in, dispatch_uid="onward.in")
    auth.user_logged_out.connect(on_signed_out, dispatch_uid="onward.out")
    mfa.authenticator_added.connect(on_factor_added, dispatch_uid="onward.added")
    mfa.authenticator_removed.connect(on_factor_removed, dispatch_uid="onward.removed")
    mfa.authenticator_used.connect(on_factor_used, dispatch_uid="onward.used")
    mfa.authentication_failed.connect(on_factor_failed, dispatch_uid="onward.failed")
    user_locked_out.connect(on_locked_out, dispatch_uid="onward.locked")
    post_save.connect(grants.on_account_saved, Account, dispatch_uid="onward.password")
    post_save.connect(grants.on_factor_saved, Authenticator, dispatch_uid="onward.factor")
    post_delete.connect(grants.on_factor_deleted, Authenticator, dispatch_uid="onward.unfactor")


class EnoughVariety:
    """A password of one or two characters repeated is refused, however long it is."""

    def validate(self, password: str, user: Any = None) -> None:
        if len(set(password)) < 6:
            raise ValidationError(_("Use more different characters."), code="variety")

    def get_help_text(self) -> str:
        return _("At least six different characters.")
