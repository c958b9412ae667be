"""The thumbnails of pictures that were moved or renamed: found again, and kept.

A picture is the same if its length, its mtime and the digest of its content are. Its thumbnail is
then written under its new name as if it had been made, and the old one becomes an orphan.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from thumbnailer.disk import files
from thumbnailer.formats import format_by_ending
from thumbnailer.model import EncodedThumbnail, Failure, Folder, Source
from thumbnailer.thumbs.folder_state import digest_of
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.ledger.entries import LedgerEntry
from thumbnailer.thumbs.naming import with_hash

# A longer one is made anew: what lies in a thumbnail folder may be anything.
_MOST_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class FormerThumbnail:
    """The thumbnail that a picture had before it was moved.

    Attributes:
        origin: the picture's former path relative to `folder`, as the ledger has it.
        content: what it holds.
        digest: that of the picture.
    """

    folder: Folder
    name: str
    origin: str
    content: EncodedThumbnail
    digest: str


def former_thumbnail(
    folder: Folder, names: Sequence[str], origin: str, source: Source, recipe: str
) -> FormerThumbnail | None:
    """Return a thumbnail of a former source if it is what a picture would have now, else None.

    Args:
        folder: where it is.
        names: the names that it may have.
        origin: the former source, as the ledger of `folder` names it.
        source: the picture as it is now.
        recipe: the fingerprint of the recipe that it would be made with.
    """
    with suppress(OSError, ValueError):  # a name that thumbnailer did not write
        known = ledger_file.read(folder)
        for name in (*names, *(with_hash(name, origin) for name in names)):
            entry = known.get(name) if known else None
            if entry and entry.origin == origin and _is_of(entry, source, recipe):
                content = _content(folder, name, entry)
                return content and FormerThumbnail(folder, name, origin, content, entry.digest)
    return None


def _is_of(entry: LedgerEntry, source: Source, recipe: str) -> bool:
    """Return whether an entry is of the same picture, made with the same recipe and whole."""
    if (entry.size_bytes, entry.mtime_ns) != (source.size_bytes, source.mtime_ns):
        return False
    if entry.fingerprint != recipe or entry.note or isinstance(entry.result, Failure):
        return False
    return bool(entry.digest) and entry.digest == digest_of(source)


def _content(folder: Folder, name: str, entry: LedgerEntry) -> EncodedThumbnail | None:
    assert not isinstance(entry.result, Failure)
    width, height, length = entry.result
    if length > _MOST_BYTES:
        return None
    with files.open_folder(folder) as opened:
        data = files.read(opened, name, length + 1)
    if len(data) != length:
        return None
    return EncodedThumbnail(data, format_by_ending(name) or "", width, height, entry.placeholder)
