"""Renewing the keys above the people's: the root secret, the root key, a key for every office.

Exists because somebody who knew a key leaves. Only keys are wrapped again, not values, so it
takes seconds. It goes in steps of which each leaves a record that opens: the new root key is
added beside the old one, the offices are wrapped under it, then the old one is dropped and the
secret above them renewed, in one writing of `keys.json`. A crash in between is finished by
running it again. The desk's page asks for it as long work (`registry.web.jobs`), the terminal calls it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onward.registry.identities.vault_db import OFFICE, EncryptedVault
from onward.registry.keyring import keys
from onward.registry.site import current, keep

if TYPE_CHECKING:
    from onward.registry.models import Account

BESIDE, PEOPLE, WAYS = STEPS = (
    "Making a new root key beside the old one",
    "Wrapping the keys of people again",
    "Renewing the secret and every way in",
)
"""What is said while keys are renewed. The desk translates it."""

DRILL, RENEWED, BEGUN = "key.drill", "key.renewed", "begun"
"""What the log of access says of each, and of a renewal before it is done."""

DRILL_EVERY = timedelta(days=183)
DRILLED = ("custodians", "recovery")
"""Ways in that nobody uses until everything else is lost: a drill shows that they still open."""


def rotate(
    say: Callable[[str], None] = lambda text: None,
    *,
    by: Account | None = None,
    place: str = "terminal",
) -> int:
    """Renew the root key and every office's; returns how many people's keys were wrapped again.

    The log of access says that it was begun before anything is changed, and then that it was done:
    one that was killed half-way, or just before it was noted, has left its first line.
    """
    from onward.registry.models import WrappedKey
    from onward.registry.permissions import access

    site, vault = current(), EncryptedVault()
    with keys.changing(site.folder):
        keys.require_renewable(site.folder)
        access.log(by, RENEWED, purpose=BEGUN, place=place)
        say(BESIDE)
        keep(keys.begin_rotation(site.folder, site.root), site.root)
        vault.rewrap_offices()
        offices = list(
            WrappedKey.objects.filter(purpose=OFFICE).values_list("owner", flat=True)
        )
        say(PEOPLE)
        wrapped = sum(vault.rotate_office(office) for office in offices)
        say(WAYS)
        keep(*keys.finish_rotation(site.folder, site.root, vault.roots_in_use()))
        access.log(by, RENEWED, place=place)
    return wrapped


# -- what the page on keys shows ----------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """One way into the record: nothing of it opens anything.

    made        the day it was added; None where an older version made it
    holder      whose it is, as somebody wrote when adding it
    custodians  the age public keys of those who can open it together
    renewable   whether a renewal can seal it anew
    drilled     the day of the last drill with it; None: never, or it needs none
    drill_due   whether one is due
    """

    kind: str
    made: date | None
    holder: str
    custodians: tuple[str, ...]
    renewable: bool
    drilled: date | None
    drill_due: bool


@dataclass(frozen=True)
class State:
    """The keys as they stand.

    since       the day the root key was last renewed or made; None: not known
    unfinished  a renewal was begun and not finished: both root keys are there, everything opens
    people      people's keys under the offices'
    """

    ways: tuple[Way, ...]
    since: date | None
    unfinished: bool
    offices: int
    people: int

    @property
    def drill_due(self) -> bool:
        return any(way.drill_due for way in self.ways)

    @property
    def recoverable(self) -> bool:
        """Whether there is a way in for when everything else is lost."""
        return any(way.kind in DRILLED for way in self.ways)

    @property
    def renewable(self) -> bool:
        return all(way.renewable for way in self.ways)


def state(folder: Path, *, on: date) -> State:
    """What `keys.json`, the wrapped keys and the log of drills say."""
    from onward.registry.models import WrappedKey

    ring = keys.read(folder)
    drills = last_drills()
    ways = []
    for slot in sorted(ring["slots"], key=lambda one: (one["kind"], one.get("made", ""))):
        drilled = drills.get(slot["kind"])
        due = slot["kind"] in DRILLED and (drilled is None or on - drilled > DRILL_EVERY)
        ways.append(
            Way(
                slot["kind"], _day(slot.get("made")), str(slot.get("holder", "")),
                tuple(share["recipient"] for share in slot.get("shares", ())),
                "public" in slot, drilled if slot["kind"] in DRILLED else None, due,
            )
        )  # fmt: skip
    held = WrappedKey.objects.all()
    return State(
        tuple(ways),
        _day(ring.get("since")),
        len(ring["roots"]) > 1,
        held.filter(purpose=OFFICE).count(),
        held.exclude(purpose=OFFICE).count(),
    )


def last_drills() -> dict[str, date]:
    """Kind of way in -> the day of the last drill with it that opened the record."""
    from onward.registry.models import AccessEntry

    rows = AccessEntry.objects.filter(action=DRILL, decision="allowed").order_by("id")
    return {row.purpose: row.at.date() for row in rows}


def _day(text: Any) -> date | None:
    return date.fromisoformat(text) if text else None
