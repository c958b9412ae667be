"""The use that looks at thumbnails themselves: whether they are whole, and what to do if not."""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal, Unpack

from thumbnailer.config.overrides import Overrides, merged
from thumbnailer.config.settings import Settings
from thumbnailer.engine.pool import Pool
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.errors import ThumbnailError, WorkerError
from thumbnailer.model import Answer, Failure, Job, Outcome, Report, Source, Status, Stop, Thumbnail
from thumbnailer.operations.door import Path, check_sources, scan_sources, survey_thumbnails
from thumbnailer.operations.pipeline import run_pipeline
from thumbnailer.operations.thumbnail_state import ThumbnailState, thumbnail_states
from thumbnailer.thumbs.folder_state import FAILED_BEFORE, NOT_INTACT

# By name: importing it would import Pillow, which only workers need.
_INSPECT = "thumbnailer.render.inspect:inspect_thumbnail"

# What is to be made anew is collected up to so many pictures, so that memory is bounded; workers
# for that are started once.
_FIXED_AT_ONCE = 1000

FindingStatus = Literal["whole", "wrong", "stale", "missing", "failed", "skipped", "fixed"]


# Whatever else ends an inspection, such as a time-out, is the thumbnail's fault.
_STATUS_BY_STAGE: dict[str, FindingStatus] = {
    "stale": "stale",
    "missing": "missing",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What there is to say of one thumbnail.

    Attributes:
        thumbnail: its path; "" of a picture that can have none.
        source: its picture.
        status: `whole`, or `wrong` if it is not what was made there; `stale`, `missing` and
            `failed` as in `StatusReport`; `skipped` if the picture is no file; `fixed` if it was
            wrong, stale or missing and has been made anew.
        reason: why.
    """

    thumbnail: str
    source: Source
    status: FindingStatus
    reason: str = ""

    @property
    def is_to_be_made(self) -> bool:
        return self.status in ("wrong", "stale", "missing")


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The sum of a verification.

    Attributes:
        thumbnails: those that there should be, and pictures that can have none.
        whole, wrong, stale, missing, failed, skipped, fixed: of these, as `Finding.status` has it.
        orphaned: thumbnails whose picture is gone; they are not looked at.
        findings: all but the whole ones; kept by `verify` only.
        seconds: wall time.
    """

    thumbnails: int
    whole: int
    wrong: int
    stale: int
    missing: int
    failed: int
    skipped: int
    fixed: int
    orphaned: int
    findings: tuple[Finding, ...] = field(repr=False)  # the numbers say how many
    seconds: float

    @property
    def is_well(self) -> bool:
        """Whether each picture has its thumbnails, and they are whole."""
        return not (self.wrong or self.stale or self.missing or self.failed)


class VerifyCounter:
    """A verification that goes on.

    Attributes:
        orphaned: thumbnails without a picture.
    """

    def __init__(self) -> None:
        self.orphaned = 0
        self._statuses = Counter[str]()
        self._started = time.perf_counter()

    def add(self, finding: Finding) -> None:
        self._statuses[finding.status] += 1

    def report(self, findings: Iterable[Finding] = ()) -> VerifyReport:
        number = self._statuses
        return VerifyReport(
            number.total(),
            number["whole"],
            number["wrong"],
            number["stale"],
            number["missing"],
            number["failed"],
            number["skipped"],
            number["fixed"],
            self.orphaned,
            tuple(findings),
            time.perf_counter() - self._started,
        )


def verify(
    sources: Path | Iterable[Path],
    settings: Settings | None = None,
    *,
    fix: bool = False,
    **overrides: Unpack[Overrides],
) -> VerifyReport:
    """Decode the thumbnails of folders and files and hold them against what was entered of them
    and against their pictures.

    Args:
        sources: a folder or a file, or several.
        settings: those that the thumbnails were made with; `Settings()` if left out.
        fix: make anew what is wrong, stale or missing.
        **overrides: single settings, such as `size=256` or `output="small"`.

    Raises:
        SourceError: a source is not there or can't be read.
        ConfigError: a setting is unknown or impossible.
        OutputError: the disk is full or read-only, with `fix`.
        WorkerError: no worker process can be started.
    """
    check = VerifyCounter()
    findings = iter_findings(sources, merged(settings, overrides), check, fix=fix)
    return check.report([finding for finding in findings if finding.status != "whole"])


def iter_findings(
    sources: Path | Iterable[Path],
    settings: Settings,
    check: VerifyCounter,
    *,
    fix: bool = False,
    stop: Stop | None = None,
) -> Iterator[Finding]:
    """Check the sources, then return the iterator over what there is to say of their thumbnails,
    which fills the check; for `verify`."""
    places = check_sources(sources, settings)

    def findings() -> Iterator[Finding]:
        every = _findings(scan_sources(places, settings, stop), settings, stop)
        for finding in _with_fixes(every, settings, stop) if fix else every:
            check.add(finding)
            yield finding
        for in_folder in survey_thumbnails(places[0], settings, stop):
            check.orphaned += in_folder.orphaned

    return findings()


def _findings(
    found: Iterable[Source | Outcome], settings: Settings, stop: Stop | None
) -> Iterator[Finding]:
    """What there is to say of each thumbnail, in order of completion."""

    def looked_at() -> Iterator[Job | Outcome]:
        for standing in thumbnail_states(found, settings):
            if isinstance(standing, Outcome):
                yield standing
            elif standing.made:
                yield Job(standing.source, (standing.wanted, standing.made), settings.limits)
            else:
                error = Failure(*_unread_status(standing))
                unmade = Thumbnail(standing.path, 0, 0, 0)
                yield Outcome(standing.source, "failed", (unmade,), error)

    with new_pool(settings, _INSPECT, _finish) as pool:
        try:
            yield from map(_finding, pool.imap_unordered(looked_at(), stop))
        except WorkerError:
            if not (stop and stop.is_set()):  # else a worker that was being started was stopped
                raise


def _unread_status(standing: ThumbnailState) -> tuple[str, str]:
    """The status of a thumbnail that needs no looking at, and why."""
    if standing.reason != NOT_INTACT:
        return standing.state, standing.reason.removesuffix(FAILED_BEFORE)
    if standing.state == "missing":
        return standing.state, "is gone"
    with suppress(OSError):
        mode = os.lstat(standing.path).st_mode
        if not stat.S_ISREG(mode):
            kind = "link" if stat.S_ISLNK(mode) else "folder" if stat.S_ISDIR(mode) else "device"
            return "wrong", f"is a {kind}"
    return "wrong", "is not as long as it was made"


def _finish(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
    """What workers say of thumbnails, as outcomes: with an error where something is wrong."""
    outcomes = []
    for job, (result, seconds) in zip(jobs, answers, strict=True):
        (made,) = (one for one in job.thumbnails if isinstance(one, Thumbnail))
        error = result if isinstance(result, Failure) else None
        status: Status = "failed" if error else "current"
        outcomes.append(Outcome(job.source, status, (made,), error, seconds))
    return outcomes


def _finding(outcome: Outcome) -> Finding:
    """What was found out: the stage of an error is the status, if it is one."""
    path, error = outcome.thumbnails[0].path if outcome.thumbnails else "", outcome.error
    if error is None:
        return Finding(path, outcome.source, "whole")
    if not path:
        skipped: FindingStatus = "skipped" if outcome.status == "skipped" else "failed"
        return Finding(path, outcome.source, skipped, error.reason)
    return Finding(path, outcome.source, _STATUS_BY_STAGE.get(error.stage, "wrong"), error.reason)


def _with_fixes(
    findings: Iterable[Finding], settings: Settings, stop: Stop | None
) -> Iterator[Finding]:
    """The findings, after what can be made anew has been."""
    with new_pool(settings) as pool:
        bad: list[Finding] = []
        for finding in findings:
            if not finding.is_to_be_made:
                yield finding
                continue
            bad.append(finding)
            if len(bad) == _FIXED_AT_ONCE:
                yield from _remake(bad, settings, pool, stop)
                bad = []
        yield from _remake(bad, settings, pool, stop)


def _remake(
    bad: list[Finding], settings: Settings, pool: Pool, stop: Stop | None
) -> Iterator[Finding]:
    sources = sorted({finding.source for finding in bad}, key=lambda source: source.path)
    outcomes: dict[Source, Outcome] = {}
    end: ThumbnailError | None = None
    try:
        for outcome in run_pipeline(sources, settings, Report(), pool, stop=stop, force=True):
            outcomes[outcome.source] = outcome
    except ThumbnailError as error:  # a full disk, but what was found is to be told all the same
        end = error
    for finding in bad:
        became = outcomes.get(finding.source)
        if became and became.status == "made":
            yield replace(finding, status="fixed")
        elif became and became.error and became.error.stage != "stopped":
            reason = f"{finding.reason}; can't be made anew: {became.error.reason}"
            yield replace(finding, reason=reason)
        else:
            yield finding
    if end:
        raise end
