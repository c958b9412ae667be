"""From an open source to the contents of its thumbnails, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import BinaryIO, NamedTuple, TypeVar

from thumbnailer.imaging.animation import (
    StillImage,
    encode_frames,
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
from thumbnailer.imaging.encode.encode import encode
from thumbnailer.imaging.encode.metadata import kept_exif
from thumbnailer.imaging.failures import stage
from thumbnailer.imaging.geometry.fit import (
    Frame,
    check_canvases,
    frame_of,
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

# Keys and values.
PngText = tuple[tuple[str, str], ...]


class Decoded(NamedTuple):
    """A source's pixels.

    Attributes:
        image: the picture, perhaps smaller than it is.
        extent: how much of that is picture, in its px.
        full: the size of the whole picture in px.
        orientation: 1 to 8, still to be applied.
        missing: in words.
    """

    image: StillImage
    extent: tuple[float, float]
    full: tuple[int, int]
    orientation: int
    missing: str


class _Finished(NamedTuple):
    """A thumbnail before it is encoded, its ICC profile or b"", and what was left aside."""

    image: StillImage
    profile: bytes
    remark: str


def grant_all(needed_bytes: int) -> None:
    """The claim of somebody who has memory enough."""


def render_pictures(
    file: BinaryIO,
    wanted: Sequence[tuple[Recipe, PngText]],
    limits: Limits,
    claim: Claim = grant_all,
) -> tuple[tuple[EncodedThumbnail, ...], str]:
    """All steps from an open source to encoded thumbnails.

    Args:
        wanted: what each thumbnail should look like, and what a PNG says of its source.
        claim: called with a number of bytes before they are needed; may wait.

    Returns:
        A picture for each recipe, and in words what is missing of the source or was left aside.

    Raises:
        StageError: a step failed; nothing else is raised for a bad file.
    """
    looks = wanted[0][0]  # all recipes of a job share what is not of their own size
    recipes = [recipe for recipe, _ in wanted]
    moving = list(filter(keeps_animation, recipes))
    with stage("open"):
        opened = open_picture(file, limits)
        profile = source_profile(opened, file)
        fix_png_depth(opened)
        length = frame_count(opened) if moving else 1
    with stage("decode"):
        decoded = decode(opened, file, profile, recipes, length == 1, limits, claim)
        whole, extent, full, orientation, missing = decoded
        frames = frames_for(full, orientation, recipes, limits)
        canvases = [frames[recipe].canvas for recipe in recipes]
        claim_canvas_memory(whole, opened.format or "", canvases, limits, claim)
    with stage("encode"):
        exif = kept_exif(opened, file, looks.keep)

    def show(picture: StillImage, some: Sequence[Recipe], crop: str) -> list[_Finished]:
        with stage("resize"):
            image, tagged, aside = to_resizable(picture), profile, ""
            resample = lanczos
            if looks.linear:  # light is known of sRGB only
                from thumbnailer.imaging.geometry.linear_light import resample

                (image, aside), tagged = to_srgb(image, profile), b""
            parts = resize_all(image, extent, [frames[recipe] for recipe in some], crop, resample)
        shown = []
        for recipe, part in zip(some, parts, strict=True):
            frame = frames[recipe]
            with stage("orientation"):
                part, canvas = (
                    apply_orientation(part, orientation),
                    oriented_sides(frame.canvas, orientation),
                )
            with stage("colour"):
                part, own, remark = to_output_colours(part, tagged, keep="icc" in recipe.keep)
                if recipe.sharpen:
                    part = sharpen(part, full[0] / frame.scaled[0])
                part = pad(part, canvas, recipe.background)
            # The picture itself goes on to its next frame.
            part = part.copy() if part is opened else part
            shown.append(_Finished(part, own, aside or remark))
        return shown

    stills = show(whole, recipes, looks.crop)
    reels: dict[Recipe, list[StillImage]] = {}
    if length > 1 and not missing:
        # Smart crops would choose another part of each frame, and the picture would jump.
        films, timing = render_frames(
            opened,
            length,
            [frames[recipe].canvas for recipe in moving],
            limits,
            claim,
            lambda picture: [shown.image for shown in show(picture, moving, "centre")],
        )
        reels, missing = dict(zip(moving, films, strict=True)), timing.note
    pictures = []
    for (recipe, text), (image, own, _) in zip(wanted, stills, strict=True):
        with stage("encode"):
            if len(reels.get(recipe, ())) > 1:
                made = encode_frames(reels[recipe], timing, recipe, exif=exif, profile=own)
            else:
                made = encode(image, recipe, exif=exif, profile=own, text=text)
            pictures.append(made)
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
    """Decode no more of a picture than its thumbnails need, by the quickest way there is.

    Args:
        profile: as `profile_of` has it.
        is_still: only its first frame counts.

    Raises:
        Exception: it is broken or too large; `stage` says which.
    """
    looks = recipes[0]

    def needed(full: tuple[int, int], orientation: int) -> tuple[int, int]:
        return largest_scaled(list(frames_for(full, orientation, recipes, limits).values()))

    full = opened.size
    if can_shrink(opened):
        orientation = orientation_of(opened)
        size = needed(full, orientation)
        if looks.previews != "never":
            from thumbnailer.imaging.previews.embedded_preview import (
                choose_preview,  # which most runs do without
            )

            is_verified = looks.previews == "verify"
            preview, _ = choose_preview(opened, file, size, profile, is_verified, limits, claim)
            if preview:
                return Decoded(preview, preview.size, full, orientation, "")
        shrink_on_load(opened, size)
        image, missing = load_pixels(opened, file, limits, claim)
        return Decoded(image, picture_extent(image.size, full), full, orientation, missing)
    if is_still and not looks.linear:  # what it shrinks is values, not light
        small = decode_shrunk(opened, file, partial(needed, full), limits, claim)
        if small:
            return Decoded(small.image, small.extent, full, orientation_of(small.image), "")
    image, missing = load_pixels(opened, file, limits, claim)
    return Decoded(image, image.size, image.size, orientation_of(image), missing)


def frames_for(
    size: tuple[int, int], orientation: int, recipes: Sequence[Recipe], limits: Limits
) -> dict[Recipe, Frame]:
    """How a picture of `size` (px), stored in an orientation, goes into the recipes' boxes.

    Raises:
        LimitError: a thumbnail would have too many px.
    """
    frames = {recipe: frame_for(size, orientation, recipe) for recipe in recipes}
    check_canvases(list(frames.values()), size, limits.pixels)
    return frames


def frame_for(size: tuple[int, int], orientation: int, recipe: Recipe) -> Frame:
    """How a picture of `size` (px), stored in an orientation, goes into a recipe's box."""
    box = Box(*oriented_sides(recipe.box, orientation))
    return frame_of(size, box, recipe.fit, upscale=recipe.upscale)


def oriented_sides(sides: tuple[T, T], orientation: int) -> tuple[T, T]:
    """Width and height, swapped if the orientation swaps them."""
    return (sides[1], sides[0]) if swaps_sides(orientation) else sides
