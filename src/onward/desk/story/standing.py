"""Where a person stands on each axis, and what that rests on.

Exists because a status that lapses unseen costs a family its safety. Comes in: a person opened by an
account (`registry.permissions.access.Seen`). Goes out: per axis its state, since when, the authorities
or the consent it rests on with their last days, and what the law says of its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _

from onward.desk import here, sight, words
from onward.plan.clocks import STATUS_BY_LAW
from onward.registry.permissions.access import Seen
from onward.rulebook.model import Rulebook


@dataclass(frozen=True)
class Axis:
    """rests: (what it rests on, its last day or None); note: what the law says of its end."""

    name: str
    title: str
    state: str
    since: date | None
    rests: tuple[tuple[str, date | None], ...]
    note: str
    hidden: bool = False


def axes(seen: Seen) -> list[Axis]:
    rulebook = here.rulebook()
    found = []
    for name, axis in rulebook.axes.items():
        title = words.translated(axis.title)
        if name not in seen.facts:
            found.append(Axis(name, title, "", None, (), "", hidden=True))
            continue
        state = seen.facts[name]
        rests, note = _rests(seen, rulebook, name, state)
        found.append(
            Axis(name, title, words.state(rulebook, name, state), seen.facts.get(f"{name}_since"),
                 tuple(rests), note)
        )  # fmt: skip
    return found


def _rests(
    seen: Seen, rulebook: Rulebook, axis: str, state: str | None
) -> tuple[list[tuple[str, date | None]], str]:
    plan, today = here.plan(), here.today()
    rests: list[tuple[str, date | None]] = []
    if plan is not None and axis in ("legal", "place"):
        secret = not seen.reader.may("pledge.sensitive")
        for authority in plan.authorities.values():
            if secret and authority.confidentiality == "sensitive":
                continue
            ended = authority.expiry is not None and authority.expiry < today
            if (
                state in getattr(authority, axis)
                and not ended
                and _covers(authority.beneficiaries, seen)
            ):
                rests.append((authority.title, authority.expiry))
    note = ""
    if axis == "legal" and state in rulebook.axes["legal"].states:
        law = STATUS_BY_LAW.get(rulebook.axes["legal"].states[state].code, "")
        note = words.translated(law)
    pathway = seen.facts.get("intended_pathway")
    if axis == "stage" and pathway and _is_on(rulebook, seen, pathway):
        days = rulebook.settings.get("consent_valid_days")
        for _id, consent in seen.things("consent"):
            if (
                consent.get("pathway") == pathway
                and not consent.get("withdrawn")
                and consent.get("signed_on")
                and days
            ):
                ends = date.fromisoformat(str(consent["signed_on"])) + timedelta(days=days)
                to = here.destination(str(consent.get("destination") or ""))
                rests.append((_("Consent: %(pathway)s %(to)s") % {
                    "pathway": sight.pathway_title(pathway), "to": to}, ends))  # fmt: skip
        if len(rests) > 1:
            rests = [max(rests, key=lambda entry: entry[1] or today)]
        if not rests:
            note = _("No valid consent to this pathway is on record.")
    return rests, note


def _is_on(rulebook: Rulebook, seen: Seen, pathway: str) -> bool:
    """Whether somebody who is here stands on a pathway: who took the choice back, or has gone,
    rests on no consent to it and is not asked for it again."""
    moves = rulebook.moves().values()
    leads = {move.targets.get("stage") for move in moves if move.pathway == pathway}
    stages = leads - {move.targets.get("stage") for move in moves if move.pathway == "common"}
    return bool(seen.facts.get("active")) and seen.facts.get("stage") in stages


def _covers(rule: Any, seen: Seen) -> bool:
    if rule.everyone:
        return True
    if rule.people:
        return seen.person.person in rule.people
    row = seen.person
    values = {
        **row.facts,
        "group": row.group,
        "site": row.site,
        "legal": row.legal,
        "place": row.place,
    }
    return all(values.get(column) in allowed for column, allowed in rule.columns.items())
