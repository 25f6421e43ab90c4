"""Each way in opens the operation's keys, nothing else does, and what was renewed stays closed."""

from __future__ import annotations

import base64
import json
import os
import re
import stat
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from pyrage import x25519

from onward.registry import site
from onward.registry.keyring import keys, rotation
from onward.registry.keyring.keys import KeyRefused, RootKey

OPERATION = "meridian"
SECRET = bytes(range(32))


@pytest.fixture
def key():
    return RootKey.new()


@pytest.fixture
def key_file(tmp_path, key):
    """A key file, and in the folder beside it the keys it opens."""
    path = tmp_path / "amina.key"
    slot = keys.key_file_slot(OPERATION, key, keys.new_key_file(path))
    folder(tmp_path).mkdir()
    keys.create(folder(tmp_path), OPERATION, [slot], key)
    return path


def folder(tmp_path):
    return tmp_path / "camp"


def changed(tmp_path, change):
    """Change keys.json as somebody would who holds the disk."""
    path = folder(tmp_path) / keys.KEYS
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def same(one, other):
    return (one.file_key, one.inner, dict(one.roots), one.active) == (
        other.file_key, other.inner, dict(other.roots), other.active,
    )  # fmt: skip


# -- sealing ----------------------------------------------------------------------------------


@given(st.binary(max_size=80), st.text(max_size=20))
def test_what_is_sealed_opens_with_its_key_in_its_place_and_nowhere_else(secret, place):
    sealed = keys.wrap(SECRET, secret, place)
    assert keys.unwrap(SECRET, sealed, place) == secret
    with pytest.raises(KeyRefused):
        keys.unwrap(SECRET, sealed, place + "x")
    with pytest.raises(KeyRefused):
        keys.unwrap(SECRET[::-1], sealed, place)


def test_what_is_sealed_is_a_form_a_nonce_and_aes_256_gcm():
    sealed = keys.wrap(SECRET, b"what is kept", "file 7")
    assert sealed[0] == 1
    assert AESGCM(SECRET).decrypt(sealed[1:13], sealed[13:], b"file 7") == b"what is kept"


def test_nothing_sealed_opens_after_any_byte_of_it_is_changed_or_cut():
    sealed = keys.wrap(SECRET, b"seven", "here")
    for at in range(len(sealed)):
        other = bytearray(sealed)
        other[at] ^= 1
        with pytest.raises(KeyRefused):
            keys.unwrap(SECRET, bytes(other), "here")
        with pytest.raises(KeyRefused, match=r"damaged|does not open"):
            keys.unwrap(SECRET, sealed[:at], "here")


def test_sealing_twice_gives_nothing_away_of_it_being_the_same():
    assert len({keys.wrap(SECRET, b"same", "here")[1:13] for _ in range(64)}) == 64


def test_the_shortest_sealed_value_is_sealed_nothing():
    empty = keys.wrap(SECRET, b"", "here")
    assert keys.unwrap(SECRET, empty, "here") == b""
    assert keys.is_wrapped(empty)
    assert not keys.is_wrapped(empty[:-1])
    assert not keys.is_wrapped(b"\x02" + empty[1:])
    assert not keys.is_wrapped(b"%PDF-1.7 a scan that was never sealed")


@given(st.binary(min_size=1, max_size=64), st.text(max_size=20))
def test_a_derived_key_is_the_one_of_rfc_5869(secret, purpose):
    wanted = HKDF(hashes.SHA256(), 32, salt=b"\0" * 32, info=b"onward/" + purpose.encode())
    assert keys.derive(secret, purpose) == wanted.derive(secret)


def test_a_root_key_has_thirty_two_bytes_and_never_prints_them():
    for length in (0, 31, 33):
        with pytest.raises(ValueError, match="32 bytes"):
            RootKey(bytes(length))
    assert repr(RootKey(SECRET)) == "RootKey()"
    assert RootKey(SECRET).derive("keyring") == keys.derive(SECRET, "keyring")
    assert RootKey.new() != RootKey.new()


# -- keys.json --------------------------------------------------------------------------------


def test_only_its_root_key_opens_the_keyring(tmp_path, key_file, key):
    ring = keys.opened(folder(tmp_path), key)
    assert ring.operation == OPERATION
    assert ring.root == ring.roots[ring.active]
    assert len({ring.file_key, ring.inner, ring.root, key.secret}) == 4
    assert {len(each) for each in (ring.file_key, ring.inner, ring.root)} == {32}
    for each in (ring.file_key, ring.inner, ring.root):
        assert repr(each)[2:-1] not in repr(ring)
        assert each.hex() not in repr(ring)
    with pytest.raises(KeyRefused):
        keys.opened(folder(tmp_path), RootKey.new())


def test_the_file_of_keys_holds_none_of_them_and_only_its_owner_reads_it(
    tmp_path, key_file, key
):
    path = folder(tmp_path) / "keys.json"
    ring, text = keys.opened(folder(tmp_path), key), path.read_text("ascii")
    for secret in (
        key.secret,
        ring.file_key,
        ring.inner,
        ring.root,
        keys.read_key_file(key_file),
    ):
        assert base64.b64encode(secret).decode() not in text
        assert secret.hex() not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in folder(tmp_path).iterdir()] == ["keys.json"]
    data = json.loads(text)
    today = datetime.now(UTC).date().isoformat()
    assert (data["form"], data["operation"], data["since"]) == (1, OPERATION, today)
    assert [(slot["kind"], slot["made"]) for slot in data["slots"]] == [("key-file", today)]


def test_keys_are_never_made_over_others(tmp_path, key_file, key):
    before = (folder(tmp_path) / "keys.json").read_bytes()
    with pytest.raises(KeyRefused, match="has its keys already"):
        keys.create(folder(tmp_path), OPERATION, [], RootKey.new())
    assert (folder(tmp_path) / "keys.json").read_bytes() == before


@pytest.mark.parametrize("one", ["file", "inner"])
def test_a_sealed_key_moved_to_another_place_opens_nothing(tmp_path, key_file, key, one):
    other = {"file": "inner", "inner": "file"}[one]
    changed(tmp_path, lambda data: data.update({one: data[other]}))
    with pytest.raises(KeyRefused):
        keys.opened(folder(tmp_path), key)


def test_keys_of_another_operation_open_nothing(tmp_path, key_file, key):
    changed(tmp_path, lambda data: data.update(operation="other"))
    with pytest.raises(KeyRefused):
        keys.opened(folder(tmp_path), key)
    with pytest.raises(KeyRefused):
        keys.with_key_file(folder(tmp_path), key_file)


def test_an_older_keyring_without_an_inner_key_stands_on_its_root_key(tmp_path, key_file, key):
    changed(tmp_path, lambda data: data.pop("inner"))
    assert keys.opened(folder(tmp_path), key).inner == key.secret


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is missing"),
        (b"\xff\xfe", "cannot be read"),
        (b"{", "cannot be read"),
        (b"[1]", "is of a form this version does not know"),
        (b'{"form": 2}', "is of a form this version does not know"),
        (b"{}", "is of a form this version does not know"),
    ],
)
def test_a_file_of_keys_that_cannot_be_read_is_said_to_be_so(
    tmp_path, key_file, key, content, said
):
    path = folder(tmp_path) / "keys.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeyRefused, match=f"^{re.escape(str(path))} {said}"):
        keys.opened(folder(tmp_path), key)


@pytest.mark.parametrize("damaged", ["not base64!", "QUJD RA==", None, 7])
def test_a_damaged_value_is_said_to_be_one(tmp_path, key_file, key, damaged):
    changed(tmp_path, lambda data: data.update(file=damaged))
    with pytest.raises(KeyRefused, match="holds a damaged value"):
        keys.opened(folder(tmp_path), key)


# -- renewing ---------------------------------------------------------------------------------


def test_a_new_root_key_wraps_from_now_on_and_the_old_one_still_opens(tmp_path, key_file, key):
    before = keys.opened(folder(tmp_path), key)
    after = keys.begin_rotation(folder(tmp_path), key)
    assert after.active != before.active
    assert after.roots[before.active] == before.root
    assert after.root != before.root
    assert len(after.roots) == 2
    assert (after.file_key, after.inner) == (before.file_key, before.inner)
    assert same(keys.opened(folder(tmp_path), key), after)


def test_a_renewal_is_of_its_day_and_changes_nothing_else_in_the_file(tmp_path, key_file, key):
    changed(tmp_path, lambda data: data.update(since="2020-01-01"))
    before = json.loads((folder(tmp_path) / "keys.json").read_text())
    ring = keys.begin_rotation(folder(tmp_path), key)
    after = json.loads((folder(tmp_path) / "keys.json").read_text())
    today = datetime.now(UTC).date().isoformat()
    roots = {**before["roots"], ring.active: after["roots"][ring.active]}
    assert after == {**before, "active": ring.active, "since": today, "roots": roots}


def test_after_renewal_the_old_secret_opens_nothing_and_every_way_in_still_does(
    tmp_path, key_file, key
):
    slot, code = keys.recovery_slot(OPERATION, key)
    keys.add_slots(folder(tmp_path), key, [slot])
    before = json.loads((folder(tmp_path) / "keys.json").read_text())
    ring = keys.begin_rotation(folder(tmp_path), key)
    done, new = keys.finish_rotation(folder(tmp_path), key, set())
    assert dict(done.roots) == {ring.active: ring.root}
    assert (done.active, done.file_key, done.inner) == (ring.active, ring.file_key, ring.inner)
    assert new != key
    with pytest.raises(KeyRefused):
        keys.opened(folder(tmp_path), key)
    assert same(keys.opened(folder(tmp_path), new), done)
    assert keys.with_key_file(folder(tmp_path), key_file) == new
    assert keys.with_recovery_code(folder(tmp_path), code) == new
    after = json.loads((folder(tmp_path) / "keys.json").read_text())
    for old, slot in zip(before["slots"], after["slots"], strict=True):
        kept = ("kind", "id", "public", "made")
        assert [old[name] for name in kept] == [slot[name] for name in kept]
        assert old["once"] != slot["once"]


def test_a_root_key_that_something_still_needs_is_kept(tmp_path, key_file, key):
    old = keys.opened(folder(tmp_path), key)
    keys.begin_rotation(folder(tmp_path), key)
    done, _ = keys.finish_rotation(folder(tmp_path), key, {old.active})
    assert done.roots[old.active] == old.root
    assert len(done.roots) == 2


def test_a_way_in_that_was_taken_away_does_not_open_what_was_renewed(tmp_path, key_file, key):
    """Whoever kept a copy of the old file and a way in to it has nothing of the new one."""
    slot, code = keys.recovery_slot(OPERATION, key)
    keys.add_slots(folder(tmp_path), key, [slot])
    old = keys.with_recovery_code(folder(tmp_path), code)
    assert keys.drop_slots(folder(tmp_path), key, "recovery") == 1
    keys.begin_rotation(folder(tmp_path), key)
    keys.finish_rotation(folder(tmp_path), key, set())
    with pytest.raises(KeyRefused):
        keys.with_recovery_code(folder(tmp_path), code)
    with pytest.raises(KeyRefused):
        keys.opened(folder(tmp_path), old)


def test_who_missed_an_earlier_renewal_changes_nothing(small):
    """One process renewed the keys; another still holds the secret from before and renews too."""
    before = site.current().root
    keys.begin_rotation(small.path, before)
    ring, new = keys.finish_rotation(small.path, before, {site.current().ring.active})
    kept = (small.path / "keys.json").read_bytes()
    with pytest.raises(KeyRefused):
        rotation.rotate()
    assert (small.path / "keys.json").read_bytes() == kept
    assert same(keys.opened(small.path, new), ring)


def older(key, secret):
    """A way in as the first version made it: sealed under the key itself."""
    sealed = keys.wrap(keys.derive(secret, "key-file"), key.secret, f"{OPERATION}/key-file/1")
    return {"kind": "key-file", "id": "1", "sealed": base64.b64encode(sealed).decode()}


def test_a_way_in_of_an_older_version_opens_and_stands_in_the_way_of_renewal(
    tmp_path, key_file, key
):
    keys.require_renewable(folder(tmp_path))
    other = tmp_path / "bilal.key"
    keys.add_slots(folder(tmp_path), key, [older(key, keys.new_key_file(other))])
    assert keys.with_key_file(folder(tmp_path), other) == key
    with pytest.raises(KeyRefused, match=r"made by an older Onward \(key-file\)"):
        keys.require_renewable(folder(tmp_path))


# -- key files --------------------------------------------------------------------------------


def test_a_key_file_opens_the_operation_it_was_made_for(tmp_path, key_file, key):
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert keys.with_key_file(folder(tmp_path), key_file) == key
    other = tmp_path / "keys" / "of-others" / "other.key"
    assert keys.new_key_file(other) == keys.read_key_file(other)
    with pytest.raises(KeyRefused, match=r"other\.key does not open this operation"):
        keys.with_key_file(folder(tmp_path), other)


def test_a_key_file_is_never_written_over(key_file):
    before = key_file.read_bytes()
    with pytest.raises(FileExistsError):
        keys.new_key_file(key_file)
    assert key_file.read_bytes() == before


@pytest.mark.parametrize("bit", [0o40, 0o20, 0o10, 0o4, 0o2, 0o1])
def test_a_key_file_that_others_can_reach_is_refused(tmp_path, key_file, bit):
    key_file.chmod(0o600 | bit)
    with pytest.raises(KeyRefused, match=r"can be read by others.*chmod 600"):
        keys.read_key_file(key_file)
    key_file.chmod(0o400)
    assert len(keys.read_key_file(key_file)) == 32


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"onward-key-1",
        b"onward-key-2 " + base64.b64encode(SECRET),
        b"onward-key-1 " + base64.b64encode(SECRET[:31]),
        b"onward-key-1 " + base64.b64encode(SECRET + b"x"),
        b"onward-key-1 not!base64",
        b"onward-key-1 \xff\xfe",
    ],
)
def test_what_is_no_key_file_is_said_to_be_none(tmp_path, content):
    path = tmp_path / "some.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyRefused, match=r"some\.key is not a key file of Onward"):
        keys.read_key_file(path)
    with pytest.raises(KeyRefused, match=r"missing\.key cannot be read.*ONWARD_KEY_FILE"):
        keys.read_key_file(tmp_path / "missing.key")


# -- passphrases, recovery codes --------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch):
    """A passphrase that is quick to try; what it costs stands in the slot."""
    monkeypatch.setattr(keys, "ARGON2", {"time": 1, "memory_kib": 64, "lanes": 2})


def test_trying_one_passphrase_costs_what_is_recommended(key):
    """RFC 9106's second recommended choice: three passes over 64 MiB; never less."""
    slot = keys.passphrase_slot(OPERATION, key, "a long enough phrase")
    assert slot["argon2"]["time"] >= 3
    assert slot["argon2"]["memory_kib"] >= 64 * 1024
    assert len(base64.b64decode(slot["argon2"]["salt"])) == 16


def test_a_passphrase_opens_and_another_does_not(tmp_path, key_file, key, quick, monkeypatch):
    slot = keys.passphrase_slot(OPERATION, key, "twelve chars")
    assert slot["argon2"] == {**keys.ARGON2, "salt": slot["argon2"]["salt"]}
    again = keys.passphrase_slot(OPERATION, key, "twelve chars")
    assert again["argon2"]["salt"] != slot["argon2"]["salt"]
    keys.add_slots(folder(tmp_path), key, [slot])
    # What a slot costs was written when it was made; a later cost does not close it.
    monkeypatch.setattr(keys, "ARGON2", {"time": 2, "memory_kib": 128, "lanes": 1})
    assert keys.with_passphrase(folder(tmp_path), "twelve chars") == key
    with pytest.raises(KeyRefused, match="That passphrase does not open"):
        keys.with_passphrase(folder(tmp_path), "twelve charS")


def test_a_passphrase_is_stretched_by_argon2id(key, quick):
    from argon2.low_level import Type, hash_secret_raw

    slot = keys.passphrase_slot(OPERATION, key, "a long enough phrase")
    stretched = hash_secret_raw(
        b"a long enough phrase", base64.b64decode(slot["argon2"]["salt"]), time_cost=1,
        memory_cost=64, parallelism=2, hash_len=32, type=Type.ID,
    )  # fmt: skip
    private = x25519_private(keys.derive(stretched, "slot"))
    assert base64.b64encode(private.public_key().public_bytes_raw()).decode() == slot["public"]


def x25519_private(secret):
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(secret)


def test_a_passphrase_of_fewer_than_twelve_characters_is_refused(key, quick):
    keys.passphrase_slot(OPERATION, key, "x" * 12)
    with pytest.raises(KeyRefused, match="at least 12"):
        keys.passphrase_slot(OPERATION, key, "x" * 11)


def test_a_recovery_code_is_eight_groups_of_four_and_forgives_how_it_is_typed(
    tmp_path, key_file, key
):
    slot, code = keys.recovery_slot(OPERATION, key)
    assert re.fullmatch(r"([A-Z2-7]{4}-){7}[A-Z2-7]{4}", code)
    keys.add_slots(folder(tmp_path), key, [slot])
    for typed in (code, code.lower(), code.replace("-", " "), f" {code.replace('-', '')}\n"):
        assert keys.with_recovery_code(folder(tmp_path), typed) == key
    _, another = keys.recovery_slot(OPERATION, key)
    assert another != code
    with pytest.raises(KeyRefused, match="That recovery code does not open"):
        keys.with_recovery_code(folder(tmp_path), another)
    for nonsense in ("ABC", "!", "ABCD-1890"):
        with pytest.raises(KeyRefused, match="not a recovery code"):
            keys.with_recovery_code(folder(tmp_path), nonsense)


# -- adding ways in and taking them away ------------------------------------------------------


def test_every_way_in_of_a_kind_is_tried(tmp_path, key_file, key):
    codes = []
    for _ in range(3):
        slot, code = keys.recovery_slot(OPERATION, key)
        keys.add_slots(folder(tmp_path), key, [slot])
        codes.append(code)
    assert [keys.with_recovery_code(folder(tmp_path), code) for code in codes] == [key] * 3


def test_a_way_in_opens_nothing_under_the_name_of_another(tmp_path, key_file, key):
    def swap(data):
        first, second = data["slots"]
        first["id"], second["id"] = second["id"], first["id"]

    other = tmp_path / "bilal.key"
    slot = keys.key_file_slot(OPERATION, key, keys.new_key_file(other))
    keys.add_slots(folder(tmp_path), key, [slot])
    assert keys.with_key_file(folder(tmp_path), other) == key
    changed(tmp_path, swap)
    for path in (key_file, other):
        with pytest.raises(KeyRefused):
            keys.with_key_file(folder(tmp_path), path)


def test_a_way_in_made_over_a_point_everybody_knows_is_refused(tmp_path, key_file, key):
    """An all-zero point of the curve gives the same shared secret to everybody."""
    nothing = base64.b64encode(bytes(32)).decode()
    changed(tmp_path, lambda data: data["slots"][0].update(once=nothing))
    with pytest.raises(KeyRefused):
        keys.with_key_file(folder(tmp_path), key_file)


def test_only_who_opens_the_keyring_changes_the_ways_in(tmp_path, key_file, key):
    stranger = RootKey.new()
    slot, code = keys.recovery_slot(OPERATION, stranger)
    before = (folder(tmp_path) / "keys.json").read_bytes()
    for change in (
        lambda: keys.add_slots(folder(tmp_path), stranger, [slot]),
        lambda: keys.drop_slots(folder(tmp_path), stranger, "recovery"),
        lambda: keys.begin_rotation(folder(tmp_path), stranger),
        lambda: keys.finish_rotation(folder(tmp_path), stranger, set()),
    ):
        with pytest.raises(KeyRefused):
            change()
    assert (folder(tmp_path) / "keys.json").read_bytes() == before
    with pytest.raises(KeyRefused):
        keys.with_recovery_code(folder(tmp_path), code)


def test_the_last_way_in_is_never_taken_away(tmp_path, key_file, key):
    with pytest.raises(KeyRefused, match="last way into this operation"):
        keys.drop_slots(folder(tmp_path), key, "key-file")
    assert keys.drop_slots(folder(tmp_path), key, "recovery") == 0
    slot, code = keys.recovery_slot(OPERATION, key)
    keys.add_slots(folder(tmp_path), key, [slot])
    assert keys.drop_slots(folder(tmp_path), key, "key-file") == 1
    assert keys.with_recovery_code(folder(tmp_path), code) == key
    with pytest.raises(KeyRefused):
        keys.with_key_file(folder(tmp_path), key_file)


def test_the_key_file_of_who_takes_the_others_away_may_stay(tmp_path, key_file, key):
    others = [tmp_path / "bilal.key", tmp_path / "chantal.key"]
    for path in others:
        slot = keys.key_file_slot(OPERATION, key, keys.new_key_file(path))
        keys.add_slots(folder(tmp_path), key, [slot])
    assert keys.drop_slots(folder(tmp_path), key, "key-file", but=key_file) == 2
    assert keys.with_key_file(folder(tmp_path), key_file) == key
    for path in others:
        with pytest.raises(KeyRefused):
            keys.with_key_file(folder(tmp_path), path)


def test_the_ways_in_are_changed_by_one_at_a_time(tmp_path, key_file, key, monkeypatch):
    monkeypatch.setattr(keys, "PATIENCE", 0.1)
    slot, code = keys.recovery_slot(OPERATION, key)
    with keys.changing(folder(tmp_path)):
        for change in (
            lambda: keys.add_slots(folder(tmp_path), key, [slot]),
            lambda: keys.drop_slots(folder(tmp_path), key, "recovery"),
        ):
            with pytest.raises(KeyRefused, match="Somebody else is changing the keys"):
                change()
    keys.add_slots(folder(tmp_path), key, [slot])
    assert keys.with_recovery_code(folder(tmp_path), code) == key
    assert stat.S_IMODE((folder(tmp_path) / keys.TURN).stat().st_mode) == 0o600


# -- custodians -------------------------------------------------------------------------------


@pytest.fixture
def custodians(tmp_path, key_file, key):
    """Three age keys that open the operation only together."""
    people = [x25519.Identity.generate() for _ in range(3)]
    slot = keys.custodian_slot(OPERATION, key, [str(each.to_public()) for each in people])
    keys.add_slots(folder(tmp_path), key, [slot])
    return [str(each) for each in people]


def test_custodians_open_the_operation_together_in_any_order(tmp_path, key, custodians):
    shares = [keys.open_share(folder(tmp_path), f"{each}\n") for each in custodians]
    assert len(set(shares)) == 3
    assert {len(each) for each in shares} == {32}
    assert keys.with_shares(folder(tmp_path), shares) == key
    assert keys.with_shares(folder(tmp_path), shares[::-1]) == key
    assert keys.with_shares(folder(tmp_path), [*shares, shares[0]]) == key


def test_custodians_open_nothing_while_one_of_them_is_missing(tmp_path, custodians):
    shares = [keys.open_share(folder(tmp_path), each) for each in custodians]
    for missing in range(3):
        some = shares[:missing] + shares[missing + 1 :]
        for given_ in (some, some[:1], [*some, os.urandom(32)], [*some, some[0]]):
            with pytest.raises(KeyRefused, match="every custodian's is needed"):
                keys.with_shares(folder(tmp_path), given_)
    with pytest.raises(KeyRefused):
        keys.with_shares(folder(tmp_path), [])


def test_a_share_is_opened_by_its_custodian_alone(tmp_path, custodians):
    stranger = str(x25519.Identity.generate())
    with pytest.raises(KeyRefused, match="No share of this operation"):
        keys.open_share(folder(tmp_path), stranger)
    for nonsense in ("", "AGE-SECRET-KEY-1", str(x25519.Identity.generate().to_public())):
        with pytest.raises(KeyRefused, match="not an age secret key"):
            keys.open_share(folder(tmp_path), nonsense)


def test_a_share_sealed_to_somebody_else_is_said_to_be_damaged(tmp_path, custodians):
    def swap(data):
        shares = data["slots"][1]["shares"]
        shares[0]["sealed"] = shares[1]["sealed"]

    changed(tmp_path, swap)
    with pytest.raises(KeyRefused, match="share is damaged"):
        keys.open_share(folder(tmp_path), custodians[0])


def test_custodians_are_two_different_people_with_age_keys(key):
    one, two = (str(x25519.Identity.generate().to_public()) for _ in range(2))
    for few in ([], [one], [one, one]):
        with pytest.raises(KeyRefused, match="at least two different people"):
            keys.custodian_slot(OPERATION, key, few)
    with pytest.raises(KeyRefused, match="not an age public key"):
        keys.custodian_slot(OPERATION, key, [one, "age1nonsense"])
    shares = keys.custodian_slot(OPERATION, key, [one, two])["shares"]
    assert [share["recipient"] for share in shares] == [one, two]
