"""Days waited: the same person-days and moves as the exposures, told by how long people waited."""

from datetime import date

from onward.caseload import events_table, exposures
from onward.caseload.waits import waits

START, END = date(2025, 1, 1), date(2025, 7, 1)


def waited(log, since=START, until=END):
    table = events_table(log.events, log.rulebook)
    return waits(table, log.rulebook, since=since, until=until, engine=log.engine).to_pylist()


def of(rows, state):
    risk = {r["waited_from"]: (r["person_days"], r["waiting"])
            for r in rows if r["forecast_state"] == state and r["move"] is None}  # fmt: skip
    moved = {(r["waited_from"], r["move"], r["to_state"]): r["transitions"]
             for r in rows if r["forecast_state"] == state and r["move"]}  # fmt: skip
    return risk, moved


def test_one_persons_waits(log):
    log.register("P1", "2025-01-11", stage="counselled")
    log.move("P1", "T3.held", "2025-02-05")
    risk, moved = of(waited(log), "counselled")
    # 25 days: 3, 4, 7, 7 and 4 of them in the rows from 0, 3, 7, 14 and 21 days on
    assert risk == {0: (3, 0), 3: (4, 0), 7: (7, 0), 14: (7, 0), 21: (4, 0)}
    assert moved == {(21, "T3.held", "interviewed"): 1}
    risk, moved = of(waited(log), "interviewed")
    assert sum(days for days, _ in risk.values()) == (END - date(2025, 2, 5)).days
    assert [at for at, (_, waiting) in risk.items() if waiting] == [112]
    assert not moved


def test_a_change_that_keeps_the_state_does_not_begin_a_new_wait(log):
    log.register("P1", "2025-01-11", stage="registered", group="main_group")
    log.move("P1", "T1.done", "2025-01-31")
    log.move("P1", "T2.done", "2025-02-10")
    _, moved = of(waited(log), "not_counselled")
    assert moved == {(28, "T2.done", "counselled"): 1}


def test_stays_begun_before_are_left_out_but_those_who_still_wait_are_counted(log):
    log.register("P1", "2025-01-11", stage="counselled")
    log.register("P2", "2025-01-11", stage="counselled")
    log.move("P2", "T3.held", "2025-03-01")
    risk, moved = of(waited(log, since=date(2025, 2, 1)), "counselled")
    assert sum(days for days, _ in risk.values()) == 0
    assert sum(waiting for _, waiting in risk.values()) == 1
    assert not moved


def test_person_days_and_moves_are_those_of_the_exposures(log):
    for number in range(12):
        name = f"P{number:02d}"
        log.register(name, f"2025-01-{number + 1:02d}", stage="counselled")
        if number % 3:
            log.move(name, "T3.held", f"2025-0{2 + number % 4}-15")
        if number % 4 == 1:
            log.move(name, "T4.return", "2025-06-20")
    table = events_table(log.events, log.rulebook)
    whole = exposures(
        table, log.rulebook, since=START, until=END, period_days=30, engine=log.engine
    ).to_pylist()
    ours = waited(log)
    for state in ("counselled", "interviewed", "wants_return"):
        for key in ("person_days", "transitions"):
            assert sum(r[key] for r in ours if r["forecast_state"] == state) == sum(
                r[key] for r in whole if r["forecast_state"] == state
            )
