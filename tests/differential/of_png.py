"""PNG: each colour type and depth with each description of colours, judged by a browser."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from support.bombs import PNG, chunk
from support.colours import chromaticities, cicp, gamma, iccp, light_levels
from support.thumbs import swapped_profile

from differential.cells import HEIGHT, WIDTH, Cell, channels

_TYPES = {
    "grey": (0, "L", (1, 2, 4, 8, 16)),
    "RGB": (2, "RGB", (8, 16)),
    "palette": (3, "L", (1, 2, 4, 8)),
    "grey and alpha": (4, "LA", (8, 16)),
    "RGB and alpha": (6, "RGBA", (8, 16)),
}
_P3 = chromaticities(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
_COLOURS = {
    "no description": [],
    "sRGB": [(b"sRGB", b"\0"), gamma(0.45455)],
    "gAMA 1": [gamma(1)],
    "gAMA 1/1.8": [gamma(1 / 1.8)],
    "cHRM of P3": [_P3, gamma(0.45455)],
    "cICP of P3": [cicp(12, 13)],
    "cICP of BT.2020": [cicp(9, 14)],
    "cICP linear": [cicp(1, 8)],
    "cICP PQ": [cicp(9, 16), light_levels(1000)],
    "cICP HLG": [cicp(9, 18), light_levels(1000)],
    "iCCP": [iccp(swapped_profile())],
}


def cells() -> Iterator[Cell]:
    for words, (kind, mode, depths) in _TYPES.items():
        for depth, description, is_interlaced in product(depths, _COLOURS, (False, True)):
            if description == "iCCP" and mode.startswith("L") and words != "palette":
                continue  # a profile of colours is not for grey
            values = channels(mode)
            levels = np.round(values * ((1 << depth) - 1)).astype(np.uint16)
            chunks = list(_COLOURS[description])
            if words == "palette":
                chunks.append((b"PLTE", _palette(1 << depth)))
            detail = description + (", interlaced" if is_interlaced else "")
            data = _png(levels, depth, kind, chunks, is_interlaced)
            yield Cell("PNG", f"{words}, {depth} bit{'s' * (depth > 1)}", detail, "png", data)
    for words, depth in (("grey", 2), ("grey", 8), ("grey", 16), ("RGB", 8), ("RGB", 16)):
        kind, mode, _ = _TYPES[words]
        levels = np.round(channels(mode) * ((1 << depth) - 1)).astype(np.uint16)
        clear = struct.pack(f">{levels.shape[-1]}H", *[int(one) for one in levels[20, 20]])
        data = _png(levels, depth, kind, [(b"tRNS", clear)], is_interlaced=False)
        yield Cell("PNG", f"{words}, {depth} bits", "a transparent colour", "png", data)


def _palette(count: int) -> bytes:
    return bytes(
        part
        for at in range(count)
        for part in (255 * at // (count - 1), 255 - at % 256, at * 7 % 256)
    )


def _png(
    levels: NDArray[np.uint16],
    depth: int,
    kind: int,
    chunks: list[tuple[bytes, bytes]],
    is_interlaced: bool,
) -> bytes:
    """A PNG, perhaps of seven passes: PNG specification, 8.2 and 11.2.1."""
    passes = [(0, 0, 1, 1)]
    if is_interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4)]
        passes += [(1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b"".join(
        b"\0" + _packed(row, depth)
        for left, top, across, down in passes
        for row in levels[top::down, left::across]
    )
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, kind, 0, 0, is_interlaced)
    every = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return PNG + b"".join(chunk(name, body) for name, body in every)


def _packed(row: NDArray[np.uint16], depth: int) -> bytes:
    flat = row.reshape(-1)
    if depth == 16:
        return flat.astype(">u2").tobytes()
    if depth == 8:
        return flat.astype(np.uint8).tobytes()
    bits = (flat[:, None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8).reshape(-1)).tobytes()
