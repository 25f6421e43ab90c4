"""What was made before the plan changed, and does not say what was sensitive then: the terminal's
forecasts, older work, older proposals. Nothing of an offer made in confidence is told from them."""

from __future__ import annotations

import json
import re

import pytest
import registry_cast as people
from test_planning import PLAN

GONE = PLAN.replace("quiet_offer", "loud_offer").replace(
    "An offer in confidence", "An offer all know of"
)
OPEN_NOW = GONE.replace("sensitive", "public")
"""The offer made in confidence was withdrawn, and another one, known to all, was made."""

LEVELS = {"q10": 40.0, "median": 61.0, "q90": 83.0}


def browser(*roles, name="someone"):
    return people.signed_in(people.account(name, *roles))


@pytest.fixture
def changed(small):
    """An operation whose plan held an offer in confidence that it holds no more."""
    from django.core.cache import cache

    from onward.registry.planning import adopt_plan

    cache.clear()
    first = adopt_plan(small, PLAN, effective="2026-05-01", by="chantal")
    adopt_plan(small, OPEN_NOW, effective="2026-06-01", by="chantal")
    return small, first.sha256


def kept_from_the_terminal(operation, inputs, **more):
    from onward.forecast.run import Forecast
    from onward.registry.computing.runs import keep_forecast

    fan = {name: [2000.0] for name in ("q025", "q10", "q25", "median", "q75", "q90", "q975")}
    empty = {name: {} for name in ("states", "left", "fewer_than", "gone_95", "width")}
    keep_forecast(
        operation,
        Forecast(operation="Small", as_of="2026-06-10", deadline="2027-06-10", futures=200, seed=1,
                 start=16, days=["2027-06-10"], fan={"everyone": fan}, mean=2000.0, zero=0.0,
                 assumptions=("quiet_offer opens its places", "Interviews go on as before"),
                 left_out=("An offer in confidence has no date",), inputs=inputs, **empty,
                 why=[{"kind": "shut", "name": "quiet_offer", **LEVELS},
                      {"kind": "not chosen", "name": "not_engaging", **LEVELS}],
                 narrow=[{"kind": "plan dates", "name": "quiet_offer", "share": 0.64},
                         {"kind": "behaviour", "name": "news", "share": 0.36}],
                 unknown=["This log cannot tell how people answer a date that draws near.",
                          "What would narrow it most, if it were known: when quiet_offer begins and ends."],
                 held={"G11": {"today": 60, **LEVELS}, "G12": {"today": 80, **LEVELS}, "G6": {"today": 19, **LEVELS}},
                 split={"plan dates": 0.7, "behaviour": 0.296, "chance": 0.004}, **more),
    )  # fmt: skip


def tells_nothing(page: str) -> bool:
    return "quiet_offer" not in page and "An offer in confidence" not in page


@pytest.mark.parametrize("says", ["the plan it was made from", "no plan", "a plan nobody kept"])
def test_a_forecast_started_at_the_terminal_names_no_offer_withdrawn_since(changed, says):
    operation, version = changed
    inputs = {
        "the plan it was made from": {"plan": version},
        "no plan": {},
        "a plan nobody kept": {"plan": "0" * 64},
    }[says]
    kept_from_the_terminal(operation, inputs)
    lead = browser("plan_lead").get("/forecasts/").content.decode()
    assert "quiet_offer opens its places" in lead
    analyst = browser("analyst", name="other")
    for address in ("/forecasts/", "/"):
        page = analyst.get(address).content.decode()
        assert tells_nothing(page), address
    told = analyst.get("/forecasts/").content.decode()
    assert "Interviews go on as before" in told
    assert "No way chosen yet: Not engaging" in told
    assert "how far news of safe arrivals moves others to choose: 20" in told


def test_a_forecast_says_what_it_cannot_tell_and_what_would_narrow_it(changed):
    operation, version = changed
    kept_from_the_terminal(operation, {"plan": version})
    page = browser("plan_lead").get("/forecasts/").content.decode()
    assert "The record cannot tell: how people answer a date that draws near." in page
    narrows = page.split("What would narrow the range")[1].split("</ul>")[0]
    # 64% of the spread: the range is 40% narrower without it
    assert re.findall(r"<li>(.+?): (\d+)", narrows) == [
        ("Quiet offer: when it begins and ends", "40"),
        ("how far news of safe arrivals moves others to choose", "20"),
    ]
    # Chance is where some of the width comes from; nobody can come to know it.
    assert "chance" not in narrows
    comes_from = page.split("What the width of the range comes from")[1].split("</ul>")[0]
    assert comes_from.count("<li>") == 2
    held = page.split('id="held"')[1].split("</table>")[0]
    assert re.findall(r'scope="row">([^<]+)</th><td class="n">(\d+)</td>', held) == [
        ("Permissions to travel", "80"), ("Fit to travel", "60"),
    ]  # fmt: skip
    # What holds few back today and will hold many is told as well, the few without their number.
    assert held.count("<tr>") == 4
    assert 'fewer than 20</td><td class="n">40</td>' in held
    assert "19" not in held
    assert "on the date if as large a share of each stage is held back as today" in page
    assert "Low and high are too close together" in page
    # Where past months were judged, whom a safeguard holds on the date follows their pace.
    kept_from_the_terminal(operation, {"plan": version, "remedies": "on record"}, remedies=True)
    paced = browser("plan_lead", name="fourth").get("/forecasts/").content.decode()
    assert "freed and held anew as in the past year" in paced
    assert "as large a share of each stage" not in paced
    assert "Low and high are too close together" in paced
    persian = browser("analyst", name="third")
    persian.cookies["django_language"] = "fa"
    assert "This log cannot tell" not in persian.get("/forecasts/").content.decode()


def test_where_an_older_plan_cannot_be_read_any_more_no_line_is_told(changed):
    from onward.registry.kept import kept
    from onward.registry.planning import _sensitive

    operation, version = changed
    kept(operation).write("plans", f"{version}.yaml", b"no plan any more\n")
    _sensitive.clear()
    kept_from_the_terminal(operation, {"plan": version})
    page = browser("analyst").get("/forecasts/").content.decode()
    assert "people will probably still be here" in page
    assert tells_nothing(page)
    assert "Interviews go on as before" not in page
    assert "Interviews go on as before" in browser("plan_lead", name="lead").get("/forecasts/").content.decode()  # fmt: skip


def case(name, kind, **also):
    levels = {"q10": 1.0, "mean": 2.0, "median": 2.0, "q90": 3.0}
    fan = {f"{n}": [2000.0] for n in ("q025", "q10", "q25", "median", "q75", "q90", "q975")}
    return {
        "id": name, "title": name, "kind": kind, "why": "", "changes": [], "owners": [], "notes": [],
        "cost": {}, "cost_per_option": {}, "file": "", "by_pathway": {}, "likely_more": 0.6,
        "likely_fewer": 0.1, "options": levels, "options_change": levels, "here": levels,
        "here_change": levels, "fan": fan, **also,
    }  # fmt: skip


@pytest.mark.parametrize("says", ["its plan", "nothing", "a plan that cannot be read"])
def test_an_older_comparison_without_a_list_names_no_offer_withdrawn_since(changed, says):
    from django.utils import timezone

    from onward.registry.kept import kept
    from onward.registry.models import Job
    from onward.registry.planning import _sensitive
    from onward.registry.site import current

    operation, version = changed
    if says == "a plan that cannot be read":
        kept(operation).write("plans", f"{version}.yaml", b"no plan any more\n")
        _sensitive.clear()
    made = {
        "as_of": "2026-06-10", "deadline": "2027-06-10", "days": ["2027-06-10"], "futures": 500,
        "start": 2100, "circumstances": [], "bars": [], "regret": [], "conditions": {}, "left_out": [],
        "cases": [case("plan", "plan"), case("rooms", "choice", title="Two more rooms"),
                  case("yes", "choice", title="They say yes", changes=["quiet_offer: chance 90%"])],
        "assumptions": ["quiet_offer opens its places"],
        "inputs": {} if says == "nothing" else {"plan": version},
    }  # fmt: skip
    job = Job.objects.create(
        operation=current().operation, kind="compare", state="done", ended_at=timezone.now(),
        by="x", result=made,
    )  # fmt: skip
    analyst, lead = browser("analyst"), browser("plan_lead", name="lead")
    for address in ("/forecasts/compared/", "/forecasts/", f"/work/{job.pk}/"):
        answer = analyst.get(address)
        assert answer.status_code == 200, address
        assert tells_nothing(answer.content.decode()), address
        assert "They say yes" not in answer.content.decode(), address
    page = analyst.get("/forecasts/compared/").content.decode()
    assert ("Two more rooms" in page) is (says != "a plan that cannot be read")
    assert "They say yes" in lead.get("/forecasts/compared/").content.decode()


def test_why_older_work_failed_names_no_offer_withdrawn_since(changed):
    from django.utils import timezone

    from onward.registry.models import Job
    from onward.registry.site import current

    job = Job.objects.create(
        operation=current().operation, kind="compare", state="failed", ended_at=timezone.now(),
        by="x", message="quiet_offer opens after it ends.",
    )  # fmt: skip
    page = browser("analyst").get(f"/work/{job.pk}/").content.decode()
    assert tells_nothing(page)
    lead = browser("plan_lead", name="lead").get(f"/work/{job.pk}/").content.decode()
    assert "quiet_offer opens after it ends" in lead


def test_an_older_proposal_names_no_offer_withdrawn_since(changed):
    from onward.registry.kept import kept

    operation, _ = changed
    content = {
        "format": "onward-placement-1", "on": "2026-06-10", "input_sha256": "0" * 64,
        "state": "optimal", "gap": 0.0, "conflict": [],
        "persons": {"all": 2, "placed": 2, "unplaced": 0}, "cases": {"all": 1, "placed": 1, "unplaced": 0},
        "assignments": [{"case": "household/H1", "size": 2, "programme": "quiet_offer", "window": "1",
                         "country": "CAN", "departs": "2026-09-01", "locked": False, "kept": None,
                         "why": {"preference": 0.5}, "full_limits": [], "next_best": None}],
        "unplaced": [], "limits": [], "unused": [], "fairness": [], "links": [], "pledges": [],
    }  # fmt: skip
    kept(operation).write("placements", "2026-06-10-001-0.json", json.dumps(content).encode())
    analyst = browser("analyst").get("/places/")
    assert analyst.status_code == 200
    assert "an offer made in confidence" in analyst.content.decode()
    assert tells_nothing(analyst.content.decode())
    assert (
        "quiet_offer"
        in browser("resettlement_officer", name="lead").get("/places/").content.decode()
    )
