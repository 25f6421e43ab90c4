"""Many operations of one snapshot asked at once: who is here, what is open, who will remain.

Exists so that a bureau asks a region as an office asks its camp. Goes in: the folder of a
snapshot, and what happens once for several operations. Comes out: an answer for each operation
and one for all of them, as plain data and as Parquet partitioned by operation. People are
summed, for nobody is in two operations; futures are summed, never their quantiles.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from onward.errors import Fault, Faults, OnwardError, one_of
from onward.registry.computing.snapshot import (
    SnapshotOperation,
    open_snapshot,
    operations_in,
    write_partition,
)

if TYPE_CHECKING:
    from onward.engine import Engine
    from onward.forecast.many import Closing, Job, Work

AS_PLANNED = "as planned"
EVERY_DAYS = 30
Say = Callable[[str], None]


def region_of(folder: Path) -> list[SnapshotOperation]:
    """Every operation of a snapshot, by id; raises OnwardError when the folder is none."""
    found = [open_snapshot(folder, name) for name in operations_in(folder)]
    if not found:
        raise OnwardError(
            f"{folder} is no snapshot. Gather operations in it first: "
            f"onward export camp -o {folder}"
        )
    return found


def caseloads(
    region: Sequence[SnapshotOperation],
    engine: Engine,
    *,
    as_of: dt.date | None = None,
    out: Path | None = None,
    say: Say = lambda text: None,
) -> list[dict[str, Any]]:
    """Who is here, for each operation on its own date or on one for all; the tables to `out`."""
    rows = []
    for operation in region:
        say(operation.settings.id)
        folded = operation.caseload(as_of or operation.default_date(), engine=engine)
        active = folded.people["active"].to_pylist()
        sizes = folded.units["people"].to_pylist()
        rows.append(
            {
                "operation": operation.settings.id,
                "as_of": folded.as_of.isoformat(),
                "people": folded.people.num_rows,
                "active": active.count(True),
                "left": active.count(False),
                "status_unknown": active.count(None),
                "units": len(sizes),
            }
        )
        if out is not None:
            for name, table in {**folded.tables, "unit": folded.units}.items():
                write_partition(table, out, name, operation.settings.id)
    return rows


def checks(
    region: Sequence[SnapshotOperation],
    engine: Engine,
    *,
    on: dt.date | None = None,
    out: Path | None = None,
    say: Say = lambda text: None,
) -> list[dict[str, Any]]:
    """Whom each safeguard holds back, for each operation; every next step to `out`."""
    from onward.rulebook.check import accept
    from onward.safeguards import counts, evaluate_all

    rows = []
    for operation in region:
        say(operation.settings.id)
        day = on or operation.default_date()
        folded = operation.caseload(day, engine=engine)
        # A rulebook that is weaker than its floor judges nobody.
        folded = replace(folded, rulebook=accept(folded.rulebook))
        steps = evaluate_all(folded, on=day, engine=engine)
        found = counts(steps)
        rows.append(
            {
                "operation": operation.settings.id,
                "on": day.isoformat(),
                "people_active": folded.people["active"].to_pylist().count(True),
                "people_asked": found.asked,
                "people_blocked": found.blocked,
                "safeguards": {each.safeguard: each.people for each in found.safeguards},
            }
        )
        if out is not None:
            write_partition(plain(steps.table), out, "step", operation.settings.id)
    return rows


def plain(table: pa.Table) -> pa.Table:
    """The table with words in place of coded words, for any reader of Parquet."""
    return pa.table(
        {
            name: column.cast(column.type.value_type)
            if pa.types.is_dictionary(column.type)
            else column
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    )


# ---------------------------------------------------------------------------------------------
# Forecasts
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RegionForecast:
    """What a region's forecast says, and what it was made from.

    levels   operation (or "region"), scenario, day, levels of people here, total and futures
    """

    as_of: dt.date
    by: dt.date
    futures: int
    seed: int
    operations: tuple[str, ...]
    scenarios: tuple[str, ...]
    closings: tuple[str, ...]
    levels: pa.Table

    def rows(self) -> list[dict[str, Any]]:
        return [
            {**row, "date": (self.as_of + dt.timedelta(days=row["day"])).isoformat()}
            for row in self.levels.to_pylist()
        ]


def forecast_region(
    region: Sequence[SnapshotOperation],
    engine: Engine,
    *,
    by: dt.date,
    as_of: dt.date | None = None,
    futures: int,
    seed: int,
    together: Path | None = None,
    out: Path | None = None,
    say: Say = lambda text: None,
) -> RegionForecast:
    """Futures of every operation under every scenario, and of all of them together.

    by        the last day simulated; every 30th day before it is kept as well
    as_of     the day all start from; None: where the records end, when that is one day
    together  a file of what happens once for several operations (`closings_in`)
    out       futures as Parquet, partitioned by operation
    raises    OnwardError or Faults: no common day, no pace to read, a file that is wrong

    A scenario that an operation does not have is, for it, its plan as it stands.
    """
    from onward.forecast.many import Work, level_stages
    from onward.forecast.run import require_futures

    require_futures(futures)
    day = as_of or common_day(region)
    if by <= day:
        raise OnwardError(f"--by {by}: not after {day}, the day the forecast starts from.")
    span = (by - day).days
    days = (*range(EVERY_DAYS, span, EVERY_DAYS), span)
    jobs = _jobs(region, engine, day, by, days, futures, seed, say)
    shared = closings_in(together, day, jobs) if together is not None else ()
    work = Work(tuple(jobs), shared, futures, seed)
    say(f"{len(jobs)} forecasts of {futures:,} futures")
    found = futures_of(work, engine)
    levels = engine.run(level_stages(), {"futures": found}, ["levels"])["levels"]
    if out is not None:
        for operation in region:
            name = operation.settings.id
            write_partition(of_operation(found, name), out, "future", name)
    return RegionForecast(
        day, by, futures, seed,
        tuple(operation.settings.id for operation in region),
        tuple(dict.fromkeys(job.scenario for job in jobs)),
        tuple(one.id for one in shared),
        levels,
    )  # fmt: skip


def futures_of(work: Work, engine: Engine) -> pa.Table:
    """Every future of every job: by a cluster's workers, or here, one block after another."""
    from onward.forecast.many import FUTURES_SCHEMA, blocks, here

    tasks = blocks(work.jobs, work.futures)
    spread = getattr(engine, "map_blocks", None)
    if spread is None:
        return here(work, tasks)
    found: pa.Table = spread(work, tasks, FUTURES_SCHEMA, name="futures", outputs=["futures"])[
        "futures"
    ]
    return found


def of_operation(found: pa.Table, name: str) -> pa.Table:
    """One operation's futures, by scenario, future and day."""
    import pyarrow.compute as pc

    mine = found.filter(pc.equal(found["operation"], name)).drop_columns(["operation"])
    return mine.sort_by([(key, "ascending") for key in ("scenario", "future", "day")])


def common_day(region: Sequence[SnapshotOperation]) -> dt.date:
    """The day all records end; raises OnwardError when that is not one day."""
    days = {operation.default_date() for operation in region}
    if len(days) > 1:
        raise OnwardError(
            f"The records end on different days ({one_of(sorted(d.isoformat() for d in days))}), "
            "and one answer for all is of one day. Name it with --as-of."
        )
    return days.pop()


def _jobs(
    region: Sequence[SnapshotOperation],
    engine: Engine,
    day: dt.date,
    by: dt.date,
    days: tuple[int, ...],
    futures: int,
    seed: int,
    say: Say,
) -> list[Job]:
    """Every operation under every scenario that any of them has."""
    from onward.forecast.many import Job, seed_of
    from onward.registry.computing.analysis import groundwork, opened
    from onward.registry.computing.comparing import maker_of, scenarios_of
    from onward.registry.computing.paces import of_each_other

    made: dict[str, dict[str, Any]] = {}
    members = []
    for operation in region:
        operation.compute_on(engine)
        found = opened(operation, day)
        say(operation.settings.id)
        members.append((found, groundwork(found, by)))
    lent = of_each_other(members)
    for found, read in members:
        operation, name = found.operation, found.operation.settings.id
        # What members give each other now goes before what one was given earlier.
        own = {found.operation.settings.id for found, _ in members}
        given = [one for one in read.paces if one.operation not in own]
        ground = replace(read, paces=[*lent[name], *given])
        if found.plan is None:
            from onward.forecast.building.inputs import build

            rulebook = found.rulebook
            built = build(rulebook, effects=None, behaviour=True, **ground.for_build(found))
            made[name] = {AS_PLANNED: built}
            continue
        scenarios = scenarios_of(found, operation.scenarios)
        # The plan's own dates are drawn from the operation's seed, as everything that is its own.
        make = maker_of(found, ground, scenarios, futures=futures, seed=seed_of(seed, name))
        made[name] = {AS_PLANNED: make(())} | {one.id: make([one]) for one in scenarios}
    every = [AS_PLANNED, *sorted({one for of in made.values() for one in of} - {AS_PLANNED})]
    return [
        Job(name, scenario, inputs.get(scenario, inputs[AS_PLANNED]), days)
        for name, inputs in made.items()
        for scenario in every
    ]


def closings_in(path: Path, day: dt.date, jobs: Sequence[Job]) -> tuple[Closing, ...]:
    """What happens once for several operations, from a file.

        [[closing]]
        id = "border"
        pathways = ["return"]
        chance = 0.4
        first = 2026-11-01          # it begins on one of these days, each as likely
        last = 2026-12-31
        days = [20, 60]             # and lasts so many
        operations = ["meridian"]   # left out: all of them

    raises  OnwardError for a file that cannot be read; Faults naming everything wrong in it
    """
    from onward.forecast.many import Closing
    from onward.forecast.simulator.draws import Discrete

    try:
        rows = tomllib.loads(path.read_text("utf-8")).get("closing", [])
    except (OSError, UnicodeDecodeError):
        raise OnwardError(f"{path} cannot be read.") from None
    except tomllib.TOMLDecodeError as error:
        raise OnwardError(f"{path} is not TOML: {error}.") from None
    operations = {job.operation for job in jobs}
    pathways = {s.pathway for job in jobs for s in job.inputs.model.transitions if s.pathway}
    faults: list[Fault] = []
    found: list[Closing] = []
    if not isinstance(rows, list) or not rows:
        faults.append(Fault(str(path), "", "closing", "none", "one [[closing]] or more"))
        rows = []
    for number, row in enumerate(rows, 1):
        wrong = _faults(row, str(path), f"closing {number}", operations, pathways, day)
        wrong += [
            Fault(
                str(path), f"closing {number}", "id", f"{row['id']} again", "an id of its own"
            )
            for one in found
            if not wrong and one.id == row["id"]
        ]
        faults += wrong
        if wrong:
            continue
        first, last = (row["first"] - day).days, (row["last"] - day).days
        starts = [float(n) for n in range(first, last + 1)]
        low, high = row["days"]
        lasts = [float(n) for n in range(low, high + 1)]
        chance = float(row["chance"])
        found.append(
            Closing(
                row["id"],
                frozenset(row["pathways"]),
                Discrete(
                    [*starts, math.inf], [*([chance / len(starts)] * len(starts)), 1 - chance]
                ),
                Discrete(lasts, [1 / len(lasts)] * len(lasts)),
                frozenset(row.get("operations", ())),
            )
        )
    if faults:
        raise Faults(faults)
    return tuple(found)


_ID = re.compile(r"[a-z][a-z0-9_\-]{0,39}")


def _faults(
    row: Any, file: str, where: str, operations: set[str], pathways: set[str], day: dt.date
) -> list[Fault]:
    """Everything wrong with one closing."""

    def words(value: Any, allowed: set[str]) -> bool:
        return isinstance(value, list) and bool(value) and set(map(str, value)) <= allowed

    def whole(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    if not isinstance(row, Mapping):
        return [Fault(file, where, "", "no table", "[[closing]] with its fields")]
    get: Callable[[str], Any] = row.get
    first, last, days, chance = get("first"), get("last"), get("days"), get("chance")
    dates = type(first) is dt.date and type(last) is dt.date and day < first <= last
    number = isinstance(chance, (int, float)) and not isinstance(chance, bool)
    good = {
        "id": (isinstance(get("id"), str) and bool(_ID.fullmatch(get("id"))),
               "a short word, as border"),
        "pathways": (words(get("pathways"), pathways), f"a list of {one_of(sorted(pathways))}"),
        "chance": (number and 0 < chance <= 1, "above 0, 1 at most"),
        "first": (dates, f"first and last: days after {day}, in order, without quotes"),
        "days": (isinstance(days, list) and len(days) == 2 and all(map(whole, days))
                 and 1 <= days[0] <= days[1] <= 3650, "two whole numbers, as [20, 60]"),
        "operations": ("operations" not in row or words(get("operations"), operations),
                       f"a list of {one_of(sorted(operations))}, or left out for all"),
    }  # fmt: skip
    found = [
        Fault(file, where, name, "not given" if name not in row else "not usable", allowed)
        for name, (holds, allowed) in good.items()
        if not holds
    ]
    known = {*good, "last"}
    return found + [
        Fault(file, where, str(name), "a field of no meaning here", one_of(sorted(known)))
        for name in row
        if name not in known
    ]


def summed(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Whole numbers of people added over operations, each safeguard by itself.

    Safeguards overlap within an operation and are never added to each other; nobody is in two
    operations, so each adds up over them.
    """
    total: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, int):
                total[name] = total.get(name, 0) + value
            elif isinstance(value, Mapping):
                total[name] = summed([total.get(name, {}), value])
    return total


__all__ = [
    "RegionForecast", "caseloads", "checks", "closings_in", "common_day", "forecast_region",
    "futures_of", "plain", "region_of", "summed",
]  # fmt: skip
