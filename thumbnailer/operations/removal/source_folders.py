"""The SOURCEs of operations that remove thumbnails: folders, or prefixes in buckets."""

from __future__ import annotations

from collections.abc import Iterable

from thumbnailer.config.settings import Settings
from thumbnailer.door.pictures import pictures_at
from thumbnailer.door.places import Path, check_place, paths_of
from thumbnailer.errors import ConfigError, SourceError
from thumbnailer.model import Stop


def source_folders(
    sources: Path | Iterable[Path], settings: Settings, stop: Stop | None = None
) -> list[str]:
    """Return the paths of the SOURCEs, checked.

    Raises:
        SourceError: one does not exist, is no folder or can't be read.
        ConfigError: the thumbnails are in the desktop's cache, or have no place.
    """
    roots = named_folders(sources, settings)
    check_folders(roots, settings, stop)
    return roots


def named_folders(sources: Path | Iterable[Path], settings: Settings) -> list[str]:
    """Return the paths of the SOURCEs, as they were named.

    Raises:
        ConfigError: the thumbnails are in the desktop's cache, or have no place.
    """
    if settings.is_for_desktop:
        raise ConfigError("layout = 'freedesktop': the desktop prunes its cache itself")
    roots = paths_of(sources)
    check_place(settings, *roots)
    return roots


def check_folders(roots: Iterable[str], settings: Settings, stop: Stop | None) -> None:
    """Check that all SOURCEs are folders; raise SourceError if one is not."""
    for root in roots:
        if not pictures_at(root, settings, stop).check():
            raise SourceError(None, "is no folder", root)
