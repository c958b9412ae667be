"""The pipe between a worker and its parent, as two streams of bytes; no parent waits for ever.

`Connection.recv_bytes` reads a length that the other side states and then waits until so much has
come. A process that stops in the middle, or whose picture has taken it over, would hold its parent
for as long as it likes. So the parent's end does not block, and each wait here has a deadline.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections.abc import Callable
from math import inf
from typing import Any, Protocol

# How often the other process is woken while it sends or takes nothing, in case it was stopped.
_CHECK_SECONDS = 1.0

# How long what has come may still be read after the deadline: the parent itself may have been held
# up, and the answer be there.
_GRACE_SECONDS = 2.0

# Bytes to ask for at a time: a small answer comes whole, a large one in few pieces.
_SMALL_BYTES, _LARGE_BYTES = 1 << 16, 1 << 20

# On Windows, a pipe carries messages. This is the longest one that is sent or taken.
_PIECE_BYTES = 1 << 14

_IS_WINDOWS = sys.platform == "win32"


class End(Protocol):
    """An end of a pipe: a socket, or on Windows a `multiprocessing.connection.Connection`."""

    def fileno(self) -> int:
        """Its descriptor, or on Windows its handle."""

    def close(self) -> None:
        """Close it."""


def is_ready(fd: int, seconds: float, *, for_writing: bool) -> bool:
    """Wait until a descriptor can be read or written; return whether it can. Not for Windows."""
    if hasattr(select, "poll"):  # 1 µs; `Connection.poll` takes 15
        poll = select.poll()
        poll.register(fd, select.POLLOUT if for_writing else select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    reading, writing = ([], [fd]) if for_writing else ([fd], [])  # eventlet takes `poll` away
    return any(select.select(reading, writing, [], seconds))


class Pipe:
    """The worker's end: it waits for its parent as long as it takes.

    Raises, from all methods:
        EOFError, OSError: the other process has closed its end, by ending if not otherwise.
    """

    def __init__(self, end: End) -> None:
        self._connection: Any = end
        self._received = bytearray()

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        while (missing := count - len(self._received)) > 0:
            self._received += self._next_bytes(min(missing, _LARGE_BYTES))
        return self._taken(count)

    def write(self, data: bytes) -> None:
        """Send some bytes."""
        if _IS_WINDOWS:
            for start in range(0, len(data), _PIECE_BYTES):
                self._connection.send_bytes(data[start : start + _PIECE_BYTES])
            return
        fd, rest = self._connection.fileno(), memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]

    def close(self) -> None:
        """Close this end."""
        self._connection.close()

    def _next_bytes(self, most: int) -> bytes:
        """Return what there is next, at most so many bytes."""
        if _IS_WINDOWS:
            message: bytes = self._connection.recv_bytes(_PIECE_BYTES)
            return message
        if data := os.read(self._connection.fileno(), most):
            return data
        raise EOFError

    def _taken(self, count: int) -> bytes:
        with memoryview(self._received) as received:
            data = bytes(received[:count])
        del self._received[:count]
        return data


class ParentPipe(Pipe):
    """The parent's end, whose waits end at a deadline on the monotonic clock.

    Args:
        wake: called from time to time while the worker is waited for, in case it was stopped.
        kill: ends the worker. Only Windows needs it, where a write can't be given up.
    """

    def __init__(self, end: End, wake: Callable[[], None], kill: Callable[[], None]) -> None:
        super().__init__(end)
        self._wake, self._kill = wake, kill
        if not _IS_WINDOWS:
            os.set_blocking(end.fileno(), False)

    @property
    def received_bytes(self) -> int:
        """How much has come that was not read."""
        return len(self._received)

    def is_silent(self) -> bool:
        """Return whether the worker has sent nothing that was not read, and has not ended."""
        return not self._received and not self._is_ready(0, for_writing=False)

    def read(self, count: int, deadline: float = inf) -> bytes:
        """Return the next `count` bytes.

        Raises:
            TimeoutError: they did not come by the deadline.
        """
        end = None
        while (missing := count - len(self._received)) > 0:
            if (now := time.monotonic()) >= deadline:
                end = end or now + _GRACE_SECONDS
                if now >= end:
                    raise TimeoutError
            self._wait(deadline, for_writing=False)
            most = min(max(missing, _SMALL_BYTES), _LARGE_BYTES)
            try:
                self._received += self._next_bytes(most)
            except BlockingIOError:  # nothing after all
                continue
        return self._taken(count)

    def write(self, data: bytes, deadline: float = inf) -> None:
        """Send some bytes.

        Raises:
            TimeoutError: the worker did not take them by the deadline.
        """
        if _IS_WINDOWS:
            return self._write_or_kill(data, deadline)
        fd, rest = self._connection.fileno(), memoryview(data)
        while rest:
            try:
                rest = rest[os.write(fd, rest[:_LARGE_BYTES]) :]
            except BlockingIOError:
                self._wait(deadline, for_writing=True)
                if time.monotonic() >= deadline:
                    raise TimeoutError from None
        return None

    def _wait(self, deadline: float, *, for_writing: bool) -> None:
        """Wait until something can be read or written.

        Raises:
            TimeoutError: nothing can by the deadline.
        """
        while True:
            left = deadline - time.monotonic()
            if self._is_ready(max(0, min(_CHECK_SECONDS, left)), for_writing=for_writing):
                return
            if left <= _CHECK_SECONDS and time.monotonic() >= deadline:
                raise TimeoutError
            self._wake()

    def _is_ready(self, seconds: float, *, for_writing: bool) -> bool:
        if _IS_WINDOWS:
            try:
                return bool(self._connection.poll(seconds))
            except OSError:  # the worker has ended: reading says so
                return True
        return is_ready(self._connection.fileno(), seconds, for_writing=for_writing)

    def _write_or_kill(self, data: bytes, deadline: float) -> None:
        """Send some bytes, or end the worker at the deadline, which ends the write."""
        timer = threading.Timer(min(deadline - time.monotonic(), threading.TIMEOUT_MAX), self._kill)
        timer.daemon = True
        timer.start()
        try:
            super().write(data)
        except OSError:
            if time.monotonic() >= deadline:
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()
