"""Proposals of places and what officers decided about them, kept side by side.

Comes in: an opened operation, decisions of officers. Goes out: a proposal that keeps their word
and last week's places where nothing else decides, as `decided` reads them. A decision about a place authorises
nothing: submitting somebody is a step of its own, judged by the safeguards on its day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from onward.errors import OnwardError
from onward.registry.computing.analysis import Opened
from onward.registry.computing.decided import standing as standing
from onward.registry.computing.decided import with_word_of_officers
from onward.registry.computing.people_of_cases import with_people
from onward.registry.computing.placing import placement_tables
from onward.registry.computing.runs import keep_proposal
from onward.registry.models import Account, PlacementDecision
from onward.registry.permissions import access
from onward.registry.permissions.cases import Cases
from onward.registry.recording import duties
from onward.registry.recording.actors import Acting
from onward.registry.site import current

DECISIONS = ("accepted", "moved", "held", "released")
LEAST_REASON = 3
SECONDS = 120.0


def propose_places(
    found: Opened, *, seed: int, say: Callable[[str], None] = lambda text: None
) -> tuple[str, dict[str, Any]]:
    """A proposal for the operation as it stands, kept; its name and its document.

    raises  OnwardError when the plan holds no places, or the independent check fails
    """
    from onward.placement.inputs.aims import read_aims
    from onward.placement.propose import propose
    from onward.placement.telling.document import document

    say("Asking the safeguards for each country")
    tables = with_people(with_word_of_officers(placement_tables(found), found), found)
    say(f"Placing {len(tables.cases)} cases in {len(tables.windows)} windows")
    proposal = propose(tables, read_aims(None), seed=seed, seconds=SECONDS)
    say("Saying why")
    content = document(proposal)
    if not content["check"]["passed"]:
        raise OnwardError(
            "The independent check of the proposal failed; nothing was kept. Ask whoever holds the "
            "key of the record to run onward place: it says what is wrong, case by case."
        )
    return keep_proposal(found.operation, content), content


def decide(
    actor: Acting,
    *,
    case: str,
    proposal: str,
    decision: str,
    programme: str = "",
    window: str = "",
    reason: str = "",
    predicted: Mapping[str, Any] | None = None,
) -> PlacementDecision:
    """Write an officer's word on a case down.

    raises  OnwardError where a reason is missing or the decision is not one of DECISIONS;
            Refused: no role includes it; Hidden: not of this case, or there is none
    """
    _require_reach(actor, case)
    require_said(decision, programme, reason)
    made: PlacementDecision = PlacementDecision.objects.create(
        operation=current().operation,
        case=case,
        proposal=proposal,
        decision=decision,
        programme=programme,
        window=window,
        reason=reason.strip()[:300],
        by=actor.account_id,
        predicted=dict(predicted or {}),
    )
    return made


DECIDE = "placement.decide"


def _require_reach(actor: Acting, case: str) -> None:
    """Refuse a word on a case for which an actor has no role, or of whose people one is out of
    reach; a refusal is logged."""
    if isinstance(actor, Account):
        access.require(actor, DECIDE, place="act")
        Cases(access.Reader(actor), DECIDE).open(case, place="act")
        return
    # Not an account: whoever holds the key. The acts of the record ask the same of them.
    people = Cases.people_of([case])[case]
    if not people:
        raise access.Hidden
    for row in people:
        duties.require(actor, row.person, [(DECIDE,)], rows={row.person: row})


def require_said(decision: str, programme: str, reason: str) -> None:
    """raises  OnwardError where something is missing in an officer's word"""
    if decision not in DECISIONS:
        raise OnwardError("Choose whether the case goes there, goes elsewhere or is held back.")
    if decision in ("moved", "held", "released") and len(reason.strip()) < LEAST_REASON:
        raise OnwardError("Say why, in a few words; the reason is kept beside the proposal.")
    if decision == "moved" and not programme:
        raise OnwardError("Choose where the case goes instead.")
