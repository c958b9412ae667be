"""What the interpreters run that this program starts."""

from __future__ import annotations

import os
import sys

# The first argument of a frozen program that is started as one of its own processes.
FLAG = "--thumbnailer-process"

# Whether a frozen program can be started so.
is_supported = False


def main() -> None:
    """Do what the last two arguments say: a kind of process, and the number of a pipe's end.

    A kind is `worker` or `forkserver`; the number is a descriptor, or on Windows a handle.
    """
    kind, number = sys.argv[-2:]
    if kind == "forkserver":
        from thumbnailer.engine.processes.fork_server_main import serve

        serve(int(number))
    else:
        from thumbnailer.engine.worker_main import worker_main

        worker_main(int(number))
    os._exit(0)


def freeze_support() -> None:
    """Let a frozen program (PyInstaller, Nuitka and the like) start worker processes.

    There is no Python to start in such a program, so it starts itself. Call this first in it,
    before anything else is done: in a process that was started as a worker, it does that work and
    does not return. Elsewhere it does nothing.

        from thumbnailer import freeze_support, make_thumbnails

        freeze_support()
        make_thumbnails("Pictures")
    """
    global is_supported
    is_supported = True
    if sys.argv[1:2] == [FLAG]:
        main()
