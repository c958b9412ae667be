"""JPEG XL: depths and channels as libjxl writes them, transcoded JPEGs, and colours in numbers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from support.jxl_files import ALPHA, BLACK, jxl, with_header
from support.thumbs import swapped_profile

from differential.cells import WORDS, Cell, channels, image_of, quantised

_TYPES = {"u1": "8 bits", "u2": "16 bits", "f2": "floats of 16 bits", "f4": "floats of 32 bits"}
_WAYS: dict[str, dict[str, Any]] = {
    "lossless": {"lossless": True},
    "lossless, least effort": {"lossless": True, "effort": 1},
    "lossless, in boxes": {"lossless": True, "usecontainer": True},
    "distance 0.3": {"distance": 0.3},
    "distance 0.3, least effort": {"distance": 0.3, "effort": 1},
    "distance 1, quick to decode": {"distance": 1, "decodingspeed": 4},
}

# Codes of white points, primaries and curves (ISO/IEC 18181-1:2024, D.4), and which go together.
_WHITES = {"D65": 1, "E": 10, "DCI": 11}
_PRIMARIES = {"sRGB": 1, "BT.2100": 9, "P3": 11}
_CURVES = {"BT.709": 1, "linear": 8, "sRGB": 13, "PQ": 16, "DCI": 17, "HLG": 18}
_COLOURS = [*product(["D65"], _PRIMARIES, _CURVES), *product(["E"], ["sRGB"], ["linear", "sRGB"])]
_COLOURS += product(["DCI"], ["P3"], ["DCI", "sRGB"])
_GREYS = [("D65", "sRGB", curve) for curve in _CURVES] + [("E", "sRGB", "sRGB")]

# Kinds of channels that are no alpha: depth, a selection, heat.
_ASIDE = {"depth": 1, "a selection": 3, "heat": 6}


def cells() -> Iterator[Cell]:
    """Those that a browser judges are in other colours than sRGB, or turned."""
    yield from _by_imagecodecs()
    yield from _by_pylibjxl()
    yield from _in_numbers()
    yield from _of_odd_headers()


def _by_imagecodecs() -> Iterator[Cell]:
    import imagecodecs

    for mode, code, (words, options) in product(("L", "LA", "RGB", "RGBA"), _TYPES, _WAYS.items()):
        if code[0] == "f" and len(options) > 1:
            continue
        values = quantised(channels(mode), code)
        data = imagecodecs.jpegxl_encode(values[..., 0] if mode == "L" else values, **options)
        truth = image_of(channels(mode)) if code == "u1" else None  # others are linear
        kind = f"{WORDS[mode]}, {_TYPES[code]}"
        yield Cell("JPEG XL", kind, words, "jxl", bytes(data), truth)
    frames = np.stack([quantised(channels("RGB"), "u1")] * 2)
    data = bytes(imagecodecs.jpegxl_encode(frames, lossless=True))
    yield Cell("JPEG XL", "animation", "two frames", "jxl", data)


def _by_pylibjxl() -> Iterator[Cell]:
    import pylibjxl

    opaque = image_of(channels("RGB"))
    for lossless in (True, False):
        data = jxl(opaque, lossless=lossless, distance=0.3, icc=swapped_profile())
        words = "lossless" if lossless else "distance 0.3"
        yield Cell("JPEG XL", "RGB, ICC profile", words, "jxl", data)
    for sampling, progressive in product(("4:4:4", "4:2:2", "4:2:0", "grey"), (False, True)):
        buffer = io.BytesIO()
        truth = opaque.convert("L") if sampling == "grey" else opaque
        options = {} if sampling == "grey" else {"subsampling": sampling}
        truth.save(buffer, "jpeg", quality=95, progressive=progressive, **options)
        data = bytes(pylibjxl.jpeg_to_jxl(buffer.getvalue()))
        words = "progressive" if progressive else "baseline"
        yield Cell("JPEG XL", f"from JPEG, {sampling}", words, "jxl", data, truth, most=2)
    buffer = io.BytesIO()
    opaque.save(buffer, "jpeg", quality=95, subsampling="4:4:4", icc_profile=swapped_profile())
    data = bytes(pylibjxl.jpeg_to_jxl(buffer.getvalue()))
    yield Cell("JPEG XL", "from JPEG, 4:4:4", "ICC profile", "jxl", data, most=2)


def _in_numbers() -> Iterator[Cell]:
    import imagecodecs

    for mode, is_converted in product(("RGB", "L"), (False, True)):
        image, data = image_of(channels(mode)), b""
        if is_converted:
            data = bytes(imagecodecs.jpegxl_encode(np.asarray(image), distance=0.3))
        stored = "converted" if is_converted else "as they are"
        for white, primaries, curve in _COLOURS if mode == "RGB" else _GREYS:
            codes = {"white": _WHITES[white], "primaries": _PRIMARIES[primaries]}
            codes |= {"curve": _CURVES[curve], "converted": is_converted}
            detail = f"white {white}, primaries {primaries}, curve {curve}"
            kind = f"{WORDS[mode]}, colours in numbers, {stored}"
            yield Cell("JPEG XL", kind, detail, "jxl", with_header(image, data, **codes), most=2)


def _of_odd_headers() -> Iterator[Cell]:
    opaque, clear = image_of(channels("RGB")), image_of(channels("RGBA"))
    for orientation in range(1, 9):
        data = with_header(opaque, orientation=orientation)
        yield Cell("JPEG XL", "RGB, turned", f"orientation {orientation}", "jxl", data)
    values = channels("RGBA")
    dark = image_of(np.concatenate([values[..., :3] * values[..., 3:], values[..., 3:]], axis=-1))
    data = with_header(dark, channels=((ALPHA, True),))
    yield Cell("JPEG XL", "RGB and premultiplied alpha", "lossless", "jxl", data, clear, most=3)
    for words, kind in _ASIDE.items():
        data = with_header(clear, channels=((kind, False),))
        yield Cell("JPEG XL", "RGB and another channel", words, "jxl", data, opaque)
    data = with_header(clear, channels=((BLACK, False),))
    yield Cell("JPEG XL", "CMYK", "by its header", "jxl", data)
