"""Tell folders on disk from buckets: check, scan and plan with the package that is meant."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain

from thumbnailer.config.settings import Settings
from thumbnailer.errors import ConfigError
from thumbnailer.model import Folder, Job, Outcome, Source, Stop
from thumbnailer.scan import folders
from thumbnailer.scan.folders import thumbs_folders
from thumbnailer.thumbs.folders import output_folders, size_folders
from thumbnailer.thumbs.orphans import OrphanSurvey, survey_folders
from thumbnailer.thumbs.plan import THUMBS
from thumbnailer.thumbs.plan import plan as plan_on_disk
from thumbnailer.urls import is_url, refuse_buckets

# str is a Sequence of str: a lone path has to be told from many by its type.
Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def check_source(path: str, settings: Settings, stop: Stop | None = None) -> bool:
    """Check a SOURCE that the caller named, and say whether it is a folder.

    Args:
        stop: once it is set nobody waits for the answer of a bucket.

    Raises:
        SourceMissing: it is not there.
        SourceForbidden: it may not be read.
        SourceError: it can't be read for another reason, or is a folder of thumbnails.
        ConfigError: the extra for buckets is not installed.
    """
    if is_url(path):
        from thumbnailer.buckets import scan as bucket  # with asyncio: 50 ms

        return bucket.check_source(path, settings.endpoint, stop)
    return folders.check_source(path)


def scan(
    path: str, settings: Settings, *, below: str = "", stop: Stop | None = None
) -> Iterator[Source | Outcome]:
    """Yield the pictures of a SOURCE, a folder or a bucket's prefix.

    Args:
        below: the folder an output tree keeps it in.
        stop: once it is set nothing more is read.
    """
    if is_url(path):
        from thumbnailer.buckets.scan import scan

        apart, endpoint = os.fspath(settings.output), settings.endpoint
        return scan(path, below=below, **settings.choice, endpoint=endpoint, apart=apart, stop=stop)
    return folders.scan(path, below=below, **settings.choice, stop=stop)


def plan(
    found: Iterable[Source | Outcome],
    settings: Settings,
    stop: Stop | None,
    *,
    force: bool,
    retry_failed: bool,
    dry_run: bool,
) -> Iterator[Job | Outcome]:
    """Plan the thumbnails of the sources found; the arguments are those of `thumbs.plan.plan`."""
    output = os.fspath(settings.output)
    if is_url(output):
        from thumbnailer.buckets.plan import plan as plan_in_bucket

        return plan_in_bucket(
            found,
            settings.recipes,
            settings.limits,
            output=output,
            endpoint=settings.endpoint,
            verify_etag=settings.verify_etag,
            force=force,
            retry_failed=retry_failed,
            dry_run=dry_run,
            stop=stop,
        )
    return plan_on_disk(
        found,
        settings.recipes,
        settings.limits,
        output=output or None,
        template=settings.name,
        desktop=settings.is_for_desktop,
        force=force,
        retry_failed=retry_failed,
        dry_run=dry_run,
    )


def check_sources(
    sources: Path | Iterable[Path],
    settings: Settings,
    *,
    with_buckets: bool = False,
    stop: Stop | None = None,
) -> tuple[list[str], dict[str, str]]:
    """The sources, and those of them that are folders with where an output tree keeps them.

    Args:
        with_buckets: sources and output may be in a bucket.
        stop: once it is set nobody waits for one.

    Raises:
        SourceError: one is not there or can't be read.
        ConfigError: one is the output folder.
    """
    if isinstance(sources, str | bytes | os.PathLike):
        sources = [sources]
    roots = [os.fsdecode(source) for source in sources]
    if not with_buckets:
        refuse_buckets(*roots, settings.output)
    if any(map(is_url, roots)) and not settings.output:
        raise ConfigError("thumbnails of what is in a bucket need an output: a folder or a bucket")
    if any(map(is_url, roots)) and settings.is_for_desktop:
        raise ConfigError("layout = 'freedesktop': has no place for what is in a bucket")
    folders = [root for root in roots if check_source(root, settings, stop)]
    if settings.output:
        for folder in folders:
            if os.path.realpath(folder) == os.path.realpath(settings.output):
                raise ConfigError(f"output = {settings.output!r}: is a folder of sources itself")
    # Of several sources each folder gets one of its own name in the output tree.
    if len(roots) == 1:
        return roots, dict.fromkeys(folders, "")
    return roots, {folder: os.path.basename(os.path.abspath(folder)) for folder in folders}


def scan_sources(
    places: tuple[list[str], dict[str, str]], settings: Settings, stop: Stop | None
) -> Iterator[Source | Outcome]:
    """What the scan finds in sources; `places` is what `checked` says of them."""
    roots, folders = places
    for root in roots:
        yield from scan(root, settings, below=folders.get(root, ""), stop=stop)


def survey_thumbnails(
    roots: Iterable[str], settings: Settings, stop: Stop | None = None
) -> Iterator[OrphanSurvey]:
    """What each thumbnail folder has of the pictures in some SOURCEs; nothing of the desktop's
    cache, which nobody can look through for them."""
    if settings.is_for_desktop:
        return iter(())
    roots, output = list(roots), os.fspath(settings.output)
    if output:
        return survey_folders(roots, output_folders(output, stop=stop), stop)
    thumbs = chain.from_iterable(
        thumbs_folders(root, stop)
        if settings.recursive and os.path.isdir(root)
        else size_folders(Folder(root if os.path.isdir(root) else os.path.dirname(root), THUMBS))
        for root in roots
    )
    return survey_folders(roots, thumbs, stop)
