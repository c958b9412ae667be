"""Compare two attempts at a damaged picture row by row, and fill the rows that are missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PIL import Image, ImageStat

from thumbnailer.imaging.colour.depth import to_resizable
from thumbnailer.imaging.memory import strips

_BAND_PIXELS = 1 << 18

# Interlaced GIFs store every eighth row first: GIF89a, appendix E.
_GIF_INTERLACE = 8


def differing_rows(
    one: Image.Image, other: Image.Image, box: tuple[int, int, int, int]
) -> Iterator[int]:
    """Yield the rows of a box that are not the same in two pictures of one size."""
    left, top, right, bottom = box
    for _, start, width, end in strips((right - left, bottom - top), _BAND_PIXELS):
        band = left, top + start, left + width, top + end
        here, there = (image.crop(band).tobytes() for image in (one, other))
        stride = len(here) // (end - start)
        for y in range(end - start):
            row = slice(y * stride, (y + 1) * stride)
            if here[row] != there[row]:
                yield top + start + y


def fill_missing_rows(image: Image.Image, missing: Sequence[int]) -> Image.Image:
    """Return the picture with its missing rows filled inconspicuously.

    They get the mean colour of the others, or in an interlaced picture the decoded row above.
    """
    picture = to_resizable(image)
    if not missing:
        return picture
    is_decoded = [255] * picture.height
    for y in missing:
        is_decoded[y] = 0
    if not any(is_decoded):
        return picture
    means = picture.resize((1, picture.height), Image.Resampling.BOX)
    mask = Image.frombytes("L", means.size, bytes(is_decoded))
    mean = tuple(map(round, ImageStat.Stat(means, mask).mean))
    is_interlaced = any(is_decoded[missing[0] :])
    for y in missing:
        above = [row for row in range(max(y - _GIF_INTERLACE, 0), y) if is_decoded[row]]
        if is_interlaced and above:
            picture.paste(picture.crop((0, above[-1], picture.width, above[-1] + 1)), (0, y))
        else:
            picture.paste(mean, (0, y, picture.width, y + 1))
    return picture
