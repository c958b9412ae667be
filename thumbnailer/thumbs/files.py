"""Safe opens and atomic writes: the only file that changes anything on disk.

Every write goes through an open handle on the thumbnail folder (`dir_fd`), reached without
following a link, so that a link planted at any moment can't lead a write elsewhere. Windows has no
such handles; there the same checks are made by path, just before use.
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

# Short and free of the thumbnail's own name: a prefix on a name of 244 bytes or more is too long
# for most file systems. It begins with the machine: over a network file system several may write
# to one folder, and locks may not reach from one to another.
_TEMPORARY = re.compile(r"\.thumbnailer-(?:([0-9a-f]{8})-)?[0-9a-f]{16}\.tmp")

# Where no lock tells a live temporary file from a dead one, age has to (seconds).
_ABANDONED_AFTER_SECONDS = 3600

_PLAIN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_HAS_DIR_FD = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A thumbnail folder held open: `fd` where the platform has it, else `path` serves."""

    path: str
    fd: int | None

    def path_and_dir_fd(self, name: str) -> tuple[str, int | None]:
        """What to pass as path and `dir_fd` to reach `name` in this folder."""
        return (name, self.fd) if self.fd is not None else (os.path.join(self.path, name), None)


def open_source(path: str) -> BinaryIO:
    """Open a picture for reading, never waiting: a FIFO, device or socket raises at once.

    Raises:
        OSError: it can't be opened or is not a regular file.
    """
    return open(_open_regular(path, os.O_RDONLY, path), "rb")


@contextmanager
def open_folder(folder: Folder, *, create: bool = False) -> Iterator[OpenFolder]:
    """Hold the thumbnail folder open, walking down from its anchor without following a link.

    Raises:
        FileNotFoundError: it does not exist and `create` is off.
        OSError: a part of it is a link or no folder, or can't be opened or made.
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
    """The content of a regular file in the folder, or its beginning; no link is followed.

    Raises:
        FileNotFoundError: there is none.
        OSError: it is a link or no regular file, or can't be read.
    """
    with open(_open_file_in(folder, name, os.O_RDONLY), "rb") as file:
        return file.read(most_bytes)


def replace(folder: OpenFolder, name: str, data: bytes, mode: int = 0o666) -> None:
    """Make `data` the content of `name`, at once and whole, whatever was there before.

    Args:
        mode: of a new file, from which the process's umask is taken.

    Raises:
        OSError: it could not be written; what was there before is untouched.
    """
    try:
        _replace_once(folder, name, data, mode)
    except FileNotFoundError:
        # Another run's sweep can take a temporary file in the microseconds before it is locked.
        _replace_once(folder, name, data, mode)


def append(folder: OpenFolder, name: str, header: bytes, line: bytes) -> None:
    """Add one line to a file in the folder, which starts with `header` when it is new.

    A single write to a file opened for appending: two processes' lines do not mix, though both may
    write the header of a file that is new to them.

    Raises:
        OSError: it could not be written, or is a link or no regular file.
    """
    fd = _open_file_in(folder, name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        _write_all(fd, line if os.fstat(fd).st_size else header + line)
    finally:
        os.close(fd)


def remove(folder: OpenFolder, name: str) -> None:
    """Remove a file of the folder, or a link itself, unless it is gone already.

    Raises:
        OSError: it is something else, such as a folder, or can't be removed.
    """
    path, dir_fd = folder.path_and_dir_fd(name)
    if not is_plain_name(name):  # else a ledger from somebody else's hand would reach other folders
        raise OSError(errno.EINVAL, "not the name of a file", name)
    with suppress(FileNotFoundError):
        mode = os.stat(path, dir_fd=dir_fd, follow_symlinks=False).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise OSError(errno.EINVAL, "not a regular file", os.path.join(folder.path, name))
        os.unlink(path, dir_fd=dir_fd)


def remove_folder(folder: Folder) -> bool:
    """Remove a folder below its anchor if it is empty; whether it is gone."""
    above, name = os.path.split(folder.below)
    try:
        with open_folder(Folder(folder.anchor, above)) as opened:
            path, dir_fd = opened.path_and_dir_fd(name)
            os.rmdir(path, dir_fd=dir_fd)
    except OSError as error:
        return isinstance(error, FileNotFoundError)
    return True


def list_names(folder: OpenFolder) -> list[str]:
    """What is in the folder.

    Raises:
        OSError: it can't be read.
    """
    return os.listdir(folder.path if folder.fd is None else folder.fd)


def is_plain_name(name: str) -> bool:
    """Whether a name can be that of a file in a folder, and leads nowhere else."""
    with suppress(ValueError):  # characters that no file name can have
        is_valid = b"\0" not in os.fsencode(name)
        return is_valid and os.path.basename(name) == name not in ("", os.curdir, os.pardir)
    return False


def remove_stale_temporaries(folder: OpenFolder) -> None:
    """Remove the temporary files of writers that are no longer alive.

    A writer holds a lock on its file, which the kernel lets go when it dies, even under SIGKILL.
    Those of another machine go by their age.
    """
    with suppress(OSError):
        for name in filter(_TEMPORARY.fullmatch, list_names(folder)):
            path, dir_fd = folder.path_and_dir_fd(name)
            with suppress(OSError):
                if _is_abandoned(path, dir_fd, name):
                    os.unlink(path, dir_fd=dir_fd)


def is_temporary(name: str) -> bool:
    """Whether a file of this name is one that `replace` had not finished."""
    return _TEMPORARY.fullmatch(name) is not None


def make_folder(path: str, mode: int = 0o777) -> None:
    """Create a folder the caller named, with its parents, unless it is there.

    Raises:
        OSError: it can't be made, or something else has its name.
    """
    os.makedirs(path, mode, exist_ok=True)


def _replace_once(folder: OpenFolder, name: str, data: bytes, mode: int) -> None:
    temporary, dir_fd = folder.path_and_dir_fd(
        f".thumbnailer-{_machine_id()}-{os.urandom(8).hex()}.tmp"
    )
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK | _PLAIN
    fd = os.open(temporary, flags, mode, dir_fd=dir_fd)
    try:
        try:
            _lock(fd)
            _write_all(fd, data)
            if fcntl:  # renamed while locked: a sweep never sees it unlocked under its own name
                os.replace(
                    temporary, folder.path_and_dir_fd(name)[0], src_dir_fd=dir_fd, dst_dir_fd=dir_fd
                )
        finally:
            os.close(fd)
        if not fcntl:  # Windows renames closed files only
            os.replace(temporary, folder.path_and_dir_fd(name)[0])
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=dir_fd)
        raise


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:  # a disk that fills up takes part of it, then raises
        view = view[os.write(fd, view) :]


def _lock(fd: int) -> bool | None:
    """Lock the file: True if this succeeded, False if somebody has it, None if locks can't tell."""
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
    """Eight digits that differ between machines."""
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return f"{zlib.crc32(os.fsencode(name)):08x}"


def _is_abandoned(path: str, dir_fd: int | None, name: str) -> bool:
    match = _TEMPORARY.fullmatch(name)
    is_near = match and match[1] in (None, _machine_id())
    fd = _open_regular(path, os.O_WRONLY | _NO_LINK, path, dir_fd)
    try:
        locked = _lock(fd) if is_near else None
        if locked is None:
            return time.time() - os.fstat(fd).st_mtime > _ABANDONED_AFTER_SECONDS
        return locked
    finally:
        os.close(fd)


def _open_file_in(folder: OpenFolder, name: str, flags: int) -> int:
    """Open a regular file in the folder, following no link."""
    path, dir_fd = folder.path_and_dir_fd(name)
    if not _NO_LINK:
        _refuse_link(path, dir_fd)
    try:
        return _open_regular(path, flags | _NO_LINK, os.path.join(folder.path, name), dir_fd)
    except OSError:
        _refuse_link(path, dir_fd)
        raise


def _open_regular(path: str, flags: int, shown: str, dir_fd: int | None = None) -> int:
    """Open a regular file, never waiting for anything; `shown` is its path in an error."""
    flags |= _PLAIN | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
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
    """Say so where a link stands in the way; the open that follows would refuse it anyway, but
    names no reason a person could read."""
    with suppress(FileNotFoundError):
        if stat.S_ISLNK(os.stat(path, dir_fd=dir_fd, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, f"{path} is a symbolic link: refused", path)


def _close(folder: OpenFolder) -> None:
    if folder.fd is not None:
        os.close(folder.fd)
