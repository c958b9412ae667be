"""Choose by their names alone which pictures a scan takes and which folders it enters."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterable
from typing import TypedDict

# Folders that NAS systems and package managers put beside pictures. Like hidden folders, which are
# known by the first letter of their name, they are not entered, whatever is in them.
_SYSTEM_FOLDERS = frozenset({"@eaDir", "node_modules"})


class Choice(TypedDict):
    """Keyword arguments of `scan` and similar functions that choose what they take of a SOURCE.

    Attributes:
        recursive: whether subfolders are entered.
        include: globs; only pictures that match one are taken.
        exclude: globs; folders and pictures that match one are left out.
        also: formats to take besides the usual ones, as named in `Limits.also`.
    """

    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    also: tuple[str, ...]


def may_hold_pictures(name: str) -> bool:
    """Return whether a folder of this name may hold pictures of the user's."""
    return not name.startswith(".") and name not in _SYSTEM_FOLDERS


def scanned_folder_filter(
    root: str, *, recursive: bool = True, exclude: Iterable[str] = ()
) -> Callable[[str], bool]:
    """Return a predicate that tells by a path alone whether `scan` enters this folder in `root`.

    The arguments are those of `scan`.
    """
    is_excluded = glob_matcher(exclude) if exclude else None

    def enters(folder: str) -> bool:
        inner = os.path.relpath(folder, root)
        if inner == os.curdir:
            return True
        parts = inner.split(os.sep)
        if not recursive or not all(map(may_hold_pictures, parts)):
            return False
        return not is_excluded or not any(
            is_excluded(os.sep.join(parts[:depth])) for depth in range(1, len(parts) + 1)
        )

    return enters


def picture_filter(include: Iterable[str], exclude: Iterable[str]) -> Callable[[str], bool]:
    """Return a predicate that tells whether the globs select a picture, by its path in the SOURCE.

    The folders on that path are not checked: they must be some that `scan` enters.
    """
    is_included = glob_matcher(include) if include else None
    is_excluded = glob_matcher(exclude) if exclude else None

    def takes(inner: str) -> bool:
        return (not is_included or is_included(inner)) and not (is_excluded and is_excluded(inner))

    return takes


def glob_matcher(globs: Iterable[str]) -> Callable[[str], bool]:
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
