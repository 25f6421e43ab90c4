"""Two years of casework in Meridian: what was done, recorded and answered, week by week.

Comes in: the households and a seeded generator. Goes out: rows of the office's logs (`Logs`),
one list per log, each row a plain dict. The story: registration and counselling with too few
interview rooms; a first return convoy in autumn 2025; a detention after return in February 2026
that stopped them for three months; a trickle of onward departures; few places in third
countries; new information sheets on return and onward departure in September 2026, not approved
in every language; and, before the first large submission, a round in October 2026 in which those
who chose resettlement were asked again in private, country by country. Before anybody leaves the
office has in place what must be; what was missed all the same is declared in `breaches.yaml`.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from declared import Declared
from people import Resident

START = dt.date(2024, 11, 1)
END = dt.date(2026, 10, 31)
ORIGIN, HOST = "XAA", "XBB"
THIRD = ["NOR", "CAN", "PRT", "NZL"]
OLD_SHEET, NEW_SHEET, NEW_FROM = "2", "3", dt.date(2026, 9, 14)
RENEWED = ("return", "onward")  # pathways whose sheet was replaced
WAIVER_TEXT = "1"  # the version of the waiver's text, in every language
NOT_APPROVED = "ckb"  # the language the new sheet is not approved in yet
ASKED_AGAIN = dt.date(2026, 9, 28)
INFORMATION_CHANGED = dt.date(2026, 8, 20)
INCIDENT, INCIDENT_REVIEWED = dt.date(2026, 2, 9), dt.date(2026, 4, 24)
RECOGNISED = dt.date(2024, 5, 20)  # the small facility's group
RENOUNCING_SINCE = dt.date(2023, 11, 6)
SETTLED = {
    "open_duplicate": False, "departure_for_release": False, "departure_for_services": False,
    "right_to_leave": True, "other_parent_settled": True,
}  # fmt: skip
"""What a file must say before somebody is confirmed, signs or is submitted."""
CONVOYS = [
    dt.date(2025, 10, 7), dt.date(2025, 11, 4), dt.date(2025, 12, 2), dt.date(2026, 1, 13),
    dt.date(2026, 2, 3), dt.date(2026, 5, 12), dt.date(2026, 6, 9), dt.date(2026, 7, 7),
    dt.date(2026, 8, 4), dt.date(2026, 9, 15), dt.date(2026, 10, 13),
]  # fmt: skip
FLIGHTS = [
    dt.date(2026, 3, 17), dt.date(2026, 5, 19), dt.date(2026, 7, 14),
    dt.date(2026, 9, 8), dt.date(2026, 10, 20),
]  # fmt: skip

Row = dict[str, Any]


@dataclass
class Logs:
    steps: list[Row] = field(default_factory=list)
    interviews: list[Row] = field(default_factory=list)
    consents: list[Row] = field(default_factory=list)
    answers: list[Row] = field(default_factory=list)
    claims: list[Row] = field(default_factory=list)
    assessments: list[Row] = field(default_factory=list)
    documents: list[Row] = field(default_factory=list)
    waivers: list[Row] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)
    releases: list[Row] = field(default_factory=list)
    complaints: list[Row] = field(default_factory=list)
    incidents: list[Row] = field(default_factory=list)
    follow_ups: list[Row] = field(default_factory=list)
    births: list[Resident] = field(default_factory=list)


@dataclass
class Case:
    """One household as the office works on it."""

    people: list[Resident]
    stage: str
    legal: str
    since: dt.date
    choice: str = ""
    destination: str = ""
    claim: str = ""
    also: list[str] = field(default_factory=list)
    gone: bool = False
    counsel_pace: float = 1.0
    willing: float = 1.0


def chance(rng: random.Random, per_week: float) -> bool:
    return rng.random() < per_week


class Casework:
    """Walks the weeks once and writes what each one brought into `logs`."""

    def __init__(
        self, rng: random.Random, households: list[list[Resident]], declared: Declared
    ) -> None:
        self.rng = rng
        self.declared = declared
        self.late = random.Random(20260930)  # contacts made late, beside the walk
        self.looked = random.Random(20261007)  # what was made of concerns, beside the walk
        self.logs = Logs()
        self.counter: dict[str, int] = defaultdict(int)
        self.known: dict[str, Row] = defaultdict(dict)
        self.cases = []
        for people in households:
            small = people[0].group == "recognised_group"
            self.cases.append(
                Case(
                    people,
                    "verified" if small else "registered",
                    "refugee" if small else "gc4_protected",
                    START,
                    counsel_pace=rng.lognormvariate(0, 0.6),
                    willing=rng.lognormvariate(0, 0.5),
                )
            )

    # -- writing rows ---------------------------------------------------------------------------
    def number(self, log: str, letter: str) -> str:
        self.counter[log] += 1
        return f"{letter}{self.counter[log]:05d}"

    def step(self, person: Resident, day: dt.date, step: str) -> None:
        self.logs.steps.append({"person": person.number, "date": day, "step": step})

    def interview(self, person: Resident, day: dt.date, purpose: str, ok: bool = True) -> None:
        rng = self.rng
        self.logs.interviews.append(
            {
                "ref": self.number("interviews", "I"), "person": person.number, "date": day,
                "purpose": purpose, "held_on": day,
                "alone": ok or rng.random() < 0.5, "impartial_body": True,
                "confidential_place": ok or rng.random() < 0.6,
                "own_interpreter": ok or rng.random() < 0.7,
                "observer_present": (not ok) and rng.random() < 0.5,
                "confirmed": True if purpose == "reconfirmation" else None,
            }
        )  # fmt: skip

    def answer(self, person: Resident, day: dt.date, **facts: Any) -> None:
        self.known[person.number] |= facts
        self.logs.answers.append({"person": person.number, "date": day, **facts})

    def sheet(self, case: Case, day: dt.date) -> str:
        return NEW_SHEET if day >= NEW_FROM and case.choice in RENEWED else OLD_SHEET

    def consent(
        self, case: Case, person: Resident, day: dt.date, careful: bool = False,
        language: str = "",
    ) -> None:  # fmt: skip
        self.logs.consents.append(
            {
                "ref": self.number("consents", "C"), "person": person.number, "date": day,
                "pathway": case.choice, "destination": case.destination, "signed_on": day,
                "given_by": "self" if person.age(day) >= 18 else "guardian",
                "in_private": careful or self.rng.random() < 0.97,
                "pressure": not careful and self.rng.random() < 0.02,
                "informed": True, "sheet_version": self.sheet(case, day),
                "sheet_language": language or person.language, "withdrawn": False,
            }
        )  # fmt: skip

    def assess(self, person: Resident, topic: str, finding: str, day: dt.date, place: str,
               since: dt.date | None = None, made: dt.date | None = None) -> None:  # fmt: skip
        self.logs.assessments.append(
            {
                "ref": self.number("assessments", "A"), "person": person.number, "date": day,
                "topic": topic,
                "destination": place, "finding": finding, "made_on": made or day,
                "observed_since": since, "qualified": True,
            }
        )  # fmt: skip

    def papers(self, person: Resident, day: dt.date, place: str, complete: bool = True) -> None:
        for kind, valid in (
            ("entry_permission", 90),
            ("travel_document", 365),
            ("exit_permit", 60),
        ):
            if not complete and kind == "exit_permit":
                continue
            self.logs.documents.append(
                {
                    "ref": self.number("documents", "D"), "person": person.number, "date": day,
                    "type": kind,
                    "destination": place, "valid_from": day,
                    "valid_to": day + dt.timedelta(days=valid),
                }
            )  # fmt: skip

    def release(self, case: Case, person: Resident, day: dt.date) -> None:
        self.logs.releases.append(
            {
                "ref": self.number("releases", "R"), "person": person.number, "date": day,
                "recipient": case.destination, "purpose": case.choice, "agreement": True,
                "origin_consent": case.destination == ORIGIN, "withdrawn": False,
            }
        )  # fmt: skip

    def settle(self, case: Case, day: dt.date) -> None:
        """What is still open in the household's files is closed before the step: a double looked
        into, a service given back, the other parent's consent shown, capacity assessed."""
        for person in case.people:
            known = self.known[person.number]
            mended = {fact: to for fact, to in SETTLED.items() if known.get(fact) is (not to)}
            if self.declared.missed(person.number) == "custody":
                mended.pop("other_parent_settled", None)
            if mended:
                self.answer(person, day, **mended)
            if known.get("capacity_doubted") and not known.get("capacity_assessed"):
                found = "supported_decision" if "DS" in person.needs else "has_capacity"
                self.assess(person, "capacity", found, day, "")
                known["capacity_assessed"] = True

    def ready_to_travel(self, case: Case, day: dt.date) -> None:
        """The last days: consent, test and papers renewed, two days before or, where that failed,
        on the eve; fitness checked; the person asked again in private. A sheet replaced in those
        days is read, and signed, again. `breaches.yaml` says for whom something was missed."""
        renewed = day - dt.timedelta(days=1 if self.rng.random() < 0.05 else 2)
        eve = day - dt.timedelta(days=1)
        for person in case.people:
            missed = self.declared.missed(person.number)
            signed = renewed if self.sheet(case, renewed) == self.sheet(case, day) else eve
            # Who speaks Kurdish and reads Persian takes the approved Persian sheet.
            other = person.language == NOT_APPROVED and self.sheet(case, day) == NEW_SHEET
            language = "fa" if other and missed != "sheet" else ""
            self.consent(case, person, signed, careful=True, language=language)
            if case.choice != "resettlement":
                self.assess(person, "non_refoulement", "passed", renewed, case.destination)
            self.papers(person, renewed, case.destination, missed != "exit_permit")
            self.interview(person, day, "reconfirmation")
            checked = day - dt.timedelta(days=5) if missed == "fitness" else eve
            self.answer(
                person, checked,
                fitness_finding="fit_with_escort" if "SM" in person.needs else "fit",
                fitness_checked_on=checked, escort_arranged=True, treatment_continuity=True,
            )  # fmt: skip

    def follow_up(self, person: Resident, left: dt.date, days: list[int]) -> None:
        for offset in days:
            due = left + dt.timedelta(days=offset)
            done = due + dt.timedelta(days=self.rng.randint(0, 10))
            row: Row = {"ref": self.number("follow_ups", "U"), "person": person.number}
            self.logs.follow_ups.append({**row, "date": left, "due_on": due})
            rng, shares = self.rng, [0.66, 0.06, 0.24, 0.04]
            if done <= END and rng.random() >= 0.8:  # made late, when fewer are found
                rng, shares = self.late, [0.4, 0.04, 0.5, 0.06]
                done += dt.timedelta(days=rng.randint(15, 45))
            if done <= END:
                result = rng.choices(["safe", "concern", "not_reached", "refused"], shares)[0]
                self.logs.follow_ups.append(
                    {**row, "date": done, "done_on": done, "result": result}
                )
                seen = done + dt.timedelta(days=self.looked.randint(2, 12))
                if result == "concern" and seen <= END:
                    made = self.looked.choices(["help_given", "no_harm_found"], [0.6, 0.4])[0]
                    self.logs.follow_ups.append({**row, "date": seen, "looked_into": made})

    def leave(self, case: Case, day: dt.date, step: str, days: list[int]) -> None:
        for person in case.people:
            self.step(person, day, step)
            self.follow_up(person, day, days)
        case.gone = True

    # -- the weeks ------------------------------------------------------------------------------
    def run(self) -> Logs:
        week = START
        while week <= END:
            self.one_week(week)
            week += dt.timedelta(days=7)
        self.ask_again()
        self.before_the_record()
        went = {p.number: case.destination for case in self.cases for p in case.people}
        self.logs.incidents += self.declared.incidents(went, self.number)
        return self.logs

    def before_the_record(self) -> None:
        """What was found of the small facility's group when it was recognised."""
        for person in (person for case in self.cases for person in case.people):
            if person.group == "recognised_group" and person.birth <= START:
                self.answer(person, START, identity_resolved=True, open_duplicate=False)
                if person.affiliation == "former_member":
                    self.assess(person, "renunciation", "genuine", START, HOST,
                                RENOUNCING_SINCE, RECOGNISED)  # fmt: skip

    def day_in(self, week: dt.date) -> dt.date:
        return min(week + dt.timedelta(days=self.rng.randint(0, 5)), END)

    def one_week(self, week: dt.date) -> None:
        rng = self.rng
        rooms = 60 if week < dt.date(2025, 3, 1) else 85 if week < dt.date(2026, 4, 1) else 70
        order = [case for case in self.cases if not case.gone]
        rng.shuffle(order)
        for case in order:
            if case.gone:
                continue
            used = self.casework(case, week, rooms)
            rooms -= used
        self.life(week)

    def casework(self, case: Case, week: dt.date, rooms: int) -> int:
        rng, people, day = self.rng, case.people, self.day_in(week)
        adults = [p for p in people if p.age(day) >= 18]
        stage = case.stage
        if stage == "registered" and chance(rng, 0.055):
            for person in people:
                self.answer(
                    person, day, identity_resolved=True, open_duplicate=rng.random() < 0.015
                )
                self.step(person, day, "T1.done")
            case.stage = "verified"
        elif (
            stage == "verified"
            and rooms >= len(adults)
            and chance(rng, 0.034 * case.counsel_pace)
        ):
            for person in people:
                self.interview(person, day, "counselling", rng.random() < 0.96)
                self.step(person, day, "T2.done")
            case.stage = "counselled"
            return len(adults)
        elif stage == "counselled" and rooms >= len(adults) and chance(rng, 0.07):
            if rng.random() < 0.13:
                for person in people:
                    self.step(person, day, "T3.declined")
                case.stage = "not_engaging"
                return 0
            afraid = rng.random() < 0.34
            for person in people:
                self.interview(person, day, "interview", rng.random() < 0.97)
                self.answer(
                    person, day, fear_asked=True, capacity_doubted=rng.random() < 0.015,
                    departure_for_release=rng.random() < 0.01, departure_for_services=rng.random() < 0.02,
                    right_to_leave=True,
                )  # fmt: skip
                self.step(person, day, "T3.held")
            case.stage, case.claim = "interviewed", "feared" if afraid else ""
            if afraid:
                for person in adults[:1]:
                    self.logs.claims.append(
                        {"ref": self.number("claims", "K"), "person": person.number, "date": day,
                         "expressed_on": day, "lodged": False, "exclusion": "not_raised"}
                    )  # fmt: skip
            return len(adults)
        elif stage == "interviewed" and chance(rng, 0.05 * case.willing):
            self.choose(case, day)
        elif stage == "not_engaging" and chance(rng, 0.006):
            for person in people:
                self.interview(person, day, "interview")
                self.answer(
                    person, day, fear_asked=True, capacity_doubted=False,
                    departure_for_release=False, departure_for_services=False,
                    right_to_leave=True,
                )  # fmt: skip
                self.step(person, day, "T3.held")
            case.stage = "interviewed"
        elif stage == "intent_return":
            self.towards_return(case, day)
        elif stage == "return_confirmed" and chance(rng, 0.10):
            for person in people:
                self.papers(person, day, ORIGIN, rng.random() < 0.97)
                self.release(case, person, day)
                self.answer(
                    person, day, fitness_finding="fit", fitness_checked_on=day,
                    escort_arranged=True, treatment_continuity=True,
                )  # fmt: skip
                self.step(person, day, "T6.done")
            case.stage, case.since = "return_cleared", day
        elif stage == "return_cleared":
            convoy = next((c for c in CONVOYS if week <= c < week + dt.timedelta(days=7)), None)
            if convoy and convoy > case.since and rng.random() < 0.7:
                self.ready_to_travel(case, convoy)
                self.leave(case, convoy, "T7.done", [2, 30, 90, 180, 365])
        elif stage == "intent_protection":
            self.towards_protection(case, day)
        elif stage == "renunciation_verified":
            self.decide_claim(case, day)
        elif (
            stage == "intent_resettlement" and week > dt.date(2025, 12, 1) and chance(rng, 0.02)
        ):
            self.settle(case, day)
            for person in people:
                self.release(case, person, day)
                self.answer(
                    person, day, categories=rng.choice(["LPN LAK", "LPN SVT", "LPN MED", "LPN FAM"]),
                    priority=rng.choices(["normal", "urgent", "emergency"], [0.85, 0.12, 0.03])[0],
                )  # fmt: skip
                self.step(person, day, "T14.done")
            case.stage = "submitted"
        elif stage == "submitted" and chance(rng, 0.045):
            accepted = rng.random() < 0.72
            for person in people:
                self.step(person, day, "T15.accepted" if accepted else "T15.denied")
            case.stage = "accepted" if accepted else "intent_resettlement"
            case.since = day
        elif stage == "accepted":
            flight = next((f for f in FLIGHTS if week <= f < week + dt.timedelta(days=7)), None)
            if flight and (flight - case.since).days > 30:
                self.ready_to_travel(case, flight)
                self.leave(case, flight, "T16.departed", [30])
        elif stage == "intent_onward" and chance(rng, 0.035):
            self.sign_waivers(case, day)
        elif stage == "waiver_signed" and chance(rng, 0.45):
            departure = week + dt.timedelta(days=3)
            weeks = (week - START).days // 7
            # Escorted onward departures leave every eighth week, when transport is arranged.
            if weeks % 8 == 0 and departure <= END and (departure - case.since).days >= 5:
                for person in people:
                    self.release(case, person, departure - dt.timedelta(days=2))
                    self.witness(person, departure - dt.timedelta(days=2))
                self.ready_to_travel(case, departure)
                self.leave(case, departure, "T17.departed", [30])
        if (
            not case.gone
            and len(people) == 1
            and people[0].age(day) >= 18
            and chance(rng, 0.00007)
        ):
            self.leave(case, day, "T17.left_unassisted", [30])
        return 0

    def ask_again(self) -> None:
        """Four weeks in which whoever chose resettlement is asked again, each adult alone, and
        the household's needs are assessed. Some are not reached, and some no longer agree."""
        walk, self.rng = self.rng, random.Random(20261005)
        for case in self.cases:
            rng, people = self.rng, case.people
            if case.gone or case.choice != "resettlement" or case.since > ASKED_AGAIN:
                continue
            if case.stage not in ("intent_resettlement", "submitted") or rng.random() < 0.22:
                continue
            day = ASKED_AGAIN + dt.timedelta(days=rng.randint(0, 25))
            categories = rng.choice(["LPN LAK", "LPN SVT", "LPN MED", "LPN FAM", "LAK"])
            first = case.destination
            named = [first, *case.also]
            # Two of three see by now which countries have places at all.
            named += [c for c in THIRD[:2] if c not in named and rng.random() < 0.65]
            agreed = [country for country in named if rng.random() < 0.88]
            for person in people:
                self.interview(person, day, "counselling", rng.random() < 0.98)
                facts: Row = {"open_destination": len(agreed) > 1}
                if case.stage == "intent_resettlement":
                    facts |= {"categories": categories, "priority": "normal"}
                self.answer(person, day, **facts)
                for country in agreed:
                    case.destination = country
                    self.consent(case, person, day, careful=rng.random() < 0.9)
                    if rng.random() < 0.96:
                        self.release(case, person, day)
            case.destination = first
        self.rng = walk

    def choose(self, case: Case, day: dt.date) -> None:
        rng, people = self.rng, case.people
        if case.legal == "refugee":
            options = {"resettlement": 0.8, "onward": 0.1, "stay": 0.1}
        elif case.claim:
            options = {"protection": 0.82, "onward": 0.1, "none": 0.08}
        else:
            options = {"return": 0.34, "protection": 0.26, "onward": 0.18, "relocation": 0.05,
                       "none": 0.17}  # fmt: skip
        case.choice = rng.choices(list(options), list(options.values()))[0]
        if case.choice == "none":
            for person in people:
                self.step(person, day, "T4.none")
            case.stage = "not_engaging"
            return
        case.destination = {
            "return": ORIGIN, "protection": HOST, "relocation": "north-site", "stay": HOST,
        }.get(case.choice) or rng.choices(THIRD, [0.35, 0.35, 0.2, 0.1])[0]  # fmt: skip
        self.also_named(case)
        for person in people:
            facts: Row = {
                "intended_pathway": case.choice,
                "intended_destination": case.destination,
            }
            if case.also:
                facts["open_destination"] = True
            if person.age(day) < 18:
                parents = sum(1 for p in people if p.role in ("head", "spouse"))
                facts["travels_with_parents"] = "both" if parents > 1 else "one"
                facts["child_situation"] = "with_parents"
                if parents < 2:
                    facts["other_parent_settled"] = rng.random() < 0.7
            self.answer(person, day, **facts)
            self.consent(case, person, day)
            self.elsewhere(case, person, day)
            self.step(person, day, f"T4.{case.choice}")
        case.stage, case.since = f"intent_{case.choice}", day

    def also_named(self, case: Case) -> None:
        """Other countries a household would go to together, for resettlement only."""
        case.also = []
        if case.choice == "resettlement" and self.rng.random() < 0.65:
            others = [country for country in THIRD if country != case.destination]
            case.also = self.rng.sample(others, self.rng.choice([1, 2, 3]))

    def elsewhere(self, case: Case, person: Resident, day: dt.date) -> None:
        """Consent and release for each further country, one by one; each person alone."""
        if case.choice != "resettlement":
            return
        first = case.destination
        for country in (first, *case.also):
            case.destination = country
            if country != first:
                self.consent(case, person, day)
            if self.rng.random() < 0.85:
                self.release(case, person, day)
        case.destination = first

    def towards_return(self, case: Case, day: dt.date) -> None:
        rng = self.rng
        paused = INCIDENT < day < dt.date(2026, 5, 1)
        if day < dt.date(2025, 7, 15) or paused or not chance(rng, 0.05):
            return
        for person in case.people:
            self.assess(person, "non_refoulement", "passed" if rng.random() < 0.93 else "failed", day,
                        ORIGIN)  # fmt: skip
        if any(
            row["finding"] == "failed" for row in self.logs.assessments[-len(case.people) :]
        ):
            return
        self.settle(case, day)
        for person in case.people:
            self.step(person, day, "T5.done")
        case.stage, case.since = "return_confirmed", day

    def towards_protection(self, case: Case, day: dt.date) -> None:
        rng, adults = self.rng, [p for p in case.people if p.age(day) >= 18]
        if case.legal == "gc4_protected" and chance(rng, 0.09):
            for person in case.people:
                self.step(person, day, "T9.lodged")
            if not case.claim:
                for person in adults[:1]:
                    self.logs.claims.append(
                        {"ref": self.number("claims", "K"), "person": person.number, "date": day,
                         "expressed_on": day, "lodged": True, "exclusion": "not_raised"}
                    )  # fmt: skip
            case.legal, case.claim = "asylum_seeker", "lodged"
        elif (day - case.since).days >= 100 and chance(rng, 0.05):
            for person in case.people:
                if person.affiliation == "member":
                    self.assess(person, "renunciation", "genuine", day, HOST,
                                day - dt.timedelta(days=95))  # fmt: skip
                self.interview(person, day, "renunciation")
                self.step(person, day, "T8.verified")
            case.stage, case.since = "renunciation_verified", day

    def decide_claim(self, case: Case, day: dt.date) -> None:
        rng = self.rng
        if case.legal == "gc4_protected" and chance(rng, 0.2):
            for person in case.people:
                self.step(person, day, "T9.lodged")
            case.legal = "asylum_seeker"
        elif case.legal == "asylum_seeker" and chance(rng, 0.03):
            outcome = rng.choices(
                ["recognised", "complementary", "rejected", "excluded"],
                [0.68, 0.05, 0.23, 0.04],
            )[0]
            for person in case.people:
                self.interview(person, day, "rsd")
                self.step(person, day, f"T10.{outcome}")
                if outcome in ("rejected", "excluded"):
                    self.logs.decisions.append(
                        {"ref": self.number("decisions", "J"), "person": person.number, "date": day,
                         "topic": "rsd", "individual": True, "reasons_told": True, "lawyer": True,
                         "interpreter": True, "medical_referral": True, "appeal_pending": True}
                    )  # fmt: skip
            case.legal = {"recognised": "refugee", "complementary": "complementary"}.get(
                outcome, "rejected"
            )
            case.since = day
        elif case.legal in ("refugee", "complementary") and chance(rng, 0.06):
            case.choice, case.destination = "resettlement", rng.choice(THIRD)
            self.also_named(case)
            for person in case.people:
                self.answer(person, day, intended_pathway="resettlement",
                            intended_destination=case.destination,
                            open_destination=bool(case.also))  # fmt: skip
                self.consent(case, person, day)
                self.elsewhere(case, person, day)
                self.step(person, day, "T4.resettlement")
            case.stage = "intent_resettlement"
        elif case.legal == "rejected" and (day - case.since).days > 30 and chance(rng, 0.04):
            overturned = rng.random() < 0.18
            for person in case.people:
                self.step(person, day, "T11.overturned" if overturned else "T11.upheld")
            case.legal = "refugee" if overturned else "rejected_final"

    def sign_waivers(self, case: Case, day: dt.date) -> None:
        rng = self.rng
        self.settle(case, day)
        for person in case.people:
            self.assess(person, "non_refoulement", "passed", day, case.destination)
            self.release(case, person, day)
            self.answer(person, day, fitness_finding="fit", fitness_checked_on=day,
                        escort_arranged=True, treatment_continuity=True)  # fmt: skip
            self.papers(person, day, case.destination)
            complete = rng.random() < 0.95 and self.declared.missed(person.number) != "witness"
            ref = self.number("waivers", "W")
            self.known[person.number]["waiver"] = ref, complete
            self.logs.waivers.append(
                {
                    "ref": ref, "person": person.number, "date": day,
                    "destination": case.destination, "read_on": day - dt.timedelta(days=4),
                    "signed_on": day, "text_version": WAIVER_TEXT, "text_language": person.language,
                    "identity_and_dependants": True, "route_stated": True,
                    "told_what_ends": True, "witnessed": complete, "capacity_noted": True,
                    "right_to_cancel": True, "how_to_reapply": True, "property_and_medical": True,
                    "contact_agreed": True, "copy_given": complete, "releases_claims": False,
                    "renounces_convention_rights": False, "accepts_refoulement": False,
                    "cancelled": False,
                }
            )  # fmt: skip
            self.step(person, day, "T17.signed")
        case.stage, case.since = "waiver_signed", day

    def witness(self, person: Resident, day: dt.date) -> None:
        """A waiver that lacked its witness is signed again before one, and the copy given."""
        ref, complete = self.known[person.number]["waiver"]
        if not complete and self.declared.missed(person.number) != "witness":
            self.logs.waivers.append(
                {"ref": ref, "person": person.number, "date": day, "signed_on": day,
                 "witnessed": True, "copy_given": True}
            )  # fmt: skip

    def life(self, week: dt.date) -> None:
        """Births, deaths, absences, complaints and incidents of one week."""
        rng, present = self.rng, [case for case in self.cases if not case.gone]
        if rng.random() < 0.35:
            families = [
                c
                for c in present
                if 2 < len(c.people) < 7 and c.stage in ("registered", "verified", "counselled")
            ]
            if families:
                case, day = rng.choice(families), self.day_in(week)
                head = case.people[0]
                self.counter["births"] += 1
                baby = Resident(
                    f"{head.number[0]}-B{self.counter['births']:03d}", head.household,
                    *rng.choice([("مریم", ["Maryam"]), ("علی", ["Ali"]), ("سارا", ["Sara"])]),
                    head.family, head.family_latin, head.given, head.given_latin[0],
                    rng.choice(["male", "female"]), day, "day", "child", head.group,
                    "none" if head.group == "recognised_group" else "family_member",
                    head.language, day, False,
                )  # fmt: skip
                case.people.append(baby)
                self.logs.births.append(baby)
                if case.stage != "registered":
                    self.answer(baby, day, identity_resolved=True, open_duplicate=False)
                    self.step(baby, day, "T1.done")
                if case.stage == "counselled":
                    self.interview(baby, day, "counselling")
                    self.step(baby, day, "T2.done")
        if rng.random() < 0.22:
            singles = [c for c in present if len(c.people) == 1]
            case, day = rng.choice(singles), self.day_in(week)
            self.step(
                case.people[0], day, "T22.deceased" if rng.random() < 0.6 else "T22.absent"
            )
            case.gone = True
        for _ in range(rng.choices([0, 1, 2, 3], [0.25, 0.4, 0.25, 0.1])[0]):
            case, day = rng.choice(present), self.day_in(week)
            category = rng.choices(
                ["services", "conduct", "coercion", "data", "other"],
                [0.5, 0.2, 0.14, 0.06, 0.1],
            )[0]
            old = (END - day).days > 40
            triaged = old or rng.random() < 0.5
            closed = day + dt.timedelta(days=rng.randint(4, 60))
            ref = {"ref": self.number("complaints", "Q"), "person": case.people[0].number}
            self.logs.complaints.append(
                {**ref, "date": day, "category": category, "received_on": day, "triaged": False}
            )
            seen = day + dt.timedelta(days=rng.randint(1, 6))
            if triaged and seen <= END:
                self.logs.complaints.append({**ref, "date": seen, "triaged": True})
                if closed <= END and closed >= seen and rng.random() < 0.8:
                    self.logs.complaints.append({**ref, "date": closed, "closed_on": closed})
        if week <= INCIDENT < week + dt.timedelta(days=7):
            gone = [c for c in self.cases if c.gone and c.choice == "return"]
            case = rng.choice(gone)
            ref = {"ref": self.number("incidents", "N"), "person": case.people[0].number}
            self.logs.incidents += [
                {**ref, "date": INCIDENT, "destination": ORIGIN, "severity": 1,
                 "happened_on": INCIDENT, "reviewed": False},
                {**ref, "date": INCIDENT_REVIEWED, "reviewed": True},
            ]  # fmt: skip
        elif rng.random() < 0.03 and week > dt.date(2025, 11, 1):
            gone = [c for c in self.cases if c.gone and c.choice]
            if gone:
                case = rng.choice(gone)
                day = self.day_in(week)
                self.logs.incidents.append(
                    {"ref": self.number("incidents", "N"), "person": case.people[0].number,
                     "date": day, "destination": case.destination,
                     "severity": rng.choice([3, 4]), "happened_on": day,
                     "reviewed": rng.random() < 0.7}
                )  # fmt: skip
