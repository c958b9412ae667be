"""Find SOURCEs whose pictures the scan of another SOURCE finds, however they are spelled."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from thumbnailer.scan.selection import Choice
from thumbnailer.thumbs.ledger import ledger_file


class Overlap(NamedTuple):
    """The SOURCE that has the pictures of another.

    Attributes:
        root: that SOURCE.
        inner: the path of the other in it; "" if they are the same.
    """

    root: str
    inner: str


def find_overlaps(
    folders: Iterable[str], files: Iterable[str], choice: Choice
) -> dict[str, Overlap]:
    """Return the SOURCEs that are another, or lie in one where its scan gets to them.

    Folders are compared by device and inode: links, `..` and bind mounts make no other folder of
    one. Where the scan does not get to, as into hidden folders, a SOURCE is one of its own.
    """
    overlaps: dict[str, Overlap] = {}
    roots: dict[tuple[int, int] | str, str] = {}
    identity, own_names, real_path = cache(_identity), cache(_own_names), cache(os.path.realpath)

    def enters(root: str, inner: str) -> bool:
        parts = inner.split(os.sep) if inner else []
        above = (os.path.join(root, *parts[:depth]) for depth in range(len(parts) + 1))
        return choice.enters(inner) and all(own_names(folder) is not None for folder in above)

    def scanned_with(real: str) -> Iterator[Overlap]:
        """Yield the SOURCEs that a folder is scanned with."""
        for above, inner in _folders_above(real):
            if (root := roots.get(identity(above))) is not None and enters(root, inner):
                yield Overlap(root, inner)

    # Those above come first, since one that lies in another is not scanned itself.
    for folder in sorted(folders, key=lambda folder: real_path(folder).count(os.sep)):
        real = real_path(folder)
        if found := next(scanned_with(real), None):
            overlaps[folder] = found
        else:
            roots[identity(real)] = folder
    with_folder = cache(lambda real: [*scanned_with(real)])
    named: dict[str, str] = {}
    for file in files:
        above, name = os.path.split(os.path.abspath(file))
        real = real_path(above)
        for root, inner in with_folder(real):
            path = os.path.join(inner, name)
            is_taken = choice.is_picture(name) and choice.takes(path)
            if is_taken and name not in (own_names(os.path.join(root, inner)) or ()):
                overlaps[file] = Overlap(root, path)
                break
        else:
            same = named.setdefault(os.path.join(real, name), file)
            if same != file:
                overlaps[file] = Overlap(same, "")
    return overlaps


def _folders_above(path: str) -> Iterator[tuple[str, str]]:
    """Yield a folder and all above it, each with the path from there to the first."""
    inner = ""
    while True:
        yield path, inner
        above, name = os.path.split(path)
        if above == path:
            return
        path, inner = above, os.path.join(name, inner) if inner else name


def _identity(folder: str) -> tuple[int, int] | str:
    """Return device and inode of a folder, or its path if they can't be had."""
    try:
        status = os.stat(folder)
    except OSError:
        return folder
    return status.st_dev, status.st_ino


def _own_names(folder: str) -> Collection[str] | None:
    """Return the names in a folder that are ours; None for all, or if it can't be read."""
    try:
        return ledger_file.own_names(folder)
    except OSError:
        return None
