"""ICO files: a list of pictures, each a PNG or a BMP without its first 14 bytes."""

from __future__ import annotations

import struct
from typing import BinaryIO

from thumbnailer.imaging.containers.png_chunks import PNG_SIGNATURE
from thumbnailer.imaging.decode.readers.bmp import row_bytes

# An icon has 256 x 256 px mostly, which take a quarter of a megabyte.
_MAX_BYTES = 64 << 20

# Bits a pixel of a bitmap with alpha, and of one without; BITMAPINFOHEADER and those that are
# longer; and how often it says that masks for colours follow: Windows GDI, "Bitmap Header Types".
_DEPTHS, _WITH_ALPHA, _WITHOUT_ALPHA = (1, 4, 8, 16, 24, 32), 32, 24
_HEADER_BYTES, _BITFIELDS, _MASK_BYTES = 40, 3, 12


def largest_picture(file: BinaryIO) -> tuple[tuple[int, int], bytes]:
    """Return the size in px and the data of the largest picture in an icon.

    The data are the picture's PNG file, or else an icon that holds this picture only. Of several of
    the same size, the one with the most colours is taken, and of those the first. The size is that
    in the picture's own header, which Pillow decodes; the icon's directory may state a smaller one,
    or a wrong length.

    Raises:
        struct.error, ValueError: the icon holds no picture.
    """
    file.seek(0)
    head = file.read(6)
    (count,) = struct.unpack_from("<H", head, 4)
    entries = struct.iter_unpack("<BBBxHHII", file.read(16 * count))
    *fields, _, offset = max(entries, key=_rank)
    file.seek(offset)
    data = file.read(_MAX_BYTES)
    if data.startswith(PNG_SIGNATURE):
        return struct.unpack_from(">II", data, 16), data  # PNG specification, 11.2.1
    width, height = struct.unpack_from("<ii", data, 4)
    size = abs(width), abs(height) // 2  # the mask lies below the picture
    fields[:2] = [min(side, 256) % 256 for side in size]
    fields[-1], data = _bitmap_of(data, size)
    single = struct.pack("<4sHBBBxHHII", head[:4], 1, *fields, len(data), 6 + 16)
    return size, single + data


def _rank(entry: tuple[int, ...]) -> tuple[int, int]:
    width, height, colours, _, bits, _, _ = entry
    return (width or 256) * (height or 256), bits or colours.bit_length() or 32


def _bitmap_of(data: bytes, size: tuple[int, int]) -> tuple[int, bytes]:
    """Return the bits a pixel as Pillow takes them for a bitmap of `size` (px), and its bytes.

    With 32 it takes transparency from the pixels, else from the mask at the end. As in Windows, a
    mask is used where all pixels are transparent; one that is missing hides nothing.
    """
    length, bits, compression, colours = struct.unpack_from("<I10xHI12xI", data)
    if length < _HEADER_BYTES or bits not in _DEPTHS:
        raise ValueError("no bitmap of Windows")
    start = length + (_MASK_BYTES if (length, compression) == (_HEADER_BYTES, _BITFIELDS) else 0)
    if bits <= 8:
        start += 4 * (colours or 1 << bits)
    width, height = size
    mask = start + row_bytes(width, bits) * height
    end = mask + row_bytes(width, 1) * height
    if bits == _WITH_ALPHA and not any(data[start:mask][3::4]):
        bits = _WITHOUT_ALPHA
    return bits, data[:end] + bytes(max(0, end - len(data)) if len(data) >= mask else 0)
