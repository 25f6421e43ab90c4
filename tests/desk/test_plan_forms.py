"""The plan changed with forms: what would change is shown, who and why is kept, nobody is undone."""

from __future__ import annotations

import html
import re
from datetime import date

import pytest
import registry_cast as people
from test_planning import PLAN

from onward.errors import Faults
from onward.plan.edit import entries
from onward.registry.planning import adopt_plan, adoptions, plan_version
from onward.registry.recording import acts
from onward.registry.recording.actors import Actor

MORE = (
    PLAN
    + """assurances:
  host_word:
    title: The host's word
    recipient: IRQ
    purpose: handover
    state: drafted
    factors: {disclosed: met}
messages:
  sheet:
    title: What a return means
    kind: sheet
    audience: everyone
    version: "1"
    owner: counselling coordinator
    channel: in person
    true_as_of: 2026-06-01
    texts: {fa: {text: Draft of a text, approved_by: lead counsellor, approved_on: 2026-06-01}}
milestones:
  heard: {title: Everybody heard, after: [interviews], by: end}
"""
)


@pytest.fixture
def planned(small):
    from django.core.cache import cache

    cache.clear()
    adopt_plan(small, MORE, effective="2026-05-01", by="chantal")
    return small


def lead(name="vera"):
    return people.signed_in(people.account(name, "plan_lead"))


def opened(client, section, title=None, *, close=False):
    """The form of an entry as a browser would send it back: its address and its fields."""
    if title is None:
        address = f"/plan/{section}/new/"
    else:
        page = client.get("/plan/").content.decode()
        address = next(
            found for found, said in re.findall(
                rf'href="(/plan/{section}/[0-9a-f]+/)">Change<span[^>]*> ([^<]+)</span>', page)
            if said == title
        )  # fmt: skip
    page = client.get(address + ("?close=yes" if close else ""))
    assert page.status_code == 200
    return address, fields(page.content.decode())


def fields(page):
    return {
        name: [html.unescape(one) for one in value]
        if isinstance(value, list)
        else html.unescape(value)
        for name, value in _fields(page).items()
    }


def _fields(page):
    form = page[page.index('<form class="stack"') :]
    form = form[: form.index("</form>")]
    found: dict[str, list[str] | str] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        name = re.search(r' name="([^"]*)"', tag)
        value = re.search(r' value="([^"]*)"', tag)
        if not name or (
            ('type="radio"' in tag or 'type="checkbox"' in tag) and " checked" not in tag
        ):
            continue
        if "checkbox" in tag:
            found.setdefault(name[1], []).append(value[1])
        else:
            found[name[1]] = value[1] if value else ""
    for name, inside in re.findall(
        r'(?s)<select [^>]*name="([^"]*)"[^>]*>(.*?)</select>', form
    ):
        chosen = re.search(r'value="([^"]*)" selected', inside)
        found[name] = chosen[1] if chosen else ""
    for name, inside in re.findall(
        r'(?s)<textarea [^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', form
    ):
        found[name] = inside
    found.pop("csrfmiddlewaretoken", None)
    return found


def kept(client, address, sent, **more):
    """Shown, then kept."""
    shown = client.post(address, {**sent, **more, "do": "check"})
    assert shown.status_code == 200, shown.content.decode()
    answer = client.post(address, {**fields(shown.content.decode()), "do": "adopt"})
    return shown.content.decode(), answer


def now(operation, section):
    return entries(plan_version(operation).text.decode(), section)


@pytest.mark.parametrize(
    ("section", "title"),
    [("authorities", "Mandate"), ("assurances", "The host&#x27;s word"), ("pledges", "An offer in confidence"),
     ("actions", "Interview everyone"), ("milestones", "Everybody heard"), ("deadlines", "Mandate ends"),
     ("messages", "What a return means")],
)  # fmt: skip
def test_a_form_that_nobody_touched_changes_nothing(planned, section, title):
    client, before = lead(), plan_version(planned)
    address, sent = opened(client, section, title)
    page = client.post(address, {**sent, "reason": "Looking", "do": "check"}).content.decode()
    assert "Nothing that the plan says would change." in page
    client.post(address, {**fields(page), "do": "adopt"})
    assert plan_version(planned).sha256 == before.sha256


def test_an_offer_is_changed_and_who_when_and_why_is_an_event(planned):
    client = lead()
    address, sent = opened(client, "pledges", "An offer in confidence")
    assert "quiet" not in address
    shown, answer = kept(
        client, address, sent, reason="The State confirmed", state="confirmed", chance="90",
        **{"windows.0.from": "2026-12-01", "windows.0.from.latest": "2027-02-01"},
    )  # fmt: skip
    assert answer.status_code == 303
    assert "Confirmed" in shown
    assert "between" in shown
    pledge = now(planned, "pledges")["quiet_offer"]
    assert pledge["state"] == "confirmed"
    assert pledge["chance"] == 0.9
    assert pledge["opens"] == {
        "earliest": date(2026, 12, 1), "likely": date(2026, 12, 1), "latest": date(2027, 2, 1),
    }  # fmt: skip
    assert pledge["capacity"] == "resettlement_place"
    event = adoptions(planned)[-1]
    assert event.facts == {"reason": "The State confirmed"}
    assert event.by != "chantal"
    assert "The State confirmed" in client.get("/plan/").content.decode()


def test_nothing_is_kept_that_was_not_shown(planned):
    client, before = lead(), plan_version(planned)
    address, sent = opened(client, "pledges", "An offer in confidence")
    page = client.post(address, {**sent, "reason": "At once", "state": "open", "do": "adopt"})
    assert "This is not what was shown before" in page.content.decode()
    assert plan_version(planned).sha256 == before.sha256


def test_an_authority_is_added_and_closed(planned):
    client = lead()
    address, sent = opened(client, "authorities")
    _shown, answer = kept(
        client, address, sent, title="Exit permits", type="mou", grantor="The host",
        effective="2026-06-01", confidentiality="partners", reason="Signed today",
    )  # fmt: skip
    assert answer.status_code == 303
    assert now(planned, "authorities")["exit_permits"]["effective"] == date(2026, 6, 1)
    address, sent = opened(client, "authorities", "Exit permits", close=True)
    asked = {"replaces", "close", "expiry", "at_expiry", "holds_from", "reason"}
    assert set(sent) == {*asked, "next"}
    _shown, answer = kept(client, address, sent, expiry="2026-06-30", reason="Not renewed")
    assert answer.status_code == 303
    assert now(planned, "authorities")["exit_permits"]["expiry"] == date(2026, 6, 30)


def test_the_findings_of_an_assurance_are_recorded_one_by_one(planned):
    client = lead()
    address, sent = opened(client, "assurances", "The host&#x27;s word")
    _shown, answer = kept(
        client, address, sent, reason="Examined",
        **{"factors.specific": "not_met", "conclusion.finding": "cannot_rely",
           "conclusion.by": "lead lawyer", "conclusion.dated": "2026-06-09"},
    )  # fmt: skip
    assert answer.status_code == 303
    word = now(planned, "assurances")["host_word"]
    assert word["factors"] == {"disclosed": "met", "specific": "not_met"}
    assert word["conclusion"]["dated"] == date(2026, 6, 9)


def test_work_is_added_with_dates_an_owner_and_what_it_waits_for(planned):
    client = lead()
    address, sent = opened(client, "actions")
    _shown, answer = kept(
        client, address, sent, title="Second panel", owner="refugee agency", duration_days="60",
        **{"duration_days.least": "45", "duration_days.most": "90"}, depends_on=["interviews"],
        earliest="2026-07-01", confidentiality="partners", reason="Agreed",
    )  # fmt: skip
    assert answer.status_code == 303
    work = now(planned, "actions")["second_panel"]
    assert work["duration_days"] == {"min": 45, "likely": 60, "max": 90}
    assert work["depends_on"] == ["interviews"]


def test_a_changed_text_is_a_draft_again(planned):
    client = lead()
    address, sent = opened(client, "messages", "What a return means")
    shown, answer = kept(
        client, address, sent, reason="Clearer", **{"texts.fa.text": "Another text"}
    )
    assert answer.status_code == 303
    assert "(draft)" in shown
    assert now(planned, "messages")["sheet"]["texts"] == {"fa": {"text": "Another text"}}


def test_two_who_change_other_entries_keep_both(planned):
    first, second = lead(), lead("vito")
    mine = opened(first, "pledges", "An offer in confidence")
    theirs = opened(second, "actions", "Interview everyone")
    assert kept(second, *theirs, owner="other team", reason="Moved")[1].status_code == 303
    shown, answer = kept(first, *mine, state="open", reason="Opened")
    assert "Both changes are kept" in shown
    assert answer.status_code == 303
    assert now(planned, "actions")["interviews"]["owner"] == "other team"
    assert now(planned, "pledges")["quiet_offer"]["state"] == "open"


def test_two_who_change_the_same_entry_undo_nobody(planned):
    first, second = lead(), lead("vito")
    address, mine = opened(first, "pledges", "An offer in confidence")
    _address, theirs = opened(second, "pledges", "An offer in confidence")
    assert kept(second, address, theirs, chance="70", reason="Likelier")[1].status_code == 303
    page = first.post(address, {**mine, "state": "open", "reason": "Opened", "do": "adopt"})
    assert page.status_code == 409
    assert "Somebody else changed this meanwhile" in page.content.decode()
    assert now(planned, "pledges")["quiet_offer"]["state"] == "offered"
    again = fields(page.content.decode())
    assert (again["chance"], again["state"]) == ("70", "open")
    assert kept(first, address, again)[1].status_code == 303
    pledge = now(planned, "pledges")["quiet_offer"]
    assert (pledge["chance"], pledge["state"]) == (0.7, "open")


@pytest.mark.parametrize(
    ("change", "said"),
    [({"title": ""}, "f-title"), ({"chance": "120"}, "Between 0 and 100"),
     ({"windows.0.from": "soon"}, "Not a date"), ({"windows.0.from.latest": "2026-01-01"}, "out of order"),
     ({"state": "sure"}, "Choose from the list"), ({"windows.0.places": ""}, "How many places?"),
     ({"reason": ""}, "f-reason"), ({"holds_from": "2026-04-01"}, "cannot hold from before")],
)  # fmt: skip
def test_what_is_wrong_is_said_beside_the_field_and_above(planned, change, said):
    client, before = lead(), plan_version(planned)
    address, sent = opened(client, "pledges", "An offer in confidence")
    answer = client.post(address, {**sent, "reason": "Trying", "do": "adopt", **change})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page
    assert 'aria-labelledby="problems-title"' in page
    assert 'class="error"' in page
    assert plan_version(planned).sha256 == before.sha256


def test_what_others_hang_on_cannot_be_taken_out(planned):
    client, before = lead(), plan_version(planned)
    address, sent = opened(client, "actions", "Interview everyone")
    answer = client.post(
        address, {"replaces": sent["replaces"], "remove": "yes", "do": "check", "reason": "Gone",
                  "holds_from": sent["holds_from"]}
    )  # fmt: skip
    assert answer.status_code == 422
    assert "Milestones, Everybody heard, Reached when these are done" in answer.content.decode()
    assert plan_version(planned).sha256 == before.sha256


def test_what_work_changes_is_asked_kept_and_said_in_words(planned):
    client = lead()
    address, sent = opened(client, "actions", "Interview everyone")
    shown, answer = kept(
        client, address, sent, reason="A second room",
        **{"effects.0.kind": "adds", "effects.0.target": "resettlement_place", "effects.0.amount": "30",
           "effects.0.per": "month", "effects.0.at": "start",
           "effects.1.kind": "scales", "effects.1.target": "T3", "effects.1.factor": "150",
           "effects.1.factor.least": "120", "effects.1.factor.most": "200", "effects.1.until": "2026-12-31"},
    )  # fmt: skip
    assert answer.status_code == 303
    assert "30 more a month" in shown
    assert "likely 150%, between 120% and 200%" in shown
    adds, scales = now(planned, "actions")["interviews"]["effects"]
    assert adds == {"adds": "resettlement_place", "amount": 30, "per": "month", "at": "start"}
    assert scales == {"scales": "T3", "factor": {"min": 1.2, "likely": 1.5, "max": 2}, "until": date(2026, 12, 31)}  # fmt: skip
    address, sent = opened(client, "actions", "Interview everyone")
    assert sent["effects.1.factor.most"] == "200"
    assert kept(client, address, sent, reason="No room", **{"effects.0.kind": ""})[1].status_code == 303  # fmt: skip
    assert now(planned, "actions")["interviews"]["effects"] == [scales]


@pytest.mark.parametrize(
    ("change", "said"),
    [({"kind": "adds", "target": "T3", "amount": "3"}, "Choose a capacity."),
     ({"kind": "adds", "target": "resettlement_place"}, "How much more?"),
     ({"kind": "scales", "target": "T3"}, "At what pace then?"), ({"kind": "opens"}, "Choose a step or a safeguard."),
     ({"kind": "brings", "target": "T3"}, "Choose an authority"), ({"target": "T3"}, "Say what it does.")],
)  # fmt: skip
def test_an_effect_that_cannot_be_is_said_beside_its_field(planned, change, said):
    client, before = lead(), plan_version(planned)
    address, sent = opened(client, "actions", "Interview everyone")
    more = {f"effects.0.{name}": value for name, value in change.items()}
    answer = client.post(address, {**sent, **more, "reason": "Trying", "do": "adopt"})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert plan_version(planned).sha256 == before.sha256


def test_shares_of_an_offer_are_asked_and_are_never_more_than_its_places(planned):
    client = lead()
    address, sent = opened(client, "pledges", "An offer in confidence")
    places = int(sent["windows.0.places"])
    share = {"allocations.0.to": "group=main_group", "allocations.0.places": "5"}
    shown, answer = kept(client, address, sent, reason="Agreed", **share)
    assert answer.status_code == 303
    assert "5 places for" in shown
    assert now(planned, "pledges")["quiet_offer"]["allocations"] == [{"to": {"group": ["main_group"]}, "places": 5}]  # fmt: skip
    address, sent = opened(client, "pledges", "An offer in confidence")
    used = {"allocations.0.filled": "2", "filled": "3"}
    shown, answer = kept(client, address, sent, reason="Two have left", **used)
    assert answer.status_code == 303
    assert "Places already used: 2" in shown
    (share,) = now(planned, "pledges")["quiet_offer"]["allocations"]
    assert share == {"to": {"group": ["main_group"]}, "places": 5, "filled": 2}
    address, sent = opened(client, "pledges", "An offer in confidence")
    more = {
        **sent,
        "allocations.0.places": str(places + 1),
        "reason": "Too many",
        "do": "check",
    }
    assert client.post(address, more).status_code == 422
    assert kept(client, address, sent, reason="Not so", **{"allocations.0.to": "", "allocations.0.places": ""})[1].status_code == 303  # fmt: skip
    assert "allocations" not in now(planned, "pledges")["quiet_offer"]


def test_what_others_repeat_is_taken_out_and_they_say_the_same(planned):
    client = lead()
    text = MORE.replace("{fa: {text", "{fa: &fa {text") + "".join(
        f"""  {name}:
    title: {title}
    kind: notice
    audience: everyone
    version: "1"
    owner: counselling coordinator
    channel: in person
    true_as_of: 2026-06-01
    texts: {{fa: *fa}}
""" for name, title in (("again", "Read out again"), ("more", "Read out once more"))
    )  # fmt: skip
    text = text.replace("milestones:", "", 1).replace("  heard: {title", "#  heard: {title", 1)
    adopt_plan(planned, text, effective="2026-05-02", by="chantal")
    before = now(planned, "messages")
    address, sent = opened(client, "messages", "What a return means")
    sent = {"replaces": sent["replaces"], "remove": "yes", "holds_from": sent["holds_from"]}
    shown, answer = kept(client, address, sent, reason="It was never so")
    assert "Read out again, Read out once more" in shown
    assert "In the text of the plan" in shown
    assert answer.status_code == 303
    assert now(planned, "messages") == {n: one for n, one in before.items() if n != "sheet"}


def test_saying_that_an_entry_is_to_go_asks_when_and_why_and_blames_nobody(planned):
    client, before = lead(), plan_version(planned)
    address, sent = opened(client, "messages", "What a return means")
    answer = client.post(
        address, {"replaces": sent["replaces"], "remove": "yes", "do": "check"}
    )
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "The whole entry would be taken out" in page
    assert "There is a problem" not in page
    assert fields(page)["holds_from"]
    client.post(address, {**fields(page), "holds_from": "", "do": "adopt"})
    client.post(address, {"replaces": sent["replaces"], "remove": "yes", "do": "adopt",
                          "digest": fields(page)["digest"]})  # fmt: skip
    assert plan_version(planned).sha256 == before.sha256, "nothing goes without a reason"


@pytest.mark.parametrize("role", ["supervisor", "resettlement_officer", "analyst"])
def test_nobody_else_changes_the_plan(planned, role):
    client = people.signed_in(people.account("someone", role))
    assert client.get("/plan/pledges/new/").status_code == 403
    assert "/plan/pledges/" not in client.get("/plan/").content.decode()


WHY = {"holds_from": "2026-06-10", "reason": "It was said otherwise"}


@pytest.mark.parametrize("word", ["H1-P1", "H1", "h1-p1"])
def test_no_words_of_a_plan_hold_anybodys_id(planned, word):
    client = lead()
    address, sent = opened(client, "actions", "Interview everyone")
    sent |= {"title": f"Ask {word}, again", **WHY}
    answer = client.post(address, {**sent, "do": "check"})
    page = html.unescape(answer.content.decode())
    if word == "h1-p1":  # nobody's id is written so
        assert answer.status_code == 200
        return
    assert answer.status_code == 422
    assert "The id of a person or a household on record. What concerns one person" in page
    assert page.count(word) <= 2, "in the field as it was typed, and in no sentence"
    assert len(adoptions(planned)) == 1


def test_why_a_plan_is_changed_holds_nobodys_id(planned):
    client = lead()
    address, sent = opened(client, "actions", "Interview everyone")
    sent |= {"title": "Ask again", **WHY, "reason": "Because of H1-P1"}
    answer = client.post(address, {**sent, "do": "check"})
    assert answer.status_code == 422
    assert "The id of a person or a household on record" in html.unescape(
        answer.content.decode()
    )


def test_a_text_of_the_plan_is_refused_with_the_line_that_holds_an_id(planned):
    long = "3f2a1c0b-77aa-4c11-9d1e-0123456789ab"
    acts.register_household(
        Actor("amina", people.EVERYBODYS), [acts.Member({"birth": "1990"}, person=long)],
        effective="2026-06-01", household="55aa1c0b-77aa-4c11-9d1e-0123456789ab",
        idempotency_key="long",
    )  # fmt: skip
    client = lead()
    for said in (f"# waits for {long}", "# waits for 3f2a1c0b…89ab", "# 55aa1c0b…89ab waits"):
        text = MORE.replace("authorities:", f"{said}\nauthorities:")
        with pytest.raises(Faults, match=r"line 9.* the id of a person or a household"):
            adopt_plan(planned, text, effective="2026-06-05", by="chantal")
        sent = {"text": text, "effective": "2026-06-05", "replaces": ""}
        page = html.unescape(
            client.post("/plan/edit/", {**sent, "do": "check"}).content.decode()
        )
        assert (
            "The id of a person or a household on record" in page
            or "the id of a person" in page
        )
    message = MORE.replace("Draft of a text", f"Tell {long} first")
    with pytest.raises(Faults) as refused:
        adopt_plan(planned, message, effective="2026-06-05", by="chantal")
    assert [fault.field for fault in refused.value.faults] == ["messages.sheet.texts.fa.text"]
    assert long not in str(refused.value)
    assert len(adoptions(planned)) == 1


def test_whom_a_plan_lists_stands_in_the_log_when_its_text_is_read(planned):
    from onward.registry.models import AccessEntry

    text = MORE.replace("type: sc_resolution,", "type: sc_resolution, beneficiaries: {people: [H1-P1, H2-P1]},")  # fmt: skip
    adopt_plan(planned, text, effective="2026-06-05", by="chantal")
    client = lead()
    assert "H1-P1" not in client.get("/plan/").content.decode(), "a plan's page counts them"
    assert "H1-P1" in client.get("/plan/edit/").content.decode()
    logged = AccessEntry.objects.exclude(people=[]).values_list("action", "people", "place")
    assert list(logged) == [("plan.edit", ["H1-P1", "H2-P1"], "desk:plan_edit")]
    address, sent = opened(client, "authorities", "Mandate")
    client.post(address, {**sent, **WHY, "title": "The mandate", "do": "check"})
    assert [place for _action, _people, place in logged.all()][1:] == ["desk:plan_entry"]
