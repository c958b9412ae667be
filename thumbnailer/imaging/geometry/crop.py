"""Which part of a picture is worth seeing where not all of it fits."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, hypot, sqrt

from PIL import Image, ImageChops, ImageFilter, ImageOps

from thumbnailer.imaging.colour.to_srgb import flatten, to_srgb

# How many px the window has in the small copy that it is judged by, and how long a copy may be: in
# one of more than 32 windows (entropy; attention: 128) each has fewer.
_ENTROPY_PX = 128
_ATTENTION_PX = 32
_MAX_PX = 4096

# In how many steps what is too much is cut away: those of libvips, conversion/smartcrop.c. Where
# that is much, a step must still be less than the window, or it is a matter of luck what it holds.
_STEPS = 8
_STEPS_PER_WINDOW = 4

# Transparent parts are judged as this grey, on which both black and white stand out.
_GREY = (128, 128, 128)

# The direction of skin colours in RGB, from which likeness to it on a colour counts as one, and
# below which length of R, G and B none does: smartcrop.js, https://github.com/jwagner/smartcrop.js.
_SKIN = (0.78, 0.57, 0.44)
_SKIN_FROM = 0.8
_DARK = 0.2

# What skin and a fully saturated colour count, where the steepest edge counts 1: nearest to libvips
# of 9 pairs tried on 35 camera pictures: .25 of the slack apart, where the centre is .43 apart.
_SKIN_WEIGHT = 0.7
_SATURATION_WEIGHT = 0.1

# The Laplacian in two halves, since values below 0 are lost.
_RISES = ImageFilter.Kernel((3, 3), (0, -1, 0, -1, 4, -1, 0, -1, 0), 1)
_FALLS = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), 1)


def crop_position(image: Image.Image, shares: tuple[float, float], crop: str) -> float:
    """Where to cut a window out of a picture.

    Args:
        image: of a mode that `to_resizable` gives.
        shares: width and height of the window, as shares of the picture's; one of them is 1.
        crop: `centre`; `entropy` for the part with the most different values; `attention` for the
            one around what has edges, the colours of skin, or other strong colours.

    Returns:
        From 0 (left or top) to 1 (right or bottom): the share of what is cut away that lies before
        the window.
    """
    if crop == "entropy":
        return _entropy_position(*_small_copy(image, shares, _ENTROPY_PX))
    if crop == "attention":
        return _attention_position(*_small_copy(image, shares, _ATTENTION_PX))
    return 0.5


def _small_copy(
    image: Image.Image, shares: tuple[float, float], window_px: int
) -> tuple[Image.Image, int]:
    """A small RGB copy that is cropped from left to right, and the width of the window in it."""
    share = min(shares)
    along = min(ceil(window_px / share), _MAX_PX)
    size = (along, window_px) if shares[0] == share else (window_px, along)
    # Pillow's box filter would take a mirrored picture's pixels into other boxes.
    copy = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    copy = flatten(to_srgb(copy, b"")[0], _GREY).convert("RGB")
    if shares[0] > share:
        copy = copy.transpose(Image.Transpose.TRANSPOSE)
    return copy, max(1, round(along * share))


def _entropy_position(copy: Image.Image, window: int) -> float:
    """Cuts a slice from the side that has less entropy until the window is left."""
    start, end = 0, copy.width
    slice_ = ceil(min((copy.width - window) / _STEPS, window / _STEPS_PER_WINDOW))
    while too_much := end - start - window:
        slice_ = min(slice_, too_much)
        first = copy.crop((start, 0, start + slice_, copy.height)).entropy()
        last = copy.crop((end - slice_, 0, end, copy.height)).entropy()
        if first == last:  # or a mirrored picture would be cropped differently
            start, end = start + slice_ // 2, end - (slice_ - slice_ // 2)
        elif first < last:
            start += slice_
        else:
            end -= slice_
    return start / (copy.width - window) if copy.width > window else 0.5


def _attention_position(copy: Image.Image, window: int) -> float:
    """Puts the window around the point around which there is most to look at."""
    grey = copy.convert("L")
    edges = ImageChops.add(grey.filter(_RISES), grey.filter(_FALLS))
    inside = (1, 1, copy.width - 1, copy.height - 1)  # Pillow leaves the outermost as they were
    edges = edges.crop(inside).crop((-1, -1, copy.width - 1, copy.height - 1))
    colours = copy.filter(_colour_interest()).getchannel(0)
    around = hypot(window, copy.height) / 10  # as in libvips, conversion/smartcrop.c
    # Blurred in two steps: with 8 bits a picture without contrast would come out as one plateau.
    blur = ImageFilter.GaussianBlur(around / sqrt(2))
    interest = ImageOps.autocontrast(ImageChops.add(edges, colours, 2).filter(blur)).filter(blur)
    values = interest.tobytes()
    slack, most = copy.width - window, max(values)
    if not slack:
        return 0.5
    middle = (copy.width - 1) / 2
    from_middle = [at % copy.width - middle for at, value in enumerate(values) if value == most]
    nearest = min(map(abs, from_middle))
    nearests = [column for column in from_middle if abs(column) == nearest]
    best = middle + sum(nearests) / len(nearests)
    return min(max((best + 0.5 - window / 2) / slack, 0), 1)


@lru_cache(maxsize=1)
def _colour_interest() -> ImageFilter.Color3DLUT:
    """How much a colour catches the eye: by its likeness to skin, and by its saturation."""

    def interest(red: float, green: float, blue: float) -> tuple[float, float, float]:
        lightest, darkest = max(red, green, blue), min(red, green, blue)
        length = hypot(red, green, blue)
        if length < _DARK:
            return 0, 0, 0
        parts = zip((red, green, blue), _SKIN, strict=True)
        distance = hypot(*(part / length - of_skin for part, of_skin in parts))
        skin = max(0, (1 - distance - _SKIN_FROM) / (1 - _SKIN_FROM))
        return _SKIN_WEIGHT * skin + _SATURATION_WEIGHT * (lightest - darkest), 0, 0

    return ImageFilter.Color3DLUT.generate(17, interest)
