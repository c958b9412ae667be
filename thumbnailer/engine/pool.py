"""Worker processes behind one `imap_unordered`, robust against crashes, hangs and kills.

Each of its threads takes a free worker process, sends it a group of jobs over the
worker's own pipe and waits for the answers. If the process dies, exceeds its time-out or sends what
is no answer, the thread kills it, starts another and tries again. Processes share no lock, so no
death can block another worker. The job that a dead worker had is known, and each job is answered
exactly once.

(`multiprocessing.Pool` waits forever when a worker is killed: cpython issues 96062 and 79492.)
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Generator, Iterable
from queue import LifoQueue, Queue
from typing import Literal

from thumbnailer.activity import Waiting
from thumbnailer.door.fetchers import Fetcher
from thumbnailer.engine.groups import End, next_group_size, take, to_the_end
from thumbnailer.engine.memory_budget import MemoryBudget
from thumbnailer.engine.threads import Threads
from thumbnailer.engine.worker import Worker, WorkerKilled, WorkerLost
from thumbnailer.engine.worker_main import PoolOptions
from thumbnailer.errors import WorkerError
from thumbnailer.model import Answer, Failure, Job, Outcome, Source, Stop

# A job whose worker died or timed out is tried once more: the cause may have been something else,
# such as the kernel's out-of-memory killer.
_ATTEMPTS = 2

# A worker that was lost before it could begin says nothing about the job. After this many, and as
# many as there may have been idle, the job fails all the same.
_MAX_LOST_BEFORE = 10

# After so many jobs in a row that took their workers along, it is checked that workers can work.
_SUSPICIOUS = 5

# How long to wait before each further attempt to start a worker. After the last one the run fails.
# A fork server that was just killed still looks alive for an instant.
_START_PAUSES_SECONDS = (0.1, 0.5)

# The run fails when this many workers in a row are killed while they start. A start takes half a
# second on a busy machine, and a kill can arrive at any point of it.
_MAX_START_KILLS = 10

# Pictures go to a worker in groups that take about this long together. A group costs the parent
# half a millisecond of CPU time and more, since its threads wait for each other, and each of its
# pictures 0.1 ms. With 0.04 s, pictures of 25 ms cost it 1.0 ms each instead of 0.6, and of 64
# workers it could keep 26 busy instead of 47.
_GROUP_SECONDS, _MAX_GROUP = 0.1, 32

# Over a network, several threads share a worker: while it works for one, the others download and
# upload. With groups of this many seconds, that hides 200 ms each way. Groups of this many bytes
# take no more memory than the pictures that are being decoded.
_REMOTE_THREADS = 4
_REMOTE_GROUP_SECONDS, _MAX_REMOTE_GROUP, _MAX_GROUP_BYTES = 0.2, 64, 8 << 20

# A worker is replaced after this many pictures, so that leaks in codecs do not add up over months.
# Starting a worker takes 15 ms.
_JOBS_PER_WORKER = 2000

# Groups queued per worker beyond those that threads are working on, so that the next is ready.
_AHEAD_PER_WORKER = 1


Finish = Callable[[list[Job], list[Answer]], list[Outcome]]


class Pool:
    """Worker processes that run one function; a context manager that leaves no process behind.

    Processes start when there is work for them. Several threads may run an `imap_unordered` each.

    Args:
        func: the function that a worker calls for each job, as `module:name`.
        finish: called in this process, by several threads, with jobs and the workers' answers;
            returns the jobs' outcomes.
        fetcher: its `fetch` is called likewise with jobs, before they go to a worker.
        closing: an event that is set when the pool is closed, to end waits in `fetch` and `finish`.
        probe: a function like `func` that works on any host that can work at all, whatever its
            job; "" for none.
    """

    def __init__(
        self,
        func: str,
        options: PoolOptions,
        finish: Finish,
        fetcher: Fetcher | None = None,
        closing: threading.Event | None = None,
        probe: str = "",
    ) -> None:
        self._func, self._options, self._finish = func, options, finish
        self._fetcher = fetcher or Fetcher(list)
        self._thread_count = options.workers * (_REMOTE_THREADS if options.remote else 1)
        self._probe, self._taken_along = probe, 0
        self._group_size = 1  # kept from one `imap_unordered` to the next
        self._budget = MemoryBudget(options.memory_bytes // (4 if options.remote else 2))
        self._fetch_budget = MemoryBudget(options.memory_bytes // 4)
        self._threads = Threads(self._thread_count)
        # Last in, first out, so that no worker is started that is not needed.
        self._idle: LifoQueue[Worker | None] = LifoQueue()
        for _ in range(options.workers):
            self._idle.put(None)  # a worker that may be started
        # What each thread is at, by its number: since when, what, and with which picture.
        self._steps: dict[int, tuple[float, Literal["picture", "download", "write"], Source]] = {}
        self._alive: set[Worker] = set()
        self._alive_lock = threading.Lock()
        self._closing = closing or threading.Event()
        # For a program that ends without closing the iterator.
        atexit.register(self._close)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        """Drop running jobs, kill the workers and wait until they are gone."""
        self._close()
        atexit.unregister(self._close)

    def _close(self) -> None:
        if not self._threads.are_here:  # nor are the workers this process's own
            return
        with self._alive_lock:
            self._closing.set()
            for worker in self._alive:
                worker.kill()
        self._budget.close()
        self._fetch_budget.close()
        self._threads.close()
        for worker in self._alive:
            worker.close()

    def imap_unordered(
        self, items: Iterable[Job | Outcome | None], stop: Stop | None = None
    ) -> Generator[Outcome, None, None]:
        """Yield each job's outcome in order of completion; pass on outcomes among the items.

        `items` is read in the caller's thread, only as fast as results are taken. It is at most
        two groups of 1 to 32 jobs per worker ahead, over a network five groups of 1 to 64. None
        among them says that there is nothing yet. What they raise is raised after the outcomes of
        the jobs before. Once `stop` is set the iterator ends, and jobs without an outcome are
        dropped.

        Raises:
            WorkerError: no worker process can be started.
        """
        workers, remote = self._options.workers, self._options.remote
        window = self._thread_count + workers * _AHEAD_PER_WORKER
        limits = _GROUP_SECONDS, _MAX_GROUP
        if remote:
            limits = _REMOTE_GROUP_SECONDS, _MAX_REMOTE_GROUP
        # Not ThreadPool's own `imap_unordered`, which reads its iterable greedily. No SimpleQueue:
        # up to Python 3.12 its `get` may miss its time-out when a signal is handled.
        done: Queue[list[Outcome] | BaseException] = Queue()
        group: list[Job] = []
        in_flight = weight_bytes = 0
        for item in to_the_end(items):
            if isinstance(item, Outcome):
                yield item
                if not (group or in_flight or (stop and stop.is_set())):
                    continue
            at_end = isinstance(item, End)
            if isinstance(item, Job):
                group.append(item)
                weight_bytes += self._fetcher.weigh(item) if remote else 0
            is_full = len(group) >= self._group_size or weight_bytes >= _MAX_GROUP_BYTES
            if group and (in_flight < workers or is_full or at_end or item is None):
                self._send(group, done)
                group, weight_bytes, in_flight = [], 0, in_flight + 1
            while in_flight:
                self._threads.check()
                outcomes = take(done, stop, wait=at_end or in_flight >= window)
                if outcomes is None:
                    break
                in_flight -= 1
                self._group_size = next_group_size(outcomes, self._group_size, *limits)
                yield from outcomes
            if stop and stop.is_set():
                return
            if isinstance(item, End) and item.error:
                raise item.error

    def waits_for(self) -> Waiting | None:
        """Return which picture has been worked on for longest; None if there is no work."""
        held_back = self._budget.waiting | self._fetch_budget.waiting
        steps = self._steps.copy()
        at_work = [step for thread, step in steps.items() if thread not in held_back]
        if not at_work:
            return None
        since, what, source = min(at_work, key=lambda step: step[0])
        seconds = time.monotonic() - since
        waits = len(held_back & steps.keys())
        return Waiting(what, source.path, source.size_bytes, seconds, waits)

    def _begin_step(self, what: Literal["picture", "download", "write"], source: Source) -> None:
        """Note what this thread is at, which takes 0.3 µs."""
        self._steps[threading.get_ident()] = time.monotonic(), what, source

    def _end_step(self) -> None:
        self._steps.pop(threading.get_ident(), None)

    def _send(self, group: list[Job], done: Queue[list[Outcome] | BaseException]) -> None:
        """Let a thread run a group of jobs, and put its outcomes or its error into a queue."""

        def run() -> None:
            try:
                done.put(self._run_group(group))
            except BaseException as error:
                done.put(error)
            finally:
                self._end_step()

        self._threads.start(run)

    def _run_group(self, jobs: list[Job]) -> list[Outcome]:
        """Fetch, run and finish a group of jobs, in a thread of the pool."""
        if self._options.remote:
            self._begin_step("download", jobs[0].source)
        wanted_bytes = sum(map(self._fetcher.weigh, jobs)) if self._options.remote else 0
        claimed_bytes = self._fetch_budget.acquire(wanted_bytes)
        try:
            fetched = self._fetcher.fetch(jobs)
            self._end_step()  # from here on it may wait for a worker, which another thread has
            run = iter(self._run_jobs([job for job in fetched if isinstance(job, Job)]))
            answers = [next(run) if isinstance(one, Job) else Answer(one, 0.0) for one in fetched]
        finally:
            self._fetch_budget.release(claimed_bytes)
        self._begin_step("write", jobs[0].source)
        return self._finish(jobs, answers)

    def _run_jobs(self, jobs: list[Job]) -> list[Answer]:
        """Return an answer to each job; a Failure for one that has taken two workers along.

        A worker answers job by job. So it is known which one it was lost with: only this one has
        been tried then. The others begin anew in another worker.
        """
        answers: list[Answer] = []
        attempts = lost_before = answered = 0
        started = time.perf_counter()
        while len(answers) < len(jobs):
            try:
                self._run_in_worker(jobs[len(answers) :], answers)
            except WorkerLost as lost:
                if self._closing.is_set():
                    raise
                if (
                    len(answers) > answered
                ):  # the worker was lost with a job that is tried first now
                    attempts, lost_before, answered = 0, 0, len(answers)
                    started = time.perf_counter()
                failure = lost.failure
                if failure:
                    attempts += 1
                else:
                    lost_before += 1
                if lost_before == _MAX_LOST_BEFORE + self._options.workers:
                    reason = f"crashed: {lost_before} worker processes died before they could begin"
                    failure, attempts = Failure("crashed", reason, lasts=False), _ATTEMPTS
                if failure and attempts == _ATTEMPTS:
                    if failure.stage == "crashed":
                        self._check_host(jobs[len(answers)])
                    answers.append(Answer(failure, time.perf_counter() - started))
        return answers

    def _run_in_worker(self, jobs: list[Job], answers: list[Answer]) -> None:
        """Append the answers to some jobs, as far as a worker gives them.

        Raises:
            WorkerLost: it was lost before it had answered all of them.
            WorkerError: no worker can be started.
        """
        worker, is_reusable = self._idle.get(), False
        try:
            if self._closing.is_set():
                raise WorkerLost(None)
            self._begin_step("picture", jobs[0].source)
            worker = worker or self._new_worker()
            for number, answer in enumerate(worker.run_jobs(jobs, self._budget), start=1):
                answers.append(answer)
                self._taken_along = 0
                if number < len(jobs):
                    self._begin_step("picture", jobs[number].source)
            is_reusable = worker.answered < _JOBS_PER_WORKER
        finally:
            if worker and not is_reusable:
                self._discard(worker)
                worker = None
            self._idle.put(worker)

    def _check_host(self, job: Job) -> None:
        """Check that workers can work, if several jobs in a row have taken theirs along.

        Raises:
            WorkerError: they can't: a system call is forbidden to them, say, or an instruction
                missing, and each further job would end as the last did.
        """
        self._taken_along += 1
        if not self._probe or self._taken_along % _SUSPICIOUS:
            return
        worker = self._new_worker(self._probe)
        try:
            next(worker.run_jobs([job], self._budget))
        except WorkerLost as lost:
            if lost.failure and not self._closing.is_set():
                raise WorkerError(f"no worker process works: {lost.failure.reason}") from lost
        finally:
            self._discard(worker)

    def _new_worker(self, func: str = "") -> Worker:
        pauses_seconds, killed = list(_START_PAUSES_SECONDS), 0
        while True:
            try:
                return self._start(func or self._func)
            except WorkerKilled:
                killed += 1
                if self._closing.is_set() or killed == _MAX_START_KILLS:
                    raise
            except WorkerError:
                if self._closing.is_set() or not pauses_seconds:
                    raise
                time.sleep(pauses_seconds.pop(0))

    def _start(self, func: str) -> Worker:
        worker = Worker(func, self._options)
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
