"""What flows through the line: a Source becomes a Job, a Job an Outcome, Outcomes a Report."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, Self

from thumbnailer.recipe import Limits, Recipe

# `removed`: its source is gone, and so is its thumbnail now; only a watch tells of it.
Status = Literal["made", "current", "skipped", "failed", "removed"]


class Stop(Protocol):
    """Anything with `is_set`, such as `threading.Event`."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Source:
    """A picture as the scan found it; usable wherever a path is (`os.PathLike`).

    Attributes:
        path: where it is, spelled as the caller spelled the folder it was found in.
        size_bytes: its length.
        mtime_ns: its modification time, nanoseconds since the epoch.
        below: the folder a mirrored output tree keeps it in, relative to the output folder.
        etag: of an object in a bucket: differs between any two contents of it. Its time has whole
            seconds only; the nanoseconds stand for this.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    below: str = ""
    etag: str = ""

    def __fspath__(self) -> str:
        return self.path

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of thumbnails: `below` is created, and no link in it followed; `anchor` is trusted.

    Attributes:
        anchor: a folder the caller named, directly or through the scan.
        below: the way from there to the thumbnails.
        shared: it held somebody else's files before the first thumbnail came.
        desktop: it is one of the desktop's cache: nobody else may look into it, and thumbnails say
            themselves what they were made of.
    """

    anchor: str
    below: str
    shared: bool = False
    desktop: bool = False

    @property
    def path(self) -> str:
        return os.path.join(self.anchor, self.below) if self.below else self.anchor


class ListedState(NamedTuple):
    """What a listing shows in the place of a thumbnail in a bucket.

    Attributes:
        etags: of the objects that have its name and its other name, or "".
        record: the key of what is remembered of an earlier attempt, or "".
    """

    etags: tuple[str, str]
    record: str


@dataclass(frozen=True, slots=True)
class WantedThumbnail:
    """A thumbnail to be made.

    Attributes:
        origin: the source's path relative to `folder`, its name in that folder's ledger.
        name: the thumbnail's file name in `folder`.
        png_name: its name if it comes out as `png` where the recipe's format is `auto`, else "".
        text: what a `png` says of its source, as keys and values (PNG specification, tEXt).
        listed: what is there now; for one in a bucket.
    """

    folder: Folder
    origin: str
    name: str
    recipe: Recipe
    png_name: str = ""
    text: tuple[tuple[str, str], ...] = ()
    listed: ListedState | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A source and the thumbnails wanted of it: all that a worker has to know.

    Attributes:
        thumbnails: those to be made, and those that are current.
        data: the source's content; None if the worker is to read it.
    """

    source: Source
    thumbnails: tuple[WantedThumbnail | Thumbnail, ...]
    limits: Limits
    data: bytes | None = None

    @property
    def wanted(self) -> tuple[WantedThumbnail, ...]:
        return tuple(one for one in self.thumbnails if isinstance(one, WantedThumbnail))


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A thumbnail that exists: its path, its size in px and its length in bytes.

    The listing of a bucket does not tell the size: it is 0 then.
    """

    path: str
    width: int
    height: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a source has no new thumbnail.

    Attributes:
        stage: the step that said no, such as `scan`, `open`, `limits`, `decode` or `write`.
        reason: why, in words for a person.
        fatal: no other picture can fare better (disk full, read-only file system).
        lasts: trying again is no use until the picture or the settings change.
    """

    stage: str
    reason: str
    fatal: bool = False
    lasts: bool = True


class EncodedThumbnail(NamedTuple):
    """A thumbnail as the content of a file: its format, and its width and height in px."""

    data: bytes
    format: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Rendering:
    """What a worker made of a job; nothing of it is on disk yet.

    Attributes:
        state: the source as it was when it was read.
        encoded: one for each thumbnail wanted, in their order.
        note: what is missing of the source or was left aside, in words.
    """

    state: Source
    encoded: tuple[EncodedThumbnail, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What a worker found out about a picture that has its thumbnails already.

    Attributes:
        width, height: in px, as it is seen; 0 where that can't be known.
        taken: when, by its camera's clock, as `2024-05-01 12:30:00`; or "".
        colour: the mean of its thumbnail's, as `rrggbb`; or "".
    """

    width: int
    height: int
    taken: str
    colour: str


class Answer(NamedTuple):
    """What a worker says to a job, and the wall time it took, in seconds."""

    result: Rendering | HeaderFacts | Failure
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one source.

    Attributes:
        status: `made`, `current`, `skipped` or `failed`; of a watch also `removed`: its source is
            gone, and so is its thumbnail now.
        thumbnails: those that were made, or are current.
        error: why; set for `skipped` and `failed`.
        seconds: wall time in the worker.
        note: what is missing of a truncated picture that has a thumbnail, or was left aside.
    """

    source: Source
    status: Status
    thumbnails: tuple[Thumbnail, ...] = ()
    error: Failure | None = None
    seconds: float = 0.0
    note: str = ""


class Engine(Protocol):
    """What turns jobs into outcomes: a context manager that leaves nothing running behind."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def imap_unordered(
        self, items: Iterable[Job | Outcome], stop: Stop | None = None
    ) -> Generator[Outcome, None, None]:
        """The outcome of each job, once, in order of completion; outcomes among the items pass
        through.

        `items` is read no faster than outcomes are taken, perhaps by another thread. Once `stop` is
        set the iterator ends; jobs that have no outcome by then are dropped.

        Raises:
            WorkerError: there is nobody to do the work.
        """
        ...


@dataclass(slots=True)
class Report:
    """The sum of a run: `found` is that of the four states.

    Attributes:
        failures: the failed outcomes, in order of completion; kept by `make_thumbnails` only.
        seconds: wall time from the start of the run to its last outcome.
    """

    found: int = 0
    made: int = 0
    current: int = 0
    skipped: int = 0
    failed: int = 0
    removed: int = 0
    failures: list[Outcome] = field(default_factory=list, repr=False)  # `failed` says how many
    seconds: float = 0.0
    _started: float = field(default_factory=time.perf_counter, repr=False)

    def add(self, outcome: Outcome) -> None:
        setattr(self, outcome.status, getattr(self, outcome.status) + 1)
        self.seconds = time.perf_counter() - self._started
