"""What can be recorded about a person from where they stand.

Exists because refusing, staying, withdrawing and claiming are never refused and must be as near as
leaving. Comes in: a person opened by an account. Goes out: the happenings and kinds of record whose
forms this account may open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onward.desk import here, words
from onward.desk.story.happened import tells
from onward.desk.story.warned import is_dead
from onward.registry.permissions.access import Seen
from onward.registry.recording import duties
from onward.rulebook.model import Rulebook


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
        if not befell and not tells(seen, move):
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


def recordable(seen: Seen) -> list[dict[str, str]]:
    """Kinds of record this account may add about this person."""
    rulebook = here.rulebook()
    return [
        {"kind": kind, "title": words.translated(rulebook.kinds[kind].title)}
        for kind in NEEDS
        if kind in rulebook.kinds and "person" in rulebook.kinds[kind].refs and kind != "seat"
        and may_record(seen, kind) and not (is_dead(seen) and kind in OF_THE_LIVING)
    ]  # fmt: skip
