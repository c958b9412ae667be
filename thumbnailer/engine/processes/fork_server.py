"""The fork server, of which this process has one at most, from this process's side.

A worker that is forked from an interpreter that has imported all it needs takes 15 ms; one that
imports it itself takes 200.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from thumbnailer.engine.messages.pipe import End, is_ready
from thumbnailer.engine.processes import fork_here
from thumbnailer.engine.processes.interpreters import new_pipe, start_interpreter

if TYPE_CHECKING:
    import subprocess

    _Server = subprocess.Popen[bytes] | fork_here.Forked

# What the server says of a process: its pid or, below 0, why there is none (errno); at its end, its
# exit code or, below 0, the signal.
NUMBER = struct.Struct("<q")

# The longest name of a module, and how many descriptors are sent beside it.
MAX_NAME_BYTES, SENT_DESCRIPTORS = 1000, 2

# Time-out for the pid of a process. Importing Pillow takes a tenth of a second; a machine that
# swaps may take hundreds of times as long.
_START_SECONDS = 60.0

_NO_PYTHON = "{} has ended at once: if it is not this program's Python, set sys.executable"
_DIED = "the fork server has died, perhaps for want of processes or memory"


class ForkedProcess:
    """A process that the server has forked.

    Args:
        pid: its number.
        status_fd: where the server says how it ended; belongs to this object.
    """

    def __init__(self, pid: int, status_fd: int) -> None:
        self.pid = pid
        self._status_fd, self._lock = status_fd, threading.Lock()
        self._code: int | None = None

    def wait(self, seconds: float) -> int | None:
        """Wait for its end, and return its exit code, or below 0 its signal; None if it goes on.

        If the server has been killed, nobody knows: that is 255.
        """
        with self._lock:
            if self._code is None and is_ready(self._status_fd, seconds, for_writing=False):
                told = os.read(self._status_fd, NUMBER.size)
                self._code = NUMBER.unpack(told)[0] if len(told) == NUMBER.size else 255
                os.close(self._status_fd)
            return self._code

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        if self.wait(0) is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class ForkServer:
    """The server, which is started when it is first needed, and again when it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: tuple[_Server, socket.socket] | None = None
        self._has_worked = False

    def fork(self, module: str, end: End) -> ForkedProcess:
        """Return a new worker.

        Args:
            module: what the server imports before, so that each of its workers has it.
            end: the end of a pipe that the worker gets; to be closed here by the caller.

        Raises:
            OSError: it can't be started; if the server has died, the next call starts another.
            WorkerError: there is no interpreter to start.
        """
        with self._lock:
            process, connection = self._server = self._server or _start_server()
            status_fd, told_fd = os.pipe()
            try:
                try:
                    _ask(connection, module, (end.fileno(), told_fd))
                finally:
                    os.close(told_fd)  # so that the other end is at an end if the server dies
                pid = _read_pid(status_fd)
            except BaseException as error:
                os.close(status_fd)
                self._drop()
                if isinstance(error, EOFError):
                    command: Any = process.args
                    no_python = _NO_PYTHON.format(command[0])
                    raise OSError(_DIED if self._has_worked else no_python) from error
                raise
            self._has_worked = True
        if pid < 0:
            os.close(status_fd)
            raise OSError(-pid, os.strerror(-pid))
        return ForkedProcess(pid, status_fd)

    def fork_from_here(self) -> None:
        """Fork the server from this process, if there is none yet and that is safe."""
        with self._lock:
            if not self._server and fork_here.is_safe():
                with suppress(OSError):  # it will be tried again, and told, when there is work
                    self._server = _start_server(from_here=True)
                    self._has_worked = True

    def _drop(self) -> None:
        if self._server:
            process, connection = self._server
            self._server = None
            connection.close()
            process.kill()
            process.wait()

    def close(self) -> None:
        """End the server."""
        with self._lock:
            self._drop()

    def leave_to_parent(self) -> None:
        """Forget the server, in a process that has been forked from its own."""
        self._lock = threading.Lock()
        if self._server:
            process, connection = self._server
            self._server = None
            connection.close()
            process.returncode = 0  # else it would be waited for, here


def _start_server(*, from_here: bool = False) -> tuple[_Server, socket.socket]:
    ours, theirs = new_pipe()
    assert isinstance(ours, socket.socket)
    try:
        if from_here:
            return fork_here.fork_server(theirs.fileno()), ours
        return start_interpreter("forkserver", theirs), ours
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()


def _ask(server: socket.socket, module: str, descriptors: tuple[int, int]) -> None:
    try:
        socket.send_fds(server, [module.encode()[:MAX_NAME_BYTES]], descriptors)
    except OSError as error:
        raise EOFError from error


def _read_pid(fd: int) -> int:
    if not is_ready(fd, _START_SECONDS, for_writing=False):
        raise OSError(f"the fork server is silent for {_START_SECONDS:g} s")
    told = os.read(fd, NUMBER.size)
    if len(told) < NUMBER.size:
        raise EOFError
    pid: int = NUMBER.unpack(told)[0]
    return pid


FORK_SERVER = ForkServer()
atexit.register(FORK_SERVER.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=FORK_SERVER.leave_to_parent)
