"""Messages of a queue, and the objects that they tell of."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Message(NamedTuple):
    """Message of a queue: objects have come, are written anew or gone.

    That is a hint to look there, and no more: messages come twice, late and in any order, and where
    versions are kept the removal of one may bring back another.

    Attributes:
        receipt: names it to `done` and `extend`.
        urls: of the objects, such as `s3://bucket/key`; the key is as it is, not encoded. None if
            it is about other things, such as the test that a service sends at first.
        fault: why it can't be read, in a few words without a word of its own; "" if it can.
    """

    receipt: str
    urls: tuple[str, ...]
    fault: str


class Unreadable(Exception):
    """Reason why a message can't be read, in words that quote nothing of it."""


def read_message(receipt: str, body: T, urls_in: Callable[[T], tuple[str, ...]]) -> Message:
    """Return a message with the URLs that are in its body, or with its fault.

    Args:
        urls_in: returns the URLs of the objects that a body tells of, or raises `Unreadable`.
    """
    try:
        return Message(receipt, urls_in(body), "")
    except Unreadable as error:
        return Message(receipt, (), str(error))
