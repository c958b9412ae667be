"""Scan folders for sources with lazy generators, which read no faster than results are taken."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

from thumbnailer.disk import files
from thumbnailer.errors import SourceError, SourceForbidden, SourceMissing
from thumbnailer.formats import lacks_ending
from thumbnailer.model import Failure, Folder, Outcome, Source, Status, Stop
from thumbnailer.scan.left_out import HIDDEN, left_out_as
from thumbnailer.scan.selection import ALL_PICTURES, Choice, is_taken
from thumbnailer.scan.unknown_scheme import scheme_fault, without_secrets
from thumbnailer.thumbs.folders import (
    THUMBS,
    Removal,
    output_folders,
    size_folders,
    subfolders_of,
    unless_unreadable,
    walk,
)
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.orphans.source_folder import is_empty

# How many pictures of a folder are looked at while it is held open.
_LOOKED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class FolderPictures:
    """The pictures of a SOURCE on disk: a folder or a single file; see `door.Pictures`."""

    root: str
    stop: Stop | None = None
    is_remote: ClassVar[bool] = False

    def check(self, *, may_be_empty: bool = False) -> bool:
        return check_source(self.root)

    def scan(self, choice: Choice, *, below: str = "") -> Iterator[Source | Outcome]:
        return scan(self.root, choice, below=below, stop=self.stop)

    def is_empty(self) -> bool:
        return is_empty(self.root)

    def inner(self, path: str) -> str | None:
        # By their text, or else as one of them may be spelled through a link.
        for resolved in (os.path.abspath, os.path.realpath):
            root, (folder, name) = resolved(self.root), os.path.split(os.path.abspath(path))
            at = os.path.join(resolved(folder), name)
            if at == root:
                return ""
            if at.startswith(os.path.join(root, "")):
                return os.path.relpath(at, root)
        return None

    def find(self, inner: str, choice: Choice, *, below: str = "") -> Iterator[Source | Outcome]:
        path = os.path.join(self.root, inner) if inner else self.root
        is_below = bool(inner)
        if os.path.isdir(path) and not (is_below and os.path.islink(path)):
            if choice.enters(inner):
                yield from _scan_from(inner, self.root, choice, below=below, stop=self.stop)
            return
        if is_below:
            found = source_finder(self.root, choice, below=below)(path)
        else:
            found = None if _is_own(path) else find_source(path, below=below)
        if found:  # whoever names a picture that is not there is told so
            yield replace(found, status="failed") if isinstance(found, Outcome) else found

    def find_all(
        self, inners: Iterable[str], choice: Choice, *, below: str = ""
    ) -> Iterator[Source | Outcome]:
        for inner in inners:
            yield from self.find(inner, choice, below=below)


def check_source(path: str) -> bool:
    """Check that a SOURCE can be read, and return whether it is a folder.

    Raises:
        SourceMissing: it does not exist.
        SourceForbidden: it may not be read.
        SourceError: it can't be read for another reason, or is a folder of thumbnails.
    """
    try:
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)
        if not is_folder:
            files.open_source(path).close()
            return False
        os.scandir(path).close()
        is_ours = ledger_file.own_names(path) is None
    except FileNotFoundError as error:
        if fault := scheme_fault(path):
            raise SourceMissing(error.errno, fault, without_secrets(path)) from None
        raise SourceMissing(error.errno, "no such file or folder", path) from None
    except PermissionError as error:
        raise SourceForbidden(error.errno, "may not be read (permission denied)", path) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(getattr(error, "errno", None), reason, path) from None
    if is_ours:
        raise SourceError(None, "is a folder of thumbnails, not of pictures", path)
    return True


def scan(
    root: str, choice: Choice = ALL_PICTURES, *, below: str = "", stop: Stop | None = None
) -> Iterator[Source | Outcome]:
    """Yield the pictures in a folder tree, sorted within each folder, those of subfolders first.

    Subfolders come first so that a folder is read before anything is written into it, even where
    thumbnails go into a subfolder that also holds pictures of the user's. Links to folders are not
    followed; hidden and system folders and our own thumbnail folders are not entered.

    Args:
        root: the folder, or a single picture, which is taken whatever its name.
        choice: which pictures are taken.
        below: the folder for it in an output tree.
        stop: once it is set nothing more is read.

    Returns:
        A source for each file with a picture's name; a skipped or failed outcome for each such
        name that is no readable file, and for each folder that can't be read. What belongs to
        another shard is not looked at.
    """
    if not os.path.isdir(root):
        if choice.is_elsewhere(os.fsencode(os.path.basename(root))):
            yield Source(root, 0, 0, below, elsewhere=True)
        else:
            yield find_source(root, below=below)
        return
    yield from _scan_from("", root, choice, below=below, stop=stop)


def _scan_from(
    start: str, root: str, choice: Choice, *, below: str, stop: Stop | None
) -> Iterator[Source | Outcome]:
    for item in scan_by_folder(root, choice, below=below, stop=stop, start=start):
        if isinstance(item, Outcome):
            yield item
        else:
            yield from item.sources(choice)


@dataclass(frozen=True, slots=True)
class FolderListing:
    """Names of the pictures in one folder.

    Attributes:
        path: the path of the folder.
        below: the folder for it in an output tree.
        names: the file names of the pictures, sorted.
        root: the folder that the caller named: below it no link to a folder is followed.
        elsewhere: those of the names that belong to another shard.
    """

    path: str
    below: str
    names: list[str]
    root: str
    elsewhere: frozenset[str] = frozenset()

    def sources(self, choice: Choice = ALL_PICTURES) -> Iterator[Source | Outcome]:
        """Yield a source for each picture, or an outcome where there is no readable file.

        Args:
            choice: its log is told when the folder is being read.
        """
        for start in range(0, len(self.names), _LOOKED_AT_ONCE):
            with choice.reading(self.path):
                found = self._sources_of(self.names[start : start + _LOOKED_AT_ONCE])
            yield from found

    def state(self, stop: Stop | None = None) -> int:
        """Return a hash of the pictures' names, lengths and times, which takes 4 µs a picture.

        Once `stop` is set nothing more is read; it is asked at each picture.
        """
        state = 0
        with suppress(OSError), self._opened() as opened:
            for name in self.names:
                if stop and stop.is_set():
                    break
                state = hash((state, name, *_state_in(opened, name)))
        return state

    def _sources_of(self, names: list[str]) -> list[Source | Outcome]:
        # A list: while the caller works, the folder is not held open.
        prefix = os.path.join(self.path, "")
        try:
            with self._opened() as opened:
                return [
                    Source(prefix + name, 0, 0, self.below, root=self.root, elsewhere=True)
                    if name in self.elsewhere
                    else _source_in(opened, name, prefix + name, self.below, self.root)
                    for name in names
                ]
        except OSError as error:
            own = (name for name in names if name not in self.elsewhere)
            return [_unreadable(prefix + name, error) for name in own]

    def _opened(self) -> AbstractContextManager[files.OpenFolder]:
        return files.open_folder(files.folder_below(self.root, self.path), to_list=False)


def scan_by_folder(
    root: str, choice: Choice, *, below: str = "", stop: Stop | None = None, start: str = ""
) -> Iterator[FolderListing | Outcome]:
    """Yield the results of `scan` by folder: a listing each, or an outcome if it can't be read.

    Args:
        start: the folder below the root to begin with; nothing above it is yielded.
    """

    def read(inner: str) -> tuple[list[str], list[str]]:
        with choice.reading(_joined(root, inner)):
            names, subfolders = _list_folder(Folder(root, inner), choice, stop)
        above = os.path.join(inner, "") if inner else ""
        return names, [name for name in subfolders if choice.enters_from_above(above + name)]

    log, is_whole = choice.log, True
    if log:
        log.begin()
    for inner, names in walk(read, start, stop):
        folder = _joined(root, inner)
        if isinstance(names, OSError):
            is_whole = False
            is_gone = isinstance(names, FileNotFoundError | files.LinkRefused)
            status: Status = "skipped" if is_gone else "failed"
            yield _without_source(folder, status, f"can't be read: {names.strerror or names}")
        elif names := choice.selected(inner, names):
            elsewhere = _names_elsewhere(inner, names, choice) if choice.shard else frozenset[str]()
            yield FolderListing(folder, _joined(below, inner), names, root, elsewhere)
    if log and is_whole and not (stop and stop.is_set()):
        log.finish()


def source_finder(
    root: str, choice: Choice = ALL_PICTURES, *, below: str = ""
) -> Callable[[str], Source | Outcome | None]:
    """Return a function that finds a source by its path in `root`, as `scan` would.

    The function returns None where `scan` would find nothing, and an outcome of what is in a folder
    that can't be read. It caches which folders are ours, so it is valid for one batch only. The
    arguments are those of `scan`.
    """
    missing: set[str] = set()  # folders that do not exist, but may come back at any moment
    unreadable: dict[str, OSError] = {}

    @cache
    def own_names(inner: str) -> Collection[str] | None:
        """Return the names in a folder that are ours; None where `scan` would not enter it."""
        above = os.path.dirname(inner)
        if inner and (not choice.enters(inner) or own_names(above) is None):
            if above in missing:
                missing.add(inner)
            elif above in unreadable:
                unreadable[inner] = unreadable[above]
            return None
        try:
            with files.open_folder(Folder(root, inner)) as opened:
                if inner and files.is_hidden_in(opened):
                    return None
                return ledger_file.own_names_in(opened)
        except FileNotFoundError:
            missing.add(inner)
        except (files.LinkRefused, NotADirectoryError):
            pass
        except OSError as error:
            unreadable[inner] = error
        return None

    def locate(path: str) -> Source | Outcome | None:
        inner = os.path.relpath(path, root)
        folder, name = os.path.split(inner)
        own = own_names(folder)
        if name in (own or ()) or not choice.is_picture(name) or not choice.takes(inner):
            return None
        if own is None:
            if folder in unreadable:
                return _unreadable(path, unreadable[folder])
            return _not_there(path) if folder in missing else None
        try:
            with files.open_folder(Folder(root, folder), to_list=False) as opened:
                if files.is_hidden_in(opened, name):
                    return None
                return _source_in(opened, name, path, _joined(below, folder), root)
        except OSError as error:
            return _unreadable(path, error)

    return locate


def find_source(path: str, *, below: str = "") -> Source | Outcome:
    """Return the source at a path that the caller named, or a failed outcome with the reason."""
    folder, name = os.path.split(path)
    found = _source_in(files.OpenFolder(folder, None), name, path, below)
    if isinstance(found, Source):
        return found
    fault = scheme_fault(path)
    return replace(found, status="failed", error=Failure("scan", fault) if fault else found.error)


def _is_own(path: str) -> bool:
    """Return whether a file is a thumbnail, or what else there is in a folder of thumbnails."""
    folder, name = os.path.split(path)
    with suppress(OSError, ValueError):
        own = ledger_file.own_names(folder or os.curdir)
        return own is None or name in own
    return False


def _list_folder(folder: Folder, choice: Choice, stop: Stop | None) -> tuple[list[str], list[str]]:
    """Return the names of the pictures and of the subfolders, both sorted.

    Names, not directory entries: an entry keeps the result of its `stat`, 600 bytes a picture.
    """
    pictures, subfolders, is_picture = [], [], choice.is_picture
    with files.open_folder(folder) as opened:
        own = ledger_file.own_names_in(opened)
        if own is None:
            return [], []
        with files.scan_folder(opened) as entries:
            for entry in entries:
                if stop and stop.is_set():
                    break
                name = entry.name
                if entry.is_dir(follow_symlinks=False):
                    if not (files.CAN_HIDE and files.is_hidden(entry)):
                        subfolders.append(name)
                elif is_picture(name) and name not in own:
                    if not (files.CAN_HIDE and files.is_hidden(entry)):
                        pictures.append(name)
                    elif choice.log:
                        choice.log.left_out[HIDDEN] += 1
    if choice.by_content:
        # What may be no picture comes last: it takes no thumbnail's name from one that is.
        pictures.sort(key=lambda name: (lacks_ending(name), name))
        return pictures, sorted(subfolders)
    return sorted(pictures), sorted(subfolders)


def _names_elsewhere(inner: str, names: list[str], choice: Choice) -> frozenset[str]:
    """Return which names of pictures in a folder below the root belong to another shard."""
    above = os.fsencode(os.path.join(inner, "").replace(os.sep, "/")) if inner else b""
    return frozenset(name for name in names if choice.is_elsewhere(above + os.fsencode(name)))


def _state_in(folder: files.OpenFolder, name: str) -> tuple[int, int, int]:
    try:
        return files.state_of(files.status_of(folder, name, follow=True))
    except OSError:
        return -1, 0, 0


def _source_in(
    folder: files.OpenFolder, name: str, path: str, below: str, root: str = ""
) -> Source | Outcome:
    try:
        found = files.status_of(folder, name, follow=True)
    except FileNotFoundError:
        with suppress(OSError):
            files.status_of(folder, name)
            return _without_source(path, "skipped", "is a link to nothing")
        return _not_there(path)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL character
        return _unreadable(path, error)
    if stat.S_ISREG(found.st_mode):
        size_bytes, mtime_ns, ctime_ns = files.state_of(found)
        return Source(path, size_bytes, mtime_ns, below, "", ctime_ns, root)
    kind = "a folder behind a link" if stat.S_ISDIR(found.st_mode) else "a device, pipe or socket"
    return _without_source(path, "skipped", f"is {kind}, not a file")


def _unreadable(path: str, error: OSError | ValueError) -> Outcome:
    if isinstance(error, FileNotFoundError | files.LinkRefused):
        return _not_there(path)
    return _without_source(path, "failed", f"can't be read: {getattr(error, 'strerror', error)}")


def _not_there(path: str) -> Outcome:
    return Outcome(Source(path, 0, 0), "skipped", error=Failure("scan", "is not there", gone=True))


def _without_source(path: str, status: Status, reason: str) -> Outcome:
    return Outcome(Source(path, 0, 0), status, error=Failure("scan", reason))


def thumbnail_folders(
    roots: Iterable[str],
    output: str,
    choice: Choice = ALL_PICTURES,
    *,
    hidden: bool = False,
    stop: Stop | None = None,
) -> Iterator[Folder | Removal]:
    """Yield the folders where thumbnails of the roots may be, and those that can't be read.

    Args:
        output: the output tree; "" for `thumbs` folders.
        choice: which folders were entered, but for its `exclude`.
        hidden: whether hidden folders are entered, too, unless they are of another program.
    """
    if output:
        yield from output_folders(output, stop=stop)
        return
    for root in roots:
        if choice.recursive and os.path.isdir(root):
            yield from _thumbs_folders(root, choice, stop, hidden=hidden)
        else:
            folder = root if os.path.isdir(root) else os.path.dirname(root)
            yield from size_folders(Folder(folder, THUMBS))


def _thumbs_folders(
    root: str, choice: Choice, stop: Stop | None, *, hidden: bool
) -> Iterator[Folder | Removal]:
    """Yield the `thumbs` folders of a source tree where `scan` enters, and their size folders."""

    def is_entered(name: str) -> bool:
        return is_taken(name, choice.include) or (hidden and left_out_as(name) == HIDDEN)

    def read(inner: str) -> tuple[Folder | None, list[str]]:
        folder = Folder(root, inner)
        with choice.reading(folder.path):
            if inner:
                with files.open_folder(folder) as opened:
                    if ledger_file.own_names_in(opened) is None:
                        return None, []
            subfolders = [*filter(is_entered, subfolders_of(folder))]
        thumbs = Folder(root, os.path.join(inner, THUMBS)) if THUMBS in subfolders else None
        return thumbs, subfolders

    for found in unless_unreadable(walk(read, stop=stop), root):
        if isinstance(found, Folder):
            yield from size_folders(found)
        else:
            yield found


def _joined(above: str, below: str) -> str:
    """Return two parts of a path as one, either of which may be ""."""
    return os.path.join(above, below) if above and below else above or below
