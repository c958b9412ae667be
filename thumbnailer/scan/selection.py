"""Choose by their names alone which pictures a scan takes and which folders it enters."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from thumbnailer.formats import name_filter

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
    """

    recursive: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

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
        is_included = not self.include or _glob_matcher(self.include)(path)
        return is_included and not self.leaves_out(path)

    def leaves_out(self, folder: str) -> bool:
        """Return whether a glob leaves out a folder."""
        return bool(self.exclude) and _glob_matcher(self.exclude)(folder)

    def enters(self, folder: str) -> bool:
        """Return whether the scan enters a folder, judged by its path alone."""
        if folder in ("", os.curdir):
            return True
        parts = folder.split(os.sep)
        if not self.recursive or not all(map(may_hold_pictures, parts)):
            return False
        above = (os.sep.join(parts[:depth]) for depth in range(1, len(parts) + 1))
        return not any(map(self.leaves_out, above))


ALL_PICTURES = Choice()


def may_hold_pictures(name: str) -> bool:
    """Return whether a folder of this name may hold pictures of the user's."""
    return not name.startswith(".") and name not in _SYSTEM_FOLDERS


@lru_cache
def _glob_matcher(globs: tuple[str, ...]) -> Callable[[str], bool]:
    """Return a predicate that matches paths relative to a SOURCE against globs, ignoring case.

    A glob without a slash is matched against the last part of the path, one with a slash against
    the whole path. `*` also matches slashes, and a leading `**/` also matches the empty string.
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
