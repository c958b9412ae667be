"""What objects in a folder of thumbnails say: its mark, and the records of attempts.

A record is an empty object whose name says all, so that listings tell of it:

    .thumbnailer-attempts/4be1… 90fa… open is empty

that is: which picture, in which state and under which settings, the stage and the reason. With
`made` for a stage it was made, though not of all of the picture.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote, unquote

from thumbnailer.buckets.client import ListedObject
from thumbnailer.model import Source
from thumbnailer.thumbs.ledger import MARK

# Below it, in each folder of thumbnails, lie the records.
RECORDS_FOLDER = f"{MARK}-attempts"

MADE = "made"

# How much of a reason is kept, in characters: a key has room for 1024 bytes.
_MAX_REASON = 150


class Mark(NamedTuple):
    """What the mark of a folder says.

    Attributes:
        looks: the fingerprint of the recipe.
        since: thumbnails from before this second look otherwise.
        ours: objects from before this second are not ours.
    """

    fingerprint: str
    since: int
    ours: int


class Record(NamedTuple):
    """What is remembered of an attempt.

    Attributes:
        state: of the source and the settings, as `state_of` puts it.
    """

    state: str
    stage: str
    reason: str


def mark_bytes(fingerprint: str, ours: int = 0) -> bytes:
    """The content of a mark.

    Args:
        ours: as `Mark` has it; 0 for the second in which the mark is put.
    """
    return json.dumps({"thumbnailer": 1, "looks": fingerprint, "ours": ours}).encode()


def read_mark(data: bytes, entry: ListedObject) -> Mark:
    """What a mark says; one that makes no sense says that nothing looks as it should."""
    try:
        said = json.loads(data)
        return Mark(str(said["looks"]), entry.modified, int(said["ours"]) or entry.modified)
    except (ValueError, TypeError, KeyError, RecursionError):
        return Mark("", entry.modified, entry.modified)


def thumbnail_digest(name: str) -> str:
    """The first word of all records of a thumbnail."""
    return _digest(name)


def state_digest(source: Source, fingerprint: str) -> str:
    return _digest(f"{source_version(source)} {fingerprint}")


def source_version(source: Source) -> str:
    """What differs between any two contents of a source."""
    return source.etag.strip('"') or f"{source.size_bytes}-{source.mtime_ns}"


def record_name(picture: str, record: Record) -> str:
    reason = record.reason.encode("ascii", "backslashreplace")[:_MAX_REASON]
    return f"{picture} {record.state} {record.stage} {quote(reason, safe=' ')}"


def read_record(name: str) -> Record | None:
    words = name.split(" ", 3)
    return Record(words[1], words[2], unquote(words[3])) if len(words) == 4 else None


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
