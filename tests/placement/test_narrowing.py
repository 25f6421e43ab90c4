"""What a file beside known cases and programmes may say: it narrows or informs, never opens."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onward.errors import Faults
from onward.placement.inputs.aims import read_aims
from onward.placement.inputs.columns import BESIDE
from onward.placement.inputs.files import read_beside
from onward.placement.inputs.narrowing import (
    CASES,
    PROGRAMMES,
    narrowed_cases,
    narrowed_windows,
)
from onward.placement.inputs.rows import Sheet
from onward.placement.inputs.tables import Case, Opening, Tables, Window
from onward.placement.problem.doors import Doors

ON = date(2026, 3, 1)
DAY = st.dates(date(2026, 1, 1), date(2026, 12, 31))
CODES = st.lists(st.sampled_from("ABCD"), max_size=3, unique=True).map(tuple)
MORE_CASE = st.fixed_dictionaries(
    {"case": st.just("C1")},
    optional={
        "needs": CODES, "languages": CODES, "skills": CODES, "ready_on": DAY, "leave_by": DAY,
        "ties": CODES, "linked_to": st.just(("C2",)), "refused": CODES, "forbidden": CODES,
        "preferred": CODES,
    },
)  # fmt: skip
MORE_WINDOW = st.fixed_dictionaries(
    {"programme": st.just("A")},
    optional={
        "window": st.sampled_from(["", "1"]), "opens": DAY, "closes": DAY,
        "processing_days": st.integers(0, 200), "min_size": st.integers(1, 4),
        "max_size": st.integers(1, 4), "nationalities": CODES.filter(bool),
        "categories": CODES.filter(bool), "excluded_needs": CODES, "languages": CODES,
        "skills": CODES, "valid_to": DAY,
    },
)  # fmt: skip
CASE = st.builds(
    Case, st.just("C1"), st.integers(1, 4), nationality=st.sampled_from("AB"),
    category=st.sampled_from("AB"), needs=CODES, ready_on=st.none() | DAY,
    leave_by=st.none() | DAY, refused=CODES, consents=CODES,
)  # fmt: skip
WINDOW = st.builds(
    Window, st.just("A"), st.integers(0, 9), st.just("1"), opens=st.none() | DAY,
    closes=st.none() | DAY, processing_days=st.integers(0, 100), nationalities=CODES,
    categories=CODES, excluded_needs=CODES,
)  # fmt: skip


def test_the_columns_are_those_that_can_be_merged():
    assert list(BESIDE["cases beside"]) == ["case", *CASES]
    assert list(BESIDE["programmes beside"]) == ["programme", "window", *PROGRAMMES]


@given(CASE, WINDOW, MORE_CASE, MORE_WINDOW)
def test_no_row_opens_a_door_that_was_closed(case, window, of_case, of_window):
    tables = Tables((case,), (window,), openings=(Opening("C1", "A", True),), on=ON)
    faults = []
    sheet = Sheet("offers.csv", frozenset(of_window), ((2, of_window),))
    narrower = replace(
        tables,
        cases=narrowed_cases(tables.cases, [(2, of_case)], ON),
        windows=narrowed_windows(tables.windows, sheet, faults),
    )
    if faults:
        return
    aims = read_aims(None)
    closed = set(Doors(tables, aims).barriers(case, 0))
    assert closed <= set(Doors(narrower, aims).barriers(narrower.cases[0], 0))


def test_what_is_known_and_what_is_said_are_one():
    case = Case("C1", 2, needs=("SM",), preferred=("NOR",), ready_on=date(2026, 4, 1), leave_by=date(2026, 9, 1))  # fmt: skip
    said = {"case": "C1", "needs": ("DS",), "preferred": ("CAN", "NOR"), "ready_on": date(2026, 3, 15),
            "leave_by": date(2026, 8, 1), "skills": ("baker",)}  # fmt: skip
    (made, other) = narrowed_cases((case, Case("C2", 1)), [(2, said)], ON)
    # The wish on record comes first; days are the narrower ones.
    assert (made.needs, made.preferred, made.skills) == (
        ("SM", "DS"),
        ("NOR", "CAN"),
        ("baker",),
    )
    assert (made.ready_on, made.leave_by) == (date(2026, 4, 1), date(2026, 8, 1))
    assert other == Case("C2", 1)


def test_rows_of_a_programme_and_of_one_of_its_windows_both_hold(tmp_path):
    tables = Tables((Case("C1", 1),), (Window("A", 5, "1", nationalities=("X", "Y")), Window("A", 5, "2")))  # fmt: skip
    file = tmp_path / "offers.csv"
    file.write_text("programme,window,nationalities,processing_days\nA,,X;Z,30\nA,2,,60\n")
    first, second = read_beside(tables, {"programmes": file})["windows"]
    assert (first.nationalities, first.processing_days) == (("X",), 30)
    assert (second.nationalities, second.processing_days) == (("X", "Z"), 60)
    # Row by row nobody would be left, which must not read as everybody.
    file.write_text("programme,window,nationalities\nA,,X\nA,1,Y\n")
    with pytest.raises(Faults, match=r"row 3.*nobody whom the country accepts"):
        read_beside(tables, {"programmes": file})
