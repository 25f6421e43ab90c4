"""What if, and what an override costs: seen before it is kept, and beside its real cost later."""

from __future__ import annotations

import re

import pytest
import registry_cast as people
from test_planning import PLAN

from onward.placement.inputs.scores import Score
from onward.placement.inputs.tables import Case, Tables, Window
from onward.registry.computing.runs import keep_proposal, kept_proposals

SECRET = "An offer in confidence"
NAME = "2026-06-10-001-aaaaaaaaaaaa.json"
FORM = {"proposal": NAME, "case": "household/H1"}
TOWN = Tables(
    (Case("household/H1", 2), Case("household/H2", 2)),
    (Window("quiet_offer", 2, "1"), Window("open_offer", 2, "1")),
    scores=tuple(
        Score(case, programme, score)
        for case, programme, score in (
            ("household/H1", "quiet_offer", 0.9), ("household/H1", "open_offer", 0.5),
            ("household/H2", "quiet_offer", 0.8), ("household/H2", "open_offer", 0.6),
        )
    ),
)  # fmt: skip
OPEN = """  open_offer: {title: An open offer, country: NOR, channel: resettlement, state: open,
    places: 2, capacity: resettlement_place, confidentiality: public}
"""


@pytest.fixture
def proposed(small, monkeypatch):
    from django.core.cache import cache

    from onward.registry.computing import what_if
    from onward.registry.planning import adopt_plan

    cache.clear()
    adopt_plan(small, PLAN + OPEN, effective="2026-05-01", by="chantal")
    monkeypatch.setattr(what_if, "tables_of", lambda found: TOWN)
    keep_places(small)
    return small


def keep_places(small):
    """A proposal of places, kept under its name."""
    row = {"size": 2, "window": "1", "country": "CAN", "departs": "2026-09-01", "locked": False,
           "kept": None, "why": {}, "full_limits": [], "next_best": None}  # fmt: skip
    limit = {"kind": "places", "window": "1", "limit": "", "worth_of_one_more": 0, "allowed": 40,
             "persons": 2, "counts": "everybody", "holds_for_more": None}  # fmt: skip
    content = {
        "format": "onward-placement-1", "on": "2026-06-10", "input_sha256": "a" * 64, "state": "optimal", "gap": 0.0, "conflict": [],
        "persons": {"all": 4, "placed": 4, "unplaced": 0}, "cases": {"all": 2, "placed": 2, "unplaced": 0},
        "assignments": [{**row, "case": "household/H1", "programme": "quiet_offer"},
                        {**row, "case": "household/H2", "programme": "open_offer", "country": "NOR"}],
        "unplaced": [], "unused": [], "fairness": [], "links": [], "pledges": [],
        "limits": [{**limit, "programme": "quiet_offer"}, {**limit, "programme": "open_offer"}],
    }  # fmt: skip
    assert keep_proposal(small, content) == NAME
    assert keep_proposal(small, content) == NAME, "the same again is not kept twice"


def standing():
    from onward.registry.computing import placements

    return placements.standing()


def worked_out():
    from onward.registry.web import jobs

    return jobs.run_next()


def browser(*roles, name="someone"):
    return people.signed_in(people.account(name, *roles))


def asked(client, form):
    """An override in question, worked out: the address of its answer."""
    begun = client.post("/places/case/", form)
    assert begun.status_code == 303
    assert worked_out().state == "done"
    job = re.search(r"/work/([0-9a-f-]+)/", begun["Location"])[1]
    assert f"/places/asked/{job}/" in client.get(begun["Location"]).content.decode()
    return f"/places/asked/{job}/"


def test_an_override_shows_who_moves_and_what_it_costs_before_it_is_kept(proposed):
    officer = browser("resettlement_officer")
    form = {
        **FORM,
        "decision": "moved",
        "where": "open_offer|1",
        "reason": "a sister lives there",
    }
    address = asked(officer, form)
    assert standing() == {}, "nothing is kept before its cost was seen"
    page = officer.get(address).content.decode()
    assert "An open offer" in page
    assert "How well the places fit" in page
    assert "less than now" in page
    assert re.search(r">H2<.*?An open offer.*?An offer in confidence", page, re.DOTALL)
    assert 'value="a sister lives there"' in page
    assert officer.post(address, {"reason": ""}).status_code == 422
    assert officer.post(address, {"reason": "a sister lives there"}).status_code == 303
    word = standing()["household/H1"]
    assert (word.decision, word.programme) == ("moved", "open_offer")
    outcome = next(one for one in word.predicted["aims"] if one["name"] == "outcome")
    assert outcome["before"] - outcome["after"] == pytest.approx(0.2)


def test_what_an_override_really_costs_stands_beside_what_was_expected(proposed):
    officer = browser("resettlement_officer")
    address = asked(
        officer, {**FORM, "decision": "held", "where": "", "reason": "waits for a sister"}
    )
    officer.post(address, {"reason": "waits for a sister"})
    assert officer.post("/places/decided/").status_code == 303
    assert worked_out().state == "done"
    page = officer.get("/places/decided/").content.decode()
    assert "waits for a sister" in page
    assert "held back for now" in page
    assert "People who have a place" in page, "what was expected, aim by aim"
    assert "of fit" in page, "what it costs by what is known now"
    other = browser("supervisor", name="chantal").get("/places/decided/").content.decode()
    assert SECRET not in other
    assert "an offer made in confidence" in other


def test_what_was_decided_at_the_desk_is_a_line_of_the_log_that_is_replayed(proposed, tmp_path):
    from onward.placement.deciding import overrides
    from onward.registry.computing.override_log import log_lines

    officer = browser("resettlement_officer")
    address = asked(
        officer, {**FORM, "decision": "held", "where": "", "reason": "waits for a sister"}
    )
    officer.post(address, {"reason": "waits for a sister"})
    [line] = log_lines(proposed)
    assert (line["case"], line["reason"], line["proposal"]) == ("household/H1", "waits for a sister", "a" * 64)  # fmt: skip
    assert (line["proposed"], line["override"]) == (["quiet_offer", "1"], ["", ""])
    assert line["predicted_cost"]["weighted_persons"] == pytest.approx(2)
    officer.post("/places/decided/")
    assert worked_out().state == "done"
    log = tmp_path / "overrides.jsonl"
    assert overrides.append(log, log_lines(proposed)) == 2
    assert overrides.append(log, log_lines(proposed)) == 0, "the same again is not said twice"
    [shown] = overrides.replay(overrides.read(log))["lines"]
    assert shown["predicted_persons"] == pytest.approx(2)
    assert shown["realised_persons"] == pytest.approx(2)
    assert shown["realised_cost"] is not None
    assert shown["result"] is None, "a cost says nothing of what came of the case"


def test_a_cost_that_cannot_be_worked_out_is_said_and_does_not_stop_an_officer(
    proposed, monkeypatch
):
    from onward.errors import OnwardError
    from onward.registry.computing import what_if

    def fails(found):
        raise OnwardError("The plan holds no places.")

    monkeypatch.setattr(what_if, "tables_of", fails)
    officer = browser("resettlement_officer")
    begun = officer.post("/places/case/", {**FORM, "decision": "held", "reason": "she is ill"})
    assert worked_out().state == "failed"
    address = re.search(r"/places/asked/[0-9a-f-]+/", officer.get(begun["Location"]).content.decode())[0]  # fmt: skip
    assert "It could not be worked out" in officer.get(address).content.decode()
    assert officer.post(address, {"reason": "she is ill"}).status_code == 303
    assert standing()["household/H1"].predicted == {}


def test_another_proposal_in_between_is_looked_at_first(proposed):
    officer = browser("resettlement_officer")
    address = asked(officer, {**FORM, "decision": "held", "reason": "waits for a sister"})
    later = {"format": "onward-placement-1", "on": "2026-06-10", "input_sha256": "0" * 64,
             "assignments": [], "limits": []}  # fmt: skip
    keep_proposal(proposed, later)
    answer = officer.post(address, {"reason": "waits for a sister"})
    assert answer.status_code == 422
    assert "Another proposal was made meanwhile" in answer.content.decode()
    assert standing() == {}


def test_what_if_says_line_by_line_what_would_be_different(proposed):
    officer = browser("resettlement_officer")
    assert "An offer in confidence" in officer.get("/places/what-if/").content.decode()
    begun = officer.post(
        "/places/what-if/",
        {"what-1": "remove", "which-1": "open_offer@1", "what-2": "places",
         "which-2": "quiet_offer@1", "amount-2": "+0"},
    )  # fmt: skip
    assert begun.status_code == 303
    job = worked_out()
    assert job.state == "done"
    assert job.asked["changes"] == ["remove:open_offer@1", "places:quiet_offer@1=+0"]
    page = officer.get(f"/places/asked/{job.pk}/").content.decode()
    assert "An open offer: falls away." in re.sub(r"<[^>]+>", "", page)
    assert "no place" in page
    assert "Keep my word" not in page
    again = officer.get("/places/what-if/").content.decode()
    assert f"/places/asked/{job.pk}/" in again, "found again by who asked"
    assert (
        f"/places/asked/{job.pk}/"
        not in browser("resettlement_officer", name="other")
        .get("/places/what-if/")
        .content.decode()
    )


def test_who_may_not_know_of_an_offer_neither_asks_of_it_nor_reads_of_it(proposed):
    someone = people.account("someone", "analyst")
    analyst = people.signed_in(someone)
    page = analyst.get("/places/what-if/").content.decode()
    assert "An open offer" in page
    assert SECRET not in page
    assert "quiet_offer" not in page
    refused = analyst.post("/places/what-if/", {"what-1": "remove", "which-1": "quiet_offer@1"})
    assert refused.status_code == 422
    lead = browser("plan_lead", name="lead")
    lead.post("/places/what-if/", {"what-1": "remove", "which-1": "open_offer@1"})
    shown = worked_out()
    lead.post("/places/what-if/", {"what-1": "remove", "which-1": "quiet_offer@1"})
    hidden = worked_out()
    page = analyst.get(f"/places/asked/{shown.pk}/").content.decode()
    assert SECRET not in page
    assert "quiet_offer" not in page
    assert analyst.get(f"/places/asked/{hidden.pk}/").status_code == 404
    for job in (shown, hidden):  # as if asked before a role was taken away
        job.by = someone.account_id
        job.save()
    page = analyst.get("/places/what-if/").content.decode()
    assert f"/places/asked/{shown.pk}/" in page
    assert f"/places/asked/{hidden.pk}/" not in page
    assert SECRET not in page


COUNTRY = r"\bCAN\b"


def says_nothing(answer):
    page = answer.content.decode()
    assert SECRET not in page
    assert "quiet_offer" not in page
    assert not re.search(COUNTRY, page)
    return page


@pytest.mark.parametrize(
    "line",
    [{"what-1": what, "which-1": which, "amount-1": "5"}
     for what in ("places", "delay", "remove", "condition")
     for which in ("quiet_offer@1", "quiet_offer", "open_offer@1 quiet_offer@1")]
    + [{"what-1": "unlock", "case-1": "household/H1=quiet_offer@1"},
       {"what-1": "condition", "which-1": "open_offer@1", "amount-1": "5/quiet_offer"},
       {"what-1": "places:quiet_offer@1=+5"}],
)  # fmt: skip
def test_an_offer_in_confidence_cannot_be_asked_about_by_its_id(proposed, line):
    from onward.registry.models import Job

    analyst = browser("analyst")
    answer = analyst.post("/places/what-if/", line)
    assert answer.status_code == 422
    # What somebody typed stands in its own field; that a thing of this name is there is never said.
    typed = set(line.values())
    page = answer.content.decode()
    for text in sorted(typed, key=len, reverse=True):
        page = page.replace(f'value="{text}"', "")
    assert SECRET not in page
    assert "quiet_offer" not in page
    assert not re.search(COUNTRY, page)
    unknown = {
        name: text.replace("quiet_offer", "no_such_offer") for name, text in line.items()
    }
    other = analyst.post("/places/what-if/", unknown).content.decode()
    errors = r'class="error"[^>]*>(.*?)</span>'
    assert re.findall(errors, answer.content.decode()) == re.findall(errors, other)
    asked = "&".join(f"{name}={text}" for name, text in line.items())
    says_nothing(analyst.get(f"/places/what-if/?{asked}".replace("quiet_offer", "no_offer")))
    assert not Job.objects.exists()


def test_who_decides_about_places_learns_nothing_of_an_offer_in_confidence(proposed):
    officer = browser("resettlement_officer")
    moved = asked(
        officer, {"proposal": NAME, "case": "household/H2", "decision": "moved",
                  "where": "quiet_offer|1", "reason": "a sister is going there"},
    )  # fmt: skip
    held = asked(officer, {**FORM, "decision": "held", "reason": "waits for a sister"})
    assert "An offer in confidence" in officer.get(moved).content.decode()
    assert officer.post(moved, {"reason": "a sister is going there"}).status_code == 303
    supervisor = browser("supervisor", name="chantal")
    assert supervisor.get(moved).status_code == 404
    says_nothing(supervisor.get(held))
    for case in ("H1", "H2"):
        says_nothing(supervisor.get(f"/places/case/?proposal={NAME}&case=household/{case}"))
    says_nothing(supervisor.get("/places/"))
    says_nothing(supervisor.get("/places/decided/"))
    tried = supervisor.post(
        "/places/case/",
        {**FORM, "decision": "moved", "where": "quiet_offer|1", "reason": "as good a place"},
    )
    assert tried.status_code == 422
    assert standing()["household/H2"].programme == "quiet_offer"
    assert "household/H1" not in standing()


def test_why_work_failed_names_no_offer_in_confidence(proposed, monkeypatch):
    from onward.errors import OnwardError
    from onward.registry.computing import what_if

    def fails(found):
        raise OnwardError("quiet_offer opens after it ends.")

    monkeypatch.setattr(what_if, "tables_of", fails)
    lead, analyst = browser("plan_lead"), browser("analyst", name="other")
    lead.post("/places/what-if/", {"what-1": "remove", "which-1": "open_offer@1"})
    job = worked_out()
    for address in (f"/work/{job.pk}/", f"/places/asked/{job.pk}/"):
        assert "quiet_offer opens after it ends" in lead.get(address).content.decode()
        assert "made in confidence" in says_nothing(analyst.get(address))


@pytest.mark.parametrize(
    ("line", "said"),
    [({}, "Choose what would be different"), ({"what-1": "places"}, "Choose the offer"),
     ({"what-1": "delay", "which-1": "open_offer@1", "amount-1": "-3"}, "whole number"),
     ({"what-1": "unlock"}, "Choose from the list"), ({"amount-2": "4"}, "Choose what would be different")],
)  # fmt: skip
def test_a_question_that_is_not_whole_is_asked_for_beside_its_field(proposed, line, said):
    answer = browser("plan_lead").post("/places/what-if/", line)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert 'class="error"' in answer.content.decode()


def test_a_programme_is_called_by_its_country_and_title_and_never_by_its_id_alone(proposed):
    from onward.desk.views.placements import Offers

    offers = Offers()
    assert "open_offer" not in offers.title("open_offer")
    assert "Norway" in offers.title("open_offer") or "NOR" in offers.title("open_offer")
    gone = offers.title("gone_offer")
    assert "no longer holds" in gone
    assert gone != "gone_offer"
    assert offers.title(None) == ""


@pytest.mark.parametrize("language", ["ar", "fa", "ckb"])
def test_why_a_case_has_no_place_is_read_in_the_readers_language_with_the_plans_titles(
    proposed, language
):
    from test_words import left_in_english

    content = dict(kept_proposals(proposed))[NAME]
    unplaced = [
        {"case": f"household/H{3 + n}", "size": 2, "priority": "urgent", "draw": 0.5, "code": "x",
         "stopped_by": [], "reason": reason, "change": change}
        for n, (reason, change) in enumerate((
            ("every possible window is full; nearest: open_offer, 1", "2 more places in open_offer, 1"),
            ("this destination is forbidden for the case (1 programme)", "review the ban on open_offer"),
            ("processing cannot end before the deadline (2 programmes)",
             "12 days more, or faster processing, in open_offer, 1 and 1 more place in open_offer, 1"),
            ("held back by a lock", "release the lock"),
        ))
    ]  # fmt: skip
    keep_proposal(proposed, {
        **content, "on": "2026-06-11", "state": "time_limit", "unplaced": unplaced,
        "unused": [{"programme": "open_offer", "window": "1", "free": 1, "cause": "the aims place others first"}],
        "conflict": ["lock of case household/H1 to open_offer, 1", "places of open_offer, 1: at most 2 persons (everybody)"],
    })  # fmt: skip
    lead = browser("plan_lead")
    lead.cookies["django_language"] = language
    pages = [lead.get("/places/")]
    name = kept_proposals(proposed)[0][0]
    officer = browser("resettlement_officer", name="officer")
    officer.cookies["django_language"] = language
    pages += [
        officer.get(f"/places/case/?proposal={name}&case={row['case']}") for row in unplaced
    ]
    for page in pages:
        assert page.status_code == 200
        text = page.content.decode()
        assert "An open offer" in text
        assert "open_offer, 1" not in text, "an offer is called by its title"
        own = re.sub("An open offer|An offer in confidence|open_offer|quiet_offer", "_", text)
        assert left_in_english(own) == set()
