"""Memory budget that workers share: a large picture waits until there is room for it."""

from __future__ import annotations

import threading


class MemoryBudget:
    """A budget of bytes that are claimed before they are used, first come, first served.

    Args:
        total_bytes: how much can be claimed at the same time; a larger claim is granted alone.

    Attributes:
        waiting: the threads that wait for room, by their numbers.
    """

    def __init__(self, total_bytes: int) -> None:
        self._total = self._free = total_bytes
        self._closed = False
        self.waiting: set[int] = set()
        self._turn = threading.Lock()  # held by the first to wait, so that no claim overtakes it
        self._changed = threading.Condition()

    def acquire(self, wanted_bytes: int) -> int:
        """Wait for room unless the budget is closed; return the number of bytes to release."""
        claimed = min(wanted_bytes, self._total)
        thread = threading.get_ident()
        self.waiting.add(thread)
        with self._turn, self._changed:
            self._changed.wait_for(lambda: self._closed or self._free >= claimed)
            self._free -= claimed
        self.waiting.discard(thread)
        return claimed

    def release(self, claimed_bytes: int) -> None:
        """Give back what `acquire` returned."""
        if not claimed_bytes:  # as for nearly all pictures
            return
        with self._changed:
            self._free += claimed_bytes
            self._changed.notify_all()

    def close(self) -> None:
        """End all waits, and grant later claims at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
