"""Whose work fills in what: a table beside the rulebook, and the people of whom it is missing.

Exists so that home tells a doctor, a clerk or a counsellor what their own work is without any fact
of one rulebook standing in code. Comes in: `data/work.yaml`, or the operation's own `work.yaml`,
and a rulebook. Goes out: lines with a title, who they are for and a query of the people concerned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import yaml
from django.db.models import Q, QuerySet

from onward.registry.models import PersonNow
from onward.registry.permissions.roles import load_rules
from onward.rulebook.model import Rulebook
from onward.rulebook.reading import Reader, read_bytes

SHIPPED = Path(__file__).parent / "data" / "work.yaml"
FILE = "work.yaml"
PAST, KNOWN = "past", "known"
Values = tuple[str, ...]


@dataclass(frozen=True)
class Work:
    """One thing that somebody's work fills in.

    of     only those of whom all of this is so: fact or axis -> any of these values
    lacks  nobody of whom this is so already; of a value `past`, a day that has come, `known`:
           anything at all
    """

    name: str
    title: str
    roles: Values
    of: Mapping[str, Values]
    lacks: Mapping[str, Values]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.of, *self.lacks)))

    def fits(self, rulebook: Rulebook) -> bool:
        """Whether the rulebook declares what this line asks for."""
        facts = rulebook.kinds["person"].facts
        for column, values in (*self.of.items(), *self.lacks.items()):
            if column in rulebook.axes:
                if not set(values) <= set(rulebook.axes[column].states):
                    return False
            elif column not in facts:
                return False
        return True

    def missing(
        self, people: QuerySet[PersonNow], today: date, rulebook: Rulebook
    ) -> QuerySet[PersonNow]:
        """Those of some people of whom it is missing."""
        for column, values in self.of.items():
            people = people.filter(_is(column, values, today, rulebook))
        if self.lacks:
            done = people
            for column, values in self.lacks.items():
                done = done.filter(_is(column, values, today, rulebook))
            people = people.exclude(person__in=done.values("person"))
        return people


def _is(column: str, values: Values, today: date, rulebook: Rulebook) -> Q:
    if column in rulebook.axes:
        return Q(**{f"{column}__in": values})
    found = Q()
    for value in values:
        if value == PAST:
            found |= Q(**{f"facts__{column}__lte": today.isoformat()})
        elif value == KNOWN:
            found |= Q(**{f"facts__{column}__isnull": False})
        else:
            found |= Q(**{f"facts__{column}": {"yes": True, "no": False}.get(value, value)})
    return found


def lines(folder: Path, rulebook: Rulebook) -> list[Work]:
    """The lines that hold in an operation.

    raises  Faults with everything wrong in its own table
    """
    own = folder / FILE
    path = own if own.is_file() else SHIPPED
    return [one for one in _read(path, path.stat().st_mtime_ns) if one.fits(rulebook)]


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> tuple[Work, ...]:
    return tuple(_TableReader(path.name, read_bytes(path, "table of work")).table())


class _TableReader(Reader):
    def table(self) -> list[Work]:
        top = self.mapping(self.root, "", required=("work",))
        found = []
        for name, node in self.mapping(top.get("work"), "work", free=True).items():
            path = f"work.{name}"
            parts = self.mapping(
                node, path, required=("title", "roles"), optional=("of", "lacks")
            )
            roles = self.strings(parts.get("roles"), f"{path}.roles")
            for role in roles:
                self.refers(parts["roles"], f"{path}.roles", role, load_rules().roles, "role")
            of, lacks = (
                self._values(parts.get(key), f"{path}.{key}") for key in ("of", "lacks")
            )
            if not of and not lacks:
                self.fault(node, path, "neither `of` nor `lacks`", "at least one of them")
            title = self.string(parts.get("title"), f"{path}.title")
            found.append(Work(name, title, roles, of, lacks))
        self.finish()
        return found

    def _values(self, node: yaml.Node | None, path: str) -> dict[str, Values]:
        found: dict[str, Values] = {}
        for column, value in self.mapping(node, path, free=True).items():
            here = f"{path}.{column}"
            if isinstance(value, yaml.ScalarNode) and value.value in (PAST, KNOWN):
                found[column] = (value.value,)
                continue
            found[column] = tuple(
                {"true": "yes", "false": "no"}.get(str(one.value).lower(), str(one.value))
                for one in self.items(value, here)
            )
        return found
