"""Alarms: what a person must look at now, seen on every page of those who can act.

Exists because limits that nobody hears about protect nobody. Comes in: a kind, an account, a
person's id. Goes out: a row that stays open until somebody says what was found, and one line in
the security log. No names anywhere.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from onward.errors import OnwardError
from onward.registry.models import Account, Alarm

LOG = logging.getLogger("onward.alarm")

KINDS = {
    "honeytoken": "A person who does not exist was opened.",
    "reveals-hour": "Names of more than 60 people were shown within an hour.",
    "reveals-day": "Names of more than 200 people were shown within a day; the account is frozen.",
    "sign-in": "Many wrong sign-ins; the account waits a quarter of an hour.",
    "second-factor": "Many wrong codes after a right password.",
    "panic": "Somebody pressed the panic button.",
    "accounts": "An administrator made, changed or reset accounts that read cases.",
    "recovery": "A recovery code was used to sign in.",
    "changed": "An account, assignment or recipient was changed in the database itself; it is refused.",
    "breach": "A step happened that failed a hard safeguard.",
    "data-breach": "Somebody reported a breach of data.",
}


def raise_alarm(
    kind: str, *, account: str = "", person: str = "", number: int = 0,
    once_in: timedelta | None = None,
) -> Alarm | None:  # fmt: skip
    """Open an alarm; with `once_in`, not again for the same account within that time."""
    from onward.registry.site import current

    if kind not in KINDS:
        raise KeyError(kind)
    if (
        once_in is not None
        and Alarm.objects.filter(
            kind=kind, account=account, at__gt=timezone.now() - once_in
        ).exists()
    ):
        return None
    alarm = Alarm.objects.create(
        operation=current().operation, kind=kind, account=account, person=person, number=number
    )
    LOG.error("alarm kind=%s account=%s number=%s id=%s", kind, account, number, alarm.pk)
    return alarm


def alarms_for(account: Account) -> QuerySet[Alarm]:
    """Open alarms this account should see: those who handle breaches or accounts see all."""
    from onward.registry.permissions.roles import load_rules

    roles = account.roles if account.is_active else frozenset()
    rules = load_rules()
    if rules.may(roles, "breach.handle") or rules.may(roles, "account.manage"):
        return Alarm.objects.filter(seen_at=None).order_by("-at")
    return Alarm.objects.none()


def text(alarm: Alarm) -> Any:
    from django.utils.translation import gettext

    return gettext(KINDS[alarm.kind])


def close_alarm(alarm: Alarm, by: Account, finding: str) -> None:
    """Say what an alarm was; nobody closes one about their own account."""
    if alarm.account == by.account_id:
        raise OnwardError("This alarm is about your own account: somebody else looks at it.")
    if len(finding.strip()) < 10:
        raise OnwardError("Say what you found, in a sentence, before closing the alarm.")
    Alarm.objects.filter(pk=alarm.pk, seen_at=None).update(
        seen_at=timezone.now(), seen_by=by.account_id, finding=finding.strip()[:400]
    )
