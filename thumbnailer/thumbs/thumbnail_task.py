"""One thumbnail of a job: what a worker made for it, and what has become of that."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from thumbnailer.disk.digest import source_digest
from thumbnailer.imaging.failures import LIMITED
from thumbnailer.model import (
    Answer,
    EncodedThumbnail,
    Failure,
    Job,
    Outcome,
    Rendering,
    Source,
    Thumbnail,
    WantedThumbnail,
)
from thumbnailer.recipe import Limits, attempt_fingerprint
from thumbnailer.thumbs.ledger import lines


@dataclass(slots=True)
class ThumbnailTask:
    """One thumbnail of a job: what the worker made for it, and the result of writing that.

    Attributes:
        name: the thumbnail's file name, which for `auto` depends on the format it was made in.
        other_name: the name that it would have in the other format; "" if there is none.
        replaces: the length in bytes of the file of its name that it may replace; None if there is
            none.
    """

    wanted: WantedThumbnail
    limits: Limits
    state: Source
    made: EncodedThumbnail | Failure
    note: str
    digest: str = ""
    run: str = ""
    runs: int = 0
    result: Thumbnail | Failure | None = None
    name: str = field(init=False)
    other_name: str = field(init=False)
    replaces: int | None = field(init=False)

    def __post_init__(self) -> None:
        made, wanted = self.made, self.wanted
        self.name, self.other_name = wanted.name, wanted.png_name
        self.replaces, replaces_png = wanted.replaces
        if wanted.png_name and isinstance(made, EncodedThumbnail) and made.format == "png":
            self.name, self.other_name = wanted.png_name, wanted.name
            self.replaces = replaces_png

    @property
    def result_bytes(self) -> int:
        """The length of the thumbnail that was made."""
        return self.result.size_bytes if isinstance(self.result, Thumbnail) else 0

    def to_line(self) -> bytes:
        """Return the line of the ledger that records its result."""
        result, recipe = self.result, self.wanted.recipe
        assert result
        fingerprint = recipe.fingerprint
        if isinstance(result, Failure) or self.note.startswith(LIMITED):
            fingerprint = attempt_fingerprint(recipe, self.limits)
        digest = self.digest
        if not digest and not self.state.is_remote:
            with suppress(OSError):
                digest = source_digest(self.state)
        return lines.Attempt(
            self.name,
            self.wanted.origin,
            self.state,
            digest,
            fingerprint,
            result,
            self.note,
            self.runs,
            self.run,
        ).to_line()


def tasks_of(job: Job, answer: Answer, run: str = "") -> list[ThumbnailTask]:
    """Return a task for each thumbnail that a job wants; `run` tells this run from others."""
    made = answer.result
    if isinstance(made, Failure):
        return [
            ThumbnailTask(wanted, job.limits, job.source, made, "", run=run)
            for wanted in job.wanted
        ]
    assert isinstance(made, Rendering)
    return [
        ThumbnailTask(wanted, job.limits, made.state, picture, made.note, made.digest)
        for wanted, picture in zip(job.wanted, made.encoded, strict=True)
    ]


def outcome_of(job: Job, answer: Answer, tasks: list[ThumbnailTask]) -> Outcome:
    """Return the outcome of a job from the results of its tasks."""
    results = [task.result for task in tasks]
    failures = [one for one in results if isinstance(one, Failure)]
    if failures:
        failure = max(failures, key=lambda failure: failure.fatal)
        return Outcome(job.source, failure.status, error=failure, seconds=answer.seconds)
    made = iter(results)
    thumbnails = [next(made) if isinstance(one, WantedThumbnail) else one for one in job.thumbnails]
    return Outcome(
        job.source,
        "made",
        tuple(one for one in thumbnails if isinstance(one, Thumbnail)),
        seconds=answer.seconds,
        note=tasks[0].note,
    )
