"""ICO files: a list of pictures, each a PNG or a BMP without its first 14 bytes."""

from __future__ import annotations

import struct
from typing import BinaryIO

from thumbnailer.imaging.containers.png_chunks import PNG_SIGNATURE


def largest_picture(file: BinaryIO) -> tuple[tuple[int, int], bytes]:
    """Return the size in px and the data of the largest picture in an icon.

    The data are the picture's PNG file, or else an icon that holds this picture only. Of several of
    the same size, the one with the most colours is taken. The size is that in the picture's own
    header, which Pillow decodes; the icon's directory may state a smaller one.

    Raises:
        struct.error, ValueError: the icon holds no picture.
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
    *fields, length, offset = entry
    file.seek(offset)
    data = file.read(length)
    if data.startswith(PNG_SIGNATURE):
        return struct.unpack_from(">II", data, 16), data  # PNG specification, 11.2.1
    width, height = struct.unpack_from("<ii", data, 4)
    single = struct.pack("<4sHBBBxHHII", head[:4], 1, *fields, length, 6 + 16)
    return (abs(width), abs(height) // 2), single + data  # the mask lies below the picture
