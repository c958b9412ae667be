"""What adds content from buckets to jobs, since workers can't reach these."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from thumbnailer.config.settings import Settings
from thumbnailer.door.places import is_remote
from thumbnailer.model import Failure, Job, Stop, Thumbnail


class Fetcher(NamedTuple):
    """What adds content from buckets to jobs, since workers can't reach these.

    Attributes:
        fetch: returns the jobs with it, or why it can't be had. Raises WorkerError if it is told to
            end.
        weigh: returns how many bytes that is for a job.
    """

    fetch: Callable[[list[Job]], list[Job | Failure]]
    weigh: Callable[[Job], int] = lambda job: job.source.size_bytes


def source_fetcher(settings: Settings, closing: Stop) -> Fetcher:
    """Return what adds the content of sources to jobs, until `closing` is set."""

    def fetch(jobs: list[Job]) -> list[Job | Failure]:
        if not is_remote(settings.output) and not any(job.source.is_remote for job in jobs):
            return [*jobs]
        from thumbnailer.buckets.transfer import fetch_sources

        return fetch_sources(jobs, settings.endpoint, closing)

    return Fetcher(fetch)


def thumbnail_fetcher(settings: Settings, closing: Stop) -> Fetcher:
    """Return what adds the content of the thumbnails in a bucket to jobs that verify them.

    The stage of a failure is `wrong`, `stale`, `missing` or `failed`.
    """

    def fetch(jobs: list[Job]) -> list[Job | Failure]:
        if not is_remote(settings.output):
            return [*jobs]
        from thumbnailer.buckets.fetch.thumbnails import fetch_thumbnails

        return fetch_thumbnails(jobs, settings.endpoint, closing)

    def weigh(job: Job) -> int:
        return sum(one.size_bytes for one in job.thumbnails if isinstance(one, Thumbnail))

    return Fetcher(fetch, weigh)


# How much of a picture in a bucket is read for its size and date: they are in its header.
_HEADER_BYTES = 256 << 10


def header_fetcher(settings: Settings, closing: Stop) -> Fetcher:
    """Return what adds to jobs of a gallery the starts of pictures, and thumbnails, in buckets."""

    def fetch(jobs: list[Job]) -> list[Job | Failure]:
        if not is_remote(settings.output) and not any(job.source.is_remote for job in jobs):
            return [*jobs]
        from thumbnailer.buckets.gallery.page_facts import fetch_for_page

        return fetch_for_page(jobs, _HEADER_BYTES, settings.endpoint, closing)

    def weigh(job: Job) -> int:
        thumbnails = (one for one in job.thumbnails if isinstance(one, Thumbnail) and one.is_remote)
        start_bytes = min(job.source.size_bytes, _HEADER_BYTES) if job.source.is_remote else 0
        return start_bytes + sum(one.size_bytes for one in thumbnails)

    return Fetcher(fetch, weigh)
