"""What every page shows of the registry: open alarms, to those who look at them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject


def alarms(request: HttpRequest) -> dict[str, Any]:
    """`open_alarms`: a list, worked out when a page asks for it."""

    def found() -> list[Any]:
        from onward.registry.permissions.alarms import alarms_for

        account = getattr(request, "user", None)
        if account is None or not account.is_authenticated:
            return []
        return list(alarms_for(account)[:20])

    return {
        "open_alarms": SimpleLazyObject(found),
        "demonstration_code": SimpleLazyObject(lambda: _code(request)),
    }


def _code(request: HttpRequest) -> str:
    """In a demonstration, the code that a demonstration account's app would show."""
    from onward.registry.permissions.demo_accounts import code_now
    from onward.registry.site import current

    if not current().demonstration:
        return ""
    stage = getattr(request, "_login_stage", None)
    account = stage.login.user if stage is not None else getattr(request, "user", None)
    return code_now(account) if getattr(account, "demonstration", False) else ""
