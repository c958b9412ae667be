"""The state of a watch, and what it has done since its start."""

from __future__ import annotations

import time
from bisect import bisect_left
from dataclasses import dataclass, field

from thumbnailer.errors import ConfigError, SourceError, WorkerError
from thumbnailer.model import Outcome, Report

STARTING, WORKING, IDLE, STOPPED = "starting", "working", "idle", "stopped"

# The limits of the histogram of how long pictures take, in seconds: from a small JPEG to the time
# that a picture may take by default.
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class LastError:
    """The last error of a watch.

    Attributes:
        message: the error in words.
        stage: where it came up: the stage at which a picture failed, or `output`, `source` or
            `worker` if the error affects all work, or `config` if a reload failed.
        time: when it came up, seconds since the epoch.
    """

    message: str
    stage: str
    time: float = field(default_factory=time.time)


@dataclass(slots=True)
class Tally:
    """What a watch has done since its start; a reload goes on counting.

    Attributes:
        report: the sum of the outcomes.
        last_error: None if there was none.
        durations: how many pictures took how long: for each limit of `BUCKETS` those that took no
            longer, but longer than the limit before; at the end those that took longer than all.
        seconds: how long all of them took.
    """

    report: Report = field(default_factory=Report)
    last_error: LastError | None = None
    durations: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.report.add(outcome)
        if outcome.status == "failed" and outcome.error:
            message = f"{outcome.source.path}: {outcome.error.reason}"
            self.last_error = LastError(message, outcome.error.stage)
        if outcome.seconds:
            self.durations[bisect_left(BUCKETS, outcome.seconds)] += 1
            self.seconds += outcome.seconds

    def note_error(self, error: Exception) -> None:
        """Note an error that affects all work, or a reload that failed."""
        stages = {WorkerError: "worker", SourceError: "source", ConfigError: "config"}
        stage = next((stages[kind] for kind in stages if isinstance(error, kind)), "output")
        self.last_error = LastError(str(error), stage)

    @property
    def waiting(self) -> str:
        """What a watch does after an error that affects all work, as its status."""
        message = self.last_error.message if self.last_error else ""
        return f"waiting for another try after an error: {message}"

    @property
    def counts(self) -> dict[str, int]:
        """Pictures by what became of them: `made`, `skipped`, `failed` and `removed`."""
        statuses = ("made", "skipped", "failed", "removed")
        return {status: getattr(self.report, status) for status in statuses}


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a watch, as the health file shows it.

    Attributes:
        tally: what it has done since the start.
        backlog: number of pictures that are known to have changed and are not done.
        oldest_pending_seconds: how long the oldest of those has been waiting; 0 if none is.
        last_rescan: when all folders were last read, seconds since the epoch; None if never.
        mode: how changes are noticed: `inotify`, `native` or `polling`; where something is in a
            bucket, `listing` or `queue`.
        status: `starting`, `working`, `idle`, `stopped`, or `waiting for` something.
        started: when the watch was started, seconds since the epoch; a reload starts none.
        updated: when the watch last went on, seconds since the epoch; None for now.
    """

    tally: Tally
    backlog: int
    oldest_pending_seconds: float
    last_rescan: float | None
    mode: str
    status: str = STARTING
    started: float | None = None
    updated: float | None = None
