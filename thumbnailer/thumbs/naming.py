"""What thumbnails are called: no two sources of a folder share a name, on any file system."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from string import Formatter

from thumbnailer.formats import ENDINGS, says_format
from thumbnailer.recipe import Box

# What a template may hold, and what it stands for.
TOKENS = ("stem", "name", "ext", "size", "parent", "hash")

# The longest file name, in bytes, that all common file systems take (ext4, XFS, APFS, NTFS).
_MAX_NAME_BYTES = 255


def thumbnail_name(source_name: str, format: str) -> str:
    """The file name of a source's thumbnail, or of one for which a template was filled in.

    The name stays where its ending already says the format, else an ending is appended, so that
    `a.jpg` and `a.png` have thumbnails of their own. Where that makes it too long it is cut, and a
    hash makes up for what is lost.
    """
    name = untruncated_name(source_name, format)
    # No character takes more than four bytes.
    fits = len(name) * 4 <= _MAX_NAME_BYTES or len(os.fsencode(name)) <= _MAX_NAME_BYTES
    return name if fits else with_hash(name, source_name)


def untruncated_name(source_name: str, format: str) -> str:
    """The same however long it gets: a key in a bucket may have 1024 bytes."""
    return source_name if says_format(source_name, format) else source_name + ENDINGS[format][0]


def is_template(text: str) -> bool:
    """Whether a text can be filled in, and then is the name of a file that differs by source."""
    try:
        filled = text.format(**dict.fromkeys(TOKENS, "x"))
        tokens = {token for _, token, _, _ in Formatter().parse(text) if token is not None}
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        return False
    differs = {"stem", "name", "hash"} & tokens
    is_plain = not {"/", os.sep, "\0"} & set(filled) and not filled.startswith(".")
    return not text or (is_plain and tokens <= set(TOKENS) and bool(differs))


def fill_template(template: str, path: str, below: str, size: str) -> str:
    """A template with what its tokens stand for: `{name}` is `a.b.jpg`, `{stem}` `a.b`, `{ext}`
    `jpg`, `{parent}` the name of the source's folder, `{size}` the thumbnail's size as it was
    asked for or named, and `{hash}` 16 hexadecimal digits that stand for the source's path.

    Args:
        path: of the source.
        below: its folder in the tree that it was found in, so that the hash is the same wherever
            that tree is.
    """
    folder, name = os.path.split(path)
    stem, ending = os.path.splitext(name)
    place = os.fsencode(os.path.join(below, name))
    return template.format(
        stem=stem,
        name=name,
        ext=ending[1:],
        size=size,
        parent=os.path.basename(os.path.abspath(folder)),
        hash=hashlib.blake2b(place, digest_size=8).hexdigest(),
    )


def size_label(box: Box) -> str:
    """A box in words: `256` for a square one, else `256x192`, `256x` or `x192`."""
    width, height = box.width or "", box.height or ""
    return str(width) if width == height else f"{width}x{height}"


def with_hash(name: str, source_name: str) -> str:
    """The name with a hash of the source's name before its ending, short enough for any disk."""
    stem, ending = os.path.splitext(name)
    tail = f"~{hashlib.blake2b(os.fsencode(source_name), digest_size=8).hexdigest()}{ending}"
    room = _MAX_NAME_BYTES - len(os.fsencode(tail))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem + tail


def casefolded(name: str) -> str:
    """What a file system that ignores case or normalises Unicode may take the name for.

    Canonical caseless matching: The Unicode Standard 15.0, section 3.13, definition D145.
    """
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
