"""One step asked about one person, for the page that shows what authorising needs.

Comes in: a person opened by an account, a move, a destination and a day. Goes out: every
safeguard of the step, met or not, with the facts that are missing, as far as may be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from onward.desk import here, words
from onward.registry.now import neighbourhood
from onward.registry.permissions.access import Seen
from onward.rulebook.model import Move, Transition
from onward.safeguards.evaluate import Evaluation, evaluate


@dataclass(frozen=True)
class Asked:
    """One safeguard's sentence and its answer. status: open (met), aside (by two people),
    blocked or unknown."""

    key: str
    title: str
    sentence: str
    status: str
    missing: tuple[tuple[str, str], ...] = ()
    remedy: str = ""
    owner: str = ""
    by_person: bool = False
    hard: bool = True
    source: str = ""


@dataclass(frozen=True)
class Question:
    move: Move
    step: Transition
    title: str
    destination: str | None
    on: date
    open: bool
    next_step: bool
    findings: tuple[Asked, ...]
    sealed: int
    sealed_ask: tuple[str, ...]
    others: int
    evidence: tuple[str, ...]
    decides: str

    @property
    def met(self) -> tuple[Asked, ...]:
        return tuple(each for each in self.findings if each.status == "open")

    @property
    def failed(self) -> tuple[Asked, ...]:
        return tuple(each for each in self.findings if each.status not in ("open", "aside"))

    @property
    def aside(self) -> tuple[Asked, ...]:
        """What is not met and was set aside by two people for this step, destination and day."""
        return tuple(each for each in self.findings if each.status == "aside")


def ask(seen: Seen, move_key: str, destination: str | None, on: date) -> Question:
    """Put the question to the safeguards as they are on record now."""
    operation = here.operation()
    me = seen.person.person
    caseload = neighbourhood.neighbourhood(operation, [me], on)
    answer = evaluate(
        caseload, move_key, on=on, engine=neighbourhood.engine(), destination=destination or None,
        people=[me],
    )  # fmt: skip
    rulebook = caseload.rulebook
    move = rulebook.moves()[move_key]
    step = rulebook.transitions[move.transition]
    why = answer.reasons(me)
    raw = {reason.finding for reason in why}
    reasons = {reason.finding: reason for reason in seen.reasons(why)}
    row = answer.answers.slice(answer._row(me), 1).to_pylist()[0]
    findings = []
    sealed, asked_of = 0, []
    for finding in answer.findings:
        safeguard = rulebook.safeguards[finding.safeguard]
        reason = reasons.get(finding.key)
        if not seen.reader.tells(rulebook, finding.key, seen.classes) and reason is None:
            # Told together, or the one that fails could be found by its absence.
            sealed += 1
            if finding.key in raw:
                asked_of.append(words.translated(finding.owner_role))
        elif reason is None:
            holds = row[finding.key] is True or (me, finding.key) not in answer.set_aside
            findings.append(
                Asked(finding.key, words.translated(safeguard.title),
                      words.translated(finding.sentence), "open" if holds else "aside")
            )  # fmt: skip
        else:
            findings.append(
                Asked(
                    finding.key, words.translated(safeguard.title), words.translated(finding.sentence),
                    "unknown" if reason.status == "unknown" else "blocked",
                    tuple(dict.fromkeys((_named(seen, each), each.status) for each in reason.missing)),
                    words.translated(finding.remedy), words.translated(finding.owner_role),
                    finding.owner == "person", finding.hard, safeguard.source,
                )
            )  # fmt: skip
    return Question(
        move, step, words.move(rulebook, move_key), destination or row.get("destination"), on,
        answer.is_open(me), bool(row["next_step"]), tuple(findings), sealed,
        tuple(dict.fromkeys(asked_of)), _others(answer, me),
        tuple(words.translated(item) for item in step.evidence), words.translated(step.decides),
    )  # fmt: skip


def _named(seen: Seen, missing: Any) -> str:
    """A missing fact with what it belongs to: "Exit permit: Valid to"."""
    label = words.translated(missing.label)
    if missing.kind == "person":
        return label
    if not missing.column:
        title = words.translated(seen.rulebook.kinds[missing.kind].title)
        return _("%(what)s: none on record") % {"what": title}
    facts = dict(seen.things(missing.kind)).get(missing.row) or {}
    of = facts.get("type") or facts.get("topic")
    title = (
        words.code(str(of)) if of else words.translated(seen.rulebook.kinds[missing.kind].title)
    )
    return _("%(step)s: %(outcome)s") % {"step": title, "outcome": label}


def _others(answer: Evaluation, me: str) -> int:
    """How many others of the movement unit hold the step back."""
    passes = dict(
        zip(answer.answers["person"].to_pylist(), answer.passes.tolist(), strict=True)
    )
    unit = answer.answers["unit"].to_pylist()
    people = answer.answers["person"].to_pylist()
    mine: Any = dict(zip(people, unit, strict=True)).get(me)
    if mine is None:
        return 0
    return sum(
        1 for person, where in zip(people, unit, strict=True)
        if where == mine and person != me and not passes[person]
    )  # fmt: skip
