"""What both doors ask of an opened operation beyond its forecast: scenarios, levers, decisions.

Exists so that terminal and browser compare in the same way. Comes in: an opened operation and
scenario files. Goes out: plain results of the forecast room. Every model is made from the same
reading of the past, and every scenario is the plan with something changed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onward.errors import OnwardError
from onward.registry.computing.analysis import (
    PERIOD_DAYS,
    SEED,
    Groundwork,
    Opened,
    first_day,
    groundwork,
    hashes_of,
)

if TYPE_CHECKING:
    from onward.forecast.building.inputs import Inputs
    from onward.forecast.learning.strata import Fact
    from onward.forecast.scenarios.compare import Comparison
    from onward.forecast.scenarios.decide_by import DecideBy
    from onward.forecast.scenarios.scenario import Scenario
    from onward.forecast.scenarios.search import Search
    from onward.forecast.track import Track
    from onward.plan.effects import PlanEffects
    from onward.plan.model import Plan
    from onward.registry.operation import Operation

FUTURES = 500
Say = Callable[[str], None]


def maker_of(
    found: Opened,
    ground: Groundwork,
    everything: Sequence[Scenario],
    *,
    futures: int,
    seed: int = SEED,
    behaviour: bool = True,
) -> Callable[[Sequence[Scenario]], Inputs]:
    """Scenarios -> the operation's model under them, all read from the same past.

    everything  every scenario that will be asked for, so that all models have the same steps
    raises      OnwardError when there is no plan to depart from
    """
    from onward.forecast.building.inputs import build
    from onward.forecast.scenarios.plan import applied, effects_of, touched
    from onward.plan.draws import plan_draws
    from onward.plan.effects import plan_effects

    plan, rulebook = _plan_of(found), found.rulebook

    def effects(which: Sequence[Scenario]) -> PlanEffects:
        then = applied(plan, which)
        draws = plan_draws(then, futures, seed, found.as_of)
        made = plan_effects(then, draws, rulebook)
        more = effects_of(which, draws, rulebook)
        return replace(
            made, effects=tuple(sorted((*made.effects, *more), key=lambda one: one.id))
        )

    shared: dict[str, Any] = {
        **ground.for_build(found),
        "behaviour": behaviour,
        "also": touched(everything, plan, rulebook),
    }
    rates = build(rulebook, effects=effects(()), **shared).rates

    def make(which: Sequence[Scenario]) -> Inputs:
        return build(rulebook, effects=effects(which), rates=rates, **shared)

    return make


def comparison_of(
    found: Opened,
    files: Sequence[Path],
    *,
    by: dt.date | None = None,
    futures: int = FUTURES,
    seed: int = SEED,
    behaviour: bool = True,
    fewer_than: int | None = None,
    titles: Mapping[str, str] | None = None,
    progress: Say = lambda text: None,
) -> Comparison:
    """The plan and the scenarios of these files through the same futures.

    fewer_than  "what would have to be true for fewer than so many to be here"
    titles      pathway -> its words
    """
    from onward.forecast.scenarios.compare import compare
    from onward.forecast.scenarios.conditions_told import conditions_of
    from onward.forecast.scenarios.options import ways

    scenarios = scenarios_of(found, files)
    ground = groundwork(found, by)
    rulebook = found.rulebook
    return compare(
        maker_of(found, ground, scenarios, futures=futures, seed=seed, behaviour=behaviour),
        scenarios,
        ways(rulebook, ground.steps),
        operation=found.operation.settings.id,
        as_of=found.as_of,
        deadline=ground.deadline,
        futures=futures,
        seed=seed,
        hashes={**hashes_of(found), **{f"scenario {one.id}": one.hash for one in scenarios}},
        titles=titles,
        conditions=lambda run: conditions_of(
            run, as_of=found.as_of, rulebook=rulebook, plan=found.plan, fewer_than=fewer_than
        ),
        progress=progress,
    )


def decide_by_of(
    found: Opened,
    file: Path,
    *,
    by: dt.date | None = None,
    futures: int = FUTURES,
    seed: int = SEED,
    progress: Say = lambda text: None,
) -> DecideBy:
    """How long the choice of one scenario file can wait."""
    from onward.forecast.scenarios.decide_by import decide_by, decision_day
    from onward.forecast.scenarios.options import ways

    (scenario,) = scenarios_of(found, [file])
    decision_day(scenario)
    ground = groundwork(found, by)
    return decide_by(
        maker_of(found, ground, [scenario], futures=futures, seed=seed),
        scenario,
        ways(found.rulebook, ground.steps),
        as_of=found.as_of,
        deadline=ground.deadline,
        futures=futures,
        seed=seed,
        hashes={**hashes_of(found), f"scenario {scenario.id}": scenario.hash},
        progress=progress,
    )


def search_of(
    found: Opened,
    file: Path,
    *,
    against: Sequence[Path] = (),
    budgets: Sequence[str] = (),
    by: dt.date | None = None,
    futures: int = FUTURES,
    seed: int = SEED,
    progress: Say = lambda text: None,
) -> Search:
    """The packages of levers that open most options within the budgets.

    against  scenario files of circumstances to hold out against
    budgets  UNIT=AMOUNT, instead of those of the file
    """
    from onward.forecast.scenarios.options import ways
    from onward.forecast.scenarios.reader import load_levers
    from onward.forecast.scenarios.search import budgets_of, check_levers, search

    rulebook = found.rulebook
    levers = load_levers(file, _plan_of(found), rulebook)
    limits = budgets_of(budgets, levers)
    happen = scenarios_of(found, against)
    check_levers(levers, happen)
    ground = groundwork(found, by)
    every = [*happen, *(option for lever in levers.levers for option in lever.options)]
    return search(
        maker_of(found, ground, every, futures=futures, seed=seed),
        levers,
        ways(rulebook, ground.steps),
        operation=found.operation.settings.id,
        as_of=found.as_of,
        deadline=ground.deadline,
        futures=futures,
        seed=seed,
        budgets=limits,
        circumstances=happen,
        hashes={**hashes_of(found), "levers": levers.hash},
        progress=progress,
    )


def scenarios_of(found: Opened, files: Sequence[Path]) -> list[Scenario]:
    """Read scenario files; every fault of all of them at once, ids used twice among them.

    A file of the operation's own is called by its name alone, as both doors list it: where the
    operation lies on its machine is nothing for a page.
    """
    from onward.errors import Fault, Faults
    from onward.forecast.scenarios.reader import load_scenario

    plan, own = _plan_of(found), found.operation.scenarios
    read: list[Scenario] = []
    faults: list[Fault] = []
    for path in files:
        called = path.name if path in own else str(path)
        try:
            one = load_scenario(path, plan, found.rulebook, called=called)
        except Faults as wrong:
            faults += wrong.faults
            continue
        earlier = next((other for other in read if other.id == one.id), None)
        if one.id == "plan" or earlier is not None:
            taken = earlier.file if earlier else "the plan as it stands"
            faults.append(
                Fault(called, "", "scenario", f'the id "{one.id}", which {taken} has',
                      "an id of its own")
            )  # fmt: skip
        read.append(one)
    if faults:
        raise Faults(faults)
    return read


def keep_run(operation: Operation, kind: str, text: str) -> str:
    """Store a comparison, a search or a waiting time as it was printed; the same run again gives
    the same name, which is returned.

    kind  one of `runs.OTHER_RUNS`, without its dash
    """
    from onward.registry.kept import kept

    made = json.loads(text)
    name = f"{kind}-{made['as_of']}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    kept(operation).write("forecasts", name, text.encode())
    return name


def track_of(operation: Operation, until: dt.date | None = None) -> Track:
    """Every kept forecast beside what happened up to a day (the operation's own when left out)."""
    from onward.forecast.track import days_wanted, track
    from onward.registry.computing.runs import kept_forecasts, present_on

    end = until or operation.default_date()
    kept = [(name, one) for name, one in kept_forecasts(operation) if one.as_of <= str(end)]
    first = days_wanted(kept, end)
    present = present_on(operation, first, end) if first is not None else {}
    return track(kept, present, end)


def _plan_of(found: Opened) -> Plan:
    if found.plan is None:
        raise OnwardError(
            "There is no plan.yaml for a scenario to depart from. Write one first."
        )
    return found.plan


def facts_of(found: Opened) -> list[Fact]:
    """What the log says of the facts by which a forecast could tell people apart.

    raises  OnwardError when nobody is on record
    """
    from onward.caseload.counting import counts, exposures
    from onward.forecast.learning.record import start_cells
    from onward.forecast.learning.strata import candidates, facts_told

    rulebook, (facts, _) = found.rulebook, candidates(found.rulebook)
    first = first_day(found)
    seen = exposures(
        found.events, replace(rulebook, forecast_strata=facts), since=first,
        until=found.as_of + dt.timedelta(days=1), period_days=PERIOD_DAYS, engine=found.engine,
    )  # fmt: skip
    here = counts(found.caseload, engine=found.engine)
    *_, family = start_cells(here, rulebook, rulebook.forecast_strata)
    return facts_told(seen, rulebook, facts, family)
