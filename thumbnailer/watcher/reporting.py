"""Filter a watch's outcomes: report each new result once, when its file is complete.

Outcomes of pictures that are current, are gone, or failed before for the same reason are dropped.
Outcomes of files that may be unfinished wait until these have been read once more. Pictures whose
failure may pass are tried again, after pauses that grow.
"""

from __future__ import annotations

import errno
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from thumbnailer.imaging.failures import CHANGING, EMPTY, TRUNCATED
from thumbnailer.model import Outcome, Source
from thumbnailer.thumbs.folder_state import FAILED_BEFORE
from thumbnailer.watcher.roots.root import WatchedRoot
from thumbnailer.watcher.settling import SettlingFiles

# How long a picture that no writer has closed may be truncated or empty before that is reported.
_UNFINISHED_SECONDS = 60.0

# The pause before a picture is tried again whose failure may pass: doubled from the first to the
# last value, but so many times as long as the attempt took, so that no worker is busy with it.
_RETRY_SECONDS = (2.0, 600.0)
_PAUSE_PER_ATTEMPT = 30.0

# An attempt that fails so early takes a worker no time, so it is made at every rescan, too.
_CHEAP_STAGES = ("scan", "open", "write")

# The reason where a picture, or the folder of its thumbnail, was missing when it was needed.
_MISSING = os.strerror(errno.ENOENT)


@dataclass(slots=True)
class _Retry:
    """When a picture is to be tried again, whose failure may pass."""

    source: Source  # as it was
    due: float  # on the monotonic clock
    pause_seconds: float
    is_cheap: bool


class OutcomeFilter:
    """A filter for the outcomes of a watch: what was reported, and what is held back.

    Args:
        roots: the watched folders; failures that may not last are marked there for a retry.
        pending: takes the pictures that are to be read once more.
        ask: calls a function with a path; returns None if the disk does not answer.
    """

    def __init__(
        self,
        roots: Sequence[WatchedRoot],
        pending: SettlingFiles,
        ask: Callable[[Callable[[str], bool], str], bool | None] = lambda call, path: call(path),
    ) -> None:
        self._roots, self._pending, self._ask = roots, pending, ask
        self._held: dict[str, Outcome] = {}  # truncated or empty, and not reported yet
        self._reported: dict[str, str] = {}  # the reasons why pictures failed or were skipped
        self._retries: dict[str, _Retry] = {}
        self._next_retry = math.inf

    def to_report(self, outcome: Outcome, *, is_unclosed: bool) -> Outcome | None:
        """Return what to report now: this outcome, the one that was held back before it, or None.

        Args:
            is_unclosed: no event said that the picture is complete.
        """
        path, error = outcome.source.path, outcome.error
        if not error:
            self.note_current(path)
            return None if outcome.status == "current" else outcome
        now, reason = time.monotonic(), error.reason
        is_again = reason.endswith(FAILED_BEFORE) or (
            error.stage == "content" and not outcome.seconds
        )
        is_short = reason.startswith(TRUNCATED) or reason == EMPTY
        if self._ask(self._is_there, path) is False:
            return None
        if reason == CHANGING or self._is_back(path, reason):
            self._pending.add(path, now)
            return None
        if is_unclosed and is_short and path not in self._held:
            self._held[path] = outcome
            self._pending.add(path, now, patience_seconds=_UNFINISHED_SECONDS)
            return None
        if is_again and path in self._held:
            return self._held.pop(path)
        reported_reason = self._reported.pop(path, None)
        if is_again or error.stage == "stopped":
            if is_again:
                self._retries.pop(path, None)
            return None
        if outcome.status == "failed" and not error.lasts and not error.fatal:
            self._plan_retry(outcome, now)
        else:
            self._retries.pop(path, None)
        if error.stage == "write" and not error.fatal and reported_reason is None:
            self._reported[path] = ""  # an orphan may be in the way for a moment: retry once
            self._pending.add(path, now)
            return None
        self._reported[path] = reason
        was_retried = outcome.seconds > 0 and error.lasts
        if not was_retried and reason == reported_reason:
            return None
        self._held.pop(path, None)
        return outcome

    def note_current(self, path: str) -> None:
        """Note that a picture has its thumbnails; may be called by any thread."""
        self._held.pop(path, None)
        self._reported.pop(path, None)
        self._retries.pop(path, None)

    def forget(self, path: str) -> None:
        """Drop the outcome that is held back of a picture that is gone."""
        self._held.pop(path, None)
        self._retries.pop(path, None)

    def must_wait(self, source: Source) -> bool:
        """Return whether a rescan is to leave a picture out: the pause after a failure is on.

        May be called by any thread.
        """
        retry = self._retries.get(source.path)
        return retry is not None and not retry.is_cheap and retry.source == source

    def start_retries(self, now: float) -> None:
        """Let those pictures be tried again whose pause is over."""
        if now < self._next_retry:
            return
        retries = list(self._retries.items())
        for path, retry in retries:
            if retry.due <= now:
                retry.due = now + _RETRY_SECONDS[1]  # unless it fails before
                self._pending.add(path, now, is_closed=True)
        self._next_retry = min((retry.due for _, retry in retries), default=math.inf)

    def forget_gone(self, root: WatchedRoot | None = None) -> None:
        """Drop all that is known of pictures that are gone; it waits for the disk.

        May be called by any thread.

        Args:
            root: where to look; None for everywhere.
        """
        for known in (self._held, self._reported, self._retries):
            for path in list(known):
                if (root is None or root.holds(path)) and not self._is_there(path):
                    known.pop(path, None)

    def _is_there(self, path: str) -> bool:
        """Return whether there is anything at a path, which is not behind a link in a root."""
        roots = [root for root in self._roots if root.holds(path)]
        return any(root.kind_at(path) for root in roots) if roots else os.path.lexists(path)

    def _is_back(self, path: str, reason: str) -> bool:
        """Return whether what was missing is back: the picture, or a folder that a reason names."""
        place, _, what = reason.rpartition(": ")
        if what != _MISSING:
            return False
        # The picture has been seen since. If it is gone again by now, that is no failure, either.
        return self._ask(os.path.exists if place else _is_no_dangling_link, place or path) is True

    def _plan_retry(self, outcome: Outcome, now: float) -> None:
        source, seconds = outcome.source, outcome.seconds
        before = self._retries.get(source.path)
        first, last = _RETRY_SECONDS
        is_same = before is not None and before.source == source
        pause = min(2 * before.pause_seconds, last) if before and is_same else first
        due = now + max(pause, _PAUSE_PER_ATTEMPT * seconds)
        is_cheap = outcome.error is not None and outcome.error.stage in _CHEAP_STAGES
        self._retries[source.path] = _Retry(source, due, pause, is_cheap)
        self._next_retry = min(self._next_retry, due)
        for root in self._roots if is_cheap else ():
            root.mark_changed(source.path)  # a rescan may find it well before


def _is_no_dangling_link(path: str) -> bool:
    return not os.path.islink(path) or os.path.exists(path)
