"""The page of a gallery beside thumbnails: its name, and how it is known to be ours."""

from __future__ import annotations

PAGE_NAME = "index.html"

# Marks a page as ours, near its start.
_GENERATOR_TAG = b'<meta name="generator" content="thumbnailer">'
START_BYTES = 1024


def is_our_page(page: bytes) -> bool:
    """Return whether a page, or its first `START_BYTES`, was made by this program."""
    return _GENERATOR_TAG in page[:START_BYTES]
