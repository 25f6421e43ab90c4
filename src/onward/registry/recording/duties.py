"""Which action of the table of roles each act needs, and whether somebody may do it.

Exists so that no door can forget it: pages ask before they show a form, and every act asks again
here before it writes. Comes in: who acts and what they would write. Goes out: nothing, or
`Refused` or `Hidden`, with a line in the log. The doors may ask for more, never for less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from onward.caseload import contacts
from onward.caseload.events import ADOPTED, BREACH, OVERRIDE, RETRACTED
from onward.registry.permissions.roles import load_rules
from onward.registry.recording.actors import Acting
from onward.rulebook.model import Rulebook

ALWAYS = "person.record_always"
EDIT, INTERVIEW, MEDICAL = "person.edit", "person.record_interview", "person.record_medical"
MOVEMENT, DECISION, FOLLOW_UP = (
    "person.record_movement", "person.record_decision", "person.record_follow_up",
)  # fmt: skip
REGISTER, REVIEW, PLAN = "person.register", "incident.review", "plan.edit"

KINDS: Mapping[str, tuple[str, ...]] = {
    "household": (REGISTER, EDIT),
    "complaint": (ALWAYS, REVIEW),
    "claim": (ALWAYS,),
    "interview": (INTERVIEW,),
    "not_interpreter": (INTERVIEW,),
    "interpreter": ("calendar.edit",),
    "consent": (INTERVIEW,),
    "release": (INTERVIEW,),
    "waiver": (INTERVIEW,),
    "assessment": (DECISION,),
    "decision": (DECISION,),
    "document": (MOVEMENT,),
    "seat": (MOVEMENT,),
    "convoy": (MOVEMENT,),
    "incident": (FOLLOW_UP, REVIEW),
    "follow_up": (FOLLOW_UP,),
    "appointment": ("calendar.edit",),
    "headcount": ("headcount.record",),
    "rumour": (INTERVIEW, "calendar.edit", "plan.read", PLAN, "text.approve"),
    "sheet": ("text.approve",),
    "waiver_text": ("text.approve",),
}
"""Any one of these is enough to record something of a kind. A kind not named: the plan's editors."""

SEEN_TO: Mapping[str, str] = {
    "complaint": "triaged", "incident": "reviewed", contacts.KIND: contacts.LOOKED_INTO,
}  # fmt: skip
"""A reviewer's word: what lets the moves paused by a complaint or an incident be asked again, and
what was made of a concern that a contact found."""

PAUSE = "/pause"
"""What the key of an incident ends in that a movement against a safeguard opened."""

SETTLES: Mapping[str, tuple[str, ...]] = {
    "complaint": (REVIEW,), "incident": (REVIEW,), "claim": (DECISION,), contacts.KIND: (REVIEW,),
}  # fmt: skip
"""Who may say otherwise what is on record of a complaint, an incident, a claim or a concern: to call
coercion something else, an incident less grave or a fear withdrawn lifts what it holds up."""

LODGING = ("lodged",)
"""What a person does with a claim by themselves, at any time: anybody with access records it."""

OF_THEIR_OWN = (ADOPTED, BREACH, OVERRIDE, RETRACTED)
"""What no hand writes: an exception is two people's word, a breach follows from a movement."""

SAID = ("claim", "complaint", "incident")
"""Kinds that hold what somebody said or suffered: never taken back, only added to. So is a concern
that a contact found."""

WITHDRAWS: Mapping[str, str] = {
    "consent": "withdrawn",
    "release": "withdrawn",
    "waiver": "cancelled",
}
"""What a person takes back by their own word: whoever agrees again signs anew."""

PERSON_CLASSES: Mapping[str, tuple[str, ...]] = {
    "medical": (MEDICAL,),
    "confidential": (EDIT, INTERVIEW, REGISTER),
}
"""Facts of a person by class; every other class: whoever corrects or registers people."""


def to_authorise(rulebook: Rulebook, move_key: str) -> tuple[str, ...]:
    """What authorising a move needs."""
    move = rulebook.moves()[move_key]
    step = rulebook.transitions[move.transition]
    pathway = "chosen" if step.pathway == "chosen" else move.pathway
    return (f"authorise.{pathway}",)


def follows_up(rulebook: Rulebook, move_key: str) -> bool:
    """Whether a move records contact, which changes nothing of the person: what an officer did."""
    step = rulebook.transitions[rulebook.moves()[move_key].transition]
    return step.records and not any(move.targets for move in step.moves.values())


def befell(rulebook: Rulebook, move_key: str) -> bool:
    """Whether a move records what is nobody's choice and part of no pathway: absence, death."""
    step = rulebook.transitions[rulebook.moves()[move_key].transition]
    changes = any(move.targets for move in step.moves.values())
    return step.records and step.pathway == "common" and changes


def is_always(rulebook: Rulebook, move_key: str) -> bool:
    """Whether a move records what a person or life did, which anybody with access may write."""
    move = rulebook.moves()[move_key]
    records = move.records or rulebook.transitions[move.transition].records
    return records and not follows_up(rulebook, move_key)


def decided_elsewhere(rulebook: Rulebook, move_key: str) -> bool:
    """Whether a move records what a State or another authority decided or found: on the person's
    way, and nobody's own choice."""
    step = rulebook.transitions[rulebook.moves()[move_key].transition]
    return is_always(rulebook, move_key) and step.pathway != "common" and not step.is_theirs


def is_their_word(
    rulebook: Rulebook, subject_kind: str, kind: str, facts: Mapping[str, Any]
) -> bool:
    """Whether an event is what a person refused, withdrew, claimed or complained of, or suffered.

    It is never taken back: the person may say something else, and that is recorded.
    """
    if kind in rulebook.moves():
        others = befell(rulebook, kind) or decided_elsewhere(rulebook, kind)
        return is_always(rulebook, kind) and not others
    concern = subject_kind == contacts.KIND and facts.get("result") == contacts.CONCERN
    taken_back = facts.get(WITHDRAWS.get(subject_kind, "")) is True
    return subject_kind in SAID or concern or taken_back


def settled(rulebook: Rulebook, kind: str, on_record: Mapping[str, Any]) -> frozenset[str]:
    """What is said already of a complaint, an incident or a claim, and whom or what it touches:
    only those of `SETTLES` say it otherwise. What is not known yet is added as before. Of a contact
    only that it found a concern is settled."""
    if kind not in SETTLES:
        return frozenset()
    if kind == contacts.KIND:
        concern = on_record.get("result") == contacts.CONCERN
        return frozenset({"person", "result"} if concern else ())
    touches = {
        column
        for relations in rulebook.relations.values()
        for relation in relations.values()
        if relation.kind == kind
        for column in relation.join
    }
    said = {name for name, value in on_record.items() if value is not None}
    return frozenset((said | touches) - set(LODGING))


def to_record(
    rulebook: Rulebook, subject_kind: str, kind: str, facts: Mapping[str, Any]
) -> list[tuple[str, ...]]:
    """What recording needs: one action out of each of these groups."""
    if kind in rulebook.moves():
        if follows_up(rulebook, kind):
            step: tuple[str, ...] = (FOLLOW_UP, MOVEMENT)
        else:
            step = (ALWAYS,) if is_always(rulebook, kind) else (MOVEMENT,)
        return [step, *of_person(rulebook, facts)]
    if subject_kind != "person":
        word = SEEN_TO.get(subject_kind, "")
        by_word = [(REVIEW,)] if facts.get(word) else []
        # Who reviews need not keep the contacts to say what was made of one.
        alone = bool(by_word) and facts.keys() == {word}
        return by_word if alone else [KINDS.get(subject_kind, (PLAN,)), *by_word]
    if kind == "registered":
        return [(REGISTER,), *of_person(rulebook, facts)]
    if kind in ("merged", "retracted"):
        return [(EDIT, REGISTER)]
    return of_person(rulebook, facts) or [(EDIT, INTERVIEW, MEDICAL)]


def of_person(rulebook: Rulebook, facts: Iterable[str]) -> list[tuple[str, ...]]:
    """What saying these facts of a person needs, by the class of each."""
    classes = load_rules().field_classes(rulebook)["person"]
    return [
        PERSON_CLASSES.get(name, (EDIT, REGISTER))
        for name in sorted({classes.get(fact, "grounds") for fact in facts})
    ]


def require(
    actor: Acting,
    person: str,
    groups: Iterable[tuple[str, ...]],
    *,
    rows: Mapping[str, Any] | None = None,
) -> None:
    """Refuse an act for which an actor has no role, or whose person is out of reach.

    person  whom it is about; "" for nobody
    rows    people just read, by id, where they were; one who is not there is not on record
    raises  Refused: no role includes it; Hidden: not with this person, or there is none
    """
    from onward.registry.models import PersonNow
    from onward.registry.permissions import access

    if rows is not None:
        row = rows.get(person)
    else:
        row = PersonNow.objects.filter(person=person).first() if person else None
    for actions in groups:
        if any(_may(actor, action, person, row) for action in actions):
            continue
        account = actor if isinstance(actor, access.Account) else None
        access.log(account, actions[0], person=person, allowed=False, place="act")
        if person and any(_may(actor, action, "", None) for action in actions):
            raise access.Hidden
        raise access.Refused("Your roles do not include this. An administrator manages roles.")


def _may(actor: Acting, action: str, person: str, row: Any) -> bool:
    from onward.registry.permissions import access

    if isinstance(actor, access.Account):
        if person and row is None:  # nobody known: only for whom that is not "out of reach"
            reaches = load_rules().may(actor.roles, action)
            return access.may(actor, action) and bool(reaches & {"operation", "office"})
        return access.may(actor, action, row)
    # Not an account: a test, or whoever holds the key. No assignments, so no reach by one.
    reaches = load_rules().may(actor.roles, action)
    if row is None or "operation" in reaches:
        return bool(reaches)
    return bool(reaches) and actor.office in ("", row.office)
