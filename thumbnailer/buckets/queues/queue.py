"""A queue of notifications, of any service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol, TypeVar

from thumbnailer.buckets.client.ask import ask
from thumbnailer.buckets.client.pace import Pace
from thumbnailer.buckets.client.requests import Stopped, in_thread, send, wait_for
from thumbnailer.buckets.queues.messages import Message
from thumbnailer.model import Stop

T = TypeVar("T")

# How long `receive` waits for a message, as long as SQS would at most. A service that answers at
# once that there is none is asked again, in growing pauses of up to a second.
_WAIT_SECONDS = 20.0
_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.1, 1.0

# The most requests of one call that run at the same time.
_MAX_CONCURRENT_REQUESTS = 8


class Service(Protocol):
    """Queue of one service. Each call is one request, or two, and is waited for.

    Attributes:
        most_receipts: how many `done` and `extend` take at once.
    """

    most_receipts: int

    def fetch(self) -> list[Message]: ...
    def done(self, receipts: Sequence[str]) -> None: ...
    def extend(self, receipts: Sequence[str]) -> None: ...


class Queue:
    """A queue of notifications.

    What it gives is hidden from others for a while, and comes again unless it is `done` by then.
    Each of its methods may be called by another thread.

    Args:
        url: names it in errors.
        stop: once it is set, nothing is waited for.
    """

    def __init__(self, service: Service, url: str, stop: Stop | None) -> None:
        self._service, self._url, self._stop = service, url, stop
        # Of its own, because where a busy service lets only one through, a request that waits for
        # messages would hold up the others.
        self._pace_of_receiving, self._pace = Pace(), Pace()

    def receive(self) -> list[Message]:
        """Return the next messages, for which it waits some seconds; [] if there are none, or
        `stop` is set.

        Raises:
            OSError: they can't be had, in plain words; `CredentialsEnded` if none ever will.
        """
        if self._stop and self._stop.is_set():
            return []
        with suppress(Stopped):
            return wait_for(send(self._receive()), self._stop)
        return []

    def done(self, receipts: Sequence[str]) -> None:
        """Remove messages; it is no error if some are no longer there, or others have them now.

        Once `stop` is set, nothing is waited for: what is not removed by then comes again.

        Raises:
            OSError: some can't be removed, and come again.
        """
        self._settle(self._service.done, receipts)

    def extend(self, receipts: Sequence[str]) -> None:
        """Hide messages from others anew, for as long as when they were received.

        Once `stop` is set, nothing is waited for.

        Raises:
            OSError: some can't be hidden, and may come again.
        """
        self._settle(self._service.extend, receipts)

    async def _receive(self) -> list[Message]:
        end, pause = time.monotonic() + _WAIT_SECONDS, _PAUSE_SECONDS
        while True:
            messages = await self._ask(self._service.fetch, self._pace_of_receiving)
            left = end - time.monotonic()
            if messages or left <= 0:
                return messages
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, _MAX_PAUSE_SECONDS)

    def _settle(self, call: Callable[[Sequence[str]], None], receipts: Sequence[str]) -> None:
        size, once = self._service.most_receipts, [*dict.fromkeys(receipts)]
        batches = [once[at : at + size] for at in range(0, len(once), size)]

        async def settle_all() -> None:
            gate = asyncio.Semaphore(_MAX_CONCURRENT_REQUESTS)

            async def settle(batch: Sequence[str]) -> None:
                async with gate:
                    await self._ask(partial(call, batch), self._pace)

            await asyncio.gather(*map(settle, batches))

        with suppress(Stopped):
            wait_for(send(settle_all()), self._stop)

    async def _ask(self, call: Callable[[], T], pace: Pace) -> T:
        return await ask(lambda: in_thread(call), pace, self._url)
