"""Folders into sources: a generator over `os.scandir`, read only as fast as it is asked."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import cache

from thumbnailer import ledger, storage
from thumbnailer.errors import SourceError, SourceForbidden, SourceMissing
from thumbnailer.model import Failure, Outcome, Source, Status, Stop

# What Pillow registers for JPEG, MPO, PNG, WebP, GIF, BMP, TIFF and AVIF; spelled out because
# scanning must not cost the import of Pillow.
EXTENSIONS = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
        *(".png", ".apng", ".webp", ".gif", ".bmp"),
        *(".tif", ".tiff", ".avif", ".avifs"),
    )
)

# Folders that hold no pictures of the user's, whatever is in them: hidden ones by their first
# letter, and what NAS systems and package managers put beside pictures.
_NEVER_ENTERED = frozenset({"@eaDir", "node_modules"})


def check_source(path: str) -> bool:
    """Whether a SOURCE that the caller named is a folder.

    Raises:
        SourceMissing: it is not there.
        SourceForbidden: it may not be read.
        SourceError: it can't be read for another reason, or is a folder of thumbnails.
    """
    try:
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)
        if not is_folder:
            storage.open_source(path).close()
            return False
        os.scandir(path).close()
        is_ours = ledger.own_names(path) is None
    except FileNotFoundError as error:
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
    root: str,
    *,
    below: str = "",
    recursive: bool = True,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    stop: Stop | None = None,
) -> Iterator[Source | Outcome]:
    """The pictures in a folder, sorted within each folder, those of subfolders first.

    Subfolders come first so that a folder is read before anything is written into it, even where
    thumbnails go into a subfolder with the user's own pictures in it. Links to folders are not
    followed; hidden folders and our own thumbnail folders are not entered.

    Args:
        root: the folder, or a single picture, which is taken whatever its name.
        below: the folder an output tree keeps it in.
        recursive: whether subfolders are entered.
        include: globs; only pictures that match one are taken.
        exclude: globs; folders and pictures that match one are left out.
        stop: once it is set nothing more is read.

    Returns:
        A source for each picture by name; a skipped or failed outcome for each that is no file
        and each folder that can't be read.
    """
    if not os.path.isdir(root):
        yield find(root, below=below)
        return
    is_included = matcher(include) if include else None
    is_excluded = matcher(exclude) if exclude else None
    pending: list[tuple[str, list[os.DirEntry[str]] | None]] = [("", None)]
    while pending and not (stop and stop.is_set()):
        inner, files = pending.pop()
        if files is None:
            folder = os.path.join(root, inner) if inner else root
            try:
                files, subfolders = _list(folder, stop)
            except OSError as error:
                status: Status = "skipped" if isinstance(error, FileNotFoundError) else "failed"
                yield _no_source(folder, status, f"can't be read: {error.strerror or error}")
                continue
            pending.append((inner, files))
            if recursive:
                inners = (os.path.join(inner, name) for name in reversed(subfolders))
                pending += [
                    (name, None) for name in inners if not (is_excluded and is_excluded(name))
                ]
            continue
        target = os.path.join(below, inner) if below else inner
        for entry in files:
            name = os.path.join(inner, entry.name) if inner else entry.name
            if (is_included and not is_included(name)) or (is_excluded and is_excluded(name)):
                continue
            yield _source(entry.path, entry.stat, target)


def locator(
    root: str,
    *,
    below: str = "",
    recursive: bool = True,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
) -> Callable[[str], Source | Outcome | None]:
    """A function that finds one picture by its path below `root` just as `scan` would, or None
    where `scan` would find none. It remembers what folders are ours, so it is for one batch only.

    The arguments are those of `scan`.
    """
    enters = folder_filter(root, recursive=recursive, exclude=exclude)
    is_included = matcher(include) if include else None
    is_excluded = matcher(exclude) if exclude else None

    @cache
    def own_names(inner: str) -> Collection[str] | None:
        """Which names in a folder are ours; None where scan would not look into it."""
        folder = os.path.join(root, inner) if inner else root
        if inner and (not enters(folder) or own_names(os.path.dirname(inner)) is None):
            return None
        try:
            return ledger.own_names(folder)
        except OSError:
            return None

    def locate(path: str) -> Source | Outcome | None:
        inner = os.path.relpath(path, root)
        folder, name = os.path.split(inner)
        own = own_names(folder)
        if own is None or name in own or not is_picture(name):
            return None
        if (is_included and not is_included(inner)) or (is_excluded and is_excluded(inner)):
            return None
        target = os.path.join(below, folder) if below and folder else below or folder
        return _source(path, lambda: os.stat(path), target)

    return locate


def folder_filter(
    root: str, *, recursive: bool = True, exclude: Iterable[str] = ()
) -> Callable[[str], bool]:
    """A test whether `scan` enters a folder below `root`, by its path alone.

    The arguments are those of `scan`.
    """
    is_excluded = matcher(exclude) if exclude else None

    def enters(folder: str) -> bool:
        inner = os.path.relpath(folder, root)
        if inner == os.curdir:
            return True
        parts = inner.split(os.sep)
        if not recursive or not all(map(is_entered, parts)):
            return False
        return not is_excluded or not any(
            is_excluded(os.sep.join(parts[:depth])) for depth in range(1, len(parts) + 1)
        )

    return enters


def find(path: str, *, below: str = "") -> Source | Outcome:
    """The source at a path the caller named, or the failed outcome that says why there is none."""
    found = _source(path, lambda: os.stat(path), below)
    return found if isinstance(found, Source) else replace(found, status="failed")


def is_entered(name: str) -> bool:
    """Whether a folder of this name may hold pictures of the user's."""
    return not name.startswith(".") and name not in _NEVER_ENTERED


def matcher(globs: Iterable[str]) -> Callable[[str], bool]:
    """A test of paths relative to a SOURCE against globs, upper and lower case alike.

    A glob without a slash is held against the last part of the path, one with a slash against all
    of it; `*` also matches slashes, and a leading `**/` matches nothing as well.
    """
    names, paths = [], []
    for glob in globs:
        glob = glob.replace(os.sep, "/").rstrip("/")
        if "/" not in glob:
            names.append(glob)
        else:
            paths += [glob, glob.removeprefix("**/")]
    by_name, by_path = (
        re.compile("|".join(map(fnmatch.translate, globs)) or r"(?!)", re.IGNORECASE)
        for globs in (names, paths)
    )

    def matches(path: str) -> bool:
        path = path.replace(os.sep, "/")
        return bool(by_name.match(path.rpartition("/")[2]) or by_path.match(path))

    return matches


def _list(folder: str, stop: Stop | None) -> tuple[list[os.DirEntry[str]], list[str]]:
    """The pictures by name and the names of the subfolders to enter, both sorted."""
    own = ledger.own_names(folder)
    if own is None:
        return [], []
    files, subfolders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if stop and stop.is_set():
                break
            if entry.is_dir(follow_symlinks=False):
                if is_entered(entry.name):
                    subfolders.append(entry.name)
            elif is_picture(entry.name) and entry.name not in own:
                files.append(entry)
    files.sort(key=lambda entry: entry.name)
    return files, sorted(subfolders)


def is_picture(name: str) -> bool:
    """Whether a file's name says that it is a picture."""
    # "._name" is what macOS leaves beside files on foreign disks: their metadata, no picture.
    return os.path.splitext(name)[1].lower() in EXTENSIONS and not name.startswith("._")


def _source(path: str, status: Callable[[], os.stat_result], below: str) -> Source | Outcome:
    try:
        found = status()
    except FileNotFoundError:
        reason = "is a link to nothing" if os.path.islink(path) else "is not there"
        return _no_source(path, "skipped", reason)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL character
        return _no_source(path, "failed", f"can't be read: {getattr(error, 'strerror', error)}")
    if stat.S_ISREG(found.st_mode):
        return Source(path, found.st_size, found.st_mtime_ns, below)
    kind = "a folder behind a link" if stat.S_ISDIR(found.st_mode) else "a device, pipe or socket"
    return _no_source(path, "skipped", f"is {kind}, not a file")


def _no_source(path: str, status: Status, reason: str) -> Outcome:
    return Outcome(Source(path, 0, 0), status, error=Failure("scan", reason))
