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
    LINE_PICTURES,
    NAME,
    Known,
    Line,
    Row,
    is_ours,
    page_of,
    row_of,
    url_between,
    without,
)
from thumbnailer.model import Answer, Facts, Failure, Folder, Job, Outcome, Source, Stop, Thumbnail
from thumbnailer.operations.door import Path, checked
from thumbnailer.scan.folders import scan
from thumbnailer.thumbs import files, ledger
from thumbnailer.thumbs.folder_state import AGAIN, holds_files
from thumbnailer.thumbs.plan import THUMBS, plan

# By name: importing it would import Pillow, which only workers need.
_LOOK = "thumbnailer.gallery.header_job:look"


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
class Spot:
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
    pages = tuple(write_pages(spots(sources, chosen), chosen, stop=stop_event))
    return GalleryReport(pages, time.perf_counter() - started)


def spots(sources: Path | Iterable[Path], settings: Settings) -> list[Spot]:
    """Where the pages go, after a look whether they may; raises as `write_gallery` does."""
    if settings.is_for_desktop:
        raise ConfigError("layout = 'freedesktop': the desktop's cache has no gallery")
    roots, folders = checked(sources, settings)
    for root in roots:
        if root not in folders:
            raise SourceError(None, "is no folder; only folders have a gallery", root)
    if output := os.fspath(settings.output):
        found = [Spot(Folder(output, ""), tuple(folders.items()))]
    else:
        found = [Spot(Folder(root, THUMBS), ((root, ""),)) for root in folders]
    for spot in found:
        _before(spot)
    return found


def write_pages(
    spots: Iterable[Spot], settings: Settings, *, stop: Stop | None = None
) -> Iterator[Page]:
    """Write the pages, one after the other; for `write_gallery`."""
    facts: dict[str, Facts] = {}

    def finish(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(answer.result, Facts):
                facts[job.source.path] = answer.result
            elif isinstance(answer.result, Failure) and answer.result.lasts:
                facts[job.source.path] = Facts(0, 0, "", "")  # it is no use to look again
        return [
            Outcome(job.source, "current", seconds=answer.seconds)
            for job, answer in zip(jobs, answers, strict=True)
        ]

    with new_pool(settings, _LOOK, finish) as pool:
        for spot in spots:
            started = time.perf_counter()
            draft = _Draft(spot, settings, facts)
            draft.fill(pool, stop)
            if stop and stop.is_set():
                return
            yield draft.written(started)


class _Draft:
    """A page while it is put together: of most pictures no more is kept than what it will hold."""

    def __init__(self, spot: Spot, settings: Settings, facts: dict[str, Facts]) -> None:
        self._spot, self._settings, self._facts = spot, settings, facts
        self._before = _before(spot)
        self._known = Known(self._before)
        self._line: Line | None = None
        self._lines: list[Line | bytes] = []
        self._awaited: dict[str, tuple[Line, Row, int]] = {}
        self._folders = self._pictures = self._failed = self._missing = self._looked = 0

    def fill(self, pool: Pool, stop: Stop | None) -> None:
        """Enter what there is, as `plan` has it; workers look at what no earlier page knew."""
        for root, below in self._spot.roots:
            with closing(pool.imap_unordered(self._unknown(root, below, stop), stop)) as looks:
                for look in looks:
                    self._take(look.source.path)

    def written(self, started: float) -> Page:
        """Write the page unless it is there already."""
        lines = [line if isinstance(line, bytes) else line.to_bytes() for line in self._lines]
        page, folder = page_of(self._spot.title, lines), self._spot.folder
        is_new = page != self._before
        if is_new:
            try:
                with files.open_folder(folder, create=True) as opened:
                    ledger.mark(opened, shared=holds_files(folder.path))
                    files.replace(opened, NAME, page)
            except OSError as error:
                raise OutputError(f"{self._spot.path}: {error.strerror}") from error
        return Page(
            self._spot.path,
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
        folder, start = os.path.dirname(source.path), self._spot.folder.path
        line = self._line_for(source.below, folder)
        if not line.thumbs:
            line.thumbs = [url_between(os.path.dirname(one.path), start) for one in thumbnails]
        row = row_of(source, thumbnails, None)
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
        reason = error.reason.removesuffix(AGAIN)
        reason = "has no thumbnail with these settings yet" if error.stage == "dry run" else reason
        line.without.append(without(source.path, reason, failed=failed))
        self._failed += failed
        self._missing += not failed

    def _line_for(self, path: str, folder: str) -> Line:
        if self._line and self._line.path == path and len(self._line) < LINE_PICTURES:
            return self._line
        self._folders += not (self._line and self._line.path == path)
        self._close()
        self._line = Line(path, url_between(folder, self._spot.folder.path))
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


def _before(spot: Spot) -> bytes:
    """The page that is there; b"" if there is none.

    Raises:
        OutputError: what is there is not ours, or can't be read.
    """
    try:
        with suppress(FileNotFoundError), files.open_folder(spot.folder) as opened:
            page = files.read(opened, NAME)
            if not is_ours(page):
                raise OutputError(f"{spot.path} is in the way: it was not made by thumbnailer")
            return page
    except OSError as error:
        raise OutputError(f"{spot.path}: {error.strerror}") from error
    return b""
