"""The pictures that a watch of buckets looks at: those that a queue tells of, and at each rescan
those that are not known to be done."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping

from thumbnailer.config.settings import Settings
from thumbnailer.door.pictures import Pictures, pictures_at
from thumbnailer.door.sources import Sources
from thumbnailer.model import Outcome, Source, Stop
from thumbnailer.watcher.remote.known import Known
from thumbnailer.watcher.remote.notices import Notices
from thumbnailer.watcher.work import WatchOptions

Tell = Callable[[str, str], None]

# How long a rescan goes on before notices are looked for.
_SLICE_SECONDS = 0.05

# How long to wait for notices when there is nothing else to do; also how soon a stop is noticed.
_TICK_SECONDS = 0.1

# The pause from one rescan to the next is so many times as long as that has taken, at least, unless
# the user says otherwise: a listing of a million keys costs a cent.
_PAUSE_PER_RESCAN = 10.0
_LEAST_PAUSE_SECONDS = 60.0

# How often a rescan looks at the thumbnails of all pictures: others may have removed some.
_FULL_LOOK_SECONDS = 86_400.0


class Feed:
    """The pictures to look at, which never end.

    Args:
        opened: the SOURCEs.
        known: what is done.
        notices: what a queue tells.
        removed: called with the URLs of what is gone.
        rescanned: called at the end of each whole rescan, with whether any picture may be gone.
        tell: called with the name of an event and a message.

    Attributes:
        last_rescan: when the last one ended, seconds since the epoch; None before that.
        is_rescanning: whether one is going on.
        given: how many items have been yielded since `sources` was called.
        first: how many there were at the end of the first whole rescan; None before that.
    """

    def __init__(  # noqa: PLR0913 - what it reads, and who is told
        self,
        opened: Sources,
        settings: Settings,
        options: WatchOptions,
        known: Known,
        notices: Notices,
        *,
        removed: Callable[[list[str]], None],
        rescanned: Callable[[bool], None],
        tell: Tell,
    ) -> None:
        self._opened, self._settings, self._options = opened, settings, options
        self._known, self._notices = known, notices
        self._removed, self._rescanned, self._tell = removed, rescanned, tell
        # Whether a SOURCE has had pictures; False of those in which there has been nothing yet.
        self._has_had: dict[str, bool] = {}
        self._may_be_gone = False
        self.last_rescan: float | None = None
        self.is_rescanning, self.given = False, 0
        self.first: int | None = None
        self._next_rescan = self._next_full_look = 0.0

    def sources(self, stop: Stop) -> Iterator[Source | Outcome]:
        """Yield pictures until `stop` is set, and outcomes of what can't be read."""
        roots = {root: pictures_at(root, self._settings, stop) for root in self._opened.folders}
        rescan: Iterator[Source | Outcome | None] | None = None
        self._next_rescan, self.given = 0.0, 0
        while not stop.is_set():
            if notices := self._notices.take():
                for found in self._noticed(notices, roots):
                    self.given += 1
                    yield found
            elif rescan:
                end = time.monotonic() + _SLICE_SECONDS
                for item in rescan:
                    if item:
                        self.given += 1
                        yield item
                    if time.monotonic() > end:
                        break
                else:
                    rescan, self.is_rescanning = None, False
            elif time.monotonic() >= self._next_rescan:
                rescan, self.is_rescanning = self._rescan(stop), True
            else:
                self._notices.wait(_TICK_SECONDS)
        self.is_rescanning = False

    def _rescan(self, stop: Stop) -> Iterator[Source | Outcome | None]:
        """Yield what is not known to be done; None for what is."""
        begun, is_whole, is_young = time.monotonic(), True, False
        is_full = begun >= self._next_full_look
        self._known.begin_rescan()
        for root, item in self._scanned(stop):
            if isinstance(item, Outcome):
                if self._is_empty_yet(root, item):
                    yield None
                    continue
                is_whole &= item.source.path not in self._opened.folders
                yield item
                continue
            self._has_had[root] = True
            self._known.note_found(item)
            if not item.is_remote and self._is_young(item):
                is_young = True  # it may be unfinished
            elif is_full or not self._known.is_done(item):
                yield item
                continue
            yield None
        now = time.monotonic()
        self._next_rescan = now + self._pause_seconds(now - begun)
        if is_young:
            self._next_rescan = min(self._next_rescan, now + self._options.settle_seconds)
        if not is_whole or stop.is_set():
            return
        has_gone = self._known.end_rescan()
        self.last_rescan = time.time()
        if self.first is None:
            self.first = self.given
        if is_full:
            self._next_full_look = begun + _FULL_LOOK_SECONDS
        # An empty SOURCE may have thumbnails from earlier, which are no orphans for that.
        is_all_there = all(self._has_had.values())
        may_be_gone = self._may_be_gone or has_gone or is_full
        self._may_be_gone = may_be_gone and not is_all_there
        self._rescanned(may_be_gone and is_all_there)

    def _scanned(self, stop: Stop) -> Iterator[tuple[str, Source | Outcome]]:
        """Yield what the scan finds in all SOURCEs, each with the SOURCE."""
        for root in self._opened.scanned:
            for item in self._opened.scan_one(root, self._settings, self._settings.choice, stop):
                yield root, item

    def _is_empty_yet(self, root: str, outcome: Outcome) -> bool:
        """Return whether a SOURCE in a bucket has had nothing from the start; tell that once."""
        is_empty = bool(outcome.error and outcome.error.gone and outcome.source.is_remote)
        if not is_empty or self._has_had.get(root):
            return False
        if root not in self._has_had:
            self._tell("note", f"{root}: nothing is there yet")
        self._has_had[root] = False
        return True

    def _pause_seconds(self, rescan_seconds: float) -> float:
        if self._options.rescan_seconds is not None:
            return self._options.rescan_seconds
        return max(_LEAST_PAUSE_SECONDS, _PAUSE_PER_RESCAN * rescan_seconds)

    def _is_young(self, source: Source) -> bool:
        return abs(time.time_ns() - source.mtime_ns) < self._options.settle_seconds * 1e9

    def _noticed(
        self, urls: Collection[str], roots: Mapping[str, Pictures]
    ) -> Iterator[Source | Outcome]:
        """Yield the pictures that are new or changed; let thumbnails of what is gone be removed.

        In the order of their keys, so that the thumbnails of many are listed together.
        """
        elsewhere, gone = set(urls), list[str]()
        for root, pictures in roots.items():
            inners = {inner: url for url in urls if (inner := pictures.inner(url))}
            elsewhere -= set(inners.values())
            left_out = set(inners.values())
            below, choice = self._opened.folders[root], self._settings.choice
            for item in pictures.find_all(sorted(inners), choice, below=below):
                path = item.path if isinstance(item, Source) else item.source.path
                if isinstance(item, Outcome) and item.error and item.error.gone:
                    gone.append(path)
                elif isinstance(item, Outcome) or not self._known.is_done(item):
                    yield item
                else:
                    continue
                left_out.discard(path)
            self._notices.dealt_with(left_out)
        self._notices.dealt_with(elsewhere)
        if gone:
            self._removed(gone)
            self._notices.dealt_with(gone)
