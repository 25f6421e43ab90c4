"""What happened to a person, the newest first, as far as a reader may know.

Exists because the log is the truth and most of it is not everybody's to read. Comes in: a person
opened by an account. Goes out: its events, each with what may be told, whether it was taken back, and
whether this account may take it back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from onward.caseload.events import OVERRIDE, RECORDED
from onward.desk import here, sight, values, words
from onward.registry.identities import put_right
from onward.registry.models import EventRow
from onward.registry.permissions.access import Seen
from onward.registry.recording import duties, exceptions
from onward.rulebook.model import Move, Rulebook
from onward.safeguards.overrides import NOWHERE


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
        if move is not None and not tells(seen, move):
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


def tells(seen: Seen, move: Move) -> bool:
    """A move is told to whoever may read every axis it changes, or casework when it changes none."""
    classes = seen.reader.rules.axes
    needed = {classes.get(axis, "confidential") for axis in move.targets} or {"confidential"}
    return needed <= seen.classes


def _expanded(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {**raw, **{f"{name}_first": value for name, value in raw.items()}}
