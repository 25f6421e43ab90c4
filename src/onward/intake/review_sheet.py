"""A workbook in which people decide about possible doubles, and the decisions read back from it.

Why: a hundred pairs are not answered one line at a time in a terminal, and the person who can
answer them may sit at another desk. In: open questions with both sides. Out: a workbook, one
pair in each row, with a drop-down for the decision; and, from the filled-in workbook, decisions.
It holds names, so it is handled like the list it came from.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import xlsxwriter

from onward.errors import Fault, Faults, one_of
from onward.intake.fold import clean, fold
from onward.intake.match import Suggestion
from onward.intake.read import Reading
from onward.intake.review import (
    BASES,
    CHOICES,
    Decision,
    Side,
    in_order,
    pair_code,
    side_by_side,
)

PAIR, DECISION, BECAUSE = "Onward: pair", "Onward: decision", "Onward: because"
HEADER = (PAIR, DECISION, BECAUSE, "How sure", "What agrees", "What differs")
SIDES = ("where", "names", "father", "birth", "sex", "birthplace", "documents", "household")


def review_sheet(questions: Sequence[Suggestion], sides: Mapping[str, Side]) -> bytes:
    """The open questions as an .xlsx file, the surest first."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        bold = book.add_format({"bold": True})
        wrap = book.add_format({"text_wrap": True, "valign": "top"})
        page = book.add_worksheet("Pairs")
        titles = [f"{one}: {what}" for what in SIDES for one in ("One", "Other")]
        for column, text in enumerate((*HEADER, *titles)):
            page.write_string(0, column, text, bold)
        for line, question in enumerate(questions, 1):
            first, second = in_order(question, sides)
            agree = "\n".join(p.verdict for p in question.parts if p.weight > 0)
            differ = "\n".join(p.verdict for p in question.parts if p.weight < 0)
            page.write_string(line, 0, pair_code(question.first, question.second), wrap)
            page.write_string(line, 3, question.sentence().partition(" sure")[0], wrap)
            page.write_string(line, 4, agree, wrap)
            page.write_string(line, 5, differ, wrap)
            for what, here, there in side_by_side(first, second):
                at = len(HEADER) + 2 * SIDES.index(what)
                page.write_string(line, at, here, wrap)
                page.write_string(line, at + 1, there, wrap)
        last = max(len(questions), 1)
        page.data_validation(1, 1, last, 1, {"validate": "list", "source": list(CHOICES)})
        page.data_validation(1, 2, last, 2, {"validate": "list", "source": list(BASES)})
        page.freeze_panes(1, 3)
        page.set_column(0, 3, 12)
        page.set_column(4, 5, 28)
        page.set_column(6, 6 + 2 * len(SIDES), 24)
    return out.getvalue()


def read_decisions(
    reading: Reading, pairs: Mapping[str, tuple[str, str]], *, by: str
) -> list[Decision]:
    """The decisions filled into a workbook of `review_sheet`; rows left empty are left open.

    reading  the workbook as `read` gives it
    pairs    code -> the two keys
    by       who decided
    raises   Faults with every row that is no decision
    """
    rows = next(iter(reading.sheets.values())).rows if reading.sheets else []
    header = [fold(str(cell)) if cell is not None else "" for cell in rows[0]] if rows else []
    missing = [name for name in (PAIR, DECISION) if fold(name) not in header]
    if missing:
        raise Faults(
            [Fault(reading.file, "row 1", name, "no such column", name) for name in missing]
        )
    at = {name: header.index(fold(name)) for name in (PAIR, DECISION)}
    because = header.index(fold(BECAUSE)) if fold(BECAUSE) in header else None
    faults: list[Fault] = []
    found: list[Decision] = []
    for number, row in enumerate(rows[1:], 2):

        def cell(column: int | None, row: tuple[object, ...] = row) -> str:
            value = row[column] if column is not None and column < len(row) else None
            return "" if value is None else clean(str(value)).casefold()

        word, why, code = cell(at[DECISION]), cell(because), cell(at[PAIR])
        if not word:
            continue
        choice = next((c for c in CHOICES if c == word), None)
        if choice is None:
            faults.append(
                Fault(
                    reading.file, f"row {number}", DECISION, "no such decision", one_of(CHOICES)
                )
            )
        elif why and why not in BASES:
            faults.append(
                Fault(reading.file, f"row {number}", BECAUSE, "no such reason", one_of(BASES))
            )
        elif code not in pairs:
            faults.append(
                Fault(
                    reading.file, f"row {number}", PAIR, "a pair that is not open",
                    "a code as the review prints it", "Make the workbook again.",
                )
            )  # fmt: skip
        else:
            found.append(Decision(*pairs[code], choice, by, why))
    if faults:
        raise Faults(faults)
    return found
