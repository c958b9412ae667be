"""Write gallery pages: one for each source, or one for an output tree."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Unpack

from thumbnailer.activity import Activity
from thumbnailer.config.overrides import Overrides, merge_settings
from thumbnailer.config.settings import Settings
from thumbnailer.door.fetchers import header_fetcher
from thumbnailer.door.places import Path, is_remote
from thumbnailer.door.sources import open_sources
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.errors import ConfigError
from thumbnailer.gallery.page_builder import Page, PageBuilder, PageLocation, read_earlier_page
from thumbnailer.model import (
    Answer,
    Failure,
    Folder,
    HeaderFacts,
    Job,
    Outcome,
    Stop,
)
from thumbnailer.operations.removal.other_settings import other_settings
from thumbnailer.thumbs.folders import THUMBS

# A name, not an import: it would also import Pillow, which only workers need.
_READ_HEADER = "thumbnailer.gallery.header_job:read_header"

_NOTHING_MADE = "there is no thumbnail to show: make them first, or add the --output they went to"


@dataclass(frozen=True, slots=True)
class GalleryReport:
    """The pages of a gallery.

        for page in write_gallery("Pictures").pages:
            print(page.path, page.status)

    Attributes:
        notes: what there is to say of all of them, in words.
        seconds: wall time.
    """

    pages: tuple[Page, ...]
    seconds: float
    notes: tuple[str, ...] = ()


def write_gallery(
    sources: Path | Iterable[Path],
    settings: Settings | None = None,
    *,
    stop_event: Stop | None = None,
    **overrides: Unpack[Overrides],
) -> GalleryReport:
    """Write a gallery: `thumbs/index.html` in each source, or `index.html` in the output folder.

        report = write_gallery("Pictures", size=256)
        print(report.pages[0].path)

    Args:
        sources: a folder, or several.
        settings: those that the existing thumbnails were made with; `Settings()` if left out.
        stop_event: once it is set no further page is written.
        **overrides: single settings, such as `size=256` or `output="small"`.

    Raises:
        SourceError: a source is missing, is no folder or can't be read.
        ConfigError: a setting is unknown or impossible; the desktop's cache has no page.
        OutputError: a page can't be written, or another file has its name.
        WorkerError: no worker process can be started.
    """
    started = time.perf_counter()
    chosen = merge_settings(settings, overrides)
    pages = tuple(write_pages(page_locations(sources, chosen), chosen, stop=stop_event))
    notes = notes_on(pages, sources, chosen, stop_event)
    return GalleryReport(pages, time.perf_counter() - started, notes)


def notes_on(
    pages: Iterable[Page],
    sources: Path | Iterable[Path],
    settings: Settings,
    stop: Stop | None = None,
) -> tuple[str, ...]:
    """Return what there is to say of pages that show nothing."""
    pages = list(pages)
    if any(page.pictures for page in pages) or not any(page.missing for page in pages):
        return ()
    return other_settings(open_sources(sources, settings), settings, stop) or (_NOTHING_MADE,)


def page_locations(
    sources: Path | Iterable[Path],
    settings: Settings,
    *,
    for_later: bool = False,
    may_be_empty: bool = False,
) -> list[PageLocation]:
    """Return where the pages go; raise as `write_gallery` does if they can't go there.

    Args:
        for_later: they are not written at once, so one in a bucket is asked for now, too.
        may_be_empty: as for `open_sources`.
    """
    if settings.is_for_desktop:
        raise ConfigError("layout = 'freedesktop': the desktop's cache has no gallery")
    opened = open_sources(sources, settings, may_be_empty=may_be_empty)
    opened.refuse_files("only folders have a gallery")
    if output := os.fspath(settings.output):
        folder = Folder(output.rstrip("/") if is_remote(output) else output, "")
        found = [PageLocation(folder, tuple(opened.folders.items()))]
    else:
        folders = opened.different_folders
        found = [PageLocation(Folder(root, THUMBS), ((root, ""),)) for root in folders]
    for location in found:
        if for_later or not location.folder.is_remote:
            read_earlier_page(location, settings)
    return found


def write_pages(
    locations: Iterable[PageLocation],
    settings: Settings,
    *,
    stop: Stop | None = None,
    activity: Activity | None = None,
) -> Iterator[Page]:
    """Write the pages one after the other, and yield each.

    Args:
        activity: is told each picture, if anybody wants to know.
    """
    facts: dict[str, HeaderFacts] = {}

    def finish(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(answer.result, HeaderFacts):
                facts[job.source.path] = answer.result
            elif isinstance(answer.result, Failure) and answer.result.lasts:
                facts[job.source.path] = HeaderFacts(0, 0, "", "")  # a retry is no use
        return [
            Outcome(job.source, "current", error=_fatal(answer), seconds=answer.seconds)
            for job, answer in zip(jobs, answers, strict=True)
        ]

    locations = list(locations)
    remote = is_remote(settings.output, *(root for one in locations for root, _ in one.roots))
    with new_pool(
        settings, _READ_HEADER, finish, result=HeaderFacts, remote=remote, fetcher=header_fetcher
    ) as pool:
        if activity:
            activity.asked.append(pool.waits_for)
        for location in locations:
            started = time.perf_counter()
            builder = PageBuilder(location, settings, facts, stop, activity)
            builder.fill(pool)
            if stop and stop.is_set():
                return
            yield builder.written(started)


def _fatal(answer: Answer) -> Failure | None:
    """Return the failure after which no other picture can be looked at, either."""
    return answer.result if isinstance(answer.result, Failure) and answer.result.fatal else None
