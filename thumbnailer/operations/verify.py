"""Decode thumbnails to check that they are whole, and make bad ones again on request."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, Unpack

from thumbnailer.activity import Activity
from thumbnailer.config.overrides import Overrides, merge_settings
from thumbnailer.config.settings import Settings
from thumbnailer.disk import files
from thumbnailer.door.fetchers import thumbnail_fetcher
from thumbnailer.door.places import Path, is_remote
from thumbnailer.door.sources import open_sources
from thumbnailer.engine.pool import Pool
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.errors import OutputError, ThumbnailError, WorkerError
from thumbnailer.model import (
    Answer,
    Failure,
    Job,
    Outcome,
    Run,
    Source,
    Status,
    Stop,
    Thumbnail,
    Whole,
)
from thumbnailer.operations.pipeline import run_pipeline
from thumbnailer.operations.removal.other_settings import other_settings
from thumbnailer.operations.thumbnail_state import (
    ThumbnailState,
    asked_for,
    survey_thumbnails,
    thumbnail_states,
)
from thumbnailer.scan.selection import ScanLog
from thumbnailer.thumbs.folder_state import FAILED_BEFORE, NOT_INTACT
from thumbnailer.thumbs.orphans.asked_for import AskedFor
from thumbnailer.thumbs.plan import is_in_the_way

# Given by name, since importing it would import Pillow, which only workers need.
_INSPECT = "thumbnailer.render.inspect:inspect_thumbnail"

# Bad thumbnails are made again in batches of this many, so that memory is bounded. The workers for
# all batches are started once.
_FIX_BATCH = 1000

FindingStatus = Literal["whole", "wrong", "stale", "missing", "failed", "skipped", "fixed"]


# Status by the stage of a failure. Any other stage, such as a time-out, means a wrong thumbnail.
_STATUS_BY_STAGE: dict[str, FindingStatus] = {
    "stale": "stale",
    "missing": "missing",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of checking one thumbnail.

        for finding in verify("Pictures").findings:
            print(finding.status, finding.thumbnail, finding.reason)

    Attributes:
        thumbnail: its path; "" for a picture that can have none.
        source: its picture.
        status: `whole`, or `wrong` if it is not what was made there; `stale`, `missing` and
            `failed` as in `StatusReport`; `skipped` if the picture is no file, or no picture, or
            was named twice; `fixed` if it was wrong, stale or missing and has been made again.
        reason: why it has this status.
    """

    thumbnail: str
    source: Source
    status: FindingStatus
    reason: str = ""

    @property
    def is_to_be_made(self) -> bool:
        """Whether the thumbnail is to be made again."""
        return self.status in ("wrong", "stale", "missing")

    @property
    def is_bad(self) -> bool:
        """Whether there is no whole thumbnail that is what it should be."""
        return self.is_to_be_made or self.status == "failed"

    @property
    def is_in_the_way(self) -> bool:
        """Whether it is an object that thumbnailer did not make: it is the user's."""
        return is_in_the_way(Failure("plan", self.reason))


@dataclass(slots=True)
class VerifyReport:
    """Counts of checked thumbnails by status, and what was found wrong.

        report = verify("Pictures")
        print(report.whole, report.wrong, report.missing)

    Attributes:
        thumbnails: wanted thumbnails, plus pictures that can have none.
        whole, wrong, stale, missing, failed, skipped, fixed: these by `Finding.status`.
        orphaned: thumbnails whose picture is gone; they are not checked.
        findings: all findings except the whole ones; only `verify` fills it in.
        notes: what there is to say of all of it, as in `Report`.
        seconds: wall time.
    """

    thumbnails: int = 0
    whole: int = 0
    wrong: int = 0
    stale: int = 0
    missing: int = 0
    failed: int = 0
    skipped: int = 0
    fixed: int = 0
    orphaned: int = 0
    findings: tuple[Finding, ...] = field(default=(), repr=False)  # the counts say how many
    notes: tuple[str, ...] = field(default=(), repr=False)
    seconds: float = 0.0

    @property
    def is_well(self) -> bool:
        """Whether all wanted thumbnails exist and are whole."""
        return not (self.wrong or self.stale or self.missing or self.failed)


def verify(
    sources: Path | Iterable[Path],
    settings: Settings | None = None,
    *,
    fix: bool = False,
    **overrides: Unpack[Overrides],
) -> VerifyReport:
    """Decode the thumbnails of folders and files to check that they are whole and as recorded.

        report = verify("Pictures")
        print(report.is_well or report.findings)

    Each thumbnail is compared with what was recorded when it was made, and with its picture.

    Args:
        sources: a folder or a file, or several of these.
        settings: those that the thumbnails were made with; `Settings()` if left out.
        fix: make thumbnails again that are wrong, stale or missing.
        **overrides: single settings, such as `size=256` or `output="small"`.

    Raises:
        SourceError: a source does not exist or can't be read.
        ConfigError: a setting is unknown or impossible.
        OutputError: the disk is full or read-only, with `fix`.
        WorkerError: no worker process can be started.
    """
    report = VerifyReport()
    findings = iter_findings(sources, merge_settings(settings, overrides), report, fix=fix)
    report.findings = tuple(finding for finding in findings if finding.status != "whole")
    return report


def iter_findings(
    sources: Path | Iterable[Path],
    settings: Settings,
    report: VerifyReport,
    *,
    fix: bool = False,
    stop: Stop | None = None,
    activity: Activity | None = None,
) -> Iterator[Finding]:
    """Check the sources, then return the iterator over the findings on their thumbnails.

    The iterator counts in `report`. Used by `verify`.

    Args:
        activity: is told what the work waits for, if anybody wants to know.
    """
    activity = activity or Activity()
    started = time.perf_counter()
    opened, log = open_sources(sources, settings, stop=stop), ScanLog(settings.choice, activity)
    asked = asked_for(opened, settings)

    def findings() -> Iterator[Finding]:
        try:
            found = opened.scan(settings, settings.choice.logged(log), stop)
            all_findings = _findings(found, settings, asked, stop, activity)
            if fix:
                remote = opened.is_remote or is_remote(settings.output)
                all_findings = _with_fixes(all_findings, settings, stop, activity, remote=remote)
            for finding in all_findings:
                report.thumbnails += 1
                setattr(report, finding.status, getattr(report, finding.status) + 1)
                yield finding
            for survey in survey_thumbnails(opened, settings, asked, stop):
                report.orphaned += survey.orphaned
            report.notes = (*opened.notes, *log.unmatched())
            if report.missing + report.stale and not (report.whole or report.wrong):
                report.notes += other_settings(opened, settings, stop)
        finally:
            report.seconds = time.perf_counter() - started

    return findings()


def _findings(
    found: Iterable[Source | Outcome],
    settings: Settings,
    asked: AskedFor | None,
    stop: Stop | None,
    activity: Activity,
) -> Iterator[Finding]:
    """Yield a finding for each thumbnail, in order of completion."""

    limits = settings.limits

    def inspections() -> Iterator[Job | Outcome]:
        for item in thumbnail_states(found, settings, asked, stop=stop):
            if stop and stop.is_set():
                return
            if isinstance(item, Outcome):
                yield item
            elif item.made:
                yield Job(item.source, (item.wanted, item.made), limits)
            else:
                error = Failure(*_unread_status(item))
                unmade = Thumbnail(item.path, 0, 0, 0)
                yield Outcome(item.source, "failed", (unmade,), error)

    remote = is_remote(settings.output)
    with new_pool(
        settings, _INSPECT, _finish, result=Whole, remote=remote, fetcher=thumbnail_fetcher
    ) as pool:
        activity.asked.append(pool.waits_for)
        try:
            for outcome in pool.imap_unordered(inspections(), stop):
                yield _finding(outcome)
                if outcome.error and outcome.error.fatal:
                    raise OutputError(f"stopped early: {outcome.error.reason}")
        except WorkerError:
            if not (stop and stop.is_set()):  # a stop may also end a worker that is starting
                raise


def _unread_status(thumbnail: ThumbnailState) -> tuple[str, str]:
    """Return status and reason of a thumbnail that need not be decoded."""
    if thumbnail.reason != NOT_INTACT:
        return thumbnail.state, thumbnail.reason.removesuffix(FAILED_BEFORE)
    if thumbnail.state == "missing":
        return thumbnail.state, "is gone"
    kind = files.kind_of(thumbnail.path)
    return "wrong", "is not as long as it was made" if kind == "file" else f"is a {kind}"


def _finish(jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
    """Turn the workers' answers into outcomes, with an error where something is wrong."""
    outcomes = []
    for job, (result, seconds) in zip(jobs, answers, strict=True):
        (made,) = (one for one in job.thumbnails if isinstance(one, Thumbnail))
        error = result if isinstance(result, Failure) else None
        status: Status = "failed" if error else "current"
        outcomes.append(Outcome(job.source, status, (made,), error, seconds))
    return outcomes


def _finding(outcome: Outcome) -> Finding:
    """Turn an outcome into a finding; the stage of its error gives the status."""
    path, error = outcome.thumbnails[0].path if outcome.thumbnails else "", outcome.error
    if error is None:
        return Finding(path, outcome.source, "whole")
    if not path:
        skipped: FindingStatus = "skipped" if outcome.status == "skipped" else "failed"
        return Finding(path, outcome.source, skipped, error.reason)
    return Finding(path, outcome.source, _STATUS_BY_STAGE.get(error.stage, "wrong"), error.reason)


def _with_fixes(
    findings: Iterable[Finding],
    settings: Settings,
    stop: Stop | None,
    activity: Activity,
    *,
    remote: bool,
) -> Iterator[Finding]:
    """Yield the findings after making bad thumbnails again, where that is possible.

    Args:
        remote: whether pictures or thumbnails are in a bucket.
    """
    with new_pool(settings, remote=remote) as pool:
        activity.asked.append(pool.waits_for)
        bad: list[Finding] = []
        try:
            for finding in findings:
                may_replace = settings.replace or not finding.is_in_the_way
                if not (finding.is_to_be_made and may_replace):
                    yield finding
                    continue
                bad.append(finding)
                if len(bad) == _FIX_BATCH:
                    batch, bad = bad, []
                    yield from _remake(batch, settings, pool, stop)
        except OutputError:  # nothing more can be read, let alone made
            yield from bad
            raise
        yield from _remake(bad, settings, pool, stop)


def _remake(
    bad: list[Finding], settings: Settings, pool: Pool, stop: Stop | None
) -> Iterator[Finding]:
    """Make bad thumbnails again; yield their findings with the result."""
    sources = sorted({finding.source for finding in bad}, key=lambda source: source.path)
    outcomes: dict[Source, Outcome] = {}
    final_error: ThumbnailError | None = None
    try:
        for outcome in run_pipeline(sources, settings, Run(force=True, stop=stop), pool):
            outcomes[outcome.source] = outcome
    except ThumbnailError as error:  # such as a full disk; the findings are yielded first
        final_error = error
    for finding in bad:
        remade = outcomes.get(finding.source)
        if remade and remade.status == "made":
            yield replace(finding, status="fixed")
        elif remade and remade.error and remade.error.stage == "content":
            yield replace(finding, status="skipped", reason=remade.error.reason)
        elif remade and remade.error and remade.error.stage != "stopped":
            reason = f"{finding.reason}; can't be made anew: {remade.error.reason}"
            yield replace(finding, reason=reason)
        else:
            yield finding
    if final_error:
        raise final_error
