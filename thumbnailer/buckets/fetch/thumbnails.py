"""Fetch thumbnails from a bucket for workers that verify them, and judge what is stored with each.

A worker sees a thumbnail's content. Whether that is of the picture as it is now, only the metadata
tells: the picture itself is not fetched.
"""

from __future__ import annotations

import errno
from functools import partial

from thumbnailer.buckets.client.bucket import Bucket
from thumbnailer.buckets.client.errors import CredentialsEnded
from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.fetch.ask_each import ask_each, while_open
from thumbnailer.buckets.headers import Attributes, made_from, made_size
from thumbnailer.buckets.marker_objects import source_version
from thumbnailer.buckets.transfer import too_large
from thumbnailer.model import Failure, Job, Stop, Thumbnail
from thumbnailer.thumbs.plan import in_the_way

_Got = tuple[bytes, ListedObject, Attributes]


def fetch_thumbnails(jobs: list[Job], endpoint: str, closing: Stop) -> list[Job | Failure]:
    """Return each job with its thumbnail as it is stored, or why that is not right.

    Args:
        jobs: the last thumbnail of each is one that there is, by the listing of its bucket.
        endpoint: as in `Settings`.
        closing: once it is set, answers are not waited for.

    Returns:
        Jobs whose thumbnails have their content, and the size in px that is stored with them, if
        it is. The stage of a Failure is `wrong`, `stale`, `missing` or `failed`.

    Raises:
        WorkerError: the pool is closed.
    """
    listed = [job.thumbnails[-1] for job in jobs]
    got: list[Job | Failure | None] = []
    questions = []
    for job, one in zip(jobs, listed, strict=True):
        assert isinstance(one, Thumbnail)
        refusal = too_large(one.size_bytes, job.limits)
        got.append(Failure("wrong", refusal) if refusal else None)
        if not refusal:
            questions.append((one.path, partial(Bucket.get, max_bytes=one.size_bytes)))
    with while_open():
        answers = iter(ask_each(questions, endpoint, closing))
    return [one or _judged(job, next(answers)) for job, one in zip(jobs, got, strict=True)]


def _judged(job: Job, answer: _Got | OSError) -> Job | Failure:
    if isinstance(answer, OSError):
        return _unread(answer)
    (data, _, attributes), listed = answer, job.thumbnails[-1]
    assert isinstance(listed, Thumbnail)
    version = made_from(attributes)
    if len(data) != listed.size_bytes:
        return Failure("wrong", "is not as long as it was made")
    if not version:
        return in_the_way(listed.path)
    if version != source_version(job.source):
        return Failure("stale", "the picture has changed since")
    stored = Thumbnail(listed.path, *made_size(attributes), listed.size_bytes, data)
    return Job(job.source, (*job.thumbnails[:-1], stored), job.limits)


def _unread(error: OSError) -> Failure:
    if isinstance(error, FileNotFoundError):
        return Failure("missing", "is gone")
    if error.errno == errno.EFBIG:
        return Failure("wrong", "is not as long as it was made")
    fatal = isinstance(error, CredentialsEnded)
    return Failure("failed", error.strerror or "", fatal=fatal, lasts=False)
