"""DNG: sensors of each pattern and depth, byte order, layout and compression, by tifffile.

The sensor sees the scene in linear light of sRGB. LibRaw shows it with the curve of BT.709, as
dcraw does; so does the truth here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps
from support.dng_files import dng

from differential.cells import HEIGHT, WIDTH, Cell, Values, image_of, quantised, scene

# From X, Y and Z to the light of sRGB: IEC 61966-2-1.
_TO_SRGB = (32405, -15371, -4985, -9693, 18760, 416, 556, -2040, 10572)

# The colours of each square of four, by their numbers in CFAPattern (TIFF/EP): red, green, blue.
_PATTERNS = {"RGGB": (0, 1, 1, 2), "BGGR": (2, 1, 1, 0), "GRBG": (1, 0, 2, 1), "GBRG": (1, 2, 0, 1)}

_ORDERS: Any = {"<": "little-endian", ">": "big-endian"}
_DEPTHS = (8, 10, 12, 14, 16)
_BYTE, _SHORT, _LONG, _RATIONAL, _SIGNED_RATIONAL = 1, 3, 4, 5, 10
_MAKES: dict[str, dict[str, Any]] = {
    "in rows": {},
    "in strips": {"rowsperstrip": 16},
    "in tiles": {"tile": (32, 64)},
}

# A square of four of a sensor for each pixel of the scene.
_SIZE = (2 * WIDTH, 2 * HEIGHT)


class _Sensor(NamedTuple):
    """A sensor.

    Attributes:
        pattern: of `_PATTERNS`.
        black: what it sees of no light.
        neutral: what it sees of white, as red, green and blue.
        places: how many of its columns and rows see a pixel of the scene.
    """

    pattern: tuple[int, ...] = _PATTERNS["RGGB"]
    bits: int = 16
    black: int = 0
    neutral: tuple[float, ...] = (1, 1, 1)
    places: int = 2


def cells() -> Iterator[Cell]:
    yield from _sensors()
    yield from _compressed()
    yield from _linear()
    yield from _others()
    yield from _with_previews()


def _sensors() -> Iterator[Cell]:
    for (words, pattern), bits, order in product(_PATTERNS.items(), _DEPTHS, _ORDERS):
        sensor = _Sensor(pattern, bits)
        for make, layout in _MAKES.items():
            detail = f"{words}, {make}, {_ORDERS[order]}"
            data = _sensor_file(sensor, order, **layout)
            yield _cell(f"sensor, {bits} bits", detail, data)
            if bits not in (8, 16) and order == "<":  # tifffile packs others wrongly
                data = _sensor_file(sensor, order, bitspersample=bits, **layout)
                yield _cell(f"sensor, {bits} bits packed", detail, data)


def _compressed() -> Iterator[Cell]:
    import imagecodecs

    for (words, pattern), bits in product(_PATTERNS.items(), _DEPTHS):
        sensor = _Sensor(pattern, bits)
        data = imagecodecs.ljpeg_encode(_seen(sensor), bitspersample=bits)
        data = _encoded(sensor, data, 7)
        yield _cell(f"sensor, {bits} bits, lossless JPEG", words, data)
    for words, compression in (("Deflate", "zlib"), ("LZW", "lzw"), ("PackBits", "packbits")):
        data = _sensor_file(_Sensor(), compression=compression)
        yield _cell("sensor, 16 bits, compressed", words, data)
    data = _encoded(_Sensor(), imagecodecs.jpegxl_encode(_seen(_Sensor()), lossless=True), 52546)
    yield _cell("sensor, 16 bits, compressed", "JPEG XL", data)


def _linear() -> Iterator[Cell]:
    for code, order, planar in product(("u1", "u2", "f2", "f4"), _ORDERS, ("contig", "separate")):
        light = quantised(_light(scene()).repeat(2, axis=0).repeat(2, axis=1), code)
        tags = _tags(_Sensor(bits=8 if code == "u1" else 16))
        if code[0] == "f":
            tags = [(*tag[:3], 1, True) if tag[0] == 50717 else tag for tag in tags]
        values = np.moveaxis(light, -1, 0) if planar == "separate" else light
        options: Any = {"photometric": "linear_raw", "planarconfig": planar, "extratags": tags}
        data = _written(values, order, **options)
        words = {"u": "{} bits", "f": "floats of {} bits"}[code[0]].format(8 * int(code[1]))
        yield _cell(f"linear, {words}", f"{planar}, {_ORDERS[order]}", data)


def _others() -> Iterator[Cell]:
    for words, sensor in {
        "black of 512": _Sensor(black=512),
        "black of 512, 14 bits": _Sensor(bits=14, black=512),
        "white is green": _Sensor(neutral=(0.5, 1, 0.625)),
        "white is red": _Sensor(neutral=(1, 0.8, 0.625)),
    }.items():
        yield _cell("sensor, levels", words, _sensor_file(sensor))
    for number in range(1, 9):
        stored, data = developed(), _sensor_file(_Sensor(), orientation=number)
        stored.getexif()[ExifTags.Base.Orientation] = number
        truth = ImageOps.exif_transpose(stored)
        yield _cell("sensor, turned", f"orientation {number}", data, truth)
    for words, pattern in _PATTERNS.items():  # edges are softer: places between are computed
        data = _sensor_file(_Sensor(pattern, places=1))
        yield _cell("sensor, as small as the thumbnail", words, data, most=3)


def _with_previews() -> Iterator[Cell]:
    """A preview is another picture here, so that it is seen whether it is shown."""
    image = image_of(scene()).resize(_SIZE, Image.Resampling.NEAREST)
    other = Image.linear_gradient("L").convert("RGB")
    for words, size in {"large": _SIZE, "square": (128, 128), "small": (40, 30)}.items():
        truth = other.resize((WIDTH, HEIGHT)) if words == "large" else None
        data = dng(image, other.resize(size))
        yield _cell("sensor and preview", words, data, truth)


def _encoded(sensor: _Sensor, data: bytes | bytearray, compression: int) -> bytes:
    """A file of values that are encoded already."""
    kind = "u1" if sensor.bits == 8 else "u2"
    options: Any = {"shape": _SIZE[::-1], "dtype": kind, "compression": compression}
    return _sensor_file(sensor, values=iter([bytes(data)]), bitspersample=sensor.bits, **options)


def _cell(
    kind: str, detail: str, data: bytes, truth: Image.Image | None = None, most: float = 1
) -> Cell:
    return Cell("DNG", kind, detail, "dng", data, truth or developed(), most)


def developed() -> Image.Image:
    """The scene with the curve of ITU-R BT.709."""
    light = _light(scene())
    return image_of(np.where(light < 0.018, 4.5 * light, 1.099 * light**0.45 - 0.099))


def _light(values: Values) -> Values:
    light: Values = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return light


def _seen(sensor: _Sensor) -> NDArray[np.uint16]:
    """What the sensor sees, one colour in each place."""
    places, light = sensor.places, _light(scene()) * sensor.neutral
    light = light.repeat(places, axis=0).repeat(places, axis=1)
    squares = HEIGHT * places // 2, WIDTH * places // 2
    colours = np.tile(np.reshape(sensor.pattern, (2, 2)), squares)
    one = np.take_along_axis(light, colours[..., None], axis=-1)[..., 0]
    span = (1 << sensor.bits) - 1 - sensor.black
    return np.round(one * span + sensor.black).astype("u1" if sensor.bits == 8 else "u2")


def _tags(sensor: _Sensor, orientation: int = 1) -> list[Any]:
    """Tags of DNG 1.7 that are common to all: each its number, type, count and values."""
    neutral = [part for value in sensor.neutral for part in (round(value * 10_000), 10_000)]
    matrix = [part for value in _TO_SRGB for part in (value, 10_000)]
    return [
        (274, _SHORT, 1, orientation, True),
        (50706, _BYTE, 4, (1, 4, 0, 0), True),
        (50708, 2, 0, "Maker Camera", True),
        (50714, _LONG, 1, sensor.black, True),
        (50717, _LONG, 1, (1 << sensor.bits) - 1, True),
        (50721, _SIGNED_RATIONAL, 9, matrix, True),
        (50728, _RATIONAL, 3, neutral, True),
        (50778, _SHORT, 1, 21, True),  # D65
    ]


def _sensor_file(
    sensor: _Sensor, order: str = "<", orientation: int = 1, values: Any = None, **options: Any
) -> bytes:
    pattern = [(33421, _SHORT, 2, (2, 2), True), (33422, _BYTE, 4, sensor.pattern, True)]
    tags = _tags(sensor, orientation) + pattern
    values = _seen(sensor) if values is None else values
    return _written(values, order, photometric="cfa", extratags=tags, **options)


def _written(values: Any, order: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, byteorder=order) as writer:
        writer.write(values, metadata=None, software=False, **options)
    return buffer.getvalue()
