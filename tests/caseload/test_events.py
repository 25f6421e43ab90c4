"""An event: what may be recorded, how it is written, and what is refused with what message."""

from __future__ import annotations

import json
import random
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onward.caseload import (
    Subject,
    canonical_bytes,
    event_faults,
    event_id,
    from_json,
    identity_faults,
    new_event,
    opening_facts,
    to_json,
)
from onward.caseload.events import NotAnEvent, event_hash, instant_of, instant_text
from onward.errors import Faults
from onward.rulebook import load, shipped_names, shipped_path
from onward.rulebook.model import Fact, Kind

RULEBOOK = load(shipped_path("protected-camp"))
SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs/reference/schemas/event.schema.json").read_text()
)
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def draft(**changes):
    given_ = {
        "operation": "meridian",
        "subject": Subject("person", "P1"),
        "kind": "recorded",
        "effective": "2026-03",
        "by": "amina",
        "instant": NOW,
        "random": random.Random(1),
        "facts": {"sex": "female", "birth": "1990", "specific_needs": ["TR"]},
    } | changes
    return new_event(RULEBOOK, **given_)


def fields(event):
    return {fault.field for fault in event_faults(event, RULEBOOK)}


def test_an_event_is_written_and_read_back_the_same():
    event = draft().placed(seq=7, recorded=instant_text(NOW))
    again = from_json(json.loads(json.dumps(to_json(event))))
    assert to_json(again) == to_json(event)
    assert canonical_bytes(again) == canonical_bytes(event)
    assert event_hash(again) == event_hash(event)


def test_every_event_fits_the_published_schema():
    event = draft().placed(seq=7, recorded=instant_text(NOW))
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(to_json(event), SCHEMA)
    assert set(SCHEMA["required"]) == set(to_json(event))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**to_json(event), "name": "x"}, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**to_json(event), "effective": "March"}, SCHEMA)


def test_canonical_bytes_do_not_depend_on_the_order_in_which_facts_were_given():
    one = draft(facts={"sex": "female", "birth": "1990"})
    two = draft(facts={"birth": "1990", "sex": "female"})
    assert canonical_bytes(one) == canonical_bytes(two)
    assert canonical_bytes(one).startswith(b'{"by":"amina","effective":"2026-03"')


def test_ids_are_version_7_and_follow_the_clock():
    source = random.Random(3)
    ids = [event_id(NOW + timedelta(milliseconds=n), source) for n in range(50)]
    assert ids == sorted(ids)
    assert all(uuid.UUID(i).version == 7 and uuid.UUID(i).variant == uuid.RFC_4122 for i in ids)
    assert event_id(NOW, random.Random(3)) == event_id(NOW, random.Random(3))


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_instants_are_written_one_way(moment):
    moment = moment.replace(tzinfo=UTC)
    assert instant_of(instant_text(moment)) == moment


def test_every_fault_of_an_event_is_reported_at_once():
    event = replace(
        draft(),
        effective="2026-13",
        by="Amina Somebody",
        facts={"sex": "W", "birth": "soon", "shoe_size": 41, "household": 7},
    )
    assert fields(event) == {
        "effective",
        "by",
        "facts.sex",
        "facts.birth",
        "facts.shoe_size",
        "facts.household",
    }


def test_a_fault_never_repeats_what_was_found():
    event = replace(
        draft(), facts={"sex": "Canaryname", "intended_destination": "Canaryname@x"}
    )
    with_name = replace(event, facts={**event.facts, "Canaryname Surname": "x"})
    for fault in event_faults(with_name, RULEBOOK):
        assert "Canary" not in str(fault)


@pytest.mark.parametrize(
    ("kind", "subject", "facts", "field"),
    [
        ("T99.done", ("person", "P1"), {}, "kind"),
        ("T4", ("person", "P1"), {}, "kind"),
        ("recorded", ("dragon", "D1"), {}, "subject.kind"),
        ("T4.return", ("household", "H1"), {}, "subject.kind"),
        ("registered", ("consent", "C1"), {}, "subject.kind"),
        ("registered", ("person", "P1"), {"stage": "flying"}, "facts.stage"),
        ("recorded", ("person", "P1"), {"stage": "verified"}, "facts.stage"),
        ("recorded", ("consent", "C1"), {"sex": "male"}, "facts.sex"),
        ("merged", ("person", "P1"), {"into": "P1"}, "facts.into"),
        ("merged", ("person", "P1"), {}, "facts"),
        ("retracted", ("person", "P1"), {}, "supersedes"),
        ("recorded", ("person", "P1"), {"identity_resolved": 1}, "facts.identity_resolved"),
        (
            "recorded",
            ("person", "P1"),
            {"specific_needs": ["TR", "TR"]},
            "facts.specific_needs",
        ),
        ("recorded", ("person", "P1"), {"nationality": "Iran"}, "facts.nationality"),
        ("recorded", ("person", "P1"), {"arrived_on": "2025-02"}, "facts.arrived_on"),
        ("recorded", ("household", "H1"), {"roster_size": 2.5}, "facts.roster_size"),
        ("recorded", ("household", "H1"), {"roster_size": True}, "facts.roster_size"),
        (
            "override",
            ("person", "P1"),
            {
                "move": "T7.done",
                "finding": "G11.not_unfit",
                "destination": "HOM",
                "approved_by": ["bilal", "chantal"],
                "reason": "none",
                "valid_on": "2026-03-02",
            },
            "facts.finding",
        ),
        (
            "override",
            ("person", "P1"),
            {
                "move": "T7.done",
                "finding": "G11.valid",
                "destination": "HOM",
                "approved_by": ["chantal", "chantal"],
                "reason": "none",
                "valid_on": "2026-03-02",
            },
            "facts.approved_by",
        ),
        (
            "breach",
            ("person", "P1"),
            {"move": "T7.done", "safeguards": ["G99"], "severity": 9},
            "facts.safeguards",
        ),
    ],
)
def test_what_is_refused(kind, subject, facts, field):
    event = replace(draft(facts={}), kind=kind, subject=Subject(*subject), facts=facts)
    assert field in fields(event)


@pytest.mark.parametrize(
    ("kind", "subject", "facts"),
    [
        ("T4.return", ("person", "P1"), {"intended_destination": "HOM"}),
        ("registered", ("person", "P1"), {"legal": "refugee", "stage": "interviewed"}),
        ("recorded", ("person", "P1"), {"birth": "1991-03-21/1992-03-20", "sex": None}),
        ("merged", ("person", "P1"), {"into": "P2"}),
        ("adopted", ("rulebook", "0" * 64), {}),
        ("breach", ("person", "P1"), {"move": "T7.done", "safeguards": ["G5"], "severity": 1}),
        ("recorded", ("sheet", "S1"), {"version": "2026-03-15.1", "language": "ku-Latn"}),
    ],
)
def test_what_may_be_recorded(kind, subject, facts):
    event = replace(draft(facts={}), kind=kind, subject=Subject(*subject), facts=facts)
    assert event_faults(event, RULEBOOK) == []
    jsonschema.validate(to_json(event.placed(seq=1, recorded=instant_text(NOW))), SCHEMA)


def test_making_a_faulty_event_raises_all_its_faults():
    with pytest.raises(Faults) as caught:
        draft(effective="never", facts={"sex": "W"})
    assert len(caught.value.faults) == 2


def test_what_a_record_starts_with_is_written_into_the_event_that_opens_it():
    facts = opening_facts("claim", {"lodged": True}, RULEBOOK)
    assert facts["lodged"] is True
    assert facts["withdrawn_freely"] is False
    assert facts["exclusion"] == "not_raised"
    assert "expressed_on" not in facts


def test_a_damaged_line_is_no_event():
    good = to_json(draft())
    for broken in (
        {},
        [],
        {**good, "seq": "1"},
        {**good, "subject": "P1"},
        {**good, "by": None},
        {key: value for key, value in good.items() if key != "rulebook"},
    ):
        with pytest.raises(NotAnEvent):
            from_json(broken)


@pytest.mark.parametrize("name", shipped_names())
def test_no_shipped_rulebook_declares_a_fact_that_would_hold_identity(name):
    assert identity_faults(load(shipped_path(name))) == []


@pytest.mark.parametrize(
    "name", ["name", "full_name", "passport", "phone", "home_address", "story", "notes"]
)
def test_a_rulebook_that_would_hold_identity_is_refused(name):
    fact = Fact(name, "person", "text", "Label", "sealed", "case", line=12)
    person = RULEBOOK.kinds["person"]
    kinds = {**RULEBOOK.kinds, "person": Kind("person", "Person", person.refs, {name: fact})}
    (fault,) = identity_faults(replace(RULEBOOK, kinds=kinds))
    assert name in fault.field
    assert "vault" in str(fault)


@pytest.mark.parametrize(
    "text",
    [
        "+98 912 345 6789",
        "A 12345678",
        "someone@example.org",
        "two\nlines",
        "x" * 81,
        " padded",
    ],
)
def test_text_that_looks_like_a_contact_a_document_or_a_story_is_refused(text):
    event = replace(draft(facts={}), facts={"intended_destination": text})
    assert fields(event) == {"facts.intended_destination"}
