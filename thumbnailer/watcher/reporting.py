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
        path, reason = outcome.source.path, outcome.error.reason if outcome.error else ""
        if reason == CHANGING:
            self._pending.add(path, time.monotonic())
        elif is_unclosed and self._may_be_unfinished(path, reason):
            self._held[path] = outcome
            self._pending.add(path, time.monotonic(), patience_seconds=_UNFINISHED_SECONDS)
        elif reason.endswith(FAILED_BEFORE) and path in self._held:
            return self._held.pop(path)
        elif outcome.error and not os.path.lexists(path):
            pass  # the picture is gone by now
        elif _is_back(path, reason):
            self._pending.add(path, time.monotonic())
        elif self._is_new(outcome):
            self._held.pop(path, None)
            return outcome
        return None

    def forget(self, path: str) -> None:
        """Drop the outcome that is held back of a picture that is gone."""
        self._held.pop(path, None)

    def _may_be_unfinished(self, path: str, reason: str) -> bool:
        is_short = reason.startswith(TRUNCATED) or reason == EMPTY
        return is_short and path not in self._held

    def _is_new(self, outcome: Outcome) -> bool:
        """Return whether to report an outcome: made, or failed or skipped for a new reason."""
        path, error = outcome.source.path, outcome.error
        if outcome.status == "failed" and error and not error.lasts:
            for root in self._roots:  # the cause may not last: retry at the next rescan
                root.mark_changed(path)
        reported_reason = self._reported.pop(path, None)
        if not error:
            return outcome.status != "current"
        if error.stage == "stopped" or error.reason.endswith(FAILED_BEFORE):
            return False
        if error.stage == "write" and not error.fatal and reported_reason is None:
            self._reported[path] = ""  # an orphan may be in the way for a moment: retry once
            self._pending.add(path, time.monotonic())
            return False
        self._reported[path] = error.reason
        was_retried = outcome.seconds > 0 and error.lasts
        return was_retried or error.reason != reported_reason


def _is_back(path: str, reason: str) -> bool:
    """Return whether what was missing is back: the picture, or a folder that the reason names."""
    place, _, what = reason.rpartition(": ")
    return what == _MISSING and os.path.exists(place or path)
