"""Pictures of a few colours, for PNG and GIF."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from PIL import Image

# Colours of the whole picture, at most: GIF89a, section 20; PNG specification, PLTE.
MOST = 256

# How many px of an animation its common palette is made from.
_SAMPLE_PIXELS = 1 << 17

_OPAQUE_FROM = 128

# Fewer colours than that are not shared out between what is opaque and what is not.
_MIN_TO_SHARE = 16

# The most that opaque parts get of all colours.
_MAX_SOLID = 0.75


def with_palette(image: Image.Image, colours: int) -> Image.Image:
    """The picture in at most `colours` (2 to 256) colours, each with its own alpha.

    A picture of no more than that keeps them exactly. Of the ways that Pillow has, the octree with
    dithering is closest to the original once both are blurred (48 dB, without dithering 41), takes
    5 ms at 256 px where median cut takes 50, and makes a third of a full PNG (12 photographs).

    Args:
        image: L, LA, RGB or RGBA.

    Returns:
        A picture of mode P; L as it is if it may have 256 colours, which is all it can have.
    """
    if image.mode == "L" and colours >= MOST:
        return image
    if exact := _exact_palette(image, colours):
        return exact
    if not is_opaque(image):
        return _with_alpha(image.convert("RGBA"), colours)
    return _dithered(image.convert("RGB"), colours)


def with_transparent_index(image: Image.Image, colours: int) -> tuple[Image.Image, int | None]:
    """A picture of mode P for a GIF, and which of its colours is transparent, if one is.

    Transparent is what is less than half opaque, since a GIF knows no other than all or nothing.

    Args:
        image: L, LA, RGB or RGBA.
        colours: 2 to 256, with the transparent one.
    """
    holes = _transparent_mask(image)
    if holes is None:
        return with_palette(image.convert("RGB") if image.mode == "RGBA" else image, colours), None
    rgb = image.convert("RGB")
    rgb.paste((0, 0, 0), mask=holes)  # so that what nobody sees takes no colour
    return _with_transparency(with_palette(rgb, colours - 1), holes, colours)


def with_common_palette(
    images: Sequence[Image.Image], colours: int
) -> tuple[list[Image.Image], int | None]:
    """The frames of an animation for a GIF, all in the same colours, and which is transparent.

    Without dithering, which would flicker, and makes each frame differ from the last everywhere.
    """
    all_holes = [_transparent_mask(image) for image in images]
    has_holes = any(all_holes)
    pictures = []
    for image, holes in zip(images, all_holes, strict=True):
        rgb = image.convert("RGB")
        if holes:
            rgb.paste((0, 0, 0), mask=holes)
        pictures.append(rgb)
    palette = _sample(pictures).quantize(colours - has_holes, Image.Quantize.FASTOCTREE)
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    if not has_holes:
        return frames, None
    nowhere = Image.new("1", images[0].size)
    pierced = [
        _with_transparency(frame, holes or nowhere, colours)[0]
        for frame, holes in zip(frames, all_holes, strict=True)
    ]
    return pierced, colours - 1


def is_opaque(image: Image.Image) -> bool:
    """Whether nothing shines through; a channel for alpha may be there all the same."""
    return image.mode not in ("LA", "RGBA") or image.getchannel("A").getextrema()[0] == 255


def _exact_palette(image: Image.Image, colours: int) -> Image.Image | None:
    """The picture with a palette of its own colours; None if they are more."""
    rgba = image.convert("RGBA")
    there = rgba.getcolors(colours)
    if there is None:
        return None
    palette = sorted(bytes(colour) for _, colour in there)  # type: ignore[arg-type]
    places = {array("I", colour)[0]: place for place, colour in enumerate(palette)}
    pixels = bytes(map(places.__getitem__, array("I", rgba.tobytes())))
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
    """What is opaque dithered, and the rest, which Pillow can't dither, in colours of its own.

    Each part gets colours by its share of what is seen, the rest some for its edges at least.
    """
    alpha = rgba.getchannel("A")
    # What nobody sees is to take one colour only.
    rgba.paste((0, 0, 0, 0), mask=alpha.point([255] + [0] * 255, "1"))
    opaque = alpha.point([0] * 255 + [255], "1")
    seen = alpha.histogram()[1:]
    solid = round(min(seen[-1] / max(sum(seen), 1), _MAX_SOLID) * colours)
    if solid < 2 or colours < _MIN_TO_SHARE:
        return rgba.quantize(colours, Image.Quantize.FASTOCTREE)
    rgb = Image.new("RGB", rgba.size)
    rgb.paste(rgba.convert("RGB"), mask=opaque)
    whole = _dithered(rgb, solid)
    rgba.paste((0, 0, 0, 0), mask=opaque)
    soft = rgba.quantize(colours - solid, Image.Quantize.FASTOCTREE)
    palette = [*_quadruples(whole, solid), *_quadruples(soft, colours - solid)]
    shifted = soft.point([min(place + solid, MOST - 1) for place in range(MOST)])
    shifted.paste(whole, mask=opaque)
    shifted.putpalette(palette, "RGBA")
    return shifted


def _quadruples(image: Image.Image, colours: int) -> list[int]:
    """R, G, B and A of as many colours of a picture of mode P."""
    values = image.getpalette("RGBA") or []
    return (values + [0] * 4 * colours)[: 4 * colours]


def _sample(pictures: Sequence[Image.Image]) -> Image.Image:
    """Some of each picture, one below the other."""
    width, height = pictures[0].size
    shrink = min(1, (_SAMPLE_PIXELS / (width * height * len(pictures))) ** 0.5)
    width, height = max(1, int(width * shrink)), max(1, int(height * shrink))
    sheet = Image.new("RGB", (width, height * len(pictures)))
    for at, picture in enumerate(pictures):
        sheet.paste(picture.resize((width, height), Image.Resampling.NEAREST), (0, at * height))
    return sheet


def _transparent_mask(image: Image.Image) -> Image.Image | None:
    """A mask of what is transparent in a GIF; None if nothing is."""
    if is_opaque(image):
        return None
    return image.getchannel("A").point([255] * _OPAQUE_FROM + [0] * (256 - _OPAQUE_FROM), "1")


def _with_transparency(
    image: Image.Image, holes: Image.Image, colours: int
) -> tuple[Image.Image, int]:
    """A picture of mode L or P with the last of its colours where the holes are."""
    indexed = image if image.mode == "P" else image.convert("P")
    palette = (indexed.getpalette() or [])[: 3 * (colours - 1)]
    last = colours - 1
    indexed.putpalette(palette + [0] * (3 * colours - len(palette)))
    indexed.paste(last, mask=holes)
    return indexed, last
