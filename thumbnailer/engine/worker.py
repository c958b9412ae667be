"""The parent's side of one worker process: start it, send jobs, receive answers, kill it."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from thumbnailer.engine.memory_budget import MemoryBudget
from thumbnailer.engine.messages import answers
from thumbnailer.engine.messages.asked_for import check_asked_for, most_bytes
from thumbnailer.engine.messages.pipe import ParentPipe
from thumbnailer.engine.processes.start import start_worker
from thumbnailer.engine.worker_main import GRANTED, LENGTH, PoolOptions, Start
from thumbnailer.errors import WorkerError
from thumbnailer.model import Answer, Failure, Job

# Time-out from the start of a process to its first message. Importing Pillow takes a tenth of a
# second; a machine that swaps may take hundreds of times as long.
_START_SECONDS = 60.0

# How long to wait for the end of a process that was killed: one that is in the kernel takes longer.
_END_SECONDS = 60.0

# Time-out of a message that has begun, in either direction, and for each of its bytes. A worker
# whose picture has taken it over may stop in the middle, however much time its job has left.
_MESSAGE_SECONDS, _BYTE_SECONDS = 20.0, 1e-7

# From here on, the exit code of a process on Windows is the error that it was ended for: 0xc0000005
# if it has read memory that is not its own (Microsoft: [MS-ERREF], 2.3 NTSTATUS).
_WINDOWS_ERROR = 0xC0000000

# The most to wait for several answers together: a group of jobs takes about so long.
_GATHER_SECONDS = 0.1

# A message of up to so many bytes is sent with its header, so that its worker is woken once. With a
# longer one, which holds a picture, that would be one more copy of it.
_JOINED_BYTES = 1 << 16

# The most claims of memory that a job makes: one for each way of decoding it.
_MAX_CLAIMS = 100


class WorkerKilled(WorkerError):
    """Error for a worker that a signal ended while it started."""


class WorkerLost(Exception):
    """Error for a worker that died, timed out, or sent what is no answer.

    Attributes:
        failure: which of these happened during a job; None if it was lost before.
    """

    def __init__(self, failure: Failure | None) -> None:
        super().__init__(failure)
        self.failure = failure


class Worker:
    """A worker process that answers jobs; call `wait_until_ready` first and `close` last.

    Args:
        func: the function it calls for each job, as `module:name`; see `worker_main.Work`.
        options: those of its pool.

    Attributes:
        answered: how many jobs it has answered.

    Raises:
        WorkerError: the process can't be started.
    """

    def __init__(self, func: str, options: PoolOptions) -> None:
        self.answered = 0
        self._func, self._options = func, options
        try:
            self._process, end = start_worker(func.partition(":")[0])
        except OSError as error:
            reason = error.strerror or str(error)
            raise WorkerError(f"no worker process can be started: {reason}") from error
        self._pipe = ParentPipe(end, self._continue_if_stopped, self.kill)

    def wait_until_ready(self) -> None:
        """Wait until the process is ready for jobs.

        Raises:
            WorkerError: it can't import its function, or sends nothing in time.
            WorkerKilled: it was ended by a signal.
        """
        try:
            deadline = time.monotonic() + _START_SECONDS
            self._send(Start(self._func, self._options, os.getpid(), _here()), deadline)
            kind, length = self._receive_header(deadline)
            answers.check_start(kind, length)
            reason = answers.read_ready(self._receive_body(length, deadline))
        except TimeoutError:
            reason = f"silent for {_START_SECONDS:g} s"
        except answers.BadAnswer as error:
            reason = f"its first message makes no sense: {error}"
        except (EOFError, OSError):
            reason = self._exit_reason()
        if reason:
            was_killed = (self._process.wait(0) or 0) < 0
            error_type = WorkerKilled if was_killed else WorkerError
            raise error_type(f"no worker process can be started: {reason}")

    def run_jobs(self, jobs: list[Job], budget: MemoryBudget) -> Iterator[Answer]:
        """Yield the worker's answers to the jobs, in their order; a Failure where `func` raised.

        The time-out of each does not count its waits for memory, which it claims from the budget.

        Raises:
            WorkerLost: it died, did not answer in time, or sent what is no answer to the job whose
                turn it was; `close` must follow.
        """
        if not self._pipe.is_silent():  # it has ended, or speaks without being asked
            raise WorkerLost(None)
        try:
            started, deadline = time.monotonic(), self._deadline()
            self._send_jobs(jobs, deadline)
            seconds = 0.0
            for left, job in zip(range(len(jobs), 0, -1), jobs, strict=True):
                self._let_answers_gather(left, seconds)
                result, seconds = self._receive_answer(job, deadline, budget)
                seconds = min(seconds, time.monotonic() - started)
                self.answered += 1
                yield Answer(result, seconds)
                deadline = self._deadline()
        except TimeoutError:
            reason = f"timeout: took longer than {self._options.timeout_s:g} s"
            raise WorkerLost(Failure("timeout", reason, lasts=False, suspect=True)) from None
        except answers.BadAnswer as error:
            raise _lost(f"the worker process sent what is no answer: {error}") from error
        except (OSError, EOFError) as error:
            raise _lost(self._exit_reason()) from error

    def _let_answers_gather(self, left: int, seconds: float) -> None:
        """Wait while all but the last of some answers are made, so as to be woken for few of them.

        Each wake-up of the parent takes 0.05 ms, and a processor from a worker: with two of these,
        4,000 pictures of 640 x 480 px take 6.6 s, and so 6.1 s.

        Args:
            left: how many answers are still to come.
            seconds: how long the last one took.
        """
        if left > 2 and seconds and self._pipe.is_silent():
            time.sleep(min(0.9 * (left - 1) * seconds, _GATHER_SECONDS))

    def _deadline(self) -> float:
        """Return when the time of a job that begins now is over, on the monotonic clock."""
        return time.monotonic() + self._options.timeout_s

    def _send_jobs(self, jobs: list[Job], deadline: float) -> None:
        """Send some jobs.

        Raises:
            WorkerLost: the worker has died before.
            TimeoutError: it does not take them.
        """
        try:
            self._send(jobs, deadline)
        except TimeoutError:
            if time.monotonic() >= deadline:
                raise
            raise _lost("the worker process does not take its job") from None
        except OSError as error:
            raise WorkerLost(None) from error

    def _send(self, item: object, deadline: float) -> None:
        message = pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
        until = _message_deadline(len(message), deadline)
        header = LENGTH.pack(len(message))
        if len(message) > _JOINED_BYTES:
            self._pipe.write(header, until)
            self._pipe.write(message, until)
        else:
            self._pipe.write(header + message, until)

    def _receive_answer(self, job: Job, deadline: float, budget: MemoryBudget) -> Answer:
        """Return the answer to a job; grant the memory that it claims before.

        Raises:
            BadAnswer: it is none.
            TimeoutError: it does not come by the deadline.
            OSError, EOFError: the worker has died.
        """
        claimed_bytes = 0
        try:
            for _ in range(_MAX_CLAIMS):
                kind, length = self._receive_header(deadline)
                answers.check_header(kind, length, partial(self._most_bytes, job))
                body = self._receive_body(length, deadline)
                if kind != answers.Kind.CLAIM:
                    return self._checked(answers.read_answer(kind, body, job), job)
                # It can't have more than this, and may not hold back others by a larger claim.
                wanted_bytes = min(answers.read_claim(body), self._options.worker_bytes)
                budget.release(claimed_bytes)  # of another way to decode the picture
                claimed_bytes = 0
                asked = time.monotonic()
                claimed_bytes = budget.acquire(wanted_bytes)
                deadline += time.monotonic() - asked
                self._pipe.write(GRANTED, deadline)
            raise answers.BadAnswer(f"more than {_MAX_CLAIMS} claims of memory")
        finally:
            budget.release(claimed_bytes)

    def _most_bytes(self, job: Job) -> int:
        """Return how many bytes the thumbnails of a job may have together."""
        return most_bytes(job) if self._options.result else self._options.worker_bytes

    def _checked(self, answer: Answer, job: Job) -> Answer:
        """Return an answer that is what was asked for.

        Raises:
            BadAnswer: it is something else.
        """
        if self._options.result:
            check_asked_for(answer.result, job, self._options.result)
        return answer

    def _receive_header(self, deadline: float) -> tuple[int, int]:
        """Return kind and length of the worker's next message.

        Raises:
            BadAnswer: it stops in the middle.
            TimeoutError: it does not come by the deadline.
            OSError, EOFError: the worker has died.
        """
        if self._pipe.received_bytes >= answers.HEADER_BYTES:  # it came with the answer before
            return answers.read_header(self._pipe.read(answers.HEADER_BYTES))
        first = self._pipe.read(1, deadline)
        return answers.read_header(first + self._receive_body(answers.HEADER_BYTES - 1, deadline))

    def _receive_body(self, length: int, deadline: float) -> bytes:
        """Return the rest of a message that has begun; raise what `_receive_header` raises."""
        if self._pipe.received_bytes >= length:
            return self._pipe.read(length)
        try:
            return self._pipe.read(length, _message_deadline(length, deadline))
        except TimeoutError:
            if time.monotonic() >= deadline:
                raise
            raise answers.BadAnswer("nothing more in the middle of a message") from None

    def _continue_if_stopped(self) -> None:
        """Send SIGCONT: it wakes a stopped process, and a running one ignores it."""
        if hasattr(signal, "SIGCONT"):
            with suppress(OSError):
                os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process at once; `close` must follow."""
        self._process.kill()

    def close(self) -> None:
        """Kill the process if it still runs, and free its resources."""
        self._pipe.close()
        self._process.kill()
        self._process.wait(_END_SECONDS)

    def _exit_reason(self) -> str:
        code = self._process.wait(1)
        if code is not None and code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = f"signal {-code}"
            hint = ", perhaps for want of memory" if name == "SIGKILL" else ""
            return f"the worker process was ended by {name}{hint}"
        if code is not None and code >= _WINDOWS_ERROR:
            return f"the worker process was ended by Windows with {code:#x}"
        return "the worker process ended by itself" if code in (0, 1) else "the worker process died"


def _here() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:  # it has been deleted
        return ""


def _lost(reason: str) -> WorkerLost:
    """Return the error for a worker that was lost while it had a job."""
    return WorkerLost(Failure("crashed", f"crashed: {reason}", lasts=False, suspect=True))


def _message_deadline(length: int, deadline: float) -> float:
    """Return by when a message that begins now has to be over, on the monotonic clock."""
    return min(deadline, time.monotonic() + _MESSAGE_SECONDS + length * _BYTE_SECONDS)
