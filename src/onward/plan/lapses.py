"""What lapses on a day, and for whom.

Exists because a status screen says what somebody has, never until when. In come a plan, a
caseload (or none) and a day; out comes one Arrow table: authorities, assurances and pledges
that end, the statuses and places that rest on them, and the consents, permits, checks and
assessments that grow too old, each with the people concerned. Statuses that no date can end
are in the table too, and say so. It describes; nothing in this room changes anybody's state,
and the only thing said at an expiry is "basis review required".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from onward.caseload.model import Caseload
from onward.plan.clocks import STATUS_BY_LAW, Clock, clocks
from onward.plan.model import Authority, Plan, Rule
from onward.plan.timeline import REVIEW
from onward.rulebook.model import Rulebook

SCHEMA = pa.schema(
    [
        ("date", pa.date32()),
        ("lapses", pa.bool_()),
        ("kind", pa.string()),
        ("what", pa.string()),
        ("title", pa.string()),
        ("who", pa.string()),
        ("people", pa.int64()),
        ("not_known_people", pa.int64()),
        ("people_ids", pa.list_(pa.string())),
        ("says", pa.string()),
        ("remedy", pa.string()),
        ("owner", pa.string()),
        ("rests_on", pa.list_(pa.string())),
        ("confidentiality", pa.string()),
    ]
)


def lapses(
    plan: Plan,
    caseload: Caseload | None,
    on: dt.date,
    *,
    rulebook: Rulebook,
    since: dt.date | None = None,
) -> pa.Table:
    """What holds for the last time on a day, and for whom.

    caseload  people and their records; None leaves people null (not counted, not zero)
    on        the day asked about
    rulebook  whose axes, settings and conditions say what rests on what and what grows old
    since     with it, everything whose last day is after `since` and up to `on`
    returns   columns of SCHEMA, by date: date (last day it holds), lapses (False on the rows
              that say a status does not end), kind (authority, assurance, pledge, status,
              place, record), what (id), who (in words), people (active people concerned,
              each once), not_known_people (active people of whom it is not recorded whether
              they are concerned), people_ids, says, remedy, owner, rests_on, confidentiality
    """
    first = (since or on - dt.timedelta(days=1)) + dt.timedelta(days=1)
    people = None if caseload is None else _active(caseload.tables["person"])
    rows: list[dict[str, Any]] = []

    def add(
        date: dt.date | None,
        kind: str,
        what: str,
        title: str,
        who: str,
        ids: tuple[pa.Array, int] | None,
        says: str,
        *,
        does: bool = True,
        remedy: str = "",
        owner: str = "",
        rests_on: Sequence[str] = (),
        confidentiality: str = "partners",
    ) -> None:
        rows.append(
            {
                "date": date,
                "lapses": does,
                "kind": kind,
                "what": what,
                "title": title,
                "who": who,
                "people": None if ids is None else len(ids[0]),
                "not_known_people": None if ids is None else ids[1],
                "people_ids": None if ids is None else ids[0],
                "says": says,
                "remedy": remedy,
                "owner": owner,
                "rests_on": list(rests_on),
                "confidentiality": confidentiality,
            }
        )

    def who_is(rule: Rule) -> tuple[pa.Array, int] | None:
        return None if people is None else _matching(people, rule)

    ending = _ending(plan)
    for id, (day, rests_on) in ending.items():
        if not first <= day <= on:
            continue
        if id in plan.authorities:
            a = plan.authorities[id]
            says = "; ".join(part for part in (a.at_expiry, _early(a, day), REVIEW) if part)
            add(day, "authority", id, a.title, str(a.beneficiaries), who_is(a.beneficiaries),
                says, owner=a.grantor, rests_on=rests_on, confidentiality=a.confidentiality,
                remedy=_renewal(a))  # fmt: skip
            for axis, states in (("legal", a.legal), ("place", a.place)):
                for state in states:
                    title = rulebook.axes[axis].states[state].title
                    rule = _both(a.beneficiaries, axis, state)
                    says = "rests on it and ends with it; list everyone affected and reassign beforehand"  # fmt: skip
                    if not _may_end(rulebook, axis, state):
                        continue
                    add(day, "status" if axis == "legal" else "place", state, title, str(rule),
                        who_is(rule), f"{says}; {REVIEW}", owner=a.grantor, rests_on=[id],
                        confidentiality=a.confidentiality)  # fmt: skip
        elif id in plan.assurances:
            s = plan.assurances[id]
            ids = who_is(s.covers)
            if s.purpose == "return" and people is not None:
                ids = _matching(people, _both(s.covers, "intended_destination", s.recipient))
            steps = dict.fromkeys(
                rulebook.transitions[move.split(".")[0]].title for move in s.moves
            )
            says = (
                f"blocked at once, because it relies on this: {', '.join(steps)}" if steps
                else "every step that relies on it is blocked at once"
            )  # fmt: skip
            add(day, "assurance", id, s.title, str(s.covers), ids, f"{says}; {REVIEW}",
                owner=s.recipient, rests_on=rests_on, confidentiality=s.confidentiality,
                remedy="Obtain it again, examined afresh, before any further step.")  # fmt: skip
        else:
            p = plan.pledges[id]
            ids = None
            if people is not None:
                ids = _matching(people, Rule(False, (), {"intended_destination": (p.country,)}))
            add(day, "pledge", id, p.title, f"people who chose {p.country}", ids,
                f"unused places of {p.places_people} lapse", owner=p.country,
                confidentiality=p.confidentiality, remedy="Ask for an extension, or submit before.")  # fmt: skip

    for clock in clocks(rulebook):
        if clock.kind != "person" and "person" not in rulebook.kinds[clock.kind].refs:
            continue
        title = rulebook.kinds[clock.kind].title
        words = [str(v).replace("_", " ") for f in clock.filters for v in f.values if isinstance(v, str)]  # fmt: skip
        if clock.kind == "person":
            title = rulebook.kinds["person"].facts[clock.column].label
        if words:
            title = f"{title}: {', '.join(words)}"
        old = f"{clock.days} days old" if clock.days > 0 else "past its last day"
        says = f"{old} after this day: stale, {clock.finding} no longer holds"
        if caseload is None or people is None:
            continue
        for day, ids in _growing_old(caseload, people, clock, first, on):
            add(day, "record", clock.id, title, "those whose newest one it is", (ids, 0), says,
                remedy=clock.remedy, owner=clock.owner, rests_on=[clock.setting] if clock.setting else [])  # fmt: skip

    for status in rulebook.axes["legal"].states.values() if "legal" in rulebook.axes else ():
        rule = Rule(False, (), {"legal": (status.name,)})
        ids = who_is(rule)
        resting = [
            id
            for id, a in plan.authorities.items()
            if status.name in a.legal and _may_end(rulebook, "legal", status.name)
        ]
        if any(row["kind"] == "status" and row["what"] == status.name for row in rows):
            continue
        says = STATUS_BY_LAW.get(status.code, "")
        if not says and resting:
            says = f"rests on {', '.join(resting)}, which does not end in these days"
        elif not says:
            says = "no date in the plan ends it; only an individual decision can"
        if ids is None or len(ids[0]):
            add(None, "status", status.name, status.title, str(rule), ids, says, does=False,
                rests_on=resting)  # fmt: skip
    rows.sort(key=lambda r: (r["date"] or dt.date.max, not r["lapses"]))
    return _table(rows)


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows with their ids as one list column, never as a million Python texts."""
    offsets: list[int | None] = []
    chunks: list[pa.Array] = []
    filled = 0
    for row in rows:
        ids = row["people_ids"]
        offsets.append(None if ids is None else filled)
        if ids is not None:
            chunks.append(ids.take(pc.sort_indices(ids)))
            filled += len(ids)
    values = pa.concat_arrays(chunks) if chunks else pa.array([], pa.string())
    lists = pa.ListArray.from_arrays(pa.array([*offsets, filled], pa.int32()), values)
    place = SCHEMA.get_field_index("people_ids")
    plain = pa.Table.from_pylist(rows, schema=SCHEMA.remove(place))
    return plain.add_column(place, SCHEMA.field(place), lists)


def _ending(plan: Plan) -> dict[str, tuple[dt.date, tuple[str, ...]]]:
    """Last written day of everything that ends, with what it rests on (which may end first)."""
    days: dict[str, tuple[dt.date, tuple[str, ...]]] = {}
    for s in plan.assurances.values():
        if s.expiry:
            days[s.id] = (s.expiry, ())
    for p in plan.pledges.values():
        if p.valid_to and p.state not in ("exhausted", "withdrawn"):
            days[p.id] = (p.valid_to, ())
    waiting = list(plan.authorities.values())
    for _ in range(len(waiting) + 1):
        for a in waiting:
            ends = [a.expiry] if a.expiry else []
            ends += [days[base][0] for base in a.rests_on if base in days]
            if ends:
                days[a.id] = (min(ends), a.rests_on)
    return days


def _may_end(rulebook: Rulebook, axis: str, state: str) -> bool:
    """Whether a date may end a state at all; some statuses end only person by person."""
    return axis != "legal" or rulebook.axes[axis].states[state].code not in STATUS_BY_LAW


def _early(a: Authority, day: dt.date) -> str:
    if a.expiry and day < a.expiry:
        return "ends with what it rests on, before its own expiry"
    if a.early_end:
        return (
            f"{a.early_end.by} may end it earlier with {a.early_end.notice_days} days' notice"
        )
    return ""


def _renewal(a: Authority) -> str:
    if a.renewal and a.expiry:
        last = a.expiry - dt.timedelta(days=a.renewal.lead_days)
        return f"Ask for renewal by {last.isoformat()}."
    return "Reassign what rests on it beforehand."


def _both(rule: Rule, column: str, value: str) -> Rule:
    if rule.people:
        return rule
    return Rule(False, (), {**rule.columns, column: (value,)})


def _active(people: pa.Table) -> pa.Table:
    """People still present and not merged away; an unknown stage counts as present."""
    return people.filter(pc.fill_null(people["active"], True))


def _matching(people: pa.Table, rule: Rule) -> tuple[pa.Array, int]:
    """(ids of those known to be covered, number of whom it is not known)."""
    ids = people["id"].combine_chunks()
    if rule.everyone:
        return ids, 0
    if rule.people:
        return ids.filter(pc.is_in(ids, pa.array(rule.people, pa.string()))), 0
    holds = pa.array([True] * len(people), pa.bool_())
    for column, values in rule.columns.items():
        if column not in people.column_names:
            holds = pc.and_kleene(holds, pa.nulls(len(people), pa.bool_()))
            continue
        data = people[column].combine_chunks()
        inside = pc.is_in(data, pa.array(values, data.type))
        known = pc.if_else(pc.is_valid(data), inside, pa.scalar(None, pa.bool_()))
        holds = pc.and_kleene(holds, known)
    return ids.filter(pc.fill_null(holds, False)), int(holds.null_count)


def _growing_old(
    caseload: Caseload, people: pa.Table, clock: Clock, first: dt.date, on: dt.date
) -> list[tuple[dt.date, pa.Array]]:
    """(last day, people) for which the newest counting row runs out between two days."""
    table = caseload.tables[clock.kind]
    if clock.column not in table.column_names:
        return []
    person = "id" if clock.kind == "person" else "person"
    # Only people with a row that runs out in these days can be concerned: find them first, so
    # that grouping touches few rows. A newer row of theirs may still save them.
    earliest = first - dt.timedelta(days=clock.days)
    latest = on - dt.timedelta(days=clock.days)
    dates = table[clock.column]
    inside = pc.and_(pc.greater_equal(dates, earliest), pc.less_equal(dates, latest))
    some = pc.unique(table.filter(pc.fill_null(inside, False))[person])
    some = some.filter(pc.is_in(some, people["id"].combine_chunks()))
    table = table.filter(
        pc.and_(
            pc.is_in(table[person], some),
            pc.fill_null(pc.greater_equal(dates, earliest), False),
        )
    )
    for one in clock.filters:
        if one.column not in table.column_names:
            return []
        data = table[one.column]
        known = pc.is_in(data, pa.array(one.values, data.type))
        wanted = pc.invert(known) if one.negated else known
        table = table.filter(pc.and_(pc.is_valid(data), wanted))
    groups = [name for name in clock.groups if name in table.column_names]
    rows = table.select(list(dict.fromkeys([person, *groups, clock.column])))
    newest = rows.group_by([person, *groups]).aggregate([(clock.column, "max")])
    last = newest[f"{clock.column}_max"].to_numpy().astype("datetime64[D]")
    last = last + np.timedelta64(clock.days, "D")
    now = last <= np.datetime64(on)
    found: list[tuple[dt.date, pa.Array]] = []
    holders = newest[person].combine_chunks()
    for day in np.unique(last[now]):
        chosen = holders.filter(pa.array(last == day))
        found.append((day.item(), pc.unique(chosen)))
    return found
