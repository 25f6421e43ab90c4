"""On a server: who may do what in the database itself, whatever the program asks."""

from __future__ import annotations

import pytest

from onward.errors import OnwardError


@pytest.fixture
def server(small):
    from django.db import connection

    if connection.vendor == "postgresql":
        import sys

        return sys.modules["onward_test_postgres_server"].running()
    return None


def name_of(small):
    from django.db import connection

    return connection.settings_dict["NAME"]


def said(server, small, text, user, operation="meridian"):
    return server.sql(
        name_of(small),
        f"SET onward.operation = '{operation}'; {text}" if operation else text,
        user,
    ).strip()


def test_a_connection_that_has_not_said_its_operation_sees_nothing(small, server):
    if server is None:  # the embedded store has one operation and no roles
        return
    for user, event, person in (
        ("onward_desk", "onward_event", "onward_person_now"),
        ("onward_owner", "onward_event", "onward_person_now"),
        ("onward_report", "onward_report_event", "onward_report_person"),
    ):
        assert said(server, small, f"SELECT count(*) FROM {event}", user, "") == "0"
        assert int(said(server, small, f"SELECT count(*) FROM {event}", user)) > 15
        assert said(server, small, f"SELECT count(*) FROM {person}", user, "other") == "0"
    assert said(server, small, "SELECT count(*) FROM onward_identity", "onward_desk", "") == "0"


def test_no_statement_is_compiled_while_somebody_waits(small, server):
    if server is None:  # the embedded store compiles nothing
        return
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SHOW jit")
        assert cursor.fetchone() == ("off",)
    assert said(server, small, "SHOW jit", "onward_desk") == "on", "the server's own setting"


@pytest.mark.parametrize(
    ("user", "text"),
    [
        ("onward_desk", "UPDATE onward_event SET by_whom = 'x'"),
        ("onward_desk", "DELETE FROM onward_event"),
        ("onward_desk", "TRUNCATE onward_event"),
        ("onward_desk", "DROP TRIGGER onward_event_no_change ON onward_event"),
        ("onward_desk", "ALTER TABLE onward_event DISABLE ROW LEVEL SECURITY"),
        ("onward_desk", "SELECT * FROM onward_event_of_meridian"),
        ("onward_owner", "UPDATE onward_event SET by_whom = 'x'"),
        ("onward_owner", "TRUNCATE onward_event"),
        ("onward_report", "SELECT * FROM onward_identity"),
        ("onward_report", "SELECT * FROM onward_wrapped_key"),
        ("onward_report", "SELECT * FROM onward_account"),
        ("onward_report", "SELECT * FROM onward_access_log"),
        ("onward_report", "INSERT INTO onward_thing_now (operation) VALUES ('meridian')"),
        ("onward_report", "SELECT canonical FROM onward_event"),
        ("onward_report", "SELECT facts FROM onward_person_now"),
        ("onward_report", "SELECT facts FROM onward_thing_now"),
        ("onward_report", "SELECT * FROM onward_grant"),
        ("onward_report", "DELETE FROM onward_report_person"),
    ],
)
def test_what_a_role_may_not_do_the_database_refuses(small, server, user, text):
    if server is None:
        return
    with pytest.raises(
        RuntimeError, match=r"permission denied|only ever added to|must be owner"
    ):
        said(server, small, text, user)


def test_an_event_of_another_operation_cannot_be_slipped_in(small, server):
    if server is None:
        return
    columns = "seq,event_id,subject_kind,subject_id,kind,effective,by_whom,recorded,idempotency_key,canonical,salt,leaf"
    with pytest.raises(RuntimeError, match="row-level security"):
        said(
            server, small, f"INSERT INTO onward_event (operation,{columns}) SELECT 'other',{columns} "
            "FROM onward_event LIMIT 1", "onward_desk",
        )  # fmt: skip


def test_events_lie_in_a_partition_of_their_operation_and_keys_lead_with_it(small, server):
    if server is None:
        return
    found = said(
        server, small, "SELECT DISTINCT tableoid::regclass FROM onward_event", "onward_owner"
    )
    assert found == "onward_event_of_meridian"
    keys = server.sql(
        name_of(small),
        "SELECT c.relname || ':' || a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] "
        "WHERE i.indisprimary AND c.relname IN ('onward_event', 'onward_tree_head', "
        "'onward_person_now', 'onward_thing_now', 'onward_identity', 'onward_wrapped_key')",
    ).split()
    assert len(keys) == 6
    assert all(key.endswith(":operation") for key in keys)


def test_the_desk_does_not_open_as_a_superuser(small, server):
    from onward.registry.keyring.keys import with_key_file
    from onward.registry.web import starting

    if server is None:
        return
    folder = small.path
    starting.close_site()
    settings = folder / "operation.toml"
    settings.write_text(settings.read_text("utf-8").replace("onward_desk@", "boss@"), "utf-8")
    key = with_key_file(folder, folder.with_name(folder.name + ".key"))
    with pytest.raises(OnwardError, match="superuser"):
        starting.open_site(folder, key=key)


def test_the_report_role_reads_its_views_and_no_fact_of_anybody(small, server):
    """Whatever it can read at all is dumped, and looked through for facts of the record."""
    if server is None:
        return
    readable = server.sql(
        name_of(small),
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S') "
        "AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('onward_report', c.oid, 'SELECT') "
        "ELSE has_any_column_privilege('onward_report', c.oid, 'SELECT') END ORDER BY 1",
    ).split()
    assert readable == ["onward_report_event", "onward_report_head", "onward_report_person"]
    dump = "".join(
        said(server, small, f"SELECT * FROM {name}", "onward_report") for name in readable
    )
    assert "H1-P1" in dump
    for word in ("non_refoulement", "fear_asked", "pressure", "withdrawn", "fitness", "complaint",
                 "assessment", "consent", "amina"):  # fmt: skip
        assert word not in dump, word


def test_the_desk_does_not_open_where_the_report_role_reads_whole_tables(small, server):
    from django.db import connection

    from onward.registry.web import starting

    if server is None:
        return
    starting.check_store()
    server.sql(name_of(small), "GRANT SELECT ON onward_thing_now TO onward_report")
    with pytest.raises(OnwardError, match="report role"):
        starting.check_store()
    assert connection.vendor == "postgresql"
