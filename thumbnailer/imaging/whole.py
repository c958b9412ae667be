"""Whether a thumbnail is all there: each of its frames decoded, and what its format tells of it."""

from __future__ import annotations

import io

from PIL import Image

from thumbnailer.imaging.animation import frames_in
from thumbnailer.imaging.decoding import load
from thumbnailer.imaging.memory import Claim
from thumbnailer.imaging.opening import open_picture
from thumbnailer.model import Limits
from thumbnailer.stages import DAMAGED, DamageError

# libjpeg makes some picture of zeros too, which are what a crash of the machine leaves at the end
# of a file: ISO 10918-1, B.1.1.3 has it that a JPEG ends with this.
_END_OF_JPEG = b"\xff\xd9"


def read_whole(data: bytes, limits: Limits, claim: Claim) -> tuple[str, tuple[int, int]]:
    """A thumbnail's format, as a recipe has it, and its width and height in px.

    Raises:
        DamageError: it is not whole.
        LimitError: it takes more than it may.
        NoPictureError: it is none.
    """
    opened = open_picture(io.BytesIO(data), limits)
    format, size = (opened.format or "").lower(), opened.size
    if format == "png":  # which has a checksum in each chunk, of which decoding sees the half
        Image.open(io.BytesIO(data), formats=["PNG"]).verify()
    if format == "jpeg" and not data.endswith(_END_OF_JPEG):
        raise DamageError(f"{DAMAGED}: its end is not that of a JPEG")
    frames = frames_in(opened)
    load(opened, io.BytesIO(data), limits, claim)
    for frame in range(1, frames):
        opened.seek(frame)
        opened.load()
    return format, size
