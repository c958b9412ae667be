"""`Pool.imap_unordered` over worker processes that may die, hang or be killed.

A stdlib `ThreadPool` whose threads each take one worker process at a time, over a pipe of its own.
Such a keeper sends a job and waits for the answer; if the process dies or overruns, the keeper
kills it, starts another and tries once more. No lock is shared between processes, so no death can
poison another worker; the job that a dead worker held is known; each job is answered exactly once.

(`multiprocessing.Pool` waits forever when a worker is killed: cpython issues 96062 and 79492.)
"""

from __future__ import annotations

import atexit
import multiprocessing
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from itertools import chain
from multiprocessing.pool import IMapIterator, ThreadPool
from queue import LifoQueue, SimpleQueue

from thumbnailer.engine.memory_budget import MemoryBudget
from thumbnailer.engine.worker import Worker, WorkerKilled, WorkerLost
from thumbnailer.engine.worker_main import WorkerLimits
from thumbnailer.errors import WorkerError
from thumbnailer.model import Answer, Failure, Job, Outcome, Stop

# A job whose worker died or overran is tried once more: the worker may have been the victim of
# something else, such as the memory killer.
_ATTEMPTS = 2

# How long to wait before each further attempt to start a worker; then the whole run is given up.
# A fork server that was just killed still looks alive for an instant.
_START_PAUSES_SECONDS = (0.1, 0.5)

# How many workers in a row may be killed while they start, which takes half a second on a busy
# machine: whoever kills them may hit any moment.
_START_KILLS = 10

# Small pictures go to a worker by the handful, as many as take about this long together: passing a
# job and its outcome costs 350 µs of the parent's time, as much as a fifth of a 640x480 JPEG.
_GROUP_SECONDS = 0.02
_MAX_GROUP = 16

# Where pictures come or go over a network, a worker has several keepers: while it works for one,
# the others fetch and put. Handfuls of so many seconds make that enough to hide 200 ms each way; of
# so many bytes, they take no more memory than pictures do that are being decoded.
_REMOTE_THREADS = 4
_REMOTE_GROUP_SECONDS, _MAX_REMOTE_GROUP, _MAX_GROUP_BYTES = 0.2, 64, 8 << 20

# A worker is replaced after so many pictures, lest what a codec leaks adds up over months; to start
# one takes 15 ms.
_JOBS_PER_WORKER = 2000

# Handfuls handed out beyond those that keepers are at, for each worker: one to go on with.
_AHEAD_PER_WORKER = 1

# How often a wait looks up to see whether it should stop.
_CHECK_STOP_SECONDS = 0.1


class Pool:
    """Worker processes for one function; a context manager that leaves no process behind.

    Processes start when there is work for them, and `imap_unordered` runs once at a time.

    Args:
        func: what a worker does with a job, as `module:name`.
        workers: the largest number of processes.
        timeout_s: how long one attempt at a job may take.
        worker_bytes: how much memory a worker may take beyond what it starts with.
        memory_bytes: how much jobs may take together. Half of it is for the small ones, which need
            not ask; the others claim their part of the rest, and wait until it is free. Over a
            network half of that rest is for content on its way to workers, which waits likewise.
        nice: by how much workers' niceness is raised.
        sandbox: `auto`, `require` or `off`, as in `Confinement`.
        finish: called in this process, by several threads, with jobs and what workers made of
            them; its outcomes are the jobs'.
        fetch: called likewise, before a worker is asked, with jobs; gives each back with its data,
            or says why it has none.
        remote: pictures come or go over a network.
        closing: is set when the pool is closed, for what `fetch` and `finish` wait for.
    """

    def __init__(
        self,
        func: str,
        workers: int,
        timeout_s: float,
        *,
        worker_bytes: int,
        memory_bytes: int,
        sandbox: str,
        nice: int = 0,
        finish: Callable[[list[Job], list[Answer]], list[Outcome]],
        fetch: Callable[[list[Job]], list[Job | Failure]] | None = None,
        remote: bool = False,
        closing: threading.Event | None = None,
    ) -> None:
        self._func, self._workers, self._timeout_s = func, workers, timeout_s
        self._finish, self._fetch, self._remote = finish, fetch, remote
        self._thread_count = workers * (_REMOTE_THREADS if remote else 1)
        self._group_length = 1  # of a handful; what one batch has learnt is good for the next
        self._confinement = WorkerLimits(worker_bytes, memory_bytes // 2 // workers, sandbox, nice)
        self._budget = MemoryBudget(memory_bytes // (4 if remote else 2))
        self._content = MemoryBudget(memory_bytes // 4)
        self._threads: ThreadPool | None = None
        self._feed: SimpleQueue[list[Job] | None] = SimpleQueue()
        # The worker that was given back last is taken first: none starts that is not needed.
        self._idle: LifoQueue[Worker | None] = LifoQueue()
        for _ in range(workers):
            self._idle.put(None)  # one that may be started
        self._alive: set[Worker] = set()
        self._alive_lock = threading.Lock()
        self._closing = closing or threading.Event()
        # Before the stdlib's own, which waits for the thread that reads the feed: at the end of a
        # program whose iterator nobody has closed.
        atexit.register(self._close)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        """Drop what is running, kill the workers and wait until they are gone."""
        self._close()
        atexit.unregister(self._close)

    def _close(self) -> None:
        with self._alive_lock:
            self._closing.set()
            for worker in self._alive:
                worker.kill()
        self._budget.close()
        self._content.close()
        self._feed.put(None)
        if self._threads:
            self._threads.terminate()
            self._threads.join()
        for worker in self._alive:
            worker.close()

    def imap_unordered(
        self, items: Iterable[Job | Outcome], stop: Stop | None = None
    ) -> Generator[Outcome, None, None]:
        """The outcome of each job in order of completion; outcomes among the items pass through.

        `items` is read in the caller's thread, and only as fast as results are taken: by no more
        than two handfuls of 1 to 16 jobs a worker ahead, over a network by five of 1 to 64. Once
        `stop` is set the iterator ends; jobs that have no outcome by then are dropped.

        Raises:
            WorkerError: no worker process can be started.
        """
        # ThreadPool reads its iterable greedily, in a thread that it waits for when it ends. So it
        # gets a queue that is fed from here as results are taken, and that always ends with None.
        feed: SimpleQueue[list[Job] | None] = SimpleQueue()
        self._feed = feed
        results: IMapIterator[list[Outcome]] | None = None
        group: list[Job] = []
        weight_bytes = 0
        size, sent, window = (
            self._group_length,
            0,
            self._thread_count + self._workers * _AHEAD_PER_WORKER,
        )
        try:
            for item in chain(items, [None]):
                if isinstance(item, Outcome):
                    yield item
                elif item:
                    group.append(item)
                    weight_bytes += item.source.size_bytes if self._remote else 0
                at_end = item is None
                is_full = len(group) >= size or weight_bytes >= _MAX_GROUP_BYTES
                if group and (sent < self._workers or is_full or at_end):
                    if results is None:
                        self._threads = self._threads or _thread_pool(self._thread_count)
                        results = self._threads.imap_unordered(
                            self._run_group, iter(feed.get, None)
                        )
                    feed.put(group)
                    group, weight_bytes = [], 0
                    sent += 1
                while results and sent:
                    outcomes = _next_outcomes(results, stop, wait=at_end or sent >= window)
                    if outcomes is None:
                        break
                    sent -= 1
                    size = self._group_length = _group_size(outcomes, size, remote=self._remote)
                    yield from outcomes
                if stop and stop.is_set():
                    return
        finally:
            feed.put(None)

    def _run_group(self, jobs: list[Job]) -> list[Outcome]:
        """What a keeper thread does with a handful."""
        answers = self._fetch_and_run(jobs) if self._fetch else self._run_jobs(jobs)
        return self._finish(jobs, answers)

    def _fetch_and_run(self, jobs: list[Job]) -> list[Answer]:
        assert self._fetch
        wanted_bytes = sum(job.source.size_bytes for job in jobs) if self._remote else 0
        claimed_bytes = self._content.acquire(wanted_bytes)
        try:
            fetched = self._fetch(jobs)
            answers = iter(self._run_jobs([job for job in fetched if isinstance(job, Job)]))
            return [next(answers) if isinstance(one, Job) else Answer(one, 0.0) for one in fetched]
        finally:
            self._content.release(claimed_bytes)

    def _run_jobs(self, jobs: list[Job]) -> list[Answer]:
        """A worker's answers: to all jobs at once, or one by one if that fails."""
        if len(jobs) > 1:
            with suppress(WorkerLost):
                return self._run_in_worker(jobs)
            if self._closing.is_set():
                raise WorkerError("the pool is closed")
        return [self._run_alone(job) for job in jobs]

    def _run_alone(self, job: Job) -> Answer:
        failures: list[Failure] = []
        started = time.perf_counter()
        while len(failures) < _ATTEMPTS:
            try:
                return self._run_in_worker([job])[0]
            except WorkerLost as lost:
                if self._closing.is_set():
                    raise
                if lost.failure:  # else it was killed while idle, which is not this job's doing
                    failures.append(lost.failure)
        return Answer(failures[-1], time.perf_counter() - started)

    def _run_in_worker(self, jobs: list[Job]) -> list[Answer]:
        worker, is_well = self._idle.get(), False
        try:
            if self._closing.is_set():
                raise WorkerLost(None)
            worker = worker or self._new_worker()
            answers = worker.run_jobs(jobs, self._timeout_s, self._budget)
            is_well = worker.answered < _JOBS_PER_WORKER
            return answers
        finally:
            if worker and not is_well:
                self._discard(worker)
                worker = None
            self._idle.put(worker)

    def _new_worker(self) -> Worker:
        pauses_seconds, killed = list(_START_PAUSES_SECONDS), 0
        while True:
            try:
                return self._start()
            except WorkerKilled:
                killed += 1
                if self._closing.is_set() or killed == _START_KILLS:
                    raise
            except WorkerError:
                if self._closing.is_set() or not pauses_seconds:
                    raise
                time.sleep(pauses_seconds.pop(0))

    def _start(self) -> Worker:
        worker = Worker(self._func, self._confinement)
        with self._alive_lock:
            self._alive.add(worker)
            if self._closing.is_set():
                worker.kill()
        try:
            worker.wait_until_ready()
        except WorkerError:
            self._discard(worker)
            raise
        return worker

    def _discard(self, worker: Worker) -> None:
        with self._alive_lock:
            self._alive.discard(worker)
        worker.close()


def _thread_pool(threads: int) -> ThreadPool:
    try:
        return ThreadPool(threads)
    except Exception as error:  # not only RuntimeError: ThreadPool stumbles over its own clean-up
        reason = "no thread can be started, perhaps for want of processes or memory"
        raise WorkerError(f"no worker process can be started: {reason}") from error


def _next_outcomes(
    results: IMapIterator[list[Outcome]], stop: Stop | None, *, wait: bool
) -> list[Outcome] | None:
    """The next outcomes; None if there are none yet and nobody wants to wait for them."""
    while True:
        try:
            return results.next(_CHECK_STOP_SECONDS if wait else 0)
        except multiprocessing.TimeoutError:
            if not wait or (stop and stop.is_set()):
                return None


def _group_size(outcomes: list[Outcome], before: int, *, remote: bool) -> int:
    """How many jobs to send at once, judged by the last handful; it at most doubles."""
    most, most_seconds = _MAX_GROUP, _GROUP_SECONDS
    if remote:
        most, most_seconds = _MAX_REMOTE_GROUP, _REMOTE_GROUP_SECONDS
    seconds = sum(outcome.seconds for outcome in outcomes) / len(outcomes)
    fitting = int(most_seconds / seconds) if seconds else most
    return max(1, min(fitting, 2 * before, most))
