"""Why people are still here, what the width comes from, and what cannot be told."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from onward.forecast.simulator.draws import Discrete, Lognormal, Normal, draw
from onward.forecast.simulator.futures import Outputs, simulate
from onward.forecast.simulator.model import (
    Capacity,
    Effect,
    Gate,
    Model,
    Shock,
    State,
    Supply,
    Transition,
)
from onward.forecast.telling.reasons import (
    LAST_DAYS,
    narrow,
    narrowing,
    reasons,
    said_names,
    split,
    unknown,
)

DAYS, FUTURES = 60, 400
LAWS = {
    "pace": Lognormal(0.02, 0.2), "border shuts": Discrete([30.0, 1e9], [0.5, 0.5]),
    "help": Lognormal(1.0, 0.01), "sd": Normal(0.2, 0.0),
}  # fmt: skip
SOURCES = {"pace": "rates", "border shuts": "plan dates", "help": "effects", "sd": "shocks"}


def inputs(forward=("fly", "drive")):
    model = Model(
        states=[State("asked"), State("cleared"), State("booked"), State("gone", present=False)],
        strata=["all"],
        start={("asked", "all", 1): 100, ("cleared", "all", 1): 200, ("booked", "all", 1): 80},
        transitions=[
            Transition("choose", "asked", "cleared", 0.005),
            Transition("drive", "cleared", "gone", "pace", factors=["border open", "road", "luck"]),
            Transition("fly", "booked", "gone", 0.5, capacities=["seats"]),
        ],
        factors=[
            Gate("border open", [(-np.inf, "border shuts")]), Effect("road", "help"),
            Shock("luck", "sd", 30.0),
        ],
        capacities=[Capacity("seats", [Supply(1)])],
    )  # fmt: skip
    return SimpleNamespace(
        model=model, sources=SOURCES, undecided=("asked",), forward=frozenset(forward),
        rates=SimpleNamespace(learnt=None, movements={}), told_apart={"all": ("all",)},
        derived=lambda rows: rows,
    )  # fmt: skip


def played(made):
    rows = draw(LAWS, FUTURES, 1)
    wanted = Outputs(units_on=[DAYS - 1], flows_on=[DAYS - 1 - LAST_DAYS, DAYS - 1])
    return rows, simulate(made.model, rows, FUTURES, 1, days=DAYS, outputs=wanted)


def test_everybody_still_here_stands_under_one_reason():
    made = inputs()
    rows, futures = played(made)
    found = reasons(made, rows, futures, DAYS)
    total = sum(one.people for one in found)
    assert total == pytest.approx(futures.present["all"][:, -1])
    kinds = {(one.kind, one.name) for one in found}
    assert kinds >= {
        ("not chosen", "asked"), ("shut", "border"), ("under way", "cleared"),
        ("no place", "seats"),
    }  # fmt: skip


def test_a_shut_border_holds_people_only_in_the_futures_in_which_it_is_shut():
    made = inputs()
    rows, futures = played(made)
    people = {(one.kind, one.name): one.people for one in reasons(made, rows, futures, DAYS)}
    shut = rows.column("border shuts") < DAYS
    assert (people["shut", "border"][shut] > 0).all()
    assert (people["shut", "border"][~shut] == 0).all()
    assert (people["under way", "cleared"][shut] == 0).all()


def test_short_seats_turn_away_most_of_those_who_ask():
    made = inputs()
    rows, futures = played(made)
    people = {(one.kind, one.name): one.people for one in reasons(made, rows, futures, DAYS)}
    # 60 of 80 have gone, one a day; of those left about nine in ten asked in vain
    assert people["no place", "seats"].mean() > 4 * people["under way", "booked"].mean()


def test_a_reason_is_told_by_group_and_the_groups_add_up():
    one = inputs()
    start = {("asked", "a", 1): 100, ("cleared", "a", 1): 50, ("cleared", "b", 1): 150,
             ("booked", "b", 1): 80}  # fmt: skip
    one.model = replace(one.model, strata=["a", "b"], start=start)
    one.told_apart = {"a": ("a",), "b": ("b",)}
    rows, futures = played(one)
    found = {(r.kind, r.name): r for r in reasons(one, rows, futures, DAYS)}
    assert (found["not chosen", "asked"].groups[:, 1] == 0).all()
    assert (found["no place", "seats"].groups[:, 0] == 0).all()
    shut = found["shut", "border"]
    assert shut.people == pytest.approx(shut.groups[:, 0] + shut.groups[:, 1])
    assert 0 < shut.groups[:, 0].mean() < shut.groups[:, 1].mean()
    everybody = sum(r.groups for r in found.values())
    units = futures.units[:, -1, :3].sum(axis=(1, 3))
    assert everybody == pytest.approx(units)


def test_the_width_is_split_into_parts_that_add_up():
    made = inputs()
    shares = split(made, draw(LAWS, FUTURES, 1), 1, days=DAYS, futures=FUTURES)
    assert set(shares) == {"rates", "effects", "plan dates", "shocks", "chance"}
    assert sum(shares.values()) == pytest.approx(1, abs=0.01)
    assert max(shares, key=shares.get) == "plan dates"
    assert shares["effects"] < 0.02
    less = narrowing(shares)
    assert less["plan dates"] == pytest.approx(1 - (1 - shares["plan dates"]) ** 0.5, abs=0.002)
    assert all(0 <= value <= 1 for value in less.values())


def test_a_source_that_does_nothing_has_no_part_and_one_that_does_everything_has_all():
    made = inputs()
    made.sources = {"border shuts": "plan dates"}
    big = {key: value * 5000 for key, value in made.model.start.items()}
    made.model = Model(**{**vars(made.model), "start": big})
    rows = draw({**LAWS, "pace": Lognormal(0.02, 0.0), "sd": Normal(1e-9, 0.0)}, FUTURES, 1)
    shares = split(made, rows, 1, days=DAYS, futures=FUTURES)
    assert shares["plan dates"] > 0.98


def test_what_would_narrow_the_answer_most_is_named_first():
    made = inputs()
    rows, futures = played(made)
    named = narrow(made, rows, futures.present["all"][:, -1].astype(float))
    assert named[0][:2] == ("plan dates", "border")
    assert all(name != "help" for _, name, _ in named)
    assert [share for *_, share in named] == sorted((s for *_, s in named), reverse=True)


def test_not_yet_known_is_an_answer_only_where_it_is_one():
    made = inputs()
    wide = unknown(
        made, start=1000, levels={"q10": 100.0, "q90": 800.0},
        left={"return": {"q10": 20.0, "q90": 400.0}, "onward": {"q10": 90.0, "q90": 110.0}},
        named=[("plan dates", "border", 0.6)],
    )  # fmt: skip
    assert "not known yet: the range holds 70%" in wide[0]
    assert "leave by return" in wide[1]
    assert wide[-1].endswith("when border begins and ends.")
    sure = unknown(
        made, start=1000, levels={"q10": 490.0, "q90": 530.0},
        left={"return": {"q10": 90.0, "q90": 110.0}}, named=[("rates", "pace", 0.9)],
    )  # fmt: skip
    assert sure == []


def test_how_many_arrive_is_one_thing_whatever_their_families():
    laws = {
        f"arrivals to asked [all, {size} together]": Lognormal(0.1, 0.5) for size in (1, 2, 4)
    }
    rows = draw(laws, FUTURES, 3)
    final = rows.values @ np.array([1.0, 2.0, 4.0])
    ((kind, name, share),) = narrow(
        SimpleNamespace(sources=dict.fromkeys(laws, "rates")), rows, final
    )
    assert (kind, name) == ("rates", "arrivals")
    assert share > 0.9
    assert said_names([(kind, name, share)]) == "how many people arrive"
