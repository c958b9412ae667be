"""Work that may wait for a disk, in threads of its own, so that the watch loop goes on meanwhile.

A thread hands what it has over to the loop, which alone changes the state of the watch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from thumbnailer.model import Stop

T = TypeVar("T")

# How many outcomes may wait for the loop: threads make no more than it can pass on.
_MOST_WAITING = 100

# How often a thread that waits for the loop checks whether it should stop.
_CHECK_STOP_SECONDS = 0.1


class Task:
    """A piece of work in a thread, which ends once the task `is_set`, as its stop.

    That it asks for this shows that it goes on. While it waits for workers it asks `for_workers`,
    and has to hand over an outcome from time to time all the same. What workers have begun goes on
    when the task is cancelled.

    Args:
        place: the file or folder that it works at, for people.
        stop: ends all tasks.
        patience_seconds: how long it may wait for a worker.

    Attributes:
        count: how many pictures it has looked at.
        is_cancelled: whether it is to begin nothing more.
    """

    def __init__(self, place: str, stop: Stop, patience_seconds: float) -> None:
        self.place = place
        self.count, self.is_cancelled = 0, False
        self.for_workers: Stop = _WaitForWorkers(self)
        self._stop, self._patience_seconds = stop, patience_seconds
        self._went_on = self._waited = time.monotonic()

    def is_set(self) -> bool:
        """Return whether it must end, and note that it goes on."""
        self._went_on = time.monotonic()
        return self.is_cancelled or self._stop.is_set()

    def cancel(self) -> None:
        """Let it begin nothing more."""
        self.is_cancelled = True

    def is_over(self) -> bool:
        """Return whether all tasks must end, and note that this one waits for a worker."""
        self._waited = time.monotonic()
        return self._stop.is_set()

    def silent_seconds(self, now: float) -> float:
        """Return for how long it has shown no sign of life: its disk does not answer."""
        return now - max(self._went_on, min(self._waited, self._went_on + self._patience_seconds))


class _WaitForWorkers:
    """The stop of a task for the time in which it waits for workers."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def is_set(self) -> bool:
        return self._task.is_over()


class Tasks:
    """The tasks that are running.

    Args:
        post: called by their threads with a function that the loop is to call.
        stop: ends them all.
        patience_seconds: how long one may wait for a worker.
    """

    def __init__(
        self, post: Callable[[Callable[[], None]], None], stop: Stop, patience_seconds: float
    ) -> None:
        self._post, self._stop, self._patience_seconds = post, stop, patience_seconds
        self._threads: dict[Task, threading.Thread] = {}
        self._room = threading.Semaphore(_MOST_WAITING)

    def __len__(self) -> int:
        return len(self._threads)

    def start(
        self,
        place: str,
        work: Callable[[Task], object],
        done: Callable[[Task, object], None],
    ) -> Task:
        """Start a task.

        Args:
            place: as for `Task`.
            work: called in a thread.
            done: called by the loop with what `work` returned or raised.
        """
        task = Task(place, self._stop, self._patience_seconds)

        def run() -> None:
            try:
                result = work(task)
            except Exception as error:
                result = error
            self._post(partial(self._end, task, done, result))

        thread = self._threads[task] = threading.Thread(target=run, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no threads are left
            error = OSError("no thread can be started")
            self._post(partial(self._end, task, done, error))
        return task

    def _end(self, task: Task, done: Callable[[Task, object], None], result: object) -> None:
        del self._threads[task]
        done(task, result)

    def hand_over(self, task: Task, take: Callable[[T], object], item: T) -> None:
        """Let the loop take something; wait if it has enough."""
        while not self._room.acquire(timeout=_CHECK_STOP_SECONDS) and not task.is_over():
            task.is_set()  # it does not hang: the loop has enough to do

        def taken() -> None:
            self._room.release()
            take(item)

        self._post(taken)

    def most_silent(self, now: float) -> tuple[float, str]:
        """Return for how long a task has shown no sign of life, at most, and its place."""
        silences = [(task.silent_seconds(now), task.place) for task in self._threads]
        return max(silences, default=(0.0, ""))

    def join(self, seconds: float) -> None:
        """Wait for all to end, but no longer; one whose disk does not answer can't end."""
        end = time.monotonic() + seconds
        for thread in list(self._threads.values()):
            if thread.ident:
                thread.join(max(0.0, end - time.monotonic()))
