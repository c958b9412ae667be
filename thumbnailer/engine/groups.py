"""Read items up to their end, take outcomes as they come, and choose how many jobs go together."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from queue import Empty, Queue
from typing import NamedTuple

from thumbnailer.model import Job, Outcome, Stop

# How often a wait checks whether it should stop.
_CHECK_STOP_SECONDS = 0.1


class End(NamedTuple):
    """The end of the items, and what they have raised."""

    error: Exception | None


def to_the_end(
    items: Iterable[Job | Outcome | None],
) -> Generator[Job | Outcome | End | None, None, None]:
    """Yield the items, and then their end."""
    error = None
    try:
        yield from items
    except Exception as raised:
        error = raised
    yield End(error)


def take(
    done: Queue[list[Outcome] | BaseException], stop: Stop | None, *, wait: bool
) -> list[Outcome] | None:
    """Return the next outcomes; None if there are none yet and no wait is wanted, or on `stop`."""
    while True:
        try:
            result = done.get(wait, _CHECK_STOP_SECONDS)
        except Empty:
            if not wait or (stop and stop.is_set()):
                return None
        else:
            if isinstance(result, BaseException):
                raise result
            return result


def next_group_size(
    outcomes: list[Outcome], previous: int, target_seconds: float, max_jobs: int
) -> int:
    """Return the size of the next group, judged by the last; at most twice `previous`."""
    seconds = sum(outcome.seconds for outcome in outcomes) / len(outcomes)
    fitting = int(target_seconds / seconds) if seconds else max_jobs
    return max(1, min(fitting, 2 * previous, max_jobs))
