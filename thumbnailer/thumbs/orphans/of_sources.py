"""Find the thumbnails of some sources that are gone, without a survey of all folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from thumbnailer.disk import files
from thumbnailer.model import Folder
from thumbnailer.thumbs.folders import THUMBS, Removal, output_folders_of, size_folders
from thumbnailer.thumbs.orphans.in_roots import SourcesInRoots, Wanted, root_of
from thumbnailer.thumbs.orphans.orphan import Orphan, OrphanSurvey
from thumbnailer.thumbs.orphans.source_folder import SourcePlace, is_empty
from thumbnailer.thumbs.orphans.survey import find_orphans


def find_thumbnails_of(
    paths: Iterable[str],
    places: Mapping[str, Sequence[str]],
    *,
    output: str | None = None,
    is_source_known: bool = False,
    seen: Mapping[str, bool] | None = None,
) -> OrphanSurvey:
    """Find the thumbnails of some sources, files or whole folders, that are gone.

    None is found for a SOURCE that is missing, or is empty while its thumbnails are in an output
    tree: a disk that is not mounted looks like this.

    Args:
        paths: the files and folders that are gone, spelled like the SOURCE that they were in.
        places: each SOURCE with its folders in the output tree, one for each size.
        output: the root folder of the output tree; None for `thumbs` folders.
        is_source_known: whether an empty SOURCE is known to be the one that held the pictures.
        seen: those of the paths that were seen to go by events of their own, so that none was on a
            disk that was unmounted: what is known of each, even if a folder above it is empty now.
            True if it is known of all that was below it, too, even if a folder is there again.
    """
    roots = {os.path.abspath(root): root for root in places}
    wanted: dict[str, dict[str, bool]] = {}
    folders: dict[Folder | Removal, None] = {}
    beside: dict[Folder, list[Folder]] = {}
    for path in paths:
        above = root_of(os.path.dirname(os.path.abspath(path)), roots)
        root = roots.get(above or "")
        if (
            root is None
            or not os.path.isdir(root)
            or (output is not None and not is_source_known and is_empty(root))
        ):
            continue
        inner = os.path.relpath(path, root)
        if output is None:
            folder = Folder(root, os.path.dirname(inner))
            if folder not in beside:
                # If it is gone, its thumbnails are gone with it.
                thumbs = Folder(root, os.path.join(folder.below, THUMBS))
                beside[folder] = [*size_folders(thumbs)] if _is_there(folder) else []
            folders |= dict.fromkeys(beside[folder])
        else:
            folders |= dict.fromkeys(output_folders_of(output, places[root], inner))
        wanted.setdefault(root, {})[inner] = bool(seen and seen.get(path))

    def wanted_paths(place: SourcePlace) -> Iterator[str]:
        of_root = wanted.get(place.root, {})
        return (path for path in files.with_folders(place.path) if path in of_root)

    def is_certain(orphan: Orphan) -> bool:
        empty = orphan.empty_folder or ""
        if is_source_known and not empty:
            return True
        of_root, ways = wanted[orphan.place.root], wanted_paths(orphan.place)
        return any(of_root[path] or len(path) > len(empty) for path in ways) and seen is not None

    names = {os.path.basename(path) for of_root in wanted.values() for path in of_root}
    is_wanted = Wanted(names, lambda place: any(wanted_paths(place)))
    findings = find_orphans(SourcesInRoots(wanted, places, is_wanted), folders)
    findings.believe(is_certain)
    return findings


def _is_there(folder: Folder) -> bool:
    """Return whether a folder is there, and not behind a link; True if it can't be determined."""
    try:
        with files.open_folder(folder, to_list=False):
            return True
    except (FileNotFoundError, NotADirectoryError, files.LinkRefused):
        return False
    except OSError:
        return True
