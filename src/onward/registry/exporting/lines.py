"""What an export says of each person, as texts.

Exists so that a recipient learns no more than its export declares: its own code for a person, an
age by its band, a birth date as precisely as it is known. Comes in: people who may be in it. Goes
out: one line of texts for each, in an order that tells nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from onward.registry import site
from onward.registry.exporting.profiles import Profile
from onward.registry.models import PersonNow, Recipient


def table_of(
    rows: Sequence[PersonNow], profile: Profile, recipient: Recipient
) -> list[list[str]]:
    """The rows as texts, in an order that tells nothing (by the recipient's own codes)."""
    identities: dict[str, Mapping[str, str]] = {}
    if any(source.startswith("vault.") for source in profile.fields.values()):
        identities = _identities([row.person for row in rows])
    ordered = sorted(rows, key=lambda row: code_for(recipient, row.person))
    return [
        line_of(
            row,
            profile,
            identities.get(row.person, {}),
            code_for(recipient, row.person),
            recipient,
        )
        for row in ordered
    ]


def _identities(people: list[str]) -> dict[str, Mapping[str, str]]:
    vault: Any = site.operation().vault
    if hasattr(vault, "read"):
        found: dict[str, Mapping[str, str]] = vault.read(people, sealed=False)
        return found
    return {person: vault.get(person) or {} for person in people}


def line_of(
    row: PersonNow, profile: Profile, identity: Mapping[str, str], code: str,
    recipient: Recipient | None = None,
) -> list[str]:  # fmt: skip
    found = []
    for source in profile.fields.values():
        where, _, name = source.partition(".")
        if source == "code":
            found.append(code)
        elif source == "household code":
            found.append(code_for(recipient, f"household {row.household}") if recipient else "")
        elif source == "age band":
            found.append(_age_band(row))
        elif where == "vault":
            held = [(k, v) for k, v in sorted(identity.items()) if k.split(".")[0] == name]
            found.append("; ".join(_part(k, v) for k, v in held))
        elif name == "birth":
            found.append(_birth(row))
        else:
            value = getattr(row, name, None) if hasattr(row, name) else row.facts.get(name)
            found.append(_text(value))
    return found


def _part(key: str, value: str) -> str:
    """A part of an identity by what it is: whoever receives it must know a family's name from a
    father's, and a passport from a telephone."""
    _, _, rest = key.partition(".")
    what = rest.partition(".")[0].replace("_", " ")
    return value if what in ("", "full") else f"{what}: {value}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _birth(row: PersonNow) -> str:
    """A birth date as precisely as it is known, and no more."""
    first, last = row.birth_first, row.birth_last
    if first is None or last is None:
        return ""
    if first == last:
        return str(first.isoformat())
    return str(first.year) if first.year == last.year else f"{first.year}–{last.year}"


def _age_band(row: PersonNow) -> str:
    if row.adult is None or row.birth_last is None:
        return "not known"
    if not row.adult:
        return "0–17"
    years = (site.operation().default_date() - row.birth_last).days / 365.25
    return "18–59" if years < 60 else "60+"


def code_for(recipient: Recipient, what: str) -> str:
    """This recipient's own code for a person: keyed, without order, the same every time."""
    key = site.current().derive(f"recipient {recipient.pk}")
    return hmac.new(key, what.encode(), hashlib.sha256).hexdigest()[:12]
