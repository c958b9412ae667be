"""State of thumbnail folders in a run: whose thumbnail has which name, and which are current."""

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

# Appended to the failure reason of a source that is not tried again.
FAILED_BEFORE = " (failed before and has not changed since)"

# Why a thumbnail is not current: the ledger has no entry, or the file does not match its entry.
NOT_MADE = "has not been made"
NOT_INTACT = "is gone, or is not as it was made"

# The cache holds the states of this many folders with about this many thumbnails (650 bytes each).
# Sources come folder by folder, but a caller's list of paths may be in any order.
_KEPT_FOLDERS, _KEPT_THUMBNAILS = 256, 20_000


class FolderStates:
    """Cache of the states of thumbnail folders; keeps the most recently used.

    Args:
        at_once: number of folders that each source needs; at least this many are kept.
        clean_up: clean up a folder when it is first used.
    """

    def __init__(self, at_once: int, *, clean_up: bool) -> None:
        self._at_once, self._clean_up = at_once, clean_up
        self._kept: OrderedDict[str, FolderState | FreedesktopFolderState] = OrderedDict()
        self._real_path = lru_cache(os.path.realpath)

    def at(self, folder: Folder) -> FolderState | FreedesktopFolderState:
        """Return the state of a folder; read its ledger if it is not cached."""
        key = os.path.join(self._real_path(folder.anchor), folder.below)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        kind = FreedesktopFolderState if folder.desktop else FolderState
        folder_state = self._kept[key] = kind(folder, clean_up=self._clean_up)
        while len(self._kept) > self._at_once and (
            len(self._kept) > _KEPT_FOLDERS or sum(map(len, self._kept.values())) > _KEPT_THUMBNAILS
        ):
            self._kept.popitem(last=False)
        return folder_state


class FolderState:
    """State of one thumbnail folder during a run: its ledger, and the names claimed so far.

    Attributes:
        folder: the thumbnail folder, with `shared` set if it also holds other files.
    """

    def __init__(self, folder: Folder, *, clean_up: bool) -> None:
        known, self._refusal = None, None
        try:
            known = ledger.read(folder)
            if known is not None and clean_up:
                _clean_up(folder, known)
        except OSError as error:
            path = error.filename if isinstance(error.filename, str) else ""
            where = folder.path if os.sep not in path else path
            self._refusal = Failure("write", f"{where}: {error.strerror}")
        if known is None:
            known = ledger.Ledger(shared=not self._refusal and holds_files(folder.path))
        self._ledger = known
        self.folder = replace(folder, shared=known.shared)
        self._prefix = os.path.join(self.folder.path, "")
        self._claimed: set[str] = set()

    def __len__(self) -> int:
        return max(len(self._ledger), len(self._claimed))

    @cached_property
    def _holders(self) -> dict[str, tuple[str, str]]:
        """Each name and its source, by casefolded name; not built for an unchanged folder."""
        return {casefolded(name): (name, origin) for name, origin in self._ledger.origins()}

    def outcome_if_unchanged(
        self, name: str, origin: str, source: Source, recipe: str
    ) -> Outcome | None:
        """Return a current outcome and claim the name if nothing has changed, else None."""
        size = self._ledger.size_if_made(name, origin, source, recipe)
        if not size or name in self._claimed or self.folder.shared:
            return None
        thumbnail = Thumbnail(self._prefix + name, *size)
        if not _is_intact(thumbnail):
            return None
        self._claimed.add(name)
        return Outcome(source, "current", (thumbnail,))

    def claim(self, name: str, origin: str) -> str | Failure:
        """Claim a thumbnail name for a source; return the name to use, or why there is none.

        The first source to claim a name keeps it, in later runs too, as long as the source exists.
        If the name differs but some file systems take both for the same, a hash is inserted.
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
        """Return the equivalent name that another source holds, with that source; None if free."""
        held_name, holder = self._holders.get(casefolded(name), (name, origin))
        if holder == origin:
            return None
        source = ledger.source_path(self.folder, holder)
        if source is None:  # buckets are not asked whether an object still exists
            return held_name, holder
        return (held_name, source) if os.path.lexists(source) else None

    def state_of(
        self, wanted: WantedThumbnail, source: Source, recipe: str, attempt: str
    ) -> Outcome | str:
        """Return the outcome of an earlier attempt, or in words why there is none that applies.

        It applies if the source and the settings have not changed since.

        Args:
            recipe, attempt: fingerprints of the recipe, and of an attempt at it.
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
        if entry is None or not entry.fingerprint:  # a reserved name, not an attempt
            return NOT_MADE
        if entry.origin != wanted.origin:
            return f"was made of {entry.origin}"
        if (entry.size_bytes, entry.mtime_ns) != (source.size_bytes, source.mtime_ns):
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
        """Return whether thumbnailer made a file, perhaps in another run a moment ago."""
        if name in self._ledger:
            return True
        with suppress(OSError):
            now = ledger.read(self.folder)
            return now is not None and name in now
        return False


class FreedesktopFolderState:
    """State of one folder of the freedesktop cache during a run; used like a `FolderState`."""

    def __init__(self, folder: Folder, *, clean_up: bool) -> None:
        self.folder = folder
        if clean_up:
            with suppress(OSError), files.open_folder(folder) as opened:
                files.remove_stale_temporaries(opened)

    def __len__(self) -> int:
        return 0

    def outcome_if_unchanged(
        self, name: str, origin: str, source: Source, recipe: str
    ) -> Outcome | None:
        """Return None: the text chunks must be read in any case, so there is no quicker check."""
        return None

    def claim(self, name: str, origin: str) -> str | Failure:
        """Return the name: a digest of the path, so unique. Refuse sources inside the cache."""
        cache = os.path.join(os.path.realpath(self.folder.anchor), "")
        if os.path.realpath(origin).startswith(cache):
            return Failure("scan", "is in the desktop's cache of thumbnails")
        return name

    def state_of(
        self, wanted: WantedThumbnail, source: Source, recipe: str, attempt: str
    ) -> Outcome | str:
        """Return the outcome of an earlier attempt, or in words why there is none that applies."""
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
            # A line that another run adds meanwhile may be lost: its thumbnail is made once more.
            files.replace(opened, ledger.MARK, known.to_bytes())


def holds_files(path: str) -> bool:
    """Return whether a folder holds files other than thumbnailer's mark and temporary files."""
    with suppress(OSError):
        names = set(os.listdir(path)) - {ledger.MARK}  # may have been made a moment ago
        return not all(map(files.is_temporary, names))
    return False


def _is_intact(thumbnail: Thumbnail) -> bool:
    # After a crash of the machine a file may have lost its content, so the length must match too.
    try:
        status = os.lstat(thumbnail.path)
    except OSError:
        return False
    return status.st_size == thumbnail.size_bytes and stat.S_ISREG(status.st_mode)
