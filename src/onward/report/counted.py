"""What one release counts: every count the report may show is made here, before it is protected.

Comes in: the record, the plan and a proposal, and the offers an audience may know of. Goes out:
tables of counts for the ledger, and the names under which the sections ask for them. None of its
counts may be printed: a section asks the ledger.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from onward.placement.telling.summary import summary as placement_summary
from onward.plan.lapses import lapses
from onward.report.disclosure import Audience, Counts, alone
from onward.report.indicators import (
    afterwards,
    claims,
    complained,
    consent,
    families,
    held_back,
    leaving,
    presence,
)
from onward.report.indicators.definitions import PERIOD_DAYS
from onward.report.indicators.record import Record
from onward.report.ledger import LEAST_BEHIND
from onward.report.material import Material
from onward.report.offers import Offers
from onward.report.phrases import as_date
from onward.safeguards.help import Remedy, remedies

BASIS_DAYS = (30, 60, 90)
LAPSE_DAYS = (30, 60, 90, 180)
HELPERS = ("authority", "operation")
"""Whose remedies count as help; a person's own consent or claim is never asked for."""
ANSWERED = ("late", "waiting", "told", "closed")
"""What became of a breach: somebody was not told in time, is still to be told, all were, closed."""
PARTITIONS = ("all", "priority", "nationality", "sex", "sex of the principal applicant", "age",
              "age of the principal applicant", "size", "lone older person", "single parent",
              "linked")  # fmt: skip
"""Groupings in which everybody stands once; of categories and needs a person may have several."""


class Counted:
    """Every table of counts of one release, and what the sections need to know to name them.

    tables      what is entered in the ledger
    since       first day of the period "the last 90 days"
    backlog     claims that came and went; None where claims are not recorded
    contacts    contacts due after departure; None where not recorded
    heard       complaints; None where not recorded
    capacities  kinds of places offered that may be known of
    remedies    of the authorities and the operation, those that open most first
    breached    (safeguard, movements), most first
    excepted    whether exceptions were made that may be told of
    dated       what ends on a day, and its table of people, "" where it names nobody
    growing     papers and consents that grow old -> the stem of their tables
    proposed    the latest placement proposal, summed up; None outside
    """

    def __init__(
        self, material: Material, record: Record, offers: Offers, audience: Audience
    ) -> None:
        self.material, self.record, self.offers = material, record, offers
        self.internal = audience == "internal"
        self.on = material.caseload.as_of
        r = record
        tables: list[Counts | None] = [
            presence.by_status_and_site(r), presence.pipeline(r), presence.by_sex_and_age(r),
            presence.whereabouts(r), alone("cases", presence.cases(r)),
            consent.not_engaging(r), consent.interview_coverage(r),
            claims.decisions(r), claims.appeals(r), leaving.departures(r),
            leaving.relocations(r), afterwards.incidents(r), afterwards.incidents_unreviewed(r),
            families.separated_children(r),
        ]  # fmt: skip
        valid = consent.valid_consents(r.caseload, r.engine)
        tables += consent.consents(r, valid) if "consent" in r.caseload.tables else []
        if material.before is not None:
            tables.append(consent.withdrawals(r, material.before, valid))
        self.since = self.on - dt.timedelta(days=PERIOD_DAYS - 1)
        self.backlog = claims.backlog(r, self.since)
        if self.backlog is not None:
            tables += [self.backlog.came, self.backlog.went]
        self.capacities = sorted({p.capacity for p in self.offers.known if p.capacity})
        for capacity in self.capacities:
            tables += [
                leaving.state_decisions(r, capacity),
                leaving.place_users(r, capacity),
            ]
        self.remedies: list[Remedy] = []
        if material.steps is not None:
            overall, held = held_back.blocked(r, material.steps)
            tables += [overall, *held, held_back.no_open_pathway(r, material.steps)]
            found = remedies(material.steps)
            self.remedies = [x for x in found if x.owner in HELPERS and x.options]
            tables += [table for x in self.remedies[:8] for table in self._remedy_counts(x)]
        self.contacts = afterwards.follow_ups(r)
        if self.contacts is not None:
            tables += [self.contacts.due, self.contacts.soon]
        households = families.split_households(r)
        if households is not None:
            agreed, apart = households
            tables.append(Counts("split households", ("households",), (("agreed", "not agreed"),),
                {("agreed",): agreed, ("not agreed",): apart}, universe="households"))  # fmt: skip
        self.heard = complained.complaints(r, LEAST_BEHIND[audience])
        if self.heard is not None:
            tables += [self.heard.received, self.heard.open, self.heard.coercion]
        tables += self._breach_counts() + self._exception_counts()
        tables += self._lapse_counts() + self._proposal_counts()
        self.tables = [table for table in tables if table is not None]

    def _remedy_counts(self, x: Remedy) -> list[Counts]:
        here = int(self.record.active.sum())
        options = Counts(f"options {x.finding}", (f"options {x.finding}",),
            (("people", "further"),), {("people",): x.people, ("further",): x.options - x.people},
            universe=f"options {x.finding}")  # fmt: skip
        people = Counts(f"helped {x.finding}", (f"helped {x.finding}",), (("yes", "no"),),
            {("yes",): x.people, ("no",): here - x.people})  # fmt: skip
        return [options, people]

    def _breach_counts(self) -> list[Counts]:
        rows = self.material.caseload.tables["breach"].to_pylist()
        rows = [x for x in rows if as_date(x["effective"]) <= self.on]
        recent = sum((self.on - as_date(x["effective"])).days < PERIOD_DAYS for x in rows)
        found = [Counts("breaches", ("breach",), (("recent", "before"),),
                        {("recent",): recent, ("before",): len(rows) - recent}, universe="breaches")]  # fmt: skip
        self.breached: list[tuple[str, int]] = []
        each: dict[str, int] = {}
        for row in rows:
            for key in row["safeguards"]:
                each[key] = each.get(key, 0) + 1
        for key, n in sorted(each.items(), key=lambda item: (-item[1], item[0])):
            self.breached.append((key, n))
            found.append(Counts(f"breach {key}", (f"breach {key}",), (("yes", "no"),),
                                {("yes",): n, ("no",): len(rows) - n}, universe="breaches"))  # fmt: skip
        answered = self.material.answered
        if rows and self.internal and answered is not None:
            stood = [answered.get(int(row["seq"]), "waiting") for row in rows]
            found.append(Counts("breaches answered", ("answered",), (ANSWERED,),
                                {(each,): stood.count(each) for each in ANSWERED}, universe="breaches"))  # fmt: skip
        return found

    def _exception_counts(self) -> list[Counts]:
        """Safeguards set aside by two people; told to staff alone."""
        rows = self.material.caseload.tables["override"].to_pylist()
        days = {int(x["seq"]): as_date(x["effective"]) for x in rows}
        days = {seq: day for seq, day in days.items() if day <= self.on}
        self.excepted = bool(days) and self.internal
        if not self.excepted:
            return []
        recent = sum((self.on - day).days < PERIOD_DAYS for day in days.values())
        used = len(days.keys() & self.material.exceptions_used)
        open_ = sum(
            day == self.on and seq not in self.material.exceptions_used
            for seq, day in days.items()
        )
        return [
            Counts("exceptions", ("exception",), (("recent", "before"),),
                   {("recent",): recent, ("before",): len(days) - recent}, universe="exceptions"),
            Counts("exceptions used", ("use",), (("used", "unused", "open"),),
                   {("used",): used, ("unused",): len(days) - used - open_, ("open",): open_},
                   universe="exceptions"),
        ]  # fmt: skip

    def _lapse_counts(self) -> list[Counts]:
        """People behind everything that ends: dated things, growing papers, and their basis."""
        self.dated: list[tuple[Mapping[str, Any], str]] = []
        self.growing: dict[tuple[str, str, str], str] = {}
        plan = self.material.plan
        if plan is None:
            return []
        found: list[Counts] = []
        aging: dict[str, list[np.ndarray]] = {}  # type: ignore[type-arg]
        basis = [np.zeros(self.record.n, dtype=bool) for _ in BASIS_DAYS]
        before = self.on
        for number, days in enumerate(LAPSE_DAYS):
            until = self.on + dt.timedelta(days=days)
            table = lapses(
                plan,
                self.material.caseload,
                until,
                rulebook=self.material.caseload.rulebook,
                since=before,
            )
            before = until
            for row in table.to_pylist():
                if not row["lapses"] or not self.offers.quiet(
                    row["what"], row["title"], row["says"]
                ):
                    continue
                if (
                    not self.internal
                    and row["confidentiality"] != "public"
                    and row["kind"] != "record"
                ):
                    continue
                mask = np.zeros(self.record.n, dtype=bool)
                rows = self.record.rows(
                    pa.chunked_array([pa.array(row["people_ids"] or [], pa.string())])
                )
                mask[rows[rows >= 0]] = True
                mask &= self.record.active
                if row["kind"] in ("status", "place", "authority") and days in BASIS_DAYS:
                    basis[BASIS_DAYS.index(days)] |= mask
                if row["kind"] == "record":
                    key = (row["title"], row["says"], row["owner"] or "–")
                    name = self.growing.setdefault(key, f"aging {len(self.growing)}")
                    found_here = aging.setdefault(
                        name, [np.zeros(self.record.n, bool) for _ in LAPSE_DAYS]
                    )
                    found_here[number] |= mask
                    continue
                name = f"lapse {len(self.dated)}"
                self.dated.append((row, name if row["people"] is not None else ""))
                found.append(self.record.split(name, {"yes": mask}, self.record.active, "no"))
        for name, masks in aging.items():
            for days, mask in zip(LAPSE_DAYS, masks, strict=True):
                found.append(
                    self.record.split(f"{name} {days}", {"yes": mask}, self.record.active, "no")
                )
        windows = {f"within {days}": mask for days, mask in zip(BASIS_DAYS, basis, strict=True)}
        names = tuple(windows)
        sums = {f"up to {days}": names[: i + 1] for i, days in enumerate(BASIS_DAYS) if i}
        found.append(
            self.record.split("basis", windows, self.record.active, "later or never", sums=sums)
        )
        return found

    def _proposal_counts(self) -> list[Counts]:
        """Whom the latest proposal would place, entered like any other count."""
        self.proposed: dict[str, list[dict[str, Any]]] | None = None
        if (
            self.material.proposal is None
            or not self.internal
            or "persons" not in self.material.proposal
        ):
            return []
        self.proposed, made = proposal_counts(
            self.material.proposal, tuple(sorted(self.offers.secrets))
        )
        return made


def proposal_counts(
    proposal: Mapping[str, Any], sensitive: tuple[str, ...]
) -> tuple[dict[str, list[dict[str, Any]]], list[Counts]]:
    """What a proposal comes to, and its tables of counts to be protected together.

    sensitive  programmes that must not appear
    """
    found = placement_summary(dict(proposal), sensitive=sensitive)
    everybody = int(proposal["persons"]["all"])
    filled = {x["programme"]: int(x["filled"]) for x in found["programmes"]}
    others = everybody - sum(filled.values())
    dims = ("programme", "placed")
    made = [
        Counts("proposed", dims, ((*filled, "-"), ("yes", "no")),
               {**{(name, "yes"): n for name, n in filled.items()}, ("-", "no"): others},
               universe="proposal")
    ]  # fmt: skip
    why: dict[str, int] = {}
    for x in found["unplaced_emergencies"]:
        why[stopped_by(x)] = why.get(stopped_by(x), 0) + int(x["size"])
    made.append(Counts("emergencies", ("stopped by",), (tuple(why) or ("-",),),
                       {(k,): n for k, n in why.items()}, universe="emergencies"))  # fmt: skip
    placed = everybody - others
    for grouping, rows in by_grouping(found["fairness"]).items():
        alone_ones = [rows] if grouping in PARTITIONS else [[row] for row in rows]
        for part in alone_ones:
            groups = {x["group"]: (int(x["placed_persons"]), int(x["persons"])) for x in part}
            rest = (placed - sum(a for a, _ in groups.values()),
                    everybody - sum(b for _, b in groups.values()))  # fmt: skip
            groups["-"] = rest
            made.append(
                Counts(table_of(part[0]), (table_of(part[0]), "placed"),
                       (tuple(groups), ("yes", "no")),
                       {(g, state): n for g, (a, b) in groups.items()
                        for state, n in (("yes", a), ("no", b - a))}, universe="proposal")
            )  # fmt: skip
    return found, made


def table_of(row: Mapping[str, Any]) -> str:
    """The table of counts in which a line of the fairness table stands."""
    grouping = str(row["grouping"])
    return (
        f"placed by {grouping}"
        if grouping in PARTITIONS
        else f"placed by {grouping} {row['group']}"
    )


def by_grouping(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["grouping"], []).append(row)
    return found


def stopped_by(row: Mapping[str, Any]) -> str:
    """What stops a case, without the names of single windows."""
    return str(row["reason"]).partition(";")[0].partition(" (")[0]
