"""Transfers for a group of jobs: fetch the sources from buckets, put the thumbnails there."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

from thumbnailer.buckets.client.bucket import Bucket
from thumbnailer.buckets.client.errors import Archived, CredentialsEnded
from thumbnailer.buckets.fetch.ask_each import ask_each, while_open
from thumbnailer.buckets.headers import ORIGIN, PLACEHOLDER, SIZE, SOURCE_VERSION, made_from
from thumbnailer.buckets.marker_objects import (
    MADE,
    RECORDS_FOLDER,
    Record,
    record_name,
    source_version,
    state_digest,
    thumbnail_digest,
)
from thumbnailer.buckets.origins import origin_of
from thumbnailer.buckets.put_marks import begin_marks, delete_outdated, ensure_mark
from thumbnailer.buckets.scan import source_of
from thumbnailer.formats import WRITTEN
from thumbnailer.imaging.failures import DAMAGED, EMPTY, LIMITED, TRUNCATED
from thumbnailer.model import (
    FATAL_ERRNOS,
    Answer,
    Failure,
    Job,
    NewMark,
    Outcome,
    Stop,
    Thumbnail,
)
from thumbnailer.recipe import Limits, attempt_fingerprint
from thumbnailer.thumbs.thumbnail_task import ThumbnailTask, outcome_of, tasks_of
from thumbnailer.urls import split_url

# A source may take at most a quarter of a worker's memory: a worker holds the content twice while
# it receives it, and has to decode it, too.
_MEMORY_DIVISOR = 4

# How many bytes a source may have grown by since it was listed, or by as many as it had.
_GROWTH = 1 << 20


def fetch_sources(jobs: list[Job], endpoint: str, closing: Stop) -> list[Job | Failure]:
    """Return each job, with the content of its source if that is in a bucket, or a failure.

    Meanwhile the folders of thumbnails that go to a bucket are marked.

    Args:
        endpoint: as in `Settings`.
        closing: once it is set, answers are not waited for.

    Raises:
        WorkerError: the pool is closed.
    """
    _begin_marks(jobs, endpoint)
    refusals = [_fetch_refusal(job) if job.source.is_remote else None for job in jobs]
    got = [refusal or job for refusal, job in zip(refusals, jobs, strict=True)]
    places = [
        (at, most_bytes(one.source.size_bytes, one.limits))
        for at, one in enumerate(got)
        if isinstance(one, Job) and one.source.is_remote
    ]
    questions = [(jobs[at].source.path, partial(Bucket.get, max_bytes=most)) for at, most in places]
    with while_open():
        answers = ask_each(questions, endpoint, closing)
    for (at, _), answer in zip(places, answers, strict=True):
        if isinstance(answer, OSError):
            fatal, lasts = isinstance(answer, CredentialsEnded), isinstance(answer, Archived)
            got[at] = Failure("open", answer.strerror or "", fatal, lasts=lasts)
        else:
            data, entry, _ = answer
            source = jobs[at].source
            now = source_of(source.path, entry, source.below)
            got[at] = replace(jobs[at], source=now, data=data)
    return got


def _begin_marks(jobs: list[Job], endpoint: str) -> None:
    by_bucket: dict[str, dict[NewMark, None]] = {}
    for wanted in (wanted for job in jobs for wanted in job.wanted):
        if wanted.listed and wanted.listed.mark:
            url, _ = split_url(wanted.folder.anchor)
            by_bucket.setdefault(url, {})[wanted.listed.mark] = None
    for url, marks in by_bucket.items():
        bucket = Bucket(url, endpoint)
        bucket.begin(partial(begin_marks, bucket, marks))


def put_thumbnails(
    bucket: Bucket, jobs: list[Job], answers: list[Answer], headers: Mapping[str, str]
) -> list[Outcome]:
    """Put the thumbnails of some jobs into a bucket, and return the jobs' outcomes.

    A job for which other runs put all of the thumbnails first is `current`.

    Args:
        headers: what the user wants to be stored with each.

    Raises:
        WorkerError: the pool is closed; some thumbnails may have been put.
    """
    tasks = [tasks_of(job, answer) for job, answer in zip(jobs, answers, strict=True)]
    every = [task for of_job in tasks for task in of_job]
    with while_open():
        done = bucket.run_concurrently(
            [partial(_put_thumbnail, bucket, task, headers) for task in every]
        )
        bucket.run(partial(delete_outdated, bucket))
    is_ours = {}
    for task, answer in zip(every, done, strict=True):
        is_ours[id(task)] = answer is True
        if isinstance(answer, OSError):
            reason = f"{task.wanted.folder.path}: {answer.strerror}"
            fatal = answer.errno in FATAL_ERRNOS or isinstance(answer, CredentialsEnded)
            task.result = Failure("write", reason, fatal, lasts=False)
    outcomes = map(outcome_of, jobs, answers, tasks)
    return [
        outcome
        if outcome.status == "failed" or any(is_ours[id(task)] for task in of_job)
        else replace(outcome, status="current")
        for outcome, of_job in zip(outcomes, tasks, strict=True)
    ]


def most_bytes(listed_bytes: int, limits: Limits) -> int:
    """Return how large an object may be that was listed with another size: memory was claimed."""
    return min(limits.memory_bytes // _MEMORY_DIVISOR, listed_bytes + max(listed_bytes, _GROWTH))


def _fetch_refusal(job: Job) -> Failure | None:
    """Return why the source of a job is not to be fetched, or None.

    What may be no picture, such as a film, is skipped then.
    """
    is_unknown = job.limits.may_be_no_picture(job.source.path)
    if not job.source.size_bytes:
        return Failure("open", EMPTY)
    if why := too_large(job.source.size_bytes, job.limits):
        return Failure("content" if is_unknown else "limits", why)
    return None


def too_large(size_bytes: int, limits: Limits) -> str:
    """Return in words why an object of a size is not to be fetched; "" if it may be."""
    most = limits.memory_bytes // _MEMORY_DIVISOR
    if size_bytes <= most:
        return ""
    why = f"more than the limit of {most >> 20} (a quarter of worker_memory)"
    return f"{size_bytes / 2**20:,.0f} MiB of data, {why}"


async def _put_thumbnail(bucket: Bucket, task: ThumbnailTask, headers: Mapping[str, str]) -> bool:
    """Put a thumbnail or the record of a failure; return False if another run put one first.

    Raises:
        OSError: the thumbnail can't be put.
    """
    wanted, made, state = task.wanted, task.made, task.state
    listed = wanted.listed
    assert listed
    folder = split_url(wanted.folder.path)[1]
    key = f"{folder}/{task.name}".lstrip("/")
    fingerprint = wanted.recipe.fingerprint
    is_done, record = True, None
    if isinstance(made, Failure):
        task.result = made
        if not made.lasts:
            return True
        attempt = attempt_fingerprint(wanted.recipe, task.limits)
        record = Record(state_digest(state, attempt), made.stage, made.reason)
    else:
        if listed.mark:
            await ensure_mark(bucket, listed.mark)
        is_png = task.name == wanted.png_name
        attributes = {
            **headers,
            "Content-Type": WRITTEN[made.format].mime_type,
            SOURCE_VERSION: source_version(state),
            ORIGIN: origin_of(state),
            SIZE: f"{made.width}x{made.height}",
            PLACEHOLDER: made.placeholder,
        }
        etag = listed.etags[is_png]
        is_done = await bucket.put(key, made.data, etag, attributes)
        if not is_done and not etag:
            is_done = await _put_in_place(bucket, key, made.data, attributes)
        path = f"{bucket.url}/{key}"
        task.result = Thumbnail.written(made, path)
        if task.note.startswith((TRUNCATED, DAMAGED, LIMITED)):
            if task.note.startswith(LIMITED):
                fingerprint = attempt_fingerprint(wanted.recipe, task.limits)
            record = Record(state_digest(state, fingerprint), MADE, task.note)
        if is_done and listed.etags[not is_png] and wanted.png_name:
            with suppress(OSError):
                await bucket.delete(f"{folder}/{wanted.name if is_png else wanted.png_name}")
    await _put_record(bucket, folder, task, record)
    return is_done


async def _put_in_place(
    bucket: Bucket, key: str, data: bytes, attributes: Mapping[str, str]
) -> bool:
    """Put a thumbnail where, against the listing, there is one, if that is of an earlier source.

    Raises:
        OSError: there is no object, but something in the way, such as a folder of SeaweedFS's.
    """
    try:
        there, made = await bucket.head(key)
    except FileNotFoundError:
        why = "can't be put: what is no object has its name"
        trouble = OSError(errno.EEXIST, why, key)
    else:
        source = made_from(made)
        if not source or source == attributes[SOURCE_VERSION]:
            return False
        return await bucket.put(key, data, there.etag, attributes)
    raise trouble


async def _put_record(
    bucket: Bucket, folder: str, task: ThumbnailTask, record: Record | None
) -> None:
    """Replace a thumbnail's record, ignoring errors: without one, a picture is only tried again."""
    before = task.wanted.listed.record if task.wanted.listed else ""
    key = ""
    with suppress(OSError):
        if record:
            name = record_name(thumbnail_digest(task.wanted.name, task.wanted.origin), record)
            key = f"{folder}/{RECORDS_FOLDER}/{name}".lstrip("/")
            await bucket.put(key, b"", "")
        if before and before != key:
            await bucket.delete(before)
