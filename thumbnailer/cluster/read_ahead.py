"""Prefetch an iterable in a background thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from queue import Empty, Queue
from typing import Generic, TypeVar

T = TypeVar("T")

# How long `close` waits for the thread: a read of the iterable cannot be interrupted.
_CLOSE_SECONDS = 1.0

# Waking up for each item costs 20 µs. After a sleep of this length, some dozens come together.
_SLEEP_SECONDS = 0.002


class _End:
    """Marker after the last item, with the error that ended the iterable, if any."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class ReadAhead(Generic[T]):
    """An iterable that a background thread reads ahead, up to a number of items.

    Args:
        max_items: how many items may wait to be taken.

    Attributes:
        ended: whether `take` has found the end of the items.
    """

    def __init__(self, items: Iterable[T], max_items: int) -> None:
        self.ended = False
        self._queue: Queue[T | _End] = Queue(max_items)
        self._closed = False
        self._thread = threading.Thread(target=self._read, args=(items,), daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> T | None:
        """Return the next item; None if none comes within `timeout_s` seconds, or at the end.

        Raises:
            BaseException: what the iterable raised.
        """
        if self.ended:
            return None
        try:
            if timeout_s and self._queue.empty():
                time.sleep(_SLEEP_SECONDS)
                item = self._queue.get(timeout=timeout_s)
            else:
                item = self._take_now()
        except Empty:
            return None
        if not isinstance(item, _End):
            return item
        self.ended = True
        if item.error:
            raise item.error
        return None

    def close(self) -> None:
        """Stop reading ahead; wait up to a second for the thread to end."""
        self._closed = True
        with suppress(Empty):
            while True:  # makes room, if the thread waits for it
                self._take_now()
        self._thread.join(_CLOSE_SECONDS)

    def _take_now(self) -> T | _End:
        return self._queue.get_nowait()

    def _read(self, items: Iterable[T]) -> None:
        error = None
        try:
            for item in items:
                self._queue.put(item)
                if self._closed:
                    return
        except BaseException as raised:  # raised again by `take`
            error = raised
        if not self._closed:
            self._queue.put(_End(error))
