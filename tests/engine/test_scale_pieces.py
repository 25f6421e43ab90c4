"""The benchmark of scale is measured in pieces, and a piece that is there is not measured again."""

from __future__ import annotations

import pytest
from benchmarks.scale.measure import Pieces, told

AT = {"people": 30, "parts": 2, "on": "duckdb"}


def a_piece(part, processor):
    return AT | {
        "part": part, "of_people": 15, "seconds": 1.0, "processor": processor, "fold": 0.5,
        "peak_gb": processor, "same": {"people": 15},
    }  # fmt: skip


def test_pieces_add_up_over_runs(tmp_path):
    file = tmp_path / "scale.jsonl"
    first = Pieces(file, 5)
    assert first.lacks(AT | {"part": 0})
    assert first.left == 1
    first.add(a_piece(0, 2.0))
    assert first.left == 0
    (row,) = told(first.found)["sizes"]
    assert (row["measured"], row["parts"], row["of_people"]) == (1, 2, 15)

    again = Pieces(file, 5)
    assert not again.lacks(AT | {"part": 0})
    assert again.lacks(AT | {"part": 1})
    again.add(a_piece(1, 3.0))
    (row,) = told(Pieces(file, 5).found)["sizes"]
    assert (row["measured"], row["processor"], row["peak_gb"]) == (2, 5.0, 3.0)
    assert row["same"] == {"people": 30}


def test_nothing_is_begun_when_the_time_is_over(tmp_path):
    pieces = Pieces(tmp_path / "scale.jsonl", 0)
    pieces.measure({"skew": "duckdb", "people": 9}, pytest.fail)
    assert pieces.left == 1


def test_figures_of_another_rulebook_are_not_added_to(tmp_path):
    file = tmp_path / "scale.jsonl"
    file.write_text('{"rulebook": "another"}\n')
    with pytest.raises(SystemExit, match="another rulebook"):
        Pieces(file, 5)


def test_what_any_thread_of_a_process_started_is_counted_with_it():
    import os
    import subprocess
    import sys
    import threading

    from benchmarks.scale.measure import family

    started, seen = threading.Event(), threading.Event()
    child: list[int] = []

    def start() -> None:
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as one:
            child.append(one.pid)
            started.set()
            seen.wait(30)

    thread = threading.Thread(target=start)
    thread.start()
    started.wait(30)
    found = family(os.getpid())
    seen.set()
    thread.join()
    assert child[0] in found
