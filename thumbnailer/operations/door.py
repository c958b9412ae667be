"""Check, scan and plan sources on disk or in buckets, with the right package for each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain

from thumbnailer.config.settings import Settings
from thumbnailer.errors import ConfigError
from thumbnailer.model import Folder, Job, Outcome, Source, Stop
from thumbnailer.scan.folders import check_source as check_on_disk
from thumbnailer.scan.folders import scan as scan_on_disk
from thumbnailer.scan.folders import thumbs_folders
from thumbnailer.thumbs.folders import output_folders, size_folders
from thumbnailer.thumbs.orphans import OrphanSurvey, survey_folders
from thumbnailer.thumbs.plan import THUMBS
from thumbnailer.thumbs.plan import plan as plan_on_disk
from thumbnailer.urls import is_url, refuse_buckets

# A str is itself an iterable of str, so a single path is told from several by its type.
Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def check_source(path: str, settings: Settings, stop: Stop | None = None) -> bool:
    """Check a source that the caller named; return whether it is a folder or a prefix.

    Args:
        stop: once it is set, a bucket's answer is not waited for, and the result may be wrong.

    Raises:
        SourceMissing: it does not exist.
        SourceForbidden: there is no permission to read it.
        SourceError: it can't be read for another reason, or is a folder of thumbnails.
        ConfigError: the extra for buckets is not installed.
    """
    if is_url(path):
        from thumbnailer.buckets.scan import check_source as check_in_bucket  # asyncio: 50 ms

        return check_in_bucket(path, settings.endpoint, stop)
    return check_on_disk(path)


def scan(
    path: str, settings: Settings, *, below: str = "", stop: Stop | None = None
) -> Iterator[Source | Outcome]:
    """Yield the pictures of a source: a folder, a bucket's prefix, a file or an object.

    Args:
        below: the source's folder in the output tree, relative to the output folder.
        stop: once it is set nothing more is read.
    """
    if is_url(path):
        from thumbnailer.buckets.scan import scan as scan_in_bucket

        return scan_in_bucket(
            path,
            below=below,
            **settings.choice,
            endpoint=settings.endpoint,
            apart=os.fspath(settings.output),
            stop=stop,
        )
    return scan_on_disk(path, below=below, **settings.choice, stop=stop)


def plan(
    found: Iterable[Source | Outcome],
    settings: Settings,
    stop: Stop | None,
    *,
    force: bool,
    retry_failed: bool,
    dry_run: bool,
) -> Iterator[Job | Outcome]:
    """Yield a job or an outcome for each source found; arguments as for `thumbs.plan.plan`."""
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
    """Check the sources that the caller named; return them and their folders in an output tree.

    Args:
        with_buckets: sources and output may be in a bucket.
        stop: once it is set, a bucket's answer is not waited for.

    Returns:
        All sources; and for each that is a folder, its folder relative to the output folder.

    Raises:
        SourceError: a source does not exist or can't be read.
        ConfigError: a source is the output folder, or is in a bucket where that is not possible.
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
    # With several sources, each folder has a folder of its own name in the output tree.
    if len(roots) == 1:
        return roots, dict.fromkeys(folders, "")
    return roots, {folder: os.path.basename(os.path.abspath(folder)) for folder in folders}


def scan_sources(
    places: tuple[list[str], dict[str, str]], settings: Settings, stop: Stop | None
) -> Iterator[Source | Outcome]:
    """Yield what the scan finds in all sources; `places` is the result of `check_sources`."""
    roots, folders = places
    for root in roots:
        yield from scan(root, settings, below=folders.get(root, ""), stop=stop)


def survey_thumbnails(
    roots: Iterable[str], settings: Settings, stop: Stop | None = None
) -> Iterator[OrphanSurvey]:
    """Yield a survey of each thumbnail folder: its thumbnails of the sources, and its orphans.

    The desktop's cache yields none: its thumbnails can't be searched by source.
    """
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
