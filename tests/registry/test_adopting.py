"""A rulebook weaker than its protection floor cannot be put in force."""

import pytest

from onward.errors import Faults
from onward.registry import Settings, create_operation
from onward.rulebook import shipped_path

TEXT = shipped_path("protected-camp").read_text("utf-8")


def start(folder, text=TEXT):
    settings = Settings(id="camp", title="Camp", kind="protected-camp", demonstration=True)
    return create_operation(
        folder, settings, rulebook_text=text, effective="2026-01-01", by="administrator"
    )


def test_the_rulebook_in_force_carries_the_hash_of_its_floor(tmp_path):
    operation = start(tmp_path / "camp")
    assert len(operation.rulebook.floor_hash) == 64
    assert operation.caseload().rulebook.floor_hash == operation.rulebook.floor_hash


def test_a_weaker_rulebook_is_refused_when_an_operation_starts(tmp_path):
    weaker = TEXT.replace("movement_always: [G5, G15, G17]", "movement_always: [G5, G15]")
    with pytest.raises(Faults, match="G17"):
        start(tmp_path / "camp", weaker)


def test_a_weaker_rulebook_cannot_be_adopted_later(tmp_path):
    operation = start(tmp_path / "camp")
    before = operation.store.head()
    weaker = TEXT.replace("safeguards: [G3, G6, G17]", "safeguards: [G3, G17]")
    with pytest.raises(Faults):
        operation.adopt(weaker, effective="2026-02-01", by="administrator")
    assert operation.store.head() == before
