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
    image.__class__ = _Gif
    _forget_other_palette(image)
    if _leaves_gaps(image):
        image.info[HELD_BYTES] = 2 * _PIXEL_BYTES * prod(image.size)


class _Gif(GifImagePlugin.GifImageFile):
    def load_end(self) -> None:
        """Clear what the first frame does not cover."""
        super().load_end()
        if self.tell() == 0 and (box := self.dispose_extent) and _leaves_gaps(self):
            frame = self.convert("LA" if self.mode == "L" else "RGBA").crop(box)
            canvas = Image.new(frame.mode, self.size)
            canvas.paste(frame, box)
            _put(self, canvas)

    def _seek(self, frame: int, update_image: bool = True) -> None:
        """Clear the present frame, if it says so, before the next one is read."""
        if update_image and frame == self.tell() + 1:
            self.load()
            method, box = self.disposal_method, self.dispose_extent
            is_cleared = method == _TO_BACKGROUND or (method == _TO_PREVIOUS and not self.tell())
            if is_cleared and box:
                _put(self, self.convert("RGBA"))
                self.paste((0, 0, 0, 0), box)
                self.dispose = None
            elif self.mode in ("L", "LA"):  # Pillow would forget it for a frame in colour
                _put(self, self.convert("RGBA" if self.has_transparency_data else "RGB"))
            self.disposal_method = 0  # else it would be that of this frame if the next has none
        super()._seek(frame, update_image)
        if not frame:
            _forget_other_palette(self)


def _leaves_gaps(image: GifImagePlugin.GifImageFile) -> bool:
    """Return whether a first frame is smaller than its canvas, and has no transparent colour."""
    return image.dispose_extent != (0, 0, *image.size) and "transparency" not in image.info


def _forget_other_palette(image: GifImagePlugin.GifImageFile) -> None:
    """Drop the palette of the whole file from a first frame that has its own, of greys."""
    if image.mode == "L":
        image.palette = None


def _put(image: GifImagePlugin.GifImageFile, shown: Image.Image) -> None:
    """Put other pixels in the place of those that were decoded."""
    image.im, image._mode, image.palette = shown.im, shown.mode, None
    image.info.pop("transparency", None)
