"""Build one gallery page from what is planned of the pictures, and write it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Literal

from thumbnailer.activity import Activity
from thumbnailer.config.settings import Settings
from thumbnailer.door.pages import read_page, write_page
from thumbnailer.door.pictures import pictures_at
from thumbnailer.door.thumbs import open_thumbs
from thumbnailer.engine.pool import Pool
from thumbnailer.errors import OutputError, SourceError, shortened
from thumbnailer.gallery.page import (
    SECTION_PICTURES,
    EarlierPage,
    PageSection,
    Row,
    build_page,
    build_row,
    row_without_thumbnail,
    url_between,
    url_of,
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
from thumbnailer.scan.selection import ScanLog
from thumbnailer.thumbs.folder_state import FAILED_BEFORE
from thumbnailer.thumbs.gallery_page import PAGE_NAME, is_our_page


@dataclass(frozen=True, slots=True)
class Page:
    """The report on one page, which was written or was current.

        for page in write_gallery("Pictures").pages:
            print(page.path, page.pictures, page.failed)

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
        folder = self.folder.path
        return f"{folder}/{PAGE_NAME}" if self.folder.is_remote else os.path.join(folder, PAGE_NAME)

    @property
    def title(self) -> str:
        shown = self.roots[0][0] if len(self.roots) == 1 else self.folder.path
        return os.path.basename(os.path.abspath(shown)) or shown


class PageBuilder:
    """A page being built; of most pictures no more is kept than the page will hold.

    Args:
        facts: what workers have found out, by the path of the picture.
        stop: once it is set, nothing more is read, and the page is not to be written.
        activity: is told each picture.

    Raises:
        OutputError: another file has its name, or it can't be read.
    """

    def __init__(
        self,
        location: PageLocation,
        settings: Settings,
        facts: dict[str, HeaderFacts],
        stop: Stop | None,
        activity: Activity | None,
    ) -> None:
        self._location, self._settings, self._facts = location, settings, facts
        self._stop, self._activity = stop, activity
        self._earlier_bytes, self._etag = read_earlier_page(location, settings, stop)
        self._earlier_page = EarlierPage(self._earlier_bytes)
        self._section: PageSection | None = None
        self._sections: list[PageSection | bytes] = []
        self._awaited: dict[str, tuple[PageSection, Row, int]] = {}
        self._folders = self._pictures = self._failed = self._missing = self._looked = 0

    def fill(self, pool: Pool) -> None:
        """Add all pictures, as `plan` finds them; workers read what no earlier page knew.

        Raises:
            SourceError: a bucket can't be listed to its end.
            OutputError: the thumbnails in a bucket can't be listed, or nothing more can be read.
        """
        for root, below in self._location.roots:
            jobs = self._jobs(root, below)
            with closing(pool.imap_unordered(jobs, self._stop)) as outcomes:
                for outcome in outcomes:
                    if outcome.error:
                        raise OutputError(f"stopped early: {outcome.error.reason}")
                    self._add_facts(outcome.source.path)

    def written(self, started: float) -> Page:
        """Write the page unless it is current, and return its report."""
        lines = [one if isinstance(one, bytes) else one.to_bytes() for one in self._sections]
        folder, links = self._location.folder, self._settings.link_prefix
        page = build_page(self._location.title, lines, links)
        is_new = page != self._earlier_bytes
        if is_new:
            try:
                write_page(folder, page, self._etag, self._settings, self._stop)
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

    def _jobs(self, root: str, below: str) -> Iterator[Job]:
        """Add the pictures of a source; yield a job for each whose header has to be read."""
        settings = self._settings
        choice = replace(settings.choice, shard=None)  # a page has all that is there
        choice = choice.logged(ScanLog(choice, self._activity)) if self._activity else choice
        pictures = pictures_at(root, settings, self._stop)
        found = pictures.scan(choice, below=below)
        thumbs = open_thumbs(settings, clean_up=False, stop=self._stop)
        for outcome in thumbs.plan(found, Run(dry_run=True)):
            assert isinstance(outcome, Outcome)
            source, thumbnails = outcome.source, outcome.thumbnails
            if self._activity:
                self._activity.add(source.path, failed=outcome.status == "failed")
            if thumbnails:
                if self._add_picture(source, thumbnails):
                    if not self._location.folder.is_remote:  # else none has a size
                        thumbnails = (min(thumbnails, key=lambda one: one.width * one.height),)
                    yield Job(source, thumbnails, settings.limits)
            elif outcome.error and pictures.is_remote and source.path == root:
                raise SourceError(None, outcome.error.reason, root)  # half a page is none
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
            _fill_in(row, known)
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
        self._section = PageSection(path, self._links_to(folder, path))
        self._sections.append(self._section)
        return self._section

    def _links_to(self, folder: str, path: str) -> str:
        """Return what the links to the pictures of a folder begin with, whose path is in the page.

        "" if there are none.
        """
        prefix = self._settings.link_prefix
        if prefix == "auto":
            return url_between(folder, self._location.folder.path)
        start = prefix and f"{prefix.rstrip('/')}/"
        return f"{start}{url_of(path)}/" if start and path else start

    def _add_facts(self, path: str) -> None:
        """Fill in what a worker has found out about a picture."""
        section, row, at = self._awaited.pop(path)
        if found := self._facts.pop(path, None):
            _fill_in(row, found)
        section.waiting -= 1
        if not section.waiting and section is not self._section:
            self._sections[at] = section.to_bytes()

    def _end_section(self) -> None:
        """End the current section: nothing more is added to it."""
        if self._section and not self._section.waiting:
            self._sections[-1] = self._section.to_bytes()
        self._section = None


def _fill_in(row: Row, facts: HeaderFacts) -> None:
    """Fill facts into a row; also the sizes of its thumbnails, which a bucket's listing lacks."""
    *row[4:8], sizes = facts
    if not row[8][0]:
        for at, size in enumerate(sizes):
            row[8][4 * at : 4 * at + 2] = size


def read_earlier_page(
    location: PageLocation, settings: Settings, stop: Stop | None = None
) -> tuple[bytes, str]:
    """Return the page that exists, b"" if there is none; and its ETag, if it is in a bucket.

    Raises:
        OutputError: it was not made by this program, or can't be read.
    """
    try:
        page, etag = read_page(location.folder, settings, stop)
    except OSError as error:
        raise OutputError(f"{shortened(location.path)}: {error.strerror}") from error
    if page is not None and not is_our_page(page):
        raise OutputError(
            f"{shortened(location.path)} is in the way: it was not made by thumbnailer"
        )
    return page or b"", etag
