"""Put the marks of folders, each once for all thumbnails that go there."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress

from thumbnailer.buckets.client.bucket import Bucket
from thumbnailer.model import NewMark

# How many marks are cached. One that is put again is refused, which costs a request.
_MAX_CACHED = 10_000

# Those that are being put or have been, by bucket; only the thread that runs requests uses it. The
# marks of two runs differ, since each holds the time of its run.
_put: OrderedDict[tuple[str, NewMark], asyncio.Task[None]] = OrderedDict()

# The keys of those that others have replaced, by bucket.
_outdated: dict[str, list[str]] = {}


async def begin_marks(bucket: Bucket, marks: Iterable[NewMark]) -> None:
    """Begin to put marks, without waiting for any: `ensure_mark` tells what becomes of one."""
    for mark in marks:
        _task(bucket, mark)


async def ensure_mark(bucket: Bucket, mark: NewMark) -> None:
    """Return once a folder has its mark.

    Raises:
        OSError: it can't be put.
    """
    try:
        await asyncio.shield(_task(bucket, mark))  # others may wait for it, too
    except OSError:
        _put.pop((bucket.url, mark), None)
        raise


def _task(bucket: Bucket, mark: NewMark) -> asyncio.Task[None]:
    key = bucket.url, mark
    if key not in _put:
        _put[key] = asyncio.ensure_future(_put_mark(bucket, mark))
        _put[key].add_done_callback(_note_error)
        if len(_put) > _MAX_CACHED:
            _put.popitem(last=False)
    return _put[key]


def _note_error(task: asyncio.Task[None]) -> None:
    """Take the error of a task, since asyncio prints what nobody has taken."""
    if not task.cancelled():
        task.exception()


async def _put_mark(bucket: Bucket, mark: NewMark) -> None:
    await asyncio.sleep(mark.not_before - time.time())
    # If it is refused, another run was faster with the same mark.
    await bucket.put(mark.key, b"", mark.etag)
    _outdated.setdefault(bucket.url, []).extend(mark.outdated)


async def delete_outdated(bucket: Bucket) -> None:
    """Delete a bucket's marks that others have replaced, ignoring errors: the newest counts."""
    if keys := _outdated.pop(bucket.url, []):
        with suppress(OSError):
            await bucket.delete(*keys)
