"""Find the thumbnail folders of a source tree or an output tree."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

from thumbnailer.model import Folder, Stop
from thumbnailer.thumbs import ledger
from thumbnailer.thumbs.removals import Removal, unreadable_folder


def size_folders(thumbs: Folder) -> Iterator[Folder]:
    """Yield the size folders within a `thumbs` folder, then the `thumbs` folder itself."""
    with suppress(OSError), os.scandir(thumbs.path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield Folder(thumbs.anchor, os.path.join(thumbs.below, entry.name))
    yield thumbs


def output_folders(
    output: str, below: str = "", stop: Stop | None = None
) -> Iterator[Folder | Removal]:
    """Yield the folders of an output tree, each after its subfolders."""
    for inner, subfolders in walk_folders(output, below, stop):
        yield subfolders if isinstance(subfolders, Removal) else Folder(output, inner)


def walk_folders(
    anchor: str, below: str, stop: Stop | None, is_entered: Callable[[str], bool] | None = None
) -> Iterator[tuple[str, list[str] | Removal]]:
    """Yield the folders below an anchor with their subfolders' names, subfolders first.

    Paths are relative to the anchor. A folder that can't be read has a failed `Removal` for names.

    Args:
        is_entered: decides by a subfolder's name whether to enter it; folders that belong to
            thumbnailer alone are then left out. Without it every folder is entered.
    """
    pending: list[tuple[str, list[str] | None]] = [(below, None)]
    while pending and not (stop and stop.is_set()):
        inner, subfolders = pending.pop()
        if subfolders is not None:
            yield inner, subfolders
            continue
        path = os.path.join(anchor, inner) if inner else anchor
        try:
            if is_entered and inner and ledger.own_names(path) is None:
                continue
            with os.scandir(path) as entries:
                subfolders = sorted(
                    entry.name
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False)
                    and (not is_entered or is_entered(entry.name))
                )
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield inner, unreadable_folder(path, error)
            continue
        pending.append((inner, subfolders))
        pending += [(os.path.join(inner, name), None) for name in reversed(subfolders)]
