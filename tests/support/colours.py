"""What the tests of colours share: PNGs written chunk by chunk, and the difference an eye sees."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms

from support.bombs import PNG, chunk

Chunk = tuple[bytes, bytes]


def png(
    path: Path, size: tuple[int, int], depth: int, kind: int, rows: bytes, *chunks: Chunk
) -> Path:
    """Write a PNG with any chunks (PNG specification, third edition, 5).

    Args:
        kind: the colour type: 0 grey, 2 colours, 4 grey and alpha, 6 colours and alpha.
        rows: the pixels of one row after another, without filter.
    """
    length = len(rows) // size[1]
    filtered = b"".join(b"\0" + rows[at : at + length] for at in range(0, length * size[1], length))
    header = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, 0)
    all_chunks = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(filtered)), (b"IEND", b"")]
    path.write_bytes(PNG + b"".join(chunk(name, body) for name, body in all_chunks))
    return path


def gamma(value: float) -> Chunk:
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def chromaticities(*points: float) -> Chunk:
    """x and y of white, red, green and blue."""
    return b"cHRM", struct.pack(">8I", *(round(point * 100_000) for point in points))


def cicp(primaries: int, curve: int) -> Chunk:
    """The colours of ITU-T H.273; RGB, full range."""
    return b"cICP", bytes([primaries, curve, 0, 1])


def iccp(profile: bytes) -> Chunk:
    return b"iCCP", b"a\0\0" + zlib.compress(profile)


@cache  # LittleCMS writes the present second into each
def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@cache
def lab_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def pixel(image: Image.Image, x: int = 0, y: int = 0) -> tuple[int, ...]:
    """The values at a place, as a tuple also if there is only one."""
    value = image.getpixel((x, y))
    return tuple(int(part) for part in value) if isinstance(value, tuple) else (int(value or 0),)


def is_near(one: tuple[int, ...], other: tuple[int, ...], by: int = 2) -> bool:
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


def as_jpeg(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", **options)
    return buffer.getvalue()


def avif(path: Path, image: Image.Image, primaries: int, curve: int, **options: Any) -> Path:
    """Write an AVIF whose colours are said by `nclx` (ITU-T H.273)."""
    buffer = io.BytesIO()
    image.save(buffer, "avif", quality=100, subsampling="4:4:4", **options)
    path.write_bytes(with_codes(buffer.getvalue(), primaries, curve))
    return path


def with_codes(data: bytes, primaries: int, curve: int) -> bytes:
    """Replace the codes of a HEIF's or an AVIF's colours: ISO/IEC 14496-12, 12.1.5."""
    head, _, tail = data.partition(b"colrnclx")
    assert len(tail) > 4
    return head + b"colrnclx" + struct.pack(">HH", primaries, curve) + tail[4:]


def light_levels(content_peak: int) -> Chunk:
    """The brightest light of a picture, in cd/m2."""
    return b"cLLI", struct.pack(">II", content_peak * 10_000, 0)


def mastering(peak: int) -> Chunk:
    """The brightest light of the screen that a picture was made on, in cd/m2."""
    return b"mDCV", bytes(16) + struct.pack(">II", peak * 10_000, 1)


def pq(light: float) -> float:
    """The PQ value (0 to 1) of a light in cd/m2: ITU-R BT.2100, table 4."""
    power = (light / 10_000) ** (1305 / 8192)
    return float(((107 / 128 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32))
