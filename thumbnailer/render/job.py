"""Render the thumbnails of a source in a worker; read it again if it changes meanwhile."""

from __future__ import annotations

import io
import os
import time
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

from thumbnailer.disk import files
from thumbnailer.disk.digest import content_digest
from thumbnailer.imaging.decode.identify import unread_content
from thumbnailer.imaging.failures import CHANGING, StageError, stage
from thumbnailer.imaging.memory import Claim
from thumbnailer.model import EncodedThumbnail, Failure, Job, Rendering
from thumbnailer.recipe import Box, Recipe
from thumbnailer.render.steps import render_pictures

# A picture that is still being written changes while it is read; it is read this often at most.
_MAX_READS = 3

# A GIF of one pixel.
_PIXEL = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"

# The longest that one write of a part of a picture may take, in ns.
_MAX_WRITE_NS = 100_000_000


def render(job: Job, claim: Claim) -> Rendering | Failure:
    """Render the thumbnails of a job; nothing is written, and nothing raised for a bad file."""
    try:
        return _render_unchanged(job, claim)
    except StageError as error:
        return error.failure


def probe(job: Job, claim: Claim) -> Failure:
    """Make a thumbnail of a picture of this function's own, which shows that workers can work.

    Whether that fails does not matter, as long as there is an answer.
    """
    with io.BytesIO(_PIXEL) as content, suppress(StageError):
        render_pictures(content, [(Recipe(box=Box(64, 64)), ())], job.limits, claim)
    return Failure("failed", "not this picture's")


def _render_unchanged(job: Job, claim: Claim) -> Rendering:
    """Render thumbnails, and return them with the state of the source that they show."""
    if job.data is not None:
        with io.BytesIO(job.data) as content:
            return Rendering(job.source, *_render_content(job, content, claim))
    for attempt in range(1, _MAX_READS + 1):
        with stage("open"):
            file = files.open_source(job.source.path, job.source.root)
        with file:
            before = _stat_between_writes(file)
            try:
                with stage("open"):
                    digest = content_digest(file, before.st_size)
                    file.seek(0)
                pictures, note = _render_content(job, file, claim)
            except StageError:
                if _is_unchanged(job.source.path, before):
                    raise
                continue
            is_same = _state(os.fstat(file.fileno())) == _state(before)
        # A file that is replaced as a whole again and again is shown as it was a moment ago.
        is_replaced = attempt == _MAX_READS and is_same and _is_replaced(job.source.path, before)
        if is_replaced or _is_unchanged(job.source.path, before):
            size_bytes, mtime_ns, ctime_ns = files.state_of(before)
            state = replace(job.source, size_bytes=size_bytes, mtime_ns=mtime_ns, ctime_ns=ctime_ns)
            return Rendering(state, pictures, note, digest)
    raise StageError(Failure("open", CHANGING, lasts=False))


def _render_content(
    job: Job, file: BinaryIO, claim: Claim
) -> tuple[tuple[EncodedThumbnail, ...], str]:
    """Do what `render_pictures` does, unless the content is that of no picture.

    Raises:
        StageError: as there; of the stage `content` if it is that of none.
    """
    if job.limits.may_be_no_picture(job.source.path):
        with stage("content"):
            reason = unread_content(file, job.limits.also)
        if reason:
            raise StageError(Failure("content", reason))
    wanted = [(one.recipe, one.text) for one in job.wanted]
    return render_pictures(file, wanted, job.limits, claim, job.others)


def _stat_between_writes(file: BinaryIO) -> os.stat_result:
    """Return the status of a file that is not in the middle of a write; wait for a recent one.

    A write sets the modification time first and then copies the data. A read in between sees the
    new time and old data.
    """
    status = os.fstat(file.fileno())
    age_ns = time.time_ns() - status.st_mtime_ns
    if abs(age_ns) < _MAX_WRITE_NS:
        time.sleep((_MAX_WRITE_NS - age_ns) / 1e9)
        return os.fstat(file.fileno())
    return status


def _is_unchanged(path: str, before: os.stat_result) -> bool:
    with suppress(OSError):
        return _state(os.stat(path)) == _state(before)
    return False


def _is_replaced(path: str, before: os.stat_result) -> bool:
    """Return whether there is another file at the path of a file that was read."""
    with suppress(OSError):
        return _state(os.stat(path))[:2] != _state(before)[:2]
    return False


def _state(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
