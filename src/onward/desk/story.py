"""One person's story for one reader: what it rests on, what was recorded, what can be recorded.

Comes in: a person opened by an account (`registry.permissions.access.Seen`). Goes out: the parts of the
page, each with nothing in it that may not be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from onward.caseload.events import OVERRIDE, RECORDED
from onward.desk import contacts, dates, here, sight, values, words
from onward.plan.clocks import STATUS_BY_LAW
from onward.registry.identities import attachments, put_right
from onward.registry.identities.scans import SUFFIX
from onward.registry.models import EventRow, PersonNow, ThingNow
from onward.registry.permissions.access import Seen
from onward.registry.recording import duties, exceptions
from onward.rulebook.model import Move, Rulebook
from onward.safeguards.overrides import NOWHERE
from onward.safeguards.record import WENT_TO

# -- the three axes -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Axis:
    """rests: (what it rests on, its last day or None); note: what the law says of its end."""

    name: str
    title: str
    state: str
    since: date | None
    rests: tuple[tuple[str, date | None], ...]
    note: str
    hidden: bool = False


def axes(seen: Seen) -> list[Axis]:
    rulebook = here.rulebook()
    found = []
    for name, axis in rulebook.axes.items():
        title = words.translated(axis.title)
        if name not in seen.facts:
            found.append(Axis(name, title, "", None, (), "", hidden=True))
            continue
        state = seen.facts[name]
        rests, note = _rests(seen, rulebook, name, state)
        found.append(
            Axis(name, title, words.state(rulebook, name, state), seen.facts.get(f"{name}_since"),
                 tuple(rests), note)
        )  # fmt: skip
    return found


def _rests(
    seen: Seen, rulebook: Rulebook, axis: str, state: str | None
) -> tuple[list[tuple[str, date | None]], str]:
    plan, today = here.plan(), here.today()
    rests: list[tuple[str, date | None]] = []
    if plan is not None and axis in ("legal", "place"):
        secret = not seen.reader.may("pledge.sensitive")
        for authority in plan.authorities.values():
            if secret and authority.confidentiality == "sensitive":
                continue
            ended = authority.expiry is not None and authority.expiry < today
            if (
                state in getattr(authority, axis)
                and not ended
                and _covers(authority.beneficiaries, seen)
            ):
                rests.append((authority.title, authority.expiry))
    note = ""
    if axis == "legal" and state in rulebook.axes["legal"].states:
        law = STATUS_BY_LAW.get(rulebook.axes["legal"].states[state].code, "")
        note = words.translated(law)
    pathway = seen.facts.get("intended_pathway")
    if axis == "stage" and pathway and _is_on(rulebook, seen, pathway):
        days = rulebook.settings.get("consent_valid_days")
        for _id, consent in seen.things("consent"):
            if (
                consent.get("pathway") == pathway
                and not consent.get("withdrawn")
                and consent.get("signed_on")
                and days
            ):
                ends = date.fromisoformat(str(consent["signed_on"])) + timedelta(days=days)
                to = here.destination(str(consent.get("destination") or ""))
                rests.append((_("Consent: %(pathway)s %(to)s") % {
                    "pathway": sight.pathway_title(pathway), "to": to}, ends))  # fmt: skip
        if len(rests) > 1:
            rests = [max(rests, key=lambda entry: entry[1] or today)]
        if not rests:
            note = _("No valid consent to this pathway is on record.")
    return rests, note


def _is_on(rulebook: Rulebook, seen: Seen, pathway: str) -> bool:
    """Whether somebody who is here stands on a pathway: who took the choice back, or has gone,
    rests on no consent to it and is not asked for it again."""
    moves = rulebook.moves().values()
    leads = {move.targets.get("stage") for move in moves if move.pathway == pathway}
    stages = leads - {move.targets.get("stage") for move in moves if move.pathway == "common"}
    return bool(seen.facts.get("active")) and seen.facts.get("stage") in stages


def _covers(rule: Any, seen: Seen) -> bool:
    if rule.everyone:
        return True
    if rule.people:
        return seen.person.person in rule.people
    row = seen.person
    values = {
        **row.facts,
        "group": row.group,
        "site": row.site,
        "legal": row.legal,
        "place": row.place,
    }
    return all(values.get(column) in allowed for column, allowed in rule.columns.items())


# -- the household --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Member:
    person: str
    role: str
    sex_age: str
    stage: str
    pathway: str
    destination: str
    consent: str
    consent_until: date | None
    bid: str
    adult: bool | None
    opens: bool
    self: bool = False
    split: bool = False
    agreed: bool | None = None


@dataclass(frozen=True)
class Household:
    id: str
    roster: int | None
    members: tuple[Member, ...]
    hidden: int
    split: bool
    warnings: tuple[str, ...]


def household(seen: Seen) -> Household | None:
    """The household of a person with what this reader may read of each member."""
    name = seen.facts.get("household")
    return household_of(seen.reader, str(name), me=seen.person.person) if name else None


def household_of(reader: Any, name: str, me: str = "") -> Household:
    rulebook, today = here.rulebook(), here.today()
    rows = list(PersonNow.objects.filter(household=name).order_by("birth_first", "person"))
    visible = set(reader.people().filter(household=name).values_list("person", flat=True))
    shown = [row for row in rows if row.person in visible]
    things: dict[str, list[ThingNow]] = {}
    # The kind is looked at here: asked of both, the embedded database may read every consent there
    # is instead of these people's few records.
    for thing in ThingNow.objects.filter(person__in=[row.person for row in shown]):
        if thing.kind in ("consent", "assessment"):
            things.setdefault(str(thing.person), []).append(thing)
    roster = ThingNow.objects.filter(kind="household", thing=name).first()
    opens = sight.opening(reader, visible)
    members = [
        _member(
            reader, rulebook, row, things.get(row.person, []), today, me, row.person in opens
        )
        for row in shown
    ]
    choices = {
        (row.pathway, row.destination)
        for row in shown if row.active and "confidential" in reader.classes(row)
    }  # fmt: skip
    split = len(choices) > 1
    size = roster.facts.get("roster_size") if roster else None
    warnings = []
    if split:
        warnings.append(
            _(
                "Members chose differently. Each adult is asked alone; nobody decides for another."
            )
        )
    if isinstance(size, int) and size != sum(1 for row in rows):
        warnings.append(
            _(
                "The roster says %(roster)s people; %(known)s are on record. Steps that need everybody stay blocked until this is settled."
            )
            % {"roster": dates.digits(str(size)), "known": dates.digits(str(len(rows)))}
        )
    if size is None:
        warnings.append(_("How many people belong to the household is not on record."))
    return Household(
        name, size, tuple(
            Member(**{**member.__dict__, "split": split}) for member in members
        ), len(rows) - len(shown), split, tuple(warnings),
    )  # fmt: skip


def _member(
    reader: Any,
    rulebook: Rulebook,
    row: PersonNow,
    things: Sequence[ThingNow],
    today: date,
    me: str,
    opens: bool,
) -> Member:
    classes = reader.classes(row)
    facts = reader.show(
        rulebook, "person",
        {**row.facts, "sex": row.sex, "birth_first": row.birth_first, "birth_last": row.birth_last,
         "stage": row.stage, "intended_pathway": row.pathway,
         "intended_destination": row.destination, "adult": row.adult},
        classes,
    )  # fmt: skip
    days = rulebook.settings.get("consent_valid_days", 0)
    consent, until = "", None
    bid = ""
    for thing in things:
        seen = reader.show(rulebook, thing.kind, thing.facts, classes)
        if (
            thing.kind == "consent"
            and seen.get("pathway")
            and seen.get("pathway") == row.pathway
        ):
            if seen.get("destination") != row.destination:
                continue
            if seen.get("withdrawn"):
                consent = consent or "withdrawn"
            elif seen.get("signed_on"):
                ends = date.fromisoformat(str(seen["signed_on"])) + timedelta(days=days)
                if until is None or ends > until:
                    consent, until = ("valid" if ends >= today else "old"), ends
        if thing.kind == "assessment" and seen.get("topic") == "best_interests":
            bid = words.code(str(seen.get("finding") or ""))
    if row.adult is not True and not bid and "grounds" in classes:
        bid = _("not on record")
    return Member(
        person=row.person,
        role=words.code(str(facts["role_in_household"])) if facts.get("role_in_household") else "",
        sex_age=sight.sex_age(facts, today),
        stage=words.state(rulebook, "stage", facts["stage"]) if "stage" in facts else "",
        pathway=sight.pathway_title(facts["intended_pathway"]) if facts.get("intended_pathway") else "",
        destination=str(facts.get("intended_destination") or ""),
        consent=consent if "confidential" in classes else "hidden",
        consent_until=until,
        bid=bid if row.adult is not True else "",
        adult=facts.get("adult"),
        opens=opens,
        self=row.person == me,
        agreed=facts.get("split_agreed"),
    )  # fmt: skip


# -- what is on record ------------------------------------------------------------------------------


def correctable(seen: Seen) -> list[str]:
    """The person's own facts that this account may read and correct."""
    rulebook = here.rulebook()
    table = seen.reader.rules.field_classes(rulebook)["person"]
    allowed = set()
    if seen.may("person.edit"):
        allowed |= {"internal", "biodata", "confidential", "needs", "complaints", "grounds"}
    if seen.may("person.record_interview"):
        allowed |= {"confidential"}
    if seen.may("person.record_medical"):
        allowed |= {"medical"}
    allowed &= seen.classes
    left = not seen.facts.get("active") or WENT_TO in seen.facts
    return [
        name for name in rulebook.kinds["person"].facts
        if table.get(name) in allowed and (left or name != WENT_TO)
    ]  # fmt: skip


def details(seen: Seen) -> list[dict[str, Any]]:
    """The person's own facts by class of field; a class that may not be read is only named."""
    rulebook = here.rulebook()
    declared = rulebook.kinds["person"].facts
    table = seen.reader.rules.field_classes(rulebook)["person"]
    facts = seen.facts
    found = []
    for class_, title in words.GROUPS:
        names = [
            name for name in declared
            if table.get(name) == class_ and (name != WENT_TO or name in facts)
        ]  # fmt: skip
        if not names:
            continue
        if class_ not in seen.classes:
            found.append({"title": words.translated(title), "sealed": True, "rows": []})
            continue
        rows = []
        for name in names:
            fact = declared[name]
            value = facts.get(name)
            if fact.type == "partial_date" and facts.get(f"{name}_first"):
                first, last = facts[f"{name}_first"], facts[f"{name}_last"]
                value = str(first) if first == last else f"{first}/{last}"
            rows.append(
                (words.translated(fact.label), values.fact_value(fact, value), value is None)
            )
        found.append({"title": words.translated(title), "sealed": False, "rows": rows})
    return found


RECORDS = (
    "consent", "interview", "appointment", "claim", "assessment", "document", "waiver", "decision",
    "release", "complaint", "incident", "follow_up", "seat", "not_interpreter",
)  # fmt: skip


def records(seen: Seen) -> list[dict[str, Any]]:
    """Consents, interviews, papers … about this person, newest first, in one query."""
    rulebook = here.rulebook()
    rows: dict[str, list[ThingNow]] = {}
    for thing in seen.recorded:
        rows.setdefault(thing.kind, []).append(thing)
    telling = seen.reader.rules.kind_classes(rulebook)
    found = []
    for kind in RECORDS:
        if kind not in rulebook.kinds or not rows.get(kind):
            continue
        if not telling.get(kind, frozenset()) & seen.classes:
            continue
        declared = rulebook.kinds[kind].facts
        found.append(
            {
                "kind": kind,
                "title": words.translated(rulebook.kinds[kind].title),
                "count": len(rows[kind]),
                "may": may_record(seen, kind),
                "rows": [_record(seen, rulebook, declared, thing) for thing in rows[kind][:30]],
            }
        )
    return found


def files(seen: Seen) -> list[dict[str, Any]]:
    """Attached scans and photos this reader may be told of, newest first."""
    kinds = here.rulebook().kinds
    return [
        {
            "reference": held.reference,
            "title": words.translated(kinds[held.about].title)
            if held.about != "person" and held.about in kinds else _("With a step or a fact"),
            "day": held.day,
            "kind": SUFFIX[held.media].upper(),
            "size": filesizeformat(held.size),
        }
        for held in attachments.of(seen)
    ]  # fmt: skip


def _record(
    seen: Seen, rulebook: Rulebook, declared: Mapping[str, Any], thing: ThingNow
) -> dict[str, Any]:
    facts = seen.reader.show(rulebook, thing.kind, thing.facts, seen.classes)
    rest = [
        (words.translated(declared[name].label), values.fact_value(declared[name], facts[name]))
        for name in declared
        if facts.get(name) is not None
    ]
    return {
        "id": thing.thing,
        "on": thing.first_on,
        "facts": rest,
        "status": _status(seen, thing.kind, facts),
    }


def _status(seen: Seen, kind: str, facts: Mapping[str, Any]) -> str:
    """The status a record is shown with, where it has one."""
    today = here.today().isoformat()
    if kind == contacts.KIND:
        theirs = [told for _id, told in seen.things(kind)]
        return contacts.status(
            facts, theirs, seen.facts.get("stage"), here.rulebook(), here.today()
        )
    if kind == "consent" and facts.get("withdrawn"):
        return "paused"
    if kind == "complaint":
        return {False: "due", True: "done"}.get(facts.get("triaged"), "")  # type: ignore[call-overload]
    if kind == "incident" and facts.get("severity") == 1:
        return "done" if facts.get("reviewed") else "paused"
    if kind == "document" and facts.get("valid_to"):
        return "open" if str(facts["valid_to"]) >= today else "ended"
    if kind == "appointment":
        return {"held": "done", "planned": "due"}.get(str(facts.get("state")), "paused")
    return ""


# -- what happened -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Happened:
    """One event as far as this reader may read it. `gone`: taken back or put right later; `event`:
    its id for whoever may take it back."""

    on: str
    title: str
    facts: tuple[tuple[str, str], ...]
    by: str
    recorded: str
    gone: bool
    breach: bool
    tell: tuple[str, ...] = ()
    seq: int = 0
    event: str = ""
    id: str = ""


def may_take_back(seen: Seen, row: Any, rulebook: Rulebook) -> bool:
    """Whether this account may take an event back: who corrects people, or who recorded it.

    What is a person's own word (`duties.is_their_word`) never is.
    """
    if row.kind != RECORDED and row.kind not in rulebook.moves():
        return False
    event = json.loads(row.canonical)
    if duties.is_their_word(rulebook, row.subject_kind, row.kind, event["facts"]):
        return False
    if put_right.fields_of(event.get("evidence") or ()):  # it brings no earlier name back
        return False
    return seen.may("person.edit") or row.by == seen.reader.account.account_id


def timeline(seen: Seen, *, limit: int) -> list[Happened]:
    """The events about a person, newest first: few queries, however many there are."""
    rulebook = here.rulebook()
    me = seen.person.person
    # Asked one by one: together, the database would read the whole log.
    own = EventRow.objects.filter(subject_kind="person", subject_id=me)
    about = EventRow.objects.filter(owner=me).exclude(subject_kind="person")
    # What was said later of an appointment, a contact or a consent does not repeat whose it is.
    things = {(thing.kind, thing.thing) for thing in seen.recorded}
    later = EventRow.objects.filter(
        subject_kind__in={kind for kind, _id in things},
        subject_id__in={name for _kind, name in things}, owner=None,
    )  # fmt: skip
    rows = sorted(
        (row for found in (own, about, later)
         for row in found.order_by("-effective", "-seq")[: limit * 3]
         if found is not later or (row.subject_kind, row.subject_id) in things),
        key=lambda row: (row.effective, row.seq), reverse=True,
    )  # fmt: skip
    replaced = {row.supersedes for row in rows if row.supersedes}
    telling = seen.reader.rules.kind_classes(rulebook)
    moves = rulebook.moves()
    excepted = any(row.kind == OVERRIDE for row in rows)
    used = exceptions.used([me]) if excepted else frozenset()
    found = []
    for row in rows:
        kind = row.subject_kind
        if kind not in rulebook.kinds:
            continue
        if kind != "person" and not telling.get(kind, frozenset()) & seen.classes:
            continue
        move = moves.get(row.kind)
        if move is not None and not _tells(seen, move):
            continue
        if row.kind in ("breach", "override") and not seen.reads("confidential"):
            continue
        raw = json.loads(row.canonical)["facts"]
        facts = seen.reader.show(rulebook, kind, _expanded(raw), seen.classes)
        declared = rulebook.kinds[kind].facts
        said = tuple(
            (
                words.translated(declared[name].label),
                values.fact_value(declared[name], raw[name]),
            )
            for name in declared
            if name in raw and (name in facts or f"{name}_first" in facts)
        )
        title = words.event_kind(rulebook, row.kind)
        if row.kind == "recorded" and not said and kind == "person":
            put = put_right.fields_of(json.loads(row.canonical).get("evidence") or ())
            if not any(seen.reader.rules.vault_class(name) in seen.classes for name in put):
                continue
            title = _("Put right who this is")
        if kind != "person" and row.kind == "recorded":
            title = words.translated(rulebook.kinds[kind].title)
        tell: tuple[str, ...] = ()
        if row.kind == "breach":
            names = sight.whys(seen, rulebook, list(raw.get("safeguards") or []))
            said = tuple((why.title or _("Not shown"), why.sentence) for why in names)
            title = _("Breach: %(move)s") % {"move": words.move(rulebook, str(raw.get("move")))}
            tell = tuple(dict.fromkeys(why.owner for why in names if why.owner))
        if row.kind == "override":
            said = _set_aside(seen, row, raw, used)
        found.append(
            Happened(row.effective, title, said, row.by, row.recorded, row.event_id in replaced,
                     row.kind == "breach", tell, row.seq,
                     row.event_id if may_take_back(seen, row, rulebook) else "", row.event_id)
        )  # fmt: skip
        if len(found) >= limit:
            break
    return found


def _set_aside(
    seen: Seen, row: Any, raw: Mapping[str, Any], used: frozenset[str]
) -> tuple[tuple[str, str], ...]:
    """What two people set aside, for which step and where, and whether it was taken under it."""
    rulebook, day, to = here.rulebook(), str(raw.get("valid_on")), str(raw.get("destination"))
    over = day < here.today().isoformat()
    decided = (
        _("Approved; the step was taken") if row.key in used
        else _("Approved; its day is over") if over
        else _("Approved")
    )  # fmt: skip
    return (
        (_("Step"), words.move(rulebook, str(raw.get("move")))),
        *(
            (why.title or _("Not shown"), why.sentence)
            for why in sight.whys(seen, rulebook, [str(raw.get("finding"))])
        ),
        *([] if to == NOWHERE else [(_("Destination or recipient"), to)]),
        (_("Decision"), decided),
    )


def _tells(seen: Seen, move: Move) -> bool:
    """A move is told to whoever may read every axis it changes, or casework when it changes none."""
    classes = seen.reader.rules.axes
    needed = {classes.get(axis, "confidential") for axis in move.targets} or {"confidential"}
    return needed <= seen.classes


def _expanded(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {**raw, **{f"{name}_first": value for name, value in raw.items()}}


# -- what must be seen first --------------------------------------------------------------------------


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
    if facts.get("adult") is None and "birth_first" in facts:
        found.append(
            ("unknown", _("Not known to be adult: protected as a child until decided."))
        )
    if facts.get("open_duplicate"):
        found.append(("unknown", _("A possible duplicate of this record is still open.")))
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


# -- what can be recorded --------------------------------------------------------------------------------


def always(seen: Seen) -> list[dict[str, Any]]:
    """Refusing, staying, withdrawing, claiming, being absent, dying: what is never refused. `group`:
    the person's own choice, what a State or an authority decided, or what befell them.

    Only what can follow from where the person is, as the rulebook draws it; the form takes any.
    """
    if not seen.may("person.record_always"):
        return []
    rulebook = here.rulebook()
    states = {axis: getattr(seen.person, axis) for axis in rulebook.axes}
    found = []
    for key, move in rulebook.moves().items():
        if not duties.is_always(rulebook, key):
            continue
        if any(states.get(axis) not in sources for axis, sources in move.sources.items()):
            continue
        befell = duties.befell(rulebook, key)
        if not befell and not _tells(seen, move):
            continue
        group = "befell" if befell else "own"
        if duties.decided_elsewhere(rulebook, key):
            group = "elsewhere"
        found.append({"move": key, "title": words.happening(rulebook, key), "group": group})
    found.sort(key=lambda line: _order_of(rulebook, line["move"]))
    return found


def _order_of(rulebook: Rulebook, key: str) -> int:
    """First what somebody chooses or no longer does, then what they decline, then all else."""
    if duties.befell(rulebook, key):
        return 2
    pathway = rulebook.transitions[rulebook.moves()[key].transition].pathway
    return {"chosen": 0, "common": 1}.get(pathway, 2)


# kind -> the actions of which any one opens its form.
NEEDS: Mapping[str, tuple[str, ...]] = {
    kind: duties.KINDS[kind]
    for kind in (
        "complaint", "claim", "interview", "not_interpreter", "consent", "release", "waiver",
        "assessment", "decision", "document", "seat", "incident", "follow_up", "appointment",
    )
}  # fmt: skip


OF_THE_LIVING = ("interview", "not_interpreter", "consent", "release", "waiver", "appointment")
"""What is not asked of somebody who died; a form reached otherwise still takes what came late."""


def may_record(seen: Seen, kind: str) -> bool:
    """Whether this account may record something of a kind about this person."""
    return any(seen.may(action) for action in NEEDS.get(kind, ()))


def is_dead(seen: Seen) -> bool:
    """Whether a death is on record, as far as this reader may know."""
    stages = here.rulebook().axes["stage"].states
    stage = seen.facts.get("stage")
    return stage in stages and stages[stage].ends == "death"


def recordable(seen: Seen) -> list[dict[str, str]]:
    """Kinds of record this account may add about this person."""
    rulebook = here.rulebook()
    return [
        {"kind": kind, "title": words.translated(rulebook.kinds[kind].title)}
        for kind in NEEDS
        if kind in rulebook.kinds and "person" in rulebook.kinds[kind].refs and kind != "seat"
        and may_record(seen, kind) and not (is_dead(seen) and kind in OF_THE_LIVING)
    ]  # fmt: skip


# -- identity -------------------------------------------------------------------------------------------


def identity(fields: Mapping[str, str]) -> list[dict[str, str]]:
    """Fields of the vault as lines: label and value, names first."""
    return [
        {"label": field_label(name), "value": fields[name]}
        for name in sorted(fields, key=field_order)
    ]


def field_label(name: str) -> str:
    """What a field of the vault is called to whoever may read it."""
    head, _dot, rest = name.partition(".")
    if head == "name":
        part, _dot, script = rest.partition(".")
        label = words.translated(words.PARTS.get(part, part))
        return (
            f"{label} ({words.translated(words.SCRIPTS.get(script, script))})"
            if script
            else label
        )
    if name == "number":
        return _("Office number")
    return words.translated((rest or head).replace("_", " ").capitalize())


def field_order(name: str) -> tuple[int, int, str]:
    """Names first, then numbers, papers and contacts."""
    head, _dot, rest = name.partition(".")
    part = rest.partition(".")[0]
    heads = ["name", "number", "document", "contact"]
    return (
        heads.index(head) if head in heads else 9,
        list(words.PARTS).index(part) if part in words.PARTS else 99,
        name,
    )
