"""PNG: correct what Pillow reports of pictures of other than 8 bits."""

from __future__ import annotations

from typing import BinaryIO

from PIL import ImageFile

from thumbnailer.imaging.colour.depth import IS_GREY

# The 8-bit value of one step of `tRNS` in a grey PNG, by Pillow's name for the storage form.
_GREY_STEPS = {"L;2": 85, "L;4": 17}


def correct_png(image: ImageFile.ImageFile, file: BinaryIO) -> None:
    """Correct what Pillow reports for a PNG of other than 8 bits.

    Pillow (13) compares the transparent colour, which has the depth of the file, with pixels that
    are already converted to 8 bits. It reads 16-bit grey with alpha as RGBA.
    """
    stored = image.tile[0].args if image.tile else ""
    key = image.info.get("transparency")
    if stored in _GREY_STEPS and isinstance(key, int):
        image.info["transparency"] = key * _GREY_STEPS[stored]
    elif stored == "RGB;16B" and isinstance(key, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)
    elif stored == "LA;16B":
        image.info[IS_GREY] = True
