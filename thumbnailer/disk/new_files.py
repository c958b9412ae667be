"""Write files that appear under their names whole or not at all, by way of temporary files."""

from __future__ import annotations

import errno
import os
import re
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from thumbnailer.disk.files import (
    OpenFolder,
    create_file,
    list_names,
    open_file,
    write_all,
)
from thumbnailer.disk.locks import ARE_SUPPORTED, lock

# Temporary files. Their names leave out that of the thumbnail: with a prefix, one of 244 bytes or
# more is too long for most file systems. The first group identifies the machine: several may write
# to one folder over a network file system, and locks may not reach from one to another.
_TEMPORARY = re.compile(r"\.thumbnailer-(?:([0-9a-f]{8})-)?[0-9a-f]{16}\.tmp")

# Without locks, a temporary file of this age (seconds) counts as abandoned.
_ABANDONED_AFTER_SECONDS = 3600

# What a file system without hard links answers to `link`.
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES}


@dataclass(slots=True)
class NewFile:
    """A temporary file, whole and locked, that waits for its name.

    Attributes:
        fd: its descriptor; -1 once it is closed.
    """

    folder: OpenFolder
    temporary: str
    fd: int
    is_moved: bool = False

    def move_to(self, name: str) -> None:
        """Give it its name; a file that has this name is replaced.

        Raises:
            OSError: it can't be, as there is a folder of that name.
        """
        source, dir_fd = self.folder.path_and_dir_fd(self.temporary)
        target, _ = self.folder.path_and_dir_fd(name)
        os.replace(source, target, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        self.is_moved = True

    def move_to_free(self, name: str) -> bool:
        """Give it its name if no file has that; return whether it has it now.

        Raises:
            OSError: it can't be had for another reason.
        """
        source, dir_fd = self.folder.path_and_dir_fd(self.temporary)
        target, _ = self.folder.path_and_dir_fd(name)
        try:
            if os.name == "nt":  # where renaming never replaces
                os.rename(source, target)
                self.is_moved = True
            else:
                os.link(source, target, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            if name in list_names(self.folder):
                return False
            self.move_to(name)
        return True

    def close(self) -> None:
        """Close it, which ends its lock."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def end(self) -> None:
        """Close it, and remove it unless it was moved."""
        try:
            self.close()
        finally:
            if not self.is_moved:
                _unlink(self.folder, self.temporary)


class NewFiles:
    """Temporary files in a folder, which are removed at the end unless they were moved.

    A context manager: not one for each file by `contextlib`, which would take 5 µs.
    """

    def __init__(self, folder: OpenFolder) -> None:
        self._folder, self._files = folder, list[NewFile]()

    def write(self, data: bytes, mode: int = 0o666) -> NewFile:
        """Write `data` to a new temporary file.

        Args:
            mode: permissions of the file, before the process's umask is applied.

        Raises:
            OSError: it could not be written; nothing is left of it.
        """
        new = _create_locked(self._folder, mode)
        try:
            write_all(new.fd, data)
            if not ARE_SUPPORTED:  # Windows can only rename closed files
                new.close()
        except BaseException:
            new.end()
            raise
        self._files.append(new)  # renamed while locked, so that no clean-up sees it unlocked
        return new

    def __enter__(self) -> NewFiles:
        return self

    def __exit__(self, *_: object) -> None:
        error = None
        for new in self._files:
            try:
                new.end()
            except OSError as raised:  # a file system that tells only now what it can't write
                error = raised
        if error:
            raise error


def replace(folder: OpenFolder, name: str, data: bytes, mode: int = 0o666) -> None:
    """Create or replace the file `name` atomically, with `data` as its content.

    Args:
        mode: permissions of the new file, before the process's umask is applied.

    Raises:
        OSError: it could not be written; the old file is unchanged.
    """
    with NewFiles(folder) as new:
        new.write(data, mode).move_to(name)


def remove_stale_temporaries(folder: OpenFolder) -> None:
    """Remove the temporary files of writers that are no longer running.

    A writer locks its file; the kernel releases the lock when the writer dies, even by SIGKILL.
    Files of other machines are judged by age.
    """
    with suppress(OSError):
        for name in filter(_TEMPORARY.fullmatch, list_names(folder)):
            with suppress(OSError):
                _remove_if_abandoned(folder, name)


def is_temporary(name: str) -> bool:
    """Return whether a name is that of a temporary file."""
    return _TEMPORARY.fullmatch(name) is not None


def _create_locked(folder: OpenFolder, mode: int) -> NewFile:
    """Create a temporary file and lock it."""
    while True:
        name = f".thumbnailer-{_machine_id()}-{os.urandom(8).hex()}.tmp"
        fd = create_file(folder, name, mode)
        # In the microseconds before it is locked, another run may take it for abandoned.
        if lock(fd) is not False and os.fstat(fd).st_nlink:
            return NewFile(folder, name, fd)
        os.close(fd)


def _unlink(folder: OpenFolder, name: str) -> None:
    path, dir_fd = folder.path_and_dir_fd(name)
    with suppress(OSError):
        os.unlink(path, dir_fd=dir_fd)


@cache
def _machine_id() -> str:
    """Return eight hexadecimal digits that differ by machine: a checksum of its name."""
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return f"{zlib.crc32(os.fsencode(name)):08x}"


def _remove_if_abandoned(folder: OpenFolder, name: str) -> None:
    match = _TEMPORARY.fullmatch(name)
    is_near = match and match[1] in (None, _machine_id())
    fd = open_file(folder, name, os.O_WRONLY)
    try:
        locked = lock(fd) if is_near else None
        age_seconds = time.time() - os.fstat(fd).st_mtime
        if locked or (locked is None and age_seconds > _ABANDONED_AFTER_SECONDS):
            if not ARE_SUPPORTED:  # Windows removes no file that is open
                os.close(fd)
                fd = -1
            # While it is locked: its writer, who may be about to lock it, sees that it is gone.
            _unlink(folder, name)
    finally:
        if fd >= 0:
            os.close(fd)
