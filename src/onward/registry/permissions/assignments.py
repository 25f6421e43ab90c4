"""People assigned to an officer, or referred to a partner's organisation.

Exists because being assigned opens more of a file, so nobody assigns people to themselves. Comes in:
who assigns, a person, to whom, the reason. Goes out: a sealed `Assignment`, which once ended stays
as the explanation of past reads.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from onward.errors import OnwardError
from onward.registry import site
from onward.registry.models import Account, Assignment
from onward.registry.permissions import grants
from onward.registry.permissions.access import Hidden, Refused, people_visible_to
from onward.registry.permissions.access_log import log


def assign(
    by: Account, person: str, *, to: Account | None = None, organisation: str = "", reason: str
) -> Assignment:
    """Assign a person to an account, or refer them to a partner's organisation."""
    row = people_visible_to(by, "person.assign").filter(person=person).first()
    if row is None:
        log(by, "person.assign", person=person, allowed=False)
        raise Hidden
    if (to is None) == (not organisation):
        raise OnwardError(
            "Choose one: a colleague to assign to, or an organisation to refer to."
        )
    if to is not None and to.pk == by.pk:
        log(by, "person.assign", person=person, allowed=False)
        raise Refused(
            "Nobody assigns people to themselves: being assigned opens more of a file. Ask a "
            "colleague who assigns people, or a supervisor."
        )
    if len(reason.strip()) < 3:
        raise OnwardError("Say why: whoever asks later must be able to read the reason.")
    with_whom = {"account": to, "organisation": organisation}
    found = Assignment.objects.filter(person=person, until=None, **with_whom).first()
    if found is not None and grants.assignments_are_as_given([found]):
        return found
    log(by, "person.assign", person=person, purpose=reason)
    with transaction.atomic():
        if found is not None:  # written into the database by somebody else
            found.until = timezone.now()
            found.save(update_fields=["until"])
            grants.seal_assignment(found)
        made = Assignment.objects.create(
            operation=site.current().operation, person=person, reason=reason.strip()[:200],
            by=by.account_id, **with_whom,
        )  # fmt: skip
        grants.seal_assignment(made)
    return made


def of(person: str) -> list[Assignment]:
    """The assignments and referrals of a person that hold, without those that nobody gave."""
    rows = list(
        Assignment.objects.filter(person=person, until=None)
        .select_related("account").order_by("since", "pk")
    )  # fmt: skip
    if grants.assignments_are_as_given(rows):
        return rows
    return [row for row in rows if grants.assignments_are_as_given([row])]


def end_assignment(by: Account, assignment: Assignment, *, reason: str) -> None:
    """End an assignment or referral; the row stays as the explanation of past reads."""
    if not people_visible_to(by, "person.assign").filter(person=assignment.person).exists():
        log(by, "person.unassign", person=assignment.person, allowed=False)
        raise Hidden
    if len(reason.strip()) < 3:
        raise OnwardError("Say why: whoever asks later must be able to read the reason.")
    log(by, "person.unassign", person=assignment.person, purpose=reason)
    with transaction.atomic():
        Assignment.objects.filter(pk=assignment.pk, until=None).update(until=timezone.now())
        assignment.refresh_from_db()
        grants.seal_assignment(assignment)
