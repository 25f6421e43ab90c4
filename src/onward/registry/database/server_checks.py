"""What a server and the desk's role on it must be before the record is opened there.

Exists because a setting may undo what the program promises: a commit that does not survive a power
cut, a log that holds events in clear, a role that passes row-level security by. Comes in: the desk's
connection. Goes out: nothing, or a refusal that names everything that is wrong.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from onward.errors import OnwardError
from onward.registry.database.walls import REPORT_ROLE, REPORTED

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

OLDEST = 130000


def in_clear(wire: Any) -> bool:
    """Whether a connection (libpq's) leaves this machine without TLS, however it came about."""
    address = wire.hostaddr.decode()
    try:
        away = not ipaddress.ip_address(address).is_loopback
    except ValueError:  # a socket of this machine
        return False
    return away and not wire.ssl_in_use


def check_server(connection: Any) -> None:
    """Refuse a server or a role that is not what the record needs."""
    wrong = []
    with connection.cursor() as cursor:
        if in_clear(connection.connection.pgconn):
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
