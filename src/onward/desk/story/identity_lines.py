"""Fields of the vault as lines: what each is called, and in which order.

Exists because a name has parts and scripts, and whoever reads one must know which. Comes in: fields of
an identity that may be shown. Goes out: their labels and values, names first.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from onward.desk import words


def identity_lines(fields: Mapping[str, str]) -> list[dict[str, str]]:
    """Fields of the vault as lines: label and value, names first."""
    return [
        {"label": field_label(name), "value": fields[name]}
        for name in sorted(fields, key=field_order)
    ]


def field_label(name: str) -> str:
    """What a field of the vault is called to whoever may read it."""
    head, _dot, rest = name.partition(".")
    if head == "name":
        part, _dot, script = rest.partition(".")
        label = words.translated(words.PARTS.get(part, part))
        return (
            f"{label} ({words.translated(words.SCRIPTS.get(script, script))})"
            if script
            else label
        )
    if name == "number":
        return _("Office number")
    return words.translated((rest or head).replace("_", " ").capitalize())


def field_order(name: str) -> tuple[int, int, str]:
    """Names first, then numbers, papers and contacts."""
    head, _dot, rest = name.partition(".")
    part = rest.partition(".")[0]
    heads = ["name", "number", "document", "contact"]
    return (
        heads.index(head) if head in heads else 9,
        list(words.PARTS).index(part) if part in words.PARTS else 99,
        name,
    )
