"""Filter a watch's outcomes: report each new result once, when its file is complete.

Outcomes of pictures that are current, are gone, or failed before for the same reason are dropped.
Outcomes of files that may be unfinished wait until these have been read once more.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence

from thumbnailer.imaging.failures import CHANGING, EMPTY, TRUNCATED
from thumbnailer.model import Outcome
from thumbnailer.thumbs.folder_state import FAILED_BEFORE
from thumbnailer.watcher.root import WatchedRoot
from thumbnailer.watcher.settling import SettlingFiles

# How long a picture that no writer has closed may be truncated or empty before that is reported.
_UNFINISHED_SECONDS = 60.0

# The reason where a picture, or the folder of its thumbnail, was missing when it was needed.
_MISSING = os.strerror(errno.ENOENT)


class OutcomeFilter:
    """A filter for the outcomes of a watch: what was reported, and what is held back.

    Args:
        roots: the watched folders; failures that may not last are marked there for a retry.
        pending: takes the pictures that are to be read once more.
    """

    def __init__(self, roots: Sequence[WatchedRoot], pending: SettlingFiles) -> None:
        self._roots, self._pending = roots, pending
        self._held: dict[str, Outcome] = {}  # truncated or empty, and not reported yet
        self._reported: dict[str, str] = {}  # the reasons why pictures failed or were skipped

    def to_report(self, outcome: Outcome, *, is_unclosed: bool) -> Outcome | None:
        """Return what to report now: this outcome, the one that was held back before it, or None.

        Args:
            is_unclosed: no event said that the picture is complete.
        """
        path, error = outcome.source.path, outcome.error
        if not error:
            self._held.pop(path, None)
            self._reported.pop(path, None)
            return None if outcome.status == "current" else outcome
        now, reason = time.monotonic(), error.reason
        is_again = reason.endswith(FAILED_BEFORE)
        is_short = reason.startswith(TRUNCATED) or reason == EMPTY
        if not self._is_there(path):
            return None
        if reason == CHANGING or _is_back(path, reason):
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
            return None
        if outcome.status == "failed" and not error.lasts:
            for root in self._roots:  # the cause may not last: retry at the next rescan
                root.mark_changed(path)
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

    def forget(self, path: str) -> None:
        """Drop the outcome that is held back of a picture that is gone."""
        self._held.pop(path, None)

    def forget_gone(self) -> None:
        """Drop all that is known of pictures that are gone."""
        for known in (self._held, self._reported):
            for path in [path for path in known if not self._is_there(path)]:
                del known[path]

    def _is_there(self, path: str) -> bool:
        """Return whether there is anything at a path, which is not behind a link in a root."""
        roots = [root for root in self._roots if root.holds(path)]
        return any(root.kind_at(path) for root in roots) if roots else os.path.lexists(path)


def _is_back(path: str, reason: str) -> bool:
    """Return whether what was missing is back: the picture, or a folder that the reason names."""
    place, _, what = reason.rpartition(": ")
    return what == _MISSING and os.path.exists(place or path)
