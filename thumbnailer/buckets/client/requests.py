"""Run asynchronous requests on a thread of their own, so that a caller can stop waiting."""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from functools import cache
from typing import Any, TypeVar

from thumbnailer.model import Stop

T = TypeVar("T")

# The requests without an answer yet, and when the last one was answered or cancelled. A thread of
# obstore's ends its work on an answer a moment after it has given it: hence the pause.
_IN_FLIGHT = set[Future[Any]]()
_last_end = float("-inf")
_QUIET_SECONDS = 0.2

# How often a wait checks whether it should stop.
_CHECK_STOP_SECONDS = 0.1


class Stopped(Exception):
    """End of a wait for a request, because of a stop or a cancellation."""


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True, name="requests").start()
    atexit.register(_wait_until_quiet)
    return loop


def send(request: Coroutine[Any, Any, T]) -> Future[T]:
    """Start a request on the thread that runs all of them, and return its future answer."""
    answer = asyncio.run_coroutine_threadsafe(request, _loop())
    _IN_FLIGHT.add(answer)
    answer.add_done_callback(_ended)
    return answer


def _ended(answer: Future[Any]) -> None:
    global _last_end
    _IN_FLIGHT.discard(answer)
    _last_end = time.monotonic()


def wait_for(answer: Future[T], stop: Stop | None) -> T:
    """Wait for the answer to a request and return it, or raise its error.

    Raises:
        Stopped: `stop` is set, or the request was cancelled.
    """
    while True:
        try:
            return answer.result(_CHECK_STOP_SECONDS)
        except TimeoutError:
            if stop and stop.is_set():
                answer.cancel()
                raise Stopped from None
        except CancelledError:
            raise Stopped from None


async def in_thread(call: Callable[[], T]) -> T:
    """Return what a call gives that waits by itself, without holding up other requests.

    Not by asyncio's `to_thread`, whose threads a program waits for at its end.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(give: Callable[[Any], None], value: object) -> None:
        if not answer.done():  # it may have been cancelled
            give(value)

    def run() -> None:
        try:
            result = call()
        except Exception as error:
            loop.call_soon_threadsafe(settle, answer.set_exception, error)
        else:
            loop.call_soon_threadsafe(settle, answer.set_result, result)

    threading.Thread(target=run, daemon=True, name="request").start()
    return await answer


def _wait_until_quiet() -> None:
    """Cancel all requests at the program's end, and wait until obstore's threads are idle.

    Up to Python 3.13, one that is giving an answer at that moment aborts the program (SIGABRT).
    """
    for answer in [*_IN_FLIGHT]:
        answer.cancel()
    time.sleep(max(0.0, _last_end + _QUIET_SECONDS - time.monotonic()))
