"""Thumbnail file names: unique for each source of a folder, on any file system."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from string import Formatter

from thumbnailer.formats import WRITTEN, has_ending_of
from thumbnailer.recipe import Area, Box, Share

# The tokens that a name template may contain; `fill_template` explains them.
TOKENS = ("stem", "name", "ext", "size", "parent", "hash")

# What stands before the hash in a name, and a name with a hash.
HASH_MARK = b"~"
_HASHED = re.compile(r"(.+)~[0-9a-f]{16}(\.[^.]*|)", re.DOTALL)

_SIZE_LABEL = re.compile(r"\d+|\d+x\d*|x\d+|\d+(?:\.\d+)?(?:%|mp)")

# What no name may have on Windows and on its disks, wherever these are mounted (Microsoft Learn,
# Naming Files, Paths, and Namespaces). After a colon comes the name of a hidden part of a file: it
# would be written, and not be seen.
_NOT_ON_WINDOWS = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9]) *(?:\..*)?", re.IGNORECASE | re.DOTALL)

# The longest file name, in bytes, that all common file systems take (ext4, XFS, APFS, NTFS).
_MAX_NAME_BYTES = 255

# A character takes at most four bytes, so names of so many need not be encoded to be measured.
_SHORT_NAME = _MAX_NAME_BYTES // 4


def thumbnail_name(source_name: str, format: str) -> str:
    """Return the file name of a source's thumbnail.

    `source_name` is the file name of the source, or a filled-in template. If its ending already
    matches the format, it is kept. Otherwise an ending is appended, so that `a.jpg` and `a.png`
    get different thumbnails. A name that is too long then is cut, and a hash keeps it unique.
    """
    # The usual case: the calls below take a fiftieth of the time of a run with nothing to do.
    is_short = len(source_name) <= _SHORT_NAME and not source_name.startswith(".")
    if is_short and source_name.lower().endswith(WRITTEN[format].endings):
        return source_name
    name = untruncated_name(source_name, format)
    fits = len(name) <= _SHORT_NAME or len(os.fsencode(name)) <= _MAX_NAME_BYTES
    return name if fits else with_hash(name, source_name)


def untruncated_name(source_name: str, format: str) -> str:
    """Return the thumbnail's name at full length: an object key may have 1024 bytes."""
    is_named = has_ending_of(source_name, format)
    return source_name if is_named else source_name + WRITTEN[format].endings[0]


def is_template(text: str) -> bool:
    """Return whether a text is a valid name template whose result differs by source.

    The empty text is valid too: it stands for the source's own name. What Windows takes for no name
    is refused on all systems: pictures and thumbnails are on disks that several of them share.
    """
    try:
        filled = text.format(**dict.fromkeys(TOKENS, "x"))
        tokens = {token for _, token, _, _ in Formatter().parse(text) if token is not None}
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        return False
    differs = {"stem", "name", "hash"} & tokens
    is_plain = not filled.startswith(".") and not (
        _NOT_ON_WINDOWS.search(filled) or _DEVICE.fullmatch(filled)
    )
    return not text or (is_plain and tokens <= set(TOKENS) and bool(differs))


def may_be_shared(template: str) -> bool:
    """Return whether two pictures of one folder may have one name by a template: `a.jpg` and
    `a.png` by `{stem}`."""
    tokens = {token for _, token, _, _ in Formatter().parse(template)}
    return bool(template) and not ({"name", "hash"} & tokens or {"stem", "ext"} <= tokens)


def fill_template(template: str, path: str, below: str, size: str) -> str:
    """Return a name template with its tokens replaced.

    `{name}` is `a.b.jpg`, `{stem}` is `a.b`, `{ext}` is `jpg`, `{parent}` is the name of the
    source's folder, and `{hash}` is 16 hexadecimal digits computed from the source's path.

    Args:
        path: path of the source.
        below: the source's folder in its tree, so that the hash stays the same if the tree moves.
        size: text for `{size}`: the thumbnail's size as requested, or the name of that size.
    """
    folder, name = os.path.split(path)
    stem, ending = os.path.splitext(name)
    relative_path = os.fsencode(os.path.join(below, name))
    return template.format(
        stem=stem,
        name=name,
        ext=ending[1:],
        size=size,
        parent=os.path.basename(os.path.abspath(folder)),
        hash=hashlib.blake2b(relative_path, digest_size=8).hexdigest(),
    )


def size_label(box: Box | Share | Area) -> str:
    """Return a box as text: `256` for a square one, `256x192`, `256x`, `x192`, `50%` or `1.5mp`."""
    if isinstance(box, Share):
        return f"{box.percent:g}%"
    if isinstance(box, Area):
        return f"{box.pixels / 1e6:g}mp"
    width, height = box.width or "", box.height or ""
    return str(width) if width == height else f"{width}x{height}"


def is_size_label(text: str) -> bool:
    """Return whether a text is what `size_label` may return."""
    return bool(_SIZE_LABEL.fullmatch(text))


def with_hash(name: str, source_name: str) -> str:
    """Insert a hash of the source's name before the ending, and cut the name to 255 bytes."""
    stem, ending = os.path.splitext(name)
    tail = f"~{hashlib.blake2b(os.fsencode(source_name), digest_size=8).hexdigest()}{ending}"
    room = _MAX_NAME_BYTES - len(os.fsencode(tail))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem + tail


def without_hash(name: str) -> str:
    """Return the name that `with_hash` may have made into this one; "" if it has no hash."""
    match = _HASHED.fullmatch(name)
    return match[1] + match[2] if match else ""


def casefolded(name: str) -> str:
    """Return the key of a name on file systems that ignore case or normalise Unicode.

    Canonical caseless matching: The Unicode Standard 15.0, section 3.13, definition D145.
    """
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
