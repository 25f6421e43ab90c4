"""Canonical bytes are those of RFC 8785, whichever way they are made."""

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from onward.caseload.events import Event, Subject, canonical_bytes, to_json

text = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
values = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), text,
    st.lists(text, max_size=3), st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip


@given(st.dictionaries(text, values, max_size=6), text, st.lists(text, max_size=3))
def test_every_event_has_the_bytes_of_the_standard(facts, by, evidence):
    event = Event(
        "id", "op", Subject("person", "p"), "recorded", "2026-01-01", by, "hash", "key",
        facts=facts, evidence=tuple(evidence),
    )  # fmt: skip
    assert canonical_bytes(event) == rfc8785.dumps(to_json(event))
