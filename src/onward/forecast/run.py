"""One forecast of an operation: simulate, summarise, keep.

Comes in: `Inputs`, a number of futures and a seed. Goes out: a `Forecast`, plain and ready to be
stored: the fan, who is left by state and group, who left by which pathway, where the width comes
from, what was assumed. Everything in it follows from its inputs and seed; nothing reads a clock.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from onward import __version__
from onward.errors import OnwardError
from onward.forecast.building.inputs import Inputs
from onward.forecast.telling.levels import LEVELS, at_levels, over_days

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from onward.forecast.simulator.model import Model
    from onward.forecast.telling.reasons import Reason
    from onward.rulebook.model import Rulebook

    FloatArray = npt.NDArray[np.float64]

EVERYONE = "everyone"
SPREAD = 40
SPLIT_FUTURES = 120
LEAST_FUTURES = 200
LEAST_SHOWN = 0.5
"""People whom a reason must concern, in one of forty futures, to be kept."""
KIND = "onward-forecast-1"
DRAWS = 4
"""Goes up whenever the same inputs and seed come to give other futures; part of the version kept."""
VERSION = f"{__version__}+draws.{DRAWS}"


@dataclass(frozen=True)
class Forecast:
    """Who will still be here, with what it rests on.

    as_of, deadline   the day it starts from and the day asked about
    days              ISO dates of the fan, about weekly, the deadline last
    fan               group -> level ("q025" … "q975") -> people on each of `days`
    states            forecast state -> level -> people on the deadline
    left              pathway -> level -> people who leave by it from as_of to the deadline
    mean, zero        mean people on the deadline; chance that nobody is left
    fewer_than        number -> chance that fewer than so many are left
    gone_95           level -> ISO date on which 95% of today's people have left, or null
    asked             numbers of people somebody asked about, besides round ones
    chances           the same by part: "groups" -> group -> start, zero, fewer_than and gone_95;
                      "states" -> forecast state -> zero, fewer_than and gone_95 of those who stand
                      there; "left" -> pathway -> of those who have left by it (gone_95: 95% of
                      those who do until the deadline)
    courses           "days", about one a month; "states" and "left" -> name -> level -> people who
                      stand there, or have left by it, on each of them
    split             what the spread on the deadline comes from: rates, effects, plan dates,
                      behaviour, shocks, chance -> share; they add up to 1
    width             what narrows the 80% range if it were known: source -> share of the range;
                      "chance": the share that stays
    why               why people are still here: kind ("not chosen", "shut", "no place", "under
                      way"), name of state, gate or capacity, levels, and where there are several
                      groups their levels under "groups". Each person once
    held              safeguard -> people it holds back today in the state where they stand, and
                      levels of those it holds back on the deadline
    remedies          whether those of the deadline follow the pace at which the record saw people
                      freed and caught; else the share of each state is today's
    narrow            the single things that would narrow the answer most: kind, name, share
    unknown           what the record cannot tell yet, in words
    step              steps per day, and how many people more the daily step leaves than it does
    start             people present on as_of
    afterwards        made from a day that was already past: whoever made it could know what came
    spread            for each of `days`, SPREAD equally likely numbers of people, ascending:
                      what the forecast is scored by once the day has passed
    """

    operation: str
    as_of: str
    deadline: str
    futures: int
    seed: int
    start: int
    days: Sequence[str]
    fan: Mapping[str, Mapping[str, Sequence[float]]]
    states: Mapping[str, Mapping[str, float]]
    left: Mapping[str, Mapping[str, float]]
    mean: float
    zero: float
    fewer_than: Mapping[str, float]
    gone_95: Mapping[str, str | None]
    width: Mapping[str, float]
    assumptions: Sequence[str]
    left_out: Sequence[str]
    inputs: Mapping[str, str]
    version: str = VERSION
    kind: str = KIND
    spread: Sequence[Sequence[int]] = field(default_factory=tuple)
    split: Mapping[str, float] = field(default_factory=dict)
    why: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    held: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    narrow: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    unknown: Sequence[str] = field(default_factory=tuple)
    step: Mapping[str, float] = field(default_factory=dict)
    afterwards: bool = False
    remedies: bool = False
    asked: Sequence[int] = field(default_factory=tuple)
    chances: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    courses: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Canonical text: the same forecast gives the same bytes."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, indent=1) + "\n"

    @property
    def identity(self) -> str:
        """Short name of the run: what it was made from."""
        made = json.dumps(
            [
                self.as_of, self.deadline, self.futures, self.seed, dict(self.inputs),
                self.version, dict(self.step).get("per_day", 1), *([list(self.asked)] if self.asked else []),
            ]
        )  # fmt: skip
        return hashlib.sha256(made.encode()).hexdigest()[:12]

    def deadline_levels(self, group: str = EVERYONE) -> dict[str, float]:
        """People left on the deadline by level."""
        return {name: values[-1] for name, values in self.fan[group].items()}


def require_futures(futures: int) -> None:
    """Refuse fewer futures than can say how likely anything is; raises OnwardError."""
    if futures < LEAST_FUTURES:
        raise OnwardError(
            f"{futures} futures are too few to say how likely anything is; "
            f"ask for at least {LEAST_FUTURES}."
        )


def from_json(text: str) -> Forecast:
    """The stored forecast; raises ValueError when it is none."""
    data = json.loads(text)
    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise ValueError("not a stored forecast")
    known = {one.name for one in fields(Forecast)}
    needed = {
        one.name
        for one in fields(Forecast)
        if one.default is MISSING and one.default_factory is MISSING
    }
    if not needed <= set(data) <= known:
        raise ValueError("a stored forecast of another version")
    return Forecast(**data)


def forecast(
    inputs: Inputs,
    *,
    operation: str,
    as_of: dt.date,
    deadline: dt.date,
    futures: int,
    seed: int,
    hashes: Mapping[str, str] | None = None,
    threads: int | None = None,
    split: bool = True,
    progress: Callable[[str], None] | None = None,
    steps_per_day: int = 1,
    held: Callable[[], Mapping[str, Mapping[str, int]]] | None = None,
    turns: pa.Table | None = None,
    afterwards: bool = False,
    asked: Sequence[int] = (),
) -> Forecast:
    """Simulate to the deadline and summarise.

    futures   below 1,000 the outer quantiles are rough
    hashes    name -> SHA-256 of what the inputs were made from (log, rulebook, plan)
    raises    OnwardError when the futures are too few
    split     also work out where the width comes from (some shorter runs)
    steps_per_day  above 1, also reports how far the daily step is off
    held      gives forecast state -> safeguard -> people there whom it holds back today; asked
              only after simulating, so it may be worked out beside it
    turns     from `remedies.turns`: what became of those held back and free on past days; None
              takes the share that each safeguard holds back as today's
    afterwards  the day it starts from was already past when it was asked for
    asked     numbers of people: how likely it is that fewer are left, also by group and stage
    """
    import numpy as np

    from onward.forecast.simulator.futures import Group, Outputs
    from onward.forecast.telling import chances, courses, reasons, remedies

    days = (deadline - as_of).days
    if days < 1:
        raise ValueError("the deadline is not after the date of the forecast")
    require_futures(futures)
    model = inputs.model
    here = [state.id for state in model.states if state.present]
    groups = {EVERYONE: Group(states=here)}
    if len(inputs.told_apart) > 1:
        groups |= {
            name: Group(states=here, strata=strata)
            for name, strata in inputs.told_apart.items()
        }
    before = max(days - 1 - reasons.LAST_DAYS, 0)
    kept_on = {before, days - 1} | set(remedies.step_ends(days) if turns is not None else ())
    wanted = Outputs(present=groups, units_on=[days - 1], flows_on=sorted(kept_on))
    draws = inputs.draws(futures, seed)
    if progress:
        progress(f"{futures:,} futures of {days} days")
    shown = [*range(6, days - 1, 7), days - 1]
    monthly = [shown[place] for place in courses.kept_days(shown)]
    made, stages, ways_out = courses.simulated(
        model, draws, futures, seed, days=days, outputs=wanted, on=monthly, threads=threads,
        steps_per_day=steps_per_day,
    )  # fmt: skip
    everyone = made.present[EVERYONE]
    final = everyone[:, -1]
    if split and progress:
        progress("Working out where the width comes from")
    few = min(futures, SPLIT_FUTURES)
    # On threads of its own: what follows is plain Python, and would leave them idle.
    beside = ThreadPoolExecutor(1)
    splitting = (
        beside.submit(
            reasons.split, inputs, draws, seed, days=days, futures=few, threads=threads
        )
        if split
        else None
    )
    beside.shutdown(wait=False)
    sizes = np.array(made.sizes)
    by_state = (made.units[:, 0] * sizes).sum(axis=(2, 3))
    start = _here(model, model.strata, here)
    left: dict[str, FloatArray] = {}
    states = {state.id: state.present for state in model.states}
    for index, transition in enumerate(model.transitions):
        if states[transition.source] and not states[transition.target]:
            flow = made.flows[:, -1, index, :].sum(axis=1).astype(float)
            left[transition.pathway] = left.get(transition.pathway, np.zeros(futures)) + flow
    fan = {name: over_days(values[:, shown]) for name, values in made.present.items()}
    ways = {name: at_levels(values) for name, values in sorted(left.items())}
    named = reasons.narrow(inputs, draws, final.astype(float))
    why = [
        {"kind": one.kind, "name": one.name, **at_levels(one.people), **_by_group(one, inputs)}
        for one in sorted(
            reasons.reasons(inputs, draws, made, days),
            key=lambda one: (-float(one.people.mean()), one.kind, one.name),
        )
        if float(np.quantile(one.people, LEVELS["q975"])) >= LEAST_SHOWN
    ]
    spread = equally_likely(everyone[:, shown])
    on_the_day = {name: by_state[:, i].astype(float) for i, name in enumerate(made.states)}
    then = None
    if turns is not None:
        inside = {name: people for name, people in on_the_day.items() if name in here}
        during = remedies.currents(model, made, inside, days)
        then = remedies.held_then(remedies.past(turns), during, seed)
    shares = splitting.result() if splitting is not None else {}
    return Forecast(
        operation=operation,
        as_of=as_of.isoformat(),
        deadline=deadline.isoformat(),
        futures=futures,
        seed=seed,
        start=start,
        days=[(as_of + dt.timedelta(days=day + 1)).isoformat() for day in shown],
        fan=fan,
        states={
            name: at_levels(by_state[:, i])
            for i, name in enumerate(made.states)
            if name in here
        },
        left=ways,
        mean=round(float(final.mean()), 2),
        zero=chances.zero(final),
        fewer_than=chances.fewer(final, chances.bounds(start, asked)),
        gone_95=chances.gone_95(everyone, start, as_of),
        asked=sorted(set(asked)),
        chances=chances.by_part(
            {name: course for name, course in made.present.items() if name != EVERYONE},
            {name: _here(model, strata, here) for name, strata in inputs.told_apart.items()},
            {name: people for name, people in on_the_day.items() if name in here},
            left,
            asked,
            as_of,
            {
                "states": {name: one.when for name, one in stages.items()},
                "left": {name: one.when for name, one in ways_out.items()},
            },
        ),
        courses=courses.told(
            [(as_of + dt.timedelta(days=day + 1)).isoformat() for day in monthly],
            stages,
            ways_out,
        ),
        width=reasons.narrowing(shares),
        split=shares,
        why=why,
        held=_held(held() if held else {}, inputs, on_the_day, then),
        narrow=[{"kind": kind, "name": name, "share": share} for kind, name, share in named],
        unknown=reasons.unknown(
            inputs,
            start=start,
            left=ways,
            named=named,
            levels={name: values[-1] for name, values in fan[EVERYONE].items()},
        ),
        step=_step(inputs, draws, seed, days, few, steps_per_day),
        assumptions=list(inputs.assumptions),
        left_out=list(inputs.left_out),
        inputs=dict(hashes or {}),
        spread=spread,
        afterwards=afterwards,
        remedies=then is not None,
    )


def present_by_day(daily: pa.Table, rulebook: Rulebook) -> dict[str, int]:
    """ISO day -> people present at its end.

    daily  from `caseload.counting.exposures` with periods of one day
    """
    found: dict[str, int] = {}
    states = rulebook.forecast_states
    for row in daily.select(
        ["forecast_state", "period_start", "move", "person_days"]
    ).to_pylist():
        if row["move"] is None:
            day = row["period_start"].isoformat()
            state = row["forecast_state"]
            here = state is not None and not states[state].gone
            found[day] = found.get(day, 0) + (int(row["person_days"]) if here else 0)
    return found


def scored(made: Forecast, present: Mapping[str, int]) -> dict[str, Any]:
    """A kept forecast beside what happened.

    present  ISO day -> people present at its end; days of the fan that are missing have not
             passed
    returns  "days": one row per passed day (present, median, q025 … q975, crps in people,
             covered80, covered95); and over them the means "crps", "covered80", "covered95"
             and "crps_no_change", the miss of repeating the number on `as_of`
    raises   ValueError when no day of the fan has passed
    """
    import numpy as np

    from onward.forecast.telling.scores import crps

    rows: list[dict[str, Any]] = []
    for index, day in enumerate(made.days):
        if day not in present:
            continue
        truth = present[day]
        at = {name: values[index] for name, values in made.fan[EVERYONE].items()}
        rows.append(
            {
                "date": day,
                "present": truth,
                **at,
                "crps": round(float(crps(made.spread[index], truth)), 2),
                "covered80": at["q10"] <= truth <= at["q90"],
                "covered95": at["q025"] <= truth <= at["q975"],
            }
        )
    if not rows:
        raise ValueError("no day of the forecast has passed")
    return {
        "as_of": made.as_of,
        "deadline": made.deadline,
        "start": made.start,
        "afterwards": made.afterwards,
        "crps": round(float(np.mean([row["crps"] for row in rows])), 2),
        "crps_no_change": round(
            float(np.mean([abs(row["present"] - made.start) for row in rows])), 2
        ),
        "covered80": round(float(np.mean([row["covered80"] for row in rows])), 4),
        "covered95": round(float(np.mean([row["covered95"] for row in rows])), 4),
        "days": rows,
    }


def _by_group(one: Reason, inputs: Inputs) -> dict[str, dict[str, dict[str, float]]]:
    """Levels of a reason in each group whom it concerns, where there are several groups."""
    if len(inputs.told_apart) == 1:
        return {}
    found = {name: at_levels(one.groups[:, i]) for i, name in enumerate(inputs.told_apart)}
    return {"groups": {name: at for name, at in found.items() if at["q975"] >= LEAST_SHOWN}}


def equally_likely(values: Any) -> list[list[int]]:
    """(futures, days) -> per day SPREAD numbers, each as likely as the others."""
    import numpy as np

    at = (np.arange(SPREAD) + 0.5) / SPREAD
    table = np.quantile(values, at, axis=0, method="inverted_cdf")
    return [[int(v) for v in row] for row in table.T]


def _here(model: Model, strata: Sequence[str], here: Sequence[str]) -> int:
    """People of these strata who are here at first."""
    return sum(
        units * size
        for (state, stratum, size), units in model.start.items()
        if state in here and stratum in strata
    )


def _held(
    held: Mapping[str, Mapping[str, int]], inputs: Inputs, people: Mapping[str, FloatArray],
    paced: Mapping[str, FloatArray] | None,
) -> dict[str, dict[str, float]]:  # fmt: skip
    """Safeguard -> people it holds back today, and levels of those it holds back on the deadline.

    paced  from `remedies.held_then`; None: of those who will stand in a state the same share is
           taken to be held back as today
    """
    import numpy as np

    here: dict[str, int] = {}
    for (state, _, size), units in inputs.model.start.items():
        here[state] = here.get(state, 0) + units * size
    today: dict[str, int] = {}
    then: dict[str, FloatArray] = {}
    for state, by_guard in held.items():
        for guard, count in by_guard.items():
            today[guard] = today.get(guard, 0) + count
            share = min(count / max(here.get(state, 0), 1), 1.0)
            mine = people.get(state)
            if mine is not None:
                then[guard] = np.asarray(then.get(guard, 0.0) + share * mine)
    if paced is not None:
        # Also what holds nobody back today and will: consents that all grow old, say.
        then = {
            guard: people
            for guard, people in paced.items()
            if today.get(guard) or float(np.quantile(people, LEVELS["q975"])) >= LEAST_SHOWN
        }
    rows = [
        (guard, {"today": today.get(guard, 0), **at_levels(people)})
        for guard, people in then.items()
    ]
    return dict(sorted(rows, key=lambda row: (-max(row[1]["today"], row[1]["median"]), row[0])))


def _step(
    inputs: Inputs, draws: Any, seed: int, days: int, futures: int, steps_per_day: int
) -> dict[str, float]:
    """What the daily step costs against the one asked for."""
    if steps_per_day == 1:
        return {}
    from onward.forecast.simulator.futures import step_bias

    (bias,) = step_bias(
        inputs.model, draws, futures, seed, days=days, finer=steps_per_day
    )  # fmt: skip
    return {
        "per_day": steps_per_day,
        "bias": round(bias.difference, 2),
        "error": round(bias.error, 2),
    }
