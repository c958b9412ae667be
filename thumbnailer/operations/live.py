"""Plan the pictures of an iterable that may go on for months."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain

from thumbnailer.door import Thumbs
from thumbnailer.model import Job, Outcome, Run, Source

# What there is of thumbnails is looked up for so many pictures together, and for so long: other
# programs change it, too, and the pictures may come back changed.
_BATCH, _BATCH_SECONDS = 10_000, 5.0


class Unfinished:
    """The sources of jobs that have no outcome yet, by their paths, as one may be named twice.

    They are added when the engine, in any thread, reads the job.
    """

    def __init__(self) -> None:
        self._sources: dict[str, list[Source]] = {}
        self._change, self._is_over = threading.Condition(), False

    def add(self, source: Source) -> None:
        """Add the source of a job."""
        with self._change:
            self._sources.setdefault(source.path, []).append(source)

    def remove(self, source: Source) -> None:
        """Remove a source that has an outcome, which may not be one of a job."""
        if source.path not in self._sources:
            return
        with self._change:
            self._sources[source.path].pop()
            if not self._sources[source.path]:
                del self._sources[source.path]
            self._change.notify_all()

    def wait_for(self, path: str) -> None:
        """Wait until no job is about a path any more, or until the end."""
        with self._change:
            self._change.wait_for(lambda: self._is_over or path not in self._sources)

    def end_waits(self) -> None:
        """End all waits: no more outcomes are taken."""
        with self._change:
            self._is_over = True
            self._change.notify_all()

    def drain(self) -> list[Source]:
        """Remove all sources, and return them."""
        with self._change:
            left = [source for sources in self._sources.values() for source in sources]
            self._sources.clear()
            return left


def plan_live(
    found: Iterable[Source | Outcome],
    run: Run,
    open_thumbs: Callable[[], Thumbs],
    unfinished: Unfinished,
) -> Iterator[Job | Outcome]:
    """Plan sources in batches: what there is of their thumbnails is looked up anew for each.

    A batch ends before a picture that was in it already: it may have changed. If there is still a
    job about that one, this is waited for.

    Args:
        open_thumbs: is called for each batch.
    """
    items, real_path = iter(found), lru_cache(os.path.realpath)
    held: list[Source] = []  # what the next batch begins with

    def batch() -> Iterator[Source | Outcome]:
        # The spelling of each picture by its place: it may be named in several.
        places, end = dict[str, str](), time.monotonic() + _BATCH_SECONDS
        for item in chain([held.pop()] if held else [], items):
            if isinstance(item, Source):
                folder, name = os.path.split(item.path)
                place = item.path if item.is_remote else os.path.join(real_path(folder), name)
                is_over = len(places) >= _BATCH or time.monotonic() > end
                for path in {item.path, places.get(place, "")}:
                    unfinished.wait_for(path)
                if place in places or (places and is_over):
                    held.append(item)
                    return
                places[place] = item.path
            yield item

    while True:
        yield from open_thumbs().plan(batch(), run)
        if not held or run.is_stopped:
            return
