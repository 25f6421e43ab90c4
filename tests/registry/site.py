"""A small encrypted operation for tests: eight households on the day before they may go home.

Everything needed to return is in place for household H1 (both adults); each other household
differs in one thing. Built once per session and copied for each test, so that a test may do with
its copy what it likes. With ONWARD_TEST_DATABASE=postgresql the same operation stands on a
server that is started for the session (`postgres_server.py`).
"""

from __future__ import annotations

import copy
import importlib.util
import os
import random
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from onward.caseload.events import Event, Subject, new_event
from onward.registry.keyring.creating import preparing
from onward.registry.keyring.keys import RootKey, with_key_file
from onward.registry.opening import create_operation
from onward.registry.operation import Operation
from onward.registry.settings import ENCRYPTED, Settings, read_settings
from onward.rulebook import Rulebook, load, shipped_path
from onward.rulebook.situations import load_situations

DAY = date(2026, 6, 10)
NOW = datetime(2026, 6, 10, 8, 0, tzinfo=UTC)
COUNTRIES = {"origin": "IRN", "host": "IRQ", "third": "CAN"}
STAGE = "return_cleared"
SHARED = ("sheet", "destination", "site", "assurance", "incident")
RULEBOOK_PATH = shipped_path("protected-camp")

# What differs, household by household: (kind, id in the situation, column, value or None).
DIFFERENT: dict[str, list[tuple[str, str, str, Any]]] = {
    "H1": [],
    "H2": [("consent", "C1", "withdrawn", True)],
    "H3": [("person", "P1", "identity_resolved", None)],
    "H4": [("assessment", "A1", "finding", "failed")],
    "H5": [("person", "P1", "fitness_finding", "unfit")],
    "H6": [("interview", "I2", "confirmed", None)],
    "H7": [("household", "H1", "roster_size", 3)],
    "H8": [("consent", "C1", "pressure", None)],
}
DATABASE = os.environ.get("ONWARD_TEST_DATABASE", "sqlite")


def small_events(
    rulebook: Rulebook, *, operation: str = "meridian", seed: int = 7
) -> list[Event]:
    """The log of the small operation, ready to be appended."""
    from onward.caseload.events import REGISTERED

    situations = load_situations(
        RULEBOOK_PATH.parent / "situations" / RULEBOOK_PATH.name, rulebook
    )
    opening = next(s for s in situations if s.opens and s.step == "T7.done")
    rows = {
        kind: {key: dict(row) for key, row in found.items()}
        for kind, found in opening.rows.items()
    }
    first, second = rows["person"]["P1"], rows["person"]["P2"]
    rows["person"]["P2"] = {**first, "id": "P2", "birth": second["birth"]}
    for kind, found in rows.items():
        for key, row in list(found.items()):
            if kind != "person" and row.get("person") == "P1":
                found[f"{key}-2"] = {**row, "id": f"{key}-2", "person": "P2"}
    maker = random.Random(seed)
    events: list[Event] = []

    def add(kind: str, name: str, row: dict[str, Any]) -> None:
        declared = rulebook.kinds[kind]
        facts = {
            column: _written(value, declared.facts[column].type)
            for column, value in row.items()
            if column in declared.facts and value is not None
        }
        facts |= {ref: row[ref] for ref in declared.refs if row.get(ref)}
        registers = kind in ("person", "household")
        if kind == "person":
            facts |= {"site": "camp-1", "language": "fa", "sex": row.get("sex", "female")}
            facts |= {"legal": "gc4_protected", "stage": STAGE, "place": "in_camp"}
        events.append(
            new_event(
                rulebook, operation=operation, subject=Subject(kind, name),
                kind=REGISTERED if registers else "recorded", effective="2026-01-20", by="amina",
                instant=NOW, random=maker, facts=facts, opens=True, idempotency_key=f"{kind}:{name}",
            )
        )  # fmt: skip

    add("site", "camp-1", {"id": "camp-1"})
    for kind in SHARED:
        for name, row in rows.get(kind, {}).items():
            add(kind, COUNTRIES.get(name, name), row)
    for house, changes in DIFFERENT.items():
        world = copy.deepcopy(rows)
        for kind, key, column, value in changes:
            world[kind][key][column] = value
        for kind in (
            "household",
            "person",
            *(k for k in world if k not in ("person", "household")),
        ):
            if kind in SHARED:
                continue
            for key, row in world.get(kind, {}).items():
                row = dict(row)
                if row.get("person"):
                    row["person"] = f"{house}-{row['person']}"
                if row.get("household"):
                    row["household"] = house
                name = house if kind == "household" else f"{house}-{key}"
                add(kind, name, row)
    return events


def _written(value: Any, type_: str) -> Any:
    if type_ == "partial_date":
        first, last = value
        return first.isoformat() if first == last else str(first.year)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return COUNTRIES.get(value, value)
    return sorted(value) if isinstance(value, frozenset | set | tuple) else value


IDENTITIES = {
    "H1-P1": {"name.full.latin": "Zarifeh Nowruzian", "name.full.arabic": "ظریفه نوروزیان",
              "document.passport": "QX7788123", "contact.phone": "+964 770 555 0101",
              "notes": "Left because of the poem about the blue heron."},
    "H1-P2": {"name.full.latin": "Behrouz Nowruzian", "name.full.arabic": "بهروز نوروزیان"},
    "H2-P1": {"name.full.latin": "Shirin Baradar", "name.full.arabic": "شیرین برادر"},
}  # fmt: skip


def new_store(name: str) -> str:
    """Where a new operation of this run keeps its record; a new database on a server."""
    if DATABASE != "postgresql":
        return ENCRYPTED
    return server().new_database(name)


def server() -> Any:
    """The server of this run, started when it is first needed."""
    module = _beside("postgres_server")
    return module.running()


def _beside(name: str) -> Any:
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"onward_test_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    if spec.name not in sys.modules:
        sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[spec.name])
    return sys.modules[spec.name]


def build(folder: Path, *, identities: bool = True) -> RootKey:
    """Make the small operation in a folder; its key file lies beside it (`<folder>.key`)."""
    store = new_store(f"template_{os.getpid()}")
    key_file = folder.with_name(folder.name + ".key")
    key, prepare = preparing("meridian", key_file=key_file)
    operation = create_operation(
        folder,
        Settings(
            id="meridian", title="Meridian", kind="protected-camp", time_zone="Asia/Baghdad",
            demonstration=True, data_ends=DAY, store=store, key_file=str(key_file),
        ),
        rulebook_text=RULEBOOK_PATH.read_text(encoding="utf-8"),
        effective="2025-01-01", by="chantal", instant=NOW, prepare=prepare,
    )  # fmt: skip
    operation.record(small_events(operation.rulebook))
    if identities:
        operation.vault.put(IDENTITIES)
    from onward.registry.now import projection

    projection.ensure(operation)
    return key


def unlocked(folder: Path) -> Operation:
    """Open a copy of the operation in this process."""
    from onward.registry import site
    from onward.registry.web import starting

    key = with_key_file(folder, folder.with_name(folder.name + ".key"))
    starting.close_site()
    starting.open_site(folder, key=key)
    _answers_tests()
    return site.operation()


def _answers_tests() -> None:
    """The framework's own client of pages calls itself "testserver", which the product refuses."""
    from django.conf import settings

    if "testserver" not in settings.ALLOWED_HOSTS:
        settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]


def copied(template: Path, folder: Path) -> Path:
    """A copy of a closed operation and its key file."""
    shutil.copytree(template, folder)
    key_file = folder.with_name(folder.name + ".key")
    shutil.copy(template.with_name(template.name + ".key"), key_file)
    settings = folder / "operation.toml"
    text = settings.read_text("utf-8").replace(str(template) + ".key", str(key_file))
    if DATABASE == "postgresql":
        old = read_settings(settings).store
        text = text.replace(old, server().copy_of(old, folder))
    settings.write_text(text, "utf-8")
    return folder


_BUILT: list[Path] = []


@pytest.fixture(scope="session")
def small_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small operation, built and closed: once in a process, whichever folder of tests asks."""
    from onward.registry.web import starting

    if not _BUILT:
        folder = tmp_path_factory.mktemp("template") / "meridian"
        build(folder)
        starting.close_site()
        _BUILT.append(folder)
    return _BUILT[0]


@pytest.fixture
def small(small_template: Path, tmp_path: Path) -> Iterator[Operation]:
    """The small operation, unlocked in this process, for one test."""
    from onward.registry.web import starting

    folder = copied(small_template, tmp_path / "meridian")
    os.environ.pop("ONWARD_STORE_OWNER", None)  # only while tables are made
    try:
        yield unlocked(folder)
    finally:
        starting.close_site()


def rulebook() -> Rulebook:
    return load(RULEBOOK_PATH)


def past_the_program(statement: str) -> None:
    """Change the record as somebody would who may do everything in the database."""
    from django.db import connection

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER IF EXISTS onward_event_no_update")
            cursor.execute(statement)
        return
    drop = "DROP TRIGGER IF EXISTS onward_event_no_change ON onward_event; "
    server().sql(connection.settings_dict["NAME"], drop + statement)
