"""Scores in columns: the same as one by one, whatever a file looks like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from onward.errors import Faults
from onward.placement.inputs import files
from onward.placement.inputs.files import read_beside, read_tables
from onward.placement.inputs.references import known_to
from onward.placement.inputs.scores import Score, ScoreColumns
from onward.placement.inputs.scores_file import read_scores
from onward.placement.inputs.tables import Case, Tables, Window
from onward.placement.problem.points import Scores

CASES = ("C1", "C2", "خانواده ۳", "Zoé")
PLACES = ("North", "South")


def told(path, quickly: bool):
    """The scores of the file, or the faults that are told of it."""
    with pytest.MonkeyPatch.context() as patch:
        if not quickly:
            patch.setattr(files, "read_scores", lambda path, names: None)
        try:
            return list(
                read_tables(
                    cases=path / "cases.csv", programmes=path / "programmes.csv",
                    scores=path / "scores.csv",
                ).scores
            )  # fmt: skip
        except Faults as faults:
            return faults.faults


def written(path, scores: bytes):
    cases = "case,size\n" + "".join(f"{name},1\n" for name in CASES)
    places = "programme,persons\n" + "".join(f"{name},1\n" for name in PLACES)
    (path / "cases.csv").write_text(cases, encoding="utf-8")
    (path / "programmes.csv").write_text(places, encoding="utf-8")
    (path / "scores.csv").write_bytes(scores)
    return path


ODD = {
    "case": [" C1", "Zoe\u0301", '"C2"', "C9", "", "C\0", "a,b", "C1\r", "\ufffd"],
    "programme": ["North ", "south", "", '"So"uth', "\u200fNorth", 'No"rth'],
    "score": ["1", " .5", "5.", "+1", "1e3", "1E-3", "1_0", "nan", "inf", "1e999", "۰٫۵", "٣", "0x1",
              "", "1,5", "-0", "00.10", "true", " 0.5 ", "\xa01"],
    "acceptance": ["1.5", " 0.25 ", "n/a", "-1", "٠"],
}  # fmt: skip
HEADERS = ["case,programme,score", "case,programme,score,acceptance", "Programme;CASE;score;acceptance",
           "score\tcase\tprogramme"]  # fmt: skip
WRONG = ["case,programme", "case,programme,score,score", "case,score,x,programme", "case;programme,score"]  # fmt: skip
ENDS = ["\r", "\n\n", " \n"]
TAILS = [b"C1\n", b",,,,\n", b"\xff,North,1\n", b"\n", b"C1,North,1,1,1,1\n", b" ", b"\r"]


def seldom(usual, odd):
    """One of the usual, and one time in eight of the odd."""
    return some.integers(0, 7).flatmap(lambda n: some.sampled_from(odd if n == 7 else usual))


@some.composite
def texts(draw) -> bytes:
    """A file of scores, at most a few of whose cells are not as they should be."""
    header = draw(seldom(HEADERS, WRONG))
    delimiter = "," if "," in header else max(",;\t", key=header.count)
    pairs = draw(some.permutations([(case, place) for case in CASES for place in PLACES]))
    rows = [
        {
            "case": case, "programme": place, "score": str(draw(some.floats(-1e9, 1e9))),
            "acceptance": draw(some.sampled_from(["", "0.5", "1"])),
        }
        for case, place in pairs[: draw(some.integers(0, len(pairs)))]
    ]  # fmt: skip
    for column in draw(seldom([[], [], ["score"]], [["case"], ["programme"], ["acceptance"]])):
        if rows:
            draw(some.sampled_from(rows))[column] = draw(some.sampled_from(ODD[column]))
    if rows and draw(some.integers(0, 7)) == 7:
        rows.append(dict(rows[0]))
    names = header.lower().split(delimiter)
    lines = [header, *(delimiter.join(row.get(name, "") for name in names) for row in rows)]
    end = draw(seldom(["\n", "\r\n"], ENDS))
    mark = draw(some.sampled_from(["", "\ufeff"]))
    return (mark + end.join(lines) + end).encode() + draw(seldom([b""], TAILS))


@settings(max_examples=400, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(texts())
def test_a_file_read_quickly_says_what_it_says_cell_by_cell(tmp_path, text):
    path = written(tmp_path, text)
    assert told(path, quickly=True) == told(path, quickly=False)


def test_a_plain_file_is_read_quickly_over_many_blocks(tmp_path, monkeypatch):
    from onward.placement.inputs import scores_file

    monkeypatch.setattr(scores_file, "BLOCK", 64)
    cases = [f"C{n}" for n in range(200)]
    rows = [(case, place, n / 7) for n, case in enumerate(cases) for place in reversed(PLACES)]
    text = "".join(f"{case},{place},{score!r}\r\n" for case, place, score in rows)
    (tmp_path / "scores.csv").write_text("case,programme,score\r\n" + text, newline="")
    tables = Tables(tuple(Case(c, 1) for c in cases), tuple(Window(p, 1) for p in PLACES))
    found = read_scores(tmp_path / "scores.csv", known_to(tables, "here"))
    assert found is not None
    assert list(found) == [Score(*row) for row in rows]
    assert read_beside(tables, {"scores": tmp_path / "scores.csv"})["scores"] == found


@pytest.mark.parametrize(
    "text", ["C1,North,1\nC1,North,1\n", "C9,North,1\n", "C1,East,1\n", "C1,North,\n", "C1,North,1e999\n", '"C1",North,1\n']
)  # fmt: skip
def test_what_has_to_be_told_is_not_read_quickly(tmp_path, text):
    (tmp_path / "scores.csv").write_text("case,programme,score\n" + text)
    tables = Tables((Case("C1", 1),), tuple(Window(p, 1) for p in PLACES))
    assert read_scores(tmp_path / "scores.csv", known_to(tables, "here")) is None


def test_columns_are_the_sequence_they_were_made_of():
    scores = [
        Score("C2", "South", 0.5),
        Score("C1", "North", 1.0, 0.25),
        Score("C1", "East", 0.0),
    ]
    columns = ScoreColumns.of(scores)
    assert columns == scores
    assert list(columns) == scores
    assert len(columns) == 3
    assert columns[-1] == scores[-1]
    assert list(columns[1:]) == scores[1:]
    assert list(columns.in_order()) == sorted(scores, key=lambda s: (s.case, s.programme))
    assert columns != scores[:2]
    assert columns != [*scores[:2], replace(scores[2], score=1.0)]
    assert ScoreColumns.of([]) == []
    assert ScoreColumns.of([]).acceptance is None
    with pytest.raises(IndexError):
        columns[3]


def test_scores_of_cases_that_left_and_places_that_closed_are_passed_over():
    scores = (
        Score("gone", "North", 0.9, 0.5),
        Score("C1", "closed", 0.8, 0.5),
        Score("C1", "North", 0.7),
    )
    at = Scores(Tables((Case("C1", 1),), (Window("North", 1),), scores=scores))  # fmt: skip
    assert at.of("C1", "North") == 0.7
    assert at.of("gone", "North") is None
    assert at.acceptance is None
    assert np.isnan(at.value).sum() == 0
