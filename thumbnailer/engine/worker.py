"""The parent's side of one worker process: start it, send jobs, receive answers, kill it."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import select
import signal
import sys
import threading
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection

from thumbnailer.engine.memory_budget import MemoryBudget
from thumbnailer.engine.worker_main import JOB_PIECE_BYTES, PIECE_BYTES, PoolOptions, worker_main
from thumbnailer.errors import WorkerError
from thumbnailer.model import Answer, Failure, Job

# Time-out from the start of a process to its first message. Importing Pillow takes a tenth of a
# second; a machine that swaps may take hundreds of times as long.
_START_SECONDS = 60.0

# How often a worker that sends and takes nothing gets SIGCONT, in case it was stopped.
_CHECK_SECONDS = 1.0

# `multiprocessing` keeps one table of children for the whole process and polls each of them
# whenever one is started, which is not thread-safe.
_PROCESS_TABLE_LOCK = threading.Lock()

# Detects a process forked from this one: it inherits a fork server that is not its child.
_IMPORTING_PID = os.getpid()


class WorkerKilled(WorkerError):
    """Error for a worker that a signal ended while it started."""


class WorkerLost(Exception):
    """Error for a worker that died or timed out.

    Attributes:
        failure: which of the two happened during a job; None if it was dead before.
    """

    def __init__(self, failure: Failure | None) -> None:
        super().__init__(failure)
        self.failure = failure


class Worker:
    """A worker process that answers jobs; call `wait_until_ready` first and `close` last.

    Args:
        func: the function it calls for each job, as `module:name`; see `worker_main.Work`.
        options: those of its pool.

    Attributes:
        answered: how many jobs it has answered.

    Raises:
        WorkerError: the process can't be started.
    """

    def __init__(self, func: str, options: PoolOptions) -> None:
        self.answered = 0
        self._timeout_s = options.timeout_s
        method = start_method()
        context = multiprocessing.get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload(
                ["thumbnailer.engine.forkserver", func.partition(":")[0]]
            )
        try:
            self._pipe, child_pipe = context.Pipe()
            try:
                self._process = context.Process(  # type: ignore[attr-defined]
                    target=worker_main, args=(func, child_pipe, options), daemon=True
                )
                with _PROCESS_TABLE_LOCK, _hidden_main(), _blocked_sigint():
                    self._process.start()
            except BaseException:
                self._pipe.close()  # free a descriptor: multiprocessing's clean-up needs some
                raise
            finally:
                child_pipe.close()
        except Exception as error:
            raise WorkerError(f"no worker process can be started: {_error_text(error)}") from error

    def wait_until_ready(self) -> None:
        """Wait until the process is ready for jobs.

        Raises:
            WorkerError: it can't import its function, or sends nothing in time.
            WorkerKilled: it was ended by a signal.
        """
        try:
            reason = self._receive(time.monotonic() + _START_SECONDS)
        except TimeoutError:
            reason = f"silent for {_START_SECONDS:g} s"
        except (EOFError, OSError):
            reason = self._exit_reason()
        if reason:
            with _PROCESS_TABLE_LOCK:
                was_killed = (self._process.exitcode or 0) < 0
            kind = WorkerKilled if was_killed else WorkerError
            raise kind(f"no worker process can be started: {reason}")

    def run_jobs(self, jobs: list[Job], budget: MemoryBudget) -> list[Answer]:
        """Return the worker's answers to the jobs, in their order; a Failure where `func` raised.

        Its time-out does not count its waits for memory, which it claims from the budget.

        Raises:
            WorkerLost: it died, or did not answer in time; `close` must follow.
        """
        deadline = time.monotonic() + self._timeout_s
        claimed_bytes = 0
        try:
            try:
                self._send(pickle.dumps(jobs, pickle.HIGHEST_PROTOCOL), deadline)
            except ConnectionError as error:
                raise WorkerLost(None) from error
            while True:
                message = self._receive(deadline)
                if isinstance(message, list):
                    self.answered += len(message)
                    return message
                assert isinstance(message, int)
                budget.release(claimed_bytes)  # of the previous picture
                claimed_bytes = 0
                asked = time.monotonic()
                claimed_bytes = budget.acquire(message)
                deadline += time.monotonic() - asked
                self._pipe.send_bytes(b"")
        except TimeoutError:
            lost = Failure("timeout", f"timeout: took longer than {self._timeout_s:g} s")
            raise WorkerLost(lost) from None
        except (OSError, EOFError) as error:
            raise WorkerLost(Failure("crashed", f"crashed: {self._exit_reason()}")) from error
        finally:
            budget.release(claimed_bytes)

    def _send(self, message: bytes, deadline: float) -> None:
        """Send pickled jobs in pieces; wake the process if it takes no more of them.

        Raises:
            TimeoutError: it did not take them by `deadline` on the monotonic clock.
            ConnectionError: the worker has died.
        """
        parts = memoryview(message)
        self._pipe.send_bytes(parts[:JOB_PIECE_BYTES])
        for start in range(JOB_PIECE_BYTES, len(message) + 1, JOB_PIECE_BYTES):
            while not _wait_until_writable(self._pipe, _CHECK_SECONDS):
                if time.monotonic() >= deadline:
                    raise TimeoutError
                self._continue_if_stopped()
            self._pipe.send_bytes(parts[start : start + JOB_PIECE_BYTES])

    def _receive(self, deadline: float) -> object:
        """Return the worker's next message.

        Raises:
            TimeoutError: it did not come by `deadline` on the monotonic clock.
            OSError, EOFError: the worker has died.
        """
        pieces: list[bytes] = []
        while not pieces or len(pieces[-1]) == PIECE_BYTES:
            while not self._pipe.poll(max(0, min(_CHECK_SECONDS, deadline - time.monotonic()))):
                if time.monotonic() >= deadline:
                    raise TimeoutError
                self._continue_if_stopped()
            pieces.append(self._pipe.recv_bytes())
        return pickle.loads(b"".join(pieces))

    def _continue_if_stopped(self) -> None:
        """Send SIGCONT: it wakes a stopped process, and a running one ignores it."""
        if hasattr(signal, "SIGCONT"):
            with suppress(OSError):
                os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process at once; `close` must follow."""
        with _PROCESS_TABLE_LOCK, suppress(ValueError):
            self._process.kill()

    def close(self) -> None:
        """Kill the process if it still runs, and free its resources."""
        self._pipe.close()
        with _PROCESS_TABLE_LOCK, suppress(ValueError):
            self._process.kill()
            self._process.join(_START_SECONDS)
            self._process.close()

    def _exit_reason(self) -> str:
        with _PROCESS_TABLE_LOCK:
            self._process.join(1)
            code = self._process.exitcode
        if code is not None and code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"signal {-code}"
            hint = ", perhaps for want of memory" if name == "SIGKILL" else ""
            return f"the worker process was ended by {name}{hint}"
        return "the worker process ended by itself" if code in (0, 1) else "the worker process died"


def _wait_until_writable(pipe: Connection, seconds: float) -> bool:
    """Wait at most `seconds` for room in the pipe; return whether there is some."""
    if not hasattr(select, "poll"):  # Windows, whose pipes can't be polled
        return True
    poll = select.poll()
    poll.register(pipe.fileno(), select.POLLOUT)
    return bool(poll.poll(seconds * 1000))


def start_method() -> str:
    """Return how workers are started: by `forkserver` where possible, else by `spawn`.

    `spawn` is also used if the program has chosen it, or was forked after importing this module.
    `fork` is never used: it copies locks that other threads hold.
    """
    if (
        multiprocessing.get_start_method(allow_none=True) == "spawn"
        or os.getpid() != _IMPORTING_PID
    ):
        return "spawn"
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


@contextmanager
def _blocked_sigint() -> Iterator[None]:
    """Block SIGINT in this thread, so that processes it starts ignore Ctrl-C.

    A terminal sends SIGINT to all of its processes; only the parent is to act on it. Children
    inherit the blocked signal, so it holds from their first instant. This includes the fork server,
    and so all processes that the program starts from it.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # starting it unblocks SIGINT, so it has to come first
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _HiddenMain(types.ModuleType):
    """The caller's `__main__`, which to one thread looks like a module without a file."""

    def __init__(self, main: types.ModuleType) -> None:
        super().__init__("__main__")
        object.__getattribute__(self, "__dict__")["_main_and_thread"] = main, threading.get_ident()

    def __getattribute__(self, name: str) -> object:
        main, thread = object.__getattribute__(self, "__dict__")["_main_and_thread"]
        if name in ("__spec__", "__file__") and threading.get_ident() == thread:
            return None
        return getattr(main, name)


@contextmanager
def _hidden_main() -> Iterator[None]:
    """Hide the caller's script from `multiprocessing`, which would run it again in each worker.

    A worker does not need the script, and one without an `if __name__ == "__main__"` guard would
    start workers of its own there. Other threads see no difference.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = _HiddenMain(main)
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _error_text(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "the fork server has died, perhaps for want of processes or memory"
    return (isinstance(error, OSError) and error.strerror) or str(error)
