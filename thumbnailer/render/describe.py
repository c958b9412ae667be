"""Describe a picture, and what its thumbnails would be made from, without making any."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from thumbnailer.imaging.colour.source_colours import colours_name
from thumbnailer.imaging.containers.bounded_file import MAX_PARTS
from thumbnailer.imaging.containers.exif import directory_count
from thumbnailer.imaging.containers.gain_map import has_gain_map
from thumbnailer.imaging.decode.readers.raw import RawPicture
from thumbnailer.imaging.decode.shrink_on_load import can_shrink
from thumbnailer.imaging.failures import stage
from thumbnailer.imaging.geometry.fit import largest_scaled
from thumbnailer.imaging.geometry.orientation import orientation_of, oriented_sides
from thumbnailer.imaging.previews.embedded_preview import preview_size
from thumbnailer.recipe import Limits, Recipe
from thumbnailer.render.steps import (
    Decoded,
    decode,
    decoded_colours,
    frame_for,
    grant_all,
    open_source,
    shrink_or_preview,
)


@dataclass(frozen=True, slots=True)
class Description:
    """Properties of a picture, and what its thumbnails would be made from.

        description = explain("photo.jpg").description
        print(description.format, description.size, description.orientation)

    Attributes:
        format: Pillow's name of the format.
        size: width and height in px, as stored.
        mode: Pillow's name of the pixels' mode.
        frames: number of frames.
        orientation: 1 to 8, of EXIF 2.32; not yet applied.
        profile: name of its ICC profile, or of what its other colour tags say; "" if it
            has neither, None if the profile is invalid.
        preview: width and height in px of its largest embedded preview; None if it has none.
        preview_used: whether its thumbnails are made from an embedded preview.
        preview_unfit: why they are not; "" if no preview is wanted.
        decoded: width and height in px of what is decoded for its thumbnails.
        thumbnails: width and height in px of each thumbnail.
        missing: what is missing of the picture, in words; "" if it is whole.
        gain_map: whether it has one, for HDR screens, which is left out.
    """

    format: str
    size: tuple[int, int]
    mode: str
    frames: int
    orientation: int
    profile: str | None
    preview: tuple[int, int] | None
    preview_used: bool
    preview_unfit: str
    decoded: tuple[int, int]
    thumbnails: tuple[tuple[int, int], ...]
    missing: str
    gain_map: bool


def describe(file: BinaryIO, recipes: Sequence[Recipe], limits: Limits) -> Description:
    """Return the description of a picture; a JPEG is not decoded, except to verify its preview.

    Raises:
        StageError: it can't be opened or decoded.
    """
    with stage("open"):
        picture = open_source(file, recipes, limits, grant_all)
        opened, colours = picture.image, picture.colours
        size, mode = opened.size, opened.mode
    with stage("decode"):
        shrinks, preview, unfit = can_shrink(opened), None, ""
        if shrinks:
            whole = Decoded(opened, opened.size, opened.size, orientation_of(opened), "")
        else:
            whole = decode(picture, recipes)
            colours = decoded_colours(picture, whole.image)
        orientation = whole.orientation
        frames = [frame_for(whole.full, orientation, recipe) for recipe in recipes]
        if shrinks:
            preview, unfit = shrink_or_preview(picture, largest_scaled(frames), recipes[0])
    from_preview, whole_preview = preview is not None, preview_size(opened, file)
    if isinstance(opened, RawPicture):
        from_preview, whole_preview = opened.is_from_preview, opened.preview_size
    count = 1
    with suppress(Exception):  # a broken animation still has a first frame
        # Pillow compares each page of a TIFF with all before.
        is_tiff = opened.format == "TIFF"
        count = directory_count(file, MAX_PARTS) if is_tiff else getattr(opened, "n_frames", 1)
    return Description(
        opened.format or "",
        size,
        mode,
        count,
        orientation,
        colours_name(colours) if colours else "",
        whole_preview,
        from_preview,
        unfit,
        (preview or whole.image).size,
        tuple(oriented_sides(frame.canvas, orientation) for frame in frames),
        whole.missing,
        opened.format in ("JPEG", "HEIF", "AVIF") and has_gain_map(file),
    )
