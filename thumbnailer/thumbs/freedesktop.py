"""The freedesktop.org thumbnail cache, which file managers share.

Source: Thumbnail Managing Standard 0.9.0, freedesktop.org. Each thumbnail is a PNG whose text
chunks name its source and the source's state (mtime, size); there is no ledger.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from contextlib import suppress

from thumbnailer.disk import files, new_files
from thumbnailer.imaging.containers.png_chunks import PNG_SIGNATURE, png_chunks
from thumbnailer.model import Failure, Folder, Source, Thumbnail, WantedThumbnail

# The folder of each size, by the longest side of its thumbnails in px.
SIZE_FOLDERS = {128: "normal", 256: "large", 512: "x-large", 1024: "xx-large"}

# Permissions: only the user may read the cache.
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700

_SOFTWARE = "thumbnailer"

# Each program has its own folder of failures. Raise the number when more sources can be read.
_FAILURES = os.path.join("fail", "thumbnailer-1")

# What GLib's g_filename_to_uri does not escape, besides letters, digits and "_.-~".
_SAFE = "!*'()$&,/=+:@"

# Text chunks come before the pixels; the longest text is the URI of a path of 4 KiB.
_HEAD_BYTES = 1 << 16


def file_uri(path: str) -> str:
    """Return a file's URI as GLib writes it; links in its path are not resolved."""
    from urllib.parse import quote_from_bytes  # 2 ms, saved where the cache is not used

    path = os.path.abspath(path).replace(os.sep, "/")
    host_end = "" if path.startswith("/") else "/"  # of Windows: file:///C:/Users
    return f"file://{host_end}{quote_from_bytes(os.fsencode(path), safe=_SAFE)}"


def cache_name(path: str) -> str:
    """Return the file name of a source's thumbnail: the MD5 digest of its URI."""
    digest = hashlib.md5(file_uri(path).encode("ascii"), usedforsecurity=False)
    return f"{digest.hexdigest()}.png"


def source_text(source: Source) -> tuple[tuple[str, str], ...]:
    """Return the texts that a thumbnail holds about its source, as keys and values."""
    return (
        ("Thumb::URI", file_uri(source.path)),
        ("Thumb::MTime", str(source.mtime_ns // 10**9)),
        ("Thumb::Size", str(source.size_bytes)),
        ("Software", _SOFTWARE),
    )


def find_thumbnail(folder: Folder, name: str, source: Source) -> Thumbnail | None:
    """Return the thumbnail of a source in this state, made by any program; None if missing."""
    head = _read_head(folder, name)
    if not _is_about(_read_text(head), source):
        return None
    path = os.path.join(folder.path, name)
    width, height = struct.unpack_from(">II", head, 16)
    return Thumbnail(path, width, height, os.lstat(path).st_size)


def find_failure(folder: Folder, name: str, source: Source, attempt: str) -> Failure | None:
    """Return why an attempt with this fingerprint at this source state failed; None if not."""
    failed = _read_text(_read_head(_failure_folder(folder), name))
    if failed.get("Thumb::Attempt") != attempt or not _is_about(failed, source):
        return None
    return Failure(failed.get("Thumb::Stage", "open"), failed.get("Comment", "failed"))


def forget_failure(folder: Folder, name: str) -> None:
    """Remove the record of an earlier failure, since the thumbnail has now been made."""
    with suppress(OSError), files.open_folder(_failure_folder(folder)) as failures:
        files.remove(failures, name)


def record_failure(wanted: WantedThumbnail, attempt: str, failure: Failure) -> None:
    """Record that a thumbnail can't be made of a source.

    Raises:
        OSError: it could not be written.
    """
    why = ("Thumb::Stage", failure.stage), ("Comment", failure.reason)
    text = (*wanted.text, ("Thumb::Attempt", attempt), *why)
    with files.open_folder(_failure_folder(wanted.folder), create=True) as opened:
        new_files.replace(opened, wanted.name, _empty_png(text), PRIVATE_FILE)


def _failure_folder(folder: Folder) -> Folder:
    return Folder(folder.anchor, _FAILURES, desktop=True)


def _read_head(folder: Folder, name: str) -> bytes:
    """Return the first bytes of a PNG; b"" if there is none."""
    with suppress(OSError), files.open_folder(folder) as opened:
        head = files.read(opened, name, _HEAD_BYTES)
        return head if head.startswith(PNG_SIGNATURE) and len(head) >= 24 else b""
    return b""


def _read_text(head: bytes) -> dict[str, str]:
    """Return the texts before the pixels of a PNG (PNG specification, 5.3 and 11.3.3)."""
    texts: dict[str, str] = {}
    file = io.BytesIO(head)
    for kind, length in png_chunks(file, len(head) // 12):
        if kind == b"IDAT":
            break
        if kind == b"tEXt":
            key, _, value = file.read(length).partition(b"\0")
            texts[key.decode("latin-1")] = value.decode("latin-1")
    return texts


def _is_about(text: dict[str, str], source: Source) -> bool:
    """Return whether a thumbnail is of a source in this state; GIO decides the same way."""
    expected = dict(source_text(source))
    return (
        text.get("Thumb::URI") == expected["Thumb::URI"]
        and text.get("Thumb::MTime") == expected["Thumb::MTime"]
        and text.get("Thumb::Size", expected["Thumb::Size"]) == expected["Thumb::Size"]
    )


def _empty_png(text: tuple[tuple[str, str], ...]) -> bytes:
    """Return a PNG of one transparent pixel that holds some texts."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 6, 0, 0, 0))]
    chunks += [(b"tEXt", f"{key}\0{value}".encode("latin-1", "replace")) for key, value in text]
    chunks += [(b"IDAT", zlib.compress(bytes(5))), (b"IEND", b"")]
    return PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
