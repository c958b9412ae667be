"""Whether a thumbnail is all there: each of its frames decoded, and what its format tells of it."""

from __future__ import annotations

import io

from PIL import Image

from thumbnailer.imaging.animation import frame_count
from thumbnailer.imaging.decode.load import load_pixels
from thumbnailer.imaging.decode.open import open_picture
from thumbnailer.imaging.failures import DAMAGED, DamageError
from thumbnailer.imaging.memory import Claim
from thumbnailer.recipe import Limits

# Decoders make some picture of zeros too, which are what a crash of the machine leaves at the end
# of a file: ISO 10918-1, B.1.1.3; PNG specification, 11.2.5; GIF89a, 27.
_ENDS = {"jpeg": b"\xff\xd9", "png": b"\0\0\0\0IEND\xaeB`\x82", "gif": b";"}


def check_whole(data: bytes, format: str, limits: Limits, claim: Claim) -> tuple[int, int]:
    """Width and height in px of a thumbnail in a format, by the name that a recipe has for it.

    Raises:
        DamageError: it is not whole, or in another format.
        LimitError: it takes more than it may.
        NoPictureError: it is none.
    """
    opened = open_picture(io.BytesIO(data), limits)
    size, found = opened.size, (opened.format or "").lower()
    if found != format:
        raise DamageError(f"is {found}, not {format}")
    if not data.endswith(_ENDS.get(format, b"")):
        raise DamageError(f"{DAMAGED}: its end is not that of a {opened.format}")
    if format == "png":  # which has a checksum in each chunk, of which decoding looks at some
        Image.open(io.BytesIO(data), formats=["PNG"]).verify()
    frames = frame_count(opened)
    load_pixels(opened, io.BytesIO(data), limits, claim)
    for frame in range(1, frames):
        opened.seek(frame)
        opened.load()
    return size
