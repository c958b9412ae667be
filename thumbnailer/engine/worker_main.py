"""The other end of a worker's pipe: what runs in a worker process."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pickle
import signal
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from thumbnailer.engine import sandbox
from thumbnailer.model import Answer, Failure, HeaderFacts, Job, Rendering

# Messages go in pieces that a pipe takes as a whole, the last being shorter: whoever waits for one
# never waits in the middle of a piece, even if the sender is stopped there.
PIECE_BYTES = 16_000

# The same for jobs, which may hold whole pictures: Linux calls a socket writable when three
# quarters of its 208 KiB are free.
JOB_PIECE_BYTES = 64_000

# The most that glibc learns from: DEFAULT_MMAP_THRESHOLD_MAX of its malloc, less its own needs.
_MMAP_THRESHOLD_BYTES = (32 << 20) - (64 << 10)

# Address space for libraries that are loaded when a picture first needs them, and stay: libvips and
# its threads take 55 MiB.
_LIBRARY_BYTES = 64 << 20

# A function of a job, and of another function that claims memory for it.
Work = Callable[[Job, Callable[[int], None]], Rendering | HeaderFacts | Failure]


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What a worker process may do.

    Attributes:
        memory_bytes: how much its address space may grow; where the platform can limit that.
        unclaimed_bytes: what one picture may take without asking.
        sandbox: whether it enters the sandbox: `auto` where that can be had, `require`, or `off`.
        nice: by how much its niceness is raised, where there is such a thing.
    """

    memory_bytes: int
    unclaimed_bytes: int
    sandbox: str
    nice: int = 0


def worker_main(name: str, pipe: Connection, confinement: WorkerLimits) -> None:
    """Find the function `name` (`module:name`), then answer jobs until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _silence_output()
        if confinement.nice and hasattr(os, "nice"):  # Windows has none
            os.nice(confinement.nice)
        _enter_sandbox(confinement.sandbox)  # before any thread, which would stay outside
        threading.Thread(target=_exit_with_parent, daemon=True).start()
        module, _, attribute = name.partition(":")
        work: Work = getattr(importlib.import_module(module), attribute)
        _reuse_memory()
        _limit_memory(confinement.memory_bytes + _LIBRARY_BYTES)
    except Exception as error:
        send(pipe, f"{type(error).__name__}: {error}")
        return

    def claim(needed_bytes: int) -> None:
        if needed_bytes > confinement.unclaimed_bytes:
            send(pipe, needed_bytes)
            pipe.recv_bytes()

    # The other end has gone: nobody wants an answer any more.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        send(pipe, "")
        while True:
            jobs: list[Job] = pickle.loads(receive(pipe))
            send(pipe, [_answer(work, job, claim) for job in jobs])


def send(pipe: Connection, message: object) -> None:
    """Send a worker's message: "" or trouble at its start, then memory claims and answers."""
    # Plain pickle: what `Connection.send` adds, for locks and sockets, takes 15 µs more.
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    for start in range(0, len(data) + 1, PIECE_BYTES):
        pipe.send_bytes(data[start : start + PIECE_BYTES])


def receive(pipe: Connection) -> bytes | bytearray:
    """What `Worker.ask` sends."""
    part = pipe.recv_bytes()
    if len(part) < JOB_PIECE_BYTES:
        return part
    message = bytearray(part)
    while len(part) == JOB_PIECE_BYTES:
        part = pipe.recv_bytes()
        message += part
    return message


def _answer(work: Work, job: Job, claim: Callable[[int], None]) -> Answer:
    started = time.perf_counter()
    result: Rendering | HeaderFacts | Failure
    try:
        result = work(job, claim)
    except BaseException as error:  # SystemExit too: it would end the worker, not the picture
        result = Failure("crashed", f"crashed: {type(error).__name__}: {error}")
    return Answer(result, time.perf_counter() - started)


def _exit_with_parent() -> None:
    """Wait for the parent's end, even by SIGKILL, and follow it in the middle of a picture."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _silence_output() -> None:
    """Keep the codecs' own words from stdout and stderr: hundreds of lines for one broken TIFF."""
    warnings.simplefilter("ignore")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _enter_sandbox(wish: str) -> None:
    if wish == "off":
        return
    try:
        sandbox.enter()
    except (ImportError, OSError):
        if wish == "require":
            raise


def _limit_memory(growth_bytes: int) -> None:
    """Let the address space grow no further, for good, and leave no core dump of a picture."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:
        most = int(file.read().split()[0]) * resource.getpagesize() + growth_bytes
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _reuse_memory() -> None:
    """Keep memory that was freed, up to 64 MiB of it, for the next picture.

    Else glibc hands it back to the kernel, which clears it anew for each picture, page by page: 30
    of 60 ms for a progressive JPEG of 12 megapixels, 15 of 145 for a thumbnail of 1024 px. It
    learns better from the first large block that is freed (mallopt(3), M_MMAP_THRESHOLD), be it
    this one, of which no page is touched. Of pictures that take more than that some lose: 12
    megapixels in 4:4:4, progressive, take 95 ms instead of 80; 24 in 4:2:0 gain 25 of 110.
    """
    bytes(_MMAP_THRESHOLD_BYTES)
