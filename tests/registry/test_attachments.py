"""Evidence attached: encrypted with the person's papers, proven by the event, gone with the key."""

from __future__ import annotations

import json
import logging
import tempfile

import pytest
import registry_cast as people
from django.core.files.uploadedfile import SimpleUploadedFile
from registry_cast import EVERYBODYS
from test_backup import come_back, safe
from test_scans import SMALL_PDF, picture

from onward.caseload.events import Subject
from onward.errors import OnwardError
from onward.registry.database import backup
from onward.registry.identities import attachments
from onward.registry.identities.scans import cleaned
from onward.registry.log import verify
from onward.registry.recording import acts
from onward.registry.recording.actors import Actor

safe = safe
AMINA = Actor("amina", EVERYBODYS)
CANARY = b"Zarqand777quorv"
"""Stands in clear inside a PDF: looked for wherever it must not be."""

PAPER = SMALL_PDF.replace(b"/Catalog", b"/Catalog/Title(" + CANARY + b")")


def attach(person="H1-P1", data=PAPER, *, about="person", key="k"):
    """A refusal with its paper, as the desk records it."""
    return attachments.attaching(
        AMINA, person, [cleaned(data)],
        lambda references: acts.record(
            AMINA, Subject("person", person), "recorded", effective="2026-06-10",
            facts={"language": "fa"}, evidence=references, idempotency_key=key,
        ), about=about,
    )  # fmt: skip


def reference(done) -> str:
    (evidence,) = done.events[0].evidence
    return evidence.removeprefix(attachments.MARK)


def send(client, address, **fields):
    import re

    page = client.get(address).content.decode()
    assert 'enctype="multipart/form-data"' in page
    given = {
        name: re.search(rf'name="{name}" value="([^"]*)"', page)[1]
        for name in ("key", "revision")
    }
    return client.post(address, {**given, "effective": "2026-06-10", **fields})


def file(data=PAPER, name="Zarqand passport.exe"):
    return SimpleUploadedFile(name, data, content_type="text/html")


def addresses(client, person="H1-P1") -> list[str]:
    import re

    page = client.get(f"/people/{person}/").content.decode()
    return re.findall(rf"/people/{person}/files/[0-9a-f]{{64}}/", page)


# -- kept with the record ---------------------------------------------------------------------------


def test_the_event_carries_a_salted_digest_and_nothing_of_the_file(small):
    done, again = attach(key="one"), attach(key="two")
    assert attachments.opened(reference(done)) == PAPER
    assert reference(done) != reference(again), "the same file twice would be known again"
    assert CANARY.decode() not in json.dumps([e.evidence for e in done.events])


def test_what_was_sent_twice_is_kept_once(small):
    from onward.registry.models import Attachment

    attach(key="same")
    assert attach(key="same").again
    assert Attachment.objects.count() == 1


def test_neither_is_kept_when_one_cannot_be(small):
    from onward.registry.models import Attachment

    before = small.store.head()
    with pytest.raises(OnwardError):
        attachments.attaching(
            AMINA, "H1-P1", [cleaned(PAPER)],
            lambda references: acts.record(
                AMINA, Subject("person", "H1-P1"), "recorded", effective="no day",
                evidence=references, idempotency_key="wrong",
            ), about="person",
        )  # fmt: skip
    small.vault.erase("H2-P1", by="chantal")
    with pytest.raises(OnwardError, match="without the file"):
        attach("H2-P1", key="gone")
    assert small.store.head() == before
    assert Attachment.objects.count() == 0


def test_a_file_opens_only_in_its_own_row(small):
    from onward.registry.models import Attachment

    one, two = reference(attach(key="a")), reference(attach("H2-P1", key="b"))
    mine, theirs = (Attachment.objects.get(reference=each) for each in (one, two))
    Attachment.objects.filter(reference=one).update(sealed=theirs.sealed)
    with pytest.raises(OnwardError):
        attachments.opened(one)
    Attachment.objects.filter(reference=one).update(sealed=mine.sealed, person="H2-P1")
    with pytest.raises(OnwardError):
        attachments.opened(one)


def test_verify_finds_a_file_that_was_changed_swapped_or_taken_away(small):
    from onward.registry.models import Attachment

    one, two = reference(attach(key="a")), reference(attach(key="b"))
    assert verify.verify(small).sound
    sealed = bytes(Attachment.objects.get(reference=one).sealed)
    for wrong in (sealed[:-1] + bytes([sealed[-1] ^ 1]), b""):
        Attachment.objects.filter(reference=one).update(sealed=wrong)
        assert "do not open" in " ".join(verify.verify(small).findings)
    Attachment.objects.filter(reference=one).update(sealed=sealed)
    Attachment.objects.filter(reference=two).delete()
    assert "not kept here" in " ".join(verify.verify(small).findings)


def test_keys_are_renewed_around_it(small):
    from onward.registry.keyring.rotation import rotate

    one = reference(attach())
    assert rotate() > 0
    assert attachments.opened(one) == PAPER


def test_what_is_about_sealed_records_is_under_the_sealed_key(small):
    from onward.registry.models import Attachment

    attach(about="person", key="a")
    attach(about="claim", key="b")
    kept = dict(Attachment.objects.values_list("about", "purpose"))
    assert kept == {"person": "identity", "claim": "sealed"}


def test_an_erasure_takes_it_away_for_good_and_leaves_the_record_true(small):
    from onward.registry.models import Attachment

    one = reference(attach())
    assert small.vault.erase("H1-P1", by="chantal")
    with pytest.raises(OnwardError):
        attachments.opened(one)
    assert bytes(Attachment.objects.get(reference=one).sealed) == b""
    assert verify.verify(small).sound
    officer = people.signed_in(people.account("amina", "protection_officer"))
    assert addresses(officer) == []


def test_it_comes_back_with_a_backup_unless_it_was_erased_since(small, safe, tmp_path):
    one, two = reference(attach(key="a")), reference(attach("H1-P2", key="b"))
    first = backup.make(small, tmp_path / "a.age", [safe[1]])
    small.vault.erase("H1-P2", by="chantal")
    later = backup.make(small, tmp_path / "b.age", [safe[1]])
    mixed = backup.Made(first.file, later.keys_file, 0, "", 0)
    come_back(mixed, tmp_path / "back", safe, small)
    from onward.registry import open_operation

    again = open_operation(tmp_path / "back")
    _ = again.store
    assert attachments.opened(one) == PAPER
    with pytest.raises(OnwardError):
        attachments.opened(two)
    assert verify.verify(again).sound


# -- on the pages -----------------------------------------------------------------------------------


def test_a_paper_is_attached_and_handed_out_as_a_download_that_is_logged(small):
    from onward.registry.models import AccessEntry

    officer = people.signed_in(people.account("amina", "protection_officer"))
    answer = send(
        officer, "/people/H1-P1/happened/T4.withdrawn/", files=[file(), file(picture("JPEG"))]
    )
    assert answer.status_code == 303, answer.content.decode()[:3000]
    found = addresses(officer)
    assert len(found) == 2
    assert officer.get(found[0]).status_code == 200
    none = officer.post(found[0], {"purpose": ""})
    assert none.status_code == 422
    kinds = set()
    for each in found:
        got = officer.post(each, {"purpose": "verify"})
        assert got.status_code == 200
        assert got["Content-Disposition"].startswith("attachment; filename=")
        assert "Zarqand" not in got["Content-Disposition"]
        assert got["X-Content-Type-Options"] == "nosniff"
        assert got["Cache-Control"] == "no-store, private"
        assert "sandbox" in got["Content-Security-Policy"]
        kinds.add(got["Content-Type"])
    assert kinds == {"application/pdf", "image/jpeg"}
    reads = AccessEntry.objects.filter(
        action="person.reveal", person="H1-P1", decision="allowed"
    )
    assert reads.count() == 2
    assert all(entry.purpose == "verify" and "desk:file:" in entry.place for entry in reads)


def test_a_fresh_sign_in_is_asked_first(small):
    from datetime import timedelta

    from django.utils import timezone

    officer = people.account("amina", "protection_officer")
    attach()
    (address,) = addresses(people.signed_in(officer))
    stale = people.signed_in(officer, at=timezone.now() - timedelta(minutes=11))
    session_kept = stale.post(address, {"purpose": "verify"})
    assert session_kept.status_code == 303
    assert "/sign-in/" in session_kept["Location"] or "/locked/" in session_kept["Location"]


def test_who_may_not_read_papers_is_not_told_that_there_is_one(small):
    from onward.registry.permissions import assignments

    boss = people.account("chantal", "supervisor")
    bilal = people.account("bilal", "interviewer")
    assignments.assign(boss, "H1-P1", to=bilal, reason="interview")
    one = reference(attach())
    (address,) = addresses(people.signed_in(boss))
    assert one in address
    for who in (bilal, people.account("dawit", "protection_officer", office=people.ELSEWHERE)):
        client = people.signed_in(who)
        assert "Scans and photos" not in client.get("/people/H1-P1/").content.decode()
        assert client.get(address).status_code == 404
        assert client.post(address, {"purpose": "verify"}).status_code == 404
    # Who records it may attach it all the same.
    assert send(people.signed_in(bilal), "/people/H1-P1/add/interview/", topic="counselling",
                held_on="2026-06-10", files=[file()]).status_code in (303, 422)  # fmt: skip


def test_a_file_of_another_person_is_not_opened_under_this_one(small):
    one = reference(attach("H2-P1"))
    officer = people.signed_in(people.account("amina", "protection_officer"))
    assert officer.get(f"/people/H1-P1/files/{one}/").status_code == 404


def test_a_claims_paper_needs_leave_to_read_claims(small):
    attach(about="claim")
    officer = people.signed_in(people.account("amina", "protection_officer"))
    reader = people.signed_in(people.account("rita", "repatriation_officer"))
    assert len(addresses(officer)) == 1
    assert addresses(reader) == []


def test_what_is_not_a_paper_is_refused_beside_the_field_and_nothing_is_recorded(small):
    officer = people.signed_in(people.account("amina", "protection_officer"))
    before = small.store.head()
    answer = send(
        officer, "/people/H1-P1/happened/T4.withdrawn/", files=[file(b"MZ\x90 Zarqand")]
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "not a PDF, a JPEG or a PNG" in page
    assert "Zarqand" not in page
    many = send(officer, "/people/H1-P1/happened/T4.withdrawn/", files=[file()] * 6)
    assert "At most 5 files" in many.content.decode()
    assert small.store.head() == before


def test_a_form_sent_again_with_another_file_is_another_form(small):
    from onward.registry.models import Attachment

    officer = people.signed_in(people.account("amina", "protection_officer"))
    address, form = "/people/H1-P1/add/complaint/", {"key": "desk:same", "effective": "2026-06-10",
                                                     "received_on": "2026-06-10"}  # fmt: skip
    for data in (PAPER, PAPER, picture("PNG")):
        assert officer.post(address, {**form, "files": file(data)}).status_code == 303
    assert Attachment.objects.count() == 2


def test_a_typed_reference_is_never_taken_for_a_file(small):
    officer = people.signed_in(people.account("amina", "protection_officer"))
    typed = f"attached:{'0' * 64}"
    sent = send(
        officer, "/people/H1-P1/add/complaint/", received_on="2026-06-10", evidence=typed
    )
    assert sent.status_code == 303
    assert small.store.read()[-1].evidence == (f"see:{typed}",)
    spaced = send(officer, "/people/H1-P1/add/complaint/", evidence="File 12")
    assert "no space in it" in spaced.content.decode()


# -- nowhere else -----------------------------------------------------------------------------------


def test_a_paper_of_any_size_is_in_no_file_in_clear(
    small, tmp_path, monkeypatch, caplog, capfd
):
    from django.db import connection

    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setenv("TMPDIR", str(spool))
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    caplog.set_level(logging.DEBUG)
    large = PAPER.replace(b"trailer", b"% " + CANARY * 300_000 + b"\ntrailer")
    assert len(large) > 2.5 * 2**20
    opened = []
    real = tempfile.mkstemp
    monkeypatch.setattr(tempfile, "mkstemp", lambda *a, **k: opened.append(a) or real(*a, **k))
    officer = people.signed_in(people.account("amina", "protection_officer"))
    sent = send(officer, "/people/H1-P1/happened/T4.withdrawn/", files=[file(large)])
    assert sent.status_code == 303
    (address,) = addresses(officer)
    assert officer.post(address, {"purpose": "verify"}).content == large
    assert opened == []
    made = backup.make(
        small, tmp_path / "out" / "day.age", [backup.new_identity(tmp_path / "me")]
    )
    looked = [
        p for f in (small.path, spool, made.file.parent) for p in f.rglob("*") if p.is_file()
    ]
    assert looked
    assert [path.name for path in looked if CANARY in path.read_bytes()] == []
    assert CANARY.decode() not in "\n".join([caplog.text, *capfd.readouterr()])
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                for value in row:
                    data = (
                        bytes(value)
                        if isinstance(value, bytes | memoryview)
                        else str(value).encode()
                    )
                    assert CANARY not in data, table
                    assert b"Zarqand passport" not in data, table
