"""Interviews and follow-ups: who is met when, where, with which interpreter, and what is overdue."""

from __future__ import annotations

import re
import uuid
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from onward.caseload.events import Subject
from onward.desk import booking, contacts, dates, forms, here, sight, words
from onward.desk.views.shared import done, once, page, paged, place, sent_key
from onward.errors import OnwardError
from onward.registry.models import Account, PersonNow, ThingNow
from onward.registry.permissions import access, assignments
from onward.registry.recording import acts
from onward.safeguards.record import WENT_TO

KIND = booking.KIND
ROOMS_DAYS = 60
"""For so many days a room that was used is offered."""
ASSIGNED_AT_ONCE = 20
MOST = 60
"""People scheduled with one form."""


def _first_day(request: HttpRequest) -> date:
    try:
        asked = date.fromisoformat(request.GET.get("week", ""))
    except ValueError:
        asked = here.today()
    return here.week_of(asked)


@page("calendar", "calendar.read")
def calendar(request: HttpRequest) -> HttpResponse:
    """One week: appointments with people this account may see; the rest is counted as taken."""
    return _week(request, _first_day(request))


@page("calendar", "calendar.edit", methods=("POST",))
def assign_room(request: HttpRequest) -> HttpResponse:
    """A room, an interpreter or both for an appointment that has none, from the week's page."""
    access.require(request.user, "calendar.edit", place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    row = ThingNow.objects.filter(kind=KIND, thing=request.POST.get("thing", "")).first()
    if row is None or not reader.people().filter(person=row.person).exists():
        raise access.Hidden
    day = date.fromisoformat(str(row.facts["day"]))
    first = here.week_of(day)
    room = request.POST.get("room_other", "").strip() or request.POST.get("room", "").strip()
    sent = {"room": room, "interpreter_code": request.POST.get("interpreter_code", "")}
    facts = {
        name: value for name, value in sent.items() if value and row.facts.get(name) != value
    }
    mine = {**row.facts, **facts, "person": row.person}
    faults = [] if facts else [_("Choose a room or an interpreter.")]
    said = booking.warnings([mine]) if facts.get("interpreter_code") else []
    if not faults and said and not request.POST.get("anyway"):
        return _week(request, first, asked={"thing": row.thing, "warnings": said, **sent})
    if not faults:
        key = sent_key(request)
        try:
            with booking.alone():
                found = [] if booking.was_sent(key) else booking.clashes([mine], but=row.thing)
                faults = [clash.said for clash in found]
                if not faults:
                    acts.record(
                        request.user, Subject(KIND, row.thing), "recorded",
                        effective=here.today().isoformat(), facts=facts, idempotency_key=key,
                    )  # fmt: skip
        except OnwardError as error:
            faults = [str(error)]
    if faults:
        return _week(request, first, asked={"thing": row.thing, "faults": faults, **sent})
    return done(request, _("Kept."), "desk:calendar", week=first.isoformat())


def _without(
    rows: list[ThingNow], visible: dict[str, PersonNow], asked: dict[str, Any]
) -> list[dict[str, Any]]:
    """Planned appointments from today on that lack a room or an interpreter, each with what is
    free at its hour; a few questions to the record, however many there are."""
    roster = booking.roster()
    today = here.today().isoformat()
    lacking = [
        row for row in rows
        if str(row.person) in visible and str(row.facts["day"]) >= today
        and row.facts.get("state") in (None, "planned")
        and (not row.facts.get("room") or (
            roster and row.facts.get("interpreter") and not row.facts.get("interpreter_code")))
    ]  # fmt: skip
    lacking.sort(key=lambda row: (str(row.facts["day"]), str(row.facts.get("starts_at") or "")))
    if not lacking:
        return []
    rooms = booking.rooms_known(here.today() - timedelta(days=ROOMS_DAYS))
    barred = booking.unwanted({str(row.person) for row in lacking})
    found = []
    for row in lacking[:ASSIGNED_AT_ONCE]:
        there = [
            other.facts for other in rows
            if other.thing != row.thing and other.facts.get("state") not in booking.FREED
        ]  # fmt: skip
        mine = asked if asked.get("thing") == row.thing else {}
        found.append(
            {
                "thing": row.thing, "person": row.person, "day": date.fromisoformat(str(row.facts["day"])),
                "at": row.facts.get("starts_at"), "language": row.facts.get("interpreter"),
                "needs_room": not row.facts.get("room"),
                "needs_interpreter": bool(roster and row.facts.get("interpreter") and not row.facts.get("interpreter_code")),
                "rooms": booking.rooms_for(row.facts, there, rooms),
                "interpreters": booking.interpreters_for(
                    row.facts, there, roster, barred.get(str(row.person), ())),
                "key": once(), **mine,
            }
        )  # fmt: skip
    return found


def _week(
    request: HttpRequest, first: date, *, asked: dict[str, Any] | None = None
) -> HttpResponse:
    """The page of one week. `asked`: what was just sent from it and could not be kept yet."""
    reader = request.reader  # type: ignore[attr-defined]
    days = [first + timedelta(days=n) for n in range(7)]
    rows = list(
        ThingNow.objects.filter(
            kind=KIND, facts__day__gte=days[0].isoformat(), facts__day__lte=days[-1].isoformat()
        ).exclude(facts__state="cancelled")
    )
    visible = {
        row.person: row
        for row in reader.people().filter(person__in={row.person for row in rows if row.person})
    }
    opens = sight.opening(reader, list(visible))
    rulebook = here.rulebook()
    by_day: dict[str, list[dict[str, Any]]] = defaultdict(list)
    others: Counter[str] = Counter()
    for row in sorted(rows, key=lambda row: str(row.facts.get("starts_at") or "")):
        day = str(row.facts["day"])
        person = visible.get(str(row.person))
        if person is None:
            others[day] += 1
            continue
        facts = reader.show(rulebook, KIND, row.facts, reader.classes(person))
        by_day[day].append(
            {
                "thing": row.thing, "person": row.person, "opens": row.person in opens, "at": facts.get("starts_at"),
                "minutes": facts.get("minutes"), "room": facts.get("room"),
                "interpreter": facts.get("interpreter"),
                "interpreter_code": facts.get("interpreter_code"), "state": facts.get("state"),
                "purpose": words.code(str(facts["purpose"])) if facts.get("purpose") else _("Appointment"),
            }
        )  # fmt: skip
    reader.listed(list(visible.values()), place=place(request))
    capacity = _per_week()
    held = [row.facts for row in rows if row.facts.get("state") not in booking.FREED]
    rooms = Counter(booking.plain(facts.get("room")) for facts in held)
    written = {booking.plain(facts.get("room")): str(facts.get("room")) for facts in held}
    spoken = Counter(str(facts["interpreter"]) for facts in held if facts.get("interpreter"))
    return render(
        request, "desk/calendar.html",
        {
            "days": [
                {"day": day, "slots": by_day[day.isoformat()], "others": others[day.isoformat()],
                 "today": day == here.today()}
                for day in days
            ],
            "before": (first - timedelta(days=7)).isoformat(),
            "after": (first + timedelta(days=7)).isoformat(),
            "first": days[0], "last": days[-1], "any": bool(rows), "taken": len(held),
            "not_held": len(rows) - len(held), "capacity": capacity,
            "rooms": [(written[room], number) for room, number in rooms.most_common() if room],
            "interpreters": [
                (words.language(code), number) for code, number in spoken.most_common()
            ],
            "may_edit": reader.may("calendar.edit"),
            "roster": booking.has_roster() and reader.may("calendar.edit"),
            "without": _without(rows, visible, asked or {}) if reader.may("calendar.edit") else [],
            "asked": asked,
        },
        status=422 if asked and asked.get("faults") else 200,
    )  # fmt: skip


def _per_week() -> int | None:
    """How many private interviews a week the plan counts on; None where it says nothing."""
    found = here.plan()
    if found is None or "interview_slot" not in found.capacities:
        return None
    total = 0.0
    for supply in found.capacities["interview_slot"].supplies:
        if supply.per_days:
            total += supply.amount.likely * 7 / supply.per_days
    return round(total) or None


@page("calendar", "calendar.read")
def follow_ups(request: HttpRequest) -> HttpResponse:
    """Contacts after the outcome, due and overdue, the oldest first."""
    reader = request.reader  # type: ignore[attr-defined]
    today = here.today()
    people = reader.people().filter(reader.within("confidential"))
    rows = contacts.waiting(reader.things("confidential"), here.rulebook())
    which = request.GET.get("which", "due")
    rows = rows.filter(due__gt=today) if which == "ahead" else rows.filter(due__lte=today)
    found = paged(request, rows.order_by("due", "person", "thing"))
    rulebook = here.rulebook()
    tolerated = contacts.tolerated(rulebook)
    persons = {
        row.person: row for row in people.filter(person__in=[r.person for r in found.rows])
    }
    reader.listed(list(persons.values()), place=place(request))
    mine = reader.people("person.record_follow_up").filter(person__in=list(persons))
    mine = set(mine.values_list("person", flat=True))

    def told_of(row: ThingNow) -> dict[str, Any]:
        person = persons.get(row.person)
        if person is None:
            return {}
        return reader.show(rulebook, contacts.KIND, row.facts, reader.classes(person))

    answered = ThingNow.objects.filter(kind=contacts.KIND, person__in=list(persons), due=None)
    refused = contacts.refusals(((row.person, told_of(row)) for row in answered), today)
    lines = []
    for row in found.rows:
        due = date.fromisoformat(str(row.facts["due_on"]))
        person = persons.get(row.person)
        told = told_of(row)
        lines.append(
            {
                "thing": row.thing, "person": row.person, "due": due,
                "late": (today - due).days if due < today else 0,
                "overdue": contacts.is_overdue(due, today, tolerated.get((person and person.stage) or "", 0)),
                "may": row.person in mine,
                "tried": told.get("done_on") if told.get("result") == contacts.UNREACHED else None,
                "refused": refused.get(row.person),
                "pathway": words.state(rulebook, "stage", person.stage) if person else "",
                "where": here.destination(str(person.facts.get(WENT_TO) or "")) if person else "",
            }
        )  # fmt: skip
    return render(
        request, "desk/follow_ups.html",
        {"page": found, "lines": lines, "which": which,
         "may": reader.may("person.record_follow_up")},
    )  # fmt: skip


# -- scheduling several people at once -------------------------------------------------------------


@page("people", "person.list", methods=("GET", "POST"))
def bulk(request: HttpRequest) -> HttpResponse:
    """What was chosen in a list: schedule interviews, or assign. Ids travel in the form only."""
    reader = request.reader  # type: ignore[attr-defined]
    ids = list(dict.fromkeys(request.POST.getlist("people")))
    rows = list(reader.people().filter(person__in=ids).order_by("person"))
    what = request.POST.get("do", "")
    if not rows:
        return render(
            request, "desk/bulk_none.html", status=422 if request.method == "POST" else 200
        )
    reader.listed(rows, place=place(request))
    if what == "assign":
        return _assign(request, reader, rows)
    if (what if what == "convoy" else KIND) not in here.rulebook().kinds:
        raise Http404
    if what == "convoy":
        return _convoy(request, reader, rows)
    return _schedule(request, reader, rows)


def _convoy(request: HttpRequest, reader: access.Reader, rows: list[PersonNow]) -> HttpResponse:
    """Which planned convoy the chosen people are put on; its own page then judges each of them."""
    access.require(request.user, "person.record_movement", place=place(request))
    ids = [row.person for row in rows]
    mine = reader.people("person.record_movement").filter(person__in=ids)
    lines = sight.lines(reader, list(mine.order_by("unit", "person")))
    day = here.today().isoformat()
    planned = ThingNow.objects.filter(
        kind="convoy", facts__state="planned", facts__day__gte=day
    )
    convoys = [
        {"id": row.thing, "facts": row.facts, "pathway": sight.pathway_title(str(row.facts.get("pathway")))}
        for row in planned.order_by("facts__day", "thing")[:20]
    ]  # fmt: skip
    return render(
        request, "desk/bulk_convoy.html", {"lines": lines, "convoys": convoys, "key": once()}
    )


def _schedule(
    request: HttpRequest, reader: access.Reader, rows: list[PersonNow]
) -> HttpResponse:
    if not reader.may("calendar.edit"):
        access.require(request.user, "calendar.edit", place=place(request))
    rulebook = here.rulebook()
    declared = rulebook.kinds[KIND].facts
    columns = [
        n
        for n in (
            "purpose",
            "day",
            "starts_at",
            "minutes",
            "room",
            "interpreter",
            "interpreter_code",
            "officer",
        )
        if n in declared
    ]
    form = forms.form_for(
        rulebook, KIND, columns, required=("purpose", "day", "starts_at", "minutes"),
        values={"day": here.today().isoformat(), "starts_at": "09:00", "minutes": 60,
                "purpose": "interview", "officer": ""},
    )  # fmt: skip
    if (language := form.get("interpreter")) is not None:
        language.hint = _("Left empty: each person's own language.")
    ask_who(form, reader, KIND)
    extra: dict[str, Any] = {}
    if request.POST.get("send"):
        form.read(request.POST)
        start = booking.moment(str(form.facts.get("starts_at", "")))
        if form.valid and start is None:
            form.fail("starts_at", _("Not a time. Write it as 09:30."))
        if form.valid and len(rows) > MOST:
            extra["faults"] = [
                _("At most %(number)s people at once.") % {"number": dates.digits(str(MOST))}
            ]
        if form.valid and start is not None and not extra:
            planned = _planned(rows, form.facts, start)
            said = booking.warnings(planned)
            if said and not request.POST.get("anyway"):
                extra["warnings"] = said
            else:
                key = sent_key(request)
                entries = [
                    {"subject": Subject(KIND, str(uuid.uuid4())), "kind": "recorded",
                     "effective": here.today().isoformat(), "facts": facts}
                    for facts in planned
                ]  # fmt: skip
                try:
                    with booking.alone():
                        clashes = [] if booking.was_sent(key) else booking.clashes(planned)
                        if not clashes:
                            acts.record_batch(request.user, entries, idempotency_key=key)
                except OnwardError as error:
                    clashes = [booking.Clash(str(error))]
                if not clashes:
                    return _scheduled(request, planned)
                extra["faults"] = booking.told(clashes, form)
    return render(
        request, "desk/schedule.html",
        {"form": form, "rows": rows, "key": request.POST.get("key") or once(), "do": "schedule", **extra},
        status=422 if form.problems or extra else 200,
    )  # fmt: skip


def ask_who(form: forms.Form, reader: access.Reader, kind: str) -> None:
    """Let a form choose the officer from the office and the interpreter from the roster. What is on
    record stays to be chosen; an appointment does not ask where there is nobody to choose."""
    people = [(each.code, each.said) for each in booking.roster()]
    for name, options in (("officer", _officers(reader)), ("interpreter_code", people)):
        if (found := form.get(name)) is None:
            continue
        if found.value and found.value not in dict(options):
            options = [*options, (found.value, found.value)]
        if options:
            found.look, found.options, found.blank = "pick", options, _("Nobody yet")
        elif kind == KIND:
            form.inputs.remove(found)


@page("calendar", "calendar.edit", methods=("GET", "POST"))
def interpreters(request: HttpRequest) -> HttpResponse:
    """The roster: who interprets which languages, on which days, and how much this week."""
    access.require(request.user, "calendar.edit", place=place(request))
    if not booking.has_roster():
        raise Http404
    rulebook = here.rulebook()
    code = forms.Input(
        "code", _("Code"), "text", required=True, limit=40,
        hint=_("A code of the office's own, as I-7: never a name."),
    )  # fmt: skip
    known = {each.code: each for each in booking.roster(active=False)}
    chosen = known.get(request.GET.get("code", ""))
    values = (
        ThingNow.objects.filter(kind=booking.ROSTER, thing=chosen.code).first()
        if chosen
        else None
    )
    form = forms.form_for(
        rulebook, booking.ROSTER, values=values.facts if values else {"on_roster": True},
        required=("languages",),
    )  # fmt: skip
    for name, look in (("languages", words.language), ("days", words.code)):
        if (field := form.get(name)) is not None:
            field.options = [(value, look(value)) for value, _word in field.options]
    form.inputs.insert(0, code)
    if chosen:
        code.value = chosen.code
    extra: dict[str, Any] = {}
    if request.method == "POST":
        form.read(request.POST)
        facts = dict(form.facts)
        name = str(facts.pop("code", ""))
        if form.valid and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,39}", name):
            form.fail("code", _("Letters, digits and . _ - without a space, as I-7."))
        if form.valid and "languages" not in facts:
            form.fail("languages", _("Choose at least one language."))
        if form.valid:
            try:
                acts.record(
                    request.user, Subject(booking.ROSTER, name), "recorded",
                    effective=here.today().isoformat(), facts=facts,
                    idempotency_key=sent_key(request),
                )  # fmt: skip
            except OnwardError as error:
                extra["faults"] = [str(error)]
            else:
                return done(request, _("The roster is changed."), "desk:interpreters")
    first = here.week_of(here.today())
    taken = Counter(
        str(row.facts.get("interpreter_code"))
        for row in ThingNow.objects.filter(
            kind=KIND, facts__day__gte=first.isoformat(),
            facts__day__lt=(first + timedelta(days=7)).isoformat(),
        )
        if row.facts.get("state") not in booking.FREED
    )  # fmt: skip
    rows = [
        {"one": each, "languages": [words.language(x) for x in each.languages],
         "sex": words.code(each.sex) if each.sex else "", "days": [words.code(x) for x in each.days],
         "taken": taken[each.code],
         "late": each.bound_until is None or each.bound_until < here.today()}
        for each in known.values()
    ]  # fmt: skip
    return render(
        request, "desk/interpreters.html",
        {"form": form, "rows": rows, "chosen": chosen, "key": request.POST.get("key") or once(), **extra},
        status=422 if form.problems or extra else 200,
    )  # fmt: skip


def _officers(reader: access.Reader) -> list[tuple[str, str]]:
    rows = Account.objects.filter(is_active=True, office=reader.account.office).order_by(
        "username"
    )
    return [
        (row.account_id, str(row)) for row in rows
        if {"interviewer", "counsellor", "protection_officer", "rsd_officer", "resettlement_officer",
            "repatriation_officer", "follow_up_monitor"} & row.roles
    ]  # fmt: skip


def _planned(
    rows: list[PersonNow], facts: dict[str, Any], start: datetime
) -> list[dict[str, Any]]:
    """One appointment after the other, in the order of the list, on one day."""
    planned = []
    for row in rows:
        mine = {name: value for name, value in facts.items() if name != "effective"}
        mine["starts_at"] = start.strftime("%H:%M")
        if not mine.get("interpreter") and row.facts.get("language"):
            mine["interpreter"] = row.facts["language"]
        planned.append({"person": row.person, **mine})
        start += timedelta(minutes=int(facts["minutes"]))
    return planned


def _scheduled(request: HttpRequest, planned: list[dict[str, Any]]) -> HttpResponse:
    said = ngettext(
        "%(number)s appointment is scheduled.", "%(number)s appointments are scheduled.",
        len(planned),
    ) % {"number": dates.digits(str(len(planned)))}  # fmt: skip
    return done(request, said, "desk:calendar", week=str(planned[0]["day"]))


def _assign(request: HttpRequest, reader: access.Reader, rows: list[PersonNow]) -> HttpResponse:
    if not reader.may("person.assign"):
        access.require(request.user, "person.assign", place=place(request))
    colleagues = Account.objects.filter(is_active=True, office=reader.account.office)
    # Nobody assigns people to themselves, or to who could not open their page by that: a partner's
    # account opens whom its organisation is referred.
    accounts = [
        row for row in colleagues.exclude(pk=reader.account.pk).order_by("username")
        if set(reader.rules.may(row.roles, "person.read")) - {"referred"}
    ]  # fmt: skip
    options = [(row.account_id, str(row)) for row in accounts]
    # A family with members in two offices is placed by one officer to whom the other office
    # assigned its members: that is how both agree.
    for row in (
        Account.objects.filter(is_active=True)
        .exclude(office=reader.account.office)
        .order_by("office", "username")
    ):
        if "assigned" in reader.rules.may(row.roles, "placement.decide"):
            accounts.append(row)
            said = _("%(name)s, %(office)s: decides on the place of a family in both offices")
            options.append(
                (row.account_id, said % {"name": row, "office": words.site(row.office)})
            )
    form = forms.Form(
        [
            forms.Input("account", _("Colleague"), "pick", options=options, required=True),
            forms.Input("reason", _("Why"), "text", required=True, limit=200,
                        hint=_("Whoever asks later must be able to read the reason.")),
        ]
    )  # fmt: skip
    extra: dict[str, Any] = {}
    if request.POST.get("send"):
        form.read(request.POST)
        if form.valid:
            to = next(row for row in accounts if row.account_id == form.facts["account"])
            try:
                for row in rows:
                    assignments.assign(
                        request.user, row.person, to=to, reason=form.facts["reason"]
                    )
            except OnwardError as error:
                extra["faults"] = [str(error)]
            else:
                return done(
                    request,
                    ngettext(
                        "%(number)s person is assigned.",
                        "%(number)s people are assigned.",
                        len(rows),
                    )
                    % {"number": dates.digits(str(len(rows)))},
                    "desk:people",
                )
    return render(
        request, "desk/schedule.html",
        {"form": form, "rows": rows, "key": once(), "do": "assign", **extra},
        status=422 if form.problems or extra else 200,
    )  # fmt: skip


urls = [
    path("calendar/", calendar, name="calendar"),
    path("calendar/assign/", assign_room, name="assign_room"),
    path("calendar/interpreters/", interpreters, name="interpreters"),
    path("calendar/follow-ups/", follow_ups, name="follow_ups"),
    path("people/chosen/", bulk, name="bulk"),
]
