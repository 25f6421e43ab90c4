"""The record on a PostgreSQL server, for teams: how it is reached, and as whom.

Exists so that several desks can work on one record. Comes in: the server's address as
`operation.toml` has it. Goes out: the desk's settings of the database, a connection that says which
operation it serves, and one that is the owner's while tables are made. Three roles: an *owner* who
makes tables and nothing else, the desk's own, which may add events and never change one, and a
*report* role that reads a few views. What holds between them is in `walls`, what is asked of a
server in `server_checks`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from onward.errors import OnwardError, one_of

if TYPE_CHECKING:
    from onward.registry.site import Site


OWNER_VARIABLE = "ONWARD_STORE_OWNER"
"""The user who owns the tables, named while they are made or upgraded."""

OPERATION = "onward.operation"

VERIFIED = ("verify-full", "verify-ca")
"""What `sslmode` may say of a server on another machine."""

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
