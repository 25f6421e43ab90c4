"""A checkpoint is the signed note that transparency logs use, and no other text passes for one."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from onward.errors import OnwardError
from onward.registry.log import checkpoints
from onward.registry.log.checkpoints import Checkpoint, NotACheckpoint

SEED = bytes(range(32))
PUBLIC = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
ROOT = hashlib.sha256(b"root").digest()
SEAL = hashlib.sha256(b"seal").digest()
GIVEN = f"given 12 {base64.b64encode(SEAL).decode()}"
FULL = Checkpoint("onward/meridian", 3715, ROOT, "2026-06-10T08:00:00Z", GIVEN)
SHORT = Checkpoint("onward/meridian", 0, ROOT)


def by_hand(lines, *, seed=SEED, name="onward/meridian", mark="—"):
    """A signed note written from its specification (C2SP signed-note)."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes_raw()
    text = "".join(f"{line}\n" for line in lines)
    number = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    signature = base64.b64encode(number + key.sign(text.encode())).decode()
    return f"{text}\n{mark} {name} {signature}\n"


def lines_of(origin="onward/meridian", size="3715", root=None, *more):
    return [origin, size, base64.b64encode(ROOT).decode() if root is None else root, *more]


def test_what_is_signed_is_the_note_of_the_specification():
    lines = lines_of("onward/meridian", "3715", None, "2026-06-10T08:00:00Z", GIVEN)
    assert checkpoints.sign(FULL, SEED) == by_hand(lines)
    assert checkpoints.sign(SHORT, SEED) == by_hand(lines_of(size="0"))


@pytest.mark.parametrize(
    "checkpoint", [FULL, SHORT, Checkpoint("onward/a", 1, ROOT, "", GIVEN)]
)
def test_what_is_signed_reads_as_it_was(checkpoint):
    text = checkpoints.sign(checkpoint, SEED)
    assert checkpoints.check(text, PUBLIC) == checkpoint
    assert checkpoints.read(text) == checkpoint
    assert checkpoints.read(checkpoint.body()) == checkpoint


def test_a_checkpoint_copied_from_a_letter_still_reads():
    """Line ends of another system, empty lines around it, a hyphen for the dash."""
    text = checkpoints.sign(FULL, SEED)
    for copied in (text.replace("\n", "\r\n"), f"\n\n{text}\n\n", text.replace("—", "-")):
        assert checkpoints.check(copied, PUBLIC) == FULL


@pytest.mark.parametrize("at", range(5))
def test_a_checkpoint_with_any_line_changed_is_not_signed(at):
    lines = checkpoints.sign(FULL, SEED).split("\n")
    other = base64.b64encode(SEAL).decode()
    changed = ["onward/other", "3716", other, "2026-06-10T08:00:01Z", GIVEN.replace("12", "13")]
    lines[at] = changed[at]
    with pytest.raises(NotACheckpoint, match="not signed by this operation's key"):
        checkpoints.check("\n".join(lines), PUBLIC)


def test_a_signature_counts_only_under_its_name_and_by_its_key():
    lines = lines_of("onward/meridian", "3715", None, "2026-06-10T08:00:00Z", GIVEN)
    signed = by_hand(lines)
    assert checkpoints.check(signed, PUBLIC) == FULL
    for refused in (
        by_hand(lines, seed=b"1" * 32),
        by_hand(lines, name="onward/other"),
        by_hand(lines, mark="*"),
        signed.partition("\n\n")[0] + "\n",
        signed.replace("— onward/meridian ", "— onward/meridian extra "),
        re.sub(r"(— \S+ )\S+", r"\1!!!!", signed),
        re.sub(r"(— \S+ )\S+", r"\1", signed),
    ):
        with pytest.raises(NotACheckpoint, match="not signed by this operation's key"):
            checkpoints.check(refused, PUBLIC)


def test_a_witness_may_sign_beside_the_operation():
    """Signatures of others, also broken ones, neither help nor harm."""
    lines = lines_of("onward/meridian", "3715", None, "2026-06-10T08:00:00Z", GIVEN)
    own = by_hand(lines).split("\n")[-2]
    stranger = by_hand(lines, seed=b"1" * 32).split("\n")[-2]
    witness = by_hand(lines, seed=b"2" * 32, name="witness.example").split("\n")[-2]
    body = FULL.body()
    for others in ([stranger, witness], ["— onward/meridian !!!!"], ["— a b c", "nothing"]):
        assert checkpoints.check("\n".join([body, *others, own]), PUBLIC) == FULL
        with pytest.raises(NotACheckpoint):
            checkpoints.check("\n".join([body, *others]), PUBLIC)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["onward/meridian"],
        ["onward/meridian", "1"],
        lines_of("other/meridian"),
        lines_of("onward/"),
        lines_of("onward/me ridian"),
        lines_of("x onward/meridian"),
        lines_of(size="-1"),
        lines_of(size="many"),
        lines_of(root="not base64!"),
        lines_of(root="!" + base64.b64encode(ROOT).decode()),
        lines_of(root=base64.b64encode(ROOT[:31]).decode()),
        lines_of(root=base64.b64encode(ROOT + b"x").decode()),
    ],
)
def test_a_text_that_is_no_checkpoint_is_refused_even_when_signed(lines):
    with pytest.raises(NotACheckpoint, match="not a checkpoint; expected the lines printed"):
        checkpoints.check(by_hand(lines), PUBLIC)


def test_where_the_list_of_what_was_given_ends_is_read_from_its_line():
    assert FULL.given() == (12, SEAL)
    for none in ("", "given 12", "given many QUJD", "given 12 !!!!", "given 1 2 QUJD"):
        assert Checkpoint("onward/meridian", 1, ROOT, "", none).given() is None


def test_a_verifier_key_is_written_as_other_logs_write_theirs():
    """The published key of Go's checksum database, and what is made here."""
    text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    origin, public = checkpoints.public_of(f" {text}\n")
    assert origin == "sum.golang.org"
    assert checkpoints.verifier_key(origin, public) == text
    own = checkpoints.verifier_key(checkpoints.origin_of("meridian"), PUBLIC)
    assert checkpoints.public_of(own) == ("onward/meridian", PUBLIC)


@pytest.mark.parametrize(
    "change",
    [
        lambda name, number, key: f"onward/other+{number}+{key}",
        lambda name, number, key: f"{name}+{'0' * 8}+{key}",
        lambda name, number, key: f"{name}+{number}",
        lambda name, number, key: name,
        lambda name, number, key: "",
        lambda name, number, key: f"{name}+{number}+{key[:-4]}",
        lambda name, number, key: f"{name}+{number}+{key}!",
        lambda name, number, key: f"{name}+{number}+{key}QUJD",
        lambda name, number, key: f"{name}+{number}+{of_kind(2, key)}",
        lambda name, number, key: f"{name}+{made_up(name, key, 34)}",
        lambda name, number, key: f"{name}+{made_up(name, key, 32)}",
    ],
)
def test_a_changed_verifier_key_is_refused(change):
    name, number, key = checkpoints.verifier_key("onward/meridian", PUBLIC).split("+", 2)
    with pytest.raises(NotACheckpoint, match="not a verifier key; expected onward/NAME"):
        checkpoints.public_of(change(name, number, key))


def of_kind(kind, key):
    return base64.b64encode(bytes([kind]) + base64.b64decode(key)[1:]).decode()


def made_up(name, key, length):
    """A key of another length, with the number that would belong to it."""
    data = (base64.b64decode(key) + b"x")[:length]
    number = hashlib.sha256(name.encode() + b"\n" + data).hexdigest()[:8]
    return f"{number}+{base64.b64encode(data).decode()}"


def test_a_checkpoint_is_given_as_a_file_or_as_text(tmp_path):
    text = checkpoints.sign(FULL, SEED)
    kept = tmp_path / "kept.txt"
    kept.write_text(text, "utf-8")
    assert checkpoints.text_of(str(kept)) == text
    assert checkpoints.text_of(text) == text
    with pytest.raises(
        NotACheckpoint, match=r"missing\.txt was not found\..*expected the lines"
    ):
        checkpoints.text_of(str(tmp_path / "missing.txt"))
    kept.write_bytes(b"\xff\xfe")
    with pytest.raises(NotACheckpoint, match=r"^kept\.txt cannot be read as a checkpoint"):
        checkpoints.text_of(str(kept))
    assert issubclass(NotACheckpoint, OnwardError)
