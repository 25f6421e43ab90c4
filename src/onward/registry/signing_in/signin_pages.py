"""The pages around signing in: choosing a first password, locking, leaving in a hurry.

Everything else about signing in is django-allauth's, with templates of the desk.
"""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from onward.errors import OnwardError
from onward.registry.models import Account
from onward.registry.permissions import access, accounts, alarms
from onward.registry.signing_in import signin
from onward.registry.web import starting
from onward.registry.web.middleware import clear, go


class StartForm(forms.Form):
    username = forms.CharField(
        label=_("User name"), max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )  # fmt: skip
    code = forms.CharField(
        label=_("Start code"), max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )  # fmt: skip
    password = forms.CharField(
        label=_("New password"), max_length=200,
        help_text=_("At least 12 characters. Several words are easy to remember."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip
    again = forms.CharField(
        label=_("New password again"), max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not self.errors and found["password"] != found["again"]:
            self.add_error("again", _("The two passwords are not the same."))
        if not self.errors:
            try:
                accounts.start(found["username"], found["code"], found["password"])
            except ValidationError as error:
                self.add_error("password", error)
            except OnwardError as error:
                self.add_error(None, str(error))
        return found


@sensitive_post_parameters()
def start(request: HttpRequest) -> HttpResponse:
    """Choose a password with a start code."""
    form = StartForm(request.POST or None)
    if request.method == "POST" and _slow_down(request, "start") is False:
        form = StartForm()  # what was typed is not looked at
        form.cleaned_data = {}
        form.add_error(None, _("Too many tries. Wait a minute."))
    elif request.method == "POST" and form.is_valid():
        messages.success(request, _("Your password is set. Sign in with it now."))
        return HttpResponseRedirect(reverse("account_login"), status=303)
    return render(
        request, "account/start.html", {"form": form}, status=422 if form.errors else 200
    )


def _slow_down(request: HttpRequest, action: str) -> bool:
    """False when this address asked more than ten times within a minute."""
    from django.core.cache import cache

    key = f"slow:{action}:{signin.client_address(request)}"
    cache.add(key, 0, 60)
    try:
        return bool(cache.incr(key) <= 10)
    except ValueError:
        return True


@require_GET
def security(request: HttpRequest) -> HttpResponse:
    """One's own ways of signing in; without a second factor, where to set one up."""
    kinds: dict[str, list[Any]] = {"totp": [], "webauthn": [], "recovery_codes": []}
    for each in Authenticator.objects.filter(user_id=request.user.pk).order_by("created_at"):
        kinds[each.type].append(each)
    codes = [each.wrap().get_unused_codes() for each in kinds["recovery_codes"]]
    return render(
        request,
        "account/security.html",
        {
            "kinds": kinds,
            "factor": signin.has_factor(request.user),
            "codes_left": len(codes[0]) if codes else 0,
            "recent": access.AccessEntry.objects.filter(
                account=request.user.account_id,
                action__in=[
                    "sign-in",
                    "factor.used",
                    "factor.added",
                    "factor.removed",
                    "start",
                ],
            ).order_by("-id")[:10],
        },
    )


@require_POST
def lock(request: HttpRequest) -> HttpResponse:
    """Lock this screen; the session stays."""
    signin.lock(request)
    access.log(request.user, "lock", place="lock")
    return clear(go(request, "locked"))


@require_GET
def locked(request: HttpRequest) -> HttpResponse:
    """What a locked screen shows: nothing but the ways to unlock it."""
    kinds = set(
        Authenticator.objects.filter(user_id=request.user.pk).values_list("type", flat=True)
    )
    back = request.GET.get("next", "/")
    return clear(render(request, "account/locked.html", {"kinds": kinds, "next": back}))


@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Leave quickly: an empty page, the screen locked, nothing kept by the browser."""
    if request.user.is_authenticated:
        signin.lock(request)
        access.log(request.user, "leave", place="leave")
    return clear(go(request, "blank"))


@require_POST
def panic(request: HttpRequest) -> HttpResponse:
    """End every session of this account; with `all`, put the operation's keys away."""
    account: Account = request.user
    everything = "all" in request.POST and any(
        access.may(account, action)
        for action in ("breach.handle", "key.manage", "account.manage")
    )
    alarms.raise_alarm("panic", account=account.account_id)
    access.log(account, "panic", purpose="operation" if everything else "account")
    if everything:
        for each in Account.objects.all():
            signin.end_sessions(each)
    else:
        signin.end_sessions(account)
    logout(request)
    response = clear(go(request, "blank"))
    if everything:
        starting.close_everywhere()
    return response


@require_GET
def blank(request: HttpRequest) -> HttpResponse:
    """A page that says nothing about what was here."""
    return clear(render(request, "account/blank.html"))


def locked_out(
    request: HttpRequest, credentials: Any = None, *args: Any, **kwargs: Any
) -> HttpResponse:
    """What axes shows after five wrong passwords: wait, or come in with a passkey."""
    return render(request, "account/wait.html", status=429)


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form sent without its token: usually the page was open too long."""
    return render(request, "account/expired.html", status=403)
