"""A person's file in their own language, to be read aloud and printed.

Exists so that "what do you keep about me?" has an answer that can be heard: one record after the
other, each with its day, nothing by a code. Comes in: a request to see the file and the account that
reads it out. Goes out: what that account may read, in parts, and by name what it may not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import get_language, gettext, gettext_noop, override

from onward.registry import site, wordings
from onward.registry.data_protection import own_words, rights
from onward.registry.identities import attachments
from onward.registry.identities.merged import ids_of, whose
from onward.registry.identities.scans import SUFFIX
from onward.registry.models import AccessEntry, Account, EventRow, ExportRequest, RightsRequest
from onward.registry.permissions import access
from onward.registry.permissions.roles import load_rules
from onward.report import tongues
from onward.rulebook.codes import code_title

Lines = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Part:
    """One record, under the day it is from, or a list that is read as a whole (`day` empty)."""

    day: str
    lines: Lines


@dataclass(frozen=True)
class ReadOut:
    """A person's file in their language, to be read aloud and printed.

    sections  (title, parts); texts the rulebook declares, translated where a translation exists
    draft     the translation has no named approver: the page says so
    on        the day it was read out
    """

    person: str
    language: str
    right_to_left: bool
    draft: bool
    on: date
    sections: Sequence[tuple[str, Sequence[Part]]]


def read_out(by: Account, request: RightsRequest, *, signed_in: datetime | None) -> ReadOut:
    """Everything kept about a person, for that person: facts, history, who received and who read.

    The answer to an access request is the person's whole file, as far as the account that reads
    it out may read it; what it may not read is named as a class, so that the person can ask for
    somebody who may.
    """
    rights.may_answer(by, request)
    reader = access.Reader(by)
    person = whose(request.person)
    ids = ids_of(person)
    leave = reader.reveal(
        person,
        purpose=f"read-out for {request.pk}",
        signed_in=signed_in,
        place="rights",
    )
    seen = reader.open(person, place="rights", purpose=f"read-out for {request.pk}")
    language = request.language or "en"
    with override(language):
        kept = site.operation().vault.get_many(ids)
        who = [_who(each, leave.of(kept.get(each))) for each in ids]
        before = [
            (_field(line.field), line.value)
            for each in ids
            for line in leave.before(kept.get(each))
        ]
        found = [
            (gettext("Who you are"), list(dict.fromkeys(line for each in who for line in each))),
            (gettext("What stood there before"), before),
            (gettext("What is known about you"), _known(seen)),
            (gettext("What happened"), _happened(seen, ids)),
        ]  # fmt: skip
        sections = [(title, [Part("", lines)]) for title, lines in found if lines]
        for kind in seen.rulebook.kinds.values():
            if parts := _records(seen, kind) if "person" in kind.refs else []:
                sections.append((gettext(kind.title), parts))
        beyond = [
            (gettext(each.title), gettext("Ask for somebody who may read this to you."))
            for name, each in load_rules().classes.items()
            if name not in seen.classes
        ]
        papers = [
            (_about(seen.rulebook, held.about), f"{SUFFIX[held.media].upper()}, {_value(held.day)}")
            for held in attachments.of(seen)
        ]  # fmt: skip
        last = (
            (gettext("Papers and pictures kept about you"), papers),
            (gettext("What you asked about your own file"), _asked(seen, ids, request)),
            (gettext("Who received data about you"), _received(ids)),
            (gettext("Who looked at your file"), _looked(ids)),
            (gettext("Kept, and read out by somebody else"), beyond),
        )
        sections += [(title, [Part("", lines)]) for title, lines in last if lines]
    return ReadOut(
        person, language, language in ("ar", "fa", "ckb"),
        wordings.is_draft(site.operation(), language), site.operation().default_date(), sections,
    )  # fmt: skip


def _known(seen: access.Seen) -> list[tuple[str, str]]:
    """Where somebody stands, then their facts as the rulebook orders them."""
    rulebook = seen.rulebook
    lines = []
    for name, axis in rulebook.axes.items():
        if value := seen.facts.get(name):
            state = axis.states.get(value)
            lines.append(
                (gettext(axis.title), gettext(state.title) if state else _value(value))
            )
    for name, fact in rulebook.kinds["person"].facts.items():
        value = seen.facts.get(name)
        if fact.type == "partial_date" and seen.facts.get(f"{name}_first"):
            days = [str(seen.facts[f"{name}_{end}"]) for end in ("first", "last")]
            value = " – ".join(_value(day) for day in dict.fromkeys(days))
            lines.append((gettext(fact.label), value))
        elif value not in (None, [], ""):
            lines.append((gettext(fact.label), _value(value)))
    return lines


def _records(seen: access.Seen, kind: Any) -> list[Part]:
    """What was recorded of one kind, each record by itself under its day, the oldest first."""
    read = dict(seen.things(kind.name))
    rows = [row for row in seen.recorded if row.kind == kind.name and row.thing in read]
    rows.sort(key=lambda row: (str(row.first_on or ""), row.thing))
    parts = [
        Part(
            _value(row.first_on) if row.first_on else "",
            [
                (gettext(fact.label), _value(read[row.thing][name]))
                for name, fact in kind.facts.items()
                if read[row.thing].get(name) is not None
            ],
        )
        for row in rows
    ]
    return [part for part in parts if part.lines]


def _happened(seen: access.Seen, ids: Iterable[str]) -> list[tuple[str, str]]:
    """The steps somebody took or was taken through, by their days, the oldest first; what was taken
    back is not told as if it had been."""
    rulebook, moves = seen.rulebook, seen.rulebook.moves()
    own = EventRow.objects.filter(subject_kind="person", subject_id__in=list(ids))
    rows = list(own.filter(kind__in=list(moves)).order_by("effective", "seq"))
    gone = set(
        EventRow.objects.filter(supersedes__in=[row.event_id for row in rows])
        .values_list("supersedes", flat=True)
    )  # fmt: skip
    lines = []
    for row in rows:
        move = moves[row.kind]
        needed = {seen.reader.rules.axes.get(axis, "confidential") for axis in move.targets}
        if row.event_id in gone or not (needed or {"confidential"}) <= seen.classes:
            continue
        states = [
            gettext(rulebook.axes[axis].states[state].title)
            for axis, state in move.targets.items() if state in rulebook.axes[axis].states
        ]  # fmt: skip
        step = gettext(rulebook.transitions[move.transition].title)
        said = tongues.listed([step, *states], get_language() or "en")
        lines.append((_value(row.effective), said))
    return lines


def _who(person: str, identity: Mapping[str, str]) -> list[tuple[str, str]]:
    if identity or (day := rights.erased_on(person)) is None:
        return [(_field(name), identity[name]) for name in sorted(identity, key=_order)]
    return [(gettext("Erased, and can be read by nobody"), _value(day))]


def _asked(seen: access.Seen, ids: Sequence[str], now: RightsRequest) -> list[tuple[str, str]]:
    """Every other request of a person, with their own words where the reader may read them."""
    rows = RightsRequest.objects.filter(person__in=ids).exclude(pk=now.pk)
    lines = []
    for row in rows.order_by("asked_on", "taken_at"):
        what = gettext(rights.rules()["requests"][row.kind]["title"])
        lines.append((what, _value(row.asked_on)))
        if not row.words_key:
            continue
        told = own_words.shown(row, seen.classes)
        if told is None or told.words is None:
            lines.append(
                (
                    gettext("What you said"),
                    gettext("Ask for somebody who may read this to you."),
                )
            )
            continue
        for label, said in (
            (gettext("What you said is wrong, or meant"), told.words.wrong),
            (gettext("What it should say"), told.words.right),
        ):
            if said:
                lines.append((label, said))
    return lines


def _about(rulebook: Any, kind: str) -> str:
    return gettext(rulebook.kinds[kind].title) if kind in rulebook.kinds else gettext("Person")


FIELDS = {
    "name": gettext_noop("Name"), "full": gettext_noop("Whole name"),
    "given": gettext_noop("Given name"), "family": gettext_noop("Family name"),
    "arabic": gettext_noop("Arabic script"), "latin": gettext_noop("Latin script"),
    "Arab": gettext_noop("Arabic script"), "Latn": gettext_noop("Latin script"),
    "document": gettext_noop("Document"), "passport": gettext_noop("Passport"),
    "national_id": gettext_noop("National identity card"), "phone": gettext_noop("Phone"),
    "address": gettext_noop("Address"), "photo": gettext_noop("Photo"),
}  # fmt: skip
"""What the parts of a kept identity are called to the person."""


ORDER = ("name", "full", "given", "father", "grandfather", "family", "number")
"""How the parts of an identity follow one another, as a person would say them; the rest after."""


def _order(name: str) -> tuple[int, str]:
    part = name.removeprefix("name.").partition(".")[0]
    return (ORDER.index(part) if part in ORDER else len(ORDER), name)


def _field(name: str) -> str:
    said = name.removeprefix("name.").split(".")
    parts = [gettext(FIELDS[each]) if each in FIELDS else _word(each) for each in said]
    return tongues.listed(parts, get_language() or "en")


def _word(value: object) -> str:
    """An allowed value by the catalogue's word for it, else as it is kept without its bars."""
    plain = str(value).replace("_", " ")
    title = plain[:1].upper() + plain[1:]
    named = code_title(title)
    for text in (named, plain):
        if (said := gettext(text)) != text:
            return said
    return plain if named == title else named


def _value(value: Any) -> str:
    language = get_language() or "en"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return tongues.listed(map(_word, value), language)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value)):
        spoken = site.operation().settings.languages
        return tongues.day_in_words(date.fromisoformat(str(value)), language, spoken)
    if str(value).isdecimal():
        return tongues.digits(str(value), language)
    return _word(value)


def _received(ids: Sequence[str]) -> list[tuple[str, str]]:
    rows = (
        ExportRequest.objects.filter(state="written")
        .select_related("recipient")
        .order_by("written_at")
    )
    return [
        (_value(row.written_at.date()) if row.written_at else "", row.recipient.name)
        for row in rows
        if not {*ids}.isdisjoint(row.people)
    ] or [("", gettext("Nobody outside."))]


def _looked(ids: Sequence[str]) -> list[tuple[str, str]]:
    """Days and roles, never names of staff: they are protected too."""
    titles = load_rules().roles
    roles = {
        str(account.pk): tongues.listed(
            (gettext(titles[r].title) for r in account.role_ids if r in titles),
            get_language() or "en",
        )
        for account in Account.objects.all()
    }
    found: dict[tuple[str, str], None] = {}
    rows = AccessEntry.objects.filter(person__in=ids, decision="allowed").order_by("id")
    for at, account in rows.values_list("at", "account"):
        found[_value(at.date()), roles.get(account, "")] = None
    return list(found)
