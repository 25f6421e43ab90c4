"""Recording and authorising: forms derived from the rulebook, the two kinds kept apart.

*Authorise* asks the safeguards and is refused unless the step is open. *Record* says what
happened and is never refused for a safeguard. Every form carries a key that makes it count once
and the revision it was opened at, so that a change made meanwhile is shown and not lost.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _

from onward.caseload.events import Subject
from onward.dates import partial_text
from onward.desk import asking, booking, contacts, forms, here, sight, values, words
from onward.desk.story import recordable
from onward.desk.story.happened import Happened, timeline
from onward.desk.story.on_record import correctable
from onward.desk.views.calendar import ask_who
from onward.desk.views.people import pauses
from onward.desk.views.shared import done, nothing_changed, once, page, place, sent_key
from onward.errors import Faults, OnwardError
from onward.registry.identities import attachments
from onward.registry.models import ThingNow
from onward.registry.permissions import access
from onward.registry.recording import acts, duties
from onward.safeguards.record import OF_BREACH, WENT_TO

BOTH = ("GET", "POST")
OWN_DAY = {
    "interview": "held_on", "consent": "signed_on", "waiver": "signed_on",
    "complaint": "received_on", "claim": "expressed_on", "assessment": "made_on",
    "incident": "happened_on", contacts.KIND: "done_on",
}  # fmt: skip
"""The day that a new record tells of itself: not asked for twice."""
LATER = ("triaged", "reviewed", "withdrawn", "cancelled", "lifted", "finally_rejected",
         "withdrawn_freely", "counselled_on_withdrawal", "legal_advice_available")  # fmt: skip
"""What is not so when a record is made, and is added to it when it becomes so."""
RECORDS = dict.fromkeys(action for needs in recordable.NEEDS.values() for action in needs)


def _opened(request: HttpRequest, person: str, action: str = "person.read") -> access.Seen:
    return (
        request.reader.open(person, place=place(request))
        if action == "person.read"
        # type: ignore[attr-defined,no-any-return]
        else (_with(request, person, action))
    )


def _with(request: HttpRequest, person: str, action: str) -> access.Seen:
    """The person, for somebody who may do this with them; else as if there were none."""
    seen: access.Seen = request.reader.open(person, action=action, place=place(request))  # type: ignore[attr-defined]
    if not seen.may("person.read"):  # some actions reach further than the people one may open
        access.log(request.user, action, person=person, allowed=False, place=place(request))
        raise access.Hidden
    return seen


def _move(key: str) -> Any:
    move = here.rulebook().moves().get(key)
    if move is None:
        raise Http404
    return move


def revision_of(request: HttpRequest, seen: access.Seen) -> int:
    try:
        return int(request.POST.get("revision", seen.person.revision))
    except ValueError:
        return seen.person.revision


def sent(
    request: HttpRequest, form: forms.Form, act: Callable[[], Any]
) -> tuple[Any, dict[str, Any]]:
    """Do what a form asks; when it cannot be done, what the page then shows.

    Nothing was recorded when the second part is not empty.
    """
    try:
        return act(), {}
    except acts.NotOpen as refused:
        return None, {"refused": refused}
    except acts.StaleEdit as stale:
        return None, {"stale": stale}
    except Faults as faults:
        for fault in faults.faults:
            said = _("Found: %(found)s. Allowed: %(allowed)s.") % {
                "found": fault.found, "allowed": fault.allowed,
            } if fault.allowed else str(fault.found)  # fmt: skip
            if form.get(fault.field):
                form.fail(fault.field, said)
            else:
                form.inputs[0].error = form.inputs[0].error or said
        return None, {"again": True}
    except OnwardError as error:
        return None, {"faults": [str(error)]}


def with_files(
    request: HttpRequest, person: str, form: forms.Form,
    act: Callable[[tuple[str, ...]], acts.Done], *, about: str = "person", thing: str = "",
) -> Callable[[], acts.Done]:  # fmt: skip
    """An act with what was typed as evidence, and with the files that were sent along."""
    typed = forms.lines(form.value("evidence"))
    return lambda: attachments.attaching(
        request.user, person, form.files, lambda references: act((*typed, *references)),
        about=about, thing=thing,
    )  # fmt: skip


def stale_lines(seen: access.Seen, stale: Any, since: int) -> list[Happened]:
    """What was recorded since the form was opened, for the reader to compare with the form."""
    return [
        entry for entry in timeline(seen, limit=40)
        if entry.seq > since
    ]  # fmt: skip


def shown(
    request: HttpRequest, template: str, seen: access.Seen, form: forms.Form,
    extra: dict[str, Any] | None = None, *, status: int = 200,
) -> HttpResponse:  # fmt: skip
    found: dict[str, Any] = {
        "seen": seen, "person": seen.person.person, "form": form,
        "key": request.POST.get("key") or once(), "revision": seen.person.revision,
        **(extra or {}),
    }  # fmt: skip
    if "stale" in found:
        found["changed"] = stale_lines(seen, found["stale"], revision_of(request, seen))
        found["key"] = once()
        status = 409
    elif form.problems or found.get("faults"):
        status = 422
    return render(request, template, found, status=status)


# -- authorising ----------------------------------------------------------------------------------


@page("people", "person.read", methods=BOTH)
def step(request: HttpRequest, person: str, move: str) -> HttpResponse:
    """What a step needs, asked now; and the form that authorises it when it is open."""
    seen = _opened(request, person)
    if "steps" not in seen.facts:
        raise access.Hidden
    rulebook = here.rulebook()
    found = _move(move)
    data = request.POST if request.method == "POST" else request.GET
    on = here.today()
    destination = str(data.get("destination", "")).strip() or seen.facts.get(
        "intended_destination"
    )
    form = forms.Form(
        [
            forms.when(here.today().isoformat(), _("Day"), partial=False),
            forms.Input(
                "destination", _("Destination or recipient"), "text",
                options=here.destinations(), value=destination or "",
                hint=_("The code of a country, or the name of a site or recipient."),
            ),
            forms.evidence(),
            forms.scanned(),
        ]
    )  # fmt: skip
    if found.pathway in ("common",):
        form.inputs.pop(1)
        destination = None
    extra: dict[str, Any] = {}
    may = seen.may(sight.action_of(rulebook, move))
    if request.method == "POST":
        if not may:
            access.require(
                request.user,
                sight.action_of(rulebook, move),
                person=seen.person,
                place=place(request),
            )
        form.read(request.POST, request.FILES)
        if form.valid:
            on = date.fromisoformat(form.facts["effective"])
            result, extra = sent(
                request, form,
                with_files(request, person, form, lambda evidence: acts.authorise(
                    request.user, person, move, form.value("destination") or destination, on=on,
                    evidence=evidence,
                    revision=revision_of(request, seen), idempotency_key=sent_key(request),
                )),
            )  # fmt: skip
            if result is not None:
                return done(
                    request,
                    _("Recorded: %(what)s.") % {"what": words.move(rulebook, move)},
                    "desk:person",
                    person,
                )
    question = asking.ask(seen, move, destination, on)
    return shown(
        request, "desk/step.html", seen, form,
        {"question": question, "may_except": seen.may("override.propose"), "may": may, "is_record": found.records, **extra},
        status=409 if "refused" in extra else 200,
    )  # fmt: skip


@page("people", "person.read")
def step_facts(request: HttpRequest, person: str, move: str) -> HttpResponse:
    """The missing facts of one step, as a fragment of the person's page."""
    seen = _opened(request, person)
    if "steps" not in seen.facts:
        raise access.Hidden
    _move(move)
    question = asking.ask(seen, move, seen.facts.get("intended_destination"), here.today())
    return render(request, "desk/parts/question.html", {"question": question, "fragment": True})


@page("people", "authorise.chosen", methods=BOTH)
def choose(request: HttpRequest, person: str, move: str) -> HttpResponse:
    """The person's own choice: the consent as given, then the step, in one form."""
    seen = _with(request, person, "authorise.chosen")
    found = _move(move)
    rulebook = here.rulebook()
    if rulebook.transitions[found.transition].pathway != "chosen" or found.records:
        raise Http404
    declared = rulebook.kinds["consent"].facts
    columns = [
        name for name in declared
        if name not in ("pathway", "withdrawn") and ("grounds" in seen.classes or "complaints" in seen.classes
                                                      or declared[name].sensitivity != "sealed")
    ]  # fmt: skip
    sheets = _sheet_for(seen, found.pathway)
    form = forms.form_for(
        rulebook, "consent", columns, places=here.destinations(),
        required=("destination", "signed_on", "given_by", "in_private", "informed"),
        values={
            "destination": _where(seen, found.pathway),
            "signed_on": here.today().isoformat(),
            "sheet_version": sheets.get("version"), "sheet_language": sheets.get("language"),
        },
    )  # fmt: skip
    form.inputs += [forms.evidence(), forms.scanned()]
    extra: dict[str, Any] = {}
    if request.method == "POST":
        form.read(request.POST, request.FILES)
        if form.valid:
            given = {n: v for n, v in form.facts.items() if n != "evidence"}
            given["pathway"] = found.pathway
            result, extra = sent(request, form, with_files(
                request, person, form, lambda evidence: acts.choose(
                    request.user, person, move, consent=given, evidence=evidence,
                    revision=revision_of(request, seen), idempotency_key=sent_key(request),
                ), about="consent"))  # fmt: skip
            if result is not None:
                return done(
                    request,
                    _("Recorded: %(what)s.") % {"what": words.move(rulebook, move)},
                    "desk:person",
                    person,
                )
            if "refused" in extra:  # what the person agreed to is true whatever it opens
                why = extra["refused"].reasons
                _alone, extra = sent(request, form, with_files(
                    request, person, form, lambda evidence: acts.record(
                        request.user, Subject("consent", str(uuid.uuid4())), "recorded",
                        effective=here.today().isoformat(), facts={**given, "person": person},
                        evidence=evidence, idempotency_key=f"{sent_key(request)}/alone",
                    ), about="consent"))  # fmt: skip
                extra = extra or {"reasons": _told(seen, why)}
    return shown(
        request, "desk/choose.html", seen, form,
        {"title": words.move(rulebook, move), "pathway": sight.pathway_title(found.pathway),
         "sheet": sheets, "may": seen.may("authorise.chosen"), **extra},
    )  # fmt: skip


def _told(seen: access.Seen, reasons: Any) -> list[tuple[str, str]]:
    """(sentence, remedy) of why a step is not open, as far as this reader may be told."""
    return list(
        dict.fromkeys(
            (_("Something that your role may not read is not met."), "") if each.withheld
            else (words.translated(each.sentence), words.translated(each.remedy))
            for each in seen.reasons(reasons)
        )
    )  # fmt: skip


def _where(seen: access.Seen, pathway: str) -> str:
    """The destination to start from: the person's own, or the host where nobody leaves."""
    if seen.facts.get("intended_pathway") == pathway:
        return str(seen.facts.get("intended_destination") or "")
    plan, rulebook = here.plan(), here.rulebook()
    leaves = any(
        rulebook.is_movement(move)
        for move in rulebook.moves().values() if move.pathway == pathway
    )  # fmt: skip
    return "" if plan is None or leaves else str(plan.host)


def _sheet_for(seen: access.Seen, pathway: str) -> dict[str, Any]:
    """The current, approved sheet of a pathway in the person's language, else in any."""
    language = seen.facts.get("language")
    rows = ThingNow.objects.filter(kind="sheet", facts__pathway=pathway, facts__current=True)
    found = [row.facts | {"id": row.thing} for row in rows.order_by("thing")]
    own = [facts for facts in found if facts.get("language") == language]
    return (own or found or [{}])[0]


# -- recording ----------------------------------------------------------------------------------------


CHOSEN, ELSEWHERE, NOT_KNOWN = "chosen", "elsewhere", "not_known"
"""Where a step led by which somebody leaves."""


def _where_it_led(hint: Any = "") -> list[forms.Input]:
    return [
        forms.Input("led", _("Where it led"), "one",
                    options=[(CHOSEN, _("Where the person chose to go")),
                             (ELSEWHERE, _("Elsewhere")), (NOT_KNOWN, _("Not known"))],
                    hint=hint),
        forms.Input(WENT_TO, _("Elsewhere: which country or place"), "text",
                    options=here.destinations(),
                    hint=_("The code of a country, or the name of a site or recipient.")),
    ]  # fmt: skip


def _led(form: forms.Form, seen: access.Seen, move: str) -> str | None:
    """Where the step led, as `acts.record` takes it; what is missing is said in the form.

    Nothing is taken for granted: a place that nobody named would be a false fact, and would leave
    the way to the true one open after a breach.
    """
    rulebook = here.rulebook()
    found = rulebook.moves()[move]
    if not rulebook.is_movement(found):
        return None
    led, where = form.value("led"), form.value(WENT_TO)
    if led == ELSEWHERE or (where and led is None):
        if not where:
            form.fail(WENT_TO, _("Enter the country or the place, or choose: not known."))
        return str(where or "")
    if where:
        form.fail(WENT_TO, _("Choose: elsewhere. Or leave this empty."))
    if led == CHOSEN:
        own = seen.facts.get("intended_destination") if found.records else None
        return str(own) if own else None
    if led is None:
        form.fail("led", _("The person leaves by this step: choose where it led."))
    return acts.NOT_KNOWN


@page("people", "person.record_always", methods=BOTH)
def happened(request: HttpRequest, person: str, move: str) -> HttpResponse:
    """A refusal, a withdrawal, a claim, an absence, a death: never refused."""
    seen = _with(request, person, "person.record_always")
    _move(move)
    rulebook = here.rulebook()
    if not duties.is_always(rulebook, move):
        raise Http404
    return _record_move(request, seen, move, words.happening(rulebook, move))


@page("people", "person.record_always", "person.record_movement", methods=BOTH)
def took_place(request: HttpRequest, person: str) -> HttpResponse:
    """A step that took place, whatever the safeguards say of it."""
    seen = _with(request, person, "person.record_always")
    rulebook = here.rulebook()
    options = [
        (key, words.move(rulebook, key))
        for key in rulebook.moves()
        if duties.is_always(rulebook, key) or seen.may("person.record_movement")
    ]
    form = forms.Form(
        [
            forms.Input("move", _("What took place"), "pick", options=options, required=True,
                        value=request.GET.get("move", "")),
            *_where_it_led(_("Only for a step by which the person leaves.")),
            forms.when(here.today().isoformat()),
            forms.evidence(),
            forms.scanned(),
        ]
    )  # fmt: skip
    extra: dict[str, Any] = {}
    if request.method == "POST":
        form.read(request.POST, request.FILES)
        led = _led(form, seen, form.facts["move"]) if form.valid else None
        if form.valid:
            result, extra = sent(request, form, with_files(
                request, person, form, lambda evidence: acts.record(
                    request.user, Subject("person", person), form.facts["move"],
                    effective=form.facts["effective"], facts={}, evidence=evidence,
                    destination=led, revision=revision_of(request, seen), idempotency_key=sent_key(request),
                )))  # fmt: skip
            if result is not None:
                return _recorded(
                    request, person, words.move(rulebook, form.facts["move"]), result
                )
    return shown(request, "desk/record.html", seen, form,
                 {"title": _("A step that took place"), "never": True, **extra})  # fmt: skip


def _record_move(
    request: HttpRequest, seen: access.Seen, move: str, title: str
) -> HttpResponse:
    person, rulebook = seen.person.person, here.rulebook()
    leaves = rulebook.is_movement(rulebook.moves()[move])
    form = forms.Form(
        [
            *(_where_it_led() if leaves else ()),
            forms.when(here.today().isoformat()),
            forms.evidence(),
            forms.scanned(),
        ]
    )
    extra: dict[str, Any] = {}
    if request.method == "POST":
        form.read(request.POST, request.FILES)
        led = _led(form, seen, move) if form.valid else None
        if form.valid:
            result, extra = sent(request, form, with_files(
                request, person, form, lambda evidence: acts.record(
                    request.user, Subject("person", person), move,
                    effective=form.facts["effective"], facts={}, evidence=evidence,
                    destination=led, revision=revision_of(request, seen), idempotency_key=sent_key(request),
                )))  # fmt: skip
            if result is not None:
                return _recorded(request, person, title, result)
    return shown(
        request, "desk/record.html", seen, form, {"title": title, "never": True, **extra}
    )


def _recorded(
    request: HttpRequest, person: str, what: str, result: Any, facts: Mapping[str, Any] = {}
) -> HttpResponse:
    """Say what was recorded, what it pauses, and whom a breach must be told to."""
    breaches = list(getattr(result, "breaches", ()) or ())
    said = _("Recorded: %(what)s.") % {"what": what}
    if facts.get("severity") == 1:
        to = here.destination(str(facts.get("destination") or "")) or _("every destination")
        said += " " + _(
            "Pending moves are paused until somebody has reviewed it: %(to)s. Tell the focal points of the ICRC and UNHCR, and the family where the person agreed."
        ) % {"to": to}
    if facts.get("result") == contacts.UNREACHED:
        said += " " + _("The contact stays on the list of follow-ups until the person answers.")
    if facts.get("result") == contacts.CONCERN:
        if contacts.LOOKED_INTO in here.rulebook().kinds[contacts.KIND].facts:
            said += " " + _(
                "The concern waits for a review until somebody says what was made of it."
            )
        said += " " + _(
            "If the person was detained, hurt or has disappeared, record it now under Incident after departure: moves there are then paused. Pressure of any kind is a complaint."
        )
    if facts.get("category") == "coercion":
        said += " " + _("Moves it touches are paused until somebody has triaged it.")
    if breaches:
        tell = ", ".join(
            words.translated(role)
            for role in dict.fromkeys(r for b in breaches for r in b.tell)
        )
        said += " " + _(
            "A breach was opened because a safeguard was not met. Must be told: %(who)s."
        ) % {"who": tell}
    return done(request, said, "desk:person", person)


@page("people", *RECORDS, methods=BOTH)
def add(request: HttpRequest, person: str, kind: str) -> HttpResponse:
    """A new consent, interview, complaint, paper … about a person."""
    return _thing(request, person, kind, None)


@page("people", *RECORDS, methods=BOTH)
def amend(request: HttpRequest, person: str, kind: str, thing: str) -> HttpResponse:
    """Something added to a record, or put right: what was said before stays in the log."""
    return _thing(request, person, kind, thing)


SAYS_WHAT: dict[str, tuple[str, ...]] = {
    "interview": ("purpose",), "consent": ("pathway",), "release": ("recipient",),
    "waiver": ("destination",), "assessment": ("topic",), "decision": ("topic",),
    "document": ("type",),
}  # fmt: skip
"""Facts without which a new record would say nothing of what it is. A complaint, a fear, a claim
and an incident ask for none: they are taken with whatever is known."""


def _thing(request: HttpRequest, person: str, kind: str, thing: str | None) -> HttpResponse:
    rulebook = here.rulebook()
    if kind not in recordable.NEEDS or kind not in rulebook.kinds:
        raise Http404
    reader = request.reader  # type: ignore[attr-defined]
    needs = recordable.NEEDS[kind]
    seen = _with(request, person, reader.widest(needs) or _within(reader, person, needs))
    on_record: dict[str, Any] = {}
    row = None
    if thing is not None:
        row = ThingNow.objects.filter(kind=kind, thing=thing, person=person).first()
        if row is None or thing not in dict(seen.things(kind)):
            raise access.Hidden
        on_record = dict(seen.things(kind))[thing]
    # What may not be read may still be written once: a clerk takes a complaint and cannot read it.
    columns = set(rulebook.kinds[kind].facts)
    if row is not None:
        columns &= seen.reader.columns(rulebook, kind, seen.classes)
        if not any(seen.may(action) for action in duties.SETTLES.get(kind, ())):
            columns -= duties.settled(rulebook, kind, row.facts)
    else:  # what can only come later is not asked at the beginning
        columns -= {"closed_on", *LATER}
    columns.discard(OF_BREACH)  # said by the record itself, never by somebody
    if kind == contacts.KIND:
        columns.discard(contacts.LOOKED_INTO)  # said on the page of the review
    form = forms.form_for(
        rulebook, kind, columns, values=on_record or _suggested(seen, kind),
        required=SAYS_WHAT.get(kind, ()) if row is None else (), places=here.destinations(),
    )  # fmt: skip
    if kind in (booking.KIND, booking.UNWANTED):
        ask_who(form, reader, kind)
    own = None
    # A contact is on record before it is made, on a day of its own.
    if row is None or kind == contacts.KIND:
        own = form.get(OWN_DAY.get(kind, ""))
    if own is not None:
        own.latest = here.today()
    else:
        form.inputs.append(forms.when(here.today().isoformat()))
    form.inputs += [forms.evidence(), forms.scanned()]
    extra: dict[str, Any] = {}
    if request.method == "POST":
        form.read(request.POST, request.FILES)
        if kind == contacts.KIND:
            contacts.complete(form, on_record, here.today())
        facts = {
            name: value for name, value in form.facts.items()
            if name not in ("effective", "evidence") and on_record.get(name) != value
        }  # fmt: skip
        added = bool(row is not None and (form.files or form.value("evidence")))
        if form.valid and not facts and not added:
            extra = {"faults": [nothing_changed()]}
        elif form.valid:
            subject = Subject(kind, thing or str(uuid.uuid4()))
            if row is None:
                facts["person"] = person
            key = sent_key(request)
            with booking.alone() if kind == booking.KIND else nullcontext():
                taken = _taken(kind, person, thing, {**on_record, **facts}, key)
                result, extra = (None, {"faults": booking.told(taken, form)}) if taken else sent(
                    request, form, with_files(
                        request, person, form, lambda evidence: acts.record(
                            request.user, subject, "recorded",
                            effective=form.facts.get(own.name if own else "effective")
                            or here.today().isoformat(),
                            facts=facts, evidence=evidence,
                            revision=revision_of(request, seen), idempotency_key=key,
                        ), about=kind, thing=subject.id))  # fmt: skip
            if result is not None:
                title = words.translated(rulebook.kinds[kind].title)
                if row is None and (concern := _concern_behind(request, person, kind)):
                    acts.record(
                        request.user, Subject(contacts.KIND, concern.thing), "recorded",
                        effective=here.today().isoformat(),
                        facts={contacts.LOOKED_INTO: contacts.RECORDED[kind]},
                        idempotency_key=f"{key}/concern",
                    )  # fmt: skip
                return _recorded(request, person, title, result, facts)
    return shown(
        request, "desk/record.html", seen, form,
        {"title": words.translated(rulebook.kinds[kind].title), "amending": thing is not None,
         "kind": kind, "concern": thing is None and _concern_behind(request, person, kind), **extra},
    )  # fmt: skip


def _concern_behind(request: HttpRequest, person: str, kind: str) -> ThingNow | None:
    """The concern from whose review an incident or a complaint is recorded, while it waits."""
    name = request.GET.get("concern", "")
    reader = request.reader  # type: ignore[attr-defined]
    if not name or kind not in contacts.RECORDED or not reader.may("incident.review"):
        return None
    theirs = contacts.concerns(reader.things("complaints", "incident.review"))
    return theirs.filter(person=person, thing=name).first()  # type: ignore[no-any-return]


def _within(reader: access.Reader, person: str, needs: Sequence[str]) -> str:
    """The first of these actions that this account may do with this person; else the first."""
    found = (a for a in needs if reader.people(a).filter(person=person).exists())
    return next(found, needs[0])


def _taken(
    kind: str, person: str, thing: str | None, facts: dict[str, Any], key: str
) -> list[booking.Clash]:
    """Why an appointment cannot be made or moved: a room, an officer, an interpreter."""
    whole = facts.get("day") and facts.get("starts_at")
    if kind != booking.KIND or not whole or facts.get("state") in (*booking.FREED, "held"):
        return []
    if booking.was_sent(key):
        return []
    return booking.clashes([{**facts, "person": person}], but=thing or "")


def _suggested(seen: access.Seen, kind: str) -> dict[str, Any]:
    """What can be filled in from where the person is: never an answer, only what is asked about."""
    today = here.today().isoformat()
    found: dict[str, Any] = {}
    for name in (
        "held_on",
        "signed_on",
        "received_on",
        "expressed_on",
        "made_on",
        "happened_on",
        "day",
        "read_on",
    ):
        if name in here.rulebook().kinds[kind].facts:
            found[name] = today
    if kind in ("consent", "release"):
        found["pathway" if kind == "consent" else "purpose"] = seen.facts.get(
            "intended_pathway"
        )
    if kind in ("consent", "waiver", "document", "assessment", "incident"):
        gone = seen.facts.get(WENT_TO) if kind == "incident" else None
        found["destination"] = gone or seen.facts.get("intended_destination")
    if kind == "waiver" and (text := _waiver_text(seen)):
        found |= {"text_version": text.get("version"), "text_language": text.get("language")}
    return found


def _waiver_text(seen: access.Seen) -> dict[str, Any]:
    """The approved, current waiver on record in the person's language. One in another is not put forward."""
    language = seen.facts.get("language")
    rows = ThingNow.objects.filter(
        kind="waiver_text", facts__approved=True, facts__current=True
    )
    rows = rows.order_by("thing")
    return next((row.facts for row in rows if row.facts.get("language") == language), {})


@page("people", "person.edit", "person.record_interview", "person.record_medical", methods=BOTH)
def facts(request: HttpRequest, person: str) -> HttpResponse:
    """The person's own facts that this account may read and correct."""
    seen = _opened(request, person)
    rulebook = here.rulebook()
    columns = correctable(seen)
    if not columns:
        raise access.Hidden
    known = dict(seen.facts)
    if "birth" in columns and known.get("birth_first"):
        known["birth"] = partial_text(
            *(date.fromisoformat(str(known[name])) for name in ("birth_first", "birth_last"))
        )
    form = forms.form_for(rulebook, "person", columns, values=known, places=here.destinations())
    form.inputs += [
        forms.when(here.today().isoformat(), _("True since")), forms.evidence(), forms.scanned(),
    ]  # fmt: skip
    extra: dict[str, Any] = {}
    if request.method == "POST":
        form.read(request.POST, request.FILES)
        changed = {
            name: value for name, value in form.facts.items()
            if name in columns and str(known.get(name)) != str(value)
        }  # fmt: skip
        if form.valid and not changed:
            extra = {"faults": [nothing_changed()]}
        elif form.valid:
            result, extra = sent(request, form, with_files(
                request, person, form, lambda evidence: acts.record(
                    request.user, Subject("person", person), "recorded",
                    effective=form.facts["effective"], facts=changed, evidence=evidence,
                    revision=revision_of(request, seen), idempotency_key=sent_key(request),
                )))  # fmt: skip
            if result is not None:
                return _recorded(request, person, _("Facts"), result)
    return shown(
        request, "desk/record.html", seen, form, {"title": _("Correct or add facts"), **extra}
    )


@page("people", "person.edit", "person.record_always", methods=BOTH)
def take_back(request: HttpRequest, person: str, event: str) -> HttpResponse:
    """An event that should never have been recorded: it stays in the log and counts no more."""
    seen = _opened(request, person)
    entry = next(
        (e for e in timeline(seen, limit=1000) if e.event == event and not e.gone), None
    )
    if entry is None:
        raise access.Hidden
    form = forms.Form([forms.evidence()])
    extra: dict[str, Any] = {}
    if request.method == "POST":
        form.read(request.POST)
        if form.valid:
            result, extra = sent(request, form, lambda: acts.retract(
                request.user, event, evidence=forms.lines(form.value("evidence")),
                idempotency_key=sent_key(request),
            ))  # fmt: skip
            if result is not None:
                return _recorded(request, person, _("Taken back"), result)
    return shown(
        request,
        "desk/take_back.html",
        seen,
        form,
        {"timeline": [entry], "whole": False, **extra},
    )


# -- reviews --------------------------------------------------------------------------------------------


@page("people", "incident.review", methods=BOTH)
def review(request: HttpRequest, kind: str, thing: str) -> HttpResponse:
    """Triage a complaint or review an incident, which lets the moves it paused be asked again; or
    say what was made of a concern."""
    reader = request.reader  # type: ignore[attr-defined]
    rulebook = here.rulebook()
    fact = duties.SEEN_TO.get(kind, "")
    row = ThingNow.objects.filter(kind=kind, thing=thing).first() if fact else None
    concern = kind == contacts.KIND
    if row is None or fact not in rulebook.kinds[kind].facts:
        raise access.Hidden
    if concern and row.facts.get("result") != contacts.CONCERN:
        raise access.Hidden
    if row.person is not None:
        seen = reader.open(row.person, action="incident.review", place=place(request))
        told = reader.show(rulebook, kind, row.facts, seen.classes)
    else:
        told = dict(row.facts)
    declared = rulebook.kinds[kind].facts
    form = forms.form_for(
        rulebook,
        kind,
        [fact] if concern else [fact, "closed_on", "category", "destination"],
        values=told,
        places=here.destinations(),
        required=(fact,),
    )
    form.inputs += [
        forms.when(here.today().isoformat(), _("Day of the review")),
        forms.evidence(),
    ]
    paused = row.due is not None and pauses(row)
    extra: dict[str, Any] = {}
    if request.method == "POST":
        form.read(request.POST)
        if concern and form.valid:
            _must_be_recorded(form, str(row.person))
        changed = {n: v for n, v in form.facts.items() if n in declared and told.get(n) != v}
        if form.valid and changed:
            result, extra = sent(request, form, lambda: acts.record(
                request.user, Subject(kind, thing), "recorded", effective=form.facts["effective"],
                facts=changed, evidence=forms.lines(form.value("evidence")),
                idempotency_key=sent_key(request),
            ))  # fmt: skip
            if result is not None:
                said = _("The review is recorded.")
                if paused and changed.get(fact) is True:
                    said += " " + _("The moves it paused are judged anew.")
                return done(request, said, "desk:reviews")
        elif form.valid:
            extra = {"faults": [nothing_changed()]}
    lines = [
        (words.translated(declared[n].label), values.fact_value(declared[n], told[n]))
        for n in declared if told.get(n) is not None
    ]  # fmt: skip
    return render(
        request, "desk/review.html",
        {"form": form, "row": row, "lines": lines, "title": words.translated(rulebook.kinds[kind].title),
         "paused": paused, "asked": words.translated(declared[fact].label), "concern": concern,
         "to_record": [(one, words.translated(rulebook.kinds[one].title)) for one in contacts.RECORDED
                       if concern and not told.get(fact)],
         "where": here.destination(str(told.get("destination") or "")),
         "key": request.POST.get("key") or once(), **extra},
        status=422 if form.problems or extra.get("faults") else 200,
    )  # fmt: skip


def _must_be_recorded(form: forms.Form, person: str) -> None:
    """Nobody says that a concern became an incident or a complaint of which nothing is on record."""
    for kind, word in contacts.RECORDED.items():
        if form.facts.get(contacts.LOOKED_INTO) != word:
            continue
        known = ThingNow.objects.filter(person=person, kind=kind)
        if all(row.facts.get(OF_BREACH) for row in known):  # a pause is no incident
            form.fail(
                contacts.LOOKED_INTO,
                _("None is on record about this person. Record it first: the button is on this page."),
            )  # fmt: skip


urls = [
    path("people/<str:person>/steps/<str:move>/", step, name="step"),
    path("people/<str:person>/steps/<str:move>/facts/", step_facts, name="step_facts"),
    path("people/<str:person>/choice/<str:move>/", choose, name="choose"),
    path("people/<str:person>/happened/<str:move>/", happened, name="happened"),
    path("people/<str:person>/took-place/", took_place, name="took_place"),
    path("people/<str:person>/facts/", facts, name="facts"),
    path("people/<str:person>/taken-back/<str:event>/", take_back, name="take_back"),
    path("people/<str:person>/add/<str:kind>/", add, name="add"),
    path("people/<str:person>/<str:kind>/<str:thing>/", amend, name="amend"),
    path("reviews/<str:kind>/<str:thing>/", review, name="review"),
]
