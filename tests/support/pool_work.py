"""What the workers of the pool tests do: the name of a job says how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from thumbnailer.model import EncodedThumbnail, Job, Rendering

# On Windows, any number that stands for no event ends a process at once.
KILL: int = getattr(signal, "SIGKILL", signal.SIGTERM)


class Unpicklable(Exception):
    """An exception that can be pickled but not unpickled."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)


def said(job: Job, data: bytes) -> Rendering:
    """An answer of some bytes, whose width is the number of this process."""
    return Rendering(job.source, (EncodedThumbnail(data, "png", os.getpid(), 1),))


def kill(job: Job, claim: Callable[[int], None]) -> Rendering:
    """Take the worker along, whatever the job."""
    os.kill(os.getpid(), KILL)
    return said(job, b"")


def work(job: Job, claim: Callable[[int], None]) -> Rendering:
    """Do what the first word of the job's name says, then answer."""
    match job.wanted[0].name.split()[0]:
        case "kill":
            os.kill(os.getpid(), KILL)
        case "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "stop":
            if sys.platform == "win32":
                time.sleep(1000)
            os.kill(os.getpid(), signal.SIGSTOP)
        case "exit":
            os._exit(0)
        case "sysexit":
            sys.exit(3)
        case "memory":
            raise MemoryError
        case "recursion":
            return work(job, claim)
        case "unpicklable":
            raise Unpicklable("one", "two")
        case "hog":  # so many bytes
            bytes(int(job.wanted[0].name.split()[1]))
        case "large":  # an answer of so many bytes
            return said(job, b"x" * int(job.wanted[0].name.split()[1]))
        case "claim":  # so many bytes, and keep them for a moment; says when that was
            claim(int(job.wanted[0].name.split()[1]))
            begin = time.monotonic()
            time.sleep(0.05)
            times = f"{begin} {time.monotonic()}".encode()
            return said(job, times)
        case "hold":  # claims so many bytes, and keeps them as long as its source is there
            claim(int(job.wanted[0].name.split()[1]))
            while os.path.exists(job.source.path):
                time.sleep(0.01)
        case "again":  # takes and frees memory for a picture twice; says what the kernel did then
            return said(job, b"%d" % [_page_faults() for _ in range(2)][1])
        case "write":
            Path(job.wanted[0].name.split()[1]).write_bytes(b"escaped")
        case "run":
            subprocess.run(job.wanted[0].name.split()[1:], check=True)
        case "connect":
            socket.create_connection(("127.0.0.1", int(job.wanted[0].name.split()[1]))).close()
        case "pid":
            return said(job, b"%d" % os.getpid())
        case "limits":
            return said(job, Path("/proc/self/limits").read_bytes())
        case "claim-kill":
            claim(int(job.wanted[0].name.split()[1]))
            os.kill(os.getpid(), KILL)
        case "sleep":
            time.sleep(float(job.wanted[0].name.split()[1]))
        case "tried":  # what the rest of the name says; the file named by the source counts tries
            with open(job.source.path, "ab") as file:
                file.write(b"x")
            rest = job.wanted[0].name.partition(" ")[2]
            return work(replace(job, thumbnails=(replace(job.wanted[0], name=rest),)), claim)
        case "once":  # dies the first time, which the file named by the source remembers
            if not os.path.exists(job.source.path):
                open(job.source.path, "wb").close()
                os.kill(os.getpid(), KILL)
    return said(job, b"")


def _page_faults() -> int:
    """How many pages the kernel hands out for 44 MB in three pieces."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pieces = [bytearray(megabytes * 1_000_000) for megabytes in (20, 12, 12)]
    pieces.clear()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
