"""Run statistics: bytes, failure reasons and slowest pictures, in bounded memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from thumbnailer.model import Failure, Outcome
from thumbnailer.thumbs.folder_state import FAILED_BEFORE
from thumbnailer.thumbs.plan import is_in_the_way

# Limits of memory: kinds of reasons counted separately (later ones count as `other reasons`), paths
# kept for each kind, and slowest pictures kept.
_MAX_KINDS, _MAX_PATHS, _MAX_SLOWEST = 20, 3, 3
OTHER_REASONS = "other reasons"
IN_THE_WAY = "files in the way"

# Reasons whose first word is enough; percentages, scan lines and signals follow it.
_FIRST_WORD = re.compile(r"truncated|damaged|crashed|timeout")
_LIMIT = re.compile(r"more than the limit of .*")


@dataclass(slots=True)
class ReasonGroup:
    """Sources that failed or were skipped for one kind of reason: their number and first paths."""

    count: int = 0
    sources: list[str] = field(default_factory=list)


@dataclass(slots=True)
class RunStats:
    """Statistics of a run: bytes read and written, reasons of failure and slowest pictures.

    Attributes:
        tried: number of pictures given to workers: those made and those that failed in this run.
        source_bytes: total size of their sources, in bytes.
        thumbnail_bytes: total size of the thumbnails made, in bytes.
        groups: the reasons, by status (`failed` or `skipped`) and kind of reason.
        slowest: wall time in the worker in seconds, and path; the slowest picture first.
    """

    tried: int = 0
    source_bytes: int = 0
    thumbnail_bytes: int = 0
    groups: dict[tuple[str, str], ReasonGroup] = field(default_factory=dict)
    slowest: list[tuple[float, str]] = field(default_factory=list)

    @property
    def in_the_way(self) -> int:
        """Number of thumbnails that were not made since a file of the user's has their name."""
        group = self.groups.get(("failed", IN_THE_WAY))
        return group.count if group else 0

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        if outcome.status == "current":
            return
        if outcome.seconds:
            self.tried += 1
            self.source_bytes += outcome.source.size_bytes
            self.thumbnail_bytes += sum(made.size_bytes for made in outcome.thumbnails)
            slowest = [*self.slowest, (outcome.seconds, outcome.source.path)]
            self.slowest = sorted(slowest, reverse=True)[:_MAX_SLOWEST]
        if outcome.error and outcome.error.stage not in ("stopped", "dry run"):
            self._count_reason(outcome.status, reason_kind(outcome.error), outcome.source.path)

    def _count_reason(self, status: str, kind: str, path: str) -> None:
        if (status, kind) not in self.groups and len(self.groups) >= _MAX_KINDS:
            kind = OTHER_REASONS
        group = self.groups.setdefault((status, kind), ReasonGroup())
        group.count += 1
        if len(group.sources) < _MAX_PATHS:
            group.sources.append(path)


def reason_kind(failure: Failure) -> str:
    """Return a failure reason without details of one picture, so that equal ones can be counted."""
    reason = failure.reason.removesuffix(FAILED_BEFORE)
    if match := _FIRST_WORD.match(reason) or _LIMIT.search(reason):
        return match[0]
    if is_in_the_way(failure):
        return IN_THE_WAY
    if failure.stage == "plan":
        return "the name of the thumbnail is taken"
    if failure.stage == "write":
        return reason.rpartition(": ")[2]  # without the folder before it
    return reason
