"""An iterable read ahead by a thread, so that who takes from it need not wait for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from queue import Empty, Queue
from typing import Generic, TypeVar

T = TypeVar("T")

# How long `close` waits for an iterable that is being read, which nothing can interrupt.
_CLOSE_SECONDS = 1.0

# Who waits for each item is woken for each, which costs 20 µs; in a nap some dozens come together.
_NAP_SECONDS = 0.002


class _End:
    """What comes after the last item."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class ReadAhead(Generic[T]):
    """Reads `items` in a thread, as far ahead as there is room.

    Args:
        room: how many items are kept that nobody has taken.

    Attributes:
        ended: the last item has been taken.
    """

    def __init__(self, items: Iterable[T], room: int) -> None:
        self.ended = False
        self._read_ahead: Queue[T | _End] = Queue(room)
        self._closed = False
        self._thread = threading.Thread(target=self._read, args=(items,), daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> T | None:
        """The next item; None if there is none in time, or never again.

        Raises:
            BaseException: whatever the iterable raised.
        """
        if self.ended:
            return None
        try:
            if timeout_s and self._read_ahead.empty():
                time.sleep(_NAP_SECONDS)
                item = self._read_ahead.get(timeout=timeout_s)
            else:
                item = self._at_once()
        except Empty:
            return None
        if not isinstance(item, _End):
            return item
        self.ended = True
        if item.error:
            raise item.error
        return None

    def close(self) -> None:
        """Read no further; wait a moment for the thread to end."""
        self._closed = True
        with suppress(Empty):
            while True:  # whoever waits for room has it now
                self._at_once()
        self._thread.join(_CLOSE_SECONDS)

    def _at_once(self) -> T | _End:
        return self._read_ahead.get_nowait()

    def _read(self, items: Iterable[T]) -> None:
        error = None
        try:
            for item in items:
                self._read_ahead.put(item)
                if self._closed:
                    return
        except BaseException as raised:  # it is for whoever takes
            error = raised
        if not self._closed:
            self._read_ahead.put(_End(error))
