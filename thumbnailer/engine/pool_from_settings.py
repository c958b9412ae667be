"""Build the pool of worker processes on this machine from `Settings`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from thumbnailer.config.settings import Settings
from thumbnailer.engine.machine import available_memory_bytes, usable_cpus
from thumbnailer.engine.pool import Pool
from thumbnailer.model import Answer, Failure, Job, Outcome
from thumbnailer.thumbs.finish import finish as write
from thumbnailer.urls import is_url

if TYPE_CHECKING:
    from thumbnailer.buckets.transfer import BucketTransfer

# A name, not the function: importing it would import Pillow, which only workers need.
_RENDER = "thumbnailer.render.job:render"

Finish = Callable[[list[Job], list[Answer]], list[Outcome]]


def worker_count(settings: Settings) -> int:
    """Return how many worker processes to use: the setting `jobs`, or one per usable CPU."""
    return settings.jobs if isinstance(settings.jobs, int) else usable_cpus()


def new_pool(
    settings: Settings, work: str = _RENDER, finish: Finish = write, *, remote: bool = False
) -> Pool:
    """Return a pool for the settings; its processes start when there is work.

    Args:
        work, finish: `func` and `finish` of `Pool`; by default those that make thumbnails.
        remote: whether pictures are read from or written to a bucket.
    """
    closed = threading.Event()

    @cache
    def transfer() -> BucketTransfer:
        from thumbnailer.buckets.transfer import (
            BucketTransfer,  # imports asyncio: 50 ms, not needed by most runs
        )

        return BucketTransfer(settings.endpoint, closed)

    def fetch(jobs: list[Job]) -> list[Job | Failure]:
        return transfer().fetch(jobs) if any(is_url(job.source.path) for job in jobs) else [*jobs]

    def put(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
        return transfer().finish(jobs, answers)

    return Pool(
        work,
        worker_count(settings),
        settings.timeout,
        worker_bytes=settings.limits.memory_bytes,
        memory_bytes=settings.memory_bytes or available_memory_bytes() // 2,
        nice=settings.nice,
        sandbox=settings.sandbox,
        finish=put if finish is write and is_url(settings.output) else finish,
        fetch=fetch,
        remote=remote,
        closing=closed,
    )
