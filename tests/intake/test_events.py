"""From rows to events: the same list twice changes nothing, a corrected row corrects."""

import datetime as dt
import random
import uuid

import pytest

from onward.errors import Faults
from onward.intake.events import declared, earlier_from, kind_of_list, to_events
from onward.intake.profile import parse_profile
from onward.intake.read import read
from onward.intake.stage import stage
from onward.rulebook import load, shipped_path

RULEBOOK = load(shipped_path("protected-camp"))
PEOPLE = """
profile: list
numbers: camp
rows: people
file: {encoding: utf-8, delimiter: comma}
date_order: day-month-year
columns:
  No: person
  Family: household
  Name: name.full
  Sex: sex
  Born: birth
  Relation: role
  From: effective
"""
CONSENTS = """
profile: consents
numbers: camp
rows: events
event: {kind: consent}
file: {encoding: utf-8, delimiter: comma}
columns:
  ref: row
  person: person
  date: event.date
  pathway: pathway
  destination: destination
  withdrawn: withdrawn
"""
STEPS = """
profile: steps
numbers: camp
rows: events
file: {encoding: utf-8, delimiter: comma}
columns: {person: person, date: event.date, step: event.kind}
"""
LIST = """No,Family,Name,Sex,Born,Relation,From
1,A,Amina Star,F,03.05.1980,head,01.11.2025
2,A,Bilal Star,M,01.01.2015,child,01.11.2025
3,B,Chantal Rain,F,1991,head,01.11.2025
"""


class Office:
    """An office that imports one list after another and keeps what each left behind."""

    def __init__(self, folder):
        self.folder, self.ids, self.events = folder, {}, []
        self.random = random.Random(1)

    def bring(self, profile, text):
        kind = kind_of_list(RULEBOOK, "consent" if "kind: consent" in profile else None)
        facts = declared(RULEBOOK, kind)
        chosen = parse_profile(profile, facts)
        file = self.folder / "list.csv"
        file.write_text(text, "utf-8")
        reading = read(file, encoding=chosen.encoding, delimiter=chosen.delimiter)
        staged = stage(reading, chosen, facts, secret=b"0123456789abcdef")
        batch = to_events(
            staged,
            staged.accepted(),
            rulebook=RULEBOOK,
            operation="camp",
            by="clerk",
            instant=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            random=self.random,
            earlier=earlier_from(self.events),
            default_effective=dt.date(2025, 11, 1),
            new_id=lambda: str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
        )
        self.ids.update(batch.ids)
        self.events += batch.events
        return batch


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path)


def test_people_and_their_households_are_registered_with_the_number_on_the_roster(office):
    batch = office.bring(PEOPLE, LIST)
    people = [e for e in batch.events if e.subject.kind == "person"]
    rosters = [e.facts["roster_size"] for e in batch.events if e.subject.kind == "household"]
    assert len(people) == 3
    assert sorted(rosters) == [1, 2]
    assert {e.kind for e in batch.events} == {"registered"}


def test_somebody_listed_without_a_household_is_one_alone(office):
    batch = office.bring(PEOPLE, LIST + "4,,Dawit Lantern,M,1970,,01.11.2025\n")
    person = next(e for e in reversed(batch.events) if e.subject.kind == "person")
    home = next(e for e in batch.events if e.subject.id == person.facts["household"])
    assert home.facts["roster_size"] == 1


def test_names_go_to_the_vault_and_never_into_an_event(office):
    batch = office.bring(PEOPLE, LIST)
    assert len(batch.identities) == 3
    assert not any("Star" in str(event) or "Amina" in str(event) for event in batch.events)


def test_the_office_number_cannot_be_read_from_an_event(office):
    batch = office.bring(PEOPLE, LIST.replace("\n1,", "\nREG-778899,"))
    assert not any("778899" in str(event) for event in batch.events)


def test_the_same_list_again_changes_nothing(office):
    office.bring(PEOPLE, LIST)
    again = office.bring(PEOPLE, LIST)
    assert again.events == ()
    assert (again.added, again.corrected, again.unchanged) == (0, 0, 3)


def test_a_corrected_row_supersedes_its_event_and_keeps_the_person(office):
    first = office.bring(PEOPLE, LIST)
    fixed = office.bring(PEOPLE, LIST.replace("Amina Star,F", "Amina Star,M"))
    assert (fixed.added, fixed.corrected, fixed.unchanged) == (0, 1, 2)
    (event,) = [e for e in fixed.events if e.subject.kind == "person"]
    before = next(e for e in first.events if e.id == event.supersedes)
    assert before.subject == event.subject
    assert event.facts["sex"] == "male"


def test_partial_births_keep_their_precision(office):
    batch = office.bring(PEOPLE, LIST)
    births = [e.facts["birth"] for e in batch.events if e.subject.kind == "person"]
    assert births == ["1980-05-03", "2015", "1991"]


def test_a_record_opens_with_what_the_rulebook_says_it_starts_with(office):
    office.bring(PEOPLE, LIST)
    text = "ref,person,date,pathway,destination,withdrawn\nC1,1,2026-01-05,return,XAA,\n"
    (event,) = office.bring(CONSENTS, text).events
    assert event.facts["withdrawn"] is False
    assert event.facts["person"] in office.ids.values()


def test_a_later_row_of_the_same_record_changes_it(office):
    office.bring(PEOPLE, LIST)
    head = "ref,person,date,pathway,destination,withdrawn\n"
    (first,) = office.bring(CONSENTS, head + "C1,1,2026-01-05,return,XAA,no\n").events
    (later,) = office.bring(
        CONSENTS, head + "C1,1,2026-01-05,return,XAA,no\nC1,1,2026-02-01,,,yes\n"
    ).events
    assert later.subject == first.subject
    assert later.facts["withdrawn"] is True
    assert later.supersedes is None


def test_a_step_for_a_number_nobody_registered_is_refused_with_its_row(office):
    office.bring(PEOPLE, LIST)
    with pytest.raises(Faults, match="row 3, person: a number no list has registered"):
        office.bring(STEPS, "person,date,step\n1,2026-01-05,T1.done\n9,2026-01-05,T1.done\n")


def test_an_unknown_step_names_the_steps_it_may_have_meant(office):
    office.bring(PEOPLE, LIST)
    with pytest.raises(Faults, match=r"T4\.return"):
        office.bring(STEPS, "person,date,step\n1,2026-01-05,T4\n")
