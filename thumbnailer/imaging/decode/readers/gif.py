"""GIF: leave transparent what no frame covers, as browsers do.

The format has a background colour for that (GIF89a, 18 and 23), which no browser shows. Pillow (13)
takes the first colour, or the background's.
"""

from __future__ import annotations

from math import prod
from typing import BinaryIO

from PIL import GifImagePlugin, Image, ImageFile

from thumbnailer.imaging.memory import HELD_BYTES

# Disposal methods: GIF89a, 23.
_TO_BACKGROUND, _TO_PREVIOUS = 2, 3

# Bytes a pixel of a copy with alpha.
_PIXEL_BYTES = 4


def correct_gif(image: ImageFile.ImageFile, file: BinaryIO) -> None:
    """Correct what Pillow shows around a first frame, and after a frame that is cleared."""
    assert isinstance(image, GifImagePlugin.GifImageFile)
    _forget_other_palette(image)
    _clear_around_first_frame(image)
    _clear_disposed_frames(image)


def _forget_other_palette(image: GifImagePlugin.GifImageFile) -> None:
    """Drop the palette of the whole file from a first frame that has its own, of greys."""
    if image.mode == "L":
        image.palette = None


def _clear_around_first_frame(image: GifImagePlugin.GifImageFile) -> None:
    box, load_end = image.tile[0].extents, image.load_end
    if box in (None, (0, 0, *image.size)) or "transparency" in image.info:
        return
    image.info[HELD_BYTES] = 2 * _PIXEL_BYTES * prod(image.size)

    def load_end_and_clear() -> None:
        load_end()
        if image.tell() == 0:
            frame = image.convert("LA" if image.mode == "L" else "RGBA").crop(box)
            canvas = Image.new(frame.mode, image.size)
            canvas.paste(frame, box)
            _put(image, canvas)

    image.load_end = load_end_and_clear  # type: ignore[method-assign]


def _clear_disposed_frames(image: GifImagePlugin.GifImageFile) -> None:
    seek = image._seek

    def clear_and_seek(frame: int, update_image: bool = True) -> None:
        if update_image and frame == image.tell() + 1:
            image.load()
            method, box = image.disposal_method, image.dispose_extent
            is_cleared = method == _TO_BACKGROUND or (method == _TO_PREVIOUS and not image.tell())
            if is_cleared and box:
                _put(image, image.convert("RGBA"))
                image.paste((0, 0, 0, 0), box)
                image.dispose = None
            elif image.mode in ("L", "LA"):  # Pillow would forget it for a frame in colour
                _put(image, image.convert("RGBA" if image.has_transparency_data else "RGB"))
            image.disposal_method = 0  # else it would be that of this frame if the next has none
        seek(frame, update_image)
        if not frame:
            _forget_other_palette(image)

    image._seek = clear_and_seek  # type: ignore[method-assign]


def _put(image: GifImagePlugin.GifImageFile, shown: Image.Image) -> None:
    """Put other pixels in the place of those that were decoded."""
    image.im, image._mode, image.palette = shown.im, shown.mode, None
    image.info.pop("transparency", None)
