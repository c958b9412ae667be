"""Find the pictures that a list names, line by line; a line that is wrong fails for itself."""

from __future__ import annotations

import os
from collections.abc import Iterator

from thumbnailer.config.settings import Settings
from thumbnailer.door.pictures import pictures_at
from thumbnailer.door.places import check_globs, check_place, is_remote
from thumbnailer.door.sources import Sources
from thumbnailer.errors import ConfigError, shortened
from thumbnailer.model import Failure, Outcome, Source, Stop
from thumbnailer.scan.selection import Choice
from thumbnailer.scan.unknown_scheme import scheme_fault, without_secrets

# Longer lines are no paths: keys of objects have at most 1024 bytes, paths on Linux 4096.
MAX_LINE_BYTES = 65_536


class ListedPictures:
    """Finder of what the lines of a list name.

    Args:
        opened: the SOURCEs that listed paths lie in, and that say where their thumbnails go and
            which of them are taken; if there is none, each path is a SOURCE of its own.
        choice: which pictures of the SOURCEs are taken.
        stop: once it is set, a bucket's answer is not waited for.
    """

    def __init__(
        self, opened: Sources, settings: Settings, choice: Choice, stop: Stop | None
    ) -> None:
        self._settings, self._choice, self._stop = settings, choice, stop
        self._roots = [
            (pictures_at(root, settings, stop), below) for root, below in opened.folders.items()
        ]
        # With one SOURCE, paths that are not absolute start there.
        self._start = next(iter(opened.folders)) if len(opened.folders) == 1 else ""

    def at(self, line: str) -> Iterator[Source | Outcome]:
        """Yield the picture that a line names, or those of the folder; or an outcome that says why
        there is none. Nothing if the SOURCE's scan would not take it, or it is a thumbnail."""
        if len(os.fsencode(line)) > MAX_LINE_BYTES:
            yield _failed(shortened(line), f"is no path: it has more than {MAX_LINE_BYTES:,} bytes")
        elif "\0" in line:
            yield _failed(line, "is no path: it has a NUL, and the list before it has line ends")
        elif fault := scheme_fault(line):
            yield _failed(without_secrets(line), fault)
        else:
            try:
                yield from self._find(line)
            except ConfigError as error:
                yield _failed(line, str(error))

    def _find(self, line: str) -> Iterator[Source | Outcome]:
        settings, choice = self._settings, self._choice
        if not self._roots:
            check_place(settings, line)
            check_globs(filter(os.path.isdir, [line]), settings)
            return pictures_at(line, settings, self._stop).find("", choice)
        path = line if is_remote(line) else os.path.join(self._start, line)
        for pictures, below in self._roots:
            inner = pictures.inner(path)
            if inner is not None:
                return pictures.find(inner, choice, below=below)
        return iter([_failed(path, "is in none of the SOURCEs")])


def _failed(path: str, reason: str) -> Outcome:
    return Outcome(Source(path, 0, 0), "failed", error=Failure("scan", reason))
