"""What every view shares: who may come in, pages of a list, keys that make a form count once."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from onward.desk import totals
from onward.registry.permissions import access
from onward.registry.signing_in import signin
from onward.registry.site import current

PAGE = 50
"""Rows on one page of a list."""


def nothing_changed() -> str:
    """What is said of a form none of whose fields must be filled in, when none was."""
    return _(
        "Nothing was filled in or changed, so nothing was recorded. Fill in or change something first."
    )


def page(area: str, *actions: str, methods: Sequence[str] = ("GET",)) -> Callable[..., Any]:
    """A view of an area, open to whoever may do one of these actions somewhere.

    Signing in, second factors and the idle lock are the registry's middleware. The view gets
    `request.reader`, made once, so that lists cost a few queries.
    """

    def wrap(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in (*methods, "HEAD"):
                return render(request, "desk/wrong_method.html", status=405)
            if actions and not any(access.may(request.user, action) for action in actions):
                match = request.resolver_match
                access.require(request.user, *actions, place=match.view_name if match else "")
            request.reader = access.Reader(request.user)  # type: ignore[attr-defined]
            return view(request, *args, **kwargs)

        inner.area = area  # type: ignore[attr-defined]
        return inner

    return wrap


def place(request: HttpRequest) -> str:
    """The page's name for the log of access: never its address."""
    match = request.resolver_match
    return match.view_name if match else ""


def once() -> str:
    """A key for one form: sent twice, it counts once."""
    return "desk:" + secrets.token_urlsafe(18)


def sent_key(request: HttpRequest) -> str:
    """The key under which what a form says is recorded: the form's own, this account's, and what
    was filled in and chosen. The same form sent twice counts once; another one is never taken for it, and
    nobody can choose a key under which somebody else's act, or a breach, would be passed over."""
    given = request.POST.get("key", "")
    if not given:
        return ""
    said = {
        name: request.POST.getlist(name)
        for name in request.POST
        if name not in ("csrfmiddlewaretoken", "revision")
    }
    files = []
    for one in (each for name in sorted(request.FILES) for each in request.FILES.getlist(name)):
        one.seek(0)
        files.append(hashlib.sha256(one.read()).hexdigest())
        one.seek(0)
    text = json.dumps([str(request.user.pk), request.path, said, files], sort_keys=True)
    key = current().derive("keys of forms")
    return "desk:" + hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def done(
    request: HttpRequest, said: str, name: str, *args: Any, look: str = "good", **query: str
) -> HttpResponse:
    """After something was recorded: say so on the page where one goes on.

    look  "held" for what is recorded and asks for more
    """
    messages.success(request, said, extra_tags=look)
    address = reverse(name, args=args)
    return HttpResponseRedirect(address + (f"?{urlencode(query)}" if query else ""), status=303)


TYPED = "desk.typed"
"""Where the sealed session keeps what was typed while somebody signs in again."""


def fresh_or_kept(request: HttpRequest) -> datetime:
    """The instant of a fresh sign-in. Where one is asked for first, what was typed is kept for the
    page that comes after it (`next`), so that nobody writes it twice."""
    try:
        return signin.require_fresh(request)
    except access.SignInAgain:
        said = {
            name: request.POST.getlist(name)
            for name in request.POST
            if name not in ("csrfmiddlewaretoken", "next", "key")
        }
        request.session[TYPED] = {
            "page": request.POST.get("next") or request.path,
            "said": said,
        }
        raise


def typed_before(request: HttpRequest) -> Typed | None:
    """What was typed on this page before its reader was asked to sign in again; told once."""
    if request.method != "GET" or request.session.get(TYPED, {}).get("page") != request.path:
        return None
    return Typed(request.session.pop(TYPED)["said"])


class Typed(dict[str, Any]):
    """Answers as a form takes them to begin with: one value, or several for a list of choices."""

    def __init__(self, said: dict[str, list[str]]) -> None:
        super().__init__({name: one[0] for name, one in said.items() if one})
        self.every = said

    def several(self, *names: str) -> Typed:
        self.update({name: self.every.get(name, []) for name in names})
        return self


@dataclass(frozen=True)
class Page:
    """One page of a list, without counting more than it must."""

    rows: list[Any]
    number: int
    total: int
    query: str

    @property
    def pages(self) -> int:
        return max(-(-self.total // PAGE), 1)

    @property
    def first(self) -> int:
        return (self.number - 1) * PAGE + 1 if self.total else 0

    @property
    def last(self) -> int:
        return min(self.number * PAGE, self.total)

    @property
    def before(self) -> str:
        return self._to(self.number - 1) if self.number > 1 else ""

    @property
    def after(self) -> str:
        return self._to(self.number + 1) if self.number < self.pages else ""

    def _to(self, number: int) -> str:
        return "?" + (f"{self.query}&" if self.query else "") + f"page={number}"


def paged(request: HttpRequest, rows: QuerySet[Any]) -> Page:
    """The page asked for; a number beyond the end shows the last."""
    total = totals.total(rows)
    try:
        number = int(request.GET.get("page", "1"))
    except ValueError:
        number = 1
    number = min(max(number, 1), max(-(-total // PAGE), 1))
    query = request.GET.copy()
    query.pop("page", None)
    start = (number - 1) * PAGE
    return Page(list(rows[start : start + PAGE]), number, total, query.urlencode())
