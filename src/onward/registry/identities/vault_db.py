"""Identities in the database, encrypted field by field.

Exists because a stolen file is only one way to lose names: a dump, a backup, a query and a
curious administrator are others. Each person has a data key of their own for identity and one
for what is sealed (claim grounds, health, notes), wrapped by the office's key, wrapped by the
root key. A value is bound to its table, field, row, person and key, so that it opens nowhere
else. Searching decrypts and compares in memory; there is no index of names. Destroying a
person's keys erases everything kept under them.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from onward.registry.identities.former import FORMER, preserved
from onward.registry.identities.vault import VaultRefused
from onward.registry.keyring.keys import KEY_BYTES, KeyRefused, unwrap, wrap

IDENTITY, SEALED, OFFICE = "identity", "sealed", "office"
OFFICE_NAME = "main"
ROW_SECRET = "row-keys"
CHUNK = 500


def purpose_of(field: str) -> str:
    """Which of a person's two keys a field is kept under."""
    return (
        SEALED
        if field.startswith(("sealed.", "claim.", "health.")) or field == "notes"
        else IDENTITY
    )


class EncryptedVault:
    """The vault of the site that is open; see `onward.registry.identities.vault.Vault`."""

    def put(
        self, identities: Mapping[str, Mapping[str, str]], *, office: str = OFFICE_NAME
    ) -> None:
        """Keep or replace the identity of these people, all of them or none. What a legal hold
        keeps of an identity that is replaced stays beside the new one (`identities.former`)."""
        from onward.registry.database import trips
        from onward.registry.identities.held import held
        from onward.registry.models import Grave, Identity

        with _writing():
            people = sorted(identities)
            keeps = held()
            erased: set[str] = set()
            beside = {*keeps.intersection(people)}
            for part in _parts(people):
                graves, former = trips.ask(
                    Grave.objects.filter(person__in=part).values_list("person", flat=True),
                    Identity.objects.filter(person__in=part, field=FORMER)
                    .values_list("person", flat=True),
                )  # fmt: skip
                erased.update(graves)
                beside.update(former)
            identities = self._preserved(identities, beside, keeps)
            for part in _parts(people):
                Identity.objects.filter(person__in=part).delete()
            if erased:
                raise VaultRefused(
                    f"{len(erased)} of these people had their identity erased on request; it is "
                    "not kept again. Nothing was kept. Ask them, then lift the erasure first."
                )
            wanted = {
                (purpose_of(field), person)
                for person, fields in identities.items()
                for field in fields
            }
            keys = self._keys(wanted, office)
            now = _changed(whole=not all(identities.values()))
            rows = []
            for person, fields in identities.items():
                for field, value in fields.items():
                    key_id, key = keys[purpose_of(field), person]
                    row = str(uuid.uuid4())
                    place = _place(person, field, row, key_id)
                    rows.append(
                        Identity(
                            operation=_operation(), person=person, field=field, row=row,
                            key_id=key_id, sealed=wrap(key, value.encode(), place), turn=now,
                        )
                    )  # fmt: skip
            Identity.objects.bulk_create(rows, batch_size=500)

    def _preserved(
        self,
        identities: Mapping[str, Mapping[str, str]],
        beside: set[str],
        keeps: Collection[str],
    ) -> Mapping[str, Mapping[str, str]]:
        """Identities about to be kept, with what is not lost of those kept now.

        beside  who has something kept beside their identity, or may get it now
        keeps   whom a legal hold keeps
        """
        from onward.registry.site import operation

        if not beside:
            return identities
        day, kept = operation().default_date().isoformat(), self.read([*beside])
        return dict(identities) | {
            person: preserved(
                kept.get(person, {}), identities[person], held=person in keeps, day=day
            )
            for person in beside
        }

    def get(self, person: str) -> Mapping[str, str] | None:
        """One person's whole identity, sealed fields included; None when none is kept."""
        found = self.read([person])
        return found.get(person)

    def get_many(self, people: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
        return self.read(list(people))

    def read(self, people: Sequence[str], *, sealed: bool = True) -> dict[str, dict[str, str]]:
        """The identities of some people.

        sealed  with claim grounds, health and notes, which most roles never see
        """
        from onward.registry.models import Identity

        found: dict[str, dict[str, str]] = {}
        for part in _parts(sorted(set(people))):
            rows = Identity.objects.filter(person__in=part)
            for person, field, value in self._opened(rows, sealed=sealed):
                found.setdefault(person, {})[field] = value
        return found

    def names(self, people: Sequence[str] | None = None) -> Iterator[tuple[str, str, str]]:
        """(person, field, value) of every name and number kept: what a search compares.

        people  only theirs; None: everybody's
        """
        from django.db.models import Q

        from onward.registry.models import Identity

        rows = Identity.objects.filter(
            Q(field__startswith="name.") | Q(field__startswith="document.") | Q(field="number")
        )
        if people is None:
            yield from self._opened(rows, sealed=False)
            return
        for part in _parts(sorted(set(people))):
            yield from self._opened(rows.filter(person__in=part), sealed=False)

    def changed_since(self, turn: int) -> list[str]:
        """Whose names and numbers were written or erased after a change of the vault."""
        from onward.registry.models import Grave, Identity

        written = Identity.objects.filter(turn__gt=turn).order_by()
        people = set(written.values_list("person", flat=True).distinct())
        return sorted(people | set(Grave.objects.values_list("person", flat=True)))

    # -- whole files --------------------------------------------------------------------------

    def writing(self) -> Any:
        """The transaction in which something recorded and its files are kept together."""
        return _writing()

    def attach(self, held: Any, content: bytes, *, purpose: str, by: str) -> None:
        """Keep one file under a person's key; see `onward.registry.identities.attachments`."""
        from onward.registry.models import Attachment, Grave

        with _writing():
            if Grave.objects.filter(person=held.person).exists():
                raise VaultRefused(
                    "This person's identity was erased on request, so no file is kept. Nothing "
                    "was recorded. Record it without the file."
                )
            wanted = purpose, held.person
            key_id, key = self._keys([wanted], OFFICE_NAME)[wanted]
            place = _file_place(held.person, held.reference, held.media, key_id)
            Attachment.objects.bulk_create(
                [Attachment(
                    operation=_operation(), reference=held.reference, person=held.person,
                    about=held.about, thing=held.thing, media=held.media, size=held.size,
                    day=held.day, by=by, purpose=purpose, key_id=key_id,
                    sealed=wrap(key, content, place),
                )]
            )  # fmt: skip

    def attached(self, reference: str) -> bytes:
        """One file, with its salt before it.

        raises  KeyRefused when it was changed, or moved from another person or key
        """
        from onward.registry.models import Attachment

        row = Attachment.objects.filter(reference=reference).first()
        if row is None:
            raise KeyRefused("The file is not kept here.")
        keys = dict(self._existing({row.person}).values())
        if row.key_id not in keys:
            raise KeyRefused("The file has no key: it was erased, or the record is damaged.")
        place = _file_place(row.person, reference, row.media, row.key_id)
        return unwrap(keys[row.key_id], bytes(row.sealed), place)

    def sealed_note(self, person: str, content: bytes, place: str) -> tuple[str, bytes]:
        """Seal a short text under the key of what is sealed of a person, made where there is none;
        in the transaction in which it is kept. Returns the key's id and what was sealed."""
        from onward.registry.models import Grave

        if Grave.objects.filter(person=person).exists():
            raise VaultRefused(
                "This person's identity was erased on request, so nothing they say is kept. "
                "Nothing was recorded. Record it without their words."
            )
        wanted = SEALED, person
        key_id, key = self._keys([wanted], OFFICE_NAME)[wanted]
        return key_id, wrap(key, content, _note_place(place, person, key_id))

    def opened_note(self, person: str, key_id: str, sealed: bytes, place: str) -> bytes:
        """The inverse of `sealed_note`.

        raises  KeyRefused when it was changed or moved, or its key is gone
        """
        keys = dict(self._existing({person}).values())
        if key_id not in keys:
            raise KeyRefused(
                "What they said has no key: it was erased, or the record is damaged."
            )
        return unwrap(keys[key_id], sealed, _note_place(place, person, key_id))

    def erase(self, person: str, *, by: str) -> bool:
        """Destroy a person's keys and what they kept; whether there was anything.

        raises  VaultRefused while a legal hold keeps the file
        """
        from onward.registry.identities.held import is_held
        from onward.registry.models import Grave, Identity, WrappedKey

        with _writing():
            if is_held(person):
                raise VaultRefused(
                    "A legal hold keeps this file, so nothing was erased. It is erased after whoever "
                    "set the hold ends it."
                )
            gone, _ = WrappedKey.objects.filter(
                purpose__in=(IDENTITY, SEALED), owner=person
            ).delete()
            Identity.objects.filter(person=person).delete()
            _changed()
            forget(person)
            if not Grave.objects.filter(person=person).exists():
                Grave.objects.bulk_create(
                    [Grave(operation=_operation(), person=person, by=by,
                           destroyed=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))]
                )  # fmt: skip
        return bool(gone)

    def lift_erasure(self, person: str) -> None:
        """Let an identity be kept again for somebody who asked for it."""
        from onward.registry.models import Grave

        with _writing():
            Grave.objects.filter(person=person).delete()

    # -- what is kept for a while elsewhere -----------------------------------------------------

    def sealed_with(
        self, people: Iterable[str], content: bytes, place: str
    ) -> tuple[list[str], bytes]:
        """Seal what tells of several people under the identity key of each who has one: with any
        of them erased, nobody can read it, in any copy.

        returns  under whose keys, and what was sealed
        """
        keys = self._existing(set(people))
        whose = sorted(person for purpose, person in keys if purpose == IDENTITY)
        for person in whose:
            key_id, key = keys[IDENTITY, person]
            content = wrap(key, content, _lent_place(place, person, key_id))
        return whose, content

    def opened_with(self, whose: Sequence[str], sealed: bytes, place: str) -> bytes:
        """The inverse of `sealed_with`; raises KeyRefused when one of them was erased."""
        keys = self._existing(set(whose))
        for person in reversed(whose):
            if (IDENTITY, person) not in keys:
                raise KeyRefused("An identity has no key: the record is damaged.")
            key_id, key = keys[IDENTITY, person]
            sealed = unwrap(key, sealed, _lent_place(place, person, key_id))
        return sealed

    # -- secrets of the operation -------------------------------------------------------------

    def row_secret(self) -> bytes:
        """The key under which imports make row keys: 32 random bytes, made once."""
        return self.secret(ROW_SECRET)

    def secret(self, name: str, make: Any = None) -> bytes:
        """A small secret of the operation, made once and kept encrypted."""
        from onward.registry.models import Secret

        place = f"{_operation()}/secret/{name}"
        key = _derived("secrets")
        row = Secret.objects.filter(name=name).first()
        if row is not None:
            return unwrap(key, bytes(row.sealed), place)
        with _writing():
            row = Secret.objects.filter(name=name).first()
            if row is not None:
                return unwrap(key, bytes(row.sealed), place)
            made: bytes = make() if make else os.urandom(KEY_BYTES)
            Secret.objects.bulk_create(
                [Secret(operation=_operation(), name=name, sealed=wrap(key, made, place))]
            )
            return made

    # -- keys ---------------------------------------------------------------------------------

    def rotate_office(self, office: str = OFFICE_NAME) -> int:
        """A new key for an office, its people's keys re-wrapped, in one transaction."""
        from onward.registry.models import WrappedKey

        with _writing():
            old = self._office(office)
            if old is None:
                return 0
            WrappedKey.objects.filter(purpose=OFFICE, owner=office).delete()
            new_id, new = self._make(OFFICE, office, _root_id(), _root())
            rows = list(WrappedKey.objects.filter(above=old[0]))
            return self._rewrap(rows, old[1], new_id, new)

    def rewrap_offices(self) -> int:
        """Wrap every office's key under the active root key; part of a root rotation."""
        from onward.registry.models import WrappedKey

        with _writing():
            rows = [
                row
                for row in WrappedKey.objects.filter(purpose=OFFICE)
                if row.above != _root_id()
            ]
            for row in rows:
                self._rewrap([row], _site().ring.roots[row.above], _root_id(), _root())
        return len(rows)

    def roots_in_use(self) -> set[str]:
        """Ids of the root keys that still wrap something."""
        from onward.registry.models import WrappedKey

        return set(WrappedKey.objects.filter(purpose=OFFICE).values_list("above", flat=True))

    def _rewrap(self, rows: Sequence[Any], old: bytes, new_id: str, new: bytes) -> int:
        from onward.registry.models import WrappedKey

        fresh = []
        for row in rows:
            secret = unwrap(
                old, bytes(row.wrapped), _key_place(row.purpose, row.owner, row.key_id)
            )
            place = _key_place(row.purpose, row.owner, row.key_id)
            fresh.append(
                WrappedKey(
                    operation=row.operation, purpose=row.purpose, owner=row.owner,
                    key_id=row.key_id, above=new_id, wrapped=wrap(new, secret, place),
                )
            )  # fmt: skip
        for part in _parts([row.key_id for row in fresh]):
            WrappedKey.objects.filter(key_id__in=part).delete()
        WrappedKey.objects.bulk_create(fresh, batch_size=500)
        return len(fresh)

    def _office(self, office: str) -> tuple[str, bytes] | None:
        from onward.registry.models import WrappedKey

        row = WrappedKey.objects.filter(purpose=OFFICE, owner=office).first()
        if row is None:
            return None
        try:
            above = _site().ring.roots[row.above]
        except KeyError:
            raise KeyRefused(
                "The key that opens this office's identities is not in keys.json. Put back the "
                "keys.json that belongs to this record (onward restore)."
            ) from None
        return row.key_id, unwrap(
            above, bytes(row.wrapped), _key_place(OFFICE, office, row.key_id)
        )

    def _make(self, purpose: str, owner: str, above: str, key: bytes) -> tuple[str, bytes]:
        from onward.registry.models import WrappedKey

        key_id, secret = str(uuid.uuid4()), os.urandom(KEY_BYTES)
        WrappedKey.objects.bulk_create(
            [WrappedKey(operation=_operation(), purpose=purpose, owner=owner, key_id=key_id,
                        above=above, wrapped=wrap(key, secret, _key_place(purpose, owner, key_id)))]
        )  # fmt: skip
        return key_id, secret

    def _keys(
        self, wanted: Iterable[tuple[str, str]], office: str
    ) -> dict[tuple[str, str], tuple[str, bytes]]:
        """The data keys of some people, made where there is none yet."""
        from onward.registry.models import WrappedKey

        wanted = sorted(set(wanted))
        found = self._existing({person for _, person in wanted})
        missing = [key for key in wanted if key not in found]
        if missing:
            above = self._office(office) or self._make(OFFICE, office, _root_id(), _root())
            rows = []
            for purpose, person in missing:
                key_id, secret = str(uuid.uuid4()), os.urandom(KEY_BYTES)
                place = _key_place(purpose, person, key_id)
                rows.append(
                    WrappedKey(
                        operation=_operation(), purpose=purpose, owner=person, key_id=key_id,
                        above=above[0], wrapped=wrap(above[1], secret, place),
                    )
                )  # fmt: skip
                found[purpose, person] = key_id, secret
            WrappedKey.objects.bulk_create(rows, batch_size=500)
        return found

    def _existing(self, people: set[str]) -> dict[tuple[str, str], tuple[str, bytes]]:
        try:
            return self._wrapped(people)
        except (KeyError, KeyRefused):
            # Offices and people are two questions; keys renewed between them are asked again.
            return self._wrapped(people)

    def _wrapped(self, people: set[str]) -> dict[tuple[str, str], tuple[str, bytes]]:
        from onward.registry.models import WrappedKey

        above = self._offices()
        found = {}
        for part in _parts(sorted(people)):
            for row in WrappedKey.objects.filter(
                purpose__in=(IDENTITY, SEALED), owner__in=part
            ):
                place = _key_place(row.purpose, row.owner, row.key_id)
                secret = unwrap(above[row.above], bytes(row.wrapped), place)
                found[row.purpose, row.owner] = row.key_id, secret
        return found

    def _offices(self) -> dict[str, bytes]:
        from onward.registry.models import WrappedKey

        names = WrappedKey.objects.filter(purpose=OFFICE).values_list("owner", flat=True)
        return dict(found for name in names if (found := self._office(name)) is not None)

    def _opened(self, rows: Any, *, sealed: bool) -> Iterator[tuple[str, str, str]]:
        values = rows.values_list("person", "field", "row", "key_id", "sealed")
        kept = [value for value in values if sealed or purpose_of(value[1]) == IDENTITY]
        keys = dict(self._existing({value[0] for value in kept}).values())
        for person, field, row, key_id, data in kept:
            if key_id not in keys:
                raise KeyRefused("An identity has no key: the record is damaged.")
            place = _place(person, field, row, key_id)
            yield person, field, unwrap(keys[key_id], bytes(data), place).decode()


def _place(person: str, field: str, row: str, key_id: str) -> str:
    return json.dumps(["identity", _operation(), person, field, row, key_id, 1])


def _lent_place(place: str, person: str, key_id: str) -> str:
    return json.dumps(["lent", _operation(), place, person, key_id, 1])


def forget(person: str) -> None:
    """What files of a person held, and what they said when they asked about their own file, is
    gone; that there were files, and that they asked, is known anyway."""
    from onward.registry.models import Attachment, RightsRequest

    Attachment.objects.filter(person=person).update(sealed=b"", size=0, key_id="")
    RightsRequest.objects.filter(person=person).update(words=b"", words_key="")


def _note_place(place: str, person: str, key_id: str) -> str:
    return json.dumps(["note", _operation(), place, person, key_id, 1])


def _file_place(person: str, reference: str, media: str, key_id: str) -> str:
    return json.dumps(["file", _operation(), person, reference, media, key_id, 1])


def _key_place(purpose: str, owner: str, key_id: str) -> str:
    return json.dumps(["key", _operation(), purpose, owner, key_id, 1])


def _parts(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[i : i + CHUNK] for i in range(0, len(values), CHUNK)]


def _site() -> Any:
    from onward.registry.site import current

    return current()


def _operation() -> str:
    return str(_site().operation)


def _root() -> bytes:
    return bytes(_site().ring.root)


def _root_id() -> str:
    return str(_site().ring.active)


def _derived(purpose: str) -> bytes:
    from onward.registry.keyring.keys import derive

    return derive(_site().ring.file_key, purpose)


TURN, WHOLE = "names", "names/whole"
"""States that say how often the names kept have changed, and when it was last more than what
`changed_since` tells."""


def _changed(*, whole: bool = False) -> int:
    """What is kept of names in memory (`registry.now.search`) is out of date from now on."""
    from onward.registry.models import ProjectionState

    now = turns()[0] + 1
    for name in (TURN, WHOLE) if whole else (TURN,):
        if not ProjectionState.objects.filter(name=name).update(seq=now):
            ProjectionState.objects.create(operation=_operation(), name=name, seq=now)
    return now


def turns() -> tuple[int, int]:
    """How often the names kept have changed, and the last time that everybody's did."""
    from onward.registry.models import ProjectionState

    rows = ProjectionState.objects.filter(name__in=(TURN, WHOLE))
    found = dict(rows.values_list("name", "seq"))
    return found.get(TURN, 0), found.get(WHOLE, 0)


def _writing() -> Any:
    from onward.registry.log.db_store import DatabaseStore

    return DatabaseStore(_operation()).writing()
