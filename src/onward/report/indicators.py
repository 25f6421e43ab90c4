"""Every indicator of the situation report, each by its definition.

Comes in: a caseload, the spells of its log and, for what happened in a period, the caseload at
its beginning. Goes out: counts of people (`Counts`, still unprotected: only `build.py` may turn
them into what a reader sees, through the disclosure rules) and lengths of time. DEFINITIONS is
the one place where a definition is written; page, paper and reference quote it. What a state or
step means is read off the rulebook (`reading.py`). Recognition rates follow UNHCR's Statistical
Yearbook; unit persons unless stated.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from onward.caseload import Caseload, contacts
from onward.engine import Engine
from onward.report.disclosure import Counts, alone, counted
from onward.report.reading import Reading
from onward.safeguards.asking import Asking
from onward.safeguards.evaluate import ask
from onward.safeguards.everybody import WORD, NextSteps
from onward.safeguards.help import is_option, own_steps
from onward.safeguards.record import OF_BREACH

Mask: TypeAlias = npt.NDArray[np.bool_]
Words: TypeAlias = npt.NDArray[np.object_]
Days: TypeAlias = npt.NDArray[np.datetime64]

PERIOD_DAYS = 90
"""Flows that have no month of their own (withdrawals, claims, complaints) cover so many days."""

DEFINITIONS: Mapping[str, tuple[str, str]] = {
    "caseload": ("Caseload", "Active people on the date by legal status and site. Active: no final outcome, not dead, not absent. Cases are movement units (people who travel together) and are shown apart from people."),
    "pipeline": ("Pipeline", "Active people by the furthest step they have reached."),
    "interview_coverage": ("Heard in private", "Active adults and unaccompanied children with at least one interview that meets every condition of a private, impartial interview, divided by all of them."),
    "consent_rate": ("Consent rate", "People whose consent to the pathway is valid on the date, divided by people who have been counselled and heard and whose legal status and place allow the pathway's next step. Validity is asked of the safeguard on consent, never judged anew."),
    "withdrawal_rate": ("Withdrawals", "Consents withdrawn in the last 90 days, divided by consents valid at any time in them. Withdrawing is a right, not a failure."),
    "not_engaging": ("Not engaging", "Active people who decline interview or choice, divided by all active people. It never means consent."),
    "refugee_recognition": ("Refugee recognition rate", "People recognised divided by people recognised, given complementary protection or rejected at first instance; exclusions are inside rejected and also shown alone; claims closed without a decision are left out."),
    "total_recognition": ("Total recognition rate", "People recognised or given complementary protection, divided by the same whole."),
    "rsd_backlog": ("Claims pending", "Pending at the start, plus new, plus reopened, minus decided, minus closed otherwise (withdrawn, left, absent, died). Must equal the claims counted pending; a difference is shown."),
    "appeal_reversal": ("Appeals reversed", "Negative decisions overturned divided by appeals decided."),
    "days_per_stage": ("Days in each step", "Mean, median and ninth decile of completed stays; the age of stays not yet ended stands beside them, because the slow ones have not ended. Not shown where few people stand behind it."),
    "departures": ("Departures per month", "People whose departure or other outcome is confirmed and dated in the month, by way. Relocations inside the country are apart: they are never an outcome."),
    "blocked": ("Held back", "People whose next step fails at least one safeguard. One person can fail several, so the rows must not be added."),
    "no_open_pathway": ("No open pathway", "People to whom no step towards any lawful, voluntary outcome is open on the date."),
    "basis_lapsing": ("Basis lapsing", "People whose legal status, place or covering authority has its clock run out within 30, 60 or 90 days. Nobody's case is closed by a clock: the basis is reviewed."),
    "follow_ups": ("Follow-ups", "Due: scheduled on or before the date. Whoever was not reached is looked for until they answer: that they are safe, that something worries or harmed them, or that they want no contact. Overdue: due and not answered, tried or not, past the days tolerated where the person is. Of somebody who has died none is due any more. Contact rate: contacts in which the person was reached, divided by contacts due. Contacts made after the date are not counted."),
    "incidents": ("Incidents after departure", "Incidents recorded after an outcome, and for every 100 months observed: the months from each departure to the last contact that reached the person. A pause after a movement against a safeguard is not one. Always beside the contact rate: silence is not safety."),
    "family": ("Family unity", "Households whose living members are in different places, with and without every adult's own agreement; separated and unaccompanied children, and how many have a best-interests determination."),
    "complaints": ("Complaints", "Received in the last 90 days, open, median days to close, and coercion complaints that wait for triage."),
    "pledges": ("Places", "Pledged: places confirmed by States without condition. Open: pledged, minus people accepted and not yet departed, minus departed, minus reserved. Filled: departed divided by pledged. Conditional and verbal offers are never added."),
    "acceptance": ("State acceptance rate", "People accepted divided by people accepted or denied; deferred decisions are left out."),
    "residual": ("Residual at the deadline", "People here, plus expected arrivals, minus expected exits by the deadline, from simulated futures: P10 is the number that one future in ten stays below, P50 the middle, P90 the number that one in ten exceeds."),
    "required_rate": ("Required rate", "People here minus the residual allowed, divided by months left, beside the mean of the last three months. A warning that the plan may not fit the time, for the plan lead only; never a target for anyone."),
    "milestones": ("Milestones", "The share of simulated plans in which the milestone is met by its date."),
    "breaches": ("Breaches", "Movements recorded although a safeguard was not met. Each names the safeguards and whose job it is."),
    "placement": ("Proposed places", "What the latest stored proposal would use; officers decide."),
}  # fmt: skip


class Record:
    """The people of a caseload as columns, beside every stay of theirs in any state.

    All masks and category numbers run over the rows of the person table.
    """

    def __init__(self, caseload: Caseload, spells: pa.Table, engine: Engine) -> None:
        self.caseload, self.engine, self.on = caseload, engine, caseload.as_of
        self.rulebook = caseload.rulebook
        self.reading = Reading(self.rulebook)
        people = caseload.people
        self.n = people.num_rows
        self.active: Mask = np.asarray(pc.fill_null(people["active"], False), dtype=bool)
        self.ids = people["id"].combine_chunks()
        rows = pc.index_in(spells["person"].combine_chunks(), value_set=self.ids)
        self.stay_row = np.asarray(pc.fill_null(rows, -1), dtype=np.int64)
        self.stay_axis = _words(spells["axis"])
        self.stay_state = _words(spells["state"])
        self.stay_from = _days(spells["from_date"])
        self.stay_to = _days(spells["to_date"])
        self.stay_by = _words(spells["began_by"])
        self.stay_ended = _words(spells["ended_by"])

    @property
    def day(self) -> np.datetime64:
        return np.datetime64(self.on)

    def has(self, kind: str, *columns: str) -> bool:
        """Whether the rulebook keeps this; an indicator without its facts is left out."""
        table = self.caseload.tables.get(kind)
        return table is not None and all(c in table.column_names for c in columns)

    def col(self, name: str) -> Words:
        """A column of the person table; None where not known."""
        if name not in self.caseload.people.column_names:
            return np.full(self.n, None, dtype=object)
        return _words(self.caseload.people[name])

    def table(self, kind: str, *columns: str) -> dict[str, Any]:
        """Columns of another kind, dates as days, and `row`: the person's row or -1."""
        table = self.caseload.tables[kind]
        found: dict[str, Any] = {
            name: _days(table[name])
            if pa.types.is_date(table[name].type)
            else _words(table[name])
            for name in columns
        }
        if "person" in table.column_names:
            found["row"] = self.rows(table["person"])
        return found

    def rows(self, ids: pa.ChunkedArray) -> npt.NDArray[np.int64]:
        found = pc.index_in(ids.combine_chunks(), value_set=self.ids)
        return np.asarray(pc.fill_null(found, -1), dtype=np.int64)

    def is_in(self, name: str, states: Any) -> Mask:
        column = self.col(name)
        return np.fromiter((value in states for value in column), dtype=bool, count=self.n)

    def category(self, values: Words, inside: Mask, order: Sequence[str], missing: str) -> tuple[tuple[str, ...], npt.NDArray[np.int16]]:  # fmt: skip
        """Category numbers over `inside`, only labels in use, in an order, missing last."""
        filled = np.array([missing if v is None else v for v in values], dtype=object)
        seen = set(filled[inside])
        labels = [v for v in order if v in seen]
        labels += sorted(v for v in seen if v not in order and v != missing)
        labels += [missing] if missing in seen and missing not in labels else []
        index = {label: i for i, label in enumerate(labels)}
        codes = np.array([index.get(v, -1) for v in filled], dtype=np.int16)
        return tuple(labels), np.where(inside, codes, -1).astype(np.int16)

    def split(self, name: str, parts: Mapping[str, Mask], inside: Mask, rest: str, *,
              universe: str = "people", sums: Mapping[str, tuple[str, ...]] | None = None) -> Counts:  # fmt: skip
        """People by the first of several sets they are in; everybody else is `rest`."""
        codes = np.full(self.n, len(parts), dtype=np.int16)
        for i, mask in reversed(list(enumerate(parts.values()))):
            codes[mask] = i
        codes = np.where(inside, codes, -1).astype(np.int16)
        labels = [*parts, rest]
        return counted(name, (name,), (labels,), (codes,), universe=universe, sums=sums)

    @cached_property
    def moves(self) -> list[tuple[int, str, np.datetime64]]:
        """(person row, move, day) of everything that changed an axis, each once, by day."""
        rows = np.flatnonzero(
            np.array([bool(b) for b in self.stay_by], dtype=bool) & (self.stay_row >= 0)
        )
        found = {(int(self.stay_row[i]), str(self.stay_by[i]), self.stay_from[i]) for i in rows}
        return sorted(found, key=lambda m: (m[2], m[1], m[0]))

    def last_move(self, keys: Mapping[str, str]) -> Words:
        """Per person the word of the last of some moves; None when there was none."""
        found = np.full(self.n, None, dtype=object)
        for row, key, day in self.moves:
            if key in keys and day <= self.day:
                found[row] = keys[key]
        return found

    @cached_property
    def left_on(self) -> tuple[Words, Days]:
        """Per person the way and day of the last outcome; an arrival keeps its departure's day."""
        way = np.full(self.n, None, dtype=object)
        day = np.full(self.n, np.datetime64("NaT"), dtype="datetime64[D]")
        order = np.argsort(self.stay_from, kind="stable")
        for i in order:
            if (
                self.stay_axis[i] != "stage"
                or self.stay_row[i] < 0
                or self.stay_from[i] > self.day
            ):
                continue
            row, name = self.stay_row[i], self.reading.exits.get(str(self.stay_state[i]))
            if name is None:
                continue
            went_on = way[row] == name and self.stay_by[i] is not None and any(
                self.stay_to[k] == self.stay_from[i] and self.reading.exits.get(str(self.stay_state[k])) == name
                for k in self._stays_of(int(row))
            )  # fmt: skip
            if not went_on:
                day[row] = self.stay_from[i]
            way[row] = name
        return way, day

    @cached_property
    def _stage_rows(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for i in np.flatnonzero(self.stay_axis == "stage"):
            found.setdefault(int(self.stay_row[i]), []).append(int(i))
        return found

    def _stays_of(self, row: int) -> list[int]:
        return self._stage_rows.get(row, [])


# -- who is here ----------------------------------------------------------------------------------


def by_status_and_site(r: Record) -> Counts:
    """Active people by legal status and site; without sites, by place."""
    where = "site" if r.has("person", "site") else "place"
    order = tuple(r.rulebook.axes["legal"].states) if "legal" in r.rulebook.axes else ()
    places = tuple(r.rulebook.axes["place"].states) if where == "place" else ()
    legal, legal_codes = r.category(r.col("legal"), r.active, order, "not recorded")
    sites, site_codes = r.category(r.col(where), r.active, places, "not recorded")
    return counted(
        "caseload", ("legal status", where), (legal, sites), (legal_codes, site_codes)
    )


def pipeline(r: Record) -> Counts:
    """Active people by forecast state, in the rulebook's order."""
    labels, codes = r.category(
        r.col("forecast_state"), r.active, tuple(r.rulebook.forecast_states), "not recorded"
    )
    return counted("pipeline", ("step",), (labels,), (codes,))


def by_sex_and_age(r: Record) -> Counts:
    """Active people by sex and whether adult on the date; an unknown age is its own row."""
    words = {True: "adult", False: "child", None: "age not known"}
    ages = np.array([words[v] for v in r.col("adult")], dtype=object)
    age, age_codes = r.category(ages, r.active, tuple(words.values()), "age not known")
    fact = r.rulebook.kinds["person"].facts.get("sex")
    sex, sex_codes = r.category(r.col("sex"), r.active, fact.allowed if fact else (), "unknown")
    return counted("sex-and-age", ("age", "sex"), (age, sex), (age_codes, sex_codes))


def whereabouts(r: Record) -> Counts:
    """Everybody ever registered: here, gone by which way, absent or dead."""
    registered = np.array([day is not None for day in r.col("registered_on")], dtype=bool)
    parts: dict[str, Mask] = {"here": r.active}
    for way in r.reading.ways:
        parts[way] = r.is_in("stage", {s for s, w in r.reading.exits.items() if w == way})
    for stage in r.reading.lost:
        parts[stage] = r.is_in("stage", {stage})
    used = {name: mask for name, mask in parts.items() if name == "here" or mask.any()}
    gone = tuple(name for name in used if name in r.reading.ways)
    return r.split("whereabouts", used, registered, "not known", universe="registered",
                   sums={"gone": gone})  # fmt: skip


def cases(r: Record) -> int:
    """Movement units of the people who are here."""
    return len({unit for unit in r.col("unit")[r.active] if unit is not None})


# -- asked of the safeguards ----------------------------------------------------------------------


def _finding_holds(
    caseload: Caseload,
    engine: Engine,
    safeguard: str,
    asking: Sequence[tuple[str, str | None, str | None]],
) -> Mask:
    """Whether every decision-time finding of a safeguard holds for (person, destination,
    pathway); asked of the safeguards room."""
    if not asking:
        return np.zeros(0, dtype=bool)
    findings = [
        f
        for f in caseload.rulebook.safeguards[safeguard].findings.values()
        if f.at != "movement"
    ]
    table = pa.table(
        {
            "ask": pa.array(range(len(asking)), pa.int64()),
            "person": pa.array([who for who, _, _ in asking], pa.string()),
            "asked__destination": pa.array([to for _, to, _ in asking], pa.string()),
            "asked__pathway": pa.array([way for _, _, way in asking], pa.string()),
        }
    )
    answers, _ = ask(caseload, table, findings, Asking(caseload.as_of, None), engine)
    holds = np.ones(len(asking), dtype=bool)
    for finding in findings:
        holds &= np.asarray(pc.fill_null(answers[finding.key], False), dtype=bool)
    return holds


INTERVIEW, CONSENT = "G2", "G3"
"""The safeguards on a private interview and on free consent; every floor holds both."""


def interview_coverage(r: Record) -> Counts | None:
    """Active adults and unaccompanied children: heard in private, or not yet."""
    if INTERVIEW not in r.rulebook.safeguards:
        return None
    grown = np.array([value is True for value in r.col("adult")], dtype=bool)
    lone = np.array(
        [value == "unaccompanied" for value in r.col("child_situation")], dtype=bool
    )
    inside = r.active & (grown | lone)
    who = np.flatnonzero(inside)
    ids = r.ids.take(pa.array(who)).to_pylist()
    heard = np.zeros(r.n, dtype=bool)
    heard[who] = _finding_holds(r.caseload, r.engine, INTERVIEW, [(i, None, None) for i in ids])
    return r.split("heard", {"heard": heard & inside, "not heard": ~heard & inside}, r.active,
                   "not counted here", sums={"asked": ("heard", "not heard")})  # fmt: skip


def valid_consents(caseload: Caseload, engine: Engine) -> set[tuple[str, str, str]]:
    """(person, pathway, destination) of every consent that is valid on the caseload's date."""
    if "consent" not in caseload.tables or CONSENT not in caseload.rulebook.safeguards:
        return set()
    rows = caseload.tables["consent"].select(["person", "pathway", "destination"]).to_pylist()
    given = sorted({(x["person"], x["pathway"], x["destination"]) for x in rows
                    if None not in x.values()})  # fmt: skip
    holds = _finding_holds(caseload, engine, CONSENT, [(p, to, way) for p, way, to in given])
    return {key for key, good in zip(given, holds, strict=True) if good}


def consents(r: Record, valid: set[tuple[str, str, str]]) -> list[Counts]:
    """Per pathway: people who could choose it, with and without a valid consent to it."""
    ready = r.active & r.is_in("stage", r.reading.may_choose())
    found = []
    for pathway in r.reading.pathways:
        fits = np.zeros(r.n, dtype=bool)
        for wanted in r.reading.eligible(pathway):
            good = np.ones(r.n, dtype=bool)
            for axis, states in wanted.items():
                good &= r.is_in(axis, set(states))
            fits |= good
        holders = {person for person, way, _ in valid if way == pathway}
        agreed = np.array([who in holders for who in r.ids.to_pylist()], dtype=bool)
        inside = ready & fits
        found.append(
            r.split(f"consent {pathway}", {"valid": inside & agreed, "none": inside & ~agreed},
                    r.active, "not counted here", sums={"could choose": ("valid", "none")})
        )  # fmt: skip
    return found


def withdrawals(r: Record, before: Caseload, valid: set[tuple[str, str, str]]) -> Counts | None:
    """Consents valid at any time in a period: withdrawn in it, or not.

    before  the caseload on the day before the period began
    """
    if not r.has("consent", "withdrawn"):
        return None

    def taken_back(caseload: Caseload) -> dict[str, tuple[str, str, str]]:
        rows = caseload.tables["consent"].to_pylist()
        return {
            x["id"]: (x["person"], x["pathway"], x["destination"])
            for x in rows
            if x["withdrawn"]
        }

    earlier = taken_back(before)
    withdrawn = {key for id, key in taken_back(r.caseload).items() if id not in earlier}
    ever = valid_consents(before, r.engine) | valid | withdrawn
    return Counts("withdrawals", ("consents",), (("withdrawn", "standing"),),
                  {("withdrawn",): len(withdrawn), ("standing",): len(ever - withdrawn)},
                  universe="consents")  # fmt: skip


def not_engaging(r: Record) -> Counts:
    """Active people who decline interview or choice."""
    declining = r.active & r.is_in("stage", r.reading.declining())
    return r.split("not engaging", {"declining": declining}, r.active, "others")


# -- claims ---------------------------------------------------------------------------------------


def decisions(r: Record) -> Counts | None:
    """People by their last decision at first instance, outcomes named as in the rulebook."""
    return _decided(r, "first decisions", r.reading.decisions)


def appeals(r: Record) -> Counts | None:
    """People by their last decision on appeal."""
    return _decided(r, "appeals", r.reading.appeals)


def _decided(r: Record, name: str, kinds: Mapping[str, str]) -> Counts | None:
    if not kinds:
        return None
    last = r.last_move({key: key for key in kinds})
    inside = np.array([key is not None for key in last], dtype=bool)
    if not inside.any():
        return None
    labels, codes = r.category(last, inside, tuple(kinds), "none")
    used = {
        kind: tuple(k for k in labels if kinds[k] == kind)
        for kind in dict.fromkeys(kinds.values())
    }
    sums = {kind: keys for kind, keys in used.items() if keys}
    protected = tuple(k for k in labels if kinds[k] != "negative")
    return counted(name, (name,), (labels,), (codes,), universe=name,
                   sums={**sums, "protected": protected})  # fmt: skip


@dataclass(frozen=True)
class Backlog:
    """Claims in a period, in people. came: pending before, new, reopened; went: decided,
    closed, pending. `counted` is what the caseload itself holds pending on the date."""

    came: Counts
    went: Counts
    pending: int
    counted: int

    @property
    def agrees(self) -> bool:
        return self.pending == self.counted


def backlog(r: Record, since: dt.date) -> Backlog | None:
    """begin + new + reopened - decided - closed, against the claims counted pending.

    Read off the stays in an undecided legal status while the person was here; the count beside
    it is the caseload's own of open procedures.
    """
    pending_states = r.reading.coded("ASY")
    if not pending_states or not r.reading.decisions:
        return None
    start, end = np.datetime64(since), r.day
    here: dict[int, list[tuple[np.datetime64, np.datetime64]]] = {}
    far = np.datetime64("9999-12-31")
    stages = r.rulebook.axes["stage"].states
    stays: dict[int, list[tuple[np.datetime64, np.datetime64, str]]] = {}
    for i in np.argsort(r.stay_from, kind="stable"):
        row, to = int(r.stay_row[i]), r.stay_to[i]
        last = far if np.isnat(to) else to
        if r.stay_axis[i] == "stage" and not stages[str(r.stay_state[i])].ends:
            known = here.setdefault(row, [])
            if known and known[-1][1] == r.stay_from[i]:
                known[-1] = (known[-1][0], last)
            else:
                known.append((r.stay_from[i], last))
        if r.stay_axis[i] == "legal" and r.stay_state[i] in pending_states:
            found = stays.setdefault(row, [])
            if found and found[-1][1] == r.stay_from[i]:
                found[-1] = (found[-1][0], last, str(r.stay_ended[i]))
            else:
                found.append((r.stay_from[i], last, str(r.stay_ended[i])))
    deciding = {*r.reading.decisions, *r.reading.appeals}
    came = {name: np.zeros(r.n, dtype=bool) for name in ("before", "new", "reopened")}
    went = {name: np.zeros(r.n, dtype=bool) for name in ("decided", "closed", "pending")}
    for row, claims in stays.items():
        spans = []
        for first, last, ended in claims:
            for begin, leave in here.get(row, []):
                a, b = max(first, begin), min(last, leave)
                if a < b or (a == b and a == first):
                    spans.append((a, b, ended if b == last else ""))
        inside = [s for s in spans if s[0] <= end and s[1] >= start and not (s[1] == start and s[0] < start)]  # fmt: skip
        if not inside:
            continue
        if any(a < start <= b for a, b, _ in inside):
            came["before"][row] = True
        elif inside[0] == spans[0]:
            came["new"][row] = True
        else:
            came["reopened"][row] = True
        if inside[-1][1] > end:
            went["pending"][row] = True
        else:
            went["decided" if inside[-1][2] in deciding else "closed"][row] = True
    any_of = np.any(list(came.values()), axis=0)
    process = r.reading.claim_process
    open_now = (
        np.array([value is True for value in r.col(f"process_{process}")], dtype=bool)
        if process
        else r.is_in("legal", pending_states)
    )
    name = "claims in the period"
    return Backlog(
        _parted(r, "claims came", came, any_of, name),
        _parted(r, "claims went", went, any_of, name),
        int(went["pending"].sum()),
        int((open_now & r.active).sum()),
    )


def _parted(
    r: Record, name: str, parts: Mapping[str, Mask], inside: Mask, universe: str
) -> Counts:
    codes = np.full(r.n, -1, dtype=np.int16)
    for i, mask in enumerate(parts.values()):
        codes[mask & inside] = i
    return counted(name, (name,), (tuple(parts),), (codes,), universe=universe)


# -- leaving --------------------------------------------------------------------------------------


def months_until(until: dt.date, months: int = 12) -> tuple[str, ...]:
    """The last months up to a date, oldest first, as "2026-10"."""
    number = until.year * 12 + until.month - 1
    return tuple(
        f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(number - months + 1, number + 1)
    )


EARLIER = "earlier"


def departures(r: Record) -> Counts | None:
    """People by month and way of their outcome; months before the last twelve together."""
    way, day = r.left_on
    inside = np.array([w is not None for w in way], dtype=bool) & ~np.isnat(day)
    if not inside.any():
        return None
    months = months_until(r.on)
    return _by_month(r, "departures", day, inside, months, way, r.reading.ways)


def relocations(r: Record) -> Counts | None:
    """People by the month of their last relocation inside the country."""
    keys = r.reading.moves_within()
    day = np.full(r.n, np.datetime64("NaT"), dtype="datetime64[D]")
    for row, key, when in r.moves:
        if key in keys and when <= r.day:
            day[row] = when
    inside = ~np.isnat(day)
    if not inside.any():
        return None
    way = np.full(r.n, "relocated", dtype=object)
    return _by_month(r, "relocations", day, inside, months_until(r.on), way, ("relocated",))


def _by_month(r: Record, name: str, day: Days, inside: Mask, months: tuple[str, ...], way: Words, order: tuple[str, ...]) -> Counts:  # fmt: skip
    text = np.array(
        [str(d)[:7] if ok else None for d, ok in zip(day, inside, strict=True)], dtype=object
    )
    text = np.array(
        [EARLIER if t is not None and t not in months else t for t in text], dtype=object
    )
    labels = (EARLIER, *months)
    codes = np.array([labels.index(t) if t is not None else -1 for t in text], dtype=np.int16)
    ways, way_codes = r.category(way, inside, order, "not recorded")
    return counted(name, (f"{name} month", f"{name} way"), (labels, ways), (codes, way_codes),
                   universe=name)  # fmt: skip


def state_decisions(r: Record, capacity: str) -> Counts | None:
    """People by the last decision of a State on their case; deferrals are no decision."""
    _, decided = r.reading.place_steps(capacity)
    if not decided:
        return None
    last = r.last_move({key: "accepted" if good else "denied" for key, good in decided.items()})
    inside = np.array([word is not None for word in last], dtype=bool)
    labels, codes = r.category(last, inside, ("accepted", "denied"), "denied")
    if not inside.any():
        return None
    return counted(f"decided {capacity}", (f"decided {capacity}",), (labels,), (codes,),
                   universe=f"decided {capacity}")  # fmt: skip


def place_users(r: Record, capacity: str) -> Counts:
    """Everybody ever registered: accepted and waiting, departed on such a place, others."""
    waiting, _ = r.reading.place_steps(capacity)
    ways = r.reading.place_ways(capacity)
    gone = {stage for stage, way in r.reading.exits.items() if way in ways}
    registered = np.array([day is not None for day in r.col("registered_on")], dtype=bool)
    parts = {
        "waiting": r.active & r.is_in("stage", waiting),
        "departed": r.is_in("stage", gone),
    }
    return r.split(f"places {capacity}", parts, registered, "others", universe="registered")


@dataclass(frozen=True)
class StageDays:
    """Days spent in one stage; None where too few people stand behind it."""

    stage: str
    mean: float | None
    median: float | None
    p90: float | None
    open_median: float | None


def days_per_stage(
    spells: Sequence[tuple[str, dt.date, dt.date | None]],
    *,
    until: dt.date,
    order: Sequence[str],
    least: int = 20,
) -> list[StageDays]:
    """Completed spells and, beside them, the age of the open ones.

    spells  (stage, entered on, left on or None) of everyone
    order   stages in the order shown; stages nobody was in are left out
    least   spells that must stand behind a figure
    """
    done: dict[str, list[int]] = {}
    still: dict[str, list[int]] = {}
    for stage, entered, left in spells:
        if left is not None and left <= until:
            done.setdefault(stage, []).append((left - entered).days)
        elif entered <= until:
            still.setdefault(stage, []).append((until - entered).days)
    rows = []
    for stage in order:
        ended, waiting = done.get(stage, []), still.get(stage, [])
        if not ended and not waiting:
            continue
        enough, waiting_enough = len(ended) >= least, len(waiting) >= least
        rows.append(
            StageDays(
                stage,
                float(np.mean(ended)) if enough else None,
                float(np.median(ended)) if enough else None,
                float(np.quantile(ended, 0.9)) if enough else None,
                float(np.median(waiting)) if waiting_enough else None,
            )
        )
    return rows


# -- held back ------------------------------------------------------------------------------------


def blocked(r: Record, steps: NextSteps) -> tuple[Counts, list[Counts]]:
    """Active people: with an open next step, held back, or with no step of their own; and per
    safeguard: held back by it alone, by it and another, or not by it."""
    own = own_steps(steps)
    rows = steps.person_row
    is_open = np.asarray(steps.table["open"], dtype=bool)
    asked, free = _mark(r.n, rows[own]), _mark(r.n, rows[own & is_open])
    overall = r.split("next step", {"open": free & r.active, "held back": asked & ~free & r.active},
                      r.active, "none of their own", sums={"asked": ("open", "held back")})  # fmt: skip
    words = [np.asarray(steps.table[name]) for name in steps.table.column_names if name.startswith("failed_")]  # fmt: skip
    found = []
    for safeguard in r.rulebook.safeguards.values():
        bits = [np.int64(0) for _ in words]
        for i, finding in enumerate(steps.findings):
            if finding.safeguard == safeguard.name:
                bits[i // WORD] |= np.int64(1) << np.int64(i % WORD)
        fails, others = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
        for word, bit in zip(words, bits, strict=True):
            fails |= (word & bit) != 0
            others |= (word & ~bit) != 0
        held = _mark(r.n, rows[fails & own])
        only = _mark(r.n, rows[fails & own & ~others])
        found.append(
            r.split(f"held by {safeguard.name}", {"alone": only, "with others": held}, r.active,
                    "not held", sums={"held": ("alone", "with others")})
        )  # fmt: skip
    return overall, found


def no_open_pathway(r: Record, steps: NextSteps) -> Counts:
    """Active people to whom no lawful, voluntary option is open."""
    option = np.array([is_option(r.rulebook, move) for move in steps.moves] or [False])[
        steps.step
    ]
    is_open = np.asarray(steps.table["open"], dtype=bool)
    some = _mark(r.n, steps.person_row[option & is_open])
    return r.split("open pathway", {"some": some & r.active}, r.active, "none")


def _mark(n: int, rows: npt.NDArray[np.int64]) -> Mask:
    found = np.zeros(n, dtype=bool)
    found[rows] = True
    return found


# -- after leaving --------------------------------------------------------------------------------


@dataclass(frozen=True)
class FollowUps:
    """Contacts due on the date, by way of leaving and what became of them, and those coming."""

    due: Counts
    soon: Counts


def follow_ups(r: Record) -> FollowUps | None:
    """Contacts due, by where each stands on the day."""
    if not r.has(contacts.KIND, "person", "due_on", "done_on", "result"):
        return None
    made = _contacts(r)
    way, _ = r.left_on
    stage, tolerated = r.col("stage"), contacts.tolerated(r.rulebook)
    dead = contacts.beyond_reach(r.rulebook)
    answered = contacts.last_answers(
        ((row, done, result) for row, _, done, result in made), r.on
    )
    values: dict[tuple[str, ...], int] = {}
    ways: list[str] = []
    soon = 0
    for row, due, done, result in made:
        if due is None:
            continue
        known = row >= 0
        gone = known and stage[row] in dead
        if due > r.on:
            soon += int((done is None or done > r.on) and (due - r.on).days <= 30 and not gone)
            continue
        days = tolerated.get(stage[row] or "", 0) if known else 0
        state = contacts.standing(
            due, done, result, answered.get(row) if known else None, r.on, days
        )
        if gone and state in contacts.STILL_TO_BE_MADE:
            continue
        name = (way[row] if known else None) or "not recorded"
        ways.append(name)
        values[name, state] = values.get((name, state), 0) + 1
    order = tuple(w for w in (*r.reading.ways, "not recorded") if w in ways)
    due_counts = Counts("follow-ups", ("follow-up way", "contact"), (order, contacts.STANDINGS),
                        values, universe="contacts")  # fmt: skip
    return FollowUps(due_counts, alone("follow-ups soon", soon))


def _contacts(r: Record) -> list[tuple[int, dt.date | None, dt.date | None, str | None]]:
    """Every contact: the person's row or -1, the day it is due, the day it was made, its result."""
    found = r.table(contacts.KIND, "due_on", "done_on", "result")

    def day(value: np.datetime64) -> dt.date | None:
        return None if np.isnat(value) else value.astype(dt.date)

    return [
        (int(row), day(due), day(done), result)
        for row, due, done, result in zip(
            *(found[name] for name in ("row", "due_on", "done_on", "result")), strict=True
        )
    ]


def incidents(r: Record) -> Counts | None:
    """Incidents after departure up to the date, by whether of the gravest kind; a pause after a
    movement against a safeguard is none."""
    if not r.has("incident", "severity"):
        return None
    pauses = [OF_BREACH] if r.has("incident", OF_BREACH) else []
    found = _dated(r, "incident", "happened_on", "severity", *pauses)
    happened = [
        severity
        for severity, pause in zip(
            found["severity"],
            found.get(OF_BREACH, [None] * len(found["severity"])),
            strict=True,
        )
        if pause is not True
    ]
    grave = sum(severity == 1 for severity in happened)
    return Counts("incidents", ("severity",), (("gravest", "other"),),
                  {("gravest",): grave, ("other",): len(happened) - grave},
                  universe="incidents")  # fmt: skip


def incidents_unreviewed(r: Record) -> Counts | None:
    """Incidents and pauses after a breach, by whether somebody has reviewed them."""
    if not r.has("incident", "reviewed"):
        return None
    found = _dated(r, "incident", "happened_on", "reviewed")["reviewed"]
    waiting = sum(value is not True for value in found)
    return Counts("incidents reviewed", ("reviewed",), (("waiting", "reviewed"),),
                  {("waiting",): waiting, ("reviewed",): len(found) - waiting},
                  universe="incidents and pauses")  # fmt: skip


def _dated(r: Record, kind: str, date: str, *columns: str) -> dict[str, Any]:
    """Rows of a kind dated up to the date, or not dated."""
    found = r.table(kind, date, *columns)
    keep = np.isnat(found[date]) | (found[date] <= r.day)
    return {name: values[keep] for name, values in found.items()}


def person_months_observed(r: Record) -> float:
    """Months from each departure to the last contact that reached the person."""
    if not r.has("follow_up", "person", "done_on", "result"):
        return 0.0
    _, left = r.left_on
    last: dict[int, dt.date] = {}
    for row, _due, done, result in _contacts(r):
        if row >= 0 and result in contacts.REACHED and done is not None and done <= r.on:
            last[row] = max(done, last.get(row, done))
    days = [
        (np.datetime64(day) - left[row]).astype(int)
        for row, day in last.items()
        if not np.isnat(left[row])
    ]
    return float(sum(max(d, 0) for d in days)) / 30.4375


# -- families, complaints -------------------------------------------------------------------------


def split_households(r: Record) -> tuple[int, int] | None:
    """Households whose living members are in different places: (all adults agreed, not all)."""
    if not r.has("person", "household"):
        return None
    lost = r.reading.lost_places()
    groups: dict[str, list[int]] = {}
    places, homes = r.col("place"), r.col("household")
    for row, (home, place) in enumerate(zip(homes, places, strict=True)):
        if home is not None and place is not None and place not in lost:
            groups.setdefault(home, []).append(row)
    agreed, adult = r.col("split_agreed"), r.col("adult")
    counts = [0, 0]
    for rows in groups.values():
        if len({places[row] for row in rows}) > 1:
            # An unknown age or an unknown answer is no agreement.
            free = all(agreed[row] is True for row in rows if adult[row] is not False)
            counts[0 if free else 1] += 1
    return counts[0], counts[1]


def separated_children(r: Record) -> Counts | None:
    """Active separated and unaccompanied children, with and without a determination."""
    if not r.has("person", "child_situation") or not r.has("assessment", "topic", "finding"):
        return None
    apart = r.active & r.is_in("child_situation", {"separated", "unaccompanied"})
    apart &= np.array([value is not True for value in r.col("adult")], dtype=bool)
    made = r.table("assessment", "topic", "finding", "made_on")
    done = np.zeros(r.n, dtype=bool)
    for topic, finding, when, row in zip(made["topic"], made["finding"], made["made_on"], made["row"], strict=True):  # fmt: skip
        if topic == "best_interests" and finding is not None and row >= 0:
            done[row] |= bool(not np.isnat(when) and when <= r.day)
    return r.split("separated children", {"determined": apart & done, "waiting": apart & ~done},
                   r.active, "others", sums={"apart": ("determined", "waiting")})  # fmt: skip


@dataclass(frozen=True)
class Complaints:
    received: Counts
    open: Counts
    coercion: Counts
    median_days: float | None


def complaints(r: Record, least: int) -> Complaints | None:
    """Complaints of the period, still open, days to close, coercion waiting for triage."""
    if not r.has("complaint", "received_on", "closed_on"):
        return None
    found = _dated(r, "complaint", "received_on", "closed_on", "category", "triaged")
    received, closed = found["received_on"], found["closed_on"]
    ended = ~np.isnat(closed) & (closed <= r.day)
    recent = ~np.isnat(received) & ((r.day - received).astype("timedelta64[D]").astype(int) < PERIOD_DAYS)  # fmt: skip
    waits = np.array([c == "coercion" and t is not True for c, t in zip(found["category"], found["triaged"], strict=True)], dtype=bool)  # fmt: skip
    days = [int(d) for d in (closed - received)[ended & ~np.isnat(received)].astype("timedelta64[D]").astype(int)]  # fmt: skip
    return Complaints(
        _yes_no("complaints received", recent, "complaints"),
        _yes_no("complaints open", ~ended, "complaints"),
        _yes_no("complaints coercion", waits, "complaints"),
        float(np.median(days)) if len(days) >= least else None,
    )


def _yes_no(name: str, mask: Mask, universe: str) -> Counts:
    yes = int(mask.sum())
    return Counts(
        name, (name,), (("yes", "no"),), {("yes",): yes, ("no",): len(mask) - yes}, universe
    )


def _words(column: pa.ChunkedArray) -> Words:
    found = np.empty(len(column), dtype=object)
    found[:] = column.to_pylist()
    return found


def _days(column: pa.ChunkedArray) -> Days:
    values = column.cast(pa.int32()).to_numpy(zero_copy_only=False)
    days = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[D]")
    known = np.asarray(pc.is_valid(column), dtype=bool)
    days[known] = values[known].astype(np.int64).astype("datetime64[D]")
    return days
