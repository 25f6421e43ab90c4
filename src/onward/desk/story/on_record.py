"""What is on record about a person: their facts, their records, their files.

Exists so that a page shows what may be read and names what may not. Comes in: a person opened by an
account. Goes out: facts by class of field, consents, interviews and papers with their status, attached
files, and which facts this account may correct.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from onward.desk import contacts, here, values, words
from onward.desk.story.recordable import may_record
from onward.registry.identities import attachments
from onward.registry.identities.scans import SUFFIX
from onward.registry.models import ThingNow
from onward.registry.permissions.access import Seen
from onward.rulebook.model import Rulebook
from onward.safeguards.record import WENT_TO


def correctable(seen: Seen) -> list[str]:
    """The person's own facts that this account may read and correct."""
    rulebook = here.rulebook()
    table = seen.reader.rules.field_classes(rulebook)["person"]
    allowed = set()
    if seen.may("person.edit"):
        allowed |= {"internal", "biodata", "confidential", "needs", "complaints", "grounds"}
    if seen.may("person.record_interview"):
        allowed |= {"confidential"}
    if seen.may("person.record_medical"):
        allowed |= {"medical"}
    allowed &= seen.classes
    left = not seen.facts.get("active") or WENT_TO in seen.facts
    return [
        name for name in rulebook.kinds["person"].facts
        if table.get(name) in allowed and (left or name != WENT_TO)
    ]  # fmt: skip


def details(seen: Seen) -> list[dict[str, Any]]:
    """The person's own facts by class of field; a class that may not be read is only named."""
    rulebook = here.rulebook()
    declared = rulebook.kinds["person"].facts
    table = seen.reader.rules.field_classes(rulebook)["person"]
    facts = seen.facts
    found = []
    for class_, title in words.GROUPS:
        names = [
            name for name in declared
            if table.get(name) == class_ and (name != WENT_TO or name in facts)
        ]  # fmt: skip
        if not names:
            continue
        if class_ not in seen.classes:
            found.append({"title": words.translated(title), "sealed": True, "rows": []})
            continue
        rows = []
        for name in names:
            fact = declared[name]
            value = facts.get(name)
            if fact.type == "partial_date" and facts.get(f"{name}_first"):
                first, last = facts[f"{name}_first"], facts[f"{name}_last"]
                value = str(first) if first == last else f"{first}/{last}"
            rows.append(
                (words.translated(fact.label), values.fact_value(fact, value), value is None)
            )
        found.append({"title": words.translated(title), "sealed": False, "rows": rows})
    return found


RECORDS = (
    "consent", "interview", "appointment", "claim", "assessment", "document", "waiver", "decision",
    "release", "complaint", "incident", "follow_up", "seat", "not_interpreter",
)  # fmt: skip


def records(seen: Seen) -> list[dict[str, Any]]:
    """Consents, interviews, papers … about this person, newest first, in one query."""
    rulebook = here.rulebook()
    rows: dict[str, list[ThingNow]] = {}
    for thing in seen.recorded:
        rows.setdefault(thing.kind, []).append(thing)
    telling = seen.reader.rules.kind_classes(rulebook)
    found = []
    for kind in RECORDS:
        if kind not in rulebook.kinds or not rows.get(kind):
            continue
        if not telling.get(kind, frozenset()) & seen.classes:
            continue
        declared = rulebook.kinds[kind].facts
        found.append(
            {
                "kind": kind,
                "title": words.translated(rulebook.kinds[kind].title),
                "count": len(rows[kind]),
                "may": may_record(seen, kind),
                "rows": [_record(seen, rulebook, declared, thing) for thing in rows[kind][:30]],
            }
        )
    return found


def files(seen: Seen) -> list[dict[str, Any]]:
    """Attached scans and photos this reader may be told of, newest first."""
    kinds = here.rulebook().kinds
    return [
        {
            "reference": held.reference,
            "title": words.translated(kinds[held.about].title)
            if held.about != "person" and held.about in kinds else _("With a step or a fact"),
            "day": held.day,
            "kind": SUFFIX[held.media].upper(),
            "size": filesizeformat(held.size),
        }
        for held in attachments.of(seen)
    ]  # fmt: skip


def _record(
    seen: Seen, rulebook: Rulebook, declared: Mapping[str, Any], thing: ThingNow
) -> dict[str, Any]:
    facts = seen.reader.show(rulebook, thing.kind, thing.facts, seen.classes)
    rest = [
        (words.translated(declared[name].label), values.fact_value(declared[name], facts[name]))
        for name in declared
        if facts.get(name) is not None
    ]
    return {
        "id": thing.thing,
        "on": thing.first_on,
        "facts": rest,
        "status": _status(seen, thing.kind, facts),
    }


def _status(seen: Seen, kind: str, facts: Mapping[str, Any]) -> str:
    """The status a record is shown with, where it has one."""
    today = here.today().isoformat()
    if kind == contacts.KIND:
        theirs = [told for _id, told in seen.things(kind)]
        return contacts.status(
            facts, theirs, seen.facts.get("stage"), here.rulebook(), here.today()
        )
    if kind == "consent" and facts.get("withdrawn"):
        return "paused"
    if kind == "complaint":
        return {False: "due", True: "done"}.get(facts.get("triaged"), "")  # type: ignore[call-overload]
    if kind == "incident" and facts.get("severity") == 1:
        return "done" if facts.get("reviewed") else "paused"
    if kind == "document" and facts.get("valid_to"):
        return "open" if str(facts["valid_to"]) >= today else "ended"
    if kind == "appointment":
        return {"held": "done", "planned": "due"}.get(str(facts.get("state")), "paused")
    return ""
