"""Safe opens and atomic writes: the only module that changes anything on disk.

Every write goes through an open handle on the thumbnail folder (`dir_fd`), opened without following
links, so that a link planted at any moment can't redirect a write. Windows has no such handles;
there the same checks are made by path, immediately before use.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

from thumbnailer.model import Folder

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Temporary files. Their names leave out that of the thumbnail: with a prefix, one of 244 bytes or
# more is too long for most file systems. The first group identifies the machine: several may write
# to one folder over a network file system, and locks may not reach from one to another.
_TEMPORARY = re.compile(r"\.thumbnailer-(?:([0-9a-f]{8})-)?[0-9a-f]{16}\.tmp")

# Without locks, a temporary file of this age (seconds) counts as abandoned.
_ABANDONED_AFTER_SECONDS = 3600

_OPEN_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_HAS_DIR_FD = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A thumbnail folder held open: by `fd` if the platform supports that, else by `path`."""

    path: str
    fd: int | None

    def path_and_dir_fd(self, name: str) -> tuple[str, int | None]:
        """Return the path and `dir_fd` to pass to `os` functions for `name` in this folder."""
        return (name, self.fd) if self.fd is not None else (os.path.join(self.path, name), None)


def open_source(path: str) -> BinaryIO:
    """Open a picture for reading without blocking: a FIFO, device or socket raises at once.

    Raises:
        OSError: it can't be opened or is not a regular file.
    """
    return open(_open_regular(path, os.O_RDONLY, path), "rb")


@contextmanager
def open_folder(folder: Folder, *, create: bool = False) -> Iterator[OpenFolder]:
    """Hold a thumbnail folder open, walking down from its anchor without following links.

    Raises:
        FileNotFoundError: it does not exist and `create` is false.
        OSError: a part of its path is a link or no folder, or can't be opened or created.
    """
    parts = [part for part in folder.below.split(os.sep) if part]
    here = OpenFolder(folder.anchor, _open_directory(folder.anchor or os.curdir, None, follow=True))
    try:
        for part in parts:
            path, fd = here.path_and_dir_fd(part)
            if create:
                with suppress(FileExistsError):
                    os.mkdir(path, 0o700 if folder.desktop else 0o777, dir_fd=fd)
            there = OpenFolder(os.path.join(here.path, part), _open_directory(path, fd))
            _close(here)
            here = there
        yield here
    finally:
        _close(here)


def read(folder: OpenFolder, name: str, most_bytes: int = -1) -> bytes:
    """Return the content, or the first `most_bytes`, of a regular file; no link is followed.

    Raises:
        FileNotFoundError: there is none.
        OSError: it is a link or no regular file, or can't be read.
    """
    with open(_open_file_in(folder, name, os.O_RDONLY), "rb") as file:
        return file.read(most_bytes)


def replace(folder: OpenFolder, name: str, data: bytes, mode: int = 0o666) -> None:
    """Create or replace the file `name` atomically, with `data` as its content.

    Args:
        mode: permissions of the new file, before the process's umask is applied.

    Raises:
        OSError: it could not be written; the old file is unchanged.
    """
    try:
        _replace_once(folder, name, data, mode)
    except FileNotFoundError:
        # In the microseconds before the temporary file is locked, another run may clean it up.
        _replace_once(folder, name, data, mode)


def append(folder: OpenFolder, name: str, header: bytes, line: bytes) -> None:
    """Append one or more lines to a file in the folder; start a new file with `header`.

    It is one write to a file opened for appending, so the lines of two processes do not mix. Both
    may write the header of a new file.

    Raises:
        OSError: it could not be written, or is a link or no regular file.
    """
    fd = _open_file_in(folder, name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        _write_all(fd, line if os.fstat(fd).st_size else header + line)
    finally:
        os.close(fd)


def remove(folder: OpenFolder, name: str) -> None:
    """Remove a regular file, or a link itself, from the folder; ignore a missing one.

    Raises:
        OSError: it is something else, such as a folder, or can't be removed.
    """
    path, dir_fd = folder.path_and_dir_fd(name)
    if not is_plain_name(name):  # else a forged ledger could reach other folders
        raise OSError(errno.EINVAL, "not the name of a file", name)
    with suppress(FileNotFoundError):
        mode = os.stat(path, dir_fd=dir_fd, follow_symlinks=False).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise OSError(errno.EINVAL, "not a regular file", os.path.join(folder.path, name))
        os.unlink(path, dir_fd=dir_fd)


def remove_folder(folder: Folder) -> bool:
    """Remove a folder below its anchor if it is empty; return whether it is gone."""
    above, name = os.path.split(folder.below)
    try:
        with open_folder(Folder(folder.anchor, above)) as opened:
            path, dir_fd = opened.path_and_dir_fd(name)
            os.rmdir(path, dir_fd=dir_fd)
    except OSError as error:
        return isinstance(error, FileNotFoundError)
    return True


def list_names(folder: OpenFolder) -> list[str]:
    """Return the names of everything in the folder.

    Raises:
        OSError: it can't be read.
    """
    return os.listdir(folder.path if folder.fd is None else folder.fd)


def is_plain_name(name: str) -> bool:
    """Return whether a name is a plain file name: no path, no `.` or `..`, no NUL."""
    with suppress(ValueError):  # characters that no file name can have
        is_valid = b"\0" not in os.fsencode(name)
        return is_valid and os.path.basename(name) == name not in ("", os.curdir, os.pardir)
    return False


def remove_stale_temporaries(folder: OpenFolder) -> None:
    """Remove the temporary files of writers that are no longer running.

    A writer locks its file; the kernel releases the lock when the writer dies, even by SIGKILL.
    Files of other machines are judged by age.
    """
    with suppress(OSError):
        for name in filter(_TEMPORARY.fullmatch, list_names(folder)):
            path, dir_fd = folder.path_and_dir_fd(name)
            with suppress(OSError):
                if _is_abandoned(path, dir_fd, name):
                    os.unlink(path, dir_fd=dir_fd)


def is_temporary(name: str) -> bool:
    """Return whether a name is that of a temporary file, left by an unfinished `replace`."""
    return _TEMPORARY.fullmatch(name) is not None


def make_folder(path: str, mode: int = 0o777) -> None:
    """Create a folder that the caller named, with its parents, unless it exists.

    Raises:
        OSError: it can't be created, or something else has its name.
    """
    os.makedirs(path, mode, exist_ok=True)


def _replace_once(folder: OpenFolder, name: str, data: bytes, mode: int) -> None:
    temporary, dir_fd = folder.path_and_dir_fd(
        f".thumbnailer-{_machine_id()}-{os.urandom(8).hex()}.tmp"
    )
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _OPEN_FLAGS
    fd = os.open(temporary, flags, mode, dir_fd=dir_fd)
    try:
        try:
            _lock(fd)
            _write_all(fd, data)
            if fcntl:  # renamed while locked, so that no clean-up sees it unlocked
                os.replace(
                    temporary, folder.path_and_dir_fd(name)[0], src_dir_fd=dir_fd, dst_dir_fd=dir_fd
                )
        finally:
            os.close(fd)
        if not fcntl:  # Windows can only rename closed files
            os.replace(temporary, folder.path_and_dir_fd(name)[0])
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=dir_fd)
        raise


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:  # a disk that fills up takes a part, then raises
        view = view[os.write(fd, view) :]


def _lock(fd: int) -> bool | None:
    """Try to lock a file: True on success, False if it is locked, None if locks are unsupported."""
    if not fcntl:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    return True


@cache
def _machine_id() -> str:
    """Return eight hexadecimal digits that differ by machine: a checksum of its name."""
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return f"{zlib.crc32(os.fsencode(name)):08x}"


def _is_abandoned(path: str, dir_fd: int | None, name: str) -> bool:
    match = _TEMPORARY.fullmatch(name)
    is_near = match and match[1] in (None, _machine_id())
    fd = _open_regular(path, os.O_WRONLY | _NO_FOLLOW, path, dir_fd)
    try:
        locked = _lock(fd) if is_near else None
        if locked is None:
            return time.time() - os.fstat(fd).st_mtime > _ABANDONED_AFTER_SECONDS
        return locked
    finally:
        os.close(fd)


def _open_file_in(folder: OpenFolder, name: str, flags: int) -> int:
    """Open a regular file in the folder without following a link."""
    path, dir_fd = folder.path_and_dir_fd(name)
    if not _NO_FOLLOW:
        _refuse_link(path, dir_fd)
    try:
        return _open_regular(path, flags | _NO_FOLLOW, os.path.join(folder.path, name), dir_fd)
    except OSError:
        _refuse_link(path, dir_fd)
        raise


def _open_regular(path: str, flags: int, shown: str, dir_fd: int | None = None) -> int:
    """Open a regular file without blocking; `shown` is its path in an error."""
    flags |= _OPEN_FLAGS | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    fd = os.open(path, flags, 0o666, dir_fd=dir_fd)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", shown)
    return fd


def _open_directory(path: str, dir_fd: int | None, *, follow: bool = False) -> int | None:
    if not _HAS_DIR_FD:
        if not follow:
            _refuse_link(path, None)
        if not os.path.isdir(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return None
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        return os.open(path, flags, dir_fd=dir_fd)
    except OSError as error:
        if not follow and error.errno in (errno.ELOOP, errno.ENOTDIR):
            _refuse_link(path, dir_fd)
        raise


def _refuse_link(path: str, dir_fd: int | None) -> None:
    """Raise a readable error if a path is a symbolic link; that of `os.open` is hard to read."""
    with suppress(FileNotFoundError):
        if stat.S_ISLNK(os.stat(path, dir_fd=dir_fd, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, f"{path} is a symbolic link: refused", path)


def _close(folder: OpenFolder) -> None:
    if folder.fd is not None:
        os.close(folder.fd)
