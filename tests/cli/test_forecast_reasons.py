"""Reasons and doubts of a forecast, as the terminal prints them."""

from types import SimpleNamespace

from onward.cli.forecast_reasons import TOO_NARROW, doubt, why
from onward.forecast.telling.reasons import SOURCES
from onward.forecast.telling.wording import DOUBTS, REASONS


def test_reasons_and_doubts_are_told_in_the_forecasts_own_words():
    levels = {"q10": 40.0, "median": 60.0, "q90": 80.0}
    made = SimpleNamespace(
        why=[{"kind": kind, "name": "exit_permits", **levels} for kind in REASONS],
        held={}, split=dict.fromkeys(SOURCES, 0.2), narrow=[], unknown=[], step={},
        inputs={"plan": "its hash"},
    )  # fmt: skip
    told = why(made, {"exit_permits": "Exit permits"})
    for kind, words in REASONS.items():
        assert any(line.startswith(f"  {words}: Exit permits ") for line in told), kind
    told = doubt(made)
    for source, words in DOUBTS.items():
        assert any(line.startswith(f"  {words} ") for line in told), source
    made.inputs = {}
    assert not any("the plan's steps happen" in line for line in doubt(made))


def test_whom_safeguards_hold_back_on_the_day_says_by_what_it_is_reckoned():
    levels = {"today": 40, "q10": 40.0, "median": 60.0, "q90": 80.0}
    made = SimpleNamespace(why=[], held={"G6": levels}, remedies=False)
    told = " ".join(why(made, {}))
    assert "8 in 10 on the day if as large a share of each state is held back as today" in told
    assert TOO_NARROW in told
    made.remedies = True
    told = " ".join(why(made, {}))
    assert "at the pace of remedies on record" in told
    assert "as large a share" not in told
    assert TOO_NARROW in told
