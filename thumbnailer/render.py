"""A worker's whole job: from a source file to the contents of its thumbnails."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO, TypeVar

from thumbnailer import storage
from thumbnailer.imaging import linear
from thumbnailer.imaging.colour import coloured, to_srgb
from thumbnailer.imaging.decoding import load
from thumbnailer.imaging.depth import prepare, to_resizable
from thumbnailer.imaging.encoding import encode
from thumbnailer.imaging.fit import Frame, frame_of, lanczos, largest, pad, resized, sharpened
from thumbnailer.imaging.memory import Claim
from thumbnailer.imaging.opening import open_picture
from thumbnailer.imaging.orientation import orientation_of, swaps_sides, upright
from thumbnailer.imaging.shrinking import can_shrink, shrink_on_load
from thumbnailer.imaging.tagged import profile_of
from thumbnailer.model import Box, Failure, Job, Limits, Picture, Recipe, Rendering
from thumbnailer.stages import CHANGING, StageError, stage

# A picture that is still being written changes while it is read; it is read again this often.
_READINGS = 3

# How long a single write of a part of a picture may take.
_WRITE_NS = 100_000_000


T = TypeVar("T")

# Keys and values.
Text = tuple[tuple[str, str], ...]


def _granted(needed_bytes: int) -> None:
    """The claim of somebody who has memory enough."""


def pictures_of(
    file: BinaryIO,
    wanted: Sequence[tuple[Recipe, Text]],
    limits: Limits,
    claim: Claim = _granted,
) -> tuple[tuple[Picture, ...], str]:
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
    with stage("open"):
        opened = open_picture(file, limits)
        profile = profile_of(opened, file)
        prepare(opened)
    with stage("decode"):
        shrinks = can_shrink(opened)
        whole, missing = (opened, "") if shrinks else load(opened, file, limits, claim)
        orientation = orientation_of(whole)
        frames = [_frame(whole.size, orientation, recipe) for recipe, _ in wanted]
        full_width = whole.width
        if shrinks:
            shrink_on_load(opened, largest(frames))
            whole, missing = load(opened, file, limits, claim)
    with stage("resize"):
        image, remark = to_resizable(whole), ""
        if looks.linear:  # light is known of sRGB only
            image, remark = to_srgb(image, profile)
            profile = b""
        resample = linear.resample if looks.linear else lanczos
        parts = resized(image, frames, looks.crop, resample)
    pictures = []
    for (recipe, text), frame, part in zip(wanted, frames, parts, strict=True):
        with stage("orientation"):
            part, canvas = upright(part, orientation), _turned(frame.canvas, orientation)
        with stage("colour"):
            part, own, aside = coloured(part, profile, keep="icc" in recipe.keep)
            if recipe.sharpen:
                part = sharpened(part, full_width / frame.scaled[0])
            part = pad(part, canvas, recipe.background)
        with stage("encode"):
            pictures.append(encode(part, recipe, profile=own, text=text))
    return tuple(pictures), "; ".join(filter(None, (missing, remark or aside)))


def _frame(size: tuple[int, int], orientation: int, recipe: Recipe) -> Frame:
    box = Box(*_turned(recipe.box, orientation))
    return frame_of(size, box, recipe.fit, upscale=recipe.upscale)


def _turned(sides: tuple[T, T], orientation: int) -> tuple[T, T]:
    return (sides[1], sides[0]) if swaps_sides(orientation) else sides


def render(job: Job, claim: Claim) -> Rendering | Failure:
    """Make the thumbnails of a job; nothing is written, and nothing raised for a bad file.

    Args:
        claim: called with a number of bytes before they are needed; may wait.
    """
    try:
        return _read_unchanged(job, claim)
    except StageError as error:
        return error.failure


def _read_unchanged(job: Job, claim: Claim) -> Rendering:
    """Thumbnails with the state of the source that they show."""
    wanted = [(one.recipe, one.text) for one in job.wanted]
    for _ in range(_READINGS):
        with stage("open"):
            file = storage.open_source(job.source.path)
        with file:
            before = _settled(file)
            try:
                pictures, note = pictures_of(file, wanted, job.limits, claim)
            except StageError:
                if _is_unchanged(job.source.path, before):
                    raise
                continue
        if _is_unchanged(job.source.path, before):
            state = replace(job.source, size_bytes=before.st_size, mtime_ns=before.st_mtime_ns)
            return Rendering(state, pictures, note)
    raise StageError(Failure("open", CHANGING, lasts=False))


def _settled(file: BinaryIO) -> os.stat_result:
    """The state of a file that is not in the middle of a write.

    A write sets the modification time first and then copies the data; whoever looks in between sees
    the new time and old data.
    """
    status = os.fstat(file.fileno())
    age_ns = time.time_ns() - status.st_mtime_ns
    if abs(age_ns) < _WRITE_NS:
        time.sleep((_WRITE_NS - age_ns) / 1e9)
        return os.fstat(file.fileno())
    return status


def _is_unchanged(path: str, before: os.stat_result) -> bool:
    with suppress(OSError):
        now = os.stat(path)
        return (now.st_ino, now.st_size, now.st_mtime_ns) == (
            before.st_ino,
            before.st_size,
            before.st_mtime_ns,
        )
    return False
