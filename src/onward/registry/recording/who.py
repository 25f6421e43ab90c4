"""Putting right who somebody is: their names, the numbers of their papers, how to reach them.

Exists because a person's first right is that their name is right, and names are no facts of the log: they
lie in the vault, and an event never holds them. In come fields of the vault and what they should
hold; out goes an event that says which fields were put right, when and by whom, and never what they
say. What a field held before is not kept, unless a legal hold keeps the file (`identities.former`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onward.caseload.events import PERSON, RECORDED, TEXT_LIMIT, Subject
from onward.errors import OnwardError
from onward.registry.identities.former import forgotten
from onward.registry.permissions.roles import load_rules
from onward.registry.recording import duties
from onward.registry.recording.actors import Acting
from onward.registry.recording.writing import Done, Writing

CLASSES = frozenset({"names", "documents", "contacts"})
"""What may be put right. What somebody told in their own words is added to, never rewritten."""

JOINERS = "\u200c\u200d"
"""Signs without a picture that Persian and Kurdish names are written with."""


def put_right(
    actor: Acting,
    person: str,
    fields: Mapping[str, str],
    *,
    effective: str,
    evidence: Sequence[str] = (),
    revision: int | None = None,
    under: str = "",
    idempotency_key: str,
) -> Done:
    """Keep other values of these fields of the vault, and say in the log which; "" takes one away.

    under   an id that was merged into the person, where what another registration left is put right
    raises  Refused and Hidden as every act; VaultRefused for somebody whose identity was erased;
            OnwardError for a field that is no name, number or contact, or that the actor does not
            read of this person, and where nothing changes
    """
    writing = Writing(actor)
    about = Subject(PERSON, under or person)
    writing.key(idempotency_key, (about, {}))
    duties.require(actor, person, [(duties.EDIT,)])
    rules, reads = load_rules(), _reads(actor, person)
    if any(rules.vault_class(name) not in reads for name in fields):
        raise OnwardError(
            "Only names, numbers and contacts that your role reads are put right."
        )

    def act() -> Done:
        from onward.registry.identities.merged import ids_of

        if revision is not None:
            writing.unchanged([person], revision)
        if about.id not in ids_of(person):
            raise OnwardError("That is no registration of this person. Open the form again.")
        vault = writing.operation.vault
        now = dict(vault.get(about.id) or {})
        said = {name: value.strip() for name, value in fields.items()}
        changed = sorted(name for name, value in said.items() if now.get(name, "") != value)
        if not changed:
            raise OnwardError("Nothing was changed, so nothing was recorded.")
        if not all(_is_one_line(said[name]) for name in changed):
            raise OnwardError("One line, without signs that cannot be printed.")
        after = {**forgotten(now, changed), **said}
        event = writing.event(
            about, RECORDED, effective, key=idempotency_key, evidence=evidence,
            puts_right=changed,
        )  # fmt: skip
        vault.put({about.id: {name: value for name, value in after.items() if value}})
        return Done(tuple(writing.append([event])))

    return writing.once(idempotency_key, act)


def _reads(actor: Acting, person: str) -> frozenset[str]:
    """The classes that may be put right and that an actor reads of this person."""
    from onward.registry.models import Account, PersonNow
    from onward.registry.permissions.access import Reader

    if isinstance(actor, Account):
        row = PersonNow.objects.filter(person=person).first()
        return CLASSES & Reader(actor).classes(row) if row is not None else frozenset()
    rules = load_rules()
    return frozenset(name for name in CLASSES if rules.reads(actor.roles, name))


def _is_one_line(text: str) -> bool:
    plain = all(sign.isprintable() or sign in JOINERS for sign in text)
    return plain and len(text) <= TEXT_LIMIT
