"""What a server writes about the statements it is sent: its log, its statistics, its lists of sessions.

The log is turned up as far as it goes on a server of the run's own. Names, document numbers and accounts
of persecution are sealed before they are sent, so none of it may show them; events are not, so the desk
refuses a server that writes statements down.
"""

from __future__ import annotations

import contextlib

import pytest
from test_canaries import CANARIES, day, hits, walk  # noqa: F401  (day is a fixture)

from onward.errors import OnwardError

LOUD = {
    "log_statement": "all", "log_min_duration_statement": "0", "log_duration": "on",
    "log_parameter_max_length": "-1", "log_parameter_max_length_on_error": "-1",
    "log_error_verbosity": "verbose", "log_min_error_statement": "debug5",
    "log_min_messages": "debug1", "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0", "auto_explain.log_verbose": "on",
    "auto_explain.log_analyze": "on", "debug_print_parse": "on", "debug_print_plan": "on",
}  # fmt: skip


@pytest.fixture
def server(small):
    from django.db import connection

    if connection.vendor == "postgresql":
        import sys

        return sys.modules["onward_test_postgres_server"].running()
    return None


def set_to(server, **settings: str) -> None:
    """Settings of this database, for every connection that comes; this process's own comes anew."""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    for setting, value in settings.items():
        server.sql(name, f"ALTER DATABASE \"{name}\" SET {setting} = '{value}'")
    connection.close()


def test_a_log_turned_up_as_far_as_it_goes_holds_no_name_number_or_story(day, server):  # noqa: F811
    from django.db import connection
    from django.db.utils import DatabaseError

    from onward.registry.models import Identity

    if server is None:  # the embedded store writes no log
        return
    operation, _spool, _here, persons = day
    name = connection.settings_dict["NAME"]
    server.sql(name, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    set_to(server, **LOUD)
    before = len((server.folder / "log").read_bytes())
    words = dict(zip(("name.full.latin", "document.passport", "sealed.claim", "narrative"),
                     CANARIES, strict=False))  # fmt: skip
    operation.vault.put({persons[0]: words})
    shown, _ = walk(operation, persons)
    assert len(shown) > 50
    # Statements that fail are written with what they were sent, and with the row that was in the way.
    row = Identity.objects.filter(person=persons[0]).first()
    for wrong in ("double", "text"):
        with contextlib.suppress(DatabaseError):
            if wrong == "double":
                row.pk, row._state.adding = None, True
                row.save(force_insert=True)
            else:
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT 1 / (length(person) - length(person)) FROM onward_identity"
                    )
    said = (server.folder / "log").read_bytes()[before:]
    assert b"onward_identity" in said, "nothing was logged, so nothing would be found"
    assert b"Query Text" in said, "plans were not logged"
    assert b"division by zero" in said
    assert hits(said) == []
    for view in ("pg_stat_activity", "pg_stat_statements"):
        found = server.sql(name, f"SELECT * FROM {view}").encode()
        assert found
        assert hits(found) == [], view
    other = server.sql(
        name,
        "SELECT query FROM pg_stat_activity WHERE usename = 'onward_desk'",
        "onward_report",
    )
    assert set(other.split("\n")) <= {"<insufficient privilege>", ""}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("log_statement", "all"),
        ("log_statement", "mod"),
        ("log_min_duration_statement", "0"),
        ("log_min_duration_sample", "100"),
        ("auto_explain.log_min_duration", "0"),
        ("log_parameter_max_length_on_error", "-1"),
        ("debug_print_parse", "on"),
    ],
)
def test_the_desk_does_not_open_where_the_server_writes_down_what_it_is_sent(
    small, server, setting, value
):
    from onward.registry.web import starting

    if server is None:
        return
    starting.check_store()
    more = {"session_preload_libraries": "auto_explain"} if "auto_explain" in setting else {}
    set_to(server, **more, **{setting: value})
    with pytest.raises(OnwardError, match=setting.replace(".", r"\.")):
        starting.check_store()


def test_the_engine_stops_before_it_writes_and_says_nothing_of_what_it_held(
    tmp_path, monkeypatch
):
    """Far less memory than a sort needs: no temporary file, and no value in the refusal."""
    import tempfile

    import pyarrow as pa

    from onward.engine import DuckEngine, Stage

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rows = 400_000
    held = pa.table(
        {"n": range(rows), "word": [f"{CANARIES[n % 200]}{n}" for n in range(rows)]}
    )
    stage = Stage(
        "sorted",
        "SELECT word, count(*) AS n FROM held GROUP BY word ORDER BY word DESC",
        keep=True,
    )
    with pytest.raises(OnwardError) as refused:
        DuckEngine(memory_gb=0.02, threads=1).run([stage], {"held": held}, ["sorted"])
    assert hits(str(refused.value).encode()) == []
    assert refused.value.__cause__ is None
    assert list(tmp_path.rglob("*")) == []
