"""Progressive JPEGs, whole and damaged, and what libjpeg makes of them."""

from __future__ import annotations

import io
import itertools
import random
import re
import shutil
import subprocess

import pytest
from PIL import Image, ImageChops, features

from thumbnailer.imaging.decode.progressive import keep_dc_scans

needs_turbo = pytest.mark.skipif(
    not features.check("libjpeg_turbo"), reason="Pillow comes with another libjpeg"
)
needs_cjpeg = pytest.mark.skipif(
    not (shutil.which("cjpeg") and shutil.which("jpegtran")),
    reason="needs cjpeg and jpegtran (libjpeg-turbo-progs)",
)

# Any marker that a picture has in it but the first.
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")


def scene(size: tuple[int, int], mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Something with detail of its own in every colour, the same each time."""
    values = random.Random(seed).randbytes(size[0] * size[1])
    noise = Image.frombytes("L", size, values).point([40 + 2 * value // 3 for value in range(256)])
    slope = Image.linear_gradient("L").resize(size)
    red, blue = (ImageChops.add(turned, slope, 2) for turned in (noise, noise.rotate(180)))
    return Image.merge("RGB", (red, slope, blue)).convert(mode)


def saved(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", progressive=True, **options)
    return buffer.getvalue()


def cjpeg(image: Image.Image, *options: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PPM")
    command = ["cjpeg", "-progressive", *options]
    return subprocess.run(command, input=buffer.getvalue(), capture_output=True, check=True).stdout


def jpegtran(data: bytes, *options: str) -> bytes:
    """The same coefficients in other scans."""
    command = ["jpegtran", "-copy", "all", *options]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def at_eighth(data: bytes) -> Image.Image:
    """A picture as it is read at an eighth of its size; not decoded."""
    image = Image.open(io.BytesIO(data), formats=["JPEG"])
    image.draft(None, (max(image.width // 8, 1), max(image.height // 8, 1)))
    assert image.decoderconfig == (8, 0)
    return image


def can_be_opened(data: bytes) -> bool:
    try:
        at_eighth(data)
    except Exception:  # whatever Pillow raises
        return False
    return True


def pixels(data: bytes) -> object:
    """Mode, size and pixels at an eighth of the size; None if that can't be decoded."""
    try:
        image = at_eighth(data)
        image.load()
    except Exception:  # whatever Pillow raises
        return None
    return image.mode, image.size, image.tobytes()


def reduced(data: bytes) -> bytes:
    """What `keep_dc_scans` leaves; checks that it makes no difference."""
    result = keep_dc_scans(data)
    assert result
    assert pixels(result)
    assert pixels(result) == pixels(data)
    return result


def segments(data: bytes) -> list[bytes]:
    """The pieces of a JPEG from marker to marker."""
    places = [0, *(found.start() for found in _MARKER.finditer(data)), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Damaged in one of the ways in which files are, and as often in a header as elsewhere."""
    pieces = segments(data)
    near = [found.start() + chance.randrange(24) for found in _MARKER.finditer(data)]
    at = min(chance.choice([chance.randrange(len(data)), chance.choice(near)]), len(data) - 1)
    one, other = (chance.randrange(1, len(pieces)) for _ in range(2))
    match chance.choice(["flip", "set", "cut", "remove", "insert", "swap", "repeat", "marker"]):
        case "flip":
            return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        case "set":
            return data[:at] + bytes([chance.choice([0, 1, 2, 3, 17, 64, 255])]) + data[at + 1 :]
        case "cut":
            return data[:at]
        case "remove":
            return data[:at] + data[at + chance.randrange(1, 40) :]
        case "insert":
            return data[:at] + chance.randbytes(chance.randrange(1, 9)) + data[at:]
        case "marker":
            return data[:at] + bytes([255, chance.randrange(256)]) + data[at + 2 :]
        case "swap":
            pieces[one], pieces[other] = pieces[other], pieces[one]
        case "repeat":
            pieces.insert(one, pieces[other])
    return b"".join(pieces)
