"""Walk through the chunks of a PNG: PNG specification, 5.3."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_chunks(file: BinaryIO, most: int) -> Iterator[tuple[bytes, int]]:
    """Yield the type of each chunk and the length of its data, at which `file` then stands.

    Ends where the file does, and after `most` chunks: a file may hold millions of empty ones.
    """
    at = len(PNG_SIGNATURE)
    for _ in range(most):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        yield kind, length
        at += 12 + length
