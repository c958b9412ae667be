"""Which outcomes of a watch are told: what is new, once nobody can be writing it any more.

The others are of pictures that are current, have gone, or failed before for the same reason. Or
they wait until their pictures have been read once more.
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

# How long a picture that nobody has closed may be truncated, or empty, until it is called so.
_UNFINISHED_SECONDS = 60.0

# What is said of a picture, or of the folder of its thumbnail, that was away when it was needed.
_MISSING = os.strerror(errno.ENOENT)


class OutcomeFilter:
    """What has been told, and what is held back.

    Args:
        roots: the folders watched; a root doubts what may fare better at the next rescan.
        pending: where pictures go that are to be read once more.
    """

    def __init__(self, roots: Sequence[WatchedRoot], pending: SettlingFiles) -> None:
        self._roots, self._pending = roots, pending
        self._held: dict[str, Outcome] = {}  # truncated, and not told of yet
        self._told: dict[str, str] = {}  # the reasons of what has failed or was skipped

    def to_report(self, outcome: Outcome, *, is_unclosed: bool) -> Outcome | None:
        """What is to be told now: this outcome, the one that was held back before it, or nothing.

        Args:
            is_unclosed: nobody said that the picture is complete.
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
            pass  # it has gone since
        elif _was_away(path, reason):
            self._pending.add(path, time.monotonic())
        elif self._is_new(outcome):
            self._held.pop(path, None)
            return outcome
        return None

    def forget(self, path: str) -> None:
        """Drop what is held back of a picture that has gone."""
        self._held.pop(path, None)

    def _may_be_unfinished(self, path: str, reason: str) -> bool:
        is_short = reason.startswith(TRUNCATED) or reason == EMPTY
        return is_short and path not in self._held

    def _is_new(self, outcome: Outcome) -> bool:
        """Whether something has happened, or gone wrong for the first time."""
        path, error = outcome.source.path, outcome.error
        if outcome.status == "failed" and error and not error.lasts:
            for root in self._roots:  # what hindered it may not last: once more at the next rescan
                root.mark_changed(path)
        told = self._told.pop(path, None)
        if not error:
            return outcome.status != "current"
        if error.stage == "stopped" or error.reason.endswith(FAILED_BEFORE):
            return False
        if error.stage == "write" and not error.fatal and told is None:
            self._told[path] = ""  # an orphan may be in the way for a moment: once more
            self._pending.add(path, time.monotonic())
            return False
        self._told[path] = error.reason
        was_tried_anew = outcome.seconds > 0 and error.lasts
        return was_tried_anew or error.reason != told


def _was_away(path: str, reason: str) -> bool:
    """Whether what was missing is there again: the picture, or a folder that the reason names."""
    place, _, what = reason.rpartition(": ")
    return what == _MISSING and os.path.exists(place or path)
