"""Build the pool of worker processes on this machine from `Settings`."""

from __future__ import annotations

import threading
from collections.abc import Callable

from thumbnailer.config.settings import Settings
from thumbnailer.door.fetchers import Fetcher, source_fetcher
from thumbnailer.door.thumbs import open_thumbs
from thumbnailer.engine.machine import available_memory_bytes, usable_cpus
from thumbnailer.engine.messages.answers import Result
from thumbnailer.engine.pool import Finish, Pool
from thumbnailer.engine.worker_main import PoolOptions
from thumbnailer.model import Rendering, Stop

# A name, not the function: importing it would import Pillow, which only workers need.
_RENDER, _PROBE = "thumbnailer.render.job:render", "thumbnailer.render.job:probe"


def worker_count(settings: Settings) -> int:
    """Return how many worker processes to use: the setting `jobs`, or one per usable CPU."""
    return settings.jobs if isinstance(settings.jobs, int) else usable_cpus()


def new_pool(
    settings: Settings,
    work: str = _RENDER,
    finish: Finish | None = None,
    *,
    result: type[Result] = Rendering,
    remote: bool = False,
    fetcher: Callable[[Settings, Stop], Fetcher] = source_fetcher,
) -> Pool:
    """Return a pool for the settings; its processes start when there is work.

    Args:
        work, finish: `func` and `finish` of `Pool`; by default those that make thumbnails.
        result: what `work` returns if it does not fail.
        remote: whether pictures are read from or written to a bucket.
        fetcher: returns what adds content from buckets to jobs, until the stop is set.
    """
    closed = threading.Event()
    options = PoolOptions(
        workers=worker_count(settings),
        timeout_s=settings.timeout,
        worker_bytes=settings.limits.memory_bytes,
        memory_bytes=settings.memory_bytes or available_memory_bytes() // 2,
        sandbox=settings.sandbox,
        nice=settings.nice,
        remote=remote,
        result=result,
    )
    finish = finish or open_thumbs(settings, stop=closed).finish
    return Pool(work, options, finish, fetcher(settings, closed), closed, _PROBE)
