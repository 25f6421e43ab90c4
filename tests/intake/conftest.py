"""What the intake tests share: small declared facts, lists written on the spot, one way in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from onward.intake.profile import FactType, load_profile
from onward.intake.read import read
from onward.intake.stage import Staged, stage

SECRET = b"a key of the demonstration operation"
FACTS = {
    fact.name: fact
    for fact in (
        FactType("sex", "code", allowed=("female", "male", "other", "unknown")),
        FactType("birth_date", "partial_date"),
        FactType("arrived", "date"),
        FactType("nationality", "country"),
        FactType("language", "language"),
        FactType("affiliated", "boolean"),
        FactType("children", "integer"),
        FactType("weight", "number"),
        FactType("remark", "text"),
        FactType("shelter", "text", kind="household"),
        FactType("needs", "codes", allowed=("CR", "SC", "WR", "ER")),
        FactType("fear_note", "text", identity=True),
    )
}


@pytest.fixture
def facts() -> dict[str, FactType]:
    return dict(FACTS)


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "list.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.fixture
def write_xlsx(tmp_path: Path) -> Callable[..., Path]:
    def write(rows: list[list[Any]], name: str = "list.xlsx", sheet: str = "List") -> Path:
        path = tmp_path / name
        with xlsxwriter.Workbook(path) as book:
            page = book.add_worksheet(sheet)
            day = book.add_format({"num_format": "yyyy-mm-dd"})
            for r, row in enumerate(rows):
                for c, cell in enumerate(row):
                    if isinstance(cell, dt.date):
                        page.write_datetime(r, c, cell, day)
                    elif isinstance(cell, str):
                        page.write_string(r, c, cell)
                    elif cell is not None:
                        page.write(r, c, cell)
        return path

    return write


@pytest.fixture
def bring_in(tmp_path: Path) -> Callable[..., Staged]:
    """Read, map and check one file under a profile given as text."""

    def through(path: Path, profile_text: str, **answers: str) -> Staged:
        profile_path = tmp_path / "profile.yaml"
        profile_path.write_text(profile_text, "utf-8")
        profile = load_profile(
            profile_path, FACTS, answers={k.replace("__", "/"): v for k, v in answers.items()}
        )
        reading = read(
            path,
            sheets=profile.sheets,
            encoding=profile.encoding,
            delimiter=profile.delimiter,
        )
        return stage(reading, profile, FACTS, secret=SECRET, latest=dt.date(2026, 1, 31))

    return through
