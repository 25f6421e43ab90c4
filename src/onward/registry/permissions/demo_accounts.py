"""One account per role in a demonstration, so that everybody's pages can be looked at.

Exists only where everybody is invented and nobody else can connect: an operation marked as a
demonstration, served on this machine's own address. Anywhere else there is no account that
somebody did not make, and nothing here does anything.
"""

from __future__ import annotations

import ipaddress
import secrets
import time

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
)
from django.contrib.auth.hashers import make_password
from django.db import transaction

from onward.errors import OnwardError
from onward.registry.models import Account, OneTimeLink, PersonNow, ThingNow
from onward.registry.permissions import accounts, assignments
from onward.registry.permissions.roles import load_rules
from onward.registry.signing_in.signin import SecondFactors
from onward.registry.site import current

WORDS = [
    "acacia",
    "almond",
    "amber",
    "anchor",
    "apricot",
    "arbor",
    "basil",
    "beacon",
    "birch",
    "bramble",
    "cedar",
    "citrus",
    "clover",
    "cobalt",
    "copper",
    "coral",
    "cotton",
    "cypress",
    "dahlia",
    "desert",
    "ember",
    "fennel",
    "figtree",
    "garden",
    "ginger",
    "granite",
    "harbor",
    "hazel",
    "heron",
    "indigo",
    "island",
    "ivory",
    "jasmine",
    "juniper",
    "lagoon",
    "lantern",
    "laurel",
    "lemon",
    "linden",
    "maple",
    "marble",
    "meadow",
    "mint",
    "mountain",
    "myrtle",
    "nectar",
    "oasis",
    "olive",
    "orchard",
    "palm",
    "pebble",
    "pepper",
    "plum",
    "poplar",
    "quartz",
    "river",
    "rosemary",
    "saffron",
    "sage",
    "sesame",
    "silver",
    "spruce",
    "summit",
    "tamarind",
    "thyme",
    "tulip",
    "valley",
    "velvet",
    "violet",
    "walnut",
    "willow",
    "winter",
    "yarrow",
    "zephyr",
]

PARTNER = "harbour-aid"


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def make_demo_accounts(host: str) -> dict[str, str]:
    """One account per role where there is none yet: user name -> password, told once.

    host    the address the desk will listen on
    raises  OnwardError anywhere but in a demonstration on this machine's own address
    """
    site = current()
    if not site.demonstration:
        raise OnwardError(
            "Demonstration accounts exist only in an operation marked as a demonstration. Make "
            "the first account with: onward account add DIR NAME --role administrator"
        )
    if not is_loopback(host):
        raise OnwardError(
            f"{host} can be reached from other machines; demonstration accounts exist only on "
            "127.0.0.1 or localhost."
        )
    rules = load_rules()
    password = "-".join(secrets.choice(WORDS) for _ in range(4))
    hashed = make_password(password)  # one hash for all: they share the password anyway
    office = _largest_office()
    made = {}
    for role in rules.roles.values():
        username = role.name.replace("_", ".")
        if Account.objects.filter(username=username).exists():
            continue
        with transaction.atomic():
            account, _ = accounts.create_account(
                username, roles=[role.name], office=office, display_name=role.title,
                organisation=PARTNER if role.name == "partner" else "", demonstration=True,
            )  # fmt: skip
            account.password = hashed
            account.save(update_fields=["password"])
            OneTimeLink.objects.filter(account=account).delete()
            give_factor(account)
        made[username] = password
    if made:
        _assign_some()
    return made


def give_factor(account: Account) -> str:
    """A second factor for an account; returns its secret."""
    secret = generate_totp_secret()
    TOTP.activate(account, secret)
    RecoveryCodes.activate(account)
    return secret


def code_now(account: Account) -> str:
    """The code an authenticator app would show: only for demonstration accounts, else ""."""
    if not (current().demonstration and account.demonstration):
        return ""
    found = Authenticator.objects.filter(user_id=account.pk, type="totp").first()
    if found is None:
        return ""
    secret = SecondFactors().decrypt(found.data["secret"])
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def _largest_office() -> str:
    from django.db.models import Count

    rows = (
        PersonNow.objects.values("office").annotate(n=Count("person")).order_by("-n", "office")
    )
    first = rows.first()
    return str(first["office"]) if first else ""


def _assign_some(people: int = 40) -> None:
    """Some people for each role whose reach is by assignment, so that its pages are not empty."""
    rules = load_rules()
    boss = Account.objects.filter(username="supervisor").first()
    if boss is None:
        return
    present = PersonNow.objects.filter(office=boss.office, active=True)
    # Each role is given whom it works with: who left for follow-up, who claims for a decision.
    followed = ThingNow.objects.filter(kind="follow_up", due__isnull=False, office=boss.office)
    left = PersonNow.objects.filter(
        office=boss.office, active=False, person__in=followed.values("person")
    )
    theirs = {
        "follow_up_monitor": left,
        "rsd_officer": present.filter(legal="asylum_seeker"),
        "rsd_reviewer": present.filter(legal="asylum_seeker"),
    }

    def some(role: str) -> list[str]:
        first = [theirs[role].order_by("person"), present] if role in theirs else [present]
        ids: dict[str, None] = {}
        for rows in first:
            more = rows.order_by("person").values_list("person", flat=True)[:people]
            ids |= dict.fromkeys(more)
        return list(ids)[:people]

    for role in rules.roles.values():
        reaches = set(rules.may([role.name], "person.read"))
        account = Account.objects.filter(username=role.name.replace("_", ".")).first()
        if account is None or not reaches & {"assigned", "referred"}:
            continue
        for person in some(role.name):
            if "assigned" in reaches:
                assignments.assign(boss, person, to=account, reason="demonstration")
            else:
                assignments.assign(boss, person, organisation=PARTNER, reason="demonstration")
