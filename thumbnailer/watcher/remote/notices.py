"""What a queue tells of a bucket: received by a thread, and removed from the queue once done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from thumbnailer.door.queues import Notice, NoticeQueue
from thumbnailer.model import Stop

# How many notices may wait before no more are received.
_MOST_WAITING = 1000

# Notices that wait for so long are hidden from others anew: well before the queue shows them again.
_EXTEND_SECONDS = 40.0

# The pause after the queue could not be read.
_PAUSE_SECONDS = (1.0, 60.0)

Tell = Callable[[str, str], None]


@dataclass(slots=True, eq=False)
class _Message:
    """A message whose events have not all been dealt with."""

    receipt: str
    since: float  # on the monotonic clock
    left: set[str] = field(default_factory=set)  # the URLs
    extended: float = 0.0
    has_failed: bool = False  # so that it is to come again


class Notices:
    """The notices of a queue, none for a watch without one.

    Args:
        queue: where they come from; None for nowhere.
        tell: called with the name of an event and a message.
        stop: once it is set, no more are received.
    """

    def __init__(self, queue: NoticeQueue | None, tell: Tell, stop: Stop) -> None:
        self._queue, self._tell, self._stop = queue, tell, stop
        self._waiting: dict[str, None] = {}  # URLs, in the order in which they came
        self._messages: dict[str, list[_Message]] = {}  # by the URLs
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def backlog(self) -> int:
        """How many objects are not dealt with yet."""
        return len(self._messages)

    def oldest_seconds(self, now: float) -> float:
        """Return for how long the oldest of those has been waited for; 0 if there is none."""
        with self._change:
            messages = [one for of_url in self._messages.values() for one in of_url]
        return max((now - one.since for one in messages), default=0.0)

    def start(self) -> None:
        """Start to receive."""
        if self._queue and not (self._thread and self._thread.is_alive()):
            self._thread = threading.Thread(
                target=self._receive, name="thumbnailer-notices", daemon=True
            )
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until there is a notice, or for so long."""
        with self._change:
            if not self._waiting:
                self._change.wait(seconds)

    def take(self) -> list[str]:
        """Return the URLs of all that wait: something has come there, or gone."""
        with self._change:
            taken, self._waiting = [*self._waiting], {}
            self._change.notify_all()
        return taken

    def dealt_with(self, urls: Iterable[str], *, failed: bool = False) -> None:
        """Remove the messages from the queue of which nothing is left; may be called by any thread.

        Args:
            failed: let them come again instead.
        """
        over: list[_Message] = []
        with self._change:
            for url in urls:
                for message in self._messages.pop(url, ()):
                    message.left.discard(url)
                    message.has_failed |= failed
                    if not message.left:
                        over.append(message)
        self._remove(one.receipt for one in over if not one.has_failed)

    def _receive(self) -> None:
        pause, last_trouble = _PAUSE_SECONDS[0], ""
        while self._queue and not self._stop.is_set():
            try:
                self._extend(time.monotonic())
                for message in self._queue.receive() if self._has_room() else ():
                    self._add(message)
            except OSError as error:
                trouble = f"the queue: {error.strerror}"
                if trouble != last_trouble:
                    self._tell("error", f"{trouble}; it is tried again")
                last_trouble = trouble
                self._sleep(pause)
                pause = min(2 * pause, _PAUSE_SECONDS[1])
            else:
                pause, last_trouble = _PAUSE_SECONDS[0], ""

    def _has_room(self) -> bool:
        with self._change:
            if len(self._messages) >= _MOST_WAITING:
                self._change.wait(1.0)
            return len(self._messages) < _MOST_WAITING

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._stop.is_set():
            time.sleep(0.1)

    def _add(self, notice: Notice) -> None:
        if notice.fault:
            self._tell("note", f"a message of the queue is passed over: {notice.fault}")
        if not notice.urls:
            self._remove([notice.receipt])
            return
        now = time.monotonic()
        message = _Message(notice.receipt, now, extended=now)
        with self._change:
            for url in notice.urls:
                message.left.add(url)
                self._messages.setdefault(url, []).append(message)
                self._waiting[url] = None
            self._change.notify_all()

    def _extend(self, now: float) -> None:
        with self._change:
            all_of_them = {id(one): one for of_url in self._messages.values() for one in of_url}
        old = [one for one in all_of_them.values() if now > one.extended + _EXTEND_SECONDS]
        if old and self._queue:
            self._queue.extend([one.receipt for one in old])
            for one in old:
                one.extended = now

    def _remove(self, receipts: Iterable[str]) -> None:
        gone = [*receipts]
        if gone and self._queue:
            try:
                self._queue.done(gone)
            except OSError as error:  # they come again, and nothing is to do then
                self._tell("note", f"the queue: {error.strerror}")
