"""The folder of a source: whether the source is gone, or just its disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from typing import NamedTuple

from thumbnailer.disk import files
from thumbnailer.model import Folder


class SourcePlace(NamedTuple):
    """Where a source is, or was: `root` is trusted, and no link in `inner` is followed.

    Attributes:
        inner: the path of its folder, relative to `root`.
        name: its file name.
    """

    root: str
    inner: str
    name: str

    @property
    def path(self) -> str:
        return os.path.join(self.inner, self.name)


class SourceFolder:
    """The folder of a source, or the nearest one above it that is still there, held open.

    Attributes:
        nearest: the path of the folder that is open, relative to the root.
    """

    def __init__(self, place: SourcePlace, nearest: str, opened: files.OpenFolder) -> None:
        self._place, self.nearest, self._opened = place, nearest, opened

    def is_gone(self, name: str) -> bool:
        """Return whether no file is there; a link counts as one even if its target is missing.

        Raises:
            OSError: this can't be determined.
        """
        if self.nearest != self._place.inner:
            return True
        try:
            return stat.S_ISDIR(files.status_of(self._opened, name).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return True

    @cached_property
    def is_empty(self) -> bool:
        """Whether the folder that is open is empty; False if it can't be read."""
        folder = Folder(self._place.root, self.nearest)
        with (
            suppress(OSError),
            files.open_folder(folder) as opened,
            files.scan_folder(opened) as entries,
        ):
            return next(entries, None) is None
        return False


@contextmanager
def open_source_folder(place: SourcePlace) -> Iterator[SourceFolder]:
    """Hold the folder of a source open, or the nearest one above it that is still there.

    Raises:
        LinkRefused: a folder on the way is a link.
        OSError: the root is missing, or a folder can't be opened.
    """
    nearest = place.inner
    with ExitStack() as stack:
        while True:
            folder = Folder(place.root, nearest)
            try:
                opened = stack.enter_context(files.open_folder(folder, to_list=False))
                break
            except (FileNotFoundError, NotADirectoryError):
                if not nearest:
                    raise
                nearest = os.path.dirname(nearest)
        yield SourceFolder(place, nearest, opened)


def is_empty(path: str) -> bool:
    """Return whether a folder is empty; False if it can't be read."""
    with suppress(OSError), os.scandir(path) as entries:
        return next(entries, None) is None
    return False
