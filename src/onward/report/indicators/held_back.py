"""Whose next step is held back, by which safeguard, and to whom nothing is open.

Exists because what is held back by one safeguard alone is what its owner could lift. Comes in: the
record and everybody's next steps. Goes out: counts, still unprotected.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onward.report.disclosure import Counts
from onward.report.indicators.record import Mask, Record
from onward.safeguards.everybody import WORD, NextSteps
from onward.safeguards.help import is_option, own_steps


def blocked(r: Record, steps: NextSteps) -> tuple[Counts, list[Counts]]:
    """Active people: with an open next step, held back, or with no step of their own; and per
    safeguard: held back by it alone, by it and another, or not by it."""
    own = own_steps(steps)
    rows = steps.person_row
    is_open = np.asarray(steps.table["open"], dtype=bool)
    asked, free = _mark(r.n, rows[own]), _mark(r.n, rows[own & is_open])
    overall = r.split("next step", {"open": free & r.active, "held back": asked & ~free & r.active},
                      r.active, "none of their own", sums={"asked": ("open", "held back")})  # fmt: skip
    words = [np.asarray(steps.table[name]) for name in steps.table.column_names if name.startswith("failed_")]  # fmt: skip
    found = []
    for safeguard in r.rulebook.safeguards.values():
        bits = [np.int64(0) for _ in words]
        for i, finding in enumerate(steps.findings):
            if finding.safeguard == safeguard.name:
                bits[i // WORD] |= np.int64(1) << np.int64(i % WORD)
        fails, others = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
        for word, bit in zip(words, bits, strict=True):
            fails |= (word & bit) != 0
            others |= (word & ~bit) != 0
        held = _mark(r.n, rows[fails & own])
        only = _mark(r.n, rows[fails & own & ~others])
        found.append(
            r.split(f"held by {safeguard.name}", {"alone": only, "with others": held}, r.active,
                    "not held", sums={"held": ("alone", "with others")})
        )  # fmt: skip
    return overall, found


def no_open_pathway(r: Record, steps: NextSteps) -> Counts:
    """Active people to whom no lawful, voluntary option is open."""
    option = np.array([is_option(r.rulebook, move) for move in steps.moves] or [False])[
        steps.step
    ]
    is_open = np.asarray(steps.table["open"], dtype=bool)
    some = _mark(r.n, steps.person_row[option & is_open])
    return r.split("open pathway", {"some": some & r.active}, r.active, "none")


def _mark(n: int, rows: npt.NDArray[np.int64]) -> Mask:
    found = np.zeros(n, dtype=bool)
    found[rows] = True
    return found
