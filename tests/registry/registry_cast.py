"""The small cast of the registry's tests: Amina, Bilal, Chantal and Dawit, and how they sign in.

Amina is a protection officer of the first camp's office, Bilal interviews beside her, Chantal
supervises, Dawit is a protection officer in another office and must see nothing of the first.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from onward.caseload.events import REGISTERED, Subject, new_event
from onward.registry.permissions.roles import load_rules

OFFICE, ELSEWHERE = "camp-1", "camp-2"
EVERYBODYS = frozenset(load_rules().roles)
"""Roles of an actor in tests that are not about roles."""
BY_OPERATION = frozenset({
    "onward_attachment", "onward_event", "onward_grant", "onward_grave", "onward_identity",
    "onward_person_now", "onward_projection_state", "onward_proposal", "onward_secret",
    "onward_thing_now", "onward_tree_head", "onward_wrapped_key",
})  # fmt: skip
"""The record and what is read off it: tables that can be spread over servers by operation. Accounts,
assignments and other work of the desk have keys of their own and stay on the first server."""


@contextmanager
def naming_the_operation() -> Iterator[list[str]]:
    """Inside, a statement that asks or changes the record and does not say of which operation is a
    fault: with the tables spread over servers, all of them would have to be asked. Gives the statements
    about the record so far."""
    from django.db import connection

    told: list[str] = []

    def watch(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        text = str(sql)
        about = BY_OPERATION.intersection(re.findall(r"\bonward_\w+", text))
        # "WITH NO DATA" takes the form of a table and none of its rows.
        if about and not text.endswith("WITH NO DATA"):
            told.append(text)
            # A key of several columns is compared whole by one database, column by column by the other.
            assert re.search(
                r'\boperation"? (= %s|IN \()|\("\w+"\."operation", [^)]*\) = \(%s'
                r"|^INSERT INTO .*\boperation\b",
                text,
            ), text
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield told


PASSWORD = "walnut-heron-quartz-tulip"


def elsewhere(operation: Any, person: str = "far-1") -> str:
    """Somebody in another office."""
    rulebook = operation.rulebook
    maker = random.Random(f"elsewhere {person}")
    events = [
        new_event(
            rulebook, operation=operation.settings.id, subject=Subject(kind, name),
            kind=REGISTERED, effective="2026-01-20", by="dawit",
            instant=datetime.fromisoformat("2026-06-10T08:00:00+00:00"), random=maker,
            facts=facts, opens=True, idempotency_key=f"elsewhere:{name}",
        )
        for kind, name, facts in (
            ("household", f"house-{person}", {"roster_size": 1}),
            ("person", person, {
                "household": f"house-{person}", "site": ELSEWHERE, "birth": "1990-05-05",
                "sex": "male", "legal": "gc4_protected", "stage": "verified", "place": "in_camp",
            }),
        )
    ]  # fmt: skip
    operation.record(events)
    from onward.registry.now import projection

    projection.ensure(operation)
    return person


def account(
    username: str, *roles: str, office: str = OFFICE, organisation: str = "",
    factor: bool = True, password: str = "",
) -> Any:  # fmt: skip
    """An account with these roles, ready to sign in."""
    from onward.registry.permissions import accounts, demo_accounts

    made, _ = accounts.create_account(
        username, roles=roles, office=office, organisation=organisation
    )
    if password:
        accounts.set_password(made, password)
    else:
        made.password = _hashed()
        made.save(update_fields=["password"])
    if factor:
        made.secret = demo_accounts.give_factor(made)
    made.refresh_from_db()
    return made


@lru_cache(maxsize=1)
def _hashed() -> str:
    """One hash for everybody: making one takes a third of a second, on purpose."""
    from django.contrib.auth.hashers import make_password

    return make_password(PASSWORD)


def cast() -> dict[str, Any]:
    return {
        "amina": account("amina", "protection_officer"),
        "bilal": account("bilal", "interviewer"),
        "chantal": account("chantal", "supervisor"),
        "dawit": account("dawit", "protection_officer", office=ELSEWHERE),
    }


def still_at_work(who: Any) -> Any:
    """A browser in which somebody signed in an hour ago and has worked since."""
    from onward.registry.signing_in.signin import SEEN

    client = signed_in(who, at=datetime.now(UTC) - timedelta(hours=1))
    session = client.session
    session[SEEN] = time.time()
    session.save()
    return client


def signed_in(who: Any, *, at: datetime | None = None, factor: bool = True) -> Any:
    """A browser in which somebody has signed in fully (`factor=False`: by password only)."""
    from allauth.account.internal.flows import login
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.test import Client

    from onward.registry.signing_in.sessions import SessionStore
    from onward.registry.signing_in.signin import BEGAN, SEEN

    instant = at.timestamp() if at else time.time()
    session = SessionStore()
    session[SESSION_KEY] = str(who.pk)
    session[BACKEND_SESSION_KEY] = "onward.registry.signing_in.signin.AccountBackend"
    session[HASH_SESSION_KEY] = who.get_session_auth_hash()
    session[BEGAN] = session[SEEN] = instant
    records = [{"method": "password", "at": instant, "username": who.username}]
    if factor:
        records.append(
            {"method": "mfa", "at": instant, "type": "totp", "reauthenticated": True}
        )
    session[login.AUTHENTICATION_METHODS_SESSION_KEY] = records
    session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = login.user_id_to_str(who)
    session.create()
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return client


def code(secret: str, *, later: int = 0) -> str:
    """What an authenticator app shows."""
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later))


def sign_in(client: Any, username: str, password: str, secret: str) -> Any:
    """Sign in as a person does: name and password, then the code."""
    first = client.post("/sign-in/", {"login": username, "password": password})
    assert first.status_code == 302, first.content.decode()[:2000]
    return client.post(first["Location"], {"code": code(secret)})
