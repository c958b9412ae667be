"""Where thumbnails may be: `thumbs` folders beside pictures, and the folders of an output tree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from thumbnailer import ledger
from thumbnailer.model import Folder, Stop
from thumbnailer.plan import THUMBS
from thumbnailer.removals import Removal, unreadable
from thumbnailer.selection import is_entered


def thumbs_folders(root: str, stop: Stop | None = None) -> Iterator[Folder | Removal]:
    """The `thumbs` folders beside the pictures of a folder, wherever the scan would go."""
    for inner, subfolders in _walk(root, "", stop):
        if isinstance(subfolders, Removal):
            yield subfolders
        elif THUMBS in subfolders:
            yield from sizes_of(Folder(root, os.path.join(inner, THUMBS)))


def sizes_of(thumbs: Folder) -> Iterator[Folder]:
    """A `thumbs` folder after those in it, where there are several sizes."""
    with suppress(OSError), os.scandir(thumbs.path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield Folder(thumbs.anchor, os.path.join(thumbs.below, entry.name))
    yield thumbs


def output_folders(
    output: str, below: str = "", stop: Stop | None = None
) -> Iterator[Folder | Removal]:
    """The folders of an output tree, each after those in it."""
    for inner, subfolders in _walk(output, below, stop, everywhere=True):
        yield subfolders if isinstance(subfolders, Removal) else Folder(output, inner)


def _walk(
    anchor: str, below: str, stop: Stop | None, *, everywhere: bool = False
) -> Iterator[tuple[str, list[str] | Removal]]:
    """The folders below an anchor with their subfolders, each after those in it."""
    pending: list[tuple[str, list[str] | None]] = [(below, None)]
    while pending and not (stop and stop.is_set()):
        inner, subfolders = pending.pop()
        if subfolders is not None:
            yield inner, subfolders
            continue
        path = os.path.join(anchor, inner) if inner else anchor
        try:
            if not everywhere and inner and ledger.own_names(path) is None:
                continue
            with os.scandir(path) as entries:
                subfolders = sorted(
                    entry.name
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False)
                    and (everywhere or is_entered(entry.name))
                )
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield inner, unreadable(path, error)
            continue
        pending.append((inner, subfolders))
        pending += [(os.path.join(inner, name), None) for name in reversed(subfolders)]
