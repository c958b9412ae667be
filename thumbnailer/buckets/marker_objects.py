"""Marker objects in a bucket's thumbnail folders: marks, and the records of attempts.

Both are empty objects that hold everything in their names, so that listings show it and no request
is needed for any:

    .thumbnailer-looks/5d41…-0
    .thumbnailer-attempts/4be1… 90fa… open is empty

A mark names the fingerprint of the recipe that thumbnails have there since it was put, with the
template of their names, and the second in which the folder was first marked (0: when this mark was
put). A record names a digest of the thumbnail's name, a digest of the source's version and the
settings, the stage and the reason. With the stage `made` there is a thumbnail, but of a part of the
picture only.

Earlier versions had one mark, `.thumbnailer`, with a content. It is still read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote, unquote

from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.formats import lacks_ending
from thumbnailer.model import Source
from thumbnailer.thumbs.ledger.lines import MARK

# The folders of the marks and of the records, in each folder of thumbnails.
LOOKS_FOLDER = f"{MARK}-looks"
RECORDS_FOLDER = f"{MARK}-attempts"

_MARK_NAME = re.compile(r"([0-9a-f]{1,64})-([0-9]{1,12})")

# The stage in the record of a picture that has a thumbnail, but is truncated or damaged.
MADE = "made"

# The longest reason in a record, in characters: a key may have 1024 bytes.
_MAX_REASON = 150


class Mark(NamedTuple):
    """What the mark of a folder says.

    Attributes:
        fingerprint: the fingerprint of the recipe that thumbnails have there; "" if that is not
            known.
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


def marked_folder(key: str) -> str:
    """Return the folder that an object marks as one of thumbnails; "" if it is no mark of one."""
    folder, _, name = key.rpartition("/")
    if name == MARK:
        return folder
    above, _, inner = folder.rpartition("/")
    return above if inner == LOOKS_FOLDER else ""


def template_fingerprint(fingerprint: str, template: str) -> str:
    """Return the fingerprint of a recipe and of the template of the thumbnails' names, if any."""
    if not template:
        return fingerprint
    return blake2b(f"{fingerprint} {template}".encode(), digest_size=16).hexdigest()


def mark_name(fingerprint: str, ours: int) -> str:
    """Return the name of a mark in `LOOKS_FOLDER`.

    Args:
        ours: as in `Mark`; 0 for the second in which the mark is put.
    """
    return f"{fingerprint}-{ours}"


def newest_mark(marks: Mapping[str, ListedObject]) -> Mark | None:
    """Return what the newest of a folder's marks says, by their names; None if there is none.

    Of marks with other fingerprints that were put in one second none is known to be the newest.
    """
    known = [
        (found, entry) for name, entry in marks.items() if (found := _MARK_NAME.fullmatch(name))
    ]
    if not known:
        return None
    since = max(entry.modified for _, entry in known)
    fingerprints = {found[1] for found, entry in known if entry.modified == since}
    ours = min(int(found[2]) or entry.modified for found, entry in known)
    return Mark(fingerprints.pop() if len(fingerprints) == 1 else "", since, ours)


def mark_bytes(fingerprint: str, ours: int = 0) -> bytes:
    """Return the content of a mark as earlier versions have put it; `ours` is as in `Mark`."""
    return json.dumps({"thumbnailer": 1, "looks": fingerprint, "ours": ours}).encode()


def read_mark(data: bytes, entry: ListedObject) -> Mark:
    """Return what the content of an earlier version's mark says; if it is invalid, one under which
    all thumbnails are stale."""
    try:
        said = json.loads(data)
        return Mark(str(said["looks"]), entry.modified, int(said["ours"]) or entry.modified)
    except (ValueError, TypeError, KeyError, RecursionError):
        return Mark("", entry.modified, entry.modified)


def thumbnail_digest(name: str, source: str) -> str:
    """Return the digest of a thumbnail's name, which is the first word of its records.

    Of a source without an ending it is that of its own name: `a` may turn out to be no picture, and
    is remembered so, while the thumbnail `a.jpg` is that of a source called so.
    """
    own = source.rpartition("/")[2]
    return _digest(own if lacks_ending(own) else name)


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
