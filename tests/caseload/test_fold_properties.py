"""What holds of every log: order of arrival, corrections, the past, people, merges."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

PEOPLE = [f"P{n}" for n in range(5)]
DAYS = [f"2025-{month:02d}-{day:02d}" for month in (1, 2, 3, 4) for day in (1, 9, 20)]
PARTIAL = [*DAYS, "2025-02", "2025", "2025-03-05/2025-04-10"]
LAST = "2026-01-01"

MOVES = ["T1.done", "T2.done", "T3.held", "T4.return", "T9.lodged", "T10.recognised",
         "T15.deferred", "T22.absent", "T22.reappeared", "T7.done"]  # fmt: skip

person = st.sampled_from(PEOPLE)
steps = st.one_of(
    st.tuples(
        st.just("register"), person, st.sampled_from(DAYS), st.sampled_from(["H1", "H2"])
    ),
    st.tuples(st.just("move"), person, st.sampled_from(PARTIAL), st.sampled_from(MOVES)),
    st.tuples(
        st.just("say"),
        person,
        st.sampled_from(PARTIAL),
        st.dictionaries(
            st.sampled_from(["fear_asked", "capacity_doubted"]),
            st.sampled_from([True, False, None]),
            min_size=1,
        ),
    ),
    st.tuples(
        st.just("choose"), person, st.sampled_from(DAYS), st.sampled_from(["HOM", "MER"])
    ),
    st.tuples(st.just("consent"), person, st.sampled_from(PARTIAL), st.integers(0, 3)),
    st.tuples(st.just("merge"), person, st.sampled_from(DAYS), person),
    st.tuples(st.just("retract"), st.integers(0, 30), st.none(), st.none()),
    st.tuples(st.just("correct"), st.integers(0, 30), st.sampled_from(DAYS), st.none()),
)
logs = st.lists(steps, min_size=1, max_size=25)

usual = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def write(make_log, told):
    log = make_log()
    for what, about, day, more in told:
        if what == "register":
            log.register(about, day, household=more)
        elif what == "move":
            log.move(about, more, day)
        elif what == "say":
            log.say(about, day, **more)
        elif what == "choose":
            log.say(about, day, intended_pathway="return", intended_destination=more)
        elif what == "consent":
            log.add("recorded", ("consent", f"K{more}"), day, person=about, pathway="return")
        elif what == "merge" and about != more:
            log.merge(about, more, day)
        elif what == "retract" and log.events:
            log.retract(log.events[about % len(log.events)])
        elif what == "correct" and log.events:
            old = log.events[about % len(log.events)]
            if old.kind in ("recorded", "registered") or "." in old.kind:
                log.add(old.kind, (old.subject.kind, old.subject.id), day, supersedes=old,
                        **old.facts)  # fmt: skip
    return log


def in_bytes(caseload):
    """Every table of a caseload as bytes.

    In Parquet, which writes nothing where nothing is known: in memory an unknown cell may hold
    anything.
    """
    sink = io.BytesIO()
    for table in [*(caseload.tables[name] for name in sorted(caseload.tables)), caseload.units]:
        one = io.BytesIO()
        pq.write_table(table.combine_chunks(), one, compression="none")
        sink.write(one.getvalue())
    return sink.getvalue()


@usual
@given(logs, st.randoms(use_true_random=False), st.sampled_from(DAYS))
def test_the_order_of_arrival_does_not_matter(make_log, told, random, day):
    log = write(make_log, told)
    shuffled = list(log.events)
    random.shuffle(shuffled)
    assert in_bytes(log.fold(day)) == in_bytes(log.fold(day, events=shuffled))


@usual
@given(logs, logs, st.sampled_from(DAYS))
def test_the_past_as_it_was_known_is_reproduced_byte_for_byte(make_log, told, more, day):
    log = write(make_log, told)
    then = datetime(2025, 6, 1, tzinfo=UTC)
    before = in_bytes(log.fold(day, known_at=then))
    later = write(make_log, more)
    for event in later.events:
        number = len(log.events) + 1
        instant = then + timedelta(minutes=number)
        log.events.append(
            event.placed(seq=number, recorded=instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        )
    # New ids and new references appear in the log, but not in what was known then.
    assert in_bytes(log.fold(day, known_at=then)) == before


@usual
@given(logs)
def test_nothing_that_happens_later_changes_an_earlier_day(make_log, told):
    log = write(make_log, [step for step in told if step[0] not in ("retract", "correct")])
    early = [e for e in log.events if e.effective[:7] < "2025-03" and len(e.effective) == 10]
    kept = [e for e in log.events if e in early or e.effective in ("2025-02", "2025")]
    assert in_bytes(log.fold("2025-02-27")) == in_bytes(log.fold("2025-02-27", events=kept))


@usual
@given(logs, st.sampled_from(DAYS))
def test_people_are_neither_lost_nor_invented(make_log, told, day):
    log = write(make_log, [step for step in told if step[0] not in ("retract", "correct")])
    caseload = log.fold(day)
    spoken_of, into = set(), {}
    for event in sorted(log.events, key=lambda e: (e.effective, e.seq)):
        begun = event.effective[: len(day)] <= day[: len(event.effective)]
        if event.kind == "merged" and event.effective <= day:
            into[event.subject.id] = event.facts["into"]
        elif event.subject.kind == "person" and event.kind != "merged" and begun:
            spoken_of.add(event.subject.id)

    def root(name):
        path = [name]
        while path[-1] in into:
            path.append(into[path[-1]])
            if len(path) > 10:
                return name  # in a circle, or leading to one: left as it was
        return path[-1]

    assert caseload.people["id"].to_pylist() == sorted({root(name) for name in spoken_of})
    members = [row["unit"] for row in caseload.people.to_pylist() if row["active"]]
    assert None not in members
    assert sum(caseload.units["people"].to_pylist()) == len(members)


@usual
@given(logs, st.integers(0, 30), st.sampled_from([*DAYS, LAST]))
def test_a_correction_changes_only_what_it_corrects(make_log, told, which, day):
    log = write(make_log, [step for step in told if step[0] != "merge"])
    gone = {e.supersedes for e in log.events}
    about = [
        e
        for e in log.events
        if e.kind == "recorded" and e.subject.kind == "person" and e.id not in gone
    ]
    before = {row["id"]: row for row in log.fold(day).people.to_pylist()}
    if not about:
        return
    wrong = about[which % len(about)]
    name = next(iter(wrong.facts))
    log.add("recorded", ("person", wrong.subject.id), wrong.effective, supersedes=wrong,
            **{**wrong.facts, name: None})  # fmt: skip
    after = {row["id"]: row for row in log.fold(day).people.to_pylist()}
    assert set(before) == set(after)
    # A choice also decides who travels together, so units are left out of the comparison.
    for id_, row in after.items():
        changed = {
            column
            for column, value in row.items()
            if value != before[id_][column] and column != "unit"
        }
        assert changed <= ({name} if id_ == wrong.subject.id else set())


@usual
@given(logs, st.sampled_from(DAYS))
def test_a_repeated_key_changes_nothing(make_log, told, day):
    log = write(make_log, told)
    before = in_bytes(log.fold(day))
    again = [
        event.placed(seq=len(log.events) + n, recorded="2025-12-01T00:00:00.000000Z")
        for n, event in enumerate(log.events, 1)
    ]
    assert in_bytes(log.fold(day, events=[*again, *log.events])) == before


@usual
@given(logs, person, person)
def test_a_merge_that_is_undone_restores_what_was(make_log, told, one, other):
    log = write(make_log, [step for step in told if step[0] != "merge"])
    before = in_bytes(log.fold(LAST))
    if one != other:
        merge = log.merge(one, other, "2025-05-01")
        log.retract(merge)
    # The merge may have spoken of a person nobody registered: that alone adds nobody.
    assert in_bytes(log.fold(LAST)) == before


@usual
@given(logs, st.sampled_from(DAYS))
def test_turning_a_fact_unknown_by_an_event_leaves_it_unknown_and_nothing_else(
    make_log, told, day
):
    log = write(make_log, told)
    before = {row["id"]: row for row in log.fold(LAST).people.to_pylist()}
    for id_ in before:
        log.say(id_, "2025-12-31", fear_asked=None)
    after = {row["id"]: row for row in log.fold(LAST).people.to_pylist()}
    assert {id_: {**row, "fear_asked": None} for id_, row in before.items()} == after
