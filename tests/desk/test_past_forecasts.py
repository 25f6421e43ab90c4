"""Past forecasts over what happened, on the forecast page: what has come due, and who brings it up to date."""

from __future__ import annotations

import datetime as dt

import pytest
import registry_cast as people

MAY = dt.date(2026, 5, 1)
OFFSETS = {"q025": -4, "q10": -2, "q25": -1, "median": 0, "q75": 1, "q90": 2, "q975": 4}


def browser(*roles, name="someone"):
    return people.signed_in(people.account(name, *roles))


def keep(operation, made=MAY, *, middle=16, days=20, seed=1, **also):
    """A forecast of one number on every third day, and the same spread around it."""
    from onward.forecast.run import EVERYONE, Forecast
    from onward.registry.computing.runs import keep_forecast

    shown = [(made + dt.timedelta(days=3 * (i + 1))).isoformat() for i in range(days)]
    empty = {
        name: {} for name in ("states", "left", "fewer_than", "gone_95", "width", "inputs")
    }
    return keep_forecast(operation, Forecast(
        operation="Small", as_of=made.isoformat(), deadline="2027-06-10", futures=200, seed=seed, start=16,
        days=shown, fan={EVERYONE: {n: [float(middle + k)] * days for n, k in OFFSETS.items()}},
        mean=float(middle), zero=0.0, assumptions=(), left_out=(),
        spread=[[middle - 2, middle, middle + 2]] * days, **empty, **also,
    ))  # fmt: skip


def page(client):
    answer = client.get("/forecasts/")
    assert answer.status_code == 200
    return answer.content.decode()


def compared(client):
    """What the page says once what happened was read."""
    from onward.registry.web import jobs

    client.post("/forecasts/run/", {"do": "happened"})
    done = jobs.run_next()
    assert done.state == "done", done.message
    return page(client)


def test_a_forecast_whose_days_are_all_to_come_is_not_drawn_and_the_page_says_what_will_be(
    small,
):
    from onward.desk import here

    lead = browser("plan_lead")
    assert 'id="past"' not in page(lead), "nothing is kept, and the page says that already"
    keep(small, here.today())
    said = page(lead)
    assert "No forecast has come due yet." in said
    assert "The first such day is" in said
    assert 'value="happened"' not in said


def test_days_that_have_passed_are_compared_by_whoever_may_make_a_forecast(small):
    keep(small)
    for role, may in (("plan_lead", True), ("supervisor", False)):
        said = page(browser(role, name=role))
        assert "have not been compared with the record yet" in said
        assert ('value="happened"' in said) is may
    refused = browser("supervisor", name="other").post("/forecasts/run/", {"do": "happened"})
    assert refused.status_code == 403


def test_a_past_forecast_stands_over_what_was_counted_and_a_table_says_the_same(small):
    from onward.registry.computing.comparing import track_of

    keep(small)
    said = compared(browser("plan_lead"))
    score = track_of(small).scores[0]
    assert "No forecast has come due yet." not in said
    past = said[said.index('id="past"') :]
    assert past.count("<svg") >= 2, "one for a page and one for a phone"
    last = score["days"][-1]
    row = past[past.index("<tbody>") : past.index("</tbody>")]
    assert f'data-label="Counted that day">{last["present"]}<' in row
    assert f'data-label="Missed by">{round(score["crps"])}<' in row
    assert f'data-label="Days inside the 8 in 10">{round(100 * score["covered80"])}%<' in row
    assert "Too few to judge by" in past
    assert 'value="happened"' not in past, "there is nothing to bring up to date"
    # Whoever may read the forecast may read this.
    assert 'data-label="Counted that day"' in page(browser("supervisor", name="other"))


def test_only_forecasts_with_a_day_that_has_passed_are_compared(small):
    from onward.desk import here

    keep(small)
    keep(small, here.today(), seed=2)
    past = compared(browser("plan_lead"))
    past = past[past.index('id="past-each"') : past.index('id="kept"')]
    assert past[: past.index("</table>")].count("<tr>") == 2, "the head and one forecast"


def test_a_forecast_kept_since_the_record_was_read_asks_to_be_compared(small):
    lead = browser("plan_lead")
    keep(small)
    compared(lead)
    keep(small, MAY + dt.timedelta(days=1), seed=2)
    said = page(lead)
    assert "More days have passed that the record was not read for since" in said
    assert 'value="happened"' in said
    assert 'value="happened"' not in compared(lead)


@pytest.mark.parametrize(
    ("middle", "verdict"),
    [(90, "The ranges have been too narrow."), (16, "wider than they needed to be")],
)
def test_ranges_that_held_too_little_or_all_are_called_so(small, middle, verdict):
    for number in range(6):
        keep(small, MAY + dt.timedelta(days=number), middle=middle, seed=number)
    said = compared(browser("plan_lead"))
    assert verdict in said
    assert "Too few to judge by" not in said
    assert "Days on which past forecasts" in said


def test_what_was_made_afterwards_is_said_to_be_and_not_counted_with_the_others(small):
    keep(small, afterwards=True)
    said = compared(browser("plan_lead"))
    assert "a trial of the method, no record of forecasts" in said
    assert "made afterwards" in said[said.index('id="past-each"') :]
    keep(small, seed=2)
    said = compared(browser("plan_lead", name="again"))
    assert "a trial of the method" not in said
    assert "Not counted in this: made afterwards" in said


def test_every_reach_ahead_has_a_name(small):
    from onward.desk.views import past_forecasts
    from onward.forecast.track import LEADS, Running, Track

    each = [Running(lead, 1, 1, 1.0, 1.0, 1.0, 1.0) for lead, _ in LEADS]
    shown = past_forecasts._leads(Track("2026-06-10", [], each[0], each, []))
    assert len({row["title"] for row in shown}) == len(LEADS)


def test_a_new_forecast_brings_what_happened_with_it(small, monkeypatch):
    """The work that makes one reads the record anyway; nobody has to ask twice."""
    from onward.registry.computing import analysis
    from onward.registry.computing.runs import kept_forecasts
    from onward.registry.web import jobs

    keep(small)
    made = kept_forecasts(small)[0][1]
    monkeypatch.setattr(analysis, "forecast_of", lambda *_, **__: made)
    lead = browser("plan_lead")
    lead.post("/forecasts/run/", {"do": "forecast", "futures": "200"})
    done = jobs.run_next()
    assert done.state == "done", done.message
    said = page(lead)
    assert 'data-label="Counted that day"' in said
    assert 'value="happened"' not in said


def test_the_queries_do_not_grow_with_the_forecasts_kept(small):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    lead = browser("plan_lead")

    def asked():
        with CaptureQueriesContext(connection) as found:
            page(lead)
        return len(found)

    keep(small)
    compared(lead)
    few = asked()
    for number in range(1, 8):
        keep(small, MAY + dt.timedelta(days=number), seed=number)
    compared(lead)
    assert asked() == few
