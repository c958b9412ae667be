"""Start Python interpreters, each with one end of a pipe to this process."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from thumbnailer.engine.messages.pipe import End
from thumbnailer.engine.processes import child
from thumbnailer.errors import WorkerError

if TYPE_CHECKING:
    import subprocess

_IS_WINDOWS = sys.platform == "win32"

# What an interpreter runs. Its path is that of this one: it imports the same modules.
_CODE = """
import sys
sys.path[:] = {path}
from {module} import main
main()
"""


def new_pipe() -> tuple[End, End]:
    """Return the two ends of a pipe, for this process and for another."""
    if _IS_WINDOWS:
        from multiprocessing.connection import Pipe

        return Pipe()
    ours, theirs = socket.socketpair()
    if theirs.fileno() > 2:
        return ours, theirs
    with theirs:  # the program has closed its standard streams; those of the other are replaced
        spare = [theirs.dup() for _ in range(3 - theirs.fileno())]
    for other in spare[:-1]:
        other.close()
    return ours, spare[-1]


def start_interpreter(kind: str, end: End) -> subprocess.Popen[bytes]:
    """Start an interpreter that does what `child.main` does for a kind of process.

    It neither runs what belongs to the program, nor imports from the working directory (`-P`: in a
    folder of downloads a file `array.py` would run), nor ends by Ctrl-C.

    Args:
        end: the end of a pipe that it gets; to be closed here by the caller.

    Raises:
        OSError: no process can be started.
        WorkerError: there is no interpreter to start.
    """
    import subprocess  # 3 ms, which a forked server spares

    command, options, environment = _command(), dict[str, Any](), dict(os.environ)
    if sys.platform == "win32":
        # In a virtual environment, `python.exe` only starts another one, which is not ours to kill
        # and to wait for. That one takes the environment from this variable, as the first one has
        # it do (CPython: PC/venvlauncher.c and Modules/getpath.py).
        base = getattr(sys, "_base_executable", sys.executable)
        if command[0] == sys.executable != base:
            command[0] = base
            environment["__PYVENV_LAUNCHER__"] = sys.executable
        os.set_handle_inheritable(end.fileno(), True)
        handles = {"handle_list": [end.fileno()]}
        options["startupinfo"] = subprocess.STARTUPINFO(lpAttributeList=handles)
        options["creationflags"] = subprocess.CREATE_NO_WINDOW
    else:
        options["pass_fds"] = [end.fileno()]
    with blocked_sigint():
        return subprocess.Popen(
            [*command, kind, str(end.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            **options,
        )


def _command() -> list[str]:
    """Return the command that runs `child.main`, but for its arguments."""
    if getattr(sys, "frozen", False):
        if not child.is_supported:
            raise WorkerError(
                "no worker process can be started: in a frozen program, thumbnailer."
                "freeze_support() has to be called first, before anything else is done"
            )
        return [sys.executable, child.FLAG]
    path = ascii([folder for folder in sys.path if isinstance(folder, str)])
    import subprocess

    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    code = _CODE.format(path=path, module=child.__name__)
    return [_python(), *flags, "-P", "-c", code]


def _python() -> str:
    """Return the path of a Python interpreter, which in an embedded one `sys.executable` is not."""
    chosen = getattr(sys.modules.get("multiprocessing.spawn"), "get_executable", lambda: None)()
    named = [os.fsdecode(chosen)] if chosen else []
    if named and named[0] != sys.executable:  # by `multiprocessing.set_executable`
        return named[0]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    beside = (os.path.join("bin", version), "python.exe")
    for path in [sys.executable, *(os.path.join(sys.exec_prefix, name) for name in beside)]:
        if path and "py" in os.path.basename(path).lower() and os.access(path, os.X_OK):
            return path
    raise WorkerError(
        f"no worker process can be started: sys.executable is {sys.executable!r}, which is no "
        "Python; multiprocessing.set_executable names one"
    )


@contextmanager
def blocked_sigint() -> Iterator[None]:
    """Block SIGINT in this thread, so that processes it starts ignore Ctrl-C.

    A terminal sends SIGINT to all of its processes; only the parent is to act on it. Children
    inherit the blocked signal, so it holds from their first instant.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
