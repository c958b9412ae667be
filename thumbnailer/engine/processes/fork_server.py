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
import subprocess
import threading
from contextlib import suppress

from thumbnailer.engine.messages.pipe import End, is_ready
from thumbnailer.engine.processes.interpreters import new_pipe, start_interpreter

# What the server says of a process: its pid or, below 0, why there is none (errno); at its end, its
# exit code or, below 0, the signal.
NUMBER = struct.Struct("<q")

# The longest name of a module, and how many descriptors are sent beside it.
MAX_NAME_BYTES, SENT_DESCRIPTORS = 1000, 2

# Time-out for the pid of a process. Importing Pillow takes a tenth of a second; a machine that
# swaps may take hundreds of times as long.
_START_SECONDS = 60.0

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
        self._server: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def fork(self, module: str, end: End) -> ForkedProcess:
        """Return a new worker.

        Args:
            module: what the server imports before, so that each of its workers has it.
            end: the end of a pipe that the worker gets; to be closed here by the caller.

        Raises:
            OSError: it can't be started; if the server has died, the next call starts another.
            WorkerError: there is no interpreter to start.
        """
        status_fd, told_fd = os.pipe()
        try:
            with self._lock:
                self._server = self._server or _start_server()
                try:
                    _ask(self._server[1], module, (end.fileno(), told_fd))
                    os.close(told_fd)  # so that it reads as ended if the server dies
                    told_fd = -1
                    pid = _read_pid(status_fd)
                except BaseException:
                    self._drop()
                    raise
            if pid < 0:
                raise OSError(-pid, os.strerror(-pid))
            return ForkedProcess(pid, status_fd)
        except BaseException:
            os.close(status_fd)
            raise
        finally:
            if told_fd >= 0:
                os.close(told_fd)

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


def _start_server() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = new_pipe()
    assert isinstance(ours, socket.socket)
    try:
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
        raise OSError(_DIED) from error


def _read_pid(fd: int) -> int:
    if not is_ready(fd, _START_SECONDS, for_writing=False):
        raise OSError(f"the fork server is silent for {_START_SECONDS:g} s")
    told = os.read(fd, NUMBER.size)
    if len(told) < NUMBER.size:
        raise OSError(_DIED)
    pid: int = NUMBER.unpack(told)[0]
    return pid


FORK_SERVER = ForkServer()
atexit.register(FORK_SERVER.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=FORK_SERVER.leave_to_parent)
