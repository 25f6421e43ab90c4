"""Whoever changes the record past the program is found out, up to a checkpoint held elsewhere."""

from __future__ import annotations

import random
import sys
from collections import Counter

import pytest
import tampering
from registry_cast import EVERYBODYS

from onward.caseload.events import Subject
from onward.registry.log import checkpoints, signing, verify
from onward.registry.recording import acts
from onward.registry.recording.actors import Actor

AMINA = Actor("amina", EVERYBODYS)
site_for_tests = sys.modules["onward_test_site"]


def read_log(small):
    rows, heads = verify.read_rows(small.store)
    return copied((tuple(row.values for row in rows), heads))


def copied(log):
    """A copy of rows and heads, with bytes as bytes on either database."""

    def plain(row):
        return {name: bytes(value) if isinstance(value, memoryview) else value
                for name, value in row.items()}  # fmt: skip

    return [plain(row) for row in log[0]], [plain(head) for head in log[1]]


def findings(rows, heads, held, small):
    """What verifying says of a log with these rows."""
    found, _ = verify.log_findings([verify.Row(row) for row in rows], heads, "meridian")
    leaves = [bytes(row["leaf"]) for row in rows]
    return found + verify.checkpoint_findings(leaves, "meridian", held, signing.public_key())


def test_an_untouched_record_is_sound(small):
    done = verify.verify(small, [signing.now(small)])
    assert done.sound, done.findings
    assert (done.events > 100, done.checkpoints, done.identities) == (True, 1, 9)
    assert len(done.root) == 64


def test_a_later_record_contains_an_earlier_checkpoint(small):
    held = signing.now(small)
    acts.record(AMINA, Subject("person", "H1-P1"), "recorded", effective="2026-06-10",
                facts={"language": "ku"}, idempotency_key="k")  # fmt: skip
    assert verify.verify(small, [held, signing.now(small)], deep=False).sound


def test_a_checkpoint_is_refused_when_altered_or_of_another_operation(small):
    text = signing.now(small)
    size = text.split("\n")[1]
    altered = text.replace(f"\n{size}\n", f"\n{int(size) - 1}\n")
    assert not verify.verify(small, [altered], deep=False).sound
    other = checkpoints.sign(checkpoints.read(text), b"1" * 32)
    assert "another operation" in verify.verify(small, [other], deep=False).findings[0]


def test_a_verifier_key_is_read_back(small):
    public = signing.public_key()
    text = checkpoints.verifier_key("onward/meridian", public)
    assert checkpoints.public_of(text) == ("onward/meridian", public)
    with pytest.raises(checkpoints.NotACheckpoint):
        checkpoints.public_of(text[:-4] + "AAAA")


# -- a thousand ways to tamper ---------------------------------------------------------------------


def all_found(small, times, seed):
    rows, heads = read_log(small)
    held = [signing.now(small)]
    assert findings([dict(row) for row in rows], heads, held, small) == []
    chance = random.Random(seed)
    missed = []
    for number in range(times):
        kind, changed, tree = tampering.tamper(*copied((rows, heads)), chance)
        if not findings(changed, tree, held, small):
            missed.append((number, kind))
    return missed


def test_a_hundred_tamperings_on_paper_are_found(small):
    assert all_found(small, 100, seed=1) == []


@pytest.mark.slow
def test_seven_hundred_tamperings_on_paper_are_found(small):
    assert all_found(small, 700, seed=2) == []


def found_in_the_database(small, times, seed):
    """Tamper in the tables themselves, ask as `onward verify` asks, put back; how many of each kind."""
    held = [signing.now(small)]
    owner = tampering.Owner("meridian")
    try:
        before = read_log(small)
        assert verify.verify(small, held).sound
        chance, missed, kinds = random.Random(seed), [], Counter()
        while kinds.total() < times:
            rows, heads = copied(before)
            kind, *after = tampering.tamper(rows, heads, chance)
            if any(row["operation"] != "meridian" for row in after[0]):
                continue  # a row of nobody's operation: on paper, because a server has no place for it
            owner.write(before, after)
            assert read_log(small) != before, f"{kind} changed nothing"
            kinds[kind] += 1
            if verify.verify(small, held).sound:
                missed.append((kinds.total(), kind))
            owner.write(after, before)
            assert read_log(small) == before
        assert verify.verify(small, held).sound
    finally:
        owner.close()
    assert missed == []
    return kinds


@pytest.mark.slow
@pytest.mark.both
def test_three_hundred_tamperings_in_the_database_are_found(small):
    kinds = found_in_the_database(small, 300, seed=4)
    assert set(kinds) == set(tampering.KINDS)


# -- the database itself ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE onward_event SET canonical = replace(canonical, 'fa', 'ku') WHERE seq = 5",
        "DELETE FROM onward_event WHERE seq = 5",
        "UPDATE onward_tree_head SET size = size + 1",
        "DELETE FROM onward_tree_head",
        "INSERT OR REPLACE INTO onward_event SELECT * FROM onward_event WHERE seq = 5",
    ],
)
def test_the_database_refuses_to_change_what_was_written(small, statement):
    from django.db import DatabaseError, connection

    if connection.vendor != "sqlite" and "OR REPLACE" in statement:
        statement = "TRUNCATE onward_event"
    before = small.store.head()
    with (
        pytest.raises(DatabaseError, match=r"only ever added to|permission denied"),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert small.store.head() == before
    assert verify.verify(small, deep=False).sound


def test_a_change_by_somebody_who_drops_the_triggers_is_found(small):
    site_for_tests.past_the_program("UPDATE onward_event SET by_whom = 'nobody' WHERE seq = 7")
    assert verify.verify(small, deep=False).findings == (
        "Event 7 and its columns differ (by_whom).",
    )


def test_a_changed_row_of_the_projection_or_the_vault_is_found(small):
    from onward.registry.models import Identity, PersonNow

    PersonNow.objects.filter(person="H2-P1").update(stage="returned")
    found = verify.verify(small).findings
    assert found == ("1 person rows differ from the log in stage.",)
    from onward.registry.now import projection

    projection.rebuild(small)
    one = Identity.objects.get(person="H1-P1", field="document.passport")
    other = Identity.objects.get(person="H1-P1", field="name.full.latin")
    Identity.objects.filter(person="H1-P1", field=one.field).update(sealed=bytes(other.sealed))
    assert verify.verify(small).findings == (
        "The identities of 1 people do not open: their values or keys were changed.",
    )


def test_every_report_carries_a_checkpoint_that_verifies_from_the_page(small):
    import html
    import re

    from onward.registry.computing.reporting import make_report

    made = make_report(small, with_forecast=False)
    page = made.contents["html"].decode()
    printed = html.unescape(
        re.search(r'<pre id="checkpoint"[^>]*>(.*?)</pre>', page, re.S).group(1)
    )
    acts.record(AMINA, Subject("person", "H1-P1"), "recorded", effective="2026-06-10",
                facts={"language": "ku"}, idempotency_key="later")  # fmt: skip
    found = verify.verify(small, [printed], deep=False)
    assert (found.checkpoints, found.findings) == (1, ())
