"""Choose by their names alone which pictures a scan takes and which folders it enters."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache

from thumbnailer.activity import Activity
from thumbnailer.formats import lacks_ending, name_filter, unread_format
from thumbnailer.scan.globs import glob_matcher
from thumbnailer.scan.left_out import HIDDEN, WITHOUT_ENDING, is_named, left_out_as
from thumbnailer.scan.shard import Shard


@dataclass(frozen=True, slots=True)
class Choice:
    """Which pictures a scan takes of a SOURCE; paths are relative to that SOURCE.

    What `left_out` knows is left out unless a glob of `include` names it; then pictures are taken
    there that this glob matches.

    Attributes:
        recursive: whether subfolders are entered.
        include: globs; only pictures that match one are taken.
        exclude: globs; folders and pictures that match one are left out.
        also: formats to take besides the usual ones, as named in `Limits.also`.
        by_content: whether files without an ending are taken, of which workers tell what they are.
        shard: of which part the pictures are taken; the scan yields the others as `elsewhere`.
        log: is told what scans meet, if anybody wants to know.
    """

    recursive: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    by_content: bool = False
    shard: Shard | None = None
    log: ScanLog | None = field(default=None, compare=False, repr=False)

    def logged(self, log: ScanLog | None) -> Choice:
        """Return the same choice with another log."""
        return replace(self, log=log)

    def reading(self, folder: str) -> AbstractContextManager[None]:
        """Return a block in which the log says that a folder on a disk is being read."""
        return self.log.reading(folder) if self.log else nullcontext()

    @property
    def is_picture(self) -> Callable[[str], bool]:
        """Predicate that tells by a file's name alone whether it is, or may be, a picture."""
        is_picture = _picture_filter(self.also, self.include, self.by_content)
        return self.log.watching(is_picture, self) if self.log else is_picture

    def selected(self, folder: str, names: list[str]) -> list[str]:
        """Return the names of a folder's pictures that the globs select."""
        if not self.include and not self.exclude:
            return names
        return [name for name in names if self.takes(os.path.join(folder, name))]

    def takes(self, path: str) -> bool:
        """Return whether the globs select a picture.

        The folders on its path are not checked: they must be some that the scan enters.
        """
        if self.log:
            self.log.note(path, is_folder=False)
        return self._includes(path) and not (
            self.exclude and glob_matcher(self.exclude, folders=False)(path)
        )

    def is_elsewhere(self, path: bytes) -> bool:
        """Return whether a picture belongs to another shard, by its path as for `Shard.has`."""
        return self.shard is not None and not self.shard.has(path)

    def enters_from_above(self, folder: str) -> bool:
        """Return whether the scan enters a folder, if it enters the one that holds it."""
        if self.log:
            self.log.note(folder, is_folder=True)
        name = folder[max(folder.rfind("/"), folder.rfind(os.sep)) + 1 :]
        return self.recursive and self._enters_name(name) and not self._leaves_out(folder)

    def enters(self, folder: str) -> bool:
        """Return whether the scan enters a folder, judged by its path alone."""
        if folder in ("", os.curdir):
            return True
        parts = folder.split(os.sep)
        if not self.recursive or not all(is_taken(name, self.include) for name in parts):
            return False
        above = (os.sep.join(parts[:depth]) for depth in range(1, len(parts) + 1))
        return not any(map(self._leaves_out, above))

    def finds(self, path: str) -> bool:
        """Return whether the scan takes a picture, judged by its path alone."""
        folder, name = os.path.split(path)
        return self.enters(folder) and self.is_picture(name) and self.takes(path)

    def _enters_name(self, name: str) -> bool:
        """Return whether folders of a name are entered, and log those that are not."""
        if is_taken(name, self.include):
            return True
        if self.log and self.recursive and (pattern := left_out_as(name)) != HIDDEN:
            self.log.left_out[pattern] += 1
        return False

    def _includes(self, path: str) -> bool:
        globs = self.include
        if not globs:
            return True
        if names := [name for name in path.split(os.sep) if not is_taken(name)]:
            globs = tuple(glob for glob in globs if all(is_named(name, glob) for name in names))
        return bool(globs) and glob_matcher(globs, folders=False)(path)

    def _leaves_out(self, folder: str) -> bool:
        """Return whether a glob leaves out a folder."""
        return bool(self.exclude) and glob_matcher(self.exclude, folders=True)(folder)


ALL_PICTURES = Choice()


class ScanLog:
    """Log of what the scans of a run meet: which globs have matched something, what is left out.

    Args:
        choice: what they take.
        activity: is told which folder is being read, if anybody wants to know.

    Attributes:
        left_out: how many pictures were left out as `HIDDEN`, how many folders and pictures as
            each of `LEFT_OUT`, and how many files as `WITHOUT_ENDING`.
        unread: how many pictures were left out since their format is not read, by its name.
    """

    def __init__(self, choice: Choice, activity: Activity | None = None) -> None:
        self._activity = activity
        # What pictures and folders are compared with, until it has matched.
        self._unmatched = dict.fromkeys(
            [
                *(("include", glob) for glob in choice.include),
                *(("exclude", glob) for glob in choice.exclude),
            ]
        )
        self.left_out: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self._begun = self._finished = 0

    def begin(self) -> None:
        """Note that the scan of a folder tree begins."""
        self._begun += 1

    def finish(self) -> None:
        """Note that such a scan has seen everything."""
        self._finished += 1

    @contextmanager
    def reading(self, folder: str) -> Iterator[None]:
        """Say that a folder is being read, as long as the block lasts."""
        if not self._activity:
            yield
            return
        self._activity.reading = folder
        try:
            yield
        finally:
            self._activity.reading = ""

    def note(self, path: str, *, is_folder: bool) -> None:
        """Note a picture, or a folder even if it is not entered, by its path below the SOURCE."""
        if self._unmatched:
            self._drop_matching(path, "exclude", is_folder=is_folder)
            if not is_folder:
                self._drop_matching(path, "include", is_folder=False)

    def watching(self, is_picture: Callable[[str], bool], choice: Choice) -> Callable[[str], bool]:
        """Return `is_picture` so that what it leaves out is counted, if it has a picture's name."""
        has_ending = _ending_filter(choice.also, choice.by_content)
        quiet = choice.logged(None)

        def counted(name: str) -> bool:
            if is_picture(name):
                return True
            if has_ending(name):
                self.left_out[left_out_as(name)] += 1
                self._drop_matching(name, "exclude", is_folder=False)  # was right, if needless
            elif (format := unread_format(name, choice.also)) and quiet.takes(name):
                self.unread[format] += is_taken(name)
            elif lacks_ending(name) and is_taken(name) and quiet.takes(name):
                self.left_out[WITHOUT_ENDING] += 1
            return False

        return counted

    def _drop_matching(self, path: str, setting: str, *, is_folder: bool) -> None:
        for key in [key for key in self._unmatched if key[0] == setting]:
            if glob_matcher((key[1],), folders=is_folder)(path):
                del self._unmatched[key]

    def unmatched(self) -> list[str]:
        """Return in words which globs matched nothing; nothing unless all scans saw everything."""
        if not self._begun or self._begun != self._finished:
            return []
        return [f"--{setting} {glob!r} matched nothing" for setting, glob in self._unmatched]


def is_taken(name: str, include: tuple[str, ...] = ()) -> bool:
    """Return whether folders and pictures of a name are entered and taken.

    Args:
        include: globs that may name what is left out.
    """
    # In a bucket, a folder may be called "." or "..": its pictures are told of one by one.
    is_left_out = left_out_as(name) and name not in (".", "..")
    return not is_left_out or any(is_named(name, glob) for glob in include)


def _ending_filter(also: tuple[str, ...], by_content: bool) -> Callable[[str], bool]:
    has_ending = name_filter(also)
    return (lambda name: has_ending(name) or lacks_ending(name)) if by_content else has_ending


@lru_cache
def _picture_filter(
    also: tuple[str, ...], include: tuple[str, ...], by_content: bool
) -> Callable[[str], bool]:
    has_ending = _ending_filter(also, by_content)
    return lambda name: has_ending(name) and (not left_out_as(name) or is_taken(name, include))
