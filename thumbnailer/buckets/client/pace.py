"""Pace of the requests to a bucket: all slow down together when its server is too busy.

The number of requests in flight is halved each time that the server says so, and grows by one with
each round that goes well (additive increase, multiplicative decrease, as TCP has it: Chiu and Jain,
"Analysis of the Increase and Decrease Algorithms for Congestion Avoidance", 1989).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

# The most requests to a bucket that are in flight at the same time.
_MAX_IN_FLIGHT = 512.0


class Pace:
    """A gate that lets only so many requests through at once; for one event loop.

    Attributes:
        has_answered: whether the server has ever answered.
    """

    def __init__(self) -> None:
        self.has_answered = False
        self._limit, self._in_flight = _MAX_IN_FLIGHT, 0
        self._slowed_at = float("-inf")
        self._waiting = deque[asyncio.Future[None]]()

    async def __aenter__(self) -> None:
        while self._in_flight >= self._limit:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._let_next()
                raise
        self._in_flight += 1

    async def __aexit__(self, *_: object) -> None:
        self._in_flight -= 1
        self._let_next()

    def went_well(self) -> None:
        """Note that a request was answered."""
        self.has_answered = True
        self._limit = min(_MAX_IN_FLIGHT, self._limit + 1 / self._limit)
        self._let_next()

    def slow_down(self, begun: float) -> None:
        """Note that the server was too busy for a request, begun at that time (`time.monotonic`).

        Requests that were in flight together count as one.
        """
        self.has_answered = True
        if begun > self._slowed_at:
            self._limit = max(1.0, min(self._limit, self._in_flight) / 2)
            self._slowed_at = time.monotonic()

    def _let_next(self) -> None:
        free = int(self._limit) - self._in_flight
        while self._waiting and free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
