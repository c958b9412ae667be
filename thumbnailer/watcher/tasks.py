"""Work that may wait for a disk, in threads of its own, so that the watch loop goes on meanwhile.

A thread hands what it has over to the loop, which alone changes the state of the watch. No two
pieces of work take the same picture, or pictures whose thumbnails have the same name, at a time.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import Empty, Queue
from typing import Any, TypeVar

from thumbnailer.config.settings import Settings
from thumbnailer.formats import possible_formats
from thumbnailer.model import Stop
from thumbnailer.thumbs.naming import casefolded, thumbnail_name

T = TypeVar("T")

# How long the loop waits for an answer about a path, and how many answers may be owed to it: about
# paths in one folder, and in all.
_ASK_SECONDS, _MOST_OF_FOLDER, _MOST_SILENT = 0.1, 3, 8

# How many outcomes may wait for the loop: threads make no more than it can pass on.
_MOST_WAITING = 100

# From so many changes on, those are forgotten that nobody can take for new.
_MANY_CHANGES = 10_000

# How often a thread that waits for the loop checks whether it should stop.
_CHECK_STOP_SECONDS = 0.1


class Task:
    """A piece of work in a thread, which ends once the task `is_set`, as its stop.

    That it asks for this shows that it goes on. While it waits for workers it asks `for_workers`,
    and has to hand over an outcome from time to time all the same. What workers have begun goes on
    when the task is cancelled.

    Args:
        place: the file or folder that it works at, for people.
        stop: ends all tasks.
        patience_seconds: how long it may wait for a worker.

    Attributes:
        count: how many pictures it has looked at.
        is_cancelled: whether it is to begin nothing more.
    """

    def __init__(self, place: str, stop: Stop, patience_seconds: float) -> None:
        self.place = place
        self.count, self.is_cancelled = 0, False
        self.for_workers: Stop = _WaitForWorkers(self)
        self._stop, self._patience_seconds = stop, patience_seconds
        self._went_on = self._waited = time.monotonic()

    def is_set(self) -> bool:
        """Return whether it must end, and note that it goes on."""
        self._went_on = time.monotonic()
        return self.is_cancelled or self._stop.is_set()

    def cancel(self) -> None:
        """Let it begin nothing more."""
        self.is_cancelled = True

    def is_over(self) -> bool:
        """Return whether all tasks must end, and note that this one waits for a worker."""
        self._waited = time.monotonic()
        return self._stop.is_set()

    def silent_seconds(self, now: float) -> float:
        """Return for how long it has shown no sign of life: its disk does not answer."""
        return now - max(self._went_on, min(self._waited, self._went_on + self._patience_seconds))


class _WaitForWorkers:
    """The stop of a task for the time in which it waits for workers."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def is_set(self) -> bool:
        return self._task.is_over()


class Tasks:
    """The tasks that are running.

    Args:
        post: called by their threads with a function that the loop is to call.
        stop: ends them all.
        patience_seconds: how long one may wait for a worker.
    """

    def __init__(
        self, post: Callable[[Callable[[], None]], None], stop: Stop, patience_seconds: float
    ) -> None:
        self._post, self._stop, self._patience_seconds = post, stop, patience_seconds
        self._threads: dict[Task, threading.Thread] = {}
        self._room = threading.Semaphore(_MOST_WAITING)

    def __len__(self) -> int:
        return len(self._threads)

    def start(
        self,
        place: str,
        work: Callable[[Task], object],
        done: Callable[[Task, object], None],
    ) -> Task:
        """Start a task.

        Args:
            place: as for `Task`.
            work: called in a thread.
            done: called by the loop with what `work` returned or raised.
        """
        task = Task(place, self._stop, self._patience_seconds)

        def run() -> None:
            try:
                result = work(task)
            except Exception as error:
                result = error
            self._post(partial(self._end, task, done, result))

        thread = self._threads[task] = threading.Thread(target=run, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no threads are left
            error = OSError("no thread can be started")
            self._post(partial(self._end, task, done, error))
        return task

    def _end(self, task: Task, done: Callable[[Task, object], None], result: object) -> None:
        del self._threads[task]
        done(task, result)

    def hand_over(self, task: Task, take: Callable[[T], object], item: T) -> None:
        """Let the loop take something; wait if it has enough."""
        while not self._room.acquire(timeout=_CHECK_STOP_SECONDS) and not task.is_over():
            task.is_set()  # it does not hang: the loop has enough to do

        def taken() -> None:
            self._room.release()
            take(item)

        self._post(taken)

    def most_silent(self, now: float) -> tuple[float, str]:
        """Return for how long a task has shown no sign of life, at most, and its place."""
        silences = [(task.silent_seconds(now), task.place) for task in self._threads]
        return max(silences, default=(0.0, ""))

    def join(self, seconds: float) -> None:
        """Wait for all to end, but no longer; one whose disk does not answer can't end."""
        end = time.monotonic() + seconds
        for thread in list(self._threads.values()):
            if thread.ident:
                thread.join(max(0.0, end - time.monotonic()))


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


class Claims:
    """What is being worked at; may be used by all threads.

    Args:
        settings: say which thumbnails have the same name.
    """

    def __init__(self, settings: Settings) -> None:
        self._is_templated = bool(settings.name)
        recipes = settings.recipes.values()
        self._formats = sorted(
            {one for recipe in recipes for one in possible_formats(recipe.format)}
        )
        self._lock = threading.Lock()
        self._paths: dict[str, object] = {}  # each with its owner
        self._names: dict[Hashable, tuple[object, int]] = {}  # owner, and how often it is taken
        self._serial = 0
        self._marks: dict[object, int] = {}
        # Names of thumbnails, and the serial number of the last outcome for each.
        self._changed: dict[Hashable, int] = {}

    def take(self, path: str, owner: object) -> bool:
        """Claim a picture, unless it is claimed, or another owner has the name of its thumbnail."""
        names = self._names_of(path)
        with self._lock:
            if path in self._paths:
                return False
            held = [self._names.get(name, (owner, 0)) for name in names]
            if any(holder is not owner for holder, _ in held):
                return False
            for name, (_, count) in zip(names, held, strict=True):
                self._names[name] = owner, count + 1
            self._paths[path] = owner
        return True

    def release(self, path: str, owner: object, *, is_changed: bool = False) -> None:
        """Give a picture back, if this owner has it.

        Args:
            is_changed: there has been an attempt at its thumbnail.
        """
        names = self._names_of(path)
        with self._lock:
            if self._paths.get(path) is owner:
                del self._paths[path]
                for name in names:
                    _, count = self._names.pop(name)
                    if count > 1:
                        self._names[name] = owner, count - 1
            if is_changed and self._marks:
                self._serial += 1
                self._changed |= dict.fromkeys(names, self._serial)

    def busy(self, paths: Iterable[str]) -> set[str]:
        """Return those of some files and folders that are claimed, or in which something is."""
        with self._lock:
            claimed = {above for path in self._paths for above in _with_folders(path)}
        return {path for path in paths if path in claimed}

    def mark(self, owner: object) -> None:
        """Mark the time at which an owner begins to read what there is of thumbnails."""
        with self._lock:
            self._marks[owner] = self._serial
            oldest = min(self._marks.values())
            if len(self._changed) >= _MANY_CHANGES:
                self._changed = {
                    name: serial for name, serial in self._changed.items() if serial > oldest
                }

    def unmark(self, owner: object) -> None:
        """Forget the mark of an owner."""
        with self._lock:
            self._marks.pop(owner, None)
            if not self._marks:
                self._changed.clear()

    def is_changed(self, path: str, owner: object) -> bool:
        """Return whether what an owner has read of a picture's thumbnail may no longer hold."""
        with self._lock:
            mark = self._marks.get(owner, self._serial)
            return bool(self._changed) and any(
                self._changed.get(name, 0) > mark for name in self._names_of(path)
            )

    def _names_of(self, path: str) -> set[Hashable]:
        folder, name = os.path.split(path)
        if self._is_templated:  # any two of a folder may have thumbnails of one name
            return {folder}
        return {(folder, casefolded(thumbnail_name(name, format))) for format in self._formats}


def _with_folders(path: str) -> Iterator[str]:
    """Yield a path and the folders that it is in."""
    while path:
        yield path
        above = os.path.dirname(path)
        path = above if above != path else ""


class Gate:
    """Lets several threads write thumbnails at a time, or one remove some.

    A folder whose last thumbnail is removed goes, and must not while another is written into it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._writing, self._is_removing, self._waiting = 0, False, 0

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Wait until nothing is removed, and let nothing be until the end."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_removing and not self._waiting)
            self._writing += 1
        try:
            yield
        finally:
            with self._changed:
                self._writing -= 1
                self._changed.notify_all()

    def alone(self, removals: Iterator[T]) -> Iterator[T]:
        """Yield what an iterator removes, which it does while nothing is written."""
        while True:
            with self._removing():
                removal = next(removals, None)
            if removal is None:
                return
            yield removal

    @contextmanager
    def _removing(self) -> Iterator[None]:
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: not self._is_removing and not self._writing)
            self._waiting -= 1
            self._is_removing = True
        try:
            yield
        finally:
            with self._changed:
                self._is_removing = False
                self._changed.notify_all()
