"""Bringing a list in: look, map the columns, mend, decide about doubles, confirm, and undo.

Each page asks only what is still open, in the order of the intake room's own stages. Nothing is
recorded before it is confirmed; the list itself is kept sealed until then. Names on the list are
seen by whoever brings it in; those already on record only by whoever may see that person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import yaml
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onward.caseload.events import PERSON, RECORDED
from onward.desk import here, words
from onward.desk.views.shared import done, page, place
from onward.errors import Fault, Faults, OnwardError
from onward.intake.events import declared, kind_of_list
from onward.intake.mapping import suggest_columns
from onward.intake.profile import IDENTITY, STRUCTURE, Profile, parse_profile, shipped_profiles
from onward.intake.read import Reading, read
from onward.intake.review import BASES, CHOICES
from onward.registry.importing import drafts, lists
from onward.registry.importing.commit import event_kind_of
from onward.registry.importing.receipts import imports_now
from onward.registry.keyring.keys import KeyRefused
from onward.registry.models import ImportDraft, Job
from onward.registry.permissions import access
from onward.registry.permissions.roles import load_rules
from onward.registry.recording import duties
from onward.registry.signing_in import signin
from onward.registry.web import jobs
from onward.said import unpacked

SHOWN_FAULTS, SHOWN_PAIRS, SAMPLES = 200, 10, 3
DOCUMENTS = ("document.passport", "document.national_id", "document.other")
CHOICE_WORDS = {
    "merge": gettext_lazy("One person"),
    "apart": gettext_lazy("Two people"),
    "ask": gettext_lazy("Ask the field"),
}

WAITS_FOR = {
    "check": ("blocked", gettext_lazy("rows to mend")),
    "stuck": ("blocked", gettext_lazy("cannot be read")),
    "match": ("due", gettext_lazy("doubles to decide")),
    "confirm": ("open", gettext_lazy("ready to be recorded")),
}


# -- the list of imports --------------------------------------------------------------------------


@page("imports", "import.run", "import.undo", methods=("GET", "POST"))
def imports(request: HttpRequest) -> HttpResponse:
    access.require(request.user, "import.run", "import.undo", place=place(request))
    reader = request.reader  # type: ignore[attr-defined]
    shown: dict[str, Any] = {
        "may_run": reader.may("import.run"),
        "may_undo": reader.may("import.undo"),
    }
    if request.method == "POST":
        access.require(request.user, "import.run", place=place(request))
        upload = request.FILES.get("list")
        if upload is None:
            shown["error"] = _("Choose a file to bring in.")
        else:
            try:
                draft = drafts.begin(request.user, upload.name or "", upload.read())
            except OnwardError as problem:
                shown["error"] = str(problem)
            else:
                return _to(draft)
    shown["receipts"] = [
        {
            "row": one,
            "undone": undone,
            "events": len(one.events),
            "profile": words.profile(one.profile),
        }
        for one, undone in imports_now(here.operation())[::-1][:50]
    ]
    mine = ImportDraft.objects.filter(by=request.user.account_id, receipt="").order_by("-at")
    shown["waiting"] = [(draft, _how_far(draft)) for draft in mine.defer("content")[:20]]
    return render(request, "desk/imports.html", shown, status=422 if "error" in shown else 200)


@page("imports", "import.undo", methods=("POST",))
def undo(request: HttpRequest) -> HttpResponse:
    access.require(request.user, "import.undo", place=place(request))
    signin.require_fresh(request)
    asked = {"receipt": request.POST.get("receipt", ""), "by": request.user.account_id}
    job = jobs.ask(request.user, jobs.TAKE_BACK, asked)
    return HttpResponseRedirect(reverse("desk:job", args=[job.pk]), status=303)


def _how_far(draft: ImportDraft) -> tuple[str, str]:
    """The status and the words of a list that waits to be finished."""
    if not draft.profile:
        return "due", _("columns to be mapped")
    asked = lists.asked_of(draft)
    job = jobs.latest(jobs.BRING, asked) or jobs.latest(jobs.LOOK, asked)
    if job is None:
        return "due", _("not looked at yet")
    if job.state in (jobs.QUEUED, jobs.RUNNING):
        return "now", _("being recorded") if job.kind == jobs.BRING else _("being looked at")
    if job.state != jobs.DONE:
        return "blocked", _("stopped")
    return WAITS_FOR.get(job.result.get("step", ""), ("due", _("to be looked at")))


def _to(draft: ImportDraft) -> HttpResponse:
    return HttpResponseRedirect(reverse("desk:import", args=[draft.pk]), status=303)


# -- one list -----------------------------------------------------------------------------------------


@page("imports", "import.run", methods=("GET", "POST"))
def one(request: HttpRequest, draft: UUID) -> HttpResponse:
    """The step that is open now: questions about the file, its columns, faults, doubles, confirming.

    Everything that reads the whole list is long work: the page says how far it is and can be left.
    """
    access.require(request.user, "import.run", place=place(request))
    try:
        row = drafts.mine(request.user, draft)
    except OnwardError:
        raise access.Hidden from None
    if request.method == "POST":
        return (
            HttpResponseRedirect(reverse("desk:imports"), status=303)
            if row.receipt
            else _take(request, row)
        )
    if row.receipt:
        return _became(request, row)
    if not row.profile:
        try:
            with drafts.opened(row) as files:
                return _first(request, row, files)
        except Faults as wrong:
            return _cannot(request, row, wrong)
    recording = jobs.latest(jobs.BRING, lists.asked_of(row))
    job = recording or jobs.latest(jobs.LOOK, lists.asked_of(row))
    if job is None:
        job = jobs.ask(request.user, jobs.LOOK, lists.asked_of(row))
    if job.state in (jobs.QUEUED, jobs.RUNNING):
        return _going(request, row, job)
    if job.state != jobs.DONE:
        shown = {"draft": row, "step": "read", "stopped": job.said}
        return _whole(request, shown, status=422)
    return _step(request, row, _look(job))


def _going(request: HttpRequest, row: ImportDraft, job: Job) -> HttpResponse:
    shown = {
        "draft": row, "job": job, "going": True, "ahead": jobs.ahead_of(job),
        "step": "confirm" if job.kind == jobs.BRING else "check",
    }  # fmt: skip
    if getattr(request, "htmx", False):
        return render(request, "desk/parts/job.html", shown)
    return render(request, "desk/import.html", shown)


def _whole(
    request: HttpRequest, shown: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """The page, anew where only the part that says how far the work is was asked for."""
    if getattr(request, "htmx", False):
        answer = HttpResponse(status=204)
        answer["HX-Refresh"] = "true"
        return answer
    return render(request, "desk/import.html", shown, status=status)


def _look(job: Job) -> dict[str, Any]:
    """What the work saw in the list."""
    kept = json.loads(jobs.content_of(job.files.get(name=lists.LOOK)))
    found: dict[str, Any] = unpacked(kept)
    return found


def _became(request: HttpRequest, row: ImportDraft) -> HttpResponse:
    """What a list that was recorded has become."""
    work = (
        Job.objects.filter(kind=jobs.BRING, asked__draft=str(row.pk))
        .order_by("-asked_at")
        .first()
    )
    if work is not None and work.state in (jobs.QUEUED, jobs.RUNNING):
        return _going(request, row, work)  # written, and the pages are being brought up to date
    shown = {"draft": row, "step": "done", "became": work.result if work else {}}
    return _whole(request, shown)


def _cannot(request: HttpRequest, row: ImportDraft, wrong: Faults) -> HttpResponse:
    """The file or its profile cannot be read at all."""
    shown = {"draft": row, "step": "read", "faults": wrong.faults[:SHOWN_FAULTS], "stuck": True}
    return render(request, "desk/import.html", shown, status=422)


NO_ROWS = Faults(
    [Fault("", "", "", "no row below the header", "at least one row",
           "Put the people below the header, save the list, and load that.")]
)  # fmt: skip


def _first(request: HttpRequest, row: ImportDraft, files: drafts.InMemory) -> HttpResponse:
    """Before its columns are mapped: what nobody can know but who has the file, then the columns."""
    reading = _read(row, files)
    shown: dict[str, Any] = {"draft": row, "notices": reading.notices}
    if reading.questions or not reading.sheets:
        shown |= {"step": "read", "questions": lists.asked_questions(reading.questions)}
    else:
        columns = _columns(reading, declared(here.rulebook(), "person"))
        if not columns["rows"]:
            return _cannot(request, row, NO_ROWS)
        shown |= {"step": "map", **columns}
    return render(request, "desk/import.html", shown)


def _step(request: HttpRequest, row: ImportDraft, look: dict[str, Any]) -> HttpResponse:
    """The step that is open after a look at the whole list."""
    if request.GET.get("faulty") and look.get("faulty"):
        return _workbook(row)
    shown: dict[str, Any] = {"draft": row, **look}
    if look["step"] == "stuck":
        return _whole(request, shown | {"step": "read", "stuck": True}, status=422)
    if look["step"] == "match":
        signed_in = signin.require_fresh(request)
        open_pairs = lists.undecided(row, look["pairs"])
        try:
            pairs = [_pair(request, one, signed_in) for one in open_pairs[:SHOWN_PAIRS]]
        except KeyRefused:  # the names of one of them were erased since: look afresh
            lists.again(row)
            return _to(row)
        shown |= {
            "pairs": pairs,
            "open": look["open"] - (len(look["pairs"]) - len(open_pairs)),
            "bases": [(base, words.code(base)) for base in BASES],
            "choices": [(choice, CHOICE_WORDS[choice]) for choice in CHOICES],
        }
    return _whole(request, shown)


def _read(row: ImportDraft, files: drafts.InMemory) -> Reading:
    return read(
        files.list,
        sheets=(row.sheet,) if row.sheet else (),
        encoding=row.encoding or None,
        delimiter=row.delimiter or None,
    )


def _columns(reading: Reading, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Each column with what it may be, how sure that is, and a few cells."""
    sheet = next(iter(reading.sheets))
    rows = reading.sheets[sheet].rows
    header = ["" if cell is None else str(cell) for cell in rows[0]] if rows else []
    suggestions = suggest_columns(header, rows[1:501], facts)
    columns = [
        {
            "number": number, "header": one.header, "to": one.to or "", "why": one.why,
            "sure": one.sure,
            "cells": [str(r[number]) for r in rows[1:80] if number < len(r) and r[number] not in (None, "")][:SAMPLES],
        }
        for number, one in enumerate(suggestions)
        if one.header
    ]  # fmt: skip
    groups = [
        (_("The list itself"), [(name, words.translated(text)) for name, text in STRUCTURE.items()
                                if not name.startswith("event.")]),
        (_("Who somebody is (kept in the vault)"), [(name, words.translated(text)) for name, text in IDENTITY.items()]),
        (_("Documents (kept in the vault)"), [(name, words.code(name.split(".")[1])) for name in DOCUMENTS]),
        (_("Facts"), [(name, words.translated(getattr(fact, "label", "") or name)) for name, fact in facts.items()]),
    ]  # fmt: skip
    return {
        "sheet": sheet,
        "columns": columns,
        "groups": groups,
        "rows": max(len(rows) - 1, 0),
        "shipped": [(name, words.profile(name)) for name in shipped_profiles()],
        "calendars": [("gregorian", _("Gregorian")), ("solar_hijri", _("Solar Hijri")),
                      ("lunar_hijri", _("Lunar Hijri")), ("imperial", _("Imperial (1976 to 1978)"))],
    }  # fmt: skip


def _take(request: HttpRequest, row: ImportDraft) -> HttpResponse:
    """Keep what a form says, and go on with the list."""
    does = request.POST.get("do", "")
    if does == "give_up":
        if not drafts.give_up(row):
            messages.error(
                request, _("It is being recorded this moment. Undo it when it is done.")
            )
            return _to(row)
        return done(request, _("The list was given up; nothing was recorded."), "desk:imports")
    if does == "answer":
        for key, value in request.POST.items():
            # Answers that begin with a line are the program's own notes.
            if key.startswith("answer:") and not key.startswith("answer:_") and value:
                name = key.removeprefix("answer:")
                if name in ("sheet", "encoding", "delimiter"):
                    setattr(row, name, value[: row._meta.get_field(name).max_length])
                else:
                    row.answers[name] = value
        row.save()
    elif does == "map":
        row.profile = _profile(request, row)
        try:
            _may_bring(request, _parsed(row.profile))
        except Faults as wrong:
            row.profile = ""
            row.save()
            return _cannot(request, row, wrong)
        row.save()
    elif does == "remap":
        times = row.answers.get(lists.AGAIN, "0")
        row.profile, row.answers = "", {lists.AGAIN: times}
        lists.again(row)
        row.save()
    elif does == "leave_out":
        row.answers[lists.PARTLY] = "yes"
        row.save()
    elif does == "again":
        lists.again(row)
    elif does == "decide":
        _decide(request, row)
    elif does == "commit":
        return _commit(request, row)
    return _to(row)


def _commit(request: HttpRequest, row: ImportDraft) -> HttpResponse:
    """Record the list as it was looked at: only what stands at its last step."""
    seen = jobs.latest(jobs.LOOK, lists.asked_of(row))
    if seen is not None and seen.state == jobs.DONE and seen.result.get("step") == "confirm":
        jobs.ask(request.user, jobs.BRING, lists.asked_of(row))
    return _to(row)


def _parsed(profile: str) -> Profile:
    """The mapping, checked against the facts of what it lists."""
    rulebook = here.rulebook()
    return parse_profile(
        profile, declared(rulebook, kind_of_list(rulebook, event_kind_of(profile)))
    )


def _may_bring(request: HttpRequest, profile: Profile) -> None:
    """Refuse a list of what its bringer may not record by hand. Row by row the record asks again
    (`lists.look`, `lists.bring`); what asks by hand for a fresh sign-in asks for one here too."""
    if profile.rows != "events":
        return
    # What happened to people, decisions and departures among it: by their own roles.
    access.require(request.user, "person.record_movement", place=place(request))
    access.require(request.user, "person.record_decision", place=place(request))
    rulebook, kind = here.rulebook(), profile.event_kind or ""
    if kind not in rulebook.kinds or kind == PERSON:
        return
    needed = duties.to_record(rulebook, kind, RECORDED, {})
    duties.require(request.user, "", needed)  # type: ignore[arg-type]
    actions = load_rules().actions
    if any(all(actions[one].fresh for one in group) for group in needed):
        signin.require_fresh(request)


def _profile(request: HttpRequest, row: ImportDraft) -> str:
    """The mapping as a profile: an uploaded or shipped one, or the choices column by column."""
    upload = request.FILES.get("profile")
    if upload is not None:
        return str(upload.read(200_000).decode("utf-8", errors="replace"))
    if (name := request.POST.get("like", "")) in shipped_profiles():
        return shipped_profiles()[name]
    with drafts.opened(row) as files:
        reading = _read(row, files)
    sheet = next(iter(reading.sheets), "")
    header = ["" if cell is None else str(cell) for cell in reading.sheets[sheet].rows[0]]
    columns: dict[str, Any] = {}
    for number, title in enumerate(header):
        if title:
            columns[title] = request.POST.get(f"to:{number}", "") or "ignore"
    profile: dict[str, Any] = {"profile": "desk", "rows": "people"}
    if reading.kind == "text":
        profile["file"] = {"encoding": reading.encoding, "delimiter": reading.delimiter}
    if sheet:
        profile["sheet"] = sheet
    if calendar := request.POST.get("calendar", ""):
        profile["calendar"] = calendar
    profile["columns"] = columns
    return yaml.safe_dump(profile, allow_unicode=True, sort_keys=False)


def _pair(request: HttpRequest, pair: Mapping[str, Any], signed_in: Any) -> dict[str, Any]:
    """Both sides of one question. Who is on record is shown only to whoever may see them."""
    reader = request.reader  # type: ignore[attr-defined]
    hidden = False
    for key in pair["known"]:
        try:
            reader.reveal(
                key, purpose="verify a duplicate", place=place(request), signed_in=signed_in
            )
        except access.Hidden:
            hidden = True
    told = {} if hidden else lists.told_of(here.operation(), pair)
    return {
        "code": pair["code"],
        # Why they may be one person would tell what is on record about somebody hidden.
        "says": _(
            "One of them is on record in another office. You cannot see who it is; leave it to the field, or ask that office."
        )
        if hidden
        else told["says"],
        "rows": [("where", *pair["places"])]
        if hidden
        else list(map(_set_beside, told["rows"])),
        "hidden": hidden,
    }


def _set_beside(row: Sequence[str]) -> tuple[str, ...]:
    """A line of two sides, with the words of ours in it in the reader's language."""
    what, *sides = row
    if what == "household":
        sides = [words.translated(side) for side in sides]
    if what == "documents":
        kinds = "|".join(name.partition(".")[2] for name in DOCUMENTS)
        sides = [
            re.sub(rf"(?:^|(?<=, ))({kinds}) ", lambda at: f"{words.code(at[1])} ", side)
            for side in sides
        ]
    return (what, *sides)


def _decide(request: HttpRequest, row: ImportDraft) -> None:
    """Keep the answers of the page that was sent."""
    seen = jobs.latest(jobs.LOOK, lists.asked_of(row))
    if seen is None or seen.state != jobs.DONE or seen.result.get("step") != "match":
        return
    signin.require_fresh(request)
    pairs = _look(seen)["pairs"]
    reader = request.reader  # type: ignore[attr-defined]
    sides = {key for pair in pairs for key in pair["known"]}
    mine = reader.people("person.reveal").filter(person__in=sides)
    hidden = sides - set(mine.values_list("person", flat=True))
    choices = {}
    for pair in pairs:
        choice = request.POST.get(f"pair:{pair['code']}", "")
        if choice == "merge" and hidden & set(pair["keys"]):
            continue  # nobody becomes one with somebody whom the one who decides may not see
        if choice in CHOICES:
            choices[pair["code"]] = choice
    why = request.POST.get("why", "")
    if not lists.decide(here.operation(), row, pairs, choices, why=why if why in BASES else ""):
        messages.error(
            request, _("Nothing was decided: choose an answer for at least one pair.")
        )


def _workbook(row: ImportDraft) -> HttpResponse:
    seen = jobs.latest(jobs.LOOK, lists.asked_of(row))
    made = seen.files.filter(name=lists.WORKBOOK).first() if seen else None
    if made is None:
        raise access.Hidden
    answer = HttpResponse(jobs.content_of(made), content_type=made.media_type)
    answer["Content-Disposition"] = f'attachment; filename="{made.name}"'
    return answer


urls = [
    path("imports/", imports, name="imports"),
    path("imports/undo/", undo, name="import_undo"),
    path("imports/<uuid:draft>/", one, name="import"),
]
