"""State of thumbnail folders in a run: whose thumbnail has which name, and which are current."""

from __future__ import annotations

import os
from collections import Counter, OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace as replaced
from functools import lru_cache

from thumbnailer.disk import files, new_files
from thumbnailer.disk.digest import source_digest
from thumbnailer.imaging.failures import LASTS_AFTER_RUNS, LIMITED
from thumbnailer.model import Failure, Folder, Outcome, Source, Thumbnail, WantedThumbnail
from thumbnailer.thumbs import freedesktop
from thumbnailer.thumbs.folders import holds_files
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.ledger.entries import Ledger, LedgerEntry
from thumbnailer.thumbs.ledger.lines import Attempt
from thumbnailer.thumbs.naming import casefolded, with_hash
from thumbnailer.thumbs.plan import in_the_way

# Appended to the failure reason of a source that is not tried again.
FAILED_BEFORE = " (failed before and has not changed since)"

# The kinds of thumbnails that nobody has asked for.
ORPHANED, OF_OTHER_SETTINGS = "orphaned", "of other settings"

# Why a thumbnail is not current: the ledger has no entry, or the file does not match its entry.
NOT_MADE = "has not been made"
NOT_INTACT = "is gone, or is not as it was made"

# The states of this many folders with about this many thumbnails are kept. Sources come folder by
# folder, but a caller's list of paths may be in any order: then more are kept.
_KEPT_FOLDERS, _KEPT_THUMBNAILS = 256, 20_000

# The entries of sources that were only touched are renewed in batches of this many.
_MAX_RENEWED = 1000


class FolderStates:
    """Cache of the states of thumbnail folders; keeps the most recently used.

    Args:
        at_once: number of folders that each source needs; at least this many are kept.
        clean_up: clean up a folder when it is first used.

    Attributes:
        counts_left_over: whether `left_over` is to be asked for, so that each folder that is not
            kept is looked through before.
    """

    def __init__(self, at_once: int, *, clean_up: bool) -> None:
        self._at_once, self._clean_up, self.counts_left_over = at_once, clean_up, False
        self._kept: OrderedDict[str, FolderState | FreedesktopFolderState] = OrderedDict()
        self._most_thumbnails = _KEPT_THUMBNAILS
        self._dropped: OrderedDict[str, None] = OrderedDict()
        self._left_over, self._is_scattered = Counter[str](), False
        self._real_path = lru_cache(os.path.realpath)

    def at(self, folder: Folder) -> FolderState | FreedesktopFolderState:
        """Return the state of a folder; read its ledger if it is not cached."""
        key = os.path.join(self._real_path(folder.anchor), folder.below)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if key in self._dropped:
            self._most_thumbnails *= 2
            self._is_scattered = True
            del self._dropped[key]
        kind = FreedesktopFolderState if folder.desktop else FolderState
        folder_state = self._kept[key] = kind(folder, clean_up=self._clean_up)
        while len(self._kept) > self._at_once and (
            len(self._kept) > _KEPT_FOLDERS
            or sum(map(len, self._kept.values())) > self._most_thumbnails
        ):
            dropped_key, dropped = self._kept.popitem(last=False)
            dropped.renew()
            if self.counts_left_over:
                self._left_over += dropped.left_over()
            self._dropped[dropped_key] = None
            if len(self._dropped) > _KEPT_FOLDERS:
                self._dropped.popitem(last=False)
        return folder_state

    def left_over(self) -> dict[str, int]:
        """Return how many thumbnails nobody has asked for, as in `Report.left_over`.

        Nothing if sources of one folder did not come together: what was asked for is forgotten.
        """
        if self._is_scattered:
            return {}
        return dict(sum((one.left_over() for one in self._kept.values()), self._left_over))

    def renew(self) -> None:
        """Record the new state of sources that were touched only; see `FolderState.renew`."""
        for folder_state in self._kept.values():
            folder_state.renew()


class FolderState:
    """State of one thumbnail folder during a run: its ledger, and the names claimed so far.

    Attributes:
        folder: the thumbnail folder, with `shared` set if it also holds other files.
    """

    def __init__(self, folder: Folder, *, clean_up: bool) -> None:
        known, self._refusal = None, None
        try:
            known = ledger_file.read(folder)
            if clean_up:
                ledger_file.clean_up(folder, known)
        except FileNotFoundError:  # another process has removed the folder, as it was empty
            known = None
        except OSError as error:
            path = error.filename if isinstance(error.filename, str) else ""
            where = folder.path if os.sep not in path else path
            self._refusal = Failure("write", f"{where}: {error.strerror}", lasts=False)
        if known is None:
            known = Ledger(shared=not self._refusal and holds_files(folder.path))
        self._ledger = known
        self.folder = replaced(folder, shared=known.shared, hashed=known.has_hashed)
        self._prefix = os.path.join(self.folder.path, "")
        self._claimed: set[str] = set()
        self._claims: dict[str, tuple[str, str]] = {}
        self._may_write = clean_up
        self._renewed: list[Attempt] = []

    def __len__(self) -> int:
        return max(len(self._ledger), len(self._claimed))

    def outcome_if_unchanged(
        self, names: Sequence[str], origin: str, source: Source, recipe: str
    ) -> Outcome | None:
        """Return a current outcome and claim the names if nothing has changed, else None.

        Args:
            names: the names that the thumbnail may have: two if its format is `auto`.
        """
        for name in names:
            made = self._ledger.made(name, origin, source, recipe)
            if not made or name in self._claimed:
                continue
            path = self._prefix + name
            width, height, length, placeholder = made
            if files.length_at(path) != length:  # as in `_state_under_name`
                return None
            self._claimed.update(names)
            thumbnail = Thumbnail(path, width, height, length, b"", placeholder)
            return Outcome(source, "current", (thumbnail,))
        return None

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
        if held:
            path = os.path.join(self.folder.path, name)
            return Failure("plan", f"{path} is already the thumbnail of {held[1]}")
        if name in self._claimed:
            return Failure("scan", "was named twice")
        self._claimed.add(name)
        self._claims[casefolded(name)] = name, origin
        return name

    def file_at(self, name: str, *, may_replace: bool) -> tuple[int | None, Failure | None]:
        """Return what is there under the name of a thumbnail.

        Args:
            may_replace: whether a file or link that is not thumbnailer's may be replaced.

        Returns:
            The length in bytes of what it would replace, None if there is nothing; and why it may
            not be replaced.
        """
        path = self._prefix + name
        length = files.length_at(path)
        if length is None or self._owns(name, length):
            return length, None
        kind, why = files.kind_of(path), "it was not made by thumbnailer"
        if may_replace and kind in ("file", "link"):
            return length, None
        if kind != "file":
            why = f"it is a {kind}"
        elif self._ledger.has_file(name):
            why = "it has been changed since thumbnailer made it"
        return length, in_the_way(path, why)

    def _other_holder(self, name: str, origin: str) -> tuple[str, str] | None:
        """Return the equivalent name that another source holds, with that source; None if free."""
        key = casefolded(name)
        held_name, holder = self._claims.get(key) or self._ledger.holder(key) or (name, origin)
        if holder == origin:
            return None
        source = ledger_file.source_path(self.folder, holder)
        if source is None:  # buckets are not asked whether an object still exists
            return held_name, holder
        if not os.path.lexists(source) or self._is_same_source(holder, origin):
            return None
        return held_name, source

    def _is_same_source(self, one: str, other: str) -> bool:
        """Return whether two origins are one file, perhaps spelled in two ways."""
        paths = [ledger_file.source_path(self.folder, origin) for origin in (one, other)]
        return one == other or (None not in paths and is_same_file(*filter(None, paths)))

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
        entry = self._ledger.get(name)
        if entry is None or not entry.fingerprint:  # a reserved name, not an attempt
            return NOT_MADE
        if not self._is_same_source(entry.origin, wanted.origin):
            return f"was made of {entry.origin}"
        try:
            if not self._shows(entry, source):
                return "the picture has changed since"
        except OSError as error:
            reason = f"the picture can't be read: {error.strerror}"
            return Outcome(source, "failed", error=Failure("open", reason, lasts=False))
        result = self._result_of(name, entry)
        if isinstance(result, Failure):
            if entry.fingerprint != attempt:
                return "failed with other settings"
            if 0 < entry.runs < LASTS_AFTER_RUNS:
                return f"failed in {entry.runs} of {LASTS_AFTER_RUNS} runs: {result.reason}"
            self._renew_later(name, entry, source)
            return failed_before(source, result)
        if entry.fingerprint != (attempt if entry.note.startswith(LIMITED) else recipe):
            return "was made with other settings, or by another version"
        # After a crash of the machine a file may have lost its content.
        if files.length_at(result.path) != result.size_bytes:
            return NOT_INTACT
        self._renew_later(name, entry, source)
        return Outcome(source, "current", (result,), note=entry.note)

    def _result_of(self, name: str, entry: LedgerEntry) -> Thumbnail | Failure:
        """Return the thumbnail of an entry, or why there is none."""
        if isinstance(entry.result, Failure):
            return entry.result
        return Thumbnail(self._prefix + name, *entry.result, b"", entry.placeholder)

    def _shows(self, entry: LedgerEntry, source: Source) -> bool:
        """Return whether an entry is of the source as it is now.

        If only its ctime differs, it may have been touched (`chmod`, a restored backup), or changed
        by an editor that keeps the time: its content decides.
        """
        if (entry.size_bytes, entry.mtime_ns) != (source.size_bytes, source.mtime_ns):
            return False
        if entry.ctime_ns == source.ctime_ns or not entry.ctime_ns:  # of an earlier version
            return True
        return bool(entry.digest) and digest_of(source) == entry.digest

    def _renew_later(self, name: str, entry: LedgerEntry, source: Source) -> None:
        """Note that a source was only touched, so that the next run need not read it again."""
        if self._may_write and entry.ctime_ns != source.ctime_ns and (digest := digest_of(source)):
            result = self._result_of(name, entry)
            attempt = Attempt(
                name, entry.origin, source, digest, entry.fingerprint, result, entry.note
            )
            self._renewed.append(attempt)
            if len(self._renewed) >= _MAX_RENEWED:
                self.renew()

    def renew(self) -> None:
        """Record the new ctime of sources that were only touched.

        Their thumbnails lose the permissions that the sources have lost."""
        renewed, self._renewed = self._renewed, []
        if not renewed:
            return
        with suppress(OSError), files.open_folder(self.folder) as opened:
            with ledger_file.locked(opened) as locked:
                locked.append(attempt.to_line() for attempt in renewed)
            for attempt in renewed:
                if isinstance(attempt.result, Thumbnail):
                    with suppress(OSError):
                        mode = files.permissions(attempt.state.path)
                        files.restrict(opened, attempt.name, mode)

    def left_over(self) -> Counter[str]:
        """Return how many thumbnails nobody has asked for, as in `Report.left_over`.

        Those of pictures in other folders than the ones that were looked at do not count.
        """
        found, unasked = Counter[str](), self._ledger.names_besides(self._claimed)
        if not unasked:
            return found
        origins = dict(self._ledger.origins())
        seen = {origin for name, origin in origins.items() if name not in unasked}
        seen |= {origin for _, origin in self._claims.values()}
        above = set(map(os.path.dirname, seen))
        for name in unasked & origins.keys():
            origin = origins[name]
            if os.path.dirname(origin) not in above or not self._ledger.has_file(name):
                continue
            if not files.is_plain_name(name):  # in a line that thumbnailer did not write
                continue
            if files.length_at(self._prefix + name) is not None:
                source = ledger_file.source_path(self.folder, origin) or ""
                is_there = origin in seen or not files.is_possible_path(source)
                is_there = is_there or os.path.lexists(source)
                found[OF_OTHER_SETTINGS if is_there else ORPHANED] += 1
        return found

    def _owns(self, name: str, length: int) -> bool:
        """Return whether thumbnailer wrote a file, perhaps in another run a moment ago."""
        if self._ledger.owns(name, length):
            return True
        with suppress(OSError):
            self._ledger = ledger_file.read(self.folder) or self._ledger
        return self._ledger.owns(name, length)


class FreedesktopFolderState:
    """State of one folder of the freedesktop cache during a run; used like a `FolderState`."""

    def __init__(self, folder: Folder, *, clean_up: bool) -> None:
        self.folder = folder
        if clean_up:
            with suppress(OSError), files.open_folder(folder) as opened:
                new_files.remove_stale_temporaries(opened)

    def __len__(self) -> int:
        return 0

    def renew(self) -> None:
        """Do nothing: a thumbnail of the desktop's cache has no entry that could be renewed."""

    def left_over(self) -> Counter[str]:
        """Return nothing: a thumbnail in the desktop's cache may be any program's."""
        return Counter()

    def outcome_if_unchanged(
        self, names: Sequence[str], origin: str, source: Source, recipe: str
    ) -> Outcome | None:
        """Return None: the text chunks must be read in any case, so there is no quicker check."""
        return None

    def claim(self, name: str, origin: str) -> str | Failure:
        """Return the name: a digest of the path, so unique. Refuse sources inside the cache."""
        cache = os.path.join(os.path.realpath(self.folder.anchor), "")
        if os.path.realpath(origin).startswith(cache):
            return Failure("scan", "is in the desktop's cache of thumbnails")
        return name

    def file_at(self, name: str, *, may_replace: bool) -> tuple[int | None, Failure | None]:
        """Return that nothing is in the way: all programs write thumbnails of these names."""
        return None, None

    def state_of(
        self, wanted: WantedThumbnail, source: Source, recipe: str, attempt: str
    ) -> Outcome | str:
        """Return the outcome of an earlier attempt, or in words why there is none that applies."""
        with suppress(OSError):
            if made := freedesktop.find_thumbnail(self.folder, wanted.name, source):
                return Outcome(source, "current", (made,))
        if failure := freedesktop.find_failure(self.folder, wanted.name, source, attempt):
            return failed_before(source, failure)
        return NOT_MADE


def failed_before(source: Source, failure: Failure) -> Outcome:
    """Return the outcome of a source that is not tried again; one that was skipped is again."""
    if failure.status == "failed":
        failure = replaced(failure, reason=f"{failure.reason}{FAILED_BEFORE}")
    return Outcome(source, failure.status, error=failure)


# Several sizes ask for the same.
digest_of = lru_cache(16)(source_digest)


def is_same_file(one: str, other: str) -> bool:
    """Return whether two paths lead to one entry of a folder: by a link to a folder, or a mount.

    A link to a picture is a picture of its own, and so is each name of a file with several.
    """
    try:
        first, second = os.lstat(one), os.lstat(other)
        if not first.st_ino or not os.path.samestat(first, second):
            return False
        if first.st_nlink == 1:
            return True
        folders = [os.path.dirname(path) or os.curdir for path in (one, other)]
        return os.path.basename(one) == os.path.basename(other) and os.path.samefile(*folders)
    except (OSError, ValueError):  # ValueError: a NUL that thumbnailer did not write
        return False
