"""Queues that tell what happens in a bucket."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from thumbnailer.model import Stop


class Notice(Protocol):
    """Message of a queue; see `buckets.queues.messages.Message`."""

    @property
    def receipt(self) -> str: ...
    @property
    def urls(self) -> Iterable[str]: ...
    @property
    def fault(self) -> str: ...


class NoticeQueue(Protocol):
    """Queue of what is uploaded and deleted; see `buckets.queues.queue.Queue`."""

    def receive(self) -> Iterable[Notice]: ...
    def done(self, receipts: Sequence[str]) -> None: ...
    def extend(self, receipts: Sequence[str]) -> None: ...


def open_queue(url: str, stop: Stop) -> NoticeQueue:
    """Return the queue of a URL; nothing is asked of it yet.

    Raises:
        ConfigError: it is no such URL, the extra is not installed, or there are no credentials.
    """
    from thumbnailer.buckets.queues import open as queues

    return queues.open_queue(url, stop)
