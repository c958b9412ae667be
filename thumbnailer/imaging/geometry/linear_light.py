"""Resampling in linear light, as an eye sees fine detail from afar."""

from __future__ import annotations

from bisect import bisect
from functools import lru_cache

from PIL import Image, ImageMath

from thumbnailer.imaging.colour.profiles import light_of
from thumbnailer.imaging.geometry.fit import lanczos

Size = tuple[int, int]
Box = tuple[float, float, float, float]

# The whole scale of light. 8 bits of sRGB differ by 20 steps of it in the shadows.
_FULL = 65535

# How many pixels become floats at a time: all at once would take 4 bytes a channel and pixel.
_STRIP_PIXELS = 1 << 20


def resample(image: Image.Image, size: Size, box: Box | None = None) -> Image.Image:
    """Resample in linear light, by Lanczos; alpha is premultiplied meanwhile.

    Args:
        image: L, LA, RGB or RGBA, in sRGB.
        size: in px.
        box: what to take of the picture, in its px; None for all.
    """
    left, top, right, bottom = box or (0, 0, *image.size)
    narrow = [Image.new("F", (size[0], image.height)) for _ in image.getbands()]
    height = max(1, _STRIP_PIXELS // image.width)
    for start in range(0, image.height, height):
        end = min(start + height, image.height)
        planes = _light(image.crop((0, start, image.width, end)))
        for whole, plane in zip(narrow, planes, strict=True):
            whole.paste(
                lanczos(plane, (size[0], end - start), (left, 0, right, end - start)), (0, start)
            )
    return _shown([lanczos(plane, size, (0, top, size[0], bottom)) for plane in narrow], image.mode)


def _light(image: Image.Image) -> list[Image.Image]:
    """The light of each channel, 0 to _FULL, multiplied by alpha; and alpha, 0 to 255."""
    if not image.mode.endswith("A"):
        return [channel.point(_to_light(), "F") for channel in image.split()]
    *colours, alpha = image.split()
    opacity = alpha.point([float(value) for value in range(256)], "F")
    return [
        *(_product(colour.point(_to_light(), "F"), opacity) for colour in colours),
        opacity,
    ]


def _product(light: Image.Image, opacity: Image.Image) -> Image.Image:
    product = ImageMath.lambda_eval(
        lambda given: given["light"] * given["opacity"] / 255.0, light=light, opacity=opacity
    )
    assert isinstance(product, Image.Image)
    return product


def _quotient(light: Image.Image, opacity: Image.Image) -> Image.Image:
    # Less than half a step of alpha comes out as none.
    quotient = ImageMath.lambda_eval(
        lambda given: given["light"] * 255.0 / given["max"](given["opacity"], 0.5),
        light=light,
        opacity=opacity,
    )
    assert isinstance(quotient, Image.Image)
    return quotient


def _shown(planes: list[Image.Image], mode: str) -> Image.Image:
    """8 bits a channel again; what Lanczos makes of edges beyond black and white is cut off."""
    if not mode.endswith("A"):
        return Image.merge(mode, [_value_of(plane) for plane in planes])
    *colours, opacity = planes
    alpha = opacity.point(lambda value: value * 1.0 + 0.5).convert("L")
    return Image.merge(mode, [*(_value_of(_quotient(plane, opacity)) for plane in colours), alpha])


def _value_of(light: Image.Image) -> Image.Image:
    return light.convert("I").point(_from_light(), "L")


@lru_cache(maxsize=1)
def _to_light() -> list[float]:
    return [_FULL * light_of(value / 255) for value in range(256)]


@lru_cache(maxsize=1)
def _from_light() -> list[int]:
    """The nearest value of sRGB for each step of light."""
    ends = [_FULL * light_of((value + 0.5) / 255) for value in range(255)]
    return [bisect(ends, light) for light in range(_FULL + 1)]
