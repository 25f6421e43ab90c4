"""An operation folder opened: settings, the rulebook in force, the vault, the cache."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime

import pytest

from onward.errors import Faults, OnwardError
from onward.registry import Settings, VaultRefused, create_operation, open_operation
from onward.registry.computing.analysis import forecast_of, groundwork, opened
from onward.registry.settings import read_settings, settings_text


def test_a_new_operation_opens_again_with_what_it_was_given(operation):
    again = open_operation(operation.path)
    assert again.settings == operation.settings
    assert again.rulebook.hash == operation.rulebook.hash
    assert [event.kind for event in again.store.read()] == ["adopted"]


def test_settings_are_written_so_that_they_are_read_back(tmp_path):
    settings = Settings(
        id="camp-1",
        title='The "Meridian" camp',
        kind="protected-camp",
        time_zone="Asia/Baghdad",
        languages=("en", "fa", "ckb"),
        demonstration=True,
        deadline="mandate",
        data_ends=date(2026, 6, 30),
    )
    file = tmp_path / "operation.toml"
    file.write_text(settings_text(settings), encoding="utf-8")
    assert read_settings(file) == settings


def test_every_wrong_setting_is_reported_at_once(tmp_path):
    file = tmp_path / "operation.toml"
    file.write_text('id = "a b"\ntime_zone = "Mars/Base"\ndemonstration = "yes"\ncolour = 1\n')
    with pytest.raises(Faults) as caught:
        read_settings(file)
    fields = {fault.field for fault in caught.value.faults}
    assert {"id", "title", "kind", "time_zone", "demonstration", "colour"} <= fields


def test_a_folder_that_is_no_operation_says_what_to_do(tmp_path):
    with pytest.raises(OnwardError, match="onward new"):
        open_operation(tmp_path)


def test_a_folder_in_use_is_not_overwritten(tmp_path, office):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OnwardError, match="not empty"):
        create_operation(
            tmp_path,
            Settings(id="a", title="A", kind="protected-camp"),
            rulebook_text=office.rulebook_path.read_text(encoding="utf-8"),
            effective="2025-01-01",
            by="chantal",
        )


def test_identity_in_clear_is_refused_outside_a_demonstration(tmp_path, office, operation):
    operation.vault.put({"P1": {"name": "Invented"}})
    operation.vault.put({"P1": {"name": "Invented again"}})
    assert operation.vault.get("P1") == {"name": "Invented again"}
    assert operation.vault.get("P2") is None

    real = create_operation(
        tmp_path / "real",
        Settings(id="real", title="Real", kind="protected-camp"),
        rulebook_text=office.rulebook_path.read_text(encoding="utf-8"),
        effective="2025-01-01",
        by="chantal",
    )
    with pytest.raises(VaultRefused, match="demonstration"):
        real.vault.put({"P1": {"name": "Somebody"}})
    with pytest.raises(VaultRefused, match="demonstration"):
        real.vault.get("P1")
    assert list((real.path / "vault").iterdir()) == []


def test_the_caseload_uses_the_rulebook_adopted_by_that_day(operation, office):
    text = operation.rulebook_path.read_text(encoding="utf-8")
    stricter = text.replace(
        "consent_valid_days:        {value: 180", "consent_valid_days:        {value: 90"
    )
    assert stricter != text
    first = operation.rulebook.hash
    known_before = datetime.now(UTC)
    second = operation.adopt(stricter, effective="2025-06-01", by="chantal").hash
    assert operation.rulebook_at(date(2025, 5, 31)).hash == first
    assert operation.rulebook_at(date(2025, 6, 1)).hash == second
    assert operation.rulebook_at(date(2025, 6, 1), known_before).hash == first
    assert operation.caseload(date(2025, 5, 31)).rulebook.hash == first


def test_a_retracted_adoption_no_longer_holds(operation, office):
    text = operation.rulebook_path.read_text(encoding="utf-8")
    first = operation.rulebook.hash
    operation.adopt(text + "\n# changed\n", effective="2025-06-01", by="chantal")
    mistaken = operation.store.read()[-1]
    operation.store.append(
        [
            office.draft(
                "retracted",
                ("rulebook", mistaken.subject.id),
                "2025-06-01",
                supersedes=mistaken.id,
            )
        ]
    )
    assert operation.rulebook_at(date(2025, 7, 1)).hash == first


def test_a_missing_adopted_rulebook_is_said_and_not_replaced(operation):
    shutil.rmtree(operation.path / "rulebooks")
    operation.rulebook_path.write_text(
        operation.rulebook_path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8"
    )
    with pytest.raises(OnwardError, match="rulebook in force"):
        open_operation(operation.path).caseload(date(2025, 1, 1))


def test_recording_checks_every_event_and_keeps_nothing_of_a_bad_batch(operation, office):
    good = office.register("P1")
    bad = office.register("P2").__class__(
        **{**vars(office.register("P2")), "effective": "soon"}
    )
    with pytest.raises(Faults, match="effective"):
        operation.record([good, bad], file="list.csv", row="row")
    assert len(operation.store.read()) == 1
    assert len(operation.record([good])) == 1


def test_the_second_reading_comes_from_the_cache_and_says_the_same(operation, office):
    operation.record([office.register(f"P{n}") for n in range(20)])
    first = operation.caseload(date(2025, 2, 1))
    cached = list((operation.path / ".cache").iterdir())
    assert len(cached) == 1
    again = open_operation(operation.path).caseload(date(2025, 2, 1))
    for kind, table in first.tables.items():
        assert again.tables[kind].equals(table), kind
    operation.record([office.register("P99")])
    assert operation.caseload(date(2025, 2, 1)).people.num_rows == 21
    assert len(list((operation.path / ".cache").iterdir())) == 1


def test_a_damaged_cache_is_made_again(operation, office):
    operation.record([office.register("P1")])
    operation.caseload(date(2025, 2, 1))
    (cache,) = (operation.path / ".cache").iterdir()
    (cache / "log.arrow").write_bytes(b"not arrow")
    (cache / "facts.person.arrow").unlink()
    assert operation.caseload(date(2025, 2, 1)).people.num_rows == 1


class Resting:
    """An engine that is asked nothing."""

    def run(self, stages, inputs, outputs):
        raise AssertionError(f"asked for {outputs}")


def test_what_a_forecast_reads_is_kept_until_the_log_grows(operation, office):
    operation.record([office.register(f"P{n}") for n in range(20)])
    day, by = date(2025, 6, 1), date(2025, 9, 1)
    read = groundwork(opened(operation, day), by)
    again = open_operation(operation.path)
    again.compute_on(Resting())
    kept = groundwork(opened(again, day), by)
    for name in ("counts", "exposures", "waits", "departures", "newcomers"):
        assert getattr(kept, name).equals(getattr(read, name)), name
    with pytest.raises(AssertionError, match="asked for"):
        groundwork(opened(again, date(2025, 7, 1)), by)
    operation.record([office.register("P99")])
    with pytest.raises(AssertionError, match="asked for"):
        groundwork(opened(again, day), by)
    assert sum(groundwork(opened(operation, day), by).counts["people"].to_pylist()) == 21


def test_what_other_code_has_made_is_made_again_and_removed(operation, office, monkeypatch):
    operation.record([office.register(f"P{n}") for n in range(20)])
    day, by = date(2025, 6, 1), date(2025, 9, 1)
    groundwork(opened(operation, day), by)
    before = {path.name for path in (operation.path / ".cache").iterdir()}
    monkeypatch.setattr("onward.registry.operation.form", lambda: "mended")
    resting = open_operation(operation.path)
    resting.compute_on(Resting())
    with pytest.raises(AssertionError, match="asked for"):
        groundwork(opened(resting, day), by)
    groundwork(opened(operation, day), by)
    assert before.isdisjoint(path.name for path in (operation.path / ".cache").iterdir())


def test_a_forecast_is_the_same_from_what_was_kept(operation, office):
    operation.record([office.register(f"P{n}") for n in range(20)])
    asked = {"by": date(2025, 9, 1), "futures": 200}
    made = forecast_of(opened(operation, date(2025, 6, 1)), **asked)
    again = open_operation(operation.path)
    again.compute_on(Resting())
    assert forecast_of(opened(again, date(2025, 6, 1)), **asked).to_json() == made.to_json()


def test_what_was_read_while_the_log_grew_is_not_kept(operation, office):
    operation.record([office.register(f"P{n}") for n in range(20)])
    found = opened(operation, date(2025, 6, 1))
    assert found.events.log.num_rows
    operation.record([office.register("P99")])
    groundwork(found, date(2025, 9, 1))
    kept = groundwork(opened(operation, date(2025, 6, 1)), date(2025, 9, 1))
    assert sum(kept.counts["people"].to_pylist()) == 21


def test_no_identity_reaches_events_or_cache(operation, office):
    operation.vault.put({"P1": {"name": "Canaryname"}})
    operation.record([office.register("P1")])
    operation.caseload(date(2025, 2, 1))
    for file in operation.path.rglob("*"):
        if file.is_file() and "vault" not in file.relative_to(operation.path).parts:
            assert b"Canaryname" not in file.read_bytes(), file


def test_opening_an_operation_loads_no_web_framework(operation):
    import subprocess
    import sys

    code = (
        "import sys; from onward.registry import open_operation; "
        f"open_operation({str(operation.path)!r}).caseload(); "
        "assert not {'django', 'flask', 'sqlite3'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_operation_is_called_in_each_language_as_its_settings_say(tmp_path):
    from onward.registry.settings import Settings, read_settings, settings_text

    made = Settings(
        id="camp",
        title="Camp: north",
        kind="protected-camp",
        titles=(("fa", "اردوگاه «شمال»"),),
    )
    file = tmp_path / "operation.toml"
    file.write_text(settings_text(made), "utf-8")
    assert read_settings(file) == made
    assert made.titled("fa") == made.titled("fa-AF") == "اردوگاه «شمال»"
    assert made.titled("ar") == "Camp: north"
    file.write_text(settings_text(made).replace("fa = ", "fa = 3 # "), "utf-8")
    with pytest.raises(Faults, match="titles"):
        read_settings(file)
