"""Bringing a list in: look, map the columns, mend, decide about doubles, confirm, and undo.

Each page asks only what is still open, in the order of the intake room's own stages. Nothing is
recorded before it is confirmed; the list itself is kept sealed until then. Names on the list are
seen by whoever brings it in; those already on record only by whoever may see that person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import yaml
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from onward.desk import here, words
from onward.desk.views.shared import done, page, place
from onward.errors import Fault, Faults, OnwardError
from onward.intake.corrections import faulty_rows
from onward.intake.events import declared
from onward.intake.households import check_households
from onward.intake.mapping import suggest_columns
from onward.intake.profile import IDENTITY, STRUCTURE, parse_profile, shipped_profiles
from onward.intake.read import Question, Reading, read
from onward.intake.review import BASES, CHOICES, Decision, in_order, pair_code, side_by_side
from onward.registry import access, drafts, signin
from onward.registry.commit import Checked, Importer
from onward.registry.doubles import Doubles
from onward.registry.doubles import decide as keep_decisions
from onward.registry.models import ImportDraft, PersonNow
from onward.registry.receipts import is_undone, receipts
from onward.registry.receipts import undo as undo_import

SHOWN_FAULTS, SHOWN_PAIRS, SAMPLES = 200, 10, 3
DOCUMENTS = ("document.passport", "document.national_id", "document.other")
CHOICE_WORDS = {
    "merge": gettext_lazy("One person"),
    "apart": gettext_lazy("Two people"),
    "ask": gettext_lazy("Ask the field"),
}
COLUMN = re.compile(r'column "(.+?)"')


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
    operation = here.operation()
    log = list(operation.store.read())
    shown["receipts"] = [
        {"row": one, "undone": is_undone(one, log), "events": len(one.events)}
        for one in receipts(operation, log)[::-1][:50]
    ]
    shown["waiting"] = ImportDraft.objects.filter(by=request.user.account_id, receipt="").defer(
        "content"
    )
    return render(request, "desk/imports.html", shown, status=422 if "error" in shown else 200)


@page("imports", "import.undo", methods=("POST",))
def undo(request: HttpRequest) -> HttpResponse:
    access.require(request.user, "import.undo", place=place(request))
    signin.require_fresh(request)
    from django.contrib import messages

    try:
        undone = undo_import(
            here.operation(), request.POST.get("receipt", ""), by=request.user.account_id
        )
    except OnwardError as problem:
        messages.error(request, str(problem))
        return HttpResponseRedirect(reverse("desk:imports"), status=303)
    _refresh()
    return done(
        request,
        _("Undone: %(n)s events were taken back.") % {"n": undone.retracted}
        if undone.changed else _("It was undone before; nothing changed."),
        "desk:imports",
    )  # fmt: skip


def _to(draft: ImportDraft) -> HttpResponse:
    return HttpResponseRedirect(reverse("desk:import", args=[draft.pk]), status=303)


def _refresh() -> None:
    """Let the pages show what was recorded."""
    from onward.registry import projection

    projection.ensure(here.operation())


# -- one list -----------------------------------------------------------------------------------------


@page("imports", "import.run", methods=("GET", "POST"))
def one(request: HttpRequest, draft: UUID) -> HttpResponse:
    """The step that is open now: questions about the file, its columns, faults, doubles, confirming."""
    access.require(request.user, "import.run", place=place(request))
    try:
        row = drafts.mine(request.user, draft)
    except OnwardError:
        raise access.Hidden from None
    if row.receipt:
        return HttpResponseRedirect(reverse("desk:imports"), status=303)
    if request.method == "POST":
        answer = _take(request, row)
        if answer is not None:
            return answer
    try:
        with drafts.opened(row) as files:
            return _step(request, row, files)
    except Faults as wrong:
        return _cannot(request, row, wrong)


def _cannot(request: HttpRequest, row: ImportDraft, wrong: Faults) -> HttpResponse:
    """The file or its profile cannot be read at all."""
    shown = {"draft": row, "step": "read", "faults": wrong.faults[:SHOWN_FAULTS], "stuck": True}
    return render(request, "desk/import.html", shown, status=422)


def _step(request: HttpRequest, row: ImportDraft, files: drafts.InMemory) -> HttpResponse:
    shown: dict[str, Any] = {"draft": row, "step": "read"}
    rulebook = here.rulebook()
    if not row.profile:
        reading = _read(row, files)
        if reading.questions or not reading.sheets:
            shown |= {"questions": _asked(reading.questions), "notices": reading.notices}
            return render(request, "desk/import.html", shown)
        shown |= {
            "step": "map",
            **_columns(reading, declared(rulebook, "person")),
            "notices": reading.notices,
        }
        return render(request, "desk/import.html", shown)
    importer = Importer(here.operation(), by=request.user.account_id)
    checked = importer.check(files.list, files.profile, answers=row.answers)
    staged = checked.staged
    partly = bool(row.answers.get("_partly"))
    if request.GET.get("faulty") and staged.faulty:
        return _workbook(checked)
    if staged.questions or staged.file_faults or (staged.faulty and not partly):
        shown |= {
            "step": "check",
            "questions": _asked(staged.questions),
            "faults": staged.faults[:SHOWN_FAULTS],
            "more_faults": max(len(staged.faults) - SHOWN_FAULTS, 0),
            "faulty": len(staged.faulty),
            "good": len(staged.rows),
            "rows": staged.read_rows,
            "notices": staged.notices,
            "may_leave_out": bool(staged.rows)
            and not staged.file_faults
            and not staged.questions,
        }
        return render(request, "desk/import.html", shown)
    accepted = staged.accepted(partly=partly)
    if elsewhere := _of_other_offices(request, importer.corrects(accepted)):
        return _cannot(request, row, Faults(elsewhere))
    doubles = importer.match(checked, accepted)
    if request.method == "POST" and request.POST.get("do") == "decide":
        if not _decide(request, doubles):
            from django.contrib import messages

            messages.error(
                request, _("Nothing was decided: choose an answer for at least one pair.")
            )
        return _to(row)
    if doubles.questions:
        signed_in = signin.require_fresh(request)
        shown |= {
            "step": "match",
            "pairs": [
                _pair(request, one, doubles, signed_in)
                for one in doubles.questions[:SHOWN_PAIRS]
            ],
            "open": len(doubles.questions),
            "bases": [(base, words.code(base)) for base in BASES],
            "choices": [(choice, CHOICE_WORDS[choice]) for choice in CHOICES],
        }
        return render(request, "desk/import.html", shown)
    if request.method == "POST" and request.POST.get("do") == "commit":
        receipt = importer.commit(checked, doubles, partly=partly, by=request.user.account_id)
        drafts.committed(row, receipt.receipt)
        _refresh()
        said = _("%(added)s new, %(corrected)s corrected, %(unchanged)s unchanged.") % {
            "added": receipt.added, "corrected": receipt.corrected, "unchanged": receipt.unchanged,
        }  # fmt: skip
        return done(request, said, "desk:imports")
    would = importer.commit(checked, doubles, check_only=True, partly=partly)
    people = [one for one in staged.rows if one.event is None]
    shown |= {
        "step": "confirm",
        "would": would,
        "left_out": len(staged.faulty) if partly else 0,
        "households": check_households(people, on=here.today()),
        "notices": tuple(dict.fromkeys((*staged.notices, *would.notices))),
    }
    return render(request, "desk/import.html", shown)


def _of_other_offices(request: HttpRequest, rows: Mapping[str, int]) -> list[Fault]:
    """A fault for each row that would correct somebody whom another office keeps."""
    reader = request.reader  # type: ignore[attr-defined]
    kept = PersonNow.objects.filter(person__in=list(rows)).exclude(office="")
    mine = reader.people("person.register").filter(person__in=list(rows))
    outside = set(kept.values_list("person", flat=True)) - set(
        mine.values_list("person", flat=True)
    )
    return [
        Fault("", f"row {number}", "", _("a number that another office has given"),
              "", _("Ask that office to correct the person, or take the row out of the list."))
        for number in sorted(rows[person] for person in outside)
    ]  # fmt: skip


def _read(row: ImportDraft, files: drafts.InMemory) -> Reading:
    return read(
        files.list,
        sheets=(row.sheet,) if row.sheet else (),
        encoding=row.encoding or None,
        delimiter=row.delimiter or None,
    )


def _asked(questions: tuple[Question, ...]) -> list[dict[str, Any]]:
    """Questions with the key their answer is kept under."""
    shown = []
    for question in questions:
        column = COLUMN.search(question.where)
        key = f"{column[1]}/{question.about}" if column else question.about
        shown.append({"key": key, "row": question})
    return shown


def _columns(reading: Reading, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Each column with what it may be, how sure that is, and a few cells."""
    sheet = next(iter(reading.sheets))
    rows = reading.sheets[sheet].rows
    header = ["" if cell is None else str(cell) for cell in rows[0]] if rows else []
    suggestions = suggest_columns(header, rows[1:501], facts)
    columns = [
        {
            "number": number, "header": one.header, "to": one.to or "", "why": one.why,
            "sure": round(100 * one.sure),
            "cells": [str(r[number]) for r in rows[1:80] if number < len(r) and r[number] not in (None, "")][:SAMPLES],
        }
        for number, one in enumerate(suggestions)
        if one.header
    ]  # fmt: skip
    groups = [
        (_("The list itself"), [(name, text) for name, text in STRUCTURE.items()
                                if not name.startswith("event.")]),
        (_("Who somebody is (kept in the vault)"), list(IDENTITY.items())),
        (_("Documents (kept in the vault)"), [(name, name.split(".")[1].replace("_", " ")) for name in DOCUMENTS]),
        (_("Facts"), [(name, words.translated(getattr(fact, "label", "") or name)) for name, fact in facts.items()]),
    ]  # fmt: skip
    return {
        "sheet": sheet,
        "columns": columns,
        "groups": groups,
        "rows": max(len(rows) - 1, 0),
        "shipped": list(shipped_profiles()),
        "calendars": [("gregorian", _("Gregorian")), ("solar_hijri", _("Solar Hijri")),
                      ("lunar_hijri", _("Lunar Hijri")), ("imperial", _("Imperial (1976 to 1978)"))],
    }  # fmt: skip


def _take(request: HttpRequest, row: ImportDraft) -> HttpResponse | None:
    """Keep what a form says; None lets the step go on with it."""
    does = request.POST.get("do", "")
    if does == "give_up":
        drafts.give_up(row)
        return done(request, _("The list was given up; nothing was recorded."), "desk:imports")
    if does == "answer":
        for key, value in request.POST.items():
            if key.startswith("answer:") and value:
                name = key.removeprefix("answer:")
                if name in ("sheet", "encoding", "delimiter"):
                    setattr(row, name, value[: row._meta.get_field(name).max_length])
                else:
                    row.answers[name] = value
        row.save()
        return _to(row)
    if does == "map":
        row.profile = _profile(request, row)
        try:
            found = parse_profile(row.profile, declared(here.rulebook(), "person"))
            if found.rows == "events":
                # What happened to people, decisions and departures among it: by their own roles.
                access.require(request.user, "person.record_movement", place=place(request))
                access.require(request.user, "person.record_decision", place=place(request))
        except Faults as wrong:
            row.profile = ""
            row.save()
            return _cannot(request, row, wrong)
        row.save()
        return _to(row)
    if does == "remap":
        row.profile, row.answers = "", {}
        row.save()
        return _to(row)
    if does == "leave_out":
        row.answers["_partly"] = "yes"
        row.save()
        return _to(row)
    return None


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


def _pair(
    request: HttpRequest, question: Any, doubles: Doubles, signed_in: Any
) -> dict[str, Any]:
    """Both sides of one question. Who is on record is shown only to whoever may see them."""
    first, second = in_order(question, doubles.sides)
    reader = request.reader  # type: ignore[attr-defined]
    hidden = False
    for side in (first, second):
        if side.person.known:
            try:
                reader.reveal(
                    side.key,
                    purpose="verify a duplicate",
                    place=place(request),
                    signed_in=signed_in,
                )
            except access.Hidden:
                hidden = True
    return {
        "code": pair_code(question.first, question.second),
        # Why they may be one person would tell what is on record about somebody hidden.
        "says": _(
            "One of them is on record in another office. You cannot see who it is; leave it to the field, or ask that office."
        )
        if hidden
        else question.sentence(),
        "rows": [("where", first.place, second.place)]
        if hidden
        else side_by_side(first, second),
        "hidden": hidden,
    }


def _decide(request: HttpRequest, doubles: Doubles) -> bool:
    """Keep the answers of the page that was sent; False where it held none."""
    why = request.POST.get("why", "")
    reader = request.reader  # type: ignore[attr-defined]
    asked = {key for one in doubles.questions for key in (one.first, one.second)}
    sides = [key for key in asked if doubles.sides[key].person.known]
    mine = reader.people("person.reveal").filter(person__in=sides)
    hidden = set(sides) - set(mine.values_list("person", flat=True))
    found = []
    for question in doubles.questions:
        choice = request.POST.get(f"pair:{pair_code(question.first, question.second)}", "")
        if choice == "merge" and hidden & {question.first, question.second}:
            continue  # nobody becomes one with somebody whom the one who decides may not see
        if choice in CHOICES:
            found.append(
                Decision(
                    question.first,
                    question.second,
                    choice,
                    request.user.account_id,
                    why if why in BASES else "",
                )  # type: ignore[arg-type]
            )
    rows = [key for key, side in doubles.sides.items() if not side.person.known]
    if found:
        keep_decisions(here.operation(), found, rows=rows)
    return bool(found)


def _workbook(checked: Checked) -> HttpResponse:
    answer = HttpResponse(
        faulty_rows(checked.reading, checked.staged),
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )
    answer["Content-Disposition"] = 'attachment; filename="rows-to-mend.xlsx"'
    return answer


urls = [
    path("imports/", imports, name="imports"),
    path("imports/undo/", undo, name="import_undo"),
    path("imports/<uuid:draft>/", one, name="import"),
]
