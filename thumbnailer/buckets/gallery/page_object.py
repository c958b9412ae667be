"""The page of a gallery as an object in a bucket."""

from __future__ import annotations

import errno
from functools import partial

from thumbnailer.buckets.client.bucket import Bucket
from thumbnailer.buckets.client.requests import Stopped
from thumbnailer.model import Stop
from thumbnailer.urls import split_url

# Browsers and networks of caches between ask each time whether there is a newer one.
_ATTRIBUTES = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache"}


def get_page(url: str, endpoint: str, stop: Stop | None) -> tuple[bytes | None, str]:
    """Return a page and its ETag; None and "" if there is none, or `stop` is set.

    Raises:
        OSError: it can't be read.
    """
    bucket, key = _place(url, endpoint, stop)
    try:
        page, entry, _ = bucket.run(partial(bucket.get, key))
    except (FileNotFoundError, Stopped):
        return None, ""
    return page, entry.etag


def put_page(url: str, page: bytes, etag: str, endpoint: str, stop: Stop | None) -> None:
    """Put a page in place of that which had this ETag, or of none if it is "".

    If `stop` is set meanwhile, it may have been put or not.

    Raises:
        OSError: it can't be put, or another one has been put there since.
    """
    bucket, key = _place(url, endpoint, stop)
    try:
        is_put = bucket.run(partial(bucket.put, key, page, etag, _ATTRIBUTES))
    except Stopped:
        return
    if not is_put:
        raise OSError(errno.EEXIST, "another one has been put there meanwhile", url)


def _place(url: str, endpoint: str, stop: Stop | None) -> tuple[Bucket, str]:
    where, key = split_url(url)
    return Bucket(where, endpoint, stop), key
