"""A worker's whole job: from a source file to the contents of its thumbnails."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO, TypeVar

from thumbnailer import storage
from thumbnailer.imaging.animation import Still, encode_frames, film, frames_in, moves
from thumbnailer.imaging.colour import to_resizable, to_srgb
from thumbnailer.imaging.decoding import load
from thumbnailer.imaging.encoding import encode
from thumbnailer.imaging.fit import Frame, frame_of, largest, pad, resized, sharpened
from thumbnailer.imaging.memory import Claim
from thumbnailer.imaging.metadata import kept
from thumbnailer.imaging.opening import open_picture
from thumbnailer.imaging.orientation import orientation_of, swaps_sides, upright
from thumbnailer.imaging.shrinking import can_shrink, shrink_on_load
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
    recipes = [recipe for recipe, _ in wanted]
    moving = list(filter(moves, recipes))
    with stage("open"):
        opened = open_picture(file, limits)
        profile = opened.info.get("icc_profile")
        length = frames_in(opened) if moving else 1
    with stage("decode"):
        shrinks = can_shrink(opened)
        whole, missing = (opened, "") if shrinks else load(opened, file, limits, claim)
        orientation = orientation_of(whole)
        frames = {recipe: _frame(whole.size, orientation, recipe) for recipe in recipes}
        full_width = whole.width
        if shrinks:
            shrink_on_load(opened, largest(list(frames.values())))
            whole, missing = load(opened, file, limits, claim)
    with stage("encode"):
        exif = kept(opened, file, looks.keep)

    def shown(picture: Still, some: Sequence[Recipe], crop: str) -> tuple[list[Still], str]:
        with stage("resize"):
            parts = resized(to_resizable(picture), [frames[recipe] for recipe in some], crop)
        images = []
        for recipe, part in zip(some, parts, strict=True):
            frame = frames[recipe]
            with stage("orientation"):
                part, canvas = upright(part, orientation), _turned(frame.canvas, orientation)
            with stage("colour"):
                part, remark = to_srgb(part, profile)
                if recipe.sharpen:
                    part = sharpened(part, full_width / frame.scaled[0])
                part = pad(part, canvas, recipe.background)
            # The picture itself goes on to its next frame.
            images.append(part.copy() if part is opened else part)
        return images, remark

    images, remark = shown(whole, recipes, looks.crop)
    reels: dict[Recipe, list[Still]] = {}
    if length > 1 and not missing:
        # Smart crops would choose another part of each frame, and the picture would jump.
        films, timing = film(
            opened,
            length,
            [frames[recipe].canvas for recipe in moving],
            limits,
            claim,
            lambda picture: shown(picture, moving, "centre")[0],
        )
        reels, missing = dict(zip(moving, films, strict=True)), timing.note
    pictures = []
    for (recipe, text), image in zip(wanted, images, strict=True):
        with stage("encode"):
            if len(reels.get(recipe, ())) > 1:
                pictures.append(encode_frames(reels[recipe], timing, recipe, exif=exif))
            else:
                pictures.append(encode(image, recipe, exif=exif, text=text))
    return tuple(pictures), "; ".join(filter(None, (missing, remark)))


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
