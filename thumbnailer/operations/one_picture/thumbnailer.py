"""Thumbnails of pictures from strangers, one at a time, in a program that goes on."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import closing
from types import TracebackType
from typing import Unpack

from thumbnailer.config.overrides import Looks, Overrides, merge_settings
from thumbnailer.config.settings import Settings
from thumbnailer.disk import files
from thumbnailer.engine import sandbox
from thumbnailer.engine.pool import Pool
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.engine.worker import WorkerLost
from thumbnailer.errors import PictureError, SourceError, WorkerError
from thumbnailer.model import (
    Answer,
    Failure,
    Folder,
    Job,
    Outcome,
    Rendering,
    Source,
    Thumbnail,
    WantedThumbnail,
)
from thumbnailer.operations.one_picture.content import Given, Picture, Target
from thumbnailer.operations.one_picture.make_one import Sizes, one_thumbnail, several_sizes
from thumbnailer.recipe import Recipe

# Nothing is written by workers, or for them.
_NOWHERE = Folder("", "")


class Thumbnailer:
    """Makes thumbnails of single pictures, as `make_thumbnail` does, but in worker processes.

    These have limits of time and memory, and a sandbox where there is one. So it is for pictures
    from strangers, in a program that is to go on whatever they contain. Keep one as long as the
    program runs: workers start with the first pictures, and stay.

        thumbnailer = Thumbnailer(size=256, format="webp", timeout=10)
        thumbnail = thumbnailer.make(upload)

    Any number of threads may use it at once; `jobs` of their pictures are made at the same time. A
    process that was forked from its own has workers of its own. It ends with the program, by
    `close`, or at the end of a `with` block.

    Args:
        settings: how thumbnails look, and what a picture may cost: `timeout` (seconds of one
            attempt; a worker that is lost has a second one), `worker_memory`, `memory`, `jobs`,
            `nice` and `sandbox`. Those about folders count for nothing.
        **overrides: single settings, such as `size=256`.

    Raises:
        ConfigError: a setting is unknown or impossible.
        WorkerError: the sandbox that is required is not available.
    """

    def __init__(self, settings: Settings | None = None, **overrides: Unpack[Overrides]) -> None:
        self._settings = merge_settings(settings, overrides)
        sandbox.check_required(self._settings.sandbox)
        self._closed = threading.Event()
        self._pools: dict[int, Pool] = {}  # by process
        self._end = weakref.finalize(self, _close, self._closed, self._pools)

    def make(self, source: Picture, thumbnail: Target = None, **looks: Unpack[Looks]) -> Thumbnail:
        """Make the thumbnail of one picture.

        Args:
            source: the picture: its path, its content (`bytes`, `bytearray` or `memoryview`), or a
                binary file object; read as by `make_thumbnail`.
            thumbnail: a path or a binary file object to write to, or None.
            **looks: settings for this one.

        Returns:
            The thumbnail with its content.

        Raises:
            PictureError: the picture can't be made into a thumbnail. Its `stage` is `timeout` or
                `crashed` if it took too long, or took workers along.
            SourceError, OutputError, ConfigError: as for `make_thumbnail`.
            WorkerError: no worker process can be started or works; or this object is closed.
        """
        return one_thumbnail(self._render, self._settings, source, thumbnail, looks)

    def make_sizes(
        self, source: Picture, sizes: Sizes, **looks: Unpack[Looks]
    ) -> dict[str, Thumbnail]:
        """Make several thumbnails of one picture, which is decoded once.

        Args:
            source: as for `make`.
            sizes: as for the function `make_sizes`.
            **looks: settings for all of them, but for `size`.

        Returns:
            The thumbnails with their content, by name.

        Raises:
            PictureError, SourceError, ConfigError, WorkerError: as for `make`.
        """
        return several_sizes(self._render, self._settings, source, sizes, looks)

    async def make_async(
        self, source: Picture, thumbnail: Target = None, **looks: Unpack[Looks]
    ) -> Thumbnail:
        """Do what `make` does, in a thread, so that the event loop goes on."""
        import asyncio  # 50 ms

        return await asyncio.to_thread(self.make, source, thumbnail, **looks)

    def close(self) -> None:
        """End the workers. What other threads are making ends with a WorkerError."""
        self._end()

    def __enter__(self) -> Thumbnailer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _render(
        self, given: Given, recipes: list[Recipe], settings: Settings
    ) -> tuple[Thumbnail, ...]:
        data = _read(given.name) if given.data is None else given.data
        wanted = tuple(WantedThumbnail(_NOWHERE, "", "", recipe) for recipe in recipes)
        job = Job(Source(given.name, len(data), 0), wanted, settings.limits, data)
        try:
            with closing(self._pool().imap_unordered([job], self._closed)) as outcomes:
                outcome = next(outcomes, None)
        except WorkerLost:  # by `close`, in another thread
            outcome = None
        if not outcome:
            raise WorkerError("this Thumbnailer is closed")
        if failure := outcome.error:
            reason = failure.reason.removeprefix(f"{failure.stage}: ")
            raise PictureError(given.name, failure.stage, reason)
        return outcome.thumbnails

    def _pool(self) -> Pool:
        """Return the pool of this process.

        There is no lock, since a process may be forked while another thread holds it.
        """
        if self._closed.is_set():
            raise WorkerError("this Thumbnailer is closed")
        process = os.getpid()
        if process not in self._pools:
            new = new_pool(self._settings, finish=_finish)
            if self._pools.setdefault(process, new) is not new:  # another thread's was first
                new.__exit__()
        return self._pools[process]


def _close(closed: threading.Event, pools: dict[int, Pool]) -> None:
    closed.set()
    for pool in pools.values():
        pool.__exit__()  # which does nothing to those of another process


def _read(path: str) -> bytes:
    try:
        with files.open_source(path) as file:
            return file.read()
    except OSError as error:
        raise SourceError(error.errno, f"can't be read: {error.strerror}", path) from error


def _finish(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
    """Return the outcomes of jobs, whose thumbnails are written nowhere."""
    outcomes = []
    for job, (result, seconds) in zip(jobs, answers, strict=True):
        if isinstance(result, Failure):
            outcomes.append(Outcome(job.source, "failed", error=result, seconds=seconds))
        else:
            assert isinstance(result, Rendering)
            made = tuple(map(Thumbnail.of_content, result.encoded))
            outcomes.append(Outcome(job.source, "made", made, seconds=seconds))
    return outcomes
