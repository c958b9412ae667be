"""Small files that cost much, or claim what is not so; made by code, by name."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"

SHORT, LONG, SIGNED = 3, 4, 9  # types of TIFF tags


def saved(size: tuple[int, int], format: str, mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, format, **options)
    return buffer.getvalue()


def scans(count: int, side: int = 4000) -> bytes:
    """A progressive JPEG whose last scan, 95 bytes that change nothing, is there many times."""
    data = saved((side, side), "JPEG", "L", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * count + data[-2:]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(side: int, *extra: bytes, late: bytes = b"") -> bytes:
    """A black square of 1 bit a pixel, with further chunks before and after its pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    squeeze, row = zlib.compressobj(9), bytes(1 + (side + 7) // 8)
    pixels = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    return PNG + header + b"".join(extra) + chunk(b"IDAT", pixels) + late + chunk(b"IEND", b"")


def adam7(image: Image.Image) -> bytes:
    """An interlaced PNG in grey, which Pillow reads and does not write."""
    grey, data = image.convert("L"), b""
    for passage in (
        *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)),
        (0, 1, 1, 2),
    ):
        left, top, across, down = passage
        for y in range(top, grey.height, down):
            data += b"\0" + grey.crop((0, y, grey.width, y + 1)).tobytes()[left::across]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *grey.size, 8, 0, 0, 0, 1))
    return PNG + header + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


@lru_cache
def inflating(megabytes: int) -> bytes:
    squeeze = zlib.compressobj(9)
    return b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(megabytes)) + squeeze.flush()


def tiff(
    tags: dict[int, tuple[int, list[int]]], pixels: bytes = bytes(64 * 64), following: int = 0
) -> bytes:
    """A grey TIFF of 64 x 64 px whose directory, at offset 8, says what one likes.

    Args:
        tags: number → type and values, over what would be right.
        pixels: come last.
        following: the offset of the next directory.
    """
    short, long = 3, 4
    right: dict[int, tuple[int, list[int]]] = {
        256: (short, [64]),
        257: (short, [64]),
        258: (short, [8]),
        259: (short, [1]),
        262: (short, [1]),
        273: (long, [-1]),  # filled in below
        277: (short, [1]),
        278: (short, [64]),
        279: (long, [64 * 64]),
    }
    entries = {number: entry for number, entry in sorted((right | tags).items()) if entry[1]}
    after = 8 + 2 + 12 * len(entries) + 4
    codes = {1: "B", 3: "H", 4: "I", 9: "i", 16: "Q"}
    long_values = b""
    places = {}
    for number, (kind, values) in entries.items():
        packed = struct.pack(
            f"<{len(values)}{codes[kind]}", *(v if kind == SIGNED else v % 2**32 for v in values)
        )
        places[number] = packed.ljust(4, b"\0")
        if len(packed) > 4:
            places[number] = struct.pack("<I", after + len(long_values))
            long_values += packed
    if 273 in entries and entries[273][1] == [-1]:
        places[273] = struct.pack("<I", after + len(long_values))
    directory = b"".join(
        struct.pack("<HHI", number, kind, len(values)) + places[number]
        for number, (kind, values) in entries.items()
    )
    start = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    return start + directory + struct.pack("<I", following) + long_values + pixels


def gif(frames: int, screen: int = 64, frame: int = 64, codes: bytes = b"") -> bytes:
    """A GIF of many frames on a screen; `codes` are the LZW data of each, black if left out."""
    codes = codes or lzw_run(frame * frame)
    head = b"GIF89a" + struct.pack("<HHBBB", screen, screen, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    blocks = b"".join(
        bytes([len(codes[at : at + 255])]) + codes[at : at + 255]
        for at in range(0, len(codes), 255)
    )
    picture = b"," + struct.pack("<HHHHB", 0, 0, frame, frame, 0) + b"\x02" + blocks + b"\0"
    return head + picture * frames + b";"


def lzw_run(pixels: int) -> bytes:
    """LZW codes, each of which repeats and lengthens the one before: a run of black pixels."""
    out = [(4, 3), (0, 3)]  # 4 clears the table, 5 ends the data
    width, code, done, length = 3, 6, 1, 1
    while done < pixels:
        if code == 4096:
            out += [(4, 12), (0, 3)]
            width, code, done, length = 3, 6, done + 1, 1
            continue
        out.append((code, width))
        length += 1
        done += length
        code += 1
        if code == 1 << width and width < 12:
            width += 1
    bits = place = 0
    for value, size in [*out, (5, width)]:
        bits |= value << place
        place += size
    return bits.to_bytes((place + 7) // 8, "little")


def avif(width: int, height: int) -> bytes:
    """An AVIF of 64 x 64 px that claims another size."""
    data = saved((64, 64), "AVIF")
    return data.replace(
        b"ispe" + struct.pack(">III", 0, 64, 64), b"ispe" + struct.pack(">III", 0, width, height)
    )


def webp_frames(side: int, count: int) -> bytes:
    """An animated WebP with a large canvas and many frames of one pixel."""
    frame = saved((1, 1), "WEBP", lossless=True)[12:]
    place = bytes(6) + bytes(6) + (1).to_bytes(3, "little") + b"\0"
    anmf = b"ANMF" + struct.pack("<I", len(place + frame)) + place + frame
    canvas = (side - 1).to_bytes(3, "little") * 2
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x12\0\0\0" + canvas
    body += b"ANIM" + struct.pack("<I", 6) + bytes(6) + anmf * count
    return b"RIFF" + struct.pack("<I", len(body)) + body


def squeezed_tiff(side: int, rows: int, data: bytes) -> bytes:
    """A TIFF of one strip of Deflate."""
    tags = {256: (SHORT, [side]), 257: (SHORT, [side]), 259: (SHORT, [8])}
    return tiff(tags | {278: (LONG, [rows]), 279: (LONG, [len(data)])}, data)


def tiled_tiff(side: int) -> bytes:
    """A TIFF of 64 x 64 px in one tile of another size."""
    tile = {322: (LONG, [side]), 323: (LONG, [side]), 324: (LONG, [8]), 325: (LONG, [64])}
    return tiff(tile | {number: (LONG, list[int]()) for number in (273, 278, 279)})


def striped_tiff(height: int, strips: int) -> bytes:
    tags = {257: (LONG, [height]), 278: (LONG, [1]), 273: (LONG, [8] * strips)}
    return tiff(tags | {279: (LONG, [64] * strips)})


MADE = ""
HEADER = "begins like TIFF, but its header is damaged"
SCREEN = "has 60000 x 60000 px, 3.6e+03 megapixels: more than the limit of 250"
PIXELS = "has more than 250 megapixels"

# Name → what makes it, what is said of it, the most memory it may cost (MiB).
BOMBS: dict[str, tuple[Callable[[], bytes], str, int]] = {
    "scans.jpg": (lambda: scans(4000), "has more than 100 scans", 60),
    "few scans.jpg": (lambda: scans(60, 1000), MADE, 60),
    "above.png": (
        lambda: png(7072),
        "has 7072 x 7072 px in 6,157 bytes: more than",
        60,
    ),
    "below.png": (lambda: png(7071), MADE, 160),
    "text.png": (lambda: png(64, chunk(b"zTXt", b"k\0\0" + inflating(100))), MADE, 60),
    "texts.png": (
        lambda: png(64, *[chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(10**6)))] * 100),
        MADE,
        60,
    ),
    "late.png": (
        lambda: png(64, late=chunk(b"zTXt", b"k\0\0" + inflating(100))),
        MADE,
        60,
    ),
    "international.png": (
        lambda: png(64, chunk(b"iTXt", b"k\0\1\0\0\0" + inflating(100))),
        MADE,
        60,
    ),
    "profile.png": (
        lambda: png(64, chunk(b"iCCP", b"k\0\0" + inflating(100))),
        MADE,
        80,
    ),
    "large.webp": (lambda: webp_frames(16383, 1), "has 16383 x 16383 px", 60),
    "frames.webp": (lambda: webp_frames(3000, 5000), MADE, 240),
    "long strip.tif": (lambda: tiff({279: (LONG, [2**32 - 1])}), MADE, 60),
    "negative strip.tif": (lambda: tiff({279: (SIGNED, [-1])}), MADE, 60),
    "overlap.tif": (
        lambda: tiff({273: (LONG, [200] * 4096), 279: (LONG, [4096] * 4096)}),
        MADE,
        60,
    ),
    "rows.tif": (lambda: tiff({278: (LONG, [2**32 - 1])}), MADE, 60),
    "no rows.tif": (lambda: tiff({278: (LONG, [0])}), "damaged", 60),
    "past the end.tif": (lambda: tiff({273: (LONG, [2**31])}), "truncated at 0 %", 60),
    "loop.tif": (lambda: tiff({}, following=8), MADE, 60),
    "empty loop.tif": (lambda: b"II*\0\x08\0\0\0\0\0\x08\0\0\0", HEADER, 60),
    "strips.tif": (lambda: striped_tiff(20_000, 100_000), MADE, 100),
    "tags.tif": (
        lambda: b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 270, 2, 2**31, 8) * 65535,
        "has entries that state the same data many times",
        60,
    ),
    "samples.tif": (
        lambda: tiff({258: (SHORT, [8] * 60_000), 277: (SHORT, [60_000])}),
        HEADER,
        60,
    ),
    "large tile.tif": (lambda: tiled_tiff(2**31), "damaged at 0 %", 60),
    "many tiles.tif": (lambda: tiled_tiff(1), MADE, 60),
    "squeezed.tif": (
        lambda: squeezed_tiff(7071, 7071, zlib.compress(bytes(7071**2), 9)),
        MADE,
        200,
    ),
    "inflating.tif": (lambda: squeezed_tiff(64, 2**31, inflating(100)), "damaged at 0 %", 60),
    "frames.gif": (lambda: gif(20_000), MADE, 60),
    "wide.gif": (lambda: gif(1, 64, 60_000, b"\x44"), PIXELS, 60),
    "screen.gif": (lambda: gif(1, screen=60_000), SCREEN, 60),
    "run.gif": (lambda: gif(1, 7071, 7071), MADE, 320),
    "overrun.gif": (lambda: gif(1, 64, 64, lzw_run(10**7)), MADE, 60),
    "claim.avif": (lambda: avif(60_000, 60_000), "has 60000 x 60000 px, 3.6e+03 megapixels", 60),
    "smaller claim.avif": (lambda: avif(7000, 7000), MADE, 500),
}
