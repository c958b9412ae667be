"""Open HEIF pictures, the format of phone cameras, with the optional extra `heif`."""

from __future__ import annotations

import io
from typing import BinaryIO

from PIL import ImageFile

from thumbnailer.imaging.containers.items import main_places
from thumbnailer.imaging.memory import HELD_BYTES, check_bytes
from thumbnailer.imaging.process_wide import ProcessWide
from thumbnailer.recipe import Limits

# Address space for importing pillow_heif: it maps 25 MiB and takes 20 ms, so the import is left
# until the first HEIF picture.
_IMPORT_BYTES = 32 << 20

# The longest part of a picture that libde265 (1.1) decodes, and the bytes that state the length of
# each: libde265/decctx.h, max_NAL_size_bytes. libheif has no way to raise it.
_MAX_PART_BYTES, _LENGTH_BYTES = 16 << 20, 4

# The most parts that are looked at: parameters, and one or a few of pixels.
_MAX_PARTS = 1000

_DECODE_THREADS = ProcessWide("DECODE_THREADS")


def open_heif(file: BinaryIO, limits: Limits) -> ImageFile.ImageFile:
    """Read a HEIF's header and return it as a Pillow image.

    The format is not registered with Pillow: that would change what the caller's process opens.
    The decoder rotates the picture upright and updates its EXIF orientation. It returns 8-bit RGB
    or grey.
    """
    held_bytes = _IMPORT_BYTES + file.seek(0, io.SEEK_END)
    check_bytes(held_bytes, limits)
    from pillow_heif import options
    from pillow_heif.as_plugin import HeifImageFile

    file.seek(0)
    with _DECODE_THREADS.set_to(1, options):
        image: ImageFile.ImageFile = HeifImageFile(file)  # type: ignore[no-untyped-call]
    image.info[HELD_BYTES] = held_bytes
    return image


def unread_heif(file: BinaryIO) -> str:
    """Return in words what a HEIF is that could not be decoded; "" for others, and cut ones.

    Earlier versions of the decoder read what this one refuses, so this is asked afterwards.
    """
    at, end = next(iter(main_places(file)), (0, 0))
    end = min(end, file.seek(0, io.SEEK_END))
    for _ in range(_MAX_PARTS):
        file.seek(at)
        head = file.read(_LENGTH_BYTES)
        at += len(head) + int.from_bytes(head)
        if len(head) < _LENGTH_BYTES or at > end:
            break
        if int.from_bytes(head) > _MAX_PART_BYTES:
            most = _MAX_PART_BYTES >> 20
            return f"a HEIC picture coded in one piece of more than {most} MiB"
    return ""
