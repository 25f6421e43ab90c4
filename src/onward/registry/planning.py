"""The operation's plan: read for everybody who computes, and changed by adopting a new text.

Comes in: an operation. Goes out: its plan with the hash of its text. Beside a record in plain
files the plan is `plan.yaml`, edited by hand. In an encrypted store every version is kept inside
it, because pledges made in confidence must not lie in clear on a disk, and adopting one is an
event: who, when, and which text held on a day can be shown.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from onward.caseload.events import ADOPTED, PLAN_SUBJECT, Event, Subject, new_event
from onward.dates import day_range
from onward.errors import Fault, Faults, OnwardError
from onward.registry.kept import kept
from onward.registry.operation import PLAN, Operation
from onward.rulebook.model import Rulebook

if TYPE_CHECKING:
    from onward.plan.model import Plan


@dataclass(frozen=True)
class PlanVersion:
    """One text of the plan.

    name    the file it is or would be: errors name it, texts of messages lie beside it
    sha256  of the bytes
    """

    name: str
    text: bytes
    sha256: str


def plan_version(operation: Operation, as_of: date | None = None) -> PlanVersion | None:
    """The text of the plan that holds on a day; None where the operation has no plan."""
    path = operation.path / PLAN
    if not operation.settings.encrypted:
        return _version(path, path.read_bytes()) if path.is_file() else None
    day = as_of or operation.default_date()
    adopted = [e for e in adoptions(operation) if day_range(e.effective)[1] <= day]
    if not adopted:
        return None
    name = f"{adopted[-1].subject.id}.yaml"
    found = _version(path, kept(operation).read("plans", name))
    if found.sha256 != adopted[-1].subject.id:
        raise OnwardError(
            "The plan that is kept is not the one that was adopted; adopt it again, and let "
            "whoever keeps the checkpoints run onward verify."
        )
    return found


def approves_anew(before: Plan | None, after: Plan) -> bool:
    """Whether a plan holds a text as approved that the one before did not: another text, another
    version or way it is told for, or another approval."""
    return bool(_approved(after) - (_approved(before) if before is not None else set()))


def _approved(plan: Plan) -> set[tuple[object, ...]]:
    return {
        (message.id, message.kind, message.version, tuple(sorted(message.pathways)), text.language,
         text.text, text.path, text.approved_by, text.approved_on)
        for message in plan.messages.values()
        for text in message.texts.values()
        if text.approved
    }  # fmt: skip


def plan_of(operation: Operation, rulebook: Rulebook, as_of: date | None = None) -> Plan | None:
    """The plan that holds on a day; raises Faults with everything wrong in it."""
    from onward.plan.load import loads_plan

    found = plan_version(operation, as_of)
    return loads_plan(found.text, rulebook, file=found.name) if found is not None else None


def adoptions(operation: Operation) -> list[Event]:
    """Every adoption of a plan, in the order in which they hold; looked for once in a log that
    has not grown since."""
    key = (str(operation.path), operation.store.head())
    if (kept := _adoptions.get(key)) is not None:
        return list(kept)
    found = _read_adoptions(operation)
    _adoptions.clear()
    _adoptions[key] = tuple(found)
    return found


_adoptions: dict[tuple[str, str], tuple[Event, ...]] = {}


def _read_adoptions(operation: Operation) -> list[Event]:
    events = [
        event
        for event in operation.store.read_marked([f'"kind":"{ADOPTED}"'])
        if event.subject.kind == PLAN_SUBJECT
    ]
    return sorted(events, key=lambda e: (day_range(e.effective)[1], e.recorded, e.seq))


def adopt_plan(
    operation: Operation,
    text: str,
    *,
    effective: str,
    by: str,
    instant: datetime | None = None,
    replaces: str | None = None,
    reason: str = "",
) -> PlanVersion:
    """Put a plan in force from a day, entirely or not at all.

    replaces  the hash of the version it was edited from; a newer one in between is a conflict
    reason    why, in few words without names; kept in the event
    raises    Faults with everything wrong in the text, with the words that name somebody by
              their id, or with the lines it would cross (`plan.check.NEVER_ADOPTED`); OnwardError on a conflict, or where
              the plan is a file edited by hand
    """
    from onward.plan.check import NEVER_ADOPTED, check_plan, reads_beside
    from onward.plan.load import loads_plan
    from onward.registry.plan_people import refuse_people

    if not operation.settings.encrypted:
        raise OnwardError(f"The plan of this operation is a file: edit {PLAN} in its folder.")
    rulebook = operation.rulebook
    file = operation.path / PLAN
    found = check_plan(
        loads_plan(text, rulebook, file=str(file)), rulebook,
        as_of=operation.default_date(), text_of=reads_beside(file),
    )  # fmt: skip
    if crossed := [f for f in found if f.severity == "must" and f.code in NEVER_ADOPTED]:
        raise Faults(
            [Fault(PLAN, f"line {f.line}", f.what, f.found, remedy=f.remedy) for f in crossed],
            "The plan was not adopted.",
        )
    refuse_people(operation, text, file=PLAN, reason=reason)
    version = _version(operation.path / PLAN, text.encode())
    now = plan_version(operation)
    if replaces is not None and now is not None and now.sha256 != replaces:
        raise OnwardError(
            "Somebody adopted another plan meanwhile. Nothing was changed; compare with the one "
            "now in force and adopt again."
        )
    event = new_event(
        rulebook,
        operation=operation.settings.id,
        subject=Subject(PLAN_SUBJECT, version.sha256),
        kind=ADOPTED,
        effective=effective,
        by=by,
        instant=instant or datetime.now(UTC),
        random=random.SystemRandom(),
        facts={"reason": reason} if reason else None,
    )
    kept(operation).write("plans", f"{version.sha256}.yaml", version.text)
    operation.record([event])
    return version


def sensitive_then(operation: Operation, sha256: str) -> frozenset[str] | None:
    """The ids and titles of what was sensitive in one version; None where that cannot be told."""
    from onward.plan.load import loads_plan
    from onward.report.offers import sensitive_names

    rulebook = operation.rulebook
    key = (str(operation.path), sha256, rulebook.hash)
    if key not in _sensitive:
        try:
            text = kept(operation).read("plans", f"{sha256}.yaml")
            _sensitive[key] = sensitive_names(loads_plan(text, rulebook, file=PLAN))
        except (OnwardError, ValueError):
            _sensitive[key] = None
    return _sensitive[key]


_sensitive: dict[tuple[str, str, str], frozenset[str] | None] = {}


def ever_sensitive(operation: Operation, now: Plan | None) -> frozenset[str] | None:
    """The ids and titles of what was sensitive in any version adopted, without what the plan in
    force tells openly; None where one of them cannot be read any more.

    For what was made before and does not say from which plan: it may name what was withdrawn since.
    """
    from onward.report.offers import open_names

    found: set[str] = set()
    for version in dict.fromkeys(event.subject.id for event in adoptions(operation)):
        names = sensitive_then(operation, version)
        if names is None:
            return None
        found |= names
    return frozenset(found) - open_names(now)


def _version(path: Path, text: bytes) -> PlanVersion:
    return PlanVersion(str(path), text, hashlib.sha256(text).hexdigest())
