"""Whose case stands on the pages of places, for whom: no page tells of a case out of reach."""

from __future__ import annotations

import re

import pytest
import registry_cast as people
from test_places_if import OPEN, keep_places
from test_planning import PLAN

from onward.errors import OnwardError
from onward.placement.problem.doors import BARRIERS
from onward.registry.computing.runs import keep_proposal, kept_proposals

FAR, NEAR = "household/house-far-1", "household/H1"
WHY = "waits for a sister"


@pytest.fixture
def two_offices(small):
    """A proposal with a case of each of two offices, one of them without a place in another."""
    from django.core.cache import cache

    from onward.registry.planning import adopt_plan

    cache.clear()
    people.elsewhere(small)
    people.elsewhere(small, "far-2")
    adopt_plan(small, PLAN + OPEN, effective="2026-05-01", by="chantal")
    keep_places(small)
    [(_name, content)] = kept_proposals(small)
    row = {**content["assignments"][1], "case": FAR, "size": 1}
    left = {
        "case": "household/house-far-2", "size": 1, "priority": "emergency", "draw": 0.5,
        "code": "need", "stopped_by": [], "reason": f"{BARRIERS['need']} (2 programmes)",
        "change": "ask whether the need can be met: open_offer",
    }  # fmt: skip
    keep_proposal(
        small,
        {
            **content, "persons": {"all": 6, "placed": 5, "unplaced": 1},
            "cases": {"all": 4, "placed": 3, "unplaced": 1}, "unplaced": [left],
            "assignments": [*content["assignments"], row],
            "conflict": [f"lock of case {FAR} to open_offer, 1", "household house-far-2, which is not split"],
            "fairness": [
                {"grouping": "nationality", "group": group, "counted": "case", "cases": n, "persons": n,
                 "placed_persons": placed, "share": placed / n, "share_random_order": 0.5,
                 "mean_wait_days": None, "mean_window": None}
                for group, n, placed in (("SYR", 5, 5), ("AFG", 1, 0))
            ],
        },
    )  # fmt: skip
    return small


def newest(operation):
    return kept_proposals(operation)[0][0]


def browser(*roles, name="someone", office=people.OFFICE):
    return people.signed_in(people.account(name, *roles, office=office))


def seen_in_log():
    from onward.registry.models import AccessEntry

    found = set()
    for entry in AccessEntry.objects.filter(decision="allowed"):
        found |= {entry.person, *entry.people}
    return found - {""}


def tells_of_far(answer):
    return bool(re.search(r"house-far|far-1|far-2", answer.content.decode()))


def test_a_case_of_another_office_stands_nowhere(two_offices):
    officer = browser("resettlement_officer")
    name = newest(two_offices)
    assert officer.get("/people/far-1/").status_code == 404
    page = officer.get("/places/")
    assert page.status_code == 200
    assert ">H1<" in page.content.decode()
    assert not tells_of_far(page)
    hidden = officer.get(f"/places/case/?proposal={name}&case={FAR}")
    missing = officer.get(f"/places/case/?proposal={name}&case=household/nobody")
    assert hidden.status_code == missing.status_code == 404
    assert _plain(hidden) == _plain(missing)


def _plain(answer):
    return re.sub(r'(value="|X-CSRFToken": ")[A-Za-z0-9]{64}', "", answer.content.decode())


def test_members_of_cases_shown_are_logged_as_read(two_offices):
    officer = browser("resettlement_officer")
    officer.get("/places/")
    near = {"H1-P1", "H1-P2", "H2-P1"} & _people("H1", "H2")
    assert near
    assert near <= seen_in_log()
    assert not seen_in_log() & {"far-1", "far-2"}


def _people(*households):
    from onward.registry.models import PersonNow

    rows = PersonNow.objects.filter(household__in=households)
    return set(rows.values_list("person", flat=True))


# -- counts, for who reads no cases ---------------------------------------------------------------


def test_who_reads_no_casework_is_told_counts_and_no_case(two_offices):
    lead = browser("plan_lead", name="lead")
    page = lead.get("/places/")
    said = page.content.decode()
    assert page.status_code == 200
    assert not tells_of_far(page)
    assert not re.search(r">H[12]<", said)
    assert not seen_in_log()
    assert re.search(r"An open offer</th><td class=\"n\">…</td><td class=\"n\">…<", said), (
        "two people in a programme are a few"
    )
    assert "An offer in confidence" in said
    name = newest(two_offices)
    form = {"proposal": name, "case": NEAR, "decision": "held", "reason": WHY}
    assert lead.get(f"/places/case/?proposal={name}&case={NEAR}").status_code == 403
    assert lead.post("/places/case/", form).status_code == 403
    assert lead.get("/places/decided/").status_code == 403


def test_counts_of_everybody_are_those_of_the_internal_report(two_offices):
    from onward.desk import proposal_counts
    from onward.report.counted import proposal_counts as tables
    from onward.report.disclosure import recoverable

    [(_name, content), *_before] = kept_proposals(two_offices)
    told = proposal_counts.of_everybody(content, set(), set())
    by_group = {row["group"]: row for row in told["fairness"]}
    assert by_group["AFG"] == {
        "grouping": "nationality", "group": "AFG", "persons": "…", "share": "…",
        "share_random_order": "…",
    }  # fmt: skip
    assert told["emergencies"] == [{"reason": BARRIERS["need"], "persons": "…"}]
    from onward.report.disclosure import protect

    for secret in ((), ("quiet_offer",)):
        shown = protect(tables(content, secret)[1], "internal")
        assert recoverable([one for one in shown if one.counts.universe == "proposal"]) == []
    told = proposal_counts.of_everybody(content, {"quiet_offer"}, {"quiet_offer"})
    assert [row["programme"] for row in told["programmes"]] == ["open_offer"]
    assert told["fairness"] == []
    assert told["placed"] == told["all"] == "…"


def test_an_analyst_reads_every_line_and_not_what_people_need(two_offices):
    page = browser("analyst").get("/places/").content.decode()
    assert "house-far-1" in page
    assert "need can be met" not in page
    assert "cannot meet a need" not in page.partition("Emergencies")[0]
    assert "Something that your role may not read is not met." in page
    assert {"far-1", "far-2", "H1-P1"} <= seen_in_log()
    far = browser("resettlement_officer", name="there", office=people.ELSEWHERE)
    page = far.get("/places/")
    assert tells_of_far(page)
    assert not re.search(r">H[12]<", page.content.decode())


# -- deciding -------------------------------------------------------------------------------------


def test_a_word_on_a_case_out_of_reach_is_refused_and_logged(two_offices):
    from onward.registry.computing.placements import decide, standing
    from onward.registry.models import AccessEntry, Job
    from onward.registry.permissions.access import Hidden, Refused
    from onward.registry.recording.actors import Actor

    officer = people.account("officer", "resettlement_officer")
    client, name = people.signed_in(officer), newest(two_offices)
    for decision in ("accepted", "moved", "held", "released"):
        form = {"proposal": name, "case": FAR, "decision": decision, "reason": WHY,
                "where": "open_offer|1"}  # fmt: skip
        before = AccessEntry.objects.filter(decision="refused").count()
        assert client.post("/places/case/", form).status_code == 404
        assert AccessEntry.objects.filter(decision="refused").count() == before + 1
        for actor in (officer, Actor("x", frozenset({"supervisor"}), people.OFFICE)):
            with pytest.raises(Hidden):
                decide(actor, case=FAR, proposal=name, decision=decision, reason=WHY)
        with pytest.raises(Hidden):
            decide(
                officer, case="household/nobody", proposal=name, decision=decision, reason=WHY
            )
    lead = people.account("lead", "plan_lead")
    with pytest.raises(Refused):
        decide(lead, case=NEAR, proposal=name, decision="held", reason=WHY)
    assert standing() == {}
    assert not Job.objects.exists()
    refused = AccessEntry.objects.filter(decision="refused", action="placement.decide")
    assert not any("house" in entry.person for entry in refused), "what was typed is a digest"
    decide(officer, case=NEAR, proposal=name, decision="held", reason=WHY)
    assert set(standing()) == {NEAR}


def test_what_an_override_would_cost_is_for_who_sees_the_case(two_offices, monkeypatch):
    from test_places_if import TOWN, asked

    from onward.registry.computing import what_if

    monkeypatch.setattr(what_if, "tables_of", lambda found: TOWN)
    officer = browser("resettlement_officer")
    form = {"proposal": newest(two_offices), "case": NEAR, "decision": "held", "reason": WHY}
    address = asked(officer, form)
    job = address.rstrip("/").rpartition("/")[2]
    there = browser("resettlement_officer", name="there", office=people.ELSEWHERE)
    for page in (address, f"/work/{job}/", f"/work/{job}/any.json"):
        assert there.get(page).status_code == 404
    assert there.post(address, {"reason": WHY}).status_code == 404
    assert officer.post(address, {"reason": WHY}).status_code == 303
    page = officer.get("/places/decided/").content.decode()
    assert WHY in page
    elsewhere = there.get("/places/decided/").content.decode()
    assert WHY not in elsewhere
    assert ">H1<" not in elsewhere
    assert WHY not in there.get("/places/").content.decode()
    # A case that is held can be let go only by who sees it.
    assert 'value="household/H1"' in officer.get("/places/what-if/").content.decode()
    assert "H1" not in _main(there.get("/places/what-if/"))
    unlock = {"what-1": "unlock", "case-1": NEAR}
    assert there.post("/places/what-if/", unlock).status_code == 422
    assert officer.post("/places/what-if/", unlock).status_code == 303


def _main(answer):
    return answer.content.decode().partition("<main")[2]


def test_what_would_be_different_names_only_cases_in_reach(two_offices):
    from django.utils import timezone

    from onward.registry.models import Job

    moved = [
        {"case": case, "from": "open_offer, 1", "to": "open_offer, 2"} for case in (NEAR, FAR)
    ]
    job = Job.objects.create(
        operation="meridian", kind="places_if", state="done", by="x", ended_at=timezone.now(),
        asked={"changes": ["remove:open_offer@1"]},
        result={"moved": moved, "counts": {"moved": 2, "dropped": 0, "gained": 0}, "feasible": True},
    )  # fmt: skip
    about = Job.objects.create(
        operation="meridian", kind="places_if", state="failed", by="x", ended_at=timezone.now(),
        asked={"changes": [f"unlock:{FAR}"]}, message=f"{FAR}: is not locked",
    )  # fmt: skip
    officer, lead = browser("resettlement_officer"), browser("plan_lead", name="lead")
    page = officer.get(f"/places/asked/{job.pk}/")
    assert ">H1<" in page.content.decode()
    assert not tells_of_far(page)
    assert "…" in _main(page), "how many others there are is a count of a few"
    page = lead.get(f"/places/asked/{job.pk}/")
    assert not tells_of_far(page)
    assert ">H1<" not in page.content.decode()
    for client in (officer, lead):
        assert client.get(f"/places/asked/{about.pk}/").status_code == 404
        assert client.get(f"/work/{about.pk}/").status_code == 404
    analyst = browser("analyst", name="analyst")
    assert analyst.get(f"/work/{about.pk}/").status_code == 200
    assert "far-1" in seen_in_log()


# -- which case is seen -----------------------------------------------------------------------------


def cases(account, action="placement.read"):
    from onward.registry.permissions.access import Reader
    from onward.registry.permissions.cases import Cases

    return Cases(Reader(account), action)


def test_a_case_of_people_in_two_offices_is_seen_by_who_reads_both(two_offices):
    from onward.registry.models import PersonNow

    here = people.account("here", "resettlement_officer")
    there = people.account("there", "resettlement_officer", office=people.ELSEWHERE)
    analyst = people.account("analyst", "analyst")
    assert cases(here).sees(NEAR)
    PersonNow.objects.filter(person="H1-P2").update(
        office=people.ELSEWHERE, site=people.ELSEWHERE
    )
    assert not cases(here).sees(NEAR)
    assert not cases(there).sees(NEAR)
    assert cases(analyst).sees(NEAR)


def test_a_family_in_two_offices_is_decided_on_by_one_officer_once_both_offices_agree(
    two_offices,
):
    from onward.caseload.events import Subject
    from onward.registry.models import PersonNow
    from onward.registry.permissions import access, assignments
    from onward.registry.recording import acts

    PersonNow.objects.filter(person="H1-P2").update(
        office=people.ELSEWHERE, site=people.ELSEWHERE
    )
    here = people.account("here", "resettlement_officer")
    client, name = people.signed_in(here), newest(two_offices)
    page = client.get("/places/").content.decode()
    assert "Families in two offices" in page, "who decides is said"
    assert re.search(r"<li>.*H1.*</li>", page)
    assert f"case={NEAR.replace('/', '%2F')}" not in page, "and nothing else of the case"
    form = {"proposal": name, "case": NEAR, "decision": "accepted"}
    assert client.post("/places/case/", form).status_code == 404
    # The other office agrees: its supervisor finds the officer among those to assign to.
    boss = people.account("boss", "supervisor", office=people.ELSEWHERE)
    chosen = {"people": ["H1-P2"], "do": "assign"}
    page = people.signed_in(boss).post("/people/chosen/", chosen).content.decode()
    assert "decides on the place of a family in both offices" in page
    sent = {**chosen, "send": "yes", "account": here.account_id, "reason": "one place for both"}
    assert people.signed_in(boss).post("/people/chosen/", sent).status_code == 303
    assert "Families in two offices" not in client.get("/places/").content.decode()
    assert client.post("/places/case/", form).status_code == 303
    # That opens the line of the case, and neither the person's page nor a step.
    assert client.get("/people/H1-P2/").status_code == 404
    with pytest.raises(access.Hidden):
        acts.record(
            here, Subject("person", "H1-P2"), "recorded", effective="2026-06-01",
            facts={"language": "ar"}, idempotency_key="x",
        )  # fmt: skip
    [given] = assignments.of("H1-P2")
    assignments.end_assignment(boss, given, reason="no longer agreed")
    assert client.post("/places/case/", form).status_code == 404


def test_a_case_whose_people_left_or_chose_anew_is_that_of_its_household(two_offices):
    from onward.registry.models import PersonNow

    here = people.account("here", "resettlement_officer")
    there = people.account("there", "resettlement_officer", office=people.ELSEWHERE)
    PersonNow.objects.filter(household="H1").update(unit=None)
    assert cases(here).sees(NEAR)
    assert cases(here).sees(f"{NEAR}/2")
    assert not cases(there).sees(f"{NEAR}/2")
    assert set(_people("H1")) == {row.person for row in cases(here).open(NEAR, place="x")}
    PersonNow.objects.filter(person="H1-P2").update(office=people.ELSEWHERE)
    assert not cases(here).sees(NEAR)
    assert cases(here).sees("person/H1-P1")
    assert not cases(here).sees("person/H1-P2")
    assert not cases(here).sees("person/nobody")


@pytest.mark.parametrize("role", ["resettlement_officer", "supervisor", "protection_officer"])
def test_reading_places_costs_as_many_questions_for_many_cases(two_offices, role):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client, numbers = browser(role), []
    [(_name, content), *_before] = kept_proposals(two_offices)
    near = [row for row in content["assignments"] if row["case"] != FAR]
    made = [
        keep_proposal(two_offices, {**content, "on": f"2026-06-1{1 + some}", "assignments": near[:some]})
        for some in (1, 2)
    ]  # fmt: skip
    for name in made:
        client.get(f"/places/?proposal={name}")
        with CaptureQueriesContext(connection) as asked:
            page = client.get(f"/places/?proposal={name}")
        assert page.status_code == 200
        numbers.append([row["sql"][:60] for row in asked])
    assert len(numbers[0]) == len(numbers[1]), numbers
    with pytest.raises(OnwardError):
        cases(people.account("far", role, office="nowhere")).open(NEAR, place="x")
