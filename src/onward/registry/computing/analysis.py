"""What the two doors ask of an opened operation: its forecast and its report's material.

Exists so that terminal and browser give the same answer to the same question. Comes in: an
operation and dates. Goes out: plain results of the computing rooms. The only clock read here is
the operation's own default date.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from onward.caseload.model import Caseload, EventTables
from onward.engine import Engine
from onward.errors import OnwardError
from onward.registry.computing.runs import last_proposal
from onward.registry.log.cache import Place
from onward.registry.operation import Operation
from onward.registry.planning import plan_of

if TYPE_CHECKING:
    import pyarrow as pa

    from onward.forecast.building.inputs import Inputs
    from onward.forecast.learning.behaviour import Behaviour
    from onward.forecast.learning.paces import Paces
    from onward.forecast.run import Forecast
    from onward.forecast.track import Track
    from onward.plan.draws import PlanDraws
    from onward.plan.model import Plan
    from onward.report.material import Material
    from onward.rulebook.model import Rulebook

FUTURES = 2000
SEED = 1
PERIOD_DAYS = 28
PLAN_FUTURES = 4000


@dataclass(frozen=True)
class Opened:
    """An operation as of one date. The log is read and folded when first asked for.

    head     the log's end when it was opened
    reading  gives the plan of the day, which is being read
    """

    operation: Operation
    as_of: dt.date
    head: str
    engine: Engine
    rulebook: Rulebook
    reading: Callable[[], Plan | None]

    @cached_property
    def events(self) -> EventTables:
        """The log in columns."""
        return self.operation.events_table(self.rulebook)

    @cached_property
    def caseload(self) -> Caseload:
        """Everybody, as of the date."""
        return self.operation.caseload(self.as_of, engine=self.engine)

    @cached_property
    def plan(self) -> Plan | None:
        """The plan of the date."""
        return self.reading()

    @cached_property
    def paces(self) -> Sequence[Paces]:
        """Paces that other operations gave; raises Faults when one cannot be used here."""
        from onward.registry.computing.paces_given import given

        return given(self.operation, self.rulebook)


def opened(operation: Operation, as_of: dt.date | None = None) -> Opened:
    """An operation as of a date (its own when left out)."""
    day = as_of or operation.default_date()
    head, rulebook = operation.store.head(), operation.rulebook_at(day)

    def read() -> Plan | None:
        return plan_of(operation, rulebook, day)

    if not operation.settings.encrypted:
        # A plan in a file is read beside what comes next, mostly a fold that needs no Python.
        # An encrypted store answers the thread that opened it.
        with_others = ThreadPoolExecutor(1)
        read = with_others.submit(read).result
        with_others.shutdown(wait=False)
    return Opened(operation, day, head, operation.engine(), rulebook, read)


def deadline_of(found: Opened, by: dt.date | None = None) -> dt.date:
    """The date asked about: `by`, or the expiry of the authority the settings name.

    raises  OnwardError saying how to name one
    """
    if by is not None:
        return by
    name = found.operation.settings.deadline
    authority = found.plan.authorities.get(name) if found.plan is not None and name else None
    if authority is None or authority.expiry is None:
        raise OnwardError(
            "There is no deadline to forecast to: name a date with --by, or set deadline in "
            "operation.toml to an authority of plan.yaml that has an expiry."
        )
    return authority.expiry


def draws_of(found: Opened, futures: int = PLAN_FUTURES, seed: int = SEED) -> PlanDraws | None:
    """The plan's dates drawn from the as-of date."""
    if found.plan is None:
        return None
    from onward.plan.draws import plan_draws

    return plan_draws(found.plan, futures, seed, found.as_of)


@dataclass(frozen=True)
class Groundwork:
    """What a forecast reads from the record, whatever plan it is then made under."""

    deadline: dt.date
    counts: pa.Table
    exposures: pa.Table
    waits: pa.Table
    steps: Sequence[tuple[str, str, str]]
    departures: pa.Table
    newcomers: pa.Table
    stays: pa.Table
    paces: Sequence[Paces] = ()

    def for_build(self, found: Opened) -> dict[str, Any]:
        """The arguments of `forecast.building.inputs.build` that no plan changes."""
        return {
            "counts": self.counts, "exposures": self.exposures, "steps": self.steps,
            "waits": self.waits, "departures": self.departures, "newcomers": self.newcomers, "stays": self.stays,
            "paces": self.paces, "as_of": found.as_of, "deadline": self.deadline, "name": found.operation.settings.id,
        }  # fmt: skip


def groundwork(found: Opened, by: dt.date | None = None) -> Groundwork:
    """Counts, exposures, waits and steps of an operation, read once while its log stays the same.

    raises  OnwardError when the deadline is not ahead or the log is too short to read a pace from
    """
    deadline = deadline_of(found, by)
    if deadline <= found.as_of:
        raise OnwardError(
            f"The deadline {deadline} is not after {found.as_of}; name a later one with --by."
        )
    place = found.operation.cached(found.head, found.rulebook, f"pace-{found.as_of}")
    kept = place.read()
    read = kept[0] if kept else _read_past(found)
    if not kept:
        _keep(found, place, read)
    steps = list(zip(*(column.to_pylist() for column in read["steps"].columns), strict=True))
    return Groundwork(
        deadline, read["counts"], read["exposures"], read["waits"], steps, read["departures"],
        read["newcomers"], read["stays"], found.paces,
    )  # fmt: skip


def _read_past(found: Opened) -> Mapping[str, pa.Table]:
    """What a forecast reads from rulebook and log, as tables that can be kept."""
    import pyarrow as pa

    from onward.caseload.counting import counts
    from onward.caseload.moves import forecast_moves
    from onward.caseload.newcomers import newcomers
    from onward.caseload.pace import pace
    from onward.forecast.learning.edges import departing

    first = first_day(found)
    if (found.as_of - first).days < PERIOD_DAYS:
        raise OnwardError(
            f"The log covers {(found.as_of - first).days} days; at least {PERIOD_DAYS} are "
            "needed to read any pace from it. With published counts only, use "
            "onward forecast --counts."
        )
    steps = [(m.from_state, m.move, m.to_state) for m in forecast_moves(found.rulebook)]
    # Stays begun while people were first being registered are left out of the waits: how long
    # those had lasted is not on record.
    settled = first + dt.timedelta(days=PERIOD_DAYS)
    seen = pace(
        found.events, found.rulebook, since=first, waits_since=settled,
        until=found.as_of + dt.timedelta(days=1), period_days=PERIOD_DAYS,
        moves=departing(found.rulebook, steps), engine=found.engine,
    )  # fmt: skip
    return {
        "counts": counts(found.caseload, engine=found.engine),
        "exposures": seen.exposures,
        "waits": seen.waits,
        "departures": seen.departures,
        "stays": seen.stays,
        "steps": pa.table(
            [pa.array(one) for one in zip(*steps, strict=True)], ["from", "move", "to"]
        ),
        "newcomers": newcomers(found.caseload, settled),
    }


def _keep(found: Opened, place: Place, tables: Mapping[str, pa.Table]) -> None:
    """Keep what was read, unless the log has grown since: then it may be of a longer one."""
    if found.operation.store.head() == found.head:
        place.write(tables)


def forecast_of(
    found: Opened,
    *,
    by: dt.date | None = None,
    futures: int = FUTURES,
    seed: int = SEED,
    use_plan: bool = True,
    behaviour: bool | Behaviour = True,
    split: bool = True,
    steps_per_day: int = 1,
    remedies: bool = False,
    fewer_than: Sequence[int] = (),
    progress: Callable[[str], None] | None = None,
    ready: Callable[[], None] = lambda: None,
) -> Forecast:
    """Forecast from the operation's own log, rulebook and plan.

    remedies  judge past days too, for whom safeguards will hold back on the date; takes as long
              again for each of them as for today, the first time
    fewer_than  numbers of people: how likely it is that fewer are left
    ready   waits for the simulator where it is being prepared; asked before simulating
    """
    from onward.forecast.building.inputs import build
    from onward.forecast.learning.behaviour import Behaviour
    from onward.forecast.run import forecast
    from onward.forecast.telling.held import held_back

    rulebook = found.rulebook
    about = f"judged-{rulebook.floor_hash[:24]}-{found.as_of}"
    place = found.operation.cached(found.head, rulebook, about)
    kept = place.read() if split else None
    judging: Future[pa.Table] | None = None
    with ThreadPoolExecutor(1) as beside:
        # Judging safeguards takes as long as a third of the simulation, and needs none of what is
        # read and simulated meanwhile. An engine that answers one at a time is asked afterwards.
        at_once = getattr(found.engine, "at_once", 1) > 1

        def judge() -> None:
            nonlocal judging
            if split and not kept and judging is None:
                judging = beside.submit(_judged, found, found.caseload)

        if at_once:
            judge()
        ground = groundwork(found, by)
        effects = None
        if use_plan and found.plan is not None:
            from onward.plan.effects import plan_effects

            drawn = draws_of(found, max(futures, 1), seed)
            assert drawn is not None
            effects = plan_effects(found.plan, drawn, rulebook)
        inputs = build(
            rulebook, effects=effects, behaviour=behaviour, **ground.for_build(found)
        )
        terms = [name for name, on in vars(Behaviour.of(behaviour)).items() if on]
        hashes = hashes_of(found)
        if effects is None:
            hashes.pop("plan", None)
        hashes["behaviour"] = " ".join(terms) or "none"
        judge()

        def held() -> Mapping[str, Mapping[str, int]]:
            if kept:
                steps = kept[0]["steps"]
            else:
                assert judging is not None
                steps = judging.result()
                _keep(found, place, {"steps": steps})
            return held_back(steps, inputs.edges, inputs.forward)

        turned = None
        if remedies and split:
            turned = turns_of(found, inputs, progress or (lambda _text: None))
        if turned is not None:
            hashes["remedies"] = "on record"
        ready()
        return forecast(
            inputs,
            operation=found.operation.settings.id,
            as_of=found.as_of,
            deadline=ground.deadline,
            futures=futures,
            seed=seed,
            hashes=hashes,
            split=split,
            progress=progress,
            steps_per_day=steps_per_day,
            held=held if split else None,
            turns=turned,
            afterwards=found.as_of < found.operation.default_date(),
            asked=fewer_than,
        )


JUDGING_PAST = "Judging past months by the safeguards"


def turns_of(found: Opened, inputs: Inputs, say: Callable[[str], None]) -> pa.Table | None:
    """What became of those a safeguard held back, and of those it did not, on past days; None
    where the record is too short. Every day is judged by the rulebook of the date."""
    import numpy as np

    from onward.caseload.fold import fold
    from onward.forecast.telling.held import judged
    from onward.forecast.telling.remedies import Standing, past_days, standing, turns
    from onward.safeguards.everybody import evaluate_all

    days = past_days(found.as_of, first_day(found))
    if not days:
        return None
    rulebook = found.rulebook
    leads = repr(
        [(edge.source, edge.move, edge.name in inputs.forward) for edge in inputs.edges]
    )
    ways = hashlib.sha256(leads.encode()).hexdigest()[:24]
    about = f"turns-{rulebook.floor_hash[:24]}-{ways}-{found.as_of}"
    place = found.operation.cached(found.head, rulebook, about)
    if kept := place.read():
        return kept[0]["turns"]
    say(JUDGING_PAST)
    number: dict[str, int] = {}
    stood: list[Standing] = []
    for day in days:
        caseload = fold(found.events, rulebook, as_of=day, engine=found.engine)
        steps = judged(evaluate_all(caseload, on=day, engine=found.engine))
        who = [number.setdefault(one, len(number)) for one in caseload.people["id"].to_pylist()]
        stood.append(
            standing(steps, np.array(who, dtype=np.int64), inputs.edges, inputs.forward)
        )
    made = turns(stood)
    _keep(found, place, {"turns": made})
    return made


def hashes_of(found: Opened) -> dict[str, str]:
    """SHA-256 of what a run is made from: log, rulebook, plan and other operations' paces."""
    hashes = {
        "log": found.head,
        "rulebook": found.rulebook.hash,
    }
    if found.plan is not None:
        hashes["plan"] = found.plan.hash
    if found.paces:
        from onward.forecast.learning.paces import digests

        hashes["paces"] = digests(found.paces)
    return hashes


def _judged(found: Opened, caseload: Caseload) -> pa.Table:
    """Every next step of everybody, judged by the safeguards on the day."""
    from onward.forecast.telling.held import judged
    from onward.safeguards.everybody import evaluate_all

    return judged(evaluate_all(caseload, on=found.as_of, engine=found.engine))


def first_day(found: Opened) -> dt.date:
    """The first day anybody is on record."""
    days = [d for d in found.caseload.people.column("registered_on").to_pylist() if d]
    if not days:
        raise OnwardError("Nobody is on record yet. Bring in a list with: onward import")
    first: dt.date = min(days)
    return first


def observed(found: Opened, stays: pa.Table, *, months: int = 24) -> list[tuple[dt.date, int]]:
    """People present at the end of each past month, counted from their stays.

    stays  from `caseload.spells`
    """
    import numpy as np

    if not _anybody(found):
        return []
    rulebook = found.rulebook
    ended = {name for name, state in rulebook.axes["stage"].states.items() if state.ends}
    rows = [
        (row["from_date"], row["to_date"] or dt.date.max)
        for row in stays.select(["axis", "state", "from_date", "to_date"]).to_pylist()
        if row["axis"] == "stage" and row["state"] not in ended
    ]
    starts = np.array([start for start, _ in rows], dtype="datetime64[D]")
    ends = np.array([end for _, end in rows], dtype="datetime64[D]")
    first = first_day(found)
    days: list[dt.date] = []
    day = found.as_of
    while len(days) <= months and day >= first:
        days.append(day)
        day = day.replace(day=1) - dt.timedelta(days=1)
    return [
        (day, int(((starts <= np.datetime64(day)) & (ends > np.datetime64(day))).sum()))
        for day in sorted(days)
    ]


def _anybody(found: Opened) -> bool:
    column = found.caseload.people.column("registered_on")
    return bool(len(column) > column.null_count)


def public_plan(plan: Plan) -> Plan:
    """The plan without the places of offers that are not public.

    Exists so that nothing published outside can be worked back to an offer made in confidence:
    an external report forecasts and draws from this plan only.
    """
    from dataclasses import replace

    pledges = {
        name: pledge
        if pledge.confidentiality == "public"
        else replace(pledge, state="withdrawn")
        for name, pledge in plan.pledges.items()
    }
    return replace(plan, pledges=pledges)


def material_of(
    found: Opened,
    *,
    forecast: Forecast | None,
    earlier: dict[str, object] | None = None,
    no_forecast: str = "",
    track: Track | None = None,
    frozen: Mapping[str, Mapping[tuple[str, ...], int | None]] | None = None,
) -> Material:
    """Everything the report is made from."""
    from onward.caseload.spells import spells
    from onward.report.indicators.definitions import PERIOD_DAYS
    from onward.report.material import Material
    from onward.rulebook.floor import load_floor
    from onward.safeguards.everybody import evaluate_all

    settings = found.operation.settings
    rulebook = found.rulebook
    deadline = None
    if found.plan is not None and settings.deadline:
        deadline = deadline_of(found)
    stays = spells(found.events, rulebook, as_of=found.as_of, engine=found.engine)
    before = found.as_of - dt.timedelta(days=PERIOD_DAYS)
    return Material(
        title=settings.title,
        caseload=found.caseload,
        spells=stays,
        engine=found.engine,
        plan=found.plan,
        draws=draws_of(found),
        steps=evaluate_all(found.caseload, on=found.as_of, engine=found.engine),
        forecast=forecast,
        deadline=deadline,
        floor_hash=load_floor(rulebook.floor).hash,
        demonstration=settings.demonstration,
        observed=observed(found, stays),
        earlier=earlier,
        before=found.operation.caseload(before, engine=found.engine)
        if _anybody(found)
        else None,
        proposal=last_proposal(found.operation, found.as_of),
        no_forecast=no_forecast,
        track=track,
        frozen=frozen or {},
        record_ends=found.operation.default_date(),
    )
