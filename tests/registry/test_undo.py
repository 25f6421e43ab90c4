"""An import can be taken back: until something rests on it, wholly, and as often as needed."""

import datetime as dt
import json

import pytest

from onward.caseload.events import Subject, new_event
from onward.errors import OnwardError
from onward.registry import Settings, create_operation, open_operation
from onward.registry.importing.commit import Importer
from onward.registry.importing.receipts import is_undone, receipts
from onward.registry.importing.undoing import Depended, undo
from onward.rulebook import shipped_path

PEOPLE = """
profile: people
numbers: camp
rows: people
file: {encoding: utf-8, delimiter: comma}
date_order: year-month-day
columns: {no: person, family: household, name: name.full, sex: sex, born: birth, relation: role, from: effective}
constants: {country_of_origin: XAA, stage: return_cleared}
"""
STEPS = """
profile: steps
numbers: camp
rows: events
file: {encoding: utf-8, delimiter: comma}
date_order: year-month-day
columns: {person: person, date: event.date, step: event.kind}
"""
LIST = """no,family,name,sex,born,relation,from
1,A,Amina Star,female,1980-05-03,head,2026-01-01
2,A,Bilal Star,male,1984-05-03,spouse,2026-01-01
3,B,Chantal Rain,female,1991,head,2026-01-01
"""
CORRECTED = LIST.replace("1984-05-03", "1985-05-03").replace("Bilal Star", "Bilal Storm")
NEWCOMER = LIST + "4,C,Dawit Hill,male,1970-01-02,head,2026-01-01\n"
MOVED = "person,date,step\n1,2026-02-01,T7.done\n2,2026-02-01,T7.done\n"
DAY = dt.date(2026, 3, 1)


@pytest.fixture
def camp(tmp_path):
    settings = Settings(
        id="camp", title="Camp", kind="protected-camp", demonstration=True, data_ends=DAY
    )
    return create_operation(
        tmp_path / "camp",
        settings,
        rulebook_text=shipped_path("protected-camp").read_text("utf-8"),
        effective="2026-01-01",
        by="administrator",
    )


def bring(camp, text, profile=PEOPLE):
    folder = camp.path.parent
    (folder / "list.csv").write_text(text, "utf-8")
    (folder / "profile.yaml").write_text(profile, "utf-8")
    return Importer(camp).bring(folder / "list.csv", folder / "profile.yaml")


def record(camp, kind, subject, effective, *, evidence=(), **facts):
    import random

    event = new_event(
        camp.rulebook, operation="camp", subject=Subject(*subject), kind=kind,
        effective=effective, by="amina", instant=dt.datetime.now(dt.UTC),
        random=random.Random(), facts=facts, evidence=evidence,
    )  # fmt: skip
    return camp.record([event])[0]


def seen(camp):
    """Every table of the caseload, without the order of rows and where the log says so."""
    caseload = open_operation(camp.path).caseload(DAY)
    places = {"seq", "recorded", "position"}
    return {
        kind: sorted(
            ({k: v for k, v in row.items() if k not in places} for row in table.to_pylist()),
            key=str,
        )
        for kind, table in caseload.tables.items()
    }


def person_of(camp, name):
    people = seen(camp)["person"]
    return next(p for p in people if name in str(camp.vault.get(p["id"])))


# -- receipts


def test_an_import_leaves_a_receipt_that_names_nobody(camp):
    receipt = bring(camp, LIST)
    (file,) = (camp.path / "imports").iterdir()
    text = file.read_text("utf-8")
    data = json.loads(text)
    assert file.stem == receipt.receipt == data["id"]
    assert "-people-" in file.stem
    assert (data["rows"], data["added"], len(data["events"])) == (3, 3, 5)
    rows = sorted(entry["row"] for entry in data["events"] if entry["row"])
    assert rows == [2, 3, 4]
    ids = {event.id for event in camp.store.read()}
    assert {entry["id"] for entry in data["events"]} < ids
    for name in ("Amina", "Star", "list.csv", "Rain"):
        assert name not in text


def test_a_list_that_changes_nothing_leaves_no_receipt(camp):
    bring(camp, LIST)
    assert bring(camp, LIST).receipt == ""
    assert len(receipts(camp)) == 1


def test_a_receipt_lost_to_a_crash_is_made_again_from_the_log(camp):
    bring(camp, LIST)
    bring(camp, MOVED, STEPS)
    kept = [receipt.event_ids for receipt in receipts(camp)]
    for file in (camp.path / "imports").iterdir():
        file.unlink()
    again = receipts(camp)
    assert [receipt.event_ids for receipt in again] == kept
    assert all(receipt.rebuilt for receipt in again)
    undo(camp)
    assert undo(camp, again[0].id).retracted == 5


def test_a_damaged_receipt_is_named_and_nothing_is_undone(camp):
    bring(camp, LIST)
    (file,) = (camp.path / "imports").iterdir()
    file.write_text("{}")
    head = camp.store.head()
    with pytest.raises(OnwardError, match="not a receipt"):
        undo(camp)
    assert camp.store.head() == head


# -- undoing


@pytest.mark.parametrize(
    ("second", "profile"),
    [(NEWCOMER, PEOPLE), (CORRECTED, PEOPLE), (MOVED, STEPS), (CORRECTED + "4,A,Dawit Hill,male,,other_relative,2026-01-01\n", PEOPLE)],
    ids=["newcomer", "correction", "movements", "both"],
)  # fmt: skip
def test_after_undo_the_record_is_as_before(camp, second, profile):
    bring(camp, LIST)
    before = seen(camp)
    bring(camp, second, profile)
    changed = seen(camp)
    assert changed != before
    assert undo(camp).changed
    assert seen(camp) == before
    # and the same list can be brought again, to the same effect
    assert bring(camp, second, profile).events > 0
    assert seen(camp) == changed
    assert undo(camp).changed
    assert seen(camp) == before


def test_a_first_list_undone_leaves_nobody_and_no_name(camp):
    bring(camp, LIST)
    people = [person["id"] for person in seen(camp)["person"]]
    undone = undo(camp)
    assert (undone.retracted, undone.put_back, undone.names) == (5, 0, 3)
    assert seen(camp)["person"] == []
    assert not any(camp.vault.get(person) for person in people)
    receipt = bring(camp, LIST)
    assert (receipt.added, receipt.unchanged) == (3, 0)
    # the permanent id of a row stays the row's own
    assert sorted(person["id"] for person in seen(camp)["person"]) == sorted(people)
    assert all(camp.vault.get(person) for person in people)


def test_undoing_twice_changes_nothing(camp):
    bring(camp, LIST)
    bring(camp, NEWCOMER)
    assert undo(camp).changed
    head = camp.store.head()
    assert not undo(camp).changed
    assert camp.store.head() == head
    first, second = receipts(camp)
    assert is_undone(second, camp.store.read())
    assert not is_undone(first, camp.store.read())


def test_breaches_go_and_come_with_their_movements(camp):
    bring(camp, LIST)
    bring(camp, MOVED, STEPS)
    undo(camp)
    assert bring(camp, MOVED, STEPS).breaches == 2
    (last,) = receipts(camp)[-1:]
    events = {event.id: event for event in camp.store.read()}
    assert sorted(events[e].kind for e in last.event_ids) == ["T7.done"] * 2 + ["breach"] * 2


def test_a_correction_taken_back_and_made_again_is_recorded_each_time(camp):
    bring(camp, LIST)
    for text, year in ((CORRECTED, 1985), (LIST, 1984), (CORRECTED, 1985), (LIST, 1984)):
        assert bring(camp, text).corrected == 1
        assert person_of(camp, "Bilal")["birth_first"].year == year


def test_after_undoing_a_correction_the_earlier_name_is_back(camp):
    bring(camp, LIST)
    bilal = person_of(camp, "Bilal")["id"]
    before = camp.vault.get(bilal)
    bring(camp, CORRECTED)
    assert "Storm" in camp.vault.get(bilal)["name.full.Latn"]
    undo(camp)
    assert camp.vault.get(bilal) == before
    # and the earlier list, brought again, has nothing to say
    assert bring(camp, LIST).events == 0


def test_a_name_two_corrections_old_comes_back_step_by_step(camp):
    bring(camp, LIST)
    bilal = person_of(camp, "Bilal")["id"]
    for name in ("Storm", "Wind"):
        bring(camp, LIST.replace("Bilal Star", f"Bilal {name}"))
    undo(camp)
    assert "Storm" in camp.vault.get(bilal)["name.full.Latn"]
    # older than that only the list knows
    undo(camp, receipts(camp)[1].id)
    bring(camp, LIST)
    assert "Star" in camp.vault.get(bilal)["name.full.Latn"]


def test_what_was_put_right_at_the_desk_stands_when_an_earlier_list_is_undone(camp):
    """Else a name would be wrong again, and a contact back that was taken away because it was a danger."""
    from onward.registry.identities.put_right import MARK

    bring(camp, LIST)
    bilal = person_of(camp, "Bilal")["id"]
    camp.vault.put({bilal: {**camp.vault.get(bilal), "contact.phone": "0700", "number": "12"}})
    bring(camp, CORRECTED)
    right = {**camp.vault.get(bilal), "name.full.Latn": "Bilal Right"}
    assert right.pop("contact.phone") == "0700"
    camp.vault.put({bilal: right})
    record(camp, "recorded", ("person", bilal), "2026-03-01",
           evidence=[MARK + "name.full.Latn", MARK + "contact.phone"])  # fmt: skip
    undo(camp)
    after = camp.vault.get(bilal)
    assert after["name.full.Latn"] == "Bilal Right"
    assert "contact.phone" not in after, "what was taken away stays away"
    assert after["number"] == "12", "what nobody put right is as before the list"


def test_a_list_takes_nothing_away_that_it_does_not_say(camp):
    """A list with names only says nothing of papers, contacts, other scripts or sealed notes."""
    bring(camp, LIST)
    bilal = person_of(camp, "Bilal")["id"]
    more = {
        "name.full.Arab": "بلال", "document.passport": "A 1", "contact.phone": "0700",
        "notes": "Told in confidence.",
    }  # fmt: skip
    camp.vault.put({bilal: {**camp.vault.get(bilal), **more}})
    for name in ("Storm", "Wind"):
        bring(camp, LIST.replace("Bilal Star", f"Bilal {name}"))
        kept = camp.vault.get(bilal)
        assert kept["name.full.Latn"] == f"Bilal {name}"
        assert {field: kept[field] for field in more} == more
    undo(camp)
    kept = camp.vault.get(bilal)
    assert {field: kept[field] for field in more} == more


# -- refused while something rests on it


def refused(camp, receipt, count):
    head, before = camp.store.head(), seen(camp)
    with pytest.raises(Depended, match=f"{count} later event") as error:
        undo(camp, receipt)
    assert camp.store.head() == head
    assert seen(camp) == before
    return str(error.value)


def test_refused_while_later_events_are_about_its_people(camp):
    first = bring(camp, LIST).receipt
    bring(camp, "person,date,step\n3,2026-02-01,T4.none\n", STEPS)
    assert "Undo the later imports first" in refused(camp, first, 1)
    undo(camp)
    assert undo(camp, first).retracted == 5


def test_refused_while_later_events_correct_it(camp):
    first = bring(camp, LIST).receipt
    second = bring(camp, CORRECTED).receipt
    assert "correct what it recorded" in refused(camp, first, 1)
    undo(camp, second)
    assert undo(camp, first).changed
    assert seen(camp)["person"] == []


def test_refused_while_later_events_refer_to_its_households(camp):
    first = bring(camp, LIST).receipt
    household = person_of(camp, "Chantal")["household"]
    record(camp, "registered", ("person", "P9"), "2026-02-01", household=household)
    assert "refer to" in refused(camp, first, 1)


def test_a_fact_recorded_about_somebody_else_does_not_hold_it(camp):
    record(camp, "registered", ("person", "P9"), "2026-01-02")
    first = bring(camp, LIST).receipt
    record(camp, "recorded", ("person", "P9"), "2026-02-01", sex="male")
    assert undo(camp, first).changed


def test_the_last_word_of_a_day_stays_the_last_word(camp):
    """What a person recorded after the first list outlives the undo of the second."""
    bring(camp, LIST)
    bilal = person_of(camp, "Bilal")["id"]
    record(camp, "recorded", ("person", bilal), "2026-01-01", sex="female")
    before = seen(camp)
    bring(camp, CORRECTED)
    undo(camp)
    assert seen(camp) == before
    assert person_of(camp, "Bilal")["sex"] == "female"


def test_a_receipt_nobody_knows_is_refused(camp):
    with pytest.raises(OnwardError, match="nothing to undo"):
        undo(camp)
    bring(camp, LIST)
    with pytest.raises(OnwardError, match="No receipt"):
        undo(camp, "2020")
