"""Safe opens of folders and files; removing them.

Every change goes through an open handle on the thumbnail folder (`dir_fd`), opened without
following links, so that a link planted at any moment can't redirect it. Windows has no such
handles; there the same checks are made by path, immediately before use.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from thumbnailer.model import Folder

# The reason why nothing is created in a folder that was a disk's.
NOT_MOUNTED = "is not the folder that it was; is its disk mounted?"

_OPEN_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)

_HAS_DIR_FD = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd
_FOLDER_FLAGS = _OPEN_FLAGS | getattr(os, "O_DIRECTORY", 0)

# Linux opens a folder that may be entered but not listed only if it is not to be listed.
_NO_LISTING = getattr(os, "O_PATH", 0)

# What Windows and its programs do not show; no other system has attributes by which files are
# hidden.
CAN_HIDE = os.name == "nt"
_HIDDEN = stat.FILE_ATTRIBUTE_HIDDEN | stat.FILE_ATTRIBUTE_SYSTEM

# The length of what is there but is no regular file.
NO_FILE = -1


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


def relative_path(path: str, folder: str) -> str:
    """Return a path relative to a folder; an absolute one if it is on another drive of Windows."""
    try:
        return os.path.relpath(path or os.curdir, folder or os.curdir)
    except ValueError:
        return os.path.abspath(path)


def with_folders(path: str) -> Iterator[str]:
    """Yield a path and the folders that it is in, the innermost first; "" is none."""
    while path:
        yield path
        above = os.path.dirname(path)
        path = above if above != path else ""


def with_all_folders(paths: Iterable[str]) -> set[str]:
    """Return some paths and all folders that they are in."""
    found = set[str]()
    for path in paths:
        for above in with_folders(path):
            if above in found:
                break  # so that many files of few folders cost one step each
            found.add(above)
    return found


def state_of(status: os.stat_result) -> tuple[int, int, int]:
    """Return a file's length in bytes, its mtime and its ctime in ns; 0 where there is no ctime."""
    # On Windows `st_ctime` is the time of creation, which a change does not change.
    return status.st_size, status.st_mtime_ns, 0 if os.name == "nt" else status.st_ctime_ns


class Mirrored(NamedTuple):
    """What a folder mirrors: a folder of sources, and how many folders of its path it mirrors."""

    path: str
    depth: int


_MIRRORS_NOTHING = Mirrored("", 0)


@contextmanager
def open_folder(
    folder: Folder,
    *,
    create: bool = False,
    to_list: bool = True,
    mirrors: Mirrored = _MIRRORS_NOTHING,
) -> Iterator[OpenFolder]:
    """Hold a folder open, walking down from its anchor without following links.

    Args:
        create: create what is missing of it below `folder.given`.
        to_list: whether its content is to be listed; what is in it can be opened in any case.
        mirrors: what is created gets no more permissions than the folders that it mirrors.

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
        for depth, part in enumerate(parts, 1):
            path, fd = here.path_and_dir_fd(part)
            try:
                opened = _open_directory(path, fd, flags)
            except FileNotFoundError:
                if not create or depth <= given:
                    raise
                mode = 0o700 if folder.desktop else _mode_of(mirrors, len(parts) - depth)
                with suppress(FileExistsError):
                    os.mkdir(path, mode, dir_fd=fd)
                opened = _open_directory(path, fd, flags)
            there = OpenFolder(os.path.join(here.path, part), opened)
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
    if folder.fd is None:
        return os.stat(os.path.join(folder.path, name), follow_symlinks=follow)
    return os.stat(name, dir_fd=folder.fd, follow_symlinks=follow)


def is_hidden(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry of a folder has an attribute by which Windows hides it.

    That of a name with a dot at its beginning does not count: the name says the same, and can be
    overruled. Elsewhere there is none, so whoever has many entries need not ask: `CAN_HIDE`.
    """
    if not CAN_HIDE or entry.name.startswith("."):
        return False
    return _hides(entry.stat(follow_symlinks=False))


def is_hidden_in(folder: OpenFolder, name: str = "") -> bool:
    """Return whether what a folder holds under a name, or itself, is hidden so."""
    if CAN_HIDE and not (name or os.path.basename(folder.path)).startswith("."):
        with suppress(OSError):
            return _hides(status_of(folder, name or os.curdir))
    return False


def _hides(status: os.stat_result) -> bool:
    return bool(getattr(status, "st_file_attributes", 0) & _HIDDEN)


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
    with open(open_file(folder, name, os.O_RDONLY), "rb") as file:
        return file.read(most_bytes)


def length(folder: OpenFolder, name: str) -> int | None:
    """Return the length in bytes of a regular file; None if there is nothing of that name.

    `NO_FILE` if it is a folder, a link or something else."""
    path, dir_fd = folder.path_and_dir_fd(name)
    try:
        status = os.stat(path, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else NO_FILE


def length_at(path: str) -> int | None:
    """Return what `length` does of a file by its path; None also if that can't be looked at."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else NO_FILE


def kind_of(path: str) -> str:
    """Return in a word what is at a path: a file, link, folder or device."""
    with suppress(OSError):
        mode = os.lstat(path).st_mode
        kinds = {stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFDIR: "folder"}
        return kinds.get(stat.S_IFMT(mode), "device")
    return "file"


def permissions(path: str) -> int:
    """Return who may read and write a picture: nobody else may read and write its thumbnails."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode) & 0o666 | 0o600
    except OSError:  # gone meanwhile
        return 0o600


def restrict(folder: OpenFolder, name: str, mode: int) -> None:
    """Take from a regular file all permissions that `mode` does not give.

    Raises:
        OSError: there is none, or its permissions can't be changed.
    """
    fd = open_file(folder, name, os.O_RDONLY)
    try:
        now = stat.S_IMODE(os.fstat(fd).st_mode)
        if now & ~mode and hasattr(os, "fchmod"):
            os.fchmod(fd, now & mode)
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


def is_removed(folder: OpenFolder) -> bool:
    """Return whether a folder that is held open has been removed meanwhile."""
    if folder.fd is None:
        return not os.path.isdir(folder.path)
    return not os.fstat(folder.fd).st_nlink


def is_same_file(folder: OpenFolder, name: str, fd: int) -> bool:
    """Return whether an open file is still the one of this name."""
    path, dir_fd = folder.path_and_dir_fd(name)
    with suppress(FileNotFoundError):
        now = os.stat(path, dir_fd=dir_fd, follow_symlinks=False)
        return os.path.samestat(now, os.fstat(fd))
    return False


def list_names(folder: OpenFolder) -> list[str]:
    """Return the names of everything in the folder.

    Raises:
        OSError: it can't be read.
    """
    return os.listdir(folder.path if folder.fd is None else folder.fd)


def is_plain_name(name: str) -> bool:
    """Return whether a name is a plain file name: no path, no `.` or `..`, no NUL."""
    is_plain = os.path.basename(name) == name not in ("", os.curdir, os.pardir)
    return is_plain and is_possible_path(name)


def is_possible_path(path: str) -> bool:
    """Return whether there may be such a path: it has no NUL, and nothing that has no bytes."""
    with suppress(ValueError):
        return b"\0" not in os.fsencode(path)
    return False


def make_folder(path: str, mode: int = 0o777) -> None:
    """Create a folder that the caller named, with its parents, unless it exists.

    Raises:
        OSError: it can't be created, or something else has its name.
    """
    os.makedirs(path, mode, exist_ok=True)


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`; a disk that fills up takes a part, then raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def create_file(folder: OpenFolder, name: str, mode: int) -> int:
    """Create a file for writing, and return its descriptor.

    Raises:
        OSError: something of that name exists, or it can't be created.
    """
    path, dir_fd = folder.path_and_dir_fd(name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _OPEN_FLAGS
    return os.open(path, flags, mode, dir_fd=dir_fd)


def open_file(folder: OpenFolder, name: str, flags: int) -> int:
    """Open a regular file in the folder without following a link, and return its descriptor.

    Raises:
        FileNotFoundError: there is none.
        OSError: it is a link or no regular file, or can't be opened.
    """
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


def _mode_of(mirrors: Mirrored, levels_up: int) -> int:
    """Return the permissions for a new folder, so many levels above the one that mirrors."""
    if levels_up >= mirrors.depth:
        return 0o777
    path = mirrors.path
    for _ in range(levels_up):
        path = os.path.dirname(path)
    try:
        return stat.S_IMODE(os.stat(path or os.curdir).st_mode) & 0o777 | 0o700
    except OSError:  # gone meanwhile
        return 0o700


def _refuse_link(path: str, dir_fd: int | None) -> None:
    """Raise a readable error if a path is a symbolic link; that of `os.open` is hard to read."""
    with suppress(FileNotFoundError):
        if stat.S_ISLNK(os.stat(path, dir_fd=dir_fd, follow_symlinks=False).st_mode):
            raise LinkRefused(errno.ELOOP, f"{path} is a symbolic link: refused", path)


def _close(folder: OpenFolder) -> None:
    if folder.fd is not None:
        os.close(folder.fd)
