"""What the documents promise about rulebooks is true."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onward.rulebook import shipped_path
from onward.rulebook.check import check_bytes
from onward.rulebook.floor import load_floor
from onward.rulebook.reading import Reader

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs" / "reference" / "rulebook.md").read_text()
HOW_TO = (ROOT / "docs" / "how-to" / "adapt-the-rulebook.md").read_text()
TEXT = shipped_path("protected-camp").read_text()


def test_every_key_a_rulebook_may_have_is_in_the_reference(monkeypatch):
    keys: set[str] = set()
    read = Reader.mapping

    def noting(self, node, path, *, required=(), optional=(), free=False):
        required, optional = tuple(required), tuple(optional)
        keys.update((*required, *optional))
        return read(self, node, path, required=required, optional=optional, free=free)

    monkeypatch.setattr(Reader, "mapping", noting)
    from onward.rulebook import loads

    loads(TEXT)
    assert len(keys) > 50
    assert sorted(key for key in keys if not re.search(rf"\b{key}\b", REFERENCE)) == []


def test_the_how_to_adds_a_fact_and_asks_for_it():
    """The example of the how-to, step 3, gives a sound rulebook."""
    fact = re.search(r"(?m)^      second_counsellor: .*\n", HOW_TO).group(0)
    asked = "any_true(consents, pathway = :pathway AND destination = :destination\n"
    assert asked in HOW_TO
    place = re.search(r"(?m)^      informed: .*All pathways explained.*\n", TEXT).group(0)
    text = TEXT.replace(place, place + fact)
    text = text.replace(asked, f"{asked}            AND second_counsellor\n")
    result = check_bytes(text.encode())
    assert [str(fault) for fault in result.faults] == []
    assert "second_counsellor" in result.rulebook.kinds["consent"].facts


def test_the_how_to_names_the_steps_that_may_be_left_out():
    for step in load_floor("protected-camp").may_leave_out:
        assert step in HOW_TO


@given(seed=st.integers(0, 10**9))
@settings(max_examples=6, deadline=None)
def test_a_damaged_file_is_answered_with_faults_and_never_with_a_crash(seed):
    draw = random.Random(seed)
    lines = TEXT.splitlines(keepends=True)
    words = sorted(set(re.findall(r"\w+", TEXT)))
    for _ in range(draw.choice((1, 2, 4))):
        i = draw.randrange(len(lines))
        way = draw.random()
        here = re.findall(r"\w+", lines[i])
        if way < 0.3:
            del lines[i]
        elif way < 0.4:
            lines.insert(i, draw.choice(lines))
        elif way < 0.8 and here:
            lines[i] = lines[i].replace(draw.choice(here), draw.choice(words), 1)
        else:
            j = draw.randrange(len(lines[i]))
            lines[i] = lines[i][:j] + draw.choice("{}[]:,\"'#&*!\n -") + lines[i][j + 1 :]
    result = check_bytes("".join(lines).encode(), file="mine.yaml")
    assert all(str(fault).startswith("mine.yaml") for fault in result.faults)


@pytest.mark.parametrize("name", ["protected-camp", "voluntary-return"])
def test_the_reference_names_every_shipped_rulebook(name):
    assert f"`{name}`" in REFERENCE
