"""Read a list of paths from a file, a pipe or standard input, each as soon as it has come."""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Iterator
from io import FileIO

from thumbnailer.errors import ConfigError, SourceError, SourceForbidden, SourceMissing
from thumbnailer.operations.listed import MAX_LINE_BYTES

STANDARD_INPUT = "-"

_READ_BYTES = 65_536


def read_list(file: str) -> Iterator[str]:
    """Return an iterator over the paths in a list, which blocks until the next one has come.

    Args:
        file: the path of a file or named pipe; `-` for standard input.

    Raises:
        ConfigError: `file` is empty.
        SourceError: the list can't be read; raised at once, or later while iterating.
    """
    if not file:
        raise ConfigError("--files-from: is empty; must be the path of a file, or -")
    if file == STANDARD_INPUT:
        return _paths(file)
    try:
        is_folder = stat.S_ISDIR(os.stat(file).st_mode)
    except FileNotFoundError as error:
        raise SourceMissing(error.errno, "no such file", file) from None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL character
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(getattr(error, "errno", None), reason, file) from None
    if is_folder:
        raise SourceError(errno.EISDIR, "is a folder; --files-from takes a list", file)
    if not os.access(file, os.R_OK):  # to open a named pipe would wait for its writer
        raise SourceForbidden(errno.EACCES, "may not be read (permission denied)", file)
    return _paths(file)


def _paths(file: str) -> Iterator[str]:
    """Yield the paths in a list.

    They are separated by NULs if there is one in the first that comes, else by line ends. As
    whatever has come is taken at once, no path waits for the next.
    """
    separator, kept = b"", b""
    try:
        with FileIO(0, closefd=False) if file == STANDARD_INPUT else FileIO(file) as opened:
            while chunk := _read(opened):
                if not separator:
                    separator = next((one for one in (b"\0", b"\n") if one in chunk), b"")
                kept += chunk
                if separator:
                    *whole, kept = kept.split(separator)
                    yield from _decoded(whole, separator)
                kept = kept[: MAX_LINE_BYTES + 1]  # so much of a longer one shows that it is that
    except OSError as error:
        raise SourceError(error.errno, error.strerror, file) from None
    yield from _decoded([kept], separator or b"\n")


def _decoded(lines: list[bytes], separator: bytes) -> Iterator[str]:
    for line in lines:
        path = line.removesuffix(b"\r") if separator == b"\n" else line
        if path:
            yield os.fsdecode(path[: MAX_LINE_BYTES + 1])


def _read(opened: FileIO) -> bytes:
    """Return what has come, after a wait if there is nothing yet; b"" at the end."""
    while (chunk := opened.read(_READ_BYTES)) is None:  # the descriptor does not block
        select.select([opened], [], [])
    return chunk
