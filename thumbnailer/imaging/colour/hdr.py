"""Show pictures of high dynamic range (HDR) in sRGB, as Chromium does.

Their light is compressed by the reference white tone mapping operator of SMPTE ST 2094-50 (draft 2,
annex D): one factor for all three channels, by the brightest of them in BT.2020, so that hues stay.
Chromium 156 uses it, and white on paper becomes half of its light if the picture has lights of
1,000 cd/m2. What is darker than everything else needs no room above: a picture whose brightest
light is that of white paper stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import exp, log2
from operator import mul
from typing import Any, NamedTuple

from PIL import Image, ImageMath

from thumbnailer.imaging.colour.depth import to_resizable
from thumbnailer.imaging.colour.light import MAX_LIGHT, to_values
from thumbnailer.imaging.colour.profiles import BT2020, SRGB, Primaries, matrix_between
from thumbnailer.imaging.memory import strips

# The light of white paper in HDR pictures, in cd/m2: ITU-R BT.2408, table 1.
_PAPER_WHITE = 203

# The brightest light of a picture that states none, at most: that of the screens HDR is made on,
# and Chromium's. A picture whose own brightest light is less is mapped by that.
_USUAL_PEAK = 1_000

# One value in so many may be brighter than what counts as the brightest light: ringing at edges.
_UNUSUAL = 1_000

# Constants of the operator: how much of its light white keeps, given a picture of the usual peak,
# and where between its ends the middle point of the curve lies.
_WHITE_LOSS, _KAPPA = 0.5, 0.65

# Light up to so much above white needs no compression: it would not change an 8-bit value.
_LEAST_PEAK = 1.01

# Weights of red, green and blue in luminance, and the system gamma of HLG on a screen of the usual
# peak: ITU-R BT.2100, tables 2 and 5.
_LUMINANCE, _HLG_GAMMA = (0.2627, 0.678, 0.0593), 1.2

# Pixels at a time: each takes some 40 bytes.
_STRIP_PIXELS = 1 << 18

# An operand of ImageMath: Pillow has no type for it.
_Light = Any


class HdrColours(NamedTuple):
    """How the values of an HDR picture become light.

    Attributes:
        primaries: its red, green and blue.
        curve: `pq` or `hlg`.
        peak: its brightest light, in multiples of white paper's; None as long as it is unknown.
        most: the same of the screen that it was made on.
    """

    primaries: Primaries
    curve: str
    peak: float | None
    most: float


def hdr_colours(
    primaries: Primaries, curve: str, content_peak: float | None, mastering_peak: float | None
) -> HdrColours:
    """Return the colours of an HDR picture, given its peaks (cd/m2) where they are stated."""
    peak = content_peak and content_peak / _PAPER_WHITE
    return HdrColours(primaries, curve, peak, (mastering_peak or _USUAL_PEAK) / _PAPER_WHITE)


def with_peak(colours: HdrColours, image: Image.Image) -> HdrColours:
    """Return the colours with the brightest light of a decoded picture, if it states none."""
    if colours.peak is not None:
        return colours
    shown = to_resizable(image)
    counts = shown.histogram()[: 256 * (3 if len(shown.getbands()) > 2 else 1)]
    rest, highest = sum(counts) // _UNUSUAL, 255
    while (rest := rest - sum(counts[highest::256])) >= 0 and highest:
        highest -= 1
    grey = _light_table(colours.curve)[highest]
    light = grey**_HLG_GAMMA * _USUAL_PEAK / _PAPER_WHITE if colours.curve == "hlg" else grey
    return colours._replace(peak=min(light, colours.most))


def to_sdr(image: Image.Image, colours: HdrColours) -> Image.Image:
    """Convert a picture of high dynamic range to sRGB.

    Args:
        image: L or RGB.
        colours: with the peak of the picture.
    """
    if image.mode == "L":
        ramp = Image.frombytes("L", (256, 1), bytes(range(256)))
        greys = to_sdr(Image.merge("RGB", [ramp] * 3), colours._replace(primaries=BT2020))
        return image.point(greys.getchannel("R").tobytes())
    result = Image.new("RGB", image.size)
    for box in strips(image.size, _STRIP_PIXELS):
        result.paste(_strip_to_sdr(image.crop(box), colours), box)
    return result


def _strip_to_sdr(strip: Image.Image, colours: HdrColours) -> Image.Image:
    light = [channel.point(_light_table(colours.curve), "F") for channel in strip.split()]
    if colours.primaries != BT2020:
        light = [_mix(light, row) for row in matrix_between(colours.primaries, BT2020)]
    if colours.curve == "hlg":
        factor = _evaluate(_screen_factor, _mix(light, _LUMINANCE))
        light = [_evaluate(mul, plane, factor) for plane in light]
    gain = _evaluate(_gain_by(colours.peak or colours.most), *light)
    shown = [_mix(light, row) for row in matrix_between(BT2020, SRGB)]
    return Image.merge("RGB", [to_values(_evaluate(mul, plane, gain)) for plane in shown])


def _screen_factor(luminance: _Light) -> _Light:
    """Return the light that a screen shows for that of a scene: ITU-R BT.2100, table 5, OOTF."""
    return luminance ** (_HLG_GAMMA - 1) * (_USUAL_PEAK / _PAPER_WHITE)


def _gain_by(peak: float) -> Callable[[_Light, _Light, _Light], _Light]:
    """Return what computes the factor for red, green and blue light, times `MAX_LIGHT`.

    The mapped light of the brightest channel is proportional to it up to white, and follows a
    quadratic Bezier curve from there to the peak.
    """
    stops = log2(max(peak, 1)) / log2(_USUAL_PEAK / _PAPER_WHITE)
    white = 1 - _WHITE_LOSS * min(stops, 1)
    middle_in, middle_out = 1 - _KAPPA + _KAPPA / white, (1 - _KAPPA) * white + _KAPPA
    slope, bend = 2 * (middle_in - 1), 1 - 2 * middle_in + peak

    def gain(red: _Light, green: _Light, blue: _Light) -> _Light:
        brightest = _larger(_larger(red, green), blue)
        over = _larger(brightest, 1.0)
        if peak < _LEAST_PEAK:
            return MAX_LIGHT / over
        above = _smaller(over, peak) - 1.0
        at = above * 2.0 / ((above * (4 * bend) + slope**2) ** 0.5 + slope)
        rest = 1.0 - at
        mapped = rest * rest * white + at * rest * (2 * middle_out) + at * at
        return mapped * MAX_LIGHT / over

    return gain


def _larger(one: _Light, other: _Light) -> _Light:
    return ImageMath.imagemath_max(one, other)


def _smaller(one: _Light, other: _Light) -> _Light:
    return ImageMath.imagemath_min(one, other)


def _mix(planes: Sequence[Image.Image], amounts: Sequence[float]) -> Image.Image:
    return _evaluate(
        lambda *light: sum((one * amount for one, amount in zip(light, amounts, strict=True)), 0.0),
        *planes,
    )


def _evaluate(compute: Callable[..., _Light], *planes: Image.Image) -> Image.Image:
    """Return what an expression makes of images of floats (F), pixel by pixel."""
    named = {f"plane{number}": plane for number, plane in enumerate(planes)}
    result = ImageMath.lambda_eval(lambda given: compute(*(given[name] for name in named)), **named)
    assert isinstance(result, Image.Image)
    return result


@lru_cache(maxsize=2)
def _light_table(curve: str) -> list[float]:
    """Return the light of each 8-bit value: in multiples of white paper's, or of an HLG scene's."""
    decode = {"pq": _pq, "hlg": _hlg}[curve]
    return [decode(value / 255) for value in range(256)]


def _pq(value: float) -> float:
    """Decode a PQ value: ITU-R BT.2100, table 4; 10,000 cd/m2 at most."""
    root = value ** (32 / 2523)
    light = max(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)
    return float(10_000 / _PAPER_WHITE * light ** (8192 / 1305))


def _hlg(value: float) -> float:
    """Decode an HLG value to the light of the scene, 0 to 1: ITU-R BT.2100, table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return value**2 / 3 if value <= 0.5 else (exp((value - c) / a) + b) / 12
