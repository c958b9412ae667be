"""An object that is written whole or not at all, at a URL that the user named."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from functools import partial

from thumbnailer.buckets.client.bucket import Bucket
from thumbnailer.buckets.client.requests import Stopped
from thumbnailer.buckets.fetch.ask_each import ask_each
from thumbnailer.buckets.headers import made_placeholder, made_size
from thumbnailer.model import Stop
from thumbnailer.urls import split_url

# Width and height in px of a thumbnail, and its placeholder.
Looks = tuple[int, int, str]


class BucketDocument:
    """See `door.Document`.

    Args:
        url: of the object.
        endpoint: as in `Settings`.
        mime_type: its type.

    Raises:
        ConfigError: the extra is not installed, or the URL names no bucket.
    """

    def __init__(self, url: str, endpoint: str, mime_type: str) -> None:
        where, self._key = split_url(url)
        self._bucket, self._attributes = Bucket(where, endpoint), {"Content-Type": mime_type}
        self._names_folder = url.endswith("/") or not self._key
        self._etag = ""
        self.folder = f"{where}/{self._key}".rpartition("/")[0]

    def first_bytes(self, most: int) -> bytes | None:
        if self._names_folder:
            raise OSError(errno.EISDIR, "names no object")
        bucket, key = self._bucket, self._key
        try:
            entry, _ = bucket.run(partial(bucket.head, key))
            most = min(most, entry.size_bytes)
            return bucket.run(partial(bucket.first_bytes, key, most)) if most else b""
        except FileNotFoundError:
            return None

    def read(self) -> bytes:
        self._etag = ""
        try:
            data, entry, _ = self._bucket.run(partial(self._bucket.get, self._key))
        except FileNotFoundError:
            return b""
        self._etag = entry.etag
        return data

    def write(self, data: bytes) -> bool:
        bucket = self._bucket
        return bucket.run(partial(bucket.put, self._key, data, self._etag, self._attributes))


def looks_of(urls: Sequence[str], endpoint: str, stop: Stop | None) -> list[Looks]:
    """Return what is stored with each of some thumbnails in a bucket of how it looks.

    What is not known is 0 or "": an earlier version has made it, it can't be asked for, or `stop`
    is set.
    """
    try:
        answers = ask_each([(url, Bucket.head) for url in urls], endpoint, stop)
    except Stopped:
        return [(0, 0, "")] * len(urls)
    stored = ({} if isinstance(answer, OSError) else answer[1] for answer in answers)
    return [(*made_size(one), made_placeholder(one)) for one in stored]
