"""Scan buckets for sources: what `scan.folders` does for folders, from listings in key order."""

from __future__ import annotations

import errno
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial

from thumbnailer.buckets.client.bucket import AFTER_ALL_KEYS, PAGE_KEYS, Bucket
from thumbnailer.buckets.client.errors import CredentialsEnded
from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.client.requests import Stopped
from thumbnailer.buckets.headers import made_from
from thumbnailer.buckets.marker_objects import marked_folder
from thumbnailer.errors import SourceError, SourceForbidden, SourceMissing
from thumbnailer.formats import EXTRAS, ON_REQUEST, lacks_ending, name_filter
from thumbnailer.model import Failure, Outcome, Source, Status, Stop
from thumbnailer.scan.selection import Choice
from thumbnailer.thumbs.ledger.lines import MARK
from thumbnailer.urls import split_url

NOT_THERE = "nothing is there"

_NO_PATH = "its key is no proper path"

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")

_ANY_PICTURE = name_filter((*ON_REQUEST, *EXTRAS))


class BucketPictures:
    """The pictures of a SOURCE in a bucket: below a prefix, or one object; see `door.Pictures`.

    Args:
        url: of the prefix or object.
        endpoint: as in `Settings`.
        output: the URL of the output tree, which is not scanned; "" if it is on disk.
        stop: once it is set, answers are not waited for, and may be wrong.

    Raises:
        ConfigError: the extra is not installed, or the URL names no bucket.
    """

    is_remote = True

    def __init__(self, url: str, endpoint: str, output: str, stop: Stop | None) -> None:
        where, self._key = split_url(url)
        self._url, self._output, self._stop = url, output, stop
        self._bucket = Bucket(where, endpoint, stop)
        # Its last part is the name of a picture, of any format.
        self._is_object = bool(self._key) and _ANY_PICTURE(url.rpartition("/")[2])

    def check(self, *, may_be_empty: bool = False) -> bool:
        bucket, key, url = self._bucket, self._key, self._url
        try:
            if self._is_object:
                bucket.run(partial(bucket.head, key))
                return False
            first = bucket.first(key)
            # Asked for only where it can't be told from the first key that there is no mark.
            may_be_ours = first and first.key <= f"{key}/{MARK}{AFTER_ALL_KEYS}".lstrip("/")
            is_ours = bool(may_be_ours) and self._is_marked(key)
        except Stopped:
            return True
        except FileNotFoundError as error:
            raise SourceMissing(error.errno, error.strerror, url) from None
        except PermissionError as error:
            raise SourceForbidden(error.errno, error.strerror, url) from None
        except OSError as error:
            raise SourceError(error.errno, error.strerror, url) from None
        is_missing = first is None and bool(key) and not may_be_empty
        if is_missing and not (self._stop and self._stop.is_set()):
            raise SourceMissing(errno.ENOENT, NOT_THERE, url)
        if is_ours:
            raise SourceError(None, "is a folder of thumbnails, not of pictures", url)
        return True

    def is_empty(self) -> bool:
        with suppress(OSError):
            is_empty = next(self._bucket.listing(self._key), None) is None
            return is_empty and not (self._stop and self._stop.is_set())
        return False

    def inner(self, path: str) -> str | None:
        root = "/".join(filter(None, (self._bucket.url, self._key)))
        if path.rstrip("/") == root:
            return ""
        return path.removeprefix(f"{root}/") if path.startswith(f"{root}/") else None

    def find(self, inner: str, choice: Choice, *, below: str = "") -> Iterator[Source | Outcome]:
        if inner.endswith("/") or not (inner or self._may_be_object(choice)):
            yield from self.scan(choice, below=below, start=inner.rstrip("/"))
            return
        yield from self.find_all([inner], choice, below=below)

    def find_all(
        self, inners: Iterable[str], choice: Choice, *, below: str = ""
    ) -> Iterator[Source | Outcome]:
        keys: dict[str, str] = {}
        for inner in inners:
            key = "/".join(filter(None, (self._key, inner)))
            # What a SOURCE that lies in the output holds is taken, as by a scan.
            is_ours = self._is_in_output(key) and not (inner and self._is_in_output(self._key))
            if is_ours or (inner and not choice.finds(inner)):
                continue
            if _is_path(inner or key):
                keys[key] = "/".join(filter(None, (below, inner.rpartition("/")[0])))
            else:
                yield _without_source(f"{self._bucket.url}/{key}", "failed", _NO_PATH)
        yield from self._find_objects(keys, are_listed=True)

    def _may_be_object(self, choice: Choice) -> bool:
        name = self._url.rpartition("/")[2]
        return self._is_object or (choice.by_content and bool(self._key) and lacks_ending(name))

    def _is_in_output(self, key: str) -> bool:
        output = self._output_key
        return bool(output) and f"{key}/".startswith(f"{output}/")

    @property
    def _output_key(self) -> str:
        """The prefix of the output tree, if that is in the same bucket; else ""."""
        bucket, key = split_url(self._output) if self._output else ("", "")
        return key if bucket == self._bucket.url else ""

    def scan(
        self, choice: Choice, *, below: str = "", start: str = ""
    ) -> Iterator[Source | Outcome]:
        """Yield the pictures in the order of their keys, but `a` after `a.jpg`; see `_in_turn`.

        If the listing fails, at once or later, the last item is a failed outcome.

        Args:
            start: the folder below the prefix that is scanned, if it is not all.
        """
        found = self._scan(choice, below, start)
        return _in_turn(found) if choice.by_content else found

    def _scan(self, choice: Choice, below: str, start: str) -> Iterator[Source | Outcome]:
        if self._is_object:
            if choice.is_elsewhere(self._key.rpartition("/")[2].encode()):
                yield _elsewhere(self._url, below)
            else:
                yield from self._find_objects({self._key: below})
            return
        bucket, prefix = self._bucket, self._key
        ours = {self._output_key} - {""}
        unscanned_in, is_picture = _unscanned_folder(prefix, choice, ours), choice.is_picture
        listed = "/".join(filter(None, (prefix, start)))
        length = len(prefix) + 1 if prefix else 0
        at, unscanned, target = None, "", below
        found, skipped = 0, 0
        if choice.log:
            choice.log.begin()
        entries = bucket.begun_listing(listed)
        try:
            while entry := next(entries, None):
                found += 1
                above, _, name = entry.key.rpartition("/")
                if above != at:
                    at, unscanned = above, unscanned_in(above)
                    # What sorts before a mark comes before it is known that there is one.
                    if name < MARK and above != prefix and not unscanned and self._is_marked(above):
                        ours.add(above)
                        unscanned = above
                    target = "/".join(filter(None, (below, above[length:])))
                marked = marked_folder(entry.key) if MARK in entry.key else ""
                if marked and marked != prefix and not unscanned_in(marked):
                    ours.add(marked)
                    at = None
                if unscanned:
                    skipped += 1
                    if skipped >= PAGE_KEYS:  # listing anew behind it costs one request, too
                        entries = bucket.listing(listed, f"{unscanned}/{AFTER_ALL_KEYS}")
                        skipped = 0
                    continue
                skipped = 0
                if not entry.size_bytes and (not name or lacks_ending(name)):
                    continue  # a folder that a console has made; obstore drops its last slash
                name = name or above.rpartition("/")[2]
                if not is_picture(name) or not choice.takes(entry.key[length:]):
                    continue
                url = f"{bucket.url}/{entry.key}"
                if choice.is_elsewhere(entry.key[length:].encode()):
                    yield _elsewhere(url, target)
                elif _is_path(entry.key[length:]):
                    yield source_of(url, entry, target)
                else:
                    yield _without_source(url, "skipped", _NO_PATH)
        except OSError as error:
            yield _failed(self._url, error, "can't be listed: ")
        else:
            if self._stop and self._stop.is_set():
                return
            if choice.log:
                choice.log.finish()
            if not found and listed:
                url = f"{bucket.url}/{listed}/" if start else self._url
                failure = Failure("scan", NOT_THERE, gone=True)
                yield Outcome(Source(url, 0, 0), "failed", error=failure)

    def _is_marked(self, folder: str) -> bool:
        """Return whether a folder is one of thumbnails, by its listing from the place of a mark."""
        mark = f"{folder}/{MARK}".lstrip("/")
        found = next(self._bucket.listing(folder, mark[:-1]), None)
        return bool(found and (found.key == mark or found.key.startswith(f"{mark}-")))

    def _find_objects(
        self, keys: Mapping[str, str], *, are_listed: bool = False
    ) -> Iterator[Source | Outcome]:
        """Yield the sources for some objects, which are asked for side by side.

        Args:
            keys: each with the folder of its thumbnails, relative to the output.
            are_listed: they come from a list. Who lists what is put into a bucket lists the
                thumbnails, too, and each would have one, without end: they are left out.
        """
        bucket = self._bucket
        try:
            answers = bucket.run_concurrently([partial(bucket.head, key) for key in keys])
        except Stopped:
            for key in keys:
                yield _without_source(f"{bucket.url}/{key}", "skipped", "interrupted")
            return
        for (key, below), answer in zip(keys.items(), answers, strict=True):
            url = f"{bucket.url}/{key}"
            if isinstance(answer, OSError):
                yield _failed(url, answer, gone=isinstance(answer, FileNotFoundError))
            elif not (are_listed and made_from(answer[1])):
                yield source_of(url, answer[0], below)


def _in_turn(found: Iterable[Source | Outcome]) -> Iterator[Source | Outcome]:
    """Yield each object without an ending only after those that have the name of its thumbnail.

    It may turn out to be no picture: then it must not have taken the name of one that is.
    """
    held: list[Source] = []
    for item in found:
        path = item.path if isinstance(item, Source) else item.source.path
        if held:
            passed = [one for one in held if path > f"{one.path}.{AFTER_ALL_KEYS}"]
            held = [one for one in held if one not in passed]
            yield from passed
        if isinstance(item, Source) and lacks_ending(path.rpartition("/")[2]):
            held.append(item)
        else:
            yield item
    yield from held


def _unscanned_folder(prefix: str, choice: Choice, ours: set[str]) -> Callable[[str], str]:
    """Return a function from a folder to the topmost one on its path that is not entered, or "".

    Args:
        ours: the keys of our folders of thumbnails; more may be added later.
    """
    depth = len(prefix.split("/")) if prefix else 0

    def unscanned_in(folder: str) -> str:
        parts = folder.split("/") if folder else []
        for end in range(depth + 1, len(parts) + 1):
            here = "/".join(parts[:end])
            if not choice.enters_from_above("/".join(parts[depth:end])) or here in ours:
                return here
        return ""

    return unscanned_in


def source_of(url: str, entry: ListedObject, below: str) -> Source:
    """Return the source for an object; the nanoseconds of its time are a checksum of its ETag."""
    mtime_ns = entry.modified * 10**9 + zlib.crc32(entry.etag.encode()) % 10**9
    return Source(url, entry.size_bytes, mtime_ns, below, entry.etag)


def _elsewhere(url: str, below: str) -> Source:
    """Return an object that belongs to another shard: only its name counts."""
    return Source(url, 0, 0, below, elsewhere=True)


def _is_path(key: str) -> bool:
    """Return whether a key could be the path of a file: obstore takes no others."""
    return not {"", ".", ".."} & set(key.split("/")) and not _CONTROL_CHARACTERS.search(key)


def _failed(url: str, error: OSError, words: str = "", *, gone: bool = False) -> Outcome:
    fatal = isinstance(error, CredentialsEnded)
    failure = Failure("scan", f"{words}{error.strerror}", fatal, lasts=False, gone=gone)
    return Outcome(Source(url, 0, 0), "failed", error=failure)


def _without_source(url: str, status: Status, reason: str) -> Outcome:
    return Outcome(Source(url, 0, 0), status, error=Failure("scan", reason))
