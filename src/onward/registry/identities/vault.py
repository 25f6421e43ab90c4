"""Where identity is kept: apart from the events, behind one small interface.

Exists so that nothing that computes can ever see a name, and so that the encrypted vault (`vault_db`)
and the one of demonstrations are the same thing to everybody else. The latter writes in clear, and
therefore refuses to open anywhere but in an operation marked as a demonstration.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from onward.errors import OnwardError


class VaultRefused(OnwardError):
    """Identity may not be kept or read in this way here."""


class Vault(Protocol):
    """Identity by person id. Fields are free: name, names in other scripts, documents, phone."""

    def put(self, identities: Mapping[str, Mapping[str, str]]) -> None:
        """Keep or replace the identity of these people."""
        ...

    def get(self, person: str) -> Mapping[str, str] | None:
        """One person's identity, or None when none is kept."""
        ...

    def get_many(self, people: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
        """The identities kept of these people: for matching a whole list at once."""
        ...


@runtime_checkable
class KeepsRowSecret(Protocol):
    """A vault that also keeps the secret under which imports make row keys."""

    def row_secret(self) -> bytes: ...


class DemoVault:
    """Identities of invented people, in clear, in `vault/identities.jsonl`; the last one wins."""

    def __init__(self, folder: Path, *, demonstration: bool) -> None:
        if not demonstration:
            raise VaultRefused(
                "Names and documents of real people are never kept in clear. This operation is "
                "not marked as a demonstration (operation.toml, demonstration = true), and no "
                "encrypted vault is set up for it. Events and reports work without identity."
            )
        self._file = folder / "identities.jsonl"

    def put(self, identities: Mapping[str, Mapping[str, str]]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            json.dumps({"person": person, "identity": dict(identity)}, ensure_ascii=False)
            for person, identity in identities.items()
        ]
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())

    def get(self, person: str) -> Mapping[str, str] | None:
        found: Mapping[str, str] | None = None
        if self._file.exists():
            with open(self._file, encoding="utf-8") as file:
                for line in file:
                    entry = json.loads(line)
                    if entry["person"] == person:
                        found = entry["identity"]
        return found

    def get_many(self, people: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
        wanted, found = set(people), {}
        if self._file.exists():
            with open(self._file, encoding="utf-8") as file:
                for line in file:
                    entry = json.loads(line)
                    if entry["person"] in wanted:
                        found[entry["person"]] = entry["identity"]
        return found


class ClosedVault:
    """What an operation has instead of a vault until the encrypted one is set up."""

    def put(self, identities: Mapping[str, Mapping[str, str]]) -> None:
        DemoVault(Path(), demonstration=False)

    def get(self, person: str) -> Mapping[str, str] | None:
        DemoVault(Path(), demonstration=False)
        return None

    def get_many(self, people: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
        DemoVault(Path(), demonstration=False)
        return {}
