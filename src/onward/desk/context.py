"""What every page needs: the operation, the day it is as of, the menu, the languages."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language_bidi, get_language_info
from django.utils.functional import SimpleLazyObject

from onward.desk.navigation import menu
from onward.registry.roles import load_rules
from onward.registry.site import current


def desk(request: HttpRequest) -> dict[str, Any]:
    """The template variable `desk`, worked out when a page asks for it."""
    return {"desk": SimpleLazyObject(lambda: _desk(request))}


def _desk(request: HttpRequest) -> dict[str, Any]:
    account = getattr(request, "user", None)
    inside = bool(account is not None and account.is_authenticated)
    roles = account.roles if inside else frozenset()
    rules = load_rules()
    match = request.resolver_match
    area = getattr(match.func, "area", "") if match else ""
    site = current()
    return {
        "title": site.settings.title,
        "demonstration": site.settings.demonstration,
        "as_of": site.today() if inside else None,
        "inside": inside,
        "menu": menu(rules.actions_of(roles), area) if inside else [],
        "actions": rules.actions_of(roles),
        "roles": [rules.roles[name].title for name in sorted(roles) if name in rules.roles],
        "bidi": get_language_bidi(),
        "languages": [
            {"code": code, "name": get_language_info(code)["name_local"]}
            for code, _ in settings.LANGUAGES
        ],
    }
