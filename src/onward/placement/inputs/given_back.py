"""The workbook of a proposal as an officer gives it back.

In: the path of a workbook that `telling.workbook` wrote. Out: what she changed or marked, as locks by
their row, and the cases that still have a row.
"""

from __future__ import annotations

from pathlib import Path

from onward.errors import Fault
from onward.placement.inputs.tables import Lock

SHEET = "Proposal"
YES = ("yes", "y", "x", "1", "true", "1.0")
NO = ("", "no", "n", "0", "false")


def _lines(path: Path, faults: list[Fault]) -> list[tuple[int, dict[str, str]]]:
    """The rows of the first sheet by their number, as text; faults are appended."""
    from python_calamine import CalamineWorkbook

    if not path.is_file():
        faults.append(Fault(str(path), "", "", "no such file", "a workbook", "Check the path."))
        return []
    try:
        book = CalamineWorkbook.from_path(str(path))
        rows = book.get_sheet_by_name(SHEET).to_python(skip_empty_area=False)
    except Exception:
        allowed = "a workbook of `onward place`"
        faults.append(Fault(path.name, "", "", f'no readable sheet "{SHEET}"', allowed))
        return []
    at = next((n for n, row in enumerate(rows) if any(_text(cell) for cell in row)), 0)
    header = [_text(cell) for cell in rows[at]] if rows else []
    needed = ("case", "programme", "window", "proposed_programme", "proposed_window")
    missing = [name for name in needed if name not in header]
    if missing:
        faults.append(
            Fault(path.name, f"row {at + 1}", missing[0], "column missing", "the columns as exported",
                  "Export the workbook again and change only the yellow cells.")
        )  # fmt: skip
        return []
    return [
        (n, {k: _text(v) for k, v in zip(header, cells, strict=False)})
        for n, cells in enumerate(rows[at + 1 :], at + 2)
    ]


def cases_in_workbook(path: Path) -> frozenset[str]:
    """The cases that still have a row: whoever took a row out said nothing about its case."""
    return frozenset(row["case"] for _, row in _lines(path, []))


def locks_from_workbook(path: Path, faults: list[Fault]) -> dict[int, Lock]:
    """The lines an officer changed or marked, as locks by their row; faults are appended."""
    locks: dict[int, Lock] = {}
    seen: dict[str, int] = {}
    for line, row in _lines(path, faults):
        if not row["case"]:
            if any(row.values()):
                faults.append(Fault(path.name, f"row {line}", "case", "empty", "a case number"))
            continue
        if row["case"] in seen:
            faults.append(
                Fault(path.name, f"row {line}", "case", f"the same as in row {seen[row['case']]}",
                      "each case once")
            )  # fmt: skip
            continue
        seen[row["case"]] = line
        before = (row["proposed_programme"], row["proposed_window"])
        now = (row["programme"], row["window"])
        word = row.get("lock", "").lower()
        if word not in (*YES, *NO):
            faults.append(
                Fault(path.name, f"row {line}", "lock", "not allowed here", "yes, or blank")
            )
        if now[1] and not now[0] and now[1] != before[1]:
            faults.append(
                Fault(path.name, f"row {line}", "programme", "empty, while a window is given",
                      "the programme of that window", "Clear both to hold the case back.")
            )  # fmt: skip
            continue
        moved = now[0] != before[0]
        if moved and now[1] == before[1]:
            now = (now[0], "")  # a window name of the old programme says nothing about the new
        if moved or now != before or word in YES:
            locks[line] = Lock(
                row["case"],
                now[0],
                now[1] if now[0] else "",
                row.get("by", ""),
                row.get("reason", ""),
            )
    return locks


def _text(value: object) -> str:
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return "" if value is None else str(value).strip()
