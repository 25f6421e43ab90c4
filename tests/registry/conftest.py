"""An operation in a temporary folder, and events as an officer would record them."""

from __future__ import annotations

import importlib.util
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from onward.caseload.events import Event, Subject, new_event
from onward.registry import Operation, Settings, create_operation
from onward.rulebook import load, shipped_path

sys.path.insert(0, str(Path(__file__).parent))  # registry_cast

_SITE = Path(__file__).with_name("site.py")
_spec = importlib.util.spec_from_file_location("onward_test_site", _SITE)
assert _spec is not None
assert _spec.loader is not None
site_for_tests = sys.modules.setdefault(
    "onward_test_site", importlib.util.module_from_spec(_spec)
)
_spec.loader.exec_module(site_for_tests)
small_template, small = site_for_tests.small_template, site_for_tests.small

RULEBOOK_PATH = shipped_path("protected-camp")
RULEBOOK = load(RULEBOOK_PATH)


class Office:
    """Amina's desk: makes drafts of events for the operation "meridian"."""

    rulebook = RULEBOOK
    rulebook_path = RULEBOOK_PATH

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def register(self, person: str, key: str = "", on: str = "2025-01-01") -> Event:
        return self.draft("registered", ("person", person), on, key=key)

    def draft(
        self,
        kind: str,
        subject: tuple[str, str],
        on: str,
        *,
        key: str = "",
        supersedes: str | None = None,
        **facts: object,
    ) -> Event:
        return new_event(
            RULEBOOK,
            operation="meridian",
            subject=Subject(*subject),
            kind=kind,
            effective=on,
            by="amina",
            instant=datetime(2025, 1, 1, tzinfo=UTC),
            random=self._random,
            facts=facts,  # type: ignore[arg-type]
            supersedes=supersedes,
            idempotency_key=key,
        )


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def operation(tmp_path: Path) -> Operation:
    return create_operation(
        tmp_path / "camp",
        Settings(id="meridian", title="Meridian", kind="protected-camp", demonstration=True),
        rulebook_text=RULEBOOK_PATH.read_text(encoding="utf-8"),
        effective="2024-01-01",
        by="chantal",
    )
