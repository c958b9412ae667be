"""PNGs with more than their pictures, or damaged beside their pixels: browsers show them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image
from support.bombs import PNG, adam7, chunk
from support.pictures import corners, quarters
from support.program import make
from support.thumbs import swapped_profile, thumb

from thumbnailer import PictureError, make_thumbnail
from thumbnailer.imaging.decode.check_whole import check_whole
from thumbnailer.imaging.failures import DamageError
from thumbnailer.recipe import Limits

SIZE = (64, 48)
UPRIGHT, TURNED = ["red", "lime", "blue", "white"], ["blue", "red", "white", "lime"]
SWAPPED = ["lime", "red", "blue", "white"]

HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", *SIZE, 8, 2, 0, 0, 0))
ROW = 1 + 3 * SIZE[0]
ROWS = b"".join(
    b"\0" + quarters(SIZE).crop((0, y, SIZE[0], y + 1)).tobytes() for y in range(SIZE[1])
)
DATA = zlib.compress(ROWS)
PIXELS, END = chunk(b"IDAT", DATA), chunk(b"IEND", b"")
QUARTER_TURN = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
MISSING, DAMAGED = (f"its end is {kind}; all rows are there" for kind in ("missing", "damaged"))


def wrong(kind: bytes, data: bytes) -> bytes:
    """A chunk with a wrong checksum."""
    return chunk(kind, data)[:-1] + b"?"


def compressed(kind: bytes, data: bytes, *, method: int = 0) -> bytes:
    after = {b"zTXt": b"", b"iCCP": b"", b"iTXt": b"\1"}[kind] + bytes([method])
    return chunk(kind, b"key\0" + after + b"\0\0" * (kind == b"iTXt") + zlib.compress(data))


def padded_profile(length: int) -> bytes:
    """A profile that swaps red and green, with zeros at its end."""
    profile = swapped_profile() + bytes(length)
    return struct.pack(">I", len(profile)) + profile[4:]


def seen(folder: Path, *pictures: bytes) -> list[tuple[list[str], str]]:
    """The colours in the corners of each picture's thumbnail, and the note on it."""
    for number, data in enumerate(pictures):
        (folder / f"{number:03}.png").write_bytes(data)
    rows = make(folder, "-o", folder / "out", "-f", "png").rows
    found = []
    for row in sorted(rows, key=lambda row: str(row["source"])):
        assert row["status"] == "made", row
        with Image.open(row["thumbnails"][0]["path"]) as image:
            found.append((corners(image.convert("RGB")), row["note"] or ""))
    return found


def png(*chunks: bytes) -> bytes:
    return PNG + HEADER + b"".join(chunks)


NEEDLESS = [
    *(compressed(kind, bytes(2 << 20)) for kind in (b"zTXt", b"iTXt")),
    *(compressed(kind, b"text", method=1) for kind in (b"zTXt", b"iTXt")),
    chunk(b"tEXt", b"transparency\0red"),
    wrong(b"pHYs", bytes(9)),
    wrong(b"gAMA", struct.pack(">I", 10_000)),
    wrong(b"tRNS", struct.pack(">3H", 255, 0, 0)),
    wrong(b"eXIf", QUARTER_TURN),
    wrong(b"abCd", b"private"),
    *(chunk(kind, b"") for kind in (b"gAMA", b"cHRM", b"sRGB", b"tRNS", b"acTL", b"pHYs")),
    chunk(b"\0\1\2\3", b"of no known form"),
]


def test_chunks_that_a_picture_can_do_without_do_not_matter(tmp_path: Path) -> None:
    before = [png(extra, PIXELS, END) for extra in NEEDLESS]
    after = [png(PIXELS, extra, END) for extra in NEEDLESS]
    assert seen(tmp_path, *before, *after) == [(UPRIGHT, "")] * (2 * len(NEEDLESS))


def test_what_tells_of_the_pixels_counts_only_before_them(tmp_path: Path) -> None:
    red_is_clear = chunk(b"tRNS", struct.pack(">3H", 255, 0, 0))
    (tmp_path / "a.png").write_bytes(PNG + HEADER + red_is_clear + PIXELS + END)
    assert thumb(tmp_path / "a.png").mode == "RGBA"
    (tmp_path / "a.png").write_bytes(PNG + HEADER + PIXELS + red_is_clear + END)
    assert thumb(tmp_path / "a.png").mode == "RGB"


def test_orientation_is_found_among_other_texts_and_after_them(tmp_path: Path) -> None:
    text = compressed(b"zTXt", bytes(2 << 20))
    exif = chunk(b"eXIf", QUARTER_TURN)
    hexadecimal = (b"Exif\0\0" + QUARTER_TURN).hex().encode()
    profile = b"Raw profile type exif\0%b\nexif\n      %d\n" + hexadecimal
    raw = chunk(b"tEXt", profile % (b"", len(hexadecimal) // 2))
    start, plain = profile.split(b"%b")
    packed = chunk(b"zTXt", start + b"\0" + zlib.compress(plain % (len(hexadecimal) // 2)))
    before = [png(text, one, PIXELS, END) for one in (exif, raw, packed)]
    after = [png(PIXELS, text, one, END) for one in (exif, raw, packed)]
    assert seen(tmp_path, *before, *after) == [(TURNED, "")] * 6


def test_a_profile_may_have_megabytes(tmp_path: Path) -> None:
    profiles = [compressed(b"iCCP", padded_profile(length)) for length in (0, 2 << 20)]
    pictures = [png(profile, PIXELS, END) for profile in profiles]
    assert seen(tmp_path, *pictures) == [(SWAPPED, "")] * 2


def test_a_profile_that_can_not_be_read_is_left_aside(tmp_path: Path) -> None:
    profiles = [
        compressed(b"iCCP", padded_profile(20 << 20)),
        compressed(b"iCCP", bytes(2 << 20)),
        compressed(b"iCCP", swapped_profile(), method=1),
        chunk(b"iCCP", b"key\0\0" + zlib.compress(swapped_profile())[:-4] + b"none"),
        wrong(b"iCCP", b"key\0\0" + zlib.compress(swapped_profile())),
        chunk(b"iCCP", b"key"),
    ]
    note = "its colour profile is broken and was left aside"
    pictures = [png(profile, PIXELS, END) for profile in profiles]
    assert seen(tmp_path, *pictures) == [(UPRIGHT, note)] * len(profiles)


def test_all_rows_are_a_picture_however_its_file_ends(tmp_path: Path) -> None:
    whole = [
        png(PIXELS, chunk(b"IDAT", b"more than there should be"), END),
        png(chunk(b"IDAT", DATA + b"more"), END),
        png(chunk(b"IDAT", zlib.compress(ROWS + bytes(500))), END),
    ]
    cut = [
        png(PIXELS),
        png(PIXELS, END[:6]),
        png(PIXELS[:-2]),
        png(PIXELS[:-6]),
        png(PIXELS, chunk(b"eXIf", QUARTER_TURN)[:20]),
        png(PIXELS, chunk(b"tEXt", b"key\0value")[:14]),
    ]
    damaged = [
        png(chunk(b"IDAT", DATA[:-4] + b"none"), END),
        png(PIXELS[:-8] + b"none" + PIXELS[-4:], END),
    ]
    notes = [""] * len(whole) + [MISSING] * len(cut) + [DAMAGED] * len(damaged)
    assert seen(tmp_path, *whole, *cut, *damaged) == [(UPRIGHT, note) for note in notes]


def test_all_passes_are_a_picture(tmp_path: Path) -> None:
    whole = adam7(quarters(SIZE))
    at = whole.index(b"IDAT") - 4
    length = int.from_bytes(whole[at : at + 4])
    damaged = chunk(b"IDAT", whole[at + 8 : at + 8 + length - 4] + b"none")
    (colours, _), (same, note) = seen(tmp_path, whole, whole[:at] + damaged + END)
    assert (same, note) == (colours, DAMAGED)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "I;16"])
def test_rows_that_are_missing_are_told(tmp_path: Path, mode: str) -> None:
    depth, kind = {"1": (1, 0), "LA": (8, 4), "RGB": (8, 2), "RGBA": (8, 6), "P": (8, 3)}.get(
        mode, (16 if mode == "I;16" else 8, 0)
    )
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 100, depth, kind, 0, 0, 0))
    row = b"\0" + bytes({"1": 8, "L": 64, "P": 64, "RGB": 192, "RGBA": 256}.get(mode, 128))
    palette = chunk(b"PLTE", bytes(3)) if mode == "P" else b""
    for missing in (0, 1, 30, 99):
        pixels = chunk(b"IDAT", zlib.compress(row * (100 - missing)))
        (tmp_path / "a.png").write_bytes(PNG + header + palette + pixels + END)
        if not missing:
            thumb(tmp_path / "a.png")
            continue
        with pytest.raises(PictureError) as caught:
            make_thumbnail(tmp_path / "a.png", tmp_path / "out.png")
        assert caught.value.reason.startswith(f"damaged at {100 - missing} %")


@pytest.mark.parametrize(
    "data",
    [
        HEADER + wrong(b"tEXt", b"key\0value") + PIXELS + END,
        HEADER + PIXELS + chunk(b"tEXt", b"key\0value")[:-6] + END,
        HEADER + chunk(b"IDAT", DATA[:-4] + b"none") + END,
        HEADER + PIXELS,
    ],
)
def test_a_thumbnail_of_ours_must_be_whole(data: bytes) -> None:
    limits = Limits(pixels=10**6, seconds=9, memory_bytes=1 << 30)
    check_whole(PNG + HEADER + PIXELS + END, "png", limits, lambda needed: None)
    with pytest.raises((DamageError, OSError, SyntaxError)):
        check_whole(PNG + data, "png", limits, lambda needed: None)
