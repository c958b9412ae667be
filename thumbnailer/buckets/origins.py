"""Which picture a thumbnail in a bucket was made of, as a text that is stored with it.

Listings don't show it, so it is asked for only where a thumbnail may have to go. It names the
picture below its SOURCE, and of that itself no more than a digest: whoever may see a thumbnail of a
website is not told where the originals are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from thumbnailer.model import Source
from thumbnailer.thumbs.orphans.source_folder import SourcePlace
from thumbnailer.urls import is_url

# Longer texts may not fit beside the user's own headers: S3 takes 2 KB of metadata in all.
_MOST_CHARACTERS = 800


class Origin(NamedTuple):
    """A picture that is, or was, in a SOURCE.

    Attributes:
        root: the SOURCE, as it was named.
        inner: its path in the SOURCE, with slashes: "" if it is that, None if it is not known.
    """

    root: str
    inner: str | None


def origin_of(source: Source) -> str:
    """Return the text that names a source: `6fc1…/2024/a%20b.jpg`.

    A path that would be too long is left out, with its slash.
    """
    folder, _, name = _with_slashes(source.path).rpartition("/")
    below = _with_slashes(source.below)
    if f"/{folder}".endswith(f"/{below}") and below:
        top, inner = folder[: -len(below)].rstrip("/"), f"{below}/{name}"
    else:
        top, inner = folder, name
    top = top or ("/" if source.path.startswith("/") else "")
    quoted = quote(inner.encode() if source.is_remote else os.fsencode(inner))
    digest = _digest(_real(top))
    text = f"{digest}/{quoted}"
    return text if len(text) <= _MOST_CHARACTERS else digest


class Origins:
    """Reader of what `origin_of` has written, for the pictures of some SOURCEs.

    Args:
        roots: the SOURCEs, as they were named.
    """

    def __init__(self, roots: Iterable[str]) -> None:
        # Each folder above a SOURCE, with the SOURCE's path in it: with several SOURCEs, a picture
        # has been made below the folder above its own.
        self._tops: dict[str, dict[str, str]] = {}
        for root in roots:
            top, inner = _real(root), ""
            while top and not top.endswith(":/"):
                self._add(top, root, inner)
                top, _, name = top.rpartition("/")
                inner = f"{name}/{inner}".rstrip("/")
            if not is_url(root):  # which may be a link
                above, name = os.path.split(os.path.abspath(root))
                self._add(_real(above), root, name)

    def _add(self, top: str, root: str, inner: str) -> None:
        self._tops.setdefault(_digest(top), {}).setdefault(root, inner)

    def read(self, text: str) -> Origin | None:
        """Return the picture that a text names; None if it is in none of the SOURCEs."""
        digest, slash, quoted = text.partition("/")
        roots = self._tops.get(digest, {})
        if not slash:
            return next((Origin(root, None) for root in roots), None)
        path = os.fsdecode(unquote_to_bytes(quoted))
        for root, above in roots.items():
            if path == above or not above:
                return Origin(root, path if not above else "")
            if path.startswith(f"{above}/"):
                return Origin(root, path[len(above) + 1 :])
        return None


def place_of(origin: Origin | None) -> tuple[str, SourcePlace]:
    """Return the path or URL of a picture, and the same as a place in its SOURCE; "" if unknown."""
    if not origin or origin.inner is None:
        return "", SourcePlace("", "", "")
    root, inner = origin.root, origin.inner
    if is_url(root):
        folder, _, name = inner.rpartition("/")
        return "/".join(filter(None, (root.rstrip("/"), inner))), SourcePlace(root, folder, name)
    folder, name = os.path.split(inner.replace("/", os.sep))
    return os.path.join(root, folder, name), SourcePlace(root, folder, name)


@lru_cache(maxsize=1000)
def _digest(folder: str) -> str:
    return blake2b(os.fsencode(folder), digest_size=8).hexdigest()


@lru_cache(maxsize=1000)
def _real(folder: str) -> str:
    """Return the path of a folder by which it is known, however it was spelled."""
    return folder.rstrip("/") if is_url(folder) else _with_slashes(os.path.realpath(folder))


def _with_slashes(path: str) -> str:
    return path if os.sep == "/" else path.replace(os.sep, "/")
