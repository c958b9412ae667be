"""Choose by their names alone which pictures a scan takes and which folders it enters."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from thumbnailer.formats import name_filter
from thumbnailer.scan.globs import glob_matcher

# Folders that NAS systems and package managers put beside pictures. Like hidden folders, which are
# known by the first letter of their name, they are not entered, whatever is in them.
_SYSTEM_FOLDERS = frozenset({"@eaDir", "node_modules"})


@dataclass(frozen=True, slots=True)
class Choice:
    """Which pictures a scan takes of a SOURCE; paths are relative to that SOURCE.

    Attributes:
        recursive: whether subfolders are entered.
        include: globs; only pictures that match one are taken.
        exclude: globs; folders and pictures that match one are left out.
        also: formats to take besides the usual ones, as named in `Limits.also`.
        log: is told what scans meet, if anybody wants to know.
    """

    recursive: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    log: ScanLog | None = field(default=None, compare=False, repr=False)

    def logged(self, log: ScanLog | None) -> Choice:
        """Return the same choice with another log."""
        return replace(self, log=log)

    @property
    def is_picture(self) -> Callable[[str], bool]:
        """Predicate that tells by a file's name alone whether it is a picture."""
        return name_filter(self.also)

    def selected(self, folder: str, names: list[str]) -> list[str]:
        """Return the names of a folder's pictures that the globs select."""
        if not self.include and not self.exclude:
            return names
        return [name for name in names if self.takes(os.path.join(folder, name))]

    def takes(self, path: str) -> bool:
        """Return whether the globs select a picture.

        The folders on its path are not checked: they must be some that the scan enters.
        """
        if self.log:
            self.log.note(path, is_folder=False)
        return (not self.include or glob_matcher(self.include, folders=False)(path)) and not (
            self.exclude and glob_matcher(self.exclude, folders=False)(path)
        )

    def enters_from_above(self, folder: str) -> bool:
        """Return whether the scan enters a folder, if it enters the one that holds it."""
        if self.log:
            self.log.note(folder, is_folder=True)
        name = folder[max(folder.rfind("/"), folder.rfind(os.sep)) + 1 :]
        # In a bucket a folder may have these names; its pictures are told of one by one.
        is_entered = name in ("", ".", "..") or may_hold_pictures(name)
        return self.recursive and is_entered and not self._leaves_out(folder)

    def enters(self, folder: str) -> bool:
        """Return whether the scan enters a folder, judged by its path alone."""
        if folder in ("", os.curdir):
            return True
        parts = folder.split(os.sep)
        if not self.recursive or not all(map(may_hold_pictures, parts)):
            return False
        above = (os.sep.join(parts[:depth]) for depth in range(1, len(parts) + 1))
        return not any(map(self._leaves_out, above))

    def _leaves_out(self, folder: str) -> bool:
        """Return whether a glob leaves out a folder."""
        return bool(self.exclude) and glob_matcher(self.exclude, folders=True)(folder)


ALL_PICTURES = Choice()


class ScanLog:
    """Log of what the scans of a run meet: which globs have matched something.

    Args:
        choice: what they take.
    """

    def __init__(self, choice: Choice) -> None:
        # What pictures and folders are compared with, until it has matched.
        self._unmatched = dict.fromkeys(
            [
                *(("include", glob) for glob in choice.include),
                *(("exclude", glob) for glob in choice.exclude),
            ]
        )
        self._begun = self._finished = 0

    def begin(self) -> None:
        """Note that the scan of a folder tree begins."""
        self._begun += 1

    def finish(self) -> None:
        """Note that such a scan has seen everything."""
        self._finished += 1

    def note(self, path: str, *, is_folder: bool) -> None:
        """Note a picture, or a folder even if it is not entered, by its path below the SOURCE."""
        for setting, glob in [*self._unmatched] if self._unmatched else ():
            is_compared = setting == "exclude" or not is_folder
            if is_compared and glob_matcher((glob,), folders=is_folder)(path):
                del self._unmatched[setting, glob]

    def unmatched(self) -> list[str]:
        """Return in words which globs matched nothing; nothing unless all scans saw everything."""
        if not self._begun or self._begun != self._finished:
            return []
        return [f"--{setting} {glob!r} matched nothing" for setting, glob in self._unmatched]


def may_hold_pictures(name: str) -> bool:
    """Return whether a folder of this name may hold pictures of the user's."""
    return not name.startswith(".") and name not in _SYSTEM_FOLDERS
