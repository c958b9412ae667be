"""Marker objects in a bucket's thumbnail folders: the mark, and the records of attempts.

A record is an empty object that holds everything in its name, so that listings show it:

    .thumbnailer-attempts/4be1… 90fa… open is empty

These are: a digest of the thumbnail's name, a digest of the source's version and the settings, the
stage and the reason. With the stage `made` there is a thumbnail, but of a part of the picture only.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote, unquote

from thumbnailer.buckets.client import ListedObject
from thumbnailer.model import Source
from thumbnailer.thumbs.ledger.lines import MARK

# The folder of the records, in each folder of thumbnails.
RECORDS_FOLDER = f"{MARK}-attempts"

# The stage in the record of a picture that has a thumbnail, but is truncated or damaged.
MADE = "made"

# The longest reason in a record, in characters: a key may have 1024 bytes.
_MAX_REASON = 150


class Mark(NamedTuple):
    """Content of a folder's mark.

    Attributes:
        fingerprint: the fingerprint of the recipe that thumbnails have there.
        since: the second in which this mark was put; older thumbnails are stale.
        ours: the second in which the folder was first marked; older objects are not ours.
    """

    fingerprint: str
    since: int
    ours: int


class Record(NamedTuple):
    """Record of an attempt at a thumbnail.

    Attributes:
        state: the digest of the source's version and the settings, as from `state_digest`.
        stage: the step that failed, or `MADE`.
        reason: why it failed, or what is missing of the picture.
    """

    state: str
    stage: str
    reason: str


def mark_bytes(fingerprint: str, ours: int = 0) -> bytes:
    """Return the content of a mark object.

    Args:
        ours: as in `Mark`; 0 for the second in which the mark is put.
    """
    return json.dumps({"thumbnailer": 1, "looks": fingerprint, "ours": ours}).encode()


def read_mark(data: bytes, entry: ListedObject) -> Mark:
    """Return the content of a mark; if it is invalid, one under which all thumbnails are stale."""
    try:
        said = json.loads(data)
        return Mark(str(said["looks"]), entry.modified, int(said["ours"]) or entry.modified)
    except (ValueError, TypeError, KeyError, RecursionError):
        return Mark("", entry.modified, entry.modified)


def thumbnail_digest(name: str) -> str:
    """Return the digest of a thumbnail's name, which is the first word of its records."""
    return _digest(name)


def state_digest(source: Source, fingerprint: str) -> str:
    """Return the digest of a source's version and a fingerprint of settings."""
    return _digest(f"{source_version(source)} {fingerprint}")


def source_version(source: Source) -> str:
    """Return a text that differs between any two contents of a source."""
    return source.etag.strip('"') or f"{source.size_bytes}-{source.mtime_ns}"


def record_name(picture: str, record: Record) -> str:
    """Return the name of a record's object; `picture` is from `thumbnail_digest`."""
    reason = record.reason.encode("ascii", "backslashreplace")[:_MAX_REASON]
    return f"{picture} {record.state} {record.stage} {quote(reason, safe=' ')}"


def read_record(name: str) -> Record | None:
    """Return the record that an object's name holds; None if it is not one."""
    words = name.split(" ", 3)
    return Record(words[1], words[2], unquote(words[3])) if len(words) == 4 else None


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
