"""What every page needs: the operation, the day it is as of, the menu, the languages."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language, get_language_info

from onward.desk import here, words
from onward.desk.navigation import menu
from onward.registry import wordings
from onward.registry.models import Alarm, PersonNow
from onward.registry.permissions.roles import load_rules
from onward.registry.signing_in.signin import is_locked


def desk(request: HttpRequest) -> dict[str, Any]:
    """The template variable `desk`, worked out when a page asks for it."""
    return {"desk": SimpleLazyObject(lambda: _desk(request))}


def _nobody() -> bool:
    """Whether the record is still empty; asked by a page that has nobody to show."""
    return not PersonNow.objects.exists()


def _draft() -> bool:
    """Whether the page's words are a translation that nobody approved."""
    return wordings.is_draft(here.operation(), get_language() or "en")


def _desk(request: HttpRequest) -> dict[str, Any]:
    account = getattr(request, "user", None)
    known = bool(account is not None and account.is_authenticated)
    # A locked screen says nothing of whose it is, also where it answers to a wrong code.
    locked = known and is_locked(request)
    inside = known and not locked
    roles = account.roles if inside and account is not None else frozenset()
    rules = load_rules()
    match = request.resolver_match
    area = getattr(request, "area", "") or (getattr(match.func, "area", "") if match else "")
    found = here.operation().settings
    actions = rules.actions_of(roles)
    return {
        "title": found.titled(get_language() or "en"),
        "demonstration": found.demonstration,
        "as_of": here.today() if inside else None,
        "inside": inside,
        "locked": locked,
        "menu": menu(actions, here.rulebook().kinds, area) if inside else [],
        "alarms": Alarm.objects.filter(seen_at=None).count,
        "actions": actions,
        "draft": SimpleLazyObject(_draft),
        "nobody": _nobody,
        "judging": SimpleLazyObject(here.judging),
        "roles": [
            words.translated(rules.roles[name].title)
            for name in sorted(roles)
            if name in rules.roles
        ],
        "languages": [
            {"code": code, "name": get_language_info(code)["name_local"]}
            for code, _ in settings.LANGUAGES
        ],
    }
