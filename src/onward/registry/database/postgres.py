"""The record on a PostgreSQL server, for teams: roles, row-level security, partitions, bulk load.

Exists so that several desks can work on one record. Three roles: an *owner* who makes tables and
nothing else, the desk's own role, which may add events and never change one, and a *report* role
that reads a few views of stages and places and no facts. Row-level security is a second wall behind the program's own:
a connection that has not said which operation it serves sees nothing. Every key leads with the
operation, so that tables can be partitioned by it here, or distributed by it elsewhere.
"""

from __future__ import annotations

import csv
import ipaddress
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from onward.errors import OnwardError, one_of
from onward.registry.log import checkpoints

if TYPE_CHECKING:
    from onward.registry.site import Site

OWNER_VARIABLE = "ONWARD_STORE_OWNER"
"""The user who owns the tables, named while they are made or upgraded."""

REPORT_ROLE = "onward_report"
OPERATION = "onward.operation"
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

VERIFIED = ("verify-full", "verify-ca")
"""What `sslmode` may say of a server on another machine."""

QUIET = {
    "log_statement": ("none", "ddl"),
    "log_min_duration_statement": ("-1",),
    "log_min_duration_sample": ("-1",),
    "log_transaction_sample_rate": ("0",),
    "log_parameter_max_length_on_error": ("0",),
    "auto_explain.log_min_duration": ("-1",),
    "debug_print_parse": ("off",),
    "debug_print_rewritten": ("off",),
    "debug_print_plan": ("off",),
}
"""Settings by which a server writes down what it is sent, and what they may be: events are not sealed
on their way to it, and a log is kept, copied and read by others than the database is."""

ONLY_ADDED = ("onward_event", "onward_tree_head", "onward_access_log", "onward_grant")
SHARED = (
    "auth_group", "auth_group_permissions", "auth_permission", "django_content_type", "django_migrations",
)  # fmt: skip
"""Tables that say nothing of any operation: what the program's tables are."""
OLDEST = 130000
MISSING = (
    "A record on a server needs the team's packages. Install them with: "
    'pip install "onward[desk,team]"'
)


def database_settings(site: Site) -> dict[str, Any]:
    """Django's DATABASES entry for a server address; passwords are libpq's business."""
    try:
        from psycopg.conninfo import conninfo_to_dict
    except ModuleNotFoundError:
        raise OnwardError(MISSING) from None
    try:
        parts = dict(conninfo_to_dict(site.store))
    except Exception:
        raise OnwardError(
            "store in operation.toml is not a server address; expected one such as "
            "postgresql://desk@server/onward"
        ) from None
    options = {
        name: value for name, value in parts.items()
        if name not in ("dbname", "user", "host", "port", "password")
    }  # fmt: skip
    remote = any(map(_remote, _hosts(parts)))
    options.setdefault("sslmode", "verify-full" if remote else "prefer")
    if remote and options["sslmode"] not in VERIFIED:
        raise OnwardError(
            f"store in operation.toml asks for sslmode={options['sslmode']}: whoever stands between "
            f"could read the record. Expected {one_of(VERIFIED)} to a server on another machine."
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.get("dbname", ""),
        "USER": parts.get("user", ""),
        "PASSWORD": "",
        "HOST": parts.get("host", ""),
        "PORT": str(parts.get("port", "")),
        "OPTIONS": options,
        "ATOMIC_REQUESTS": False,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }


def _hosts(parts: Mapping[str, Any]) -> list[str]:
    """Every host that libpq would try for an address: several, a number, or the environment's."""
    given = [
        str(parts.get(name) or os.environ.get(variable, ""))
        for name, variable in (("host", "PGHOST"), ("hostaddr", "PGHOSTADDR"))
    ]
    return [host.strip() for text in given for host in text.split(",")]


def _in_clear(wire: Any) -> bool:
    """Whether a connection (libpq's) leaves this machine without TLS, however it came about."""
    address = wire.hostaddr.decode()
    try:
        away = not ipaddress.ip_address(address).is_loopback
    except ValueError:  # a socket of this machine
        return False
    return away and not wire.ssl_in_use


def _remote(host: str) -> bool:
    return (
        bool(host)
        and not host.startswith("/")
        and host not in ("localhost", "127.0.0.1", "::1")
    )


def on_connect(connection: Any, **_: Any) -> None:
    """Say which operation this connection serves; without it row-level security shows nothing.

    A server compiles what looks costly (`jit`): that pays for statements of minutes, and ours answer pages.
    """
    from onward.registry.site import current, is_open

    if connection.vendor == "postgresql" and is_open():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config(%s, %s, false), set_config('jit', 'off', false)",
                [OPERATION, current().operation],
            )


def as_owner(connection: Any) -> Any:
    """A context in which the connection is the owner's; raises when nobody named the owner."""
    return _Owner(connection)


class _Owner:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._user = connection.settings_dict["USER"]

    def __enter__(self) -> None:
        owner = os.environ.get(OWNER_VARIABLE, "")
        if not owner:
            raise OnwardError(
                "The tables on the server have to be made or upgraded. Do it once as their owner: "
                f"{OWNER_VARIABLE}=onward_owner onward verify DIR"
            )
        self._connection.close()
        self._connection.settings_dict["USER"] = owner

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._connection.settings_dict["USER"] = self._user


# ---------------------------------------------------------------------------------------------
# Tables: partitions, grants, row-level security
# ---------------------------------------------------------------------------------------------


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
    _guard_partition(cursor, partition_of(operation))


def _guard_partition(cursor: Any, name: str) -> None:
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


def check_server(connection: Any) -> None:
    """Refuse a server or a role that is not what the record needs."""
    wrong = []
    with connection.cursor() as cursor:
        if _in_clear(connection.connection.pgconn):
            wrong.append("the connection leaves this machine without TLS")
        cursor.execute("SELECT current_setting('server_version_num')::int")
        if cursor.fetchone()[0] < OLDEST:
            wrong.append("the server is older than PostgreSQL 13")
        cursor.execute("SELECT pg_is_in_recovery()")
        if cursor.fetchone()[0]:
            wrong.append("this is a replica; decisions are never made on one")
        cursor.execute(
            "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        superuser, bypass = cursor.fetchone()
        if superuser or bypass:
            wrong.append("the desk's role is a superuser or passes row-level security by")
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute("SELECT current_setting(%s)", [setting])
            if (value := cursor.fetchone()[0]) in ("off", "local"):
                wrong.append(f"{setting} is {value}: a commit would not survive a power cut")
        for setting, quiet in QUIET.items():
            cursor.execute("SELECT current_setting(%s, true)", [setting])
            if (value := cursor.fetchone()[0]) not in (None, "", *quiet):
                wrong.append(
                    f"{setting} is {value}: the server's log would hold events in clear"
                )
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relname = 'onward_event' "
            "AND relrowsecurity AND relforcerowsecurity"
        )
        if not cursor.fetchone()[0]:
            wrong.append("row-level security is not forced on the events")
        cursor.execute(
            "SELECT has_table_privilege(current_user, 'onward_event', 'UPDATE') "
            "OR has_table_privilege(current_user, 'onward_event', 'DELETE') "
            "OR has_table_privilege(current_user, 'onward_event', 'TRUNCATE')"
        )
        if cursor.fetchone()[0]:
            wrong.append("the desk's role may change or remove events")
        cursor.execute(
            "SELECT count(*) FROM pg_roles, unnest(%s::text[]) AS t(name) WHERE rolname = %s "
            "AND has_table_privilege(pg_roles.oid, t.name, 'SELECT')",
            [list(dict.fromkeys(["onward_thing_now", *(v[0] for v in REPORTED.values())])),
             REPORT_ROLE],
        )  # fmt: skip
        if cursor.fetchone()[0]:
            wrong.append("the report role may read whole tables instead of its views")
    if wrong:
        raise OnwardError(
            "The record is not opened: "
            + "; ".join(wrong)
            + ". See docs/how-to/run-on-postgresql.md."
        )


# ---------------------------------------------------------------------------------------------
# Bulk load and snapshots
# ---------------------------------------------------------------------------------------------


class NewPartition:
    """The partition of an operation that takes over a whole record, filled before it is one.

    Exists because an index that grows row by row takes most of the time of a load. The owner
    fills a table beside the log that has no index yet, makes all of them at once, and puts it
    in the place of the partition, in one transaction: a fault, and nothing has happened. Nobody
    writes to the operation meanwhile; others' readers wait only while the place is taken.
    """

    def __init__(self, cursor: Any, operation: str) -> None:
        self._cursor, self._operation = cursor, operation
        self._old = partition_of(operation)
        self.name = f"{self._old}_new"
        self._run("LOCK TABLE {old} IN SHARE MODE")
        self._run(
            "CREATE TABLE {new} (LIKE onward_event INCLUDING DEFAULTS, "
            "CONSTRAINT of_one_operation CHECK (operation = {operation}))"
        )
        self._run("INSERT INTO {new} SELECT * FROM onward_event WHERE operation = {operation}")

    @staticmethod
    def possible(cursor: Any, operation: str) -> bool:
        """Whether this connection owns the operation's partition. Two operations may be called
        nearly the same, and only the first of them has the partition of that name."""
        cursor.execute(
            "SELECT count(*) FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = to_regclass('onward_event') AND c.relname = %s "
            "AND pg_get_userbyid(c.relowner) = current_user "
            "AND pg_get_expr(c.relpartbound, c.oid) "
            "= 'FOR VALUES IN (' || quote_literal(%s::text) || ')'",
            [partition_of(operation), operation],
        )
        return bool(cursor.fetchone()[0])

    def take_place(self) -> None:
        """Make the keys and indexes of the log, and become its partition."""
        cursor = self._cursor
        cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = 'onward_event'::regclass AND contype IN ('p', 'u')"
        )
        for (key,) in cursor.fetchall():
            self._run("ALTER TABLE {new} ADD " + key)
        cursor.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index AS i "
            "WHERE indrelid = 'onward_event'::regclass AND NOT EXISTS "
            "(SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)"
        )
        for (text,) in cursor.fetchall():
            self._run("CREATE INDEX ON {new} USING " + text.partition(" USING ")[2])
        self._detach()
        self._run("DROP TABLE {old}")
        self._run("ALTER TABLE {new} RENAME TO {old}")
        self._run("ALTER TABLE onward_event ATTACH PARTITION {old} FOR VALUES IN ({operation})")
        self._run("ALTER TABLE {old} DROP CONSTRAINT of_one_operation")
        _guard_partition(cursor, self._old)

    def _detach(self) -> None:
        """Take the old partition out. To wait for it makes every reader of the log wait behind,
        so it is asked for briefly and again, and they read in between."""
        from django.db import OperationalError, transaction

        self._cursor.execute(f"SET LOCAL lock_timeout = '{ASK_SECONDS}s'")
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with transaction.atomic():
                    self._run("ALTER TABLE onward_event DETACH PARTITION {old}")
                return
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", "") != LOCKED:
                    raise
                if time.monotonic() > until:
                    raise
                time.sleep(ASK_SECONDS)

    def _run(self, text: str) -> None:
        from psycopg import sql

        statement = sql.SQL(text).format(  # type: ignore[arg-type]
            old=sql.Identifier(self._old),
            new=sql.Identifier(self.name),
            operation=sql.Literal(self._operation),
        )
        self._cursor.execute(statement.as_string(self._cursor.connection))


PATIENCE_SECONDS = 60
"""How long a load that is ready waits for those who are reading the log."""
ASK_SECONDS = 2
"""How long it makes others wait at a time."""
LOCKED = "55P03"
"""What a server answers when a lock was not to be had in time."""


def copy_rows(
    cursor: Any, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Write rows by COPY. It does not go past row-level security, so it fills a table of this
    transaction first, from which the rows are taken."""
    names = ", ".join(columns)
    cursor.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS incoming ON COMMIT DROP AS SELECT {names} FROM {table} "
        "WITH NO DATA"
    )
    cursor.execute("TRUNCATE incoming")
    with cursor.cursor.copy(f"COPY incoming ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM incoming")


PART_BYTES = 4 * 2**20
"""How much of a table is in memory at once while it is backed up."""


def snapshot(
    add: Callable[[str, bytes], None], operation: str
) -> tuple[dict[str, Any], checkpoints.Checkpoint]:
    """Every table of the operation as of one instant, as CSV in parts; see `backup`.

    add  called with the name and the bytes of each part, in order; nothing is written here
    """
    import base64

    from django.db import connection, transaction
    from psycopg import sql

    wrapped: dict[str, Any] = {"wrapped": [], "graves": []}
    keep = {"onward_wrapped_key": "wrapped", "onward_grave": "graves"}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for table, _ in tables(cursor):
            if table == "onward_wrapped_key" or table in SHARED:
                continue
            # Row-level security says the same; a backup does not hang on it alone.
            text = sql.SQL(
                "COPY (SELECT * FROM {} WHERE operation = {}) TO STDOUT (FORMAT csv, HEADER)"
            ).format(sql.Identifier(table), sql.Literal(operation))
            with cursor.cursor.copy(text) as copy:
                number, part = 1, bytearray()
                for data in copy:
                    part += data
                    if len(part) >= PART_BYTES:
                        add(f"tables/{table}.csv.{number:06}", bytes(part))
                        number, part = number + 1, bytearray()
                add(f"tables/{table}.csv.{number:06}", bytes(part))
        for table, name in keep.items():
            cursor.execute(f'SELECT * FROM "{table}" WHERE operation = %s', [operation])
            columns = [column[0] for column in cursor.description]
            wrapped[name] = [
                {
                    key: base64.b64encode(bytes(value)).decode()
                    if isinstance(value, memoryview | bytes)
                    else value
                    for key, value in zip(columns, row, strict=True)
                }
                for row in cursor.fetchall()
            ]
        cursor.execute(
            "SELECT size, root, recorded FROM onward_tree_head WHERE operation = %s "
            "ORDER BY size DESC LIMIT 1",
            [operation],
        )
        row = cursor.fetchone() or (0, b"", "")
    origin = checkpoints.origin_of(operation)
    return wrapped, checkpoints.Checkpoint(origin, row[0], bytes(row[1]), row[2])


def load_snapshot(found: Mapping[str, bytes]) -> None:
    """Fill the tables of a new database from a snapshot (table -> CSV), as their owner."""
    from django.db import connection, transaction

    with as_owner(connection), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM onward_event")
        if cursor.fetchone()[0]:
            raise OnwardError("The database is not empty; restore into a new one.")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for table, _ in _parents_first(cursor):
            if table in found and table not in SHARED:
                _load_table(cursor, table, found[table])


def _load_table(cursor: Any, table: str, data: bytes) -> None:
    # This is what somebody restores: a name in it is a name and never more of a statement.
    head = data.partition(b"\n")[0].decode()
    quoted = (name.replace('"', '""') for name in next(csv.reader([head])))
    names = ", ".join(f'"{name}"' for name in quoted)
    cursor.execute(f'DELETE FROM "{table}"')
    cursor.execute(
        f'CREATE TEMP TABLE incoming_rows ON COMMIT DROP AS SELECT {names} FROM "{table}" '
        "WITH NO DATA"
    )
    copy_in = f"COPY incoming_rows ({names}) FROM STDIN (FORMAT csv, HEADER)"
    with cursor.cursor.copy(copy_in) as copy:
        for start in range(0, len(data), 2**20):
            copy.write(data[start : start + 2**20])
    cursor.execute(f'INSERT INTO "{table}" ({names}) SELECT {names} FROM incoming_rows')
    cursor.execute("DROP TABLE incoming_rows")
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attidentity <> ''",
        [f'"{table}"'],
    )
    for (column,) in cursor.fetchall():
        cursor.execute(
            f'SELECT setval(pg_get_serial_sequence(%s, %s), max("{column}")) '
            f'FROM "{table}" HAVING max("{column}") IS NOT NULL',
            [f'"{table}"', column],
        )


def _parents_first(cursor: Any) -> Iterator[tuple[str, bool]]:
    """Tables so ordered that what a row points to is there before it."""
    cursor.execute(
        "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint "
        "WHERE contype = 'f'"
    )
    needs: dict[str, set[str]] = {}
    for child, parent in cursor.fetchall():
        if child != parent:
            needs.setdefault(child.strip('"'), set()).add(parent.strip('"'))
    left = dict(tables(cursor))
    while left:
        ready = [name for name in left if not needs.get(name, set()) & left.keys()]
        for name in ready or list(left):
            yield name, left.pop(name)


def copy_line(row: Sequence[Any]) -> str:
    """One row in COPY's text form; used where rows are made by several processes."""
    words = "".join([value for value in row if type(value) is str])
    if "\\" in words or "\n" in words or "\t" in words or "\r" in words:
        return "\t".join(map(_copy_text, row)) + "\n"
    return "\t".join([v if type(v) is str else _copy_text(v) for v in row]) + "\n"


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _copy_text(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, str):
        if "\\" in value or "\n" in value or "\t" in value or "\r" in value:
            return value.translate(_ESCAPES)
        return value
    return str(value)
