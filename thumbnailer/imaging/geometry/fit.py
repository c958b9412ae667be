"""How large a thumbnail is, what of the picture it shows, and the resampling that makes it so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from math import floor, prod
from typing import NamedTuple

from PIL import Image

from thumbnailer.imaging.failures import LimitError
from thumbnailer.imaging.geometry import simd
from thumbnailer.imaging.geometry.crop import crop_position
from thumbnailer.recipe import Box

# How many times larger than the thumbnail a picture stays until the last, good resampling step.
# SSIM against one full Lanczos pass, where a box filter comes first: .9986 at 2.0, .9977 at 1.5.
REDUCING_GAP = 2.0

Size = tuple[int, int]
Extent = tuple[float, float]
Part = tuple[float, float, float, float]

# Brings a picture, or a part of it (left, upper, right and lower edge in px), to a size in px.
Resample = Callable[[Image.Image, Size, Part | None], Image.Image]


class Frame(NamedTuple):
    """How a picture goes into a thumbnail; all sizes in px.

    Attributes:
        scaled: of the whole picture after resampling.
        seen: of what is shown of it; smaller than `scaled` where it is cropped.
        canvas: of the thumbnail; larger than `seen` where it is padded.
    """

    scaled: Size
    seen: Size
    canvas: Size


@lru_cache(maxsize=64)  # 40 µs, and most pictures of a folder are of a few sizes
def frame_of(size: Size, box: Box, fit: str, *, upscale: bool) -> Frame:
    """How a picture of `size` (px) goes into a box.

    Sizes are those of libvips, and what is not to be enlarged fares as there: `cover` crops the
    sides that are longer than the box's and leaves the others short of it, `fill` stretches no side
    beyond its length, and `pad` puts the picture as it is on a canvas of the box. A box with a free
    side can't be filled; in it all fits are `contain`.

    Args:
        fit: `contain`, `cover`, `pad` or `fill`.
        upscale: the picture may be enlarged.
    """
    ratios = [Fraction(side, of) for side, of in zip(box, size, strict=True) if side] or [
        Fraction(1)
    ]
    if not upscale:
        ratios = [min(ratio, Fraction(1)) for ratio in ratios]
    scaled = _times(size, min(ratios), min(ratios))
    if box.width is None or box.height is None:
        return Frame(scaled, scaled, scaled)
    sides = box.width, box.height
    if fit == "cover":
        scaled = _times(size, max(ratios), max(ratios))
        seen = min(scaled[0], sides[0]), min(scaled[1], sides[1])
        return Frame(scaled, seen, seen)
    if fit == "fill":
        scaled = _times(size, *ratios)
    return Frame(scaled, scaled, sides if fit == "pad" else scaled)


def _times(size: Size, across: Fraction, down: Fraction) -> Size:
    """Sides are rounded to the nearest px, halves up, and never below 1."""
    half = Fraction(1, 2)
    return max(1, floor(size[0] * across + half)), max(1, floor(size[1] * down + half))


def largest_scaled(frames: Sequence[Frame]) -> Size:
    """The size in px that a picture must have for all frames."""
    return max(frame.scaled[0] for frame in frames), max(frame.scaled[1] for frame in frames)


def check_canvases(frames: Sequence[Frame], size: Size, most: int) -> None:
    """
    Args:
        size: of the picture, in px.
        most: how many px a thumbnail may have that is larger than the picture.

    Raises:
        LimitError: a thumbnail would have more.
    """
    for frame in frames:
        width, height = frame.canvas
        if width * height > max(most, prod(size)):
            raise LimitError(
                f"the thumbnail would have {width} x {height} px, {width * height / 1e6:.3g} "
                f"megapixels: more than the limit of {most / 1e6:.3g} (max_pixels)"
            )


def lanczos(image: Image.Image, size: Size, box: Part | None = None) -> Image.Image:
    """Resample a picture, or a part of it, to `size` (px); alpha is premultiplied meanwhile."""
    return simd.lanczos(image, size, box) or image.resize(
        size, Image.Resampling.LANCZOS, box, REDUCING_GAP
    )


def resize_all(
    image: Image.Image,
    extent: Extent,
    frames: Sequence[Frame],
    crop: str,
    resample: Resample = lanczos,
) -> list[Image.Image]:
    """What is seen of a picture in each frame, in their order.

    A small one is made from a larger one where that is large enough to be as good.

    Args:
        image: the whole picture, of any size with the shape of each `frame.scaled`.
        extent: how much of it, from the left and the top, is picture, in its px.
        crop: `centre`, `entropy` or `attention`: which part is seen where not all is.
        resample: how a picture is brought to a size.
    """
    # By the size of the whole, and of what is seen of it.
    made: dict[tuple[Size, Size], tuple[Image.Image, Extent]]
    made = {(image.size, image.size): (image, extent)}
    kinds = {(frame.scaled, frame.seen) for frame in frames}
    results = {}
    for scaled, seen in sorted(kinds, key=lambda kind: (prod(kind[0]), kind), reverse=True):
        enough = [kind for kind in made if _is_enough(kind, scaled, seen)]
        kind = min(enough, key=lambda kind: prod(kind[1]), default=(image.size, image.size))
        is_whole = kind[0] == kind[1]
        result = _seen(*made[kind], scaled if is_whole else seen, seen, crop, resample)
        results[scaled, seen] = result
        if scaled[0] <= image.width and scaled[1] <= image.height:
            made[scaled, seen] = result, result.size
    return [results[frame.scaled, frame.seen] for frame in frames]


def _is_enough(made: tuple[Size, Size], scaled: Size, seen: Size) -> bool:
    """Whether what was made is as good to go on from as the original: it shows all of the picture,
    or the same part, and enough of its pixels; all sizes were rounded to whole ones."""
    for whole, part, aim, aim_part in zip(*made, scaled, seen, strict=True):
        if part != whole and abs(part / whole * aim - aim_part) > 0.5:
            return False
        if whole + 1 < REDUCING_GAP * aim:
            return False
    return True


def _seen(
    image: Image.Image, extent: Extent, scaled: Size, seen: Size, crop: str, resample: Resample
) -> Image.Image:
    """A part of size `seen` of what would be a picture of size `scaled`, which is never made: of
    1 x 65000 px that fill 1000 x 1000 it would have 65 gigapixels."""
    if seen == scaled:
        return image if image.size == scaled else _in_two_steps(image, extent, scaled, resample)
    shares = seen[0] / scaled[0], seen[1] / scaled[1]
    at = crop_position(image, shares, crop)
    if image.size == scaled:  # whole pixels, or they would be blurred
        x, y = int((image.width - seen[0]) * at), int((image.height - seen[1]) * at)
        return image.crop((x, y, x + seen[0], y + seen[1]))
    width, height = extent[0] * shares[0], extent[1] * shares[1]
    left, top = (extent[0] - width) * at, (extent[1] - height) * at
    right, bottom = min(left + width, extent[0]), min(top + height, extent[1])
    return resample(image, seen, (left, top, right, bottom))


def _in_two_steps(
    image: Image.Image, extent: Extent, size: Size, resample: Resample
) -> Image.Image:
    """Shrinks before it stretches: Pillow 12 goes along the rows first, and so 700 x 70000 px with
    alpha on their way to 60000 x 10 would take 16 GB."""
    if size[0] > image.width and size[1] < image.height:
        image = resample(image, (image.width, size[1]), (0, 0, image.width, extent[1]))
        extent = extent[0], size[1]
    return resample(image, size, None if extent == image.size else (0, 0, *extent))


def pad(image: Image.Image, canvas: Size, background: tuple[int, int, int]) -> Image.Image:
    """The picture in the middle of an opaque canvas.

    Args:
        image: of a mode that `to_srgb` gives; L and LA stay so on a grey background.
        canvas: its size in px.
        background: R, G and B.
    """
    if image.size == canvas:
        return image
    is_grey = image.mode in ("L", "LA") and len(set(background)) == 1
    colour = background[:1] if is_grey else background
    has_alpha = image.mode in ("LA", "RGBA")
    mode = ("L" if is_grey else "RGB") + ("A" if has_alpha else "")
    padded = Image.new(mode, canvas, (*colour, 255) if has_alpha else colour)
    left, top = (canvas[0] - image.width) // 2, (canvas[1] - image.height) // 2
    padded.paste(image.convert(mode), (left, top))
    return padded
