"""TIFF: each type of value, byte order, layout and compression that tifffile writes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import tifffile

from differential.cells import Cell, Values, channels, image_of, quantised

_TYPES = ("u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8")
_WORDS = {"u": "{} bits", "i": "signed {} bits", "f": "floats of {} bits"}
_COMPRESSIONS: tuple[dict[str, Any], ...] = (
    {},
    {"compression": "lzw"},
    {"compression": "zlib"},
    {"compression": "zlib", "predictor": True},
    {"compression": "packbits"},
    {"compression": "zstd"},
)
_MODES = {
    "grey": ("L", "minisblack", None),
    "white is zero": ("L", "miniswhite", None),
    "grey and alpha": ("LA", "minisblack", ["unassalpha"]),
    "RGB": ("RGB", "rgb", None),
    "RGB and alpha": ("RGBA", "rgb", ["unassalpha"]),
    "RGB and premultiplied alpha": ("RGBA", "rgb", ["assocalpha"]),
    "RGB and a selection": ("RGB", "rgb", ["unspecified"]),
}
_LAYOUTS: tuple[dict[str, Any], ...] = ({}, {"rowsperstrip": 7}, {"tile": (16, 16)})


def cells() -> Iterator[Cell]:
    for words, code, order in product(_MODES, _TYPES, "<>"):
        mode, photometric, extras = _MODES[words]
        kind = f"{words}, {_WORDS[code[0]].format(8 * int(code[1]))}"
        stored = _stored(channels(mode), words)
        values = quantised(stored, np.dtype(code))
        for compression, layout, planar in product(_COMPRESSIONS, _LAYOUTS, ("contig", "separate")):
            if _is_impossible(code, compression, planar, stored.shape[-1]):
                continue
            options: dict[str, Any] = {**compression, **layout, "photometric": photometric}
            if stored.shape[-1] > 1:
                options["planarconfig"] = planar
            if extras:
                options["extrasamples"] = extras
            data = _written(values, planar, order, options)
            detail = ", ".join(
                [
                    *({"<": "little-endian", ">": "big-endian"}[order],),
                    *(f"{key} {value}" for key, value in (compression | layout).items()),
                    *([planar] if stored.shape[-1] > 1 else []),
                ]
            )
            yield Cell("TIFF", kind, detail, "tif", data, image_of(channels(mode)), _most(words))


def _stored(values: Values, words: str) -> Values:
    if words == "white is zero":
        return 1 - values
    if words == "RGB and premultiplied alpha":
        return np.concatenate([values[..., :3] * values[..., 3:], values[..., 3:]], axis=-1)
    if words == "RGB and a selection":
        return np.concatenate([values, 1 - values[..., :1]], axis=-1)
    return values


def _most(words: str) -> float:
    return 3.0 if "premultiplied" in words else 1.0


def _is_impossible(code: str, compression: dict[str, Any], planar: str, count: int) -> bool:
    if planar == "separate" and (count == 1 or compression not in ({}, {"compression": "zlib"})):
        return True
    return bool(compression.get("predictor")) and code in ("f2", "f8")


def _written(values: Any, planar: str, order: Any, options: dict[str, Any]) -> bytes:
    shaped = np.moveaxis(values, -1, 0) if planar == "separate" else values
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, byteorder=order) as writer:
        writer.write(shaped[..., 0] if shaped.shape[-1] == 1 else shaped, metadata=None, **options)
    return buffer.getvalue()
