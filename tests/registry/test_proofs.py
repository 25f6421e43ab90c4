"""What is proven can be checked by somebody who has no record, and a changed proof is refused."""

from __future__ import annotations

import copy
import json

import pytest
from registry_cast import EVERYBODYS

from onward.caseload.events import Subject
from onward.errors import OnwardError
from onward.registry.log import checkpoints, proofs, signing
from onward.registry.recording import acts
from onward.registry.recording.actors import Actor


@pytest.fixture
def key(small):
    return checkpoints.verifier_key("onward/meridian", signing.public_key())


def test_one_event_is_proven_to_be_in_the_record(small, key):
    for event in (small.store.read()[0], small.store.read()[77]):
        proof = json.loads(json.dumps(proofs.inclusion(small, event.id)))
        assert proofs.check(proof, key).startswith(f"This event is number {event.seq} of")
        assert "Nowruzian" not in json.dumps(proof)
    with pytest.raises(OnwardError, match="no such event"):
        proofs.inclusion(small, "nothing")


def test_a_record_is_proven_to_have_only_grown(small, key):
    earlier = signing.now(small)
    acts.record(Actor("amina", EVERYBODYS), Subject("person", "H1-P1"), "recorded", effective="2026-06-10",
                facts={"language": "ku"}, idempotency_key="later")  # fmt: skip
    proof = proofs.growth(small, earlier)
    assert "are those of the earlier checkpoint" in proofs.check(proof, key)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p["event"].update(by="nobody"),
        lambda p: p.update(index=p["index"] + 1),
        lambda p: p.update(salt="00" * 16),
        lambda p: p["path"].pop(),
        lambda p: p["path"].append("00" * 32),
        lambda p: p.update(
            checkpoint=p["checkpoint"].replace("onward/meridian", "onward/other")
        ),
        lambda p: p.update(proof="growth"),
        lambda p: p.pop("path"),
    ],
)
def test_a_changed_proof_does_not_hold(small, key, change):
    proof = copy.deepcopy(proofs.inclusion(small, small.store.read()[20].id))
    change(proof)
    with pytest.raises(OnwardError):
        proofs.check(proof, key)
