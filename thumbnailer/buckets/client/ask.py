"""Ask a service, and ask again while that may help."""

from __future__ import annotations

import asyncio
import errno
import random
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

from thumbnailer.buckets.client.errors import as_os_error, is_of_token, is_passing
from thumbnailer.buckets.client.pace import Pace

T = TypeVar("T")

# After throttling or a broken connection a request is sent again, with growing pauses of up to
# 15 s, for as long as this. A server that has never answered gets less: its name may be wrong.
_RETRY_SECONDS, _FIRST_RETRY_SECONDS = 240.0, 10.0
_PAUSE_SECONDS, _MAX_PAUSE_SECONDS, _MAX_FIRST_PAUSE_SECONDS = 0.1, 15.0, 2.0


async def ask(call: Callable[[], Awaitable[T]], pace: Pace, place: str) -> T:
    """Return the answer to a request, which is sent again while that may help.

    Args:
        call: sends the request.
        pace: of all requests to its server.
        place: what the request is about, for the error.

    Raises:
        OSError: its error in plain words, without the original.
    """
    started = time.monotonic()
    for attempt in count():
        begun = time.monotonic()
        try:
            async with pace:
                answer = await call()
        except Exception as error:
            trouble = as_os_error(error, place)
            passing = is_passing(error, trouble) or (pace.has_answered and is_of_token(error))
        else:
            pace.went_well()
            return answer
        if trouble.errno == errno.EBUSY:
            pace.slow_down(begun)
        patience, longest = _RETRY_SECONDS, _MAX_PAUSE_SECONDS
        if not pace.has_answered:
            patience, longest = _FIRST_RETRY_SECONDS, _MAX_FIRST_PAUSE_SECONDS
        if not passing or time.monotonic() - started > patience:
            raise trouble
        pause = min(longest, _PAUSE_SECONDS * 2**attempt)
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))
    raise AssertionError
