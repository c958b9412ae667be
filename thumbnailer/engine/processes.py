"""How processes are started, so that they have nothing to do with the program that asks for them.

`multiprocessing` starts three kinds of Python interpreters: workers, the fork server, and one that
looks after semaphores.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

# Detects a process forked from this one: it inherits a fork server that is not its child.
_IMPORTING_PID = os.getpid()

_PATH_LOCK = threading.Lock()


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
def apart_from_caller() -> Iterator[None]:
    """Let processes that this thread starts meanwhile neither run what belongs to the caller, nor
    end by Ctrl-C.
    """
    with safe_path(), _hidden_main(), _blocked_sigint():
        yield


@contextmanager
def safe_path() -> Iterator[None]:
    """Let interpreters that are started meanwhile not import from the working directory.

    `multiprocessing` starts them by `python -c`, which looks there first: in a folder of downloads
    a file `array.py` would run. Where the program itself imports from there, they may, too.

    PYTHONSAFEPATH: https://docs.python.org/3/using/cmdline.html#envvar-PYTHONSAFEPATH
    """
    name = "PYTHONSAFEPATH"
    with _PATH_LOCK:
        is_ours = name not in os.environ and not _imports_from_working_directory()
        if is_ours:
            os.environ[name] = "1"
        try:
            yield
        finally:
            if is_ours:
                os.environ.pop(name, None)


def _imports_from_working_directory() -> bool:
    try:
        here = os.getcwd()
    except FileNotFoundError:  # it has been deleted
        return False
    return any(isinstance(path, str) and os.path.abspath(path) == here for path in sys.path)


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
