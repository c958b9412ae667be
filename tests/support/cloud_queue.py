"""A queue of notifications on a server of any make, as the tests see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

# Makes an empty queue of a name on a server.
NewQueue = Callable[[str], "CloudQueue"]


@dataclass(frozen=True)
class CloudQueue:
    """A queue on the server.

    Attributes:
        url: of the queue.
        bucket: the URL of the bucket that `notify` tells of, such as `s3://uploads`.
        environment: the variables that lead the program to the server.
        put: puts a message that is no notification.
        notify: puts the notification that an object of some key was made.
        secrets: what nobody may read.
    """

    url: str
    bucket: str
    environment: Mapping[str, str]
    put: Callable[[str], None]
    notify: Callable[[str], None]
    secrets: tuple[str, ...]
