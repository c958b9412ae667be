"""Which files count as pictures, and which folders are looked into, by their names alone."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import TypedDict

# What Pillow registers for JPEG, MPO, PNG, WebP, GIF, BMP, TIFF and AVIF; spelled out because
# scanning must not cost the import of Pillow.
EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    *(".png", ".apng", ".webp", ".gif", ".bmp"),
    *(".tif", ".tiff", ".avif", ".avifs"),
)

# The endings of what is read only where it is asked for: what Pillow registers, but for what it
# then does not read.
_ALSO = {
    "ico": (".ico",),
    "jpeg2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
    "ppm": (".pbm", ".pgm", ".ppm", ".pnm", ".pfm"),
    "psd": (".psd",),
    "tga": (".tga", ".icb", ".vda", ".vst"),
    "heif": (".heic", ".heif", ".hif"),
    # What cameras write, now or once; `.raw` and `.mos` may be too much else.
    "raw": (
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef"),
        *(".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw"),
        ".x3f",
    ),
}

# What the extras of the same name install, and what is read where it is installed.
_EXTRAS = {"heif": "pillow_heif", "raw": "rawpy"}

# Folders that hold no pictures of the user's, whatever is in them: hidden ones by their first
# letter, and what NAS systems and package managers put beside pictures.
_NEVER_ENTERED = frozenset({"@eaDir", "node_modules"})


class Choice(TypedDict):
    """What of a SOURCE is taken, as `scan` and its like are told.

    Attributes:
        recursive: whether subfolders are entered.
        include: globs; only pictures that match one are taken.
        exclude: globs; folders and pictures that match one are left out.
        also: formats besides the usual ones, by the names that `Limits` has.
    """

    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    also: tuple[str, ...]


def extras() -> tuple[str, ...]:
    """The extras whose formats can be read here. Nothing is imported: it takes 0.2 ms."""
    return tuple(name for name, module in _EXTRAS.items() if find_spec(module))


def missing_extras() -> tuple[str, ...]:
    """Those that are not installed, so that pictures of their formats are left out."""
    return tuple(name for name in _EXTRAS if name not in extras())


def name_filter(also: Iterable[str] = ()) -> Callable[[str], bool]:
    """A test whether a file's name says that it is a picture.

    Args:
        also: formats besides the usual ones, by the names that `Limits` has.
    """
    endings = (*EXTENSIONS, *(ending for name in also for ending in _ALSO[name]))

    def is_picture(name: str) -> bool:
        # "._name" is what macOS leaves beside files on foreign disks: their metadata, no picture.
        is_named = name.lower().endswith(endings) and "." in name.lstrip(".")
        return is_named and not name.startswith("._")

    return is_picture


def is_entered(name: str) -> bool:
    """Whether a folder of this name may hold pictures of the user's."""
    return not name.startswith(".") and name not in _NEVER_ENTERED


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


def picture_filter(include: Iterable[str], exclude: Iterable[str]) -> Callable[[str], bool]:
    """A test whether `scan` takes a picture in a folder that it enters, by its path relative to the
    SOURCE, which the globs are held against."""
    is_included = matcher(include) if include else None
    is_excluded = matcher(exclude) if exclude else None

    def takes(inner: str) -> bool:
        return (not is_included or is_included(inner)) and not (is_excluded and is_excluded(inner))

    return takes


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
