"""What every page shows of the registry: open alarms, to those who look at them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject


def alarms(request: HttpRequest) -> dict[str, Any]:
    """`open_alarms`: a list, worked out when a page asks for it."""

    def found() -> list[Any]:
        from onward.registry.alarms import alarms_for

        account = getattr(request, "user", None)
        if account is None or not account.is_authenticated:
            return []
        return list(alarms_for(account)[:20])

    return {"open_alarms": SimpleLazyObject(found)}
