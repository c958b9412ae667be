"""TIFFs of any kind, written by hand: TIFF 6.0; BigTIFF, 2008."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

# Types of values: TIFF 6.0, section 2.
ASCII, SHORT, LONG = 2, 3, 4
_CODES = {ASCII: "B", SHORT: "H", LONG: "I"}

# How a value of so many bits is packed, by its format: 1 unsigned, 2 signed, 3 floating-point.
_FORMS = {(8, 1): "B", (16, 1): "H", (32, 1): "I", (8, 2): "b", (16, 2): "h", (32, 2): "i"}
_FORMS |= {(16, 3): "e", (32, 3): "f", (64, 3): "d"}

Tags = Mapping[int, tuple[int, Sequence[int]]]
Rows = Sequence[Sequence[Sequence[float]]]  # of pixels of channels


class Kind(NamedTuple):
    """How pixels are stored, as the tags of TIFF 6.0 say it; `order` as for `struct`."""

    bits: int = 8
    format: int = 1
    photometric: int = 1
    extras: tuple[int, ...] = ()
    order: str = "<"
    planar: int = 1
    deflated: bool = False
    tile: int = 0
    big: bool = False


class Page(NamedTuple):
    """The tags of a page, and the data of its strips or tiles."""

    tags: Tags
    data: list[bytes]


def page(rows: Rows, kind: Kind, tags: Tags | None = None) -> Page:
    """A page with pixels from 0 to 1, scaled to the full range of unsigned and signed values."""
    height, width, channels = len(rows), len(rows[0]), len(rows[0][0])
    planes = [[c] for c in range(channels)] if kind.planar == 2 else [list(range(channels))]
    step = kind.tile or width
    data = [
        _packed(
            [
                [rows[min(y, height - 1)][min(x, width - 1)][c] for c in plane]
                for y in range(top, top + (kind.tile or height))
                for x in range(left, left + step)
            ],
            kind,
        )
        for plane in planes
        for top in range(0, height, kind.tile or height)
        for left in range(0, width, step)
    ]
    lengths = [len(one) for one in data]
    layout: dict[int, tuple[int, Sequence[int]]] = {
        278: (LONG, [height]),
        273: (LONG, []),
        279: (LONG, lengths),
    }
    if kind.tile:
        layout = {322: (LONG, [step]), 323: (LONG, [step])}
        layout |= {324: (LONG, []), 325: (LONG, lengths)}
    stated: dict[int, tuple[int, Sequence[int]]] = {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [kind.bits] * channels),
        259: (SHORT, [8 if kind.deflated else 1]),
        262: (SHORT, [kind.photometric]),
        277: (SHORT, [channels]),
        284: (SHORT, [kind.planar]),
        339: (SHORT, [kind.format] * channels),
    }
    if kind.extras:
        stated[338] = (SHORT, kind.extras)
    return Page({**stated, **layout, **(tags or {})}, data)


def _packed(pixels: list[list[float]], kind: Kind) -> bytes:
    values = [value for pixel in pixels for value in pixel]
    if kind.format != 3:
        low = -(1 << (kind.bits - 1)) if kind.format == 2 else 0
        values = [round(value * ((1 << kind.bits) - 1)) + low for value in values]
    packed = struct.pack(f"{kind.order}{len(values)}{_FORMS[kind.bits, kind.format]}", *values)
    return zlib.compress(packed) if kind.deflated else packed


def tiff(*pages: Page, order: str = "<", big: bool = False) -> bytes:
    """A TIFF of some pages, each with its data before it."""
    number, count = ("Q", "Q") if big else ("I", "H")
    out = bytearray({"<": b"II", ">": b"MM"}[order])
    out += struct.pack(order + "HHHQ", 43, 8, 0, 0) if big else struct.pack(order + "HI", 42, 0)
    link = len(out) - struct.calcsize(number)
    for tags, data in pages:
        places = []
        for one in data:
            places.append(len(out))
            out += one + bytes(len(one) % 2)
        fields = b""
        for tag, (kind, values) in sorted(tags.items()):
            values = places if tag in (273, 324) else values
            packed = struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values)
            if len(packed) > struct.calcsize(number):
                places_of_value, packed = len(out), packed + bytes(len(packed) % 2)
                out += packed
                packed = struct.pack(order + number, places_of_value)
            fields += struct.pack(order + "HH" + number, tag, kind, len(values))
            fields += packed.ljust(struct.calcsize(number), b"\0")
        struct.pack_into(order + number, out, link, len(out))
        out += struct.pack(order + count, len(tags)) + fields
        link = len(out)
        out += bytes(struct.calcsize(number))
    return bytes(out)


def picture(rows: Rows, kind: Kind, tags: Tags | None = None) -> bytes:
    """A TIFF of one page."""
    return tiff(page(rows, kind, tags), order=kind.order, big=kind.big)
