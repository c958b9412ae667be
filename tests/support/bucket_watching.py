"""A watch of a bucket by the library, in a thread."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import thumbnailer
from support.places import Places
from thumbnailer import Outcome


class Watched:
    """A watch by the library, in a thread."""

    def __init__(self, places: Places, **options: Any) -> None:
        self.outcomes: list[Outcome] = []
        self.end, self._places = threading.Event(), places
        more: Any = {"settle": 0.1, "rescan": 0.3, "jobs": 2, **options}
        self._watch = thumbnailer.watch(
            places.photos.path, output=places.thumbs.path, stop_event=self.end, **more
        )
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def until_there(self, thumbnail: str) -> None:
        """Wait for a thumbnail."""
        self.until(lambda: thumbnail in self._places.thumbs.names())

    def _run(self) -> None:
        try:
            for outcome in self._watch:
                self.outcomes.append(outcome)
        except BaseException as error:
            self.error = error

    def statuses(self) -> Counter[tuple[str, str]]:
        return Counter((one.source.path.rpartition("/")[2], one.status) for one in self.outcomes)

    def until(self, condition: Callable[[], object], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert self.thread.is_alive(), self.error
            assert time.monotonic() < end, self.outcomes[-5:]
            time.sleep(0.05)


@contextmanager
def watched(places: Places, **options: Any) -> Iterator[Watched]:
    watch = Watched(places, **options)
    try:
        yield watch
    finally:
        begun = time.monotonic()
        watch.end.set()
        watch.thread.join(20)
        assert time.monotonic() - begun < 5
    assert not watch.error
