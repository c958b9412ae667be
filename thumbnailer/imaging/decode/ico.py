"""ICO: a list of pictures, each of them a PNG or what a BMP has after its first 14 bytes."""

from __future__ import annotations

import struct
from typing import BinaryIO

PNG = b"\x89PNG\r\n\x1a\n"


def largest_picture(file: BinaryIO) -> tuple[tuple[int, int], bytes]:
    """The size in px of the largest picture in an icon, and either that, if it is a PNG, or an icon
    with nothing else in it. Of several of one size that with the most colours counts.

    The size is what the picture itself says and Pillow decodes; the icon's list may say less.

    Raises:
        struct.error, ValueError: there is none.
    """
    file.seek(0)
    head = file.read(6)
    (count,) = struct.unpack_from("<H", head, 4)
    entries = struct.iter_unpack("<BBBxHHII", file.read(16 * count))
    _, _, entry = max(
        ((width or 256) * (height or 256), bits or colours.bit_length() or 32, entry)
        for entry in entries
        for width, height, colours, _, bits, _, _ in [entry]
    )
    *what, length, offset = entry
    file.seek(offset)
    data = file.read(length)
    if data.startswith(PNG):
        return struct.unpack_from(">II", data, 16), data  # PNG specification, 11.2.1
    width, height = struct.unpack_from("<ii", data, 4)
    alone = struct.pack("<4sHBBBxHHII", head[:4], 1, *what, length, 6 + 16)
    return (abs(width), abs(height) // 2), alone + data  # the mask lies below the picture
