"""A digest of a picture's content that tells an edited file from one that was only touched."""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO

from thumbnailer.disk.files import open_source, state_of
from thumbnailer.model import Source

# What of a file is read. Editors of metadata change the start (JPEG, PNG, HEIC, TIFF) or the end
# (PNG, WebP, TIFF); another picture of the same length differs nearly everywhere, so samples of
# the rest suffice. Together they take 0.2 ms, where reading all of a raw file would take 20.
_HEAD_BYTES, _TAIL_BYTES, _SAMPLES, _SAMPLE_BYTES = 1 << 17, 1 << 16, 16, 1 << 12
_MAX_WHOLE_BYTES = _HEAD_BYTES + _TAIL_BYTES + _SAMPLES * _SAMPLE_BYTES


def content_digest(file: BinaryIO, size_bytes: int) -> str:
    """Return a digest of an open file: 16 hexadecimal digits of SHA-1 (RFC 3174).

    Of a file of more than 256 KiB it takes the start, the end and samples of the rest. Processors
    have instructions for SHA-1: 100 kB take 0.07 ms, and 0.19 by BLAKE2b. It is no secret and no
    proof: whoever makes two pictures of one digest has made both.

    Args:
        size_bytes: its length.

    Raises:
        OSError: it can't be read.
    """
    digest = hashlib.sha1(usedforsecurity=False)
    for start, length in _parts(size_bytes):
        file.seek(start)
        digest.update(file.read(length))
    return digest.hexdigest()[:16]


def _parts(size_bytes: int) -> list[tuple[int, int]]:
    """Return start and length of what is read of a file, in bytes."""
    if size_bytes <= _MAX_WHOLE_BYTES:
        return [(0, size_bytes)]
    tail = size_bytes - _TAIL_BYTES
    rest = tail - _HEAD_BYTES
    samples = [_HEAD_BYTES + rest * number // _SAMPLES for number in range(_SAMPLES)]
    return [(0, _HEAD_BYTES), *((start, _SAMPLE_BYTES) for start in samples), (tail, _TAIL_BYTES)]


def source_digest(source: Source) -> str:
    """Return the digest of a file that is as the scan found it; "" if it has changed since.

    Raises:
        OSError: it can't be read.
    """
    with open_source(source.path, source.root) as file:
        digest = content_digest(file, source.size_bytes)
        now = state_of(os.fstat(file.fileno()))
    return digest if now == (source.size_bytes, source.mtime_ns, source.ctime_ns) else ""
