"""Messages of a queue, and the events in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Event(NamedTuple):
    """What a service says to have happened to an object.

    It is a hint to look there, and no more: events come twice, late and in any order, and where
    versions are kept the removal of one may bring back another.

    Attributes:
        url: such as `s3://bucket/key`; the key is as it is, not encoded.
        is_removed: whether the object is gone; else it is new or written anew.
    """

    url: str
    is_removed: bool


class Message(NamedTuple):
    """Message of a queue.

    Attributes:
        receipt: names it to `done` and `extend`.
        events: none if it is about other things, such as the test that a service sends at first.
        fault: why it can't be read, in a few words without a word of its own; "" if it can.
    """

    receipt: str
    events: tuple[Event, ...]
    fault: str


class Unreadable(Exception):
    """Reason why a message can't be read, in words that quote nothing of it."""


def read_message(receipt: str, body: T, events_in: Callable[[T], tuple[Event, ...]]) -> Message:
    """Return a message with the events that are in its body, or with its fault.

    Args:
        events_in: returns the events in a body, or raises `Unreadable`.
    """
    try:
        return Message(receipt, events_in(body), "")
    except Unreadable as error:
        return Message(receipt, (), str(error))
