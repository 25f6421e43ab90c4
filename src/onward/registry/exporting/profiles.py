"""The exports there are, as `data/export_profiles.yaml` declares them.

Exists because what may leave is data that a lawyer can read, not code. Comes in: that file. Goes
out: each declared export (`Profile`: its fields, its purposes, the kinds of recipient it may go to)
and what kinds of recipient there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from onward.registry import site
from onward.registry.permissions.roles import load_rules

FILE = Path(__file__).parents[1] / "data" / "export_profiles.yaml"


@dataclass(frozen=True)
class Profile:
    """One declared export; `own_return`: only for people cleared to go home."""

    name: str
    title: str
    kinds: frozenset[str]
    purposes: tuple[str, ...]
    fields: Mapping[str, str]
    identifiable: bool
    own_return: bool
    least: int
    outcome: str

    def classes(self) -> frozenset[str]:
        """The classes of fields in it."""
        rules = load_rules()
        columns = rules.field_classes(site.operation().rulebook)["person"]
        found = set()
        for source in self.fields.values():
            where, _, name = source.partition(".")
            if where == "person":
                found.add(columns.get(name, columns.get(f"{name}_first", "grounds")))
            elif where == "vault":
                found.add(rules.vault_class(name))
            elif source == "age band":
                found.add("biodata")
        return frozenset(found - {"open"})


@lru_cache(maxsize=1)
def profiles() -> Mapping[str, Profile]:
    raw = _raw()
    return {
        name: Profile(
            name, text["title"], frozenset(text["kinds"]), tuple(text["purposes"]),
            dict(text["fields"]), bool(text["identifiable"]), bool(text.get("own_return")),
            int(text.get("least", 0)), str(text.get("outcome", "")),
        )
        for name, text in raw["profiles"].items()
    }  # fmt: skip


@lru_cache(maxsize=1)
def _raw() -> Any:
    return yaml.safe_load(FILE.read_text("utf-8"))


def recipient_kinds() -> Mapping[str, str]:
    return dict(_raw()["recipient_kinds"])


def refused_kinds() -> Mapping[str, str]:
    """Kinds to which nothing ever goes, each with the sentence that says why."""
    return dict(_raw()["refused_kinds"])
