"""The pipeline's sums add up, however a run ends; the engine is one that does as it is told."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from threading import Event
from typing import Self

import pytest
from support.pictures import tree

from thumbnailer import OutputError, Settings, WorkerError
from thumbnailer.model import Failure, Job, Outcome, Run, Stop
from thumbnailer.operations.pipeline import run_pipeline
from thumbnailer.scan.folders import scan

NAMES = ["a.jpg", "b.jpg", "c.jpg"]


class Told:
    """An engine that reads all jobs, then does something in place of answering all."""

    def __init__(self, do: Callable[[list[Job]], Iterable[Outcome]]) -> None:
        self._do = do

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def imap_unordered(
        self, items: Iterable[Job | Outcome | None], stop: Stop | None = None
    ) -> Generator[Outcome, None, None]:
        yield from self._do([item for item in items if isinstance(item, Job)])

    def waits_for(self) -> None:
        pass


def pipeline(
    photos: Path, run: Run, do: Callable[[list[Job]], Iterable[Outcome]]
) -> Generator[Outcome, None, None]:
    tree(photos, *NAMES)
    outcomes = run_pipeline(scan(str(photos)), Settings(), run, Told(do))
    assert isinstance(outcomes, Generator)
    return outcomes


def sums(run: Run) -> tuple[int, int, int, int]:
    """Found, made, skipped and failed."""
    report = run.report
    assert report.found == report.made + report.current + report.skipped + report.failed
    return report.found, report.made, report.skipped, report.failed


def reasons(outcomes: Iterable[Outcome]) -> set[str]:
    return {outcome.error.reason for outcome in outcomes if outcome.error}


def test_a_worker_that_a_stop_ends_while_it_starts_is_no_error(photos: Path) -> None:
    stop = Event()
    run = Run(stop=stop)

    def start(jobs: list[Job]) -> Iterable[Outcome]:
        yield Outcome(jobs[0].source, "made")
        stop.set()
        raise WorkerError("killed while it started")

    seen = list(pipeline(photos, run, start))
    assert [outcome.status for outcome in seen] == ["made", "skipped", "skipped"]
    assert reasons(seen) == {"interrupted"}
    assert sums(run) == (3, 1, 2, 0)


def test_a_worker_that_can_not_start_is_an_error_after_all_is_accounted_for(photos: Path) -> None:
    run = Run(stop=Event())
    seen: list[Outcome] = []

    def start(jobs: list[Job]) -> Iterable[Outcome]:
        yield Outcome(jobs[0].source, "made")
        raise WorkerError("no such thing")

    with pytest.raises(WorkerError, match="no such thing"):
        seen.extend(pipeline(photos, run, start))
    assert reasons(seen) == {"stopped early: no worker process"}
    assert sums(run) == (3, 1, 2, 0)


@pytest.mark.parametrize("end", ["closed", "broken"])
def test_the_sums_add_up_when_no_outcome_is_taken_any_more(photos: Path, end: str) -> None:
    """As for a reader that went away, or a program that leaves its loop."""
    run = Run()

    def answer(jobs: list[Job]) -> Iterable[Outcome]:
        yield Outcome(jobs[0].source, "made")
        if end == "broken":
            raise KeyboardInterrupt
        yield Outcome(jobs[1].source, "made")

    outcomes = pipeline(photos, run, answer)
    next(outcomes)
    if end == "closed":
        outcomes.close()
    else:
        with pytest.raises(KeyboardInterrupt):
            next(outcomes)
    assert sums(run) == (3, 1, 2, 0)


def test_a_full_disk_ends_the_run_and_the_rest_is_skipped(photos: Path) -> None:
    run = Run()
    seen: list[Outcome] = []

    def answer(jobs: list[Job]) -> Iterable[Outcome]:
        yield Outcome(jobs[0].source, "failed", error=Failure("write", "no room", fatal=True))
        yield Outcome(jobs[1].source, "made")

    with pytest.raises(OutputError, match="stopped early: no room"):
        seen.extend(pipeline(photos, run, answer))
    assert reasons(seen) == {"no room", "stopped early: no room"}
    assert sums(run) == (3, 0, 2, 1)
