"""Every finding of `onward plan check`: a plan that has the fault, and its neighbour without."""

from __future__ import annotations

import copy
import datetime as dt

import pytest

from onward.plan import check_plan, plan_draws
from onward.plan.model import SERVICE_METRICS
from onward.plan.telling import may_be_told

TODAY = dt.date(2026, 10, 31)
SAYS = ["all_pathways", "who_decides", "right_to_refuse", "right_to_withdraw",
        "complaint_routes", "what_the_deadline_does_not_do", "no_place_is_promised"]  # fmt: skip


@pytest.fixture
def codes(read, rulebook):
    """The codes found on each id of a small plan with these sections."""

    def found(text_of=None, **sections):
        plan = read(**sections)
        draws = plan_draws(plan, 400, 1, TODAY)
        findings = check_plan(plan, rulebook, as_of=TODAY, draws=draws, text_of=text_of)
        return {(f.code, f.what): f for f in findings}

    return found


def sheet(pathway, **changes):
    text = {"text": "x", "approved_by": "coordinator", "approved_on": dt.date(2026, 9, 1)}
    return {"title": f"Sheet on {pathway}", "kind": "sheet", "audience": "individual",
            "version": "1", "owner": "o", "channel": "c", "true_as_of": dt.date(2026, 8, 1),
            "pathways": [pathway], "says": SAYS, "texts": {"fa": dict(text), "ar": dict(text)},
            **changes}  # fmt: skip


def notice(**changes):
    text = {"text": "x", "approved_by": "coordinator", "approved_on": dt.date(2026, 9, 1)}
    return {"title": "Notice", "kind": "notice", "audience": "everyone", "version": "1",
            "owner": "o", "channel": "c", "true_as_of": dt.date(2026, 9, 1), "says": SAYS,
            "texts": {"fa": text}, **changes}  # fmt: skip


def pledge(**changes):
    return {"title": "Places", "country": "NOR", "channel": "resettlement", "state": "confirmed",
            "places": 20, "confidentiality": "public", **changes}  # fmt: skip


def mandate(**changes):
    return {"title": "Mandate", "type": "sc_resolution", "grantor": "Council",
            "effective": dt.date(2026, 1, 1), "expiry": dt.date(2027, 11, 30), **changes}  # fmt: skip


def action(**changes):
    return {"title": "Work", "owner": "o", "duration_days": 30, **changes}


def test_a_plan_in_time_has_nothing_late(codes):
    found = codes(actions={"work": action(serves=["the_end"])})
    assert not [code for code, _ in found if code == "late"]


def test_work_certain_to_finish_after_the_date_it_serves(codes):
    found = codes(actions={"work": action(duration_days=500, serves=["the_end"])})
    late = found["late", "work"]
    assert late.severity == "must"
    assert "certain to be late" in late.found
    assert late.line > 0


def test_work_that_may_finish_after_the_date_it_serves_has_its_chance(codes):
    long = {"min": 300, "likely": 380, "max": 460}
    late = codes(actions={"work": action(duration_days=long, serves=["the_end"])})[
        "late", "work"
    ]
    left = (dt.date(2027, 11, 30) - TODAY).days + 0.5
    assert late.chance == pytest.approx((460 - left) ** 2 / (160 * 80), abs=0.06)
    assert late.severity == "look"
    assert "may" in late.found


def test_a_milestone_reached_after_its_date(codes):
    stones = {"done": {"title": "Done", "after": ["work"], "by": dt.date(2026, 11, 5)}}
    assert (
        codes(actions={"work": action()}, milestones=stones)["late", "done"].severity == "must"
    )


def test_work_said_to_be_running_longer_than_it_can(codes):
    assert ("overdue", "work") in codes(actions={"work": action(started=dt.date(2026, 5, 1))})
    assert ("overdue", "work") not in codes(
        actions={"work": action(started=dt.date(2026, 10, 20))}
    )


def word(**changes):
    return {"title": "Word", "recipient": "XAA", "purpose": "return", "state": "in_force",
            "effective": dt.date(2026, 1, 1), "factors": {}, "moves": ["T7"],
            "conclusion": {"finding": "can_rely", "by": "lawyer", "dated": dt.date(2026, 1, 2)},
            **changes}  # fmt: skip


def test_an_assurance_that_lapses_before_the_moves_it_covers(codes):
    convoys = action(duration_days=60, carries=["T7"], destination="XAA")
    short, long = dt.date(2026, 12, 1), dt.date(2027, 12, 1)
    found = codes(actions={"convoys": convoys}, assurances={"word": word(expiry=short)})
    assert found["lapses_before_move", "convoys"].severity == "must"
    found = codes(actions={"convoys": convoys}, assurances={"word": word(expiry=long)})
    assert ("lapses_before_move", "convoys") not in found


def test_a_second_assurance_may_take_over_without_a_gap(codes):
    convoys = action(duration_days=60, carries=["T7"], destination="XAA")
    first = word(expiry=dt.date(2026, 12, 1))
    gap = {"first": first, "second": word(effective=dt.date(2026, 12, 10))}
    none = {"first": first, "second": word(effective=dt.date(2026, 12, 2))}
    found = codes(actions={"convoys": convoys}, assurances=gap)
    assert ("lapses_before_move", "convoys") in found
    found = codes(actions={"convoys": convoys}, assurances=none)
    assert ("lapses_before_move", "convoys") not in found


def test_a_movement_on_an_assurance_nobody_has_given(codes):
    convoys = action(carries=["T7"], destination="XAA", relies_on=["word"])
    asked = {key: value for key, value in word(state="sought").items() if key != "conclusion"}
    found = codes(actions={"convoys": convoys}, assurances={"word": asked})
    assert found["not_in_force", "convoys"].chance == 1.0


def test_an_assurance_needs_a_finding_on_every_factor(codes):
    assert codes(assurances={"word": word()})["factor_missing", "word"].severity == "must"
    from onward.plan.model import FACTORS

    full = word(factors=dict.fromkeys(FACTORS, "uncertain"))
    assert ("factor_missing", "word") not in codes(assurances={"word": full})


def test_no_assurance_of_the_country_of_origin_carries_a_hand_over(codes):
    handed = word(purpose="handover", recipient="XAA", moves=["T20"])
    assert ("assurance_to_origin", "word") in codes(assurances={"word": handed})
    to_host = word(
        purpose="handover", recipient="XBB", moves=["T20"], covers_onward_transfer=True
    )
    found = codes(assurances={"word": to_host})
    assert ("assurance_to_origin", "word") not in found
    assert ("onward_transfer", "word") not in found
    to_host["covers_onward_transfer"] = False
    assert ("onward_transfer", "word") in codes(assurances={"word": to_host})


@pytest.mark.parametrize("status", ["refugee", "gc4_protected", "asylum_seeker"])
def test_no_plan_may_let_a_status_end_by_date(codes, status):
    found = codes(authorities={"mandate": mandate(rests={"legal": [status]})})
    assert found["status_by_date", "mandate"].severity == "must"
    found = codes(authorities={"mandate": mandate(rests={"legal": ["lawful_stay"]})})
    assert ("status_by_date", "mandate") not in found


def test_a_renewal_whose_lead_time_is_missed(codes):
    def found(lead, **work):
        renewing = {"ask": action(renews="mandate", **work)} if work else {"talk": action()}
        return codes(
            authorities={"mandate": mandate(renewal={"lead_days": lead})}, actions=renewing
        )

    assert found(400)["renewal_missed", "mandate"].severity == "must"
    assert ("renewal_unplanned", "mandate") in found(300)
    late = found(300, earliest=dt.date(2027, 3, 1))
    assert late["renewal_missed", "mandate"].severity == "must"
    good = found(300, earliest=dt.date(2026, 12, 1))
    assert not {"renewal_missed", "renewal_unplanned"} & {code for code, _ in good}
    assert ("renewal_missed", "mandate") not in found(400, started=dt.date(2026, 10, 20))
    assert ("renewal_missed", "mandate") in found(420, started=dt.date(2026, 10, 20))


def test_every_pathway_needs_a_sheet_approved_in_every_language(codes):
    pathways = ["return", "protection", "resettlement", "onward", "relocation", "stay"]
    sheets = {f"sheet_{p}": sheet(p) for p in pathways}
    clean = codes(messages=sheets)
    assert not {c for c, _ in clean if c.startswith(("sheet", "unapproved"))}
    fewer = {k: v for k, v in sheets.items() if k != "sheet_stay"}
    assert ("sheet_missing", "stay") in codes(messages=fewer)
    lacking = copy.deepcopy(sheets)
    del lacking["sheet_return"]["texts"]["ar"]
    del lacking["sheet_onward"]["texts"]["fa"]["approved_by"]
    found = codes(messages=lacking)
    assert "ar" in found["sheet_language", "sheet_return"].found
    assert "fa" in found["unapproved", "sheet_onward"].found
    replaced = {**lacking, "newer": sheet("return", supersedes="sheet_return")}
    assert ("sheet_language", "sheet_return") not in codes(messages=replaced)


def test_a_message_told_before_its_embargo_ends(codes):
    embargo = {"embargo_until": dt.date(2027, 1, 1)}
    early = codes(messages={"news": notice(released=dt.date(2026, 12, 1), **embargo)})
    assert early["embargo", "news"].severity == "must"
    kept = codes(messages={"news": notice(released=dt.date(2027, 1, 1), **embargo)})
    assert ("embargo", "news") not in kept
    work = {"sign": action(duration_days={"min": 20, "likely": 50, "max": 120})}
    tied = codes(messages={"news": notice(released_after="sign", **embargo)}, actions=work)
    assert 0.1 < tied["embargo", "news"].chance < 0.9


def test_a_message_that_gives_away_a_pledge(codes):
    for secret in ("sensitive", "partners"):
        found = codes(pledges={"places": pledge(confidentiality=secret)},
                      messages={"news": notice(mentions=["places"])})  # fmt: skip
        assert found["told_too_widely", "news"].severity == "must"
    found = codes(pledges={"places": pledge(confidentiality="partners")},
                  messages={"news": notice(mentions=["places"], audience="partners")})  # fmt: skip
    assert ("told_too_widely", "news") not in found
    found = codes(pledges={"places": pledge(confidentiality="sensitive")},
                  messages={"news": notice(mentions=["places"], audience="partners")})  # fmt: skip
    assert ("told_too_widely", "news") in found


def test_a_country_named_in_the_text_itself_is_noticed(codes):
    secret = pledge(country="NZL", confidentiality="sensitive")
    told = notice(texts={"en": {"text": "Soon: places in new zealand.", "approved_by": "a",
                                "approved_on": dt.date(2026, 9, 1)}})  # fmt: skip
    names = {"NZL": ["New Zealand"]}
    found = codes(pledges={"p": secret}, messages={"news": told}, country_names=names)
    assert ("names_country", "news") in found
    inside = codes(pledges={"p": secret}, messages={"news": {**told, "audience": "internal"}},
                   country_names=names)  # fmt: skip
    assert ("names_country", "news") not in inside
    filed = notice(texts={"en": {"path": "texts/en.txt"}})
    found = codes(
        text_of=lambda path: "Places in NZL", pledges={"p": secret}, messages={"news": filed}
    )
    assert ("names_country", "news") in found
    missing = codes(text_of=lambda path: None, messages={"news": filed})
    assert ("text_missing", "news") in missing


def test_a_public_place_may_be_named_but_not_promised(codes):
    says = [one for one in SAYS if one != "no_place_is_promised"]
    found = codes(
        pledges={"p": pledge()}, messages={"news": notice(countries=["NOR"], says=says)}
    )
    assert ("promises_country", "news") in found
    found = codes(pledges={"p": pledge()}, messages={"news": notice(countries=["NOR"])})
    assert ("promises_country", "news") not in found
    assert ("names_country", "news") not in found


@pytest.mark.parametrize("unsaid", ["what_the_deadline_does_not_do", "right_to_refuse"])
def test_a_deadline_is_never_told_as_a_threat(codes, unsaid):
    says = [one for one in SAYS if one != unsaid]
    found = codes(messages={"news": notice(mentions=["the_end"], says=says)})
    assert ("deadline_as_threat", "news") in found
    found = codes(messages={"news": notice(mentions=["the_end"])})
    assert ("deadline_as_threat", "news") not in found


def test_no_pathway_is_told_as_the_only_one(codes):
    says = [one for one in SAYS if one != "all_pathways"]
    found = codes(messages={"news": notice(pathways=["return"], says=says)})
    assert ("only_option", "news") in found
    assert ("only_option", "news") not in codes(messages={"news": notice(pathways=["return"])})


@pytest.mark.parametrize(
    "metric",
    ["departures", "people_returned", "monthly_returns", "exits", "transfers", "residual_people",
     "handover_count", "population_reduction", "people_resettled", "caseload"],
)  # fmt: skip
def test_no_target_counts_departures(codes, metric):
    target = {"title": "T", "metric": metric, "at_least": 5, "per": "week"}
    assert codes(service_targets={"t": target})["counts_departures", "t"].severity == "must"


def test_only_services_may_be_counted(codes):
    for metric in SERVICE_METRICS:
        target = {"title": "T", "metric": metric, "at_least": 5, "per": "week"}
        found = codes(service_targets={"t": target})
        assert not {c for c, _ in found if c in ("counts_departures", "not_a_service")}, metric
    target = {"title": "T", "metric": "popularity", "at_least": 5, "per": "week"}
    assert ("not_a_service", "t") in codes(service_targets={"t": target})


def test_pledges_that_cannot_be_as_written(codes):
    assert ("pledge_lapsed", "p") in codes(pledges={"p": pledge(valid_to=dt.date(2026, 1, 1))})
    assert ("overfilled", "p") in codes(pledges={"p": pledge(filled=21)})
    chained = {"p": pledge(), "q": pledge(conditional_on={"pledge": "p", "departed": 21})}
    assert ("unreachable", "q") in codes(pledges=chained)


def test_places_used_are_said_of_a_share(codes):
    def found(*filled, used, places=20):
        shares = [
            {"to": {"group": [group]}, "places": 10, "filled": n}
            for group, n in zip(("main_group", "recognised_group"), filled, strict=True)
        ]
        offer = pledge(filled=used, allocations=shares, places=places)
        return ("share_unsaid", "p") in codes(pledges={"p": offer})

    assert found(0, 0, used=3)
    assert found(1, 1, used=3)
    assert not found(1, 2, used=3)
    assert not found(0, 0, used=3, places=23)


def test_a_deadline_agrees_with_the_clock_it_follows(codes):
    deadline = {
        "title": "End",
        "date": dt.date(2027, 10, 1),
        "authority": "mandate",
        "clock": "expiry",
    }
    found = codes(authorities={"mandate": mandate()}, deadlines={"end": deadline})
    assert ("date", "end") in found
    deadline["date"] = dt.date(2027, 11, 30)
    found = codes(authorities={"mandate": mandate()}, deadlines={"end": deadline})
    assert ("date", "end") not in found


def test_the_example_shows_what_an_office_would_want_to_know(example, rulebook):
    found = {(f.code, f.what) for f in check_plan(example, rulebook, as_of=TODAY)}
    assert ("unapproved", "return_sheet_3") in found
    assert ("lapses_before_move", "winter_convoys") in found
    assert not {c for c, _ in found if c in ("told_too_widely", "names_country", "embargo",
                                             "counts_departures", "status_by_date", "sheet_missing")}  # fmt: skip


def test_a_message_that_waits_for_what_is_never_done_is_found(read, rulebook):
    message = {
        "title": "M", "kind": "notice", "audience": "partners", "version": "1", "owner": "lead",
        "channel": "paper", "true_as_of": TODAY, "texts": {"fa": {"text": "x"}}, "released_after": "talk",
    }  # fmt: skip
    for chance, wanted in ((0.0, True), (0.5, False)):
        work = {
            "talk": {"title": "Talk", "owner": "lead", "duration_days": 30, "chance": chance}
        }
        plan = read(actions=work, messages={"m": message})
        codes = {(one.code, one.what) for one in check_plan(plan, rulebook, as_of=TODAY)}
        assert (("unreachable", "m") in codes) is wanted


@pytest.mark.parametrize(
    ("work", "day", "told"),
    [({}, TODAY, False), ({"started": TODAY}, TODAY, False),
     ({"started": TODAY, "finished": TODAY}, TODAY, True),
     ({"started": TODAY, "finished": TODAY}, TODAY - dt.timedelta(days=1), False)],
)  # fmt: skip
@pytest.mark.parametrize("after", ["talk", "talked"])
def test_nobody_is_told_before_what_a_message_waits_for_is_done(read, work, day, told, after):
    message = {
        "title": "M", "kind": "notice", "audience": "everyone", "version": "1", "owner": "lead",
        "channel": "paper", "true_as_of": TODAY, "texts": {"fa": {"text": "x"}}, "released_after": after,
    }  # fmt: skip
    plan = read(
        actions={"talk": {"title": "Talk", "owner": "lead", "duration_days": 30, **work},
                 "other": {"title": "Done", "owner": "lead", "duration_days": 1, "started": TODAY - dt.timedelta(days=9),
                           "finished": TODAY - dt.timedelta(days=8)}},
        milestones={"talked": {"title": "Talked", "after": ["talk", "other"]}},
        messages={"m": message},
    )  # fmt: skip
    assert may_be_told(plan, plan.messages["m"], day) is told
