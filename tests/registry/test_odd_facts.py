"""Odd values in every fact of every kind: kept as they are, or refused in words; nothing half."""

from __future__ import annotations

import math

import pytest
from registry_cast import EVERYBODYS

from onward.errors import OnwardError
from onward.registry.now import projection
from onward.registry.recording import acts
from onward.registry.recording.actors import Actor

AMINA = Actor("amina", EVERYBODYS, "camp-1")
ODD = (
    "\x00", "a\x00b", "\ud800", "a\ud800b", "\u202eabc", "\u2066abc", "\ufeffabc", "x" * 81, "", " ",
    "a\nb", "a\u2028b", "9" * 30, "-0", "1e309", "%s%n", "0001-01-01", "9999-12-31", "2026-02-30",
    "10000-01-01", "\u0663\u0663", 2**31, -(2**31), 10**400, math.nan, math.inf, -0.0, True, [], ["x"],
    ["\ud800"], {}, {"a": 1}, b"x", None,
)  # fmt: skip


@pytest.mark.slow
def test_every_fact_takes_an_odd_value_or_says_what_is_allowed(small):
    """Each fact meets every fifth value, the next fact the next ones."""
    kept = refused = position = 0
    for kind, declared in small.rulebook.kinds.items():
        refs = {"person": "H2-P1"} if "person" in declared.refs else {}
        for name in (*declared.facts, *declared.refs):
            position += 1
            for number, value in enumerate(ODD[position % 5 :: 5]):
                about = ("person", "H2-P1") if kind == "person" else (kind, f"{kind}-{name}")
                entry = {
                    "subject": about, "kind": "recorded", "effective": "2026-06-10",
                    "facts": {**refs, name: value},
                }  # fmt: skip
                try:
                    acts.record_batch(AMINA, [entry], idempotency_key=f"{kind}/{name}/{number}")
                except OnwardError as error:
                    refused += 1
                    said = str(error)
                    assert said.encode("utf-8")
                    assert not isinstance(value, str) or len(value) < 3 or value not in said
                else:
                    kept += 1
    assert kept > 50
    assert refused > 500
    projection.ensure(small)
    assert projection.compare(small) == []


@pytest.mark.parametrize("value", [v for v in ODD if isinstance(v, str)], ids=ascii)
def test_every_other_part_of_an_event_is_refused_in_words(small, value):
    for number, given in enumerate(
        (
            {"effective": value},
            {"evidence": [value]},
            {"idempotency_key": value},
            {"subject": ("person", value)},
            {"subject": (value, "x")},
            {"kind": value},
        )
    ):
        said = {
            "subject": ("person", "H1-P1"), "kind": "recorded", "effective": "2026-06-10",
            "facts": {"language": "ku"}, "idempotency_key": f"k{number}", **given,
        }  # fmt: skip
        try:
            acts.record(AMINA, said.pop("subject"), said.pop("kind"), **said)
        except OnwardError as error:
            said["error"] = str(error).encode("utf-8")
        else:
            assert given.keys() <= {"effective", "evidence", "idempotency_key", "subject"}
    projection.ensure(small)
    assert projection.compare(small) == []
