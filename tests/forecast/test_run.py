"""One forecast, kept and scored; and the command a planner types."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from onward.caseload.moves import forecast_moves
from onward.cli import forecast as command
from onward.errors import OnwardError
from onward.forecast.building.inputs import build
from onward.forecast.run import forecast, from_json, present_by_day, scored
from onward.forecast.simulator.draws import Gamma, draw
from onward.forecast.simulator.futures import Group, Outputs
from onward.forecast.simulator.model import Model, State, Transition
from onward.forecast.telling import chances, courses
from onward.forecast.telling.scores import crps
from onward.forecast.telling.wording import MOST_GROUPS, groups_told, in_groups
from onward.rulebook import load, shipped_path

ROOT = Path(__file__).parents[2]
RULEBOOK = load(shipped_path("protected-camp"))
AS_OF, DEADLINE = dt.date(2026, 5, 31), dt.date(2026, 10, 31)


def inputs():
    counts = pa.Table.from_pylist(
        [
            {"forecast_state": "return_cleared", "group": group, "unit_size": size,
             "units": units, "people": size * units, "mixed_people": 0}
            for group, size, units in (
                ("main_group", 1, 150), ("main_group", 4, 30), ("recognised_group", 2, 20))
        ]
    )  # fmt: skip
    rows = []
    for index in range(6):
        base = {"group": "main_group", "forecast_state": "return_cleared", "period_days": 30,
                "period_start": AS_OF - dt.timedelta(days=30 * (6 - index) - 1)}  # fmt: skip
        rows.append(
            {**base, "move": None, "to_state": None, "person_days": 9000, "transitions": 0}
        )
        rows.append({**base, "move": "T7.done", "to_state": "returned", "person_days": 0,
                     "transitions": 40 + 5 * index})  # fmt: skip
    steps = [(m.from_state, m.move, m.to_state) for m in forecast_moves(RULEBOOK)]
    return build(
        RULEBOOK, counts=counts, exposures=pa.Table.from_pylist(rows), steps=steps,
        as_of=AS_OF, deadline=DEADLINE,
    )  # fmt: skip


def made(seed=1, threads=None, **more):
    return forecast(
        inputs(), operation="camp", as_of=AS_OF, deadline=DEADLINE, futures=400, seed=seed,
        threads=threads, **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def one():
    return made(hashes={"log": "ab"})


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(one):
    assert made(threads=1, hashes={"log": "ab"}).to_json() == one.to_json()
    assert made(threads=2, hashes={"log": "ab"}).to_json() == one.to_json()
    assert made(seed=2, threads=2).to_json() != one.to_json()


def test_the_fan_ends_on_the_deadline_and_its_levels_never_cross(one):
    assert one.days[-1] == DEADLINE.isoformat()
    for levels in one.fan.values():
        table = np.array(list(levels.values()))
        assert (np.diff(table, axis=0) >= 0).all()


def test_who_stays_and_who_leaves_add_up(one):
    left = sum(levels["median"] for levels in one.left.values())
    stays = one.deadline_levels()["median"]
    assert one.start == 150 + 120 + 40
    assert stays + left == pytest.approx(one.start, abs=0.05 * one.start)
    groups = [one.fan[group]["median"][-1] for group in one.fan if group != "everyone"]
    assert sum(groups) == pytest.approx(stays, abs=0.05 * one.start)


def test_a_kept_run_reads_back_as_it_was(one):
    assert from_json(one.to_json()) == replace(
        one, **{name: json.loads(one.to_json())[name] for name in ("days", "spread")}
    )
    with pytest.raises(ValueError, match="not a stored forecast"):
        from_json('{"kind": "letter"}')


def test_what_is_kept_fits_its_schema(one):
    schema = json.loads((ROOT / "docs/reference/schemas/forecast.schema.json").read_text())
    jsonschema.validate(json.loads(one.to_json()), schema, cls=jsonschema.Draft202012Validator)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(one.to_json()), "extra": 1}, schema)


def test_a_run_kept_before_the_reasons_were_given_still_reads(one):
    data = json.loads(one.to_json())
    for name in ("split", "why", "held", "narrow", "unknown", "step", "remedies", "asked",
                 "chances", "courses"):  # fmt: skip
        del data[name]
    assert from_json(json.dumps(data)).fan == one.fan
    del data["fan"]
    with pytest.raises(ValueError, match="another version"):
        from_json(json.dumps(data))


def test_reasons_add_up_to_those_still_here(one):
    assert sum(row["median"] for row in one.why) == pytest.approx(
        one.deadline_levels()["median"], abs=8
    )
    assert sum(one.split.values()) == pytest.approx(1, abs=0.01)
    for group in ("main_group", "recognised_group"):
        of = sum(in_groups(row, [group])[0] for row in one.why)
        assert of == pytest.approx(one.deadline_levels(group)["median"], abs=8)


def test_chances_are_told_by_group_stage_and_way_of_whatever_number_is_asked(one):
    asked = made(split=False, asked=[40, 7])
    assert asked.asked == [7, 40]
    assert asked.fan == one.fan
    assert asked.identity != made(split=False).identity
    groups = asked.chances["groups"]
    assert {name: of["start"] for name, of in groups.items()} == {
        "main_group": 270, "recognised_group": 40,
    }  # fmt: skip
    assert {"7", "40"} <= set(asked.fewer_than)
    for name, of in groups.items():
        levels = asked.deadline_levels(name)
        chances = [of["fewer_than"][bound] for bound in sorted(of["fewer_than"], key=int)]
        assert {"7", "40"} <= set(of["fewer_than"])
        assert chances == sorted(chances)
        assert of["zero"] <= chances[0]
        # Half of the futures are below the middle, whatever is asked.
        below = of["fewer_than"]["40"]
        assert below >= 0.5 if levels["median"] < 40 else below <= 0.5
    # Nobody is left only where nobody of any group is.
    assert asked.zero <= min(of["zero"] for of in groups.values())
    stage = asked.chances["states"]["return_cleared"]
    way = asked.chances["left"]["return"]
    assert set(stage["fewer_than"]) == set(way["fewer_than"]) == {"7", "40"}
    assert way["zero"] == 0
    assert way["fewer_than"]["40"] == 0


def test_when_nearly_all_of_a_group_have_left_is_read_off_its_own_course():
    present = np.tile(np.array([100, 50, 5, 4, 0]), (10, 1))
    present[5:] = 100
    present[9, 1] = 5
    asked = chances.gone_95(present, 100, AS_OF)
    assert asked == {"q10": "2026-06-02", "median": "2026-06-03", "q90": None}
    assert chances.gone_95(present, 0, AS_OF) == {"q10": None, "median": None, "q90": None}
    assert chances.zero(present[:, -1]) == 0.5
    assert chances.fewer(present[:, 2], [5, 6]) == {"5": 0.0, "6": 0.5}


def test_the_page_tells_chances_by_group_and_what_was_asked():
    page = "\n".join(command.page(made(split=False, asked=[40]), {}))
    for words in ("fewer than 40 are left: ", "Chances by group", "main group (270 here)",
                  "recognised group (40 here)", "    fewer than 40: ", "    95% have left: ",
                  "95% of those who leave by it have left: by "):  # fmt: skip
        assert words in page, words


def test_finer_steps_are_reported_with_what_the_daily_one_costs():
    fine = made(steps_per_day=4, split=False)
    assert fine.step["per_day"] == 4
    assert abs(fine.step["bias"]) < 10
    assert fine.identity != made(split=False).identity


def test_reasons_have_a_column_for_each_of_a_few_groups_and_none_for_many():
    few = [{"groups": {"a": {"median": 3.0}}}, {"groups": {"b": {"median": 2.0}}}]
    assert groups_told(few) == ("a", "b")
    assert in_groups(few[0], ("a", "b")) == [3.0, 0.0]
    assert groups_told([{"groups": {"a": {"median": 3.0}}}]) == ()
    many = [{"groups": {str(n): {"median": 1.0}}} for n in range(MOST_GROUPS + 1)]
    assert groups_told(many) == ()
    # a run kept before groups were
    assert groups_told([{"kind": "shut", "median": 1.0}]) == ()


def test_people_held_back_by_a_safeguard_are_carried_to_the_deadline():
    held = made(split=False, held=lambda: {"return_cleared": {"G6": 31, "G11": 0}}).held
    # 310 people stand there: one in ten is held, and so is one in ten of those left
    assert held["G6"]["today"] == 31
    left = made(split=False).states["return_cleared"]["median"]
    assert held["G6"]["median"] == pytest.approx(left / 10, abs=0.2)


def test_sources_of_width_are_shares(one):
    assert set(one.width) >= {"rates", "shocks", "behaviour", "chance"}
    assert all(0 <= share <= 1 for share in one.width.values())


def test_a_date_that_is_not_ahead_and_too_few_futures_are_refused():
    with pytest.raises(ValueError, match="not after"):
        forecast(inputs(), operation="camp", as_of=AS_OF, deadline=AS_OF, futures=400, seed=1)
    with pytest.raises(OnwardError, match="at least 200"):
        forecast(inputs(), operation="camp", as_of=AS_OF, deadline=DEADLINE, futures=20, seed=1)


def test_a_kept_run_is_scored_on_the_days_that_have_passed(one):
    truth = {one.days[0]: 300, one.days[3]: 60}
    score = scored(one, truth)
    assert [row["date"] for row in score["days"]] == [one.days[0], one.days[3]]
    assert score["days"][1]["crps"] == pytest.approx(float(crps(one.spread[3], 60)), abs=0.01)
    assert score["crps_no_change"] == pytest.approx((10 + 250) / 2)
    middle = {day: int(one.fan["everyone"]["median"][i]) for i, day in enumerate(one.days)}
    sure = scored(one, middle)
    assert sure["covered80"] == sure["covered95"] == 1.0
    assert sure["crps"] < score["crps"]
    with pytest.raises(ValueError, match="no day"):
        scored(one, {"2020-01-01": 4})


def test_the_numbers_kept_for_scoring_are_the_fan(one):
    for index in range(len(one.days)):
        spread = one.spread[index]
        assert list(spread) == sorted(spread)
        middle = one.fan["everyone"]["median"][index]
        assert spread[18] <= middle <= spread[21]


def test_only_people_not_gone_count_as_present():
    day = dt.date(2026, 6, 1)
    table = pa.Table.from_pylist(
        [
            {"forecast_state": state, "period_start": day, "move": move, "person_days": days}
            for state, move, days in (
                ("interviewed", None, 30), ("returned", None, 12), ("interviewed", "T4.return", 0),
                (None, None, 5))
        ]
    )  # fmt: skip
    assert present_by_day(table, RULEBOOK) == {"2026-06-01": 30}


# -- the command


def call(*words):
    return CliRunner().invoke(command.app, [str(word) for word in words])


def test_the_page_says_it_in_words(one):
    page = "\n".join(command.page(one, {"return_cleared": "Cleared for return"}))
    assert page.startswith("Of 310 people here on 31 May 2026, about ")
    for words in ("8 of 10 simulated futures", "Cleared for return", "Returned home",
                  "nobody is left", "What is assumed", "400 futures, seed 1"):  # fmt: skip
        assert words in page


def test_help_starts_with_an_example_and_names_the_others():
    result = call("--help")
    assert result.exit_code == 0
    assert "Example: onward forecast camp" in result.output
    assert "onward forecast list camp" in result.output
    for name in ("list", "score"):
        assert f"Example: onward forecast {name} camp" in call(name, "--help").output


def test_everything_wrong_with_the_options_is_said_at_once():
    result = call("--futures", "3", "--seed", "-1", "--series", "stock", "--fewer-than", "0")
    assert isinstance(result.exception, OnwardError)
    said = str(result.exception)
    assert "no operation folder named" in said
    assert "200 or more" in said
    assert "--seed" in said
    assert "--fewer-than" in said
    assert "1 or more people" in said
    assert "only goes with --counts" in said


def test_counts_need_a_series_and_two_days(tmp_path):
    result = call("--counts", tmp_path / "x.csv")
    said = str(result.exception)
    assert isinstance(result.exception, OnwardError)
    assert all(option in said for option in ("--series", "--origin", "--by"))


def test_a_published_series_is_forecast(tmp_path):
    file = tmp_path / "camp.csv"
    file.write_text(
        "series,date,value\n"
        + "".join(
            f"camp_population,2012-0{month}-15,{3400 - 300 * month}\n" for month in range(1, 8)
        )
    )
    result = call("--counts", file, "--series", "camp_population", "--origin", "2012-07-19",
                  "--by", "2012-09-16", "--json")  # fmt: skip
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data["series"] == "camp_population"
    assert data["q05"] <= data["median"] <= data["q95"]
    asked = call("--counts", file, "--series", "camp_population", "--origin", "2012-07-19",
                 "--by", "2012-09-16", "--fewer-than", "640")  # fmt: skip
    assert "fewer than 640 " in asked.output
    assert "95% have left " in asked.output


def test_the_terminal_answers_help_without_loading_the_heavy_parts():
    script = (
        "import sys, onward.cli.forecast; "
        "heavy = {'numpy', 'numba', 'duckdb', 'pyarrow', 'sqlglot'} & set(sys.modules); "
        "sys.exit(str(sorted(heavy)) if heavy else None)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_people_held_back_are_carried_at_the_pace_of_remedies_where_past_days_were_judged():
    """Of 310 people 31 are held; nobody was freed or caught in a year, and who came was free."""
    rows = [
        {"step": step, "state": "return_cleared", "guard": "G6", "was": was, "now": now, "age": 0,
         "people": people}
        for step in range(13)
        for was, now, people in (
            ("held", "held", 31), ("free", "free", 279), ("free", "gone", 40), ("new", "free", 40))
    ] + [
        {"step": 13, "state": "return_cleared", "guard": "G6", "was": was, "now": "now", "age": 0,
         "people": people}
        for was, people in (("held", 31), ("free", 279))
    ]  # fmt: skip
    today = {"return_cleared": {"G6": 31}}
    plain = made(held=lambda: today)
    paced = made(held=lambda: today, turns=pa.Table.from_pylist(rows))
    assert paced.remedies
    assert not plain.remedies
    assert paced.held["G6"]["today"] == 31
    # The others leave and these stay, so far more than a tenth of those left are held.
    assert paced.held["G6"]["median"] > 2 * plain.held["G6"]["median"]
    assert paced.held["G6"]["q975"] < 36
    # What holds nobody back today and will is told too; what never will is not.
    caught = (("free", "free", 220), ("free", "held", 60), ("held", "held", 30),
              ("free", "gone", 40), ("new", "free", 40))  # fmt: skip
    other = [
        {**rows[0], "guard": "G9", "step": step, "was": was, "now": now, "people": people}
        for step in range(13)
        for was, now, people in caught
    ] + [{**rows[-1], "guard": "G9"}]
    never = [{**row, "guard": "G11"} for row in rows if row["was"] in ("free", "new")]
    both = made(held=lambda: today, turns=pa.Table.from_pylist(rows + other + never)).held
    assert sorted(both) == ["G6", "G9"]
    assert both["G9"]["today"] == 0
    assert both["G9"]["median"] > 20
    # Nothing else is different: the futures are the same.
    assert paced.why == plain.why
    assert paced.fan == plain.fan
    assert paced.split == plain.split
    schema = json.loads((ROOT / "docs/reference/schemas/forecast.schema.json").read_text())
    jsonschema.validate(
        json.loads(paced.to_json()), schema, cls=jsonschema.Draft202012Validator
    )


def test_stages_and_ways_have_courses_that_end_in_what_is_told_of_the_day(one):
    assert one.courses["days"][-1] == one.deadline
    assert set(one.courses["days"]) <= set(one.days)
    for part, told in (("states", one.states), ("left", one.left)):
        # Nobody comes back here, and of what never holds anybody no course is kept.
        assert one.courses[part]
        for name, levels in told.items():
            course = one.courses[part].get(name)
            if course is None:
                assert not any(levels.values())
            else:
                assert {level: values[-1] for level, values in course.items()} == levels
    for course in one.courses["left"].values():
        assert (np.diff(np.array(list(course.values())), axis=1) >= 0).all()
    here = sum(course["median"][0] for course in one.courses["states"].values())
    first = one.days.index(one.courses["days"][0])
    assert here == pytest.approx(one.fan["everyone"]["median"][first], abs=0.05 * one.start)


def test_nearly_all_are_through_a_stage_for_good_and_a_way_when_95_in_100_have_left():
    model = Model(
        name="two steps",
        states=[State("waiting"), State("ready"), State("away", present=False)],
        strata=("all",),
        start={("waiting", "all", 1): 400, ("away", "all", 1): 50},
        transitions=[
            Transition("asked", "waiting", "ready", "fast"),
            Transition("left", "ready", "away", "slow", pathway="onward"),
        ],
    )
    draws = draw({"fast": Gamma(2e6, 1e7), "slow": Gamma(5e5, 1e7)}, 300, 1)
    made, stages, ways = courses.simulated(
        model, draws, 300, 1, days=120, on=[0, 119], threads=1,
        outputs=Outputs(present={"here": Group(states=["waiting", "ready"])}),
    )  # fmt: skip
    # 5% of 400 wait on: after ln 20 / 0.2 days. Those ready were none at first.
    assert np.median(stages["waiting"].when) == pytest.approx(np.log(20) / 0.2, abs=1.5)
    assert np.isinf(stages["ready"].when).all()
    here = made.present["here"]
    gone = 400 - here
    assert (ways["onward"].people == gone[:, [0, 119]]).all()
    for future in range(0, 300, 50):
        day = int(ways["onward"].when[future])
        assert gone[future, day - 1] >= 0.95 * gone[future, -1] > gone[future, day - 2]


def test_a_way_that_nobody_takes_in_most_futures_is_dated_by_those_in_which_somebody_does():
    people = {"stay": np.array([0.0, 0, 0, 4])}
    days = {"stay": np.array([np.inf, np.inf, np.inf, 9])}
    asked = chances.by_part({}, {}, {}, people, (), AS_OF, {"states": {}, "left": days})
    of = asked["left"]["stay"]
    assert of["zero"] == 0.75
    assert of["gone_95"] == dict.fromkeys(("q10", "median", "q90"), "2026-06-09")
    never = {"stay": np.full(4, np.inf)}
    asked = chances.by_part({}, {}, {}, people, (), AS_OF, {"states": {}, "left": never})
    assert asked["left"]["stay"]["gone_95"] == dict.fromkeys(("q10", "median", "q90"))


def test_a_stage_that_fills_again_is_not_told_empty():
    course = np.array([[4, 1, 60, 3, 2], [100, 9, 5, 4, 0], [100, 90, 80, 70, 60]])
    assert courses.emptied(course, 100).tolist() == [4.0, 3.0, np.inf]
    assert courses.nearly_left(np.array([[0, 95, 100], [0, 0, 0], [9, 10, 10]])).tolist() == [
        2.0, np.inf, 2.0,
    ]  # fmt: skip


def test_many_futures_are_simulated_in_pieces_and_are_the_same(monkeypatch, one):
    monkeypatch.setattr(courses, "PIECE", 150)
    assert made(hashes={"log": "ab"}).to_json() == one.to_json()
