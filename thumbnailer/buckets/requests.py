"""Requests that run on a thread of their own, so that whoever waits for one can go away."""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from functools import cache
from typing import Any, TypeVar

from thumbnailer.model import Stop

T = TypeVar("T")

# What has been begun and not been answered, and when the last of it was answered or dropped. A
# thread of obstore's is done with an answer a moment after it has given it.
_IN_FLIGHT = set[Future[Any]]()
_last_end = float("-inf")
_QUIET_SECONDS = 0.2

# How often a wait looks up to see whether it should stop.
_CHECK_STOP_SECONDS = 0.1


class Stopped(Exception):
    """Nobody waits for the answer to a request any more."""


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True, name="requests").start()
    atexit.register(_wait_until_quiet)
    return loop


def send(request: Coroutine[Any, Any, T]) -> Future[T]:
    """Send a request from the thread that all are sent from."""
    answer = asyncio.run_coroutine_threadsafe(request, _loop())
    _IN_FLIGHT.add(answer)
    answer.add_done_callback(_ended)
    return answer


def _ended(answer: Future[Any]) -> None:
    global _last_end
    _IN_FLIGHT.discard(answer)
    _last_end = time.monotonic()


def wait_for(answer: Future[T], stop: Stop | None) -> T:
    """The answer to a request, or its error.

    Raises:
        Stopped: `stop` is set.
    """
    while True:
        try:
            return answer.result(_CHECK_STOP_SECONDS)
        except TimeoutError:
            if stop and stop.is_set():
                cancel(answer)
                raise Stopped from None
        except CancelledError:
            raise Stopped from None


def cancel(answer: Future[Any]) -> None:
    """Do without the answer to a request."""
    answer.cancel()


def _wait_until_quiet() -> None:
    """Leave nothing under way at the program's end: up to Python 3.13, a thread of obstore's that
    is at an answer then takes the program down (SIGABRT)."""
    for answer in [*_IN_FLIGHT]:
        cancel(answer)
    time.sleep(max(0.0, _last_end + _QUIET_SECONDS - time.monotonic()))
