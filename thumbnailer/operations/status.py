"""The use that counts: how many pictures there are, and how their thumbnails stand."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Unpack

from thumbnailer.config.overrides import Overrides, merged
from thumbnailer.config.settings import Settings
from thumbnailer.model import Outcome, Source, Stop
from thumbnailer.operations.door import Path, check_sources, scan_sources, survey_thumbnails
from thumbnailer.operations.thumbnail_state import ThumbnailState, thumbnail_states
from thumbnailer.thumbs.folder_state import FAILED_BEFORE
from thumbnailer.thumbs.orphans import OrphanSurvey

# Of each reason so many pictures are named.
_NAMED = 3

# Some reasons hold a name, so that each of a million thumbnails can have its own; after so many the
# others are counted together.
_MOST_REASONS = 100
_OTHERS = "for other reasons"


StatusItemState = Literal["stale", "missing", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some thumbnails are not current.

    Attributes:
        thumbnails: how many they are.
        sources: the first pictures, three at most.
    """

    reason: str
    thumbnails: int
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatusReport:
    """How the thumbnails of some pictures stand.

    Attributes:
        pictures: what the scan found, as `Report.found`.
        skipped: what of this is no file, or was named twice.
        current, stale, missing, failed: thumbnails that there should be, by how they stand. A
            picture or folder that can't be read counts as one that failed.
        stale_reasons, failed_reasons: why, the most frequent first.
        orphaned: thumbnails whose picture is gone.
        unknown: thumbnails of which nobody can say, and folders of them that can't be read.
        thumbnails: all that were made of these pictures, be it with other settings, and the
            orphaned; of those in the desktop's cache only the current ones.
        size_bytes, orphaned_bytes: how long all are together, and the orphaned.
        seconds: wall time.
    """

    pictures: int
    skipped: int
    current: int
    stale: int
    missing: int
    failed: int
    stale_reasons: tuple[Reason, ...]
    failed_reasons: tuple[Reason, ...]
    orphaned: int
    unknown: int
    thumbnails: int
    size_bytes: int
    orphaned_bytes: int
    seconds: float


class StatusItem(NamedTuple):
    """One thumbnail that is not current, or, where `path` is "", a picture that can have none."""

    path: str
    source: str
    state: StatusItemState
    reason: str


def status(
    sources: Path | Iterable[Path], settings: Settings | None = None, **overrides: Unpack[Overrides]
) -> StatusReport:
    """Count the pictures of folders and files, and how their thumbnails stand. Nothing is written
    and no picture opened.

    Args:
        sources: a folder or a file, or several.
        settings: what the thumbnails should look like and where they are; `Settings()` if left out.
        **overrides: single settings, such as `size=256` or `output="small"`.

    Raises:
        SourceError: a source is not there or can't be read.
        ConfigError: a setting is unknown or impossible.
    """
    counter = StatusCounter()
    for _ in iter_status(sources, merged(settings, overrides), counter):
        pass
    return counter.report()


class StatusCounter:
    """A count that goes on."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self.pictures = self.current = 0
        self._states = Counter[str]()
        self._reasons: dict[tuple[str, str], list[str]] = {}
        self._frequency = Counter[tuple[str, str]]()
        self._thumbnails = self._size_bytes = 0
        self._orphaned = self._orphaned_bytes = self._unknown = 0

    def add(self, one: StatusItem) -> None:
        self._states[one.state] += 1
        if one.state not in ("stale", "failed"):
            return
        key = one.state, one.reason
        if key not in self._reasons and len(self._reasons) >= _MOST_REASONS:
            key = one.state, _OTHERS
        self._frequency[key] += 1
        names = self._reasons.setdefault(key, [])
        if len(names) < _NAMED:
            names.append(one.source)

    def add_files(self, thumbnails: int, size_bytes: int) -> None:
        self._thumbnails += thumbnails
        self._size_bytes += size_bytes

    def add_folder(self, findings: OrphanSurvey) -> None:
        self.add_files(findings.thumbnails.total(), findings.size_bytes)
        self._orphaned += findings.orphaned
        self._orphaned_bytes += sum(orphan.size_bytes or 0 for orphan in findings.orphans)
        self._unknown += len(findings.doubtful)

    def report(self) -> StatusReport:
        states = self._states
        return StatusReport(
            self.pictures,
            states["skipped"],
            self.current,
            states["stale"],
            states["missing"],
            states["failed"],
            self._sorted("stale"),
            self._sorted("failed"),
            self._orphaned,
            self._unknown,
            self._thumbnails,
            self._size_bytes,
            self._orphaned_bytes,
            time.perf_counter() - self._started,
        )

    def _sorted(self, state: str) -> tuple[Reason, ...]:
        return tuple(
            Reason(key[1], frequency, tuple(self._reasons[key]))
            for key, frequency in self._frequency.most_common()
            if key[0] == state
        )


def iter_status(
    sources: Path | Iterable[Path],
    settings: Settings,
    counter: StatusCounter,
    *,
    stop: Stop | None = None,
) -> Iterator[StatusItem]:
    """Check the sources, then return the iterator over the thumbnails that are not current, which
    fills the census; for `status`."""
    places = check_sources(sources, settings)

    def found() -> Iterator[Source | Outcome]:
        for item in scan_sources(places, settings, stop):
            if stop and stop.is_set():
                return
            counter.pictures += 1
            yield item

    def counted() -> Iterator[StatusItem]:
        for standing in thumbnail_states(found(), settings, quick=True):
            if isinstance(standing, Outcome):
                if standing.status == "current":
                    counter.current += 1
                    continue
                one = _item_of_outcome(standing)
            elif standing.made:
                counter.current += 1
                if settings.is_for_desktop:
                    counter.add_files(1, standing.made.size_bytes)
                continue
            else:
                one = _item_of_state(standing)
            counter.add(one)
            yield one
        for in_folder in survey_thumbnails(places[0], settings, stop):
            counter.add_folder(in_folder)

    return counted()


def _item_of_outcome(outcome: Outcome) -> StatusItem:
    assert outcome.error
    state: StatusItemState = "skipped" if outcome.status == "skipped" else "failed"
    return StatusItem("", outcome.source.path, state, outcome.error.reason)


def _item_of_state(standing: ThumbnailState) -> StatusItem:
    assert standing.state != "current"
    reason = standing.reason.removesuffix(FAILED_BEFORE)
    return StatusItem(standing.path, standing.source.path, standing.state, reason)
