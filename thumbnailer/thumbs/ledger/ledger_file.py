"""Read and write the ledgers of thumbnail folders: by appending, under a lock, whole lines.

What several processes do to one ledger at once adds up: whoever appends holds a lock, and whoever
replaces the file does, too. One that was waiting meanwhile opens the new file.
"""

from __future__ import annotations

import errno
import os
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from thumbnailer.disk import files, new_files
from thumbnailer.disk.locks import ARE_SUPPORTED, PATIENCE_SECONDS, lock, unlock
from thumbnailer.model import Folder
from thumbnailer.thumbs.ledger.entries import MAX_BYTES, Ledger
from thumbnailer.thumbs.ledger.lines import MARK, header, header_of
from thumbnailer.urls import is_url

_PIECE_BYTES = 1 << 20

# A folder of more thumbnails than this is swept at most this often.
_FEW, _SWEEP_SECONDS = 2000, 600


def read(folder: Folder) -> Ledger | None:
    """Return the folder's ledger; None if the folder is missing or has none.

    Raises:
        OSError: the folder or its ledger is a link, or can't be read; or what is there was not
            written by thumbnailer.
    """
    with suppress(FileNotFoundError), files.open_folder(folder) as opened:
        return _read_in(opened)
    return None


def source_path(folder: Folder, origin: str) -> str | None:
    """Return the path of a source by its origin in a folder's ledger; None if it is in a bucket."""
    if is_url(origin):
        return None
    # `..` is resolved textually: the thumbnail folder may be a link, or not exist yet.
    return os.path.normpath(os.path.join(folder.path, origin))


def own_names(path: str) -> Collection[str] | None:
    """Return which names in a folder are thumbnailer's: none if unmarked, all (None) if not shared.

    Raises:
        OSError: the folder is not there, or its mark can't be read.
    """
    # Held open: a folder that is moved away and back would briefly look unmarked.
    with files.open_folder(Folder(path, "")) as opened:
        return own_names_in(opened)


def own_names_in(opened: files.OpenFolder) -> Collection[str] | None:
    """Return the same as `own_names` for a folder that is open.

    Raises:
        OSError: its mark can't be read.
    """
    try:
        if header_of(files.read(opened, MARK, 4096)) is False:
            return None
        return _read_in(opened).names()
    except FileNotFoundError:
        return ()
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ELOOP):  # no ledger of ours
            return ()
        raise


def mark_folder(opened: files.OpenFolder, *, shared: bool) -> None:
    """Mark the folder as thumbnailer's, before the first thumbnail is written into it.

    Raises:
        OSError: it can't be written.
    """
    if files.length(opened, MARK) is None:
        with new_files.NewFiles(opened) as new:
            new.write(header(shared)).move_to_free(MARK)


@dataclass(slots=True)
class LockedLedger:
    """The ledger of a folder, held open and locked; `fd` is -1 once it has been replaced."""

    opened: files.OpenFolder
    fd: int
    pid: int = field(default_factory=os.getpid)

    def read(self) -> Ledger:
        """Return what it says now.

        Raises:
            OSError: it can't be read, or was not written by thumbnailer.
        """
        return _read_from(self.opened, self.fd)

    def append(self, lines: Iterable[bytes]) -> None:
        """Append whole lines, all or none.

        Raises:
            OSError: they can't be written, since the disk is full, for instance.
        """
        data, size = b"".join(lines), os.fstat(self.fd).st_size
        if not data:
            return
        if not size:  # emptied by a full disk or a crash
            data = header(shared=True) + data
        elif os.lseek(self.fd, -1, os.SEEK_END) >= 0 and os.read(self.fd, 1) != b"\n":
            data = b"\n" + data  # after a line that was cut short
        try:
            files.write_all(self.fd, data)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(self.fd, size)
            raise

    def replace(self, ledger: Ledger) -> None:
        """Replace it by one without superseded lines.

        Raises:
            OSError: that can't be written; the old one stays.
        """
        data = ledger.to_bytes(partial(files.length, self.opened))
        if not ARE_SUPPORTED:  # Windows replaces no file that is open
            self.close()
        new_files.replace(self.opened, MARK, data)

    def remove(self) -> None:
        """Remove it: nothing in the folder is ours any more."""
        if not ARE_SUPPORTED:
            self.close()
        files.remove(self.opened, MARK)

    def close(self) -> None:
        """Close it, which ends the lock."""
        if self.fd >= 0:
            if os.getpid() == self.pid:  # a child forked meanwhile has the same lock
                unlock(self.fd)
            os.close(self.fd)
            self.fd = -1


@contextmanager
def locked(opened: files.OpenFolder, *, shared: bool | None = None) -> Iterator[LockedLedger]:
    """Hold the ledger of a folder locked, against other processes and threads.

    Args:
        shared: whether the folder holds files of others, for the ledger to be made if there is
            none; None to make none.

    Raises:
        FileNotFoundError: there is none.
        OSError: it can't be opened, or another process keeps it locked.
    """
    while True:
        if shared is not None:
            mark_folder(opened, shared=shared)
        try:
            fd = files.open_file(opened, MARK, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            if shared is None or files.is_removed(opened):
                raise
            continue
        ledger = LockedLedger(opened, fd)
        try:
            if lock(fd, PATIENCE_SECONDS) is False:
                path = os.path.join(opened.path, MARK)
                raise OSError(errno.EAGAIN, f"{path} is kept locked by another process", path)
            if files.is_same_file(opened, MARK, fd):
                yield ledger
                return
        finally:
            ledger.close()


def clean_up(folder: Folder, known: Ledger | None) -> None:
    """Remove what dead writers left in a folder, and rewrite its ledger if that is worth it.

    Args:
        known: its ledger; None if it has none, since its first writer may have died before that.

    Raises:
        FileNotFoundError: there is no such folder.
        OSError: it can't be written.
    """
    with files.open_folder(folder) as opened:
        if known is None:
            new_files.remove_stale_temporaries(opened)
            return
        # To list 100,000 names takes 50 ms, too long for each new picture of a watch.
        if len(known) < _FEW or time.monotonic() - known.swept_at > _SWEEP_SECONDS:
            known.swept_at = time.monotonic()
            new_files.remove_stale_temporaries(opened)
        if known.is_bloated or known.is_damaged:
            try:
                with locked(opened) as ledger:
                    ledger.replace(ledger.read())
            except OSError:
                if known.is_damaged:  # a long one can be used, too
                    raise


def remove_if_empty(folder: Folder, levels: int) -> None:
    """Remove a folder that holds at most an empty, unshared ledger, then its parents likewise.

    Args:
        levels: the most folders to remove, this one included; the anchor is never removed.

    Raises:
        OSError: it can't be read or changed.
    """
    below = folder.below
    while below and levels:
        levels -= 1
        here = Folder(folder.anchor, below)
        with files.open_folder(here) as opened:
            if files.list_names(opened) == [MARK]:
                with locked(opened) as ledger:
                    known = ledger.read()
                    if known.shared or any(known.origins()) or files.list_names(opened) != [MARK]:
                        return
                    ledger.remove()
                if not files.remove_folder(here):  # another process has added a file meanwhile
                    mark_folder(opened, shared=True)
                    return
            elif not files.remove_folder(here):
                return
        below = os.path.dirname(below)


def remove_if_unused(folder: Folder) -> None:
    """Remove the ledger of a folder if it has no entries: the folder is somebody else's then.

    Raises:
        OSError: it can't be read or changed.
    """
    with files.open_folder(folder) as opened, locked(opened) as ledger:
        if not any(ledger.read().origins()):
            ledger.remove()


def _read_in(opened: files.OpenFolder) -> Ledger:
    fd = files.open_file(opened, MARK, os.O_RDONLY)
    try:
        return _read_from(opened, fd)
    finally:
        os.close(fd)


def _read_from(opened: files.OpenFolder, fd: int) -> Ledger:
    """Return the ledger in an open file; of one that was read before, only what is new is read."""
    ledger = None
    with _cache_lock:  # a length from before it may be less than what another thread has read
        status = os.fstat(fd)
        if status.st_size <= MAX_BYTES:
            ledger = _read_cached(fd, status)
    if ledger is None or ledger.is_foreign:
        path = os.path.join(opened.path, MARK)
        raise OSError(errno.EINVAL, "was not written by thumbnailer: move it away", path)
    return ledger


class _Cached(NamedTuple):
    """A ledger as it was read, with its file's length, mtime, checksum of its start, and end."""

    ledger: Ledger
    length: int
    mtime_ns: int
    start_crc: int
    end: bytes


# The ledgers that were read last, by device and inode: a watch reads the same one for each picture.
# Together they have at most so many entries, of 650 bytes each, or are two: a run over a tree
# reads each once.
_cache: OrderedDict[tuple[int, int], _Cached] = OrderedDict()
_cache_lock = threading.Lock()


def _renew_lock() -> None:
    """Have a lock that is free, in a child forked while another thread held it."""
    global _cache_lock
    _cache_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)

_MAX_CACHED_ENTRIES, _MAX_CACHED, _END_BYTES = 20_000, 256, 256

# So much of a file's start is compared, in 0.1 ms, besides its end.
_START_BYTES = 1 << 18


def _read_cached(fd: int, status: os.stat_result) -> Ledger:
    key = status.st_dev, status.st_ino
    ledger, length, start_crc, end = Ledger(), 0, 0, b""
    cached = _cache.pop(key, None)
    if cached and _begins_like(fd, status, cached):
        ledger, length, _, start_crc, end = cached
    os.lseek(fd, length, os.SEEK_SET)
    for piece in iter(partial(os.read, fd, _PIECE_BYTES), b""):
        start_crc = zlib.crc32(piece[: max(0, _START_BYTES - length)], start_crc)
        length += len(piece)
        end = (end + piece)[-_END_BYTES:]
        if not ledger.feed(piece):
            break
    ledger.end()
    # The mtime by now: what was appended since `status` has been read, too.
    _cache[key] = _Cached(ledger, length, os.fstat(fd).st_mtime_ns, start_crc, end)
    while len(_cache) > 2 and (
        len(_cache) > _MAX_CACHED
        or sum(len(one.ledger) for one in _cache.values()) > _MAX_CACHED_ENTRIES
    ):
        _cache.popitem(last=False)
    return ledger


def _begins_like(fd: int, status: os.stat_result, cached: _Cached) -> bool:
    """Return whether an open file is the one that was read before, perhaps with more at its end.

    A file that was replaced gives its inode to the next one, which may have the same lines at the
    same place: a ledger is rewritten without some of those above them.
    """
    if status.st_size <= cached.length and status.st_mtime_ns != cached.mtime_ns:
        return False
    os.lseek(fd, cached.length - len(cached.end), os.SEEK_SET)
    if os.read(fd, len(cached.end)) != cached.end:
        return False
    os.lseek(fd, 0, os.SEEK_SET)
    start = os.read(fd, min(cached.length, _START_BYTES))
    return zlib.crc32(start) == cached.start_crc
