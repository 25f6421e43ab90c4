"""The day by which a decision must be taken to have its effect.

Exists because a good measure taken too late is no measure. Comes in: a choice with dates and the
means to make a model of it. Goes out: what it would open if it were decided so many days later,
in the same futures, and from that the last days on which nine tenths, half and a tenth of its
effect can still be had.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from onward import __version__
from onward.errors import Fault, Faults
from onward.forecast.scenarios.compare import Make, assumed, levels, play
from onward.forecast.scenarios.options import Way
from onward.forecast.scenarios.scenario import Change, Scenario
from onward.plan.model import UncertainDate

SHARES = (0.9, 0.5, 0.1)
STEPS = 9


@dataclass(frozen=True)
class DecideBy:
    """How long a choice can wait.

    first     the day on which it is decided, as the file has it
    days      ISO dates of decision that were tried
    more      mean options more than under the plan, for each of them
    low, high 1 in 10 futures has fewer, 1 in 10 more, for each of them
    by        share of the effect ("0.9" …) -> last ISO date of decision that keeps it, or null
              when even `first` opens nothing
    open_end  the least share is still had on the last day tried: it can wait as long as that
    lead      whether the file says how long it takes from decision to effect
    """

    id: str
    title: str
    first: str
    days: Sequence[str]
    more: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    by: dict[str, str | None]
    open_end: bool
    lead: bool
    as_of: str = ""
    deadline: str = ""
    futures: int = 0
    seed: int = 0
    inputs: Mapping[str, str] = field(default_factory=dict)
    version: str = __version__
    kind: str = "onward-decide-by-1"

    def to_json(self) -> str:
        """Canonical text: the same run gives the same bytes."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, indent=1) + "\n"


def decide_by(
    make: Make,
    scenario: Scenario,
    ways: Sequence[Way],
    *,
    as_of: dt.date,
    deadline: dt.date,
    futures: int,
    seed: int,
    hashes: Mapping[str, str] | None = None,
    steps: int = STEPS,
    threads: int | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> DecideBy:
    """Try the same choice later and later, up to the deadline.

    raises  Faults when the scenario is no choice or has no day that could be moved
    """
    import numpy as np

    first = decision_day(scenario)
    horizon = (deadline - as_of).days
    room = (deadline - first).days
    if room < 2:
        raise Faults([Fault(scenario.file or scenario.id, "", "", f"decided on {first}",
                            f"a day before the deadline {deadline}")])  # fmt: skip
    delays = sorted({round(room * step / steps) for step in range(steps)})
    base = play(make(()), ways, futures=futures, seed=seed, days=horizon, threads=threads)
    found = []
    for number, delay in enumerate(delays, 1):
        day = first + dt.timedelta(days=delay)
        progress(f"{number} of {len(delays)}: decided on {day}")
        later = delayed(scenario, delay)
        made = play(
            assumed(make((later,)), (later,)), ways, futures=futures, seed=seed, days=horizon,
            threads=threads,
        )  # fmt: skip
        found.append(levels(made.opened - base.opened))
    means = np.array([row["mean"] for row in found])
    # A later start cannot do more; what the futures still show of that is noise.
    smooth = np.maximum.accumulate(means[::-1])[::-1]
    tried = [(first + dt.timedelta(days=delay)).isoformat() for delay in delays]
    return DecideBy(
        scenario.id,
        scenario.title,
        first.isoformat(),
        tried,
        [row["mean"] for row in found],
        [row["q10"] for row in found],
        [row["q90"] for row in found],
        {str(share): last_day(delays, smooth.tolist(), share, first) for share in SHARES},
        bool(smooth[0] > 0 and smooth[-1] >= SHARES[-1] * smooth[0]),
        any(change.lead.most > 0 for change in scenario.changes),
        as_of.isoformat(),
        deadline.isoformat(),
        futures,
        seed,
        dict(hashes or {}),
    )


def last_day(
    delays: Sequence[int], effect: Sequence[float], share: float, first: dt.date
) -> str | None:
    """The last day of decision that keeps a share of the effect of deciding on `first`.

    effect   never rising; read as straight between the delays tried
    returns  None when deciding on `first` opens nothing
    """
    full = float(effect[0])
    if full < 0.5:
        return None
    wanted = share * full
    for place in range(len(delays) - 1, -1, -1):
        if effect[place] >= wanted:
            day = float(delays[place])
            if place + 1 < len(delays) and effect[place] > effect[place + 1]:
                part = (effect[place] - wanted) / (effect[place] - effect[place + 1])
                day += part * (delays[place + 1] - delays[place])
            return (first + dt.timedelta(days=int(day))).isoformat()
    return first.isoformat()


def decision_day(scenario: Scenario) -> dt.date:
    """The first day on which anything of it is decided (or begins, where no lead is given).

    raises  Faults naming what has no day
    """
    faults = []
    if scenario.kind != "choice":
        faults.append(
            Fault(scenario.file or scenario.id, "", "kind", "a circumstance", "a choice",
                  "Nobody decides a circumstance, so there is no day to decide it by.")
        )  # fmt: skip
    faults += [
        Fault(scenario.file or scenario.id, f"line {change.line}", change.what,
              "a change without a day of its own", "`decided` with `lead_days`, or `from`")
        for change in scenario.changes
        if change.start is None
    ]  # fmt: skip
    if faults:
        raise Faults(faults)
    return min(change.start.likely for change in scenario.changes if change.start)


def delayed(scenario: Scenario, days: int) -> Scenario:
    """The same choice, every day of it so many days later. Last days stay where they are."""
    if not days:
        return scenario
    return replace(
        scenario,
        id=f"{scenario.id}_later_{days}",
        changes=tuple(_later(change, days) for change in scenario.changes),
    )


def _later(change: Change, days: int) -> Change:
    if change.start is None:
        return change
    by = dt.timedelta(days=days)
    return replace(
        change,
        start=UncertainDate(
            change.start.earliest + by, change.start.likely + by, change.start.latest + by
        ),
    )
