"""What a run comes to beyond its counts: bytes, reasons and the slowest; of bounded size."""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass, field

from thumbnailer.model import Failure, Outcome
from thumbnailer.thumbs.folder_state import FAILED_BEFORE

# So many kinds of reasons are told apart; what comes after them is `other reasons`. So many names
# are kept of each, and so many of the slowest pictures.
_KINDS, _NAMES, _SLOWEST = 20, 3, 3
OTHERS = "other reasons"

# Where the first word says all: what follows are percentages, scan lines and signals.
_WORDS = re.compile(r"truncated|damaged|crashed|timeout")
_LIMIT = re.compile(r"more than the limit of .*")


@dataclass(slots=True)
class ReasonGroup:
    """What failed or was skipped for one kind of reason: how many, and the paths of the first."""

    count: int = 0
    sources: list[str] = field(default_factory=list)


@dataclass(slots=True)
class RunStats:
    """What has been read and written, what went wrong, and what took longest.

    Attributes:
        tried: pictures that workers were given: those made, and those that failed in this run.
        source_bytes: their length together.
        thumbnail_bytes: that of the thumbnails of those made.
        groups: by status, `failed` or `skipped`, and kind of reason.
    """

    tried: int = 0
    source_bytes: int = 0
    thumbnail_bytes: int = 0
    groups: dict[tuple[str, str], ReasonGroup] = field(default_factory=dict)
    _slowest: list[tuple[float, str]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        if outcome.status == "current":
            return
        if outcome.seconds:
            self.tried += 1
            self.source_bytes += outcome.source.size_bytes
            self.thumbnail_bytes += sum(made.size_bytes for made in outcome.thumbnails)
            heapq.heappush(self._slowest, (outcome.seconds, outcome.source.path))
            if len(self._slowest) > _SLOWEST:
                heapq.heappop(self._slowest)
        if outcome.error and outcome.error.stage not in ("stopped", "dry run"):
            self._group(outcome.status, reason_kind(outcome.error), outcome.source.path)

    def _group(self, status: str, kind: str, path: str) -> None:
        if (status, kind) not in self.groups and len(self.groups) >= _KINDS:
            kind = OTHERS
        group = self.groups.setdefault((status, kind), ReasonGroup())
        group.count += 1
        if len(group.sources) < _NAMES:
            group.sources.append(path)

    @property
    def slowest(self) -> list[tuple[float, str]]:
        """Wall time in the worker, in seconds, and path; the slowest first."""
        return sorted(self._slowest, reverse=True)


def reason_kind(failure: Failure) -> str:
    """A reason without what is peculiar to one picture, so that equal ones can be counted."""
    reason = failure.reason.removesuffix(FAILED_BEFORE)
    if match := _WORDS.match(reason) or _LIMIT.search(reason):
        return match[0]
    if failure.stage == "plan":
        return "the name of the thumbnail is taken"
    if failure.stage == "write":
        return reason.rpartition(": ")[2]  # without the folder
    return reason
