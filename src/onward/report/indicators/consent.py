"""Who was heard in private, who agreed, who took it back, who declines.

Exists because a valid consent is what the safeguards say it is: it is asked of them and never judged
anew. Comes in: the record. Goes out: counts, still unprotected, and the consents valid on the day.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from onward.caseload import Caseload
from onward.engine import Engine
from onward.report.disclosure import Counts
from onward.report.indicators.record import Mask, Record
from onward.safeguards.asking import Asking
from onward.safeguards.evaluate import ask


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
