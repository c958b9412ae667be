"""Run statistics: bytes, failure reasons and slowest pictures, in bounded memory."""

from __future__ import annotations

import os
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
    """Sources that failed, were skipped or have a note for one kind of reason.

    Attributes:
        count: how many these are; `known` of them failed before, and were not tried again.
        sources: the paths of the first ones.
    """

    count: int = 0
    known: int = 0
    sources: list[str] = field(default_factory=list)

    @property
    def unnamed(self) -> int:
        """How many are news, but are beyond the number of those that are named."""
        return max(self.count - self.known - _MAX_PATHS, 0)


@dataclass(slots=True)
class RunStats:
    """Statistics of a run: bytes read and written, reasons of failure and slowest pictures.

    Attributes:
        tried: number of pictures given to workers: those made and those that failed in this run.
        source_bytes: total size of their sources, in bytes.
        thumbnail_bytes: total size of the thumbnails made, in bytes.
        groups: the reasons, by status (`failed`, `skipped`, or `made` with a note) and kind.
        slowest: wall time in the worker in seconds, and path; the slowest picture first.
        folders: those of the pictures that thumbnails were made of.
    """

    tried: int = 0
    source_bytes: int = 0
    thumbnail_bytes: int = 0
    groups: dict[tuple[str, str], ReasonGroup] = field(default_factory=dict)
    slowest: list[tuple[float, str]] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)

    @property
    def in_the_way(self) -> int:
        """Number of thumbnails that were not made since a file of the user's has their name."""
        group = self.groups.get(("failed", IN_THE_WAY))
        return group.count if group else 0

    @property
    def failed_before(self) -> int:
        """Number of pictures that failed before and were not tried again."""
        return sum(group.known for group in self.groups.values())

    def add(self, outcome: Outcome) -> bool:
        """Count one outcome.

        Returns:
            Whether it is to be named: not if it is one of many for the same reason.
        """
        if outcome.status == "current":
            return True
        if outcome.seconds:
            self.tried += 1
            self.source_bytes += outcome.source.size_bytes
            self.thumbnail_bytes += sum(made.size_bytes for made in outcome.thumbnails)
            slowest = [*self.slowest, (outcome.seconds, outcome.source.path)]
            self.slowest = sorted(slowest, reverse=True)[:_MAX_SLOWEST]
        if outcome.status == "made":
            self.folders.add(os.path.dirname(outcome.source.path))
        error = outcome.error or (Failure("note", outcome.note) if outcome.note else None)
        if not error or error.stage in ("stopped", "dry run"):
            return True
        group = self._group(outcome.status, reason_kind(error))
        group.count += 1
        group.known += error.reason.endswith(FAILED_BEFORE)
        if len(group.sources) < _MAX_PATHS:
            group.sources.append(outcome.source.path)
        return not group.unnamed

    def _group(self, status: str, kind: str) -> ReasonGroup:
        if (status, kind) not in self.groups and len(self.groups) >= _MAX_KINDS:
            kind = OTHER_REASONS
        return self.groups.setdefault((status, kind), ReasonGroup())


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
