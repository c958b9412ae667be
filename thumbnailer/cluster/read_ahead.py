"""Prefetch an iterable in a background thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextvars import copy_context
from typing import Generic, TypeVar

T = TypeVar("T")

# How long `close` waits for the thread: a read of the iterable cannot be interrupted.
_CLOSE_SECONDS = 1.0

# Waking up for each item costs 20 µs. After a sleep of this length, some dozens come together.
_SLEEP_SECONDS = 0.002

# How long iteration waits for an item before it yields None.
_PATIENCE_SECONDS = 0.02

# After how many items one more may wait to be taken.
_ITEMS_PER_STEP = 8


class ReadAhead(Generic[T]):
    """An iterable that a background thread reads ahead, up to a number of items.

    It can be iterated over as well; None then says that there is nothing yet. Nobody but the one
    thread reads the iterable, with the context variables of the thread that made this object.

    Args:
        at_first: how many items may wait at the beginning; with time it becomes `max_items`.

    Attributes:
        max_items: how many items may wait to be taken.
        ended: whether `take` has found the end of the items.
        error: what the iterable has raised at its end; whoever takes the items may raise it.
    """

    def __init__(self, items: Iterable[T], max_items: int, at_first: int | None = None) -> None:
        self.max_items, self.ended = max_items, False
        self.error: BaseException | None = None
        self._at_first = at_first or max_items
        self._waiting: deque[T] = deque()
        self._taken = 0
        self._is_read, self._closed = False, threading.Event()
        self._change = threading.Condition()
        context = copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._read, items), daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> T | None:
        """Return the next item; None if none comes within `timeout_s` seconds, or at the end."""
        if timeout_s and not self._waiting:
            time.sleep(_SLEEP_SECONDS)
        return self._take(timeout_s)

    def __iter__(self) -> Iterator[T | None]:
        """Yield the items as they come, and None when there is none for a moment."""
        while not self.ended:
            item = self._take(_PATIENCE_SECONDS)
            if not self.ended:
                yield item

    def close(self) -> list[T]:
        """Stop reading ahead; return what was not taken. Wait up to a second for the thread."""
        with self._change:
            self._closed.set()
            left = [*self._waiting]
            self._waiting.clear()
            self._change.notify_all()
        self._thread.join(_CLOSE_SECONDS)
        return left

    def _take(self, timeout_s: float) -> T | None:
        with self._change:
            if timeout_s and not self._waiting and not self._is_read:
                self._change.wait(timeout_s)
            if self._waiting:
                self._taken += 1
                self._change.notify_all()
                return self._waiting.popleft()
            self.ended = self._is_read
            return None

    def _read(self, items: Iterable[T]) -> None:
        try:
            for item in items:
                with self._change:
                    if self._closed.is_set():
                        return
                    self._waiting.append(item)
                    self._change.notify_all()
                    while len(self._waiting) >= self._room() and not self._closed.is_set():
                        self._change.wait()
                    if self._closed.is_set():
                        return
        except BaseException as error:
            self.error = error
        finally:
            with self._change:
                self._is_read = True
                self._change.notify_all()

    def _room(self) -> int:
        return min(self.max_items, self._at_first + self._taken // _ITEMS_PER_STEP)
