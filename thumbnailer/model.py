"""Data types that the steps of a run pass on: Source, Job, Answer, Outcome and Report.

The scan yields a Source for each picture. The plan turns it into a Job, or into an Outcome if there
is nothing to do. A worker process returns an Answer for each Job. Writing its thumbnails gives an
Outcome, and a Report counts the Outcomes.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Literal, NamedTuple, Protocol, Self, TypeVar, dataclass_transform

from thumbnailer.activity import Activity, Waiting
from thumbnailer.formats import WRITTEN, format_by_ending
from thumbnailer.recipe import Limits, Recipe
from thumbnailer.urls import is_url

T = TypeVar("T")

# What a run did about a source: it made thumbnails, found all of them current, skipped the source
# or failed at it. `removed`: the source is gone, and its thumbnail was removed (in a watch only).
Status = Literal["made", "current", "skipped", "failed", "removed"]

# System errors after which a run stops, since writing any other thumbnail would fail too.
FATAL_ERRNOS = frozenset(
    {errno.ENOSPC, errno.EROFS, errno.ENODEV, getattr(errno, "EDQUOT", errno.ENOSPC)}
)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def _frozen_by_type(type_: type[T]) -> type[T]:
    """Make a dataclass with slots that is frozen for type checkers, and only for these.

    At run time, each field of a frozen one is set by a call. A file that is left alone has a
    Source, a Thumbnail and an Outcome: 2.2 µs together in place of 0.6, of 12 in all.
    """
    return dataclass(slots=True, unsafe_hash=True)(type_)


def _pickled_as_call(type_: type[T]) -> type[T]:
    """Let a dataclass be pickled as a call with its fields.

    By its own way, which asks for its fields anew each time, a job takes three times as long.
    """
    fields_of = attrgetter(*(one.name for one in fields(type_)))  # type: ignore[arg-type]
    type_.__reduce__ = lambda self: (self.__class__, fields_of(self))  # type: ignore[method-assign]
    return type_


class Stop(Protocol):
    """Signal to stop early: anything with `is_set`, such as `threading.Event`."""

    def is_set(self) -> bool: ...


@_pickled_as_call
@_frozen_by_type
class Source:
    """A picture as the scan found it; usable wherever a path is (`os.PathLike`).

        (outcome,) = iter_thumbnails("photo.jpg")
        print(outcome.source.path, outcome.source.size_bytes)

    Attributes:
        path: its path or URL, spelled as the caller spelled the folder it was found in.
        size_bytes: the length of the file or object.
        mtime_ns: its modification time, in nanoseconds since the epoch.
        below: the folder of its thumbnails in a mirrored output tree, relative to that tree.
        etag: the ETag of an object in a bucket, which differs between any two contents of it; ""
            for a file. An object's time has whole seconds only, so the nanoseconds in `mtime_ns`
            are a checksum of the ETag.
        ctime_ns: the time of the last change of the file or of anything about it, in nanoseconds
            since the epoch; 0 for an object, and on Windows, where files have none.
        root: the folder that the caller named, in which the scan found the file: no link below it
            is followed to a folder. "" if the caller named the file itself.
        elsewhere: whether another shard makes its thumbnails: it has its names here, so that no
            other picture gets them, but is not looked at.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    below: str = ""
    etag: str = ""
    ctime_ns: int = 0
    root: str = ""
    elsewhere: bool = False

    @property
    def is_remote(self) -> bool:
        """Whether it is an object in a bucket."""
        return is_url(self.path)

    def __fspath__(self) -> str:
        return self.path

    def __str__(self) -> str:
        return self.path


@_pickled_as_call
@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of thumbnails, as a trusted path and a path below it where no link is followed.

    Attributes:
        anchor: a folder that the caller named; it is trusted.
        below: the path from `anchor` to the thumbnails. It is created where it is missing, and no
            link in it is followed.
        shared: whether it held files of others before the first thumbnail was written.
        desktop: whether it belongs to the desktop's thumbnail cache: other users may not read it,
            and each thumbnail contains the URI, time and size of its source.
        given: the first part of `below` that is never created: the folder of the sources.
        device: that of the file system of `anchor`, if nothing is to be created on another one:
            there its disk was mounted before.
        hashed: whether there may be thumbnails in it with a hash in their names.
    """

    anchor: str
    below: str
    shared: bool = False
    desktop: bool = False
    given: str = ""
    device: int | None = None
    hashed: bool = False

    @property
    def path(self) -> str:
        if os.sep != "/" and self.is_remote and self.below:
            return f"{self.anchor}/{self.below}"
        return os.path.join(self.anchor, self.below) if self.below else self.anchor

    def path_of(self, name: str) -> str:
        """Return the path or URL of a file or object in it."""
        return f"{self.path}/{name}" if self.is_remote else os.path.join(self.path, name)

    @property
    def is_remote(self) -> bool:
        """Whether it is in a bucket."""
        return is_url(self.anchor)


class NewMark(NamedTuple):
    """Mark that a bucket's folder of thumbnails needs before the first thumbnail is put there.

    Attributes:
        key: of the object, which is empty: its name says all.
        etag: of the object that has this key already; "" if there is none.
        outdated: the keys of the marks that it replaces.
        not_before: when it may be put at the earliest, in seconds since the epoch: its time must be
            later than that of all thumbnails that were made under the others.
    """

    key: str
    etag: str = ""
    outdated: tuple[str, ...] = ()
    not_before: float = 0.0


class ListedState(NamedTuple):
    """What a bucket's listing shows of a wanted thumbnail.

    Attributes:
        etags: the ETags of the objects called `name` and `png_name`; "" where there is none.
        record: the key of the record of an earlier attempt; "" if there is none.
        mark: what marks the folder of the thumbnail; None if it is marked.
    """

    etags: tuple[str, str]
    record: str
    mark: NewMark | None = None


@_pickled_as_call
@dataclass(frozen=True, slots=True)
class WantedThumbnail:
    """A thumbnail to be made: where it goes, and how it should look.

    Attributes:
        folder: where it is written.
        origin: the source as the ledger of `folder` names it: its path relative to `folder`, or in
            full for a URL and in the desktop's cache.
        name: the thumbnail's file name in `folder`.
        recipe: how it should look.
        png_name: its file name if the recipe's format is `auto` and it becomes a `png`; else "".
        text: keys and values about the source to write into a `png` (PNG specification, tEXt).
        listed: what is there now, if `folder` is in a bucket.
        replaces: the lengths in bytes of the files called `name` and `png_name` that may be
            replaced: those that are there and were written by thumbnailer; None if there is none.
    """

    folder: Folder
    origin: str
    name: str
    recipe: Recipe
    png_name: str = ""
    text: tuple[tuple[str, str], ...] = ()
    listed: ListedState | None = None
    replaces: tuple[int | None, int | None] = (None, None)


@_pickled_as_call
@dataclass(frozen=True, slots=True)
class Job:
    """A source and its thumbnails: all that a worker process needs to render them.

    Attributes:
        thumbnails: those to be made (WantedThumbnail) and those that are current (Thumbnail).
        limits: what the picture may cost.
        data: the content of the source; None if the worker is to read the file.
        others: the recipes of those that are current. From the largest of all it follows at which
            size the picture is decoded, so that a thumbnail is the same whichever are missing.
    """

    source: Source
    thumbnails: tuple[WantedThumbnail | Thumbnail, ...]
    limits: Limits
    data: bytes | None = None
    others: tuple[Recipe, ...] = ()

    @property
    def wanted(self) -> tuple[WantedThumbnail, ...]:
        """The thumbnails to be made."""
        return tuple([one for one in self.thumbnails if isinstance(one, WantedThumbnail)])


@_frozen_by_type
class Thumbnail:
    """A thumbnail that was made or exists.

        made = make_thumbnail("photo.jpg", size=256)
        print(made.width, made.height, made.mime_type, len(made.data))

    Attributes:
        path: its path or URL; "" if it was returned, or written to a file object.
        width, height: its sides in px; 0 if it is known from a bucket's listing, which does not
            tell them.
        size_bytes: its length.
        data: its content, if it was made from one picture (`make_thumbnail` and the like); b"" if
            it was made or found in a run over many.
        placeholder: its ThumbHash in base64 (https://evanw.github.io/thumbhash/), of which a page
            paints a blurred picture while it loads; "" if it is not known, as from a bucket's
            listing, or of a thumbnail that an earlier version made.
    """

    path: str
    width: int
    height: int
    size_bytes: int
    data: bytes = field(default=b"", repr=False)
    placeholder: str = field(default="", repr=False, compare=False)  # follows from the picture
    _format: str = field(default="", repr=False, compare=False)

    @classmethod
    def of_content(cls, made: EncodedThumbnail) -> Thumbnail:
        """Return a thumbnail that is nowhere but in memory."""
        return cls.written(made, "", made.data, made.format)

    @classmethod
    def written(
        cls, made: EncodedThumbnail, path: str, data: bytes = b"", format: str = ""
    ) -> Thumbnail:
        """Return a thumbnail that was written to a path or URL."""
        size = made.width, made.height, len(made.data)
        return cls(path, *size, data, made.placeholder, format)

    @property
    def is_remote(self) -> bool:
        """Whether it is in a bucket."""
        return is_url(self.path)

    @property
    def format(self) -> str:
        """Its format, as in the setting of this name: `jpeg`."""
        return self._format or format_by_ending(self.path) or ""

    @property
    def mime_type(self) -> str:
        """Its MIME type: `image/jpeg`."""
        return WRITTEN[self.format].mime_type if self.format else ""


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why a source has no new thumbnail.

        for outcome in make_thumbnails("Pictures").failures:
            print(outcome.source, outcome.error.stage, outcome.error.reason)

    Attributes:
        stage: the step that failed, such as `scan`, `open`, `limits`, `decode` or `write`; or
            `content` if a file without an ending is no picture.
        reason: why it failed, in words for people.
        fatal: every other picture would fail too (disk full, read-only file system).
        lasts: a retry is useless until the picture or the settings change.
        suspect: it may pass, but the picture itself may be the cause: its worker crashed, took too
            long or ran out of memory. If that happens run after run, it lasts.
        gone: the picture is not there, or nothing is in a bucket where a SOURCE should be.
    """

    stage: str
    reason: str
    fatal: bool = False
    lasts: bool = True
    suspect: bool = False
    gone: bool = False

    @property
    def status(self) -> Literal["skipped", "failed"]:
        """What becomes of the source: it is skipped if it is none of which there is a thumbnail."""
        return "skipped" if self.stage in ("scan", "content") else "failed"


# The ThumbHash of any picture, in base64: 17 to 25 bytes.
_PLACEHOLDER = re.compile(r"[A-Za-z0-9+/]{22,36}={0,2}|")


def is_placeholder(text: object) -> bool:
    """Return whether something may be a placeholder, as in `Thumbnail`, or "" for an unknown one.

    Such texts come from workers, ledgers and buckets, where others may write.
    """
    return isinstance(text, str) and _PLACEHOLDER.fullmatch(text) is not None


class EncodedThumbnail(NamedTuple):
    """An encoded thumbnail: the file's content, its format, its width and height in px.

    Its placeholder comes last, as in `Thumbnail`.
    """

    data: bytes
    format: str
    width: int
    height: int
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class Rendering:
    """The thumbnails that a worker made for a job, in memory; none is written yet.

    Attributes:
        state: the source with the size and time that it had when it was read.
        encoded: one thumbnail for each in `Job.wanted`, in the same order.
        note: what is missing of the source or was ignored, in words; "" if nothing is.
        digest: that of the source's content, if it was read from a file; see `disk.digest`.
    """

    state: Source
    encoded: tuple[EncodedThumbnail, ...]
    note: str = ""
    digest: str = ""


class HeaderFacts(NamedTuple):
    """Facts for the gallery about a picture that has a thumbnail, found out by a worker.

    Attributes:
        width, height: of the picture in px, with its orientation applied; 0 if unknown.
        taken: when it was taken, by the camera's clock, as `2024-05-01 12:30:00`; "" if unknown.
        placeholder: that of its smallest thumbnail, as in `Thumbnail`; "" if unknown.
        sizes: width and height in px of each thumbnail that the job has; 0 if unknown.
    """

    width: int
    height: int
    taken: str
    placeholder: str
    sizes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Whole:
    """What a worker found that was to verify a thumbnail: it is whole, and fits its source."""


class Answer(NamedTuple):
    """A worker's result for a job, and the wall time that it took, in seconds."""

    result: Rendering | HeaderFacts | Whole | Failure
    seconds: float


@_frozen_by_type
class Outcome:
    """The result of a run for one source.

        for outcome in iter_thumbnails("Pictures"):
            print(outcome.source, [one.path for one in outcome.thumbnails] or outcome.error)

    Attributes:
        status: `made`, `current`, `skipped` or `failed`; in a watch also `removed`: the source is
            gone, and its thumbnail was removed.
        thumbnails: those that were made or are current.
        error: the reason; set for `skipped` and `failed`.
        seconds: the wall time that the worker took.
        note: what is missing of a truncated picture that has a thumbnail, or was ignored.
    """

    source: Source
    status: Status
    thumbnails: tuple[Thumbnail, ...] = ()
    error: Failure | None = None
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

        make_thumbnails("Pictures", progress=lambda now: print(now.done, "of", now.found))

    Attributes:
        found: how many pictures it has; 0 as long as they are being counted, and in a bucket.
        done: how many have an outcome.
        failed: how many of these have failed.
        outcome: the last outcome.
    """

    found: int
    done: int
    failed: int
    outcome: Outcome


class Engine(Protocol):
    """Pool or cluster that turns jobs into outcomes; a context manager that ends all its work."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def imap_unordered(
        self, items: Iterable[Job | Outcome | None], stop: Stop | None = None
    ) -> Generator[Outcome, None, None]:
        """Yield one outcome for each job, in order of completion; pass on outcomes in `items`.

        `items` is read no faster than outcomes are taken, possibly by another thread. None among
        them says that there is nothing yet, so that outcomes are not held up. What they raise is
        raised after the outcomes of the jobs before. Once `stop` is set the iterator ends, and jobs
        without an outcome are dropped.

        Raises:
            WorkerError: no worker can be started, or the cluster can't be used.
        """
        ...

    def waits_for(self) -> Waiting | None:
        """Return what it waits for, None if it has no work; any thread may ask."""
        ...


@dataclass(slots=True)
class Report:
    """Counts of a run: the sources found, and how many of them have each status.

        report = make_thumbnails("Pictures")
        print(report.made, [outcome.error for outcome in report.failures])

    Attributes:
        found: the sum of `made`, `current`, `skipped` and `failed`; a watch does not count it.
        failures: the failed outcomes, in order of completion; kept by `make_thumbnails` only.
        left_out: how many pictures were left out since they are `hidden`, how many folders and
            pictures of other programs, by their names, such as `#recycle`, and how many files
            `without an ending`.
        unread: how many pictures were left out for want of an option or an extra, by the name of
            their format: `{"heif": 12, "psd": 3}`.
        left_over: after a run over all pictures of folders, how many thumbnails it did not ask for
            where it has looked: `orphaned` ones, whose pictures are gone, and those `of other
            settings`. `prune(..., stale=True)` removes them.
        notes: what there is to say of the run as a whole, in words: a glob that matched
            nothing, or which shard it was.
        seconds: the wall time from the start of the run to its last outcome.
    """

    found: int = 0
    made: int = 0
    current: int = 0
    skipped: int = 0
    failed: int = 0
    removed: int = 0
    failures: list[Outcome] = field(default_factory=list, repr=False)  # `failed` says how many
    left_out: dict[str, int] = field(default_factory=dict, repr=False)
    unread: dict[str, int] = field(default_factory=dict, repr=False)
    left_over: dict[str, int] = field(default_factory=dict, repr=False)
    notes: list[str] = field(default_factory=list, repr=False)
    seconds: float = 0.0
    _started: float = field(default_factory=time.perf_counter, repr=False)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome by its status, and update `seconds`."""
        setattr(self, outcome.status, getattr(self, outcome.status) + 1)
        self.seconds = time.perf_counter() - self._started


class FormerSources(Protocol):
    """Knows where pictures were before they were moved or renamed."""

    def of(self, source: Source) -> Iterable[Source]:
        """Yield what a picture may have been before: sources that seem to be gone by now."""
        ...

    def note_moved(self, former: Source, thumbnails: Iterable[tuple[Folder, str, str]]) -> None:
        """Take that a picture has thumbnails that were those of a former source.

        Args:
            thumbnails: the folder, name and origin of each that the former source has.
        """
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """What a run is to do, besides making what is missing or stale, and what it counts in.

    Attributes:
        force: make every thumbnail, current or not.
        retry_failed: retry sources that failed before, even if nothing has changed.
        dry_run: write nothing; a source that would become a job is skipped.
        stop: once it is set, the run ends.
        report: is updated with each outcome.
        output: device and inode of the output folder, if an earlier run has prepared it: it is not
            created again, and nothing is written while another folder is in its place.
        former: knows where pictures were before, whose thumbnails are kept then.
        is_whole: it looks at all pictures of some folders, so that it can tell which thumbnails
            nobody asks for.
        activity: is told what the run is at, if anybody wants to know.
    """

    force: bool = False
    retry_failed: bool = False
    dry_run: bool = False
    stop: Stop | None = None
    report: Report = field(default_factory=Report)
    output: tuple[int, int] | None = None
    former: FormerSources | None = None
    is_whole: bool = False
    activity: Activity | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether the run is to end early."""
        return self.stop is not None and self.stop.is_set()
