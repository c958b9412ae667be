"""Single files or objects that are written whole: manifests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from thumbnailer.config.settings import Settings
from thumbnailer.disk.document import FileDocument
from thumbnailer.model import Stop
from thumbnailer.urls import is_url


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
) -> list[tuple[int, int]]:
    """Return the width and height of thumbnails in a bucket; 0 where these are not stored."""
    from thumbnailer.buckets import document

    return document.thumbnail_sizes(urls, settings.endpoint, stop)
