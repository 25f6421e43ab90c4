"""Who may be in an export today, and why everybody else is not.

Exists because a person is in an export only with a release of their own, to that recipient, for
that purpose, and the country people fled learns of nobody but those who go home to it by their own
consent. Comes in: an account, an export, a recipient, people. Goes out: those who may be in it, and
how many are left out for which reason. What is not known is not a consent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_noop

from onward.registry import site
from onward.registry.exporting.profiles import Profile
from onward.registry.exporting.recipients import countries
from onward.registry.exporting.without_names import enough
from onward.registry.models import Account, PersonNow, Recipient, ThingNow
from onward.registry.permissions import access
from onward.safeguards.help import is_option

PART = 400
"""People asked for in one question."""

LEFT_OUT = {
    "hidden": gettext_noop("not among the people you may see, or fields you may not read"),
    "release": gettext_noop("no release to this recipient for this purpose, or withdrawn"),
    "origin": gettext_noop("from the country that would receive it"),
    "origin_consent": gettext_noop("no consent of their own to inform the country they fled"),
    "step": gettext_noop("not cleared for return to it today"),
    "small": gettext_noop("too few people share the same values"),
}
"""Why somebody asked for is not in an export."""


def eligible(
    by: Account, profile: Profile, recipient: Recipient, purpose: str, people: Iterable[str]
) -> tuple[list[PersonNow], Counter[str]]:
    """The people who may be in an export today, and how many are left out for which reason."""
    from onward.registry.now import projection

    projection.ensure(site.operation())
    wanted = list(dict.fromkeys(people))
    reader = access.Reader(by)
    needed = profile.classes()
    found: list[PersonNow] = []
    out: Counter[str] = Counter()
    rows: dict[str, PersonNow] = {}
    releases: dict[str, list[Mapping[str, Any]]] = {}
    for part in _parts(wanted):
        action = "person.reveal" if profile.identifiable else "person.read"
        rows |= {row.person: row for row in reader.people(action).filter(person__in=part)}
    # Of everybody at once: the embedded database reads every release for each part that is asked.
    agreed = ThingNow.objects.filter(kind="release", person__isnull=False)
    if len(wanted) <= PART:
        agreed = agreed.filter(person__in=wanted)
    for name, facts in agreed.values_list("person", "facts"):
        if name in rows:
            releases.setdefault(name, []).append(facts)
    for person in wanted:
        row = rows.get(person)
        if row is None or not needed <= reader.classes(row):
            out["hidden"] += 1
            continue
        why = _refused(row, profile, recipient, purpose, releases.get(person, []))
        if why:
            out[why] += 1
        else:
            found.append(row)
    if profile.least:
        found, small = enough(found, profile)
        if small:
            out["small"] += small
    return found, out


def _parts(values: Sequence[str], size: int = PART) -> list[Sequence[str]]:
    return [values[i : i + size] for i in range(0, len(values), size)]


def _refused(
    row: PersonNow, profile: Profile, recipient: Recipient, purpose: str,
    releases: Sequence[Mapping[str, Any]],
) -> str:  # fmt: skip
    """Why one person may not be in it; "" when they may. What is not known is not a consent."""
    mine = [
        release
        for release in releases
        if release.get("recipient") == recipient.code
        and release.get("purpose") == purpose
        and release.get("agreement") is True
        and release.get("withdrawn") is False
    ]
    origin = row.facts.get("country_of_origin")
    receives_origin = recipient.kind == "origin" or not origin or origin in countries(recipient)
    if receives_origin and not profile.own_return:
        return "origin"
    if not mine:
        return "release"
    if receives_origin and not any(release.get("origin_consent") is True for release in mine):
        return "origin_consent"
    if profile.own_return and not _cleared(row, recipient):
        return "step"
    return ""


def _cleared(row: PersonNow, recipient: Recipient) -> bool:
    """Whether going home is open for a person today: fear and risk are among what it asks.

    Home is where a rulebook's own step leads: out of the place, by the person's choice, to the
    country they fled.
    """
    rulebook, home = site.operation().rulebook, row.facts.get("country_of_origin")
    if not home or (recipient.kind == "origin" and home != recipient.country):
        return False
    leaves = {
        key for key, move in rulebook.moves().items()
        if rulebook.is_movement(move) and is_option(rulebook, move)
    }  # fmt: skip
    return any(
        step.get("open") is True
        and step.get("move") in leaves
        and step.get("destination") == home
        for step in row.steps
    )


def who_agreed(by: Account, recipient: Recipient, purpose: str) -> list[str]:
    """People the account may see who agreed to a release to a recipient for a purpose."""
    rows = ThingNow.objects.filter(
        kind="release", facts__recipient=recipient.code, facts__purpose=purpose
    ).values("person")
    people = access.people_visible_to(by, "person.read").filter(person__in=rows)
    return list(people.order_by("person").values_list("person", flat=True))
