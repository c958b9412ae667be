"""Plan the pictures of an iterable that may go on for months."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain

from thumbnailer.door.thumbs import Thumbs
from thumbnailer.model import Job, Outcome, Run, Source

# What there is of thumbnails is looked up for so many pictures together, and for so long if nothing
# is being made then: other programs change it, too.
_BATCH, _BATCH_SECONDS = 10_000, 5.0


class Unfinished:
    """The sources of jobs that have no outcome yet, by their paths, as one may be named twice.

    They are added when the engine, in any thread, reads the job.
    """

    def __init__(self) -> None:
        self._sources: dict[str, list[Source]] = {}
        self._change, self._is_over = threading.Condition(), False

    def __bool__(self) -> bool:
        return bool(self._sources)

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

    def wait(self) -> None:
        """Wait until all have their outcome, or until `end_waits`."""
        with self._change:
            self._change.wait_for(lambda: self._is_over or not self._sources)

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
    found: Iterable[Source | Outcome], run: Run, thumbs: Thumbs, unfinished: Unfinished
) -> Iterator[Job | Outcome]:
    """Plan sources in batches: what there is of their thumbnails is looked up anew for each.

    A batch ends before a picture that was in it already: it may have changed. The next one begins
    when the last has its outcomes, so that it sees whose thumbnail has which name.
    """
    items, real_path = iter(found), lru_cache(os.path.realpath)
    held: list[Source] = []  # what the next batch begins with

    def batch() -> Iterator[Source | Outcome]:
        places, end = set[str](), time.monotonic() + _BATCH_SECONDS
        for item in chain([held.pop()] if held else [], items):
            if isinstance(item, Source):
                folder, name = os.path.split(item.path)
                place = item.path if item.is_remote else os.path.join(real_path(folder), name)
                is_old = time.monotonic() > end and places and not unfinished
                if place in places or len(places) >= _BATCH or is_old:
                    held.append(item)
                    return
                places.add(place)
            yield item

    while True:
        yield from thumbs.plan(batch(), run)
        if not held or run.is_stopped:
            return
        unfinished.wait()
        thumbs = thumbs.anew()
