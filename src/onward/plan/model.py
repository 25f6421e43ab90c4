"""The plan as plain data: what protection rests on, what will be done, and the clocks of both.

Made by `load.py` from plan.yaml and read by the other modules of this room and by the forecast,
the placement and the report; nothing here computes. Names follow the file, which
`docs/reference/plan.md` describes key by key. Every id is unique in the whole plan, so "rests
on host_assurance" needs no further word.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Confidentiality = Literal["public", "partners", "sensitive"]
Audience = Literal["internal", "external"]
AuthorityType = Literal[
    "sc_resolution", "bilateral_agreement", "mou", "assurance", "pledge", "permit", "sop"
]
Factor = Literal["met", "not_met", "uncertain"]
PledgeState = Literal["verbal", "offered", "confirmed", "open", "exhausted", "withdrawn"]

AUTHORITY_TYPES: tuple[AuthorityType, ...] = (
    "sc_resolution", "bilateral_agreement", "mou", "assurance", "pledge", "permit", "sop",
)  # fmt: skip
CONFIDENTIALITY: tuple[Confidentiality, ...] = ("public", "partners", "sensitive")
FACTORS: Mapping[str, str] = {
    "disclosed": "disclosed for review",
    "specific": "specific rather than general",
    "binding": "given by someone able to bind the State",
    "local_authorities": "local authorities likely to obey",
    "lawful_treatment": "concerns treatment that is lawful there",
    "treaty_party": "treaty membership",
    "relations": "strength and record of relations",
    "monitoring": "objective monitoring with free access to lawyers",
    "domestic_protection": "real domestic protection against torture",
    "court_examined": "examined by the sending side's courts",
}
"""What is examined in every assurance (Othman v UK, 2012, para. 189). Past ill-treatment of the
person belongs to the individual risk file and is never asked here. There is no score."""
PLEDGE_STATES: tuple[PledgeState, ...] = (
    "verbal", "offered", "confirmed", "open", "exhausted", "withdrawn",
)  # fmt: skip
THIRD_COUNTRY = "resettlement_place"
"""What shipped rulebooks call a place in a third country: what a pledge fills when it does not say."""
NEEDS = "specific_needs"
"""The fact of a person whose values `excluded_needs` of a pledge names."""
SURE_PLEDGES: tuple[PledgeState, ...] = ("confirmed", "open")
CHANNELS = ("resettlement", "humanitarian_admission", "family", "sponsorship")
SAYS: Mapping[str, str] = {
    "all_pathways": "all pathways, claiming protection included",
    "who_decides": "who decides",
    "likely_waits": "likely waits",
    "right_to_refuse": "the right to refuse",
    "right_to_withdraw": "the right to withdraw",
    "complaint_routes": "where to complain",
    "what_the_deadline_does_not_do": "what the deadline does not do",
    "no_place_is_promised": "that no place is promised",
}
SERVICE_METRICS: Mapping[str, str] = {
    "verifications_done": "identities verified",
    "counselling_sessions_held": "counselling sessions held",
    "interviews_held": "private interviews held",
    "sheets_approved": "information sheets approved",
    "assessments_made": "individual assessments made",
    "best_interests_decided": "best-interests procedures decided",
    "decisions_issued": "first decisions on claims issued",
    "appeals_decided": "appeals decided",
    "submissions_reviewed": "resettlement files reviewed",
    "documents_issued": "travel documents issued",
    "places_sought": "places asked of States",
    "complaints_triaged": "complaints triaged",
    "follow_ups_made": "follow-up contacts made",
    "legal_advice_given": "legal advice sessions given",
    "health_checks_made": "health checks made",
}
"""The only things a target may count: services given. Nothing here counts a person leaving."""


@dataclass(frozen=True)
class Uncertain:
    """A number of days (or a factor) known only as least, likely and most; equal when known.

    Drawn from the triangular law over the three.
    """

    least: float
    likely: float
    most: float

    @property
    def known(self) -> bool:
        return self.least == self.most


@dataclass(frozen=True)
class UncertainDate:
    """A date known only as earliest, likely and latest; all equal when known."""

    earliest: dt.date
    likely: dt.date
    latest: dt.date

    @property
    def known(self) -> bool:
        return self.earliest == self.latest


@dataclass(frozen=True)
class Rule:
    """Whom something covers: everyone, people by id, or people by what is recorded of them.

    columns  person column -> values, all of which must match ({"group": ("main_group",)})
    """

    everyone: bool = True
    people: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.everyone:
            return "everyone"
        if self.people:
            return f"{len(self.people)} people on a list"
        return "; ".join(
            f"{name}: {', '.join(values)}" for name, values in self.columns.items()
        )


@dataclass(frozen=True)
class EarlyEnd:
    """That an authority may be ended before its time.

    notice_days  days between notice and end
    chance       the planner's chance that it happens before expiry (0: possible, not expected)
    """

    by: str
    notice_days: int
    chance: float = 0.0


@dataclass(frozen=True)
class Renewal:
    """How an authority is renewed: the asking must begin `lead_days` before expiry.

    until    the day it would then run to; None: the plan counts on no renewal
    chance   the planner's chance that it is granted. Where an action `renews` it, that action
             must also be finished by the expiry
    """

    lead_days: int
    chance: float = 0.0
    until: dt.date | None = None


@dataclass(frozen=True)
class Authority:
    """What gives somebody leave to act: mandate, agreement, permit, procedure.

    legal, place  states of the rulebook's axes that rest on it and end with it
    moves         transitions or moves ("T13", "T13.done") that may happen only while it runs
    rests_on      other authorities and assurances it rests on
    """

    id: str
    title: str
    type: AuthorityType
    grantor: str
    beneficiaries: Rule
    territory: str
    acts: tuple[str, ...]
    effective: UncertainDate
    expiry: dt.date | None
    review_by: dt.date | None
    early_end: EarlyEnd | None
    renewal: Renewal | None
    text_hash: str
    confidentiality: Confidentiality
    supersedes: str
    legal: tuple[str, ...]
    place: tuple[str, ...]
    moves: tuple[str, ...]
    rests_on: tuple[str, ...]
    at_expiry: str
    line: int = 0


@dataclass(frozen=True)
class Conclusion:
    """What the named lawyer concluded, by role, never a score."""

    finding: Literal["can_rely", "cannot_rely"]
    by: str
    dated: dt.date


@dataclass(frozen=True)
class Assurance:
    """A promise sought from a recipient about how people will be treated there.

    factors  a finding for each of FACTORS; a missing one has not been examined
    moves    transitions that rely on it
    """

    id: str
    title: str
    recipient: str
    purpose: Literal["handover", "site_responsibility", "return"]
    state: Literal["sought", "drafted", "signed", "in_force", "refused", "breached"]
    covers: Rule
    covers_onward_transfer: bool | None
    effective: UncertainDate | None
    expiry: dt.date | None
    factors: Mapping[str, Factor]
    conclusion: Conclusion | None
    moves: tuple[str, ...]
    text_hash: str
    confidentiality: Confidentiality
    supersedes: str
    line: int = 0


@dataclass(frozen=True)
class ActionEffect:
    """What an action changes in what people may do or how fast.

    kind    opens, closes: a transition, move or safeguard finding (a gate)
            scales: a transition's pace or a capacity (a multiplier, `factor`)
            adds: a capacity, `amount` more per `per_days` (a cap)
            brings: an authority, assurance or pledge into being
    at      whether it begins when the action starts or when it is finished
    until   last day of it; None: it stays
    """

    kind: Literal["opens", "closes", "scales", "adds", "brings"]
    target: str
    at: Literal["start", "finish"] = "finish"
    factor: Uncertain | None = None
    amount: float = 0.0
    per_days: int | None = 7
    until: dt.date | None = None
    line: int = 0


@dataclass(frozen=True)
class Action:
    """One piece of work with an owner.

    depends_on   actions and milestones that must be done first -> days to wait after them
    duration     calendar days from start to finish
    chance       the planner's chance that it is ever finished (a State may say no)
    serves       deadlines and milestones it must be ready for
    relies_on    authorities, assurances and pledges that must still run when it is finished
    carries      movements it carries out, with `destination`
    renews       the authority whose renewal it asks for
    """

    id: str
    title: str
    owner: str
    duration: Uncertain
    depends_on: Mapping[str, int] = field(default_factory=dict)
    earliest: UncertainDate | None = None
    started: dt.date | None = None
    finished: dt.date | None = None
    chance: float = 1.0
    serves: tuple[str, ...] = ()
    relies_on: tuple[str, ...] = ()
    carries: tuple[str, ...] = ()
    destination: str = ""
    renews: str = ""
    effects: tuple[ActionEffect, ...] = ()
    confidentiality: Confidentiality = "partners"
    line: int = 0


@dataclass(frozen=True)
class PledgeWindow:
    """Places for people that may be used from `start` to `end`; end None: to valid_to."""

    places_people: int
    start: UncertainDate
    end: dt.date | None


@dataclass(frozen=True)
class Threshold:
    """A pledge that opens once another pledge has been used by so many people."""

    pledge: str
    departed_people: int
    delay_days: int = 0


@dataclass(frozen=True)
class Allocation:
    """A share of an offer that is kept for some people; `filled_people` places of it are used."""

    to: Rule
    places_people: int
    filled_people: int = 0


@dataclass(frozen=True)
class Pledge:
    """Places a State has spoken of.

    conditions       person column -> values accepted; `families_only` beside it
    chance           the planner's chance that it opens at all
    processing_days  from the day on which a case is ready to its departure
    max_size         most persons in one case; None: no limit
    excluded_needs   specific needs that cannot be met there
    """

    id: str
    title: str
    country: str
    channel: str
    state: PledgeState
    windows: tuple[PledgeWindow, ...]
    conditions: Mapping[str, tuple[str, ...]]
    families_only: bool
    valid_to: dt.date | None
    confidentiality: Confidentiality
    chance: float
    allocations: tuple[Allocation, ...]
    conditional_on: Threshold | None
    capacity: str
    filled_people: int
    processing_days: int = 0
    max_size: int | None = None
    excluded_needs: tuple[str, ...] = ()
    line: int = 0

    @property
    def places_people(self) -> int:
        return sum(window.places_people for window in self.windows)

    @property
    def sure(self) -> bool:
        """Whether its places count as pledged: confirmed or open, and not conditional."""
        return self.state in SURE_PLEDGES and self.conditional_on is None


@dataclass(frozen=True)
class Supply:
    """`amount` every `per_days` days (None: once) from `start` to `end`."""

    amount: Uncertain
    per_days: int | None
    start: dt.date | None
    end: dt.date | None


@dataclass(frozen=True)
class Capacity:
    """A means that runs short: interview slots, decisions, seats, beds. Its id is a `consumes`
    name of the rulebook. `departs`: days on which those with a place leave, convoys or flights."""

    id: str
    title: str
    supplies: tuple[Supply, ...]
    counts: Literal["people", "units"]
    line: int = 0
    departs: tuple[UncertainDate, ...] = ()


@dataclass(frozen=True)
class MessageText:
    """One language of a message. Unapproved unless role and date of approval are both there."""

    language: str
    text: str
    path: str
    translator: str
    approved_by: str
    approved_on: dt.date | None

    @property
    def approved(self) -> bool:
        return bool(self.approved_by) and self.approved_on is not None


COUNSELLING = ("sheet", "waiver")
"""Kinds read aloud to one person in their language, which need one approved text in each."""


@dataclass(frozen=True)
class Message:
    """Something told to people: an information sheet, a notice, an answer to a rumour, or the text
    of the waiver that who leaves onward signs.

    released      a date, or the action on whose completion it goes out
    mentions      pledges, deadlines, authorities and assurances it speaks of
    countries     countries it names
    pathways      pathways it speaks of
    says          what it tells, by the names of SAYS
    """

    id: str
    title: str
    kind: Literal["sheet", "notice", "answer", "waiver"]
    audience: Literal["internal", "partners", "everyone", "group", "individual", "host"]
    version: str
    texts: Mapping[str, MessageText]
    owner: str
    channel: str
    true_as_of: dt.date
    supersedes: str
    embargo_until: UncertainDate | None
    released: dt.date | None
    released_after: str
    mentions: tuple[str, ...]
    countries: tuple[str, ...]
    pathways: tuple[str, ...]
    says: tuple[str, ...]
    line: int = 0


@dataclass(frozen=True)
class Deadline:
    """A date that matters. One tied to an authority's clock moves with it."""

    id: str
    title: str
    date: dt.date
    authority: str
    clock: Literal["", "expiry", "review_by"]
    confidentiality: Confidentiality
    line: int = 0


@dataclass(frozen=True)
class Milestone:
    """A point reached when all its actions are done, wanted by a date or a deadline."""

    id: str
    title: str
    after: tuple[str, ...]
    by: dt.date | None
    by_deadline: str
    confidentiality: Confidentiality
    line: int = 0


@dataclass(frozen=True)
class ServiceTarget:
    """A number of services to be given per period; never a number of people leaving."""

    id: str
    title: str
    metric: str
    at_least: float
    per: Literal["day", "week", "month", "once"]
    by: dt.date | None
    line: int = 0


@dataclass(frozen=True)
class Plan:
    """One plan as read. `hash` is the SHA-256 (hex) of the file's bytes; `as_of` the day on
    which what it says was true."""

    id: str
    title: str
    version: str
    file: str
    hash: str
    as_of: dt.date
    rulebook: str
    languages: tuple[str, ...]
    origin: str
    host: str
    authorities: Mapping[str, Authority]
    assurances: Mapping[str, Assurance]
    actions: Mapping[str, Action]
    pledges: Mapping[str, Pledge]
    capacities: Mapping[str, Capacity]
    messages: Mapping[str, Message]
    deadlines: Mapping[str, Deadline]
    milestones: Mapping[str, Milestone]
    targets: Mapping[str, ServiceTarget]
    country_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def confidentiality(self, id: str) -> Confidentiality:
        """How far what an id names may be told; sheets and capacities go to partners."""
        for group in (
            self.authorities,
            self.assurances,
            self.actions,
            self.pledges,
            self.deadlines,
            self.milestones,
        ):
            if id in group:
                found: Confidentiality = group[id].confidentiality
                return found
        return "partners"

    def title_of(self, id: str) -> str:
        for group in self._groups():
            if id in group:
                return str(group[id].title)
        return id

    def line_of(self, id: str) -> int:
        for group in self._groups():
            if id in group:
                return int(group[id].line)
        return 0

    def _groups(self) -> tuple[Mapping[str, Entry], ...]:
        return (
            self.authorities, self.assurances, self.actions, self.pledges, self.capacities,
            self.messages, self.deadlines, self.milestones, self.targets,
        )  # fmt: skip


Entry: TypeAlias = (
    Authority | Assurance | Action | Pledge | Capacity | Message | Deadline | Milestone
    | ServiceTarget
)  # fmt: skip
