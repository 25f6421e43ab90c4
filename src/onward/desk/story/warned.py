"""What must be seen first on a person's page.

Exists because a breach, a complaint of coercion or a death must not lie among a hundred lines. Comes
in: a person opened by an account. Goes out: sentences, each with its status.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from onward.desk import contacts, dates, here, sight
from onward.registry.models import EventRow
from onward.registry.permissions.access import Seen


def warnings(seen: Seen) -> list[tuple[str, str]]:
    """(status, sentence): a breach, an unanswered complaint, a clock that has run out."""
    found: list[tuple[str, str]] = []
    facts = seen.facts
    if seen.reads("confidential"):
        own = EventRow.objects.filter(subject_kind="person", subject_id=seen.person.person)
        gone = own.filter(supersedes__isnull=False).values("supersedes")
        breaches = own.filter(kind="breach").exclude(event_id__in=gone).count()
        if breaches:
            found.append(
                ("breach", ngettext(
                    "%(number)s step took place although a safeguard was not met. See the timeline.",
                    "%(number)s steps took place although a safeguard was not met. See the timeline.",
                    breaches) % {"number": dates.digits(str(breaches))})
            )  # fmt: skip
    if is_dead(seen):
        found.append(("gone", _("This person has died. What is learnt later can be added.")))
    elif facts.get("active") is False:
        found.append(
            ("gone", _("No longer present here. What happens after can still be recorded."))
        )
    elif facts.get("active") and facts.get("place") in sight.absent_places(here.rulebook()):
        found.append(
            ("unknown", _("On record as absent, and something took place since. See whether the person is back, and record it."))
        )  # fmt: skip
    if facts.get("adult") is None and "birth_first" in facts:
        found.append(
            ("unknown", _("Not known to be adult: protected as a child until decided."))
        )
    if facts.get("open_duplicate"):
        found.append(("unknown", _("A possible duplicate of this record is still open.")))
    if seen.reads("grounds") and facts.get("active") and _fears(seen):
        found.append(
            ("paused", _("Fear or a claim is on record. Nothing that leads back there is proposed over it."))
        )  # fmt: skip
    if seen.reads("complaints"):
        rulebook = here.rulebook()
        found_by = (told for _id, told in seen.things(contacts.KIND))
        if any(contacts.is_to_be_looked_at(told, rulebook) for told in found_by):
            found.append(
                (
                    "due",
                    _("A contact found a concern. Nobody has said yet what was made of it."),
                )
            )
        for _id, complaint in seen.things("complaint"):
            if complaint.get("category") == "coercion" and not complaint.get("triaged"):
                found.append(
                    ("paused", _("A complaint of coercion waits for triage: moves are paused."))
                )
                break
    return found


def _fears(seen: Seen) -> bool:
    """Whether a fear or a claim is on record that was neither withdrawn freely nor finally rejected:
    whether a step is open in spite of one is the safeguards' word, not this page's."""
    return any(
        not (claim.get("withdrawn_freely") or claim.get("finally_rejected"))
        for _id, claim in seen.things("claim")
    )


def is_dead(seen: Seen) -> bool:
    """Whether a death is on record, as far as this reader may know."""
    stages = here.rulebook().axes["stage"].states
    stage = seen.facts.get("stage")
    return stage in stages and stages[stage].ends == "death"
