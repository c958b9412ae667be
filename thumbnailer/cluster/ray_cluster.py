"""`Cluster.imap_unordered`: like the pool's, over the nodes of a Ray cluster.

Jobs go out in groups, each a task of Ray's: who computes it, and who computes it again when a node
dies, is Ray's business. A group whose task fails for good goes out again picture by picture, so
that only the picture fails that takes its worker along. However often a task runs, one result of it
is taken, and what it writes is written whole, so that each job has one outcome.

(Tasks, and not `ray.util.multiprocessing.Pool`, which loses the jobs of an actor that dies.)

The only file that knows Ray, which is imported when there is work for it.
"""

from __future__ import annotations

import logging
import os
import pickle
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from thumbnailer.cluster.connect import connection_error_text, is_listening, kept_signal_handlers
from thumbnailer.cluster.read_ahead import ReadAhead
from thumbnailer.cluster.remote_task import node_versions, run_remote_task
from thumbnailer.config.settings import Settings
from thumbnailer.errors import ConfigError, WorkerError
from thumbnailer.model import Failure, Job, Outcome, Stop

# A group is so many jobs, or as many as take about so long together. Where there are few slots
# large groups would leave some of them idle at the end.
_GROUP, _SMALL_GROUP, _FEW_SLOTS = 64, 16, 8
_GROUP_SECONDS = 4.0

# Tasks handed to Ray at once, for each slot: it takes a while to bring the next one to a node.
_WINDOW_PER_SLOT = 4

# How often Ray itself runs a task whose node or process has died, after the first time.
_RETRIES = 3

# How often a wait looks up to see whether there is something else to do, and how often the cluster
# is looked at: whether its head answers, and how many slots it has.
_CHECK_STOP_SECONDS, _CHECK_CLUSTER_SECONDS = 0.05, 2.0

# The driver's own part of Ray ends the process without a word when the head is gone for 60 s
# (gcs_rpc_server_reconnect_timeout_s).
_HEADLESS_SECONDS = 20.0

# How long there may be no slot at all: a node that is ordered takes minutes to come.
_SLOTLESS_SECONDS = 600.0

# How long the nodes may take to say whether they can work; who is silent may come later.
_CHECK_SECONDS = 60.0

# No statistics, few tries where the token is wrong, and nothing on stdout about tasks that died.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_NUM_REDIS_GET_RETRIES": "2",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
}

_RESUME_HINT = "run the same command again to go on: what is made stays"


class RayCluster:
    """A Ray cluster; a context manager that leaves no task behind.

    It is connected to when there is work for it, unless the program has done so before.

    Args:
        address: `auto` for the one that this machine belongs to, or its head's `HOST:PORT`.
        settings: of the run; they go to the nodes with each group.
        most: how many tasks may run at once; None for one a processor.
        module: where nodes find what they do, as `answers` and `check`.

    Raises:
        ConfigError: Ray is not installed.
    """

    def __init__(self, address: str, settings: Settings, most: int | None, module: str) -> None:
        if not find_spec("ray"):
            raise ConfigError(f"cluster = {address!r}: needs Ray: pip install 'thumbnailer[ray]'")
        self._address, self._settings, self._most = address, settings, most
        self._module, self._cwd = module, os.getcwd()
        self._ray: Any = None
        self._is_ours = False
        self._cpus, self._looked, self._headless, self._slotless = 0, 0.0, 0.0, 0.0

    def __enter__(self) -> RayCluster:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the cluster, where what is left of this program's tasks ends."""
        if self._is_ours:
            self._ray.shutdown()

    def imap_unordered(
        self, items: Iterable[Job | Outcome], stop: Stop | None = None
    ) -> Generator[Outcome, None, None]:
        """The outcome of each job in order of completion; outcomes among the items pass through.

        `items` is read by a thread, no more than two groups ahead of what the cluster is busy with,
        so that results come while it has nothing to give. Once `stop` is set the iterator ends;
        jobs that have no outcome by then are dropped.

        Raises:
            WorkerError: there is no such cluster, it does not let this program in or has lost its
                head, or one of its nodes can't do the work.
        """
        running: dict[Any, list[Job]] = {}
        again: list[list[Job]] = []
        group: list[Job] = []
        size = 1
        with closing(ReadAhead(items, 2 * _GROUP)) as feeder, self._cancelled_at_the_end(running):
            while not feeder.ended or group or again or running:
                taken = 0
                while taken < _GROUP and len(group) < size:
                    if stop and stop.is_set():
                        return
                    item = feeder.take(0 if running or taken else _CHECK_STOP_SECONDS)
                    if item is None:
                        break
                    taken += 1
                    if isinstance(item, Outcome):
                        yield item
                    else:
                        group.append(item)
                if group and not self._ray:
                    self._connect()
                    self._check_nodes(group[0], stop)
                if self._ray:
                    self._check_cluster()
                slots = self._most or self._cpus
                window = self._most or max(1, self._cpus) * _WINDOW_PER_SLOT
                while again and len(running) < window:
                    self._send(again.pop(), running)
                is_ripe = len(group) >= size or len(running) < slots or feeder.ended
                if group and len(running) < window and is_ripe:
                    self._send(group, running)
                    group, taken = [], 1
                if stop and stop.is_set():
                    return
                for jobs, outcomes in self._completed(running, wait=not taken):
                    if outcomes:
                        size = self._group_size(outcomes, size)
                        yield from outcomes
                    else:
                        again += ([job] for job in jobs)

    def _send(self, jobs: list[Job], running: dict[Any, list[Job]]) -> None:
        work = pickle.dumps((jobs, self._settings, self._cwd), pickle.HIGHEST_PROTOCOL)
        running[self._task.remote(f"{self._module}:run_jobs", node_versions(), work)] = jobs

    def _completed(
        self, running: dict[Any, list[Job]], *, wait: bool
    ) -> Iterator[tuple[list[Job], list[Outcome]]]:
        """The groups that are done, with their outcomes; without any, they are to be tried again
        one by one.

        Raises:
            WorkerError: a node can't do the work.
        """
        if not running:
            return
        done, _ = self._ray.wait([*running], num_returns=len(running), timeout=0)
        if not done and wait:
            done, _ = self._ray.wait([*running], timeout=_CHECK_STOP_SECONDS)
        for task in done:
            jobs = running.pop(task)
            try:
                result = self._result(task)
            except self._ray.exceptions.RayError as error:
                failure = Failure("crashed", f"crashed: {_error_text(error)}", lasts=False)
                lost = [Outcome(job.source, "failed", error=failure) for job in jobs]
                yield jobs, lost if len(jobs) == 1 else []
            else:
                yield jobs, result

    def _result(self, task: Any) -> Any:
        """What a task has come to.

        Raises:
            RayError: it has failed.
            WorkerError: its node can't do such work.
        """
        trouble, result = pickle.loads(self._ray.get(task))
        if trouble:
            raise WorkerError(trouble)
        return result

    def _group_size(self, outcomes: list[Outcome], before: int) -> int:
        """How many jobs to send at once, judged by the last group; it at most doubles."""
        most = _SMALL_GROUP if (self._most or self._cpus) < _FEW_SLOTS else _GROUP
        seconds = sum(outcome.seconds for outcome in outcomes) / len(outcomes)
        fitting = int(_GROUP_SECONDS / seconds) if seconds else most
        return max(1, min(fitting, 2 * before, most))

    @contextmanager
    def _cancelled_at_the_end(self, running: dict[Any, list[Job]]) -> Iterator[None]:
        try:
            yield
        finally:
            for task in running:
                with suppress(self._ray.exceptions.RayError):
                    self._ray.cancel(task)

    def _connect(self) -> None:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import ray

        if not ray.is_initialized():
            try:
                with kept_signal_handlers():
                    address = _head_address(self._address)
                    if not is_listening(address):  # for which Ray would wait for two minutes
                        raise ConnectionError(f"nothing answers at {address}")
                    ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
            except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
                raise WorkerError(
                    f"cluster {self._address!r}: {connection_error_text(error)}"
                ) from error
            self._is_ours = True
        self._ray = ray
        self._task = ray.remote(num_cpus=1, max_retries=_RETRIES)(run_remote_task)
        self._head = ray.get_runtime_context().gcs_address

    def _check_nodes(self, job: Job, stop: Stop | None) -> None:
        """Let each node say whether it could do a job.

        Raises:
            WorkerError: one could not.
        """
        by_node = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        work = pickle.dumps((job, self._settings, self._cwd))
        asked = [
            self._task.options(
                num_cpus=0, max_retries=0, scheduling_strategy=by_node(node["NodeID"], soft=False)
            ).remote(f"{self._module}:check_node", node_versions(), work)
            for node in self._ray.nodes()
            if node["Alive"] and node["Resources"].get("CPU")
        ]
        end = time.monotonic() + _CHECK_SECONDS
        while asked and time.monotonic() < end and not (stop and stop.is_set()):
            done, asked = self._ray.wait(asked, timeout=_CHECK_STOP_SECONDS)
            for task in done:
                try:
                    self._result(task)
                except self._ray.exceptions.RayTaskError as error:
                    raise WorkerError(
                        f"a node has no thumbnailer that works: {_error_text(error)}"
                    ) from None
                except self._ray.exceptions.RayError:
                    continue  # it has died, and is no longer a node

    def _check_cluster(self) -> None:
        """See from time to time whether there is still a cluster, and how large it is.

        Raises:
            WorkerError: it has had no head or no processor for too long.
        """
        now = time.monotonic()
        if now - self._looked < _CHECK_CLUSTER_SECONDS:
            return
        self._looked = now
        if is_listening(self._head):
            self._headless = 0
            self._cpus = int(self._ray.cluster_resources().get("CPU", 0))
        else:
            self._headless = self._headless or now
            if now - self._headless > _HEADLESS_SECONDS:
                raise WorkerError(f"the cluster's head at {self._head} is lost; {_RESUME_HINT}")
        self._slotless = 0 if self._cpus else self._slotless or now
        if self._slotless and now - self._slotless > _SLOTLESS_SECONDS:
            raise WorkerError(f"the cluster has no processors; {_RESUME_HINT}")


def _head_address(address: str) -> str:
    """The address of a cluster's head, also of the one that `auto` means.

    Raises:
        ConnectionError: there is none.
    """
    if address != "auto":
        return address
    # Of the private parts the one that `ray.init` asks, which would not tell before it connects.
    from ray._private.services import canonicalize_bootstrap_address

    return canonicalize_bootstrap_address(address) or address


def _error_text(error: Any) -> str:
    """Why Ray has given up a task."""
    cause = getattr(error, "cause", None)
    if cause:  # the function itself has raised it, or could not be found
        return f"{type(cause).__name__}: {str(cause).strip().rpartition(chr(10))[2]}"
    if type(error).__name__ == "OutOfMemoryError":
        return "its node of the cluster had no memory left for it"
    return f"the node or the process of the cluster that had it died, {1 + _RETRIES} times"
