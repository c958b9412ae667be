"""Walk folder trees, and find the thumbnail folders of a source tree or an output tree."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar

from thumbnailer.disk import files
from thumbnailer.disk.new_files import is_temporary
from thumbnailer.model import Failure, Folder, Stop
from thumbnailer.thumbs.ledger.ledger_file import own_names_in
from thumbnailer.thumbs.ledger.lines import MARK

T = TypeVar("T")

# The folder of the thumbnails beside their sources.
THUMBS = "thumbs"


@dataclass(frozen=True, slots=True)
class Removal:
    """The result for one thumbnail that is to be removed, or may have to be.

        for removal in prune("Pictures", dry_run=True).removals:
            print(removal.status, removal.thumbnail)

    Attributes:
        thumbnail: path of the thumbnail or gallery page, or of a thumbnail folder that can't be
            read; "" for all those whose sources were below `source`.
        source: path of the source it was made from; "" for a page or a folder of thumbnails.
        status: `kept` if it can't be determined whether the source exists, or if the file has been
            changed since.
        error: why it is kept or could not be removed.
    """

    thumbnail: str
    source: str
    status: Literal["removed", "would remove", "kept", "failed"]
    error: Failure | None = None


def unreadable_folder(path: str, error: OSError) -> Removal:
    """Return a failed removal that reports a thumbnail folder that can't be read."""
    return Removal(path, "", "failed", Failure("scan", f"can't be read: {error.strerror or error}"))


def walk(
    read: Callable[[str], tuple[T, list[str]]], start: str = "", stop: Stop | None = None
) -> Iterator[tuple[str, T | OSError]]:
    """Yield each folder of a tree with what was read of it, after its subfolders.

    A folder is read before its subfolders. Paths are relative to the root of the tree.

    Args:
        read: returns what is to be yielded with a folder, and the subfolders to enter; an OSError
            that it raises is yielded.
        start: the folder to begin with.
        stop: once it is set nothing more is read.
    """
    pending: list[tuple[str, tuple[T] | None]] = [(start, None)]
    while pending and not (stop and stop.is_set()):
        folder, content = pending.pop()
        if content:
            yield folder, content[0]
            continue
        try:
            found, subfolders = read(folder)
        except OSError as error:
            yield folder, error
            continue
        pending.append((folder, (found,)))
        pending += [(os.path.join(folder, name), None) for name in reversed(subfolders)]


def size_folders(thumbs: Folder) -> Iterator[Folder]:
    """Yield the size folders within a `thumbs` folder, then the `thumbs` folder itself."""
    with suppress(OSError):
        for name in subfolders_of(thumbs):
            yield Folder(thumbs.anchor, os.path.join(thumbs.below, name))
    yield thumbs


def output_folders(
    output: str, below: str = "", stop: Stop | None = None
) -> Iterator[Folder | Removal]:
    """Yield the folders of an output tree, each after its subfolders."""

    def read(inner: str) -> tuple[Folder, list[str]]:
        folder = Folder(output, inner)
        return folder, subfolders_of(folder)

    return unless_unreadable(walk(read, below, stop), output)


def output_folders_of(output: str, trees: Iterable[str], inner: str) -> Iterator[Folder | Removal]:
    """Yield the folders of an output tree with thumbnails of what is, or was, at a path.

    Args:
        trees: the folders of its SOURCE there, one for each size.
        inner: the path of a picture or folder below the SOURCE.
    """
    for tree in trees:
        below = os.path.join(tree, inner)
        yield from output_folders(output, below)
        yield Folder(output, os.path.dirname(below))


def unless_unreadable(
    walked: Iterator[tuple[str, Folder | OSError | None]], root: str
) -> Iterator[Folder | Removal]:
    """Yield the folders that a walk through `root` found, and a `Removal` for an unreadable one."""
    for inner, found in walked:
        if isinstance(found, Folder):
            yield found
        elif found and not isinstance(found, FileNotFoundError | NotADirectoryError):
            yield unreadable_folder(os.path.join(root, inner) if inner else root, found)


def holds_files(path: str) -> bool:
    """Return whether a folder holds anything that is not thumbnailer's."""
    return not _holds_only_ours(Folder(path, ""))


def _holds_only_ours(folder: Folder) -> bool:
    """Return whether a folder holds at most temporary files and folders of ours, and a mark."""
    with suppress(OSError), files.open_folder(folder) as opened:
        names = set(files.list_names(opened)) - {MARK}  # may have been made a moment ago
        return all(
            is_temporary(name) or _is_ours(Folder(folder.anchor, os.path.join(folder.below, name)))
            for name in names
        )
    return True


def _is_ours(folder: Folder) -> bool:
    """Return whether a folder was made for thumbnails, or for folders that were."""
    try:
        with files.open_folder(folder) as opened:
            is_empty = not files.list_names(opened)
            return own_names_in(opened) is None or (not is_empty and _holds_only_ours(folder))
    except OSError:  # a file, a link, or what can't be read
        return False


def subfolders_of(folder: Folder) -> list[str]:
    """Return the names of a folder's subfolders, sorted; links to folders are left out.

    Raises:
        OSError: it can't be read.
    """
    with files.open_folder(folder) as opened, files.scan_folder(opened) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
