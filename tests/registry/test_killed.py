"""Killed at any moment, the record is as before the writing or as after it, and opens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from onward.registry.log import verify
from onward.registry.web import starting

KILLING = Path(__file__).with_name("killing.py")


def killed(small, landed, seed):
    starting.close_site()
    done = subprocess.run(
        [sys.executable, str(KILLING), str(small.path), str(landed), str(seed)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["faults"] == []
    assert found["landed"] >= landed
    again = sys.modules["onward_test_site"].unlocked(small.path)
    assert verify.verify(again, deep=False).sound
    return found


def at_every_kind(found):
    """Kills reached each kind of writing, and a fair share of those on keys a renewal half done."""
    kinds = found["kinds"]
    assert set(kinds) == {"events", "names", "keys", "erase", "list", "asked"}
    assert min(kinds.values()) >= found["landed"] // 20, kinds
    assert found["renewing"] >= kinds["keys"] // 3, (found["renewing"], kinds, found["takes"])


def test_twenty_landed_kills(small):
    killed(small, 20, seed=1)


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.both
def test_two_hundred_landed_kills(small):
    at_every_kind(killed(small, 200, seed=2))


@pytest.mark.soak
def test_a_thousand_landed_kills(small):
    at_every_kind(killed(small, 1000, seed=3))


def upgraded(small, landed):
    from onward.registry.now import projection

    starting.close_site()
    script = Path(__file__).with_name("upgrading.py")
    done = subprocess.run(
        [sys.executable, str(script), str(small.path), str(landed), "4"],
        capture_output=True, text=True, env={**os.environ, "ONWARD_STORE_OWNER": "onward_owner"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["faults"] == []
    assert found["landed"] >= landed
    again = sys.modules["onward_test_site"].unlocked(small.path)
    # Lists beside the log are made again where an upgrade changed them.
    projection.ensure(again)
    assert verify.verify(again).sound


def test_what_an_older_record_kept_without_a_seal_of_its_own_is_still_read(small, monkeypatch):
    """Plans, forecasts and files of work stood in the encrypted store once without one more seal."""
    from onward.registry import kept
    from onward.registry.models import Job, JobFile, KeptFile
    from onward.registry.web import jobs

    sys.path.insert(0, str(Path(__file__).parent))
    import upgrading

    monkeypatch.setenv("ONWARD_STORE_OWNER", "onward_owner")
    kept.kept(small).write("forecasts", "sealed.json", b"{}")
    upgrading.back_to_the_first()
    here = {"operation": small.settings.id}
    KeptFile.objects.create(**here, folder="plans", name="plan.yaml", content=b"# The plan\n")
    KeptFile.objects.create(**here, folder="forecasts", name="empty.json", content=b"")
    job = Job.objects.create(**here, kind="forecast", by="amina")
    file = JobFile.objects.create(
        **here, job=job, name="a.csv", media_type="text/csv", content=b"a,b\n"
    )
    starting.bring_up_to_date()
    assert kept.kept(small).read("plans", "plan.yaml") == b"# The plan\n"
    assert kept.kept(small).read("forecasts", "empty.json") == b""
    assert kept.kept(small).read("forecasts", "sealed.json") == b"{}"
    assert b"The plan" not in bytes(KeptFile.objects.get(name="plan.yaml").content)
    file.refresh_from_db()
    assert jobs.content_of(file) == b"a,b\n"
    assert b"a,b" not in bytes(file.content)


def test_a_step_of_an_upgrade_that_was_not_noted_was_not_taken(small, monkeypatch):
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    sys.path.insert(0, str(Path(__file__).parent))
    import upgrading

    monkeypatch.setenv("ONWARD_STORE_OWNER", "onward_owner")
    upgrading.back_to_the_first()
    noted = MigrationRecorder.record_applied

    def stops(self, app, name):
        if name == "0003_attachment":
            raise RuntimeError("killed here")
        noted(self, app, name)

    with monkeypatch.context() as patch:
        patch.setattr(MigrationRecorder, "record_applied", stops)
        with pytest.raises(RuntimeError):
            starting.bring_up_to_date()
    assert "onward_attachment" not in connection.introspection.table_names()
    starting.bring_up_to_date()
    assert upgrading.applied() == upgrading.every()
    assert verify.verify(small, deep=False).sound


@pytest.mark.slow
@pytest.mark.both
def test_an_upgrade_of_the_tables_killed_ten_times_is_as_before_or_whole(small):
    upgraded(small, 10)


@pytest.mark.soak
def test_an_upgrade_of_the_tables_killed_a_hundred_times(small):
    upgraded(small, 100)
