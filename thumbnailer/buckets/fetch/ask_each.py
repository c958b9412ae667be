"""Send a request about each of many objects, in one bucket or several, side by side."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from thumbnailer.buckets.client.bucket import Bucket, Request
from thumbnailer.buckets.client.requests import Stopped
from thumbnailer.errors import WorkerError
from thumbnailer.model import Stop
from thumbnailer.urls import split_url

T = TypeVar("T")

# A request for the object of a key, such as `Bucket.get`.
Ask = Callable[[Bucket, str], Awaitable[T]]


def ask_each(
    questions: Sequence[tuple[str, Ask[T]]], endpoint: str, stop: Stop | None
) -> list[T | OSError]:
    """Return the answer or the OSError of each request, in their order.

    Args:
        questions: the URL of an object, and the request about it.
        endpoint: as in `Settings`.
        stop: once it is set, answers are not waited for.

    Raises:
        Stopped: `stop` was set.
    """
    by_bucket: dict[str, list[int]] = {}
    for at, (url, _) in enumerate(questions):
        by_bucket.setdefault(split_url(url)[0], []).append(at)
    found: dict[int, T | OSError] = {}
    for where, places in by_bucket.items():
        bucket = Bucket(where, endpoint, stop)
        requests: list[Request[T]] = []
        for at in places:
            url, ask = questions[at]
            requests.append(partial(ask, bucket, split_url(url)[1]))
        found.update(zip(places, bucket.run_concurrently(requests), strict=True))
    return [found[at] for at in range(len(questions))]


@contextmanager
def while_open() -> Iterator[None]:
    """Let what is asked within for a pool end once that is closed.

    Raises:
        WorkerError: it was closed.
    """
    try:
        yield
    except Stopped:
        raise WorkerError("the pool is closed") from None
