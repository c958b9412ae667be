"""`Pool.imap_unordered` over worker processes that may die, hang or be killed.

A stdlib `ThreadPool` whose threads each keep one worker process over a pipe of their own. A keeper
thread sends a job and waits for the answer; if the process dies or overruns, the keeper kills it,
starts another and tries once more. No lock is shared between processes, so no death can poison
another worker; the job that a dead worker held is known; each job is answered exactly once.

(`multiprocessing.Pool` waits forever when a worker is killed: cpython issues 96062 and 79492.)
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Generator, Iterable
from multiprocessing.pool import IMapIterator, ThreadPool
from queue import SimpleQueue
from typing import Protocol

from thumbnailer.errors import WorkerError
from thumbnailer.model import Failure, Job, Outcome
from thumbnailer.worker import Worker, WorkerLost

# A job whose worker died or overran is tried once more: the worker may have been the victim of
# something else, such as the memory killer.
_ATTEMPTS = 2

# The same for the start of a worker, before the whole run is given up.
_START_ATTEMPTS = 3

# Jobs handed out at once, for each worker: enough that none waits for the caller, few enough that
# the scan stays close to the results.
_WINDOW_PER_WORKER = 4

# How often a wait looks up to see whether it should stop.
_LOOK_UP_SECONDS = 0.1


class Stop(Protocol):
    """Anything with `is_set`, such as `threading.Event`."""

    def is_set(self) -> bool: ...


class Pool:
    """Worker processes for one function; a context manager that leaves no process behind.

    Processes start when there is work for them, and `imap_unordered` runs once at a time.

    Args:
        func: what a worker does with a job, as `module:name`.
        workers: the largest number of processes.
        timeout_s: how long one attempt at a job may take.
        clean_up: called in this process after each death of a worker, with the job it held.
        give_up: called in this process for a job that can't be done; its answer is the job's.
    """

    def __init__(
        self,
        func: str,
        workers: int,
        timeout_s: float,
        *,
        clean_up: Callable[[Job], None],
        give_up: Callable[[Job, Failure], Outcome],
    ) -> None:
        self._func, self._workers, self._timeout_s = func, workers, timeout_s
        self._clean_up, self._give_up = clean_up, give_up
        self._threads: ThreadPool | None = None
        self._feed: SimpleQueue[Job | None] = SimpleQueue()
        self._kept = threading.local()
        self._alive: set[Worker] = set()
        self._alive_lock = threading.Lock()
        self._closing = False

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        """Drop what is running, kill the workers and wait until they are gone."""
        with self._alive_lock:
            self._closing = True
            for worker in self._alive:
                worker.kill()
        self._feed.put(None)
        if self._threads:
            self._threads.terminate()
            self._threads.join()
        for worker in self._alive:
            worker.bury()

    def imap_unordered(
        self, items: Iterable[Job | Outcome], stop: Stop | None = None
    ) -> Generator[Outcome, None, None]:
        """The outcome of each job in order of completion; outcomes among the items pass through.

        `items` is read in the caller's thread, and only as fast as results are taken. Once `stop`
        is set the iterator ends; jobs that have no outcome by then are dropped.

        Raises:
            WorkerError: no worker process can be started.
        """
        # ThreadPool reads its iterable greedily, in a thread that it waits for when it ends. So it
        # gets a queue that is fed from here as results are taken, and that always ends with None.
        feed: SimpleQueue[Job | None] = SimpleQueue()
        self._feed = feed
        results: IMapIterator[Outcome] | None = None
        waiting, window = 0, self._workers * _WINDOW_PER_WORKER
        try:
            for item in items:
                if isinstance(item, Outcome):
                    yield item
                else:
                    if results is None:
                        self._threads = self._threads or ThreadPool(self._workers)
                        results = self._threads.imap_unordered(self._answer, iter(feed.get, None))
                    feed.put(item)
                    waiting += 1
                while results and (outcome := _take(results, stop, wait=waiting >= window)):
                    waiting -= 1
                    yield outcome
                if stop and stop.is_set():
                    return
            while results and waiting and (outcome := _take(results, stop, wait=True)):
                waiting -= 1
                yield outcome
        finally:
            feed.put(None)

    def _answer(self, job: Job) -> Outcome:
        """What a keeper thread does with a job."""
        failures: list[Failure] = []
        while len(failures) < _ATTEMPTS:
            worker = self._worker()
            try:
                answer = worker.ask(job, self._timeout_s)
            except WorkerLost as lost:
                self._forget(worker)
                self._clean_up(job)
                if self._closing:
                    raise
                if lost.failure:  # else it was killed while idle, which is not this job's doing
                    failures.append(lost.failure)
                continue
            return answer if isinstance(answer, Outcome) else self._give_up(job, answer)
        return self._give_up(job, failures[-1])

    def _worker(self) -> Worker:
        """This keeper's worker; a new one where there is none."""
        worker: Worker | None = getattr(self._kept, "worker", None)
        if worker:
            return worker
        for attempt in range(1, _START_ATTEMPTS + 1):
            try:
                return self._start()
            except WorkerError:
                if attempt == _START_ATTEMPTS or self._closing:
                    raise
        raise AssertionError("unreachable")

    def _start(self) -> Worker:
        worker = Worker(self._func)
        with self._alive_lock:
            self._alive.add(worker)
            if self._closing:
                worker.kill()
        try:
            worker.greet()
        except WorkerError:
            self._forget(worker)
            raise
        self._kept.worker = worker
        return worker

    def _forget(self, worker: Worker) -> None:
        with self._alive_lock:
            self._alive.discard(worker)
        worker.bury()
        self._kept.worker = None


def _take(results: IMapIterator[Outcome], stop: Stop | None, *, wait: bool) -> Outcome | None:
    """The next outcome; None if there is none yet and nobody wants to wait for it."""
    while True:
        try:
            return results.next(_LOOK_UP_SECONDS if wait else 0)
        except multiprocessing.TimeoutError:
            if not wait or (stop and stop.is_set()):
                return None
