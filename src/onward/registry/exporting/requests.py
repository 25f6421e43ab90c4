"""Exports asked for by one, approved by others, written once.

Exists because an export is the likeliest way in which a list kills somebody: nobody sends one alone.
Comes in: what somebody asks for, what others decide. Goes out: one sealed file that is never kept
here; consents are asked again in the instant it is written.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from onward.errors import OnwardError, one_of
from onward.registry import site
from onward.registry.computing.reporting import checkpoint_of
from onward.registry.exporting.eligible import LEFT_OUT, eligible
from onward.registry.exporting.lines import table_of
from onward.registry.exporting.profiles import profiles
from onward.registry.exporting.recipients import parted, usable
from onward.registry.exporting.sealing import check_workbook, seal, workbook
from onward.registry.exporting.without_names import remember, stays_closed
from onward.registry.log.db_store import DatabaseStore
from onward.registry.models import Account, ExportDecision, ExportRequest, Recipient
from onward.registry.permissions import access, grants

MANY = 50
"""More identifiable people than this need a second approver."""

APPROVAL_DAYS = 7


def ask(
    by: Account, *, profile: str, recipient: Recipient, purpose: str, reason: str,
    people: Iterable[str], signed_in: datetime | None,
) -> ExportRequest:  # fmt: skip
    """Ask for an export; others decide on it.

    raises  SignInAgain, Refused, OnwardError: what the agreement does not cover, or nobody left
    """
    access.require_fresh(signed_in)
    access.require(by, "export.request", place="exports")
    chosen = profiles().get(profile)
    if chosen is None:
        raise OnwardError(f"{profile}: not an export; expected {one_of(profiles())}.")
    usable(recipient, chosen, purpose)
    if len(reason.strip()) < 10:
        raise OnwardError(
            "Say in a sentence what the recipient needs this for.", field="reason"
        )
    found, out = eligible(by, chosen, recipient, purpose, people)
    if not found:
        why = parted(f"{_(LEFT_OUT[name])}: {number}" for name, number in out.items())
        raise OnwardError(
            _("Nobody could be in this export: %(why)s.")
            % {"why": why or _("nobody was chosen")}
        )
    stays_closed(found, chosen)
    with transaction.atomic():
        made = ExportRequest.objects.create(
            operation=site.current().operation, profile=chosen.name, recipient=recipient,
            purpose=purpose, reason=reason.strip()[:400], asked_by=by,
            people=[row.person for row in found], left_out=dict(out),
        )  # fmt: skip
        _ask_again(recipient)
    access.log(
        by, "export.request", people=made.people, classes=chosen.classes(),
        purpose=f"export {made.pk}: {reason}", place="exports",
    )  # fmt: skip
    return made


def approvers_needed(export: ExportRequest) -> int:
    """Two beyond fifty identifiable people, else one; never the one who asked."""
    return 2 if people_in_a_week(export) > MANY else 1


def people_in_a_week(export: ExportRequest) -> int:
    """The identifiable people of whom this recipient would be told within a week, this export
    among them: a long list cut into short ones is still a long list. 0 for a table without names.
    """
    known = profiles()
    if not known[export.profile].identifiable:
        return 0
    people = set(export.people)
    since = timezone.now() - timedelta(days=APPROVAL_DAYS)
    others = ExportRequest.objects.filter(recipient=export.recipient, asked_at__gt=since)
    others = others.exclude(pk=export.pk).exclude(state="refused")
    for name, asked_for in others.values_list("profile", "people"):
        if known[name].identifiable:
            people.update(asked_for)
    return len(people)


def still_needed(export: ExportRequest) -> int:
    """How many more must say yes."""
    yes = {d.account_id for d in export.decisions.all() if d.approves} - {export.asked_by_id}
    return max(approvers_needed(export) - len(yes), 0)


def _ask_again(recipient: Recipient) -> None:
    """Approved exports that need another yes, because more people were asked for since."""
    for one in ExportRequest.objects.select_for_update().filter(
        recipient=recipient, state="approved"
    ):
        if still_needed(one):
            one.state = "asked"
            one.save(update_fields=["state"])


def decide(
    by: Account,
    export: ExportRequest,
    *,
    approves: bool,
    reason: str,
    signed_in: datetime | None,
) -> None:
    """Somebody else's yes or no; one no ends it."""
    access.require_fresh(signed_in)
    access.require(by, "export.approve", place="exports")
    if export.asked_by_id == by.pk:
        access.log(by, "export.approve", allowed=False, purpose=f"own export {export.pk}")
        raise access.Refused("Nobody approves what they asked for themselves.")
    if len(reason.strip()) < 3:
        raise OnwardError("Give your reason; it is kept with the export.")
    with transaction.atomic():
        now = ExportRequest.objects.select_for_update().get(pk=export.pk)
        if now.state != "asked":
            raise OnwardError("This export is no longer waiting for a decision.")
        if ExportDecision.objects.filter(export=now, account=by).exists():
            raise access.Refused(
                "You decided on this export already; a second yes is another person's."
            )
        grants.check_decisions(now.decisions.select_related("export"))
        grants.seal_decision(
            ExportDecision.objects.create(
                operation=now.operation, export=now, account=by, approves=approves,
                reason=reason.strip()[:400],
            )
        )  # fmt: skip
        if not approves:
            now.state = "refused"
        elif not still_needed(now):
            now.state = "approved"
        now.save(update_fields=["state"])
    export.refresh_from_db()
    access.log(
        by, "export.approve", purpose=f"export {export.pk}: {'yes' if approves else 'no'}"
    )


def write(
    by: Account, export: ExportRequest, *, typed_count: int, signed_in: datetime | None
) -> tuple[str, bytes]:
    """The sealed file, once: its name and bytes. Consents are asked again now.

    typed_count  the number of people the writer believes is in it; must be the real one
    raises       OnwardError with the real number when it is another
    """
    access.require_fresh(signed_in)
    access.require(by, "export.request", place="exports")
    if export.asked_by_id != by.pk:
        raise access.Refused("An export is written by the one who asked for it.")
    profile, recipient = profiles()[export.profile], export.recipient
    if export.state != "approved":
        raise OnwardError("This export is not approved.")
    decisions = list(export.decisions.select_related("export"))
    grants.check_decisions(decisions)
    if still_needed(export) or not all(d.approves for d in decisions):
        raise OnwardError("This export is not approved.")
    newest = max(d.at for d in decisions)
    if timezone.now() - newest > timedelta(days=APPROVAL_DAYS):
        raise OnwardError("The approval is older than seven days; ask again.")
    usable(recipient, profile, export.purpose)
    store = DatabaseStore(site.current().operation)
    seen = store.last_seq()
    rows, out = eligible(by, profile, recipient, export.purpose, export.people)
    if typed_count != len(rows):
        said = _(
            "You typed %(typed)s; the number in it is %(people)s. Look again at who would be in it, then type that number."
        ) % {"typed": typed_count, "people": len(rows)}
        if out:
            said += " " + _("Fell out since it was asked for: %(number)s.") % {
                "number": sum(out.values())
            }
        raise OnwardError(said)
    checkpoint = checkpoint_of(site.operation()).splitlines()
    table = table_of(rows, profile, recipient)
    heading = f"Export {export.pk}; for {recipient.code}; purpose {export.purpose}; {len(rows)} people"
    plain = workbook(heading, list(profile.fields), table, checkpoint)
    check_workbook(plain, heading, list(profile.fields), table, checkpoint)
    sealed = seal(plain, recipient.age_key)
    with store.writing():
        if store.last_seq() != seen:  # what was taken back meanwhile counts
            again, _out = eligible(by, profile, recipient, export.purpose, export.people)
            if table_of(again, profile, recipient) != table:
                raise OnwardError(
                    _(
                        "Something was recorded about people in it while the file was made. Nothing was sent: look again at who would be in it, then type that number."
                    )
                )
        recipient.refresh_from_db()
        usable(recipient, profile, export.purpose)
        releases = stays_closed(rows, profile)
        now = ExportRequest.objects.select_for_update().get(pk=export.pk)
        if now.state != "approved":
            raise OnwardError("This export was written already; ask for a new one.")
        now.state, now.written_at, now.written_by = "written", timezone.now(), by.account_id
        gone = Counter(now.left_out) + out  # when it was asked for, and since
        now.rows_written, now.sha256 = len(rows), hashlib.sha256(sealed).hexdigest()
        now.checkpoint, now.left_out = " ".join(checkpoint[1:3])[:120], dict(gone)
        now.save()
        remember(releases, profile)
        access.log(
            by, "export.write", people=[row.person for row in rows], classes=profile.classes(),
            purpose=f"export {export.pk} to {recipient.pk}", place="exports",
        )  # fmt: skip
    export.refresh_from_db()
    return f"export-{str(export.pk)[:8]}.xlsx.age", sealed
