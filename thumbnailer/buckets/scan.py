"""Scan buckets for sources: what `scan.folders` does for folders, from listings in key order."""

from __future__ import annotations

import errno
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from thumbnailer.buckets.client import AFTER_ALL_KEYS, PAGE_KEYS, Bucket, ListedObject
from thumbnailer.buckets.requests import Stopped
from thumbnailer.errors import SourceError, SourceForbidden, SourceMissing
from thumbnailer.formats import name_filter
from thumbnailer.model import Failure, Outcome, Source, Status, Stop
from thumbnailer.scan.selection import glob_matcher, may_hold_pictures, picture_filter
from thumbnailer.thumbs.ledger import MARK
from thumbnailer.urls import is_url, split_url

NOT_THERE = "nothing is there"


def check_source(url: str, endpoint: str, stop: Stop | None) -> bool:
    """Check that a SOURCE in a bucket can be read; return whether it is a prefix, not an object.

    Once `stop` is set the answer may be wrong.

    Raises:
        SourceMissing: there is no such bucket or object, or nothing below the prefix.
        SourceForbidden: it may not be read.
        SourceError: it can't be read for another reason, or is a prefix of thumbnails.
        ConfigError: the extra is not installed.
    """
    try:
        bucket, key = _bucket_of(url, endpoint, stop)
        if _is_object(url):
            bucket.run(partial(bucket.head, key))
            return False
        first = next(bucket.listing(key), None)
    except Stopped:
        return True
    except FileNotFoundError as error:
        raise SourceMissing(error.errno, error.strerror, url) from None
    except PermissionError as error:
        raise SourceForbidden(error.errno, error.strerror, url) from None
    except OSError as error:
        raise SourceError(error.errno, error.strerror, url) from None
    if first is None and key and not (stop and stop.is_set()):
        raise SourceMissing(errno.ENOENT, NOT_THERE, url)
    if first and first.key == f"{key}/{MARK}".lstrip("/"):
        raise SourceError(None, "is a folder of thumbnails, not of pictures", url)
    return True


def scan(
    url: str,
    *,
    below: str,
    recursive: bool,
    include: Iterable[str],
    exclude: Iterable[str],
    also: Iterable[str],
    endpoint: str,
    apart: str,
    stop: Stop | None,
) -> Iterator[Source | Outcome]:
    """Yield the pictures below a prefix, in the order of their keys.

    If the listing fails, at once or later, the last item is a failed outcome. `apart` is the output
    tree, which is not scanned; the other arguments are those of `scan.folders.scan` and `Bucket`.
    """
    bucket, prefix = _bucket_of(url, endpoint, stop)
    if _is_object(url):
        yield _find_object(bucket, prefix, below)
        return
    is_picture = name_filter(also)
    takes = picture_filter(include, exclude) if include or exclude else None
    ours = (
        {key for where, key in [split_url(apart)] if where == bucket.url}
        if is_url(apart)
        else set()
    )
    unscanned_in = _unscanned_folder(prefix, recursive, exclude, ours)
    start = len(prefix) + 1 if prefix else 0
    at, unscanned, target = None, "", below
    found, skipped = 0, 0
    entries = bucket.listing(prefix)
    try:
        while entry := next(entries, None):
            found += 1
            above, _, name = entry.key.rpartition("/")
            if above != at:
                at, unscanned, target = above, unscanned_in(above), _joined(below, above[start:])
            if name == MARK and above != prefix and not unscanned:
                ours.add(above)
                at = None
            if unscanned:
                skipped += 1
                if skipped >= PAGE_KEYS:  # listing anew behind it costs a request, like reading on
                    entries, skipped = bucket.listing(prefix, f"{unscanned}/{AFTER_ALL_KEYS}"), 0
                continue
            skipped = 0
            if not is_picture(name) or (takes and not takes(entry.key[start:])):
                continue
            if not _is_path(above[start:]):
                yield _without_source(
                    f"{bucket.url}/{entry.key}", "skipped", "its key is no proper path"
                )
                continue
            yield _source(bucket, entry, target)
    except OSError as error:
        yield _without_source(url, "failed", f"can't be listed: {error.strerror}")
    else:
        if not found and prefix and not (stop and stop.is_set()):
            yield _without_source(url, "failed", NOT_THERE)


def _unscanned_folder(
    prefix: str, recursive: bool, exclude: Iterable[str], ours: set[str]
) -> Callable[[str], str]:
    """Return a function from a folder to the topmost one on its path that is not entered, or "".

    Args:
        ours: the keys of our folders of thumbnails; more may be added later.
    """
    is_excluded = glob_matcher(exclude) if exclude else None
    depth = len(prefix.split("/")) if prefix else 0

    def unscanned_in(folder: str) -> str:
        parts = folder.split("/") if folder else []
        for end in range(depth + 1, len(parts) + 1):
            here = "/".join(parts[:end])
            if (
                not recursive
                or here in ours
                or not (may_hold_pictures(parts[end - 1]) or parts[end - 1] in ("", ".", ".."))
                or (is_excluded and is_excluded("/".join(parts[depth:end])))
            ):
                return here
        return ""

    return unscanned_in


def _bucket_of(url: str, endpoint: str, stop: Stop | None) -> tuple[Bucket, str]:
    where, key = split_url(url)
    return Bucket(where, endpoint, stop), key


def _is_object(url: str) -> bool:
    """Return whether a URL's last part is the name of a picture, of any format."""
    every = ("ico", "jpeg2000", "ppm", "psd", "tga", "heif", "raw")
    return bool(split_url(url)[1]) and name_filter(every)(url.rpartition("/")[2])


def _find_object(bucket: Bucket, key: str, below: str) -> Source | Outcome:
    try:
        entry, _ = bucket.run(partial(bucket.head, key))
    except Stopped:
        return _without_source(f"{bucket.url}/{key}", "skipped", "interrupted")
    except OSError as error:
        return _without_source(f"{bucket.url}/{key}", "failed", error.strerror or "")
    return _source(bucket, entry, below)


def _source(bucket: Bucket, entry: ListedObject, below: str) -> Source:
    return source_of(f"{bucket.url}/{entry.key}", entry, below)


def source_of(url: str, entry: ListedObject, below: str) -> Source:
    """Return the source for an object; the nanoseconds of its time are a checksum of its ETag."""
    mtime_ns = entry.modified * 10**9 + zlib.crc32(entry.etag.encode()) % 10**9
    return Source(url, entry.size_bytes, mtime_ns, below, entry.etag)


def _joined(below: str, inner: str) -> str:
    return f"{below}/{inner}" if below and inner else below or inner


def _is_path(inner: str) -> bool:
    """Return whether the folders in a key could be folders on a disk."""
    return not inner or not {"", ".", ".."} & set(inner.split("/"))


def _without_source(url: str, status: Status, reason: str) -> Outcome:
    return Outcome(Source(url, 0, 0), status, error=Failure("scan", reason))
