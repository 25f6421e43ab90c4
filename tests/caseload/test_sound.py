"""What is passed at once is what the slow check passes too, with the same bytes."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

from onward.caseload.events import (
    MERGED,
    RECORDED,
    REGISTERED,
    NotAnEvent,
    Subject,
    canonical_bytes,
    event_faults,
    from_json,
    new_event,
    to_json,
)
from onward.caseload.sound import Sound, sound_bytes
from onward.rulebook import load, shipped_path

RULEBOOK = load(shipped_path("protected-camp"))
INSTANT = "2026-06-10T09:00:00.000000Z"
NASTY = (
    None, True, 0, -1, 2**40, 1.5, "", " ", "x" * 300, "é", '"', "\\", "\n", "a\tb", "2026-02-30",
    "2026", "2026-03/2026-04", "IRN", "fa", "female", [], ["a"], [1], {}, {"a": 1}, "@", "H1",
    "T4.return", "retracted", "person", "123456789", "name@example.org", "\u200f", "😀",
)  # fmt: skip


def ordinary(number: int, maker: random.Random) -> dict:
    kind, subject, facts = maker.choice(
        (
            (REGISTERED, ("person", f"p{number}"),
             {"household": "h1", "site": "camp-1", "sex": "male", "birth": "1990", "stage": "verified"}),
            (RECORDED, ("person", f"p{number}"), {"language": None, "identity_resolved": True}),
            (RECORDED, ("interview", f"i{number}"),
             {"person": "p1", "purpose": "interview", "held_on": "2026-05-02", "alone": True}),
            (RECORDED, ("waiver", f"w{number}"), {"person": "p1"}),
            ("T4.return", ("person", f"p{number}"), {}),
            (REGISTERED, ("household", f"h{number}"), {"roster_size": 3}),
        )
    )  # fmt: skip
    event = new_event(
        RULEBOOK, operation="meridian", subject=Subject(*subject), kind=kind,
        effective=maker.choice(("2026-05-04", "2026-05", "2026", "2026-03-21/2027-03-20")),
        by="amina", instant=datetime(2026, 5, 5, tzinfo=UTC) + timedelta(seconds=number),
        random=maker, facts=facts, idempotency_key=maker.choice(("", f'k "{number}" é\\')),
        evidence=maker.choice(((), ("doc-1", "doc-2"))),
    )  # fmt: skip
    return to_json(event.placed(seq=number + 1, recorded=INSTANT))


def spoil(data: dict, maker: random.Random) -> None:
    """One thing of an event made odd."""
    inner = [
        each for each in (data.get("subject"), data.get("facts")) if isinstance(each, dict)
    ]
    inside = maker.choice((data, data, *inner))
    what = maker.random()
    if what < 0.15 and inside:
        del inside[maker.choice(list(inside))]
    elif what < 0.3:
        inside[maker.choice(("", "note", "name", "é", "into", "stage", "legal"))] = (
            maker.choice(NASTY)
        )
    elif inside:
        inside[maker.choice(list(inside))] = maker.choice(NASTY)


def agree(sound: Sound, data: dict) -> bool:
    """Whether the quick check passes an event; then the slow one must, with the same bytes."""
    if not sound(data):
        return False
    event = from_json(data)
    assert event_faults(event, RULEBOOK) == [], data
    assert event.operation == "meridian"
    placed = event.placed(seq=7, recorded=INSTANT)
    assert sound_bytes(data, seq=7, recorded=INSTANT) == canonical_bytes(placed), data
    return True


def test_what_is_ordinary_is_passed_with_its_canonical_bytes():
    sound, maker = Sound(RULEBOOK, "meridian"), random.Random(1)
    assert all(agree(sound, ordinary(number, maker)) for number in range(400))


def test_nothing_is_passed_that_the_slow_check_refuses():
    sound, maker = Sound(RULEBOOK, "meridian"), random.Random(2)
    passed = refused = 0
    for number in range(6000):
        data = json.loads(json.dumps(ordinary(number, maker)))
        for _ in range(maker.choice((1, 1, 2))):
            spoil(data, maker)
        if agree(sound, data):
            passed += 1
        else:
            try:
                refused += bool(event_faults(from_json(data), RULEBOOK))
            except (NotAnEvent, TypeError):
                refused += 1
    assert passed > 300
    assert refused > 3000


def test_another_operation_and_rare_kinds_are_left_to_the_slow_check():
    maker = random.Random(3)
    data = ordinary(1, maker)
    assert Sound(RULEBOOK, "meridian")(data)
    assert not Sound(RULEBOOK, "elsewhere")(data)
    assert not Sound(RULEBOOK, "meridian")({**data, "kind": MERGED, "facts": {"into": "p2"}})
