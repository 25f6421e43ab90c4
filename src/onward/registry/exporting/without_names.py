"""Tables without names: enough people behind every line, also beside the tables that went before.

Exists because few who share a line can be recognised, and whoever receives two tables may subtract
one from the other. Comes in: the people who may be in a table. Goes out: those whom enough others
resemble (`enough`), and every table so far with this one, or a refusal where together they would
tell of too few (`stays_closed`). Who was in which is kept sealed (`remember`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from onward.errors import OnwardError
from onward.registry.exporting.apart import set_apart
from onward.registry.exporting.lines import line_of
from onward.registry.exporting.profiles import Profile
from onward.registry.kept import DatabaseKept
from onward.registry.models import PersonNow

RELEASES = "exports"
"""The folder of kept, sealed files that remembers who was in which table without names."""

LEAST_OUTCOMES = 2


def enough(rows: list[PersonNow], profile: Profile) -> tuple[list[PersonNow], int]:
    """Rows that at least `least` people share, with more than one outcome among them.

    The outcome itself is not one of the values shared: it is what must not be told of anybody.
    """
    by_person = {row.person: row for row in rows}
    kept = [
        by_person[person]
        for group in _shares(rows, profile).values()
        if len(group) >= profile.least and len(set(group.values())) >= _outcomes(profile)
        for person in group
    ]
    return kept, len(rows) - len(kept)


def _outcomes(profile: Profile) -> int:
    """How many different outcomes a group must hold, so that being in it tells of none."""
    told = f"person.{profile.outcome}" in profile.fields.values()
    return LEAST_OUTCOMES if told else 0


def _shares(rows: Sequence[PersonNow], profile: Profile) -> dict[str, dict[str, str]]:
    """Shared values -> person -> outcome, of a table without names."""
    outcome = [
        i for i, t in enumerate(profile.fields)
        if profile.fields[t] == f"person.{profile.outcome}"
    ]  # fmt: skip
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        line = line_of(row, profile, {}, "")
        shared = json.dumps([v for i, v in enumerate(line) if i not in outcome])
        found.setdefault(shared, {})[row.person] = json.dumps([line[i] for i in outcome])
    return found


def _kept_name(profile: Profile) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", profile.name) + ".json"


def _earlier(profile: Profile) -> list[dict[str, dict[str, str]]]:
    kept, name = DatabaseKept(), _kept_name(profile)
    if name not in kept.names(RELEASES):
        return []
    found: list[dict[str, dict[str, str]]] = json.loads(kept.read(RELEASES, name))
    return found


def stays_closed(rows: Sequence[PersonNow], profile: Profile) -> list[Any]:
    """The releases of a table without names with this one; raises OnwardError when together they
    would tell of too few. Whoever receives them may put them side by side, so all count."""
    if not profile.least:
        return []
    new = _shares(rows, profile)
    earlier = _earlier(profile)
    every = earlier if new in earlier else [*earlier, new]
    if apart := set_apart(every, least=profile.least, outcomes=_outcomes(profile)):
        raise OnwardError(
            _(
                "Subtracted from what was sent before, this table would tell of %(people)s people in groups of fewer than %(least)s. Nothing was sent. Send the same table again, or wait until more people have changed."
            )
            % {"people": apart, "least": profile.least}
        )
    return every


def remember(releases: Sequence[Any], profile: Profile) -> None:
    """Keep the tables that went out so far, as `stays_closed` gave them."""
    if releases:
        DatabaseKept().write(RELEASES, _kept_name(profile), json.dumps(releases).encode())
