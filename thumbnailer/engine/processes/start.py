"""Start a worker process in the way that is best here.

Not by `multiprocessing`, though it does nearly this. It refuses in daemonic processes, such as the
workers of Celery; shares one fork server with the caller's own processes; runs the caller's script
again in each worker; needs a folder for its socket, and a process that looks after semaphores.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from thumbnailer.engine.messages.pipe import End
from thumbnailer.engine.processes.fork_server import FORK_SERVER
from thumbnailer.engine.processes.interpreters import new_pipe, start_interpreter

if TYPE_CHECKING:
    import subprocess

_may_fork_from_here = False


class Process(Protocol):
    """A worker process."""

    @property
    def pid(self) -> int:
        """Its number."""

    def wait(self, seconds: float) -> int | None:
        """Wait for its end, and return its exit code, or below 0 its signal; None if it goes on."""

    def kill(self) -> None:
        """Kill it, unless it has ended."""


class _OwnProcess:
    """An interpreter that is a child of this process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self.pid = process, process.pid

    def wait(self, seconds: float) -> int | None:
        from subprocess import TimeoutExpired

        with suppress(TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def kill(self) -> None:
        with suppress(PermissionError):  # on Windows: it has just ended
            self._process.kill()


def start_method() -> str:
    """Return how workers are started: `forkserver`, or `spawn`, each as a Python of its own.

    `spawn` is for Windows, and for programs that have chosen it for `multiprocessing`.
    """
    context = getattr(sys.modules.get("multiprocessing.context"), "_default_context", None)
    is_chosen = context and context.get_start_method(allow_none=True) == "spawn"
    can_fork = hasattr(os, "fork") and hasattr(socket, "send_fds")
    return "forkserver" if can_fork and not is_chosen else "spawn"


def allow_fork_from_here() -> None:
    """Let `before_threads` fork the fork server from this process: for a command.

    It has imported half of what the server needs, and a fork takes 2 ms; an interpreter that begins
    anew takes 60. The library's caller may have threads, which hold locks that nobody in a forked
    process would ever release, and much else that is not for workers.
    """
    global _may_fork_from_here
    _may_fork_from_here = True


def before_threads() -> None:
    """Do what has to be done before the first thread that waits for workers is started."""
    if _may_fork_from_here and start_method() == "forkserver":
        FORK_SERVER.fork_from_here()


def start_worker(module: str) -> tuple[Process, End]:
    """Start a worker process; return it, and this process's end of the pipe to it.

    Args:
        module: what it will import to work.

    Raises:
        OSError: no process can be started.
        WorkerError: there is no interpreter to start.
    """
    ours, theirs = new_pipe()
    try:
        if start_method() == "forkserver":
            return FORK_SERVER.fork(module, theirs), ours
        return _OwnProcess(start_interpreter("worker", theirs)), ours
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
