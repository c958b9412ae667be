"""Fetch from buckets what workers need to find out about pictures and thumbnails for a gallery."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from thumbnailer.buckets.client.bucket import Bucket
from thumbnailer.buckets.client.errors import CredentialsEnded
from thumbnailer.buckets.fetch.ask_each import Ask, ask_each, while_open
from thumbnailer.buckets.headers import made_size
from thumbnailer.buckets.transfer import most_bytes, too_large
from thumbnailer.model import Failure, Job, Stop, Thumbnail
from thumbnailer.recipe import Limits


def fetch_for_page(
    jobs: list[Job], start_bytes: int, endpoint: str, closing: Stop
) -> list[Job | Failure]:
    """Return each job with what it needs from buckets, or why that can't be had for now.

    That is the start of its picture, which is left empty if it may not be read; the smallest
    thumbnail; and the sizes in px of the others, as they are stored with them. Those of earlier
    versions have no size stored with them, and are fetched.

    Args:
        start_bytes: how much of a picture holds its header.
        endpoint: as in `Settings`.
        closing: once it is set, answers are not waited for.

    Raises:
        WorkerError: the pool is closed.
    """
    questions = [[*_questions(job, start_bytes)] for job in jobs]
    flat = [question for of_job in questions for question in of_job]
    with while_open():
        answers = iter(ask_each(flat, endpoint, closing))
    return [
        _answered(job, [next(answers) for _ in of_job])
        for job, of_job in zip(jobs, questions, strict=True)
    ]


def _questions(job: Job, start_bytes: int) -> Iterator[tuple[str, Ask[bytes | Thumbnail]]]:
    if job.source.is_remote:
        length = min(start_bytes, job.source.size_bytes)
        yield job.source.path, partial(_start, length=length)
    thumbnails = [one for one in job.thumbnails if isinstance(one, Thumbnail)]
    smallest = min(thumbnails, key=lambda one: one.size_bytes)
    for one in thumbnails:
        if one.is_remote:
            yield one.path, partial(_looked_at, one=one, whole=one is smallest, limits=job.limits)


async def _start(bucket: Bucket, key: str, *, length: int) -> bytes:
    try:
        return (await bucket.get(key, first_bytes=length))[0]
    except CredentialsEnded:
        raise
    except (FileNotFoundError, PermissionError):  # as it will be the next time
        return b""


async def _looked_at(
    bucket: Bucket, key: str, *, one: Thumbnail, whole: bool, limits: Limits
) -> Thumbnail:
    """Return a thumbnail with its content, or its size if that will do."""
    if not whole:
        _, attributes = await bucket.head(key)
        width, height = made_size(attributes)
        if width:
            return replace(one, width=width, height=height)
    if too_large(one.size_bytes, limits):
        return one
    data, _, _ = await bucket.get(key, most_bytes(one.size_bytes, limits))
    return replace(one, data=data)


def _answered(job: Job, answers: list[bytes | Thumbnail | OSError]) -> Job | Failure:
    for answer in answers:
        if isinstance(answer, OSError):
            fatal = isinstance(answer, CredentialsEnded)
            return Failure("open", answer.strerror or "", fatal, lasts=False)
    data = next((one for one in answers if isinstance(one, bytes)), job.data)
    thumbnails = tuple(one for one in answers if isinstance(one, Thumbnail))
    return replace(job, data=data, thumbnails=thumbnails or job.thumbnails)
