"""Threads that wait for what is to be done, each with the process that started them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

from thumbnailer.engine.processes.start import before_threads
from thumbnailer.errors import WorkerError


class Threads:
    """So many threads at most, started one by one as there is something to do.

    Not `multiprocessing.pool.ThreadPool`, which has semaphores and a process that looks after them.
    """

    def __init__(self, most: int) -> None:
        self._most, self._pid, self._lock = most, os.getpid(), threading.Lock()
        self._threads: list[threading.Thread] = []
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = False

    @property
    def are_here(self) -> bool:
        """Whether they are in this process, and not in one that it was forked from."""
        return os.getpid() == self._pid

    def check(self) -> None:
        """Check that they can do something: in a forked process, nobody would.

        Raises:
            WorkerError: they are in the process that this was forked from, or closed.
        """
        if not self.are_here:
            raise WorkerError("the iterator belongs to the process that this was forked from")
        if self._closed:
            raise WorkerError("the pool is closed")

    def start(self, work: Callable[[], None]) -> None:
        """Let a thread do something that raises nothing.

        Raises:
            WorkerError: no thread can be started, or they are closed.
        """
        self.check()
        with self._lock:
            if not self._threads:
                before_threads()
            if len(self._threads) < self._most:
                self._threads.append(self._new_thread())
            self._waiting.put(work)

    def close(self) -> None:
        """Wait for what is being done; what waits is not begun."""
        with self._lock:
            self._closed = True
            for _ in self._threads:
                self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _new_thread(self) -> threading.Thread:
        thread = threading.Thread(target=self._serve, name="thumbnailer-pool", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            reason = "no thread can be started, perhaps for want of processes or memory"
            raise WorkerError(f"no worker process can be started: {reason}") from error
        return thread

    def _serve(self) -> None:
        while (work := self._waiting.get()) and not self._closed:
            work()
