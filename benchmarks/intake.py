"""A hundred thousand rows read, checked and matched, beside openpyxl only reading the same file.

Run: `python -m benchmarks.intake [--quick] [--json]`. Times are of the whole way from the file to
typed rows and suggestions; memory is the largest of this process and of the locked process that
opens the file, each measured by the system.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import xlsxwriter

from benchmarks.linkage import peak_mb, people
from onward.intake.match import person_of, suggest
from onward.intake.profile import FactType, parse_profile
from onward.intake.read import read
from onward.intake.stage import stage

FACTS = {
    "birth": FactType("birth", "partial_date"),
    "sex": FactType("sex", "code", allowed=("female", "male", "other", "unknown")),
    "birthplace": FactType("birthplace", "text"),
    "nationality": FactType("nationality", "country"),
    **{f"remark_{n}": FactType(f"remark_{n}", "text") for n in range(12)},
}
PROFILE = """
profile: bench
columns:
  Number: person
  Name: name.full
  Father: name.father
  Sex: sex
  Born: birth
  Place: birthplace
  Nationality: nationality
  ID: document.national_id
""" + "".join(f"  Remark {n}: remark_{n}\n" for n in range(12))  # fmt: skip
SECRET = b"a key that only this benchmark uses"
LIMIT_SECONDS, LIMIT_MB = 90, 1024
OPENPYXL = """
import sys, time, openpyxl
begin = time.perf_counter()
book = openpyxl.load_workbook(sys.argv[1], read_only=True)
rows = sum(1 for row in book.worksheets[0].iter_rows(values_only=True))
peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
print(rows, time.process_time(), time.perf_counter() - begin, peak)
"""


def write_list(path: Path, count: int) -> None:
    """A list of 20 columns with a tenth of its people written twice."""
    rows, _ = people(count, seed=11)
    draw = random.Random(5)
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        page = book.add_worksheet("List")
        header = ["Number", "Name", "Father", "Sex", "Born", "Place", "Nationality", "ID"]
        page.write_row(0, 0, [*header, *(f"Remark {n}" for n in range(12))])
        for line, person in enumerate(rows, start=1):
            born = ""
            if person.birth is not None:
                exact = person.birth[0] == person.birth[1]
                born = person.birth[0].isoformat() if exact else str(person.birth[0].year)
            cells = [person.key, person.names[0], person.father, person.sex, born,
                     person.birthplace, draw.choice(["Iran", "عراق", "SYR", "أفغانستان"]),
                     person.documents.get("national_id", "")]  # fmt: skip
            cells += [f"note {draw.randint(0, 3000)}" for _ in range(12)]
            for column, cell in enumerate(cells):
                page.write_string(line, column, cell)


def run(quick: bool) -> dict[str, Any]:
    count = 10_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.xlsx"
        write_list(path, count)
        size = path.stat().st_size / 1e6
        seconds: dict[str, float] = {}
        before = os.times()
        begin = time.perf_counter()
        reading = read(path)
        seconds["read"] = time.perf_counter() - begin
        begin = time.perf_counter()
        staged = stage(reading, parse_profile(PROFILE, FACTS), FACTS, secret=SECRET)
        rows = staged.accepted()
        seconds["check"] = time.perf_counter() - begin
        begin = time.perf_counter()
        suggestions = suggest([person_of(row) for row in rows], seed=1)
        seconds["match"] = time.perf_counter() - begin
        after = os.times()
        work = sum(after[:4]) - sum(before[:4])
        ours_mb = peak_mb()
        child_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        peer = subprocess.run(
            [sys.executable, "-c", OPENPYXL, str(path)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
    total = sum(seconds.values())
    return {
        "rows": count,
        "file_mb": size,
        "staged": len(rows),
        "suggestions": len(suggestions),
        "seconds": seconds,
        "total_seconds": total,
        "work_seconds": work,
        "limit_seconds": LIMIT_SECONDS,
        "peak_mb": max(ours_mb, child_mb),
        "reader_peak_mb": child_mb,
        "limit_mb": LIMIT_MB,
        "openpyxl_work_seconds": float(peer[1]),
        "openpyxl_read_seconds": float(peer[2]),
        "openpyxl_mb": float(peer[3]),
        "everything_against_openpyxl_reading": total / float(peer[2]),
        "reading_against_openpyxl_reading": seconds["read"] / float(peer[2]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = run(options.quick)
    if options.json:
        json.dump(found, sys.stdout, indent=2)
        return
    print(f"{found['rows']:,} rows, {found['file_mb']:.1f} MB, {found['staged']:,} staged")
    for step, seconds in found["seconds"].items():
        print(f"  {step:8} {seconds:6.1f} s")
    print(
        f"  whole    {found['total_seconds']:6.1f} s, {found['work_seconds']:.1f} s of work on all "
        f"processors (limit {LIMIT_SECONDS} s for 100,000 rows)"
    )
    print(
        f"peak memory {found['peak_mb']:.0f} MB, of the locked reader "
        f"{found['reader_peak_mb']:.0f} MB (limit {LIMIT_MB} MB)"
    )
    print(
        f"openpyxl reading alone {found['openpyxl_read_seconds']:.1f} s, "
        f"{found['openpyxl_work_seconds']:.1f} s of work, {found['openpyxl_mb']:.0f} MB; "
        f"our reading is {found['reading_against_openpyxl_reading']:.2f} times that, everything "
        f"{found['everything_against_openpyxl_reading']:.2f} times"
    )
    print(f"{found['suggestions']:,} suggestions for a person to look at")


if __name__ == "__main__":
    main()
