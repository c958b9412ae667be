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
from contextlib import AbstractContextManager, contextmanager, suppress
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

# The reason why nothing is created in a folder that was a disk's.
NOT_MOUNTED = "is not the folder that it was; is its disk mounted?"

_OPEN_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_HAS_DIR_FD = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd
_FOLDER_FLAGS = _OPEN_FLAGS | getattr(os, "O_DIRECTORY", 0)

# Linux opens a folder that may be entered but not listed only if it is not to be listed.
_NO_LISTING = getattr(os, "O_PATH", 0)


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A thumbnail folder held open: by `fd` if the platform supports that, else by `path`."""

    path: str
    fd: int | None

    def path_and_dir_fd(self, name: str) -> tuple[str, int | None]:
        """Return the path and `dir_fd` to pass to `os` functions for `name` in this folder."""
        return (name, self.fd) if self.fd is not None else (os.path.join(self.path, name), None)


class LinkRefused(OSError):
    """A part of a path is a symbolic link, which is not followed."""


def open_source(path: str, root: str = "") -> BinaryIO:
    """Open a picture for reading without blocking: a FIFO, device or socket raises at once.

    Args:
        root: the SOURCE that it was found in: below that no link to a folder is followed. "" if the
            caller named the picture itself.

    Raises:
        OSError: it can't be opened or is not a regular file.
    """
    if not root:
        return open(_open_regular(path, os.O_RDONLY, path), "rb")
    folder, name = os.path.split(path)
    with open_folder(folder_below(root, folder), to_list=False) as opened:
        inner, dir_fd = opened.path_and_dir_fd(name)
        return open(_open_regular(inner, os.O_RDONLY, path, dir_fd), "rb")


def folder_below(root: str, path: str) -> Folder:
    """Return a folder as one below a root, by their paths as the scan spells them."""
    prefix = os.path.join(root, "")
    root = os.path.dirname(prefix)  # without slashes at its end
    if path.startswith(prefix):
        return Folder(root, path[len(prefix) :])
    return Folder(root, "") if path == root else Folder(path, "")


@contextmanager
def open_folder(
    folder: Folder, *, create: bool = False, to_list: bool = True
) -> Iterator[OpenFolder]:
    """Hold a folder open, walking down from its anchor without following links.

    Args:
        create: create what is missing of it below `folder.given`.
        to_list: whether its content is to be listed; what is in it can be opened in any case.

    Raises:
        FileNotFoundError: it does not exist and is not to be created.
        LinkRefused: a part of its path below the anchor is a link.
        OSError: a part of its path is no folder, or can't be opened or created; or the anchor is on
            another file system than it should be.
    """
    parts = [part for part in folder.below.split(os.sep) if part]
    given = len(folder.given.split(os.sep)) if folder.given else 0
    flags = _FOLDER_FLAGS | (0 if to_list else _NO_LISTING)
    here = OpenFolder(
        folder.anchor, _open_directory(folder.anchor or os.curdir, None, flags, follow=True)
    )
    try:
        if create and folder.device not in (None, identity_of(here)[0]):
            raise OSError(errno.ENODEV, NOT_MOUNTED, folder.anchor)
        for at, part in enumerate(parts):
            path, fd = here.path_and_dir_fd(part)
            if create and at >= given:
                with suppress(FileExistsError):
                    os.mkdir(path, 0o700 if folder.desktop else 0o777, dir_fd=fd)
            there = OpenFolder(os.path.join(here.path, part), _open_directory(path, fd, flags))
            _close(here)
            here = there
        yield here
    finally:
        _close(here)


def scan_folder(folder: OpenFolder) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
    """Return the entries of a folder that is open, as `os.scandir` does; their paths are no use.

    Raises:
        OSError: it can't be read.
    """
    return os.scandir(folder.path if folder.fd is None else folder.fd)


def status_of(folder: OpenFolder, name: str, *, follow: bool = False) -> os.stat_result:
    """Return the status of what a folder holds under a name, or of what a link there leads to.

    Raises:
        FileNotFoundError: there is nothing.
        OSError: it can't be determined.
    """
    path, dir_fd = folder.path_and_dir_fd(name)
    return os.stat(path, dir_fd=dir_fd, follow_symlinks=follow)


def identity_of(folder: OpenFolder) -> tuple[int, int]:
    """Return the device and the inode of a folder that is open."""
    status = os.stat(folder.path or os.curdir) if folder.fd is None else os.fstat(folder.fd)
    return status.st_dev, status.st_ino


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


def _open_directory(
    path: str, dir_fd: int | None, flags: int, *, follow: bool = False
) -> int | None:
    if not _HAS_DIR_FD:
        if not follow:
            _refuse_link(path, None)
        if not os.path.isdir(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return None
    try:
        return os.open(path, flags | (0 if follow else _NO_FOLLOW), dir_fd=dir_fd)
    except OSError as error:
        if not follow and error.errno in (errno.ELOOP, errno.ENOTDIR):
            _refuse_link(path, dir_fd)
        raise


def _refuse_link(path: str, dir_fd: int | None) -> None:
    """Raise a readable error if a path is a symbolic link; that of `os.open` is hard to read."""
    with suppress(FileNotFoundError):
        if stat.S_ISLNK(os.stat(path, dir_fd=dir_fd, follow_symlinks=False).st_mode):
            raise LinkRefused(errno.ELOOP, f"{path} is a symbolic link: refused", path)


def _close(folder: OpenFolder) -> None:
    if folder.fd is not None:
        os.close(folder.fd)
