"""The fork server itself: a process that forks a worker when it is asked to."""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
from contextlib import suppress
from importlib import import_module

from thumbnailer.engine import sandbox
from thumbnailer.engine.processes.fork_server import MAX_NAME_BYTES, NUMBER, SENT_DESCRIPTORS
from thumbnailer.engine.worker_main import worker_main


def serve(number: int) -> None:
    """Fork a worker for each request, and tell how each ended, until the program ends.

    A request is the name of a module, and two descriptors: of the worker's pipe, and of one where
    its pid and its end are told.

    Args:
        number: the descriptor on which requests come.
    """
    requests = socket.socket(fileno=number)
    requests.setblocking(True)
    woken_fd, waker_fd = os.pipe()
    for fd in (woken_fd, waker_fd):
        os.set_blocking(fd, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker_fd, warn_on_full_buffer=False)
    told_fds: dict[int, int] = {}  # by pid
    while True:
        ready, _, _ = select.select([number, woken_fd], [], [])
        if woken_fd in ready:
            with suppress(BlockingIOError):
                os.read(woken_fd, 4096)
            _tell_ends(told_fds)
        if number in ready:
            name, received, _, _ = socket.recv_fds(requests, MAX_NAME_BYTES, SENT_DESCRIPTORS)
            if len(received) < SENT_DESCRIPTORS:
                return
            pipe_fd, told_fd = received
            _load(name.decode())
            pid = _fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                requests.close()
                for fd in (woken_fd, waker_fd, told_fd, *told_fds.values()):
                    os.close(fd)
                try:
                    worker_main(pipe_fd)
                finally:
                    os._exit(1)
            os.close(pipe_fd)
            _tell(told_fd, pid)
            if pid > 0:
                told_fds[pid] = told_fd
            else:
                os.close(told_fd)


def _load(module: str) -> None:
    """Import once what all workers need, before any picture is read."""
    gc.disable()  # nothing of it is garbage
    # What looks for the C library runs `ldconfig` (3 ms) and imports much (20 ms), the first time.
    sandbox.prepare()
    with suppress(Exception):  # the worker will tell
        import_module(module)
    gc.enable()
    gc.freeze()  # a collection in a worker would write to each object, and so copy all pages


def _fork() -> int:
    """Return 0 in a new process, and here its pid, or below 0 why there is none (errno)."""
    try:
        return os.fork()
    except OSError as error:
        return -(error.errno or 1)


def _tell_ends(told_fds: dict[int, int]) -> None:
    """Tell of each process that has ended how it did."""
    while told_fds:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        told_fd = told_fds.pop(pid, None)
        if told_fd is not None:
            _tell(told_fd, os.waitstatus_to_exitcode(status))
            os.close(told_fd)


def _tell(fd: int, number: int) -> None:
    with suppress(OSError):  # nobody wants to know any more
        os.write(fd, NUMBER.pack(number))
