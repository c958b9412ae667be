"""Check the roots and the output tree: one that vanishes or is unmounted sends no event."""

from __future__ import annotations

import time

from thumbnailer.watcher.threads.tasks import Task
from thumbnailer.watcher.work import RootState, Work

# From the end of one check to the next.
_CHECK_SECONDS = 1.0


class Checks:
    """The checks of a watch, each in a task; called by the loop."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._output_check: Task | None = None
        self._next_output_check = 0.0

    def start_due(self, now: float) -> None:
        """Start the checks that are due; look at everything if the output tree is back."""
        if self._work.output.is_back():
            self._work.rescan_everything()
        for state in self._work.states:
            self._check_root(state, now)
        self._check_output(now)

    def _check_root(self, state: RootState, now: float) -> None:
        """Start a check of a root if one is due; the first opens it."""
        if state.check or now < state.next_check:
            return
        root, check = state.root, state.root.check if state.is_open else state.root.open

        def done(_: Task, result: object) -> None:
            state.check, state.is_open = None, True
            state.next_check = time.monotonic() + _CHECK_SECONDS
            self._work.failed(result)
            if result is True:
                state.rescan_everything()

        state.check = self._work.tasks.start(root.path, lambda task: check(task.is_set), done)

    def _check_output(self, now: float) -> None:
        output = self._work.output
        if not output.path or self._output_check or now < self._next_output_check:
            return

        def done(_: Task, result: object) -> None:
            self._output_check = None
            self._next_output_check = time.monotonic() + _CHECK_SECONDS
            self._work.failed(result)

        self._output_check = self._work.tasks.start(output.path, lambda _: output.check(), done)
