"""One dated timeline from everything the plan holds, and the alerts due on a day.

Exists because the clocks of an operation stand in different drawers: the mandate's expiry, the
review date, the renewal that must be asked for months before, the day a sheet may be told, the
day an offer lapses. In come a plan and a day; out comes one Arrow table, a row per dated thing,
earliest first, with the range of days where the day is uncertain. Nothing here acts on a date:
a clock that runs out says "basis review required" and closes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from onward.plan.draws import (
    FUTURES,
    SEED,
    FloatArray,
    PlanDraws,
    plan_draws,
    ready,
    spread,
)
from onward.plan.model import Audience, Confidentiality, Plan, UncertainDate

ALERT_DAYS = (180, 90, 60, 30, 14, 7)
"""Days before a clock runs out on which somebody is told."""

REVIEW = "basis review required"

SCHEMA = pa.schema(
    [
        ("date_p10", pa.date32()),
        ("date_likely", pa.date32()),
        ("date_p90", pa.date32()),
        ("kind", pa.string()),
        ("what", pa.string()),
        ("title", pa.string()),
        ("says", pa.string()),
        ("rests_on", pa.list_(pa.string())),
        ("owner", pa.string()),
        ("chance", pa.float64()),
        ("days_left", pa.int64()),
        ("alert", pa.int64()),
        ("confidentiality", pa.string()),
    ]
)

KINDS = {
    "authority_begins": "begins", "review_by": "review due", "renewal_by": "ask for renewal by",
    "early_end": "earliest early end", "authority_ends": "ends",
    "assurance_begins": "assurance begins", "assurance_ends": "assurance ends",
    "action_starts": "work starts", "action_done": "work done", "pledge_opens": "places open",
    "pledge_closes": "places lapse", "embargo_ends": "may be told from",
    "message_released": "told", "milestone": "milestone", "deadline": "deadline",
    "service_target": "service target",
}  # fmt: skip
CLOCKS = (
    "review_by", "renewal_by", "authority_ends", "assurance_ends", "pledge_closes", "deadline",
)  # fmt: skip
"""The kinds of rows that run out, so that alerts are due before them."""


@dataclass(frozen=True)
class _Row:
    kind: str
    what: str
    title: str
    says: str
    days: FloatArray
    rests_on: Sequence[str] = ()
    owner: str = ""
    confidentiality: Confidentiality = "partners"


def timeline(
    plan: Plan,
    *,
    as_of: dt.date,
    draws: PlanDraws | None = None,
    audience: Audience = "internal",
) -> pa.Table:
    """Every dated thing of the plan, earliest likely day first.

    as_of     day from which days_left is counted and open work is drawn
    draws     of the same plan; drawn with the default seed when left out
    audience  "external" keeps only what is public, names no other entry in `rests_on`, and
              says nothing about how likely a date is
    returns   columns of SCHEMA: date_p10, date_likely, date_p90 (10, 50 and 90 in a hundred
              futures have it by then; null when it does not come in so many), kind (one of
              KINDS), what (id), title, says, rests_on (ids), owner, chance (that it comes at
              all), days_left (to the likely day; negative once past), alert (the tightest of
              ALERT_DAYS reached by a clock, null before the first and after the day),
              confidentiality
    """
    if draws is None:
        draws = plan_draws(plan, FUTURES, SEED, as_of)
    rows: list[dict[str, Any]] = []
    for row in _rows(plan, draws):
        if audience == "external" and row.confidentiality != "public":
            continue
        when = spread(row.days, draws)
        left = (when.p50 - as_of).days if when.p50 else None
        hidden = audience == "external"
        rests = [
            id for id in row.rests_on if not hidden or plan.confidentiality(id) == "public"
        ]
        rows.append(
            {
                "date_p10": None if hidden else when.p10,
                "date_likely": when.p50,
                "date_p90": None if hidden else when.p90,
                "kind": row.kind,
                "what": row.what,
                "title": row.title,
                "says": row.says,
                "rests_on": rests,
                "owner": row.owner,
                "chance": None if hidden else when.chance,
                "days_left": left,
                "alert": alert_level(left) if row.kind in CLOCKS else None,
                "confidentiality": row.confidentiality,
            }
        )
    rows.sort(key=lambda r: (r["date_likely"] or dt.date.max, r["kind"], r["what"]))
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def alert_level(days_left: int | None) -> int | None:
    """The tightest of ALERT_DAYS already reached; None before the first and after the day."""
    if days_left is None or days_left < 0:
        return None
    reached = [days for days in ALERT_DAYS if days_left <= days]
    return min(reached) if reached else None


def alerts(plan: Plan, *, on: dt.date, draws: PlanDraws | None = None) -> pa.Table:
    """The clocks that are within 180 days of `on`, most pressing first; columns as `timeline`.

    A job that runs daily tells people on the days when `days_left` equals a level.
    """
    table = timeline(plan, as_of=on, draws=draws)
    chosen = [row for row in table.to_pylist() if row["alert"] is not None]
    chosen.sort(key=lambda row: (row["days_left"], row["kind"], row["what"]))
    return pa.Table.from_pylist(chosen, schema=SCHEMA)


def _rows(plan: Plan, draws: PlanDraws) -> Iterable[_Row]:
    n, as_of = draws.futures, draws.as_of

    def on(day: dt.date) -> FloatArray:
        return np.full(n, float((day - as_of).days))

    def at(when: UncertainDate) -> FloatArray:
        # Only the day of an embargo or a message is written so; its range is shown as given.
        days = [float((day - as_of).days) for day in (when.earliest, when.likely, when.latest)]
        return np.interp(np.linspace(0, 1, n), (0.0, 0.5, 1.0), days).round()

    for a in plan.authorities.values():
        base = (a.grantor, a.confidentiality)
        yield _Row("authority_begins", a.id, a.title, "takes effect", draws.begins[a.id],
                   a.rests_on, *base)  # fmt: skip
        if a.review_by:
            yield _Row("review_by", a.id, a.title, "must be reviewed by this day",
                       np.minimum(on(a.review_by), draws.ends[a.id]), a.rests_on, *base)  # fmt: skip
        if a.expiry:
            says = a.at_expiry or REVIEW
            if REVIEW not in says:
                says = f"{says}; {REVIEW}"
            yield _Row("authority_ends", a.id, a.title, says, draws.ends[a.id], a.rests_on,
                       *base)  # fmt: skip
            if a.renewal:
                lead = dt.timedelta(days=a.renewal.lead_days)
                yield _Row("renewal_by", a.id, a.title,
                           f"last day to ask for renewal, {a.renewal.lead_days} days before expiry",
                           on(a.expiry - lead), a.rests_on, *base)  # fmt: skip
            if a.early_end:
                notice = a.early_end.notice_days
                first = max(as_of, a.effective.earliest) + dt.timedelta(days=notice)
                if first < a.expiry:
                    yield _Row("early_end", a.id, a.title,
                               f"earliest end if {a.early_end.by} gave notice of {notice} days today",
                               on(first), a.rests_on, *base)  # fmt: skip
    for s in plan.assurances.values():
        who = (s.recipient, s.confidentiality)
        yield _Row("assurance_begins", s.id, s.title,
                   f"{s.state}; holds only once signed and found reliable by the named lawyer",
                   draws.begins[s.id], (), *who)  # fmt: skip
        if s.expiry:
            yield _Row("assurance_ends", s.id, s.title,
                       f"every step that relies on it is blocked at once; {REVIEW}",
                       draws.ends[s.id], (), *who)  # fmt: skip
    for w in plan.actions.values():
        who = (w.owner, w.confidentiality)
        rests = (*w.depends_on, *w.relies_on)
        yield _Row("action_starts", w.id, w.title, "", draws.starts[w.id], rests, *who)
        yield _Row("action_done", w.id, w.title, "", draws.finishes[w.id], rests, *who)
    for p in plan.pledges.values():
        who = (p.country, p.confidentiality)
        rests = (p.conditional_on.pledge,) if p.conditional_on else ()
        for i, (opens, closes) in enumerate(draws.windows[p.id]):
            places = f"{p.windows[i].places_people} places, {p.state}"
            if p.conditional_on:
                places += (
                    f"; after {p.conditional_on.departed_people} people have left on the other"
                )
            yield _Row("pledge_opens", p.id, p.title, places, opens, rests, *who)
            yield _Row(
                "pledge_closes", p.id, p.title, "unused places lapse", closes, rests, *who
            )
    for t in plan.messages.values():
        audience: Confidentiality = (
            "public" if t.audience == "everyone" else
            "partners" if t.audience in ("partners", "group") else "sensitive"
        )  # fmt: skip
        secret = [plan.confidentiality(id) for id in t.mentions]
        if "sensitive" in secret:
            audience = "sensitive"
        elif "partners" in secret and audience == "public":
            audience = "partners"
        rests = (*t.mentions, *([t.released_after] if t.released_after else []))
        if t.embargo_until:
            yield _Row("embargo_ends", t.id, t.title, "", at(t.embargo_until), t.mentions,
                       t.owner, "sensitive")  # fmt: skip
        if t.released:
            yield _Row("message_released", t.id, t.title, f"to {t.audience}", on(t.released),
                       rests, t.owner, audience)  # fmt: skip
        elif t.released_after:
            yield _Row("message_released", t.id, t.title, f"to {t.audience}",
                       draws.finishes[t.released_after], rests, t.owner, audience)  # fmt: skip
    for d in plan.deadlines.values():
        yield _Row("deadline", d.id, d.title, "", draws.deadlines[d.id],
                   (d.authority,) if d.authority else (), "", d.confidentiality)  # fmt: skip
    for k in plan.milestones.values():
        done = ready(plan, k.id, draws)
        if done is not None:
            yield _Row("milestone", k.id, k.title, "", done, k.after, "", k.confidentiality)
    for g in plan.targets.values():
        if g.by:
            yield _Row("service_target", g.id, g.title, f"{g.at_least:g} {g.metric} per {g.per}",
                       on(g.by))  # fmt: skip
