"""A backup can be taken at any time, opens for its recipient only, and comes back whole."""

from __future__ import annotations

import random
import shutil
import sys
import uuid

import pytest
from registry_cast import EVERYBODYS

from onward.caseload.events import Subject
from onward.registry import open_operation
from onward.registry.database import backup
from onward.registry.keyring.keys import with_key_file
from onward.registry.log import verify
from onward.registry.operation import Operation
from onward.registry.recording import acts
from onward.registry.recording.actors import Actor
from onward.registry.web import starting

AMINA = Actor("amina", EVERYBODYS)


@pytest.fixture
def safe(tmp_path):
    """Somebody who may open backups: identity file and public key."""
    file = tmp_path / "chantal.age"
    return file, backup.new_identity(file)


def new_store() -> str:
    """An empty database where the record is on a server, else ""."""
    module = sys.modules["onward_test_site"]
    return "" if module.DATABASE == "sqlite" else module.new_store(f"back_{uuid.uuid4().hex}")


def with_file(key_file):
    return lambda folder, settings: with_key_file(folder, key_file)


def come_back(made, folder, safe, small: Operation, *, keys=True):
    key_file = small.path.with_name(small.path.name + ".key")
    return backup.restore(
        made.file, folder, safe[0], unlock=with_file(key_file),
        keys_file=made.keys_file if keys else None, store=new_store(),
    )  # fmt: skip


def test_a_restored_operation_is_the_one_that_was_backed_up(small, safe, tmp_path):
    head, names = small.store.head(), small.vault.get("H1-P1")
    made = backup.make(small, tmp_path / "out" / "b.age", [safe[1]])
    done = come_back(made, tmp_path / "back", safe, small)
    assert (done.events, done.identities, done.closed, done.erased) == (made.events, 3, 0, 0)
    again = open_operation(tmp_path / "back")
    assert again.store.head() == head
    assert again.vault.get("H1-P1") == names
    assert verify.verify(again).sound


def test_it_is_taken_while_people_work_and_holds_a_whole_state(small, safe, tmp_path):
    made = backup.make(small, tmp_path / "b.age", [safe[1]])
    acts.record(AMINA, Subject("person", "H1-P1"), "recorded", effective="2026-06-10",
                facts={"language": "ku"}, idempotency_key="after")  # fmt: skip
    done = come_back(made, tmp_path / "back", safe, small)
    assert done.events == made.events


def test_an_identity_erased_since_does_not_come_back(small, safe, tmp_path):
    import registry_cast as people

    from onward.registry.data_protection import own_words, rights
    from onward.registry.models import RightsRequest

    said = own_words.words("names", "My name is spelt otherwise.")
    officer = people.account("amina", "protection_officer")
    for person in ("H1-P1", "H1-P2"):
        rights.take(officer, person, "correction", language="fa", words=said)
    old = backup.make(small, tmp_path / "old.age", [safe[1]])
    small.vault.erase("H1-P1", by="chantal")
    new = backup.make(small, tmp_path / "new.age", [safe[1]])
    old.keys_file.unlink()  # kept for a short time only
    key_file = small.path.with_name(small.path.name + ".key")
    done = backup.restore(old.file, tmp_path / "back", safe[0], unlock=with_file(key_file),
                          keys_file=new.keys_file, store=new_store())  # fmt: skip
    assert (done.identities, done.erased) == (2, 1)
    again = open_operation(tmp_path / "back")
    assert again.vault.get("H1-P1") is None
    assert again.vault.get("H1-P2")
    kept = {row.person: row for row in RightsRequest.objects.all()}
    assert bytes(kept["H1-P1"].words) == b""
    assert own_words.opened(kept["H1-P1"]) is None
    assert own_words.opened(kept["H1-P2"]) == said


def test_without_the_keys_file_the_record_comes_back_and_identities_stay_closed(
    small, safe, tmp_path
):
    made = backup.make(small, tmp_path / "b.age", [safe[1]])
    done = come_back(made, tmp_path / "back", safe, small, keys=False)
    assert (done.identities, done.closed) == (0, 3)


def test_nothing_of_it_is_in_clear(small, safe, tmp_path):
    made = backup.make(small, tmp_path / "b.age", [safe[1]])
    for data in (made.file.read_bytes(), made.keys_file.read_bytes()):
        assert data.startswith(b"age-encryption.org/v1")
        for word in (b"Nowruzian", b"heron", b"H1-P1", b"SQLite format"):
            assert word not in data
    assert not list(small.path.glob(".backup-*"))


CLEAR = (b"H1-P1", b"non_refoulement", b"fear_asked", b"Nowruzian", b"heron")


def in_clear(*folders):
    """Files that hold a word of the record, whatever they are called."""
    return [
        path.name
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix != ".yaml"  # the rulebook names its facts
        and any(word in path.read_bytes() for word in CLEAR)
    ]


def test_nothing_lies_in_clear_while_it_is_made_or_brought_back(
    small, safe, tmp_path, monkeypatch
):
    """Looked at each time something is packed, and when the tables are about to be filled."""
    import tarfile
    import tempfile

    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    seen, looked = [], []
    real = tarfile.TarFile.addfile

    def packing(self, member, fileobj=None):
        real(self, member, fileobj)
        looked.append(member.name)
        seen.extend(in_clear(tmp_path))

    monkeypatch.setattr(tarfile.TarFile, "addfile", packing)
    made = backup.make(small, tmp_path / "b.age", [safe[1]])
    assert len(looked) > 5
    assert seen == []
    put = backup._put_keys

    def bringing(wrapped):
        seen.extend(in_clear(tmp_path))
        return put(wrapped)

    monkeypatch.setattr(backup, "_put_keys", bringing)
    if sys.modules["onward_test_site"].DATABASE != "sqlite":
        from onward.registry.database import snapshot

        load = snapshot.load_snapshot

        def filling(*found):
            seen.extend(in_clear(tmp_path))
            load(*found)

        monkeypatch.setattr(snapshot, "load_snapshot", filling)
    come_back(made, tmp_path / "back", safe, small)
    assert seen == []


def test_a_disk_that_is_full_leaves_no_backup_and_says_so(small, safe, tmp_path, monkeypatch):
    from onward.errors import OnwardError

    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

        def flush(self):
            pass

    import pyrage

    real = pyrage.encrypt_io
    monkeypatch.setattr(pyrage, "encrypt_io", lambda plain, out, to: real(plain, Full(), to))
    with pytest.raises(OnwardError, match="could not be written"):
        backup.make(small, tmp_path / "out" / "b.age", [safe[1]])
    assert list((tmp_path / "out").iterdir()) == []
    monkeypatch.setattr(pyrage, "encrypt_io", real)
    assert backup.make(small, tmp_path / "out" / "b.age", [safe[1]]).events > 100


def broken(data: bytes, chance: random.Random) -> bytes:
    """A backup as bad disks, cut transfers and the wrong file leave it."""
    kind = chance.choice(["flip", "cut", "flip", "cut", "swap", "more", "empty"])
    at = chance.randrange(len(data))
    if kind == "flip":
        return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
    if kind == "cut":
        return data[:at]
    if kind == "more":
        return data + chance.randbytes(1 + chance.randrange(100))
    if kind == "empty":
        return b""
    other = chance.randrange(len(data) - 64)
    piece = data[other : other + 64]
    made = data[:at] + piece + data[at + 64 :]
    return made if made != data else made[:-1]


def refused(small, safe, tmp_path, times, seed):
    made = backup.make(small, tmp_path / "b.age", [safe[1]])
    data = made.file.read_bytes()
    chance = random.Random(seed)
    came_back = []
    for number in range(times):
        bad = tmp_path / "bad.age"
        bad.write_bytes(broken(data, chance))
        try:
            backup._unpack(bad, backup.identity_of(safe[0]), tmp_path / "nowhere")
        except backup.BackupRefused:
            continue
        came_back.append(number)
    assert not (tmp_path / "nowhere").exists()
    return came_back


@pytest.mark.slow
def test_a_thousand_broken_backups_are_refused(small, safe, tmp_path):
    assert refused(small, safe, tmp_path, 1000, seed=3) == []


def test_a_broken_backup_leaves_no_folder_behind(small, safe, tmp_path):
    made = backup.make(small, tmp_path / "b.age", [safe[1]])
    made.file.write_bytes(made.file.read_bytes()[:-5000])
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(backup.BackupRefused, match="Nothing was restored"):
        come_back(made, tmp_path / "back", safe, small)
    assert {path.name for path in tmp_path.iterdir()} == before


def test_another_recipient_cannot_open_it(small, safe, tmp_path):
    made = backup.make(small, tmp_path / "b.age", [safe[1]])
    stranger = tmp_path / "dawit.age"
    backup.new_identity(stranger)
    with pytest.raises(backup.BackupRefused):
        come_back(made, tmp_path / "back", (stranger, ""), small)


def test_a_backup_whose_database_was_changed_before_sealing_does_not_verify(
    small, safe, tmp_path
):
    made = backup.make(small, tmp_path / "b.age", [safe[1]])
    held = made.events
    sys.modules["onward_test_site"].past_the_program(
        "UPDATE onward_event SET by_whom = 'x' WHERE seq = 3"
    )
    bad = backup.make(small, tmp_path / "bad.age", [safe[1]])
    assert bad.events == held
    with pytest.raises(backup.BackupRefused, match="does not verify"):
        come_back(bad, tmp_path / "back", safe, small)
    starting.close_site()
    shutil.rmtree(tmp_path / "back", ignore_errors=True)
