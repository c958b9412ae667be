"""JSON of strangers: nothing is taken to be there, or to be of a type."""

from __future__ import annotations

import json

from thumbnailer.buckets.queues.messages import Unreadable


def parsed(text: str | bytes) -> object:
    """Return what JSON says.

    Raises:
        Unreadable: it is none, or is nested more deeply than can be read.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        reason = "is no JSON"
    raise Unreadable(reason)


def member(value: object, *names: str) -> object:
    """Return a member of a member of an object, and so on by their names; None if there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: object, *names: str) -> str:
    """Return a member that is text, as `member` does; "" if there is none, or it is something
    else."""
    found = member(value, *names)
    return found if isinstance(found, str) else ""


def items(value: object, *names: str) -> list[object]:
    """Return a member that is a list, as `member` does; an empty one for anything else."""
    found = member(value, *names)
    return found if isinstance(found, list) else []
