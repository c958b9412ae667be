"""Where SOURCEs and thumbnails are: on disk, or in a bucket."""

from __future__ import annotations

import os
from collections.abc import Iterable

from thumbnailer.config.settings import Settings
from thumbnailer.errors import ConfigError, shortened
from thumbnailer.scan.globs import misplaced_glob
from thumbnailer.urls import is_url

# A str is itself an iterable of str, so a single path is told from several by its type.
Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def is_remote(*paths: object) -> bool:
    """Return whether one of the paths is in a bucket."""
    return any(map(is_url, paths))


def paths_of(sources: Path | Iterable[Path]) -> list[str]:
    """Return the SOURCEs that a caller named, one or several, as texts."""
    if isinstance(sources, str | bytes | os.PathLike):
        sources = [sources]
    return [os.fsdecode(source) for source in sources]


def check_place(settings: Settings, *sources: str) -> None:
    """Check that there is a place for the thumbnails of sources in a bucket.

    Raises:
        ConfigError: there is none.
    """
    if is_remote(*sources) and not settings.output:
        raise ConfigError("thumbnails of what is in a bucket need an output: a folder or a bucket")
    if is_remote(*sources) and settings.is_for_desktop:
        raise ConfigError("layout = 'freedesktop': has no place for what is in a bucket")


def check_globs(folders: Iterable[str], settings: Settings) -> None:
    """Check that no glob is the path of what is below some SOURCEs, from elsewhere.

    Raises:
        ConfigError: one is; the message says what is right.
    """
    if not settings.include and not settings.exclude:
        return
    on_disk = [folder for folder in folders if not is_url(folder)]
    for setting in ("include", "exclude"):
        for glob in getattr(settings, setting):
            if fault := misplaced_glob(glob, on_disk):
                raise ConfigError(f"{setting} = {shortened(glob)!r}: {fault}")
