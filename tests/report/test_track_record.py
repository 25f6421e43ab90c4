"""How past forecasts did, in the report: inside only, in words before figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from onward.forecast.run import EVERYONE
from onward.forecast.track import track
from onward.report.build import build
from onward.report.html import render_html

AS_OF, DEADLINE = date(2026, 6, 30), date(2026, 12, 31)


def done(worlds, forecast_of_plain_numbers, audience):
    world = worlds()
    world.people("p", 40)
    made = date(2026, 3, 1)
    past = forecast_of_plain_numbers(made, DEADLINE, 44)
    past = replace(past, spread=[[int(v)] * 3 for v in past.fan[EVERYONE]["median"]])
    present = {(made + timedelta(days=i)).isoformat(): 42 for i in range(122)}
    material = world.material(
        AS_OF, deadline=DEADLINE, forecast=forecast_of_plain_numbers(AS_OF, DEADLINE, 40),
        track=track([("past.json", past)], present, AS_OF),
    )  # fmt: skip
    return render_html(build(material, audience).report, [])


def test_the_report_says_how_past_forecasts_did_and_draws_them(
    worlds, forecast_of_plain_numbers
):
    html = done(worlds, forecast_of_plain_numbers, "internal")
    assert "1 kept forecast can be compared with what happened" in html
    assert "too few to judge" in html
    assert html.count("Past forecasts over what happened") >= 2


def test_past_days_stay_inside(worlds, forecast_of_plain_numbers):
    html = done(worlds, forecast_of_plain_numbers, "external")
    assert "kept forecast" not in html
    assert "Past forecasts" not in html
