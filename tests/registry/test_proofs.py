"""What is proven can be checked by somebody who has no record, and a changed proof is refused."""

from __future__ import annotations

import copy
import json

import pytest
import registry_cast as people
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


def test_a_record_that_has_not_grown_is_the_beginning_of_itself(small, key):
    now = signing.now(small)
    said = proofs.check(proofs.growth(small, now), key)
    size = checkpoints.read(now).size
    assert said == f"The first {size} of the {size} events are those of the earlier checkpoint."


def forged(small, **said):
    """An earlier checkpoint, rightly signed, that says something else of the first ten events."""
    size, root, _recorded = small.store.tree()
    given = {"origin": "onward/meridian", "size": 10, "root": bytes(32)} | said
    assert size > given["size"] or "size" in said
    assert root != given["root"]
    return checkpoints.sign(checkpoints.Checkpoint(**given), signing.signing_seed())


def growing(small):
    from onward.registry.log.ledger import root_of

    ten = root_of(small.store.leaves()[:10])
    return proofs.growth(small, forged(small, root=ten))


@pytest.mark.parametrize(
    "change",
    [
        lambda p, small: p["path"].pop(),
        lambda p, small: p["path"].reverse(),
        lambda p, small: p["path"].append("00" * 32),
        # Signed by the same key: a record that was split, and one of another operation.
        lambda p, small: p.update(earlier=forged(small)),
        lambda p, small: p.update(
            earlier=forged(
                small, origin="onward/other", root=checkpoints.read(p["earlier"]).root
            )
        ),
    ],
)
def test_a_changed_proof_of_growth_does_not_hold(small, key, change):
    proof = growing(small)
    assert proofs.check(proof, key)
    change(proof, small)
    with pytest.raises(
        proofs.NotProven, match=r"^The proof does not hold: the event, a hash or"
    ):
        proofs.check(proof, key)


def test_a_checkpoint_says_how_far_the_log_and_the_list_of_who_was_given_what_go(small):
    from onward.registry.permissions import grants

    public = signing.public_key()
    before = checkpoints.check(signing.now(small), public)
    assert (before.size, before.root, before.recorded) == small.store.tree()
    assert before.recorded, "the instant of the last event stands on every report"
    assert (before.grants, before.given()) == ("", None), "nobody was given anything yet"
    people.account("amina", "protection_officer")
    after = checkpoints.check(signing.now(small), public)
    assert after.given() == grants.head()
    assert after.given()[0] > 0


def test_what_cannot_be_proven_is_said(small, key, tmp_path):
    from onward.registry import Settings, create_operation
    from onward.rulebook import shipped_path

    more = forged(small, size=small.store.last_seq() + 1)
    with pytest.raises(proofs.NotProven, match=r"^The earlier checkpoint counts more events"):
        proofs.growth(small, more)
    with pytest.raises(OnwardError, match=r"^There is no such event in this record\.$"):
        proofs.inclusion(small, "nothing")
    for strange in ({}, {"proof": "growth"}, {**growing(small), "proof": "trust me"}):
        with pytest.raises(
            OnwardError, match=r"^That is not a proof; expected the JSON of onward"
        ):
            proofs.check(strange, key)
    plain = create_operation(
        tmp_path / "plain",
        Settings(id="plain", title="Plain", kind="protected-camp", demonstration=True),
        rulebook_text=shipped_path("protected-camp").read_text("utf-8"),
        effective="2026-01-01", by="amina",
    )  # fmt: skip
    with pytest.raises(OnwardError, match=r"^A record in plain files has no tree; only an"):
        proofs.inclusion(plain, "any")
    assert signing.now(plain) == "", "nor has it a checkpoint"
