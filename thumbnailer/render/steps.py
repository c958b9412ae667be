"""Render thumbnails step by step: open, decode, resize, orient, convert colours, encode."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import BinaryIO, NamedTuple

from thumbnailer.imaging.animation import (
    StillImage,
    frame_count,
    keeps_animation,
    render_frames,
)
from thumbnailer.imaging.colour.coded import FOUND_COLOURS, Colours
from thumbnailer.imaging.colour.depth import to_resizable
from thumbnailer.imaging.colour.hdr import HdrColours, with_peak
from thumbnailer.imaging.colour.source_colours import source_colours
from thumbnailer.imaging.colour.to_srgb import to_output_colours, to_srgb
from thumbnailer.imaging.decode.fast.decode import decode_fast
from thumbnailer.imaging.decode.load import load_pixels
from thumbnailer.imaging.decode.open import OpenPicture, open_picture
from thumbnailer.imaging.decode.shrink_on_load import (
    can_shrink,
    picture_extent,
    shrink_for_light,
    shrink_on_load,
)
from thumbnailer.imaging.encode.encode import Metadata, Timing, encode
from thumbnailer.imaging.encode.metadata import kept_exif
from thumbnailer.imaging.failures import stage
from thumbnailer.imaging.geometry.crop import Crop, stored_crop
from thumbnailer.imaging.geometry.fit import (
    Frame,
    fit_in_box,
    lanczos,
    largest_scaled,
    pad,
    resize_all,
)
from thumbnailer.imaging.geometry.orientation import (
    apply_orientation,
    orientation_of,
    oriented_sides,
)
from thumbnailer.imaging.geometry.sharpen import sharpen
from thumbnailer.imaging.memory import Claim, check_pixels, claim_canvas_memory
from thumbnailer.model import EncodedThumbnail
from thumbnailer.recipe import Box, Limits, Recipe

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


def grant_all(needed_bytes: int) -> None:
    """Grant any memory claim: for callers without a memory budget."""


def render_pictures(
    file: BinaryIO,
    wanted: Sequence[tuple[Recipe, PngText]],
    limits: Limits,
    claim: Claim = grant_all,
    others: Sequence[Recipe] = (),
) -> tuple[tuple[EncodedThumbnail, ...], str]:
    """Render the thumbnails of an open source: all steps from decoding to encoding.

    Args:
        wanted: the recipe of each thumbnail, and the texts about its source that a PNG holds.
        others: the recipes of its other thumbnails, which are not made.

    Returns:
        A thumbnail for each that is wanted, and in words what is missing of the source or was
        ignored.

    Raises:
        StageError: a step failed; nothing else is raised for a bad file.
    """
    recipes = [*(recipe for recipe, _ in wanted), *others]
    common = recipes[0]  # all recipes of a job share the settings that are not per size
    with stage("open"):
        picture = open_source(file, recipes, limits, claim)
        opened = picture.image
    with stage("decode"):
        decoded = decode(picture, recipes)
        picture = picture._replace(colours=decoded_colours(picture, decoded.image))
        frames = frames_for(decoded.full, decoded.orientation, recipes, limits)
        canvases = [frames[recipe].canvas for recipe in recipes]
        claim_canvas_memory(decoded.image, opened.format or "", canvases, limits, claim)
    with stage("encode"):
        exif = kept_exif(opened, file, common.keep)
    show, crop = partial(_show, picture, decoded), stored_crop(common.crop, decoded.orientation)
    stills, profile, remark = show(decoded.image, frames, crop)
    films = {recipe: [still] for recipe, still in zip(frames, stills, strict=True)}
    timing, missing = Timing(), decoded.missing
    if picture.frames > 1 and not missing:
        moving = {recipe: frame for recipe, frame in frames.items() if keeps_animation(recipe)}
        results, timing, missing = render_frames(
            opened,
            picture.frames,
            [frame.canvas for frame in moving.values()],
            limits,
            claim,
            # A smart crop would choose another part of each frame, and the picture would jump.
            lambda image: show(image, moving, crop if isinstance(crop, tuple) else "centre")[0],
        )
        films |= {recipe: film for recipe, film in zip(moving, results, strict=True) if film[1:]}
    made = []
    for recipe, text in wanted:
        with stage("encode"):
            made.append(encode(films[recipe], recipe, Metadata(exif, profile, text), timing))
    return tuple(made), "; ".join(filter(None, (missing, remark)))


def open_source(
    file: BinaryIO, recipes: Sequence[Recipe], limits: Limits, claim: Claim
) -> OpenPicture:
    """Open a picture, and read of it what its thumbnails need besides pixels."""
    image = open_picture(file, limits)
    colours = source_colours(image, file)
    frames = frame_count(image) if any(map(keeps_animation, recipes)) else 1
    return OpenPicture(image, file, colours, frames, limits, claim)


def _show(
    picture: OpenPicture,
    decoded: Decoded,
    image: StillImage,
    frames: dict[Recipe, Frame],
    crop: Crop,
) -> tuple[list[StillImage], bytes, str]:
    """Make the thumbnails of a picture, or of a frame of an animation.

    Returns:
        One for each of `frames`, the ICC profile of all or b"", and in words what was ignored.
    """
    common = next(iter(frames))
    with stage("resize"):
        image, colours, aside = to_resizable(image), picture.colours, ""
        resample = lanczos
        if common.linear:  # linear light can be computed from sRGB only
            from thumbnailer.imaging.geometry.linear_light import resample

            (image, aside), colours = to_srgb(image, colours), b""
        parts = resize_all(image, decoded.extent, list(frames.values()), crop, resample)
    shown = []
    for (recipe, frame), part in zip(frames.items(), parts, strict=True):
        with stage("orientation"):
            part = apply_orientation(part, decoded.orientation)
            canvas = oriented_sides(frame.canvas, decoded.orientation)
        with stage("colour"):
            part, icc, remark = to_output_colours(part, colours, keep="icc" in common.keep)
            if recipe.sharpen:
                part = sharpen(part, decoded.full[0] / frame.scaled[0])
            part = pad(part, canvas, recipe.background)
        # What was opened is reused for its next frame.
        shown.append(part.copy() if part is picture.image else part)
    return shown, icc, aside or remark


def decode(picture: OpenPicture, recipes: Sequence[Recipe]) -> Decoded:
    """Decode no more of a picture than its thumbnails need, by the fastest decoder available.

    Raises:
        Exception: it is broken or too large; `stage` turns this into a `StageError`.
    """
    opened, file, _, _, limits, claim = picture
    full = opened.size

    def needed(orientation: int) -> tuple[int, int]:
        return largest_scaled(list(frames_for(full, orientation, recipes, limits).values()))

    if can_shrink(opened):
        orientation = orientation_of(opened)
        preview, _ = shrink_or_preview(picture, needed(orientation), recipes[0])
        if preview:
            return Decoded(preview, preview.size, full, orientation, "")
        image, missing = load_pixels(opened, file, limits, claim)
        return Decoded(image, picture_extent(image.size, full), full, orientation, missing)
    # Only the first frame of an animation would be decoded, and encoded values be averaged.
    # Of HDR, the brightest pixel counts.
    is_hdr = isinstance(picture.colours, HdrColours)
    is_plain = picture.frames == 1 and not recipes[0].linear and not is_hdr
    if is_plain and (found := decode_fast(picture, needed)):
        return Decoded(found, found.size, full, orientation_of(found), "")
    image, missing = load_pixels(opened, file, limits, claim)
    return Decoded(image, image.size, image.size, orientation_of(image), missing)


def decoded_colours(picture: OpenPicture, image: StillImage) -> Colours:
    """Return the colours of a picture, with what is only known of them once it is decoded."""
    if isinstance(picture.colours, HdrColours):
        return with_peak(picture.colours, image)
    found: Colours | None = picture.image.info.get(FOUND_COLOURS)
    return picture.colours if found is None else found


def shrink_or_preview(
    picture: OpenPicture, size: tuple[int, int], common: Recipe
) -> tuple[StillImage | None, str]:
    """Choose what a thumbnail of `size` (px) is made from, if the decoder can shrink.

    Args:
        common: a recipe, of which `previews` and `linear` count.

    Returns:
        The picture's preview, or None if the picture has been set to shrink on load; and why its
        preview is not used, "" if there is none or none is wanted.
    """
    preview, reason = None, ""
    if common.previews != "never":
        from thumbnailer.imaging.previews.embedded_preview import choose_preview  # rarely needed

        preview, reason = choose_preview(picture, size, common.previews == "verify")
    if not preview and common.linear:
        shrink_for_light(picture.image, size, picture.limits)
    elif not preview:
        shrink_on_load(picture.image, size)
    return preview, reason


def frames_for(
    size: tuple[int, int], orientation: int, recipes: Sequence[Recipe], limits: Limits
) -> dict[Recipe, Frame]:
    """Return how a picture of `size` (px), stored in an orientation, fits each recipe's box.

    Raises:
        LimitError: a thumbnail would have too many px.
    """
    frames = {recipe: frame_for(size, orientation, recipe) for recipe in recipes}
    for frame in frames.values():
        if prod(frame.canvas) > prod(size):
            check_pixels(frame.canvas, limits.free_pixels, "the thumbnail would have")
    return frames


def frame_for(size: tuple[int, int], orientation: int, recipe: Recipe) -> Frame:
    """Return how a picture of `size` (px), stored in an orientation, fits a recipe's box."""
    box = recipe.box
    if isinstance(box, Box):
        box = Box(*oriented_sides(box, orientation))
    return fit_in_box(size, box, recipe.fit, upscale=recipe.upscale)
