"""What a proposal of places comes to, for who may not read every case of it: counts, never lines.

Exists because a count of a few people beside a country names them. Comes in: the document of a
proposal. Goes out: the figures of the internal report about it, protected as the report protects
them (`docs/reference/disclosure.md`), so that page and report cannot be subtracted from each
other. A count that is hidden is `HIDDEN`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

HIDDEN = "…"
FIGURES = ("persons", "limits", "unplaced", "fairness", "state", "gap")


def of_everybody(content: Mapping[str, Any], secret: set[str], ever: set[str]) -> Any:
    """The counts of everybody in a proposal that this reader may know.

    secret  programmes that must not be told to this reader
    ever    programmes that the report leaves out, whoever reads it
    returns placed and all (persons), emergencies, programmes, fairness
    """
    figures = {name: content[name] for name in FIGURES}
    text = json.dumps(figures, sort_keys=True)
    return _protected(text, tuple(sorted(secret)), tuple(sorted(ever)))


@lru_cache(maxsize=16)
def _protected(text: str, secret: tuple[str, ...], ever: tuple[str, ...]) -> dict[str, Any]:
    from onward.report.counted import proposal_counts, stopped_by, table_of
    from onward.report.disclosure import TOTAL, protect

    content = json.loads(text)
    found, tables = proposal_counts(content, secret)
    # What the report hides stays hidden for who is told of more programmes than it tells.
    reported = protect(proposal_counts(content, ever)[1], "internal") if ever != secret else []
    hidden = {
        one.counts.name: [key for key, value in one.shown.items() if value is None]
        for one in reported
    }
    shown = {one.counts.name: one.shown for one in protect(tables, "internal", hidden)}

    def told(table: str, *key: str) -> int | None:
        return shown[table][key]

    fairness = []
    for row in found["fairness"]:
        table, group = table_of(row), str(row["group"])
        persons, placed = told(table, group, TOTAL), told(table, group, "yes")
        known = persons is not None and placed is not None
        fairness.append(
            {
                "grouping": row["grouping"], "group": group,
                "persons": HIDDEN if persons is None else persons,
                "share": row["share"] if known else HIDDEN,
                "share_random_order": row["share_random_order"] if known else HIDDEN,
            }
        )  # fmt: skip
    programmes = []
    for row in found["programmes"]:
        used = told("proposed", row["programme"], "yes")
        free = HIDDEN if used is None else max(int(row["places"]) - used, 0)
        programmes.append(
            {
                "programme": row["programme"],
                "used": HIDDEN if used is None else used,
                "free": free,
            }
        )
    # Without the programmes that may not be told there is no total either.
    placed = None if secret else told("proposed", TOTAL, "yes")
    everybody = None if secret else told("proposed", TOTAL, TOTAL)
    stops = dict.fromkeys(stopped_by(row) for row in found["unplaced_emergencies"])
    return {
        "placed": HIDDEN if placed is None else placed,
        "all": HIDDEN if everybody is None else everybody,
        "emergencies": [
            {"reason": why, "persons": HIDDEN if (n := told("emergencies", why)) is None else n}
            for why in stops
        ],
        "programmes": programmes,
        "fairness": fairness,
    }  # fmt: skip


def small(count: int) -> int | str:
    """One count standing alone, by the same rule."""
    from onward.report.disclosure import RULES

    rule = RULES["internal"]
    return HIDDEN if rule.hide_from <= count <= rule.hide_to else count
