"""Exceptions that a caller may catch.

    ThumbnailError        anything this package raises on purpose
    ├─ PictureError       one picture could not be made into a thumbnail (`make_thumbnail`)
    ├─ ConfigError        a setting is unknown, of the wrong type or impossible (a ValueError)
    ├─ SourceError        a SOURCE can't be used (an OSError with `filename`)
    │  ├─ SourceMissing   ... because it does not exist (a FileNotFoundError)
    │  └─ SourceForbidden ... because it may not be read (a PermissionError)
    ├─ OutputError        the output can't be written: no such folder, disk full, read-only
    ├─ PruneRefused       more than half of all thumbnails would be removed (`prune`)
    └─ WorkerError        no worker process can be started or works, or a cluster can't be used

`except ThumbnailError` catches them all.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from functools import cache

# The most characters of a path or value in a message, which may hold a whole upload by mistake.
_MOST_SHOWN = 200


class ThumbnailError(Exception):
    """Base class of every exception that this package raises on purpose.

        try:
            make_thumbnails("Pictures")
        except ThumbnailError as error:
            print(error)

    The text of each says what is wrong, in words for people.
    """


class PictureError(ThumbnailError):
    """Failure to make a thumbnail of one picture.

        try:
            make_thumbnail("broken.jpg")
        except PictureError as error:
            print(error.source, error.stage, error.reason)

    Attributes:
        source: path of the picture; `<content>` if there is none.
        stage: the step that failed, such as `open`, `limits` or `decode`; in a `Thumbnailer` also
            `timeout` and `crashed`.
        reason: why it failed, in words for people.
    """

    def __init__(self, source: str, stage: str, reason: str) -> None:
        super().__init__(source, stage, reason)
        self.source: str = source
        self.stage: str = stage
        self.reason: str = reason

    def __str__(self) -> str:
        return f"{shortened(self.source)}: {self.stage}: {self.reason}"


class ConfigError(ThumbnailError, ValueError):
    """Setting that is unknown, of the wrong type or impossible.

        try:
            make_thumbnails("Pictures", quality=500)
        except ConfigError as error:
            print(error)

    Its text names the setting, and what is right.
    """


class SourceError(ThumbnailError, OSError):
    """SOURCE that can't be used.

        try:
            make_thumbnail("Pictures")
        except SourceError as error:
            print(error.filename, error.strerror)

    Attributes:
        filename: its path or URL.
        strerror: why, in words for people.
        errno: the system's number for that; None if it was not the system that said so.
    """

    def __str__(self) -> str:
        return f"{shortened(self.filename)}: {self.strerror}"


class SourceMissing(SourceError, FileNotFoundError):
    """SOURCE that does not exist.

        try:
            make_thumbnails("Pictuers")
        except SourceMissing as error:
            print(error.filename)

    Its attributes are those of `SourceError`.
    """


class SourceForbidden(SourceError, PermissionError):
    """SOURCE that this user may not read.

        try:
            make_thumbnails("Pictures")
        except SourceForbidden as error:
            print(error.filename)

    Its attributes are those of `SourceError`.
    """


class OutputError(ThumbnailError):
    """Output that can't be written: its folder is not there, or the disk is full or read-only.

        try:
            make_thumbnail("photo.jpg", "no such folder/small.jpg")
        except OutputError as error:
            print(error)

    Its text names the path, and why.
    """


class PruneRefused(ThumbnailError):
    """Refusal to prune: more than half of all thumbnails would go, which looks like a mistake.

        try:
            prune("Pictures", stale=True, size=512)
        except PruneRefused as error:
            print(error)

    Its text says how many would go, and why. The command `clean` raises it, too, unless it is told
    to go on.
    """


class WorkerError(ThumbnailError):
    """Lack of what all pictures need.

        try:
            make_thumbnails("Pictures")
        except WorkerError as error:
            print(error)

    No worker process can be started, or none works; too many files are open; or a cluster can't be
    used or is lost. Its text says which.
    """


def shortened(text: str) -> str:
    """Return a path or value as a message shows it: a long one without its middle."""
    if len(text) <= _MOST_SHOWN:
        return text
    half = _MOST_SHOWN // 2 - 2
    return f"{text[:half]}...{text[-half:]}"


def closest_match(word: str, words: Collection[str]) -> str:
    """Return the word of a list that an abbreviated or misspelt word probably means, or ""."""
    import difflib  # takes 1 ms; needed only after a mistake

    completions = {one for one in words if one.startswith(word)}
    if len(completions) == 1:
        return completions.pop()
    return next(iter(difflib.get_close_matches(word, words, n=1)), "")


def install_hint(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install '{_distribution_name()}[{extra}]'"


@cache
def _distribution_name() -> str:
    """Return the name under which this program is installed, by the command that it brought.

    Not by `packages_distributions`, which misses editable installations.
    """
    from importlib.metadata import entry_points  # takes 40 ms

    with suppress(Exception):  # the damaged metadata of any other package raises anything
        for script in entry_points(group="console_scripts", name="thumbnailer"):
            if script.value == "thumbnailer.__main__:main" and script.dist:
                return script.dist.name
    return "batch-thumbnailer"  # not installed: a source tree or a frozen program
