"""The door to pictures and thumbnails, on disk or in a bucket: only this file tells which.

A folder and a bucket each have a class for their pictures and one for their thumbnails, which
follow the two protocols below. What uses them does not know where it works.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from thumbnailer.config.settings import Settings
from thumbnailer.errors import ConfigError, SourceError
from thumbnailer.model import Answer, Failure, Job, Outcome, Run, Source, Stop
from thumbnailer.scan.folders import FolderPictures
from thumbnailer.scan.selection import Choice
from thumbnailer.thumbs.folder_thumbs import FolderThumbs
from thumbnailer.thumbs.plan import SourceSlots
from thumbnailer.urls import is_url, split_url

# A str is itself an iterable of str, so a single path is told from several by its type.
Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


class Pictures(Protocol):
    """The pictures of one SOURCE: a folder or file, or what is below a bucket's prefix."""

    @property
    def is_remote(self) -> bool:
        """Whether they are in a bucket."""

    def check(self) -> bool:
        """Check that the SOURCE can be read; return whether it is a folder or a prefix.

        Raises:
            SourceMissing: it does not exist.
            SourceForbidden: there is no permission to read it.
            SourceError: it can't be read for another reason, or is a folder of thumbnails.
        """

    def scan(self, choice: Choice, *, below: str = "") -> Iterator[Source | Outcome]:
        """Yield the pictures; an outcome for what can't be read.

        Args:
            below: the SOURCE's folder in the output tree, relative to the output folder.
        """


class Thumbs(Protocol):
    """The thumbnails of a run: in folders, or in a bucket."""

    def prepare(self, earlier: tuple[int, int] | None = None) -> tuple[int, int] | None:
        """Create what must be there before the first thumbnail.

        Args:
            earlier: what an earlier run has returned: then it has to be there already.

        Returns:
            The device and inode of an output tree on disk, else None.

        Raises:
            OutputError: it can't be created or written, or is not what it was.
        """

    def look(
        self, found: Iterable[Source | Outcome], *, quick: bool = True
    ) -> Iterator[SourceSlots | Outcome]:
        """Yield what there is of each source's thumbnails, or an outcome where that says all."""

    def plan(self, found: Iterable[Source | Outcome], run: Run) -> Iterator[Job | Outcome]:
        """Yield a job for each source that needs one, an outcome for each other."""

    def finish(self, jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
        """Write the thumbnails that workers made for some jobs, and return their outcomes."""


def pictures_at(path: str, settings: Settings, stop: Stop | None = None) -> Pictures:
    """Return the pictures of a SOURCE; once `stop` is set, nothing more is read of it.

    Raises:
        ConfigError: the extra for buckets is not installed, or the URL names no bucket.
    """
    if is_url(path):
        from thumbnailer.buckets.scan import BucketPictures  # imports asyncio: 50 ms

        output = os.fspath(settings.output) if is_url(settings.output) else ""
        return BucketPictures(path, settings.endpoint, output, stop)
    return FolderPictures(path, stop)


def open_thumbs(settings: Settings, *, clean_up: bool = True, stop: Stop | None = None) -> Thumbs:
    """Return the thumbnails that the settings want.

    Args:
        clean_up: clean up thumbnail folders when they are first used.
        stop: once it is set, a bucket's answer is not waited for.
    """
    if is_url(settings.output):
        from thumbnailer.buckets.bucket_thumbs import BucketThumbs

        return BucketThumbs(settings.thumbnails, stop)
    return FolderThumbs(settings.thumbnails, clean_up=clean_up)


def source_fetcher(settings: Settings, closing: Stop) -> Callable[[list[Job]], list[Job | Failure]]:
    """Return a function that adds the content of sources to jobs whose worker can't read it.

    It returns the jobs, or why a source can't be had. Once `closing` is set, it raises WorkerError.
    """

    def fetch(jobs: list[Job]) -> list[Job | Failure]:
        if not any(job.source.is_remote for job in jobs):
            return [*jobs]
        from thumbnailer.buckets.transfer import fetch_sources

        return fetch_sources(jobs, settings.endpoint, closing)

    return fetch


def check_bucket(path: str, settings: Settings) -> None:
    """Check that the bucket of a path can be listed; a path on disk is not checked.

    Raises:
        ConfigError: the extra for buckets is not installed.
        OSError: it can't be listed; `filename` is the URL of the bucket.
    """
    if not is_url(path):
        return
    from thumbnailer.buckets.client import Bucket

    where, key = split_url(path)
    try:
        next(Bucket(where, settings.endpoint).listing(key), None)
    except OSError as error:
        raise OSError(error.errno, error.strerror, where) from None


def is_remote(*paths: object) -> bool:
    """Return whether one of the paths is in a bucket."""
    return any(map(is_url, paths))


def refuse_buckets(*paths: object) -> None:
    """Check that no path is in a bucket, for operations that work on folders only.

    Raises:
        ConfigError: one is. The message does not quote its URL: a secret key that a user put into
            it must not get into a log.
    """
    if is_remote(*paths):
        raise ConfigError("only make takes buckets; all else takes folders")


@dataclass(frozen=True, slots=True)
class Sources:
    """The SOURCEs that a caller named, checked.

    Attributes:
        roots: all of them.
        folders: those that are folders or prefixes, each with its folder in an output tree.
    """

    roots: list[str]
    folders: dict[str, str]

    @property
    def is_remote(self) -> bool:
        """Whether any is in a bucket."""
        return is_remote(*self.roots)

    def refuse_files(self, why: str) -> None:
        """Check that all are folders; `why` says for what they must be.

        Raises:
            SourceError: one is a file.
        """
        for root in self.roots:
            if root not in self.folders:
                raise SourceError(None, f"is no folder; {why}", root)

    def scan(self, settings: Settings, stop: Stop | None = None) -> Iterator[Source | Outcome]:
        """Yield what the scan finds in all of them."""
        choice = settings.choice
        for root in self.roots:
            pictures = pictures_at(root, settings, stop)
            yield from pictures.scan(choice, below=self.folders.get(root, ""))


def open_sources(
    sources: Path | Iterable[Path],
    settings: Settings,
    *,
    with_buckets: bool = False,
    stop: Stop | None = None,
) -> Sources:
    """Check the SOURCEs that the caller named, and return them.

    Args:
        with_buckets: sources and output may be in a bucket.
        stop: once it is set, a bucket's answer is not waited for.

    Raises:
        SourceError: a source does not exist or can't be read.
        ConfigError: a source is the output folder, or is in a bucket where that is not possible.
    """
    if isinstance(sources, str | bytes | os.PathLike):
        sources = [sources]
    roots = [os.fsdecode(source) for source in sources]
    if not with_buckets:
        refuse_buckets(*roots, settings.output)
    if is_remote(*roots) and not settings.output:
        raise ConfigError("thumbnails of what is in a bucket need an output: a folder or a bucket")
    if is_remote(*roots) and settings.is_for_desktop:
        raise ConfigError("layout = 'freedesktop': has no place for what is in a bucket")
    folders = [root for root in roots if pictures_at(root, settings, stop).check()]
    if settings.output:
        for folder in folders:
            if os.path.realpath(folder) == os.path.realpath(settings.output):
                raise ConfigError(f"output = {settings.output!r}: is a folder of sources itself")
    # With several sources, each folder has a folder of its own name in the output tree.
    if len(roots) == 1:
        return Sources(roots, dict.fromkeys(folders, ""))
    return Sources(roots, {folder: os.path.basename(os.path.abspath(folder)) for folder in folders})
