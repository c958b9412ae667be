"""Render thumbnails step by step: open, decode, resize, orient, convert colours, encode."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import BinaryIO, NamedTuple, TypeVar

from thumbnailer.imaging.animation import (
    StillImage,
    frame_count,
    keeps_animation,
    render_frames,
)
from thumbnailer.imaging.colour.depth import fix_png_depth, to_resizable
from thumbnailer.imaging.colour.source_profile import source_profile
from thumbnailer.imaging.colour.to_srgb import to_output_colours, to_srgb
from thumbnailer.imaging.decode.load import load_pixels
from thumbnailer.imaging.decode.open import Opened, open_picture
from thumbnailer.imaging.decode.shrink_on_load import can_shrink, picture_extent, shrink_on_load
from thumbnailer.imaging.decode.vips import decode_shrunk
from thumbnailer.imaging.encode.encode import Metadata, Timing, encode
from thumbnailer.imaging.encode.metadata import kept_exif
from thumbnailer.imaging.failures import stage
from thumbnailer.imaging.geometry.fit import (
    Frame,
    check_canvases,
    fit_in_box,
    lanczos,
    largest_scaled,
    pad,
    resize_all,
)
from thumbnailer.imaging.geometry.orientation import apply_orientation, orientation_of, swaps_sides
from thumbnailer.imaging.geometry.sharpen import sharpen
from thumbnailer.imaging.memory import Claim, claim_canvas_memory
from thumbnailer.model import EncodedThumbnail
from thumbnailer.recipe import Box, Limits, Recipe

T = TypeVar("T")

# The keys and values of a PNG's text chunks.
PngText = tuple[tuple[str, str], ...]


class Decoded(NamedTuple):
    """The decoded pixels of a source.

    Attributes:
        image: the picture, perhaps decoded at a smaller size.
        extent: width and height of the part of `image` that is picture, in px of `image`.
        full: width and height in px of the picture at its full size.
        orientation: 1 to 8, not yet applied.
        missing: what is missing of the picture, in words.
    """

    image: StillImage
    extent: tuple[float, float]
    full: tuple[int, int]
    orientation: int
    missing: str


class _Rendered(NamedTuple):
    """A thumbnail before it is encoded, its ICC profile or b"", and what was ignored."""

    image: StillImage
    profile: bytes
    remark: str


def grant_all(needed_bytes: int) -> None:
    """Grant any memory claim: for callers without a memory budget."""


def render_pictures(
    file: BinaryIO,
    wanted: Sequence[tuple[Recipe, PngText]],
    limits: Limits,
    claim: Claim = grant_all,
) -> tuple[tuple[EncodedThumbnail, ...], str]:
    """Render the thumbnails of an open source: all steps from decoding to encoding.

    Args:
        wanted: the recipe of each thumbnail, and the texts about its source that a PNG holds.
        claim: called with a number of bytes before they are needed; may wait.

    Returns:
        A thumbnail for each recipe, and in words what is missing of the source or was ignored.

    Raises:
        StageError: a step failed; nothing else is raised for a bad file.
    """
    common = wanted[0][0]  # all recipes of a job share the settings that are not per size
    recipes = [recipe for recipe, _ in wanted]
    animated = list(filter(keeps_animation, recipes))
    with stage("open"):
        opened = open_picture(file, limits)
        profile = source_profile(opened, file)
        fix_png_depth(opened)
        length = frame_count(opened) if animated else 1
    with stage("decode"):
        decoded = decode(opened, file, profile, recipes, length == 1, limits, claim)
        whole, extent, full, orientation, missing = decoded
        frames = frames_for(full, orientation, recipes, limits)
        canvases = [frames[recipe].canvas for recipe in recipes]
        claim_canvas_memory(whole, opened.format or "", canvases, limits, claim)
    with stage("encode"):
        exif = kept_exif(opened, file, common.keep)

    def render_images(picture: StillImage, some: Sequence[Recipe], crop: str) -> list[_Rendered]:
        with stage("resize"):
            image, image_icc, aside = to_resizable(picture), profile, ""
            resample = lanczos
            if common.linear:  # linear light can be computed from sRGB only
                from thumbnailer.imaging.geometry.linear_light import resample

                (image, aside), image_icc = to_srgb(image, profile), b""
            parts = resize_all(image, extent, [frames[recipe] for recipe in some], crop, resample)
        rendered = []
        for recipe, part in zip(some, parts, strict=True):
            frame = frames[recipe]
            with stage("orientation"):
                part, canvas = (
                    apply_orientation(part, orientation),
                    oriented_sides(frame.canvas, orientation),
                )
            with stage("colour"):
                part, icc, remark = to_output_colours(part, image_icc, keep="icc" in recipe.keep)
                if recipe.sharpen:
                    part = sharpen(part, full[0] / frame.scaled[0])
                part = pad(part, canvas, recipe.background)
            # `opened` itself is reused for its next frame.
            part = part.copy() if part is opened else part
            rendered.append(_Rendered(part, icc, aside or remark))
        return rendered

    stills = render_images(whole, recipes, common.crop)
    frame_lists: dict[Recipe, list[StillImage]] = {}
    timing = Timing()
    if length > 1 and not missing:
        # A smart crop would choose another part of each frame, and the picture would jump.
        animations, timing, missing = render_frames(
            opened,
            length,
            [frames[recipe].canvas for recipe in animated],
            limits,
            claim,
            lambda picture: [one.image for one in render_images(picture, animated, "centre")],
        )
        frame_lists = dict(zip(animated, animations, strict=True))
    pictures = []
    for (recipe, text), (image, icc, _) in zip(wanted, stills, strict=True):
        with stage("encode"):
            images = frame_lists.get(recipe, ())
            images = images if len(images) > 1 else [image]
            pictures.append(encode(images, recipe, Metadata(exif, icc, text), timing))
    return tuple(pictures), "; ".join(filter(None, (missing, stills[0].remark)))


def decode(
    opened: Opened,
    file: BinaryIO,
    profile: bytes,
    recipes: Sequence[Recipe],
    is_still: bool,
    limits: Limits,
    claim: Claim,
) -> Decoded:
    """Decode no more of a picture than its thumbnails need, by the fastest decoder available.

    Args:
        profile: its ICC profile, as from `source_profile`.
        is_still: whether only its first frame is needed.

    Raises:
        Exception: it is broken or too large; `stage` turns this into a `StageError`.
    """
    common = recipes[0]

    def needed(full: tuple[int, int], orientation: int) -> tuple[int, int]:
        return largest_scaled(list(frames_for(full, orientation, recipes, limits).values()))

    full = opened.size
    if can_shrink(opened):
        orientation = orientation_of(opened)
        size = needed(full, orientation)
        if common.previews != "never":
            from thumbnailer.imaging.previews.embedded_preview import (
                choose_preview,  # most runs do not need it
            )

            is_verified = common.previews == "verify"
            preview, _ = choose_preview(opened, file, size, profile, is_verified, limits, claim)
            if preview:
                return Decoded(preview, preview.size, full, orientation, "")
        shrink_on_load(opened, size)
        image, missing = load_pixels(opened, file, limits, claim)
        return Decoded(image, picture_extent(image.size, full), full, orientation, missing)
    if is_still and not common.linear:  # it shrinks encoded values, not linear light
        small = decode_shrunk(opened, file, partial(needed, full), limits, claim)
        if small:
            return Decoded(small.image, small.extent, full, orientation_of(small.image), "")
    image, missing = load_pixels(opened, file, limits, claim)
    return Decoded(image, image.size, image.size, orientation_of(image), missing)


def frames_for(
    size: tuple[int, int], orientation: int, recipes: Sequence[Recipe], limits: Limits
) -> dict[Recipe, Frame]:
    """Return how a picture of `size` (px), stored in an orientation, fits each recipe's box.

    Raises:
        LimitError: a thumbnail would have too many px.
    """
    frames = {recipe: frame_for(size, orientation, recipe) for recipe in recipes}
    check_canvases(list(frames.values()), size, limits.pixels)
    return frames


def frame_for(size: tuple[int, int], orientation: int, recipe: Recipe) -> Frame:
    """Return how a picture of `size` (px), stored in an orientation, fits a recipe's box."""
    box = Box(*oriented_sides(recipe.box, orientation))
    return fit_in_box(size, box, recipe.fit, upscale=recipe.upscale)


def oriented_sides(sides: tuple[T, T], orientation: int) -> tuple[T, T]:
    """Return width and height, swapped if the orientation swaps them."""
    return (sides[1], sides[0]) if swaps_sides(orientation) else sides
