"""One worker process, seen from the end of the pipe that gives it work."""

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
from thumbnailer.engine.worker_main import JOB_PIECE_BYTES, PIECE_BYTES, WorkerLimits, worker_main
from thumbnailer.errors import WorkerError
from thumbnailer.model import Answer, Failure, Job

# From the start of a process to its first word. Importing Pillow takes a tenth of a second; a
# machine that swaps may take hundreds of times as long.
_START_SECONDS = 60.0

# How often a worker that keeps silent is looked after.
_CHECK_SECONDS = 1.0

# `multiprocessing` keeps one table of children for the whole process and polls each of them
# whenever one is started, which is not made for several threads.
_PROCESS_TABLE = threading.Lock()

# A process forked from this one inherits a fork server that is not its child.
_IMPORTING_PID = os.getpid()


class WorkerKilled(WorkerError):
    """A worker was ended by a signal while it started."""


class WorkerLost(Exception):
    """A worker died over a job or took too long; `failure` says which. None: it was dead before."""

    def __init__(self, failure: Failure | None) -> None:
        super().__init__(failure)
        self.failure = failure


class Worker:
    """A process that answers jobs, one at a time; `greet` it first and `bury` it last.

    Args:
        func: what it does with a Job, as `module:name`; returns a Rendering or a Failure.
        confinement: what it may do.

    Attributes:
        answered: how many jobs it has answered.

    Raises:
        WorkerError: the process can't be started.
    """

    def __init__(self, func: str, confinement: WorkerLimits) -> None:
        self.answered = 0
        method = start_method()
        context = multiprocessing.get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload(
                ["thumbnailer.engine.forkserver", func.partition(":")[0]]
            )
        try:
            self._pipe, theirs = context.Pipe()
            try:
                self._process = context.Process(  # type: ignore[attr-defined]
                    target=worker_main, args=(func, theirs, confinement), daemon=True
                )
                with _PROCESS_TABLE, _hidden_main(), _blocked_sigint():
                    self._process.start()
            except BaseException:
                self._pipe.close()  # multiprocessing needs descriptors for its own clean-up
                raise
            finally:
                theirs.close()
        except Exception as error:
            raise WorkerError(f"no worker process can be started: {_error_text(error)}") from error

    def wait_until_ready(self) -> None:
        """Wait until it is ready.

        Raises:
            WorkerError: it can't import its function, or says nothing.
            WorkerKilled: it was ended by a signal.
        """
        try:
            trouble = self._receive(time.monotonic() + _START_SECONDS)
        except TimeoutError:
            trouble = f"silent for {_START_SECONDS:g} s"
        except (EOFError, OSError):
            trouble = self._exit_reason()
        if trouble:
            with _PROCESS_TABLE:
                was_killed = (self._process.exitcode or 0) < 0
            kind = WorkerKilled if was_killed else WorkerError
            raise kind(f"no worker process can be started: {trouble}")

    def run_jobs(self, jobs: list[Job], timeout_s: float, budget: MemoryBudget) -> list[Answer]:
        """The worker's answers to some jobs, in their order; a Failure where `func` raised.

        Args:
            timeout_s: how long it may take, not counting its waits for memory.
            budget: where it gets the memory that it claims.

        Raises:
            WorkerLost: it died, or did not answer in time; it must be buried.
        """
        deadline = time.monotonic() + timeout_s
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
                budget.release(claimed_bytes)  # of the picture before
                claimed_bytes = 0
                asked = time.monotonic()
                claimed_bytes = budget.acquire(message)
                deadline += time.monotonic() - asked
                self._pipe.send_bytes(b"")
        except TimeoutError:
            lost = Failure("timeout", f"timeout: took longer than {timeout_s:g} s")
            raise WorkerLost(lost) from None
        except (OSError, EOFError) as error:
            raise WorkerLost(Failure("crashed", f"crashed: {self._exit_reason()}")) from error
        finally:
            budget.release(claimed_bytes)

    def _send(self, message: bytes, deadline: float) -> None:
        """Send jobs; whoever does not take all of them is looked after.

        Raises:
            TimeoutError: it did not take them by `deadline` on the monotonic clock.
            ConnectionError: the worker has died.
        """
        parts = memoryview(message)
        self._pipe.send_bytes(parts[:JOB_PIECE_BYTES])
        for start in range(JOB_PIECE_BYTES, len(message) + 1, JOB_PIECE_BYTES):
            while not _takes_more(self._pipe, _CHECK_SECONDS):
                if time.monotonic() >= deadline:
                    raise TimeoutError
                self._continue_if_stopped()
            self._pipe.send_bytes(parts[start : start + JOB_PIECE_BYTES])

    def _receive(self, deadline: float) -> object:
        """A message of the worker's, by `deadline` on the monotonic clock.

        Raises:
            TimeoutError: it did not come.
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
        """Wake the process if somebody has stopped it; any other does not notice."""
        if hasattr(signal, "SIGCONT"):
            with suppress(OSError):
                os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End the process at once; `bury` must follow."""
        with _PROCESS_TABLE, suppress(ValueError):
            self._process.kill()

    def close(self) -> None:
        """End the process if need be and free all that it held."""
        self._pipe.close()
        with _PROCESS_TABLE, suppress(ValueError):
            self._process.kill()
            self._process.join(_START_SECONDS)
            self._process.close()

    def _exit_reason(self) -> str:
        with _PROCESS_TABLE:
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


def _takes_more(pipe: Connection, seconds: float) -> bool:
    """Wait until something can be written."""
    if not hasattr(select, "poll"):  # Windows, whose pipes can't be asked
        return True
    poll = select.poll()
    poll.register(pipe.fileno(), select.POLLOUT)
    return bool(poll.poll(seconds * 1000))


def start_method() -> str:
    """How workers are started: `spawn` where the program has chosen it or there is nothing better,
    else `forkserver`; never `fork`, which copies locks that other threads hold."""
    if (
        multiprocessing.get_start_method(allow_none=True) == "spawn"
        or os.getpid() != _IMPORTING_PID
    ):
        return "spawn"
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


@contextmanager
def _blocked_sigint() -> Iterator[None]:
    """Let the processes that this thread starts leave Ctrl-C, which goes to all of a terminal's
    processes, to their parent, from their first instant on: they inherit what is blocked here.

    This includes the fork server, and so whatever else the program starts from it.
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
    """The caller's `__main__`, but for one thread a module that came from no file."""

    def __init__(self, main: types.ModuleType) -> None:
        super().__init__("__main__")
        object.__getattribute__(self, "__dict__")["_real"] = main, threading.get_ident()

    def __getattribute__(self, name: str) -> object:
        main, thread = object.__getattribute__(self, "__dict__")["_real"]
        if name in ("__spec__", "__file__") and threading.get_ident() == thread:
            return None
        return getattr(main, name)


@contextmanager
def _hidden_main() -> Iterator[None]:
    """Hide the caller's script from `multiprocessing`, which would run it again in each worker.

    A worker needs nothing of it, and a script without an `if __name__ == "__main__"` guard would
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
