"""Count pictures and the states of their thumbnails; write nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Unpack

from thumbnailer.activity import Activity
from thumbnailer.config.overrides import Overrides, merge_settings
from thumbnailer.config.settings import Settings
from thumbnailer.door.places import Path
from thumbnailer.door.sources import open_sources
from thumbnailer.model import Outcome, Source, Stop
from thumbnailer.operations.removal.other_settings import other_settings
from thumbnailer.operations.thumbnail_state import (
    ThumbnailState,
    asked_for,
    survey_thumbnails,
    thumbnail_states,
)
from thumbnailer.scan.selection import ScanLog
from thumbnailer.thumbs.folder_state import FAILED_BEFORE

# How many pictures are named for each reason.
_SOURCES_PER_REASON = 3

# Some reasons contain a name, so each of a million thumbnails can have its own. After this many
# reasons, all others are counted together.
_MOST_REASONS = 100
_OTHERS = "for other reasons"


StatusItemState = Literal["stale", "missing", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason why thumbnails are not current, with their number and the first pictures.

        for one in status("Pictures").stale_reasons:
            print(one.reason, one.thumbnails, one.sources)

    Attributes:
        thumbnails: how many thumbnails have this reason.
        sources: paths of the first pictures, three at most.
    """

    reason: str
    thumbnails: int
    sources: tuple[str, ...]


@dataclass(slots=True)
class StatusReport:
    """Counts of pictures and of their thumbnails by state.

        report = status("Pictures")
        print(report.pictures, report.current, report.size_bytes)

    Attributes:
        pictures: how many the scan found, like `Report.found`.
        skipped: how many of these are no file, or no picture, or were named twice.
        current, stale, missing, failed: wanted thumbnails by state. A picture or folder that can't
            be read counts as one failed thumbnail.
        stale_reasons, failed_reasons: why they are stale or failed, the most frequent reason first.
        orphaned: thumbnails whose picture is gone.
        unknown: thumbnails of which it can't be told whether their picture is gone, as of those on
            a disk that may not be mounted, and thumbnail folders that can't be read.
        thumbnails: all existing thumbnails of these pictures, also with other settings, and the
            orphaned; in the desktop's cache only the current ones.
        size_bytes, orphaned_bytes: total length of these thumbnails, and of the orphaned.
        unread: how many pictures were left out since their format is not read, by its name.
        notes: what there is to say of all of it, as in `Report`.
        seconds: wall time.
    """

    pictures: int = 0
    skipped: int = 0
    current: int = 0
    stale: int = 0
    missing: int = 0
    failed: int = 0
    stale_reasons: tuple[Reason, ...] = ()
    failed_reasons: tuple[Reason, ...] = ()
    orphaned: int = 0
    unknown: int = 0
    thumbnails: int = 0
    size_bytes: int = 0
    orphaned_bytes: int = 0
    unread: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


class StatusItem(NamedTuple):
    """A thumbnail that is not current; if `path` is "", a picture that can have no thumbnail."""

    path: str
    source: str
    state: StatusItemState
    reason: str


def status(
    sources: Path | Iterable[Path], settings: Settings | None = None, **overrides: Unpack[Overrides]
) -> StatusReport:
    """Count the pictures of folders and files, and their thumbnails by state.

        report = status("Pictures")
        print(report.missing + report.stale, "to be made")

    A thumbnail is current if it was made from its picture as it is now and with these settings,
    stale if it was made otherwise, missing if it does not exist, and failed if it could not be
    made. Nothing is written and no picture is opened.

    Args:
        sources: a folder or a file, or several of these.
        settings: what the thumbnails should look like and where they are; `Settings()` if left out.
        **overrides: single settings, such as `size=256` or `output="small"`.

    Raises:
        SourceError: a source does not exist or can't be read.
        ConfigError: a setting is unknown or impossible.
    """
    report = StatusReport()
    for _ in iter_status(sources, merge_settings(settings, overrides), report):
        pass
    return report


def iter_status(
    sources: Path | Iterable[Path],
    settings: Settings,
    report: StatusReport,
    *,
    stop: Stop | None = None,
    activity: Activity | None = None,
) -> Iterator[StatusItem]:
    """Check the sources, then return the iterator over the thumbnails that are not current.

    The iterator counts in `report`, which is complete at its end. Used by `status`.

    Args:
        activity: is told each picture, if anybody wants to know.
    """
    started = time.perf_counter()
    opened, log = open_sources(sources, settings, stop=stop), ScanLog(settings.choice, activity)

    def found() -> Iterator[Source | Outcome]:
        for item in opened.scan(settings, settings.choice.logged(log), stop):
            if stop and stop.is_set():
                return
            report.pictures += isinstance(item, Outcome) or not item.elsewhere
            if activity:
                path = item.source.path if isinstance(item, Outcome) else item.path
                activity.done, activity.path = report.pictures, path
            yield item

    def counted() -> Iterator[StatusItem]:
        reasons, asked = _Reasons(), asked_for(opened, settings)
        for item in thumbnail_states(found(), settings, asked, quick=True):
            if isinstance(item, Outcome):
                if item.status == "current":
                    report.current += len(item.thumbnails)
                    continue
                one = _item_of_outcome(item)
            elif item.made:
                report.current += 1
                if settings.is_for_desktop:
                    report.thumbnails += 1
                    report.size_bytes += item.made.size_bytes
                continue
            else:
                one = _item_of_state(item)
            setattr(report, one.state, getattr(report, one.state) + 1)
            reasons.add(one)
            yield one
        for survey in survey_thumbnails(opened, settings, asked, stop):
            report.thumbnails += survey.thumbnails.total()
            report.size_bytes += survey.size_bytes
            report.orphaned += survey.orphaned
            report.orphaned_bytes += sum(orphan.size_bytes or 0 for orphan in survey.orphans)
            report.unknown += len(survey.unknown)
            report.unknown += sum(orphan.file_exists for orphan in survey.doubtful)
        report.stale_reasons, report.failed_reasons = reasons.of("stale"), reasons.of("failed")
        report.unread = dict(log.unread)
        report.notes = (*opened.notes, *log.unmatched())
        if not report.current and (report.missing or report.stale):
            report.notes += other_settings(opened, settings, stop)
        report.seconds = time.perf_counter() - started

    return counted()


class _Reasons:
    """The reasons why thumbnails are not current, with the first pictures of each."""

    def __init__(self) -> None:
        self._sources: dict[tuple[str, str], list[str]] = {}
        self._frequency = Counter[tuple[str, str]]()

    def add(self, one: StatusItem) -> None:
        key = one.state, one.reason
        if key not in self._sources and len(self._sources) >= _MOST_REASONS:
            key = one.state, _OTHERS
        self._frequency[key] += 1
        sources = self._sources.setdefault(key, [])
        if len(sources) < _SOURCES_PER_REASON:
            sources.append(one.source)

    def of(self, state: str) -> tuple[Reason, ...]:
        """Return the reasons of a state, the most frequent first."""
        return tuple(
            Reason(key[1], frequency, tuple(self._sources[key]))
            for key, frequency in self._frequency.most_common()
            if key[0] == state
        )


def _item_of_outcome(outcome: Outcome) -> StatusItem:
    assert outcome.error
    state: StatusItemState = "skipped" if outcome.status == "skipped" else "failed"
    return StatusItem("", outcome.source.path, state, outcome.error.reason)


def _item_of_state(thumbnail: ThumbnailState) -> StatusItem:
    assert thumbnail.state != "current"
    reason = thumbnail.reason.removesuffix(FAILED_BEFORE)
    return StatusItem(thumbnail.path, thumbnail.source.path, thumbnail.state, reason)
