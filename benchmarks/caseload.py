"""How fast a log becomes a caseload: up to a million people and ten million events.

`python -m benchmarks.caseload [--quick] [--json] [--people N]`. Makes the log of an invented
operation in columns (about ten events a person, with corrections, merges and partial dates),
then measures, each in a fresh process: the fold, the same tables by hand-written DuckDB
queries over the same columns, and every safeguard of every next step. Prints seconds, peak
memory and ratios; then the fold at 10,000, 100,000 and all people, to show that the cost per
person does not grow. `--quick` stops at 20,000 people.

The hand-written queries are what an engineer who knows DuckDB and this log would write: one
query a table, `arg_max` with its own treatment of nulls, no stage, nothing portable. They are
run over whole tables and over slices of people beside each other, and the faster way counts.
They make every table but movement units, which are therefore in our time and not in theirs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from onward.caseload.fold import fold
from onward.caseload.model import EventTables
from onward.caseload.rules import active_sql, adult_sql, forecast_state_sql, word_sql
from onward.caseload.table import (
    WORD_TYPES,
    columns_of,
    fact_schema,
    id_table,
    process_effects,
)
from onward.engine import DuckEngine, quoted
from onward.engine.cores import cores
from onward.registry.log.cache import Place, read_events, write_events
from onward.rulebook import Rulebook, load, shipped_path

AS_OF = date(2026, 3, 1)
START = date(2024, 1, 1)
SPAN = (AS_OF - START).days + 60
SEED = 20261
MEMORY_GB = 3.0
SLICE_PEOPLE = 62_500

EPOCH = date(1970, 1, 1)
Array = Any


# -- an invented operation ---------------------------------------------------------------------


def invent(people: int, rulebook: Rulebook, seed: int = SEED) -> EventTables:
    """The log of an operation of so many people, in columns, as `events_table` would give it."""
    random = np.random.default_rng(seed)
    households = max(1, people // 3)
    house = np.sort(random.integers(0, households, people)).astype(np.int32)
    arrival = random.integers(0, SPAN // 2, people)
    parts: list[dict[str, Any]] = []

    def rows(
        kind: str, about: Array, day: Array, columns: dict[str, Array], event: str = "recorded"
    ) -> None:
        parts.append(
            {"kind": kind, "event": event, "subject": about, "day": day, "columns": columns}
        )

    everybody = np.arange(people, dtype=np.int32)
    born = random.integers(-25000, 20000, people)
    rows(
        "person",
        everybody,
        arrival,
        {
            "household": house,
            "site": random.integers(0, 2, people),
            "birth_first": born,
            "birth_last": born + np.where(random.random(people) < 0.3, 364, 0),
            "sex": random.integers(1, 3, people),
            "role_in_household": random.integers(1, 9, people),
            "nationality": random.integers(1, 4, people),
            "country_of_origin": random.integers(1, 4, people),
            "language": random.integers(4, 9, people),
            "group": random.integers(1, 3, people),
            "affiliation": random.integers(1, 5, people),
            "arrived_on": _epoch_days(arrival),
            "identity_resolved": random.integers(0, 2, people),
            "open_duplicate": np.zeros(people, dtype=np.int64),
            "legal": np.ones(people, dtype=np.int64),
            "stage": np.ones(people, dtype=np.int64),
            "place": np.ones(people, dtype=np.int64),
        },
        "registered",
    )
    steps = ["T1.done", "T2.done", "T3.held"]
    choices = ["T4.return", "T4.protection", "T4.resettlement", "T4.onward"]
    day = arrival
    moves = rulebook.moves()
    states = {axis: list(a.states) for axis, a in rulebook.axes.items()}

    def step(about: Array, on: Array, key: str, extra: dict[str, Array] | None = None) -> None:
        columns = {
            axis: np.full(len(about), states[axis].index(state) + 1)
            for axis, state in moves[key].targets.items()
        }
        for name, value in process_effects(key, rulebook).items():
            columns[name] = np.full(len(about), value)
        rows("person", about, on, {**columns, **(extra or {})}, key)

    for key in steps:
        day = day + random.integers(1, 60, people)
        step(everybody, day, key)
    choice = random.integers(0, len(choices), people)
    day = day + random.integers(1, 60, people)
    pathways = rulebook.kinds["person"].facts["intended_pathway"].allowed
    for number, key in enumerate(choices):
        who = everybody[choice == number]
        chosen = pathways.index(moves[key].pathway) + 1
        step(
            who,
            day[choice == number],
            key,
            {
                "intended_pathway": np.full(len(who), chosen),
                "intended_destination": random.integers(1, 4, len(who)),
            },
        )
    later = day + random.integers(0, 90, people)
    rows(
        "person",
        everybody,
        later,
        {
            "fear_asked": random.integers(0, 2, people),
            "capacity_doubted": (random.random(people) < 0.02).astype(int),
            "split_agreed": random.integers(-1, 2, people),
            "right_to_leave": np.ones(people, dtype=int),
        },
    )
    about = {"person": everybody}
    for kind, columns in (
        (
            "interview",
            {
                "purpose": random.integers(1, 7, people),
                "held_on": _epoch_days(day),
                **{
                    name: random.integers(0, 2, people)
                    for name in ("alone", "impartial_body", "confidential_place")
                },
                "own_interpreter": np.ones(people, dtype=int),
                "observer_present": np.zeros(people, dtype=int),
            },
        ),
        (
            "consent",
            {
                "pathway": choice + 1,
                "destination": random.integers(1, 4, people),
                "signed_on": _epoch_days(day),
                "given_by": np.ones(people, dtype=int),
                "in_private": random.integers(0, 2, people),
                "pressure": np.zeros(people, dtype=int),
                "informed": np.ones(people, dtype=int),
                "sheet_version": np.full(people, 9),
                "sheet_language": random.integers(4, 9, people),
                "withdrawn": np.zeros(people, dtype=int),
            },
        ),
        (
            "assessment",
            {
                "topic": np.ones(people, dtype=int),
                "destination": random.integers(1, 4, people),
                "finding": random.integers(1, 3, people),
                "made_on": _epoch_days(day),
                "qualified": np.ones(people, dtype=int),
            },
        ),
    ):
        rows(kind, everybody, day + 1, {**about, **columns})
    rest = max(1, people - households)
    some = np.sort(random.choice(everybody, rest, replace=False)).astype(np.int32)
    for kind, who, columns in (
        (
            "document",
            some[::2],
            {
                "type": random.integers(1, 4, len(some[::2])),
                "destination": np.ones(len(some[::2]), int),
            },
        ),
        (
            "claim",
            some[1::4],
            {
                "expressed_on": _epoch_days(day[some[1::4]]),
                "lodged": np.ones(len(some[1::4]), int),
                "withdrawn_freely": np.zeros(len(some[1::4]), int),
                "finally_rejected": np.zeros(len(some[1::4]), int),
                "exclusion": np.ones(len(some[1::4]), int),
            },
        ),
        (
            "complaint",
            some[3::4],
            {
                "category": random.integers(1, 6, len(some[3::4])),
                "triaged": random.integers(0, 2, len(some[3::4])),
            },
        ),
    ):
        rows(
            kind,
            np.arange(len(who), dtype=np.int32),
            day[who] + 2,
            {"person": who, **columns},
        )
    rows(
        "household",
        np.arange(households, dtype=np.int32),
        np.zeros(households, dtype=np.int64),
        {"roster_size": np.bincount(house, minlength=households)},
    )
    return _tables(parts, people, households, rulebook, random)


def _epoch_days(day: Array) -> Array:
    return np.asarray(day) + (START - EPOCH).days


def _tables(
    parts: list[dict[str, Any]],
    people: int,
    households: int,
    rulebook: Rulebook,
    random: np.random.Generator,
) -> EventTables:
    total = sum(len(part["subject"]) for part in parts)
    last = _epoch_days(np.concatenate([part["day"] for part in parts])).astype(np.int32)
    first = last - np.where(random.random(total) < 0.02, 28, 0).astype(np.int32)
    recorded = (last.astype(np.int64) * 86_400 + random.integers(0, 86_400 * 20, total)) * 10**6
    seq = np.empty(total, dtype=np.int64)
    seq[np.argsort(recorded, kind="stable")] = np.arange(1, total + 1)
    position = np.empty(total, dtype=np.int64)
    position[np.lexsort((seq, last))] = np.arange(total)

    count: dict[str, int] = dict.fromkeys(rulebook.kinds, 0)
    facts: dict[str, pa.Table] = {}
    for name, kind in rulebook.kinds.items():
        mine = [(n, part) for n, part in enumerate(parts) if part["kind"] == name]
        starts = np.cumsum([0, *(len(part["subject"]) for part in parts)])
        which = [np.arange(starts[n], starts[n + 1]) for n, _ in mine]
        where = np.concatenate(which) if which else np.arange(0)
        subject = (
            np.concatenate([part["subject"] for _, part in mine]).astype(np.int32)
            if mine
            else np.empty(0, dtype=np.int32)
        )
        order = np.lexsort((position[where], subject))
        where, subject = where[order], subject[order]
        count[name] = int(subject.max()) + 1 if len(subject) else 0
        columns: list[pa.Array] = []
        for column, type_ in fact_schema(kind, rulebook):
            if column == "position":
                columns.append(pa.array(position[where]))
            elif column == "seq":
                columns.append(pa.array(seq[where]))
            elif column == "recorded":
                columns.append(pa.array(recorded[where]).cast(pa.timestamp("us")))
            elif column == "effective_first":
                columns.append(pa.array(first[where]).cast(pa.date32()))
            elif column == "effective_last":
                columns.append(pa.array(last[where]).cast(pa.date32()))
            elif column == "subject":
                columns.append(pa.array(subject))
            elif column == "kind":
                keys = sorted({part["event"] for _, part in mine})
                codes = np.concatenate(
                    [np.full(len(p["subject"]), keys.index(p["event"])) for _, p in mine]
                )[order].astype(np.int16)
                columns.append(pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(keys)))
            else:
                columns.append(_column(column, type_, mine, order))
        facts[name] = pa.table(
            columns, names=[column for column, _ in fact_schema(kind, rulebook)]
        )
    count["person"], count["household"], count["site"] = people, households, 2

    targets = random.choice(total, total // 200, replace=False)
    corrections = pa.table(
        {
            "position": position[(targets + 1) % total],
            "target": position[targets],
            "recorded": pa.array(recorded[targets] + 86_400 * 10**6).cast(pa.timestamp("us")),
        }
    )
    twice = np.sort(random.choice(people // 2, max(1, people // 1000), replace=False)) * 2
    merge_day = pa.array(np.full(len(twice), (AS_OF - EPOCH).days - 9, dtype=np.int32))
    merges = pa.table(
        {
            "position": pa.array(np.arange(total, total + len(twice))),
            "seq": pa.array(np.arange(total, total + len(twice))),
            "recorded": pa.array(
                np.full(len(twice), (AS_OF - EPOCH).days * 86_400 * 10**6)
            ).cast(pa.timestamp("us")),
            "effective_first": merge_day.cast(pa.date32()),
            "effective_last": merge_day.cast(pa.date32()),
            "subject": pa.array(twice.astype(np.int32) + 1),
            "into": pa.array(twice.astype(np.int32)),
        }
    )
    words = ["HOM", "MER", "OST", "ar", "ckb", "en", "fa", "ku", "v1"]
    envelope = merges.slice(0, 0).drop_columns(["into"])
    text, texts = pa.array([], pa.string()), pa.array([], pa.list_(pa.string()))
    notice = envelope.append_column("move", text)
    return EventTables(
        log=pa.table({"position": pa.array([], pa.int64())}),
        corrections=corrections,
        merges=merges,
        ids={
            name: id_table([f"{name[0].upper()}{number:08d}" for number in range(size)])
            for name, size in count.items()
        },
        words=pa.table({"no": pa.array(range(1, 10), pa.int32()), "word": words}),
        facts=facts,
        breaches=notice.append_column("safeguards", texts).append_column(
            "severity", pa.array([], pa.int64())
        ),
        overrides=notice.append_column("finding", text)
        .append_column("destination", text)
        .append_column("approved_by", texts)
        .append_column("reason", text)
        .append_column("valid_on", pa.array([], pa.date32())),
        unread=pa.table({"seq": pa.array([], pa.int64())}),
        rulebook_hash=rulebook.hash,
        head="invented",
    )


def _column(name: str, type_: pa.DataType, mine: list[Any], order: Array) -> pa.Array:
    if not any(name in part["columns"] for _, part in mine):
        return pa.nulls(len(order), type_)
    values = np.concatenate(
        [
            np.asarray(part["columns"].get(name, np.zeros(len(part["subject"]))))
            for _, part in mine
        ]
    )[order]
    said = np.concatenate(
        [np.full(len(part["subject"]), name in part["columns"]) for _, part in mine]
    )[order]
    plain = pa.int32() if type_ == pa.date32() else type_
    return pa.array(values.astype(plain.to_pandas_dtype()), mask=~said).cast(type_)


# -- the same by hand --------------------------------------------------------------------------


def by_hand(tables: EventTables, rulebook: Rulebook, slice_people: int) -> dict[str, pa.Table]:
    """Every table of the caseload but the units, by DuckDB queries written for DuckDB.

    slice_people  0: each table in one query; else the person table in slices of people, as
                  many at a time as there are cores
    """
    import duckdb

    con = duckdb.connect(config={"temp_directory": ""})
    con.execute("SET preserve_insertion_order = false")
    for name in ("corrections", "merges", "words"):
        con.register(name, getattr(tables, name))
    for name, ids in tables.ids.items():
        con.register(f"{name}_ids", ids)
    con.execute(
        "CREATE TABLE dead AS SELECT DISTINCT target AS position FROM corrections "
        "WHERE target IS NOT NULL"
    )
    con.execute(
        'CREATE TABLE same AS SELECT subject, arg_max("into", position) AS into_subject '
        "FROM merges ANTI JOIN dead USING (position) "
        f"WHERE effective_last <= DATE '{AS_OF}' GROUP BY subject"
    )
    person = tables.facts["person"]
    query = _person_by_hand(rulebook)
    if slice_people:
        subjects = person["subject"].to_numpy()
        edges = np.searchsorted(subjects, np.arange(0, subjects[-1] + 1, slice_people))
        edges = np.append(edges, len(subjects))
        # A merged record and the person it is stand side by side here, so no slice parts them.
        slices = [person.slice(a, b - a) for a, b in itertools.pairwise(edges)]

        def fold_slice(events: pa.Table) -> pa.Table:
            cursor = con.cursor()
            cursor.register("words", tables.words)
            for name, ids in tables.ids.items():
                cursor.register(f"{name}_ids", ids)
            cursor.register("person_events", events)
            return cursor.sql(query).to_arrow_table()

        with ThreadPoolExecutor(cores()) as pool:
            found = {"person": pa.concat_tables(pool.map(fold_slice, slices))}
    else:
        con.register("person_events", person)
        found = {"person": con.sql(query).to_arrow_table()}
    con.register("people", found["person"].select(["id", "household", "site"]))
    for name in rulebook.kinds:
        if name != "person":
            con.register(f"{name}_events", tables.facts[name])
            found[name] = con.sql(_kind_by_hand(name, rulebook)).to_arrow_table()
    return found


def _latest_by_hand(name: str, rulebook: Rulebook) -> str:
    picks = []
    day = f"DATE '{AS_OF}'"
    for column in columns_of(rulebook.kinds[name], rulebook):
        value = quoted(column.name)
        if column.role in ("fact", "ref"):
            value = (
                f"CASE WHEN effective_last > {day} AND {value} IS NOT NULL "
                f"THEN {column.unknown} ELSE {value} END"
            )
            picks.append(f"arg_max({value}, position) AS {quoted(column.name)}")
        else:
            picks.append(
                f"arg_max({value}, position) FILTER (effective_last <= {day}) "
                f"AS {quoted(column.name)}"
            )
    return ", ".join(["min(effective_first) AS first_on", *picks])


def _words_by_hand(name: str, rulebook: Rulebook) -> tuple[list[str], list[str]]:
    select, joins = [], []
    for column in columns_of(rulebook.kinds[name], rulebook):
        source, alias = f"s.{quoted(column.name)}", quoted(column.name)
        if column.role == "process":
            select.append(f"coalesce({source} = 1, false) AS {alias}")
        elif column.codes:
            select.append(f"{word_sql(source, column.codes)} AS {alias}")
        elif column.role == "fact" and column.fact is not None:
            if column.fact.type == "boolean":
                select.append(
                    f"CASE {source} WHEN 1 THEN true WHEN 0 THEN false END AS {alias}"
                )
            elif column.fact.type in WORD_TYPES:
                joins.append(
                    f"LEFT JOIN words AS {quoted('w_' + column.name)} "
                    f"ON {quoted('w_' + column.name)}.no = {source}"
                )
                word = f"{quoted('w_' + column.name)}.word"
                if column.fact.type == "codes":
                    word = (
                        f"CASE WHEN {word} = '|' THEN [] ELSE string_split({word}[2:], '|') END"
                    )
                select.append(f"{word} AS {alias}")
            elif column.fact.type == "integer":
                select.append(f"nullif({source}, {column.unknown})::BIGINT AS {alias}")
            else:
                select.append(f"nullif({source}, {column.unknown}) AS {alias}")
    return select, joins


def _person_by_hand(rulebook: Rulebook) -> str:
    day = f"DATE '{AS_OF}'"
    axes = list(rulebook.axes)
    changed = ", ".join(
        f"{axis} IS NOT NULL AND effective_last <= {day} AND {axis} IS DISTINCT FROM "
        f"lag({axis} IGNORE NULLS) OVER w AS new_{axis}"
        for axis in axes
    )
    since = ", ".join(
        f"max(effective_last) FILTER (new_{axis}) AS {axis}_since" for axis in axes
    )
    select, joins = _words_by_hand("person", rulebook)
    blank = ", ".join(
        f"CASE WHEN kind = 'registered' AND position > min(position) "
        f"FILTER (kind = 'registered') OVER (PARTITION BY subject) THEN NULL ELSE {axis} END "
        f"AS {axis}"
        for axis in axes
    )
    return (
        "WITH live AS (SELECT * REPLACE (coalesce(m.into_subject, e.subject) AS subject) "
        "FROM person_events AS e LEFT JOIN same AS m USING (subject) "
        f"ANTI JOIN dead USING (position) WHERE effective_first <= {day}), "
        f"once AS (SELECT * REPLACE ({blank}) FROM live), "
        f"marked AS (SELECT *, {changed} FROM once "
        "WINDOW w AS (PARTITION BY subject ORDER BY position)), "
        f"latest AS (SELECT subject, {_latest_by_hand('person', rulebook)}, {since}, "
        "min(CASE WHEN kind = 'registered' AND effective_last <= "
        f"{day} THEN effective_last END) AS registered_on FROM marked GROUP BY subject), "
        "named AS (SELECT i.id, h.id AS household, t.id AS site, "
        f"{', '.join(select)}, {', '.join(f's.{axis}_since' for axis in axes)}, "
        "s.first_on, s.registered_on FROM latest AS s JOIN person_ids AS i ON i.no = s.subject "
        "LEFT JOIN household_ids AS h ON h.no = s.household "
        f"LEFT JOIN site_ids AS t ON t.no = s.site {' '.join(joins)}) "
        f"SELECT *, {active_sql(rulebook)} AS active, {adult_sql(rulebook, AS_OF)} AS adult, "
        f"{forecast_state_sql(rulebook)} AS forecast_state FROM named ORDER BY id"
    )


def _kind_by_hand(name: str, rulebook: Rulebook) -> str:
    select, joins = _words_by_hand(name, rulebook)
    refs = []
    for ref, target in rulebook.kinds[name].refs.items():
        if target == "person":
            refs.append(f"q_{ref}.id AS {quoted(ref)}")
            joins.append(
                f"LEFT JOIN same AS m_{ref} ON m_{ref}.subject = s.{quoted(ref)} "
                f"LEFT JOIN person_ids AS r_{ref} "
                f"ON r_{ref}.no = coalesce(m_{ref}.into_subject, s.{quoted(ref)}) "
                f"LEFT JOIN people AS q_{ref} ON q_{ref}.id = r_{ref}.id"
            )
        else:
            refs.append(f"r_{ref}.id AS {quoted(ref)}")
            joins.append(f"LEFT JOIN {target}_ids AS r_{ref} ON r_{ref}.no = s.{quoted(ref)}")
    # A household or site is also known by the people who point at it.
    implied = name in rulebook.kinds["person"].refs
    source = (
        f"(SELECT no, id FROM {name}_ids WHERE no IN (SELECT subject FROM latest) "
        f"OR id IN (SELECT {name} FROM people)) AS i LEFT JOIN latest AS s ON s.subject = i.no"
        if implied
        else f"latest AS s JOIN {name}_ids AS i ON i.no = s.subject"
    )
    return (
        f"WITH latest AS (SELECT subject, {_latest_by_hand(name, rulebook)} "
        f"FROM {name}_events ANTI JOIN dead USING (position) "
        f"WHERE effective_first <= DATE '{AS_OF}' GROUP BY subject) "
        f"SELECT {', '.join(['i.id', *refs, *select, 's.first_on'])} FROM {source} "
        f"{' '.join(joins)} ORDER BY i.id"
    )


# -- measuring ---------------------------------------------------------------------------------


def _measured(work: Callable[[], Any]) -> dict[str, float]:
    """Seconds and peak memory of one piece of work in a process of its own."""
    context = multiprocessing.get_context("fork")
    parent, child = context.Pipe()

    def run() -> None:
        before = _peak_gb()
        start, processor = time.perf_counter(), time.process_time()
        try:
            extra = work()
        except Exception as error:
            child.send({"error": f"{type(error).__name__}: {str(error)[:200]}"})
            return
        child.send(
            {
                "seconds": time.perf_counter() - start,
                "processor_seconds": time.process_time() - processor,
                "peak_gb": _peak_gb(),
                "peak_before_gb": before,
                **(extra or {}),
            }
        )

    process = context.Process(target=run)
    process.start()
    result: dict[str, float] = parent.recv()
    process.join()
    return result


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(
    people: int, folder: Path, rulebook: Rulebook, *, peers: bool, safeguards: bool
) -> dict[str, Any]:
    """Everything measured for one size of operation."""
    kept = Place(folder / str(people))
    made = _measured(lambda: write_events(kept, invent(people, rulebook)))
    if "error" in made:
        raise RuntimeError(made["error"])

    def tables() -> EventTables:
        found = read_events(kept)
        assert found is not None
        return found

    def fold_only() -> dict[str, Any]:
        folded = fold(tables(), rulebook, as_of=AS_OF, engine=DuckEngine(memory_gb=MEMORY_GB))
        return {"rows": sum(t.num_rows for t in folded.tables.values())}

    def with_safeguards() -> dict[str, Any]:
        from onward.safeguards.everybody import evaluate_all

        engine = DuckEngine(memory_gb=MEMORY_GB)
        folded = fold(tables(), rulebook, as_of=AS_OF, engine=engine)
        start = time.perf_counter()
        steps = evaluate_all(folded, on=AS_OF, engine=engine)
        return {"steps": steps.table.num_rows, "safeguards": time.perf_counter() - start}

    def hand(slices: int) -> Callable[[], dict[str, Any]]:
        return lambda: {
            "rows": sum(t.num_rows for t in by_hand(tables(), rulebook, slices).values())
        }

    events = sum(table.num_rows for table in tables().facts.values())
    result: dict[str, Any] = {
        "people": people,
        "events": events,
        "fold": _measured(fold_only),
    }
    if peers:
        result["by_hand_whole"] = _measured(hand(0))
        result["by_hand_slices"] = _measured(hand(SLICE_PEOPLE))
        if safeguards:
            result["fold_and_safeguards"] = _measured(with_safeguards)
        rivals = [result["by_hand_whole"], result["by_hand_slices"]]
        for unit, name in (
            ("seconds", "ratio_to_best_by_hand"),
            ("processor_seconds", "ratio_in_processor_seconds"),
        ):
            best = min((one[unit] for one in rivals if unit in one), default=None)
            if best and unit in result["fold"]:
                result[name] = result["fold"][unit] / best
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.caseload")
    parser.add_argument("--quick", action="store_true", help="at most 20,000 people")
    parser.add_argument("--json", action="store_true", help="data on standard output")
    parser.add_argument("--fold-only", action="store_true", help="leave the safeguards out")
    parser.add_argument("--people", type=int, default=1_000_000)
    given = parser.parse_args()
    people = min(given.people, 20_000) if given.quick else given.people
    rulebook = load(shipped_path("protected-camp"))
    sizes = sorted({max(1000, people // 100), max(1000, people // 10), people})
    began = datetime.now().isoformat(timespec="seconds")  # noqa: DTZ005
    with tempfile.TemporaryDirectory() as name:
        found = []
        for size in sizes:
            print(f"{size:,} people …", file=sys.stderr)
            found.append(
                measure(
                    size,
                    Path(name),
                    rulebook,
                    peers=size == people,
                    safeguards=not given.fold_only,
                )
            )
    smallest, largest = found[0], found[-1]
    growth = (largest["fold"].get("processor_seconds", float("nan")) / largest["people"]) / (
        smallest["fold"]["processor_seconds"] / smallest["people"]
    )
    report = {"began": began, "sizes": found, "cost_per_person_large_to_small": growth}
    if given.json:
        print(json.dumps(report, indent=2))
        return
    for one in found:
        print(f"\n{one['people']:,} people, {one['events']:,} events")
        for key, title in (
            ("fold", "fold, with movement units"),
            ("by_hand_whole", "by hand, whole tables"),
            ("by_hand_slices", "by hand, slices of people"),
            ("fold_and_safeguards", "fold and every safeguard of every next step"),
        ):
            if key in one:
                print(f"  {title:45s} {_line(one[key])}")
        if "ratio_to_best_by_hand" in one:
            print(
                f"  ratio of the fold to the best by hand: {one['ratio_to_best_by_hand']:.2f} "
                f"({one['ratio_in_processor_seconds']:.2f} in processor seconds)"
            )
    print(
        f"\nProcessor time per person at the largest size, relative to the smallest: {growth:.2f}"
    )


def _line(found: dict[str, float]) -> str:
    if "error" in found:
        return str(found["error"])
    text = (
        f"{found['seconds']:7.2f} s ({found['processor_seconds']:.2f} of processor)  "
        f"{found['peak_gb']:5.2f} GB"
    )
    if "safeguards" in found:
        text += f"  (safeguards {found['safeguards']:.2f} s, {found['steps']:,} steps)"
    return text


if __name__ == "__main__":
    main()
