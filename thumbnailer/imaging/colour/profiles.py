"""Build ICC profiles for pictures that state their colours by other means than a profile."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import mul
from typing import NamedTuple

from thumbnailer.imaging.colour.light import light_of

# The chromaticity x and y of a colour: CIE 1931.
Point = tuple[float, float]

# A transfer curve from a value to light, both 0 to 1: an exponent, or a name in `_CURVES`.
Curve = float | str

# The white point of all profiles, as X, Y and Z: ICC.1:2022, 7.2.16.
_D50 = (0.9642, 1.0, 0.8249)

# Bradford's matrix from X, Y and Z to cone responses: ICC.1:2022, annex E.
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))

# Samples of a curve.
_SAMPLES = 1024

Matrix = Sequence[Sequence[float]]


class Primaries(NamedTuple):
    """Chromaticities of pure red, green and blue, and of white."""

    red: Point
    green: Point
    blue: Point
    white: Point


D65 = (0.3127, 0.329)
SRGB = Primaries((0.64, 0.33), (0.3, 0.6), (0.15, 0.06), D65)
# ITU-R BT.2020-2, table 3.
BT2020 = Primaries((0.708, 0.292), (0.17, 0.797), (0.131, 0.046), D65)
# Adobe RGB (1998) Color Image Encoding, 4.3.1.1; also that of DCF 2.0 option files.
ADOBE_RGB = Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65)
ADOBE_GAMMA = 563 / 256


@lru_cache(maxsize=16)
def profile_bytes(primaries: Primaries | None, curve: Curve) -> bytes:
    """Return an ICC profile, version 2, for RGB pictures, or for grey ones without `primaries`.

    Args:
        curve: from values to light: an exponent, `srgb`, `smpte_240` or `cinema`.

    Raises:
        ValueError: the primaries or the curve are impossible.
    """
    curve_tag = _curve_tag(curve)
    name = b"thumbnailer\0"
    tags = {
        b"desc": b"desc" + struct.pack(">II", 0, len(name)) + name + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": _xyz_tag(_D50),
    }
    if primaries:
        for letter, column in zip(b"rgb", zip(*_to_d50(primaries), strict=True), strict=True):
            tags[bytes([letter]) + b"XYZ"] = _xyz_tag(column)
            tags[bytes([letter]) + b"TRC"] = curve_tag
    else:
        tags[b"kTRC"] = curve_tag
    return _assemble(b"RGB " if primaries else b"GRAY", tags)


def _assemble(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Assemble a profile; equal tags share their data: ICC.1:2001-04, sections 6.1 and 6.2."""
    start = 128 + 4 + 12 * len(tags)
    table, body, offsets = struct.pack(">I", len(tags)), b"", dict[bytes, int]()
    for name, data in tags.items():
        if data not in offsets:
            offsets[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", offsets[data], len(data))
    header = struct.pack(">I4xI4s4s4s", start + len(body), 0x02100000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _fixed(_D50)
    return header.ljust(128, b"\0") + table + body


def _fixed(values: Sequence[float]) -> bytes:
    try:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))
    except (struct.error, OverflowError):
        raise ValueError("no such colour") from None


def _xyz_tag(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _curve_tag(curve: Curve) -> bytes:
    if isinstance(curve, float):
        if not 1 / 256 < curve < 255:
            raise ValueError("no such curve")
        return b"curv" + struct.pack(">IIH", 0, 1, round(curve * 256))
    light = _CURVES[curve]
    samples = [round(65535 * light(index / (_SAMPLES - 1))) for index in range(_SAMPLES)]
    return b"curv" + struct.pack(f">II{_SAMPLES}H", 0, _SAMPLES, *samples)


def _smpte_240(value: float) -> float:
    """Decode a value of SMPTE ST 240: ITU-T H.273, table 3, code 7."""
    return value / 4 if value < 0.0912 else float(((value + 0.1115) / 1.1115) ** (1 / 0.45))


def _cinema(value: float) -> float:
    """Decode a value of SMPTE ST 428-1: ITU-T H.273, table 3, code 17; white is at 48 cd/m2."""
    return min(1.0, float(52.37 / 48 * value**2.6))


_CURVES: dict[str, Callable[[float], float]] = {
    "srgb": light_of,
    "smpte_240": _smpte_240,
    "cinema": _cinema,
}


def matrix_between(source: Primaries, target: Primaries) -> Matrix:
    """Return the matrix from red, green and blue light of some primaries to that of others."""
    return _product(_inverse(_to_d50(target)), _to_d50(source))


def _to_d50(primaries: Primaries) -> Matrix:
    """Return the matrix from red, green and blue light to X, Y and Z under D50."""
    *colours, white = (_xyz(point) for point in primaries)
    columns = tuple(zip(*colours, strict=True))
    amounts = _product(_inverse(columns), _column(white))
    source, target = (_product(_BRADFORD, _column(point)) for point in (white, _D50))
    if not all(value for (value,) in source):
        raise ValueError("no such white")
    gains = [(to / of,) for (to,), (of,) in zip(target, source, strict=True)]
    adapted = _product(_scale(_inverse(_BRADFORD), gains), _BRADFORD)
    return _product(adapted, _scale(columns, amounts))


def _xyz(point: Point) -> tuple[float, float, float]:
    x, y = point
    if not y:  # that of a colour that is none may be negative, as in ACES
        raise ValueError("no such colour")
    return x / y, 1, (1 - x - y) / y


def _column(vector: Sequence[float]) -> Matrix:
    return [(value,) for value in vector]


def _product(one: Matrix, other: Matrix) -> Matrix:
    columns = list(zip(*other, strict=True))
    return [[sum(map(mul, row, column)) for column in columns] for row in one]


def _scale(matrix: Matrix, by: Matrix) -> Matrix:
    """Multiply each column by a number of the column `by`."""
    return [[value * of for value, (of,) in zip(row, by, strict=True)] for row in matrix]


def _inverse(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    size = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if abs(size) < 1e-6:
        raise ValueError("three colours that make no others")
    return (
        ((e * i - f * h) / size, (c * h - b * i) / size, (b * f - c * e) / size),
        ((f * g - d * i) / size, (a * i - c * g) / size, (c * d - a * f) / size),
        ((d * h - e * g) / size, (b * g - a * h) / size, (a * e - b * d) / size),
    )
