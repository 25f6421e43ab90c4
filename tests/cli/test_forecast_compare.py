"""What a planner reads of a comparison: the terminal's words, the page, and refusals."""

from __future__ import annotations

import datetime as dt
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from onward.cli.forecast import app
from onward.cli.forecast_compare import (
    WHAT_COUNTS,
    by_way,
    certainty,
    comparison_text,
    cost_words,
    decide_by_text,
    levers_text,
    regret_heading,
    waiting_words,
)
from onward.errors import Faults
from onward.forecast.scenarios.compare import Bar, Case, Comparison, Regret
from onward.forecast.scenarios.decide_by import DecideBy
from onward.forecast.scenarios.search import Found, Search
from onward.report.comparison import comparison_report, waiting_report
from onward.report.html import render_html


def levels(middle, half=0.0):
    names = ("q025", "q10", "q25", "median", "q75", "q90", "q975")
    steps = (-2, -1, -0.5, 0, 0.5, 1, 2)
    return {
        **{n: middle + half * k for n, k in zip(names, steps, strict=True)},
        "mean": middle,
    }


def case(id, title, kind, here, options, change=0.0, **more):
    fan = {name: [3700.0, value] for name, value in levels(here, 200).items() if name != "mean"}
    return Case(
        id=id, title=title, kind=kind, why=more.pop("why", ""), changes=more.pop("changes", ()),
        owners=more.pop("owners", ()), cost=more.pop("cost", {}), here=levels(here, 200),
        options=levels(options, 100), fan=fan, here_change=levels(here - 3100, 5),
        options_change=levels(change, 10 if change else 0), by_pathway=more.pop("ways", {}),
        likely_more=more.pop("more", 0.0), likely_fewer=more.pop("fewer", 0.0),
        cost_per_option=more.pop("each", {}), **more,
    )  # fmt: skip


MADE = Comparison(
    operation="camp", as_of="2026-10-31", deadline="2027-11-30", futures=500, seed=1, start=3722,
    days=("2027-05-01", "2027-11-30"),
    cases=(
        case("plan", "The plan as it stands", "plan", 3100, 1100),
        case("teams", "Two more <teams>", "choice", 3080, 1140, 40, more=0.9, fewer=0.02,
             cost={"euros": 180000}, owners=("interview team",),
             each={"euros": {"average": 4500, "low": 3600, "high": 6000}},
             ways={"return": 25.0, "protection": 15.0, "onward": 0.1},
             notes=("Interview slots are not what people wait for.",)),
        case("idle", "Idle beds", "choice", 3100, 1100, cost={"euros": 5}),
        case("border", "The border closed", "circumstance", 3150, 1060, -40, fewer=0.7),
    ),
    bars=(
        Bar("teams", "60 more slots", levels(0), levels(30, 10), {"euros": 180000}, True),
        Bar("teams", "Interviews at twice the pace", levels(0), levels(8, 4), {}, True),
        Bar("border", "T7 closed", levels(0), levels(-40, 20), {}, False),
    ),
    regret=(
        Regret("teams", "Two more <teams>", levels(5, 3), 5.0, 0.8, ("The border closed", 9.0)),
        Regret("plan", "The plan as it stands", levels(40, 30), 40.0, 0.1, ("as now", 41.0)),
    ),
    circumstances=("The border closed",),
    conditions={
        "fewer": {"asked": "fewer than 3,000 people are still here", "share": 0.25, "said": "",
                  "boxes": [{"inside": 0.4, "density": 0.6, "coverage": 0.9, "base": 0.25,
                             "limits": [{"name": "x", "low": None, "high": 4.0,
                                         "said": "“Exit permits” lasts at least to 31 May 2028"}]}]},
        "options": {"asked": "no more than 900 lawful options are opened", "share": 0.25,
                    "said": "No few conditions set these futures apart.", "boxes": []},
    },
    assumptions=("People hurry a little.",), left_out=("canada: only for families",),
    inputs={"log": "ab", "plan": "cd"}, ways={"return": "return home", "protection": "protection granted"},
)  # fmt: skip


def test_the_terminal_says_everything_in_words():
    text = "\n".join(comparison_text(MADE))
    for part in (
        "with the same luck", "Choices", "May happen", "Two more <teams>", "+40 (+30 to +50)",
        "More options in 90% of the futures, fewer in 2%, no change in 8%.",
        "By way: return home +25, protection granted +15",
        "Costs 180,000 euros; on average one more option costs 4,500 (8 in 10: 3,600 to 6,000) euros.",
        "what one more option costs cannot be told", "Opens nothing more and nothing fewer",
        "Each change by itself", "60 more slots", "What we may regret", "nothing better",
        "What would have to be true: fewer than 3,000 people", "31 May 2028",
        "No few conditions set these futures apart.", "Hand-over, death and absence never count.",
        "Interview slots are not what people wait for.",
    ):  # fmt: skip
        assert part in " ".join(text.split()) or part in text, part
    assert "nan" not in text
    assert "T7 closed" not in text.partition("Each change by itself")[2]


@pytest.mark.parametrize(
    ("average", "said"),
    [
        (17_734.2, "18,000 euros"),
        (4_500.0, "4,500 euros"),
        (0.5934, "0.59 euros"),
        (9.96, "10 euros"),
    ],
)
def test_what_an_option_costs_is_not_said_more_exactly_than_it_is_known(average, said):
    case = replace(MADE.cases[1], cost_per_option={"euros": {"average": average}})
    assert f"one more option costs {said}." in cost_words(case)


def test_one_circumstance_is_one():
    one = replace(MADE, circumstances=["The border closed"])
    assert "under 1 circumstance:" in regret_heading(one)
    assert "under 2 circumstances:" in regret_heading(replace(one, circumstances=["a", "b"]))


def page(made=MADE):
    return render_html(
        comparison_report(
            made, title="Camp", demonstration=True, rulebook="r 1", rulebook_hash="h",
            what_counts=WHAT_COUNTS, certainty=certainty, cost_words=cost_words,
            by_way=lambda one: by_way(one, made.ways),
        ),
        [],
    )  # fmt: skip


def test_the_page_says_it_in_words_before_it_draws_and_names_every_scenario():
    html = page()
    assert "&lt;teams&gt;" in html
    assert "<teams>" not in html
    assert "<script" not in html
    for part in (
        "Of the choices, “Two more &lt;teams&gt;” opens most: 40 more on average",
        "To be decided by: interview team.", "The border closed (may happen)",
        "holds 8 in 10 futures", "does not begin at nought", "never far from the best",
        "not what causes what", "People hurry a little.", "canada: only for families",
    ):  # fmt: skip
        assert part in " ".join(html.split()), part


def test_every_figure_is_drawn_twice_is_well_formed_and_has_its_figures_beside_it():
    html = page()
    drawings = re.findall(r"<svg.*?</svg>", html, flags=re.S)
    assert len(drawings) == 2 * 3
    for drawing in drawings:
        root = ET.fromstring(drawing)
        width, height = map(float, root.attrib["viewBox"].split()[2:])
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            assert 0 <= float(text.attrib["x"]) <= width
            assert 0 <= float(text.attrib["y"]) <= height
        assert root.find("{http://www.w3.org/2000/svg}title").text
    assert html.count("The figures behind this drawing") == 3


def test_a_comparison_of_circumstances_alone_has_no_regret_and_still_a_page():
    only = replace(MADE, cases=(MADE.cases[0], MADE.cases[3]), bars=MADE.bars[2:], regret=())
    assert "What we may come to regret" not in page(only)
    assert "What we may regret" not in "\n".join(comparison_text(only))


def test_an_assumption_at_another_value_is_said_in_words_at_both_doors():
    bars = (
        Bar("teams", "deadline strength at 0", levels(0), levels(8, 4), {}, True),
        Bar("teams", "hold strength at 0.5", levels(0), levels(6, 4), {}, True),
    )
    made = replace(MADE, bars=bars)
    for said in (page(made), "\n".join(comparison_text(made))):
        assert "People do not hurry as the deadline nears" in said
        assert "At 0.5: how far those who have not chosen" in said
        assert "strength at" not in said


WAIT = DecideBy(
    "teams", "Two more teams", "2026-11-15", ("2026-11-15", "2027-03-01"), (40.0, 10.0), (30.0, -0.2),
    (50.0, 20.0), {"0.9": "2026-12-01", "0.5": "2027-01-10", "0.1": None}, False, True,
)  # fmt: skip


def test_the_last_days_of_decision_are_said_and_drawn():
    text = "\n".join(decide_by_text(WAIT))
    assert "To keep nine tenths of its effect: decide by 1 December 2026." in text
    assert "0 to 20" in text
    assert "-0" not in text
    effect = waiting_words(WAIT)[1]
    assert "lawful options more than under the plan, on average." in effect
    assert f"its effect is {round(WAIT.more[0])} lawful" in effect
    nothing = replace(WAIT, by=dict.fromkeys(WAIT.by))
    assert "no day to name" in waiting_words(nothing)[0]
    assert any("begins" in line for line in waiting_words(replace(WAIT, lead=False)))
    html = render_html(
        waiting_report(
            WAIT, title="Camp", as_of=dt.date(2026, 10, 31), demonstration=True, rulebook="r",
            rulebook_hash="h", said=waiting_words(WAIT), what_counts=WHAT_COUNTS, futures=500, seed=1,
        ),
        [],
    )  # fmt: skip
    assert "nine tenths kept: 1 December 2026" in html
    headline = "Two more teams: to keep nine tenths of its effect, decide by 1 December 2026."
    assert headline in " ".join(html.split())


def test_packages_of_levers_are_said_with_their_owners_and_costs():
    best = Found(
        {"Interviews": "60 more slots"}, ("interview team",), {"euros": 90000.0}, 12.3, levels(20, 5),
        levels(-9, 3), 0.6, {"euros": {"average": 4500.0}},
    )  # fmt: skip
    none = Found({}, (), {}, 0.0, levels(0), levels(0), 0.1, {})
    made = Search(
        "camp", "2026-10-31", "2027-11-30", 300, 1, "What we can do", {"euros": 100000}, ("Border",),
        48, 48, True, (best, none), ("Interviews",),
    )  # fmt: skip
    text = "\n".join(levers_text(made))
    assert "48 packages within 100,000 euros." in text
    assert "+12 lawful options against the plan, in the poorer half of the futures" in text
    unsure = replace(made, found=(replace(best, options_change=levels(20, 20)), none))
    assert "8 in 10 between 0 and +40" in "\n".join(levers_text(unsure))
    assert "each option 4,500 euros" in text
    assert "to be decided by: interview team" in text
    assert "Nothing but the plan" in text
    assert "Not every package" not in text
    assert "Not every package" in "\n".join(levers_text(replace(made, proven=False)))
    alone = "\n".join(levers_text(replace(made, found=(none,), in_all=())))
    assert "No package opens more than the plan" in alone


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["compare", "camp", "--futures", "20"], "100 or more"),
        (["compare", "camp", "--seed", "-1"], "0 or more"),
        (["levers", "camp", "x.yaml", "--futures", "1"], "100 or more"),
        (["decide-by", "camp", "x.yaml", "--as-of", "soon"], "not a date"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_read(arguments, part):
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, Faults) or "not a date" in str(result.exception)
    assert part in str(result.exception)


def test_the_first_run_on_a_machine_compiles_beside_other_work_and_says_so(
    monkeypatch, tmp_path
):
    from onward.cli import compiling
    from onward.forecast.simulator import warm

    started = []

    class Process:
        def __init__(self, command, **_):
            started.append(command[-1])

        def wait(self, timeout):
            started.append("waited")
            if started.count("waited") < 3:
                raise compiling.subprocess.TimeoutExpired("warm", timeout)

    monkeypatch.setattr(compiling.subprocess, "Popen", Process)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    said = []
    compiling.compile_beside(said.append)()
    assert started == ["onward.forecast.simulator.warm", *["waited"] * 3]
    assert "once on this machine" in said[0]
    assert ["seconds so far" in text for text in said] == [False, True, True]
    kept = tmp_path / "kernel_x"
    kept.mkdir()
    (kept / "general.run_days-1.py311.nbi").write_bytes(b"")
    assert warm.cached()
    monkeypatch.setattr(warm, "warm", lambda: started.append("loaded"))
    compiling.compile_beside(said.append)()
    assert started[-1] == "loaded"
    assert len(said) == 3


def test_the_forecasts_words_name_things_as_the_plan_does():
    from onward.forecast.telling.wording import called

    titles = {"exit_permits": "Memorandum on exit permits", "norway": "Norway, resettlement",
              "monitors": "Return monitors"}  # fmt: skip
    assert called("when exit_permits begins and ends", titles) == (
        "when “Memorandum on exit permits” begins and ends"
    )
    assert called("norway: only for families", titles) == (
        "“Norway, resettlement”: only for families"
    )
    # A word that may mean itself stays.
    assert called("nobody monitors this", titles) == "nobody monitors this"
    assert called("norway opens when 40 have left on norway; one more", titles) == (
        "“Norway, resettlement” opens when 40 have left on “Norway, resettlement”; one more"
    )
    assert called("some_pool: places of one pledge", titles).startswith("Some pool: places")


def test_of_chances_that_never_or_always_hold_only_thetelling_one_is_said():
    from onward.cli import forecast as command

    chances = {"200": 0.0, "2000": 0.0, "3000": 0.3, "3500": 1.0, "3600": 1.0}
    assert command.telling(chances) == [(2000, 0.0), (3000, 0.3), (3500, 1.0)]
