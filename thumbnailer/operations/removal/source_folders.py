"""The SOURCEs of operations that remove thumbnails: folders on disk."""

from __future__ import annotations

from collections.abc import Iterable

from thumbnailer.config.settings import Settings
from thumbnailer.door import Path, paths_of, refuse_buckets
from thumbnailer.errors import ConfigError, SourceError
from thumbnailer.scan.folders import check_source


def source_folders(sources: Path | Iterable[Path], settings: Settings) -> list[str]:
    """Return the paths of the SOURCEs, checked.

    Raises:
        SourceError: one does not exist, is no folder or can't be read.
        ConfigError: one is in a bucket, or the thumbnails are there or in the desktop's cache.
    """
    if settings.is_for_desktop:
        raise ConfigError("layout = 'freedesktop': the desktop prunes its cache itself")
    roots = paths_of(sources)
    refuse_buckets(*roots, settings.output)
    check_folders(roots)
    return roots


def check_folders(roots: Iterable[str]) -> None:
    """Check that all SOURCEs are folders; raise SourceError if one is not."""
    for root in roots:
        if not check_source(root):
            raise SourceError(None, "is no folder", root)
