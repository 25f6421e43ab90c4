"""Who acts: the little that the record's functions need to know of an account.

Exists so that no function of the record takes a web request. The desk makes an `Actor` of the
signed-in account, the terminal one of whoever holds the key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@runtime_checkable
class Acting(Protocol):
    """What an account, or a plain `Actor`, says of itself."""

    @property
    def account_id(self) -> str: ...

    @property
    def roles(self) -> frozenset[str]: ...

    @property
    def office(self) -> str: ...


@dataclass(frozen=True)
class Actor:
    """Somebody who acts, by role and account, never by name.

    account_id  permanent id; written into every event as `by`
    roles       role ids of `registry/data/roles.yaml`
    office      "" for all offices
    purpose     why, where a reason is asked for
    """

    account_id: str
    roles: frozenset[str] = field(default_factory=frozenset)
    office: str = ""
    purpose: str = ""


TERMINAL = Actor("terminal", frozenset({"administrator"}))
"""Whoever holds the key of the operation and works from a terminal."""
