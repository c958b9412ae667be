"""Build one gallery page from what is planned of the pictures, and write it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Literal

from thumbnailer.config.settings import Settings
from thumbnailer.disk import files, new_files
from thumbnailer.door import open_thumbs
from thumbnailer.engine.pool import Pool
from thumbnailer.errors import OutputError, shortened
from thumbnailer.gallery.page import (
    SECTION_PICTURES,
    EarlierPage,
    PageSection,
    Row,
    build_page,
    build_row,
    row_without_thumbnail,
    url_between,
)
from thumbnailer.model import (
    Failure,
    Folder,
    HeaderFacts,
    Job,
    Outcome,
    Run,
    Source,
    Stop,
    Thumbnail,
)
from thumbnailer.scan.folders import scan
from thumbnailer.thumbs.folder_state import FAILED_BEFORE
from thumbnailer.thumbs.folders import holds_files
from thumbnailer.thumbs.gallery_page import PAGE_NAME, is_our_page
from thumbnailer.thumbs.ledger import ledger_file


@dataclass(frozen=True, slots=True)
class Page:
    """The report on one page, which was written or was current.

    Attributes:
        path: of the page.
        pictures: number of pictures with a thumbnail.
        folders: number of folders that the page shows.
        failed: number of pictures whose thumbnails failed; the page says why.
        missing: number of pictures that have no thumbnail for another reason.
        looked: number of pictures whose headers were read, since no earlier page knew them.
        size_bytes: its length.
        status: `current` if it was exactly the same before.
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
class PageLocation:
    """The folder of a page, and the sources it shows, each with the name of its folder in it."""

    folder: Folder
    roots: tuple[tuple[str, str], ...]

    @property
    def path(self) -> str:
        return os.path.join(self.folder.path, PAGE_NAME)

    @property
    def title(self) -> str:
        shown = self.roots[0][0] if len(self.roots) == 1 else self.folder.path
        return os.path.basename(os.path.abspath(shown)) or shown


class PageBuilder:
    """A page being built; of most pictures no more is kept than the page will hold."""

    def __init__(
        self, location: PageLocation, settings: Settings, facts: dict[str, HeaderFacts]
    ) -> None:
        self._location, self._settings, self._facts = location, settings, facts
        self._earlier_bytes = read_earlier_page(location)
        self._earlier_page = EarlierPage(self._earlier_bytes)
        self._section: PageSection | None = None
        self._sections: list[PageSection | bytes] = []
        self._awaited: dict[str, tuple[PageSection, Row, int]] = {}
        self._folders = self._pictures = self._failed = self._missing = self._looked = 0

    def fill(self, pool: Pool, stop: Stop | None) -> None:
        """Add all pictures, as `plan` finds them; workers read what no earlier page knew."""
        for root, below in self._location.roots:
            with closing(pool.imap_unordered(self._jobs(root, below, stop), stop)) as outcomes:
                for outcome in outcomes:
                    self._add_facts(outcome.source.path)

    def written(self, started: float) -> Page:
        """Write the page unless it is current, and return its report."""
        lines = [one if isinstance(one, bytes) else one.to_bytes() for one in self._sections]
        page, folder = build_page(self._location.title, lines), self._location.folder
        is_new = page != self._earlier_bytes
        if is_new:
            try:
                with files.open_folder(folder, create=True) as opened:
                    ledger_file.mark_folder(opened, shared=holds_files(folder.path))
                    new_files.replace(opened, PAGE_NAME, page)
            except OSError as error:
                raise OutputError(f"{shortened(self._location.path)}: {error.strerror}") from error
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

    def _jobs(self, root: str, below: str, stop: Stop | None) -> Iterator[Job]:
        """Add the pictures of a source; yield a job for each whose header has to be read."""
        settings = self._settings
        choice = replace(settings.choice, shard=None)  # a page has all that is there
        found = scan(root, choice, below=below, stop=stop)
        thumbs = open_thumbs(settings, clean_up=False)
        for outcome in thumbs.plan(found, Run(dry_run=True)):
            assert isinstance(outcome, Outcome)
            source = outcome.source
            if outcome.thumbnails:
                smallest = min(outcome.thumbnails, key=lambda one: one.width * one.height)
                if self._add_picture(source, outcome.thumbnails):
                    yield Job(source, (smallest,), settings.limits)
            elif outcome.error and outcome.error.stage != "content":  # not of what is no picture
                self._add_without(source, outcome.error, outcome.status == "failed", root, below)
        self._end_section()

    def _add_picture(self, source: Source, thumbnails: tuple[Thumbnail, ...]) -> bool:
        """Add a picture; return whether its header has to be read."""
        folder, start = os.path.dirname(source.path), self._location.folder.path
        section = self._section_for(source.below, folder)
        if not section.thumbs:
            section.thumbs = [url_between(os.path.dirname(one.path), start) for one in thumbnails]
        row = build_row(source, thumbnails)
        self._pictures += 1
        section.rows.append(row)
        if known := self._earlier_page.facts(source.below, row):
            row[4:8] = known
            return False
        section.waiting += 1
        self._looked += 1
        self._awaited[source.path] = section, row, len(self._sections) - 1
        return True

    def _add_without(
        self, source: Source, error: Failure, failed: bool, root: str, below: str
    ) -> None:
        folder = os.path.dirname(source.path)
        inner = os.path.relpath(folder or os.curdir, root or os.curdir)
        path = os.path.normpath(os.path.join(below, inner))
        section = self._section_for("" if path == os.curdir else path, folder)
        reason = error.reason.removesuffix(FAILED_BEFORE)
        reason = "has no thumbnail with these settings yet" if error.stage == "dry run" else reason
        section.without.append(row_without_thumbnail(source.path, reason, failed=failed))
        self._failed += failed
        self._missing += not failed

    def _section_for(self, path: str, folder: str) -> PageSection:
        if self._section and self._section.path == path and len(self._section) < SECTION_PICTURES:
            return self._section
        self._folders += not (self._section and self._section.path == path)
        self._end_section()
        self._section = PageSection(path, url_between(folder, self._location.folder.path))
        self._sections.append(self._section)
        return self._section

    def _add_facts(self, path: str) -> None:
        """Fill in what a worker has found out about a picture."""
        section, row, at = self._awaited.pop(path)
        if found := self._facts.pop(path, None):
            row[4:8] = found
        section.waiting -= 1
        if not section.waiting and section is not self._section:
            self._sections[at] = section.to_bytes()

    def _end_section(self) -> None:
        """End the current section: nothing more is added to it."""
        if self._section and not self._section.waiting:
            self._sections[-1] = self._section.to_bytes()
        self._section = None


def read_earlier_page(location: PageLocation) -> bytes:
    """Return the page that exists; b"" if there is none.

    Raises:
        OutputError: it was not made by this program, or can't be read.
    """
    try:
        with suppress(FileNotFoundError), files.open_folder(location.folder) as opened:
            page = files.read(opened, PAGE_NAME)
            if not is_our_page(page):
                raise OutputError(
                    f"{shortened(location.path)} is in the way: it was not made by thumbnailer"
                )
            return page
    except OSError as error:
        raise OutputError(f"{shortened(location.path)}: {error.strerror}") from error
    return b""
