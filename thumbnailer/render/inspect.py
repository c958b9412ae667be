"""Verify a thumbnail in a worker: decode it, and compare it with the header of its source."""

from __future__ import annotations

import os
from typing import BinaryIO

from thumbnailer.disk import files
from thumbnailer.imaging.decode.check_whole import check_whole
from thumbnailer.imaging.decode.load import load_pixels
from thumbnailer.imaging.decode.open import open_picture
from thumbnailer.imaging.decode.shrink_on_load import can_shrink
from thumbnailer.imaging.failures import StageError, stage
from thumbnailer.imaging.geometry.fit import is_possible
from thumbnailer.imaging.geometry.orientation import orientation_of, oriented_sides
from thumbnailer.imaging.memory import Claim
from thumbnailer.model import Failure, Job, Thumbnail, WantedThumbnail, Whole
from thumbnailer.recipe import Limits, Recipe
from thumbnailer.render.steps import frame_for


def inspect_thumbnail(job: Job, claim: Claim) -> Whole | Failure:
    """Check that a thumbnail is as it was made and fits its source.

    Nothing is written, and nothing is raised for a bad file.

    Args:
        job: its `thumbnails` are the one wanted, and the one recorded in the ledger, or in a bucket
            with its content. A picture in a bucket is not read.

    Returns:
        `Whole` if all is well; else a failure. Its stage is `stale` or `failed` if the source is
        the cause, anything else if the thumbnail is.
    """
    wanted, made = job.thumbnails
    assert isinstance(wanted, WantedThumbnail)
    assert isinstance(made, Thumbnail)
    try:
        with stage("decode"):
            data = made.data if wanted.folder.is_remote else _read(wanted, made)
            if len(data) != made.size_bytes:
                return Failure("wrong", "is not as long as it was made")
            size = check_whole(data, _format(wanted, made), job.limits, claim)
    except StageError as error:
        return error.failure
    recorded = made.width, made.height
    if size != recorded and all(recorded):
        return Failure("wrong", f"is {_px(size)}, but was made of {_px(recorded)}")
    try:
        with stage("open"):
            return _source_fault(job, wanted, size, claim) or Whole()
    except StageError as error:
        return Failure("failed", f"its picture can't be read: {error.failure.reason}")


def _read(wanted: WantedThumbnail, made: Thumbnail) -> bytes:
    with files.open_folder(wanted.folder) as opened:
        return files.read(opened, os.path.basename(made.path), made.size_bytes + 1)


def _format(wanted: WantedThumbnail, made: Thumbnail) -> str:
    if wanted.recipe.format != "auto":
        return wanted.recipe.format
    return "png" if os.path.basename(made.path) == wanted.png_name else "jpeg"


def _source_fault(
    job: Job, wanted: WantedThumbnail, size: tuple[int, int], claim: Claim
) -> Failure | None:
    recipe = wanted.recipe
    if job.source.is_remote:
        if is_possible(size, recipe.box, recipe.fit, upscale=recipe.upscale):
            return None
        return Failure("wrong", f"is {_px(size)}, which these settings do not make")
    with files.open_source(job.source.path, job.source.root) as file:
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != (job.source.size_bytes, job.source.mtime_ns):
            return Failure("stale", "the picture has changed since")
        if wanted.folder.desktop:  # perhaps by another program, which rounds differently
            return None
        expected = _expected_size(file, recipe, job.limits, claim, size)
    return None if size == expected else Failure("wrong", f"is {_px(size)}, not {_px(expected)}")


def _expected_size(
    file: BinaryIO, recipe: Recipe, limits: Limits, claim: Claim, actual: tuple[int, int]
) -> tuple[int, int]:
    """Return the size in px that a source's thumbnail should have.

    The header alone decides if it leads to the size `actual`. Only a JPEG's header always holds the
    orientation; other pictures are decoded in case of doubt.
    """
    opened = open_picture(file, limits)
    if can_shrink(opened):
        return _size(opened.size, orientation_of(opened), recipe)
    size = _size(opened.size, 1, recipe)
    if size == actual:
        return size
    whole, _ = load_pixels(opened, file, limits, claim)
    return _size(whole.size, orientation_of(whole), recipe)


def _size(full: tuple[int, int], orientation: int, recipe: Recipe) -> tuple[int, int]:
    return oriented_sides(frame_for(full, orientation, recipe).canvas, orientation)


def _px(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} px"
