"""Ask a disk about a path without waiting long for the answer."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import Empty, Queue
from typing import Any, TypeVar

T = TypeVar("T")

# How long the loop waits for an answer about a path, and how many answers may be owed to it: about
# paths in one folder, and in all.
_ASK_SECONDS, _MOST_OF_FOLDER, _MOST_SILENT = 0.1, 3, 8


class Asker:
    """Asks a disk about a path, for the loop, which waits no longer than an instant for the answer.

    Of a folder that owes it answers nothing more is asked until it gives them.
    """

    def __init__(self) -> None:
        self._helper: _Helper | None = None
        self._silent: dict[str, float] = {}  # paths, since when

    def __call__(self, call: Callable[[str], T], path: str) -> T | None:
        """Return what a function returns for a path; None if the disk does not answer."""
        if silent := list(self._silent):
            of_folder = sum(os.path.dirname(one) == os.path.dirname(path) for one in silent)
            is_too_much = of_folder >= _MOST_OF_FOLDER or len(silent) >= _MOST_SILENT
            if path in silent or is_too_much:
                return None
        try:
            helper, self._helper = self._helper or _Helper(), None
        except RuntimeError:  # no threads are left
            return call(path)
        helper.questions.put(partial(call, path))
        try:
            result = helper.answers.get(timeout=_ASK_SECONDS)
        except Empty:
            self._silent[path] = time.monotonic() - _ASK_SECONDS
            helper.questions.put(partial(self._silent.pop, path, None))
            helper.questions.put(None)
            return None
        self._helper = helper
        if isinstance(result, Exception):
            raise result
        return result  # type: ignore[no-any-return]

    def most_silent(self, now: float) -> tuple[float, str]:
        """Return for how long an answer has been owed, at most, and about which path."""
        silences = [(now - since, path) for path, since in list(self._silent.items())]
        return max(silences, default=(0.0, ""))

    def close(self) -> None:
        """End the thread that asks."""
        if self._helper:
            self._helper.questions.put(None)
        self._helper = None


class _Helper:
    """A thread that asks a disk; it ends after the question None."""

    def __init__(self) -> None:
        self.questions: Queue[Callable[[], object] | None] = Queue()
        self.answers: Queue[Any] = Queue()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while question := self.questions.get():
            try:
                self.answers.put(question())
            except Exception as error:
                self.answers.put(error)
