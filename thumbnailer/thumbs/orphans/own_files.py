"""All that is ours in thumbnail folders: find it and remove it, and nothing else.

Ours are the thumbnails that a ledger names, at the length that it tells, gallery pages beside a
ledger, temporary files and the ledger itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from thumbnailer.disk import files, new_files
from thumbnailer.model import Folder, Stop
from thumbnailer.thumbs.folders import Removal
from thumbnailer.thumbs.gallery_page import PAGE_NAME, START_BYTES, is_our_page
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.ledger.entries import Ledger
from thumbnailer.thumbs.orphans.in_roots import SourcesInRoots
from thumbnailer.thumbs.orphans.orphan import OwnThumbnail
from thumbnailer.thumbs.orphans.remove import removable_levels, remove_in, tell_errors
from thumbnailer.thumbs.orphans.survey import own_thumbnails, read_ledgers
from thumbnailer.urls import is_url


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """What is ours in one folder.

    Attributes:
        thumbnails: those of sources in the roots, whatever has become of the sources; also what is
            only named by the ledger.
        page_bytes: the length of the gallery page that is to go; None if there is none.
        is_needed: whether there are thumbnails of other sources, here or in a folder below.
    """

    folder: Folder
    thumbnails: list[OwnThumbnail] = field(default_factory=list)
    page_bytes: int | None = None
    is_needed: bool = False

    @property
    def existing(self) -> list[OwnThumbnail]:
        """The thumbnails that exist."""
        return [one for one in self.thumbnails if one.file_exists]

    @property
    def size_bytes(self) -> int:
        """Total length of the thumbnails and the page."""
        return sum(one.size_bytes or 0 for one in self.thumbnails) + (self.page_bytes or 0)

    def would_go(self) -> Iterator[Removal]:
        """Yield what `remove_own_files` would remove and keep."""
        yield from (one.kept_as_changed() for one in self.thumbnails if one.is_changed)
        yield from (Removal(one.path, one.source, "would remove") for one in self.existing)
        if self.page_bytes is not None:
            yield Removal(self.folder.path_of(PAGE_NAME), "", "would remove")


def find_own_files(
    sources: SourcesInRoots, folders: Iterable[Folder | Removal], stop: Stop | None = None
) -> Iterator[OwnFiles | Removal]:
    """Yield what is ours in each folder that has something, and folders that can't be read.

    As in a survey, a picture behind a link to a folder is in no root.

    Args:
        sources: finds the pictures in the roots, which may exist or be gone.
        folders: where thumbnails may be, each after those below it.
        stop: once it is set nothing more is read.
    """
    needed: set[str] = set()  # folders with thumbnails of other sources, and all above
    with sources:
        for one in read_ledgers(folders, stop):
            if isinstance(one, Removal):
                needed |= {*files.with_folders(one.thumbnail)}
                yield one
                continue
            folder, known = one
            if known is None:
                if _holds_temporaries(folder):  # the first writer died before the ledger was made
                    yield OwnFiles(folder)
                continue
            own = _find_own(folder, known, sources, stop)
            if len(own) < sum(1 for _ in known.origins()):
                needed |= {*files.with_folders(folder.path)}
            is_needed = folder.path in needed
            if own or not is_needed:
                page_bytes = None if is_needed else _page_bytes(folder)
                yield OwnFiles(folder, own, page_bytes, is_needed)


def _find_own(
    folder: Folder, known: Ledger, sources: SourcesInRoots, stop: Stop | None
) -> list[OwnThumbnail]:
    own = []
    for one, _ in own_thumbnails(folder, known, sources, stop):
        try:
            if not is_url(one.source):
                sources.look(one.place)
        except files.LinkRefused:
            continue
        except OSError:  # whether the picture is there does not matter
            pass
        own.append(one)
    return own


def _holds_temporaries(folder: Folder) -> bool:
    with suppress(OSError), files.open_folder(folder) as opened:
        return any(map(new_files.is_temporary, files.list_names(opened)))
    return False


def _page_bytes(folder: Folder) -> int | None:
    """Return the length of the gallery page in a folder; None if there is none of ours."""
    with suppress(OSError), files.open_folder(folder) as opened:
        if is_our_page(files.read(opened, PAGE_NAME, START_BYTES)):
            return files.length(opened, PAGE_NAME)
    return None


def remove_own_files(own: OwnFiles, stop: Stop | None = None) -> Iterator[Removal]:
    """Remove what is ours in a folder, then the ledger and the folder if nothing needs them.

    The folder is removed if it is empty, but not if it was a user's or is the root of an output
    tree. Each file is looked at again before it is removed.

    Raises:
        OutputError: the file system is read-only.
    """
    folder = own.folder
    removals = [one.kept_as_changed() for one in own.thumbnails if one.is_changed]
    try:
        with tell_errors(folder, removals):
            with files.open_folder(folder) as opened:
                remove_in(opened, own.thumbnails, removals, stop)
                if own.page_bytes is not None and not (stop and stop.is_set()):
                    removals += _remove_page(opened)
            if not own.is_needed and not (stop and stop.is_set()):
                ledger_file.remove_if_empty(folder, removable_levels(folder))
                ledger_file.remove_if_unused(folder)
    finally:
        yield from removals


def _remove_page(opened: files.OpenFolder) -> Iterator[Removal]:
    with suppress(FileNotFoundError):
        if is_our_page(files.read(opened, PAGE_NAME, START_BYTES)):
            files.remove(opened, PAGE_NAME)
            yield Removal(os.path.join(opened.path, PAGE_NAME), "", "removed")
