"""A proposal as a document: the JSON people and programs read, and the same as CSV tables.

In: a `Proposal`. Out: plain data in the order and with the names of the published schema
(`docs/reference/schemas/placement.schema.json`). No clock is read and nothing is timed, so the
same input and seed give the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from onward import __version__
from onward.placement.inputs.references import unknown_destinations
from onward.placement.inputs.scores import ScoreColumns
from onward.placement.inputs.tables import Tables
from onward.placement.solving.proposal import Proposal
from onward.placement.telling import explain, worth
from onward.placement.telling.check import check
from onward.placement.telling.fairness import acceptance_effect, fairness
from onward.placement.telling.links import links
from onward.placement.telling.margin import margin_of
from onward.placement.telling.unused import unused

AT_ONCE = 100_000
"""Scores that are written at a time."""


def number(value: float) -> float | None:
    """A number as it is written: nine significant digits, None when there is none."""
    if value != value or value in (float("inf"), float("-inf")):
        return None
    return float(f"{value:.9g}") + 0.0


def input_hash(tables: Tables) -> str:
    """SHA-256 of the tables, whatever the order of their rows."""
    digest = hashlib.sha256()
    for piece in _in_pieces(tables.in_order()):
        digest.update(piece.encode())
    return digest.hexdigest()


def _in_pieces(tables: Tables) -> Iterator[str]:
    """The tables as one JSON object, keys sorted; a row at a time, since there may be a million."""
    encode = json.JSONEncoder(sort_keys=True, default=str).encode
    begin = "{"
    for name in sorted(field.name for field in fields(tables)):
        yield f"{begin}{encode(name)}: "
        begin = ", "
        value = getattr(tables, name)
        if isinstance(value, ScoreColumns):
            yield "["
            yield from _scores_in_pieces(value, encode)
            yield "]"
        elif isinstance(value, tuple):
            yield "["
            for at, row in enumerate(value):
                yield (", " if at else "") + encode(_plain(row))
            yield "]"
        else:
            yield encode(value)
    yield "}"


def _scores_in_pieces(scores: ScoreColumns, encode: Callable[[str], str]) -> Iterator[str]:
    """The scores as rows of JSON, keys sorted; names are written once, since rows may be millions."""
    cases = [encode(name) for name in scores.cases]
    programmes = [encode(name) for name in scores.programmes]
    for at in range(0, len(scores), AT_ONCE):
        part = scores[at : at + AT_ONCE]
        chance = [None] * len(part) if part.acceptance is None else part.acceptance.tolist()
        rows = zip(
            chance,
            part.case.tolist(),
            part.programme.tolist(),
            part.score.tolist(),
            strict=True,
        )
        yield (", " if at else "") + ", ".join(
            f'{{"acceptance": {"null" if c is None or c != c else repr(c)}, "case": {cases[i]}, '
            f'"programme": {programmes[k]}, "score": {score!r}}}'
            for c, i, k, score in rows
        )


def _plain(row: Any) -> Any:
    """A row of a table as plain data."""
    if not is_dataclass(row):
        return row
    return {field.name: _plain(getattr(row, field.name)) for field in fields(row)}


def document(proposal: Proposal) -> dict[str, Any]:
    """The whole proposal as plain data."""
    c = proposal.compiled
    placed = proposal.places()
    by_case = explain.assignments(proposal)
    left = explain.unplaced(proposal)
    faults = (
        []
        if proposal.state == "infeasible"
        else check(c.tables, placed, states_that_count=c.aims.states_that_count)
    )
    margin = None if proposal.state == "infeasible" else margin_of(proposal)
    persons = sum(x.size for x in c.tables.cases)
    placed_persons = sum(row["size"] for row in by_case)
    asked = [] if c.tables.openings is not None else ["safeguards"]
    if any(x.consents is None for x in c.tables.cases):
        asked.append("consents")
    return {
        "format": "onward-placement-1",
        "version": __version__,
        "on": None if c.tables.on is None else c.tables.on.isoformat(),
        "input_sha256": input_hash(c.tables),
        "aims_sha256": c.aims.sha256,
        "seed": proposal.seed,
        "state": proposal.state,
        "gap": number(proposal.gap),
        "provisional": bool(asked),
        "not_in_input": sorted(asked),
        "unknown_destinations": unknown_destinations(c.tables),
        "expected_later": c.tables.expected,
        "persons": {"all": persons, "placed": placed_persons, "unplaced": persons - placed_persons},
        "cases": {"all": len(c.tables.cases), "placed": len(by_case), "unplaced": len(left)},
        "stages": [
            {"name": s.name, "value": number(s.value), "bound": number(s.bound),
             "gap": number(s.gap), **({"note": s.note} if s.note else {})}
            for s in proposal.stages
        ],
        "conflict": proposal.conflict,
        "check": {"passed": not faults, "faults": faults},
        "assignments": by_case,
        "unplaced": left,
        "limits": worth.worth(proposal, margin),
        "pledges": worth.pledges(proposal, margin),
        "not_worked_out": worth.not_worked_out(proposal, margin),
        "unused": [] if proposal.state == "infeasible" else unused(proposal),
        "links": [] if proposal.state == "infeasible" else links(proposal),
        "floors": proposal.floors,
        "fairness": [] if proposal.state == "infeasible" else fairness(proposal),
        "acceptance": [] if proposal.state == "infeasible" else acceptance_effect(proposal),
    }  # fmt: skip


def to_json(content: dict[str, Any]) -> str:
    """The document as text, keys in published order, ending in a newline."""
    return "".join(json_pieces(content))


def json_pieces(content: dict[str, Any]) -> Iterator[str]:
    """The same text piece by piece, so that a large one is never held whole."""

    def text(value: Any, deep: int) -> str:
        found = json.dumps(value, ensure_ascii=False, indent=2)
        return found.replace("\n", "\n" + " " * deep)

    for at, (key, value) in enumerate(content.items()):
        yield ("," if at else "{") + f"\n  {text(key, 0)}: "
        if isinstance(value, list) and value:
            for row, each in enumerate(value):
                yield ("," if row else "[") + "\n    " + text(each, 4)
            yield "\n  ]"
        else:
            yield text(value, 2)
    yield "\n}\n"


CSV_TABLES = ("assignments", "unplaced", "stages", "limits", "pledges", "unused", "links",
              "floors", "fairness", "acceptance")  # fmt: skip


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row with nested parts spread over columns and lists joined by semicolons."""
    wide: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            if key == "why":
                wide[key] = "; ".join(f"{k} {v:g}" for k, v in value.items())
            else:
                wide.update({f"{key}_{k}": v for k, v in value.items()})
        elif isinstance(value, list):
            wide[key] = "; ".join(str(v) for v in value)
        else:
            wide[key] = value
    return wide


def columns_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def safe(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula is kept text by a leading apostrophe."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


def write_json(content: dict[str, Any], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json_pieces(content))


def write_csv(content: dict[str, Any], folder: Path) -> list[Path]:
    """One CSV per table of the document; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in CSV_TABLES:
        rows = [flat(row) for row in content[name]]
        if not rows and name not in ("assignments", "unplaced"):
            continue
        path = folder / f"{name}.csv"
        fields = columns_of(rows) or ["case", "programme", "window"]
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fields, lineterminator="\n")
            writer.writeheader()
            for row in rows:
                writer.writerow({k: safe(v) for k, v in row.items()})
        written.append(path)
    return written
