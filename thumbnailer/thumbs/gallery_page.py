"""The page of a gallery beside thumbnails: its name, how it is known to be ours, and its file."""

from __future__ import annotations

from contextlib import suppress

from thumbnailer.disk import files, new_files
from thumbnailer.model import Folder
from thumbnailer.thumbs.folders import holds_files
from thumbnailer.thumbs.ledger import ledger_file

PAGE_NAME = "index.html"

# Marks a page as ours, near its start.
_GENERATOR_TAG = b'<meta name="generator" content="thumbnailer">'
START_BYTES = 1024


def is_our_page(page: bytes) -> bool:
    """Return whether a page, or its first `START_BYTES`, was made by this program."""
    return _GENERATOR_TAG in page[:START_BYTES]


def read_page(folder: Folder) -> bytes | None:
    """Return the page in a folder on disk; None if there is none.

    Raises:
        OSError: it can't be read.
    """
    with suppress(FileNotFoundError), files.open_folder(folder) as opened:
        return files.read(opened, PAGE_NAME)
    return None


def write_page(folder: Folder, page: bytes) -> None:
    """Write the page into a folder on disk, which is marked as ours.

    Raises:
        OSError: it can't be written.
    """
    with files.open_folder(folder, create=True) as opened:
        ledger_file.mark_folder(opened, shared=holds_files(folder.path))
        new_files.replace(opened, PAGE_NAME, page)
