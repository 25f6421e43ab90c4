"""Convoys: who is on the manifest, who boarded, who arrived, and nobody unaccounted for."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from onward.caseload.events import RETRACTED, Subject
from onward.desk import boarding, booking, dates, forms, here, replanning, sight, words
from onward.desk.views.shared import (
    PAGE,
    done,
    nothing_changed,
    once,
    page,
    paged,
    place,
    sent_key,
)
from onward.errors import OnwardError
from onward.registry.models import EventRow, PersonNow, ThingNow
from onward.registry.now import judging
from onward.registry.permissions import access
from onward.registry.recording import acts
from onward.rulebook.model import Move, Rulebook
from onward.safeguards.record import WENT_TO


@dataclass(frozen=True)
class Seat:
    """One person of a manifest.

    why     what keeps the step from being open today
    lost    not accounted for: not said to have boarded, or where they are, once the convoy left;
            not said to have arrived, or where they are, once it arrived
    breach  whether leaving opened a breach, as far as it may be told
    said    what the form shows: what is on record, or what was marked and could not be recorded
    shown   what is on record, as the form sends it back
    meanwhile  whether somebody else said otherwise while the form was open
    """

    thing: str
    person: str
    listed: bool
    boarded: bool | None
    arrived: bool | None
    explained: str
    open: bool | None
    why: tuple[str, ...]
    said: Mapping[str, str]
    shown: str
    visible: bool = True
    lost: bool = False
    breach: bool = False
    meanwhile: bool = False


WITH_IT = Q(facts__listed=True) | Q(facts__boarded=True)
"""Who counts with a convoy: whoever is on its manifest, and whoever boarded without being on it."""
ABOARD = "boarded_unlisted"
"""In the session: the convoy, and what was asked of somebody who boarded it unlisted."""

NOT_KNOWN = ("not_found", "missing")
"""Words for somebody nobody knows the place of: said, and still not accounted for."""


def is_lost(facts: Mapping[str, Any], state: str) -> bool:
    """Whether somebody on a manifest is not accounted for; see `Seat`."""
    if facts.get("explained") in NOT_KNOWN:
        return True
    if facts.get("explained"):
        return False
    if facts.get("boarded") is not True:
        return facts.get("boarded") is False or state in ("departed", "arrived")
    return facts.get("arrived") is False or (
        facts.get("arrived") is None and state == "arrived"
    )


def movement_of(rulebook: Rulebook, pathway: str) -> Move | None:
    """The step by which people leave on a pathway."""
    return next(
        (move for move in rulebook.moves().values()
         if move.pathway == pathway and rulebook.is_movement(move) and not move.records),
        None,
    )  # fmt: skip


def arrival_of(rulebook: Rulebook, move: Move | None) -> Move | None:
    """The step that records of somebody who left by a movement that they arrived; None: leaving is
    the last that is recorded of them."""
    if move is None:
        return None
    return next(
        (each for each in rulebook.transitions[move.transition].moves.values()
         if each.records and move.targets.get("stage") in each.sources.get("stage", ())),
        None,
    )  # fmt: skip


def on_the_day(rulebook: Rulebook) -> frozenset[str]:
    """Findings that can only be met on the day of travel: asked at movement, or that grow old
    within days."""
    from onward.plan.clocks import clocks

    found = {
        finding.key
        for safeguard in rulebook.safeguards.values()
        for finding in safeguard.findings.values()
        if finding.at == "movement" or not finding.hard
    }
    found |= {clock.finding for clock in clocks(rulebook) if 0 < clock.days <= 7}
    return frozenset(found)


@page("convoys", "person.record_movement", methods=("GET", "POST"))
def convoys(request: HttpRequest) -> HttpResponse:
    rulebook = here.rulebook()
    if "convoy" not in rulebook.kinds:
        raise Http404
    form = forms.form_for(
        rulebook, "convoy", ("pathway", "destination", "day", "seats"),
        required=("pathway", "destination", "day", "seats"), places=here.destinations(),
    )  # fmt: skip
    extra: dict[str, Any] = {}
    if request.method == "POST":
        form.read(request.POST)
        if form.valid:
            try:
                planned = acts.record(
                    request.user, Subject("convoy", str(uuid.uuid4())), "recorded",
                    effective=here.today().isoformat(), facts=form.facts, evidence=(), idempotency_key=sent_key(request),
                )  # fmt: skip
            except OnwardError as error:
                extra["faults"] = [str(error)]
            else:
                return done(
                    request,
                    _("The convoy is planned. Put people on its manifest."),
                    "desk:convoy",
                    planned.events[0].subject.id,
                )
    found = paged(
        request, ThingNow.objects.filter(kind="convoy").order_by("-facts__day", "thing")
    )
    seats: dict[str, Counter[str]] = {}
    for facts in ThingNow.objects.filter(
        kind="seat", facts__convoy__in=[row.thing for row in found.rows]
    ).values_list("facts", flat=True):
        here_now = seats.setdefault(str(facts["convoy"]), Counter())
        if facts.get("listed") or facts.get("boarded"):
            here_now["listed"] += bool(facts.get("listed"))
            here_now["boarded"] += facts.get("boarded") is True
            here_now["arrived"] += facts.get("arrived") is True
    rows = [
        {"id": row.thing, "facts": row.facts, "seats": seats.get(row.thing, Counter()),
         "pathway": sight.pathway_title(str(row.facts.get("pathway"))),
         "state": words.code(str(row.facts.get("state") or "planned"))}
        for row in found.rows
    ]  # fmt: skip
    return render(
        request, "desk/convoys.html",
        {"page": found, "rows": rows, "form": form, "key": request.POST.get("key") or once(), **extra},
        status=422 if form.problems or extra else 200,
    )  # fmt: skip


def _seats(
    request: HttpRequest, convoy: ThingNow, *, marked: bool, meanwhile: Collection[str]
) -> list[Seat]:
    """marked     whether what the form marked is shown, and not only what is on record
    meanwhile  of whom somebody else said otherwise: what is on record is shown of them"""
    judged = not here.judging()
    reader = request.reader  # type: ignore[attr-defined]
    rulebook = here.rulebook()
    move = movement_of(rulebook, str(convoy.facts.get("pathway")))
    rows = list(
        ThingNow.objects.filter(WITH_IT, kind="seat", facts__convoy=convoy.thing).order_by(
            "thing"
        )
    )
    people = {
        row.person: row
        for row in reader.people("person.record_movement").filter(
            person__in=[r.person for r in rows]
        )
    }
    titles = {
        finding.key: words.translated(safeguard.title)
        for safeguard in rulebook.safeguards.values() for finding in safeguard.findings.values()
    }  # fmt: skip
    breaches = set(
        EventRow.objects.filter(
            kind="breach", subject_kind="person", subject_id__in=list(people),
            effective=str(convoy.facts.get("day")),
        ).values_list("subject_id", flat=True)
    )  # fmt: skip
    found = []

    def together(row: ThingNow) -> tuple[Any, ...]:
        """Whoever travels together stands together, as the roll is called; a stranger last."""
        person = people.get(str(row.person))
        return person is None, person.unit or "" if person else "", str(row.person)

    for row in sorted(rows, key=together):
        person = people.get(str(row.person))
        step = _step(person, move) if judged else None
        mine = marked and row.thing not in meanwhile
        classes = reader.classes(person) if person is not None else frozenset()
        found.append(
            Seat(
                row.thing, str(row.person) if person is not None else "", bool(row.facts.get("listed")), row.facts.get("boarded"),
                row.facts.get("arrived"), str(row.facts.get("explained") or ""),
                None if step is None else bool(step["open"]),
                tuple(dict.fromkeys(
                    titles.get(key, key) if reader.tells(rulebook, key, classes) else _("Not shown to your role")
                    for key in (step or {}).get("failed", ())
                )),
                said=boarding.marked(row, request.POST) if mine else boarding.words_of(row.facts),
                shown=boarding.as_shown(row.facts), visible=person is not None,
                meanwhile=row.thing in meanwhile,
                lost=is_lost(row.facts, str(convoy.facts.get("state") or "")),
                breach=str(row.person) in breaches and "confidential" in classes,
            )
        )  # fmt: skip
    reader.listed(list(people.values()), place=place(request))
    return found


def _step(person: PersonNow | None, move: Move | None) -> dict[str, Any] | None:
    if person is None or move is None:
        return None
    return next((step for step in person.steps if step["move"] == move.key), None)


@page("convoys", "person.record_movement", methods=("GET", "POST"))
def convoy(request: HttpRequest, convoy: str) -> HttpResponse:
    """The manifest; saying who boarded and who arrived; and the sum that must come out at nought."""
    row = ThingNow.objects.filter(kind="convoy", thing=convoy).first()
    if row is None:
        raise Http404
    extra: dict[str, Any] = {}
    meanwhile: Collection[str] = ()
    change = replanning.form_of(row)
    if request.method == "POST" and request.POST.get("do") == "find":
        # As with any search: not in the address, and nothing on the disk of a shared machine.
        request.session[ABOARD] = [convoy, request.POST.get("who", "").strip()[:120]]
        return HttpResponseRedirect(
            reverse("desk:convoy", args=(convoy,)) + "#unlisted", status=303
        )
    if request.method == "POST":
        try:
            with booking.alone():  # two officers at one bus, one after the other
                row.refresh_from_db()
                said = _change(request, row, change)
        except Which as which:
            return _ask_which(request, row, which.asked)
        except OnwardError as error:
            extra["faults"] = [str(error)]
            if isinstance(error, boarding.Meanwhile):
                meanwhile = error.seats
        else:
            if said:
                return done(request, said, "desk:convoy", convoy)
            extra["form"] = change
        row.refresh_from_db()
    rulebook = here.rulebook()
    seats = _seats(request, row, marked=bool(extra), meanwhile=meanwhile)
    move = movement_of(rulebook, str(row.facts.get("pathway")))
    counts = {
        "listed": sum(seat.listed for seat in seats),
        "boarded": sum(seat.boarded is True for seat in seats),
        "came": sum(seat.boarded is True and seat.listed for seat in seats),
        "unlisted": sum(seat.boarded is True and not seat.listed for seat in seats),
        "astray": sum(seat.boarded is not True and seat.lost for seat in seats),
        "stayed": sum(seat.boarded is False for seat in seats),
        "arrived": sum(seat.arrived is True for seat in seats),
        "elsewhere": sum(
            seat.boarded is True
            and seat.arrived is not True
            and bool(seat.explained)
            and not seat.lost
            for seat in seats
        ),
        "on_the_way": sum(
            seat.boarded is True and seat.arrived is None and not seat.explained
            for seat in seats
        ),
        "missing": sum(
            seat.boarded is True
            and seat.arrived is not True
            and seat.lost
            and bool(seat.explained or seat.arrived is False)
            for seat in seats
        ),
        "lost": sum(seat.lost for seat in seats),
        "asked": sum(seat.boarded is None for seat in seats),
    }
    return render(
        request, "desk/convoy.html",
        {
            "convoy": row, "seats": seats, "counts": counts, "move": move,
            "title": words.move(rulebook, move.key) if move else "",
            "pathway": sight.pathway_title(str(row.facts.get("pathway"))),
            "explanations": [(code, words.code(code)) for code in rulebook.kinds["seat"].facts["explained"].allowed],
            "ready": _ready(request, row, move, {seat.person for seat in seats}),
            "past": not replanning.ahead(row),
            "chosen": request.POST.getlist("people"),
            "gone": row.facts.get("state") in boarding.GONE,
            "cancelled": row.facts.get("state") == "cancelled",
            "change": change, "may_change": not counts["boarded"], "plan": replanning.shown(row),
            **_found(request, convoy, seats),
            "key": once(), **extra,
        },
        status=422 if extra else 200,
    )  # fmt: skip


def _ask_which(
    request: HttpRequest, convoy: ThingNow, asked: Mapping[str, Sequence[str]]
) -> HttpResponse:
    """With which convoy somebody of two that day did not leave after all; the rest is kept."""
    rows = {
        row.event_id: row
        for row in EventRow.objects.filter(event_id__in=[one for ids in asked.values() for one in ids])
    }  # fmt: skip
    seats = ThingNow.objects.filter(kind="seat", thing__in=list(asked)).order_by("thing")
    kept = [
        (name, value)
        for name, values in request.POST.lists() for value in values
        if name not in ("csrfmiddlewaretoken", "key") and not name.startswith("departure-")
    ]  # fmt: skip
    questions = [
        {"seat": seat.thing, "person": seat.person, "departures": [rows[one] for one in asked[seat.thing]]}
        for seat in seats
    ]  # fmt: skip
    return render(
        request, "desk/convoy_which.html",
        {"convoy": convoy, "questions": questions, "kept": kept, "key": once()}, status=422,
    )  # fmt: skip


def _ready(
    request: HttpRequest, convoy: ThingNow, move: Move | None, there: set[str]
) -> list[sight.Line]:
    """People whose next step this convoy is, to the same destination, whole movement units together;
    nobody while next steps are being judged again."""
    if move is None or here.judging():
        return []
    reader = request.reader  # type: ignore[attr-defined]
    rows = (
        reader.people("person.record_movement").filter(
            active=True, steps__icontains=f'"{move.key}"', destination=convoy.facts.get("destination")
        ).order_by("unit", "person")[: PAGE * 2]
    )  # fmt: skip
    day = on_the_day(here.rulebook())
    fit = [
        row for row in rows
        if row.person not in there and (step := _step(row, move)) is not None and set(step["failed"]) <= day
    ]  # fmt: skip
    reader.listed(fit, place=place(request))
    return sight.lines(reader, fit)


def _change(request: HttpRequest, convoy: ThingNow, form: forms.Form) -> str:
    """What a form of this page asks; "" when something is wrong that is said beside its fields."""
    what = request.POST.get("do", "")
    key = sent_key(request)
    reader = request.reader  # type: ignore[attr-defined]
    if what == "change":
        return _replan(request, convoy, form, key)
    if what != "strike" and convoy.facts.get("state") == "cancelled":
        raise OnwardError(_("This convoy was cancelled. Plan it again first, below."))
    if what in ("boarded", "arrived", "unlisted") and replanning.ahead(convoy):
        raise OnwardError(
            _(
                "The day of this convoy has not come yet. If it left earlier, change its day first, below."
            )
        )
    if what == "list":
        return _list(request, reader, convoy, key)
    if what in ("boarded", "arrived"):
        return _tick(request, reader, convoy, what, key)
    if what == "unlisted":
        return _unlisted(request, reader, convoy, key)
    if what == "strike" or "strike" in request.POST:  # the button of one line says which
        wanted = request.POST.get("strike") or request.POST.get("seat", "")
        seat = ThingNow.objects.filter(
            kind="seat", thing=wanted, facts__convoy=convoy.thing
        ).first()
        mine = reader.people("person.record_movement")
        if seat is None or not mine.filter(person=seat.person).exists():
            raise access.Hidden
        if seat.facts.get("boarded") is not None or convoy.facts.get("state") in boarding.GONE:
            raise OnwardError(
                _(
                    "The convoy left, or it was said whether this person boarded. Say “No” and where they are."
                )
            )
        acts.record(request.user, Subject("seat", wanted), "recorded", effective=here.today().isoformat(),
                    facts={"listed": False}, evidence=(), idempotency_key=key)  # fmt: skip
        return _("Taken off the manifest.")
    raise Http404


def _replan(request: HttpRequest, convoy: ThingNow, form: forms.Form, key: str) -> str:
    seats = ThingNow.objects.filter(WITH_IT, kind="seat", facts__convoy=convoy.thing)
    if seats.filter(facts__boarded=True).exists():
        raise OnwardError(_("Somebody boarded already: the convoy has left as it is recorded."))
    return _("Kept.") if replanning.keep(request, convoy, form, seats.count(), key) else ""


def _list(request: HttpRequest, reader: access.Reader, convoy: ThingNow, key: str) -> str:
    """Put people on the manifest. A hard safeguard that fails, other than on the day, refuses, and
    so does a convoy to anywhere else than they chose."""
    rulebook = here.rulebook()
    move = movement_of(rulebook, str(convoy.facts.get("pathway")))
    ids = list(dict.fromkeys(request.POST.getlist("people")))
    rows = list(
        reader.people("person.record_movement")
        .filter(person__in=ids)
        .order_by("unit", "person")
    )
    if not rows:
        raise OnwardError(_("Choose people first."))
    if here.judging():
        for row in rows:
            row.steps = judging.steps_now(here.operation(), row.person)
    day, to = on_the_day(rulebook), convoy.facts.get("destination")
    # A step is judged for the place each person chose: it opens no other one's convoy.
    kept = [
        row
        for row in rows
        if (step := _step(row, move)) is not None
        and step["destination"] == to
        and set(step["failed"]) <= day
    ]
    if len(kept) < len(rows):
        held = [f"\u2068{sight.short(row.person)}\u2069" for row in rows if row not in kept]
        raise OnwardError(
            _(
                "The step is held back by a safeguard that waiting for the day does not mend, or leads elsewhere, for: %(people)s. Nobody was put on the manifest."
            )
            % {"people": words.listed(held)}
        )
    taken = ThingNow.objects.filter(WITH_IT, kind="seat", facts__convoy=convoy.thing)
    seats = convoy.facts.get("seats")
    there = set(taken.values_list("person", flat=True))
    new = [row for row in kept if row.person not in there]
    if isinstance(seats, int) and len(there) + len(new) > seats:
        raise OnwardError(
            _(
                "There are not enough seats: chosen %(chosen)s, free %(free)s. Nobody was put on the manifest."
            )
            % {
                "chosen": dates.digits(str(len(new))),
                "free": dates.digits(str(max(seats - len(there), 0))),
            }
        )
    entries = [
        _entry(
            "seat",
            str(uuid.uuid4()),
            {"person": row.person, "convoy": convoy.thing, "listed": True},
        )
        for row in new
    ]
    if entries:
        acts.record_batch(request.user, entries, idempotency_key=key)
    number = len(there) + len(new)
    said = ngettext(
        "%(number)s person is on the manifest.",
        "%(number)s people are on the manifest.",
        number,
    )
    return said % {"number": dates.digits(str(number))}


def _tick(
    request: HttpRequest, reader: access.Reader, convoy: ThingNow, what: str, key: str
) -> str:
    """Who boarded, or who arrived, as seen: the movement is recorded whatever the safeguards say.

    Only what the form changed is recorded, in both columns whichever button was pressed: two who
    tick one convoy at once undo nothing of each other's. The button says which roll was called.
    """
    rulebook = here.rulebook()
    move = movement_of(rulebook, str(convoy.facts.get("pathway")))
    arrival = arrival_of(rulebook, move)
    day = str(convoy.facts.get("day"))
    entries: list[dict[str, Any]] = []
    asking: dict[str, Sequence[str]] = {}
    meanwhile: list[str] = []
    said_of: dict[str, Mapping[str, Any]] = {}
    allowed = rulebook.kinds["seat"].facts["explained"].allowed
    called = what if request.POST.get("called") == "yes" else ""
    seats = list(
        ThingNow.objects.filter(WITH_IT, kind="seat", facts__convoy=convoy.thing).order_by(
            "thing"
        )
    )

    def departures(seat: ThingNow) -> list[str]:
        try:
            return _departures(
                seat, move, convoy, request.POST.get(f"departure-{seat.thing}", "")
            )
        except Which as which:
            asking.update(which.asked)
            return []

    mine = set(
        reader.people("person.record_movement")
        .filter(person__in=[s.person for s in seats])
        .values_list("person", flat=True)
    )
    there = _arrivals(seats, arrival, day)
    for seat in seats:
        if seat.person not in mine:
            continue
        said = boarding.changed(seat, request.POST, called)
        if said is None:
            meanwhile.append(seat.thing)
            continue
        if said.get("boarded") == "mistake":
            gone = [*there[seat.person], *departures(seat)]
            entries += [{"takes_back": one} for one in gone] + _unsaid(seat)
            said_of[seat.thing] = dict.fromkeys(SAID)
            continue
        facts: dict[str, Any] = {
            column: said[column] == "yes"
            for column in ("boarded", "arrived")
            if said.get(column) in ("yes", "no")
        }
        if said.get("explained", "") in ("", *allowed) and "explained" in said:
            facts["explained"] = said["explained"] or None
        if not facts:
            continue
        if facts.get("boarded") is False and seat.facts.get("boarded") is True:
            # Whoever did not board has not left: the departure recorded with it counts no more.
            entries += [{"takes_back": one} for one in departures(seat)]
            if seat.facts.get("arrived") is not None:
                facts["arrived"] = None  # nor have they arrived, or failed to
        if facts.get("arrived", True) is not True:
            entries += [{"takes_back": one} for one in there[seat.person]]
        said_of[seat.thing] = facts
        entries.append(_entry("seat", seat.thing, facts, day))
        if facts.get("boarded") and move is not None:
            entries.append(
                _entry("person", str(seat.person), {}, day, kind=move.key)
                | {"destination": str(convoy.facts.get("destination"))}
            )
        if facts.get("arrived") and arrival is not None and not there[seat.person]:
            entries.append(_entry("person", str(seat.person), {}, day, kind=arrival.key))
    if meanwhile:
        raise boarding.Meanwhile(meanwhile)
    if asking:
        raise Which(asking)
    if not entries:
        raise OnwardError(nothing_changed())
    if boarding.nobody_left(
        seats, said_of
    ):  # what those who boarded said of the bus falls with it
        entries += [{"takes_back": one} for one in _left_with_them(convoy)]
    state = boarding.state_after(convoy, said_of, arrived=called == "arrived")
    if state != convoy.facts.get("state"):
        entries.append(_entry("convoy", convoy.thing, {"state": state}, day))
    breaches = acts.record_batch(request.user, entries, idempotency_key=key).breaches
    ticked = sum("subject" in entry and entry["subject"].kind == "seat" for entry in entries)
    told = _recorded(ticked)
    if back := sum("subject" not in entry for entry in entries):
        told = " ".join(filter(None, (
            told if ticked else "",
            _("Taken back: %(number)s records. They stay in the log, marked.") % {"number": dates.digits(str(back))},
        )))  # fmt: skip
    return told + _breached(breaches)


def _recorded(number: int) -> str:
    said = ngettext(
        "Recorded for %(number)s person.", "Recorded for %(number)s people.", number
    )
    return said % {"number": dates.digits(str(number))}


def _breached(breaches: Sequence[Any]) -> str:
    if not breaches:
        return ""
    return " " + _("Breaches opened because a safeguard was not met: %(number)s.") % {
        "number": dates.digits(str(len(breaches)))
    }


def _found(request: HttpRequest, convoy: str, seats: Sequence[Seat]) -> dict[str, Any]:
    """Who answers to what was asked of somebody who boarded without being on the manifest."""
    from onward.registry.now.search import find_people

    of, asked = request.session.get(ABOARD) or ("", "")
    if of != convoy or not asked:
        return {}
    reader = request.reader  # type: ignore[attr-defined]
    first, _dots, last = asked.partition("…")  # a long code as pages show it, or a whole one
    code = Q(person=asked) if not last else Q(person__startswith=first, person__endswith=last)
    hits = list(
        reader.people("person.record_movement")
        .filter(code)
        .values_list("person", flat=True)[:10]
    )
    hits += [hit.person for hit in find_people(reader, asked, limit=10)]
    counted = {seat.person for seat in seats}
    rows = list(
        reader.people("person.record_movement")
        .filter(person__in=[person for person in hits if person not in counted])
        .defer(*sight.NOT_IN_LISTS)
    )
    rows.sort(key=lambda row: hits.index(row.person))
    reader.listed(rows, place=place(request), action="person.search")
    return {"asked": asked, "found": sight.lines(reader, rows)}


def _unlisted(request: HttpRequest, reader: access.Reader, convoy: ThingNow, key: str) -> str:
    """Somebody boarded who is not on the manifest: recorded as it happened, whatever the safeguards
    say, and counted with the convoy until they are where they are known to be."""
    move = movement_of(here.rulebook(), str(convoy.facts.get("pathway")))
    wanted = list(dict.fromkeys(request.POST.getlist("people")))
    people = list(
        reader.people("person.record_movement").filter(person__in=wanted)
        .order_by("unit", "person").values_list("person", flat=True)
    )  # fmt: skip
    if not people:
        raise OnwardError(_("Choose people first."))
    counted = ThingNow.objects.filter(WITH_IT, kind="seat", facts__convoy=convoy.thing)
    if counted.filter(person__in=people).exists():
        raise OnwardError(_("They are on the manifest, or counted with this convoy, already."))
    day, to = str(convoy.facts.get("day")), str(convoy.facts.get("destination"))
    entries: list[dict[str, Any]] = []
    for person in people:
        facts = {"person": person, "convoy": convoy.thing, "listed": False, "boarded": True}
        entries.append(_entry("seat", str(uuid.uuid4()), facts, day))
        if move is not None:  # right after its seat, see `_departures`
            entries.append(
                _entry("person", person, {}, day, kind=move.key) | {"destination": to}
            )
    if convoy.facts.get("state") not in boarding.GONE:
        entries.append(_entry("convoy", convoy.thing, {"state": "departed"}, day))
    breaches = acts.record_batch(request.user, entries, idempotency_key=key).breaches
    request.session.pop(ABOARD, None)
    return _recorded(len(people)) + _breached(breaches)


SAID = frozenset({"boarded", "arrived", "explained"})
"""What is said of somebody on a manifest once the convoy leaves."""


class Which(Exception):
    """Which of the departures on record went with this convoy must be asked.

    asked  seat -> ids of the events that say that this person left that day
    """

    def __init__(self, asked: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self.asked = dict(asked)


def _departures(seat: ThingNow, move: Move | None, convoy: ThingNow, chosen: str) -> list[str]:
    """The standing events that say that this person left with this convoy, the latest first.

    chosen  the id of the one that somebody said is meant, or "none"; "" when nobody was asked
    raises  Which when another convoy of that day might be the one they left with

    What the desk records of one seat and its departure follow each other in one batch, so their
    keys say that they belong together; a departure that was imported, or recorded on the person's
    page, only says the day, and where to if that was known.
    """
    if move is None:
        return []
    day, to = str(convoy.facts.get("day")), convoy.facts.get("destination")
    rows = list(
        EventRow.objects.filter(
            subject_kind="person", subject_id=str(seat.person), kind=move.key
        ).order_by("seq")
    )
    known = {row.event_id: row for row in rows}
    first = {row.event_id: _first(row, known) for row in rows}
    gone = _gone(known)
    mine = _recorded_with([seat.thing])[seat.thing]
    if any(one.key in mine for one in first.values()):
        found = [row for row in rows if first[row.event_id].key in mine]
        return [row.event_id for row in reversed(found) if row.event_id not in gone]
    others = ThingNow.objects.filter(
        kind="seat", person=seat.person, facts__boarded=True
    ).exclude(thing=seat.thing)
    convoys = {
        row.thing
        for row in ThingNow.objects.filter(
            kind="convoy", thing__in=[str(other.facts.get("convoy")) for other in others]
        )
        if str(row.facts.get("day")) == day and row.facts.get("pathway") == move.pathway
    }
    theirs = _recorded_with([other.thing for other in others])
    keys = frozenset().union(*theirs.values())
    found = [
        row.event_id
        for row in reversed(rows)
        if row.event_id not in gone
        # A departure whose day was corrected since is still the one of this convoy.
        and first[row.event_id].effective == day
        and first[row.event_id].key not in keys
        and json.loads(row.canonical)["facts"].get(WENT_TO, to) == to
    ]
    taken = {one.key for one in first.values()}
    rivals = [
        other
        for other in others
        if other.facts.get("convoy") in convoys and not theirs[other.thing] & taken
    ]
    if not rivals or not found:
        return found
    if chosen == "none":
        return []
    if chosen in found:
        return [chosen]
    raise Which({seat.thing: found})


def _arrivals(
    seats: Sequence[ThingNow], arrival: Move | None, day: str
) -> dict[str | None, list[str]]:
    """Of each person of a manifest: the standing events that say that they arrived, since that day."""
    found: dict[str | None, list[str]] = {seat.person: [] for seat in seats}
    if arrival is None:
        return found
    rows = list(
        EventRow.objects.filter(
            subject_kind="person", subject_id__in=[p for p in found if p], kind=arrival.key,
            effective__gte=day,
        ).order_by("-seq")
    )  # fmt: skip
    gone = _gone(row.event_id for row in rows)
    for row in rows:
        if row.event_id not in gone:
            found[row.subject_id].append(row.event_id)
    return found


def _left_with_them(convoy: ThingNow) -> list[str]:
    """The standing events that say only that this convoy left or arrived, the latest first: recorded
    with those who boarded. A list says more of a convoy, and still stands."""
    rows = list(
        EventRow.objects.filter(subject_kind="convoy", subject_id=convoy.thing).order_by("-seq")
    )
    gone = _gone(row.event_id for row in rows)
    return [
        row.event_id
        for row in rows
        if row.event_id not in gone
        and json.loads(row.canonical)["facts"] in [{"state": state} for state in boarding.GONE]
    ]


def _first(row: EventRow, known: Mapping[str, EventRow]) -> EventRow:
    """The event that this one corrects, or that the one it corrects does, and so on."""
    while row.supersedes in known:
        row = known[str(row.supersedes)]
    return row


def _gone(ids: Iterable[str]) -> set[str]:
    """Those of these events that were corrected or taken back."""
    rows = EventRow.objects.filter(supersedes__in=list(ids))
    return {str(one) for one in rows.values_list("supersedes", flat=True)}


def _recorded_with(seats: Sequence[str]) -> dict[str, frozenset[str]]:
    """Of each seat: the keys under which a departure was recorded with its boarding."""
    found: dict[str, set[str]] = {seat: set() for seat in seats}
    for row in EventRow.objects.filter(subject_kind="seat", subject_id__in=list(seats)):
        base, _bar, number = row.key.rpartition("/")
        if base and number.isdigit() and json.loads(row.canonical)["facts"].get("boarded"):
            found[row.subject_id].add(f"{base}/{int(number) + 1}")
    return {seat: frozenset(keys) for seat, keys in found.items()}


def _unsaid(seat: ThingNow) -> list[dict[str, Any]]:
    """What makes the manifest say nothing of this person any more, as before the convoy left.

    An event that says something else too, as one of an imported list does, is said again without
    it: taken back whole, it would take the person off the manifest.
    """
    rows = list(
        EventRow.objects.filter(subject_kind="seat", subject_id=seat.thing).order_by("seq")
    )
    gone = _gone(row.event_id for row in rows)
    entries: list[dict[str, Any]] = []
    later: set[str] = set()
    for row in reversed(rows):
        if row.event_id in gone or row.kind == RETRACTED:
            continue
        facts = json.loads(row.canonical)["facts"]
        rest = {name: value for name, value in facts.items() if name not in SAID}
        if facts.keys() & SAID:
            if rest:
                kept = {name: value for name, value in rest.items() if name not in later}
                entries.append({"corrects": row.event_id, "facts": kept})
            else:
                entries.append({"takes_back": row.event_id})
        later |= rest.keys() - {"person", "convoy"}
    return entries


def _entry(
    subject: str, name: str, facts: dict[str, Any], day: str = "", kind: str = "recorded"
) -> dict[str, Any]:
    return {"subject": Subject(subject, name), "kind": kind, "facts": facts,
            "effective": day or here.today().isoformat()}  # fmt: skip


urls = [
    path("convoys/", convoys, name="convoys"),
    path("convoys/<str:convoy>/", convoy, name="convoy"),
]
