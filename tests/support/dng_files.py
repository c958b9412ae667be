"""Raw pictures as a camera would write them: DNG, made by hand."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image

# Types of fields: TIFF 6.0, section 2.
_BYTE, _ASCII, SHORT, _LONG, _RATIONAL, _SIGNED_RATIONAL = 1, 2, 3, 4, 5, 10

# Each with the type of its values, and these.
Tags = dict[int, tuple[int, object]]


def dng(
    image: Image.Image,
    preview: Image.Image | None = None,
    *,
    orientation: int = 1,
    exif: Image.Exif | None = None,
    others: Sequence[Image.Image] = (),
    tags: Tags | None = None,
    lossless_jpeg: bool = False,
    **options: object,
) -> bytes:
    """What a sensor with red, green, green and blue in each square of four would see of a picture.

    Args:
        image: RGB; becomes linear light.
        preview: goes in as a JPEG, saved with `options` and `exif`.
        orientation: of the raw picture, as in EXIF.
        others: more previews.
        tags: more, of the sensor data.
        lossless_jpeg: in which the sensor data are stored then, in 8 bits.
    """
    sensor = _mosaic(image.convert("RGB"))
    common: Tags = {254: (_LONG, [0]), 274: (SHORT, [orientation])}
    camera: Tags = {
        271: (_ASCII, b"Maker\0"),
        272: (_ASCII, b"Camera\0"),
        306: (_ASCII, b"2024:05:01 10:00:00\0"),
        33432: (_ASCII, b"Nobody\0"),
        50706: (_BYTE, [1, 4, 0, 0]),
        50708: (_ASCII, b"Maker Camera\0"),
        # From XYZ to the camera's colours, which are those of sRGB.
        50721: (_SIGNED_RATIONAL, [32405, -15371, -4985, -9693, 18760, 416, 556, -2040, 10572]),
        50728: (_RATIONAL, [10000] * 3),
        50778: (SHORT, [21]),  # D65
    }
    raw: Tags = {
        256: (_LONG, [image.width]),
        257: (_LONG, [image.height]),
        258: (SHORT, [16]),
        259: (SHORT, [1]),
        262: (SHORT, [32803]),
        277: (SHORT, [1]),
        278: (_LONG, [image.height]),
        279: (_LONG, [len(sensor)]),
        33421: (SHORT, [2, 2]),
        33422: (_BYTE, [0, 1, 1, 2]),
        50714: (SHORT, [0]),
        50717: (_LONG, [65535]),
    }
    if lossless_jpeg:
        sensor = _as_lossless_jpeg(sensor, image.size)
        raw |= {258: (SHORT, [8]), 259: (SHORT, [7]), 50717: (_LONG, [255])}
        raw[279] = (_LONG, [len(sensor)])
    raw |= tags or {}
    if preview is None:
        return _file([(common | raw | camera, sensor)])
    if exif is not None:
        options["exif"] = exif
    first, data = _preview(preview, common, options)
    more = [_preview(other, common, options) for other in others]
    sensor_tags: Tags = {254: (_LONG, [0])} | raw
    return _file([(first | camera, data), (sensor_tags, sensor), *more])


def _preview(preview: Image.Image, common: Tags, options: dict[str, Any]) -> tuple[Tags, bytes]:
    """The directory and the data of a preview."""
    buffer = io.BytesIO()
    preview.save(buffer, "jpeg", quality=95, **options)
    data = buffer.getvalue()
    tags = common | {
        254: (_LONG, [1]),
        256: (_LONG, [preview.width]),
        257: (_LONG, [preview.height]),
        258: (SHORT, [8, 8, 8]),
        259: (SHORT, [7]),
        262: (SHORT, [6]),
        277: (SHORT, [3]),
        278: (_LONG, [preview.height]),
        279: (_LONG, [len(data)]),
    }
    return tags, data


def _mosaic(image: Image.Image) -> bytes:
    linear = [round(65535 * (value / 255) ** 2.2) for value in range(256)]
    planes = [plane.tobytes() for plane in image.split()]
    width = image.width
    values = (
        linear[planes[(x & 1) + (y & 1)][y * width + x]]
        for y in range(image.height)
        for x in range(width)
    )
    return struct.pack(f"<{width * image.height}H", *values)


def _as_lossless_jpeg(sensor: bytes, size: tuple[int, int]) -> bytes:
    imagecodecs = pytest.importorskip("imagecodecs", reason="writes lossless JPEGs")
    import numpy

    values = numpy.frombuffer(sensor, "<u2").reshape(size[::-1]) >> 8
    return bytes(imagecodecs.ljpeg_encode(values.astype("u1"), bitspersample=8))


def _file(directories: list[tuple[Tags, bytes]]) -> bytes:
    """A TIFF: the first directory, which names the others as its children (SubIFDs)."""
    out = bytearray(b"II*\0\0\0\0\0")
    places: list[int] = []
    for tags, data in reversed(directories):
        start = len(out)
        out += data + bytes(len(data) % 2)
        tags = tags | {273: (_LONG, [start])}
        if places:
            tags[330] = (_LONG, list(places))
        rows = []
        for tag, (kind, value) in sorted(tags.items()):
            packed, count = _packed(kind, value)
            if len(packed) > 4:
                place = len(out)
                out += packed + bytes(len(packed) % 2)
                packed = struct.pack("<I", place)
            rows.append(struct.pack("<HHI", tag, kind, count) + packed.ljust(4, b"\0"))
        places.append(len(out))
        out += struct.pack("<H", len(rows)) + b"".join(rows) + bytes(4)
    struct.pack_into("<I", out, 4, places[-1])
    return bytes(out)


def _packed(kind: int, value: object) -> tuple[bytes, int]:
    if isinstance(value, bytes):
        return value, len(value)
    assert isinstance(value, list)
    letter = {_BYTE: "B", SHORT: "H", _LONG: "I"}.get(kind)
    if letter:
        return struct.pack(f"<{len(value)}{letter}", *value), len(value)
    pairs = [number for each in value for number in (each, 10000)]
    return struct.pack(f"<{len(pairs)}{'I' if kind == _RATIONAL else 'i'}", *pairs), len(value)
