"""Count sources ahead of the run, for the progress bar: a run scans only as fast as it works."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress

from thumbnailer.config.settings import Settings
from thumbnailer.door.places import is_remote
from thumbnailer.door.sources import open_sources
from thumbnailer.errors import ThumbnailError
from thumbnailer.model import Outcome, Stop


def count_sources(sources: Iterable[str], settings: Settings, stop: Stop) -> int:
    """Return how many pictures a run would find; 0 if a source is in a bucket: nothing is counted.

    Counting those would take a request for each 1000 keys.
    """
    found = 0
    if is_remote(*sources):
        return 0
    with suppress(ThumbnailError):  # a source that has gone is reported by the run
        opened = open_sources(sources, settings, stop=stop)
        for item in opened.scan(settings, settings.choice, stop):
            found += isinstance(item, Outcome) or not item.elsewhere
    return found


class CountAhead:
    """Counts sources in a thread as long as its `with` block lasts.

    Attributes:
        found: how many there are; 0 until that is known.
    """

    def __init__(self, sources: Iterable[str], settings: Settings) -> None:
        self.found = 0
        self._sources, self._settings, self._stop = sources, settings, threading.Event()
        self._thread = threading.Thread(target=self._count, name="thumbnailer-count", daemon=True)

    def __enter__(self) -> CountAhead:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _count(self) -> None:
        found = count_sources(self._sources, self._settings, self._stop)
        if not self._stop.is_set():
            self.found = found
