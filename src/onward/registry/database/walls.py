"""Tables on a server: who may read and write which rows, and in what parts the log lies.

Exists because row-level security is a second wall behind the program's own: a connection that has
not said which operation it serves sees nothing. Comes in: the owner's cursor, while tables are made
or upgraded. Goes out: grants, policies and the report role's views on every table; the log in a part
for each operation. Every key leads with the operation, so that tables can be partitioned by it here,
or distributed by it elsewhere.
"""

from __future__ import annotations

from typing import Any

from onward.errors import OnwardError
from onward.registry.database.postgres import OPERATION

REPORT_ROLE = "onward_report"

OF_THIS_OPERATION = (
    f"USING (operation = current_setting('{OPERATION}', true)) "
    f"WITH CHECK (operation = current_setting('{OPERATION}', true))"
)
REPORTED = {
    "onward_report_person": (
        "onward_person_now",
        "person, household, site, office, legal, legal_since, stage, stage_since, place, "
        "place_since, active, adult, sex, registered_on",
        "true",
    ),
    "onward_report_event": (
        "onward_event",
        "seq, subject_kind, subject_id, kind, effective, recorded",
        "subject_kind IN ('person', 'household', 'site')",
    ),
    "onward_report_head": ("onward_tree_head", "size, root, recorded", "true"),
}
"""What the report role may read: view -> (table, columns, rows).

No facts: claims, findings, health, complaints, wishes and dates of birth stand in them, and that a
claim or a complaint exists is one. No salts either: with one, a leaf of the tree could be guessed.
"""

ONLY_ADDED = ("onward_event", "onward_tree_head", "onward_access_log", "onward_grant")
SHARED = (
    "auth_group", "auth_group_permissions", "auth_permission", "django_content_type", "django_migrations",
)  # fmt: skip
"""Tables that say nothing of any operation: what the program's tables are."""


def partition_events(cursor: Any) -> None:
    """Turn the table of events, still empty, into one partitioned by operation."""
    cursor.execute("ALTER TABLE onward_event RENAME TO onward_event_plain")
    cursor.execute(
        "CREATE TABLE onward_event (LIKE onward_event_plain INCLUDING DEFAULTS) "
        "PARTITION BY LIST (operation)"
    )
    cursor.execute("SELECT count(*) FROM onward_event_plain")
    if cursor.fetchone()[0]:
        raise OnwardError("The table of events is not empty; it can no longer be partitioned.")
    cursor.execute(
        "SELECT indexdef FROM pg_indexes WHERE tablename = 'onward_event_plain' "
        "AND schemaname = current_schema() AND indexdef NOT LIKE 'CREATE UNIQUE%%'"
    )
    indexes = [row[0] for row in cursor.fetchall()]
    cursor.execute("DROP TABLE onward_event_plain")
    cursor.execute("ALTER TABLE onward_event ADD PRIMARY KEY (operation, seq)")
    cursor.execute(
        "ALTER TABLE onward_event ADD CONSTRAINT event_key_once UNIQUE (operation, idempotency_key)"
    )
    cursor.execute(
        "ALTER TABLE onward_event ADD CONSTRAINT event_id_once UNIQUE (operation, event_id)"
    )
    for text in indexes:
        cursor.execute(text.replace("onward_event_plain", "onward_event"))
    cursor.execute("CREATE TABLE onward_event_other PARTITION OF onward_event DEFAULT")


def add_partition(cursor: Any, operation: str) -> None:
    """A partition of its own for an operation that has no event yet."""
    from psycopg import sql

    cursor.execute("SELECT 1 FROM onward_event WHERE operation = %s LIMIT 1", [operation])
    if cursor.fetchone():
        return
    statement = sql.SQL(
        "CREATE TABLE IF NOT EXISTS {} PARTITION OF onward_event FOR VALUES IN ({})"
    ).format(sql.Identifier(partition_of(operation)), sql.Literal(operation))
    cursor.execute(statement.as_string(cursor.connection))
    guard_partition(cursor, partition_of(operation))


def guard_partition(cursor: Any, name: str) -> None:
    """What holds for the log holds for whoever names the part directly, as its owner could."""
    from psycopg import sql

    for text in (
        "ALTER TABLE {part} ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE {part} FORCE ROW LEVEL SECURITY",
        "DROP POLICY IF EXISTS of_this_operation ON {part}",
        f"CREATE POLICY of_this_operation ON {{part}} {OF_THIS_OPERATION}",
        "DROP TRIGGER IF EXISTS onward_event_no_truncate ON {part}",
        "CREATE TRIGGER onward_event_no_truncate BEFORE TRUNCATE ON {part} "
        "FOR EACH STATEMENT EXECUTE FUNCTION onward_refuse()",
    ):
        statement = sql.SQL(text).format(part=sql.Identifier(name))
        cursor.execute(statement.as_string(cursor.connection))


def partition_of(operation: str) -> str:
    return (
        "onward_event_of_" + "".join(c if c.isalnum() else "_" for c in operation.lower())[:40]
    )


def without_operation(cursor: Any) -> list[str]:
    """Tables around which no wall can stand yet, because their rows do not say whose they are."""
    return [table for table, known in tables(cursor) if not known and table not in SHARED]


def give_operation(cursor: Any) -> None:
    """Give the tables that packages made (sessions, second factors, failed sign-ins) the operation of
    whoever writes into them, so that `guard` walls them off as it does our own.

    What is there already belongs where its account does; a session or a failed sign-in ends. Run by the
    owner before `guard`, in its transaction; may be run again.
    """
    from psycopg import sql

    found = without_operation(cursor)
    if not found:
        return
    cursor.execute("ALTER TABLE onward_account NO FORCE ROW LEVEL SECURITY")  # until `guard`
    cursor.execute(
        "SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = current_schema() AND a.attname = 'user_id' AND c.relname = ANY(%s)",
        [found],
    )
    of_accounts = {row[0] for row in cursor.fetchall()}
    passing = [sql.Identifier(table) for table in found if table not in of_accounts]
    statements = [sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(passing))] if passing else []
    for table in found:
        name = sql.Identifier(table)
        statements.append(
            sql.SQL("ALTER TABLE {} ADD COLUMN operation varchar(80)").format(name)
        )
        if table in of_accounts:
            statements.append(
                sql.SQL(
                    "UPDATE {} AS row SET operation = account.operation "
                    "FROM onward_account account WHERE account.id = row.user_id"
                ).format(name)
            )
        statements.append(
            sql.SQL(
                f"ALTER TABLE {{}} ALTER COLUMN operation SET DEFAULT current_setting('{OPERATION}'), "
                "ALTER COLUMN operation SET NOT NULL"
            ).format(name)
        )
    for statement in statements:
        cursor.execute(statement.as_string(cursor.connection))


def guard(cursor: Any, desk: str) -> None:
    """Grants and row-level security on every table; run by the owner, may be run again.

    desk  the role the desk connects as
    """
    from psycopg import sql

    role = sql.Identifier(desk)

    def run(text: str, **names: Any) -> None:
        cursor.execute(sql.SQL(text).format(**names).as_string(cursor.connection))

    cursor.execute("SELECT count(*) FROM pg_roles WHERE rolname = %s", [REPORT_ROLE])
    report, reader = bool(cursor.fetchone()[0]), sql.Identifier(REPORT_ROLE)
    for table, has_operation in tables(cursor):
        name = sql.Identifier(table)
        run("REVOKE ALL ON {table} FROM PUBLIC", table=name)
        if desk and table in ONLY_ADDED:
            run("REVOKE ALL ON {table} FROM {role}", table=name, role=role)
            run("GRANT SELECT, INSERT ON {table} TO {role}", table=name, role=role)
        elif desk:
            run(
                "GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}",
                table=name,
                role=role,
            )
        if report:
            run("REVOKE ALL ON {table} FROM {role}", table=name, role=reader)
        if has_operation:
            run("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", table=name)
            run("ALTER TABLE {table} FORCE ROW LEVEL SECURITY", table=name)
            run("DROP POLICY IF EXISTS of_this_operation ON {table}", table=name)
            run(
                f"CREATE POLICY of_this_operation ON {{table}} {OF_THIS_OPERATION}",
                table=name,
            )
    for view, (table, columns, rows) in REPORTED.items():
        # A view reads as its owner, whom row-level security binds as everybody else.
        run(
            "CREATE OR REPLACE VIEW {view} WITH (security_barrier) AS "
            f"SELECT operation, {columns} FROM {table} WHERE {rows}",
            view=sql.Identifier(view),
        )
        run("REVOKE ALL ON {view} FROM PUBLIC", view=sql.Identifier(view))
        if report:
            run("GRANT SELECT ON {view} TO {role}", view=sql.Identifier(view), role=reader)
    if desk:
        run("GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
            schema=sql.Identifier(_schema(cursor)), role=role)  # fmt: skip


def drop_views(cursor: Any) -> None:
    """Take the report role's views away while tables are changed; `guard` makes them again."""
    for view in REPORTED:
        cursor.execute(f"DROP VIEW IF EXISTS {view}")


def tables(cursor: Any) -> list[tuple[str, bool]]:
    """(table, whether it has an operation column) of everything the program made."""
    cursor.execute(
        "SELECT c.relname, EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid "
        "AND a.attname = 'operation' AND NOT a.attisdropped) "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') "
        "AND NOT c.relispartition ORDER BY c.relname"
    )
    return [(row[0], row[1]) for row in cursor.fetchall()]


def _schema(cursor: Any) -> str:
    cursor.execute("SELECT current_schema()")
    return str(cursor.fetchone()[0])
