"""What grows with people can be spread over servers by operation: read from the real schema."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from registry_cast import BY_OPERATION

UNIQUE = """
    SELECT c.relname, i.relname, a.attname
    FROM pg_index x
    JOIN pg_class c ON c.oid = x.indrelid
    JOIN pg_class i ON i.oid = x.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[0]
    WHERE n.nspname = 'public' AND NOT c.relispartition AND x.indisunique
"""
TYPES = """
    SELECT c.relname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND NOT c.relispartition AND c.relkind IN ('r', 'p')
      AND a.attname = 'operation'
"""
SECURED = """
    SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
           pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE NOT c.relispartition
"""
TRIGGERED = """
    SELECT c.relname, p.prosrc FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE NOT t.tgisinternal
"""
POINTS = """
    SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
    WHERE contype = 'f'
"""


@pytest.fixture
def cursor(small):
    from django.db import connection

    if connection.vendor != "postgresql":
        yield None
        return
    with connection.cursor() as found:
        yield found


def test_every_key_of_the_record_leads_with_the_operation_and_points_nowhere_else(cursor):
    if cursor is None:
        return  # the same suite runs on a server too
    cursor.execute(UNIQUE)
    leads: dict[str, set[str]] = {}
    for table, _, column in cursor.fetchall():
        leads.setdefault(table, set()).add(column)
    assert {
        table for table, columns in leads.items() if columns == {"operation"}
    } == BY_OPERATION
    cursor.execute(POINTS)
    pointing = {name.strip('"') for pair in cursor.fetchall() for name in pair}
    assert pointing
    assert not pointing & BY_OPERATION


def test_what_keeps_the_record_asks_nothing_that_another_server_would_have_to_answer(cursor):
    """One type of operation (to lie together), policies and triggers that read no other row."""
    if cursor is None:
        return
    cursor.execute(TYPES)
    kinds = {table: tuple(rest) for table, *rest in cursor.fetchall() if table in BY_OPERATION}
    assert kinds.keys() == BY_OPERATION
    assert len(set(kinds.values())) == 1
    assert {not_null for _, not_null, _ in kinds.values()} == {True}
    cursor.execute(SECURED)
    secured = {table: rest for table, *rest in cursor.fetchall()}
    assert secured.keys() >= BY_OPERATION
    for table in BY_OPERATION:
        forced, reads, writes = secured[table]
        assert forced, table
        assert "SELECT" not in reads.upper() + writes.upper(), table
    cursor.execute(TRIGGERED)
    for table, body in cursor.fetchall():
        if table in BY_OPERATION:
            assert not re.search(r"\b(SELECT|FROM|PERFORM)\b", body.upper()), table


def test_the_page_names_these_tables():
    page = Path(__file__).parents[2] / "docs" / "how-to" / "run-on-postgresql.md"
    section = page.read_text("utf-8").split("## Many operations")[1].split("\n## ")[0]
    assert set(re.findall(r"onward_\w+", section)) >= BY_OPERATION


def test_a_snapshot_of_an_encrypted_record_answers_as_the_record_does(small, tmp_path):
    """On the embedded database and, in the server's suite, on PostgreSQL."""
    import pyarrow.parquet as pq

    from onward.registry.computing.snapshot import open_snapshot, write_snapshot

    region = tmp_path / "region"
    write_snapshot(small, region, storage_is_encrypted=True)
    as_of = small.default_date()
    expected, found = small.caseload(as_of), open_snapshot(region).caseload(as_of)
    assert expected.people.num_rows > 2
    for name, table in expected.tables.items():
        assert found.tables[name].equals(table), name
    assert found.units.equals(expected.units)
    for file in region.rglob("*.parquet"):
        written = repr(pq.ParquetFile(file).read().to_pydict())
        for word in ("Zarifeh", "Nowruzian", "QX7788123", "blue heron"):
            assert word not in written, file
