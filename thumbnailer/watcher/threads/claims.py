"""What is being worked at, so that no two pieces of work get in each other's way.

No two take the same picture, or pictures whose thumbnails have the same name, at a time; and none
removes thumbnails while another writes some.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from thumbnailer.config.settings import Settings
from thumbnailer.disk import files
from thumbnailer.formats import possible_formats
from thumbnailer.thumbs.naming import casefolded, thumbnail_name

T = TypeVar("T")

# From so many changes on, those are forgotten that nobody can take for new.
_MANY_CHANGES = 10_000


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
            return files.with_all_folders(self._paths).intersection(paths)

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
