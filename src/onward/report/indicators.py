"""Every indicator of the situation report, each by its definition.

Comes in: a caseload and the spells of its log. Goes out: plain counts, still unprotected; only
`build.py` may turn them into what a reader sees, through the disclosure rules. DEFINITIONS is
the one place where a definition is written; page, paper and reference quote it.

Definitions follow UNHCR's Statistical Yearbook method for recognition rates and the usual
humanitarian practice elsewhere; unit persons unless stated; duplicates are never counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from onward.caseload import Caseload
from onward.engine import Engine, Stage
from onward.report.disclosure import Counts

DEFINITIONS: Mapping[str, tuple[str, str]] = {
    "caseload": ("Caseload", "Active people on the date by legal status and site. Active: no final outcome, not dead, not absent. Cases are movement units and are shown apart from people."),
    "pipeline": ("Pipeline", "Active people by the furthest step they have reached."),
    "interview_coverage": ("Interview coverage", "Active adults and unaccompanied children with at least one private, impartial interview, divided by all of them."),
    "consent_rate": ("Consent on record", "People whose consent to the pathway and destination they chose is signed and not withdrawn, divided by active people who chose one."),
    "withdrawal_rate": ("Withdrawals", "Consents withdrawn, divided by all consents on record. Withdrawing is a right, not a failure."),
    "not_engaging": ("Not engaging", "Active people who decline interview or choice, divided by all active people. It never means consent."),
    "refugee_recognition": ("Refugee recognition rate", "Recognised divided by recognised, complementary and rejected first decisions; exclusions are inside rejected; closures are left out."),
    "total_recognition": ("Total recognition rate", "Recognised and complementary divided by recognised, complementary and rejected first decisions."),
    "rsd_backlog": ("Claims pending", "Claims lodged and not finally decided or withdrawn on the date."),
    "days_per_stage": ("Days per stage", "Mean, median and ninth decile of completed spells; the age of open spells stands beside them, because the slow ones have not ended yet."),
    "departures": ("Departures per month", "People with a confirmed departure dated in the month, by pathway. Relocations inside the country are apart: they are never an outcome."),
    "blocked": ("Blocked", "People whose next step fails at least one safeguard. One person can fail several, so the rows must not be added."),
    "basis_lapsing": ("Basis lapsing", "People whose protection rests on something whose clock runs out within 30, 60 or 90 days."),
    "follow_ups": ("Follow-ups", "Due: scheduled on or before the date. Overdue: due, not done, past the tolerance. Contact rate: people reached divided by contacts due."),
    "incidents": ("Incidents after departure", "Incidents recorded after an outcome, always beside the contact rate: silence is not safety."),
    "family": ("Family unity", "Households whose members have gone different ways, with and without everyone's agreement, and separated children with a best-interests determination."),
    "complaints": ("Complaints", "Opened and open complaints, median days to close, and coercion complaints that wait for triage."),
    "pledges": ("Places", "Places confirmed by States; filled: people departed. Conditional and verbal offers are never added."),
    "residual": ("Residual at the deadline", "People expected to be here on the deadline, from simulated futures: the middle and the range that holds half, four fifths and nineteen twentieths of them."),
    "required_rate": ("Required rate", "People present divided by months left, beside the mean of the last three months. A warning that the plan may not fit the time. Never a target for anyone."),
    "milestones": ("Milestones", "The share of simulated plans in which the milestone is met by its date."),
    "breaches": ("Breaches", "Movements recorded although a safeguard was not met. Each names the safeguards and who must be told."),
}  # fmt: skip


@dataclass(frozen=True)
class Ratio:
    """A share with both its counts, so that neither can hide in the other."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None


def _rows(engine: Engine, caseload: Caseload, sql: str, **more: pa.Table) -> list[dict[str, Any]]:
    inputs = {name: table for name, table in caseload.tables.items() if f"kind_{name}" in sql}
    renamed = {f"kind_{name}": table for name, table in inputs.items()}
    result = engine.run([Stage("answer", sql)], {**renamed, **more}, ["answer"])
    rows: list[dict[str, Any]] = result["answer"].to_pylist()
    return rows


def _one(engine: Engine, caseload: Caseload, sql: str, **more: pa.Table) -> dict[str, Any]:
    return _rows(engine, caseload, sql, **more)[0]


def _day(value: dt.date) -> str:
    return f"CAST('{value.isoformat()}' AS DATE)"


def by_status_and_site(caseload: Caseload, engine: Engine) -> Counts:
    """Active people by legal status and site; a site nobody recorded is its own column."""
    rows = _rows(
        engine,
        caseload,
        """SELECT coalesce(legal, 'not recorded') AS legal, coalesce(site, 'not recorded') AS site,
                  count(*) AS people
           FROM kind_person WHERE active GROUP BY 1, 2""",
    )
    statuses = [name for name in caseload.rulebook.axes["legal"].states]
    used = [s for s in [*statuses, "not recorded"] if any(r["legal"] == s for r in rows)]
    sites = sorted({r["site"] for r in rows})
    return Counts(
        "caseload",
        ("legal status", "site"),
        (tuple(used), tuple(sites)),
        {(r["legal"], r["site"]): r["people"] for r in rows},
    )


def pipeline(caseload: Caseload, engine: Engine) -> Counts:
    """Active people by forecast state, in the rulebook's order."""
    rows = _rows(
        engine,
        caseload,
        """SELECT coalesce(forecast_state, 'not recorded') AS state, count(*) AS people
           FROM kind_person WHERE active GROUP BY 1""",
    )
    found = {r["state"]: r["people"] for r in rows}
    order = [s for s in [*caseload.rulebook.forecast_states, "not recorded"] if s in found]
    return Counts("pipeline", ("stage",), (tuple(order),), {(s,): found[s] for s in order})


def by_sex_and_age(caseload: Caseload, engine: Engine) -> Counts:
    """Active people by sex and whether adult on the date; an unknown age is its own row."""
    rows = _rows(
        engine,
        caseload,
        """SELECT coalesce(sex, 'unknown') AS sex,
                  CASE WHEN adult THEN 'adult' WHEN NOT adult THEN 'child' ELSE 'age not known' END AS age,
                  count(*) AS people
           FROM kind_person WHERE active GROUP BY 1, 2""",
    )
    return Counts(
        "sex-and-age",
        ("age", "sex"),
        (
            tuple(a for a in ("adult", "child", "age not known") if any(r["age"] == a for r in rows)),
            tuple(s for s in ("female", "male", "other", "unknown") if any(r["sex"] == s for r in rows)),
        ),
        {(r["age"], r["sex"]): r["people"] for r in rows},
    )  # fmt: skip


def people_and_cases(caseload: Caseload, engine: Engine) -> tuple[int, int]:
    """Active people, and the movement units they form."""
    row = _one(
        engine,
        caseload,
        "SELECT count(*) AS people, count(DISTINCT unit) AS units FROM kind_person WHERE active",
    )
    return row["people"], row["units"]


def engagement(caseload: Caseload, engine: Engine) -> dict[str, Ratio]:
    """Interview coverage, consents on record, withdrawals, not engaging."""
    heard = _one(
        engine,
        caseload,
        """SELECT count(*) AS whole, count(i.person) AS part
           FROM kind_person p
           LEFT JOIN (SELECT DISTINCT person FROM kind_interview
                      WHERE alone AND impartial_body AND confidential_place AND own_interpreter
                        AND NOT observer_present) i ON i.person = p.id
           WHERE p.active AND (p.adult OR p.child_situation = 'unaccompanied')""",
    )
    agreed = _one(
        engine,
        caseload,
        """SELECT count(*) AS whole, count(c.person) AS part
           FROM kind_person p
           LEFT JOIN (SELECT DISTINCT person, pathway, destination FROM kind_consent
                      WHERE NOT withdrawn) c
             ON c.person = p.id AND c.pathway = p.intended_pathway
                AND c.destination = p.intended_destination
           WHERE p.active AND p.intended_pathway IS NOT NULL""",
    )
    withdrawn = _one(
        engine,
        caseload,
        """SELECT count(*) AS whole, coalesce(sum(CASE WHEN withdrawn THEN 1 ELSE 0 END), 0) AS part
           FROM kind_consent""",
    )
    quiet = _one(
        engine,
        caseload,
        """SELECT count(*) AS whole,
                  coalesce(sum(CASE WHEN stage = 'not_engaging' THEN 1 ELSE 0 END), 0) AS part
           FROM kind_person WHERE active""",
    )
    return {
        name: Ratio(int(row["part"]), int(row["whole"]))
        for name, row in (
            ("interview_coverage", heard),
            ("consent_rate", agreed),
            ("withdrawal_rate", withdrawn),
            ("not_engaging", quiet),
        )
    }


@dataclass(frozen=True)
class StatusDecisions:
    """First decisions on claims and what is pending."""

    recognised: int
    complementary: int
    rejected: int
    excluded: int
    pending: int

    @property
    def refugee_rate(self) -> Ratio:
        return Ratio(self.recognised, self.recognised + self.complementary + self.rejected)

    @property
    def total_rate(self) -> Ratio:
        whole = self.recognised + self.complementary + self.rejected
        return Ratio(self.recognised + self.complementary, whole)


def status_decisions(
    caseload: Caseload, moves: Sequence[tuple[str, str, dt.date]], engine: Engine
) -> StatusDecisions:
    """First decisions so far (exclusions inside rejected) and claims pending on the date."""
    made = {"recognised": 0, "complementary": 0, "rejected": 0, "excluded": 0}
    for _, move, _ in moves:
        transition, _, outcome = move.partition(".")
        if transition == "T10" and outcome in made:
            made[outcome] += 1
    pending = 0
    if "rsd" in caseload.rulebook.processes:
        row = _one(
            engine,
            caseload,
            """SELECT coalesce(sum(CASE WHEN process_rsd THEN 1 ELSE 0 END), 0) AS pending
               FROM kind_person WHERE active""",
        )
        pending = int(row["pending"])
    return StatusDecisions(
        made["recognised"],
        made["complementary"],
        made["rejected"] + made["excluded"],
        made["excluded"],
        pending,
    )


@dataclass(frozen=True)
class FollowUps:
    due: int
    overdue: int
    reached: int
    concern: int
    next_30_days: int

    @property
    def contact_rate(self) -> Ratio:
        return Ratio(self.reached, self.due)


def follow_ups(caseload: Caseload, engine: Engine, tolerance_days: int) -> FollowUps:
    """Contacts due, overdue and made. `tolerance_days` after the due date a contact is overdue."""
    if "follow_up" not in caseload.tables:
        return FollowUps(0, 0, 0, 0, 0)
    on = _day(caseload.as_of)
    row = _one(
        engine,
        caseload,
        f"""SELECT
              coalesce(sum(CASE WHEN due_on <= {on} THEN 1 ELSE 0 END), 0) AS due,
              coalesce(sum(CASE WHEN done_on IS NULL
                    AND date_diff('day', due_on, {on}) > {tolerance_days} THEN 1 ELSE 0 END), 0) AS overdue,
              coalesce(sum(CASE WHEN due_on <= {on} AND result IN ('safe', 'concern') THEN 1 ELSE 0 END), 0) AS reached,
              coalesce(sum(CASE WHEN result = 'concern' THEN 1 ELSE 0 END), 0) AS concern,
              coalesce(sum(CASE WHEN done_on IS NULL AND due_on > {on}
                    AND date_diff('day', {on}, due_on) <= 30 THEN 1 ELSE 0 END), 0) AS soon
            FROM kind_follow_up""",
    )
    return FollowUps(
        int(row["due"]), int(row["overdue"]), int(row["reached"]), int(row["concern"]), int(row["soon"])
    )  # fmt: skip


def incidents(caseload: Caseload, engine: Engine) -> dict[str, int]:
    """Incidents after departure: all, of severity 1, and waiting for review."""
    if "incident" not in caseload.tables:
        return {"all": 0, "grave": 0, "unreviewed": 0}
    row = _one(
        engine,
        caseload,
        """SELECT count(*) AS found,
             coalesce(sum(CASE WHEN severity = 1 THEN 1 ELSE 0 END), 0) AS grave,
             coalesce(sum(CASE WHEN reviewed THEN 0 ELSE 1 END), 0) AS unreviewed
           FROM kind_incident""",
    )
    return {
        "all": int(row["found"]),
        "grave": int(row["grave"]),
        "unreviewed": int(row["unreviewed"]),
    }


@dataclass(frozen=True)
class Complaints:
    opened_90_days: int
    open: int
    median_days: float | None
    coercion_untriaged: int


def complaints(caseload: Caseload, engine: Engine) -> Complaints:
    """Complaints of the last 90 days, still open, days to close, coercion waiting for triage."""
    if "complaint" not in caseload.tables:
        return Complaints(0, 0, None, 0)
    on = _day(caseload.as_of)
    row = _one(
        engine,
        caseload,
        f"""SELECT
              coalesce(sum(CASE WHEN date_diff('day', received_on, {on}) < 90 THEN 1 ELSE 0 END), 0) AS opened,
              coalesce(sum(CASE WHEN closed_on IS NULL THEN 1 ELSE 0 END), 0) AS still_open,
              median(date_diff('day', received_on, closed_on)) AS days,
              coalesce(sum(CASE WHEN category = 'coercion' AND (triaged IS NULL OR NOT triaged)
                    THEN 1 ELSE 0 END), 0) AS coercion
            FROM kind_complaint""",
    )
    days = None if row["days"] is None else float(row["days"])
    return Complaints(int(row["opened"]), int(row["still_open"]), days, int(row["coercion"]))


@dataclass(frozen=True)
class Family:
    """Households whose members have gone different ways; separated children."""

    split_agreed: int
    split_not_agreed: int
    separated_children: int
    separated_with_determination: int


def family(caseload: Caseload, engine: Engine) -> Family:
    """A household is split when some members have an outcome and others are still here."""
    split = _one(
        engine,
        caseload,
        """SELECT
             coalesce(sum(CASE WHEN agreed THEN 1 ELSE 0 END), 0) AS agreed,
             coalesce(sum(CASE WHEN agreed THEN 0 ELSE 1 END), 0) AS not_agreed
           FROM (SELECT household,
                        bool_and(coalesce(split_agreed, FALSE) OR NOT coalesce(adult, FALSE)) AS agreed
                 FROM kind_person WHERE household IS NOT NULL AND place <> 'deceased'
                 GROUP BY household
                 HAVING bool_or(active) AND bool_or(place IN ('left', 'host_custody'))) AS h""",
    )
    children = _one(
        engine,
        caseload,
        """SELECT count(*) AS separated, count(b.person) AS determined
           FROM kind_person p
           LEFT JOIN (SELECT DISTINCT person FROM kind_assessment
                      WHERE topic = 'best_interests' AND finding = 'in_best_interests') b
             ON b.person = p.id
           WHERE p.active AND NOT p.adult AND p.child_situation IN ('separated', 'unaccompanied')""",
    )
    return Family(
        int(split["agreed"]), int(split["not_agreed"]), int(children["separated"]),
        int(children["determined"]),
    )  # fmt: skip


def month(day: dt.date) -> str:
    return f"{day:%Y-%m}"


def departures_by_month(
    outcomes: Sequence[tuple[str, str, dt.date]], *, until: dt.date, months: int = 12
) -> tuple[list[str], dict[tuple[str, str], int]]:
    """People who left in each of the last months, by pathway.

    outcomes  (person, pathway, day) of every confirmed departure
    returns   the months in order, and (month, pathway) -> people
    """
    names: list[str] = []
    first = until.replace(day=1)
    for back in range(months - 1, -1, -1):
        year, index = divmod(first.year * 12 + first.month - 1 - back, 12)
        names.append(f"{year:04d}-{index + 1:02d}")
    found: dict[tuple[str, str], int] = {}
    for _, pathway, day in outcomes:
        if month(day) in names and day <= until:
            found[(month(day), pathway)] = found.get((month(day), pathway), 0) + 1
    return names, found


@dataclass(frozen=True)
class StageDays:
    """Days spent in one stage."""

    stage: str
    completed: int
    mean: float | None
    median: float | None
    p90: float | None
    open: int
    open_median: float | None


def days_per_stage(
    spells: Sequence[tuple[str, dt.date, dt.date | None]], *, until: dt.date, order: Sequence[str]
) -> list[StageDays]:
    """Completed spells and, beside them, the age of the open ones.

    spells  (stage, entered on, left on or None) of everyone
    order   stages in the order shown; stages nobody was in are left out
    """
    import numpy as np

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
        rows.append(
            StageDays(
                stage,
                len(ended),
                float(np.mean(ended)) if ended else None,
                float(np.median(ended)) if ended else None,
                float(np.quantile(ended, 0.9)) if ended else None,
                len(waiting),
                float(np.median(waiting)) if waiting else None,
            )
        )
    return rows
