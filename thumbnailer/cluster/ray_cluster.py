"""Run jobs on the nodes of a Ray cluster, behind the same `imap_unordered` as the local pool.

Jobs are sent in groups, each as one Ray task. Ray chooses the node, and runs the task again if a
node dies. If a task fails permanently, the jobs of its group are sent again one by one, so that
only a picture that kills its worker fails. However often a task runs, only one result is taken, and
files are written whole, so each job has one outcome.

(Tasks, and not `ray.util.multiprocessing.Pool`, which loses the jobs of an actor that dies.)

Jobs and outcomes travel pickled, as all does in Ray: the members of a cluster trust each other. The
pictures are decoded by a pool of workers on each node, whose answers are checked as elsewhere.

This is the only file that uses Ray, which is imported when there is work for it.
"""

from __future__ import annotations

import logging
import os
import pickle
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from thumbnailer.activity import Waiting
from thumbnailer.cluster.connect import (
    connection_error_text,
    disconnect,
    is_listening,
    preserve_signal_handlers,
)
from thumbnailer.cluster.head import Head
from thumbnailer.cluster.read_ahead import ReadAhead
from thumbnailer.cluster.remote_task import Caller, node_versions, run_remote_task
from thumbnailer.config.settings import Settings
from thumbnailer.door.nodes import environment_for_nodes
from thumbnailer.engine.groups import next_group_size
from thumbnailer.errors import ConfigError, WorkerError, install_hint, shortened
from thumbnailer.model import Failure, Job, Outcome, Stop

# A group has at most this many jobs, or as many as take about this long together. With few slots,
# long groups would leave some slots idle at the end. Fewer jobs instead would cost small pictures
# more: on two nodes a JPEG of 640x480 takes 3.1 ms of CPU time in groups of 16, 2.5 in those of 64.
_GROUP = 64
_GROUP_SECONDS, _FEW_SLOTS_SECONDS, _FEW_SLOTS = 4.0, 0.7, 8

# Tasks given to Ray at once, per slot: sending the next one to a node takes a while, and Ray's
# autoscaler adds nodes for tasks that wait. On several nodes, Ray keeps asking where these may run,
# which takes 0.2 ms of CPU time a small picture; with no task that waits, 0.03.
_WINDOW_PER_SLOT = 4

# How often Ray itself repeats a task whose node or process has died.
_RETRIES = 3

# How often a wait checks for something else to do.
_CHECK_STOP_SECONDS = 0.05

# How long the head may be silent. After 60 s, Ray's code in this process would end the process
# without a message of ours (gcs_rpc_server_reconnect_timeout_s).
_HEAD_LOST_SECONDS = 20.0

# How long there may be no slot at all: a newly requested node takes minutes to start.
_NO_SLOTS_SECONDS = 600.0

# How long to wait for nodes to report whether they can work; silent nodes are not rejected.
_CHECK_SECONDS = 60.0

# No usage statistics, few tries with a wrong token, and nothing on stdout about tasks that died.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_NUM_REDIS_GET_RETRIES": "2",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
}

_RESUME_HINT = "run the same command again to go on: what is made stays"


class RayCluster:
    """A Ray cluster that runs jobs; a context manager that leaves no task behind.

    It connects when there is work, unless the program is already connected to Ray.

    Args:
        address: `auto` for the cluster that this machine belongs to, or its head's `HOST:PORT`.
        settings: the settings of the run; sent to the nodes with each group.
        max_tasks: how many tasks may run at once; None for one per processor.
        module: the module that has the functions `run_jobs` and `check_node` for the nodes.

    Raises:
        ConfigError: Ray is not installed.
    """

    def __init__(
        self, address: str, settings: Settings, max_tasks: int | None, module: str
    ) -> None:
        if not find_spec("ray"):
            raise ConfigError(f"cluster = {shortened(address)!r}: needs Ray: {install_hint('ray')}")
        self._address, self._settings, self._max_tasks = address, settings, max_tasks
        self._module, self._caller = module, Caller(os.getcwd(), {})
        self._ray: Any = None
        self._head: Head | None = None
        self._running: dict[Any, list[Job]] = {}
        self._has_connected, self._no_slots_since = False, 0.0

    def __enter__(self) -> RayCluster:
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect, if this object has connected; Ray then ends this program's tasks."""
        if self._head:
            self._head.close()
        if self._has_connected:
            disconnect(self._ray)

    def imap_unordered(
        self, items: Iterable[Job | Outcome | None], stop: Stop | None = None
    ) -> Generator[Outcome, None, None]:
        """Yield each job's outcome in order of completion; pass on outcomes among the items.

        `items` is read by a background thread, at most two groups ahead of what the cluster works
        on, so that results come even while `items` has nothing to give. What they raise is raised
        after the outcomes of the jobs before. Once `stop` is set the iterator ends, and jobs
        without an outcome are dropped.

        Raises:
            WorkerError: there is no such cluster, it refuses the connection or has lost its head,
                or one of its nodes can't do the work.
        """
        running = self._running = {}
        to_retry: list[list[Job]] = []
        group: list[Job] = []
        size = 1
        with closing(_read_ahead(items)) as prefetched, self._cancel_at_exit(running):
            while not prefetched.ended or group or to_retry or running:
                taken = 0
                while taken < _GROUP and len(group) < size:
                    if stop and stop.is_set():
                        return
                    item = prefetched.take(0 if running or taken else _CHECK_STOP_SECONDS)
                    if item is None:
                        break
                    taken += 1
                    if isinstance(item, Outcome):
                        yield item
                    else:
                        group.append(item)
                if group and not self._head:
                    self._check_nodes(self._connect(), group[0], stop)
                cpus = self._checked_cpus(self._head) if self._head else 0
                slots = self._max_tasks or cpus
                window = self._max_tasks or max(1, cpus) * _WINDOW_PER_SLOT
                while to_retry and len(running) < window:
                    self._send(to_retry.pop(), running)
                is_ready = len(group) >= size or len(running) < slots or prefetched.ended
                if group and len(running) < window and is_ready:
                    self._send(group, running)
                    group, taken = [], 1
                if stop and stop.is_set():
                    return
                for jobs, outcomes in self._completed(running, wait=not taken):
                    if outcomes:
                        seconds = _FEW_SLOTS_SECONDS if slots < _FEW_SLOTS else _GROUP_SECONDS
                        size = next_group_size(outcomes, size, seconds, _GROUP)
                        yield from outcomes
                    else:
                        to_retry += ([job] for job in jobs)
            if prefetched.error:
                raise prefetched.error

    def waits_for(self) -> Waiting | None:
        """Return the cluster, as long as it has work."""
        return Waiting("cluster", self._address) if self._running else None

    def _send(self, jobs: list[Job], running: dict[Any, list[Job]]) -> None:
        work = pickle.dumps((jobs, self._settings, self._caller), pickle.HIGHEST_PROTOCOL)
        running[self._task.remote(f"{self._module}:run_jobs", node_versions(), work)] = jobs

    def _completed(
        self, running: dict[Any, list[Job]], *, wait: bool
    ) -> Iterator[tuple[list[Job], list[Outcome]]]:
        """Yield finished groups and their outcomes; none if the jobs must be retried one by one.

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
                reason = f"crashed: {_error_text(error)}"
                failure = Failure("crashed", reason, lasts=False, suspect=True)
                lost = [Outcome(job.source, "failed", error=failure) for job in jobs]
                yield jobs, lost if len(jobs) == 1 else []
            else:
                yield jobs, result

    def _result(self, task: Any) -> Any:
        """Return the result of a task.

        Raises:
            RayError: it has failed.
            WorkerError: its node can't do this work.
        """
        reason, result = pickle.loads(self._ray.get(task))
        if reason:
            raise WorkerError(reason)
        return result

    @contextmanager
    def _cancel_at_exit(self, running: dict[Any, list[Job]]) -> Iterator[None]:
        try:
            yield
        finally:
            for task in running:
                with suppress(self._ray.exceptions.RayError):
                    self._ray.cancel(task)

    def _connect(self) -> Head:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import ray

        if not ray.is_initialized():
            try:
                with preserve_signal_handlers():
                    address = _head_address(self._address)
                    if not is_listening(address):  # Ray itself would wait for two minutes
                        raise ConnectionError(f"nothing answers at {address}")
                    ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
            except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
                raise WorkerError(
                    f"cluster {shortened(self._address)!r}: {connection_error_text(error)}"
                ) from error
            self._has_connected = True
        self._ray = ray
        self._task = ray.remote(num_cpus=1, max_retries=_RETRIES)(run_remote_task)
        self._head = Head(ray.get_runtime_context().gcs_address, ray.nodes)
        return self._head

    def _check_nodes(self, head: Head, job: Job, stop: Stop | None) -> None:
        """Ask each node whether it can do a job.

        Raises:
            WorkerError: one can't, or the head does not answer.
        """
        while not head.has_answered(_CHECK_STOP_SECONDS) and not (stop and stop.is_set()):
            _check_silence(head)
        places = job.source.path, os.fspath(self._settings.output)
        shared = environment_for_nodes(self._settings, *places)
        self._caller = replace(self._caller, environment=shared)
        by_node = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        work = pickle.dumps((job, self._settings, self._caller))
        asked = [
            self._task.options(
                num_cpus=0, max_retries=0, scheduling_strategy=by_node(node["NodeID"], soft=False)
            ).remote(f"{self._module}:check_node", node_versions(), work)
            for node in head.nodes
        ]
        deadline = time.monotonic() + _CHECK_SECONDS
        while asked and time.monotonic() < deadline and not (stop and stop.is_set()):
            done, asked = self._ray.wait(asked, timeout=_CHECK_STOP_SECONDS)
            for task in done:
                try:
                    self._result(task)
                except self._ray.exceptions.RayTaskError as error:
                    raise WorkerError(
                        f"a node has no thumbnailer that works: {_error_text(error)}"
                    ) from None
                except self._ray.exceptions.RayError:
                    continue  # the node has died, so it need not pass

    def _checked_cpus(self, head: Head) -> int:
        """Return how many processors the cluster has.

        Raises:
            WorkerError: it has had no head or no processors for too long.
        """
        _check_silence(head)
        cpus, now = head.cpus, time.monotonic()
        self._no_slots_since = 0 if cpus else self._no_slots_since or now
        if self._no_slots_since and now - self._no_slots_since > _NO_SLOTS_SECONDS:
            raise WorkerError(f"the cluster has no processors; {_RESUME_HINT}")
        return cpus


def _check_silence(head: Head) -> None:
    """Raise a WorkerError if the head has not answered for too long."""
    if head.silent_seconds > _HEAD_LOST_SECONDS:
        raise WorkerError(f"the cluster's head at {head.address} is lost; {_RESUME_HINT}")


def _read_ahead(items: Iterable[Job | Outcome | None]) -> ReadAhead[Job | Outcome | None]:
    """Return what reads the items in the background: a new one, or themselves."""
    if not isinstance(items, ReadAhead):
        return ReadAhead(items, 2 * _GROUP)
    items.max_items = 2 * _GROUP
    return items


def _head_address(address: str) -> str:
    """Return the address of the cluster's head; look it up for `auto`.

    Raises:
        ConnectionError: there is none.
    """
    if address != "auto":
        return address
    # A private function: the one that `ray.init` uses, which gives no address before it connects.
    from ray._private.services import canonicalize_bootstrap_address

    return canonicalize_bootstrap_address(address) or address


def _error_text(error: Any) -> str:
    """Return why Ray has given up a task, in words."""
    cause = getattr(error, "cause", None)
    if cause:  # raised by the function itself, or by looking it up
        return f"{type(cause).__name__}: {str(cause).strip().rpartition(chr(10))[2]}"
    if type(error).__name__ == "OutOfMemoryError":
        return "its node of the cluster had no memory left for it"
    return f"the node or the process of the cluster that had it died, {1 + _RETRIES} times"
