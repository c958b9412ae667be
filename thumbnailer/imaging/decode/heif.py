"""HEIF, which the extra `heif` reads: what phones take."""

from __future__ import annotations

import io
import threading
from typing import BinaryIO

from PIL import ImageFile

from thumbnailer.imaging.memory import HELD_BYTES, check_bytes
from thumbnailer.recipe import Limits

# What the import maps: 25 MiB and 20 ms, so it waits for the first such picture.
_IMPORT_BYTES = 32 << 20

_OPTIONS = threading.Lock()


def open_heif(file: BinaryIO, limits: Limits) -> ImageFile.ImageFile:
    """Read a HEIF's header; as Pillow's own, without telling Pillow of the format, which would
    change what the caller's own process opens.

    Its decoder turns it upright, and says so in the EXIF data. It comes as 8-bit RGB or grey.
    """
    held_bytes = _IMPORT_BYTES + file.seek(0, io.SEEK_END)
    check_bytes(held_bytes, limits)
    from pillow_heif import options
    from pillow_heif.as_plugin import HeifImageFile

    file.seek(0)
    with _OPTIONS:  # which are of the whole process, and those of whoever else uses them
        before, options.DECODE_THREADS = options.DECODE_THREADS, 1
        try:
            image: ImageFile.ImageFile = HeifImageFile(file)  # type: ignore[no-untyped-call]
        finally:
            options.DECODE_THREADS = before
    image.info[HELD_BYTES] = held_bytes
    return image
