"""What is kept of a scan: the picture, and nothing that a telephone wrote into it."""

from __future__ import annotations

import io
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from onward.registry.identities.scans import JPEG, MOST_BYTES, PDF, PNG, NotAScan, cleaned

WHERE = "36.2048N-44.0089E-Zarqand"
SMALL_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)


def picture(kind: str, *, turned: int = 0, told: bool = True) -> bytes:
    image = Image.new("RGB", (40, 20), (200, 30, 30))
    image.paste((20, 20, 220), (0, 0, 20, 20))
    exif = Image.Exif()
    if told:
        exif[0x010E] = WHERE
        exif[0x0110] = "Camera of Zarqand"
    if turned:
        exif[0x0112] = turned
    out = io.BytesIO()
    more = {}
    if kind == "PNG" and told:
        from PIL.PngImagePlugin import PngInfo

        more["pnginfo"] = PngInfo()
        more["pnginfo"].add_text("Comment", WHERE)
        more["pnginfo"].add_itxt("Author", WHERE)
    if kind == "JPEG" and told:
        more["comment"] = WHERE.encode()
    image.save(out, kind, exif=exif, **more)
    return out.getvalue()


def pixels(data: bytes):
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB").tobytes(), image.size


@pytest.mark.parametrize(("kind", "media"), [("JPEG", JPEG), ("PNG", PNG)])
def test_a_picture_keeps_what_it_shows_and_loses_what_it_tells(kind, media):
    sent = picture(kind)
    assert b"Zarqand" in sent, "nothing is hidden in it, so this test would find nothing"
    kept = cleaned(sent + b"PK\x03\x04 a file behind the end, of Zarqand")
    assert kept.media == media
    assert b"Zarqand" not in kept.content
    assert b"PK\x03\x04" not in kept.content
    assert pixels(kept.content) == pixels(sent)
    assert cleaned(kept.content) == kept


@pytest.mark.parametrize("turned", range(1, 9))
def test_a_photograph_stays_the_right_way_up(turned):
    kept = cleaned(picture("JPEG", turned=turned)).content
    with Image.open(io.BytesIO(kept)) as image:
        assert image.getexif().get(0x0112, 1) == turned
        assert len(image.getexif()) <= 1


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_pictures_of_other_colours_are_drawn_as_they_were(mode):
    out = io.BytesIO()
    Image.new(mode, (33, 21), 77).save(out, "JPEG", progressive=True)
    assert pixels(cleaned(out.getvalue()).content) == pixels(out.getvalue())


def test_a_pdf_is_kept_as_it_is():
    assert (cleaned(SMALL_PDF).media, cleaned(SMALL_PDF).content) == (PDF, SMALL_PDF)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"x" * (MOST_BYTES + 1), "large"),
        (b"GIF89a....", "kind"),
        (b"PK\x03\x04word/document.xml", "kind"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "kind"),
        (b"\n%PDF-1.4 %%EOF", "kind"),
        (SMALL_PDF.replace(b"%%EOF", b""), "damaged"),
        (SMALL_PDF + b"<script>alert(1)</script>", "damaged"),
        (SMALL_PDF.replace(b"/Catalog", b"/Catalog/OpenAction<</S/JavaScript/JS(1)>>"), "active"),
        (SMALL_PDF.replace(b"/Catalog", b"/Catalog/OpenAction<</S/J#61vaScript>>"), "active"),
        (SMALL_PDF.replace(b"/Catalog", b"/Catalog/Names<</EmbeddedFiles 3 0 R>>"), "active"),
        (SMALL_PDF.replace(b"<</Root", b"<</Encrypt 4 0 R/Root"), "active"),
        (picture("PNG")[:-20], "damaged"),
        (picture("JPEG")[:-20], "damaged"),
        (picture("PNG").replace(b"IDAT", b"IDAX"), "damaged"),
        (b"\xff\xd8\xff\xd9", "damaged"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_what_it_holds(data, why):
    with pytest.raises(NotAScan) as refused:
        cleaned(data)
    assert refused.value.why == why


def test_a_picture_too_large_to_open_is_refused_before_it_is_opened():
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            len(body).to_bytes(4, "big") + name + body
            + zlib.crc32(name + body).to_bytes(4, "big")
        )  # fmt: skip

    wide = (60_000).to_bytes(4, "big")
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", wide + wide + b"\x08\x02\0\0\0")
    with pytest.raises(NotAScan) as refused:
        cleaned(bomb + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b""))
    assert refused.value.why == "pixels"


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([picture("JPEG"), picture("PNG"), SMALL_PDF]),
    st.integers(0, 2000), st.binary(max_size=6), st.integers(0, 2000),
)  # fmt: skip
def test_broken_files_are_refused_or_kept_and_never_break_the_reader(whole, at, bits, end):
    broken = whole[:at] + bits + whole[at + len(bits) : max(len(whole) - end, at)]
    try:
        kept = cleaned(broken)
    except NotAScan:
        return
    assert cleaned(kept.content) == kept
    assert len(kept.content) <= MOST_BYTES + 100
