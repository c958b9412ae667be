"""Main loop of a worker process: receive jobs over a pipe, send back answers.

Jobs are pickled, since a worker trusts its parent. Answers are not: see `answers`.
"""

from __future__ import annotations

import importlib
import os
import pickle
import select
import signal
import socket
import struct
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from thumbnailer.engine import sandbox
from thumbnailer.engine.messages import answers
from thumbnailer.engine.messages.pipe import End, Pipe
from thumbnailer.engine.worker_memory import (
    REUSED_BYTES,
    limit_memory,
    reuse_memory,
    reuse_more_memory,
)
from thumbnailer.model import Failure, Job, Rendering

# Before what is pickled comes its length; after a claim, the parent sends one byte when it is
# granted.
LENGTH = struct.Struct("<Q")
GRANTED = b"\0"

# Address space for libraries that are loaded when a picture first needs them, and stay loaded:
# libvips and its threads take 55 MiB, pylibjxl with NumPy 113.
_LIBRARY_BYTES = 192 << 20

# How often a worker looks whether its parent has ended, where it can't wait for that.
_LOOK_SECONDS = 1.0

# A function that takes a job and a callback; the callback claims memory, in bytes, for the job.
Work = Callable[[Job, Callable[[int], None]], answers.Result | Failure]


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How many processes a pool may start, and what they may take.

    Attributes:
        workers: the largest number of processes.
        timeout_s: how many seconds one attempt at a job may take.
        worker_bytes: how much a worker's address space may grow, where the platform can limit that.
        memory_bytes: how much memory all jobs may take together. Half is for small jobs, which
            claim nothing. The others claim their part of the other half and wait until it is free.
            Over a network, half of that is for content on its way to workers, which also waits.
        sandbox: `auto`: enter the sandbox if it is available; `require`: fail if not; or `off`.
        nice: how much to raise the workers' niceness, where the platform has niceness.
        remote: whether pictures are read from or written to a network.
        result: what the workers' function returns for a job that does not fail, which has to be
            what the job asks for; None for anything, of any looks.
    """

    workers: int
    timeout_s: float
    worker_bytes: int
    memory_bytes: int
    sandbox: str
    nice: int = 0
    remote: bool = False
    result: type[answers.Result] | None = Rendering


@dataclass(frozen=True, slots=True)
class Start:
    """What a worker is told first.

    Attributes:
        func: the function that it calls for each job, as `module:name`.
        options: those of its pool.
        parent: the pid of the process that has started it.
        folder: that process's working directory; "" if it has none.
    """

    func: str
    options: PoolOptions
    parent: int
    folder: str


def worker_main(number: int) -> None:
    """Take a function and options from a pipe, then jobs, and answer these until it closes.

    Args:
        number: of this process's end of the pipe: a descriptor, or on Windows a handle.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end = _end(number)
    pipe = Pipe(end)
    start: Start = _unpickled(pipe)
    options = start.options
    try:
        warnings.simplefilter("ignore")
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # NumPy's: each maps tens of megabytes
        if options.nice and hasattr(os, "nice"):  # Windows has none
            os.nice(options.nice)
        _enter_sandbox(options.sandbox)  # before any thread starts: it would not be confined
        threading.Thread(target=_exit_with_parent, args=(start.parent,), daemon=True).start()
        if start.folder:  # in which relative paths begin
            os.chdir(start.folder)
        module, _, attribute = start.func.partition(":")
        work: Work = getattr(importlib.import_module(module), attribute)
        reuse_memory()
        limit_memory(options.worker_bytes + _LIBRARY_BYTES)
    except Exception as error:
        pipe.write(answers.ready(f"{type(error).__name__}: {error}"))
        return

    unclaimed_bytes = options.memory_bytes // 2 // options.workers

    def claim(needed_bytes: int) -> None:
        if needed_bytes > REUSED_BYTES:
            reuse_more_memory(unclaimed_bytes)
        if needed_bytes > unclaimed_bytes:
            pipe.write(answers.claim(needed_bytes))
            pipe.read(len(GRANTED))

    # The parent has closed its end of the pipe: no more answers are needed.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        pipe.write(answers.ready(""))
        while True:
            jobs: list[Job] = _unpickled(pipe)
            for job in jobs:  # answered one by one, so that it is known which one a worker has
                pipe.write(_answer(work, job, claim))


def _answer(work: Work, job: Job, claim: Callable[[int], None]) -> bytes:
    """Return the message with the answer to a job."""
    started = time.perf_counter()
    try:
        result = work(job, claim)
        return answers.answer(result, time.perf_counter() - started)
    except BaseException as error:  # SystemExit too: it must fail the picture only
        reason = f"crashed: {type(error).__name__}: {error}"
    failure = Failure("crashed", reason, lasts=False, suspect=True)
    return answers.answer(failure, time.perf_counter() - started)


def _end(number: int) -> End:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection

        return PipeConnection(number)
    os.set_blocking(number, True)  # gevent makes all sockets non-blocking
    return socket.socket(fileno=number)


def _unpickled(pipe: Pipe) -> Any:
    """Return what the parent has sent."""
    (length,) = LENGTH.unpack(pipe.read(LENGTH.size))
    return pickle.loads(pipe.read(length))


def _exit_with_parent(parent: int) -> None:
    """Exit once the parent ends, even by SIGKILL, and even in the middle of a picture.

    Args:
        parent: its pid.
    """
    if sys.platform == "win32":
        import _winapi

        with suppress(OSError):  # it has ended already
            process = _winapi.OpenProcess(_winapi.SYNCHRONIZE, False, parent)
            _winapi.WaitForSingleObject(process, _winapi.INFINITE)
        os._exit(1)
    try:
        end = select.poll()
        end.register(os.pidfd_open(parent), select.POLLIN)
        end.poll()
    except (AttributeError, OSError):  # no Linux, or an old one, or the parent has ended already
        above = os.getppid()  # the parent, or a fork server that ends with it
        while os.getppid() == above:
            time.sleep(_LOOK_SECONDS)
    os._exit(1)


def _enter_sandbox(mode: str) -> None:
    if mode == "off":
        return
    try:
        sandbox.enter()
    except (ImportError, OSError):
        if mode == "require":
            raise
