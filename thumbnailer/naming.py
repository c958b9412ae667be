"""What thumbnails are called: no two sources of a folder share a name, on any file system."""

from __future__ import annotations

import hashlib
import os
import unicodedata

# The file name endings that already say each format, the first being the one we give.
ENDINGS = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png", ".apng"),
    "webp": (".webp",),
}

# The longest file name, in bytes, that all common file systems take (ext4, XFS, APFS, NTFS).
_MAX_NAME_BYTES = 255


def thumbnail_name(source_name: str, format: str) -> str:
    """The file name of a source's thumbnail.

    The name stays where its ending already says the format, else an ending is appended, so that
    `a.jpg` and `a.png` have thumbnails of their own. Where that makes it too long it is cut, and a
    hash makes up for what is lost.
    """
    if format_of(source_name) == format:
        return source_name
    name = source_name + ENDINGS[format][0]
    return name if len(os.fsencode(name)) <= _MAX_NAME_BYTES else tagged(name, source_name)


def format_of(name: str) -> str | None:
    """The format that a file name's ending says; None if it says none we write."""
    ending = os.path.splitext(name)[1].lower()
    return next((format for format, endings in ENDINGS.items() if ending in endings), None)


def tagged(name: str, source_name: str) -> str:
    """The name with a hash of the source's name before its ending, short enough for any disk."""
    stem, ending = os.path.splitext(name)
    tail = f"~{hashlib.blake2b(os.fsencode(source_name), digest_size=8).hexdigest()}{ending}"
    room = _MAX_NAME_BYTES - len(os.fsencode(tail))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem + tail


def folded(name: str) -> str:
    """What a file system that ignores case or normalises Unicode may take the name for.

    Canonical caseless matching: The Unicode Standard 15.0, section 3.13, definition D145.
    """
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
