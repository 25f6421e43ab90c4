"""Lists become the record: whole or not at all, names apart, breaches beside movements."""

import datetime as dt
import os
import random
import shutil

import pytest

from onward.caseload.events import Subject, new_event
from onward.errors import Faults, OnwardError
from onward.registry import Settings, create_operation, open_operation
from onward.registry.importing.commit import Importer, Undecided, lists_of
from onward.registry.importing.receipts import receipts
from onward.registry.importing.undoing import undo
from onward.rulebook import shipped_path

NOW = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
PEOPLE = """
profile: people
numbers: camp
rows: people
file: {encoding: utf-8, delimiter: comma}
date_order: year-month-day
columns: {no: person, family: household, name: name.full, born: birth, relation: role, from: effective}
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
LIST = """no,family,name,born,relation,from
1,A,Amina Star,1980-05-03,head,2026-01-01
2,A,Bilal Star,1984-05-03,spouse,2026-01-01
3,B,Chantal Rain,1991,head,2026-01-01
"""


@pytest.fixture
def camp(tmp_path):
    settings = Settings(
        id="camp", title="Camp", kind="protected-camp", demonstration=True,
        data_ends=dt.date(2026, 3, 1),
    )  # fmt: skip
    text = shipped_path("protected-camp").read_text("utf-8")
    return create_operation(
        tmp_path / "camp",
        settings,
        rulebook_text=text,
        effective="2026-01-01",
        by="administrator",
    )


def bring(camp, profile, text, **options):
    folder = camp.path.parent
    (folder / "list.csv").write_text(text, "utf-8")
    (folder / "profile.yaml").write_text(profile, "utf-8")
    importer = Importer(camp, clock=lambda: NOW)
    return importer.bring(folder / "list.csv", folder / "profile.yaml", **options)


def breaches(camp):
    return [event for event in camp.store.read() if event.kind == "breach"]


def test_people_are_here_and_their_names_are_only_in_the_vault(camp):
    receipt = bring(camp, PEOPLE, LIST)
    assert (receipt.added, receipt.events) == (3, 5)
    caseload = open_operation(camp.path).caseload(dt.date(2026, 3, 1))
    assert caseload.people.num_rows == 3
    log = b"".join(file.read_bytes() for file in (camp.path / "events").glob("*.jsonl"))
    assert b"Star" not in log
    someone = caseload.people.column("id")[0].as_py()
    assert camp.vault.get(someone)["name.full.Latn"].endswith(("Star", "Rain"))


def test_the_same_list_again_changes_nothing(camp):
    bring(camp, PEOPLE, LIST)
    head = camp.store.head()
    receipt = bring(camp, PEOPLE, LIST)
    assert (receipt.added, receipt.corrected, receipt.unchanged) == (0, 0, 3)
    assert camp.store.head() == head


def test_checking_a_list_writes_nothing(camp):
    head = camp.store.head()
    receipt = bring(camp, PEOPLE, LIST, check_only=True)
    assert receipt.added == 3
    assert not receipt.recorded
    assert camp.store.head() == head
    assert not (camp.path / "vault" / "identities.jsonl").exists()


def test_one_fault_keeps_the_whole_list_out(camp):
    head = camp.store.head()
    with pytest.raises(Faults, match="row 4, born"):
        bring(camp, PEOPLE, LIST.replace("1991", "1991-13-45"))
    assert camp.store.head() == head


def test_a_movement_is_recorded_whatever_the_safeguards_say_and_opens_a_breach(camp):
    bring(camp, PEOPLE, LIST)
    receipt = bring(
        camp, STEPS, "person,date,step\n1,2026-02-01,T7.done\n2,2026-02-01,T7.done\n"
    )
    assert receipt.breaches == 2
    kinds = [event.kind for event in camp.store.read()]
    assert kinds.count("T7.done") == 2
    assert all(event.facts["severity"] == 1 for event in breaches(camp))
    assert all("G3.consent" in event.facts["safeguards"] for event in breaches(camp))


def test_what_befell_somebody_else_there_is_held_against_a_movement(camp):
    bring(camp, PEOPLE, LIST)
    (chantal,) = [
        event.subject
        for event in camp.store.read()
        if event.kind == "registered" and event.facts.get("role_in_household") == "head"
        and event.facts.get("birth") == "1991"
    ]  # fmt: skip
    camp.record(
        [
            new_event(
                camp.rulebook, operation="camp", subject=Subject("incident", "N1"),
                kind="recorded", effective="2026-01-20", by="amina", instant=NOW,
                random=random.Random(1), opens=True,
                facts={"person": chantal.id, "destination": "XAA", "severity": 1, "reviewed": False},
            )
        ]
    )  # fmt: skip
    bring(camp, STEPS, "person,date,step\n1,2026-02-01,T7.done\n")
    (breach,) = breaches(camp)
    assert "G6.incidents_reviewed" in breach.facts["safeguards"]


def test_a_list_that_says_where_people_went_is_judged_for_that(camp):
    bring(camp, PEOPLE, LIST)
    camp.record(
        [
            new_event(
                camp.rulebook, operation="camp", subject=Subject("incident", "N1"),
                kind="recorded", effective="2026-01-20", by="amina", instant=NOW,
                random=random.Random(1), opens=True,
                facts={"destination": "XBB", "severity": 1, "reviewed": False},
            )
        ]
    )  # fmt: skip
    told = STEPS.replace("step: event.kind}", "step: event.kind, to: went_to}")
    moved = "1,2026-02-01,T7.done,XBB\n2,2026-02-01,T7.done,XCC\n3,2026-02-01,T7.done,\n"
    bring(camp, told, "person,date,step,to\n" + moved)
    led = [event.facts.get("went_to") for event in camp.store.read() if event.kind == "T7.done"]
    assert led == ["XBB", "XCC", None], "what no list says is not made up"
    befell = {
        event.subject.id for event in breaches(camp)
        if "G17.incidents_reviewed" in event.facts["safeguards"]
    }  # fmt: skip
    first, second, third = [e.subject.id for e in camp.store.read() if e.kind == "T7.done"]
    assert first in befell
    assert second not in befell, "nothing befell anybody there"
    assert third in befell, "where nobody knows, nothing is known to be well"


def test_a_refusal_opens_no_breach(camp):
    bring(camp, PEOPLE, LIST)
    receipt = bring(camp, STEPS, "person,date,step\n3,2026-02-01,T4.none\n")
    assert receipt.breaches == 0
    assert breaches(camp) == []


def test_names_are_refused_where_real_people_may_be(tmp_path):
    text = shipped_path("protected-camp").read_text("utf-8")
    settings = Settings(id="real", title="Real", kind="protected-camp")
    real = create_operation(
        tmp_path / "real",
        settings,
        rulebook_text=text,
        effective="2026-01-01",
        by="administrator",
    )
    head = real.store.head()
    with pytest.raises(OnwardError, match="demonstration"):
        bring(real, PEOPLE, LIST)
    assert real.store.head() == head


def test_an_order_file_names_its_lists_and_every_wrong_entry(tmp_path):
    order = tmp_path / "order.yaml"
    order.write_text("- {list: a.csv, profile: a.yaml}\n- {list: b.csv}\n- c.csv\n", "utf-8")
    with pytest.raises(Faults) as refused:
        lists_of(order)
    assert [fault.where for fault in refused.value.faults] == ["entry 2", "entry 3"]


def killed_at(step, camp_path, files):
    """Import in a process of its own that dies at its n-th write to the disk; True if it did."""
    pid = os.fork()
    if pid == 0:
        left = [step]

        def failing(real):
            def call(*arguments, **options):
                left[0] -= 1
                if left[0] == 0:
                    os._exit(9)
                return real(*arguments, **options)

            return call

        for name in ("fsync", "write", "replace", "ftruncate"):
            setattr(os, name, failing(getattr(os, name)))
        try:
            Importer(open_operation(camp_path), clock=lambda: NOW).bring(*files, match=True)
            os._exit(0)
        except BaseException:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, 9)
    return code == 9


@pytest.mark.slow
def test_killed_at_any_write_it_happened_entirely_or_not_at_all(tmp_path, camp):
    (tmp_path / "list.csv").write_text(LIST, "utf-8")
    (tmp_path / "profile.yaml").write_text(PEOPLE, "utf-8")
    files = (tmp_path / "list.csv", tmp_path / "profile.yaml")
    before = [event.id for event in camp.store.read()]
    seen = set()
    for step in range(1, 100):
        copy = tmp_path / f"copy-{step}"
        shutil.copytree(camp.path, copy)
        died = killed_at(step, copy, files)
        after = open_operation(copy)
        new = [event for event in after.store.read() if event.id not in before]
        assert len(new) in (0, 5)
        seen.add(len(new))
        # The next import mends whatever was left behind.
        receipt = Importer(after, clock=lambda: NOW).bring(*files, match=True)
        assert receipt.added + receipt.unchanged == 3
        people = open_operation(copy).caseload(dt.date(2026, 3, 1)).people["id"].to_pylist()
        assert len(people) == 3
        assert all(after.vault.get(person) for person in people)
        assert len(receipts(after)) == 1
        undo(after)
        assert open_operation(copy).caseload(dt.date(2026, 3, 1)).people.num_rows == 0
        if not died:
            break
    assert not died
    assert step > 4
    assert seen == {0, 5}


# -- the encrypted record


def bring_encrypted(small, text):
    folder = small.path.parent
    (folder / "list.csv").write_text(text, "utf-8")
    (folder / "profile.yaml").write_text(PEOPLE, "utf-8")
    return Importer(small, clock=lambda: NOW).bring(
        folder / "list.csv", folder / "profile.yaml", match=True
    )


def people_kept(small):
    return {
        event.subject.id: small.vault.get(event.subject.id)
        for event in small.store.read()
        if event.subject.kind == "person" and event.kind == "registered"
    }


def test_an_encrypted_record_takes_names_and_events_together_or_neither(small, monkeypatch):
    before = len(list(small.store.read()))
    names = len(list(small.vault.names()))

    def fails(*_, **__):
        raise OnwardError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(type(small.store), "append", fails)
        with pytest.raises(OnwardError, match="disk"):
            bring_encrypted(small, LIST)
    assert (len(list(small.store.read())), len(list(small.vault.names()))) == (before, names)
    assert bring_encrypted(small, LIST).added == 3
    assert sum("Star" in str(kept) for kept in people_kept(small).values()) == 2


def test_an_encrypted_import_matches_the_record_and_can_be_undone(small):
    with pytest.raises(Undecided, match="1 pair may be one person"):
        bring_encrypted(small, LIST.replace("Chantal Rain,1991", "Zarifeh Noruzian,1984-05-03"))
    receipt = bring_encrypted(small, LIST)
    assert bring_encrypted(small, LIST).events == 0
    assert undo(small, receipt.receipt).names == 3
    assert not any("Star" in str(kept) for kept in people_kept(small).values())
    files = b"".join(f.read_bytes() for f in small.path.rglob("*") if f.is_file())
    assert b"Star" not in files


def test_the_page_of_imports_reads_the_log_again_only_for_what_bears_on_one(small, monkeypatch):
    import random
    from datetime import UTC, datetime

    from onward.caseload.events import Subject, new_event
    from onward.registry.importing import receipts

    read: list[str] = []
    whole = receipts.with_state
    monkeypatch.setattr(receipts, "with_state", lambda one: read.append("") or whole(one))

    def happens(number, kind="recorded", key="", supersedes=None, **facts):
        event = new_event(
            small.rulebook, operation="meridian", subject=Subject("complaint", f"c{number}"),
            kind=kind, effective="2026-06-10", by="amina", instant=datetime.now(UTC),
            random=random.Random(number), facts=facts, supersedes=supersedes,
            idempotency_key=key or f"c{number}",
        )  # fmt: skip
        [placed] = small.record([event])
        return placed

    before = receipts.imports_now(small)
    ordinary = happens(1, person="H1-P1", category="services")
    assert receipts.imports_now(small) == before == whole(small)
    assert len(read) == 0, "every import has its receipt"
    happens(2, key="row:7@2026-06-10#digest", person="H1-P1", category="services")
    assert len(receipts.imports_now(small)) == len(before) + 1
    assert len(read) == 1, "no receipt says so"
    happens(1, kind="retracted", key="back", supersedes=ordinary.id)
    assert receipts.imports_now(small) == whole(small)
    assert len(read) == 2


def test_the_page_of_imports_goes_by_receipts_and_by_what_took_back_what(small, monkeypatch):
    from onward.registry.importing import receipts

    whole = receipts.with_state

    def refused(one):
        raise AssertionError("the whole log was read")

    monkeypatch.setattr(receipts, "with_state", refused)

    def undone():
        receipts._kept.clear()
        found = receipts.imports_now(small)
        assert found == whole(small)
        return [gone for _receipt, gone in found]

    assert undone() == []
    first = bring_encrypted(small, LIST)
    assert undone() == [False]
    second = bring_encrypted(small, LIST.replace("1991", "1992"))
    assert second.corrected == 1
    assert undone() == [False, False]
    undo(small, second.receipt)
    assert undone() == [False, True], "what it had corrected stands again"
    undo(small, first.receipt)
    assert undone() == [True, True]
    monkeypatch.undo()
    for path in (small.path / "imports").glob("*.json"):
        path.unlink()
    receipts._kept.clear()
    assert all(one.rebuilt for one, _gone in receipts.imports_now(small))


CONTACTS = """
profile: contacts
numbers: camp
rows: events
file: {encoding: utf-8, delimiter: comma}
event: {kind: follow_up}
date_order: year-month-day
columns: {ref: row, person: person, date: event.date, due: due_on, made: done_on, result: result}
"""
WENT = "person,date,step\n1,2026-02-01,T7.done\n2,2026-02-01,T7.done\n"
HOME = (2, 30, 90, 180, 365)


def due(camp, on=dt.date(2028, 1, 1)):
    """The day of each contact after an outcome."""
    caseload = open_operation(camp.path).caseload(on)
    return sorted(
        row["due_on"] for row in caseload.tables["follow_up"].to_pylist() if row["due_on"]
    )


def calendar(*days, people=1):
    return sorted(
        day + dt.timedelta(days=n) for day in days for n in HOME for _ in range(people)
    )


LEFT = dt.date(2026, 2, 1)


def test_a_list_of_who_left_plans_their_contacts_once(camp):
    bring(camp, PEOPLE, LIST)
    assert bring(camp, STEPS, WENT).events == 2 + 2 + 2 * len(HOME)
    assert due(camp) == calendar(LEFT, people=2)
    head = camp.store.head()
    bring(camp, STEPS, WENT)
    assert camp.store.head() == head
    undo(camp)
    assert due(camp) == []
    bring(camp, STEPS, WENT)
    assert due(camp) == calendar(LEFT, people=2)


def test_trying_a_list_says_how_much_it_would_record_of_contacts(camp):
    bring(camp, PEOPLE, LIST)
    assert bring(camp, STEPS, WENT, check_only=True).events == 2 + 2 + 2 * len(HOME)
    assert due(camp) == []


@pytest.mark.parametrize("first", ["contacts", "departures"])
def test_a_contact_on_a_list_is_the_calendars_for_that_person_and_day(camp, first):
    listed = "ref,person,date,due,made,result\nu1,1,2026-02-01,2026-03-03,,\nu2,1,2026-02-01,2026-04-09,,\n"
    bring(camp, PEOPLE, LIST)
    steps = [(STEPS, WENT), (CONTACTS, listed)]
    for profile, text in steps if first == "departures" else reversed(steps):
        bring(camp, profile, text)
    wanted = sorted([*calendar(LEFT, people=2), dt.date(2026, 4, 9)])
    assert due(camp) == wanted
    made = f"{listed}u1,1,2026-02-28,,2026-02-28,safe\n"
    bring(camp, CONTACTS, made)
    assert due(camp) == wanted, "what came of it is on record of the same contact"
    head = camp.store.head()
    bring(camp, CONTACTS, made)
    assert camp.store.head() == head


def test_undoing_a_list_of_contacts_leaves_the_calendars(camp):
    bring(camp, PEOPLE, LIST)
    bring(camp, STEPS, WENT)
    bring(camp, CONTACTS, "ref,person,date,due,made,result\nu1,1,2026-02-01,2026-03-03,,\n")
    undo(camp)
    assert due(camp) == calendar(LEFT, people=2)


def test_a_contact_made_stays_when_the_list_of_departures_is_undone(camp):
    bring(camp, PEOPLE, LIST)
    left = bring(camp, STEPS, WENT).receipt
    bring(
        camp,
        CONTACTS,
        "ref,person,date,due,made,result\nu1,1,2026-02-05,2026-02-03,2026-02-05,safe\n",
    )
    undo(camp, left)
    assert due(camp) == [dt.date(2026, 2, 3)]


def test_a_corrected_row_moves_what_was_not_made(camp):
    bring(camp, PEOPLE, LIST)
    bring(camp, STEPS, "person,date,step\n1,2026-02-01,T7.done\n")
    bring(camp, STEPS, "person,date,step\n1,2026-02-01,T17.left_unassisted\n")
    wanted = {"T7.done": HOME, "T17.left_unassisted": (30,)}
    standing = {e.supersedes for e in camp.store.read()}
    moves = [e.kind for e in camp.store.read() if e.kind in wanted and e.id not in standing]
    assert due(camp) == sorted(
        {LEFT + dt.timedelta(days=n) for move in moves for n in wanted[move]}
    )


def test_who_turns_out_to_be_one_person_on_record_is_followed_up_once(camp):
    from onward.intake.review import Decision
    from onward.registry.importing.doubles import decide

    bring(camp, PEOPLE, LIST)
    bring(camp, STEPS, WENT)
    pair = sorted({e.subject.id for e in camp.store.read() if e.kind == "T7.done"})
    decide(camp, [Decision(*pair, "merge", "amina", "")])
    assert due(camp) == calendar(LEFT)
    decide(camp, [Decision(*pair, "apart", "amina", "")])
    assert due(camp) == calendar(LEFT, people=2)
