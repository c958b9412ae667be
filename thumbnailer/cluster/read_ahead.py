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


class ReadAhead(Generic[T]):
    """An iterable that a background thread reads ahead, up to a number of items.

    Args:
        max_items: how many items may wait to be taken.

    Attributes:
        ended: whether `take` has found the end of the items.
    """

    def __init__(self, items: Iterable[T], max_items: int) -> None:
        self.ended = False
        self._queue: Queue[T | None] = Queue(max_items)  # None at its end
        self._error: BaseException | None = None  # what ended it
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
        if timeout_s and self._queue.empty():
            time.sleep(_SLEEP_SECONDS)
        try:
            item = self._queue.get(timeout=timeout_s)
        except Empty:
            return None
        if item is None:
            self.ended = True
            if self._error:
                raise self._error
        return item

    def close(self) -> None:
        """Stop reading ahead; wait up to a second for the thread to end."""
        self._closed = True
        with suppress(Empty):
            while True:  # makes room, if the thread waits for it
                self._queue.get_nowait()
        self._thread.join(_CLOSE_SECONDS)

    def _read(self, items: Iterable[T]) -> None:
        try:
            for item in items:
                self._queue.put(item)
                if self._closed:
                    return
        except BaseException as error:  # raised again by `take`
            self._error = error
        if not self._closed:
            self._queue.put(None)
