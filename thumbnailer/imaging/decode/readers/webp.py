"""Read the size of a WebP from its first bytes, and count its chunks, before Pillow opens it.

Pillow allocates two whole pictures when it opens one: 2 GB for a file of 34 bytes. Of an animation
without alpha it shows black where no frame is, which is transparent.
"""

from __future__ import annotations

from functools import partial
from typing import BinaryIO

from PIL import ImageFile, WebPImagePlugin

from thumbnailer.imaging.containers.bounded_file import MAX_PARTS
from thumbnailer.imaging.failures import LimitError

# The size lies within this many bytes, for each kind of WebP.
WEBP_HEADER_BYTES = 30


def webp_size(start: bytes) -> tuple[int, int] | None:
    """Return the width and height of a WebP in px; None if it is no WebP, or an invalid one.

    Formats: RFC 9649, section 2.7 (VP8X) and 3.4 (VP8L); RFC 6386, section 9.1 (VP8).

    Args:
        start: the first WEBP_HEADER_BYTES bytes of a file.
    """
    if len(start) < 25 or start[:4] != b"RIFF" or start[8:12] != b"WEBP":
        return None
    kind, number = start[12:16], partial(int.from_bytes, byteorder="little")
    if kind == b"VP8L" and start[20] == 0x2F:
        bits = number(start[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if len(start) < WEBP_HEADER_BYTES:
        return None
    if kind == b"VP8X":
        return number(start[24:27]) + 1, number(start[27:30]) + 1
    if kind == b"VP8 " and start[23:26] == b"\x9d\x01\x2a":
        return number(start[26:28]) & 0x3FFF, number(start[28:30]) & 0x3FFF
    return None


def check_chunks(file: BinaryIO) -> None:
    """Check that a WebP has no more chunks than libwebp goes through quickly: RFC 9649, 2.3.

    Raises:
        LimitError: it has more.
    """
    at, parts = 12, 0
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        parts += 1
        if parts > MAX_PARTS:
            raise LimitError(f"has more than {MAX_PARTS:,} chunks")
        length = int.from_bytes(head[4:], "little")
        at += 8 + length + length % 2


def correct_webp(image: ImageFile.ImageFile, file: BinaryIO) -> None:
    """Keep what is transparent in an animation whose frames are not: what none of them covers."""
    assert isinstance(image, WebPImagePlugin.WebPImageFile)
    if image.n_frames > 1 and image.mode == "RGB":
        image.__class__ = _Animation
        image.rawmode = "RGBA"


class _Animation(WebPImagePlugin.WebPImageFile):
    """An animation that is decoded with alpha, and has none where all is opaque."""

    def load_prepare(self) -> None:
        self._mode, self._im = "RGBA", None
        super().load_prepare()

    def load_end(self) -> None:
        super().load_end()
        if self.getchannel("A").getextrema()[0] == 255:
            self.im, self._mode = self.im.convert("RGB"), "RGB"
