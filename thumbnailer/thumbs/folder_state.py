"""Folders of thumbnails as they were found: who holds which name, and what is current."""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, lru_cache

from thumbnailer.model import Failure, Folder, Outcome, Source, Thumbnail, WantedThumbnail
from thumbnailer.thumbs import files, freedesktop, ledger
from thumbnailer.thumbs.naming import casefolded, with_hash
from thumbnailer.urls import is_url

# Ends the reason of what is not even tried.
FAILED_BEFORE = " (failed before and has not changed since)"

# Why there is no thumbnail that counts: none was entered, or it is not what was entered.
NOT_MADE = "has not been made"
NOT_INTACT = "is gone, or is not as it was made"

# What is known of thumbnail folders is kept for this many folders and about this many thumbnails
# (650 bytes each). Sources come folder by folder, but a caller's list of paths may jump about.
_KEPT_FOLDERS, _KEPT_THUMBNAILS = 256, 20_000


class FolderStates:
    """The thumbnail folders of a run; a few of those asked for last are kept.

    Args:
        at_once: how many folders each source needs.
        tidy: sweep folders when they are first looked at.
    """

    def __init__(self, at_once: int, *, tidy: bool) -> None:
        self._at_once, self._tidy = at_once, tidy
        self._kept: OrderedDict[tuple[str, str], FolderState | FreedesktopFolderState] = (
            OrderedDict()
        )
        self._real_path = lru_cache(os.path.realpath)

    def at(self, folder: Folder) -> FolderState | FreedesktopFolderState:
        key = self._real_path(folder.anchor), folder.below
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        kind = FreedesktopFolderState if folder.desktop else FolderState
        folder_state = self._kept[key] = kind(folder, tidy=self._tidy)
        while len(self._kept) > self._at_once and (
            len(self._kept) > _KEPT_FOLDERS or sum(map(len, self._kept.values())) > _KEPT_THUMBNAILS
        ):
            self._kept.popitem(last=False)
        return folder_state


class FolderState:
    """A thumbnail folder during one run.

    Attributes:
        folder: where it is.
    """

    def __init__(self, folder: Folder, *, tidy: bool) -> None:
        known, self._refusal = None, None
        try:
            known = ledger.read(folder)
            if known is not None and tidy:
                _clean_up(folder, known)
        except OSError as error:
            path = error.filename if isinstance(error.filename, str) else ""
            where = folder.path if os.sep not in path else path
            self._refusal = Failure("write", f"{where}: {error.strerror}")
        if known is None:
            known = ledger.Ledger(shared=holds_files(folder.path))
        self._ledger = known
        self.folder = Folder(folder.anchor, folder.below, known.shared)
        self._prefix = os.path.join(self.folder.path, "")
        self._claimed: set[str] = set()

    def __len__(self) -> int:
        return max(len(self._ledger), len(self._claimed))

    @cached_property
    def _holders(self) -> dict[str, tuple[str, str]]:
        """Who holds which name; nobody asks in a folder where all is as it was left."""
        return {casefolded(name): (name, origin) for name, origin in self._ledger.origins()}

    def untouched(self, name: str, origin: str, source: Source, recipe: str) -> Outcome | None:
        """The source as current, and the name held for it, if there is nothing to decide."""
        size = self._ledger.size_if_made(name, origin, source, recipe)
        if not size or name in self._claimed or self.folder.shared:
            return None
        thumbnail = Thumbnail(self._prefix + name, *size)
        if not _is_intact(thumbnail):
            return None
        self._claimed.add(name)
        return Outcome(source, "current", (thumbnail,))

    def claim(self, name: str, origin: str) -> str | Failure:
        """Hold a thumbnail's name for a source, or say why that can't be.

        The first to come keeps a name, in later runs too, as long as its source is there. A name
        that merely looks the same to some file systems gives way by a tag.
        """
        if self._refusal:
            return self._refusal
        held = self._other_holder(name, origin)
        if held and held[0] != name:
            name = with_hash(name, origin)
            held = self._other_holder(name, origin)
        path = os.path.join(self.folder.path, name)
        if held:
            return Failure("plan", f"{path} is already the thumbnail of {held[1]}")
        if name in self._claimed:
            return Failure("scan", "was named twice")
        if self.folder.shared and os.path.lexists(path) and not self._is_ours(name):
            return Failure("plan", f"{path} is in the way: it was not made by thumbnailer")
        self._claimed.add(name)
        self._holders[casefolded(name)] = name, origin
        return name

    def _other_holder(self, name: str, origin: str) -> tuple[str, str] | None:
        """The name like this one that another source holds, and that source; None if it is free."""
        held_name, holder = self._holders.get(casefolded(name), (name, origin))
        if holder == origin:
            return None
        if is_url(holder):  # nobody asks whether an object is still there
            return held_name, holder
        # Without the dots: the folder itself may not be there yet.
        source = os.path.normpath(os.path.join(self.folder.path, holder))
        return (held_name, source) if os.path.lexists(source) else None

    def state_of(
        self, wanted: WantedThumbnail, source: Source, recipe: str, attempt: str
    ) -> Outcome | str:
        """What an earlier run made of this state of the source under these settings; or why there
        is no such thing, in words.

        Args:
            recipe, attempt: the fingerprints.
        """
        state = self._state_under_name(wanted.name, wanted, source, recipe, attempt)
        if isinstance(state, str) and wanted.png_name:
            other = self._state_under_name(wanted.png_name, wanted, source, recipe, attempt)
            return state if other == NOT_MADE else other
        return state

    def _state_under_name(
        self, name: str, wanted: WantedThumbnail, source: Source, recipe: str, attempt: str
    ) -> Outcome | str:
        path = os.path.join(self.folder.path, name)
        entry = self._ledger.get(name)
        if entry is None or not entry.fingerprint:  # nor is a name that is merely held
            return NOT_MADE
        if entry.origin != wanted.origin:
            return f"was made of {entry.origin}"
        if not entry.is_about(wanted.origin, source):
            return "the picture has changed since"
        if isinstance(entry.result, Failure):
            if entry.fingerprint != attempt:
                return "failed with other settings"
            again = f"{entry.result.reason}{FAILED_BEFORE}"
            return Outcome(source, "failed", error=replace(entry.result, reason=again))
        if entry.fingerprint != recipe:
            return "was made with other settings, or by another version"
        thumbnail = Thumbnail(path, *entry.result)
        if not _is_intact(thumbnail):
            return NOT_INTACT
        return Outcome(source, "current", (thumbnail,), note=entry.note)

    def _is_ours(self, name: str) -> bool:
        """Whether a thumbnail was made by this program, perhaps by another run just now."""
        if name in self._ledger:
            return True
        with suppress(OSError):
            now = ledger.read(self.folder)
            return now is not None and name in now
        return False


class FreedesktopFolderState:
    """A folder of the desktop's cache during one run; otherwise like a `Shelf`."""

    def __init__(self, folder: Folder, *, tidy: bool) -> None:
        self.folder = folder
        if tidy:
            with suppress(OSError), files.open_folder(folder) as opened:
                files.remove_stale_temporaries(opened)

    def __len__(self) -> int:
        return 0

    def untouched(self, name: str, origin: str, source: Source, recipe: str) -> Outcome | None:
        return None  # to read what a thumbnail says of itself is all there is to do

    def claim(self, name: str, origin: str) -> str | Failure:
        """Names are digests of paths: nobody else has this one."""
        cache = os.path.join(os.path.realpath(self.folder.anchor), "")
        if os.path.realpath(origin).startswith(cache):
            return Failure("scan", "is in the desktop's cache of thumbnails")
        return name

    def state_of(
        self, wanted: WantedThumbnail, source: Source, recipe: str, attempt: str
    ) -> Outcome | str:
        with suppress(OSError):
            if made := freedesktop.find_thumbnail(self.folder, wanted.name, source):
                return Outcome(source, "current", (made,))
        if failed := freedesktop.find_failure(self.folder, wanted.name, source, attempt):
            return Outcome(source, "failed", error=Failure("open", f"{failed}{FAILED_BEFORE}"))
        return NOT_MADE


def _clean_up(folder: Folder, known: ledger.Ledger) -> None:
    with files.open_folder(folder) as opened:
        files.remove_stale_temporaries(opened)
        if known.is_bloated:
            ledger.compact(opened, known)


def holds_files(path: str) -> bool:
    """Whether a folder has files that are no leavings of ours."""
    with suppress(OSError):
        names = set(os.listdir(path)) - {ledger.MARK}  # a mark that has just been made
        return not all(map(files.is_temporary, names))
    return False


def _is_intact(thumbnail: Thumbnail) -> bool:
    # A crash of the machine can leave a file without its content, so the length must fit too.
    try:
        status = os.lstat(thumbnail.path)
    except OSError:
        return False
    return status.st_size == thumbnail.size_bytes and stat.S_ISREG(status.st_mode)
