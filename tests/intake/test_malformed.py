"""Broken and hostile files: no crash, no hang, no row kept, little memory.

300 curated files, and thousands that Hypothesis makes by damaging honest ones.
"""

from __future__ import annotations

import base64
import io
import json
import random
import signal
import struct
import subprocess
import sys
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onward.errors import Faults
from onward.intake.profile import FactType, parse_profile
from onward.intake.read import Collector, Limits, Reading, read
from onward.intake.stage import stage

FACTS = {"remark": FactType("remark")}
PROFILE = "profile: any\nother_columns: ignore\ncolumns: {number: person, remark: remark}\n"
SECRET = b"a key of the demonstration operation"
ROWS = [("number", "remark"), *((f"A{n}", f"سطر {n}") for n in range(40))]


def honest_xlsx() -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        page = book.add_worksheet("List")
        for n, row in enumerate(ROWS):
            page.write_row(n, 0, row)
    return out.getvalue()


def honest_ods() -> bytes:
    cells = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{c}</text:p></table:table-cell>'
            for c in row
        )
        + "</table:table-row>"
        for row in ROWS
    )
    content = (
        '<?xml version="1.0"?><office:document-content '
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body>'
        f'<office:spreadsheet><table:table table:name="List">{cells}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        book.writestr("content.xml", content)
        book.writestr(
            "META-INF/manifest.xml",
            '<?xml version="1.0"?><manifest:manifest '
            'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
    return out.getvalue()


def honest_archive() -> bytes:
    """The export of a form as its server gives it: CSV files in a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("survey.csv", "\n".join(",".join(row) for row in ROWS))
    return out.getvalue()


HONEST = {
    ".xlsx": honest_xlsx(),
    ".ods": honest_ods(),
    ".zip": honest_archive(),
    ".csv": "\n".join(",".join(row) for row in ROWS).encode(),
    ".jsonl": "\n".join(
        json.dumps({"number": a, "remark": b}, ensure_ascii=False) for a, b in ROWS[1:]
    ).encode(),
}


def rebuilt(change) -> bytes:
    """The honest workbook with its parts changed: change(name, data) -> data or None."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(HONEST[".xlsx"])) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return out.getvalue()


def with_sheet(find: bytes, put: bytes, part: str = "sheet1.xml") -> bytes:
    return rebuilt(lambda name, data: data.replace(find, put) if name.endswith(part) else data)


def with_part(part: str, data: bytes) -> bytes:
    out = io.BytesIO(HONEST[".xlsx"])
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr(part, data)
    return out.getvalue()


def squeezed(pieces: list[tuple[bytes, int]]) -> bytes:
    """A workbook whose sheet inflates without its maker ever holding it whole."""
    packer, crc, size, packed = zlib.compressobj(9, zlib.DEFLATED, -15), 0, 0, []
    for piece, times in pieces:
        for _ in range(times):
            crc, size = zlib.crc32(piece, crc), size + len(piece)
            packed.append(packer.compress(piece))
    packed.append(packer.flush())
    body = b"".join(packed)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(HONEST[".xlsx"])) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            if not name.endswith("sheet1.xml"):
                new.writestr(name, old.read(name))
    whole = out.getvalue()
    end = whole.rindex(b"PK\x05\x06")
    at = struct.unpack("<I", whole[end + 16 : end + 20])[0]
    name = b"xl/worksheets/sheet1.xml"
    fixed = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, len(body), size, len(name), 0)
    local = b"PK\x03\x04" + fixed + name + body
    entry = (
        b"PK\x01\x02" + struct.pack("<H", 20) + fixed + struct.pack("<HHHII", 0, 0, 0, 0, at)
    )
    directory = whole[at:end] + entry + name
    count = struct.unpack("<H", whole[end + 10 : end + 12])[0] + 1
    tail = b"PK\x05\x06" + struct.pack(
        "<HHHHIIH", 0, 0, count, count, len(directory), at + len(local), 0
    )
    return whole[:at] + local + directory + tail


def bombs() -> list[tuple[str, bytes]]:
    head = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    foot = b"</sheetData></worksheet>"
    row = b'<row><c t="inlineStr"><is><t>x</t></is></c></row>' * 1000
    return [
        ("cell of 300 MB.xlsx", squeezed(
            [(head + b'<row r="1"><c r="A1" t="inlineStr"><is><t>', 1), (b"x" * 1_000_000, 300),
             (b"</t></is></c></row>" + foot, 1)])),
        ("300 MB of rows.xlsx", squeezed([(head, 1), (row, 6000), (foot, 1)])),
        ("200 MB of spaces.xlsx", squeezed([(head, 1), (b" " * 1_000_000, 199), (foot, 1)])),
        ("just too many rows.xlsx", squeezed([(head, 1), (row, 101), (foot, 1)])),
    ]  # fmt: skip


def curated() -> list[tuple[str, bytes]]:
    """The 300 files; every one of them must be refused or asked about."""
    draw = random.Random(1357)
    made: list[tuple[str, bytes]] = list(bombs())
    for suffix in (".xlsx", ".ods"):
        data = HONEST[suffix]
        for n in range(36):
            made.append((f"cut {n}{suffix}", data[: 1 + n * (len(data) - 2) // 36]))
        for n in range(12):
            at = draw.randrange(4, len(data) // 2)
            made.append((f"hole {n}{suffix}", data[:at] + data[at + draw.randint(3, 60) :]))
    sheet = "xl/worksheets/sheet1.xml"
    for part in (
        "xl/vbaProject.bin", "xl/vbaData.xml", "xl/macrosheets/sheet1.xml", "xl/activeX/a.xml",
        "xl/externalLinks/externalLink1.xml", "xl/connections.xml", "xl/queryTables/q.xml",
        "xl/embeddings/o.bin", "xl/model/item.data", "xl/workbook.bin", "EncryptedPackage",
        "customUI/../xl/vbaProject.bin", "XL/VBAPROJECT.BIN",
    ):  # fmt: skip
        made.append((f"with {part.replace('/', ' ')}.xlsx", with_part(part, b"<x/>")))
    for n, bad in enumerate(
        (
            b'<!DOCTYPE a [<!ENTITY x "y">]>', b'<!DOCTYPE a SYSTEM "file:///etc/passwd">',
            b'<!ENTITY % p SYSTEM "http://x.example/">', b"<ddeLink/>", b"<!DOCTYPE lolz>",
        )
    ):  # fmt: skip
        made.append((f"declares {n}.xlsx", with_sheet(b"<worksheet", bad + b"<worksheet")))
    for n, bad in enumerate(
        (
            b'<row r="1048577"><c r="A1048577"><v>1</v></c></row>',
            b'<row r="99999999999999999999"><c r="A1"><v>1</v></c></row>',
            b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
            b'<row r="60"><c r="GS60"><v>1</v></c></row>',
            b'<row r="60"><c r="ZZ60"><v>1</v></c></row>',
            b'<row r="60"><c r="AAA60"><v>1</v></c></row>',
            b'<row r="900000"><c r="A900000"><v>1</v></c></row>',
            b'<row r="60"><c r="A60"><f>1+1</f></c></row>',
            b'<row r="60"><c r="A60"><f>1+1</f><v></v></c></row>',
            b'<row r="60"><c r="A60"><f>1+1</f><v/></c></row>',
            b'<row r="60"><c r="A60" t="str"><f ca="1">NOW()</f></c></row>',
            b'<row r="60"><c r="A60" t="e"><v>#REF!</v></c></row>',
            b'<row r="60"><c r="B60" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>',
            b'<row r="60"><c r="A60" t="inlineStr"><is><t>\xe2\x80\xaea</t></is></c></row>',
            b'<row r="60"><c r="A60" t="inlineStr"><is><t>a_x0000_b</t></is></c><c r="A60"/></row>',
            b'<row r="60"><c r="A60" t="inlineStr"><is><t>&nope;</t></is></c></row>',
            b'<row r="60"><c r="A60" t="s"><v>999999</v></c></row>',
            b'<row r="60"><c r="A60" t="s"><v>-1</v></c></row>',
            b'<row r="60"><c r="A60"><v>not a number</v></c></row>',
            b"<row r=\"60\"><c r=\"A60\"><v>1</v></row>",
            b"<row><<<<",
        )
    ):  # fmt: skip
        made.append((f"odd cell {n}.xlsx", with_sheet(b"</sheetData>", bad + b"</sheetData>")))
    for name in (
        "xl/workbook.xml",
        "xl/_rels/workbook.xml.rels",
        sheet,
        "xl/sharedStrings.xml",
    ):
        made.append((f"without {name.replace('/', ' ')}.xlsx",
                     rebuilt(lambda n, d, name=name: None if n == name else d)))  # fmt: skip
        for n, junk in enumerate(
            (b"", b"<a", b"\x00" * 50, b"\xff\xfe<a/>", b"not xml at all")
        ):
            made.append((f"junk {n} in {name.replace('/', ' ')}.xlsx",
                         rebuilt(lambda p, d, name=name, junk=junk: junk if p == name else d)))  # fmt: skip
    many = io.BytesIO(HONEST[".xlsx"])
    with zipfile.ZipFile(many, "a") as book:
        for n in range(1001):
            book.writestr(f"xl/media/{n}.txt", b"")
    made.append(("1000 parts.xlsx", many.getvalue()))
    locked = bytearray(HONEST[".xlsx"])
    at = locked.index(b"PK\x01\x02")
    locked[at + 8] |= 1
    made.append(("locked part.xlsx", bytes(locked)))
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    made += [
        ("old.xls", ole),
        ("protected.xlsx", ole + "EncryptedPackage".encode("utf-16-le")),
        ("macro.xlsm", HONEST[".xlsx"]),
        ("binary.xlsb", HONEST[".xlsx"]),
        ("template.xltm", HONEST[".xlsx"]),
        ("addin.xlam", HONEST[".xlsx"]),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("document.csv", b"%PDF-1.7\n" + bytes(100)),
        ("photo.csv", b"\xff\xd8\xff\xe0" + bytes(100)),
        ("packed.csv", b"\x1f\x8b\x08" + bytes(100)),
        ("archive.csv", b"Rar!\x1a\x07" + bytes(100)),
        ("animation.csv", b"GIF89a" + bytes(100)),
        ("text.xlsx", HONEST[".csv"]),
        ("text.ods", HONEST[".csv"]),
        ("zip.csv", b"PK\x03\x04" + bytes(100)),
        ("empty.csv", b""),
        ("blank.csv", b" \r\n\t\n"),
        ("nulls.csv", bytes(500)),
    ]
    lines = HONEST[".csv"].decode().splitlines()
    for n in range(1, 31):
        # A lost quotation mark in each of thirty rows.
        broken = list(lines)
        broken[n] = broken[n].replace(",", ',"')
        made.append((f"lost quote {n}.csv", "\n".join(broken).encode()))
    for n, bad in enumerate(
        (
            b'number,remark\nA1,"x\n', b'number,remark\nA1,"x"y\n', b'number,remark\nA1,"""\n',
            b"number,remark\nA1,\x00\n", b"number,remark\n\x00\x00A1,x\n",
            "number,remark\nA1,\u202ex\n".encode(), "number,remark\n\u202dA1,x\n".encode(),
            b"number,remark\nA1,\x07bell\n", b"number,remark\nA1,\x1b[31mred\n",
            "number,remark\nA1,ژ\n".encode() + "A2,é\n".encode("cp1252"),
            "number,remark\nA1,سلام\n".encode("cp1256"), "number,remark\nA1,é\n".encode("cp1252"),
            b"\xef\xbb\xbfnumber,remark\nA1,\xff\n", "number,remark\nA1,x".encode("utf-16")[:-1],
            "number,remark\nA1,x".encode("utf-16-le"), b"\xff\xfe\x00\xd8\x00\xd8\x00\xd8",
            b"number,remark\nA1," + b"x" * 40000 + b"\n", b"number,remark\n" + b"," * 300 + b"\n",
            b"number,remark\n" + b"A,b\n" * 100_002, b"number,remark\nA1,x,y\n",
            b"number,remark\n", b"remark\nx\n", b"number\n" + b"\xed\xa0\x80\n",
            b"number;remark|x\nA1;a|b\n", b"number,number\nA1,A2\n", b"number,remark\n,x\n",
            b"number,remark\nA1,x\nA1,y\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff\x00",
        )
    ):  # fmt: skip
        made.append((f"odd text {n}.csv", bad))
    for n, bad in enumerate(
        (
            b"{", b"[", b'{"number":', b'{"number":"A1"', b'[{"number":"A1"},]', b"[1,2,3]",
            b'{"number":"A1","number":"A2"}', b'{"number":NaN}', b'{"number":Infinity}', b"null",
            b"[" * 100_000, b'{"a":' * 50_000, b'{"number":' + b"9" * 5000 + b"}", b'"text"', b"[]",
            b'{"number":"\\ud800"}', b'{"number":"\\u0000"}', b'{"number":"\x00"}', b"{}\n{",
            b'{"results":{}}', b'{"number":[{"a":1},2]}', b'{"number":[[1]]}', b"\xff\xff\xff",
            b'{"number":"A1"}\nnot json\n', b'{"number":{"number":{"number":' * 30,
            b"[{'number':'A1'}]", b'{"number":"' + b"x" * 40_000 + b'"}', b"true\nfalse",
        )
    ):  # fmt: skip
        made.append((f"odd form {n}.jsonl", bad))
    made += [(f"junk {n}{s}", draw.randbytes(draw.randint(1, 3000)))
             for n in range(12) for s in (".csv", ".xlsx", ".jsonl", ".ods")]  # fmt: skip
    return made


def kept(reading: Reading) -> list[str]:
    """The rows that would enter the record."""
    profile = parse_profile(PROFILE, FACTS)
    try:
        rows = stage(reading, profile, FACTS, secret=SECRET).accepted()
    except Faults:
        return []
    return [str(row.identity.office_number) for row in rows]


def attempt(reader, path: Path) -> tuple[Reading | None, str]:
    """A reading, or what a person is told instead; anything else that happens is a failure."""
    try:
        return reader(path), ""
    except Faults as told:
        return None, str(told)


# Killed for its time, or aborted by the parser's allocator for its memory.
ENDED_BY_LIMITS = (signal.SIGKILL, signal.SIGXCPU, signal.SIGABRT)


class Spawner:
    """Reads files through the program beside this file, in locked processes."""

    def __init__(self) -> None:
        self.program = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("spawner.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.worst = {"cpu_seconds": 0.0, "memory_mb": 0.0}
        self.crashes: list[str] = []

    def read(self, path: Path) -> Reading:
        limits = Limits()
        order = {"name": path.name, "sheets": [], "encoding": None, "delimiter": None}
        order["limits"] = asdict(limits)
        self.program.stdin.write(json.dumps({"path": str(path), "order": order}) + "\n")
        self.program.stdin.flush()
        answer = json.loads(self.program.stdout.readline())
        for key in self.worst:
            self.worst[key] = max(self.worst[key], answer[key])
        collector = Collector(path.name, "", limits)
        for line in base64.b64decode(answer["said"]).splitlines(keepends=True):
            collector.take(line)
        if not collector.ended:
            # Only the limits may end a reader before it has said how it ended.
            if answer["status"] not in ENDED_BY_LIMITS:
                self.crashes.append(f"{path.name}: status {answer['status']}")
            collector.refuse("the reader ended early")
        return collector.reading()

    def close(self) -> None:
        self.program.stdin.close()
        self.program.wait(10)


@pytest.fixture(scope="module")
def files():
    return curated()


@pytest.fixture(scope="module")
def spawner():
    made = Spawner()
    yield made
    made.close()


def test_the_honest_files_are_kept_so_that_refusing_means_something(spawner, tmp_path):
    for suffix, data in HONEST.items():
        path = tmp_path / f"honest{suffix}"
        path.write_bytes(data)
        assert kept(spawner.read(path)) == [row[0] for row in ROWS[1:]], suffix
        assert kept(read(path)) == [row[0] for row in ROWS[1:]], suffix


@pytest.mark.slow
def test_three_hundred_curated_files_leave_no_row_no_crash_and_no_hang(
    files, spawner, tmp_path
):
    assert len(files) >= 300
    wrong = []
    for n, (name, data) in enumerate(files):
        path = tmp_path / f"{n} {name}"
        path.write_bytes(data)
        reading, told = attempt(spawner.read, path)
        assert told or reading is not None
        if reading is not None and (rows := kept(reading)):
            wrong.append((name, len(rows)))
        path.unlink()
    assert wrong == []
    assert spawner.crashes == []
    assert spawner.worst["memory_mb"] <= 512
    assert spawner.worst["cpu_seconds"] <= 10


@pytest.mark.slow
def test_a_few_of_the_worst_go_through_the_real_door(files, tmp_path):
    files = dict(files)
    for name in (
        "cell of 300 MB.xlsx", "just too many rows.xlsx", "cut 17.xlsx", "lost quote 5.csv",
        "odd cell 2.xlsx", "odd form 11.jsonl", "odd text 9.csv", "locked part.xlsx",
    ):  # fmt: skip
        path = tmp_path / name
        path.write_bytes(files[name])
        reading, told = attempt(read, path)
        assert name in told or kept(reading) == []


@st.composite
def damaged(draw):
    """An honest file with bytes changed, dropped, doubled or put in."""
    suffix = draw(st.sampled_from(sorted(HONEST)))
    data = bytearray(HONEST[suffix])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        kind = draw(st.sampled_from(("flip", "drop", "double", "put", "cut")))
        if kind == "flip":
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "drop":
            del data[at : at + draw(st.integers(1, 40))]
        elif kind == "double":
            data[at:at] = data[at : at + draw(st.integers(1, 200))]
        elif kind == "put":
            odd = (
                b'"',
                b"\x00",
                b"\xff",
                "\u202e".encode(),
                b"\n",
                b",",
                b"PK\x05\x06",
                b"<",
                b"\\",
            )
            data[at:at] = draw(st.sampled_from(odd))
        else:
            del data[at:]
        if not data:
            data = bytearray(b" ")
    return suffix, bytes(data)


def check_damaged(spawner, folder, case) -> None:
    suffix, data = case
    path = folder / f"damaged{suffix}"
    path.write_bytes(data)
    reading, told = attempt(spawner.read, path)
    assert told or isinstance(kept(reading), list)
    assert spawner.crashes == []
    assert spawner.worst["memory_mb"] <= 512


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(damaged())
def test_damaged_files_end_in_a_reading_or_in_words(spawner, tmp_path_factory, case):
    check_damaged(spawner, tmp_path_factory.getbasetemp(), case)


@pytest.mark.slow
@pytest.mark.proof
@settings(max_examples=4700, deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_thousands_of_damaged_files_end_in_a_reading_or_in_words(
    spawner, tmp_path_factory, case
):
    check_damaged(spawner, tmp_path_factory.getbasetemp(), case)
