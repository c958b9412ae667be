"""Wall time, CPU time and memory of commands with all their descendants."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h

# At 20 looks a second the looking takes 1 % of a processor.
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took.

    Attributes:
        wall_s, cpu_s: in seconds; CPU time in user and system mode, of all descendants.
        memory_mib: the most that all its processes held together, pages that they share counted
            once (PSS, looked at 20 times a second); 0 where there is no /proc.
        own_mib: the most that the command's own process held (RSS).
    """

    wall_s: float
    cpu_s: float
    memory_mib: float
    own_mib: float


@dataclass(slots=True)
class Peaks:
    """The most memory seen, in KiB: of all processes together, and of each by its number."""

    together: int = 0
    alone: dict[int, int] = field(default_factory=dict)


def run(commands: Sequence[Sequence[str]], folder: Path | None = None) -> Cost:
    """Run commands one after the other in a folder, each to the end of its last descendant.

    Workers of a fork server are no children of the program that uses them. As a subreaper this
    process inherits them all, and so sees their CPU time.

    Raises:
        subprocess.CalledProcessError: one has failed.
    """
    adopt_orphans()
    before, begin = _cpu_seconds(), time.perf_counter()
    own = []
    with watched_memory() as peaks:
        for command in commands:
            process = subprocess.Popen(
                command, cwd=folder, env=_environment(), stdout=subprocess.DEVNULL
            )
            own.append(process.pid)
            if process.wait():
                raise subprocess.CalledProcessError(process.returncode, command)
        wall = time.perf_counter() - begin
        reap()
    return Cost(
        wall,
        _cpu_seconds() - before,
        peaks.together / 1024,
        max(peaks.alone.get(pid, 0) for pid in own) / 1024,
    )


def _environment() -> dict[str, str]:
    """That of this process, but that Python keeps its bytecode, as installed packages have it: to
    compile ours anew takes 0.2 s in each of two processes."""
    return {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def adopt_orphans() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap() -> None:
    """Wait for all descendants that have been left behind."""
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def watched_memory() -> Iterator[Peaks]:
    """Look at the memory of all descendants until the end of the block."""
    peaks, over = Peaks(), threading.Event()

    def look() -> None:
        ours = {os.getpid(): True}
        # Not at once: until it runs its own program a new process has the memory of this one.
        while not over.wait(_LOOK_SECONDS):
            pids = descendants(ours)
            peaks.together = max(peaks.together, sum(map(_shared_kib, pids)))
            for pid in pids:
                peaks.alone[pid] = max(peaks.alone.get(pid, 0), _highest_kib(pid))

    thread = threading.Thread(target=look)
    if os.path.isdir("/proc/self"):
        thread.start()
    try:
        yield peaks
    finally:
        over.set()
        if thread.ident:
            thread.join()


def descendants(ours: dict[int, bool]) -> list[int]:
    """Return the processes that this one has started, and these, and so on.

    Args:
        ours: which processes that have been seen before are descendants; is brought up to date, as
            to ask for the parents of all processes each time would take longer than all else.
    """
    here = {int(name) for name in os.listdir("/proc") if name.isdecimal()}
    for gone in ours.keys() - here:
        del ours[gone]

    def is_ours(pid: int) -> bool:
        if pid not in ours:
            parent = _parent(pid)
            ours[pid] = parent > 1 and is_ours(parent)
        return ours[pid]

    return [pid for pid in here if is_ours(pid) and pid != os.getpid()]


def cpu_seconds_of(pid: int) -> float:
    """Return the CPU time of a process without its children; 0 if it is gone."""
    user, system = _stat(pid)[11:13] or (0, 0)
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _parent(pid: int) -> int:
    return int((_stat(pid)[1:2] or (0,))[0])


def _stat(pid: int) -> list[str]:
    """Return what proc(5) lists of a process, from its state on; nothing if it is gone."""
    with suppress(OSError):
        # The name in parentheses may hold anything.
        return Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()
    return []


def _shared_kib(pid: int) -> int:
    return _figure(pid, "smaps_rollup", "Pss:")


def _highest_kib(pid: int) -> int:
    return _figure(pid, "status", "VmHWM:")


def _figure(pid: int, file: str, key: str) -> int:
    with suppress(OSError), open(f"/proc/{pid}/{file}", encoding="latin-1") as lines:
        for line in lines:
            if line.startswith(key):
                return int(line.split()[1])
    return 0
