"""Home for who does not do casework: a doctor, a clerk, a partner, whoever watches or holds keys.

Each is told of what their own fields and actions reach and of nothing else: whether somebody's
next step is blocked is casework, so a doctor is told which health checks are missing, a clerk which
identities are open, and neither what these hold back. What is whose work stands in a table beside
the rulebook (`desk.work`). A host's liaison is told only what may be told to the host.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from onward.desk import dates, here, plan_words, totals, words, work
from onward.desk.views import headcount
from onward.errors import Faults
from onward.plan.telling import may_be_told, replaced
from onward.registry.data_protection import retention, rights
from onward.registry.keyring import rotation
from onward.registry.models import Account, Alarm, Disposal, PersonNow, ThingNow
from onward.registry.permissions import access

SHOWN = 8
HOST = "host_liaison"


def work_wrong() -> list[str]:
    """What is wrong with the operation's own table of work, for everybody to see and somebody
    to mend."""
    try:
        work.lines(here.operation().path, here.rulebook())
    except Faults as wrong:
        plan, rulebook = here.plan(), here.rulebook()
        return [
            f"{work.FILE}, {plan_words.fault_said(one, plan, rulebook, in_text=True)}"
            for one in wrong.faults
        ]
    return []


def missing(
    reader: Any, people: QuerySet[PersonNow], today: date
) -> list[tuple[work.Work, QuerySet[PersonNow]]]:
    """What this reader's own work fills in, each with those of some people of whom it is missing."""
    rulebook = here.rulebook()
    if work_wrong():
        return []
    classes = reader.rules.field_classes(rulebook)["person"]
    found = []
    for line in work.lines(here.operation().path, rulebook):
        if not set(line.roles) & set(reader.account.role_ids):
            continue
        theirs = people
        for column in line.columns:
            theirs = theirs.filter(reader.within(classes.get(column, "")))
        if not all(reader.reads_somewhere(classes.get(column, "")) for column in line.columns):
            continue
        found.append((line, line.missing(theirs, today, rulebook)))
    return found


def gaps(reader: Any, people: QuerySet[PersonNow], today: date) -> list[dict[str, Any]]:
    """What this reader's own work fills in, and the first of whom it is missing."""
    return [
        {"name": line.name, "title": words.translated(line.title), "people": totals.total(rows),
         "remedy": _remedy(reader, line.columns[-1]),
         "rows": [row.person for row in rows.order_by("registered_on", "person")[:SHOWN]]}
        for line, rows in missing(reader, people, today)
    ]  # fmt: skip


def with_people(reader: Any, people: QuerySet[PersonNow], today: date) -> dict[str, Any]:
    """What somebody who lists people without reading casework has to do today."""
    mine = gaps(reader, people, today)
    shown: dict[str, Any] = {"gaps": mine, "own": True}
    if reader.may("calendar.read"):
        theirs = reader.things("internal").filter(kind="appointment", due=today)
        shown["meetings"] = [
            {"person": row.person, "at": row.facts.get("starts_at"), "room": row.facts.get("room")}
            for row in sorted(theirs, key=lambda row: str(row.facts.get("starts_at") or ""))
        ][:SHOWN]  # fmt: skip
    if reader.may("headcount.record") and "headcount" in here.rulebook().kinds:
        shown["counted"] = _counted(today)
        shown["differs"] = shown["counted"] and _differs(reader.account.office, today)
    if not mine:
        shown["listed"] = [
            row.person for row in people.order_by("-registered_on", "person")[:SHOWN]
        ]
    return shown


def _remedy(reader: Any, fact: str) -> str:
    """What the rulebook says would lift it, of a finding this reader may be told. What is so only for a
    day of travel is asked of nobody who has none."""
    for safeguard in here.rulebook().safeguards.values():
        for finding in safeguard.findings.values():
            asks = re.search(rf"\b{fact}\b", finding.condition)
            if asks and ":on" not in finding.condition and reader.told_of(
                here.rulebook(), finding.key
            ):  # fmt: skip
                return words.translated(finding.remedy)
    return ""


def without_people(reader: Any) -> list[dict[str, Any]]:
    """What waits for who works without people's records: (number, what, page)."""
    lines: list[dict[str, Any]] = []
    if reader.may("audit.read"):
        lines.append(
            {"number": Alarm.objects.filter(seen_at=None).count(), "url": reverse("desk:audit"),
             "what": _("alarms nobody has looked at")}
        )  # fmt: skip
    if reader.may("account.manage"):
        lines.append(
            {"number": Account.objects.filter(is_active=True).exclude(frozen_at=None).count(),
             "url": reverse("desk:administration"), "what": _("accounts that are frozen")}
        )  # fmt: skip
    if reader.may("retention.manage"):
        lines.append(
            {"number": len(retention.due(here.today())), "url": reverse("desk:retention"),
             "what": _("files whose time is over")}
        )  # fmt: skip
    if reader.may("rights.erase"):
        mine = reader.account.account_id
        disposals = Disposal.objects.filter(done_at=None).exclude(proposed_by=mine)
        lines += [
            {"number": disposals.count(), "url": reverse("desk:retention"),
             "what": _("disposals somebody else proposed")},
            {"number": rights.to_answer(reader.account).count(), "url": reverse("desk:rights"),
             "what": _("erasures somebody else prepared")},
        ]  # fmt: skip
    return lines


# -- who holds keys ----------------------------------------------------------------------------------

RENEW_AFTER = 365
"""Days after which keys are said to be old; nothing stops working."""
ENOUGH = 2
"""Custodians of whom none opens the record alone, and accounts that can act for each other."""


def ceremonies(reader: Any) -> list[dict[str, Any]]:
    """What whoever holds keys has to do or arrange: (state, what, why). Nothing here opens anything."""
    if not reader.may("key.manage"):
        return []
    today = timezone.now().date()
    keys = rotation.state(here.operation().path, on=today)
    lines: list[dict[str, Any]] = []

    def add(state: str, what: str, why: str = "") -> None:
        lines.append({"state": state, "what": what, "why": why})

    for way in keys.ways:
        if way.kind in rotation.DRILLED:
            what = _("Recovery drill: custodians") if way.kind == "custodians" else _("Recovery drill: code on paper")  # fmt: skip
            last = (
                _("last on %(day)s") % {"day": dates.shown(way.drilled)}
                if way.drilled else _("never practised")
            )  # fmt: skip
            add("due" if way.drill_due else "done", what, last)
    together = max((len(way.custodians) for way in keys.ways), default=0)
    if together < ENOUGH:
        add("overdue", _("Custodians are missing"),
            _("No two custodians hold halves of the key. Name two people who never travel together."))  # fmt: skip
    if not keys.recoverable:
        add("overdue", _("If the key file or the passphrase is lost, so is every name"),
            _("Add a recovery code, or custodians."))  # fmt: skip
    accounts = sum(
        access.may(one, "key.manage")
        for one in Account.objects.filter(is_active=True, frozen_at=None)
    )
    if accounts < ENOUGH:
        add("due", _("Nobody else may renew the keys"), _("A second custodian's account is needed when this one is away."))  # fmt: skip
    unnamed = sum(not way.holder and not way.custodians for way in keys.ways)
    if unnamed:
        add("due", _("Ways in without a holder"),
            _("Write down whose each is: %(n)s") % {"n": dates.digits(str(unnamed))})  # fmt: skip
    if keys.unfinished:
        add("overdue", _("A renewal was begun and not finished"), _("Renew again: it goes on where it stopped."))  # fmt: skip
    elif keys.since is None or (today - keys.since).days > RENEW_AFTER:
        since = dates.shown(keys.since) if keys.since else ""
        add("due", _("Renew the keys"), _("last renewed or made %(day)s") % {"day": since} if since else _("When the keys were last renewed is not known."))  # fmt: skip
    return lines


# -- who speaks with the host ----------------------------------------------------------------------


def with_the_host(reader: Any) -> dict[str, Any]:
    """What a host's liaison has to settle with the host; nothing that points at anybody.

    Figures go to the host in external reports alone, which are checked against each other: neither
    the day's count nor how many wait for anything stands here.
    """
    plan = here.plan()
    if HOST not in reader.account.role_ids or plan is None:
        return {}
    today = here.today()
    given = [
        {"title": words.translated(one.title), "state": words.code(one.state), "purpose": words.code(one.purpose),
         "expiry": one.expiry, "waits": one.state in ("sought", "drafted", "signed"),
         "ended": one.expiry is not None and one.expiry < today}
        for one in plan.assurances.values()
        if one.recipient == plan.host and one.confidentiality != "sensitive"
        and one.purpose in ("handover", "site_responsibility") and one.state != "refused"
    ]  # fmt: skip
    gone = replaced(plan)
    tell = [
        words.translated(one.title) for one in plan.messages.values()
        if may_be_told(plan, one, today, to=("host",)) and one.id not in gone
        and not any(plan.confidentiality(id) == "sensitive" for id in one.mentions)
    ]  # fmt: skip
    waiting = ThingNow.objects.filter(kind="incident", due__isnull=False)
    with_host = waiting.filter(
        Q(facts__destination=plan.host) | Q(facts__destination__isnull=True)
    )
    return {
        "assurances": given,
        "host_messages": tell,
        "paused": with_host.exists(),
        "counted": _counted(today) if "headcount" in here.rulebook().kinds else None,
    }


def _differs(site: str, today: date) -> bool:
    """Whether the day's count of a site is not what the record says, and nobody has said why."""
    (day,) = headcount.days_of(site, today, 1)
    return bool(day.difference) and not day.explained


def _counted(today: date) -> bool:
    return ThingNow.objects.filter(kind="headcount", facts__day=today.isoformat()).exists()
