"""The register of breaches: of data, and of safeguards by a movement; who must be told, by when.

Exists so that what went wrong is answered for by people with names, not by a note in a log. Comes
in: a breach that somebody reports, or one that a movement opened in the log. Goes out: a row with a
notice for everybody who must be told, who was told when and how, and who closed it with what was
learned. No clock closes anything: what is late is shown as late, and nothing on record is written
over. Whom to tell, and in how many hours, is data (`data/breaches.yaml`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language, gettext

from onward.caseload.events import BREACH, RETRACTED, instant_of
from onward.errors import OnwardError, one_of
from onward.registry import site
from onward.registry.importing.loaded import FOUND
from onward.registry.models import Account, Breach, BreachNotice, EventRow
from onward.registry.permissions import access, alarms
from onward.report import tongues
from onward.safeguards.overrides import findings_of

FILE = Path(__file__).parent / "data" / "breaches.yaml"
DANGERS = ("unlikely", "likely", "high")
A_BREATH = timedelta(minutes=2)


@lru_cache(maxsize=1)
def rules() -> Any:
    """Who must be told of which kind of breach, as data."""
    return yaml.safe_load(FILE.read_text("utf-8"))


# -- opening -----------------------------------------------------------------------------------


def report(
    by: Account, *, what: str, danger: str, classes: Sequence[str] = (),
    people: Sequence[str] = (), people_about: int | None = None, found_at: datetime | None = None,
) -> Breach:  # fmt: skip
    """Open a breach of data; anybody who works here may report one, and should. The same said twice in
    a breath, as a button pressed twice does, is one breach."""
    access.require(by, "breach.report", place="breaches")
    if danger not in DANGERS:
        raise OnwardError(f"{danger}: expected {one_of(DANGERS)}.")
    if len(what.strip()) < 10:
        raise OnwardError("Say in a sentence what happened. Leave names out of it.")
    found = found_at or timezone.now()
    if found > timezone.now():
        raise OnwardError("The breach cannot have been found later than now.")
    said: dict[str, Any] = {
        "what": what.strip()[:400], "classes": sorted(classes), "people": sorted(people),
        "people_about": people_about, "danger": danger, "reported_by": by.account_id,
    }  # fmt: skip
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=by.pk)  # one press after the other
        just = Breach.objects.filter(
            **said, event="", reported_at__gt=timezone.now() - A_BREATH
        )
        if (again := just.first()) is not None:
            return again
        breach = Breach.objects.create(
            operation=site.current().operation, found_at=found, **said
        )
        BreachNotice.objects.bulk_create(_notices(breach))
        access.log(by, "breach.report", people=list(people), purpose=f"breach {breach.pk}")
    alarms.raise_alarm("data-breach", account=by.account_id)
    return breach


def follow() -> None:
    """Bring the register up with the log: whatever door a movement came in by, its breach is here.

    A breach is found when it is recorded, so it makes no difference when this is asked.
    """
    known = Breach.objects.exclude(event="").values("event")
    rows = list(EventRow.objects.filter(kind=BREACH).exclude(event_id__in=known))
    if not rows:
        return
    owners = {
        key: finding.owner_role
        for key, finding in findings_of(site.operation().rulebook).items()
    }
    made, notices = [], []
    for row in rows:
        failed = json.loads(row.canonical)["facts"].get("safeguards") or ()
        breach = Breach(
            operation=row.operation, id=UUID(row.event_id), event=row.event_id,
            found_at=instant_of(row.recorded), people=[row.subject_id], danger=DANGERS[-1],
            reported_by=row.by,
        )  # fmt: skip
        made.append(breach)
        told = dict.fromkeys(owners[key] for key in failed if key in owners)
        notices += _notices(breach, owner=list(told))
    with transaction.atomic():  # two pages may do this at once: the ids are the log's own
        Breach.objects.bulk_create(made, ignore_conflicts=True, batch_size=200)
        BreachNotice.objects.bulk_create(notices, ignore_conflicts=True, batch_size=200)


def of_movement(breach: Breach) -> bool:
    """Whether a movement opened it; else it is a breach of data."""
    return bool(breach.event)


def texts(breach: Breach) -> Mapping[str, Any]:
    """What the data says of whom to tell of a breach of this kind."""
    found: Mapping[str, Any] = rules()["movement" if of_movement(breach) else "data"]
    return found


def _notices(breach: Breach, **each: Sequence[str]) -> list[BreachNotice]:
    """One for everybody who must be told of it."""
    found = []
    for whom, text in texts(breach).items():
        if DANGERS.index(breach.danger) < DANGERS.index(text.get("when", DANGERS[0])):
            continue
        named = [f"{whom}:{role}" for role in each[text["each"]]] if "each" in text else [whom]
        due = breach.found_at + timedelta(hours=text["hours"])
        found += [
            BreachNotice(operation=breach.operation, breach=breach, whom=one, due_at=due)
            for one in named
        ]
    return found


def text_of(notice: BreachNotice) -> Mapping[str, Any]:
    """What the data says of one who must be told: title, why, whether always."""
    found: Mapping[str, Any] = texts(notice.breach)[notice.whom.partition(":")[0]]
    return found


def title_of(notice: BreachNotice) -> str:
    """Who must be told, in the reader's language."""
    title, role = gettext(text_of(notice)["title"]), notice.whom.partition(":")[2]
    return f"{title}: {gettext(role)}" if role else title


# -- reading -----------------------------------------------------------------------------------


def seen_by(account: Account) -> Any:
    """The breaches an account may see: all of data, and those of movements of people it lists."""
    mine = access.people_visible_to(account).values("person")
    theirs = EventRow.objects.filter(kind=BREACH, subject_id__in=mine).values("event_id")
    return Breach.objects.filter(Q(event="") | Q(event__in=theirs))


def taken_back(breaches: Sequence[Breach]) -> set[str]:
    """Those, by event, whose movement turned out not to have been recorded rightly."""
    events = [breach.event for breach in breaches if breach.event]
    rows = EventRow.objects.filter(kind=RETRACTED, supersedes__in=events)
    return {str(event) for event in rows.values_list("supersedes", flat=True)}


def found_with(account: Account, breach: Breach) -> list[Breach]:
    """The other open breaches this account sees that were found on the same loading of a log: a log
    of years may hold hundreds, of which the same people are told in one go."""
    events = EventRow.objects.filter(kind=BREACH, key__startswith=FOUND)
    row = events.filter(event_id=breach.event).first() if breach.event else None
    if row is None:
        return []
    same = events.filter(recorded=row.recorded).exclude(event_id=row.event_id)
    found = list(
        seen_by(account)
        .filter(state="open", event__in=same.values("event_id"))
        .prefetch_related("notices")
        .order_by("pk")
    )
    gone = taken_back(found)
    return [one for one in found if one.event not in gone]


def waiting(breach: Breach) -> list[BreachNotice]:
    """The notices of those who were not told yet, and of whom nobody decided not to tell."""
    return [n for n in breach.notices.all() if n.told_at is None and not n.not_told]


def in_turn(breach: Breach) -> list[BreachNotice]:
    """Those that wait, the soonest due first."""
    return sorted(waiting(breach), key=lambda notice: (notice.due_at, notice.whom))


def still_to_tell(breach: Breach) -> list[BreachNotice]:
    """Who must still be told, soonest first; nobody once the movement was taken back."""
    return [] if taken_back([breach]) else in_turn(breach)


def to_tell(account: Account) -> Any:
    """The notices of everybody who must still be told of what this account sees, soonest first."""
    follow()
    gone = EventRow.objects.filter(kind=RETRACTED).values("supersedes")
    theirs = seen_by(account).filter(state="open").exclude(event__in=gone)
    untold = BreachNotice.objects.filter(breach__in=theirs, told_at=None, not_told="")
    return untold.select_related("breach").order_by("due_at", "whom")


def standing(at: datetime) -> dict[int, str]:
    """Of each breach by a movement, by the seq of its event: late, waiting, told or closed, as it
    was at that instant. One that was taken back is left out."""
    follow()
    seqs = dict(EventRow.objects.filter(kind=BREACH).values_list("event_id", "seq"))
    rows = list(Breach.objects.exclude(event="").prefetch_related("notices"))
    gone = taken_back(rows)
    return {seqs[row.event]: _stood(row, at) for row in rows if row.event not in gone}


def _stood(breach: Breach, at: datetime) -> str:
    if breach.closed_at is not None and breach.closed_at <= at:
        return "closed"
    answers = {notice: notice.told_at or notice.decided_at for notice in breach.notices.all()}
    untold = [notice for notice, answer in answers.items() if answer is None or answer > at]
    if any(notice.due_at < at for notice in untold):
        return "late"
    return "waiting" if untold else "told"


# -- answering ---------------------------------------------------------------------------------


def reassess(by: Account, breach: Breach, danger: str) -> None:
    """A breach found to be worse has more people to tell; nobody who must be told drops out."""
    _handles(by, breach)
    if of_movement(breach):
        raise OnwardError(
            "A movement against a safeguard is of the gravest kind, and stays so."
        )
    if danger not in DANGERS:
        raise OnwardError(f"{danger}: expected {one_of(DANGERS)}.")
    breach.danger = danger
    breach.save(update_fields=["danger"])
    BreachNotice.objects.bulk_create(_notices(breach), ignore_conflicts=True)
    access.log(by, "breach.handle", purpose=f"breach {breach.pk}: {danger}")


def _handles(by: Account, breach: Breach) -> None:
    """Refuse who does not handle breaches, or not this one, and whatever is closed."""
    breach.refresh_from_db()
    access.require(by, "breach.handle", place="breaches")
    if not seen_by(by).filter(pk=breach.pk).exists():
        access.log(by, "breach.handle", allowed=False, place="breaches")
        raise access.Hidden
    if breach.state != "open":
        raise OnwardError("This breach is closed and stays as it is. Report what is new.")


def _answers(by: Account, notice: BreachNotice) -> None:
    _handles(by, notice.breach)
    notice.refresh_from_db()
    if notice.told_at is not None or notice.not_told:
        raise OnwardError("It is on record when and how they were told; that stays.")


def tell(by: Account, notice: BreachNotice, how: str) -> None:
    """Record that somebody was told, and how."""
    _answers(by, notice)
    if len(how.strip()) < 5:
        raise OnwardError("Say how and to whom by role, as: by telephone to the duty officer.")
    notice.told_at, notice.told_by, notice.how = (
        timezone.now(),
        by.account_id,
        how.strip()[:200],
    )
    notice.save(update_fields=["told_at", "told_by", "how"])
    access.log(by, "breach.handle", purpose=f"breach {notice.breach_id}: told {notice.whom}")


def do_not_tell(by: Account, notice: BreachNotice, why: str) -> None:
    """Decide not to tell, where telling would do harm; some are always told."""
    _answers(by, notice)
    if text_of(notice).get("always"):
        raise OnwardError("These are always told.")
    if len(why.strip()) < 20:
        raise OnwardError(
            "Say what harm telling would do, and what is done for the people instead."
        )
    notice.not_told, notice.told_by, notice.decided_at = (
        why.strip()[:200],
        by.account_id,
        timezone.now(),
    )
    notice.save(update_fields=["not_told", "told_by", "decided_at"])
    access.log(
        by, "breach.handle", purpose=f"breach {notice.breach_id}: not told {notice.whom}"
    )


def close(by: Account, breach: Breach, lesson: str) -> None:
    """Close a breach once everybody was told or it was decided why not."""
    _handles(by, breach)
    if of_movement(breach) and breach.reported_by == by.account_id:
        raise OnwardError(
            "You recorded this movement; somebody else looks at it and closes it."
        )
    if untold := still_to_tell(breach):
        whom = tongues.listed(map(title_of, untold), get_language() or "en", ";")
        raise OnwardError(gettext("Still to be told: %(whom)s.") % {"whom": whom})
    if len(lesson.strip()) < 10:
        raise OnwardError("Say what was learned and changed.")
    breach.state, breach.closed_at, breach.closed_by, breach.lesson = (
        "closed",
        timezone.now(),
        by.account_id,
        lesson.strip()[:400],
    )
    breach.save(update_fields=["state", "closed_at", "closed_by", "lesson"])
    access.log(by, "breach.handle", purpose=f"breach {breach.pk}: closed")
