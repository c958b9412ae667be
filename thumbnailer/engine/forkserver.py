"""Preloaded by the fork server for its side effects: silence stderr and prepare the sandbox.

A fork server that can't fork prints a traceback on stderr and dies. The process that asked for the
fork notices, tries again and reports it in words. Processes forked here get the real stderr back.

To find the C library, the sandbox's binding runs `ldconfig` once (3 ms) and imports many modules
(20 ms). Done here, this happens once for all workers, and before any picture is read. So does the
import of what each worker runs (5 ms).
"""

from __future__ import annotations

import os
from contextlib import suppress

from thumbnailer.engine import sandbox, worker_main  # noqa: F401

_saved_stderr: list[int] = []


def _silence_stderr() -> None:
    with suppress(OSError):  # there may be no stderr
        _saved_stderr.append(os.dup(2))
        devnull_fd = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull_fd, 2)
        os.close(devnull_fd)


def _restore_stderr() -> None:
    while _saved_stderr:  # empty in processes that a forked process forks
        saved_fd = _saved_stderr.pop()
        os.dup2(saved_fd, 2)
        os.close(saved_fd)


_silence_stderr()
sandbox.prepare()
os.register_at_fork(after_in_child=_restore_stderr)
