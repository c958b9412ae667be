"""Take the events of a watch: let changed files settle, look through folders that are new."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from thumbnailer.watcher.observer.events import Event
from thumbnailer.watcher.threads.tasks import Task
from thumbnailer.watcher.work import Work

# When an event is taken again whose disk has not answered.
_AGAIN_SECONDS = 1.0


class Incoming:
    """The events of a watch; its methods are called by the loop.

    Args:
        note_gone: called when something is gone.
    """

    def __init__(self, work: Work, note_gone: Callable[[], None]) -> None:
        self._work, self._note_gone = work, note_gone
        self._postponed: list[Event] = []  # their disk has not answered
        self._next_postponed = 0.0

    def take(self, event: Event) -> None:
        """Take an event, or put it off if the disk does not answer."""
        work, now, path, kind = self._work, time.monotonic(), event.path, event.kind
        is_own = self._is_own_folder(os.path.dirname(path))
        # Polling reports what has taken its place before it reports it as gone. And what is at a
        # path by now may be behind a link that has taken the place of a folder.
        there = work.ask(self._kind_at, path) if is_own is False else None
        if kind == "gone":
            kind = "folder" if there == "folder" else "touched"
        if is_own is None or (event.kind == "gone" and there is None):
            self._postponed.append(event)
            return
        if is_own or (kind == "folder" and work.ask(self._is_own, path)):
            return  # we have caused it
        if event.before:
            work.moves.add(event.before, path, is_folder=kind == "folder")
        if event.kind == "gone":
            self._note_gone()
            work.outcome_filter.forget(path)
            work.settling.add_gone(path, now)
        if there == "":
            if event.kind == "gone":
                work.settling.discard(path)
                work.awaited.pop(path, None)
        elif kind == "folder":  # its pictures may have come before it was watched
            self._walk(path, is_moved=event.is_moved)
        else:
            work.settling.add(path, now, is_closed=kind == "closed")

    def take_postponed(self, now: float) -> None:
        """Take those events again from time to time whose disk has not answered."""
        if self._postponed and now >= self._next_postponed:
            again, self._postponed = self._postponed, []
            self._next_postponed = now + _AGAIN_SECONDS
            for late in again:
                self.take(late)

    def _is_own_folder(self, folder: str) -> bool | None:
        """Return whether a folder holds only thumbnails of ours; None if it does not answer."""
        own_folders = self._work.own_folders
        known = own_folders.get(folder)
        if known is None and (known := self._work.ask(self._is_own, folder)) is not None:
            own_folders[folder] = known
        return known

    def _is_own(self, folder: str) -> bool:
        """Return what `_is_own_folder` does; it waits for the disk."""
        return any(root.is_own(folder) for root in self._work.roots if root.holds(folder))

    def _kind_at(self, path: str) -> str:
        """Return what is at a path, as the first root says that has anything there; "" if none.

        It waits for the disk."""
        kinds = (root.kind_at(path) for root in self._work.roots if root.holds(path))
        return next(filter(None, kinds), "")

    def _walk(self, folder: str, *, is_moved: bool) -> None:
        """Find the pictures in a folder that is new, and those that one that was moved lacks.

        What is deleted or renamed in a folder that has just been moved is told by no event: it was
        not watched for a moment.
        """
        work = self._work

        def find(task: Task) -> None:
            for root in work.roots:
                for inner, pictures in root.folders_below(folder, task):
                    for path in root.removals.gone_from(inner, task) if is_moved else ():
                        work.tasks.hand_over(task, self.take, Event("gone", path))
                    for path in pictures:
                        work.tasks.hand_over(task, work.add_found, path)

        def done(task: Task, result: object) -> None:
            work.walks.discard(task)
            work.failed(result)

        work.walks.add(work.tasks.start(folder, find, done))
