"""Choose the part of a picture to keep where it is cropped."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, hypot, sqrt

from PIL import Image, ImageChops, ImageFilter, ImageOps

from thumbnailer.imaging.colour.to_srgb import flatten, to_srgb
from thumbnailer.imaging.geometry.orientation import stored_point

# The side in px of the window in the small copy on which crops are judged, and the longest side of
# a copy: a copy longer than 32 windows (entropy; attention: 128) has smaller windows.
_ENTROPY_PX = 128
_ATTENTION_PX = 32
_MAX_PX = 4096

# The excess around the window is cut off in this many steps, as in libvips, conversion/smartcrop.c.
# If that is much, a step must still be smaller than the window, or chance decides what it holds.
_STEPS = 8
_STEPS_PER_WINDOW = 4

# Transparent parts are judged as this grey, which contrasts with both black and white.
_GREY = (128, 128, 128)

# The direction of skin colours in RGB, the similarity to it from which a colour counts as skin, and
# the length of R, G and B below which none does: https://github.com/jwagner/smartcrop.js.
_SKIN = (0.78, 0.57, 0.44)
_MIN_SKIN_SIMILARITY = 0.8
_MIN_LENGTH = 0.2

# The weights of skin and of a fully saturated colour, where the steepest edge has 1. Of 9 pairs
# tried on 35 camera pictures, this is nearest to libvips: .25 of the slack apart; `centre` is .43.
_SKIN_WEIGHT = 0.7
_SATURATION_WEIGHT = 0.1

# The Laplacian as two kernels of opposite sign, since Pillow clips values below 0.
_LAPLACIAN = ImageFilter.Kernel((3, 3), (0, -1, 0, -1, 4, -1, 0, -1, 0), 1)
_NEGATIVE_LAPLACIAN = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), 1)


# What a crop is to keep: a name, or a point, as shares of the stored picture's width and height.
Crop = str | tuple[float, float]


def stored_crop(crop: str, orientation: int) -> Crop:
    """Return a crop of an upright picture as one of the picture as it is stored.

    Args:
        crop: a name, or a point such as `0.3,0.6`, as shares of width and height.
    """
    x, comma, y = crop.partition(",")
    return stored_point((float(x), float(y)), orientation) if comma else crop


def crop_position(image: Image.Image, shares: tuple[float, float], crop: Crop) -> float:
    """Return the position of the window to cut out of a picture.

    Args:
        image: of a mode that `to_resizable` returns.
        shares: width and height of the window, as shares of the picture's; one of them is 1.
        crop: `centre`; `entropy` for the part with the most varied values; `attention` for the
            part around edges, skin colours and other strong colours; or a point, which becomes the
            middle of the window if it is not too near to an edge.

    Returns:
        From 0 (left or top) to 1 (right or bottom): the share of the excess that is cut away
        before the window.
    """
    if isinstance(crop, tuple):
        share, at = min(zip(shares, crop, strict=True))
        return min(max((at - share / 2) / (1 - share), 0), 1) if share < 1 else 0.5
    if crop == "entropy":
        return _entropy_position(*_small_copy(image, shares, _ENTROPY_PX))
    if crop == "attention":
        return _attention_position(*_small_copy(image, shares, _ATTENTION_PX))
    return 0.5


def _small_copy(
    image: Image.Image, shares: tuple[float, float], window_px: int
) -> tuple[Image.Image, int]:
    """Return a small RGB copy, transposed if cropped vertically, and the window's width in it."""
    share = min(shares)
    long_side = min(ceil(window_px / share), _MAX_PX)
    size = (long_side, window_px) if shares[0] == share else (window_px, long_side)
    # Not by a box filter: Pillow would group the pixels of a mirrored picture differently.
    copy = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    copy = flatten(to_srgb(copy, b"")[0], _GREY).convert("RGB")
    if shares[0] > share:
        copy = copy.transpose(Image.Transpose.TRANSPOSE)
    return copy, max(1, round(long_side * share))


def _entropy_position(copy: Image.Image, window: int) -> float:
    """Cut slices off the side with less entropy until the window is left; return its position."""
    start, end = 0, copy.width
    slice_ = ceil(min((copy.width - window) / _STEPS, window / _STEPS_PER_WINDOW))
    while excess := end - start - window:
        slice_ = min(slice_, excess)
        first = copy.crop((start, 0, start + slice_, copy.height)).entropy()
        last = copy.crop((end - slice_, 0, end, copy.height)).entropy()
        if first == last:  # so that a mirrored picture is cropped the same
            start, end = start + slice_ // 2, end - (slice_ - slice_ // 2)
        elif first < last:
            start += slice_
        else:
            end -= slice_
    return start / (copy.width - window) if copy.width > window else 0.5


def _attention_position(copy: Image.Image, window: int) -> float:
    """Return the position of a window centred on the point of most interest."""
    grey = copy.convert("L")
    edges = ImageChops.add(grey.filter(_LAPLACIAN), grey.filter(_NEGATIVE_LAPLACIAN))
    inside = (1, 1, copy.width - 1, copy.height - 1)  # Pillow does not filter the outermost pixels
    edges = edges.crop(inside).crop((-1, -1, copy.width - 1, copy.height - 1))
    colours = copy.filter(_colour_interest()).getchannel(0)
    sigma = hypot(window, copy.height) / 10  # as in libvips, conversion/smartcrop.c
    # Two blurs, contrast stretched between: in 8 bits low contrast would become one plateau.
    blur = ImageFilter.GaussianBlur(sigma / sqrt(2))
    interest = ImageOps.autocontrast(ImageChops.add(edges, colours, 2).filter(blur)).filter(blur)
    values = interest.tobytes()
    slack, peak = copy.width - window, max(values)
    if not slack:
        return 0.5
    middle = (copy.width - 1) / 2
    from_middle = [at % copy.width - middle for at, value in enumerate(values) if value == peak]
    nearest = min(map(abs, from_middle))
    columns = [column for column in from_middle if abs(column) == nearest]
    best = middle + sum(columns) / len(columns)
    return min(max((best + 0.5 - window / 2) / slack, 0), 1)


@lru_cache(maxsize=1)
def _colour_interest() -> ImageFilter.Color3DLUT:
    """Return a table from colours to their interest: similarity to skin, and saturation."""

    def interest(red: float, green: float, blue: float) -> tuple[float, float, float]:
        lightest, darkest = max(red, green, blue), min(red, green, blue)
        length = hypot(red, green, blue)
        if length < _MIN_LENGTH:
            return 0, 0, 0
        parts = zip((red, green, blue), _SKIN, strict=True)
        distance = hypot(*(part / length - of_skin for part, of_skin in parts))
        skin = max(0, (1 - distance - _MIN_SKIN_SIMILARITY) / (1 - _MIN_SKIN_SIMILARITY))
        return _SKIN_WEIGHT * skin + _SATURATION_WEIGHT * (lightest - darkest), 0, 0

    return ImageFilter.Color3DLUT.generate(17, interest)
