"""A list on its way in, as long work: looked at, recorded, taken back, while its page is left.

Comes in: a draft (`registry.importing.drafts`) and who brings it in. Goes out: a look, which is everything
the wizard shows of the step that is open, and a receipt. A look holds names, so it is kept sealed
and goes with its draft; what it says of somebody on record is sealed under that person's own key
as well, so that an erasure reaches it. Recording looks again at everything first: nothing is
recorded of a list for which somebody has yet to decide, and a list is recorded whole or not at
all.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from django.utils.translation import gettext_noop

from onward.caseload.events import Event
from onward.errors import Fault, Faults, OnwardError
from onward.intake.corrections import faulty_rows
from onward.intake.households import check_households
from onward.intake.read import Question
from onward.intake.review import Decision, in_order, pair_code, side_by_side
from onward.registry import site
from onward.registry.importing import drafts
from onward.registry.importing.commit import Importer
from onward.registry.importing.doubles import Doubles
from onward.registry.importing.doubles import decide as keep_decisions
from onward.registry.importing.undoing import undo
from onward.registry.models import Account, ImportDraft, PersonNow
from onward.registry.operation import Operation
from onward.registry.permissions import access, grants
from onward.registry.recording import duties
from onward.registry.recording.writing import Writing
from onward.said import packed, unpacked

LOG = logging.getLogger("onward.jobs")

Say = Callable[[str], None]

SHOWN_FAULTS, SHOWN_PAIRS = 200, 200
LOOK, WORKBOOK = "look.json", "rows-to-mend.xlsx"
PARTLY, AGAIN, DECIDED = "_partly", "_again", "_decided"
"""What a draft keeps beside its answers: leave faulty rows out; how often to look afresh; the
codes of pairs that were decided since the last look."""


def state_of(draft: ImportDraft) -> str:
    """Changes whenever anything does on which a look rests."""
    answers = {name: said for name, said in draft.answers.items() if name != DECIDED}
    said = [draft.profile, draft.sheet, draft.encoding, draft.delimiter, answers]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:24]


def asked_of(draft: ImportDraft) -> dict[str, str]:
    """What a look at a draft, or recording it, is asked with."""
    return {"draft": str(draft.pk), "state": state_of(draft)}


def again(draft: ImportDraft) -> None:
    """Let the next look be a fresh one."""
    draft.answers[AGAIN] = str(int(draft.answers.get(AGAIN, "0")) + 1)
    draft.answers.pop(DECIDED, None)
    draft.save(update_fields=["answers"])


# -- looking ----------------------------------------------------------------------------------


def look(
    operation: Operation, asked: Mapping[str, Any], say: Say
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What the step that is open shows, and the rows at fault as a workbook.

    raises  OnwardError when the list was given up meanwhile
    """
    draft, by = _draft(asked)
    with drafts.opened(draft) as files:
        try:
            shown, more = _looked(operation, draft, by, files, say)
        except Faults as wrong:
            shown, more = _stuck(wrong.faults), {}
    if not ImportDraft.objects.filter(pk=draft.pk).exists():
        raise OnwardError("The list was given up. Nothing was recorded.")
    return {"step": shown["step"]}, {LOOK: json.dumps(packed(shown)).encode(), **more}


def _looked(
    operation: Operation, draft: ImportDraft, by: Account, files: drafts.InMemory, say: Say
) -> tuple[dict[str, Any], dict[str, bytes]]:
    importer = Importer(operation, by=draft.by, allowed=partial(_may_say, by))
    say(gettext_noop("Checking every row"))
    checked = importer.check(files.list, files.profile, answers=_answers(draft))
    staged, partly = checked.staged, _partly(draft)
    shown: dict[str, Any] = {"notices": list(staged.notices)}
    if staged.stops(partly=partly):
        shown |= {
            "step": "check",
            "questions": asked_questions(staged.questions),
            "faults": [asdict(fault) for fault in staged.faults[:SHOWN_FAULTS]],
            "more_faults": max(len(staged.faults) - SHOWN_FAULTS, 0),
            "faulty": len(staged.faulty),
            "good": len(staged.rows),
            "rows": staged.read_rows,
            "may_leave_out": bool(staged.rows)
            and not staged.file_faults
            and not staged.questions,
        }
        book = {WORKBOOK: faulty_rows(checked.reading, staged)} if staged.faulty else {}
        return shown, book
    accepted = staged.accepted(partly=partly)
    if elsewhere := _of_other_offices(by, importer.corrects(accepted)):
        return _stuck(elsewhere), {}
    say(gettext_noop("Looking for people who are on record already"))
    doubles = importer.match(checked, accepted)
    if doubles.questions:
        return shown | {"step": "match", **_pairs(operation, doubles)}, {}
    say(gettext_noop("Trying what recording it would do"))
    would = importer.commit(checked, doubles, check_only=True, partly=partly)
    people = [one for one in staged.rows if one.event is None]
    households = check_households(people, on=operation.default_date())
    return shown | {
        "step": "confirm",
        "would": {
            name: getattr(would, name)
            for name in ("added", "corrected", "unchanged", "merged", "events", "breaches")
        },
        "left_out": len(staged.faulty) if partly else 0,
        "households": [
            {"found": one.found, "rows": list(one.rows), "remedy": one.remedy}
            for one in households
        ],
        "notices": list(dict.fromkeys((*staged.notices, *would.notices))),
    }, {}


def _stuck(faults: Iterable[Fault]) -> dict[str, Any]:
    """The list or its profile cannot be read, or is not this office's to bring in."""
    shown = [asdict(fault) for fault in faults][:SHOWN_FAULTS]
    return {"step": "stuck", "faults": shown, "notices": []}


def asked_questions(questions: Iterable[Question]) -> list[dict[str, Any]]:
    """Questions with the key their answer is kept under."""
    found = []
    for question in questions:
        _before, mark, after = question.where.partition('column "')
        column = after.partition('"')[0] if mark else ""
        key = f"{column}/{question.about}" if column else question.about
        found.append({"key": key, **asdict(question)})
    return found


def _pairs(operation: Operation, doubles: Doubles) -> dict[str, Any]:
    """The questions with both sides as they are shown to whoever may see them."""
    vault: Any = operation.vault
    pairs = []
    for question in doubles.questions[:SHOWN_PAIRS]:
        sides = in_order(question, doubles.sides)
        code = pair_code(question.first, question.second)
        known = [side.key for side in sides if side.person.known]
        told: dict[str, Any] = {
            "says": question.sentence(), "rows": [list(row) for row in side_by_side(*sides)],
        }  # fmt: skip
        if known and hasattr(vault, "sealed_with"):
            whose, sealed = vault.sealed_with(known, json.dumps(packed(told)).encode(), code)
            told = {"whose": whose, "sealed": base64.b64encode(sealed).decode()}
        pairs.append({
            "code": code, "keys": [question.first, question.second], "known": known,
            "places": [side.place for side in sides], **told,
        })  # fmt: skip
    return {"pairs": pairs, "open": len(doubles.questions)}


def told_of(operation: Operation, pair: Mapping[str, Any]) -> dict[str, Any]:
    """What a look says of both sides of a pair: `says` and `rows`.

    raises  KeyRefused when somebody of them was erased since
    """
    if "sealed" not in pair:
        return {"says": pair["says"], "rows": pair["rows"]}
    vault: Any = operation.vault
    sealed = base64.b64decode(pair["sealed"])
    told: dict[str, Any] = unpacked(
        json.loads(vault.opened_with(pair["whose"], sealed, pair["code"]))
    )
    return told


def _of_other_offices(by: Account, rows: Mapping[str, int]) -> list[Fault]:
    """A fault for each row that would correct somebody whom another office keeps."""
    kept = PersonNow.objects.filter(person__in=list(rows)).exclude(office="")
    mine = access.people_visible_to(by, "person.register").filter(person__in=list(rows))
    outside = set(kept.values_list("person", flat=True)) - set(
        mine.values_list("person", flat=True)
    )
    return [
        Fault("", f"row {number}", "", gettext_noop("a number that another office has given"), "",
              gettext_noop("Ask that office to correct the person, or take the row out of the list."))
        for number in sorted(rows[person] for person in outside)
    ]  # fmt: skip


def _may_say(by: Account, said: Sequence[tuple[int, Event]], rows: str) -> None:
    """Refuse a list that says what its bringer may not record by hand. Who somebody is, and whom a
    list of people corrects, is asked before (`_of_other_offices`): of these only what is said.

    said    what it says, with the row of each
    rows    "people", or "events" where it says what happened
    raises  Faults with the first row that is refused
    """
    found = (
        _refused_of_people(by, said)
        if rows == "people"
        else Writing(by).refused([(e.subject, e.kind, e.facts) for _row, e in said])
    )
    if found is None:
        return
    at, why = found
    sentence, remedy = str(why), gettext_noop("Take the row out of the list.")
    if isinstance(why, access.Refused):
        sentence = gettext_noop("something that your roles do not let you record")
        remedy = gettext_noop("Let somebody bring the list in whose roles include it.")
    elif isinstance(why, access.Hidden):
        sentence = gettext_noop("somebody you may not see, or who is not on record")
    raise Faults([Fault("", f"row {said[at][0]}", "", sentence, "", remedy)])


def _refused_of_people(
    by: Account, said: Sequence[tuple[int, Event]]
) -> tuple[int, OnwardError] | None:
    """The first row whose facts of a person are not this account's to say: a finding of health."""
    rulebook = site.operation().rulebook
    first: dict[frozenset[str], int] = {}
    for number, (_row, event) in enumerate(said):
        first.setdefault(frozenset(event.facts), number)
    for names, number in first.items():
        try:
            duties.require(by, "", duties.of_person(rulebook, names))
        except OnwardError as why:
            return number, why
    return None


# -- deciding ---------------------------------------------------------------------------------


def undecided(draft: ImportDraft, pairs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pairs of a look about which nobody has decided since."""
    decided = draft.answers.get(DECIDED, "").split()
    return [pair for pair in pairs if pair["code"] not in decided]


def decide(
    operation: Operation,
    draft: ImportDraft,
    pairs: Sequence[dict[str, Any]],
    choices: Mapping[str, str],
    *,
    why: str,
) -> int:
    """Keep what was decided about pairs of a look, by their codes; how many were kept.

    When nothing of the look is left to decide, the next look is a fresh one.
    """
    asked = [pair for pair in undecided(draft, pairs) if pair["code"] in choices]
    if not asked:
        return 0
    decided = [
        Decision(pair["keys"][0], pair["keys"][1], choices[pair["code"]], draft.by, why)  # type: ignore[arg-type]
        for pair in asked
    ]
    rows = {key for pair in asked for key in pair["keys"] if key not in pair["known"]}
    keep_decisions(operation, decided, rows=rows)
    codes = [*draft.answers.get(DECIDED, "").split(), *(pair["code"] for pair in asked)]
    draft.answers[DECIDED] = " ".join(codes)
    draft.save(update_fields=["answers"])
    if not undecided(draft, pairs):
        again(draft)
    return len(asked)


# -- recording, and taking back ----------------------------------------------------------------


def bring(operation: Operation, asked: Mapping[str, Any], say: Say) -> dict[str, Any]:
    """Record a list and what was decided about it.

    returns  what became of it, in numbers
    raises   OnwardError when anything is open still; then nothing was recorded
    """
    draft, by = _draft(asked)
    if draft.receipt:
        raise OnwardError("The list was recorded already; nothing was recorded twice.")
    importer = Importer(operation, by=draft.by, allowed=partial(_may_say, by))
    with drafts.opened(draft) as files:
        say(gettext_noop("Checking every row"))
        checked = importer.check(files.list, files.profile, answers=_answers(draft))
        accepted = checked.staged.accepted(partly=_partly(draft))
        if elsewhere := _of_other_offices(by, importer.corrects(accepted)):
            raise Faults(elsewhere)
        say(gettext_noop("Looking for people who are on record already"))
        doubles = importer.match(checked, accepted)
        if doubles.questions:
            raise OnwardError(
                "Nothing was recorded: somebody was recorded meanwhile who may be one of these "
                "people. Look at the list again and decide."
            )
        say(gettext_noop("Recording"))
        receipt = importer.commit(checked, doubles, partly=_partly(draft), by=draft.by)
    drafts.committed(draft, receipt.receipt)
    _shown(operation, say)
    return {
        "receipt": receipt.receipt, "added": receipt.added, "corrected": receipt.corrected,
        "unchanged": receipt.unchanged, "merged": receipt.merged, "left_out": receipt.left_out,
    }  # fmt: skip


def take_back(operation: Operation, asked: Mapping[str, Any], say: Say) -> dict[str, Any]:
    """Undo one import, if who asked for it still may; how many events were taken back."""
    by = Account.objects.filter(pk=asked["by"]).first()
    if by is None or not grants.account_is_as_given(by):
        raise access.Refused("Your roles do not include this. An administrator manages roles.")
    access.require(by, "import.undo", place="imports")
    say(gettext_noop("Seeing what rests on it"))
    undone = undo(operation, str(asked["receipt"]), by=str(asked["by"]))
    _shown(operation, say)
    return {"retracted": undone.retracted, "changed": undone.changed}


def _shown(operation: Operation, say: Say) -> None:
    """Let the pages show what was recorded. It is recorded already, so nothing that goes wrong
    here may say that it was not; the pages catch up later."""
    from onward.registry.now import projection

    say(gettext_noop("Bringing the pages up to date"))
    try:
        projection.ensure(operation)
    except Exception as error:
        LOG.error("the pages are behind the record: %s", type(error).__name__)


def _draft(asked: Mapping[str, Any]) -> tuple[ImportDraft, Account]:
    """The list and who brings it in, if they still may and it is as it was when they asked."""
    draft = ImportDraft.objects.filter(pk=asked["draft"]).first()
    if draft is None:
        raise OnwardError("The list was given up. Nothing was recorded.")
    if asked["state"] != state_of(draft):
        raise OnwardError("Nothing was saved. Open the page again and send the form once more.")
    by = Account.objects.filter(pk=draft.by, is_active=True, frozen_at=None).first()
    if by is None or not grants.account_is_as_given(by) or not access.may(by, "import.run"):
        raise OnwardError("This account may no longer bring lists in. Nothing was recorded.")
    return draft, by


def _answers(draft: ImportDraft) -> dict[str, str]:
    return {name: said for name, said in draft.answers.items() if not name.startswith("_")}


def _partly(draft: ImportDraft) -> bool:
    return bool(draft.answers.get(PARTLY))
