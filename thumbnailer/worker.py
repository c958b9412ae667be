"""One worker process, seen from both ends of its pipe."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection

from thumbnailer.errors import WorkerError
from thumbnailer.model import Answer, Failure, Job, Rendering

# From the start of a process to its first word. Importing Pillow takes a tenth of a second; a
# machine that swaps may take hundreds of times as long.
_START_SECONDS = 60.0

# `multiprocessing` keeps one table of children for the whole process and polls each of them
# whenever one is started, which is not made for several threads.
_CHILDREN = threading.Lock()

# A process forked from this one inherits a fork server that is not its child.
_HOME = os.getpid()


class WorkerLost(Exception):
    """A worker died over a job or took too long; `failure` says which. None: it was dead before."""

    def __init__(self, failure: Failure | None) -> None:
        super().__init__(failure)
        self.failure = failure


class Worker:
    """A process that answers jobs, one at a time; `greet` it first and `bury` it last.

    Args:
        func: what it does with a Job, as `module:name`; returns a Rendering or a Failure.

    Raises:
        WorkerError: the process can't be started.
    """

    def __init__(self, func: str) -> None:
        method = start_method()
        context = multiprocessing.get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload([func.partition(":")[0]])
        try:
            self._pipe, theirs = context.Pipe()
            try:
                self._process = context.Process(target=_serve, args=(func, theirs), daemon=True)  # type: ignore[attr-defined]
                with _CHILDREN, _without_main(), _without_ctrl_c():
                    self._process.start()
            finally:
                theirs.close()
        except Exception as error:
            raise WorkerError(f"no worker process can be started: {error}") from error

    def greet(self) -> None:
        """Wait until it is ready.

        Raises:
            WorkerError: it can't import its function, or died, or says nothing.
        """
        try:
            ready = self._pipe.poll(_START_SECONDS)
            trouble = self._pipe.recv() if ready else f"silent for {_START_SECONDS:g} s"
        except (EOFError, OSError):
            trouble = self._epitaph()
        if trouble:
            raise WorkerError(f"no worker process can be started: {trouble}")

    def ask(self, jobs: list[Job], timeout_s: float) -> list[Answer]:
        """The worker's answers to some jobs, in their order; a Failure where `func` raised.

        Raises:
            WorkerLost: it died, or did not answer in time; it must be buried.
        """
        try:
            self._pipe.send_bytes(pickle.dumps(jobs, pickle.HIGHEST_PROTOCOL))
        except OSError as error:
            raise WorkerLost(None) from error
        try:
            if not self._pipe.poll(timeout_s):
                raise WorkerLost(Failure("timeout", f"timeout: took longer than {timeout_s:g} s"))
            answers: list[Answer] = pickle.loads(self._pipe.recv_bytes())
            return answers
        except (OSError, EOFError) as error:
            raise WorkerLost(Failure("crashed", f"crashed: {self._epitaph()}")) from error

    def kill(self) -> None:
        """End the process at once; `bury` must follow."""
        with _CHILDREN, suppress(ValueError):
            self._process.kill()

    def bury(self) -> None:
        """End the process if need be and free all that it held."""
        self._pipe.close()
        with _CHILDREN, suppress(ValueError):
            self._process.kill()
            self._process.join(_START_SECONDS)
            self._process.close()

    def _epitaph(self) -> str:
        with _CHILDREN:
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


def start_method() -> str:
    """How workers are started: `spawn` where the program has chosen it or there is nothing better,
    else `forkserver`; never `fork`, which copies locks that other threads hold."""
    if multiprocessing.get_start_method(allow_none=True) == "spawn" or os.getpid() != _HOME:
        return "spawn"
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
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


class _MainForOthers(types.ModuleType):
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
def _without_main() -> Iterator[None]:
    """Hide the caller's script from `multiprocessing`, which would run it again in each worker.

    A worker needs nothing of it, and a script without an `if __name__ == "__main__"` guard would
    start workers of its own there. Other threads see no difference.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = _MainForOthers(main)
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _serve(name: str, pipe: Connection) -> None:
    """The life of a worker process: find its function, then answer jobs until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        module, _, attribute = name.partition(":")
        func = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")
        return
    pipe.send("")
    _silence()
    while True:
        try:
            jobs = pickle.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        answers = [_answer(func, job) for job in jobs]
        try:
            # Plain pickle: what `Connection.send` adds, for locks and sockets, takes 15 µs more.
            pipe.send_bytes(pickle.dumps(answers, pickle.HIGHEST_PROTOCOL))
        except (BrokenPipeError, ConnectionResetError):
            return


def _answer(func: Callable[[Job], Rendering | Failure], job: Job) -> Answer:
    started = time.perf_counter()
    result: Rendering | Failure
    try:
        result = func(job)
    except BaseException as error:  # SystemExit too: it would end the worker, not the picture
        result = Failure("crashed", f"crashed: {type(error).__name__}: {error}")
    return Answer(result, time.perf_counter() - started)


def _end_with_parent() -> None:
    """Wait for the parent's end, even by SIGKILL, and follow it in the middle of a picture."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _silence() -> None:
    """Keep the codecs' own words from stdout and stderr: hundreds of lines for one broken TIFF."""
    warnings.simplefilter("ignore")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
