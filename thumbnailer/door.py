"""The door to pictures and thumbnails, on disk or in a bucket: only this file tells which.

A folder and a bucket each have a class for their pictures and one for their thumbnails, which
follow the two protocols below. What uses them does not know where it works.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import filterfalse
from typing import TYPE_CHECKING, Protocol

from thumbnailer.config.settings import Settings
from thumbnailer.disk.document import FileDocument
from thumbnailer.errors import ConfigError, SourceError, shortened
from thumbnailer.model import Answer, Failure, Job, Outcome, Run, Source, Stop
from thumbnailer.scan.folders import FolderPictures
from thumbnailer.scan.globs import compares_paths, misplaced_glob
from thumbnailer.scan.overlaps import Overlap, find_overlaps
from thumbnailer.scan.selection import Choice
from thumbnailer.scan.shard import Shard
from thumbnailer.thumbs.folder_thumbs import FolderThumbs
from thumbnailer.thumbs.orphans.asked_for import AskedFor
from thumbnailer.thumbs.orphans.remote_sources import RemoteSources
from thumbnailer.thumbs.plan import SourceSlots
from thumbnailer.urls import is_url, split_url

if TYPE_CHECKING:
    from thumbnailer.buckets.orphans.own_in_bucket import OwnInBucket

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

    def is_empty(self) -> bool:
        """Return whether there is nothing at all in the SOURCE; False if it can't be read."""

    def inner(self, path: str) -> str | None:
        """Return where a path or URL lies in the SOURCE, "" if it is that; None if elsewhere."""

    def find(self, inner: str, choice: Choice, *, below: str = "") -> Iterator[Source | Outcome]:
        """Yield what a scan finds at one place in the SOURCE: a picture, or those of a folder.

        Nothing of what is thumbnailer's own; a failed outcome for a picture that is not there.

        Args:
            inner: what `inner` returns; "" for the SOURCE itself. In a bucket, a folder has a slash
                at its end.
            below: as for `scan`.
        """

    def find_all(
        self, inners: Iterable[str], choice: Choice, *, below: str = ""
    ) -> Iterator[Source | Outcome]:
        """Yield what `find` finds at each of some places, none of them a folder."""


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

    def anew(self) -> Thumbs:
        """Return the same thumbnails, to be looked at anew."""

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


def open_thumbs(
    settings: Settings, *, clean_up: bool = True, stop: Stop | None = None, live: bool = False
) -> Thumbs:
    """Return the thumbnails that the settings want.

    Args:
        clean_up: clean up thumbnail folders when they are first used.
        stop: once it is set, a bucket's answer is not waited for.
        live: sources may be a long time coming, so none waits for the next.
    """
    if is_url(settings.output):
        from thumbnailer.buckets.bucket_thumbs import BucketThumbs

        return BucketThumbs(settings.thumbnails, stop, live=live)
    return FolderThumbs(settings.thumbnails, clean_up=clean_up)


def source_fetcher(settings: Settings, closing: Stop) -> Callable[[list[Job]], list[Job | Failure]]:
    """Return a function that adds the content of sources to jobs whose worker can't read it.

    It returns the jobs, or why a source can't be had. Once `closing` is set, it raises WorkerError.
    """

    def fetch(jobs: list[Job]) -> list[Job | Failure]:
        if not is_remote(settings.output) and not any(job.source.is_remote for job in jobs):
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
    from thumbnailer.buckets.client.bucket import Bucket

    where, key = split_url(path)
    try:
        next(Bucket(where, settings.endpoint).listing(key), None)
    except OSError as error:
        raise OSError(error.errno, error.strerror, where) from None


def environment_for_nodes(settings: Settings, *paths: str) -> dict[str, str]:
    """Return the variables that lead other machines to the buckets of some paths, as this process.

    There is no key among them: those the other machines must have.

    Raises:
        ConfigError: this process can't reach them as it is set up.
    """
    if not is_remote(*paths):
        return {}
    from thumbnailer.buckets.client.services import aws
    from thumbnailer.buckets.client.services.environment import shared_variables

    shared = shared_variables()
    if any(path.startswith("s3://") for path in paths):
        access = aws.access(settings.endpoint)
        shared["AWS_REGION"] = access.region
        if access.endpoint:
            shared["AWS_ENDPOINT_URL_S3"] = access.endpoint
    return shared


def remote_sources(
    roots: Iterable[str],
    asked: AskedFor,
    settings: Settings,
    stop: Stop | None,
    *,
    asks: bool = False,
) -> RemoteSources | None:
    """Return what is known of the pictures of those SOURCEs that are in buckets; None if none is.

    Args:
        asked: has noted all pictures that a scan has found.
        asks: whether it is asked for those that were not found, before they count as gone.
    """
    if not is_remote(*roots):
        return None
    from thumbnailer.buckets.orphans.listed_sources import ListedSources

    return ListedSources(roots, asked.sources, settings.endpoint, stop, asks=asks)


def bucket_of_thumbnails(settings: Settings, stop: Stop | None) -> OwnInBucket | None:
    """Return what is ours in the bucket of the output; None if the thumbnails are on disk."""
    if not is_url(settings.output):
        return None
    from thumbnailer.buckets.orphans.own_in_bucket import OwnInBucket

    return OwnInBucket(os.fspath(settings.output), settings.endpoint, stop)


class Notice(Protocol):
    """Message of a queue; see `buckets.queues.messages.Message`."""

    @property
    def receipt(self) -> str: ...
    @property
    def events(self) -> Iterable[tuple[str, bool]]: ...
    @property
    def fault(self) -> str: ...


class NoticeQueue(Protocol):
    """Queue of what is uploaded and deleted; see `buckets.queues.queue.Queue`."""

    def receive(self) -> Iterable[Notice]: ...
    def done(self, receipts: Sequence[str]) -> None: ...
    def extend(self, receipts: Sequence[str]) -> None: ...


def open_queue(url: str, stop: Stop) -> NoticeQueue:
    """Return the queue of a URL; nothing is asked of it yet.

    Raises:
        ConfigError: it is no such URL, the extra is not installed, or there are no credentials.
    """
    from thumbnailer.buckets.queues import open as queues

    return queues.open_queue(url, stop)


class Document(Protocol):
    """A file, or an object in a bucket, that is written whole or not at all.

    All methods raise OSError if it can't be read or written.

    Attributes:
        folder: the full path or URL of the folder that it is in.
    """

    folder: str

    def first_bytes(self, most: int) -> bytes | None:
        """Return how it begins; None if there is none."""

    def read(self) -> bytes:
        """Return its content; b"" if there is none."""

    def write(self, data: bytes) -> bool:
        """Replace what `read` has returned; return False if it has been replaced since then.

        On disk, that is replaced as well.
        """


def open_document(path: str, settings: Settings, mime_type: str) -> Document:
    """Return the document at a path or URL.

    Args:
        mime_type: is stored with it in a bucket.

    Raises:
        ConfigError: the extra for buckets is not installed, or the URL names no bucket.
    """
    if is_url(path):
        from thumbnailer.buckets.document import BucketDocument

        return BucketDocument(path, settings.endpoint, mime_type)
    return FileDocument(path)


def thumbnail_sizes(
    urls: Sequence[str], settings: Settings, stop: Stop | None
) -> list[tuple[int, int] | None]:
    """Return the width and height of thumbnails in a bucket, as far as these are stored."""
    from thumbnailer.buckets import document

    return document.thumbnail_sizes(urls, settings.endpoint, stop)


def is_remote(*paths: object) -> bool:
    """Return whether one of the paths is in a bucket."""
    return any(map(is_url, paths))


def paths_of(sources: Path | Iterable[Path]) -> list[str]:
    """Return the SOURCEs that a caller named, one or several, as texts."""
    if isinstance(sources, str | bytes | os.PathLike):
        sources = [sources]
    return [os.fsdecode(source) for source in sources]


def refuse_buckets(*paths: object) -> None:
    """Check that no path is in a bucket, for operations that work on folders only.

    Raises:
        ConfigError: one is. The message does not quote its URL: a secret key that a user put into
            it must not get into a log.
    """
    if is_remote(*paths):
        raise ConfigError("watch takes folders, no buckets")


def check_globs(folders: Iterable[str], settings: Settings) -> None:
    """Check that no glob is the path of what is below some SOURCEs, from elsewhere.

    Raises:
        ConfigError: one is; the message says what is right.
    """
    if not settings.include and not settings.exclude:
        return
    on_disk = [folder for folder in folders if not is_url(folder)]
    for setting in ("include", "exclude"):
        for glob in getattr(settings, setting):
            if fault := misplaced_glob(glob, on_disk):
                raise ConfigError(f"{setting} = {shortened(glob)!r}: {fault}")


@dataclass(frozen=True, slots=True)
class Sources:
    """The SOURCEs that a caller named, checked.

    Attributes:
        roots: all of them, as they were named.
        folders: those that are folders or prefixes and are scanned, each with its folder in an
            output tree.
        files: those that are files or objects.
        overlaps: those whose pictures another one has, with that one.
        shard: of which part their pictures are taken; None for all.
    """

    roots: list[str]
    folders: dict[str, str]
    files: frozenset[str]
    overlaps: dict[str, Overlap]
    shard: Shard | None = None

    @property
    def is_remote(self) -> bool:
        """Whether any is in a bucket."""
        return is_remote(*self.roots)

    @property
    def scanned(self) -> list[str]:
        """Those that are scanned, each once: all but those whose pictures others have."""
        named = dict.fromkeys(self.roots)
        return [root for root in named if root in self.folders or root not in self.overlaps]

    @property
    def different_folders(self) -> list[str]:
        """The folders, also those in others, but none in two spellings."""
        named = dict.fromkeys(self.roots)
        is_other = {root for root, overlap in self.overlaps.items() if not overlap.inner}
        return [root for root in named if root not in self.files and root not in is_other]

    @property
    def notes(self) -> list[str]:
        """What there is to say of all of them, in words: which part is taken, which overlap."""
        shard = [f"shard {self.shard.number} of {self.shard.count}"] if self.shard else []
        twice = [root for root, times in Counter(self.roots).items() if times > 1]
        if not self.overlaps and not twice:
            return shard
        first = next(iter(self.overlaps), None) or twice[0]
        more = len(self.overlaps) + len(twice) - 1
        root, inner = self.overlaps.get(first, (first, ""))
        how = f"lies in {root}" if inner else f"is {root}" if root != first else "is named twice"
        others = f", and {more} more overlap" if more else ""
        return [*shard, f"{first} {how}{others}: each picture is taken once"]

    def refuse_files(self, why: str) -> None:
        """Check that all are folders; `why` says for what they must be.

        Raises:
            SourceError: one is a file.
        """
        for root in self.roots:
            if root in self.files:
                raise SourceError(None, f"is no folder; {why}", root)

    def scan(
        self, settings: Settings, choice: Choice, stop: Stop | None = None
    ) -> Iterator[Source | Outcome]:
        """Yield what the scan finds in all of them, each picture once."""
        for root in self.scanned:
            yield from self.scan_one(root, settings, choice, stop)

    def scan_one(
        self, root: str, settings: Settings, choice: Choice, stop: Stop | None = None
    ) -> Iterator[Source | Outcome]:
        """Yield what the scan finds in one of them and in no other."""
        pictures = pictures_at(root, settings, stop)
        found = pictures.scan(choice, below=self.folders.get(root, ""))
        if root not in self.overlaps:
            return found
        inner, silent = self.overlaps[root].inner, choice.logged(None)

        def is_found_there(item: Source | Outcome) -> bool:
            path = item.source.path if isinstance(item, Outcome) else item.path
            return silent.finds(os.path.join(inner, os.path.relpath(path, root)))

        return filterfalse(is_found_there, found)


def check_place(settings: Settings, *sources: str) -> None:
    """Check that there is a place for the thumbnails of sources in a bucket.

    Raises:
        ConfigError: there is none.
    """
    if is_remote(*sources) and not settings.output:
        raise ConfigError("thumbnails of what is in a bucket need an output: a folder or a bucket")
    if is_remote(*sources) and settings.is_for_desktop:
        raise ConfigError("layout = 'freedesktop': has no place for what is in a bucket")


def open_sources(
    sources: Path | Iterable[Path], settings: Settings, *, stop: Stop | None = None
) -> Sources:
    """Check the SOURCEs that the caller named, and return them.

    Args:
        stop: once it is set, a bucket's answer is not waited for.

    Raises:
        SourceError: a source does not exist or can't be read.
        ConfigError: a source is the output folder, or has no place for its thumbnails; or two would
            have the same folder in the output; or a glob is a path from elsewhere.
    """
    roots = paths_of(sources)
    check_place(settings, *roots)
    is_folder = {root: pictures_at(root, settings, stop).check() for root in dict.fromkeys(roots)}
    folders = [root for root in is_folder if is_folder[root]]
    files = [root for root in is_folder if not is_folder[root]]
    check_globs(folders, settings)
    if settings.output:
        for folder in folders:
            if os.path.realpath(folder) == os.path.realpath(settings.output):
                output = shortened(os.fspath(settings.output))
                raise ConfigError(f"output = {output!r}: is a folder of sources itself")
    overlaps = _overlaps(folders, files, settings) if len(is_folder) > 1 else {}
    places = _places([one for one in folders if one not in overlaps], len(roots), settings)
    # A glob with a slash may match in a SOURCE what it does not match from above.
    if any(map(compares_paths, settings.include)):
        for folder in folders:
            if folder in overlaps and (inner := overlaps[folder].inner):
                places[folder] = os.path.join(places[overlaps[folder].root], inner)
    return Sources(roots, places, frozenset(files), overlaps, settings.choice.shard)


def _overlaps(
    folders: Iterable[str], files: Iterable[str], settings: Settings
) -> dict[str, Overlap]:
    """Return the SOURCEs whose pictures another one has, in the order in which they are named."""

    def of_kind(roots: Iterable[str], *, urls: bool) -> list[str]:
        return [root for root in roots if is_url(root) == urls]

    choice = settings.choice
    overlaps = find_overlaps(of_kind(folders, urls=False), of_kind(files, urls=False), choice)
    if is_remote(*folders, *files):
        from thumbnailer.buckets.url_overlaps import find_url_overlaps

        urls = of_kind(folders, urls=True), of_kind(files, urls=True)
        overlaps |= find_url_overlaps(*urls, choice, os.fspath(settings.output))
    return {root: overlaps[root] for root in (*folders, *files) if root in overlaps}


def _places(folders: list[str], named: int, settings: Settings) -> dict[str, str]:
    """Return the folder of each SOURCE that is one in the output tree.

    With several sources named, that is a folder of its own name.

    Raises:
        ConfigError: two would have the same.
    """
    if named == 1:
        return dict.fromkeys(folders, "")
    places: dict[str, str] = {}
    by_name: dict[str, str] = {}
    for folder in folders:
        places[folder] = name = os.path.basename(os.path.abspath(folder))
        other = by_name.setdefault(os.path.normcase(name), folder)
        if other != folder and settings.output and not settings.is_for_desktop:
            output = os.fspath(settings.output)
            outputs = (os.path.join(output, part) for part in _differing_parts(other, folder))
            raise ConfigError(
                f"output = {shortened(output)!r}: {shortened(other)} and {shortened(folder)} would "
                f"both be {shortened(name)} there; give each a run of its own, with outputs such "
                f"as {' and '.join(map(shortened, outputs))}"
            )
    return places


def _differing_parts(one: str, other: str) -> tuple[str, str]:
    """Return the last parts of two paths by which these differ."""
    parts = (os.path.abspath(path).split(os.sep) for path in (one, other))
    pairs = zip(*(reversed(path) for path in parts), strict=False)
    return next(
        ((a, b) for a, b in pairs if os.path.normcase(a) != os.path.normcase(b)), ("1", "2")
    )
