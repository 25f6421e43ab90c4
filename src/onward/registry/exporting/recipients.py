"""Recipients: to whom data may go, under which agreement, and who confirmed it.

Exists because an export is as safe as the agreement behind it. Comes in: what an agreement says,
entered by one and confirmed by another. Goes out: a sealed `Recipient`, and whether its agreement
covers an export today (`usable`). Entered again, it is confirmed anew, and what waited under the
old agreement is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from onward.errors import OnwardError, one_of
from onward.registry import site
from onward.registry.exporting.profiles import Profile, recipient_kinds, refused_kinds
from onward.registry.models import AccessEntry, Account, ExportRequest, PersonNow, Recipient
from onward.registry.permissions import access, grants
from onward.registry.permissions.roles import load_rules
from onward.report import tongues

COUNTRY = re.compile(r"[A-Z]{3}")
STATES = ("state", "origin")
AGE = re.compile(r"age1[02-9ac-hj-np-z]{58}")


def add_recipient(
    by: Account, *, name: str, code: str, kind: str, country: str, age_key: str,
    purposes: Iterable[str], classes: Iterable[str], agreement: str, agreement_ends: date,
    impact_on: date | None, signed_in: datetime | None,
) -> Recipient:  # fmt: skip
    """A recipient as its agreement describes it; usable once somebody else has confirmed it.

    Entered again under its code, it is what the new agreement says, and is confirmed anew.
    """
    access.require_fresh(signed_in)
    access.require(by, "export.request", place="exports")
    if kind in refused_kinds():
        raise OnwardError(refused_kinds()[kind])
    if kind not in recipient_kinds():
        raise OnwardError(
            f"{kind}: not a kind of recipient; expected {one_of(recipient_kinds())}."
        )
    country = country.strip().upper()
    if (country or kind in STATES) and not COUNTRY.fullmatch(country):
        raise OnwardError(
            "Give the country by its three letters, as people's country of origin is recorded: "
            "without it nobody can tell that a State is the one people fled.",
            field="country",
        )
    if not AGE.fullmatch(age_key.strip()):
        raise OnwardError(
            "Give the recipient's public key of age (age1…); nothing leaves unsealed.",
            field="age_key",
        )
    if impact_on is None:
        raise OnwardError("Give the day of the impact assessment; without one nothing is sent.")
    known = load_rules().classes
    if unknown := sorted(set(classes) - set(known)):
        raise OnwardError(
            f"{one_of(unknown)}: not a class of fields; expected {one_of(known)}."
        )
    if not agreement.strip():
        raise OnwardError("Give the reference of the agreement under which data may be sent.")
    said = {
        "name": name.strip()[:120], "kind": kind, "country": country, "age_key": age_key.strip(),
        "classes": sorted(classes), "purposes": sorted(purposes), "agreement": agreement.strip()[:200],
        "agreement_ends": agreement_ends, "impact_on": impact_on, "made_by": by.account_id,
        "confirmed_by": "", "active": True,
    }  # fmt: skip
    with transaction.atomic():
        made, new = Recipient.objects.update_or_create(
            operation=site.current().operation, code=code.strip()[:80], defaults=said
        )
        # What was asked for under one agreement is never sent under another.
        overtaken = list(
            ExportRequest.objects.select_for_update().filter(
                recipient=made, state__in=("asked", "approved")
            )
        )
        for export in overtaken:
            export.state = "refused"
            export.save(update_fields=["state"])
        grants.seal_recipient(made)
    access.log(by, "export.recipient", purpose=f"{'added' if new else 'changed'} {made.pk}")
    for export in overtaken:
        access.log(by, "export.recipient", people=export.people, purpose=_overtaken(export))
    return made


def _overtaken(export: ExportRequest) -> str:
    return f"export {export.pk}: overtaken by a new agreement"


def overtaken_by(export: ExportRequest) -> AccessEntry | None:
    """Who entered its recipient again while it waited, and when; None: it ended otherwise."""
    if export.state != "refused":
        return None
    said = AccessEntry.objects.filter(action="export.recipient", at__gte=export.asked_at)
    return said.filter(purpose=_overtaken(export)).first()


def end_recipient(by: Account, recipient: Recipient, *, signed_in: datetime | None) -> None:
    """Nothing goes to a recipient any more, until it is entered and confirmed again."""
    access.require_fresh(signed_in)
    access.require(by, "export.approve", place="exports")
    recipient.refresh_from_db()
    grants.check_recipient(recipient)
    recipient.active = False
    with transaction.atomic():
        recipient.save(update_fields=["active"])
        grants.seal_recipient(recipient)
    access.log(by, "export.recipient", purpose=f"ended {recipient.pk}")


def as_read(recipient: Recipient) -> str:
    """What stands for everything a recipient was entered with, as a page showed it."""
    told = json.dumps(grants.of_recipient(recipient), sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def confirm_recipient(
    by: Account, recipient: Recipient, *, signed_in: datetime | None, read: str | None = None
) -> None:
    """Somebody else has read the agreement too.

    read    what was shown, as `as_read` has it: nobody confirms what was entered since; None: the
            recipient itself is what was shown
    """
    access.require_fresh(signed_in)
    access.require(by, "export.approve", place="exports")
    shown = as_read(recipient) if read is None else read
    with transaction.atomic():
        now = Recipient.objects.select_for_update().get(pk=recipient.pk)
        if now.made_by == by.account_id:
            raise access.Refused(
                "Whoever entered a recipient does not confirm it: ask a colleague."
            )
        grants.check_recipient(now)
        if shown != as_read(now):
            raise OnwardError(
                "The recipient was entered again while you read: read it once more and confirm then."
            )
        now.confirmed_by = by.account_id
        now.save(update_fields=["confirmed_by"])
        grants.seal_recipient(now)
    recipient.refresh_from_db()
    access.log(by, "export.recipient", purpose=f"confirmed {recipient.pk}")


def usable(recipient: Recipient, profile: Profile, purpose: str) -> None:
    """Whether the agreement covers this; raises OnwardError with everything that is missing."""
    grants.check_recipient(recipient)
    wrong = []
    if not recipient.active:
        wrong.append(_("the recipient was ended: nothing goes to it any more"))
    elif not recipient.confirmed_by:
        wrong.append(_("a second person has not confirmed the recipient"))
    if recipient.agreement_ends < site.operation().today():
        day = recipient.agreement_ends.isoformat()
        wrong.append(_("the agreement ended on %(day)s") % {"day": day})
    if recipient.impact_on is None:
        wrong.append(_("there is no impact assessment"))
    if recipient.kind not in profile.kinds:
        wrong.append(
            _("“%(title)s” does not go to recipients of this kind: %(kind)s")
            % {"title": _(profile.title), "kind": _(recipient_kinds()[recipient.kind])}
        )
    if countries(recipient) & _origins() and not profile.own_return:
        wrong.append(
            _("the country people fled receives nothing but a manifest of their own return")
        )
    if purpose not in profile.purposes or purpose not in recipient.purposes:
        wrong.append(
            _("the agreement and this export do not both name the purpose: %(purpose)s")
            % {"purpose": _(purpose)}
        )
    if beyond := sorted(profile.classes() - set(recipient.classes)):
        titles = " · ".join(_(load_rules().classes[name].title) for name in beyond)
        wrong.append(_("the agreement does not cover: %(classes)s") % {"classes": titles})
    if wrong:
        raise OnwardError(_("This cannot be exported: %(why)s.") % {"why": parted(wrong)})


def parted(parts: Iterable[str]) -> str:
    """The parts of a sentence, in the language of the page."""
    return tongues.listed(parts, get_language() or "en", ";")


def countries(recipient: Recipient) -> frozenset[str]:
    """What a recipient may be named by where a country is meant: its country, or its code."""
    return frozenset({recipient.country, recipient.code.upper()} - {""})


def _origins() -> frozenset[str]:
    """Every country that anybody here fled."""
    rows = PersonNow.objects.values_list("facts__country_of_origin", flat=True).distinct()
    return frozenset(str(row) for row in rows if row)
