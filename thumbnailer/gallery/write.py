"""The use that shows: what there is of each folder becomes a page."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Literal, Unpack

from thumbnailer.config.overrides import Overrides, merged
from thumbnailer.config.settings import Settings
from thumbnailer.engine.pool import Pool
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.errors import ConfigError, OutputError, SourceError
from thumbnailer.gallery.page import (
    NAME,
    SECTION_PICTURES,
    EarlierPage,
    PageSection,
    Row,
    build_page,
    build_row,
    is_ours,
    row_without_thumbnail,
    url_between,
)
from thumbnailer.model import (
    Answer,
    Failure,
    Folder,
    HeaderFacts,
    Job,
    Outcome,
    Source,
    Stop,
    Thumbnail,
)
from thumbnailer.operations.door import Path, check_sources
from thumbnailer.scan.folders import scan
from thumbnailer.thumbs import files, ledger
from thumbnailer.thumbs.folder_state import FAILED_BEFORE, holds_files
from thumbnailer.thumbs.plan import THUMBS, plan

# By name: importing it would import Pillow, which only workers need.
_READ_HEADER = "thumbnailer.gallery.header_job:read_header"


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was written.

    Attributes:
        path: of the page.
        pictures: how many it shows.
        folders: that they are in.
        failed: pictures that could not be made; the page says why.
        missing: pictures that have no thumbnail for another reason.
        looked: pictures that had to be looked at, since no earlier page knew them.
        size_bytes: its length.
        status: `current` if it was just the same before.
        seconds: wall time.
    """

    path: str
    pictures: int
    folders: int
    failed: int
    missing: int
    looked: int
    size_bytes: int
    status: Literal["written", "current"]
    seconds: float


@dataclass(frozen=True, slots=True)
class GalleryReport:
    """The pages of a gallery; `seconds` is wall time."""

    pages: tuple[Page, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class PageLocation:
    """Where a page goes, and the SOURCEs that it shows with the names that they have in it."""

    folder: Folder
    roots: tuple[tuple[str, str], ...]

    @property
    def path(self) -> str:
        return os.path.join(self.folder.path, NAME)

    @property
    def title(self) -> str:
        shown = self.roots[0][0] if len(self.roots) == 1 else self.folder.path
        return os.path.basename(os.path.abspath(shown)) or shown


def write_gallery(
    sources: Path | Iterable[Path],
    settings: Settings | None = None,
    *,
    stop_event: Stop | None = None,
    **overrides: Unpack[Overrides],
) -> GalleryReport:
    """Write a page with the thumbnails that there are: `thumbs/index.html` in each source, or one
    `index.html` in the output folder.

    Args:
        sources: a folder, or several.
        settings: those that the thumbnails were made with; `Settings()` if left out.
        stop_event: once it is set nothing more is written.
        **overrides: single settings, such as `size=256` or `output="small"`.

    Raises:
        SourceError: a source is not there, is no folder or can't be read.
        ConfigError: a setting is unknown or impossible; the desktop's cache has no page.
        OutputError: a page can't be written, or what has its name is not ours.
        WorkerError: no worker process can be started.
    """
    started = time.perf_counter()
    chosen = merged(settings, overrides)
    pages = tuple(write_pages(page_locations(sources, chosen), chosen, stop=stop_event))
    return GalleryReport(pages, time.perf_counter() - started)


def page_locations(sources: Path | Iterable[Path], settings: Settings) -> list[PageLocation]:
    """Where the pages go, after a look whether they may; raises as `write_gallery` does."""
    if settings.is_for_desktop:
        raise ConfigError("layout = 'freedesktop': the desktop's cache has no gallery")
    roots, folders = check_sources(sources, settings)
    for root in roots:
        if root not in folders:
            raise SourceError(None, "is no folder; only folders have a gallery", root)
    if output := os.fspath(settings.output):
        found = [PageLocation(Folder(output, ""), tuple(folders.items()))]
    else:
        found = [PageLocation(Folder(root, THUMBS), ((root, ""),)) for root in folders]
    for location in found:
        _earlier_page(location)
    return found


def write_pages(
    locations: Iterable[PageLocation], settings: Settings, *, stop: Stop | None = None
) -> Iterator[Page]:
    """Write the pages, one after the other; for `write_gallery`."""
    facts: dict[str, HeaderFacts] = {}

    def finish(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(answer.result, HeaderFacts):
                facts[job.source.path] = answer.result
            elif isinstance(answer.result, Failure) and answer.result.lasts:
                facts[job.source.path] = HeaderFacts(0, 0, "", "")  # it is no use to look again
        return [
            Outcome(job.source, "current", seconds=answer.seconds)
            for job, answer in zip(jobs, answers, strict=True)
        ]

    with new_pool(settings, _READ_HEADER, finish) as pool:
        for location in locations:
            started = time.perf_counter()
            builder = _PageBuilder(location, settings, facts)
            builder.fill(pool, stop)
            if stop and stop.is_set():
                return
            yield builder.written(started)


class _PageBuilder:
    """A page while it is put together: of most pictures no more is kept than what it will hold."""

    def __init__(
        self, location: PageLocation, settings: Settings, facts: dict[str, HeaderFacts]
    ) -> None:
        self._location, self._settings, self._facts = location, settings, facts
        self._before = _earlier_page(location)
        self._known = EarlierPage(self._before)
        self._line: PageSection | None = None
        self._lines: list[PageSection | bytes] = []
        self._awaited: dict[str, tuple[PageSection, Row, int]] = {}
        self._folders = self._pictures = self._failed = self._missing = self._looked = 0

    def fill(self, pool: Pool, stop: Stop | None) -> None:
        """Enter what there is, as `plan` has it; workers look at what no earlier page knew."""
        for root, below in self._location.roots:
            with closing(pool.imap_unordered(self._unknown(root, below, stop), stop)) as outcomes:
                for outcome in outcomes:
                    self._take(outcome.source.path)

    def written(self, started: float) -> Page:
        """Write the page unless it is there already."""
        lines = [line if isinstance(line, bytes) else line.to_bytes() for line in self._lines]
        page, folder = build_page(self._location.title, lines), self._location.folder
        is_new = page != self._before
        if is_new:
            try:
                with files.open_folder(folder, create=True) as opened:
                    ledger.mark_folder(opened, shared=holds_files(folder.path))
                    files.replace(opened, NAME, page)
            except OSError as error:
                raise OutputError(f"{self._location.path}: {error.strerror}") from error
        return Page(
            self._location.path,
            self._pictures,
            self._folders,
            self._failed,
            self._missing,
            self._looked,
            len(page),
            "written" if is_new else "current",
            time.perf_counter() - started,
        )

    def _unknown(self, root: str, below: str, stop: Stop | None) -> Iterator[Job]:
        """A job for each picture that has to be looked at; the others are entered as they come."""
        settings = self._settings
        outcomes = plan(
            scan(root, below=below, **settings.choice, stop=stop),
            settings.recipes,
            settings.limits,
            output=os.fspath(settings.output) or None,
            template=settings.name,
            dry_run=True,
        )
        for outcome in outcomes:
            assert isinstance(outcome, Outcome)
            source = outcome.source
            if outcome.thumbnails:
                smallest = min(outcome.thumbnails, key=lambda one: one.width * one.height)
                if self._enter(source, outcome.thumbnails):
                    yield Job(source, (smallest,), settings.limits)
            elif outcome.error:
                self._enter_without(source, outcome.error, outcome.status == "failed", root, below)
        self._close()

    def _enter(self, source: Source, thumbnails: tuple[Thumbnail, ...]) -> bool:
        """Enter a picture; whether it has to be looked at."""
        folder, start = os.path.dirname(source.path), self._location.folder.path
        line = self._line_for(source.below, folder)
        if not line.thumbs:
            line.thumbs = [url_between(os.path.dirname(one.path), start) for one in thumbnails]
        row = build_row(source, thumbnails, None)
        self._pictures += 1
        line.rows.append(row)
        if known := self._known.facts(source.below, row):
            row[4:8] = known.width, known.height, known.taken, known.colour
            return False
        line.waiting += 1
        self._looked += 1
        self._awaited[source.path] = line, row, len(self._lines) - 1
        return True

    def _enter_without(
        self, source: Source, error: Failure, failed: bool, root: str, below: str
    ) -> None:
        folder = os.path.dirname(source.path)
        inner = os.path.relpath(folder or os.curdir, root or os.curdir)
        path = os.path.normpath(os.path.join(below, inner))
        line = self._line_for("" if path == os.curdir else path, folder)
        reason = error.reason.removesuffix(FAILED_BEFORE)
        reason = "has no thumbnail with these settings yet" if error.stage == "dry run" else reason
        line.without.append(row_without_thumbnail(source.path, reason, failed=failed))
        self._failed += failed
        self._missing += not failed

    def _line_for(self, path: str, folder: str) -> PageSection:
        if self._line and self._line.path == path and len(self._line) < SECTION_PICTURES:
            return self._line
        self._folders += not (self._line and self._line.path == path)
        self._close()
        self._line = PageSection(path, url_between(folder, self._location.folder.path))
        self._lines.append(self._line)
        return self._line

    def _take(self, path: str) -> None:
        """Enter what a worker has found out."""
        line, row, at = self._awaited.pop(path)
        if found := self._facts.pop(path, None):
            row[4:8] = found.width, found.height, found.taken, found.colour
        line.waiting -= 1
        if not line.waiting and line is not self._line:
            self._lines[at] = line.to_bytes()

    def _close(self) -> None:
        """No more comes into this line."""
        if self._line and not self._line.waiting:
            self._lines[-1] = self._line.to_bytes()
        self._line = None


def _earlier_page(location: PageLocation) -> bytes:
    """The page that is there; b"" if there is none.

    Raises:
        OutputError: what is there is not ours, or can't be read.
    """
    try:
        with suppress(FileNotFoundError), files.open_folder(location.folder) as opened:
            page = files.read(opened, NAME)
            if not is_ours(page):
                raise OutputError(f"{location.path} is in the way: it was not made by thumbnailer")
            return page
    except OSError as error:
        raise OutputError(f"{location.path}: {error.strerror}") from error
    return b""
