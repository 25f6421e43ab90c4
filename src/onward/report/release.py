"""External releases stay as they were published, and a new one is checked against them all.

Comes in: the protected tables of a new external report and the kept documents of earlier ones.
Goes out: the document to keep, and the reasons why a release may not go out. Releases are at
least four weeks apart (weekly differences point at single people), a table never changes its
shape, and what one release hid of a past month stays hidden in the next.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from onward.report.disclosure import Counts, Shown, rounded
from onward.said import Said, typed

FORMAT = "onward-external-release-1"
LEAST_DAYS_APART = 28


def document(
    as_of: dt.date, shown: Sequence[Shown], rulebook_hash: str, files: Mapping[str, str]
) -> dict[str, Any]:
    """What is kept of a release: its shown cells, never a hidden count, and its files' SHA-256."""
    return {
        "format": FORMAT,
        "as_of": as_of.isoformat(),
        "rulebook": rulebook_hash,
        "files": dict(files),
        "tables": {
            table.counts.name: {
                "dimensions": list(table.counts.dimensions),
                "cells": [[list(key), value] for key, value in table.shown.items()],
            }
            for table in shown
        },
    }


def faults(new: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why a release may not go out beside the earlier ones; empty when it may.

    new, earlier  documents; the one of the same date must be the same in every file
    """
    found: list[str] = []
    day = dt.date.fromisoformat(new["as_of"])
    for old in earlier:
        before = dt.date.fromisoformat(old["as_of"])
        if before == day:
            if old["files"] != new["files"] or old["tables"] != new["tables"]:
                found.append(
                    Said(
                        "a release for %(a)s was published already and this one differs from it",
                        a=day,
                    )
                )
            continue
        if abs((day - before).days) < LEAST_DAYS_APART:
            found.append(
                Said(
                    "it is %(a)s days from the release of %(b)s; expected at least %(c)s",
                    a=abs((day - before).days),
                    b=before,
                    c=LEAST_DAYS_APART,
                )
            )
        if old["rulebook"] == new["rulebook"]:
            found += _shape(new, old, before)
        found += _months(new, old, before)
    return found


def _shape(new: Mapping[str, Any], old: Mapping[str, Any], before: dt.date) -> list[str]:
    both = sorted(set(new["tables"]) & set(old["tables"]))
    return [
        Said(
            "table %(a)s is cut otherwise than in the release of %(b)s", a=typed(name), b=before
        )
        for name in both
        if new["tables"][name]["dimensions"] != old["tables"][name]["dimensions"]
    ]


def _months(new: Mapping[str, Any], old: Mapping[str, Any], before: dt.date) -> list[str]:
    """Past months count the same people in both releases: shown and hidden must agree."""
    found: list[str] = []
    for name in sorted(set(new["tables"]) & set(old["tables"])):
        if not any(d.endswith("month") for d in new["tables"][name]["dimensions"]):
            continue
        then = {tuple(key): value for key, value in old["tables"][name]["cells"]}
        for key, value in new["tables"][name]["cells"]:
            known = _complete(key[0], before) and tuple(key) in then
            if known and value is not None and then[tuple(key)] != value:
                found.append(
                    Said(
                        "table %(a)s shows %(b)s otherwise than the release of %(c)s",
                        a=typed(name),
                        b=key[0],
                        c=before,
                    )
                )
                break
    return found


def freeze(
    earlier: Sequence[Mapping[str, Any]],
) -> dict[str, dict[tuple[str, ...], int | None]]:
    """What earlier releases said of whole past months, by table and cell; None was hidden."""
    kept: dict[str, dict[tuple[str, ...], int | None]] = {}
    for old in sorted(earlier, key=lambda each: str(each["as_of"])):
        for name, table in old["tables"].items():
            if not any(d.endswith("month") for d in table["dimensions"]):
                continue
            for key, value in table["cells"]:
                if _complete(key[0], dt.date.fromisoformat(old["as_of"])):
                    kept.setdefault(name, {}).setdefault(tuple(key), value)
    return kept


def to_hide(
    table: Counts, kept: Mapping[tuple[str, ...], int | None], round_to: int
) -> set[tuple[str, ...]]:
    """Cells of a table that stay hidden, or are hidden because the record has changed since."""
    cells = set(table.cells())
    return {
        key for key, value in kept.items()
        if key in cells and (value is None or rounded(table.value(key), round_to) != value)
    }  # fmt: skip


def _complete(month: str, released: dt.date) -> bool:
    return month[:4].isdigit() and month < f"{released:%Y-%m}"
