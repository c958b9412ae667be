"""Check that a thumbnail file is complete: decode every frame, check its end and checksums."""

from __future__ import annotations

import io

from PIL import Image

from thumbnailer.imaging.animation import frame_count
from thumbnailer.imaging.decode.load import load_pixels
from thumbnailer.imaging.decode.open import open_picture
from thumbnailer.imaging.failures import DAMAGED, DamageError
from thumbnailer.imaging.memory import Claim
from thumbnailer.recipe import Limits

# The last bytes of a complete file: ISO 10918-1, B.1.1.3; PNG specification, 11.2.5; GIF89a, 27.
# A crash of the machine can leave zeros at the end of a file, and decoders accept those as pixels.
_END_MARKERS = {"jpeg": b"\xff\xd9", "png": b"\0\0\0\0IEND\xaeB`\x82", "gif": b";"}


def check_whole(data: bytes, format: str, limits: Limits, claim: Claim) -> tuple[int, int]:
    """Check that `data` is a complete picture in a format, and return its width and height in px.

    Args:
        format: named as in a recipe.

    Raises:
        DamageError: the file is incomplete, damaged, or in another format.
        LimitError: decoding it would exceed `limits`.
        NoPictureError: it is not a picture.
    """
    opened = open_picture(io.BytesIO(data), limits)
    size, found = opened.size, (opened.format or "").lower()
    if found != format:
        raise DamageError(f"is {found}, not {format}")
    if not data.endswith(_END_MARKERS.get(format, b"")):
        raise DamageError(f"{DAMAGED}: its end is not that of a {opened.format}")
    if format == "png":  # decoding checks the checksums of some chunks only
        Image.open(io.BytesIO(data), formats=["PNG"]).verify()
    frames = frame_count(opened)
    _, note = load_pixels(opened, io.BytesIO(data), limits, claim)
    if note:
        raise DamageError(f"{DAMAGED}: {note}")
    for frame in range(1, frames):
        opened.seek(frame)
        opened.load()
    return size
