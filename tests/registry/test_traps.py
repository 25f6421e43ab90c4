"""Each trap that was measured elsewhere, closed here."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from onward.errors import OnwardError
from onward.registry import open_operation, site
from onward.registry.keyring import keys
from onward.registry.keyring.keys import KeyRefused, RootKey
from onward.registry.web import starting

embedded = os.environ.get("ONWARD_TEST_DATABASE", "sqlite") == "sqlite"
CANARIES = ("Nowruzian", "نوروزیان", "Baradar", "QX7788123", "770 555 0101", "blue heron")
PSEUDONYMOUS = ("non_refoulement", "H1-P1", "fear_asked")
"""Words of the log: facts that re-identify people in a closed camp, though no names."""


def everything(folder):
    """Every byte an operation has on disk, by file."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def holds(data: bytes, word: str) -> bool:
    return any(word.encode(code) in data for code in ("utf-8", "utf-16-le", "utf-16-be"))


# -- the database's modes --------------------------------------------------------------------------


def test_the_store_runs_in_the_modes_that_were_measured(small):
    from django.conf import settings
    from django.db import connection

    options = connection.settings_dict
    assert not options["ATOMIC_REQUESTS"]
    assert settings.DEBUG is False
    if not embedded:
        return
    from onward.registry.database.sqlcipher import base

    assert connection.transaction_mode == "IMMEDIATE"
    assert options["OPTIONS"]["timeout"] >= 20
    assert base.settings_of(connection) == base.WANTED


@pytest.mark.parametrize(
    ("name", "value"),
    [("synchronous", "NORMAL"), ("secure_delete", "OFF"), ("temp_store", "FILE")],
)
def test_a_store_in_another_mode_is_refused(small, name, value):
    from django.db import connection

    if not embedded:
        return
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name} = {value}")
    with pytest.raises(OnwardError, match=f"not opened safely: {name}"):
        starting.check_store()


def test_one_transaction_per_page_is_refused(small, monkeypatch):
    from django.db import connection

    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    with pytest.raises(OnwardError, match="ATOMIC_REQUESTS"):
        starting.check_store()


def test_an_old_sqlite_is_refused(small, monkeypatch):
    if not embedded:
        return
    from django.db import connection

    from onward.registry.database.sqlcipher import base

    assert base.Database.sqlite_version_info >= (3, 51, 3)
    connection.close()
    monkeypatch.setattr(base, "OLDEST_SQLITE", (99, 0, 0))
    with pytest.raises(OnwardError, match="can damage the record"):
        connection.ensure_connection()


MOUNTED = (
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "30 22 0:40 / {above} rw shared:2 master:1 - tmpfs tmpfs rw\n"
    "31 30 0:41 /export {here} rw,relatime shared:3 - {kind} server:/export rw,vers=4.2\n"
    "32 22 0:42 / {here}-beside rw - nfs4 server:/other rw\n"
)


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "fuse.rclone"]
)
def test_an_embedded_store_on_a_network_file_system_is_refused(
    small, tmp_path, monkeypatch, kind
):
    from onward.registry.database import local_disk

    folder = small.path
    key = keys.with_key_file(folder, folder.with_name("meridian.key"))
    starting.close_site()
    mounts = tmp_path / "mounts"
    monkeypatch.setattr(local_disk, "MOUNTS", mounts)
    mounts.write_text(MOUNTED.format(above=tmp_path, here=folder, kind=kind))
    if not embedded:  # only keys and settings lie there; the record is on the server
        starting.open_site(folder, key=key)
        return
    with pytest.raises(OnwardError, match=rf"network file system \({kind}\)"):
        starting.open_site(folder, key=key)
    assert not site.is_open()


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuse.gocryptfs"]
)
def test_an_embedded_store_on_a_disk_of_this_machine_opens(small, tmp_path, monkeypatch, kind):
    from onward.registry.database import local_disk

    folder = small.path
    key = keys.with_key_file(folder, folder.with_name("meridian.key"))
    assert local_disk.network_kind(folder) == "", "as this machine says it"
    starting.close_site()
    mounts = tmp_path / "mounts"
    monkeypatch.setattr(local_disk, "MOUNTS", mounts)
    mounts.write_text(MOUNTED.format(above=tmp_path, here=folder, kind=kind))
    assert starting.open_site(folder, key=key).folder == folder


def test_where_a_folder_lies_is_read_as_the_machine_writes_it(tmp_path, monkeypatch):
    from onward.registry.database import local_disk

    folder = tmp_path / "our camp"
    folder.mkdir()
    (tmp_path / "short").symlink_to(folder)
    mounts = tmp_path / "mounts"
    monkeypatch.setattr(local_disk, "MOUNTS", mounts)
    written = str(folder).replace(" ", "\\040")
    mounts.write_text(MOUNTED.format(above=tmp_path, here=written, kind="nfs4"))
    assert local_disk.network_kind(folder) == "nfs4"
    assert local_disk.network_kind(tmp_path / "short" / "deeper") == "nfs4"
    assert local_disk.network_kind(tmp_path) == ""
    with mounts.open("a") as more:  # a disk mounted over it later is what is seen
        more.write(f"40 31 8:2 / {written} rw - ext4 /dev/sdb1 rw\n")
    assert local_disk.network_kind(folder) == ""
    mounts.unlink()
    assert local_disk.network_kind(folder) == "", "a machine that does not say is not accused"


# -- the file --------------------------------------------------------------------------------------


def test_the_file_is_no_database_without_its_key(small):
    if not embedded:
        return
    file = small.path / "onward.db"
    assert not file.read_bytes().startswith(b"SQLite format")
    with pytest.raises(sqlite3.DatabaseError), sqlite3.connect(file) as other:
        other.execute("SELECT * FROM onward_event").fetchall()
    for name in ("onward.db", "keys.json"):
        assert stat.S_IMODE((small.path / name).stat().st_mode) == 0o600


def test_another_key_says_so_and_opens_nothing(small):
    folder = small.path
    starting.close_site()
    with pytest.raises(KeyRefused, match="another one"):
        starting.open_site(folder, key=RootKey.new())
    assert not site.is_open()
    if embedded:
        ring = keys.opened(folder, keys.with_key_file(folder, folder.with_name("meridian.key")))
        assert ring.file_key.hex() not in repr(ring)


def test_canaries_and_claims_are_nowhere_on_disk(small, tmp_path):
    """Database, journal, cache, queue, settings, kept runs: after reading, writing and reporting."""
    from onward.registry.computing.reporting import make_report
    from onward.registry.database import backup

    small.vault.put({"H3-P1": {"name.full.latin": "Canary Nowruzian", "notes": "blue heron"}})
    small.caseload()
    make_report(small, with_forecast=False)
    public = backup.new_identity(tmp_path / "chantal.age")
    backup.make(small, tmp_path / "b.age", [public])
    small.vault.put({"H3-P1": {}})
    files = everything(tmp_path)
    assert any(path.suffix == ".sealed" for path in files)
    if embedded:
        assert any(path.name == "onward.db" for path in files)
    for path, data in files.items():
        for word in (*CANARIES, *(PSEUDONYMOUS if path.suffix != ".yaml" else ())):
            assert not holds(data, word), f"{path.name}: {word}"


def test_nothing_is_in_clear_in_the_database_either(small):
    """A dump by somebody who has the file's key, or the server, shows no name."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM onward_identity")
        rows = cursor.fetchall()
        cursor.execute("SELECT * FROM onward_secret")
        rows += cursor.fetchall()
    data = b"".join(
        bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
        for row in rows
        for value in row
    )
    assert rows
    assert not [word for word in CANARIES if holds(data, word)]


def test_the_cache_of_an_encrypted_operation_is_sealed_and_tied_to_its_place(small):
    small.events_table()
    kept = sorted((small.path / ".cache").rglob("*.sealed"))
    assert kept
    assert not list((small.path / ".cache").rglob("*.arrow"))
    one, other = kept[0], kept[1]
    one.write_bytes(other.read_bytes())
    from onward.registry.log.cache import Place

    assert Place(kept[0].parent, small._seal()).read() is None
    assert small.events_table().log.num_rows > 100


def test_the_engine_has_no_temporary_files(small):
    for few in (True, False):
        database = small.engine()._database(few)
        with pytest.raises(Exception, match=r"configuration|locked|external"):
            database.execute("SET temp_directory = '/tmp'")
        said = database.sql("SELECT current_setting('temp_directory')").fetchall()
        assert said == [("",)]


# -- fields ----------------------------------------------------------------------------------------


def swap(one, other):
    from onward.registry.models import Identity

    Identity.objects.filter(person=one.person, field=one.field).update(
        sealed=bytes(other.sealed), row=other.row, key_id=other.key_id
    )


@pytest.mark.parametrize("other", [("H1-P1", "name.full.arabic"), ("H1-P2", "name.full.latin")])
def test_a_sealed_value_opens_in_its_own_place_only(small, other):
    from onward.registry.models import Identity

    one = Identity.objects.get(person="H1-P1", field="name.full.latin")
    swap(one, Identity.objects.get(person=other[0], field=other[1]))
    with pytest.raises(KeyRefused, match=r"changed or moved|has no key"):
        small.vault.get("H1-P1")


def test_a_damaged_value_is_an_error_never_empty_and_never_as_it_is(small):
    from onward.registry.models import Identity

    one = Identity.objects.get(person="H1-P1", field="name.full.latin")
    data = bytearray(bytes(one.sealed))
    for place in (0, 5, len(data) - 1):
        changed = bytes(data[:place]) + bytes([data[place] ^ 1]) + bytes(data[place + 1 :])
        Identity.objects.filter(person="H1-P1", field=one.field).update(sealed=changed)
        with pytest.raises(KeyRefused):
            small.vault.get("H1-P1")


def test_claims_and_notes_have_a_key_of_their_own_that_most_never_need(small):
    from onward.registry.models import WrappedKey

    purposes = set(WrappedKey.objects.filter(owner="H1-P1").values_list("purpose", flat=True))
    assert purposes == {"identity", "sealed"}
    WrappedKey.objects.filter(owner="H1-P1", purpose="sealed").delete()
    seen = small.vault.read(["H1-P1"], sealed=False)["H1-P1"]
    assert "notes" not in seen
    assert seen["name.full.latin"] == "Zarifeh Nowruzian"


def test_the_same_name_is_never_the_same_twice(small):
    from onward.registry.models import Identity

    small.vault.put({"a": {"name.full.latin": "Same"}, "b": {"name.full.latin": "Same"}})
    rows = Identity.objects.filter(person__in=["a", "b"])
    assert len({bytes(row.sealed) for row in rows}) == 2


def test_erasing_destroys_the_keys_and_keeps_the_proofs(small):
    from onward.registry.identities.vault import VaultRefused
    from onward.registry.log import verify

    assert small.vault.erase("H1-P1", by="chantal")
    assert small.vault.get("H1-P1") is None
    assert small.vault.get("H1-P2")
    assert verify.verify(small).sound
    with pytest.raises(VaultRefused, match="erased on request"):
        small.vault.put({"H1-P1": {"name.full.latin": "Again"}})


def test_renewing_keys_changes_every_key_above_and_no_value(small):
    from onward.registry.keyring.rotation import rotate
    from onward.registry.models import Identity, WrappedKey

    before = small.vault.get("H1-P1")
    sealed = sorted(bytes(row.sealed) for row in Identity.objects.all())
    wrapped = {bytes(row.wrapped) for row in WrappedKey.objects.all()}
    root = site.current().ring.active
    assert rotate() > 0
    assert site.current().ring.active != root
    assert set(site.current().ring.roots) == {site.current().ring.active}
    assert not wrapped & {bytes(row.wrapped) for row in WrappedKey.objects.all()}
    assert sorted(bytes(row.sealed) for row in Identity.objects.all()) == sealed
    assert small.vault.get("H1-P1") == before


def test_renewed_keys_shut_out_the_old_secret_the_old_file_and_a_way_in_taken_away(
    small, tmp_path
):
    """Somebody leaves with a passphrase, the root secret and a copy of keys.json."""
    import shutil

    from onward.registry.database import backup
    from onward.registry.kept import DatabaseKept
    from onward.registry.keyring.rotation import rotate
    from onward.registry.signing_in import signin

    here = site.current()
    old, names = here.root, small.vault.get("H1-P1")
    mine = tmp_path / "one.age"
    people = [backup.new_identity(mine), backup.new_identity(tmp_path / "two.age")]
    paper, code = keys.recovery_slot("meridian", old)
    gone = keys.passphrase_slot("meridian", old, "seven green lanterns")
    keys.add_slots(small.path, old, [paper, gone, keys.custodian_slot("meridian", old, people)])
    DatabaseKept().write("reports", "kept.json", b"{}")
    seed = signin.SecondFactors().encrypt("seed")
    taken = tmp_path / "taken"
    taken.mkdir()
    shutil.copy(small.path / "keys.json", taken)
    keys.drop_slots(small.path, old, "passphrase")
    assert rotate() > 0

    # Everybody who is left comes in as before, and everything opens.
    new = keys.with_key_file(small.path, small.path.with_name("meridian.key"))
    shares = [
        keys.open_share(small.path, str(backup.identity_of(file)))
        for file in (mine, tmp_path / "two.age")
    ]
    assert {new, here.root, keys.with_recovery_code(small.path, code),
            keys.with_shares(small.path, shares)} == {new}  # fmt: skip
    assert new != old
    assert small.vault.get("H1-P1") == names
    assert DatabaseKept().read("reports", "kept.json") == b"{}"
    assert signin.SecondFactors().decrypt(seed) == "seed"

    # Whoever left opens neither the new file nor, with the old one, any name.
    with pytest.raises(KeyRefused):
        keys.opened(small.path, old)
    with pytest.raises(KeyRefused):
        keys.with_passphrase(small.path, "seven green lanterns")
    here.ring = keys.opened(taken, keys.with_passphrase(taken, "seven green lanterns"))
    with pytest.raises(KeyRefused):
        small.vault.get("H1-P1")


def test_a_way_in_of_an_older_form_opens_and_stops_a_renewal(small):
    import json

    from onward.registry.keyring.rotation import rotate

    key, file = site.current().root, small.path / "keys.json"
    secret = keys.derive(keys.read_key_file(small.path.with_name("meridian.key")), "key-file")
    ring = json.loads(file.read_text())
    ring["slots"] = [
        {"kind": "key-file", "id": "old",
         "sealed": keys._text(keys.wrap(secret, key.secret, "meridian/key-file/old"))}
    ]  # fmt: skip
    file.write_text(json.dumps(ring))
    assert keys.with_key_file(small.path, small.path.with_name("meridian.key")) == key
    with pytest.raises(KeyRefused, match="older Onward"):
        rotate()
    assert keys.opened(small.path, key).active == ring["active"]


# -- ways in ---------------------------------------------------------------------------------------


def test_two_custodians_open_it_together_and_neither_alone(small, tmp_path):
    from onward.registry.database import backup

    one, two = tmp_path / "one.age", tmp_path / "two.age"
    people = [backup.new_identity(one), backup.new_identity(two)]
    key = site.current().root
    keys.add_slots(small.path, key, [keys.custodian_slot("meridian", key, people)])
    shares = [keys.open_share(small.path, str(backup.identity_of(file))) for file in (one, two)]
    assert keys.with_shares(small.path, shares) == key
    for alone in shares:
        with pytest.raises(KeyRefused, match="every custodian"):
            keys.with_shares(small.path, [alone])
    with pytest.raises(KeyRefused, match="two different"):
        keys.custodian_slot("meridian", key, people[:1])


def test_a_passphrase_and_a_recovery_code_open_it_and_wrong_ones_do_not(small):
    key = site.current().root
    slot, code = keys.recovery_slot("meridian", key)
    passphrase = "seven green lanterns"
    keys.add_slots(small.path, key, [slot, keys.passphrase_slot("meridian", key, passphrase)])
    assert keys.with_recovery_code(small.path, code.lower().replace("-", " ")) == key
    assert keys.with_passphrase(small.path, passphrase) == key
    with pytest.raises(KeyRefused):
        keys.with_passphrase(small.path, "seven green lantern")
    with pytest.raises(KeyRefused):
        keys.with_recovery_code(small.path, "AAAA-" * 8)
    with pytest.raises(KeyRefused, match="at least 12"):
        keys.passphrase_slot("meridian", key, "short")


def test_a_key_file_that_others_can_read_is_refused(small):
    file = small.path.with_name("meridian.key")
    file.chmod(0o644)
    with pytest.raises(KeyRefused, match="chmod 600"):
        keys.with_key_file(small.path, file)


def test_an_agent_holds_the_key_for_its_own_user_and_ends(small, monkeypatch, tmp_path):
    from onward.registry.keyring import agent
    from onward.registry.keyring.unlock import find_key

    folder, key = small.path, site.current().root
    starting.close_site()
    # A socket's path is short; the test's own folder may be too deep.
    place = Path(tempfile.mkdtemp(prefix="run-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    folder.with_name("meridian.key").unlink()
    with pytest.raises(KeyRefused):
        find_key(folder, open_operation(folder).settings, ask=False)
    script = (
        "import sys; from pathlib import Path; from onward.registry.keyring import agent; "
        "from onward.registry.keyring.keys import RootKey; "
        "agent.start(Path(sys.argv[1]), RootKey(bytes.fromhex(sys.stdin.read())), minutes=1)"
    )
    subprocess.run([sys.executable, "-c", script, str(folder)], input=key.secret.hex(), text=True,
                   check=True)  # fmt: skip
    assert find_key(folder, open_operation(folder).settings, ask=False) == key
    assert stat.S_IMODE(agent.socket_path(folder).stat().st_mode) == 0o600
    assert agent.lock(folder)
    assert agent.key_of(folder) is None


# -- starting --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "behind", "says"),
    [
        ("0.0.0.0", "", "other machines could connect"),
        ("192.168.1.5", "", "other machines could connect"),
        ("example.org", "", "other machines could connect"),
        ("127.0.0.1", "http://desk.example", "expected the proxy's address"),
    ],
)
def test_the_desk_does_not_start_where_others_could_listen(small, host, behind, says):
    from onward.registry.web.serving import NotSafe, refuse_unsafe

    with pytest.raises(NotSafe, match=says):
        refuse_unsafe(small.path, host, behind)
    refuse_unsafe(small.path, "127.0.0.1", "https://desk.example")


def test_the_desk_does_not_start_on_files_others_can_read(small):
    from onward.registry.web.serving import NotSafe, refuse_unsafe

    (small.path / "keys.json").chmod(0o644)
    with pytest.raises(NotSafe, match="chmod 600"):
        refuse_unsafe(small.path, "127.0.0.1", "")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DEBUG", True, "DEBUG"),
        ("ALLOWED_HOSTS", ["*"], "every name"),
        ("FILE_UPLOAD_HANDLERS", ["django.core.files.uploadhandler.TemporaryFileUploadHandler"],
         "temporary files"),
        *(
            ("EMAIL_BACKEND", f"{way}.EmailBackend", "Mail is on")
            for way in ("django.core.mail.backends.smtp", "django.core.mail.backends.console",
                        "django.core.mail.backends.filebased", "django.core.mail.backends.locmem",
                        "their.dummy.smtp")
        ),
        ("ADMINS", [("Administrator", "admin@desk.example")], "Mail is on"),
        ("MANAGERS", [("Administrator", "admin@desk.example")], "Mail is on"),
    ],
)  # fmt: skip
def test_the_desk_does_not_start_with_unsafe_settings(small, name, value, says):
    from django.test import override_settings

    from onward.registry.web.serving import NotSafe, refuse_settings

    refuse_settings()
    with override_settings(**{name: value}), pytest.raises(NotSafe, match=says):
        refuse_settings()


def test_the_product_answers_to_no_name_but_its_own():
    from onward.registry.web import settings

    assert settings.ALLOWED_HOSTS == ["127.0.0.1", "localhost", "[::1]"]


def test_a_security_key_must_ask_who_holds_it(small):
    import registry_cast as cast

    page = cast.signed_in(cast.account("amina", "protection_officer")).get(
        "/account/passkeys/add/"
    )
    asked = re.search(r'id="js_data"[^>]*>(.*?)</script>', page.content.decode(), re.DOTALL)
    assert asked is not None
    key = json.loads(asked[1])["creation_options"]["publicKey"]
    assert key["authenticatorSelection"]["userVerification"] == "required"


def test_a_report_leaves_nothing_in_temporary_files(small, tmp_path, monkeypatch):
    import tempfile

    from onward.registry.computing.reporting import make_report

    made = []
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *a, **k: made.append(a) or str(tmp_path))
    monkeypatch.setattr(tempfile, "mkstemp", lambda *a, **k: made.append(a))
    assert make_report(small, with_forecast=False).contents["pdf"].startswith(b"%PDF")
    assert made == []


# -- the wire to a server --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "environment"),
    [
        ("postgresql://desk@db.example/onward?sslmode=require", {}),
        ("postgresql://desk@db.example/onward?sslmode=disable", {}),
        ("postgresql://desk@localhost,db.example/onward?sslmode=prefer", {}),
        ("postgresql://desk@/onward?hostaddr=192.0.2.7&sslmode=allow", {}),
        ("postgresql://desk@/onward?sslmode=prefer", {"PGHOST": "db.example"}),
    ],
)
def test_a_server_elsewhere_is_not_spoken_to_without_verified_tls(
    address, environment, monkeypatch
):
    from types import SimpleNamespace

    from onward.registry.database import postgres

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OnwardError, match="sslmode"):
        postgres.database_settings(SimpleNamespace(store=address))
    plain = address.partition("?sslmode")[0].partition("&sslmode")[0]
    found = postgres.database_settings(SimpleNamespace(store=plain))
    assert found["OPTIONS"]["sslmode"] == "verify-full"


def test_a_wire_that_leaves_the_machine_in_clear_is_noticed_however_it_came_about():
    from types import SimpleNamespace

    from onward.registry.database.server_checks import in_clear

    for address, tls, noticed in (
        (b"192.0.2.7", False, True), (b"192.0.2.7", True, False), (b"127.0.0.1", False, False),
        (b"::1", False, False), (b"", False, False), (b"/var/run/postgresql", False, False),
    ):  # fmt: skip
        assert in_clear(SimpleNamespace(hostaddr=address, ssl_in_use=tls)) is noticed


def test_what_a_forecast_keeps_of_an_encrypted_operation_is_sealed(small):
    from datetime import timedelta

    from onward.registry.computing.analysis import forecast_of, opened

    by = small.default_date() + timedelta(days=90)
    made = forecast_of(opened(small), by=by, futures=200)
    kept = sorted(path.name for path in (small.path / ".cache").rglob("*.sealed"))
    assert {"exposures.sealed", "steps.sealed"} <= set(kept)
    assert not list((small.path / ".cache").rglob("*.arrow"))
    assert forecast_of(opened(small), by=by, futures=200).to_json() == made.to_json()
