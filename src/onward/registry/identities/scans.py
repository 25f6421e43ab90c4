"""Scans and photographs on their way in: what they are is read from their bytes, never their name.

Exists because a photograph tells more than it shows: where it was taken, by whose telephone, and
whatever somebody hid behind its end. Comes in: what a browser sent, in memory. Goes out: a PDF,
a JPEG or a PNG without the picture's hidden notes, or why it is not taken. Nothing here writes.

A picture keeps its image, its colours and which side is up; notes, places, thumbnails and
anything after its end are left out. A PDF is kept as it is: what its maker wrote into it stays.
One that runs something, holds other files or asks for a password is not taken; what it hides
inside compressed parts is not looked for, so it is only ever handed out as a download.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from onward.errors import OnwardError

MOST_BYTES = 5 * 2**20
MOST_FILES = 5
MOST_PIXELS = 60_000_000
PDF, JPEG, PNG = "application/pdf", "image/jpeg", "image/png"
SUFFIX = {PDF: "pdf", JPEG: "jpg", PNG: "png"}

WHY = {
    "empty": "The file is empty.",
    "large": "The file is larger than 5 MB. Scan it in grey at 150 dots per inch, or in parts.",
    "kind": "The file is not a PDF, a JPEG or a PNG. Its name does not matter, its contents do.",
    "damaged": "The file is cut short or damaged. Scan it again.",
    "active": "The PDF runs something, holds other files or has a password. Print it to a new PDF.",
    "pixels": "The picture has too many pixels. Make it smaller.",
    "many": "At most 5 files with one form.",
}


class NotAScan(OnwardError):
    """A file that is not kept. `why` is one of WHY."""

    exit_code = 1

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(WHY[why])


@dataclass(frozen=True)
class Scan:
    """One file as it is kept."""

    media: str
    content: bytes


def cleaned(data: bytes) -> Scan:
    """The file as it may be kept.

    raises  NotAScan
    """
    if not data:
        raise NotAScan("empty")
    if len(data) > MOST_BYTES:
        raise NotAScan("large")
    if data.startswith(b"%PDF-"):
        return Scan(PDF, _pdf(data))
    if data.startswith(b"\xff\xd8\xff"):
        return Scan(JPEG, _jpeg(data))
    if data.startswith(_PNG):
        return Scan(PNG, _png(data))
    raise NotAScan("kind")


# -- PDF ------------------------------------------------------------------------------------------

_ACTIVE = re.compile(
    rb"/(JavaScript|JS|Launch|EmbeddedFiles?|Encrypt|XFA|RichMedia|SubmitForm|ImportData|GoToR)"
    rb"(?![A-Za-z0-9])"
)
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")


def _pdf(data: bytes) -> bytes:
    if not re.match(rb"%PDF-[12]\.\d[\s%]", data):
        raise NotAScan("damaged")
    end = data.rfind(b"%%EOF")
    if end < 0 or data[end + 5 :].strip(b"\r\n\t \0"):
        raise NotAScan("damaged")
    # A name may be written with its letters as numbers: /J#53 is /JS.
    plain = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), data)
    if _ACTIVE.search(data) or _ACTIVE.search(plain):
        raise NotAScan("active")
    return data


# -- JPEG -----------------------------------------------------------------------------------------

_ALONE = {0x01, *range(0xD0, 0xD8)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def _jpeg(data: bytes) -> bytes:
    """Segments that draw the picture; of the notes only which side is up."""
    kept, at, framed = [b"\xff\xd8"], 2, False
    upright = 1
    try:
        while True:
            if data[at] != 0xFF:
                raise NotAScan("damaged")
            while data[at] == 0xFF:
                at += 1
            marker, at = data[at], at + 1
            if marker == 0xD9:
                break
            if marker in _ALONE:
                continue
            size = int(struct.unpack_from(">H", data, at)[0])
            part = data[at : at + size]
            if size < 2 or len(part) < size:
                raise NotAScan("damaged")
            at += size
            if marker in _FRAMES:
                high, wide = struct.unpack_from(">HH", part, 3)
                _few_pixels(wide, high)
                framed = True
            if marker == 0xE1 and part[2:8] == b"Exif\0\0":
                upright = _orientation(part[8:]) or upright
            if _draws(marker, part):
                kept.append(bytes([0xFF, marker]) + part)
            if marker == 0xDA:
                end = _scan_end(data, at)
                kept.append(data[at:end])
                at = end
    except (IndexError, struct.error):
        raise NotAScan("damaged") from None
    if not framed or len(kept) < 3:
        raise NotAScan("damaged")
    if upright != 1:
        kept.insert(1, _upright(upright))
    return b"".join([*kept, b"\xff\xd9"])


def _draws(marker: int, part: bytes) -> bool:
    """Whether a segment is needed to draw: not notes, makers' marks, thumbnails or comments."""
    if marker == 0xE0:
        return part[2:7] == b"JFIF\0" and len(part) == 16  # longer: it carries a thumbnail
    if marker == 0xE2:
        return part[2:14] == b"ICC_PROFILE\0"
    if marker == 0xEE:
        return part[2:7] == b"Adobe"
    return not (0xE0 <= marker <= 0xEF or marker == 0xFE)


def _scan_end(data: bytes, at: int) -> int:
    """Where the coded picture ends: at a marker that is neither a stuffed nor a restart one."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise NotAScan("damaged")
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7 and data[at + 1] != 0xFF:
            return at
        at += 1 if data[at + 1] == 0xFF else 2


def _orientation(tiff: bytes) -> int:
    """Which side is up, from the first directory of an Exif note; 0 when it does not say."""
    try:
        order = {b"II*\0": "<", b"MM\0*": ">"}[tiff[:4]]
        (first,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, first)
        for number in range(min(count, 200)):
            tag, kind, _many, value = struct.unpack_from(
                order + "HHIH", tiff, first + 2 + 12 * number
            )
            if tag == 0x0112 and kind == 3 and 1 <= value <= 8:
                return int(value)
    except (KeyError, struct.error):
        pass
    return 0


def _upright(value: int) -> bytes:
    note = b"Exif\0\0" + b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, value, 0, 0)
    return b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note


# -- PNG ------------------------------------------------------------------------------------------

_PNG = b"\x89PNG\r\n\x1a\n"
_KEPT = {
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT",
    b"pHYs", b"bKGD",
}  # fmt: skip


def _png(data: bytes) -> bytes:
    kept, at, names = [_PNG], len(_PNG), []
    while True:
        if len(data) < at + 12:
            raise NotAScan("damaged")
        (size,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8]
        whole = data[at : at + 12 + size]
        if len(whole) != 12 + size or zlib.crc32(whole[4:-4]) != int.from_bytes(
            whole[-4:], "big"
        ):
            raise NotAScan("damaged")
        if not names:
            if name != b"IHDR" or size != 13:
                raise NotAScan("damaged")
            _few_pixels(*struct.unpack_from(">II", whole, 8))
        if name in _KEPT:
            kept.append(whole)
        elif (
            not name[0] & 0x20
        ):  # a critical part that is not known: not a PNG we can vouch for
            raise NotAScan("damaged")
        names.append(name)
        at += 12 + size
        if name == b"IEND":
            break
    if b"IDAT" not in names:
        raise NotAScan("damaged")
    return b"".join(kept)


def _few_pixels(wide: int, high: int) -> None:
    if not wide or wide * high > MOST_PIXELS:
        raise NotAScan("pixels")
