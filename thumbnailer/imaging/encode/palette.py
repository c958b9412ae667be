"""Reduce pictures to a palette of few colours, for PNG and GIF."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from PIL import Image

# The most colours of a palette: GIF89a, section 20; PNG specification, PLTE.
MAX_COLOURS = 256

# The number of pixels of an animation from which its common palette is made.
_SAMPLE_PIXELS = 1 << 17

# The alpha from which a pixel is opaque in a GIF.
_OPAQUE_FROM = 128

# Fewer colours than this are not divided between opaque and other pixels.
_MIN_TO_DIVIDE = 16

# The largest share of the colours that opaque pixels get.
_MAX_OPAQUE_SHARE = 0.75


def with_palette(image: Image.Image, colours: int) -> Image.Image:
    """Reduce a picture to at most `colours` (2 to 256) colours, each with its own alpha.

    A picture with no more colours than that keeps them exactly. Of Pillow's methods, the octree
    with dithering is closest to the original when both are blurred (48 dB, without dithering 41).
    It takes 5 ms at 256 px, median cut 50. Files are a third of a full PNG (12 photographs).

    Args:
        image: L, LA, RGB or RGBA.

    Returns:
        A picture of mode P; L unchanged if 256 colours are allowed, since it can have no more.
    """
    if image.mode == "L" and colours >= MAX_COLOURS:
        return image
    if exact := _exact_palette(image, colours):
        return exact
    if not is_opaque(image):
        return _with_alpha(image.convert("RGBA"), colours)
    return _dithered(image.convert("RGB"), colours)


def with_transparent_index(image: Image.Image, colours: int) -> tuple[Image.Image, int | None]:
    """Convert a picture to mode P for a GIF; return it and the index of its transparent colour.

    Pixels less than half opaque become transparent: a GIF has no partial transparency. The index is
    None if the picture is opaque.

    Args:
        image: L, LA, RGB or RGBA.
        colours: 2 to 256, including the transparent one.
    """
    if is_opaque(image):
        return with_palette(image.convert("RGB") if image.mode == "RGBA" else image, colours), None
    rgb, holes = _cut_out(image)
    return _with_transparency(with_palette(rgb, colours - 1), holes, colours)


def with_common_palette(
    images: Sequence[Image.Image], colours: int
) -> tuple[list[Image.Image], int | None]:
    """Convert the frames of a GIF to one palette; return them and the transparent index, or None.

    There is no dithering: it would flicker, and make each frame differ from the last everywhere.
    """
    has_holes = not all(map(is_opaque, images))
    pictures, all_holes = zip(*map(_cut_out, images), strict=True)
    palette = _sample(pictures).quantize(colours - has_holes, Image.Quantize.FASTOCTREE)
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    if not has_holes:
        return frames, None
    holed = zip(frames, all_holes, strict=True)
    return [_with_transparency(frame, holes, colours)[0] for frame, holes in holed], colours - 1


def is_opaque(image: Image.Image) -> bool:
    """Return whether all pixels are opaque; the picture may still have an alpha channel."""
    return image.mode not in ("LA", "RGBA") or image.getchannel("A").getextrema()[0] == 255


def _exact_palette(image: Image.Image, colours: int) -> Image.Image | None:
    """Return the picture with a palette of its exact colours; None if it has too many."""
    rgba = image.convert("RGBA")
    counts = rgba.getcolors(colours)
    if counts is None:
        return None
    palette = sorted(bytes(colour) for _, colour in counts)  # type: ignore[arg-type]
    indexes = {array("I", colour)[0]: place for place, colour in enumerate(palette)}
    pixels = bytes(map(indexes.__getitem__, array("I", rgba.tobytes())))
    exact = Image.frombytes("P", image.size, pixels)
    if is_opaque(image):
        exact.putpalette(b"".join(colour[:3] for colour in palette))
    else:
        exact.putpalette(b"".join(palette), "RGBA")
    return exact


def _dithered(rgb: Image.Image, colours: int) -> Image.Image:
    palette = rgb.quantize(colours, Image.Quantize.FASTOCTREE)
    return rgb.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def _with_alpha(rgba: Image.Image, colours: int) -> Image.Image:
    """Reduce a picture with alpha: dither opaque pixels, and give the rest colours of its own.

    Pillow can't dither pixels with alpha. The colours are divided by the share of visible pixels;
    the rest gets at least some, for its edges.
    """
    alpha = rgba.getchannel("A")
    # Invisible pixels must take only one colour.
    rgba.paste((0, 0, 0, 0), mask=alpha.point([255] + [0] * 255, "1"))
    opaque = alpha.point([0] * 255 + [255], "1")
    seen = alpha.histogram()[1:]
    reserved = round(min(seen[-1] / max(sum(seen), 1), _MAX_OPAQUE_SHARE) * colours)
    if reserved < 2 or colours < _MIN_TO_DIVIDE:
        return rgba.quantize(colours, Image.Quantize.FASTOCTREE)
    rgb = Image.new("RGB", rgba.size)
    rgb.paste(rgba.convert("RGB"), mask=opaque)
    whole = _dithered(rgb, reserved)
    rgba.paste((0, 0, 0, 0), mask=opaque)
    soft = rgba.quantize(colours - reserved, Image.Quantize.FASTOCTREE)
    palette = [*_rgba_palette(whole, reserved), *_rgba_palette(soft, colours - reserved)]
    shifted = soft.point([min(place + reserved, MAX_COLOURS - 1) for place in range(MAX_COLOURS)])
    shifted.paste(whole, mask=opaque)
    shifted.putpalette(palette, "RGBA")
    return shifted


def _rgba_palette(image: Image.Image, colours: int) -> list[int]:
    """Return R, G, B and A of the first `colours` colours of a picture of mode P."""
    values = image.getpalette("RGBA") or []
    return (values + [0] * 4 * colours)[: 4 * colours]


def _sample(pictures: Sequence[Image.Image]) -> Image.Image:
    """Return a sample of each picture, one below the other."""
    width, height = pictures[0].size
    shrink = min(1, (_SAMPLE_PIXELS / (width * height * len(pictures))) ** 0.5)
    width, height = max(1, int(width * shrink)), max(1, int(height * shrink))
    sheet = Image.new("RGB", (width, height * len(pictures)))
    for at, picture in enumerate(pictures):
        sheet.paste(picture.resize((width, height), Image.Resampling.NEAREST), (0, at * height))
    return sheet


def _cut_out(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return a picture without alpha, and a mask of its transparent pixels in a GIF, if any."""
    rgb = image.convert("RGB")
    if is_opaque(image):
        return rgb, None
    table = [255] * _OPAQUE_FROM + [0] * (256 - _OPAQUE_FROM)
    holes = image.getchannel("A").point(table, "1")
    rgb.paste((0, 0, 0), mask=holes)  # so that invisible pixels take no colour
    return rgb, holes


def _with_transparency(
    image: Image.Image, holes: Image.Image | None, colours: int
) -> tuple[Image.Image, int]:
    """Paint `holes` in the last colour of a picture (L or P); return it and that colour's index."""
    indexed = image if image.mode == "P" else image.convert("P")
    palette = (indexed.getpalette() or [])[: 3 * (colours - 1)]
    last = colours - 1
    indexed.putpalette(palette + [0] * (3 * colours - len(palette)))
    if holes:
        indexed.paste(last, mask=holes)
    return indexed, last
