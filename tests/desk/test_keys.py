"""The page on keys: who holds what, when recovery was practised, and renewing all of it as long work."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import registry_cast as people
import time_machine

from onward.registry import site
from onward.registry.keyring import keys


@pytest.fixture
def kay(small):
    return people.account("kay", "custodian", office="")


def text(answer) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def work():
    from onward.registry.web import jobs

    while (done := jobs.run_next()) is not None:
        last = done
    return last


def test_the_page_says_who_holds_what_and_how_old_it_is(small, kay, tmp_path):
    from onward.registry.database import backup

    key = site.current().root
    public = [backup.new_identity(tmp_path / f"{n}.age") for n in ("one", "two")]
    paper, code = keys.recovery_slot("meridian", key)
    with time_machine.travel(datetime.now(UTC) - timedelta(days=40)):
        custodians = keys.custodian_slot("meridian", key, public)
    keys.add_slots(small.path, key, [{**custodians, "holder": "Two heads of office"}, paper])
    page = text(people.signed_in(kay).get("/administration/keys/"))
    assert "Two heads of office" in page
    assert "40 days ago" in page
    assert all(one[:12] in page for one in public)
    assert "A key file, for unattended use" in page
    assert page.count("A drill is due") == 2
    assert "<bdi>kay</bdi>" in page
    ring = json.loads((small.path / "keys.json").read_text())
    secrets = [ring["file"], ring["inner"], *ring["roots"].values(), code]
    secrets += [slot["sealed"] for slot in ring["slots"]]
    assert not [secret for secret in secrets if secret in page]


def test_keys_without_a_day_are_of_unknown_age_and_an_old_way_in_stops_a_renewal(small, kay):
    path = small.path / "keys.json"
    ring = json.loads(path.read_text())
    ring.pop("since")
    for slot in ring["slots"]:
        slot.pop("made")
    path.write_text(json.dumps(ring))
    client = people.signed_in(kay)
    page = text(client.get("/administration/keys/"))
    assert "When the keys were last renewed is not known." in page
    assert "Renew the keys" in page
    for slot in ring["slots"]:
        slot.pop("public")
    path.write_text(json.dumps(ring))
    page = text(client.get("/administration/keys/"))
    assert "Made by an older version: cannot be renewed" in page
    assert ">Renew the keys<" not in page


def test_keys_are_renewed_as_long_work_and_everything_opens(small, kay):
    before, names = site.current().root, small.vault.get("H1-P1")
    client = people.signed_in(kay)
    waiting = client.post("/administration/keys/")["Location"]
    assert client.post("/administration/keys/")["Location"] == waiting, "asked for once"
    assert "begins in a moment" in text(client.get(waiting))
    assert "See how far it is" in text(client.get("/administration/keys/"))
    assert work().state == "done"
    page = text(client.get(waiting))
    assert "The keys were renewed; 4 keys of people were wrapped again." in page, page
    assert site.current().root != before
    with pytest.raises(keys.KeyRefused):
        keys.opened(small.path, before)
    assert (
        keys.with_key_file(small.path, small.path.with_name("meridian.key"))
        == site.current().root
    )
    assert small.vault.get("H1-P1") == names
    assert client.get("/administration/keys/").status_code == 200, "the session goes on"
    from onward.registry.models import AccessEntry

    lines = AccessEntry.objects.filter(action="key.renewed", account=str(kay.pk)).order_by("id")
    assert list(lines.values_list("purpose", flat=True)) == ["begun", ""]


def test_a_renewal_that_ends_half_way_has_left_its_line(small, kay, monkeypatch):
    from onward.registry.keyring import rotation
    from onward.registry.models import AccessEntry

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    lines = AccessEntry.objects.filter(action="key.renewed")
    for step in ("begin_rotation", "finish_rotation"):
        with monkeypatch.context() as here:
            here.setattr(rotation.keys, step, killed)
            with pytest.raises(Killed):
                rotation.rotate(by=kay, place="keys")
        assert lines.order_by("-id").first().purpose == "begun"
    rotation.rotate(by=kay, place="keys")
    assert list(lines.order_by("id").values_list("purpose", flat=True)) == ["begun"] * 3 + [""]


def test_keys_are_renewed_only_soon_after_a_sign_in_and_by_a_custodian(small, kay):
    old = people.signed_in(kay, at=datetime.now(UTC) - timedelta(minutes=9, seconds=58))
    assert old.get("/administration/").status_code == 200
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=3)):
        answer = old.post("/administration/keys/", {"next": "/administration/keys/"})
    assert answer["Location"].startswith("/sign-in/again/")
    from onward.registry.models import Job

    assert not Job.objects.exists()
    for role in ("administrator", "supervisor", "auditor"):
        other = people.signed_in(people.account(role, role))
        assert other.get("/administration/keys/").status_code == 403
        assert other.post("/administration/keys/").status_code == 403


def test_who_was_locked_out_meanwhile_renews_nothing(small, kay):
    from onward.registry.permissions import access

    before = (small.path / "keys.json").read_bytes()
    people.signed_in(kay).post("/administration/keys/")
    access.freeze(kay, "too many names")
    assert work().state == "failed"
    assert (small.path / "keys.json").read_bytes() == before


@pytest.mark.parametrize("stopped_at", ["rewrap_offices", "rotate_office", "roots_in_use"])
def test_a_renewal_that_stopped_half_way_opens_says_so_and_is_finished_by_another(
    small, kay, monkeypatch, stopped_at
):
    from onward.registry.identities.vault_db import EncryptedVault
    from onward.registry.models import Job
    from onward.registry.web import jobs

    names = small.vault.get("H1-P1")
    client = people.signed_in(kay)
    waiting = client.post("/administration/keys/")["Location"]

    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(EncryptedVault, stopped_at, killed)
        with pytest.raises(Killed):
            jobs.run_next()
    # The server is started again: another process, with the way in it had.
    here = site.current()
    here.root = keys.with_key_file(small.path, small.path.with_name("meridian.key"))
    here.ring = keys.opened(small.path, here.root)
    assert Job.objects.get().state == "running"
    assert jobs.interrupted() == 1
    assert "renew them again" in text(client.get(waiting))
    assert small.vault.get("H1-P1") == names
    page = text(client.get("/administration/keys/"))
    assert "A renewal was begun and not finished" in page
    client.post("/administration/keys/")
    assert work().state == "done"
    assert len(site.current().ring.roots) == 1
    assert small.vault.get("H1-P1") == names
    assert "A renewal was begun" not in text(client.get("/administration/keys/"))


def test_a_drill_is_noted_and_the_page_asks_for_the_next_half_a_year_later(
    small, kay, tmp_path
):
    from typer.testing import CliRunner

    from onward.cli.keys import app
    from onward.registry.database import backup

    files = [tmp_path / "one.age", tmp_path / "two.age"]
    slot = keys.custodian_slot(
        "meridian", site.current().root, [backup.new_identity(file) for file in files]
    )
    keys.add_slots(small.path, site.current().root, [slot])
    client = people.signed_in(kay)
    assert "A recovery drill is due" in text(client.get("/administration/"))
    ring = (small.path / "keys.json").read_bytes()
    run = CliRunner().invoke
    shares = []
    for file in files:
        share = file.with_suffix(".share")
        done = run(app, ["share", str(small.path), "--identity", str(file), "-o", str(share)])
        assert done.exit_code == 0, done.output
        shares += ["--share", str(share)]
    one = run(app, ["recover", str(small.path), *shares[:2], "--drill"])
    assert one.exit_code != 0, "half of it is no drill"
    assert "Never" in text(client.get("/administration/keys/"))
    done = run(app, ["recover", str(small.path), *shares, "--drill"])
    assert "noted in the log of access" in done.output, done.output
    assert (small.path / "keys.json").read_bytes() == ring
    page = text(client.get("/administration/keys/"))
    assert "A drill is due" not in page
    assert "A recovery drill is due" not in text(client.get("/administration/"))
    later = datetime.now(UTC) + timedelta(days=184)
    with time_machine.travel(later):
        again = people.signed_in(kay, at=later)
        assert "A drill is due" in text(again.get("/administration/keys/"))


def test_ways_in_are_changed_by_one_process_at_a_time(small, monkeypatch):
    monkeypatch.setattr(keys, "PATIENCE", 0.1)
    key = site.current().root
    slot, _code = keys.recovery_slot("meridian", key)
    with keys.changing(small.path), pytest.raises(keys.KeyRefused, match="try again"):
        keys.add_slots(small.path, key, [slot])
    keys.add_slots(small.path, key, [slot])


def test_a_backup_in_which_the_keys_changed_is_not_kept(small, tmp_path, monkeypatch):
    from onward.registry.database import backup
    from onward.registry.keyring import rotation

    whole = backup._snapshot

    def meanwhile(*arguments):
        made = whole(*arguments)
        rotation.rotate()
        return made

    monkeypatch.setattr(backup, "_snapshot", meanwhile)
    public = backup.new_identity(tmp_path / "one.age")
    with pytest.raises(backup.BackupRefused, match="Make the backup again"):
        backup.make(small, tmp_path / "out" / "b.age", [public])
    assert list((tmp_path / "out").iterdir()) == []
