"""The pages of galleries, on disk or in a bucket."""

from __future__ import annotations

import posixpath

from thumbnailer.config.settings import Settings
from thumbnailer.disk import files
from thumbnailer.door.places import is_remote
from thumbnailer.model import Folder, Stop
from thumbnailer.thumbs import gallery_page
from thumbnailer.thumbs.gallery_page import PAGE_NAME
from thumbnailer.urls import is_url, split_url


def read_page(folder: Folder, settings: Settings, stop: Stop | None) -> tuple[bytes | None, str]:
    """Return the page of a gallery, None if there is none; and its ETag, if it is in a bucket.

    Raises:
        OSError: it can't be read.
    """
    if not folder.is_remote:
        return gallery_page.read_page(folder), ""
    from thumbnailer.buckets.gallery.page_object import get_page

    return get_page(f"{folder.path}/{PAGE_NAME}", settings.endpoint, stop)


def write_page(
    folder: Folder, page: bytes, etag: str, settings: Settings, stop: Stop | None
) -> None:
    """Write the page of a gallery in place of that which `read_page` has returned.

    Raises:
        OSError: it can't be written, or in a bucket another one has been put there since.
    """
    if not folder.is_remote:
        gallery_page.write_page(folder, page)
        return
    from thumbnailer.buckets.gallery.page_object import put_page

    put_page(f"{folder.path}/{PAGE_NAME}", page, etag, settings.endpoint, stop)


def path_between(folder: str, start: str) -> str | None:
    """Return the path of a folder relative to another; None if no link leads from one to the other.

    On another drive of Windows it is absolute. Between buckets, or a bucket and a disk, it is None.
    """
    if not is_remote(folder, start):
        return files.relative_path(folder, start)
    if not (is_url(folder) and is_url(start)) or split_url(folder)[0] != split_url(start)[0]:
        return None
    return posixpath.relpath(*(f"/{split_url(path)[1]}" for path in (folder, start)))
