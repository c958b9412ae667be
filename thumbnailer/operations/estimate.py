"""The use that writes nothing: what a run would take, judged by a sample of its pictures."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import takewhile
from random import Random

from thumbnailer.config.settings import Settings
from thumbnailer.engine.pool_from_settings import new_pool, worker_count
from thumbnailer.model import Answer, Failure, Job, Outcome, Rendering, Source, Stop, Thumbnail
from thumbnailer.thumbs.plan import plan

# So many pictures are rendered at most. For so many seconds, with the start of the workers, further
# ones are begun, and for so many they are waited for: to leave out those that are not ready would
# leave out the slow ones, whose thumbnails are also the larger.
_SAMPLE, _BEGIN_SECONDS, _WAIT_SECONDS = 16, 1.5, 4.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What it would take to make some pictures.

    Attributes:
        pictures: how many there are.
        sampled: how many of them were rendered.
        seconds: wall time for all; None if no picture was ready in time.
        bytes: of all their thumbnails; None likewise.
    """

    pictures: int
    sampled: int
    seconds: float | None
    bytes: int | None


class RandomSample:
    """A few of however many pictures there are, each with the same chance (Vitter's algorithm R).

    Not every so-manieth: cameras write a raw picture and a JPEG in turns.

    Args:
        seed: of the chance.

    Attributes:
        count: how many there were.
        drawn: those few.
    """

    def __init__(self, seed: int = 0) -> None:
        self.count, self.pictures, self._random = 0, list[Source](), Random(seed)

    def add(self, source: Source) -> None:
        self.count += 1
        if self.count <= _SAMPLE:
            self.pictures.append(source)
        elif (place := self._random.randrange(self.count)) < _SAMPLE:
            self.pictures[place] = source

    def shuffled(self) -> list[Source]:
        """Those drawn, in an order that says nothing, since there may be no time for all."""
        return self._random.sample(self.pictures, len(self.pictures))


class _Deadline:
    """Set when time is up, or when another stop is."""

    def __init__(self, seconds: float, stop: Stop | None) -> None:
        self._end, self._stop = time.monotonic() + seconds, stop

    def is_set(self) -> bool:
        return time.monotonic() >= self._end or (self._stop is not None and self._stop.is_set())


def estimate(
    sample: RandomSample,
    settings: Settings,
    *,
    stop: Stop | None = None,
    force: bool = False,
    retry_failed: bool = False,
) -> Estimate:
    """Render the pictures drawn, as a run would but for the writing, and conclude from them to all.

    Args:
        draw: of the pictures that would be made.
        stop: once it is set, what is ready by then must do.
        force, retry_failed: as for `plan`.

    Raises:
        WorkerError: no worker process can be started.
    """
    enough, end = _Deadline(_BEGIN_SECONDS, stop), _Deadline(_WAIT_SECONDS, stop)
    jobs = plan(
        takewhile(lambda _: not enough.is_set(), sample.shuffled()),
        settings.recipes,
        settings.limits,
        output=os.fspath(settings.output) or None,
        template=settings.name,
        desktop=settings.is_for_desktop,
        force=force,
        retry_failed=retry_failed,
        tidy=False,
    )
    workers = worker_count(settings)
    begun = started = time.monotonic()
    done: list[Outcome] = []
    with new_pool(settings, finish=_without_writing) as pool:
        with closing(pool.imap_unordered(jobs, end)) as outcomes:
            for outcome in outcomes:
                if not done:  # until then workers were being started
                    started = time.monotonic() - outcome.seconds
                done.append(outcome)
        ended = time.monotonic()
    if not done:
        return Estimate(sample.count, 0, None, None)
    busy_seconds = sum(outcome.seconds for outcome in done)
    if end.is_set():  # what was not ready has taken its time all the same
        busy_seconds = max(busy_seconds, (ended - started) * min(workers, len(sample.pictures)))
    seconds = started - begun + busy_seconds / len(done) * sample.count / min(workers, sample.count)
    size_bytes = sum(made.size_bytes for outcome in done for made in outcome.thumbnails)
    return Estimate(sample.count, len(done), seconds, round(size_bytes / len(done) * sample.count))


def _without_writing(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
    return list(map(_outcome, jobs, answers))


def _outcome(job: Job, answer: Answer) -> Outcome:
    if isinstance(answer.result, Failure):
        return Outcome(job.source, "failed", error=answer.result, seconds=answer.seconds)
    assert isinstance(answer.result, Rendering)
    thumbnails = (
        Thumbnail("", made.width, made.height, len(made.data)) for made in answer.result.encoded
    )
    return Outcome(job.source, "made", tuple(thumbnails), seconds=answer.seconds)
