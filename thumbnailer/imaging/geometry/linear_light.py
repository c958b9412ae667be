"""Resample in linear light, which averages fine detail as the eye does from a distance."""

from __future__ import annotations

from PIL import Image, ImageMath

from thumbnailer.imaging.colour.light import to_light, to_values
from thumbnailer.imaging.geometry.fit import lanczos
from thumbnailer.imaging.memory import strips

Size = tuple[int, int]
Box = tuple[float, float, float, float]

# Pixels converted to floats at a time: a whole picture would take 4 bytes a channel and pixel.
_STRIP_PIXELS = 1 << 20


def resample(image: Image.Image, size: Size, box: Box | None = None) -> Image.Image:
    """Resample in linear light by Lanczos, with premultiplied alpha.

    Args:
        image: L, LA, RGB or RGBA, in sRGB.
        size: in px.
        box: the part of the picture to resample, in its px; None for all.
    """
    left, top, right, bottom = box or (0, 0, *image.size)
    narrow = [Image.new("F", (size[0], image.height)) for _ in image.getbands()]
    for strip in strips(image.size, _STRIP_PIXELS):
        _, start, _, end = strip
        planes = _split(image.crop(strip))
        for whole, plane in zip(narrow, planes, strict=True):
            whole.paste(
                lanczos(plane, (size[0], end - start), (left, 0, right, end - start)), (0, start)
            )
    return _merge([lanczos(plane, size, (0, top, size[0], bottom)) for plane in narrow], image.mode)


def _split(image: Image.Image) -> list[Image.Image]:
    """Return the light of each channel, 0 to `MAX_LIGHT`, times alpha; and alpha, 0 to 255."""
    if not image.mode.endswith("A"):
        return [to_light(channel) for channel in image.split()]
    *colours, alpha = image.split()
    opacity = alpha.point([float(value) for value in range(256)], "F")
    return [
        *(_premultiplied(to_light(colour), opacity) for colour in colours),
        opacity,
    ]


def _premultiplied(light: Image.Image, opacity: Image.Image) -> Image.Image:
    product = ImageMath.lambda_eval(
        lambda given: given["light"] * given["opacity"] / 255.0, light=light, opacity=opacity
    )
    assert isinstance(product, Image.Image)
    return product


def _straight(light: Image.Image, opacity: Image.Image) -> Image.Image:
    # Alpha below 0.5 is rounded to 0, so the colour does not matter there.
    quotient = ImageMath.lambda_eval(
        lambda given: given["light"] * 255.0 / given["max"](given["opacity"], 0.5),
        light=light,
        opacity=opacity,
    )
    assert isinstance(quotient, Image.Image)
    return quotient


def _merge(planes: list[Image.Image], mode: str) -> Image.Image:
    """Convert planes back to 8-bit sRGB; Lanczos overshoot beyond black and white is clipped."""
    if not mode.endswith("A"):
        return Image.merge(mode, [to_values(plane) for plane in planes])
    *colours, opacity = planes
    alpha = opacity.point(lambda value: value * 1.0 + 0.5).convert("L")
    return Image.merge(mode, [*(to_values(_straight(plane, opacity)) for plane in colours), alpha])
