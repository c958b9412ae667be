"""Let all contestants take turns at a case, and sum up."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from .cases import Case
from .contestants import FLOOR, OURS
from .judging import NotMadeError, Quality, judged
from .measure import Cost, run
from .pictures import cache
from .tasks import Contestant, Task

_ROOM_BYTES = 1 << 30


@dataclass(slots=True)
class Entry:
    """A contestant's runs of a case; `trouble` says why there are no more."""

    contestant: Contestant
    costs: list[Cost] = field(default_factory=list)
    quality: Quality | None = None
    trouble: str = ""

    def median(self, figure: str) -> float:
        return median(float(getattr(cost, figure)) for cost in self.costs)

    def row(self) -> dict[str, Any]:
        """What is kept of it in JSON."""
        quality = self.quality._asdict() if self.quality else None
        runs = [asdict(cost) for cost in self.costs]
        medians = {figure: self.median(figure) for figure in runs[0]} if runs else None
        return {
            "name": self.contestant.name,
            "version": self.contestant.version,
            "settings": self.contestant.settings,
            "runs": runs,
            "median": medians,
            "ssim": quality,
            "trouble": self.trouble,
        }


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case."""

    case: Case
    count: int
    source_bytes: int
    entries: list[Entry]

    def ratio(self, entry: Entry, name: str) -> float | None:
        """The CPU time of an entry to that of another; None where that did not take part."""
        for other in self.entries:
            if other.contestant.name == name and other.costs:
                return entry.median("cpu_s") / other.median("cpu_s")
        return None

    def row(self) -> dict[str, Any]:
        """What is kept of it in JSON."""
        return {
            "case": self.case.name,
            "sizes": self.case.sizes,
            "pictures": self.count,
            "bytes": self.source_bytes,
            "contestants": [{**entry.row(), **self._relations(entry)} for entry in self.entries],
        }

    def _relations(self, entry: Entry) -> dict[str, float | None]:
        if not entry.costs:
            return {}
        return {
            "pictures_per_s": self.count / entry.median("wall_s"),
            "cpu_to_ours": self.ratio(entry, OURS),
            "cpu_to_floor": self.ratio(entry, FLOOR),
        }


def take_turns(
    case: Case, folder: Path, contestants: Sequence[Contestant], *, rounds: int, jobs: int
) -> Result:
    """Measure all contestants on a set of pictures, once a round.

    Who begins changes from round to round, so that nobody always comes after the same other. The
    pictures are in the page cache, and thumbnails go to memory where there is room: it is the
    processor that is measured, not the disk. To create a file on ext4 took 80 to 1,000 µs of CPU
    time, by what had been removed there before.

    Args:
        jobs: how many processors each may use.
    """
    paths = list(folder.iterdir())
    entries = [Entry(each) for each in contestants if each.takes_part(case.kind, case.format)]
    for path in paths:
        path.read_bytes()
    for number in range(rounds):
        first = number % len(entries)
        for entry in entries[first:] + entries[:first]:
            if entry.trouble:
                continue
            print(f"{case.name}, round {number + 1}: {entry.contestant.name}", file=sys.stderr)
            with tempfile.TemporaryDirectory(dir=memory() or cache()) as output:
                task = Task(folder, Path(output), case.sizes, jobs, len(paths), case.format)
                _run_one(entry, task, judge=number == 0)
    return Result(case, len(paths), sum(path.stat().st_size for path in paths), entries)


def memory() -> Path | None:
    """A folder that is in memory and has room for the thumbnails of the largest set."""
    shared = Path("/dev/shm")  # always there on Linux, says shm_overview(7)
    try:
        return shared if shutil.disk_usage(shared).free > _ROOM_BYTES else None
    except OSError:
        return None


def _run_one(entry: Entry, task: Task, *, judge: bool) -> None:
    contestant = entry.contestant
    contestant.prepare(task)
    try:
        cost = run(contestant.commands(task), task.folder)
        if judge and contestant.pattern:
            entry.quality = judged(task, contestant.pattern)
    except (NotMadeError, subprocess.CalledProcessError) as error:
        entry.trouble = str(error)
    else:
        entry.costs.append(cost)
