"""Two operations in one database of one server: neither sees, counts, keeps or backs up the other's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import registry_cast as people

from onward.errors import OnwardError
from onward.registry.database import backup, postgres, walls
from onward.registry.keyring.creating import preparing
from onward.registry.keyring.keys import with_key_file
from onward.registry.log import verify
from onward.registry.opening import create_operation
from onward.registry.settings import Settings, read_settings
from onward.registry.web import starting


@pytest.fixture
def both(small, monkeypatch):
    """The small operation (open) and the folder of "harbour" beside it, each with an officer called
    "amina" who has a second factor and a session; None where the record is in a file of its own."""
    operations = sys.modules["onward_test_site"]
    if operations.DATABASE != "postgresql":
        return None
    people.signed_in(people.account("amina", "auditor"))
    starting.close_site()
    harbour = small.path.with_name("harbour")
    key_file = harbour.with_name("harbour.key")
    _, prepare = preparing("harbour", key_file=key_file)
    monkeypatch.setenv(postgres.OWNER_VARIABLE, "onward_owner")
    made = create_operation(
        harbour,
        Settings(id="harbour", title="Harbour", kind="protected-camp", demonstration=True,
                 store=read_settings(small.path / "operation.toml").store, key_file=str(key_file)),
        rulebook_text=operations.RULEBOOK_PATH.read_text("utf-8"),
        effective="2025-01-01", by="chantal", instant=operations.NOW, prepare=prepare,
    )  # fmt: skip
    monkeypatch.delenv(postgres.OWNER_VARIABLE)
    made.record(operations.small_events(made.rulebook, operation="harbour", seed=11))
    people.signed_in(people.account("amina", "auditor"))
    go(small.path)
    return harbour


def go(folder: Path):
    """Open one of the two in this process."""
    return sys.modules["onward_test_site"].unlocked(folder)


def rows(table: str, operation: str) -> int:
    from django.db import connection

    server = sys.modules["onward_test_site"].server()
    said = f"SET onward.operation = '{operation}'; " if operation else ""
    return int(
        server.sql(
            connection.settings_dict["NAME"],
            f"{said}SELECT count(*) FROM {table}",
            "onward_desk",
        )
    )


def test_every_table_that_says_anything_of_an_operation_shows_it_to_that_one_only(both):
    if both is None:
        return
    from django.db import connection

    with connection.cursor() as cursor:
        assert walls.without_operation(cursor) == []
        walled = [table for table, known in walls.tables(cursor) if known]
    assert {
        "django_session",
        "mfa_authenticator",
        "axes_accessattempt",
        "onward_account",
    } <= set(walled)
    for table in walled:
        assert rows(table, "") == rows(table, "elsewhere") == 0, table
    for table in ("onward_event", "onward_account", "mfa_authenticator", "django_session"):
        assert rows(table, "meridian") > 0, table
        assert rows(table, "harbour") > 0, table


def test_both_are_whole_and_one_of_them_is_backed_up_alone(both, small, tmp_path):
    if both is None:
        return
    file = tmp_path / "chantal.age"
    made = backup.make(small, tmp_path / "b.age", [backup.new_identity(file)])
    assert verify.verify(small).sound
    there = go(both)
    assert verify.verify(there).sound
    assert there.store.head() != small.store.head()
    starting.close_site()
    operations = sys.modules["onward_test_site"]
    store = operations.new_store("alone")
    done = backup.restore(
        made.file, tmp_path / "back", file,
        unlock=lambda folder, _: with_key_file(folder, small.path.with_name("meridian.key")),
        keys_file=made.keys_file, store=store,
    )  # fmt: skip
    assert done.events == made.events
    alone = store.split("@/")[1].split("?")[0]
    for table in ("onward_event", "onward_account", "mfa_authenticator", "django_session"):
        found = operations.server().sql(
            alone, f"SELECT DISTINCT operation FROM {table}", "boss"
        )
        assert found.split() == ["meridian"], table


def test_wrong_passwords_for_one_lock_nobody_out_of_the_other(both, small):
    if both is None:
        return
    from django.test import Client

    def signs_in(password: str, times: int = 1) -> bool:
        browser = Client()
        for _ in range(times):
            answer = browser.post("/sign-in/", {"login": "amina", "password": password})
        return answer.status_code == 302  # on to the second factor

    assert not signs_in("not-this-one", 6)
    assert not signs_in(people.PASSWORD), "locked out"
    go(both)
    assert not signs_in("not-this-one", 2)
    assert signs_in(people.PASSWORD)
    go(small.path)
    assert not signs_in(people.PASSWORD), "still locked out"


def test_a_server_from_before_keeps_every_second_factor_and_ends_every_session(
    both, small, monkeypatch
):
    """Tables made by packages had no operation: it is given where the account says it, for both."""
    if both is None:
        return
    from django.db import connection

    with connection.cursor() as cursor:
        from_packages = [
            table
            for table, known in walls.tables(cursor)
            if known and not table.startswith("onward_")
        ]
    assert len(from_packages) > 4
    operations, name = sys.modules["onward_test_site"], connection.settings_dict["NAME"]
    factors = {which: rows("mfa_authenticator", which) for which in ("meridian", "harbour")}
    starting.close_site()
    for table in from_packages:
        operations.server().sql(
            name,
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY; "
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY; "
            f"DROP POLICY of_this_operation ON {table}; ALTER TABLE {table} DROP COLUMN operation",
        )
    with pytest.raises(OnwardError, match="as their owner"):
        go(small.path)
    starting.close_site()
    monkeypatch.setenv(postgres.OWNER_VARIABLE, "onward_owner")
    go(small.path)
    monkeypatch.delenv(postgres.OWNER_VARIABLE)
    assert {which: rows("mfa_authenticator", which) for which in factors} == factors
    assert all(factors.values())
    assert rows("django_session", "meridian") == rows("django_session", "harbour") == 0
    go(both)
    assert rows("onward_account", "harbour") == 1
