"""Plan, forecast, places and reports in the browser: who sees what, and long work that is left."""

from __future__ import annotations

import re

import pytest
import registry_cast as people
from test_planning import PLAN

from onward.errors import OnwardError

SECRET = "An offer in confidence"


@pytest.fixture
def planned(small):
    from django.core.cache import cache

    from onward.registry.planning import adopt_plan

    cache.clear()
    adopt_plan(small, PLAN, effective="2026-05-01", by="chantal")
    return small


def browser(*roles, name="someone"):
    return people.signed_in(people.account(name, *roles))


# -- the plan ---------------------------------------------------------------------------------


def test_an_offer_made_in_confidence_is_shown_to_few(planned):
    assert SECRET in browser("plan_lead").get("/plan/").content.decode()
    page = browser("supervisor", name="other").get("/plan/")
    assert page.status_code == 200
    assert SECRET not in page.content.decode()
    assert "quiet_offer" not in page.content.decode()


def test_colleagues_see_the_work_of_the_plan_without_what_is_sensitive(planned, monkeypatch):
    from dataclasses import replace

    from onward.desk import here

    found = here.plan()
    assert found.actions
    name = sorted(found.actions)[0]
    shown = replace(found.actions[name], title="Fit out a room", confidentiality="partners")
    quiet = replace(shown, title="Ask a State quietly", confidentiality="sensitive")
    for action, seen in ((shown, True), (quiet, False)):
        changed = replace(found, hash=action.title, actions={**found.actions, name: action})
        monkeypatch.setattr(here, "plan", lambda changed=changed: changed)
        page = (
            browser("supervisor", name=f"colleague.{seen}".lower())
            .get("/plan/")
            .content.decode()
        )
        assert (action.title in page) is seen
        assert (
            action.title
            in browser("plan_lead", name=f"lead.{seen}".lower()).get("/plan/").content.decode()
        )


def test_what_somebody_rests_on_gives_no_sensitive_authority_away(planned, monkeypatch):
    from dataclasses import replace

    from onward.desk import here

    found = here.plan()
    (one,) = found.authorities.values()
    quiet = replace(one, title="Quiet consent", legal=("gc4_protected",), beneficiaries=replace(
        one.beneficiaries, everyone=True), expiry=None, confidentiality="sensitive")  # fmt: skip
    monkeypatch.setattr(here, "plan", lambda: replace(found, authorities={"quiet": quiet}))
    few = browser("resettlement_officer").get("/people/H1-P1/").content.decode()
    assert "Quiet consent" in few
    page = browser("supervisor", name="other").get("/people/H1-P1/").content.decode()
    assert "Quiet consent" not in page


def test_a_changed_plan_is_checked_shown_and_adopted(planned):
    from onward.registry.planning import plan_version

    lead = browser("plan_lead")
    page = lead.get("/plan/edit/").content.decode()
    before = re.search(r'name="replaces" value="([0-9a-f]{64})"', page)[1]
    changed = PLAN.replace("title: Mandate,", "title: The mandate as renewed,")
    form = {"text": changed, "effective": "2026-06-01", "replaces": before}
    checked = lead.post("/plan/edit/", {**form, "do": "check"}).content.decode()
    assert "The mandate as renewed" in checked
    assert plan_version(planned).sha256 == before
    assert lead.post("/plan/edit/", {**form, "do": "adopt"}).status_code == 303
    assert b"renewed" in plan_version(planned).text
    again = lead.post("/plan/edit/", {**form, "text": PLAN, "do": "adopt"})
    assert again.status_code == 422
    assert "meanwhile" in again.content.decode()


def test_faults_of_a_plan_are_named_and_nothing_is_adopted(planned):
    from onward.registry.planning import plan_version

    before = plan_version(planned).sha256
    answer = browser("plan_lead").post(
        "/plan/edit/",
        {"text": PLAN.replace("expiry: 2027-09-30", "expiry: soon"), "effective": "2026-06-01", "do": "adopt"},
    )  # fmt: skip
    assert answer.status_code == 422
    assert "expiry" in answer.content.decode()
    assert plan_version(planned).sha256 == before


def test_a_day_that_is_none_is_said_beside_its_field_and_a_solar_day_is_understood(planned):
    lead, sent = browser("plan_lead"), {"text": PLAN + "# again\n", "do": "adopt"}
    said = lead.post("/plan/edit/", {**sent, "effective": "soon"})
    assert said.status_code == 422
    page = said.content.decode()
    assert '<a href="#effective">' in page
    assert 'aria-describedby="effective-hint effective-error"' in page
    assert lead.post("/plan/edit/", {**sent, "effective": "1405-03-20"}).status_code == 303
    from onward.registry.planning import adoptions

    assert adoptions(planned)[-1].effective == "2026-06-10"


def test_a_target_that_counts_departures_cannot_be_adopted(planned):
    text = (
        PLAN
        + "service_targets:\n  out: {title: Out, metric: departures, at_least: 40, per: week}\n"
    )
    answer = browser("plan_lead").post(
        "/plan/edit/", {"text": text, "effective": "2026-06-01", "do": "adopt"}
    )
    assert answer.status_code == 422


# -- the latest forecast ----------------------------------------------------------------------


def test_the_latest_forecast_stands_on_the_home_page(planned):
    from onward.forecast.run import Forecast
    from onward.registry.computing.runs import keep_forecast

    levels = {"q025": [2700.0], "q10": [2866.4], "q25": [3000.0], "median": [3114.0],
              "q75": [3200.0], "q90": [3371.2], "q975": [3500.0]}  # fmt: skip
    empty = {
        name: {} for name in ("states", "left", "fewer_than", "gone_95", "width", "inputs")
    }
    reason = {"q10": 40.0, "median": 61.0, "q90": 83.0}
    keep_forecast(
        planned,
        Forecast(operation="Small", as_of="2026-06-10", deadline="2027-06-10", futures=200, seed=1,
                 start=16, days=["2027-06-10"], fan={"everyone": levels}, mean=3114.0, zero=0.0,
                 assumptions=(), left_out=(), **empty, why=[
                     {"kind": "not chosen", "name": "not_engaging", **reason},
                     {"kind": "shut", "name": "interviews/closes T7", **reason},
                     {"kind": "shut", "name": "quiet_offer", **reason},
                     {"kind": "no place", "name": "resettlement_place", **reason},
                     {"kind": "under way", "name": "recognised", "q10": 0, "median": 4, "q90": 9},
                 ]),
    )  # fmt: skip
    answer = browser("plan_lead").get("/")
    assert answer.status_code == 200
    home = answer.content.decode()
    assert "2\u202f870 to 3\u202f370" in home
    for page in (home, browser("plan_lead", name="third").get("/forecasts/").content.decode()):
        assert "No way chosen yet: Not engaging" in page
        assert "Every way on is shut: Interview everyone" in page
        # An offer made in confidence, the places it brings, and nine people are not told of.
        assert page.count("Every way on is shut") == 1
        assert "no place" not in page
        assert "On the way: Recognised" not in page
    assert browser("interviewer", name="other").get("/").status_code == 200


def test_chances_are_told_by_group_and_of_the_number_that_was_asked(planned):
    from onward.forecast.run import Forecast
    from onward.registry.computing.runs import keep_forecast
    from onward.registry.models import Job

    levels = {name: [30.0] for name in ("q025", "q10", "q25", "median", "q75", "q90", "q975")}
    gone = {"q10": None, "median": None, "q90": None}
    keep_forecast(
        planned,
        Forecast(operation="Small", as_of="2026-06-10", deadline="2027-06-10", futures=200, seed=1,
                 start=16, days=["2027-06-10"],
                 fan={"everyone": levels, "main_group": levels, "recognised_group": levels},
                 states={}, left={}, width={}, inputs={}, mean=30.0, zero=0.0, gone_95=gone,
                 fewer_than={"5": 0.07, "20": 0.13}, assumptions=(), left_out=(), asked=[20],
                 chances={"groups": {
                     "main_group": {"start": 10, "zero": 0.37, "fewer_than": {"20": 0.61},
                                    "gone_95": gone},
                     "recognised_group": {"start": 6, "zero": 0.83, "fewer_than": {"20": 0.97},
                                          "gone_95": {**gone, "median": "2027-02-14"}},
                 }}),
    )  # fmt: skip
    lead = browser("plan_lead")
    page = lead.get("/forecasts/").content.decode()
    for told in ("37", "61", "83", "97", "not before the date", "14 February 2027"):
        assert told in page, told
    assert "Chance that fewer than 20 are left" in page
    for text, asked in (
        ("120", [120]),
        ("\u0661\u0662\u0660", [120]),
        ("", None),
        ("many", None),
    ):
        answer = lead.post(
            "/forecasts/run/", {"do": "forecast", "futures": "200", "fewer": text}
        )
        assert answer.status_code == 303
        job = Job.objects.get(pk=answer["Location"].rstrip("/").rsplit("/", 1)[1])
        assert job.asked.get("fewer_than") == asked


def test_stages_and_ways_are_told_along_the_way(planned):
    from onward.forecast.run import Forecast
    from onward.registry.computing.runs import keep_forecast

    names = ("q025", "q10", "q25", "median", "q75", "q90", "q975")

    def course(*middles):
        return {
            name: [middle + 7.0 * place for middle in middles]
            for place, name in enumerate(names, -3)
        }

    def last(of):
        return {name: values[-1] for name, values in of.items()}

    none = dict.fromkeys(("q10", "median", "q90"))
    stage, home, dead = course(431, 333, 217), course(51, 83, 119), course(21, 22, 23)
    days = ["2026-10-10", "2027-02-10", "2027-06-10"]
    keep_forecast(
        planned,
        Forecast(operation="Small", as_of="2026-06-10", deadline="2027-06-10", futures=200, seed=1,
                 start=16, days=days, fan={"everyone": course(900, 700, 500)},
                 states={"not_engaging": last(stage)}, width={}, inputs={}, mean=30.0, zero=0.0,
                 left={"return": last(home), "death": last(dead)}, gone_95=none, fewer_than={},
                 assumptions=(), left_out=(),
                 courses={"days": days, "states": {"not_engaging": stage},
                          "left": {"return": home, "death": dead}},
                 chances={"groups": {}, "states": {"not_engaging": {
                     "zero": 0.0, "fewer_than": {}, "gone_95": {**none, "median": "2027-05-14"}}},
                     "left": {name: {"zero": 0.0, "fewer_than": {},
                                     "gone_95": {**none, "median": day}}
                              for name, day in (("return", "2027-04-09"), ("death", "2027-03-03"))}}),
    )  # fmt: skip
    lead = browser("plan_lead")
    page = lead.get("/forecasts/").content.decode()
    for told in (
        "Nearly empty from",
        "14 May 2027",
        "319 to 347",
        "9 April 2027",
        "69 to 97",
    ):
        assert told in page, told
    # Nobody asks by when deaths are done.
    assert "3 March 2027" not in page
    arabic = lead.get("/forecasts/", headers={"accept-language": "ar"}).content.decode()
    assert "شبه خالية ابتداءً من" in arabic


def _levels(middle):
    return {name: middle + add for name, add in (
        ("q025", -60), ("q10", -40), ("q25", -20), ("mean", 0), ("median", 0), ("q75", 20),
        ("q90", 40), ("q975", 60))}  # fmt: skip


def _scenario(name, kind, more, **also):
    return {
        "id": name, "title": also.get("title", name), "kind": kind, "why": "", "changes": [],
        "owners": [], "notes": [], "cost": {}, "cost_per_option": {}, "file": "",
        "by_pathway": {"return": float(more), "stay": 0.0}, "likely_more": 0.6, "likely_fewer": 0.1,
        "options": _levels(1000 + more), "options_change": _levels(more), "here": _levels(2000 - more),
        "here_change": _levels(-more), "fan": {n: [v] for n, v in _levels(2000 - more).items()}, **also,
    }  # fmt: skip


def _compared(**also):
    bar = {"alone": True, "cost": {}, "here_change": _levels(-50)}
    rooms = _scenario(
        "rooms", "choice", 60, title="Two more rooms", owners=["host"], cost={"euros": 9000.0},
        cost_per_option={"euros": {"average": 150.0}}, changes=["T7 at 1.5 times its pace"],
    )  # fmt: skip
    quiet = _scenario("quiet", "choice", 90, changes=["quiet_offer: chance 90%"])
    regret = [{"choice": c, "title": c, "levels": _levels(50), "mean": 50.0, "best": 0.4,
               "worst": ["border", 70.0]} for c in ("plan", "rooms")]  # fmt: skip
    box = {"density": 0.6, "inside": 0.4, "coverage": 0.9, "base": 0.2}
    return {
        "as_of": "2026-06-10", "deadline": "2027-06-10", "days": ["2027-06-10"], "futures": 500,
        "start": 2100, "operation": "small", "seed": 1, "circumstances": [],
        "cases": [_scenario("plan", "plan", 0), _scenario("border", "circumstance", -30), rooms, quiet],
        "bars": [{**bar, "scenario": "rooms", "title": "T7 at 1.5 times its pace", "options_change": _levels(60)},
                 {**bar, "scenario": "rooms", "title": "quiet_offer opens", "options_change": _levels(5)}],
        "regret": regret, "assumptions": ["quiet_offer opens its places"], "left_out": [],
        "conditions": {"fewer": {"asked": "fewer than 900 people are still here", "share": 0.25, "said": "",
            "boxes": [{**box, "limits": [{"said": "the permit lasts"}]},
                      {**box, "limits": [{"said": "quiet_offer begins by 9 June"}]}]}},
        **also,
    }  # fmt: skip


def test_scenarios_stand_side_by_side_with_what_matters_and_what_would_have_to_be_true(planned):
    from django.utils import timezone

    from onward.registry.models import Job
    from onward.registry.site import current

    lead = browser("plan_lead")
    assert (
        "No scenarios have been compared yet"
        in lead.get("/forecasts/compared/").content.decode()
    )
    Job.objects.create(
        operation=current().operation, kind="compare", state="done", ended_at=timezone.now(), by="x",
        result=_compared(),
    )  # fmt: skip
    page = lead.get("/forecasts/compared/").content.decode()
    assert page.count('class="drawn-wide"') == 3, "pairs, changes and regret"
    for said in ("<b><bdi dir=\"ltr\">+60</bdi></b>", "To be decided by:", "Costs:", "the permit lasts",
                 "Fewer than 900 people are still here", "Which change matters most"):  # fmt: skip
        assert said in page
    assert page.index("What could be chosen") < page.index("What may happen")
    assert "quiet" in page
    # Of an offer made in confidence nothing is told to who may not see it: no scenario, change or box.
    other = browser("supervisor", name="other").get("/forecasts/compared/").content.decode()
    assert "Two more rooms" in other
    assert "quiet" not in other
    short = browser("analyst", name="third").get("/forecasts/").content.decode()
    assert "Two more rooms" in short
    assert "quiet" not in short


def test_what_was_sensitive_when_it_was_made_is_not_told_after_the_plan_changed(
    planned, monkeypatch
):
    import json
    from types import SimpleNamespace

    from onward.registry.computing import analysis, comparing
    from onward.registry.models import Job
    from onward.registry.planning import adopt_plan, plan_of
    from onward.registry.web import jobs

    then = plan_of(planned, planned.rulebook)
    made = SimpleNamespace(to_json=lambda: json.dumps(_compared()))
    monkeypatch.setattr(analysis, "opened", lambda operation: SimpleNamespace(plan=then))
    monkeypatch.setattr(comparing, "comparison_of", lambda *a, **k: made)
    lead = people.account("lead", "plan_lead")
    job = jobs.ask(lead, "compare", {"scenarios": [], "futures": 500, "seed": 1})
    assert jobs.run_next().state == "done"
    renamed = PLAN.replace("quiet_offer", "loud_offer").replace(SECRET, "An offer all know of")
    adopt_plan(
        planned, renamed.replace("sensitive", "public"), effective="2026-06-01", by="chantal"
    )
    shown = browser("analyst").get("/forecasts/compared/").content.decode()
    assert "Two more rooms" in shown
    assert "quiet" not in shown
    file = f"/work/{job.pk}/comparison.json"
    reader = people.signed_in(lead)
    assert "quiet_offer" in reader.get(file).content.decode()
    assert browser("analyst", name="third").get(file).status_code == 404
    assert "quiet_offer" in reader.get("/forecasts/compared/").content.decode()
    kept = Job.objects.get(pk=job.pk).result[jobs.QUIET]
    assert "offer" not in kept, "names of offers in confidence are kept sealed"


def test_the_files_of_a_comparison_and_scenarios_to_choose_tell_no_offer_in_confidence(planned):
    from django.utils import timezone

    from onward.registry.models import Job, JobFile
    from onward.registry.site import current

    (planned.path / "scenarios").mkdir(exist_ok=True)
    for name, title, change in (
        ("open", "More interviews", "scales: T3\n    factor: 1.5"),
        ("shut", "They say yes", "pledge: quiet_offer\n    chance: 0.9"),
    ):
        (planned.path / "scenarios" / f"{name}.yaml").write_text(
            f"scenario: {name}\ntitle: {title}\nkind: choice\nchanges:\n  - {change}\n    owner: Council\n"
        )
    made = Job.objects.create(
        operation=current().operation, kind="compare", state="done", ended_at=timezone.now(), by="x",
        result=_compared(regret=[{"choice": c, "title": c, "levels": _levels(50), "mean": 50.0, "best": 0.4,
                                  "worst": ["They say yes", 70.0]} for c in ("plan", "rooms")],
                         cases=[*_compared()["cases"], _scenario(
                             "yes", "circumstance", 5, title="They say yes", changes=["quiet_offer: chance 90%"])]),
    )  # fmt: skip
    content = jobs_wrap(made, "comparison.json", b'{"quiet_offer": 1}')
    JobFile.objects.create(operation=current().operation, job=made, name="comparison.json",
                           media_type="application/json", content=content)  # fmt: skip
    file = f"/work/{made.pk}/comparison.json"
    lead, analyst = browser("plan_lead"), browser("analyst", name="other")
    assert lead.get(file).status_code == 200
    assert file in lead.get(f"/work/{made.pk}/").content.decode()
    assert analyst.get(file).status_code == 404
    assert file not in analyst.get(f"/work/{made.pk}/").content.decode()
    assert "They say yes" not in analyst.get("/forecasts/compared/").content.decode()
    assert "They say yes" in lead.get("/forecasts/compared/").content.decode()
    for who, told in ((lead, True), (analyst, False)):
        page = who.get("/forecasts/").content.decode()
        assert "More interviews" in page
        assert ("They say yes" in page) is told
    asked = analyst.post("/forecasts/run/", {"do": "compare", "scenario": "shut.yaml"})
    assert asked["Location"] == "/forecasts/"
    assert Job.objects.exclude(pk=made.pk).count() == 0


def jobs_wrap(job, name, content):
    from onward.registry.web import jobs

    return jobs.wrap(jobs._key(), content, f"{job.pk}/{name}")


def test_what_a_plan_and_its_scenarios_say_is_text_on_the_page_and_in_every_drawing(small):
    from django.utils import timezone

    from onward.registry.models import Job
    from onward.registry.planning import adopt_plan
    from onward.registry.site import current

    bad = "\"'></title></text></svg><img src=x onerror=alert(1)>"
    quoted = bad.replace("'", "''")
    text = (
        PLAN.replace("title: Interview everyone", f"title: '{quoted}'")
        .replace("owner: interview team", f"owner: '{quoted}'")
        .replace("title: Mandate ends", f"title: '{quoted}'")
        .replace("title: An offer in confidence", f"title: '{quoted}'")
        + f"milestones:\n  met: {{title: '{quoted}', after: [interviews], by: 2026-12-01}}\n"
    )
    adopt_plan(small, text, effective="2026-05-01", by="chantal")

    def spoilt(value, key=""):
        """Every title, owner, note and sentence of a comparison, replaced."""
        if isinstance(value, dict):
            return {k: spoilt(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [spoilt(v, key) for v in value]
        words = (
            "title",
            "why",
            "owners",
            "notes",
            "changes",
            "assumptions",
            "left_out",
            "asked",
            "said",
            "worst",
        )
        return bad if isinstance(value, str) and key in words else value

    for kind, result in (("compare", spoilt(_compared(assumptions=["a"], left_out=["b"]))),):
        Job.objects.create(operation=current().operation, kind=kind, state="done",
                           ended_at=timezone.now(), by="x", result=result)  # fmt: skip
    Job.objects.create(operation=current().operation, kind="report", state="failed", ended_at=timezone.now(),
                       by="x", asked={"audience": "internal"}, message=bad, result={"error": bad})  # fmt: skip
    lead = browser("plan_lead")
    report = Job.objects.get(kind="report")
    for address in (
        "/plan/",
        "/forecasts/",
        "/forecasts/compared/",
        "/",
        f"/work/{report.pk}/",
        "/reports/",
    ):
        page = lead.get(address)
        assert page.status_code == 200, address
        assert "<img src=x" not in page.content.decode(), address
        assert "onerror" not in re.sub(r"&lt;img src=x onerror", "", page.content.decode()), (
            address
        )
    assert "&lt;img" in lead.get("/plan/").content.decode()
    assert "&lt;img" in lead.get("/forecasts/compared/").content.decode()


def test_the_menu_marks_where_a_piece_of_work_belongs(planned):
    from onward.registry.models import Job
    from onward.registry.site import current

    lead = browser("plan_lead")
    for kind, area in (("report", "/reports/"), ("forecast", "/forecasts/")):
        job = Job.objects.create(operation=current().operation, kind=kind, state="queued", by="x",
                                 asked={"audience": "internal"})  # fmt: skip
        page = lead.get(f"/work/{job.pk}/").content.decode()
        assert re.findall(r'<a href="([^"]+)" aria-current="page"', page) == [area]


def test_who_leads_the_plan_sees_its_clocks_at_home(planned):
    page = browser("plan_lead").get("/").content.decode()
    assert "Clocks running out" in page
    assert "No forecast has been made yet." in page
    assert "Stage they cannot leave" not in page, "casework is not for this role"


def test_home_says_who_is_at_risk_of_no_lawful_outcome_and_where_they_stand(planned):
    from onward.registry.models import PersonNow

    officer = browser("protection_officer")
    stuck = PersonNow.objects.filter(active=True, open_steps=0)
    assert 0 < stuck.count() < PersonNow.objects.filter(active=True).count()
    page = officer.get("/").content.decode()
    panel = page[page.index('id="stuck"') :].partition("</section>")[0]
    numbers = re.findall(r'<td class="n">(\d+)</td>', panel)
    assert sum(map(int, numbers)) == stuck.count()
    listed = officer.get("/people/?steps=none").content.decode()
    for row in PersonNow.objects.filter(active=True):
        assert (f'href="/people/{row.person}/"' in listed) is (row.open_steps == 0)


# -- long work --------------------------------------------------------------------------------


def test_work_goes_on_while_its_page_is_left(planned):
    from onward.registry.models import Job
    from onward.registry.web.jobs import run_next

    lead = browser("plan_lead")
    asked = lead.post("/reports/", {"audience": "internal", "as_of": "2026-06-10"})
    address = asked["Location"]
    assert "begins in a moment" in lead.get(address).content.decode()
    same = lead.post("/reports/", {"audience": "internal", "as_of": "2026-06-10"})
    assert same["Location"] == address
    done = run_next()
    assert (done.state, done.message) == ("done", "")
    assert Job.objects.count() == 1
    page = lead.get(address).content.decode()
    assert "report.pdf" in page
    paper = lead.get(address + "report.pdf")
    assert paper.content[:5] == b"%PDF-"
    from onward.registry.models import JobFile

    assert b"%PDF-" not in bytes(JobFile.objects.get(name="report.pdf").content)
    assert paper["Content-Disposition"] == 'attachment; filename="report.pdf"'


def test_what_cannot_be_worked_out_says_why_in_a_sentence(small):
    from onward.registry.web.jobs import run_next

    lead = browser("plan_lead")
    address = lead.post("/forecasts/run/", {"do": "forecast", "futures": "300"})["Location"]
    assert run_next().state == "failed"
    page = lead.get(address).content.decode()
    assert "There is no deadline to forecast to" in page
    assert "Traceback" not in page


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (OnwardError("The disk is full."), "The disk is full."),
        (OSError("/secret/place"), "OSError"),
    ],
)
def test_work_that_cannot_be_kept_ends_and_leaves_nothing(planned, monkeypatch, problem, said):
    """What it made was there, and keeping it failed: the page must not say for ever that it goes on."""
    from onward.registry.models import JobFile
    from onward.registry.web import jobs

    def fails():
        raise problem

    monkeypatch.setitem(
        jobs.KINDS, "placement", lambda *_: jobs.Outcome({}, {"report.html": b"made"}, fails)
    )
    lead = browser("plan_lead")
    address = lead.post("/places/run/")["Location"]
    assert jobs.run_next().state == "failed"
    assert not JobFile.objects.exists()
    page = lead.get(address).content.decode()
    assert said in page
    assert "/secret/" not in page


def test_an_unexpected_error_leaves_no_word_of_the_record(planned, monkeypatch):
    from onward.registry.web import jobs

    def breaks(*_):
        raise RuntimeError("Zarifeh Nowruzian")

    monkeypatch.setitem(jobs.KINDS, "placement", breaks)
    lead = browser("plan_lead")
    address = lead.post("/places/run/")["Location"]
    assert jobs.run_next().state == "failed"
    page = lead.get(address).content.decode()
    assert "RuntimeError" in page
    assert "Zarifeh" not in page


def test_what_was_running_when_the_server_stopped_says_so(planned):
    from onward.registry.models import Job
    from onward.registry.web import jobs

    lead = browser("plan_lead")
    address = lead.post("/places/run/")["Location"]
    Job.objects.update(state="running")
    assert jobs.interrupted() == 1
    assert "ask again" in lead.get(address).content.decode()


def test_an_internal_report_is_not_for_whoever_may_see_releases_only(planned):
    lead = browser("plan_lead")
    address = lead.post("/reports/", {"audience": "internal", "as_of": "2026-06-10"})[
        "Location"
    ]
    liaison = browser("host_liaison", name="liaison")
    assert liaison.get(address).status_code == 404
    assert liaison.get(address + "report.pdf").status_code == 404
    assert (
        liaison.post("/reports/", {"audience": "internal", "as_of": "2026-06-10"}).status_code
        == 403
    )
    assert "For internal use" not in liaison.get("/reports/").content.decode()


LOST = {
    "role": lambda who, boss: _accounts().change_account(who, by=boss, roles=["host_liaison"]),
    "closed": lambda who, boss: _accounts().change_account(who, by=boss, active=False),
    "frozen": lambda who, boss: _access().freeze(who, "too many names"),
    "panic": lambda who, boss: people.signed_in(who).post("/panic/"),
}
ASKED = {
    "forecast": ("/forecasts/run/", {"do": "forecast", "futures": "300"}),
    "placement": ("/places/run/", {}),
    "report": ("/reports/", {"audience": "internal", "as_of": "2026-06-10"}),
}


def _accounts():
    from onward.registry.permissions import accounts

    return accounts


def _access():
    from onward.registry.permissions import access

    return access


@pytest.mark.parametrize("how", sorted(LOST))
@pytest.mark.parametrize("kind", sorted(ASKED))
def test_who_lost_the_right_before_the_work_began_gets_nothing_of_it(
    planned, monkeypatch, kind, how
):
    from onward.registry.web import jobs

    done = []
    monkeypatch.setitem(
        jobs.KINDS, kind, lambda *_: done.append(kind) or jobs.Outcome({"kept": "x"}, {})
    )
    lead, boss = people.account("vera", "plan_lead"), people.account("root", "administrator")
    address, sent = ASKED[kind]
    waiting = people.signed_in(lead).post(address, sent)["Location"]
    LOST[how](lead, boss)
    assert jobs.run_next().state == "failed"
    assert done == []
    other = browser("plan_lead", name="other")
    page = other.get(waiting).content.decode()
    assert "may no longer" in page
    # A colleague who may asks for it anew, and is not answered with the refusal.
    assert other.post(address, sent)["Location"] != waiting
    assert jobs.run_next().state == "done"
    assert done == [kind]


def test_who_lost_the_right_while_the_work_runs_gets_nothing_of_it(planned, monkeypatch):
    from onward.registry.computing.runs import kept_forecasts
    from onward.registry.permissions import access
    from onward.registry.web import jobs

    lead = people.account("vera", "plan_lead")
    asked = people.signed_in(lead).post("/forecasts/run/", {"do": "forecast", "futures": "300"})

    def slow(operation, asked, say):
        say("Reading the record")
        access.freeze(lead, "too many names")
        say(jobs.KEEPING)
        raise AssertionError("it went on")

    monkeypatch.setitem(jobs.KINDS, "forecast", slow)
    assert jobs.run_next().state == "failed"
    assert kept_forecasts(planned) == []
    page = browser("plan_lead", name="other").get(asked["Location"]).content.decode()
    assert "may no longer" in page


def test_two_who_ask_for_the_same_are_answered_by_one_run_and_neither_takes_it_from_the_other(
    planned, monkeypatch
):
    from onward.registry.permissions import access
    from onward.registry.web import jobs

    done = []

    def once(*_):
        done.append(1)
        return jobs.Outcome({"headline": "h"}, {"report.html": b"<p>made</p>"})

    monkeypatch.setitem(jobs.KINDS, "report", once)
    vera, other = people.account("vera", "plan_lead"), people.account("other", "plan_lead")
    address, sent = ASKED["report"]
    one, two = people.signed_in(vera), people.signed_in(other)
    first, second = one.post(address, sent)["Location"], two.post(address, sent)["Location"]
    assert first != second
    assert [jobs.run_next().state, jobs.run_next().state] == ["done", "done"]
    assert done == [1]
    assert two.get(second + "report.html").content == b"<p>made</p>"
    third, fourth = one.post(address, sent)["Location"], two.post(address, sent)["Location"]
    access.freeze(vera, "too many names")
    assert jobs.run_next().state == "failed"
    assert jobs.run_next().state == "done"
    assert two.get(fourth + "report.html").status_code == 200
    assert two.get(third + "report.html").status_code == 404


def test_nobody_is_given_what_was_read_before_they_asked(planned, monkeypatch):
    from onward.registry.web import jobs

    done = []
    vera, other = people.account("vera", "plan_lead"), people.account("other", "plan_lead")
    third = people.account("third", "plan_lead")
    address, sent = ASKED["report"]
    one, two, three = (people.signed_in(each) for each in (vera, other, third))

    def made(*_):
        done.append(1)
        if (
            len(done) == 1
        ):  # the record is being read: whoever asks now may have changed it since
            three.post(address, sent)
        return jobs.Outcome({"headline": "h"}, {"report.html": b"<p>made</p>"})

    monkeypatch.setitem(jobs.KINDS, "report", made)
    one.post(address, sent)
    two.post(address, sent)
    jobs.run_next()
    assert len(done) == 1
    jobs.run_next()  # asked before the first began: answered by it
    assert len(done) == 1
    jobs.run_next()  # asked while it ran, and not answered by what the second took over
    assert len(done) == 2


def test_what_was_made_is_shown_no_more_to_who_lost_the_right(planned, monkeypatch):
    from onward.registry.permissions import accounts
    from onward.registry.web import jobs

    monkeypatch.setitem(
        jobs.KINDS, "report", lambda *_: jobs.Outcome({}, {"report.html": b"<p>made</p>"})
    )
    vera, boss = people.account("vera", "plan_lead"), people.account("root", "administrator")
    address, sent = ASKED["report"]
    lead = people.signed_in(vera)
    made = lead.post(address, sent)["Location"]
    jobs.run_next()
    assert lead.get(made + "report.html").status_code == 200
    accounts.change_account(vera, by=boss, roles=["host_liaison"])
    assert lead.get(made + "report.html").status_code == 302, "signed out"
    vera.refresh_from_db()
    again = people.signed_in(vera)
    assert again.get(made).status_code == 404
    assert again.get(made + "report.html").status_code == 404
    assert made not in again.get("/reports/").content.decode()


@pytest.mark.parametrize("language", ["fr", "ar", "fa", "ckb"])
def test_a_report_is_written_in_the_language_chosen_with_its_own_digits_and_days(
    planned, language
):
    from onward.registry.web.jobs import run_next
    from onward.report.texts import TEXTS

    lead = browser("plan_lead")
    sent = {"audience": "internal", "as_of": "2026-06-10"}
    english = lead.post("/reports/", sent)["Location"]
    asked = lead.post("/reports/", {**sent, "language": language})["Location"]
    assert asked != english
    assert [run_next().state, run_next().state] == ["done", "done"]
    page = lead.get(asked + "report.html").content.decode()
    rtl = language != "fr"
    assert f'<html lang="{language}" dir="{"rtl" if rtl else "ltr"}">' in page
    if language == "fa":
        assert "۲۰ خرداد ۱۴۰۵" in page
        assert "2026" not in re.sub(
            r"<pre.*</pre>|<footer.*</footer>|<svg.*?</svg>", "", page, flags=re.S
        )
    heads = re.findall(r"<(?:h2|th scope=\"col\"[^>]*)>([^<]+)</", page)
    assert len(heads) > 20
    left = [head for head in heads if head in TEXTS and head not in ("Date", "Total")]
    assert left == []
    # The figures are those of the English one, in the order in which they stand.
    plain = lead.get(english + "report.html").content.decode()
    assert _figures(page) == _figures(plain)
    paper = lead.get(asked + "report.pdf").content
    assert paper[:5] == b"%PDF-"
    assert lead.get(asked + "report.xlsx").content[:2] == b"PK"


def _figures(page):
    """What stands in the cells that hold numbers, in western digits."""
    cells = re.findall(r'<td class="n">(?:<span[^>]*>)?([^<]*)<', page)
    return [re.sub(r"[^0-9…–]", "", "".join(
        str(int(sign)) if sign.isdecimal() else sign for sign in cell
    )) for cell in cells]  # fmt: skip


def test_a_release_too_close_to_the_last_one_is_not_begun(planned, monkeypatch):
    from onward.report.disclosure import RULES

    lead = browser("plan_lead")

    def page(last):
        releases = [{"as_of": "2026-03-01"}, {"as_of": last}]
        monkeypatch.setattr("onward.desk.views.reports.external_releases", lambda _: releases)
        return lead.get("/reports/").content.decode()

    begin = 'name="audience" value="external"'
    for last in ("2026-06-10", "2026-05-13"):
        assert begin in page(last)
        assert "one release for" in page(last), "what cannot be undone is said before it begins"
    close = page("2026-05-14")
    assert begin not in close
    assert "11 June 2026" in close
    inside, outside = (RULES[audience] for audience in ("internal", "external"))
    assert f"Counts of {inside.hide_from} to {inside.hide_to} are hidden" in close
    assert f"Counts of {outside.hide_from} to {outside.hide_to} are hidden" in close


@pytest.mark.parametrize("fails", ["they may no longer", "the disk"])
def test_no_release_is_spent_on_a_report_that_nobody_got(planned, monkeypatch, fails):
    from onward.registry.computing import reporting
    from onward.registry.computing.runs import external_releases
    from onward.registry.models import Account, JobFile
    from onward.registry.web import jobs

    made = reporting.make_report

    def then_it_fails(*args, **how):
        report = made(*args, **how)
        if fails == "the disk":
            monkeypatch.setattr(JobFile, "save", full)
        else:
            Account.objects.filter(username="lead").update(is_active=False)
        return report

    def full(*args, **how):
        raise OSError(28, "No space left on device")

    lead = people.account("lead", "plan_lead", office="")
    job = jobs.ask(lead, "report", {"audience": "external", "futures": 200})
    with monkeypatch.context() as during:
        during.setattr(reporting, "make_report", then_it_fails)
        assert jobs.run_next().state == "failed"
    assert external_releases(planned) == []
    assert not JobFile.objects.filter(job=job).exists()
    monkeypatch.undo()
    again = people.account("other", "plan_lead", office="")
    jobs.ask(again, "report", {"audience": "external", "futures": 200})
    assert jobs.run_next().state == "done"
    assert len(external_releases(planned)) == 1


def test_a_language_the_desk_does_not_have_is_english_and_a_release_is_one_in_every_language(
    planned,
):
    from onward.registry.computing.runs import external_releases
    from onward.registry.web.jobs import run_next

    lead = browser("plan_lead")
    odd = lead.post("/reports/", {"audience": "external", "language": "xx"})["Location"]
    assert run_next().state == "done"
    assert '<html lang="en" dir="ltr">' in lead.get(odd + "report.html").content.decode()
    first = external_releases(planned)
    other = lead.post("/reports/", {"audience": "external", "language": "ar"})["Location"]
    done = run_next()
    assert (done.state, done.message) == ("done", "")
    assert 'dir="rtl"' in lead.get(other + "report.html").content.decode()
    assert [one["tables"] for one in external_releases(planned)] == [
        one["tables"] for one in first
    ]


# -- places -----------------------------------------------------------------------------------


def test_an_officers_word_on_a_case_is_kept_with_its_reason(planned):
    from onward.registry.computing.placements import standing
    from onward.registry.computing.runs import keep_proposal

    content = {
        "format": "onward-placement-1", "on": "2026-06-10", "input_sha256": "a" * 64,
        "state": "optimal", "gap": 0.0, "conflict": [],
        "persons": {"all": 2, "placed": 2, "unplaced": 0}, "cases": {"all": 1, "placed": 1, "unplaced": 0},
        "assignments": [{"case": "household/H1", "size": 2, "programme": "quiet_offer", "window": "1",
                         "country": "CAN", "departs": "2026-09-01", "locked": False, "kept": None,
                         "why": {"preference": 0.5}, "full_limits": [], "next_best": None}],
        "unplaced": [], "limits": [], "unused": [], "fairness": [], "links": [], "pledges": [],
    }  # fmt: skip
    keep_proposal(planned, content)
    officer = browser("resettlement_officer", name="officer")
    page = officer.get("/places/").content.decode()
    assert SECRET in page, "an offer is called as the plan calls it"
    assert "It is a country they named themselves" in page, "why, in words and not in points"
    assert "No other place fits this family" in page
    form = {"proposal": "2026-06-10-001-aaaaaaaaaaaa.json", "case": "household/H1"}
    refused = officer.post("/places/case/", {**form, "decision": "held", "reason": ""})
    assert refused.status_code == 422
    said = refused.content.decode()
    assert '<a href="#reason">Say why' in said
    assert 'class="field wrong"><label for="reason">' in said, (
        "the error stands beside its field too"
    )
    assert re.search(r'value="held" checked', said), "nothing that was chosen is lost"
    kept = officer.post("/places/case/", {**form, "decision": "accepted"})
    assert kept.status_code == 303
    assert standing()["household/H1"].decision == "accepted"

    chantal = browser("supervisor", name="chantal")
    page = chantal.get("/places/").content.decode()
    assert "quiet_offer" not in page
    assert SECRET not in page
    assert "made in confidence" in page
    assert (
        browser("protection_officer", name="amina").get("/places/case/", form).status_code
        == 403
    )


def test_why_a_case_has_no_place_names_no_offer_made_in_confidence(planned):
    from onward.registry.computing.placements import decide
    from onward.registry.computing.runs import keep_proposal

    row = {"case": "household/H1", "size": 2, "priority": "normal", "code": "full",
           "reason": "every possible window is full; nearest: quiet_offer, 1",
           "change": "2 more places in quiet_offer, 1", "stopped_by": ["quiet_offer, 1"]}  # fmt: skip
    content = {
        "format": "onward-placement-1", "on": "2026-06-10", "input_sha256": "b" * 64,
        "state": "infeasible", "gap": 0.0,
        "conflict": ["quiet_offer needs 3 places"], "persons": {"all": 2, "placed": 0, "unplaced": 2},
        "cases": {"all": 1, "placed": 0, "unplaced": 1}, "assignments": [], "unplaced": [row],
        "limits": [], "fairness": [], "links": [], "pledges": [],
        "unused": [{"programme": "other", "window": "1", "free": 1, "cause": "as quiet_offer"}],
    }  # fmt: skip
    keep_proposal(planned, content)
    officer = people.account("officer", "resettlement_officer")
    decide(officer, case="household/H1", proposal="2026-06-10-001-bbbbbbbbbbbb.json", decision="moved",
           programme="quiet_offer", window="1", reason="agreed")  # fmt: skip
    chantal = browser("supervisor", name="chantal")
    case = "/places/case/?proposal=2026-06-10-001-bbbbbbbbbbbb.json&case=household/H1"
    for address in ("/places/", case):
        page = people.signed_in(officer).get(address).content.decode()
        assert SECRET in page
        page = chantal.get(address).content.decode()
        assert "made in confidence" in page
        assert "quiet_offer" not in page
        assert SECRET not in page


# -- rumours ----------------------------------------------------------------------------------


def test_a_rumour_is_heard_and_checked(planned):
    from onward.registry.models import ThingNow

    bilal = browser("interviewer", name="bilal")
    heard = {"heard_on": "2026-06-09", "topic": "deadline", "risk": "high", "key": "desk:one"}
    assert bilal.post("/rumours/", heard).status_code == 303
    assert bilal.post("/rumours/", heard).status_code == 303
    row = ThingNow.objects.get(kind="rumour")
    address = f"/rumours/{row.thing}/"
    assert bilal.get(address).status_code == 403
    lead = browser("plan_lead", name="lead")
    assert "Not answered yet" in lead.get("/rumours/").content.decode()
    found = {"checked": "not_true", "checked_on": "2026-06-10", "answered_on": "2026-06-10"}
    unknown = lead.post(address, {**found, "answer": "no-such-message", "key": "desk:two"})
    assert unknown.status_code == 422
    with_nothing = lead.post(address, {**found, "key": "desk:three"})
    assert with_nothing.status_code == 422
    assert "Say with which message of the plan" in with_nothing.content.decode()
    del found["answered_on"]
    assert lead.post(address, {**found, "key": "desk:four"}).status_code == 303
    row.refresh_from_db()
    assert row.facts["checked"] == "not_true"
    assert "Not answered yet" in lead.get("/rumours/").content.decode()
