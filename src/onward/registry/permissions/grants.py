"""Who was given what, sealed: accounts, their second factors, assignments, recipients of data.

Exists because whoever administers the database can write into its tables: another role, another
office, a password of their own, another recipient's key. Each of these is written a second time,
when it is given, into a list that is only added to. Every line is sealed under a key that is not
in the database and over the line before it, so that none can be made, changed or moved outside.
In comes a row about to be used; out comes whether it is what was last given. The newest line
stands in every checkpoint, so that taking lines away is found by `registry.log.verify`.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from onward.errors import OnwardError

if TYPE_CHECKING:
    from onward.registry.database.trips import Standing
    from onward.registry.models import Account, Assignment, ExportDecision, Recipient

FIRST = bytes(32)
"""What the first line is sealed over."""

RECIPIENT = (
    "code", "kind", "country", "age_key", "classes", "purposes", "agreement", "agreement_ends",
    "impact_on", "active", "made_by", "confirmed_by",
)  # fmt: skip
TABLE = "onward_grant"


class Changed(OnwardError):
    """Something was changed in the database by other means than the program; it is not used."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not what was given: it was changed in the database itself. It is not "
            "used. Whoever handles breaches has been told."
        )


# -- what is sealed of each ---------------------------------------------------------------------


def of_account(account: Account) -> dict[str, Any]:
    """What an account may do, and its password as a digest of its hash."""
    return {
        "username": account.username,
        "roles": sorted(account.role_ids),
        "office": account.office,
        "organisation": account.organisation,
        "open": bool(account.is_active and account.frozen_at is None),
        "demonstration": account.demonstration,
        "password": hashlib.sha256(account.password.encode()).hexdigest(),
    }


def of_factor(factor: Any) -> str:
    """The digest of what proves a second factor; names and counters of use left out."""
    proving = {
        name: factor.data.get(name)
        for name in ("secret", "credential", "seed", "migrated_codes")
        if name in factor.data
    }
    text = json.dumps([str(factor.type), proving], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def of_recipient(recipient: Recipient) -> dict[str, Any]:
    return {name: _plain(getattr(recipient, name)) for name in RECIPIENT}


def of_assignment(row: Assignment) -> dict[str, Any]:
    return {
        "person": row.person,
        "account": str(row.account_id or ""),
        "organisation": row.organisation,
        "ended": row.until is not None,
    }


def of_decision(decision: ExportDecision) -> dict[str, Any]:
    """A yes or no to an export, with everything it was said to."""
    export = decision.export
    return {
        "export": str(export.pk),
        "account": str(decision.account_id),
        "approves": decision.approves,
        "asked_by": str(export.asked_by_id),
        "profile": export.profile,
        "recipient": str(export.recipient_id),
        "purpose": export.purpose,
        "people": hashlib.sha256(json.dumps(sorted(export.people)).encode()).hexdigest(),
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, list | bool | str) or value is None else str(value)


# -- writing ------------------------------------------------------------------------------------


def seal_account(account: Account) -> None:
    """The account as this object has it was given by the program just now."""
    _write(f"account:{account.pk}", of_account(account))


def seal_password(account: Account) -> None:
    """A new password; everything else stays as it was last given."""
    given = last(f"account:{account.pk}")
    if given is not None:
        now = of_account(account)
        _write(f"account:{account.pk}", {**given, "password": now["password"]})


def seal_closed(account: Account) -> None:
    """The account may do nothing any more; everything else stays as it was last given."""
    given = last(f"account:{account.pk}")
    if given is not None:
        _write(f"account:{account.pk}", {**given, "open": False})


def seal_recipient(recipient: Recipient) -> None:
    _write(f"recipient:{recipient.pk}", of_recipient(recipient))


def seal_assignment(row: Assignment) -> None:
    _write(f"assignment:{row.pk}", of_assignment(row))


def seal_decision(decision: ExportDecision) -> None:
    _write(f"decision:{decision.pk}", of_decision(decision))


def on_account_saved(
    sender: Any, instance: Account, created: bool, update_fields: Any = None, **_: Any
) -> None:
    """A new password is sealed, whoever set it; nothing else is given by saving an account."""
    if not created and (update_fields is None or "password" in update_fields):
        seal_password(instance)


def on_factor_saved(sender: Any, instance: Any, created: bool, **_: Any) -> None:
    """A second factor that was set up. Later writes to it (used, renamed) seal nothing."""
    if created:
        given = last(f"factors:{instance.user_id}") or {}
        _write(f"factors:{instance.user_id}", {**given, str(instance.pk): of_factor(instance)})


def on_factor_deleted(sender: Any, instance: Any, **_: Any) -> None:
    given = last(f"factors:{instance.user_id}") or {}
    left = {name: digest for name, digest in given.items() if name != str(instance.pk)}
    if left != given:
        _write(f"factors:{instance.user_id}", left)


def _write(subject: str, content: Mapping[str, Any]) -> None:
    from onward.registry.log.db_store import DatabaseStore
    from onward.registry.models.accounts import Grant

    with DatabaseStore(_operation()).writing():
        if last(subject) == content:
            return
        newest = Grant.objects.order_by("-number").first()
        number = newest.number + 1 if newest else 1
        before = bytes(newest.seal) if newest else FIRST
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        Grant.objects.bulk_create(
            [Grant(operation=_operation(), number=number, subject=subject, content=text,
                   before=before, seal=_seal(number, subject, text, before))]
        )  # fmt: skip


def _seal(number: int, subject: str, content: str, before: bytes) -> bytes:
    said = json.dumps([_operation(), number, subject, content], ensure_ascii=False)
    return hmac.new(_key(), bytes(before) + said.encode(), hashlib.sha256).digest()


def _key() -> bytes:
    from onward.registry.keyring.keys import derive
    from onward.registry.site import current

    return derive(current().ring.file_key, "grants")


def _operation() -> str:
    from onward.registry.site import current

    return current().operation


# -- asking -------------------------------------------------------------------------------------


def last(subject: str) -> dict[str, Any] | None:
    """What was last given; None when nothing was.

    raises  Changed when the line itself is not the program's
    """
    return several([subject]).get(subject)


def several(subjects: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What was last given to each of these subjects."""
    from onward.registry.database import trips

    if not subjects:
        return {}
    [rows] = trips.ask(_lines_of(subjects))
    return _last_of(rows)


def _lines_of(subjects: Sequence[str]) -> tuple[str, list[str]]:
    """What to ask for the lines of these subjects; `_last_of` reads the answer."""
    # Every page asks this of who opens it, so it is put without building a query.
    marks = ", ".join(["%s"] * len(subjects))
    return (
        f"SELECT number, subject, content, before, seal FROM {TABLE} "
        f"WHERE operation = %s AND subject IN ({marks}) ORDER BY number",
        [_operation(), *subjects],
    )


def _last_of(rows: Iterable[tuple[Any, ...]]) -> dict[str, dict[str, Any]]:
    found = {row[1]: row for row in rows}
    return {subject: _content(*row) for subject, row in found.items()}


def _content(
    number: int, subject: str, text: str, before: bytes, seal: bytes
) -> dict[str, Any]:
    made = _seal(number, subject, text, before)
    if not hmac.compare_digest(made, bytes(seal)):
        raise Changed("The list of what was given")
    content: dict[str, Any] = json.loads(text)
    return content


def account_is_as_given(account: Account) -> bool:
    """Whether an account and its second factors are what the program last made of them."""
    from onward.registry.database import trips

    return _as_given(account, *trips.ask(*_of_account(account.pk)))


@lru_cache(maxsize=1)
def _standing() -> Standing:
    """What every page asks of the account that opens it."""
    from onward.registry.database.trips import Standing
    from onward.registry.models import Account

    return Standing(
        lambda key: [Account.objects.filter(pk=key), *_of_account(key), *_of_assigned(key)]
    )


def account_of(key: Any) -> tuple[Account | None, bool]:
    """The account of a key, and whether it and its second factors are what the program last made
    of them: what every page asks first, in one trip. Which of its assignments nobody gave is
    noted with it."""
    from onward.registry.database import trips

    asked = _standing().of(UUID(str(key)), _operation())
    [accounts, lines, factors, *assigned] = trips.ask(*asked)
    if not accounts:
        return None, False
    accounts[0].forged = _forged(*assigned)
    return accounts[0], _as_given(accounts[0], lines, factors)


def forged(account: Account) -> frozenset[Any]:
    """The assignments of an account, and referrals to its organisation, that are not as they were
    given: they open nothing. Looked at once for an account read for a page, else now."""
    from onward.registry.database import trips

    if account.forged is None:
        return _forged(*trips.ask(*_of_assigned(account.pk)))
    return account.forged


def _of_assigned(key: Any) -> list[Any]:
    """What to ask for the assignments of an account and their lines, in one trip."""
    from django.db import connection
    from django.db.models import Q

    from onward.registry.models import Account, Assignment

    theirs = Account.objects.filter(pk=key).exclude(organisation="")
    rows = Assignment.objects.filter(
        Q(account_id=key) | Q(account=None, organisation__in=theirs.values("organisation")),
        until=None,
    )
    # An id is kept as a type of its own on a server, and as 32 letters in the embedded database.
    name = "id::text" if connection.vendor == "postgresql" else _DASHED
    held, values = rows.values_list("id").query.sql_with_params()
    return [
        rows,
        (
            f"SELECT number, subject, content, before, seal FROM {TABLE} WHERE operation = %s "
            f"AND subject IN (SELECT 'assignment:' || {name} FROM ({held}) AS held) "
            "ORDER BY number",
            [_operation(), *values],
        ),
    ]


_DASHED = "||'-'||".join(
    f"substr(id, {at}, {n})" for at, n in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
)


def _forged(rows: Iterable[Assignment], lines: Iterable[Any]) -> frozenset[Any]:
    newest = {line[1]: line for line in lines}
    given = {}
    for subject, line in newest.items():
        with contextlib.suppress(Changed):
            given[subject] = _content(*line)
    return frozenset(
        row.pk for row in rows if given.get(f"assignment:{row.pk}") != of_assignment(row)
    )


def _of_account(key: Any) -> list[Any]:
    from allauth.mfa.models import Authenticator

    return [
        _lines_of([f"account:{key}", f"factors:{key}"]),
        Authenticator.objects.filter(user_id=key),
    ]


def _as_given(account: Account, lines: Iterable[Any], held: Iterable[Any]) -> bool:
    try:
        given = _last_of(lines)
    except Changed:
        return False
    factors = {str(factor.pk): of_factor(factor) for factor in held}
    return given.get(f"account:{account.pk}") == of_account(account) and factors == given.get(
        f"factors:{account.pk}", {}
    )


def check_recipient(recipient: Recipient) -> None:
    """raises  Changed when a recipient is not as it was entered and confirmed"""
    if last(f"recipient:{recipient.pk}") != of_recipient(recipient):
        report(f"recipient {recipient.pk}")
        raise Changed("This recipient")


def assignments_are_as_given(rows: Iterable[Assignment]) -> bool:
    found = list(rows)
    try:
        given = several([f"assignment:{row.pk}" for row in found])
    except Changed:
        return False
    return all(given.get(f"assignment:{row.pk}") == of_assignment(row) for row in found)


def check_decisions(decisions: Iterable[ExportDecision]) -> None:
    """raises  Changed when a yes, or what it was said to, is not as it was given"""
    found = list(decisions)
    given = several([f"decision:{each.pk}" for each in found])
    for each in found:
        if given.get(f"decision:{each.pk}") != of_decision(each):
            report(f"decision on export {each.export_id}")
            raise Changed("This export, or a decision on it,")


def report(what: str, *, account: str = "") -> None:
    """An alarm and a line in the log: something was changed past the program."""
    from onward.registry.permissions import access_log, alarms

    made = alarms.raise_alarm("changed", account=account, once_in=timedelta(hours=1))
    if made is not None:
        access_log.log(
            None, "account.manage", allowed=False, purpose=f"changed outside: {what}"
        )


def put_back(account: Account) -> bool:
    """Make of an account's row again what was last given; whether it was something else.

    A password that was put there is taken away, and so are second factors: whoever owns the
    account starts again with a new code.
    """
    from allauth.mfa.models import Authenticator
    from django.utils import timezone

    given = last(f"account:{account.pk}") or {
        "username": account.username, "roles": [], "office": "", "organisation": "",
        "open": False, "demonstration": False, "password": "",
    }  # fmt: skip
    account.refresh_from_db()
    if account_is_as_given(account):
        return False
    if of_account(account)["password"] != given["password"]:
        account.set_unusable_password()
    account.username, account.role_ids = given["username"], given["roles"]
    account.office, account.organisation = given["office"], given["organisation"]
    account.demonstration = given["demonstration"]
    account.is_active = given["open"]
    account.frozen_at = None if given["open"] else account.frozen_at or timezone.now()
    account.save()
    factors = last(f"factors:{account.pk}") or {}
    for factor in Authenticator.objects.filter(user_id=account.pk):
        if factors.get(str(factor.pk)) != of_factor(factor):
            factor.delete()
    if set(factors) - {str(f.pk) for f in Authenticator.objects.filter(user_id=account.pk)}:
        Authenticator.objects.filter(user_id=account.pk).delete()
        _write(f"factors:{account.pk}", {})
    seal_account(account)
    return True


# -- what verify and checkpoints ask --------------------------------------------------------------


def head() -> tuple[int, bytes]:
    """The number of lines, and the seal of the newest."""
    from onward.registry.models.accounts import Grant

    newest = Grant.objects.order_by("-number").first()
    return (newest.number, bytes(newest.seal)) if newest else (0, FIRST)


def seals() -> list[bytes]:
    """The seals of the list, in order."""
    from onward.registry.models.accounts import Grant

    return [
        bytes(seal) for seal in Grant.objects.order_by("number").values_list("seal", flat=True)
    ]


def findings() -> list[str]:
    """What is not as it was given, one sentence each."""
    from onward.registry.models import Account, Assignment, ExportDecision, Recipient
    from onward.registry.models.accounts import Grant

    found: list[str] = []
    before, given, broken = FIRST, {}, 0
    for place, row in enumerate(Grant.objects.order_by("number"), 1):
        made = _seal(row.number, row.subject, row.content, row.before)
        if row.number != place or bytes(row.before) != before or bytes(row.seal) != made:
            broken += 1
        before = bytes(row.seal)
        given[row.subject] = row.content
    if broken:
        return [f"The list of what was given was changed in {broken} places."]
    given = {subject: json.loads(content) for subject, content in given.items()}
    wrong = []
    for account in Account.objects.all():
        if not account_is_as_given(account):
            wrong.append(f"Account {account.username} is not as it was given")
    for recipient in Recipient.objects.all():
        if given.get(f"recipient:{recipient.pk}") != of_recipient(recipient):
            wrong.append(f"Recipient {recipient.pk} is not as it was entered")
    for decision in ExportDecision.objects.select_related("export"):
        if given.get(f"decision:{decision.pk}") != of_decision(decision):
            wrong.append(f"A decision on export {decision.export_id} is not as it was given")
    odd = [
        row
        for row in Assignment.objects.all()
        if given.get(f"assignment:{row.pk}") != of_assignment(row)
    ]
    found += [f"{text}: it was changed in the database itself." for text in wrong]
    if odd:
        found.append(f"{len(odd)} assignments of people were not made by the program.")
    there = {str(pk) for pk in Account.objects.values_list("pk", flat=True)}
    gone = [s for s in given if s.startswith("account:") and s.partition(":")[2] not in there]
    if gone:
        found.append(f"{len(gone)} accounts were removed from the database.")
    return found


def seal_what_is_there(model: Callable[[str, str], Any]) -> None:
    """Seal every row as it stands: once, when this list is made for an older record.

    model  gives the class of (application, name), as a migration has it
    """
    here = {"operation": _operation()}
    accounts = list(model("registry", "Account").objects.filter(**here))
    for account in accounts:
        seal_account(account)
    factors = model("mfa", "Authenticator").objects
    for factor in factors.filter(user_id__in=[account.pk for account in accounts]):
        on_factor_saved(None, factor, True)
    for recipient in model("registry", "Recipient").objects.filter(**here):
        seal_recipient(recipient)
    for row in model("registry", "Assignment").objects.filter(**here):
        seal_assignment(row)
    for decision in model("registry", "ExportDecision").objects.filter(**here):
        seal_decision(decision)
