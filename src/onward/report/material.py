"""What the report is made from, as of one date: the one thing that comes in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from onward.caseload import Caseload
from onward.engine import Engine
from onward.forecast.run import Forecast
from onward.forecast.track import Track
from onward.plan.draws import PlanDraws
from onward.plan.model import Plan
from onward.report.disclosure import Key
from onward.safeguards.everybody import NextSteps


@dataclass(frozen=True)
class Material:
    """Everything the report is made from, as of one date.

    spells     from `caseload.spells`
    before     the caseload as of the day before the last 90 days; None leaves withdrawals out
    steps      from `safeguards.evaluate_all`; None leaves what holds people back out
    forecast   None leaves the forecast out; `no_forecast` says why
    observed   (day, people) counted on past days
    earlier    what the last report showed, for "what changed"; internal only
    proposal   the document of the latest stored placement proposal
    track      how kept forecasts did; None leaves it out, internal only
    frozen     what earlier external releases said of past months (`release.freeze`)
    record_ends  the last day the record can tell of; None: not known
    demonstration  whether everybody is invented
    exceptions_used  the exceptions under which a step was taken, by the seq of their events
    answered   of each breach, by the seq of its event: whether everybody was told in time, as
               "late", "waiting", "told" or "closed"; None: the record keeps no register of it
    """

    title: str
    caseload: Caseload
    spells: pa.Table
    engine: Engine
    plan: Plan | None
    draws: PlanDraws | None
    steps: NextSteps | None
    forecast: Forecast | None
    deadline: dt.date | None
    floor_hash: str
    demonstration: bool
    observed: Sequence[tuple[dt.date, int]] = ()
    earlier: Mapping[str, Any] | None = None
    required_rate: bool = True
    before: Caseload | None = None
    proposal: Mapping[str, Any] | None = None
    no_forecast: str = ""
    track: Track | None = None
    frozen: Mapping[str, Mapping[Key, int | None]] = field(default_factory=dict)
    record_ends: dt.date | None = None
    exceptions_used: frozenset[int] = frozenset()
    answered: Mapping[int, str] | None = None
