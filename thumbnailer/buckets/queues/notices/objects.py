"""Names of objects in notifications."""

from __future__ import annotations

import re

from thumbnailer.buckets.queues.messages import Unreadable

_BUCKET = re.compile(r"[A-Za-z0-9$._-]{1,255}")

# Of all three services; Azure counts characters, the others bytes.
_MAX_KEY_LENGTH = 1024


def url_of(scheme: str, bucket: str, key: str) -> str:
    """Return the URL of an object, by the names that a stranger gives it.

    Raises:
        Unreadable: no object can have such a name.
    """
    if not _BUCKET.fullmatch(bucket):
        raise Unreadable("names no bucket")
    if not 0 < len(key) <= _MAX_KEY_LENGTH or any("\ud800" <= char <= "\udfff" for char in key):
        raise Unreadable("names no object")
    return f"{scheme}://{bucket}/{key}"
