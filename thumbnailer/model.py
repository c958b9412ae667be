"""What flows through the line: a Source becomes a Job, a Job an Outcome, Outcomes a Report."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

# Raised when the same recipe comes out differently, so that old thumbnails are made again.
_RENDERING = 1

# `removed`: its source is gone, and so is its thumbnail now; only a watch tells of it.
Status = Literal["made", "current", "skipped", "failed", "removed"]


class Stop(Protocol):
    """Anything with `is_set`, such as `threading.Event`."""

    def is_set(self) -> bool: ...


class Box(NamedTuple):
    """The box a thumbnail must fit in, in px; None leaves that side free."""

    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Source:
    """A picture as the scan found it; usable wherever a path is (`os.PathLike`).

    Attributes:
        path: where it is, spelled as the caller spelled the folder it was found in.
        size_bytes: its length.
        mtime_ns: its modification time, nanoseconds since the epoch.
        below: the folder a mirrored output tree keeps it in, relative to the output folder.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    below: str = ""

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
    """

    anchor: str
    below: str
    shared: bool = False

    @property
    def path(self) -> str:
        return os.path.join(self.anchor, self.below) if self.below else self.anchor


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a thumbnail should look like: `box` in px, `format` a name, `quality` 1 to 100."""

    box: Box
    format: str
    quality: int

    @property
    def fingerprint(self) -> str:
        """Differs between any two recipes whose thumbnails differ."""
        quality = None if self.format == "png" else self.quality
        return _fingerprint(_RENDERING, *self.box, self.format, quality)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may cost at most, and how broken it may be.

    Attributes:
        pixels: width x height, read from the header, for formats that must be decoded whole.
        shrinkable_pixels: the same for JPEG, whose decoder can shrink while it loads.
        seconds: wall time of one attempt.
        memory_bytes: for decoding and resizing.
        keep_truncated: a picture that can't be decoded to its end is made from what there is.
    """

    pixels: int
    shrinkable_pixels: int
    seconds: float
    memory_bytes: int
    keep_truncated: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A source and the thumbnail wanted of it: all that a worker has to know.

    Attributes:
        origin: the source's path relative to `folder`, its name in that folder's ledger.
        name: the thumbnail's file name in `folder`.
    """

    source: Source
    origin: str
    folder: Folder
    name: str
    recipe: Recipe
    limits: Limits

    @property
    def attempt(self) -> str:
        """Fingerprint of all but the source that decides whether making the thumbnail succeeds."""
        return attempt_fingerprint(self.recipe, self.limits)


def attempt_fingerprint(recipe: Recipe, limits: Limits) -> str:
    return _fingerprint(recipe.fingerprint, limits)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A thumbnail that exists: its path, its size in px and its length in bytes."""

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


@dataclass(frozen=True, slots=True)
class Rendering:
    """A thumbnail as a worker made it: the content of a file, not yet on disk.

    Attributes:
        state: the source as it was when it was read.
        data: the content of the thumbnail's file.
        width, height: its size in px.
        note: what is missing of the source, in words.
    """

    state: Source
    data: bytes
    width: int
    height: int
    note: str = ""


class Answer(NamedTuple):
    """What a worker says to a job, and the wall time it took, in seconds."""

    result: Rendering | Failure
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one source. `error` is set for `skipped` and `failed`; `seconds` is wall time
    in the worker; `note` says what is missing of a truncated picture that has a thumbnail."""

    source: Source
    status: Status
    thumbnails: tuple[Thumbnail, ...] = ()
    error: Failure | None = None
    seconds: float = 0.0
    note: str = ""


@dataclass(slots=True)
class Report:
    """The sum of a run: `found` is counted by the scan, the four states by the outcomes.

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
    failures: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    _started: float = field(default_factory=time.perf_counter, repr=False)

    def add(self, outcome: Outcome) -> None:
        setattr(self, outcome.status, getattr(self, outcome.status) + 1)
        self.seconds = time.perf_counter() - self._started


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of one thumbnail whose source is gone, or may be.

    Attributes:
        thumbnail: its path; of a folder that can't be read, the folder's.
        source: what it was made of; "" for a folder.
        status: `kept` if nobody can say whether the source is there.
        error: why it is kept or could not be removed.
    """

    thumbnail: str
    source: str
    status: Literal["removed", "would remove", "kept", "failed"]
    error: Failure | None = None


@dataclass(frozen=True, slots=True)
class PruneReport:
    """The sum of a pruning.

    Attributes:
        thumbnails: those of pictures in the SOURCEs, whether these are there or not.
        orphaned: those whose source is gone.
        removals: one for each that was removed, would be, or could not be, and for each that was
            kept since nobody can say whether its source is there.
        seconds: wall time.
    """

    thumbnails: int
    orphaned: int
    removals: tuple[Removal, ...]
    seconds: float

    @property
    def removed(self) -> int:
        return sum(removal.status == "removed" for removal in self.removals)

    @property
    def failed(self) -> int:
        return sum(removal.status == "failed" for removal in self.removals)


def _fingerprint(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()
