"""Pictures as content: what a caller gives to read, and where a thumbnail is to be written."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, replace
from typing import Protocol

from thumbnailer.disk import files, new_files
from thumbnailer.door.places import is_remote
from thumbnailer.errors import ConfigError, OutputError, SourceError, shortened
from thumbnailer.formats import format_by_ending
from thumbnailer.imaging.failures import StageError, stage
from thumbnailer.model import Folder, Thumbnail
from thumbnailer.scan.folders import check_source

# What is called `source` in messages if it has no path.
CONTENT = "<content>"


class Readable(Protocol):
    """A binary file object to read from, such as an upload."""

    def read(self) -> bytes:
        """Return all that is left."""


class Writable(Protocol):
    """A binary file object to write to."""

    def write(self, data: bytes, /) -> object:
        """Write some bytes; return how many, or None."""


# `bytes` are content here, and a path in the functions that work on folders.
FilePath = str | os.PathLike[str] | os.PathLike[bytes]
Picture = FilePath | bytes | bytearray | memoryview | Readable
Target = FilePath | Writable | None


@dataclass(frozen=True, slots=True)
class Given:
    """A picture that a caller gave.

    Attributes:
        name: its path; `CONTENT` if it has none.
        data: its content; None if it is to be read from its path.
    """

    name: str
    data: bytes | None = None


def read_picture(source: Picture) -> Given:
    """Return what a caller gave: a path that can be read, or content, read to its end.

    Raises:
        ConfigError: it is neither.
        SourceError: it can't be read.
    """
    if isinstance(source, str | os.PathLike):
        path = os.fsdecode(source)
        if is_remote(path):
            raise ConfigError("source: takes files; make_thumbnails takes buckets, too")
        if check_source(path):
            raise SourceError(None, "is a folder", path)
        return Given(path)
    if isinstance(source, bytes | bytearray | memoryview):
        return Given(CONTENT, bytes(source))
    if not hasattr(source, "read"):
        raise ConfigError(
            f"source: is a {type(source).__name__}; must be a path, bytes or a binary file object"
        )
    _refuse_text("source", source)
    try:
        data = source.read()
    except OSError as error:
        reason = f"can't be read: {error.strerror or error}"
        raise SourceError(error.errno, reason, CONTENT) from error
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ConfigError(f"source: its read() returns {type(data).__name__}, not bytes")
    return Given(CONTENT, bytes(data))


def format_of(target: Target, named: str, usual: str) -> str:
    """Return the format of what is written to a target.

    Args:
        named: the one that was asked for; "" to go by the ending of a path.
        usual: the one of what has no path.

    Raises:
        ConfigError: the target is none, or its ending says no format.
    """
    if isinstance(target, str | os.PathLike):
        path = os.fsdecode(target)
        if is_remote(path):
            raise ConfigError("thumbnail: takes files; make_thumbnails takes buckets, too")
        if found := named or format_by_ending(path):
            return found
        raise ConfigError(
            f"{shortened(path)}: its ending says no format that is written; name a format"
        )
    if target is not None:
        if not hasattr(target, "write"):
            kind = type(target).__name__
            raise ConfigError(f"thumbnail: is a {kind}; must be a path or a binary file object")
        _refuse_text("thumbnail", target)
    return named or usual


def refuse_same(source: Given, target: Target) -> None:
    """Check that a picture is not to be replaced by its thumbnail.

    Raises:
        ConfigError: it is.
    """
    if source.data is None and isinstance(target, str | os.PathLike):
        path = os.fsdecode(target)
        if os.path.exists(path) and os.path.samefile(source.name, path):
            raise ConfigError(f"{shortened(path)}: is the source itself")


def write_thumbnail(made: Thumbnail, target: Target, source: Given) -> Thumbnail:
    """Write the content of a thumbnail where it is wanted, and return it as it is there.

    Raises:
        OutputError: it can't be written.
    """
    if target is None:
        return made
    if not isinstance(target, str | os.PathLike):
        try:
            _write_all(target, made.data)
        except OSError as error:
            raise OutputError(f"thumbnail: can't be written: {error.strerror or error}") from error
        return made
    path = os.fsdecode(target)
    folder, name = os.path.split(path)
    mode = 0o666 if source.data is not None else files.permissions(source.name)
    try:
        with stage("write", path), files.open_folder(Folder(folder, "")) as opened:
            new_files.replace(opened, name, made.data, mode)
    except StageError as error:
        raise OutputError(error.failure.reason) from error
    return replace(made, path=path)


def _write_all(file: Writable, data: bytes) -> None:
    """Write all of some bytes; a raw file (`buffering=0`) may take a part of them at a time."""
    rest = data
    while rest:
        count = file.write(rest)
        if not isinstance(file, io.RawIOBase) or not isinstance(count, int):
            return
        rest = rest[count:]


def _refuse_text(what: str, file: object) -> None:
    """Check that a file object is not one of text, which has an encoding.

    Raises:
        ConfigError: it is.
    """
    if isinstance(file, io.TextIOBase) or hasattr(file, "encoding"):
        raise ConfigError(f"{what}: is a file of text; open it in binary mode")
