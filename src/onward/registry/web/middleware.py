"""What holds for every page: a second factor, an idle lock, no copies in the browser.

Exists so that no page can forget it. Order matters: `Open` is outermost, `Inside` comes after
sessions and accounts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from django.contrib.auth import logout
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from onward.errors import OnwardError
from onward.registry import site
from onward.registry.signing_in.signin import (
    BEGAN,
    LOCKED,
    SEEN,
    has_factor,
    is_locked,
    lock,
    signed_in_at,
)
from onward.registry.web import locked

Next: TypeAlias = Callable[[HttpRequest], HttpResponseBase]

IDLE_SECONDS = 10 * 60
TOUCH_SECONDS = 30
LONGEST_SECONDS = 10 * 3600

NOT_TEXT = "\x00"

PUBLIC = frozenset(
    {
        "account_login", "mfa_authenticate", "mfa_login_webauthn", "account_inactive",
        "account_start", "blank", "desk:language", "language", "account_logout",
    }
)  # fmt: skip
"""Pages without a session. Everything else asks for one; a new page is closed until listed."""

SETTING_UP = frozenset(
    {
        "mfa_activate_totp", "mfa_add_webauthn", "account_security", "mfa_index",
        "account_logout", "leave", "panic", "desk:language", "language", "blank",
    }
)  # fmt: skip
"""What somebody may open who has no second factor yet."""

UNLOCKING = frozenset(
    {
        "locked", "mfa_reauthenticate", "mfa_reauthenticate_webauthn", "account_logout", "leave",
        "panic", "lock", "blank", "desk:language", "language",
    }
)  # fmt: skip

RENEWED = frozenset({"desk:job", "desk:import"})
"""Pages that ask for themselves again: no sign that anybody sits there."""


class Open:
    """Nothing is served when the keys are put away, and nothing may be kept by the browser."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request) if site.is_open() else _locked()
        # Nor is what was asked for before and made meanwhile; who put them away is answered.
        if not site.is_open() and not _put_away(request):
            response.close()
            response = _locked()
        static = request.path.startswith("/static/")
        if not static:
            response["Cache-Control"] = "no-store, private"
            response["Pragma"] = "no-cache"
            response["Vary"] = "Accept-Encoding, Cookie, HX-Request, Accept-Language"
        response["Cross-Origin-Opener-Policy"] = "same-origin"
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        response["Permissions-Policy"] = (
            "camera=(), microphone=(), geolocation=(), clipboard-read=(), payment=(), usb=(), "
            "interest-cohort=(), publickey-credentials-get=(self), "
            "publickey-credentials-create=(self)"
        )
        return response


def _locked() -> HttpResponseBase:
    return HttpResponse(
        locked.TEXT, status=503, content_type="text/plain; charset=utf-8"
    )  # fmt: skip


def _put_away(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and match.view_name == "panic"


class Inside:
    """Who is signed in fully and awake goes on; everybody else is sent where that is mended."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        match = request.resolver_match
        if (
            match is not None
            and match.view_name == "account_logout"
            and request.method == "POST"
        ):
            clear(response)
        return response

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponseBase | None:
        if _unwritable(request):
            raise BadRequest("a sign that no text may hold")
        match = request.resolver_match
        name = match.view_name if match is not None else ""
        if getattr(view, "open_to_all", False) or request.path.startswith("/static/"):
            return None
        account = request.user
        if not account.is_authenticated:
            return None if name in PUBLIC else go(request, "account_login", back=True)
        now = timezone.now().timestamp()
        began = request.session.get(BEGAN, 0)
        ended = account.not_before
        if now - began > LONGEST_SECONDS or (ended is not None and began <= ended.timestamp()):
            logout(request)
            return clear(go(request, "account_login"))
        if LOCKED not in request.session and now - request.session.get(SEEN, 0) > IDLE_SECONDS:
            lock(request)
        if is_locked(request):
            return None if name in UNLOCKING else clear(go(request, "locked", back=True))
        if signed_in_at(request) is None:
            if has_factor(account):  # set up elsewhere meanwhile: sign in with it
                logout(request)
                return go(request, "account_login")
            return None if name in SETTING_UP else go(request, "account_security")
        by_itself = name in RENEWED and request.headers.get("HX-Request") == "true"
        if not by_itself and now - request.session.get(SEEN, 0) > TOUCH_SECONDS:
            request.session[SEEN] = now
        return None

    def process_exception(
        self, request: HttpRequest, error: Exception
    ) -> HttpResponseBase | None:
        """Refusals become pages: hidden and missing people look alike."""
        from django.http import Http404

        from onward.registry.permissions.access import Hidden, Refused, SignInAgain

        if isinstance(error, Hidden):
            raise Http404 from None
        if isinstance(error, SignInAgain):
            return sign_in_again(request)
        if isinstance(error, Refused):
            return render(request, "account/refused.html", {"why": str(error)}, status=403)
        if isinstance(error, OnwardError):
            return render(request, "account/cannot.html", {"why": str(error)}, status=422)
        return None


def _unwritable(request: HttpRequest) -> bool:
    """Whether what was sent holds the sign that no form gives and a server's database takes nowhere."""
    sent = (request.GET, request.POST) if request.method == "POST" else (request.GET,)
    return NOT_TEXT in request.path or any(
        NOT_TEXT in text
        for form in sent
        for name, every in form.lists()
        for text in (name, *every)
    )


def go(request: HttpRequest, name: str, *, back: bool = False) -> HttpResponse:
    """Send somebody to another page; a fragment's request moves the whole page there."""
    address = reverse(name)
    if (
        back
        and request.method == "GET"
        and not request.GET
        and request.headers.get("HX-Request") is None
    ):
        from urllib.parse import urlencode

        address = f"{address}?{urlencode({'next': request.path})}"
    if request.headers.get("HX-Request") == "true":
        response = HttpResponse(status=200)
        response["HX-Redirect"] = address
        return response
    return HttpResponseRedirect(address, status=303 if request.method == "POST" else 302)


def sign_in_again(request: HttpRequest) -> HttpResponse:
    """To the fresh sign-in, and back to where `next` says or, for a page, to the same page."""
    from urllib.parse import urlencode

    from django.utils.http import url_has_allowed_host_and_scheme

    wanted = request.POST.get("next", "") if request.method == "POST" else request.path
    if not url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        wanted = "/"
    response = go(request, "mfa_reauthenticate")
    where = "HX-Redirect" if "HX-Redirect" in response else "Location"
    response[where] = f"{response[where]}?{urlencode({'next': wanted})}"
    return response


def clear(response: HttpResponseBase) -> HttpResponseBase:
    """What the browser has kept of these pages is dropped."""
    response["Clear-Site-Data"] = '"cache", "storage"'
    return response
