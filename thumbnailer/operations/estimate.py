"""Estimate the time and bytes of a run by rendering a sample of its pictures; write nothing."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import takewhile
from random import Random

from thumbnailer.config.settings import Settings
from thumbnailer.engine.pool_from_settings import new_pool, worker_count
from thumbnailer.model import Answer, Failure, Job, Outcome, Rendering, Run, Source, Thumbnail
from thumbnailer.thumbs.folder_thumbs import FolderThumbs

# The most pictures that are rendered; how long new ones are handed out, which includes the start of
# the workers; and how long they are waited for. The wait is longer, since leaving out unfinished
# pictures would leave out the slow ones, whose thumbnails are also larger.
_SAMPLE_SIZE, _BEGIN_SECONDS, _WAIT_SECONDS = 16, 1.5, 4.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimated time and bytes of a run.

    Attributes:
        pictures: how many pictures the run would make.
        sampled: how many of them were rendered.
        seconds: wall time for all; None if no picture was ready in time.
        bytes: length of all their thumbnails; None in the same case.
    """

    pictures: int
    sampled: int
    seconds: float | None
    bytes: int | None


class RandomSample:
    """A uniform random sample of a stream of pictures (reservoir sampling, Vitter's algorithm R).

    Not every n-th picture is taken, since cameras write a raw picture and a JPEG in turn.

    Args:
        seed: of the random numbers.

    Attributes:
        count: how many pictures were added.
        pictures: those in the sample.
    """

    def __init__(self, seed: int = 0) -> None:
        self.count, self.pictures, self._random = 0, list[Source](), Random(seed)

    def add(self, source: Source) -> None:
        """Count a picture, and perhaps take it into the sample."""
        self.count += 1
        if self.count <= _SAMPLE_SIZE:
            self.pictures.append(source)
        elif (place := self._random.randrange(self.count)) < _SAMPLE_SIZE:
            self.pictures[place] = source

    def shuffled(self) -> list[Source]:
        """Return the sample in random order, since there may be no time for all of it."""
        return self._random.sample(self.pictures, len(self.pictures))


class _Deadline:
    """A stop that is set when the time is up or when that of a run is set."""

    def __init__(self, seconds: float, run: Run) -> None:
        self._end, self._run = time.monotonic() + seconds, run

    def is_set(self) -> bool:
        return time.monotonic() >= self._end or self._run.is_stopped


def estimate(sample: RandomSample, settings: Settings, run: Run) -> Estimate:
    """Render the sampled pictures as a run would, without writing, and extrapolate to all.

    Args:
        sample: of the pictures that would be made.
        run: once its stop is set, only pictures that are ready by then count.

    Raises:
        WorkerError: no worker process can be started.
    """
    begin_deadline, wait_deadline = _Deadline(_BEGIN_SECONDS, run), _Deadline(_WAIT_SECONDS, run)
    pictures = takewhile(lambda _: not begin_deadline.is_set(), sample.shuffled())
    # A bucket is not asked again: pictures in no order would take a request each.
    thumbs = FolderThumbs(settings.thumbnails, clean_up=False)
    jobs = thumbs.plan(pictures, replace(run, dry_run=False))
    workers = worker_count(settings)
    begun = started = time.monotonic()
    done: list[Outcome] = []
    with new_pool(settings, finish=_without_writing) as pool:
        with closing(pool.imap_unordered(jobs, wait_deadline)) as outcomes:
            for outcome in outcomes:
                if not done:  # workers were starting until then
                    started = time.monotonic() - outcome.seconds
                done.append(outcome)
        ended = time.monotonic()
    if not done:
        return Estimate(sample.count, 0, None, None)
    busy_seconds = sum(outcome.seconds for outcome in done)
    if wait_deadline.is_set():  # unfinished pictures have taken time, too
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
