"""Which thumbnail each source should have, under which name, and whether it has it already."""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache

from thumbnailer import ledger, storage
from thumbnailer.model import (
    Failure,
    Folder,
    Job,
    Limits,
    Outcome,
    Recipe,
    Source,
    Thumbnail,
    attempt_fingerprint,
)
from thumbnailer.naming import folded, tagged, thumbnail_name

THUMBS = "thumbs"

# Ends the reason of what is not even tried.
AGAIN = " (failed before and has not changed since)"

# What is known of thumbnail folders is kept for this many folders and about this many thumbnails
# (650 bytes each). Sources come folder by folder, but a caller's list of paths may jump about.
_KEPT_FOLDERS, _KEPT_THUMBNAILS = 256, 20_000


def plan(
    sources: Iterable[Source | Outcome],
    recipe: Recipe,
    limits: Limits,
    *,
    output: str | None = None,
    force: bool = False,
    retry_failed: bool = False,
    dry_run: bool = False,
) -> Iterator[Job | Outcome]:
    """A job for each source that needs one, an outcome for each other; lazily and in order.

    Args:
        sources: what the scan found; its outcomes are passed on.
        recipe: what the thumbnails should look like.
        limits: what one picture may cost at most.
        output: the folder of the mirrored tree; None for a `thumbs` folder beside each source.
        force: make every thumbnail, current or not.
        retry_failed: try again what failed before, though nothing has changed.
        dry_run: touch nothing; what would become a job is skipped.
    """
    looks, attempt = recipe.fingerprint, attempt_fingerprint(recipe, limits)
    shelves: OrderedDict[tuple[str, str], _Shelf] = OrderedDict()
    real_path, way = lru_cache(os.path.realpath), lru_cache(os.path.relpath)

    def shelf_of(folder: Folder) -> _Shelf:
        key = real_path(folder.anchor), folder.below
        if key in shelves:
            shelves.move_to_end(key)
        else:
            shelves[key] = _Shelf(folder, tidy=not dry_run)
            while len(shelves) > 1 and (
                len(shelves) > _KEPT_FOLDERS or sum(map(len, shelves.values())) > _KEPT_THUMBNAILS
            ):
                shelves.popitem(last=False)
        return shelves[key]

    for source in sources:
        if isinstance(source, Outcome):
            yield source
            continue
        source_folder, source_name = os.path.split(source.path)
        if output is None:
            shelf, way_back = shelf_of(Folder(source_folder, THUMBS)), os.pardir
        else:
            shelf = shelf_of(Folder(output, source.below))
            way_back = way(source_folder or os.curdir, shelf.folder.path)
        origin = os.path.join(way_back, source_name)
        name = shelf.claim(thumbnail_name(source_name, recipe.format), origin)
        if isinstance(name, Failure):
            yield Outcome(source, "skipped" if name.stage == "scan" else "failed", error=name)
            continue
        standing = shelf.standing(name, origin, source, looks, attempt)
        if standing is not None and standing.note and not limits.keep_truncated:
            standing = None  # an earlier run was content with less
        again = force or (retry_failed and standing is not None and standing.status == "failed")
        if standing is not None and not again:
            yield standing
        elif dry_run:
            yield Outcome(source, "skipped", error=Failure("dry run", "would be made"))
        else:
            yield Job(source, origin, shelf.folder, name, recipe, limits)


def prepare_output(path: str) -> None:
    """Create the folder of a mirrored tree and make it ours, so that no scan takes it for sources.

    Raises:
        OSError: it can't be made or written.
    """
    storage.make_folder(path)
    folder = Folder(path, "")
    if ledger.read(folder) is None:
        with storage.open_folder(folder) as opened:
            ledger.mark(opened, shared=_holds_files(path))


class _Shelf:
    """A thumbnail folder during one run.

    Attributes:
        folder: where it is.
    """

    def __init__(self, folder: Folder, *, tidy: bool) -> None:
        known, self._refusal = None, None
        try:
            known = ledger.read(folder)
            if known is not None and tidy:
                _tidy(folder, known)
        except OSError as error:
            path = error.filename if isinstance(error.filename, str) else ""
            where = folder.path if os.sep not in path else path
            self._refusal = Failure("write", f"{where}: {error.strerror}")
        if known is None:
            known = ledger.Ledger(shared=_holds_files(folder.path))
        self._ledger = known
        self.folder = Folder(folder.anchor, folder.below, known.shared)
        self._claims = {folded(name): (name, origin) for name, origin in known.origins()}
        self._given: set[str] = set()

    def __len__(self) -> int:
        return len(self._claims)

    def claim(self, name: str, origin: str) -> str | Failure:
        """Hold a thumbnail's name for a source, or say why that can't be.

        The first to come keeps a name, in later runs too, as long as its source is there. A name
        that merely looks the same to some file systems gives way by a tag.
        """
        if self._refusal:
            return self._refusal
        held = self._held(name, origin)
        if held and held[0] != name:
            name = tagged(name, origin)
            held = self._held(name, origin)
        path = os.path.join(self.folder.path, name)
        if held:
            return Failure("plan", f"{path} is already the thumbnail of {held[1]}")
        if name in self._given:
            return Failure("scan", "was named twice")
        if self.folder.shared and os.path.lexists(path) and not self._is_ours(name):
            return Failure("plan", f"{path} is in the way: it was not made by thumbnailer")
        self._given.add(name)
        self._claims[folded(name)] = name, origin
        return name

    def _held(self, name: str, origin: str) -> tuple[str, str] | None:
        """The name like this one that another source holds, and that source; None if it is free."""
        held_name, holder = self._claims.get(folded(name), (name, origin))
        if holder == origin:
            return None
        # Without the dots: the folder itself may not be there yet.
        source = os.path.normpath(os.path.join(self.folder.path, holder))
        return (held_name, source) if os.path.lexists(source) else None

    def standing(
        self, name: str, origin: str, source: Source, recipe: str, attempt: str
    ) -> Outcome | None:
        """What an earlier run made of this state of the source under these settings, if it did."""
        path = os.path.join(self.folder.path, name)
        entry = self._ledger.get(name)
        if entry is None or not entry.is_about(origin, source):
            return None
        if isinstance(entry.result, Failure):
            if entry.fingerprint == attempt:
                again = f"{entry.result.reason}{AGAIN}"
                return Outcome(source, "failed", error=replace(entry.result, reason=again))
        elif entry.fingerprint == recipe:
            thumbnail = Thumbnail(path, *entry.result)
            if _is_intact(thumbnail):
                return Outcome(source, "current", (thumbnail,), note=entry.note)
        return None

    def _is_ours(self, name: str) -> bool:
        """Whether a thumbnail was made by this program, perhaps by another run just now."""
        if name in self._ledger:
            return True
        with suppress(OSError):
            now = ledger.read(self.folder)
            return now is not None and name in now
        return False


def _tidy(folder: Folder, known: ledger.Ledger) -> None:
    with storage.open_folder(folder) as opened:
        storage.sweep(opened)
        if known.is_bloated:
            ledger.compact(opened, known)


def _holds_files(path: str) -> bool:
    with suppress(OSError):
        names = set(os.listdir(path)) - {ledger.MARK}  # a mark that has just been made
        return not all(map(storage.is_temporary, names))
    return False


def _is_intact(thumbnail: Thumbnail) -> bool:
    # A crash of the machine can leave a file without its content, so the length must fit too.
    with suppress(OSError):
        status = os.lstat(thumbnail.path)
        return stat.S_ISREG(status.st_mode) and status.st_size == thumbnail.size_bytes
    return False
