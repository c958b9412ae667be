"""Fork the fork server from this process itself, as if it were an interpreter that began anew."""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from thumbnailer.engine.processes.interpreters import blocked_sigint

# How many objects more there are before the collector looks for garbage: the number up to Python
# 3.12. The command, which holds no pictures, lets more pass.
_USUAL_THRESHOLD = 700


class Forked:
    """A process that was forked from this one: what of `subprocess.Popen` the server needs."""

    def __init__(self, pid: int) -> None:
        self.args, self.returncode = sys.argv, None
        self._pid = pid

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        with suppress(ChildProcessError, ProcessLookupError):
            if os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> int:
        """Wait for its end."""
        with suppress(ChildProcessError):  # this process's parent has it ignore SIGCHLD
            os.waitpid(self._pid, 0)
        return 0


def is_safe() -> bool:
    """Return whether this process can be forked: on Linux, if it has one thread, of any kind.

    A forked process lacks the other threads, but has the locks that they held. On macOS, system
    libraries don't work in it.
    """
    try:
        return sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def fork_server(number: int) -> Forked:
    """Fork the server.

    Args:
        number: the descriptor on which requests come to it; to be closed here by the caller.

    Raises:
        OSError: no process can be started.
    """
    with blocked_sigint():
        pid = os.fork()
        if pid == 0:
            _serve(number)
    return Forked(pid)


def _serve(number: int) -> NoReturn:
    """Be the server, with no more of the command than a new interpreter would have."""
    try:
        _forget_signals()
        _close_all_but(number)
        gc.set_threshold(_USUAL_THRESHOLD)
        from thumbnailer.engine.processes.fork_server_main import serve

        serve(number)
    finally:
        os._exit(1)  # and never back into the command


def _forget_signals() -> None:
    signal.set_wakeup_fd(-1)
    for caught in signal.valid_signals():
        if callable(signal.getsignal(caught)):  # by Python: else it is ignored, or not
            signal.signal(caught, signal.SIG_DFL)


def _close_all_but(number: int) -> None:
    """Put the null device in place of the standard streams, and close all else."""
    null_fd = os.open(os.devnull, os.O_RDWR)
    for stream_fd in range(3):
        os.dup2(null_fd, stream_fd)
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd != number:
            with suppress(OSError):  # the one by which they were listed
                os.close(fd)
