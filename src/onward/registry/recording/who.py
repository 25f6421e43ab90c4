"""Putting right who somebody is: their names, the numbers of their papers, how to reach them.

Exists because a person's first right is that their name is right, and names are no facts of the log: they
lie in the vault, and an event never holds them. In come fields of the vault and what they should
hold; out goes an event that says which fields were put right, when and by whom, and never what they
say. What a field held before is not kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onward.caseload.events import PERSON, RECORDED, TEXT_LIMIT, Subject
from onward.errors import OnwardError
from onward.registry.identities.put_right import MARK
from onward.registry.permissions.roles import load_rules
from onward.registry.recording import duties
from onward.registry.recording.actors import Acting
from onward.registry.recording.writing import Done, Writing

CLASSES = frozenset({"names", "documents", "contacts"})
"""What may be put right. What somebody told in their own words is added to, never rewritten."""


def put_right(
    actor: Acting,
    person: str,
    fields: Mapping[str, str],
    *,
    effective: str,
    evidence: Sequence[str] = (),
    revision: int | None = None,
    idempotency_key: str,
) -> Done:
    """Keep other values of these fields of the vault, and say in the log which; "" takes one away.

    raises  Refused and Hidden as every act; VaultRefused for somebody whose identity was erased;
            OnwardError for a field that is no name, number or contact, or where nothing changes
    """
    writing = Writing(actor)
    about = Subject(PERSON, person)
    writing.key(idempotency_key, (about, {}))
    duties.require(actor, person, [(duties.EDIT,)])
    rules = load_rules()
    for name, value in fields.items():
        class_ = rules.vault_class(name)
        if class_ not in CLASSES or not rules.reads(actor.roles, class_):
            raise OnwardError(
                "Only names, numbers and contacts that your role reads are put right."
            )
        if not value.isprintable() or len(value) > TEXT_LIMIT:
            raise OnwardError("One line, without signs that cannot be printed.")

    def act() -> Done:
        if revision is not None:
            writing.unchanged([person], revision)
        vault = writing.operation.vault
        now = dict(vault.get(person) or {})
        said = {name: value.strip() for name, value in fields.items()}
        changed = sorted(name for name, value in said.items() if now.get(name, "") != value)
        if not changed:
            raise OnwardError("Nothing was changed, so nothing was recorded.")
        after = {**now, **said}
        event = writing.event(
            about, RECORDED, effective, key=idempotency_key,
            evidence=(*evidence, *(MARK + name for name in changed)),
        )  # fmt: skip
        vault.put({person: {name: value for name, value in after.items() if value}})
        return Done(tuple(writing.append([event])))

    return writing.once(idempotency_key, act)
