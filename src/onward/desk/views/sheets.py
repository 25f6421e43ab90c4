"""Texts people must understand: information sheets to read aloud, and the waiver.

A text carries its language, version, translator and approver. One that nobody approved is
marked across the page and cannot support a consent.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import translation
from django.utils.translation import gettext as _

from onward import __version__
from onward.caseload.events import RECORDED, Subject
from onward.desk import dates, here, sight, words
from onward.desk.views.shared import done, once, page, place, sent_key
from onward.errors import OnwardError
from onward.plan.model import COUNSELLING
from onward.plan.telling import may_be_told, replaced
from onward.registry.models import ThingNow
from onward.registry.permissions import access
from onward.registry.recording import acts
from onward.registry.signing_in import signin

RIGHT_TO_LEFT = ("fa", "ar", "ckb", "ps", "ur", "az-arab")
DRAFT = {"fa": "پیش‌نویس", "ar": "مسودة", "ckb": "ڕەشنووس", "fr": "BROUILLON", "en": "DRAFT"}
WAIVER_HOLDS = (
    "identity_and_dependants", "route_stated", "told_what_ends", "right_to_cancel",
    "how_to_reapply", "property_and_medical", "contact_agreed", "copy_given", "witnessed",
    "capacity_noted",
)  # fmt: skip
WAIVER_NEVER = ("releases_claims", "renounces_convention_rights", "accepts_refoulement")


def _texts(
    pathway: str = "", *, kinds: Collection[str] = ("sheet",), answers: bool = False
) -> list[dict[str, Any]]:
    """Every language of every sheet of the plan, the newest version first.

    kinds    of messages
    answers  also of the notices and answers that people may be told today
    """
    found = here.plan()
    if found is None:
        return []
    rows = []
    gone = replaced(found)
    for message in found.messages.values():
        told = message.kind not in COUNSELLING and may_be_told(found, message, here.today())
        if message.kind not in kinds and not (answers and told):
            continue
        if pathway and pathway not in message.pathways:
            continue
        for text in message.texts.values():
            rows.append(
                {
                    "message": message.id, "kind": message.kind, "audience": message.audience,
                    "ways": message.pathways, "said": any(one.approved for one in message.texts.values()),
                    "title": words.translated(message.title), "version": message.version,
                    "pathways": [sight.pathway_title(p) for p in message.pathways],
                    "pathway": message.pathways[0] if message.pathways else "",
                    "language": text.language, "language_name": words.language(text.language),
                    "text": text.text, "translator": text.translator, "approved": text.approved,
                    "approved_by": words.translated(text.approved_by), "approved_on": text.approved_on,
                    "true_as_of": message.true_as_of, "current": message.id not in gone,
                    "direction": "rtl" if text.language in RIGHT_TO_LEFT else "ltr",
                    "mark": DRAFT.get(text.language, "DRAFT"),
                }
            )  # fmt: skip
    rows.sort(key=lambda row: (row["pathway"], not row["current"], row["language"]))
    return rows


def unapproved() -> int:
    """Texts in force that nobody has approved yet."""
    rows = _texts(kinds=COUNSELLING)
    return sum(row["current"] and not row["approved"] for row in rows)


ON_RECORD = {"sheet": "sheet", "waiver": "waiver_text"}
"""Kind of message -> the kind of record that says which version may be signed for or on."""


def _on_record(kind: str) -> set[tuple[str, str, str]]:
    """(pathway, version, language) of the texts that are on record as approved and current."""
    return {
        (
            str(row.facts.get("pathway") or ""),
            str(row.facts.get("version")),
            str(row.facts.get("language")),
        )
        for row in ThingNow.objects.filter(kind=ON_RECORD[kind])
        if row.facts.get("approved") and row.facts.get("current")
    }


def _lacks_record(rows: Sequence[dict[str, Any]]) -> None:
    """Mark the approved texts on which a signature would open nothing: safeguards go by the
    record, and it does not hold this version."""
    known = {kind: _on_record(kind) for kind in {row["kind"] for row in rows} & {*ON_RECORD}}
    for row in rows:
        found = known.get(row["kind"])
        pathways = row["ways"] if row["kind"] == "sheet" else ("",)
        row["unrecorded"] = found is not None and not all(
            (pathway, row["version"], row["language"]) in found for pathway in pathways
        )


@page("sheets", "person.record_interview", "text.approve")
def sheets(request: HttpRequest) -> HttpResponse:
    rows = _texts(kinds=COUNSELLING, answers=True)
    _lacks_record(rows)
    return render(request, "desk/sheets.html", {"rows": rows})


def _one(message: str, language: str) -> dict[str, Any]:
    """One language of one text, with whether the record holds it."""
    rows = _texts(kinds=COUNSELLING, answers=True)
    row = next((r for r in rows if (r["message"], r["language"]) == (message, language)), None)
    if row is None:
        raise Http404
    _lacks_record([row])
    return row


@page("sheets", "person.record_interview", "text.approve")
def sheet(request: HttpRequest, message: str, language: str) -> HttpResponse:
    return render(request, "desk/sheet.html", {"sheet": _one(message, language), "key": once()})


@page("sheets", "text.approve", methods=("POST",))
def sheet_on_record(request: HttpRequest, message: str, language: str) -> HttpResponse:
    """Put a text that the plan has approved on record as the current one, in place of the version
    before: safeguards ask the record, not the plan."""
    access.require(request.user, "text.approve", place=place(request))
    signin.require_fresh(request)
    row = _one(message, language)
    if not (row["approved"] and row["current"] and row["unrecorded"]):
        said = (
            _("It is on record already.") if row["approved"] and row["current"]
            else _("Only an approved text that is in force can be put on record.")
        )  # fmt: skip
        return render(
            request,
            "desk/sheet.html",
            {"sheet": row, "key": once(), "faults": [said]},
            status=422,
        )
    try:
        acts.record_batch(
            request.user, _putting_on_record(row), idempotency_key=sent_key(request) or once()
        )
    except OnwardError as problem:
        shown = {"sheet": row, "key": once(), "faults": [str(problem)]}
        return render(request, "desk/sheet.html", shown, status=422)
    return done(request, _("The text is on record as the current one."), "desk:sheets")


def _putting_on_record(row: dict[str, Any]) -> list[dict[str, Any]]:
    """What is recorded of a text: this version approved and current, those before it no longer.

    row  one of `_texts`"""
    kind, today = ON_RECORD[row["kind"]], here.today().isoformat()
    declared = here.rulebook().kinds[kind].facts
    known = list(ThingNow.objects.filter(kind=kind).order_by("thing"))
    entries = []
    for pathway in row["ways"] if row["kind"] == "sheet" else ("",):
        alike = [
            one for one in known
            if one.facts.get("language") == row["language"]
            and (not pathway or one.facts.get("pathway") == pathway)
        ]  # fmt: skip
        this = [one for one in alike if str(one.facts.get("version")) == row["version"]]
        facts: dict[str, Any] = {"approved": True, "current": True}
        if "approved_on" in declared:
            facts["approved_on"] = row["approved_on"].isoformat()
        for before in alike:
            if before.facts.get("current") and before not in this:
                gone: dict[str, Any] = {"current": False}
                if "replaced_on" in declared:
                    gone["replaced_on"] = today
                entries.append((before.thing, gone))
        if not this:
            facts |= {"version": row["version"], "language": row["language"]}
            facts |= {"pathway": pathway} if pathway else {}
        entries.append((this[0].thing if this else str(uuid.uuid4()), facts))
    return [
        {"subject": Subject(kind, thing), "kind": RECORDED, "effective": today, "facts": facts}
        for thing, facts in entries
    ]


@page("people", "person.record_interview")
def read_aloud(request: HttpRequest, person: str) -> HttpResponse:
    """The sheets in the person's language, and the waiver where the person chose to go onward."""
    reader = request.reader  # type: ignore[attr-defined]
    seen = reader.open(person, action="person.record_interview", place=place(request))
    language = str(seen.facts.get("language") or "")
    rows = [row for row in _texts() if row["current"]]
    chosen = str(seen.facts.get("intended_pathway") or "")
    rows.sort(key=lambda row: chosen not in row["ways"])  # the way somebody chose comes first
    own = [row for row in rows if row["language"] == language]
    others = [row for row in rows if row["language"] != language]
    answers = [row for row in _answers(seen) if row["language"] == language]
    return render(
        request, "desk/read_aloud.html",
        {"person": person, "own": own, "others": others, "answers": answers,
         "language": words.language(language)},
    )  # fmt: skip


def _answers(seen: access.Seen) -> list[dict[str, Any]]:
    """What people may be told today that bears on this person's own next steps: an answer or a
    notice of which somebody approved a text, on a way the person chose or may still choose, or
    on all of them. What is meant for one person is told to that one."""
    steps = sight.steps(seen)
    ways = {step.pathway for step in steps["own"]} - {"common", "chosen", ""}
    chosen = str(seen.facts.get("intended_pathway") or "")
    ways |= {chosen} if chosen else {step.pathway for step in steps["choices"]}
    return [
        row for row in _texts(answers=True)
        if row["kind"] != "sheet" and row["current"] and row["said"]
        and row["audience"] != "individual" and (not row["ways"] or ways & set(row["ways"]))
    ]  # fmt: skip


@page("people", "person.record_interview")
def waiver(request: HttpRequest, person: str) -> HttpResponse:
    """The voluntary-departure waiver to print: what it must hold and what it may never say.

    What the person declares is the plan's text in the person's language, with who translated and
    who approved it; where the plan has none, the shipped words, which nobody of the operation approved.
    """
    reader = request.reader  # type: ignore[attr-defined]
    seen: access.Seen = reader.open(
        person, action="person.record_interview", place=place(request)
    )
    rulebook = here.rulebook()
    if "waiver" not in rulebook.kinds:
        raise Http404
    spoken = str(seen.facts.get("language") or "en")
    text = _own_waiver(spoken)
    if text is not None and "waiver_text" in rulebook.kinds:
        _lacks_record([text])
    language = spoken.split("-")[0]
    language = language if language in DRAFT else "en"
    declared = rulebook.kinds["waiver"].facts
    with translation.override(language):
        shown = {
            "holds": [words.translated(declared[name].label) for name in WAIVER_HOLDS if name in declared],
            "never": [words.translated(declared[name].label) for name in WAIVER_NEVER if name in declared],
            "title": _("Voluntary departure: what I was told and what I decide"),
            "says": [
                _("I leave because I want to. Nobody made my release, food, shelter or safety depend on it."),
                _("I was told, in my language, of every other pathway, among them asking for protection, and what ends when I leave."),
                _("I can change my mind until I cross the border, without any penalty."),
                _("I give up no claim against anybody and no right under the Geneva Conventions; nobody can."),
                _("I was told how to apply again, how to complain, and whom to call afterwards."),
            ],
            "reflection": dates.digits(str(rulebook.settings.get("reflection_days") or "")),
            "destination": here.destination(str(seen.facts.get("intended_destination") or "")),
            "version": __version__, "not_approved": _("not approved"), "version_word": _("version"),
            "signs": [_("The person"), _("Interpreter"), _("Impartial witness"), _("Day and place")],
            "words": {"destination": _("Destination and route"), "reflect": _("Days to reflect before signing"),
                      "holds": _("This paper is complete only with"), "never": _("This paper may never contain")},
        }  # fmt: skip
    return render(
        request, "desk/waiver.html",
        {"person": person, "language": language, "mark": DRAFT[language],
         "direction": "rtl" if language in RIGHT_TO_LEFT else "ltr", "text": text,
         "lacks": "" if text or spoken.split("-")[0] == language else words.language(spoken), **shown},
    )  # fmt: skip


def _own_waiver(language: str) -> dict[str, Any] | None:
    """The waiver's text of the plan in this language, an approved one before a draft."""
    rows = [row for row in _texts(kinds=("waiver",)) if row["current"]]
    rows = [
        row for tag in dict.fromkeys((language, language.split("-")[0])) for row in rows
        if row["language"] == tag
    ]  # fmt: skip
    return min(rows, key=lambda row: not row["approved"], default=None)


@page("people")
def rulebook(request: HttpRequest) -> HttpResponse:
    """The rulebook's drawing and its steps in words."""
    book = here.rulebook()
    steps = [
        {"name": step.name, "title": words.translated(step.title), "decides": words.translated(step.decides),
         "safeguards": [words.translated(book.safeguards[name].title) for name in step.safeguards],
         "pathway": sight.pathway_title(step.pathway), "records": step.records}
        for step in book.transitions.values()
    ]  # fmt: skip
    return render(request, "desk/rulebook.html", {"book": book, "steps": steps})


@page("people")
def drawing(request: HttpRequest) -> HttpResponse:
    from onward.rulebook.draw import pathways_svg

    return HttpResponse(pathways_svg(here.rulebook()), content_type="image/svg+xml")


urls = [
    path("texts/", sheets, name="sheets"),
    path("texts/<str:message>/<str:language>/", sheet, name="sheet"),
    path("texts/<str:message>/<str:language>/record/", sheet_on_record, name="sheet_on_record"),
    path("people/<str:person>/read-aloud/", read_aloud, name="read_aloud"),
    path("people/<str:person>/waiver/", waiver, name="waiver"),
    path("rulebook/", rulebook, name="rulebook"),
    path("rulebook/drawing.svg", drawing, name="drawing"),
]
